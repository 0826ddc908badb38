/* Random numbers: the ChaCha20 key stream (RFC 8439 2.3) with the seed as key and nonce zero. The
 * block counter has 64 bits, as in the original cipher, so the stream does not end.
 */
#include "stack/base/random.h"

#include <string.h>

static inline uint32_t rotl32(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static inline void quarter_round(uint32_t s[16], unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = rotl32(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotl32(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotl32(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotl32(s[b] ^ s[c], 7);
}

static void next_block(struct random *r)
{
    const uint32_t start[16] = {
        0x61707865,
        0x3320646e,
        0x79622d32,
        0x6b206574, /* "expand 32-byte k" */
        r->key[0],
        r->key[1],
        r->key[2],
        r->key[3],
        r->key[4],
        r->key[5],
        r->key[6],
        r->key[7],
        (uint32_t)r->counter,
        (uint32_t)(r->counter >> 32),
    };
    uint32_t s[16];
    memcpy(s, start, sizeof s);
    for (int i = 0; i < 10; i++) {
        quarter_round(s, 0, 4, 8, 12);
        quarter_round(s, 1, 5, 9, 13);
        quarter_round(s, 2, 6, 10, 14);
        quarter_round(s, 3, 7, 11, 15);
        quarter_round(s, 0, 5, 10, 15);
        quarter_round(s, 1, 6, 11, 12);
        quarter_round(s, 2, 7, 8, 13);
        quarter_round(s, 3, 4, 9, 14);
    }
    for (size_t i = 0; i < 64; i++) {
        r->block[i] = (uint8_t)((s[i / 4] + start[i / 4]) >> (8 * (i % 4)));
    }
    r->counter++;
    r->used = 0;
}

void random_init(struct random *r, const uint8_t seed[32])
{
    *r = (struct random){.used = sizeof r->block};
    for (size_t i = 0; i < 32; i++) {
        r->key[i / 4] |= (uint32_t)seed[i] << (8 * (i % 4));
    }
}

void random_bytes(struct random *r, void *dst, size_t len)
{
    uint8_t *out = dst;
    while (len > 0) {
        if (r->used == sizeof r->block) {
            next_block(r);
        }
        size_t n = size_min(len, sizeof r->block - r->used);
        memcpy(out, r->block + r->used, n);
        r->used += (unsigned)n;
        out += n;
        len -= n;
    }
}

uint32_t random_u32(struct random *r)
{
    uint8_t b[4];
    random_bytes(r, b, sizeof b);
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint64_t random_u64(struct random *r)
{
    uint64_t low = random_u32(r);
    return low | (uint64_t)random_u32(r) << 32;
}

uint32_t random_below(struct random *r, uint32_t bound)
{
    /* 2^32 mod bound numbers at the bottom are refused, so that each remainder is as likely. */
    uint32_t refused = (0 - bound) % bound;
    uint32_t v = random_u32(r);
    while (v < refused) {
        v = random_u32(r);
    }
    return v % bound;
}
