#include "tests/conformance/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, FLAG_SYN = 0x02, FLAG_PSH = 0x08 };

struct check {
    struct flow *flow;
    const struct sockets *sockets;
    const struct packet_line *want;
    const struct wire_packet *got;
    const struct match_rules *rules;
    char *why;
};

static bool differs(const struct check *c, const char *what, uint32_t want, uint32_t got)
{
    if (want == got) {
        return false;
    }
    (void)snprintf(c->why, MATCH_TEXT, "%s is %u, expected %u", what, got, want);
    return true;
}

static bool wrong(const struct check *c, const char *what)
{
    (void)snprintf(c->why, MATCH_TEXT, "%s", what);
    return true;
}

/* ---- the IP header ---- */

static bool ecn_differs(const struct check *c)
{
    static const char *const names[] = {"not ECN-capable", "ECT(1)", "ECT(0)", "CE"};
    unsigned bits = c->got->tos & 3U;
    bool good = true;
    switch ((enum ecn_mark)c->want->ecn) {
    case ECN_ANY:
        break;
    case ECN_NOT:
        good = bits == 0;
        break;
    case ECN_ECT0:
        good = bits == 2;
        break;
    case ECN_ECT1:
        good = bits == 1;
        break;
    case ECN_ECT01:
        good = bits == 1 || bits == 2;
        break;
    case ECN_CE:
        good = bits == 3;
        break;
    }
    if (!good) {
        (void)snprintf(c->why, MATCH_TEXT, "the packet is %s", names[bits]);
    }
    return !good;
}

static bool ip_differs(const struct check *c)
{
    if (c->got->fault != NULL) {
        return wrong(c, c->got->fault);
    }
    if (c->got->src != ip4_value(c->sockets->world->config.local)) {
        return wrong(c, "another source address");
    }
    return ecn_differs(c) ||
           (c->want->tos >= 0 && differs(c, "tos", (uint32_t)c->want->tos, c->got->tos)) ||
           (c->want->ttl >= 0 && differs(c, "ttl", (uint32_t)c->want->ttl, c->got->ttl));
}

/* ---- options ---- */

static bool is_padding(const struct option *o)
{
    return o->kind == OPT_NOP || o->kind == OPT_EOL;
}

static const struct option *find_option(const struct option *list, unsigned count, uint8_t kind)
{
    for (unsigned i = 0; i < count; i++) {
        if (list[i].kind == kind) {
            return &list[i];
        }
    }
    return NULL;
}

static bool stamp_differs(const struct check *c, const struct option *want,
                          const struct option *got)
{
    struct flow *w = c->flow;
    if (differs(c, "TS ecr", want->echo, got->echo)) {
        return true;
    }
    if (c->rules->stamp_tick != 0 && w->stamp_count > 0) {
        uint32_t expected = w->first_stamp.live + (want->value - w->first_stamp.script);
        int32_t off = (int32_t)(got->value - expected);
        if ((uint32_t)abs(off) > c->rules->tolerance_stamps) {
            return differs(c, "TS val", want->value,
                           got->value - w->first_stamp.live + w->first_stamp.script);
        }
    }
    flow_note_stamp(w, want->value, got->value);
    return false;
}

static bool sack_differs(const struct check *c, const struct option *want, const struct option *got)
{
    if (differs(c, "number of SACK blocks", want->count, got->count)) {
        return true;
    }
    for (unsigned i = 0; i < want->count; i++) {
        if (differs(c, "SACK block", want->sack[i][0], got->sack[i][0]) ||
            differs(c, "end of SACK block", want->sack[i][1], got->sack[i][1])) {
            return true;
        }
    }
    return false;
}

static bool counters_differ(const struct check *c, const struct option *want,
                            const struct option *got)
{
    if (differs(c, "number of ECN counters", want->count, got->count)) {
        return true;
    }
    for (unsigned i = 0; i < want->count; i++) {
        if (differs(c, "ECN counter", want->counters[i], got->counters[i])) {
            return true;
        }
    }
    return false;
}

static bool option_differs(const struct check *c, const struct option *want,
                           const struct option *got)
{
    switch (want->kind) {
    case OPT_TS:
        return stamp_differs(c, want, got);
    case OPT_SACK:
        return sack_differs(c, want, got);
    case OPT_MSS:
        return differs(c, "mss", want->value, got->value);
    case OPT_WSCALE:
        return !c->rules->any_window && differs(c, "wscale", want->value, got->value);
    case OPT_ACCECN0:
    case OPT_ACCECN1:
        return counters_differ(c, want, got);
    case OPT_FO:
        return differs(c, "length of the cookie", want->count, got->count) ||
               (want->count > 0 && !flow_same_cookie(c->flow, want, got) &&
                wrong(c, "another Fast Open cookie"));
    default:
        return false;
    }
}

static bool options_differ(const struct check *c)
{
    const struct packet_line *want = c->want;
    const struct wire_packet *got = c->got;
    char name[48];
    if (want->any_options) {
        return false;
    }
    for (unsigned i = 0; i < want->option_count; i++) {
        const struct option *o = &want->options[i];
        const struct option *same = find_option(got->options, got->option_count, o->kind);
        if (is_padding(o)) {
            continue;
        }
        if (same == NULL) {
            (void)snprintf(name, sizeof name, "TCP option %u is missing", o->kind);
            return wrong(c, name);
        }
        if (option_differs(c, o, same)) {
            return true;
        }
    }
    for (unsigned i = 0; i < got->option_count; i++) {
        const struct option *o = &got->options[i];
        if (!is_padding(o) && find_option(want->options, want->option_count, o->kind) == NULL) {
            (void)snprintf(name, sizeof name, "TCP option %u was not expected", o->kind);
            return wrong(c, name);
        }
    }
    return false;
}

/* ---- TCP ---- */

/* The bytes are those that the application wrote at this place of the stream. */
static bool payload_differs(const struct check *c)
{
    const struct flow *w = c->flow;
    const struct sock *k = sock_of_ports(c->sockets, w->local_port, w->remote_port);
    uint32_t first = c->want->seq + ((c->want->flags & FLAG_SYN) != 0 ? 1U : 0U);
    size_t at = first - w->local_isn - 1U;
    if (c->got->len == 0 || k == NULL || !w->local_known) {
        return false;
    }
    if (at + c->got->len > k->written_len) {
        return wrong(c, "it carries bytes that were never written");
    }
    return memcmp(k->written + at, c->got->payload, c->got->len) != 0 &&
           wrong(c, "its bytes are not those that were written");
}

static bool flags_differ(const struct check *c)
{
    uint8_t differ = c->want->flags ^ c->got->flags;
    if (c->rules->any_push && c->got->len > 0) {
        differ &= (uint8_t)~FLAG_PSH;
    }
    return (differ != 0 || c->want->ae != c->got->ae) && wrong(c, "other flags");
}

static bool tcp_differs(const struct check *c)
{
    const struct packet_line *want = c->want;
    const struct wire_packet *got = c->got;
    struct flow *w = c->flow;
    if (differs(c, "source port", w->local_port, got->src_port) ||
        differs(c, "destination port", w->remote_port, got->dst_port) || flags_differ(c)) {
        return true;
    }
    if ((got->flags & FLAG_SYN) != 0) {
        flow_learn(w, want->seq, got->seq);
    }
    uint32_t offset = w->local_known ? w->local_offset : 0;
    return differs(c, "sequence number", want->seq, got->seq - offset) ||
           differs(c, "payload length", want->len, (uint32_t)got->len) ||
           (want->has_ack && differs(c, "ack", want->ack, got->ack)) ||
           (want->has_win && !c->rules->any_window && differs(c, "win", want->win, got->win)) ||
           differs(c, "urgent pointer", want->urg, got->urg) || options_differ(c) ||
           payload_differs(c);
}

/* ---- ICMP and UDP ---- */

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24U | (uint32_t)p[1] << 16U | (uint32_t)p[2] << 8U | p[3];
}

static bool icmp_differs(const struct check *c)
{
    const struct packet_line *want = c->want;
    const struct wire_packet *got = c->got;
    if (differs(c, "ICMP type", want->type, got->type) ||
        differs(c, "ICMP code", want->code, got->code) || differs(c, "MTU", want->mtu, got->mtu)) {
        return true;
    }
    if (!want->quotes_tcp && !want->quotes_udp) {
        return false;
    }
    if (got->len < 28) {
        return wrong(c, "the ICMP error quotes too little");
    }
    if (want->quotes_udp) {
        uint32_t len = (be32(got->payload + 24) >> 16U) - 8U;
        return differs(c, "length of the quoted datagram", want->quoted_len, len);
    }
    return differs(c, "quoted sequence number", want->quoted_seq, be32(got->payload + 24));
}

static bool udp_differs(const struct check *c)
{
    return differs(c, "source port", c->flow->local_port, c->got->src_port) ||
           differs(c, "destination port", c->flow->remote_port, c->got->dst_port) ||
           differs(c, "payload length", c->want->len, (uint32_t)c->got->len);
}

bool match_packet(struct flow *w, const struct sockets *s, const struct packet_line *k,
                  const struct wire_packet *got, const struct match_rules *rules,
                  char why[MATCH_TEXT])
{
    static const uint8_t protocols[] = {
        [PACKET_TCP] = PROTO_TCP, [PACKET_UDP] = PROTO_UDP, [PACKET_ICMP] = PROTO_ICMP};
    struct check c = {.flow = w, .sockets = s, .want = k, .got = got, .rules = rules, .why = why};
    if (ip_differs(&c) || differs(&c, "protocol", protocols[k->kind], got->protocol)) {
        return false;
    }
    switch (k->kind) {
    case PACKET_TCP:
        return !tcp_differs(&c);
    case PACKET_UDP:
        return !udp_differs(&c);
    default:
        return !icmp_differs(&c);
    }
}
