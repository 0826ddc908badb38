/* What a proof says to CBMC, which looks at every value that the any_… functions can give.
 *
 * A proof is PROOF(NAME) and a body, in a file X_proof.c; scripts/proofs reads from the
 * file's first comment what to link and how far to unroll. For any other compiler this is a program that
 * does nothing: so gcc and clang-tidy read the proofs too.
 */
#ifndef VITRINE_PROOFS_PROOF_H
#define VITRINE_PROOFS_PROOF_H

#include <stdlib.h>

#include "stack/base/types.h"

#define PROOF(name)                                                                                \
    void proof_##name(void);                                                                       \
    void proof_##name(void)

#ifdef __CPROVER__
#define ASSUME(condition) __CPROVER_assume(condition)
/* Holds in every run. */
#define PROVE(condition, text) __CPROVER_assert(condition, text)
/* Some run comes here, or the proof fails: a contradiction among its assumptions proves anything. */
#define REACHES(text) __CPROVER_assert(0, "reaches: " text)
/* Some run comes here with the condition true. */
#define REACHES_IF(condition, text) __CPROVER_assert(!(condition), "reaches: " text)
/* `len` bytes at `p` are inside an object. */
#define READABLE(p, len) __CPROVER_r_ok(p, len)
#else
#define READABLE(p, len) ((p) != NULL || (len) == 0)
#define ASSUME(condition) ((void)(condition))
#define PROVE(condition, text) ((void)(condition))
#define REACHES(text) ((void)0)
#define REACHES_IF(condition, text) ((void)(condition))
#endif

/* CBMC gives a function of such a name any value of its type. */
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
size_t nondet_size(void);
bool nondet_bool(void);

/* A number up to `most`. */
static inline size_t any_size(size_t most)
{
    size_t n = nondet_size();
    ASSUME(n <= most);
    return n;
}

static inline uint32_t any_below(uint32_t bound)
{
    uint32_t n = nondet_u32();
    ASSUME(n < bound);
    return n;
}

/* An object of `len` bytes of any content, so that one byte further is outside. */
static inline void *any_object(size_t len)
{
#ifdef __CPROVER__
    void *p = malloc(len);
#else
    void *p = calloc(1, len);
#endif
    ASSUME(p != NULL);
    return p;
}

#endif
