/* A handshake message, byte by byte; see message_seen.h. */
#include "apps/explain/message_seen.h"

#include <stdio.h>
#include <string.h>

#define HEADER 4U           /* bytes: type and length (RFC 8446 4) */
#define LENGTH_MAX 3U       /* bytes of a length */
#define EXTENSION_HEADER 4U /* bytes: type and length */
#define FIELDS_MAX 400U     /* of one message; more are not shown */

/* A field as it stands in the message. */
struct placed {
    unsigned depth;
    size_t from, len;
    bool placed; /* it has bytes of the message */
    const char *name, *text;
};

struct seen {
    struct doc *d;
    const struct tls_message_view *m;
    struct placed fields[FIELDS_MAX];
    size_t count;
};

/* The value is nothing but the bytes once more. */
static bool is_hex_of(const char *value, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (; n < bytes.len && value[2 * n] == digits[bytes.data[n] >> 4U]; n++) {
        if (value[2 * n + 1] != digits[bytes.data[n] & 15U]) {
            return false;
        }
    }
    return n == bytes.len ? value[2 * n] == '\0' : strncmp(value + 2 * n, "…", strlen("…")) == 0;
}

static void on_field(void *arg, const struct tls_field *f)
{
    struct seen *s = arg;
    struct slice whole = s->m->bytes;
    if (s->count == FIELDS_MAX || strcmp(f->name, "verdict") == 0) {
        return; /* the verdict is no part of the bytes */
    }
    bool inside = f->bytes.len > 0 && f->bytes.data >= whole.data &&
                  f->bytes.data + f->bytes.len <= whole.data + whole.len;
    const char *value = inside && is_hex_of(f->value, f->bytes) ? "" : f->value;
    const char *between = value[0] != '\0' && f->note[0] != '\0' ? "; " : "";
    s->fields[s->count++] = (struct placed){
        .depth = f->depth,
        .from = inside ? (size_t)(f->bytes.data - whole.data) : 0,
        .len = inside ? f->bytes.len : 0,
        .placed = inside,
        .name = doc_keep(s->d, "%s", f->name),
        .text = doc_keep(s->d, "%s%s%s", value, between, f->note),
    };
}

/* Up to where the field's own bytes go: its parts have the rest. Extensions have none but their parts. */
static size_t own_end(const struct seen *s, size_t i)
{
    const struct placed *f = &s->fields[i];
    if (strcmp(f->name, "extensions") == 0) {
        return f->from;
    }
    size_t end = f->from + f->len;
    if (i + 1 < s->count && s->fields[i + 1].depth > f->depth && s->fields[i + 1].placed &&
        s->fields[i + 1].from >= f->from) {
        end = size_min(end, s->fields[i + 1].from);
    }
    return end;
}

static uint32_t number_at(const struct seen *s, size_t at, size_t len)
{
    uint32_t n = 0;
    for (size_t i = at; i < at + len; i++) {
        n = n << 8U | s->m->bytes.data[i];
    }
    return n;
}

/* What stands between two fields: lengths; in front of an extension first its type and length (RFC 8446 4.2). */
static void mark_gap(struct seen *s, size_t from, size_t to, bool extension)
{
    if (extension && to - from >= EXTENSION_HEADER) {
        doc_mark(s->d, from, 2, "extension", "%u", number_at(s, from, 2));
        doc_mark(s->d, from + 2, 2, "· length", "%u", number_at(s, from + 2, 2));
        from += EXTENSION_HEADER;
    }
    if (to > from && to - from <= LENGTH_MAX &&
        number_at(s, from, to - from) <= s->m->bytes.len - to) {
        doc_mark(s->d, from, to - from, extension ? "· length" : "length", "%u",
                 number_at(s, from, to - from));
    } else if (to > from) {
        doc_mark(s->d, from, to - from, "lengths", "%s", "of what is in what follows");
    }
}

static void mark_fields(struct seen *s)
{
    static const char dots[] = "· · · · · · ";
    size_t at = HEADER;
    bool in_extensions = false;
    for (size_t i = 0; i < s->count; i++) {
        const struct placed *f = &s->fields[i];
        size_t depth = f->depth < 6 ? f->depth : 6;
        int indent = (int)(strlen("· ") * depth);
        size_t end = f->placed ? own_end(s, i) : 0;
        in_extensions = f->depth == 0 ? strcmp(f->name, "extensions") == 0 : in_extensions;
        bool extension = in_extensions && f->depth == 1;
        size_t next = f->placed ? f->from
                      : extension && at + EXTENSION_HEADER <= s->m->bytes.len
                          ? at + EXTENSION_HEADER /* it has no value */
                          : at;
        if (next > at) {
            mark_gap(s, at, next, extension);
            at = next;
        }
        doc_mark(s->d, f->placed ? f->from : at, f->placed ? end - f->from : 0,
                 doc_keep(s->d, "%.*s%s", indent, dots, f->name), "%s", f->text);
        at = end > at ? end : at;
    }
}

void message_bytes(struct doc *d, const struct tls_message_view *m, const char *caption)
{
    static struct seen s; /* big, and used by one after the other */
    s = (struct seen){.d = d, .m = m};
    doc_bytes(d, m->bytes.data, m->bytes.len, "%s", caption);
    if (m->type == TLS_CHANGE_CIPHER_SPEC || m->bytes.len < HEADER) {
        doc_mark(d, 0, m->bytes.len, "change_cipher_spec", "%s", "1");
        return;
    }
    doc_mark(d, 0, 1, "handshake type", "%u, %s", m->bytes.data[0], tls_message_name(m->type));
    doc_mark(d, 1, 3, "length", "%zu bytes follow", m->bytes.len - HEADER);
    tls_message_fields(m, on_field, &s);
    mark_fields(&s);
}
