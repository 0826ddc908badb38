/* Text in a bounded buffer: what does not fit is left out whole, and `full` says so. The buffer
 * always ends with a NUL.
 */
#ifndef VITRINE_BASE_TEXT_H
#define VITRINE_BASE_TEXT_H

#include "stack/base/types.h"

struct text {
    char *out;
    size_t cap; /* bytes in `out`, the NUL included */
    size_t len; /* bytes written, without the NUL */
    bool full;  /* a piece did not fit; nothing is added from then on */
};

struct text text_of(char *out, size_t cap);
void text_add(struct text *t, const char *piece);
__attribute__((format(printf, 2, 3))) void text_addf(struct text *t, const char *form, ...);
/* At most `max` bytes up to a NUL, as a JSON string in quotes (RFC 8259 7). Bytes outside of
 * printable ASCII are escaped one by one, since nothing says which encoding they are in. */
void text_add_quoted(struct text *t, const char *s, size_t max);

#endif
