/* A growing text with a limit: what pages, JSON and response heads are built in.
 *
 * A call that would pass the limit, or finds no memory, changes nothing and makes the text `failed`
 * for good, so that a builder writes everything and asks once, at the end.
 */
#ifndef VITRINE_APPS_DRAFT_H
#define VITRINE_APPS_DRAFT_H

#include <string.h>

#include "stack/base/types.h"

struct draft {
    char *data; /* always ends with a NUL that `len` does not count; NULL while empty */
    size_t len; /* bytes */
    size_t cap;
    size_t limit; /* bytes that it may grow to, its NUL included */
    bool failed;
};

void draft_init(struct draft *t, size_t limit);
void draft_done(struct draft *t);
void draft_bytes(struct draft *t, const void *data, size_t len);
static inline void draft_add(struct draft *t, const char *s)
{
    draft_bytes(t, s, strlen(s)); /* known to the compiler for most */
}

void draft_number(struct draft *t, uint64_t n); /* in decimal */
void draft_addf(struct draft *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void draft_fill(struct draft *t, char c, size_t n);
/* A JSON string with its quotes (RFC 8259 7). Bytes that are not ASCII become '?'. NULL gives null. */
void draft_json(struct draft *t, const char *s);
/* Escaped for HTML text and attribute values. */
void draft_html(struct draft *t, const char *s);
/* "812 B", "2.1 kB", "1.3 MB" (powers of 1000). */
#define BYTES_TEXT_MAX 24
const char *bytes_text(uint64_t n, char out[BYTES_TEXT_MAX]);
/* "812 ns", "41.3 us", "3.204 ms", "12.500 s": three or four digits that count. */
#define NSEC_TEXT_MAX 32
const char *nsec_text(nsec t, char out[NSEC_TEXT_MAX]);

#endif
