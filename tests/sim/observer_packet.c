/* Rules for what is no TCP: RFC 791, RFC 826, RFC 768, RFC 792, RFC 1122 3.2 and 3.3. */
#include "tests/sim/observer_view.h"

#include "stack/base/cursor.h"

enum { ECHO_REPLY = 0, ECHO_REQUEST = 8, ICMP_HEADER = 8, IP_HEADER = 20 };

static bool one_host(uint32_t addr)
{
    uint32_t net = addr >> 24U;
    return net != 0 && net != 127 && net < 224;
}

static void judge_ip(struct observer *o, const struct sight *s)
{
    uint32_t mtu = host_of(o, s->host)->mtu;
    if (s->ip_len > mtu) {
        violate(o, s, "mtu [RFC 1122 3.3.2]", "%u bytes, and the link takes %u", s->ip_len, mtu);
    }
    if (!observer_is_ours(o, s->host, s->src)) {
        violate(o, s, "ip-source [RFC 1122 3.2.1.3]", "the source is an address of the host");
    }
    if (s->ttl == 0) {
        violate(o, s, "ttl [RFC 1122 3.2.1.7]", "the TTL is not zero");
    }
    if (!one_host(s->dst) && s->protocol == PROTOCOL_TCP) {
        violate(o, s, "tcp-to-group [RFC 9293 MUST-57]", "TCP speaks to one host");
    }
}

static void judge_arp(struct observer *o, const struct sight *s)
{
    struct rd r = rd_of(s->body, s->body_len);
    uint64_t kind = rd_be64(&r);
    struct slice mac = rd_take(&r, 6);
    uint32_t ip = rd_be32(&r);
    rd_skip(&r, 10);
    bool format = kind == 0x0001080006040001U || kind == 0x0001080006040002U;
    if (r.failed || !format) {
        violate(o, s, "arp-format [RFC 826]", "a request or reply for IPv4 over Ethernet");
        return;
    }
    for (unsigned i = 0; i < 6; i++) {
        if (mac.data[i] != s->ether_src[i]) {
            violate(o, s, "arp-sender [RFC 826]", "the sender's address is the frame's source");
            return;
        }
    }
    if (ip != 0 && !observer_is_ours(o, s->host, ip)) { /* RFC 5227 1.1: 0 in a probe */
        violate(o, s, "arp-sender [RFC 826]", "the sender is an address of the host");
    }
}

static void judge_udp(struct observer *o, const struct sight *s)
{
    struct rd r = rd_of(s->body, s->body_len);
    rd_skip(&r, 4);
    uint16_t len = rd_be16(&r);
    uint16_t sum = rd_be16(&r);
    if (r.failed || len != s->body_len) {
        violate(o, s, "udp-length [RFC 768]", "the length is that of the datagram");
    } else if (sum != 0 && sight_sum(sight_pseudo_sum(s), s->body, s->body_len) != UINT16_MAX) {
        violate(o, s, "udp-checksum [RFC 1122 4.1.3.4]", "the checksum is right");
    }
}

/* ---- ICMP ---- */

static bool is_error(uint8_t type)
{
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* RFC 1122 3.2.2: about which packets no error may be sent, as far as the quoted header tells. */
static void judge_quote(struct observer *o, const struct sight *s, struct rd r)
{
    static const char rule[] = "icmp-error-about [RFC 1122 3.2.2]";
    uint8_t first = rd_u8(&r);
    rd_skip(&r, 5);
    uint16_t fragment = rd_be16(&r);
    rd_skip(&r, 1);
    uint8_t protocol = rd_u8(&r);
    rd_skip(&r, 2);
    uint32_t src = rd_be32(&r);
    uint32_t dst = rd_be32(&r);
    uint32_t header = (first & 15U) * 4U;
    rd_skip(&r, header < IP_HEADER ? 0 : header - IP_HEADER);
    if (r.failed || first >> 4U != 4 || rd_left(&r) < 8) {
        violate(o, s, "icmp-quote [RFC 792]",
                "an error quotes the IP header and 8 bytes behind it");
        return;
    }
    if ((fragment & 0x1fffU) != 0) {
        violate(o, s, rule, "none about a fragment that is not the first");
    }
    if (protocol == PROTOCOL_ICMP && is_error(rd_u8(&r))) {
        violate(o, s, rule, "none about an ICMP error");
    }
    if (!one_host(dst)) {
        violate(o, s, rule, "none about a packet to a group");
    }
    if (!one_host(src) || src != s->dst) {
        violate(o, s, rule, "to the one host that sent the packet");
    }
}

static struct echo echo_of(const struct sight *s, uint32_t peer)
{
    return (struct echo){peer, sight_sum(0, s->body + 4, s->body_len - 4), s->body_len};
}

/* RFC 1122 3.2.2.6: the reply has the request's identifier, number and data. */
static void judge_echo_reply(struct observer *o, const struct sight *s)
{
    const struct host_view *h = &o->host[s->host];
    struct echo reply = echo_of(s, s->dst);
    for (uint32_t i = 0; i < ECHOES; i++) {
        const struct echo *e = &h->echoes[i];
        if (e->from == reply.from && e->sum == reply.sum && e->len == reply.len) {
            return;
        }
    }
    if (h->echo_count <= ECHOES) {
        violate(o, s, "echo-reply [RFC 1122 3.2.2.6]", "the same as a request that came");
    }
}

static void judge_icmp(struct observer *o, const struct sight *s)
{
    if (s->body_len < ICMP_HEADER) {
        violate(o, s, "icmp-length [RFC 792]", "a header of 8 bytes");
        return;
    }
    if (sight_sum(0, s->body, s->body_len) != UINT16_MAX) {
        violate(o, s, "icmp-checksum [RFC 792]", "the checksum is right");
    }
    uint8_t type = s->body[0];
    if (type == ECHO_REPLY) {
        judge_echo_reply(o, s);
    } else if (is_error(type)) {
        judge_quote(o, s, rd_of(s->body + ICMP_HEADER, s->body_len - ICMP_HEADER));
    }
}

void packet_emitted(struct observer *o, const struct sight *s)
{
    if (s->ether_type == ETHER_ARP) {
        judge_arp(o, s);
        return;
    }
    if (s->ether_type != ETHER_IP4) {
        return;
    }
    judge_ip(o, s);
    if (s->fragment) {
        return;
    }
    if (s->protocol == PROTOCOL_UDP) {
        judge_udp(o, s);
    } else if (s->protocol == PROTOCOL_ICMP) {
        judge_icmp(o, s);
    }
}

/* ---- what arrives ---- */

/* RFC 1191: a router says that a packet of ours was too big for what lies behind it. */
static void too_big_arrived(struct observer *o, const struct sight *s)
{
    struct rd r = rd_of(s->body, s->body_len);
    rd_skip(&r, 6);
    uint16_t mtu = rd_be16(&r);
    uint32_t header = (rd_u8(&r) & 15U) * 4U;
    rd_skip(&r, 8);
    uint8_t protocol = rd_u8(&r);
    rd_skip(&r, 2);
    struct key k = {.host = s->host, .local = rd_be32(&r), .remote = rd_be32(&r)};
    rd_skip(&r, header < IP_HEADER ? 0 : header - IP_HEADER);
    k.local_port = rd_be16(&r);
    k.remote_port = rd_be16(&r);
    uint32_t seq = rd_be32(&r);
    if (r.failed || protocol != PROTOCOL_TCP) {
        return;
    }
    for (struct list *n = o->views.next; n != &o->views; n = n->next) {
        struct view *v = CONTAINER_OF(n, struct view, lru);
        if (v->key.host == k.host && v->key.local == k.local && v->key.remote == k.remote &&
            v->key.local_port == k.local_port && v->key.remote_port == k.remote_port) {
            view_too_big(v, seq, mtu, s->now);
        }
    }
}

void packet_arrived(struct observer *o, const struct sight *s)
{
    struct host_view *h = &o->host[s->host];
    if (s->ether_type == ETHER_ARP) {
        h->arp_at = s->now;
        return;
    }
    if (s->ether_type != ETHER_IP4 || s->protocol != PROTOCOL_ICMP || s->body_len < ICMP_HEADER) {
        return;
    }
    h->icmp_at = s->now;
    if (s->fragment) { /* it may be put together, and answered then */
        h->echo_count = ECHOES + 1;
        return;
    }
    if (sight_sum(0, s->body, s->body_len) != UINT16_MAX) {
        return;
    }
    if (s->body[0] == ECHO_REQUEST) {
        h->echoes[h->echo_count++ % ECHOES] = echo_of(s, s->src);
    } else if (s->body[0] == 3 && s->body[1] == 4) {
        too_big_arrived(o, s);
    }
}
