/* TCP options: `<mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>`, `<...>` for any. */
#include <string.h>

#include "tests/conformance/parse.h"

#define WIRE_MAX 40U /* bytes that a TCP header has for options (RFC 9293 3.1) */

static unsigned wire_len(const struct option *o)
{
    switch (o->kind) {
    case OPT_EOL:
    case OPT_NOP:
        return 1;
    case OPT_MSS:
        return 4;
    case OPT_WSCALE:
        return 3;
    case OPT_SACK_OK:
        return 2;
    case OPT_SACK:
        return 2U + 8U * o->count;
    case OPT_TS:
        return 10;
    case OPT_ACCECN0:
    case OPT_ACCECN1:
        return 2U + 3U * o->count;
    default:
        return 2U + o->count;
    }
}

static void parse_timestamps(struct parse *p, struct option *o)
{
    o->kind = OPT_TS;
    if (!parse_accept_word(p, "val")) {
        parse_error(p, "expected 'val'");
    }
    o->value = (uint32_t)parse_number(p, UINT32_MAX, "timestamp");
    if (!parse_accept_word(p, "ecr")) {
        parse_error(p, "expected 'ecr'");
    }
    o->echo = (uint32_t)parse_number(p, UINT32_MAX, "timestamp echo");
}

static void parse_sack(struct parse *p, struct option *o)
{
    o->kind = OPT_SACK;
    while (p->now.kind == TOKEN_NUMBER) {
        if (o->count == SACK_RANGES) {
            parse_error(p, "more than 4 SACK blocks");
            return;
        }
        uint32_t *block = o->sack[o->count++];
        block[0] = (uint32_t)parse_number(p, UINT32_MAX, "SACK block");
        parse_expect(p, ':');
        block[1] = (uint32_t)parse_number(p, UINT32_MAX, "SACK block");
    }
    if (o->count == 0) {
        parse_error(p, "SACK without blocks");
    }
}

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* RFC 7413: the cookie in hexadecimal digits, or nothing to ask for one. */
static void parse_cookie(struct parse *p, struct option *o)
{
    o->kind = OPT_FO;
    unsigned digits = 0;
    bool more = p->now.kind == TOKEN_WORD || p->now.kind == TOKEN_NUMBER;
    while (more && !parse_failed(p)) {
        for (const char *c = parse_take(p).text; *c != '\0'; c++, digits++) {
            int v = hex_value(*c);
            if (v < 0 || digits == 2 * COOKIE_MAX) {
                parse_error(p, "not a Fast Open cookie");
                return;
            }
            uint8_t *byte = &o->cookie[digits / 2];
            *byte = (uint8_t)(*byte << 4U | v);
        }
        more = (p->now.kind == TOKEN_WORD || p->now.kind == TOKEN_NUMBER) && p->now.joined;
    }
    o->count = (uint8_t)((digits + 1) / 2);
}

/* RFC 9768: `ECN e0b 1 ceb 0 e1b 1` is kind 172, `ECN e1b 1 ceb 0 e0b 1` kind 174; counters at the end may be left
 * out. `ECN` alone is kind 174 without any. */
static void parse_ecn(struct parse *p, struct option *o)
{
    static const char *const orders[2][ACCECN_COUNTERS_MAX] = {{"e0b", "ceb", "e1b"},
                                                               {"e1b", "ceb", "e0b"}};
    bool order1 = !parse_at_word(p, "e0b");
    o->kind = order1 ? OPT_ACCECN1 : OPT_ACCECN0;
    while (o->count < ACCECN_COUNTERS_MAX && parse_accept_word(p, orders[order1][o->count])) {
        o->counters[o->count++] = (uint32_t)parse_number(p, 0xffffff, "ECN counter");
    }
}

static void parse_named(struct parse *p, const char *name, struct option *o)
{
    if (strcmp(name, "mss") == 0) {
        o->kind = OPT_MSS;
        o->value = (uint32_t)parse_number(p, UINT16_MAX, "mss");
    } else if (strcmp(name, "wscale") == 0) {
        o->kind = OPT_WSCALE;
        o->value = (uint32_t)parse_number(p, UINT8_MAX, "wscale");
    } else if (strcmp(name, "sackOK") == 0) {
        o->kind = OPT_SACK_OK;
    } else if (strcmp(name, "sack") == 0) {
        parse_sack(p, o);
    } else if (strcmp(name, "TS") == 0) {
        parse_timestamps(p, o);
    } else if (strcmp(name, "nop") == 0) {
        o->kind = OPT_NOP;
    } else if (strcmp(name, "eol") == 0) {
        o->kind = OPT_EOL;
    } else if (strcmp(name, "ECN") == 0) {
        parse_ecn(p, o);
    } else if (strcmp(name, "FO") == 0) {
        parse_cookie(p, o);
    } else {
        parse_unsupported(p, p->now.line, arena_printf(&p->script->arena, "TCP option '%s'", name));
        while (p->now.kind != TOKEN_END && !parse_at_sign(p, ',') && !parse_at_sign(p, '>')) {
            (void)parse_take(p);
        }
    }
}

void parse_options(struct parse *p, struct packet_line *k)
{
    unsigned len = 0;
    if (p->now.kind == TOKEN_DOTS) {
        (void)parse_take(p);
        k->any_options = true;
        parse_expect(p, '>');
        return;
    }
    do {
        if (p->now.kind != TOKEN_WORD) {
            parse_error(p, "expected a TCP option");
            return;
        }
        struct option *o = &k->options[k->option_count];
        parse_named(p, parse_take(p).text, o);
        len += wire_len(o);
        if (len > WIRE_MAX) {
            parse_error(p, "TCP options longer than 40 bytes");
            return;
        }
        k->option_count++;
    } while (parse_accept(p, ','));
    parse_expect(p, '>');
}
