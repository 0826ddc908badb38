/* Deterministic random numbers from a seed: what a host uses for its secrets, ports and jitter.
 *
 * The driver of a host gives 32 bytes (the TAP loop takes them from the kernel, a simulator from
 * its seed); the generator is ChaCha20 in counter mode, so earlier output cannot be computed from
 * later output by a peer. Same seed, same numbers.
 */
#ifndef VITRINE_BASE_RANDOM_H
#define VITRINE_BASE_RANDOM_H

#include "stack/base/types.h"

struct random {
    uint32_t key[8];
    uint64_t counter;  /* blocks made so far */
    uint8_t block[64]; /* the current block of key stream */
    unsigned used;     /* bytes of `block` already given out */
};

void random_init(struct random *r, const uint8_t seed[32]);
void random_bytes(struct random *r, void *dst, size_t len);
uint32_t random_u32(struct random *r);
uint64_t random_u64(struct random *r);
uint32_t random_below(struct random *r, uint32_t bound); /* uniform in 0..bound-1; bound > 0 */

#endif
