/* Sequence arithmetic (stack/tcp/seq.h): an order within half of the space (RFC 9293 3.4).
 *
 * Proven for all numbers, without bound:
 * - seq_add and seq_sub undo each other; seq_diff and seq_span say what was added;
 * - a number is never before itself, and of two that are less than half the space apart exactly one
 *   is before the other (2^31 apart, no order means anything, and both are "before");
 * - among numbers of one half space the order is transitive, and keeps when all are moved alike;
 * - seq_le, seq_gt, seq_ge, seq_min and seq_max agree with seq_lt.
 *
 * proof-sources:
 * proof-unwind: 1
 * proof-checks: --conversion-check
 * proof-wraps: seq_add seq_sub seq_span seq_diff
 */
#include "stack/tcp/seq.h"
#include "tests/proofs/proof.h"

#define HALF (UINT32_C(1) << 31)

PROOF(seq_arithmetic)
{
    tcp_seq a = seq_of(nondet_u32());
    uint32_t n = nondet_u32();
    uint32_t m = nondet_u32();
    tcp_seq b = seq_add(a, n);
    PROVE(seq_eq(seq_sub(b, n), a) && seq_eq(seq_add(seq_sub(a, n), n), a), "undo each other");
    PROVE(seq_span(a, b) == n, "seq_span says what was added");
    PROVE(seq_eq(seq_add(b, m), seq_add(seq_add(a, m), n)), "in any order");
    if (n < HALF) {
        PROVE(seq_diff(b, a) == (int32_t)n, "seq_diff says what was added");
        PROVE(seq_diff(seq_sub(a, n), a) == -(int32_t)n, "and what was taken away");
        REACHES_IF(b.v < a.v, "a wrap");
    }
    PROVE(seq_eq(a, b) == (n == 0), "equal only when nothing was added");
}

PROOF(seq_order)
{
    tcp_seq a = seq_of(nondet_u32());
    tcp_seq b = seq_of(nondet_u32());
    PROVE(!seq_lt(a, a) && seq_le(a, a) && seq_ge(a, a) && !seq_gt(a, a), "not before itself");
    if (seq_span(a, b) != HALF) {
        PROVE(seq_lt(a, b) + seq_lt(b, a) + seq_eq(a, b) == 1, "exactly one of three");
        PROVE(seq_gt(a, b) == seq_lt(b, a), "after is the other's before");
        PROVE(seq_le(a, b) == !seq_lt(b, a) && seq_ge(a, b) == !seq_lt(a, b), "or equal");
        PROVE(seq_eq(seq_max(a, b), seq_max(b, a)) && seq_eq(seq_min(a, b), seq_min(b, a)),
              "whichever comes first");
        PROVE(seq_ge(seq_max(a, b), a) && seq_le(seq_min(a, b), a), "and on its side");
        REACHES_IF(seq_lt(a, b) && b.v < a.v, "an order across the wrap");
    }
    PROVE(seq_eq(seq_max(a, b), a) || seq_eq(seq_max(a, b), b), "the later is one of them");
    PROVE(seq_eq(seq_min(a, b), a) || seq_eq(seq_min(a, b), b), "the earlier is one of them");
}

PROOF(seq_transitive)
{
    tcp_seq base = seq_of(nondet_u32());
    uint32_t moved = nondet_u32();
    tcp_seq a = seq_add(base, any_below(HALF));
    tcp_seq b = seq_add(base, any_below(HALF));
    tcp_seq c = seq_add(base, any_below(HALF));
    if (seq_lt(a, b) && seq_lt(b, c)) {
        PROVE(seq_lt(a, c), "transitive within half of the space");
        PROVE(seq_span(a, b) + seq_span(b, c) == seq_span(a, c), "spans add up");
        REACHES("three in order");
    }
    PROVE(seq_lt(a, b) == seq_lt(seq_add(a, moved), seq_add(b, moved)), "moved alike");
    PROVE(seq_lt(a, b) == (seq_span(base, a) < seq_span(base, b)), "the order of the distances");
}
