/* Sequence numbers (RFC 9293 3.4): 32 bits that wrap, ordered within half of the space.
 * A struct, so that a raw `<` between two of them does not compile.
 */
#ifndef VITRINE_TCP_SEQ_H
#define VITRINE_TCP_SEQ_H

#include "stack/base/types.h"

typedef struct {
    uint32_t v;
} tcp_seq;

static inline tcp_seq seq_of(uint32_t v)
{
    return (tcp_seq){v};
}

static inline tcp_seq seq_add(tcp_seq a, uint32_t bytes)
{
    return (tcp_seq){a.v + bytes};
}

static inline tcp_seq seq_sub(tcp_seq a, uint32_t bytes)
{
    return (tcp_seq){a.v - bytes};
}

/* a - b in bytes: negative when a comes before b. */
static inline int32_t seq_diff(tcp_seq a, tcp_seq b)
{
    return (int32_t)(a.v - b.v);
}

/* Bytes from `from` up to `to`, which must not come before it. */
static inline uint32_t seq_span(tcp_seq from, tcp_seq to)
{
    return to.v - from.v;
}

static inline bool seq_eq(tcp_seq a, tcp_seq b)
{
    return a.v == b.v;
}

static inline bool seq_lt(tcp_seq a, tcp_seq b)
{
    return seq_diff(a, b) < 0;
}

static inline bool seq_le(tcp_seq a, tcp_seq b)
{
    return seq_diff(a, b) <= 0;
}

static inline bool seq_gt(tcp_seq a, tcp_seq b)
{
    return seq_diff(a, b) > 0;
}

static inline bool seq_ge(tcp_seq a, tcp_seq b)
{
    return seq_diff(a, b) >= 0;
}

static inline tcp_seq seq_max(tcp_seq a, tcp_seq b)
{
    return seq_gt(a, b) ? a : b;
}

static inline tcp_seq seq_min(tcp_seq a, tcp_seq b)
{
    return seq_lt(a, b) ? a : b;
}

#endif
