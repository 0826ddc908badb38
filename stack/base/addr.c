/* Addresses as text and back: IPv4 dotted, IPv6 in the forms of RFC 4291 2.2, shown as RFC 5952 says. */
#include "stack/base/addr.h"

#include <stdio.h>

const struct mac mac_broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
const struct ip_addr ip_any = {{0}};
const struct ip_addr ip4_any = {{[10] = 0xff, [11] = 0xff}};

bool ip_is_loopback(struct ip_addr a)
{
    static const struct ip_addr v6_loopback = {{[15] = 1}};
    return ip_is_v4(a) ? a.b[IP4_OFFSET] == 127 : ip_equal(a, v6_loopback);
}

/* RFC 4291 2.3. */
bool ip6_same_prefix(struct ip_addr a, struct ip_addr b, unsigned bits)
{
    unsigned whole = bits < 128 ? bits / 8 : 16;
    unsigned rest = bits < 128 ? bits % 8 : 0;
    return memcmp(a.b, b.b, whole) == 0 &&
           (rest == 0 || (unsigned)(a.b[whole] ^ b.b[whole]) >> (8 - rest) == 0);
}

const char *mac_text(struct mac m, char out[MAC_TEXT_MAX])
{
    snprintf(out, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", m.b[0], m.b[1], m.b[2], m.b[3],
             m.b[4], m.b[5]);
    return out;
}

static unsigned group_at(struct ip_addr a, unsigned i)
{
    return (unsigned)a.b[2 * i] << 8 | a.b[2 * i + 1];
}

/* The run of zero groups that is written as "::": the longest, the first of equals, and never a
 * single one (RFC 5952 4.2). Its length is 0 when there is none. */
static void zero_run(struct ip_addr a, unsigned *start, unsigned *length)
{
    *start = 0;
    *length = 0;
    unsigned run = 0;
    for (unsigned i = 0; i < 8; i++) {
        run = group_at(a, i) == 0 ? run + 1 : 0;
        if (run > *length) {
            *length = run;
            *start = i + 1 - run;
        }
    }
    if (*length < 2) {
        *length = 0;
    }
}

const char *ip_text(struct ip_addr a, char out[IP_TEXT_MAX])
{
    if (ip_is_v4(a)) {
        snprintf(out, IP_TEXT_MAX, "%u.%u.%u.%u", a.b[12], a.b[13], a.b[14], a.b[15]);
        return out;
    }
    unsigned start;
    unsigned length;
    zero_run(a, &start, &length);
    size_t n = 0;
    for (unsigned i = 0; i < 8; i++) {
        if (length > 0 && i == start) {
            n += (size_t)snprintf(out + n, IP_TEXT_MAX - n, "::");
            i += length - 1;
            continue;
        }
        bool colon = i > 0 && !(length > 0 && i == start + length);
        n += (size_t)snprintf(out + n, IP_TEXT_MAX - n, "%s%x", colon ? ":" : "", group_at(a, i));
    }
    return out;
}

const char *endpoint_text(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX])
{
    char addr[IP_TEXT_MAX];
    ip_text(e->addr, addr);
    const char *form = ip_is_v4(e->addr) ? "%s:%u" : "[%s]:%u";
    snprintf(out, ENDPOINT_TEXT_MAX, form, addr, e->port);
    return out;
}

/* A decimal number up to `most` at *text, without leading zeros (which some read as octal); steps
 * past it. */
static bool parse_decimal(const char **text, unsigned most, unsigned *out)
{
    const char *p = *text;
    unsigned v = 0;
    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9')) {
        return false;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        v = v * 10 + (unsigned)(*p - '0');
        if (v > most) {
            return false;
        }
    }
    *text = p;
    *out = v;
    return true;
}

/* Dotted IPv4 at *text into four bytes; steps past it. */
static bool parse_dotted(const char **text, uint8_t out[4])
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned v;
        if (i > 0) {
            if (**text != '.') {
                return false;
            }
            ++*text;
        }
        if (!parse_decimal(text, 255, &v)) {
            return false;
        }
        out[i] = (uint8_t)v;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One group of up to four hexadecimal digits at *text; steps past it. */
static bool parse_group(const char **text, uint8_t out[2])
{
    const char *p = *text;
    unsigned v = 0;
    while (p - *text < 4 && hex_digit(*p) >= 0) {
        v = v << 4 | (unsigned)hex_digit(*p++);
    }
    if (p == *text || hex_digit(*p) >= 0) {
        return false;
    }
    *text = p;
    out[0] = (uint8_t)(v >> 8);
    out[1] = (uint8_t)v;
    return true;
}

/* A run of groups up to "::" or to what cannot be a group: `*len` bytes into `out`, which has room
 * for `cap`. What ends the address may be dotted IPv4 (RFC 4291 2.2, form 3); a run in front of "::"
 * ends it only if it fills `cap`. Steps past what it took. */
static bool parse_groups(const char **text, uint8_t *out, size_t cap, bool front, size_t *len)
{
    *len = 0;
    if (hex_digit(**text) < 0) {
        return true;
    }
    while (true) {
        const char *dotted = *text;
        bool room = front ? cap - *len == 4 : cap - *len >= 4;
        if (room && parse_dotted(&dotted, out + *len)) {
            *text = dotted;
            *len += 4;
            return true;
        }
        if (cap - *len < 2 || !parse_group(text, out + *len)) {
            return false;
        }
        *len += 2;
        if (**text != ':' || (*text)[1] == ':') {
            return true;
        }
        ++*text;
    }
}

/* Steps past what it took. */
static bool parse_ip6(const char **text, struct ip_addr *out)
{
    uint8_t tail[16];
    size_t front;
    size_t back;
    struct ip_addr a = ip_any;
    if (!parse_groups(text, a.b, sizeof a.b, true, &front)) {
        return false;
    }
    if (front < sizeof a.b) {
        /* "::" stands for at least one group of zeros, so 14 bytes at most remain. */
        if ((*text)[0] != ':' || (*text)[1] != ':') {
            return false;
        }
        *text += 2;
        if (!parse_groups(text, tail, 14 - front, false, &back)) {
            return false;
        }
        memcpy(a.b + sizeof a.b - back, tail, back);
    }
    *out = a;
    return true;
}

static bool parse_any(const char **text, struct ip_addr *out)
{
    uint8_t v4[4];
    const char *p = *text;
    if (parse_dotted(&p, v4)) {
        *text = p;
        memcpy(out->b, ip4_any.b, IP4_OFFSET);
        memcpy(out->b + IP4_OFFSET, v4, sizeof v4);
        return true;
    }
    return parse_ip6(text, out);
}

bool ip_parse(const char *text, struct ip_addr *out)
{
    struct ip_addr a;
    if (!parse_any(&text, &a) || *text != '\0') {
        return false;
    }
    *out = a;
    return true;
}

bool ip_parse_prefix(const char *text, struct ip_addr *out, unsigned *bits)
{
    struct ip_addr a;
    unsigned n;
    if (!parse_any(&text, &a) || *text != '/') {
        return false;
    }
    text++;
    if (!parse_decimal(&text, ip_is_v4(a) ? 32 : 128, &n) || *text != '\0') {
        return false;
    }
    *out = a;
    *bits = n;
    return true;
}
