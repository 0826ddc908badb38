/* Text in a bounded buffer, and JSON strings (RFC 8259 7). */
#include "stack/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text text_of(char *out, size_t cap)
{
    if (cap > 0) {
        out[0] = '\0';
    }
    return (struct text){.out = out, .cap = cap, .full = cap == 0};
}

/* Undoes a piece that did not fit. */
static void overflow(struct text *t)
{
    t->full = true;
    t->out[t->len] = '\0';
}

void text_add(struct text *t, const char *piece)
{
    if (t->full) {
        return;
    }
    size_t n = strlen(piece);
    if (n >= t->cap - t->len) {
        overflow(t);
        return;
    }
    memcpy(t->out + t->len, piece, n + 1);
    t->len += n;
}

void text_addf(struct text *t, const char *form, ...)
{
    if (t->full) {
        return;
    }
    va_list args;
    va_start(args, form);
    int n = vsnprintf(t->out + t->len, t->cap - t->len, form, args);
    va_end(args);
    if (n < 0 || (size_t)n >= t->cap - t->len) {
        overflow(t);
        return;
    }
    t->len += (size_t)n;
}

void text_add_quoted(struct text *t, const char *s, size_t max)
{
    text_add(t, "\"");
    for (size_t i = 0; i < max && s[i] != '\0'; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\') {
            text_addf(t, "\\%c", c);
        } else if (c < 0x20 || c > 0x7e) {
            text_addf(t, "\\u%04x", c);
        } else {
            text_addf(t, "%c", c);
        }
    }
    text_add(t, "\"");
}
