#include "tests/conformance/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    max_align_t bytes[];
};

void *arena_get(struct arena *a, size_t size)
{
    struct arena_block *b = calloc(1, sizeof *b + size);
    if (b == NULL) {
        (void)fputs("out of memory\n", stderr);
        exit(2);
    }
    b->next = a->blocks;
    a->blocks = b;
    return b->bytes;
}

char *arena_text(struct arena *a, const char *s, size_t len)
{
    char *copy = arena_get(a, len + 1);
    memcpy(copy, s, len);
    return copy;
}

char *arena_printf(struct arena *a, const char *form, ...)
{
    char line[1024];
    va_list args;
    va_start(args, form);
    int n = vsnprintf(line, sizeof line, form, args);
    va_end(args);
    size_t len = n < 0 ? 0 : size_min((size_t)n, sizeof line - 1);
    return arena_text(a, line, len);
}

void arena_done(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
}
