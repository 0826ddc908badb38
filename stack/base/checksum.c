/* The Internet checksum (RFC 1071), 32 bytes at a time, or 128 where the processor has AVX2.
 *
 * The sum is taken in the machine's own byte order (RFC 1071 2(B)) over 64-bit words with the carry
 * brought round, which is the same sum modulo 2^16 - 1 as over 16-bit words (RFC 1071 2(C)). It is
 * folded and put into host order once, by csum_finish.
 */
#include "stack/base/checksum.h"

#include <string.h>

#if defined(__x86_64__) && !defined(__CPROVER__)
#include <immintrin.h>
#define WIDE
#endif

#define LITTLE_ENDIAN_HOST (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

static inline uint64_t add_carry(uint64_t a, uint64_t b)
{
    uint64_t sum = a + b;
    return sum + (sum < a);
}

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint16_t swap16(uint16_t v)
{
    return (uint16_t)((uint32_t)v << 8 | (uint32_t)v >> 8);
}

/* To 16 bits, still in the order in which the bytes were summed. */
static uint16_t fold(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)sum;
}

/* The last bytes, fewer than 8. */
static uint64_t csum_add_tail(uint64_t sum, const uint8_t *p, size_t len)
{
    if ((len & 4) != 0) {
        uint32_t v;
        memcpy(&v, p, sizeof v);
        sum = add_carry(sum, v);
        p += 4;
    }
    if ((len & 2) != 0) {
        uint16_t v;
        memcpy(&v, p, sizeof v);
        sum = add_carry(sum, v);
        p += 2;
    }
    if ((len & 1) != 0) {
        /* An odd byte counts as if a zero followed it (RFC 1071 4.1). */
        sum = add_carry(sum, LITTLE_ENDIAN_HOST ? *p : (uint64_t)*p << 8);
    }
    return sum;
}

static uint64_t csum_add_words(uint64_t sum, const uint8_t *p, size_t len)
{
    uint64_t a = 0;
    uint64_t b = 0;
    uint64_t c = 0;

    /* Four chains, so that one word's carry does not wait for the other's. */
    for (; len >= 32; len -= 32, p += 32) {
        sum = add_carry(sum, load64(p));
        a = add_carry(a, load64(p + 8));
        b = add_carry(b, load64(p + 16));
        c = add_carry(c, load64(p + 24));
    }
    sum = add_carry(add_carry(sum, a), add_carry(b, c));
    for (; len >= 8; len -= 8, p += 8) {
        sum = add_carry(sum, load64(p));
    }
    return csum_add_tail(sum, p, len);
}

#ifdef WIDE
#define WIDE_MIN 256U /* bytes, from which on it is worth it */
#define WIDE_BLOCK 128U

/* Whole blocks, as the sum of their 32-bit words: 2^32 is 1 modulo 2^16 - 1, so on which side of a 64-bit word one
 * stands does not matter. A lane has room for 2^32 of them. */
__attribute__((target("avx2"))) static uint64_t csum_wide(const uint8_t *p, size_t blocks)
{
    const __m256i low = _mm256_set1_epi64x(UINT32_MAX);
    __m256i a = _mm256_setzero_si256();
    __m256i b = a;
    for (; blocks > 0; blocks--, p += WIDE_BLOCK) {
        for (unsigned i = 0; i < WIDE_BLOCK; i += 32) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(p + i));
            a = _mm256_add_epi64(a, _mm256_and_si256(v, low));
            b = _mm256_add_epi64(b, _mm256_srli_epi64(v, 32));
        }
    }
    uint64_t lanes[4];
    _mm256_storeu_si256((__m256i *)(void *)lanes, _mm256_add_epi64(a, b));
    return add_carry(add_carry(lanes[0], lanes[1]), add_carry(lanes[2], lanes[3]));
}
#endif

uint64_t csum_add(uint64_t sum, const void *data, size_t len)
{
    const uint8_t *p = data;
#ifdef WIDE
    if (len >= WIDE_MIN && __builtin_cpu_supports("avx2")) {
        size_t blocks = len / WIDE_BLOCK;
        sum = add_carry(sum, csum_wide(p, blocks));
        p += blocks * WIDE_BLOCK;
        len -= blocks * WIDE_BLOCK;
    }
#endif
    return csum_add_words(sum, p, len);
}

uint64_t csum_add_slices(uint64_t sum, const struct slice *slices, size_t n)
{
    bool odd = false;
    for (size_t i = 0; i < n; i++) {
        if (odd) {
            /* Its bytes fall into the other halves of their words (RFC 1071 2(B)). */
            sum = add_carry(sum, swap16(fold(csum_add(0, slices[i].data, slices[i].len))));
        } else {
            sum = csum_add(sum, slices[i].data, slices[i].len);
        }
        odd ^= (slices[i].len & 1) != 0;
    }
    return sum;
}

uint64_t csum_add_be16(uint64_t sum, uint16_t host_order)
{
    return add_carry(sum, LITTLE_ENDIAN_HOST ? swap16(host_order) : host_order);
}

uint64_t csum_add_be32(uint64_t sum, uint32_t host_order)
{
    sum = csum_add_be16(sum, (uint16_t)(host_order >> 16));
    return csum_add_be16(sum, (uint16_t)host_order);
}

uint16_t csum_finish(uint64_t sum)
{
    uint16_t v = (uint16_t)~fold(sum);
    return LITTLE_ENDIAN_HOST ? swap16(v) : v;
}
