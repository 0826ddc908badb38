/* The chapters of `vitrine explain`, one file each. A chapter runs what it is about and writes down what it saw.
 */
#ifndef VITRINE_APPS_EXPLAIN_CHAPTERS_H
#define VITRINE_APPS_EXPLAIN_CHAPTERS_H

#include "apps/explain/doc.h"

struct explain_options {
    uint8_t seed[32];   /* everything by chance comes from it */
    nsec now;           /* the hosts' clock when they begin */
    const char *pcapng; /* file for the frames, or NULL */
};

/* false: a sentence in `error`. The document is then of no use. */
typedef bool explain_chapter(struct doc *d, const struct explain_options *o, char *error,
                             size_t error_size);

explain_chapter explain_tcp;
explain_chapter explain_keys;

#endif
