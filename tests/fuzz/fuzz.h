/* What every fuzz target shares. A target is one file of targets/: a function from bytes to nothing,
 * which must not fail whatever the bytes are. It has no clock and no randomness but those bytes, so
 * that an input repeats exactly. Input is read with the stack's cursor: behind its end come zeros.
 */
#ifndef VITRINE_FUZZ_FUZZ_H
#define VITRINE_FUZZ_FUZZ_H

#include "stack/base/cursor.h"

/* The target, as libFuzzer calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__attribute__((noreturn)) void fuzz_fail(const char *file, int line, const char *what);
/* A promise of the code under test that was broken ends the run; libFuzzer keeps the input. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fuzz_fail(__FILE__, __LINE__, #condition);                                             \
        }                                                                                          \
    } while (0)

/* A copy in memory of its own, exactly as long, so that the sanitizer sees a read past its end. */
uint8_t *fuzz_copy(const void *data, size_t len);

#endif
