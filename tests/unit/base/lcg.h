/* Numbers for tests: a generator that is no part of what is tested (Knuth's MMIX LCG, upper half). */
#ifndef VITRINE_TESTS_LCG_H
#define VITRINE_TESTS_LCG_H

#include <stddef.h>
#include <stdint.h>

struct lcg {
    uint64_t state;
};

static inline uint32_t lcg_next(struct lcg *g)
{
    g->state = g->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(g->state >> 32);
}

static inline uint32_t lcg_below(struct lcg *g, uint32_t bound)
{
    return (uint32_t)((uint64_t)lcg_next(g) * bound >> 32);
}

static inline void lcg_fill(struct lcg *g, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(lcg_next(g) >> 13);
    }
}

#endif
