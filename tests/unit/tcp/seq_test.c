/* Sequence numbers wrap (RFC 9293 3.4). */
#include "stack/tcp/seq.h"

#include <check.h>

/* requires: 9293-3.4-1 */
START_TEST(order_holds_across_the_wrap)
{
    static const struct {
        uint32_t a, b; /* a comes before b */
    } pairs[] = {
        {0, 1},          {0xffffffff, 0}, {0xfffffff0, 0x10},       {0x7fffffff, 0x80000000},
        {0, 0x7fffffff}, {0x80000001, 0}, {0xc0000000, 0x3fffffff},
    };
    for (unsigned i = 0; i < COUNT_OF(pairs); i++) {
        tcp_seq a = seq_of(pairs[i].a);
        tcp_seq b = seq_of(pairs[i].b);
        ck_assert(seq_lt(a, b) && seq_le(a, b) && seq_gt(b, a) && seq_ge(b, a));
        ck_assert(!seq_lt(b, a) && !seq_le(b, a) && !seq_gt(a, b) && !seq_ge(a, b));
        ck_assert(!seq_eq(a, b));
        ck_assert(seq_eq(seq_min(a, b), a) && seq_eq(seq_max(b, a), b));
        ck_assert(seq_le(a, a) && seq_ge(a, a) && seq_eq(a, a) && !seq_lt(a, a));
    }
}
END_TEST

/* requires: 9293-3.4-1 */
START_TEST(arithmetic_wraps)
{
    ck_assert_uint_eq(seq_add(seq_of(0xffffffff), 2).v, 1);
    ck_assert_uint_eq(seq_sub(seq_of(1), 2).v, 0xffffffff);
    ck_assert_int_eq(seq_diff(seq_of(3), seq_of(0xfffffffe)), 5);
    ck_assert_int_eq(seq_diff(seq_of(0xfffffffe), seq_of(3)), -5);
    ck_assert_uint_eq(seq_span(seq_of(0xfffffffe), seq_of(3)), 5);
    ck_assert_uint_eq(seq_span(seq_of(1), seq_of(0)), 0xffffffff);
}
END_TEST

Suite *seq_suite(void);

Suite *seq_suite(void)
{
    Suite *s = suite_create("seq");
    TCase *tc = tcase_create("seq");
    tcase_add_test(tc, order_holds_across_the_wrap);
    tcase_add_test(tc, arithmetic_wraps);
    suite_add_tcase(s, tc);
    return s;
}
