/* What a congestion mark takes from the window: RFC 3168 6.1.2, and RFC 8511 3 and 3.1. */
#include <check.h>

#include "stack/tcp/cc.h"

#define MSS 1000U

static struct tcp_cc avoidance(const struct tcp_cc_ops *ops)
{
    struct tcp_cc cc;
    cc_init(&cc, ops, MSS, false);
    cc.cwnd = cc.ssthresh = 100000;
    return cc;
}

/* requires: 8511-3-1, 8511-3.1-1 */
START_TEST(a_mark_takes_less_than_a_loss) /* RFC 8511 3.1: 0.8 of the flight, with CUBIC 0.85 */
{
    struct tcp_cc reno = avoidance(&cc_newreno);
    reno.ops->on_mark(&reno, 60000); /* not cwnd: what was used of it */
    ck_assert_uint_eq(reno.ssthresh, 48000);
    struct tcp_cc cubic = avoidance(&cc_cubic);
    cubic.ops->on_mark(&cubic, 60000);
    ck_assert_uint_eq(cubic.ssthresh, 51000);
}
END_TEST

/* requires: 8511-3-2 */
START_TEST(two_segments_are_left) /* RFC 8511 3: the lower bound */
{
    struct tcp_cc reno = avoidance(&cc_newreno);
    reno.ops->on_mark(&reno, 2400);
    ck_assert_uint_eq(reno.ssthresh, 2 * MSS);
    struct tcp_cc cubic = avoidance(&cc_cubic);
    cubic.ops->on_mark(&cubic, 2300);
    ck_assert_uint_eq(cubic.ssthresh, 2 * MSS);
}
END_TEST

/* requires: 8511-1-1 */
START_TEST(slow_start_ends_as_after_a_loss) /* RFC 8511 1: it is for congestion avoidance */
{
    struct tcp_cc reno;
    cc_init(&reno, &cc_newreno, MSS, false);
    reno.ops->on_mark(&reno, 60000);
    ck_assert_uint_eq(reno.ssthresh, 30000);
    struct tcp_cc cubic;
    cc_init(&cubic, &cc_cubic, MSS, false);
    cubic.ops->on_mark(&cubic, 60000);
    ck_assert_uint_eq(cubic.ssthresh, 42000);
}
END_TEST

START_TEST(without_abe_a_mark_is_a_loss) /* RFC 3168 6.1.2 */
{
    struct tcp_cc reno = avoidance(&cc_newreno);
    reno.no_abe = true;
    reno.ops->on_mark(&reno, 60000);
    ck_assert_uint_eq(reno.ssthresh, 30000);
    struct tcp_cc cubic = avoidance(&cc_cubic);
    cubic.no_abe = true;
    cubic.ops->on_mark(&cubic, 60000);
    ck_assert_uint_eq(cubic.ssthresh, 42000);
}
END_TEST

START_TEST(
    cubic_remembers_where_it_was_marked) /* RFC 9438 4.6: W_max is cwnd before the reduction */
{
    struct tcp_cc cc = avoidance(&cc_cubic);
    cc.ops->on_mark(&cc, 60000);
    ck_assert_uint_eq(cc.u.cubic.w_max, 100000);
}
END_TEST

START_TEST(nothing_overflows)
{
    struct tcp_cc cc = avoidance(&cc_newreno);
    cc.ops->on_mark(&cc, UINT32_MAX);
    ck_assert_uint_eq(cc.ssthresh, 3435973836U);
}
END_TEST

Suite *cc_mark_suite(void);
Suite *cc_mark_suite(void)
{
    Suite *s = suite_create("cc_mark");
    TCase *t = tcase_create("cc_mark");
    tcase_add_test(t, a_mark_takes_less_than_a_loss);
    tcase_add_test(t, two_segments_are_left);
    tcase_add_test(t, slow_start_ends_as_after_a_loss);
    tcase_add_test(t, without_abe_a_mark_is_a_loss);
    tcase_add_test(t, cubic_remembers_where_it_was_marked);
    tcase_add_test(t, nothing_overflows);
    suite_add_tcase(s, t);
    return s;
}
