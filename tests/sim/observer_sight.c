/* RFC 894, RFC 791, RFC 9293 3.1 and 3.2, RFC 7323 2.2 and 3.2, RFC 2018 2 and 3: bytes to numbers. */
#include "tests/sim/observer_sight.h"

#include "stack/base/cursor.h"

enum { IP_HEADER = 20, TCP_HEADER = 20 };
enum { OPT_ACCECN0 = 172, OPT_ACCECN1 = 174 };
enum {
    OPT_END,
    OPT_NOP,
    OPT_MSS,
    OPT_WSCALE,
    OPT_SACK_OK,
    OPT_SACK,
    OPT_TS = 8,
    OPT_FAST_OPEN = 34
};

static enum sight_verdict say(struct sight *s, enum sight_verdict verdict, const char *rule,
                              const char *fault)
{
    if (s->rule == NULL) {
        s->rule = rule;
        s->fault = fault;
    }
    return verdict;
}

uint32_t sight_sum(uint32_t sum, const uint8_t *p, size_t len)
{
    struct rd r = rd_of(p, len);
    while (rd_left(&r) >= 2) {
        sum += rd_be16(&r);
        sum = (sum & UINT16_MAX) + (sum >> 16U);
    }
    if (rd_left(&r) == 1) {
        sum += (uint32_t)rd_u8(&r) << 8U;
    }
    return (sum & UINT16_MAX) + (sum >> 16U);
}

uint32_t sight_pseudo_sum(const struct sight *s)
{
    uint32_t sum = (s->src >> 16U) + (s->src & UINT16_MAX);
    sum += (s->dst >> 16U) + (s->dst & UINT16_MAX);
    sum += s->protocol + (uint32_t)s->body_len;
    return (sum & UINT16_MAX) + (sum >> 16U);
}

static enum sight_verdict read_ip(struct sight *s, struct rd r)
{
    const uint8_t *start = s->packet = r.pos;
    size_t there = rd_left(&r);
    uint8_t first = rd_u8(&r);
    size_t header = (size_t)(first & 15U) * 4;
    s->ecn = rd_u8(&r) & 3U;
    s->ip_len = rd_be16(&r);
    rd_skip(&r, 2);
    uint16_t fragment = rd_be16(&r);
    s->ttl = rd_u8(&r);
    s->protocol = rd_u8(&r);
    rd_skip(&r, 2);
    s->src = rd_be32(&r);
    s->dst = rd_be32(&r);
    if (r.failed || first >> 4U != 4 || header < IP_HEADER) {
        return say(s, SIGHT_BAD, "ip-header [RFC 791 3.1]", "no IPv4 header");
    }
    if (s->ip_len < header || s->ip_len > there) {
        return say(s, SIGHT_BAD, "ip-length [RFC 791 3.1]", "the total length is not the packet's");
    }
    if (sight_sum(0, start, header) != UINT16_MAX) {
        return say(s, SIGHT_BAD, "ip-checksum [RFC 1122 3.2.1.2]", "the IP checksum is wrong");
    }
    s->dont_fragment = (fragment & 0x4000U) != 0;
    s->fragment = (fragment & 0x3fffU) != 0;
    s->ip_options = header > IP_HEADER;
    s->body = start + header;
    s->body_len = s->ip_len - header;
    return SIGHT_GOOD;
}

enum sight_verdict sight_frame(struct sight *s, const uint8_t *frame, size_t len)
{
    struct rd r = rd_of(frame, len);
    rd_skip(&r, 6);
    s->ether_src = r.pos;
    rd_skip(&r, 6);
    s->ether_type = rd_be16(&r);
    s->body = r.pos;
    s->body_len = rd_left(&r);
    if (r.failed) {
        return say(s, SIGHT_BAD, "ethernet [RFC 894]", "shorter than its header");
    }
    return s->ether_type == ETHER_IP4 ? read_ip(s, r) : SIGHT_GOOD;
}

/* ---- TCP ---- */

static bool read_option(struct tcp_opts *o, uint8_t kind, struct rd body)
{
    size_t len = rd_left(&body);
    switch (kind) {
    case OPT_MSS:
        o->has_mss = true;
        o->mss = rd_be16(&body);
        return len == 2;
    case OPT_WSCALE:
        o->has_wscale = true;
        o->wscale = rd_u8(&body);
        return len == 1;
    case OPT_SACK_OK:
        o->sack_ok = true;
        return len == 0;
    case OPT_SACK:
        while (rd_left(&body) >= 8 && o->sacks < SIGHT_SACKS) {
            o->sack[o->sacks][0] = rd_be32(&body);
            o->sack[o->sacks++][1] = rd_be32(&body);
        }
        return len > 0 && len % 8 == 0;
    case OPT_TS:
        o->has_ts = true;
        o->tsval = rd_be32(&body);
        o->tsecr = rd_be32(&body);
        return len == 8;
    case OPT_FAST_OPEN:
        o->has_cookie = true;
        o->cookie_len = (unsigned)len;
        return len == 0 || (len >= 4 && len <= 16 && len % 2 == 0);
    case OPT_ACCECN0:
    case OPT_ACCECN1:
        o->has_counters = true;
        o->order1 = kind == OPT_ACCECN1;
        for (o->counters = 0; rd_left(&body) >= 3 && o->counters < 3; o->counters++) {
            o->counter[o->order1 ? 2 - o->counters : o->counters] = rd_be24(&body);
        }
        return len % 3 == 0 && len <= 9;
    default:
        return true;
    }
}

static enum sight_verdict read_padding(struct sight *s, struct rd r)
{
    while (rd_left(&r) > 0) {
        if (rd_u8(&r) != 0) {
            return say(s, SIGHT_ODD, "padding [RFC 9293 MUST-69]",
                       "bytes behind the end of options");
        }
    }
    return SIGHT_GOOD;
}

static enum sight_verdict read_options(struct sight *s, struct rd r)
{
    static const char rule[] = "option-length [RFC 9293 MUST-68]";
    enum sight_verdict verdict = SIGHT_GOOD;
    while (rd_left(&r) > 0) {
        uint8_t kind = rd_u8(&r);
        if (kind == OPT_END) {
            return read_padding(s, r) == SIGHT_GOOD ? verdict : SIGHT_ODD;
        }
        if (kind == OPT_NOP) {
            continue;
        }
        uint8_t len = rd_u8(&r);
        struct rd body = rd_sub(&r, len < 2 ? SIZE_MAX : len - 2U);
        if (r.failed) {
            return say(s, SIGHT_ODD, rule, "an option is longer than what there is, or too short");
        }
        if (!read_option(&s->opts, kind, body)) {
            verdict = say(s, SIGHT_ODD, rule, "an option has a length that its kind cannot have");
        }
    }
    return verdict;
}

enum sight_verdict sight_tcp(struct sight *s)
{
    struct rd r = rd_of(s->body, s->body_len);
    s->sport = rd_be16(&r);
    s->dport = rd_be16(&r);
    s->seq = rd_be32(&r);
    s->ack = rd_be32(&r);
    uint8_t offset = rd_u8(&r);
    uint8_t flags = rd_u8(&r);
    s->flags = flags & 0x3fU;
    s->ace = (uint8_t)((offset & 1U) << 2U | flags >> 6U);
    s->wnd = rd_be16(&r);
    rd_skip(&r, 2);
    s->urgent = rd_be16(&r);
    size_t header = (size_t)(offset >> 4U) * 4;
    if (r.failed || header < TCP_HEADER || header > s->body_len) {
        return say(s, SIGHT_BAD, "data-offset [RFC 9293 3.1]",
                   "the header ends outside the segment");
    }
    if (sight_sum(sight_pseudo_sum(s), s->body, s->body_len) != UINT16_MAX) {
        return say(s, SIGHT_BAD, "tcp-checksum [RFC 9293 MUST-2]", "the TCP checksum is wrong");
    }
    s->reserved = offset & 14U;
    s->options_len = (uint32_t)(header - TCP_HEADER);
    struct rd options = rd_sub(&r, s->options_len);
    s->payload = r.pos;
    s->len = (uint32_t)rd_left(&r);
    return read_options(s, options);
}
