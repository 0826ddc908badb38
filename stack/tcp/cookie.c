/* RFC 4987 3.6 and appendix A, with the options in the timestamp as deployed hosts do it; RFC 9768 5.1. */
#include "stack/tcp/cookie.h"

#include "stack/base/cursor.h"
#include "stack/tcp/demux.h"
#include "stack/tcp/ecn.h"

#define SIZE_BITS 3U
#define SIZE_MASK 7U
#define SECOND_MASK 0x000ffff8U /* of the MAC, the client's sequence number added */
#define FIRST_MASK 0xfff00000U
#define MSS_DEFAULT 536U /* RFC 9293 MUST-15 */

/* The low bits of the timestamp. */
#define STAMP_MASK 0x3fU
#define STAMP_SHIFT 0x0fU /* of the window; NO_SHIFT: it is not scaled */
#define STAMP_ECN 0x10U
#define STAMP_SACK 0x20U
#define NO_SHIFT 15U
#define NO_STAMP 0xffU /* stands in the MAC for a SYN without timestamps */

#define ACE_AE 4U /* one of the three bits of segment_ace */

/* What clients offer mostly: Ethernet, also through tunnels, PPPoE and IPv6; jumbo frames. The others get the
 * next smaller one. */
static const uint16_t sizes[SIZE_MASK + 1] = {48, 256, MSS_DEFAULT, 1220, 1360, 1440, 1460, 8960};

static unsigned size_of(uint16_t mss)
{
    unsigned i = SIZE_MASK;
    while (i > 0 && sizes[i] > mss) {
        i--;
    }
    return i;
}

static bool has_ts(const struct tcp *t, const struct tcp_segment *s)
{
    return !t->config.no_timestamps && (s->opts & TCP_OPT_HAS_TS) != 0;
}

void cookie_reduce(const struct tcp *t, struct tcp_segment *syn)
{
    bool ts = has_ts(t, syn);
    enum ecn_mode mode = ecn_answer(&t->config, syn);
    if (mode == ECN_MODE_CLASSIC) {
        mode = ts ? ECN_MODE_CLASSIC : ECN_MODE_NONE;
        syn->ecn = IP_ECN_NOT_ECT;
    }
    segment_set_ace(syn, ecn_ask(mode));
    syn->mss = (syn->opts & TCP_OPT_HAS_MSS) != 0 ? syn->mss : MSS_DEFAULT;
    syn->mss = sizes[size_of(syn->mss)];
    syn->opts &= ts ? TCP_OPT_HAS_TS | TCP_OPT_HAS_WSCALE | TCP_OPT_HAS_SACK_OK : 0;
    syn->opts |= TCP_OPT_HAS_MSS;
}

/* The options of a SYN in so many bits as there are. */
static uint8_t stamp_bits(const struct tcp_segment *syn)
{
    bool scaled = (syn->opts & TCP_OPT_HAS_WSCALE) != 0;
    bool classic = segment_ace(syn) == ecn_ask(ECN_MODE_CLASSIC);
    return (uint8_t)((scaled ? syn->wscale : NO_SHIFT) | (classic ? STAMP_ECN : 0) |
                     ((syn->opts & TCP_OPT_HAS_SACK_OK) != 0 ? STAMP_SACK : 0));
}

static uint32_t counter_at(nsec now)
{
    return (uint32_t)(now / COOKIE_PERIOD);
}

/* `bits`: those of the timestamp, or NO_STAMP. The client's number is added and not hashed: of two that lie less than
 * 2^17 apart, as those of segments of one first flight do, never both have the same cookie. */
static tcp_seq make(const struct tcp *t, const struct tcp_segment *syn, unsigned size, uint8_t bits,
                    uint32_t counter)
{
    struct tcp_tuple tuple = {.local = syn->dst, .remote = syn->src};
    uint64_t ends = demux_hash(&t->cookie_key, &tuple);
    uint8_t bytes[14];
    struct wr w = wr_of(bytes, sizeof bytes);
    wr_be32(&w, (uint32_t)(ends >> 32U));
    wr_be32(&w, (uint32_t)ends);
    wr_be32(&w, counter);
    wr_u8(&w, (uint8_t)size);
    wr_u8(&w, bits);
    uint64_t mac = siphash(&t->cookie_key, bytes, wr_len(&w));
    uint32_t second = ((uint32_t)(mac >> 32U) + syn->seq.v) << SIZE_BITS;
    return seq_of(((uint32_t)mac & FIRST_MASK) | (second & SECOND_MASK) | size);
}

tcp_seq cookie_isn(const struct tcp *t, const struct tcp_segment *syn, nsec now)
{
    uint8_t bits = has_ts(t, syn) ? stamp_bits(syn) : NO_STAMP;
    return make(t, syn, size_of(syn->mss), bits, counter_at(now));
}

uint32_t cookie_stamp(const struct tcp_segment *syn, uint32_t clock)
{
    uint32_t stamp = (clock & ~STAMP_MASK) | stamp_bits(syn);
    /* RFC 7323 4.3: what follows must not be older */
    return (int32_t)(stamp - clock) > 0 ? stamp - (STAMP_MASK + 1) : stamp;
}

/* RFC 9768 5.1: the first ACK tells how the SYN-ACK came, which only a client does that knows of it. With data it
 * has a counter, which begins with 5. */
static bool shows_accurate(const struct tcp_segment *ack)
{
    uint8_t ace = segment_ace(ack);
    return segment_span(ack) == 0 ? ace >= 2 : (ace & ACE_AE) != 0;
}

static void options_of(const struct tcp_segment *ack, uint8_t bits, struct tcp_segment *syn)
{
    uint8_t shift = bits & STAMP_SHIFT;
    syn->opts |= TCP_OPT_HAS_TS;
    syn->tsval = ack->tsval;
    if (shift != NO_SHIFT) {
        syn->opts |= TCP_OPT_HAS_WSCALE;
        syn->wscale = syn->wscale_in = shift;
    }
    if ((bits & STAMP_SACK) != 0) {
        syn->opts |= TCP_OPT_HAS_SACK_OK;
    }
    if ((bits & STAMP_ECN) != 0) {
        segment_set_ace(syn, ecn_ask(ECN_MODE_CLASSIC));
    }
}

enum cookie_verdict cookie_read(const struct tcp *t, const struct tcp_segment *ack,
                                struct tcp_segment *syn)
{
    uint32_t cookie = ack->ack.v - 1;
    unsigned size = cookie & SIZE_MASK;
    uint8_t bits = has_ts(t, ack) ? ack->tsecr & STAMP_MASK : NO_STAMP;
    uint32_t counter = counter_at(ack->at);
    *syn = (struct tcp_segment){.src = ack->src,
                                .dst = ack->dst,
                                .seq = seq_sub(ack->seq, 1),
                                .flags = TCP_SYN,
                                .opts = TCP_OPT_HAS_MSS,
                                .mss = sizes[size],
                                .at = ack->at};
    uint32_t wrong = cookie ^ make(t, syn, size, bits, counter).v;
    if (wrong != 0) { /* the first part of both periods may be the same by chance */
        uint32_t before = cookie ^ make(t, syn, size, bits, counter - 1).v;
        wrong = before == 0 || (wrong & FIRST_MASK) != 0 ? before : wrong;
    }
    if (wrong != 0) {
        return (wrong & FIRST_MASK) != 0 ? COOKIE_BAD : COOKIE_AHEAD;
    }
    if (bits != NO_STAMP) {
        options_of(ack, bits, syn);
    }
    if (segment_ace(syn) == 0 && shows_accurate(ack)) {
        segment_set_ace(syn, ecn_ask(ECN_MODE_ACCURATE));
    }
    return COOKIE_GOOD;
}
