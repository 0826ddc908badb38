/* One line of a ladder; see rung.h. */
#include "apps/rung.h"

static bool begins_a_sign(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

size_t text_columns(const char *s)
{
    size_t n = 0;
    for (; *s != '\0'; s++) {
        n += begins_a_sign(*s) ? 1 : 0;
    }
    return n;
}

size_t text_bytes(const char *s, size_t columns)
{
    size_t n = 0;
    while (s[n] != '\0' && (columns > 0 || !begins_a_sign(s[n]))) {
        columns -= begins_a_sign(s[n]) ? 1 : 0;
        n++;
    }
    return n;
}

static void repeat(struct draft *out, const char *sign, size_t n)
{
    while (n-- > 0) {
        draft_add(out, sign);
    }
}

/* As much of a label as fits; returns the columns that are left. */
static size_t put_label(struct draft *out, size_t width, bool ascii, const char *label)
{
    size_t n = text_columns(label);
    if (n <= width) {
        draft_add(out, label);
        return width - n;
    }
    const char *more = ascii ? "..." : "…";
    draft_bytes(out, label, text_bytes(label, width - text_columns(more)));
    draft_add(out, more);
    return 0;
}

void rung_note(struct draft *out, size_t width, bool ascii, enum rung_side side, const char *label)
{
    const char *bar = ascii ? "|" : "│";
    size_t n = size_min(text_columns(label), width - 2);
    size_t free = width - 2 - n;
    size_t before = side == RUNG_LEFT ? 0 : side == RUNG_RIGHT ? free : free / 2;
    draft_addf(out, "%s ", bar);
    draft_fill(out, ' ', before);
    put_label(out, n, ascii, label);
    draft_fill(out, ' ', free - before);
    draft_addf(out, " %s", bar);
}

void rung_arrow(struct draft *out, size_t width, bool ascii, struct rung_arrow arrow,
                const char *label)
{
    static const char *const lines[2][2] = {{"─", "═"}, {"-", "="}};
    const char *bar = ascii ? "|" : "│";
    const char *line = lines[ascii][arrow.encrypted];
    size_t n = size_min(text_columns(label), width - 4);
    size_t shaft = width - 2 - n;
    draft_add(out, bar);
    if (arrow.to_left) {
        draft_add(out, ascii ? "<" : "◀");
        repeat(out, line, shaft);
        draft_add(out, " ");
        put_label(out, n, ascii, label);
    } else {
        put_label(out, n, ascii, label);
        draft_add(out, " ");
        repeat(out, line, shaft);
        draft_add(out, ascii ? ">" : "▶");
    }
    draft_add(out, bar);
}
