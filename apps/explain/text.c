/* A lesson for a terminal: no line is wider than asked for, and with `ascii` every byte is ASCII. */
#include <stdio.h>
#include <string.h>

#include "apps/explain/doc.h"

#define INDENT 2U
#define NAME 20U /* columns of a fact's name */
#define TIME 11U /* columns of a ladder's times, the blank behind them included */
#define BYTES_A_LINE 8U
#define BYTES_LINES 6U /* of one mark, at most: what is longer is cut and said so */
#define CELL_MIN 6U    /* columns of a table's column, at least */
#define GAP 2U         /* columns between those of a table */

struct text {
    struct draft *out;
    unsigned width;
    bool ascii, colour;
    unsigned sections;
};

static const char *const looks[] = {[DOC_PLAIN] = "",
                                    [DOC_FAINT] = "\033[2m",
                                    [DOC_GOOD] = "\033[32m",
                                    [DOC_BAD] = "\033[31m",
                                    [DOC_SECRET] = "\033[36m"};

/* ---- words ---- */

static const struct {
    const char *sign, *ascii;
} signs[] = {{"→", "->"}, {"←", "<-"}, {"…", "..."}, {"·", "-"}, {"×", "x"},
             {"≥", ">="}, {"≠", "!="}, {"≤", "<="},  {"–", "-"}, {"²", "^2"},
             {"µ", "u"},  {"“", "\""}, {"”", "\""}};

/* One sign of UTF-8 as ASCII; returns its bytes. */
static size_t put_sign(struct draft *out, const char *s)
{
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        size_t n = strlen(signs[i].sign);
        if (strncmp(s, signs[i].sign, n) == 0) {
            draft_add(out, signs[i].ascii);
            return n;
        }
    }
    draft_add(out, "?");
    return text_bytes(s, 1);
}

/* What the terminal is shown of a text of the document: without backticks, and in ASCII if it must be. To be freed
 * with draft_done; its `data` is NULL for an empty text. */
static struct draft shown(const struct text *t, const char *s)
{
    struct draft out;
    draft_init(&out, DOC_SIZE);
    while (*s != '\0') {
        size_t n = 1;
        if (t->ascii && ((unsigned char)*s & 0x80) != 0) {
            n = put_sign(&out, s);
        } else if (*s != '`') {
            draft_bytes(&out, s, 1);
        }
        s += n;
    }
    return out;
}

static const char *text_of_draft(const struct draft *d)
{
    return d->data != NULL ? d->data : "";
}

/* Bytes of the first line of `s` in so many columns; `*skip` is what lies between it and the next. */
static size_t line_len(const char *s, size_t columns, size_t *skip)
{
    size_t all = strcspn(s, "\n");
    size_t fits = text_bytes(s, columns);
    *skip = s[all] == '\n' ? 1 : 0;
    if (fits >= all) {
        return all;
    }
    size_t n = fits;
    while (n > 0 && s[n] != ' ') {
        n--;
    }
    *skip = n > 0 ? 1 : 0;
    return n > 0 ? n : fits;
}

static void put_look(const struct text *t, enum doc_look look)
{
    draft_add(t->out, t->colour ? looks[look] : "");
}

static void put_end(const struct text *t, enum doc_look look)
{
    draft_add(t->out, t->colour && look != DOC_PLAIN ? "\033[0m" : "");
}

/* Wrapped to the width; the first line goes on where the output stands, the others begin at `indent`. */
static void put_wrapped(const struct text *t, unsigned indent, enum doc_look look, const char *s)
{
    struct draft words = shown(t, s);
    const char *p = text_of_draft(&words);
    bool first = true;
    do {
        size_t skip;
        size_t n = line_len(p, t->width - indent, &skip);
        draft_fill(t->out, ' ', first || n == 0 ? 0 : indent);
        put_look(t, look);
        draft_bytes(t->out, p, n);
        put_end(t, look);
        draft_add(t->out, "\n");
        p += n + skip;
        first = false;
    } while (*p != '\0');
    draft_done(&words);
}

static void put_rule(const struct text *t, const char *sign, const char *ascii)
{
    for (unsigned i = 0; i < t->width; i++) {
        draft_add(t->out, t->ascii ? ascii : sign);
    }
    draft_add(t->out, "\n");
}

/* ---- facts ---- */

static void put_fact(const struct text *t, const struct doc_fact *f)
{
    unsigned at = INDENT + NAME + 2;
    struct draft name = shown(t, f->name), value;
    draft_init(&value, DOC_SIZE);
    draft_addf(&value, "%s%s", f->value, f->measured ? " (measured here)" : "");
    draft_fill(t->out, ' ', INDENT);
    draft_add(t->out, text_of_draft(&name));
    size_t used = text_columns(text_of_draft(&name));
    if (used > NAME) {
        draft_add(t->out, "\n");
        draft_fill(t->out, ' ', at);
    } else {
        draft_fill(t->out, ' ', NAME + 2 - used);
    }
    put_wrapped(t, at, DOC_SECRET, text_of_draft(&value));
    if (f->note[0] != '\0') {
        draft_fill(t->out, ' ', at);
        put_wrapped(t, at, DOC_PLAIN, f->note);
    }
    draft_done(&name);
    draft_done(&value);
}

/* ---- tables ---- */

/* Each column as wide as its widest cell, and the widest narrower until all fit. */
static void table_widths(const struct text *t, const struct doc_block *b, size_t width[DOC_COLUMNS])
{
    size_t sum = INDENT + GAP * (b->columns - 1);
    for (unsigned c = 0; c < b->columns; c++) {
        width[c] = CELL_MIN;
        for (const struct doc_item *i = b->items; i != NULL; i = i->next) {
            struct draft cell = shown(t, i->cell[c]);
            size_t n = text_columns(text_of_draft(&cell));
            width[c] = n > width[c] ? n : width[c];
            draft_done(&cell);
        }
        sum += width[c];
    }
    while (sum > t->width) {
        unsigned widest = 0;
        for (unsigned c = 1; c < b->columns; c++) {
            widest = width[c] > width[widest] ? c : widest;
        }
        width[widest]--;
        sum--;
    }
}

static size_t columns_of(const char *s, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes; i += text_bytes(s + i, 1)) {
        n++;
    }
    return n;
}

static void put_row(const struct text *t, const struct doc_block *b, const struct doc_item *row,
                    const size_t width[DOC_COLUMNS])
{
    struct draft cell[DOC_COLUMNS];
    const char *left[DOC_COLUMNS];
    bool more = true;
    for (unsigned c = 0; c < b->columns; c++) {
        cell[c] = shown(t, row->cell[c]);
        left[c] = text_of_draft(&cell[c]);
    }
    while (more) {
        size_t blank = INDENT; /* columns before the next cell: none at the end of a line */
        more = false;
        for (unsigned c = 0; c < b->columns; c++) {
            size_t skip;
            size_t n = line_len(left[c], width[c], &skip);
            if (n > 0) {
                draft_fill(t->out, ' ', blank);
                blank = 0;
            }
            draft_bytes(t->out, left[c], n);
            blank += width[c] + GAP - columns_of(left[c], n);
            left[c] += n + skip;
            more = more || *left[c] != '\0';
        }
        draft_add(t->out, "\n");
    }
    for (unsigned c = 0; c < b->columns; c++) {
        draft_done(&cell[c]);
    }
}

static void put_table(const struct text *t, const struct doc_block *b)
{
    size_t width[DOC_COLUMNS] = {0};
    if (b->columns == 0) {
        return;
    }
    table_widths(t, b, width);
    for (const struct doc_item *i = b->items; i != NULL; i = i->next) {
        put_row(t, b, i, width);
        if (i == b->items) {
            draft_fill(t->out, ' ', INDENT);
            for (unsigned c = 0; c < b->columns; c++) {
                draft_fill(t->out, '-', width[c]);
                draft_fill(t->out, ' ', c + 1 < b->columns ? GAP : 0);
            }
            draft_add(t->out, "\n");
        }
    }
}

/* ---- ladders ---- */

static void put_ladder_head(const struct text *t, const struct doc_block *b)
{
    struct draft left = shown(t, b->left), right = shown(t, b->right);
    size_t used = text_columns(text_of_draft(&left)) + text_columns(text_of_draft(&right));
    size_t room = t->width - TIME;
    draft_fill(t->out, ' ', TIME);
    draft_addf(t->out, "%s", text_of_draft(&left));
    draft_fill(t->out, ' ', used + 1 < room ? room - used : 1);
    draft_addf(t->out, "%s\n", text_of_draft(&right));
    draft_done(&left);
    draft_done(&right);
}

static void put_rung(const struct text *t, const struct doc_rung *r)
{
    char time[NSEC_TEXT_MAX] = "";
    size_t inside = t->width - TIME - 2;
    struct draft label = shown(t, r->label);
    if (r->at >= 0) {
        nsec_text(r->at, time);
    }
    draft_addf(t->out, "%*s ", (int)TIME - 1, time);
    put_look(t, r->look);
    if (r->kind == DOC_ARROW) {
        rung_arrow(t->out, inside, t->ascii,
                   (struct rung_arrow){.to_left = r->side == RUNG_RIGHT, .encrypted = r->encrypted},
                   text_of_draft(&label));
    } else {
        rung_note(t->out, inside, t->ascii, r->side, text_of_draft(&label));
    }
    put_end(t, r->look);
    draft_add(t->out, "\n");
    draft_done(&label);
}

/* ---- bytes ---- */

/* The hex of one line of a mark; returns its columns. Behind BYTES_LINES it only says how many follow. */
static size_t put_hex(const struct text *t, const struct doc_block *b, const struct doc_mark *m,
                      size_t from)
{
    size_t before = t->out->len, left = from < m->len ? m->len - from : 0;
    draft_fill(t->out, ' ', INDENT);
    if (left > 0 && from < BYTES_LINES * BYTES_A_LINE) {
        draft_addf(t->out, "%04zx ", m->from + from);
        for (size_t i = 0; i < size_min(left, BYTES_A_LINE); i++) {
            draft_addf(t->out, " %02x", b->bytes[m->from + from + i]);
        }
    } else if (left > 0 && from == BYTES_LINES * BYTES_A_LINE) {
        draft_addf(t->out, "      and %zu bytes more", left);
    }
    return t->out->len - before;
}

/* "  0010  0a 09 00 01   source address: 10.9.0.1"; what is longer goes on below. */
static void put_mark(const struct text *t, const struct doc_block *b, const struct doc_mark *m)
{
    struct draft words;
    draft_init(&words, DOC_SIZE);
    draft_addf(&words, "%s%s%s", m->name, m->text[0] != '\0' ? ": " : "", m->text);
    struct draft plain = shown(t, text_of_draft(&words));
    const char *left = text_of_draft(&plain);
    const size_t at = INDENT + 6 + 3 * BYTES_A_LINE + 1; /* where the words begin */
    size_t shown_len = size_min(m->len, BYTES_LINES * BYTES_A_LINE + 1);
    for (size_t from = 0; from < shown_len || *left != '\0'; from += BYTES_A_LINE) {
        size_t skip;
        size_t n = line_len(left, t->width - at, &skip);
        size_t used = put_hex(t, b, m, from);
        draft_fill(t->out, ' ', n > 0 ? at - used : 0);
        put_look(t, DOC_SECRET);
        draft_bytes(t->out, left, n);
        put_end(t, DOC_SECRET);
        draft_add(t->out, "\n");
        left += n + skip;
    }
    draft_done(&plain);
    draft_done(&words);
}

static void put_bytes(const struct text *t, const struct doc_block *b)
{
    draft_fill(t->out, ' ', INDENT);
    put_wrapped(t, INDENT, DOC_PLAIN, b->text);
    for (const struct doc_item *i = b->items; i != NULL; i = i->next) {
        put_mark(t, b, &i->mark);
    }
}

/* ---- the whole ---- */

static void put_block(struct text *t, const struct doc_block *b)
{
    struct draft heading;
    draft_add(t->out, "\n");
    switch (b->kind) {
    case DOC_SECTION:
        draft_init(&heading, DOC_SIZE);
        draft_addf(&heading, "%u. %s", ++t->sections, b->text);
        put_wrapped(t, 3, DOC_GOOD, text_of_draft(&heading));
        put_rule(t, "─", "-");
        draft_done(&heading);
        break;
    case DOC_TEXT:
        draft_fill(t->out, ' ', INDENT);
        put_wrapped(t, INDENT, DOC_PLAIN, b->text);
        break;
    case DOC_FACTS:
        for (const struct doc_item *i = b->items; i != NULL; i = i->next) {
            put_fact(t, &i->fact);
        }
        break;
    case DOC_TABLE:
        put_table(t, b);
        break;
    case DOC_LADDER:
        put_ladder_head(t, b);
        for (const struct doc_item *i = b->items; i != NULL; i = i->next) {
            put_rung(t, &i->rung);
        }
        break;
    case DOC_BYTES:
        put_bytes(t, b);
        break;
    }
}

void doc_text(const struct doc *d, const struct doc_terminal *terminal, struct draft *out)
{
    unsigned width = u32_max(DOC_WIDTH_MIN, u32_min(terminal->width, DOC_WIDTH_MAX));
    struct text t = {
        .out = out, .width = width, .ascii = terminal->ascii, .colour = terminal->colour};
    put_wrapped(&t, 0, DOC_GOOD, d->title);
    put_rule(&t, "═", "=");
    for (const struct doc_block *b = d->blocks; b != NULL; b = b->next) {
        put_block(&t, b);
    }
}
