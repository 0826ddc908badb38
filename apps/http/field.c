/* Field values and their parts (RFC 9110 5.6); see field.h. */
#include "apps/http/field.h"

#include <string.h>

#include "apps/http/parser.h"

enum kind {
    DIGIT = 1,
    LETTER = 2,
    TOKEN = 4, /* RFC 9110 5.6.2 */
    NAME = 8,  /* in a host that is no literal (RFC 3986 3.2.2: reg-name) */
};

#define ALNUM (DIGIT | LETTER)

/* What each byte may be part of. */
static const uint8_t kinds[256] = {
    ['0' ... '9'] = DIGIT | TOKEN | NAME,
    ['A' ... 'Z'] = LETTER | TOKEN | NAME,
    ['a' ... 'z'] = LETTER | TOKEN | NAME,
    ['!'] = TOKEN | NAME,
    ['#'] = TOKEN,
    ['$'] = TOKEN | NAME,
    ['%'] = TOKEN | NAME,
    ['&'] = TOKEN | NAME,
    ['\''] = TOKEN | NAME,
    ['('] = NAME,
    [')'] = NAME,
    ['*'] = TOKEN | NAME,
    ['+'] = TOKEN | NAME,
    [','] = NAME,
    ['-'] = TOKEN | NAME,
    ['.'] = TOKEN | NAME,
    [';'] = NAME,
    ['='] = NAME,
    ['^'] = TOKEN,
    ['_'] = TOKEN | NAME,
    ['`'] = TOKEN,
    ['|'] = TOKEN,
    ['~'] = TOKEN | NAME,
};

static bool is(uint8_t c, unsigned kind)
{
    return (kinds[c] & kind) != 0;
}

bool http_field_is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is(s.data[i], TOKEN)) {
            return false;
        }
    }
    return true;
}

bool http_field_is_value(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* The part after a host: nothing, or a colon and digits. */
static bool is_port(struct rd *r)
{
    if (rd_left(r) == 0) {
        return true;
    }
    if (rd_u8(r) != ':') {
        return false;
    }
    while (rd_left(r) > 0) {
        if (!is(rd_u8(r), DIGIT)) {
            return false;
        }
    }
    return true;
}

/* "[" IPv6 address "]" (RFC 3986 3.2.2), by its characters. */
static bool is_bracketed(struct rd *r)
{
    rd_skip(r, 1);
    while (rd_left(r) > 0) {
        uint8_t c = rd_u8(r);
        if (c == ']') {
            return is_port(r);
        }
        if (!is(c, ALNUM) && c != ':' && c != '.') {
            return false;
        }
    }
    return false;
}

bool http_field_is_host(struct slice s)
{
    struct rd r = rd_slice(s);
    if (s.len > 0 && s.data[0] == '[') {
        return is_bracketed(&r);
    }
    while (rd_left(&r) > 0 && *r.pos != ':') {
        if (!is(rd_u8(&r), NAME)) {
            return false;
        }
    }
    return is_port(&r);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct slice http_field_trim(struct slice s)
{
    while (s.len > 0 && is_space(s.data[0])) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.data[s.len - 1])) {
        s.len--;
    }
    return s;
}

bool http_field_number(struct slice s, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!is(s.data[i], DIGIT) || n > (uint64_t)INT64_MAX / 10 - 1) {
            return false;
        }
        n = n * 10 + (uint64_t)(s.data[i] - '0');
    }
    *out = n;
    return s.len > 0;
}

bool http_field_next(struct rd *list, struct slice *item)
{
    while (rd_left(list) > 0) {
        const uint8_t *start = list->pos;
        size_t n = 0;
        bool quoted = false;
        while (rd_left(list) > 0) {
            uint8_t c = rd_u8(list);
            if (c == ',' && !quoted) {
                break;
            }
            quoted = c == '"' ? !quoted : quoted;
            n++;
        }
        *item = http_field_trim((struct slice){start, n});
        if (item->len > 0) {
            return true;
        }
    }
    return false;
}

bool http_same_letters(struct slice s, const char *word)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        uint8_t lower = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
        if (lower != (uint8_t)word[i]) {
            return false;
        }
    }
    return true;
}

/* The weight of a media range is zero: "q=0", "q=0.0", "q=0.00", "q=0.000" (RFC 9110 12.4.2). */
static bool weight_is_zero(struct slice parameter)
{
    return http_same(parameter, "q=0") || http_same(parameter, "q=0.") ||
           http_same(parameter, "q=0.0") || http_same(parameter, "q=0.00") ||
           http_same(parameter, "q=0.000");
}

bool http_accepts(struct slice accept, const char *type)
{
    struct rd r = rd_slice(accept);
    struct slice item;
    while (http_field_next(&r, &item)) {
        const uint8_t *semicolon = memchr(item.data, ';', item.len);
        size_t n = semicolon != NULL ? (size_t)(semicolon - item.data) : item.len;
        if (!http_same(http_field_trim((struct slice){item.data, n}), type)) {
            continue;
        }
        /* The weight is the last parameter. */
        const uint8_t *last = semicolon != NULL ? memrchr(item.data, ';', item.len) : NULL;
        if (last == NULL) {
            return true;
        }
        size_t after = (size_t)(last - item.data) + 1;
        return !weight_is_zero(http_field_trim((struct slice){last + 1, item.len - after}));
    }
    return false;
}
