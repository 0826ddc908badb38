#include "tests/conformance/wire.h"

#include <string.h>

#define IP_HEADER 20U
#define TCP_HEADER 20U
#define UDP_HEADER 8U
#define ICMP_HEADER_LEN 8U
#define OPTIONS_BYTES 40U

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17 };

/* ---- bytes ---- */

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8U | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16U | get16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8U);
    p[1] = (uint8_t)v;
}

static void put24(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 16U);
    put16(p + 1, v);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16U);
    put16(p + 2, v);
}

/* RFC 1071, in the plainest way. */
static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2) {
        sum += get16(p + i);
    }
    if (len % 2 != 0) {
        sum += (uint32_t)p[len - 1] << 8U;
    }
    while (sum > UINT16_MAX) {
        sum = (sum & UINT16_MAX) + (sum >> 16U);
    }
    return sum;
}

static uint32_t pseudo_sum(uint32_t src, uint32_t dst, uint8_t protocol, size_t len)
{
    uint8_t p[12] = {0};
    put32(p, src);
    put32(p + 4, dst);
    p[9] = protocol;
    put16(p + 10, (uint32_t)len);
    return sum16(0, p, sizeof p);
}

/* ---- building ---- */

static size_t finish_ip(uint8_t *out, const struct wire_ends *e, uint8_t protocol, size_t body)
{
    size_t total = IP_HEADER + body;
    memset(out, 0, IP_HEADER);
    out[0] = 0x45;
    out[1] = e->tos;
    put16(out + 2, (uint32_t)total);
    out[6] = 0x40; /* DF */
    out[8] = e->ttl;
    out[9] = protocol;
    put32(out + 12, e->src);
    put32(out + 16, e->dst);
    put16(out + 10, ~sum16(0, out, IP_HEADER));
    return total;
}

static size_t put_option(uint8_t *p, const struct option *o)
{
    p[0] = o->kind;
    switch (o->kind) {
    case OPT_EOL:
    case OPT_NOP:
        return 1;
    case OPT_MSS:
        put16(p + 2, o->value);
        return p[1] = 4;
    case OPT_WSCALE:
        p[2] = (uint8_t)o->value;
        return p[1] = 3;
    case OPT_SACK_OK:
        return p[1] = 2;
    case OPT_SACK:
        for (unsigned i = 0; i < o->count; i++) {
            put32(p + 2 + (size_t)8 * i, o->sack[i][0]);
            put32(p + 6 + (size_t)8 * i, o->sack[i][1]);
        }
        return p[1] = (uint8_t)(2U + 8U * o->count);
    case OPT_TS:
        put32(p + 2, o->value);
        put32(p + 6, o->echo);
        return p[1] = 10;
    case OPT_ACCECN0:
    case OPT_ACCECN1:
        for (unsigned i = 0; i < o->count; i++) {
            put24(p + 2 + (size_t)3 * i, o->counters[i]);
        }
        return p[1] = (uint8_t)(2U + 3U * o->count);
    default:
        memcpy(p + 2, o->cookie, o->count);
        return p[1] = (uint8_t)(2U + o->count);
    }
}

size_t wire_tcp(uint8_t *out, const struct wire_ends *e, const struct packet_line *k,
                const uint8_t *payload)
{
    uint8_t *h = out + IP_HEADER;
    size_t header = TCP_HEADER;
    memset(h, 0, TCP_HEADER + OPTIONS_BYTES);
    for (unsigned i = 0; i < k->option_count; i++) {
        header += put_option(h + header, &k->options[i]);
    }
    header = (header + 3U) & ~(size_t)3; /* zeros are End of Option List */
    put16(h, e->src_port);
    put16(h + 2, e->dst_port);
    put32(h + 4, k->seq);
    put32(h + 8, k->has_ack ? k->ack : 0);
    h[12] = (uint8_t)(header / 4 << 4U | (k->ae ? 1U : 0U));
    h[13] = k->flags;
    put16(h + 14, k->win);
    put16(h + 18, k->urg);
    size_t len = size_min(k->len, WIRE_PACKET_MAX - IP_HEADER - header);
    if (len > 0) {
        memcpy(h + header, payload, len);
    }
    size_t body = header + len;
    put16(h + 16, ~sum16(pseudo_sum(e->src, e->dst, PROTO_TCP, body), h, body));
    return finish_ip(out, e, PROTO_TCP, body);
}

size_t wire_udp(uint8_t *out, const struct wire_ends *e, const uint8_t *payload, size_t len)
{
    uint8_t *h = out + IP_HEADER;
    size_t body = UDP_HEADER + size_min(len, WIRE_PACKET_MAX - IP_HEADER - UDP_HEADER);
    put16(h, e->src_port);
    put16(h + 2, e->dst_port);
    put16(h + 4, (uint32_t)body);
    put16(h + 6, 0);
    memcpy(h + UDP_HEADER, payload, body - UDP_HEADER);
    uint32_t sum = ~sum16(pseudo_sum(e->src, e->dst, PROTO_UDP, body), h, body) & UINT16_MAX;
    put16(h + 6, sum != 0 ? sum : UINT16_MAX); /* RFC 768: zero means that there is none */
    return finish_ip(out, e, PROTO_UDP, body);
}

size_t wire_icmp(uint8_t *out, const struct wire_ends *e, const struct packet_line *k,
                 const uint8_t *quoted, size_t len)
{
    uint8_t *h = out + IP_HEADER;
    memset(h, 0, ICMP_HEADER_LEN);
    h[0] = k->type;
    h[1] = k->code;
    put16(h + 6, k->mtu);
    if (len > 0) {
        memcpy(h + ICMP_HEADER_LEN, quoted, len);
    }
    put16(h + 2, ~sum16(0, h, ICMP_HEADER_LEN + len));
    return finish_ip(out, e, PROTO_ICMP, ICMP_HEADER_LEN + len);
}

/* ---- reading ---- */

static bool read_option(struct option *o, const uint8_t *p, size_t len)
{
    switch (o->kind) {
    case OPT_MSS:
        o->value = get16(p);
        return len == 2;
    case OPT_WSCALE:
        o->value = p[0];
        return len == 1;
    case OPT_SACK_OK:
        return len == 0;
    case OPT_SACK:
        o->count = (uint8_t)(len / 8);
        if (len % 8 != 0 || o->count == 0 || o->count > SACK_RANGES) {
            return false;
        }
        for (unsigned i = 0; i < o->count; i++) {
            o->sack[i][0] = get32(p + (size_t)8 * i);
            o->sack[i][1] = get32(p + (size_t)8 * i + 4);
        }
        return true;
    case OPT_TS:
        o->value = get32(p);
        o->echo = get32(p + 4);
        return len == 8;
    case OPT_ACCECN0:
    case OPT_ACCECN1:
        o->count = (uint8_t)(len / 3);
        for (unsigned i = 0; i < o->count && i < ACCECN_COUNTERS_MAX; i++) {
            o->counters[i] = (uint32_t)p[3 * i] << 16U | get16(p + (size_t)3 * i + 1);
        }
        return len % 3 == 0 && o->count <= ACCECN_COUNTERS_MAX;
    case OPT_FO:
        o->count = (uint8_t)size_min(len, COOKIE_MAX);
        memcpy(o->cookie, p, o->count);
        return len <= COOKIE_MAX;
    default:
        return true;
    }
}

static const char *read_options(struct wire_packet *k, const uint8_t *p, size_t len)
{
    for (size_t at = 0; at < len;) {
        struct option *o = &k->options[k->option_count++];
        uint8_t body[OPTIONS_BYTES] = {0};
        o->kind = p[at];
        if (o->kind == OPT_EOL) {
            for (size_t i = at; i < len; i++) {
                if (p[i] != 0) { /* RFC 9293 MUST-69 */
                    return "bytes behind End of Option List";
                }
            }
            return NULL;
        }
        if (o->kind == OPT_NOP) {
            at++;
            continue;
        }
        if (at + 1 == len || p[at + 1] < 2 || at + p[at + 1] > len) {
            return "TCP option with a bad length";
        }
        memcpy(body, p + at + 2, p[at + 1] - 2U);
        if (!read_option(o, body, p[at + 1] - 2U)) {
            return "TCP option with a length that its kind cannot have";
        }
        at += p[at + 1];
    }
    return NULL;
}

static const char *read_tcp(struct wire_packet *k, const uint8_t *h, size_t len)
{
    if (len < TCP_HEADER || (size_t)(h[12] >> 4U) * 4 < TCP_HEADER ||
        (size_t)(h[12] >> 4U) * 4 > len) {
        return "TCP header with a bad length";
    }
    size_t header = (size_t)(h[12] >> 4U) * 4;
    k->src_port = get16(h);
    k->dst_port = get16(h + 2);
    k->seq = get32(h + 4);
    k->ack = get32(h + 8);
    k->flags = h[13];
    k->win = get16(h + 14);
    k->urg = get16(h + 18);
    k->payload = h + header;
    k->len = len - header;
    if (sum16(pseudo_sum(k->src, k->dst, PROTO_TCP, len), h, len) != UINT16_MAX) {
        return "TCP checksum is wrong";
    }
    k->ae = (h[12] & 1U) != 0;
    if ((h[12] & 0x0eU) != 0) {
        return "reserved bits are not zero";
    }
    return read_options(k, h + TCP_HEADER, header - TCP_HEADER);
}

static const char *read_udp(struct wire_packet *k, const uint8_t *h, size_t len)
{
    if (len < UDP_HEADER || get16(h + 4) != len) {
        return "UDP header with a bad length";
    }
    k->src_port = get16(h);
    k->dst_port = get16(h + 2);
    k->payload = h + UDP_HEADER;
    k->len = len - UDP_HEADER;
    bool good = get16(h + 6) == 0 ||
                sum16(pseudo_sum(k->src, k->dst, PROTO_UDP, len), h, len) == UINT16_MAX;
    return good ? NULL : "UDP checksum is wrong";
}

static const char *read_icmp(struct wire_packet *k, const uint8_t *h, size_t len)
{
    if (len < ICMP_HEADER_LEN) {
        return "ICMP header with a bad length";
    }
    k->type = h[0];
    k->code = h[1];
    k->mtu = get16(h + 6);
    k->payload = h + ICMP_HEADER_LEN;
    k->len = len - ICMP_HEADER_LEN;
    return sum16(0, h, len) == UINT16_MAX ? NULL : "ICMP checksum is wrong";
}

void wire_read(struct wire_packet *out, const uint8_t *packet, size_t len)
{
    *out = (struct wire_packet){0};
    if (len < IP_HEADER || packet[0] != 0x45 || get16(packet + 2) != len) {
        out->fault = "IPv4 header with a bad version or length";
        return;
    }
    out->tos = packet[1];
    out->dont_fragment = (packet[6] & 0x40U) != 0;
    out->ttl = packet[8];
    out->protocol = packet[9];
    out->src = get32(packet + 12);
    out->dst = get32(packet + 16);
    if (sum16(0, packet, IP_HEADER) != UINT16_MAX) {
        out->fault = "IPv4 checksum is wrong";
        return;
    }
    const uint8_t *body = packet + IP_HEADER;
    size_t body_len = len - IP_HEADER;
    if (out->protocol == PROTO_TCP) {
        out->fault = read_tcp(out, body, body_len);
    } else if (out->protocol == PROTO_UDP) {
        out->fault = read_udp(out, body, body_len);
    } else if (out->protocol == PROTO_ICMP) {
        out->fault = read_icmp(out, body, body_len);
    } else {
        out->fault = "unknown protocol";
    }
}
