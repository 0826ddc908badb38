/* UDP: RFC 768 (header and checksum), RFC 1122 4.1.3.1 (a datagram to a closed port is answered with
 * "port unreachable") and 4.1.3.4 (a checksum that is there must be right). */
#include "stack/udp/udp.h"

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"

#define UDP_HEADER 8U /* bytes */

struct udp_header {
    uint16_t src_port, dst_port;
    uint16_t len;      /* bytes, header included */
    uint16_t checksum; /* 0: the sender computed none */
};

static bool udp_parse(struct rd *r, struct udp_header *out)
{
    out->src_port = rd_be16(r);
    out->dst_port = rd_be16(r);
    out->len = rd_be16(r);
    out->checksum = rd_be16(r);
    return !r->failed;
}

static bool udp_checksum_good(const struct ip_packet *p, const struct udp_header *h)
{
    if (h->checksum == 0 || p->buf->offload.csum != CSUM_UNKNOWN) {
        return true;
    }
    uint64_t sum = ip_pseudo_sum(p->src, p->dst, IP_UDP, h->len);
    return csum_finish(csum_add(sum, buf_data(p->buf), h->len)) == 0;
}

/* ip_transport.input */
static void udp_input(void *arg, struct ip_packet *p)
{
    struct udp *u = arg;
    struct udp_header h;
    struct rd r = rd_slice(buf_slice(p->buf));
    enum drop_reason why = DROP_UDP_NO_PORT;
    if (!udp_parse(&r, &h)) {
        why = DROP_UDP_TRUNCATED;
    } else if (h.len < UDP_HEADER || h.len > p->buf->len) {
        why = DROP_UDP_BAD_LENGTH;
    } else if (!udp_checksum_good(p, &h)) {
        why = DROP_UDP_BAD_CHECKSUM;
    }
    trace_drop(u->recorder, why, 0, p->buf->len);
    if (why == DROP_UDP_NO_PORT) {
        ip_unreachable(u->ip, p, ICMP_CODE_PORT_UNREACHABLE);
    }
}

bool udp_init(struct udp *u, struct ip *ip, struct recorder *recorder)
{
    *u = (struct udp){.ip = ip, .recorder = recorder};
    struct ip_transport udp = {.protocol = IP_UDP, .input = udp_input, .arg = u};
    return ip_register(ip, &udp);
}
