/* Packets of a script: those of the peer are sent in, those of the host are waited for. */
#include <string.h>

#include "tests/conformance/run.h"

#define QUOTED_BYTES                                                                               \
    40U             /* of the packet in an ICMP error: its IP header and the TCP header (RFC 792) */
#define HEADERS 40U /* bytes of IP and TCP headers without options */
#define TTL_IN 64

enum { FLAG_SYN = 0x02, FLAG_ACK = 0x10, PROTO_ICMP = 1, PROTO_TCP = 6, ICMP_ECHO_REPLY = 0 };

/* ---- in ---- */

static uint8_t tos_of(const struct packet_line *k)
{
    static const uint8_t marks[] = {[ECN_ANY] = 0,  [ECN_NOT] = 0,   [ECN_ECT0] = 2,
                                    [ECN_ECT1] = 1, [ECN_ECT01] = 2, [ECN_CE] = 3};
    return (uint8_t)((k->tos >= 0 ? k->tos : 0) | marks[k->ecn]);
}

static void fill_pattern(uint8_t *out, uint64_t offset, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = pattern_byte(offset + i);
    }
}

static struct wire_ends ends_in(const struct run *r, const struct flow *w,
                                const struct packet_line *k)
{
    const struct world_config *c = &r->settings.world;
    return (struct wire_ends){
        .src = ip4_value(k->kind == PACKET_ICMP ? r->world.config.gateway : c->remote),
        .dst = ip4_value(c->local),
        .src_port = w->remote_port,
        .dst_port = w->local_port,
        .tos = tos_of(k),
        .ttl = (uint8_t)(k->ttl >= 0 ? k->ttl : TTL_IN),
    };
}

/* Where the peer's bytes begin: the connection knows which SYN it took; before there is one, the latest
 * counts. */
static uint32_t remote_isn(const struct run *r, const struct flow *w)
{
    struct sock *k = sock_of_ports(&r->sockets, w->local_port, w->remote_port);
    struct tcp_info info;
    if (k == NULL || k->state != SOCK_CONNECTED || k->stream == NULL) {
        return w->remote_isn;
    }
    sock_info(k, &info);
    return info.irs;
}

static size_t build_tcp(const struct run *r, const struct flow *w, const struct packet_line *k,
                        const struct wire_ends *ends, uint8_t *out)
{
    static uint8_t payload[UINT16_MAX];
    struct packet_line live;
    flow_to_wire(w, k, &live);
    uint32_t first = k->seq + ((k->flags & FLAG_SYN) != 0 ? 1U : 0U);
    fill_pattern(payload, first - remote_isn(r, w) - 1U, k->len);
    return wire_tcp(out, ends, &live, payload);
}

/* An error about a packet that the host sent: which, the brackets say. */
static size_t build_icmp(const struct run *r, const struct flow *w, const struct packet_line *k,
                         const struct wire_ends *ends, uint8_t *out)
{
    static uint8_t quoted[WIRE_PACKET_MAX];
    static const uint8_t payload[UINT16_MAX];
    struct wire_ends back = {
        .src = ends->dst,
        .dst = ip4_value(r->settings.world.remote),
        .src_port = ends->dst_port,
        .dst_port = ends->src_port,
        .ttl = 1,
    };
    size_t len = 0;
    if (k->quotes_tcp) {
        struct packet_line about = {.flags = FLAG_ACK, .len = k->quoted_len};
        about.seq = k->quoted_seq + (w->local_known ? w->local_offset : 0);
        len = wire_tcp(quoted, &back, &about, payload);
    } else if (k->quotes_udp) {
        len = wire_udp(quoted, &back, payload, k->quoted_len);
    }
    return wire_icmp(out, ends, k, quoted, size_min(len, QUOTED_BYTES));
}

void run_packet_in(struct run *r, const struct script_event *e)
{
    static uint8_t bytes[WIRE_PACKET_MAX];
    static uint8_t payload[UINT16_MAX];
    const struct packet_line *k = e->u.packet;
    struct flow *w = flow_of(&r->flows, k);
    size_t len = 0;
    if (w == NULL) {
        run_end(r, VERDICT_SKIP, e->line, "more than %u connections", FLOWS_MAX);
        return;
    }
    struct wire_ends ends = ends_in(r, w, k);
    if (k->kind == PACKET_TCP) {
        flow_note_syn(w, k);
        len = build_tcp(r, w, k, &ends, bytes);
    } else if (k->kind == PACKET_UDP) {
        fill_pattern(payload, 0, k->len);
        len = wire_udp(bytes, &ends, payload, k->len);
    } else {
        len = build_icmp(r, w, k, &ends, bytes);
    }
    uint32_t size = r->settings.gso_size;
    world_inject(&r->world, bytes, len, k->kind == PACKET_TCP && k->len > size ? size : 0);
}

/* ---- out ---- */

/* A script written for a host that hands large segments to its device expects one where ours sends
 * several: those that follow each other without a gap count as one, if it is larger than the link or the
 * peer takes. Returns how many. */
static unsigned join_sent(const struct run *r, const struct flow *w, const struct packet_line *k,
                          struct wire_packet *got)
{
    static uint8_t joined[2 * WIRE_PACKET_MAX];
    unsigned n = 1;
    bool too_large = k->kind == PACKET_TCP && (k->len + HEADERS > r->settings.world.mtu ||
                                               (w->remote_mss != 0 && k->len > w->remote_mss));
    if (!too_large || got->fault != NULL || got->protocol != PROTO_TCP) {
        return n;
    }
    memcpy(joined, got->payload, got->len);
    got->payload = joined;
    for (const struct sent_packet *s; got->len < k->len && (s = world_sent(&r->world, n)) != NULL;
         n++) {
        struct wire_packet next;
        wire_read(&next, s->bytes, s->len);
        bool follows = next.fault == NULL && next.protocol == PROTO_TCP &&
                       next.src_port == got->src_port && next.dst_port == got->dst_port &&
                       next.seq == got->seq + (uint32_t)got->len && next.ack == got->ack &&
                       got->len + next.len <= k->len;
        if (!follows) {
            break;
        }
        memcpy(joined + got->len, next.payload, next.len);
        got->len += next.len;
        got->flags |= next.flags;
    }
    return n;
}

static bool is_other(const struct run *r, const struct sent_packet *s)
{
    struct wire_packet got;
    const struct flow *w = r->flows.current;
    wire_read(&got, s->bytes, s->len);
    if (r->flows.named || got.fault != NULL) {
        return false;
    }
    if (got.protocol == PROTO_ICMP) {
        return got.type == ICMP_ECHO_REPLY;
    }
    bool same = w != NULL && got.src_port == w->local_port && got.dst_port == w->remote_port;
    const struct sock *k = sock_of_ports(&r->sockets, got.src_port, got.dst_port);
    return !same && k != NULL && k->fd < 0 && k->state == SOCK_ENDED;
}

void run_leave_out_others(struct run *r)
{
    const struct sent_packet *s;
    while ((s = world_sent(&r->world, 0)) != NULL && is_other(r, s)) {
        world_drop_sent(&r->world);
    }
}

static double seconds(const struct run *r, nsec at)
{
    return (double)(at - r->origin) / (double)NS_PER_SEC;
}

static void check_time(struct run *r, const struct script_event *e, nsec at, nsec from, nsec to)
{
    nsec tolerance = r->settings.tolerance;
    if (e->when.kind == WHEN_ANY || (at >= from - tolerance && at <= to + tolerance)) {
        return;
    }
    if (from == to) {
        run_end(r, VERDICT_FAIL, e->line, "packet sent at %.6f s, expected at %.6f s: %s",
                seconds(r, at), seconds(r, from), e->source);
    } else {
        run_end(r, VERDICT_FAIL, e->line, "packet sent at %.6f s, expected at %.6f to %.6f s: %s",
                seconds(r, at), seconds(r, from), seconds(r, to), e->source);
    }
}

void run_packet_out(struct run *r, const struct script_event *e, nsec from, nsec to)
{
    struct wire_packet got;
    char why[MATCH_TEXT];
    char text[MATCH_TEXT];
    const struct packet_line *k = e->u.packet;
    struct flow *w = flow_of(&r->flows, k);
    if (w == NULL) {
        run_end(r, VERDICT_SKIP, e->line, "more than %u connections", FLOWS_MAX);
        return;
    }
    nsec until = nsec_max(to, r->world.now) + r->settings.tolerance;
    const struct sent_packet *s;
    do {
        run_until_packet(r, until);
        run_leave_out_others(r);
        s = world_sent(&r->world, 0);
    } while (s == NULL && r->world.now < until && !r->over);
    if (s == NULL) {
        run_end(r, VERDICT_FAIL, e->line, "nothing was sent by %.6f s, expected %s",
                seconds(r, r->world.now), e->source);
        return;
    }
    nsec at = s->at;
    wire_read(&got, s->bytes, s->len);
    unsigned n = join_sent(r, w, k, &got);
    if (!match_packet(w, &r->sockets, k, &got, &r->rules, why)) {
        show_packet(w, &got, text);
        run_end(r, VERDICT_FAIL, e->line, "%s; expected %s, got at %.6f s > %s", why, e->source,
                seconds(r, at), text);
        return;
    }
    check_time(r, e, at, from, to);
    while (n-- > 0) {
        world_drop_sent(&r->world);
    }
}
