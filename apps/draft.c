/* Growing text with a limit; see draft.h. */
#include "apps/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 512U /* bytes: the head of an answer */

void draft_init(struct draft *t, size_t limit)
{
    *t = (struct draft){.limit = limit};
}

void draft_done(struct draft *t)
{
    free(t->data);
    *t = (struct draft){.limit = t->limit};
}

/* Makes room for `more` bytes and a NUL. */
static bool draft_room(struct draft *t, size_t more)
{
    if (t->failed) {
        return false;
    }
    if (more >= t->limit - t->len) {
        t->failed = true;
        return false;
    }
    if (t->len + more < t->cap) {
        return true;
    }
    size_t cap = t->cap != 0 ? t->cap : FIRST_ROOM;
    while (cap <= t->len + more) {
        cap *= 2;
    }
    char *data = realloc(t->data, cap);
    if (data == NULL) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->cap = cap;
    return true;
}

void draft_bytes(struct draft *t, const void *data, size_t len)
{
    if (!draft_room(t, len)) {
        return;
    }
    if (len > 0) {
        memcpy(t->data + t->len, data, len);
    }
    t->len += len;
    t->data[t->len] = '\0';
}

void draft_number(struct draft *t, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    draft_bytes(t, digits + at, sizeof digits - at);
}

void draft_addf(struct draft *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !draft_room(t, (size_t)n)) {
        t->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(t->data + t->len, (size_t)n + 1, format, args);
    va_end(args);
    t->len += (size_t)n;
}

void draft_fill(struct draft *t, char c, size_t n)
{
    if (!draft_room(t, n)) {
        return;
    }
    memset(t->data + t->len, c, n);
    t->len += n;
    t->data[t->len] = '\0';
}

void draft_json(struct draft *t, const char *s)
{
    if (s == NULL) {
        draft_add(t, "null");
        return;
    }
    draft_add(t, "\"");
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            draft_addf(t, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            draft_addf(t, "\\u%04x", (unsigned)c);
        } else {
            draft_addf(t, "%c", c < 0x80 ? c : '?');
        }
    }
    draft_add(t, "\"");
}

static const char *html_entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void draft_html(struct draft *t, const char *s)
{
    for (; *s != '\0'; s++) {
        const char *entity = html_entity(*s);
        if (entity != NULL) {
            draft_add(t, entity);
        } else {
            draft_bytes(t, s, 1);
        }
    }
}

const char *bytes_text(uint64_t n, char out[BYTES_TEXT_MAX])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    if (n < 1000) {
        snprintf(out, BYTES_TEXT_MAX, "%u B", (unsigned)n);
        return out;
    }
    double v = (double)n / 1000.0;
    size_t unit = 0;
    while (v >= 999.95 && unit + 1 < COUNT_OF(units)) {
        v /= 1000.0;
        unit++;
    }
    snprintf(out, BYTES_TEXT_MAX, "%.1f %s", v, units[unit]);
    return out;
}

const char *nsec_text(nsec t, char out[NSEC_TEXT_MAX])
{
    double v = (double)t;
    if (t < NS_PER_US) {
        snprintf(out, NSEC_TEXT_MAX, "%lld ns", (long long)t);
    } else if (t < NS_PER_MS) {
        snprintf(out, NSEC_TEXT_MAX, "%.1f us", v / 1e3);
    } else if (t < NS_PER_SEC) {
        snprintf(out, NSEC_TEXT_MAX, "%.3f ms", v / 1e6);
    } else {
        snprintf(out, NSEC_TEXT_MAX, "%.3f s", v / 1e9);
    }
    return out;
}
