/* A lesson as a document; see doc.h. */
#include "apps/explain/doc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that a document keeps hangs in one list. */
struct doc_memory {
    struct doc_memory *next;
    _Alignas(max_align_t) uint8_t data[];
};

void doc_init(struct doc *d, const char *name, const char *title)
{
    *d = (struct doc){.name = name, .title = title};
}

void doc_done(struct doc *d)
{
    while (d->memory != NULL) {
        struct doc_memory *m = d->memory;
        d->memory = m->next;
        free(m);
    }
    doc_init(d, d->name, d->title);
}

static void *take(struct doc *d, size_t size)
{
    struct doc_memory *m = calloc(1, sizeof *m + size);
    if (m == NULL) {
        d->failed = true;
        return NULL;
    }
    m->next = d->memory;
    d->memory = m;
    return m->data;
}

__attribute__((format(printf, 2, 0))) static const char *keep(struct doc *d, const char *format,
                                                              va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = n < 0 ? NULL : take(d, (size_t)n + 1);
    if (text == NULL) {
        d->failed = true;
        return "";
    }
    vsnprintf(text, (size_t)n + 1, format, args);
    return text;
}

#define KEEP(d, format, text)                                                                      \
    do {                                                                                           \
        va_list args_;                                                                             \
        va_start(args_, format);                                                                   \
        (text) = keep((d), (format), args_);                                                       \
        va_end(args_);                                                                             \
    } while (0)

const char *doc_keep(struct doc *d, const char *format, ...)
{
    const char *text;
    KEEP(d, format, text);
    return text;
}

const uint8_t *doc_copy(struct doc *d, const void *data, size_t len)
{
    uint8_t *copy = take(d, len + 1);
    if (copy != NULL && len > 0) {
        memcpy(copy, data, len);
    }
    return copy;
}

const char *doc_hex(struct doc *d, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = data;
    char *text = take(d, 2 * len + 1);
    if (text == NULL) {
        return "";
    }
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[from[i] >> 4U];
        text[2 * i + 1] = digits[from[i] & 15U];
    }
    return text;
}

static struct doc_block *add_block(struct doc *d, enum doc_kind kind)
{
    struct doc_block *b = take(d, sizeof *b);
    if (b == NULL) {
        return NULL;
    }
    *b = (struct doc_block){.kind = kind, .text = ""};
    if (d->last == NULL) {
        d->blocks = b;
    } else {
        d->last->next = b;
    }
    d->last = b;
    return b;
}

/* Into the last block, which is of that kind unless memory failed. */
static struct doc_item *add_item(struct doc *d, enum doc_kind kind)
{
    struct doc_block *b = d->last;
    struct doc_item *i = b != NULL && b->kind == kind ? take(d, sizeof *i) : NULL;
    if (i == NULL) {
        d->failed = true;
        return NULL;
    }
    if (b->last == NULL) {
        b->items = i;
    } else {
        b->last->next = i;
    }
    b->last = i;
    return i;
}

static void add_text(struct doc *d, enum doc_kind kind, const char *text)
{
    struct doc_block *b = add_block(d, kind);
    if (b != NULL) {
        b->text = text;
    }
}

void doc_section(struct doc *d, const char *format, ...)
{
    const char *text;
    KEEP(d, format, text);
    add_text(d, DOC_SECTION, text);
}

void doc_say(struct doc *d, const char *format, ...)
{
    const char *text;
    KEEP(d, format, text);
    add_text(d, DOC_TEXT, text);
}

void doc_facts(struct doc *d)
{
    add_block(d, DOC_FACTS);
}

static void add_fact(struct doc *d, struct doc_fact fact)
{
    struct doc_item *i = add_item(d, DOC_FACTS);
    if (i != NULL) {
        fact.id = doc_keep(d, "%s", fact.id);
        fact.name = doc_keep(d, "%s", fact.name);
        fact.note = doc_keep(d, "%s", fact.note);
        i->fact = fact;
    }
}

void doc_fact(struct doc *d, const char *id, const char *name, const char *note, const char *format,
              ...)
{
    const char *value;
    KEEP(d, format, value);
    add_fact(d, (struct doc_fact){.id = id, .name = name, .value = value, .note = note});
}

void doc_measured(struct doc *d, const char *id, const char *name, const char *note,
                  const char *format, ...)
{
    const char *value;
    KEEP(d, format, value);
    add_fact(d, (struct doc_fact){
                    .id = id, .name = name, .value = value, .note = note, .measured = true});
}

void doc_table(struct doc *d, unsigned columns, const char *const *headings)
{
    struct doc_block *b = add_block(d, DOC_TABLE);
    if (b != NULL && columns <= DOC_COLUMNS) {
        b->columns = columns;
        doc_row(d, headings);
    }
}

void doc_row(struct doc *d, const char *const *cells)
{
    struct doc_item *i = add_item(d, DOC_TABLE);
    for (unsigned c = 0; i != NULL && c < d->last->columns; c++) {
        i->cell[c] = doc_keep(d, "%s", cells[c]);
    }
}

void doc_ladder(struct doc *d, const char *left, const char *right)
{
    struct doc_block *b = add_block(d, DOC_LADDER);
    if (b != NULL) {
        b->left = doc_keep(d, "%s", left);
        b->right = doc_keep(d, "%s", right);
    }
}

static void add_rung(struct doc *d, struct doc_rung rung)
{
    struct doc_item *i = add_item(d, DOC_LADDER);
    if (i != NULL) {
        i->rung = rung;
    }
}

void doc_note(struct doc *d, enum rung_side side, enum doc_look look, const char *format, ...)
{
    const char *label;
    KEEP(d, format, label);
    add_rung(d, (struct doc_rung){
                    .kind = DOC_NOTE, .side = side, .look = look, .at = -1, .label = label});
}

void doc_arrow(struct doc *d, nsec at, enum rung_side from, bool encrypted, enum doc_look look,
               const char *format, ...)
{
    const char *label;
    KEEP(d, format, label);
    add_rung(d, (struct doc_rung){.kind = DOC_ARROW,
                                  .side = from,
                                  .encrypted = encrypted,
                                  .look = look,
                                  .at = at,
                                  .label = label});
}

void doc_bytes(struct doc *d, const void *data, size_t len, const char *format, ...)
{
    const char *caption;
    KEEP(d, format, caption);
    add_text(d, DOC_BYTES, caption);
    const uint8_t *copy = doc_copy(d, data, len);
    if (copy != NULL && d->last != NULL && d->last->kind == DOC_BYTES) {
        d->last->bytes = copy;
        d->last->len = len;
    }
}

void doc_mark(struct doc *d, size_t from, size_t len, const char *name, const char *format, ...)
{
    const char *text;
    KEEP(d, format, text);
    struct doc_item *i = add_item(d, DOC_BYTES);
    if (i != NULL) {
        size_t left = from < d->last->len ? d->last->len - from : 0;
        i->mark = (struct doc_mark){.from = from,
                                    .len = size_min(len, left),
                                    .name = doc_keep(d, "%s", name),
                                    .text = text};
    }
}
