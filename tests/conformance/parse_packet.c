/* Packets: `<` or `>`, what the IP header shows, then a TCP segment, a UDP datagram or an ICMP message. */
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/parse.h"

#define SPAN_MAX UINT16_MAX /* bytes of payload in one packet */

enum {
    ICMP_TYPE_UNREACHABLE = 3,
    ICMP_CODE_TOO_BIG = 4,
};

struct icmp_name {
    const char *name;
    int type, code; /* code -1: the name is that of a type */
};

static const struct icmp_name icmp_names[] = {
    {"echo_reply", 0, -1},
    {"unreachable", 3, -1},
    {"source_quench", 4, -1},
    {"redirect", 5, -1},
    {"echo_request", 8, -1},
    {"router_advertisement", 9, -1},
    {"router_solicitation", 10, -1},
    {"time_exceeded", 11, -1},
    {"parameter_problem", 12, -1},
    {"timestamp_request", 13, -1},
    {"timestamp_reply", 14, -1},
    {"information_request", 15, -1},
    {"information_reply", 16, -1},
    {"address_mask_request", 17, -1},
    {"address_mask_reply", 18, -1},
    {"net_unreachable", 3, 0},
    {"host_unreachable", 3, 1},
    {"protocol_unreachable", 3, 2},
    {"port_unreachable", 3, 3},
    {"frag_needed", 3, 4},
    {"source_route_failed", 3, 5},
    {"net_unknown", 3, 6},
    {"host_unknown", 3, 7},
    {"source_host_isolated", 3, 8},
    {"net_prohibited", 3, 9},
    {"host_prohibited", 3, 10},
    {"net_unreachable_for_tos", 3, 11},
    {"host_unreachable_for_tos", 3, 12},
    {"packet_filtered", 3, 13},
    {"precedence_violation", 3, 14},
    {"precedence_cutoff", 3, 15},
    {"ttl_exceeded", 11, 0},
    {"fragment_time_exceeded", 11, 1},
};

static const struct icmp_name *icmp_name(const char *name, int type)
{
    for (size_t i = 0; i < COUNT_OF(icmp_names); i++) {
        const struct icmp_name *n = &icmp_names[i];
        bool wanted = type < 0 ? n->code < 0 : n->code >= 0 && n->type == type;
        if (wanted && strcmp(n->name, name) == 0) {
            return n;
        }
    }
    return NULL;
}

/* `first:last(length)`. */
static void parse_span(struct parse *p, uint32_t *seq, uint32_t *len)
{
    *seq = (uint32_t)parse_number(p, UINT32_MAX, "sequence number");
    parse_expect(p, ':');
    uint32_t end = (uint32_t)parse_number(p, UINT32_MAX, "sequence number");
    parse_expect(p, '(');
    *len = (uint32_t)parse_number(p, SPAN_MAX, "payload length");
    parse_expect(p, ')');
    if (!parse_failed(p) && *seq + *len != end) {
        parse_error(p, "%u:%u are not %u bytes", *seq, end, *len);
    }
}

/* `1:1001(1000)]` or `udp (100)]`: the packet that an ICMP message is about. */
static void parse_about(struct parse *p, struct packet_line *k)
{
    if (parse_accept_word(p, "udp")) {
        k->quotes_udp = true;
        parse_expect(p, '(');
        k->quoted_len = (uint32_t)parse_number(p, SPAN_MAX, "payload length");
        parse_expect(p, ')');
    } else {
        k->quotes_tcp = true;
        parse_span(p, &k->quoted_seq, &k->quoted_len);
    }
    parse_expect(p, ']');
}

/* ---- the IP header: `[ect0]`, `[tos 0x8, ttl 10]` ---- */

static uint8_t ecn_of(const char *word)
{
    static const char *const names[] = {
        [ECN_NOT] = "noecn",   [ECN_ECT0] = "ect0", [ECN_ECT1] = "ect1",
        [ECN_ECT01] = "ect01", [ECN_CE] = "ce",
    };
    for (size_t i = ECN_NOT; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], word) == 0) {
            return (uint8_t)i;
        }
    }
    return ECN_ANY;
}

static void parse_ip_word(struct parse *p, struct packet_line *k)
{
    if (p->now.kind != TOKEN_WORD) {
        parse_error(p, "expected an ECN mark, tos or ttl");
        return;
    }
    struct token t = parse_take(p);
    if (strcmp(t.text, "tos") == 0) {
        k->tos = (int)parse_number(p, UINT8_MAX, "tos");
    } else if (strcmp(t.text, "ttl") == 0) {
        k->ttl = (int)parse_number(p, UINT8_MAX, "ttl");
    } else if (ecn_of(t.text) != ECN_ANY) {
        k->ecn = ecn_of(t.text);
    } else if (strcmp(t.text, "flowlabel") == 0) {
        (void)parse_number(p, UINT32_MAX, "flowlabel");
        parse_unsupported(p, t.line, "IPv6 flow label");
    } else {
        parse_error(p, "unknown mark '%s' of an IP header", t.text);
    }
}

static void parse_ip_info(struct parse *p, struct packet_line *k)
{
    char close = '\0';
    if (parse_accept(p, '[')) {
        if (p->now.kind == TOKEN_NUMBER) { /* `[1:1001(1000)] icmp …` */
            parse_about(p, k);
            return;
        }
        close = ']';
    } else if (parse_accept(p, '(')) {
        close = ')';
    }
    if (close == '\0') {
        return;
    }
    do {
        parse_ip_word(p, k);
    } while (parse_accept(p, ','));
    parse_expect(p, close);
}

/* ---- TCP ---- */

static bool flag_of(char c, uint8_t *flag)
{
    static const char letters[] = "FSRP.UEW";
    const char *at = strchr(letters, c);
    if (c == '\0' || at == NULL) {
        return c == 'C' ? (*flag = 0x80, true) : false;
    }
    *flag = (uint8_t)(1U << (unsigned)(at - letters));
    return true;
}

static void add_flag(struct parse *p, struct packet_line *k, char c)
{
    uint8_t flag;
    if (c >= '0' && c <= '7') { /* the three flags as a number (RFC 9768 3.2.2) */
        unsigned ace = (unsigned)(c - '0');
        k->ae = (ace & 4U) != 0;
        k->flags |= (uint8_t)(ace << 6U);
    } else if (c == 'A') {
        k->ae = true;
    } else if (!flag_of(c, &flag)) {
        parse_error(p, "unknown TCP flag '%c'", c);
    } else if ((k->flags & flag) != 0) {
        parse_error(p, "TCP flag '%c' stands twice", c);
    } else {
        k->flags |= flag;
    }
}

static bool at_flags(const struct parse *p)
{
    bool digits =
        p->now.kind == TOKEN_SECONDS && p->now.text[0] == '.'; /* `.5` looks like a time */
    return p->now.kind == TOKEN_WORD || parse_at_sign(p, '.') || digits;
}

/* `S`, `P.`, `.`, `SEWA`, `.5`, or `-` for none: signs, letters and a digit without space between. */
static void parse_flags(struct parse *p, struct packet_line *k)
{
    if (parse_accept(p, '-')) {
        return;
    }
    if (!at_flags(p)) {
        parse_error(p, "expected TCP flags, udp or icmp");
        return;
    }
    do {
        struct token t = parse_take(p);
        if (t.kind == TOKEN_SIGN) {
            add_flag(p, k, t.sign);
            continue;
        }
        for (const char *c = t.text; *c != '\0'; c++) {
            add_flag(p, k, *c);
        }
    } while (at_flags(p) && p->now.joined);
}

static void parse_tcp(struct parse *p, struct packet_line *k)
{
    k->kind = PACKET_TCP;
    parse_flags(p, k);
    parse_span(p, &k->seq, &k->len);
    if (parse_accept_word(p, "ack")) {
        k->has_ack = true;
        k->ack = (uint32_t)parse_number(p, UINT32_MAX, "acknowledgment");
    }
    if (parse_accept_word(p, "win")) {
        k->has_win = true;
        k->win = (uint16_t)parse_number(p, UINT16_MAX, "window");
    }
    if (parse_accept_word(p, "urg")) {
        k->has_urg = true;
        k->urg = (uint16_t)parse_number(p, UINT16_MAX, "urgent pointer");
    }
    if (parse_accept(p, '<')) {
        parse_options(p, k);
    }
    if (k->inbound && !k->has_win && (k->flags & 0x04) == 0) {
        parse_error(p, "an inbound segment needs a window");
    }
    if (k->inbound && k->any_options) {
        parse_error(p, "an inbound segment cannot have any options");
    }
}

/* `8080 > 40000` before the flags. */
static void parse_ports(struct parse *p, struct packet_line *k)
{
    if (p->now.kind != TOKEN_NUMBER) {
        return;
    }
    k->src_port = (int)parse_number(p, UINT16_MAX, "port");
    parse_expect(p, '>');
    k->dst_port = (int)parse_number(p, UINT16_MAX, "port");
}

/* ---- UDP and ICMP ---- */

static void parse_udp(struct parse *p, struct packet_line *k)
{
    k->kind = PACKET_UDP;
    parse_expect(p, '(');
    k->len = (uint32_t)parse_number(p, SPAN_MAX, "payload length");
    parse_expect(p, ')');
}

/* `type_3`, `code_4`: by number. */
static bool parse_numbered(struct parse *p, const char *prefix, uint8_t *out)
{
    size_t n = strlen(prefix);
    if (p->now.kind != TOKEN_WORD || strncmp(p->now.text, prefix, n) != 0) {
        return false;
    }
    char *end;
    unsigned long v = strtoul(p->now.text + n, &end, 10);
    if (end == p->now.text + n || *end != '\0' || v > UINT8_MAX) {
        return false;
    }
    *out = (uint8_t)v;
    (void)parse_take(p);
    return true;
}

static void parse_icmp_code(struct parse *p, struct packet_line *k)
{
    if (parse_numbered(p, "code_", &k->code)) {
        return;
    }
    if (p->now.kind == TOKEN_NUMBER) {
        k->code = (uint8_t)parse_number(p, UINT8_MAX, "ICMP code");
    } else if (p->now.kind == TOKEN_WORD && strcmp(p->now.text, "mtu") != 0) {
        const struct icmp_name *code = icmp_name(p->now.text, k->type);
        if (code == NULL) {
            parse_error(p, "unknown ICMP code '%s'", p->now.text);
            return;
        }
        k->code = (uint8_t)code->code;
        (void)parse_take(p);
    }
}

static void parse_icmp(struct parse *p, struct packet_line *k)
{
    k->kind = PACKET_ICMP;
    if (parse_numbered(p, "type_", &k->type)) {
        /* by number */
    } else if (p->now.kind == TOKEN_NUMBER) {
        k->type = (uint8_t)parse_number(p, UINT8_MAX, "ICMP type");
    } else {
        const struct icmp_name *type =
            p->now.kind == TOKEN_WORD ? icmp_name(p->now.text, -1) : NULL;
        if (type == NULL) {
            parse_error(p, "unknown ICMP type");
            return;
        }
        k->type = (uint8_t)type->type;
        (void)parse_take(p);
    }
    parse_icmp_code(p, k);
    if (parse_accept_word(p, "mtu")) {
        k->mtu = (uint16_t)parse_number(p, UINT16_MAX, "MTU");
        if (k->type != ICMP_TYPE_UNREACHABLE || k->code != ICMP_CODE_TOO_BIG) {
            parse_error(p, "only frag_needed has an MTU");
        }
    }
    if (parse_accept(p, '[')) {
        parse_about(p, k);
    }
}

/* Headers around the packet that this runner does not make: read over, up to the colon. */
static bool parse_outer(struct parse *p)
{
    static const char *const names[] = {"gre", "mpls", "ipv4", "ipv6", "ipip"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (parse_at_word(p, names[i])) {
            parse_unsupported(p, p->now.line,
                              arena_printf(&p->script->arena, "encapsulation '%s'", names[i]));
            while (p->now.kind != TOKEN_END && !parse_accept(p, ':')) {
                (void)parse_take(p);
            }
            return true;
        }
    }
    return false;
}

/* What other stacks' scripts send as well. Nothing behind it can be read. */
static bool other_protocol(struct parse *p)
{
    static const char *const names[] = {"sctp", "udplite", "icmpv6", "igmp"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (parse_at_word(p, names[i])) {
            parse_unsupported(p, p->now.line,
                              arena_printf(&p->script->arena, "protocol '%s'", names[i]));
            parse_error(p, "protocol '%s'", names[i]);
            return true;
        }
    }
    return false;
}

struct packet_line *parse_packet(struct parse *p)
{
    struct packet_line *k = arena_get(&p->script->arena, sizeof *k);
    *k = (struct packet_line){
        .inbound = parse_at_sign(p, '<'), .tos = -1, .ttl = -1, .src_port = -1, .dst_port = -1};
    (void)parse_take(p);
    while (parse_outer(p)) {
    }
    parse_ip_info(p, k);
    parse_ports(p, k);
    if (other_protocol(p)) {
        return k;
    }
    if (parse_accept_word(p, "icmp")) {
        parse_icmp(p, k);
    } else if (k->quotes_tcp || k->quotes_udp) {
        parse_error(p, "only an ICMP message is about another packet");
    } else if (parse_accept_word(p, "udp")) {
        parse_udp(p, k);
    } else {
        parse_tcp(p, k);
    }
    return k;
}
