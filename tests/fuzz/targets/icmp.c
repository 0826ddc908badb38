/* ICMP and UDP into a host that has one connection with data in flight (RFC 792, RFC 1122 3.2.2, RFC
 * 1191): messages of any type, code and length behind a good checksum, with quotes of that connection's
 * packets that are good, spoiled or cut.
 *
 * A step: what (1), type, code, then four bytes of the message's own, and what the kind asks for.
 */
#include <string.h>

#include "stack/ip/ip4.h"
#include "tests/fuzz/program.h"

#define STEPS 100U
#define MESSAGE_MAX 600U

static const uint8_t way[] = {OP_LISTEN,  0,    OP_SEGMENT, 0x02, 0x00, 0xfb,     0,
                              OP_SEGMENT, 0x10, 0x00,       0xfb, 0,    OP_WRITE, 255};

/* The header of a packet that we sent, and 8 bytes or more of its segment. */
static size_t quote(struct program *p, uint8_t *out, struct rd *in)
{
    struct program_view v = program_view(p, 0);
    uint8_t ip[IP4_HEADER + 60] = {0x45, 0, 2,  0, 0, 0, 0x40, 0, 64, 6,
                                   0,    0, 10, 9, 0, 2, 10,   9, 0,  1};
    struct wr w = wr_of(ip + IP4_HEADER, 60);
    wr_be16(&w, v.tuple.local.port);
    wr_be16(&w, v.tuple.remote.port);
    wr_be32(&w, seq_add(v.snd_una, rd_be16(in)).v);
    uint8_t at = rd_u8(in) % IP4_HEADER;
    uint8_t flip = rd_u8(in);
    ip[at] ^= (flip & 1U) != 0 ? (uint8_t)(flip >> 1) : 0;
    size_t len = 20U + rd_u8(in) % 61U;
    memcpy(out, ip, len);
    return len;
}

static void message(struct program *p, uint8_t what, struct rd *in)
{
    static uint8_t m[MESSAGE_MAX];
    memset(m, 0, sizeof m);
    rd_copy(in, m, 2);
    rd_copy(in, m + 4, 4);
    size_t len = 8;
    if ((what & 1U) != 0) {
        len += quote(p, m + 8, in);
    } else {
        struct slice raw = rd_take(in, size_min(rd_left(in), rd_u8(in)));
        if (raw.len > 0) {
            memcpy(m + 8, raw.data, raw.len);
        }
        len += raw.len;
    }
    len = (what & 2U) != 0 ? size_min(len, rd_u8(in) % 12U) : len;
    if (len >= 4 && (what & 4U) == 0) {
        put16(m + 2, plain_checksum(m, len, 0));
    }
    struct ip4_spec ip = ip4_spec_to_us((what & 8U) != 0 ? IP_UDP : IP_ICMP);
    ip.tos = (what & 16U) != 0 ? rd_u8(in) : 0;
    ip.src = (what & 32U) != 0 ? rd_be32(in) : ip.src;
    ip.dst = (what & 64U) != 0 ? rd_be32(in) : ip.dst;
    net_ip(&p->net, &ip, m, len);
}

static void check(struct net *n)
{
    FUZZ_CHECK(n->host.ip.icmp_waiting == 0);
    FUZZ_CHECK(n->host.ip.error_limiter.tokens <= n->host.ip.error_limiter.burst);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct program p;
    struct rd in = rd_of(data, size);
    struct rd steps = rd_of(way, sizeof way);
    program_init(&p);
    program_run(&p, &steps);
    p.net.check = check;
    for (unsigned i = 0; i < STEPS && rd_left(&in) > 0; i++) {
        uint8_t what = rd_u8(&in);
        if ((what & 0x80U) != 0) {
            net_run(&p.net, (nsec)what << 22U);
        } else {
            message(&p, what, &in);
        }
    }
    program_done(&p);
    return 0;
}
