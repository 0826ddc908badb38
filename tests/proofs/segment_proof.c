/* Segments (stack/tcp/segment.c, segment_parse): any bytes are parsed or refused.
 *
 * Proven for every segment with up to OPTIONS bytes of options and two of payload, in a slab that ends with
 * it (segment_parse), for every one shorter than a header (segment_short), and for options that begin with
 * two SACK blocks (segment_sack):
 * - segment_parse reads nothing outside, and its options end;
 * - an accepted segment has its payload inside the buf, exactly behind a header of 20 bytes or more, a
 *   shift of at most 14 (RFC 7323 2.3), no more SACK blocks than have room, and no option without its flag;
 * - a refused one names its reason, and the buf is as it was;
 * - no subtraction of lengths goes below zero.
 * Stubs: the checksum, which is any number (checksum_proof.c has it), and the pseudo-header's sum.
 *
 * proof-sources: stack/tcp/segment.c stack/base/cursor.c stack/base/buf.c stack/base/pool.c
 * proof-sources: stack/base/addr.c
 * proof-unwind: 9
 * proof-unwind-segment_sack: 5
 * proof-checks: --unsigned-overflow-check --object-bits 10 --unwindset parse_sack.0:5
 * proof-wraps: seq_add seq_sub seq_diff seq_span
 */
#include "stack/tcp/segment.h"

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"
#include "tests/proofs/packet.h"

#define OPTIONS 8U
#define BYTES (TCP_HEADER_MIN + OPTIONS + 2U)

uint64_t csum_add(uint64_t sum, const void *data, size_t len)
{
    PROVE(len == 0 || READABLE(data, len), "sums bytes that are there");
    return sum ^ nondet_u64();
}

uint64_t csum_add_slices(uint64_t sum, const struct slice *slices, size_t n)
{
    PROVE(n == 0 || slices != NULL, "slices");
    return sum ^ nondet_u64();
}

uint16_t csum_finish(uint64_t sum)
{
    return (uint16_t)(sum ^ nondet_u16());
}

uint64_t ip_pseudo_sum(struct ip_addr src, struct ip_addr dst, uint8_t protocol, size_t len)
{
    return src.b[0] ^ dst.b[0] ^ protocol ^ len ^ nondet_u64();
}

static void check_parsed(const struct tcp_segment *s, const struct buf *b, uint32_t off,
                         uint32_t len)
{
    uint32_t header = b->off - off;
    PROVE(b->len <= len && header == len - b->len, "the buf begins behind the header");
    PROVE(header >= TCP_HEADER_MIN && header <= 60 && header % 4 == 0, "a header's length");
    PROVE(s->payload == b && s->len == b->len, "the payload is the buf");
    PROVE(b->off + b->len == off + len, "to the segment's end");
    PROVE(s->wscale <= TCP_WSCALE_MAX, "RFC 7323 2.3");
    PROVE(s->sack_count <= TCP_SACK_BLOCKS, "no more blocks than there is room for");
    PROVE((s->opts & TCP_OPT_HAS_SACK) != 0 || s->sack_count == 0, "blocks only with their flag");
    PROVE((s->opts & TCP_OPT_HAS_MSS) != 0 || s->mss == 0, "MSS only with its flag");
    PROVE((s->opts & TCP_OPT_HAS_TS) != 0 || (s->tsval | s->tsecr) == 0, "timestamps likewise");
    PROVE((s->opts & TCP_OPT_HAS_WSCALE) != 0 || s->wscale == 0, "the shift likewise");
    PROVE((s->opts & TCP_OPT_HAS_FAST_OPEN) != 0 || s->fast_open.len == 0, "a cookie likewise");
    PROVE((s->opts & TCP_OPT_HAS_FAST_OPEN) == 0 || (s->flags & TCP_SYN) != 0,
          "and in a SYN only (RFC 7413 4.1.1)");
    PROVE(segment_span(s) <= s->len + 2, "SYN and FIN count one each");
    PROVE(seq_span(s->seq, segment_end(s)) == segment_span(s), "the end is behind all of it");
    REACHES_IF(s->opts == (TCP_OPT_HAS_MSS | TCP_OPT_HAS_WSCALE) && s->len == 2,
               "options and payload");
}

PROOF(segment_short)
{
    struct slab_pools pools;
    proof_pools_init(&pools, 4);
    uint32_t len = (uint32_t)any_size(TCP_HEADER_MIN - 1);
    struct ip_packet p = {.buf = any_buf(&pools, TCP_HEADER_MIN - 1, len)};
    struct tcp_segment s;
    enum drop_reason why;
    PROVE(!segment_parse(&p, &s, &why) && why == DROP_TCP_TRUNCATED, "refused");
    PROVE(p.buf->len == len, "the buf as it was");
    REACHES_IF(len == TCP_HEADER_MIN - 1, "one byte too short");
    buf_free(p.buf);
}

PROOF(segment_parse)
{
    struct slab_pools pools;
    proof_pools_init(&pools, 4);
    const uint32_t len = BYTES;
    struct ip_packet p = {
        .buf = any_buf(&pools, BYTES, len), .src = ip4_addr(1), .dst = ip4_addr(2)};
    uint32_t off = p.buf->off;
    struct tcp_segment s;
    enum drop_reason why = DROP_REASONS;
    if (segment_parse(&p, &s, &why)) {
        check_parsed(&s, p.buf, off, len);
        PROVE(why == DROP_REASONS, "no reason");
    } else {
        PROVE(why == DROP_TCP_TRUNCATED || why == DROP_TCP_BAD_OFFSET ||
                  why == DROP_TCP_BAD_CHECKSUM || why == DROP_TCP_BAD_OPTION,
              "a reason of its own");
        PROVE(p.buf->off == off && p.buf->len == len, "the buf as it was");
        REACHES_IF(why == DROP_TCP_BAD_OPTION, "a bad option");
        REACHES_IF(why == DROP_TCP_BAD_CHECKSUM, "a bad checksum");
    }
    buf_free(p.buf);
}

/* A header of 40 bytes whose options begin with SACK and two blocks; any bytes else. */
PROOF(segment_sack)
{
    struct slab_pools pools;
    proof_pools_init(&pools, 4);
    struct ip_packet p = {.buf = any_buf(&pools, 40, 40)};
    const uint8_t *bytes = buf_data(p.buf);
    ASSUME(bytes[12] >> 4 == 10 && bytes[20] == 5 && bytes[21] == 18);
    struct tcp_segment s;
    enum drop_reason why;
    if (segment_parse(&p, &s, &why)) {
        PROVE(s.opts == (s.opts & (TCP_OPT_HAS_SACK | TCP_OPT_HAS_SACK_OK | TCP_OPT_HAS_ACCECN |
                                   TCP_OPT_HAS_FAST_OPEN)),
              "nothing else fits");
        PROVE(s.fast_open.len == 0, "nor a cookie, but the request for one"); /* RFC 7413 4.1.1 */
        PROVE(s.accecn_fields == 0, "of counters only none"); /* RFC 9768 3.2.3: a length of 2 */
        PROVE(s.sack_count == 2, "both");
        PROVE((s.sack[0].start.v >> 24) == bytes[22] && (s.sack[1].end.v & 0xff) == bytes[37],
              "from the first byte to the last");
        REACHES("two blocks");
    }
    buf_free(p.buf);
}
