/* A lesson as a document: sections with text, facts, tables, ladders and bytes with what they mean.
 *
 * A chapter builds it once; three renderers show it: as text for a terminal, as JSON, and as a page for
 * browsers. Text is UTF-8; `backticks` in paragraphs and notes enclose what is code. The document keeps copies of
 * everything. A call that finds no memory makes it `failed` for good, so that a chapter asks once, at the end.
 */
#ifndef VITRINE_APPS_EXPLAIN_DOC_H
#define VITRINE_APPS_EXPLAIN_DOC_H

#include "apps/draft.h"
#include "apps/rung.h"

#define DOC_COLUMNS 5U    /* of a table, at most */
#define DOC_SIZE 2000000U /* bytes of a document in any form, at most */

/* A value with its name, and why it is what it is. `id` is what programs know it by. */
struct doc_fact {
    const char *id, *name, *value, *note; /* note "": it needs no word */
    bool measured;                        /* by this machine's clock: another run has another */
};

enum doc_rung_kind { DOC_NOTE, DOC_ARROW };
enum doc_look { DOC_PLAIN, DOC_FAINT, DOC_GOOD, DOC_BAD, DOC_SECRET };

struct doc_rung {
    enum doc_rung_kind kind;
    enum rung_side side; /* of a note; of an arrow the side at which it starts */
    bool encrypted;
    enum doc_look look;
    nsec at; /* since the ladder's start; below 0: no time is shown */
    const char *label;
};

/* What the bytes from `from` on mean. */
struct doc_mark {
    size_t from, len;
    const char *name, *text;
};

struct doc_item {
    struct doc_item *next;
    union {
        struct doc_fact fact;
        struct doc_rung rung;
        struct doc_mark mark;
        const char *cell[DOC_COLUMNS];
    };
};

enum doc_kind { DOC_SECTION, DOC_TEXT, DOC_FACTS, DOC_TABLE, DOC_LADDER, DOC_BYTES };

struct doc_block {
    struct doc_block *next;
    enum doc_kind kind;
    const char *text;         /* heading, paragraph or caption */
    const char *left, *right; /* of a ladder: who stands there */
    unsigned columns;         /* of a table; its first item has the headings */
    const uint8_t *bytes;     /* of DOC_BYTES */
    size_t len;               /* of them */
    struct doc_item *items, *last;
};

struct doc_memory;

struct doc {
    const char *name, *title;
    struct doc_block *blocks, *last;
    struct doc_memory *memory;
    bool failed;
};

void doc_init(struct doc *d, const char *name, const char *title); /* both stay the caller's */
void doc_done(struct doc *d);
/* A formatted copy that lives as long as the document; "" when it failed. */
const char *doc_keep(struct doc *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same of bytes; NULL when it failed. */
const uint8_t *doc_copy(struct doc *d, const void *data, size_t len);
/* So many bytes as hex, "0x" not included. */
const char *doc_hex(struct doc *d, const void *data, size_t len);

void doc_section(struct doc *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doc_say(struct doc *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What follows goes into the block that was begun last. */
void doc_facts(struct doc *d);
void doc_fact(struct doc *d, const char *id, const char *name, const char *note, const char *format,
              ...) __attribute__((format(printf, 5, 6)));
void doc_measured(struct doc *d, const char *id, const char *name, const char *note,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
void doc_table(struct doc *d, unsigned columns, const char *const *headings);
void doc_row(struct doc *d, const char *const *cells); /* as many as the table has columns */
void doc_ladder(struct doc *d, const char *left, const char *right);
void doc_note(struct doc *d, enum rung_side side, enum doc_look look, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void doc_arrow(struct doc *d, nsec at, enum rung_side from, bool encrypted, enum doc_look look,
               const char *format, ...) __attribute__((format(printf, 6, 7)));
void doc_bytes(struct doc *d, const void *data, size_t len, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void doc_mark(struct doc *d, size_t from, size_t len, const char *name, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The renderers. `width`: columns of the terminal, 72 at least. */
struct doc_terminal {
    unsigned width;
    bool ascii, colour;
};

#define DOC_WIDTH_MIN 72U
#define DOC_WIDTH_MAX 120U

void doc_text(const struct doc *d, const struct doc_terminal *t, struct draft *out);
void doc_json(const struct doc *d, struct draft *out);
void doc_html(const struct doc *d, struct draft *out);

#endif
