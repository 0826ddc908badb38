/* TCP headers and options (RFC 9293 3.1, 3.2): any bytes behind a checksum that holds, so that they
 * get past it. What was read is written and read again: nothing may change.
 */
#include "stack/base/checksum.h"
#include "stack/tcp/segment.h"
#include "tests/fuzz/fuzz.h"

#include <sanitizer/asan_interface.h>
#include <string.h>

#define SEGMENT_MAX 1480U

static struct slab_pools pools;

static struct ip_packet packet_of(struct buf *b)
{
    return (struct ip_packet){
        .buf = b, .src = ip4_addr(0x0a090001), .dst = ip4_addr(0x0a090002), .protocol = IP_TCP};
}

/* The checksum field is set to what the rest asks for. */
static struct buf *segment_of(const uint8_t *data, size_t size)
{
    struct buf *b = buf_copy_of(&pools, data, size);
    FUZZ_CHECK(b != NULL);
    if (size >= TCP_HEADER_MIN) {
        struct ip_packet p = packet_of(b);
        uint8_t *field = buf_data(b) + 16;
        memset(field, 0, 2);
        uint64_t sum = ip_pseudo_sum(p.src, p.dst, IP_TCP, b->len);
        struct wr w = wr_of(field, 2);
        wr_be16(&w, csum_finish(csum_add(sum, buf_data(b), b->len)));
    }
    return b;
}

/* A slab is longer than what lies in it: what is behind that must not be read. */
static void fence(const struct buf *b, bool up)
{
    const uint8_t *behind = buf_data(b) + b->len;
    if (up) {
        ASAN_POISON_MEMORY_REGION(behind, buf_tailroom(b));
    } else {
        ASAN_UNPOISON_MEMORY_REGION(behind, buf_tailroom(b));
    }
}

/* The last MSS and timestamps among the options, found in the plainest way (RFC 9293 3.2, RFC 7323 3.2). */
static void check_found(const struct tcp_segment *s, const uint8_t *o, size_t len)
{
    bool mss = false;
    bool ts = false;
    bool cookie = false;
    for (size_t i = 0; i < len && o[i] != 0;) {
        FUZZ_CHECK(o[i] == 1 ||
                   (i + 1 < len && o[i + 1] >= 2)); /* or it is to be refused (MUST-68) */
        size_t n = o[i] == 1 ? 1 : o[i + 1];
        if (o[i] == 2 && n == 4) {
            mss = true;
            FUZZ_CHECK((s->opts & TCP_OPT_HAS_MSS) != 0);
        } else if (o[i] == 8 && n == 10) {
            ts = true;
            FUZZ_CHECK((s->opts & TCP_OPT_HAS_TS) != 0);
        } else if (o[i] == 34 && (n == 2 || (n >= 6 && n <= 18)) && n % 2 == 0) { /* RFC 7413 */
            cookie = (s->flags & TCP_SYN) != 0;
            FUZZ_CHECK(((s->opts & TCP_OPT_HAS_FAST_OPEN) != 0) == cookie);
        }
        i += n;
        FUZZ_CHECK(i <= len);
    }
    FUZZ_CHECK(mss == ((s->opts & TCP_OPT_HAS_MSS) != 0));
    FUZZ_CHECK(ts == ((s->opts & TCP_OPT_HAS_TS) != 0));
    FUZZ_CHECK(cookie == ((s->opts & TCP_OPT_HAS_FAST_OPEN) != 0));
}

static void check_contents(const struct tcp_segment *s, size_t size)
{
    FUZZ_CHECK(s->len <= size - TCP_HEADER_MIN && s->payload->len == s->len);
    FUZZ_CHECK(s->sack_count <= TCP_SACK_BLOCKS && s->wscale <= TCP_WSCALE_MAX);
    FUZZ_CHECK((s->opts & TCP_OPT_HAS_SACK) != 0 || s->sack_count == 0);
    FUZZ_CHECK(segment_span(s) >= s->len && segment_span(s) <= s->len + 2);
}

static bool same(const struct tcp_segment *a, const struct tcp_segment *b)
{
    bool sacks = a->sack_count == b->sack_count;
    for (unsigned i = 0; sacks && i < a->sack_count; i++) {
        sacks =
            seq_eq(a->sack[i].start, b->sack[i].start) && seq_eq(a->sack[i].end, b->sack[i].end);
    }
    return sacks && a->src.port == b->src.port && a->dst.port == b->dst.port &&
           seq_eq(a->seq, b->seq) && seq_eq(a->ack, b->ack) && a->flags == b->flags &&
           a->opts == b->opts && a->wscale == b->wscale && a->wnd == b->wnd &&
           a->urgent == b->urgent && a->mss == b->mss && a->tsval == b->tsval &&
           a->tsecr == b->tsecr && a->len == b->len && a->fast_open.len == b->fast_open.len &&
           memcmp(a->fast_open.bytes, b->fast_open.bytes, a->fast_open.len) == 0;
}

/* What a segment of ours may say: a SYN has no SACK blocks, and only a SYN has MSS, window scale and
 * SACK-permitted (MUST-65, RFC 7323 2.2, RFC 2018 2). */
static struct tcp_segment as_ours(struct tcp_segment s)
{
    if ((s.flags & TCP_SYN) != 0) {
        bool cookie = (s.opts & TCP_OPT_HAS_FAST_OPEN) != 0; /* no room for counters beside it */
        s.opts &= (uint8_t) ~(TCP_OPT_HAS_SACK | (cookie ? TCP_OPT_HAS_ACCECN : 0));
        s.sack_count = 0;
        return s;
    }
    s.opts &= TCP_OPT_HAS_TS | TCP_OPT_HAS_SACK;
    s.mss = 0;
    s.wscale = 0;
    bool too_long = (s.opts & TCP_OPT_HAS_TS) != 0 && s.sack_count > 3; /* RFC 2018 3 */
    s.sack_count = too_long ? 3 : s.sack_count;
    s.opts &= (uint8_t)(s.sack_count == 0 ? ~TCP_OPT_HAS_SACK : ~0);
    return s;
}

static void check_round_trip(const struct tcp_segment *came)
{
    struct packet out;
    enum drop_reason why;
    struct tcp_segment again;
    struct tcp_segment ours = as_ours(*came);
    const struct tcp_segment *s = &ours;
    FUZZ_CHECK(segment_options_len(s) <= TCP_OPTIONS_MAX && segment_options_len(s) % 4 == 0);
    packet_init(&out);
    FUZZ_CHECK(packet_add(&out, buf_slice(s->payload)));
    segment_write(s, &out);
    struct ip_packet p = packet_of(packet_to_buf(&out, &pools));
    FUZZ_CHECK(p.buf != NULL && segment_parse(&p, &again, &why));
    FUZZ_CHECK(same(s, &again));
    buf_free(p.buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slab_limits limits = {.slabs = {4, 4, 4, 4}, .bufs = 8};
    struct tcp_segment s;
    enum drop_reason why = DROP_REASONS;
    if (size > SEGMENT_MAX) {
        return -1;
    }
    slab_pools_init(&pools, &limits);
    struct ip_packet p = packet_of(segment_of(data, size));
    fence(p.buf, true);
    bool good = segment_parse(&p, &s, &why);
    fence(p.buf, false);
    if (good) {
        check_found(&s, data + TCP_HEADER_MIN, size - s.len - TCP_HEADER_MIN);
        check_contents(&s, size);
        check_round_trip(&s);
    } else {
        FUZZ_CHECK(why < DROP_REASONS && why != DROP_TCP_BAD_CHECKSUM);
    }
    buf_free(p.buf);
    slab_pools_done(&pools);
    return 0;
}
