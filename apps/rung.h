/* One line of a ladder: what stands between its two bars. A note stands at one side or in the middle; an
 * arrow crosses the wire, by a single line in the clear and by a double one encrypted.
 *
 * All signs of ours are one column wide; a label that is too wide ends in "…". Labels for `ascii` are ASCII already.
 */
#ifndef VITRINE_APPS_RUNG_H
#define VITRINE_APPS_RUNG_H

#include "apps/draft.h"

enum rung_side { RUNG_LEFT, RUNG_MIDDLE, RUNG_RIGHT };

struct rung_arrow {
    bool to_left;
    bool encrypted;
};

/* Columns that UTF-8 text takes. */
size_t text_columns(const char *s);
/* Bytes of the first `columns` columns of `s`; all of it when it is shorter. */
size_t text_bytes(const char *s, size_t columns);

/* `width`: columns between the bars, at least 8. Both bars are drawn, and no newline. */
void rung_note(struct draft *out, size_t width, bool ascii, enum rung_side side, const char *label);
void rung_arrow(struct draft *out, size_t width, bool ascii, struct rung_arrow arrow,
                const char *label);

#endif
