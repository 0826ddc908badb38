/* Units that every room shares.
 *
 * Time is an argument everywhere: nanoseconds on a monotonic clock whose origin does not matter.
 */
#ifndef VITRINE_BASE_TYPES_H
#define VITRINE_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t nsec; /* a moment or a span, in nanoseconds */

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)
#define NEVER INT64_MAX /* the deadline of a thing that waits for nothing */

/* A run of bytes that somebody else owns. */
struct slice {
    const uint8_t *data;
    size_t len; /* bytes */
};

/* The struct whose member `ptr` points at. */
#define CONTAINER_OF(ptr, type, member) ((type *)container_at((ptr), offsetof(type, member)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline void *container_at(const void *member, size_t offset)
{
    return (void *)((uintptr_t)member - offset);
}

static inline nsec nsec_min(nsec a, nsec b)
{
    return a < b ? a : b;
}

static inline nsec nsec_max(nsec a, nsec b)
{
    return a > b ? a : b;
}

static inline uint32_t u32_min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t u32_max(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

#endif
