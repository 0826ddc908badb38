/* IPv4 packets (RFC 791, RFC 1122 3.2.1, 3.3.2): headers with any options, fragments in any order, and
 * fields that lie, into a host that answers echo requests. A datagram that comes in fragments is an echo
 * request whose bytes are a function of their place, so its answer shows whether it was put together
 * rightly.
 *
 * A step: what (1), and what the kind asks for.
 */
#include <string.h>

#include "tests/fuzz/net.h"

#define STEPS 120U
#define ECHO_MAX 1400U

static uint8_t echo[ECHO_MAX];

/* Identifier and sequence number are 0, and byte i of the data tells i. The checksum depends on how long
 * the message is, so each length is another message. */
static const uint8_t *echo_of(size_t len)
{
    memset(echo, 0, sizeof echo);
    echo[0] = 8;
    for (size_t i = 8; i < len; i++) {
        echo[i] = (uint8_t)(i * 3U + i / 256U);
    }
    put16(echo + 2, plain_checksum(echo, len, 0));
    return echo;
}

static void look(struct net *n, const uint8_t *packet, size_t len)
{
    (void)n;
    size_t header = (packet[0] & 15U) * 4U;
    FUZZ_CHECK(packet[9] == IP_ICMP || packet[9] == IP_TCP);
    if (packet[9] != IP_ICMP) {
        return;
    }
    FUZZ_CHECK(len - header >= 8 && plain_checksum(packet + header, len - header, 0) == 0);
    if (packet[header] != 0) {
        return;
    }
    for (size_t i = 8; i < len - header; i++) { /* RFC 792: the data come back as they were sent */
        FUZZ_CHECK(packet[header + i] == (uint8_t)(i * 3U + i / 256U));
    }
}

/* A part of an echo request: length, first byte and bytes in units of 8, which datagram. */
static void fragment(struct net *n, struct rd *in)
{
    size_t total = 8U + rd_be16(in) % (ECHO_MAX - 8U);
    size_t from = rd_u8(in) * 8U % total / 8U * 8U;
    size_t len = (1U + rd_u8(in)) * 8U;
    bool last = from + len >= total;
    len = last ? total - from : len;
    uint8_t id = rd_u8(in);
    struct ip4_spec ip = ip4_spec_to_us(IP_ICMP);
    ip.fragment = (uint16_t)((last ? 0 : 0x2000U) | from / 8U);
    struct frame f = frame_ip4(&ip, echo_of(total) + from, len);
    put16(f.b + FRAME_ETH + 4, id & 7U);
    frame_fix_ip4(&f);
    (void)net_frame(n, f.b, f.len);
}

/* Options of any kind in front of an echo request. */
static void with_options(struct net *n, struct rd *in)
{
    uint8_t options[40] = {0};
    struct ip4_spec ip = ip4_spec_to_us(IP_ICMP);
    ip.options = options;
    ip.options_len = rd_u8(in) % 11U * 4U;
    rd_copy(in, options, size_min(rd_left(in), ip.options_len));
    net_ip(n, &ip, echo_of(64), 64);
}

/* An echo request, of whose header some bytes are others; or a fragment with any flags and offset. */
static void spoiled(struct net *n, struct rd *in)
{
    struct ip4_spec ip = ip4_spec_to_us(IP_ICMP);
    struct frame f = frame_ip4(&ip, echo_of(40), 40);
    uint8_t *h = f.b + FRAME_ETH;
    for (unsigned i = rd_u8(in) % 4U; i > 0; i--) {
        uint8_t at = rd_u8(in) % 20U;
        h[at] = rd_u8(in);
    }
    if ((h[0] & 15U) >= 5) {
        frame_fix_ip4(&f);
    }
    f.len = FRAME_ETH + rd_u8(in) % 61U;
    (void)net_frame(n, f.b, f.len);
}

static void raw(struct net *n, struct rd *in)
{
    struct frame f = frame_to_us(0x0800);
    struct slice s = rd_take(in, size_min(rd_left(in), rd_u8(in)));
    frame_add(&f, s.data, s.len);
    if (s.len >= 60) {
        frame_fix_ip4(&f);
    }
    (void)net_frame(n, f.b, f.len);
}

static void step(struct net *n, struct rd *in)
{
    uint8_t what = rd_u8(in);
    switch (what & 7U) {
    case 0:
    case 1:
    case 2:
        fragment(n, in);
        return;
    case 3:
        with_options(n, in);
        return;
    case 4:
        spoiled(n, in);
        return;
    case 5:
        raw(n, in);
        return;
    case 6:
        n->host.pools.slabs[SLAB_FRAME].fail_at = what >> 4 & 3U;
        n->host.pools.bufs.fail_at = what >> 6;
        return;
    default:
        net_run(n, (nsec)rd_u8(in) << (20U + what / 16U));
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct net n;
    static const struct tcp_config config = {.max_connections = 1};
    struct rd in = rd_of(data, size);
    net_init(&n, 1500, &config);
    n.look = look;
    for (unsigned i = 0; i < STEPS && rd_left(&in) > 0; i++) {
        step(&n, &in);
    }
    net_done(&n);
    return 0;
}
