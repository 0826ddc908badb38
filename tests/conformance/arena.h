/* Memory for one script: everything is given back at once, when the script is done. */
#ifndef VITRINE_CONFORMANCE_ARENA_H
#define VITRINE_CONFORMANCE_ARENA_H

#include "stack/base/types.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* the newest first */
};

/* Cleared memory. Out of memory ends the program: it is a test tool. */
void *arena_get(struct arena *a, size_t size);
/* A copy of `len` bytes with a NUL behind them. */
char *arena_text(struct arena *a, const char *s, size_t len);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *a, const char *form, ...);
void arena_done(struct arena *a);

#endif
