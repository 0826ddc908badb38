#include "tests/fuzz/fuzz.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
    abort();
}

uint8_t *fuzz_copy(const void *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    FUZZ_CHECK(copy != NULL);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    return copy;
}

/* Memory is had and given back a thousand times a second: a short quarantine and short stacks make that
 * cheap. ASAN_OPTIONS has the last word. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:malloc_context_size=6:max_malloc_fill_size=64";
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* The rigs of the unit tests assert with Check, whose library would look for a running test. These
 * two stand in for it, so that what is asserted there ends a fuzz run like everything else. */
void _mark_point(const char *file, int line)
{
    (void)file;
    (void)line;
}

void _ck_assert_failed(const char *file, int line, const char *expr, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    if (form != NULL) {
        vfprintf(stderr, form, args);
    }
    va_end(args);
    fuzz_fail(file, line, expr);
}
