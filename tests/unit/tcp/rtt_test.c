/* RFC 6298 by hand. RTO is SRTT + max(4 * RTTVAR, the minimum). */
#include "stack/tcp/rtt.h"

#include <check.h>

#define MS(n) ((n)*NS_PER_MS)
#define MIN MS(200)
#define MAX (60 * NS_PER_SEC)

static struct tcp_rtt fresh(void)
{
    struct tcp_rtt r;
    rtt_init(&r);
    return r;
}

/* requires: 6298-2.1-1 */
START_TEST(begins_with_one_second)
{
    struct tcp_rtt r = fresh();
    ck_assert_int_eq(r.rto, MS(1000));
    ck_assert_int_eq(r.srtt, 0);
    ck_assert_int_eq(rtt_backed_off(&r, 0, MAX), MS(1000));
}
END_TEST

/* requires: MUST-18, 6298-2.2-1 */
START_TEST(first_sample)
{
    struct tcp_rtt r = fresh();
    rtt_sample(&r, MS(100), MIN, MAX);
    ck_assert_int_eq(r.srtt, MS(100));
    ck_assert_int_eq(r.rttvar, MS(50));
    ck_assert_int_eq(r.rto, MS(300)); /* 100 + 4 * 50 */
    ck_assert_int_eq(r.min, MS(100));
}
END_TEST

/* requires: MUST-18, 6298-2.3-1, 6298-2.3-2, 6298-2.3-3, 6298-2.3-4 */
START_TEST(further_samples) /* 2.3: RTTVAR first, with the old SRTT */
{
    struct tcp_rtt r = fresh();
    rtt_sample(&r, MS(100), MIN, MAX);
    rtt_sample(&r, MS(200), MIN, MAX);
    ck_assert_int_eq(r.rttvar, 62500000); /* 3/4 * 50 + 1/4 * 100 */
    ck_assert_int_eq(r.srtt, 112500000);  /* 7/8 * 100 + 1/8 * 200 */
    ck_assert_int_eq(r.rto, 362500000);   /* 112.5 + 250 */
    rtt_sample(&r, MS(80), MIN, MAX);
    ck_assert_int_eq(r.rttvar, 55000000); /* 3/4 * 62.5 + 1/4 * 32.5 */
    ck_assert_int_eq(r.srtt, 108437500);  /* 7/8 * 112.5 + 1/8 * 80 */
    ck_assert_int_eq(r.rto, 328437500);
    ck_assert_int_eq(r.min, MS(80));
}
END_TEST

/* requires: 6298-2.4-1, 6298-4-1 */
START_TEST(a_steady_path_keeps_the_minimum)
{
    struct tcp_rtt r = fresh();
    for (unsigned i = 0; i < 100; i++) {
        rtt_sample(&r, MS(10), MIN, MAX);
    }
    ck_assert_int_eq(r.srtt, MS(10));
    ck_assert_int_lt(r.rttvar, 1000); /* 5 ms * (3/4)^99 */
    ck_assert_int_eq(r.rto, MS(210));
    rtt_init(&r);
    for (unsigned i = 0; i < 100; i++) {
        rtt_sample(&r, MS(10), MS(1000), MAX);
    }
    ck_assert_int_eq(r.rto, MS(1010));
}
END_TEST

START_TEST(a_tiny_sample_is_a_sample)
{
    struct tcp_rtt r = fresh();
    for (unsigned i = 0; i < 50; i++) {
        rtt_sample(&r, 1, MIN, MAX);
        ck_assert_int_eq(r.srtt, 1);
    }
    ck_assert_int_eq(r.rto, MIN + 1);
}
END_TEST

/* requires: 6298-2.5-1 */
START_TEST(there_is_a_maximum)
{
    struct tcp_rtt r = fresh();
    rtt_sample(&r, 50 * NS_PER_SEC, MIN, MAX); /* 50 + 100 s */
    ck_assert_int_eq(r.rto, MAX);
}
END_TEST

/* requires: 6298-5.5-1, 6298-5.5-2 */
START_TEST(each_timeout_doubles)
{
    struct tcp_rtt r = fresh();
    rtt_sample(&r, MS(100), MIN, MAX);
    ck_assert_int_eq(rtt_backed_off(&r, 0, MAX), MS(300));
    ck_assert_int_eq(rtt_backed_off(&r, 1, MAX), MS(600));
    ck_assert_int_eq(rtt_backed_off(&r, 2, MAX), MS(1200));
    ck_assert_int_eq(rtt_backed_off(&r, 7, MAX), MS(38400));
    ck_assert_int_eq(rtt_backed_off(&r, 8, MAX), MAX);
    ck_assert_int_eq(rtt_backed_off(&r, 255, MAX), MAX);
    ck_assert_int_eq(r.rto, MS(300));
}
END_TEST

/* requires: 6298-3-3, 7323-4.2-1 */
START_TEST(one_segment_is_timed_at_once)
{
    struct tcp_rtt r = fresh();
    ck_assert_int_eq(rtt_acked(&r, seq_of(100), MS(1)), 0); /* nothing is timed */
    rtt_sent(&r, seq_of(1000), MS(10));
    rtt_sent(&r, seq_of(2000), MS(20)); /* not timed: one is already */
    ck_assert_int_eq(rtt_acked(&r, seq_of(999), MS(30)), 0);
    ck_assert_int_eq(rtt_acked(&r, seq_of(1000), MS(35)), MS(25));
    ck_assert_int_eq(rtt_acked(&r, seq_of(2000), MS(40)), 0);
    rtt_sent(&r, seq_of(3000), MS(50));
    ck_assert_int_eq(rtt_acked(&r, seq_of(9000), MS(57)), MS(7)); /* an ACK of more */
}
END_TEST

/* requires: 9293-3.4-1 */
START_TEST(timing_crosses_the_wrap)
{
    struct tcp_rtt r = fresh();
    rtt_sent(&r, seq_of(100), MS(0)); /* from 0xffffff00 on */
    ck_assert_int_eq(rtt_acked(&r, seq_of(0xffffff80U), MS(1)), 0);
    ck_assert_int_eq(rtt_acked(&r, seq_of(100), MS(2)), MS(2));
}
END_TEST

/* requires: MUST-18, 6298-3-1, 6298-3-2 */
START_TEST(a_retransmission_is_not_timed) /* 3, Karn's rule */
{
    struct tcp_rtt r = fresh();
    rtt_sent(&r, seq_of(1000), MS(10));
    rtt_retransmitted(&r, MS(20));
    ck_assert_int_eq(rtt_acked(&r, seq_of(1000), MS(500)), 0);
    rtt_sent(&r, seq_of(2000), MS(600));
    ck_assert_int_eq(rtt_acked(&r, seq_of(2000), MS(603)), MS(3));
}
END_TEST

/* The second copy left at 300 ms, on a path of 20 ms. */
START_TEST(an_echo_from_before_a_retransmission)
{
    struct tcp_rtt r = fresh();
    ck_assert(!rtt_ambiguous(&r, MS(400), MS(400))); /* nothing was sent again */
    rtt_sample(&r, MS(20), MS(200), MS(60000));
    rtt_retransmitted(&r, MS(300));
    ck_assert(!rtt_ambiguous(&r, MS(319), MS(319))); /* too soon to be for the second */
    ck_assert(rtt_ambiguous(&r, MS(320), MS(320)));
    ck_assert(rtt_ambiguous(&r, MS(900), MS(1000)));
    ck_assert(!rtt_ambiguous(&r, MS(20), MS(320))); /* it echoes the second */
    ck_assert(!rtt_ambiguous(&r, MS(20) + NS_PER_MS / 2, MS(320)));
    ck_assert(rtt_ambiguous(&r, MS(21), MS(320)));
}
END_TEST

START_TEST(an_ack_in_the_same_moment_counts)
{
    struct tcp_rtt r = fresh();
    rtt_sent(&r, seq_of(1000), MS(10));
    ck_assert_int_eq(rtt_acked(&r, seq_of(1000), MS(10)), 1);
}
END_TEST

Suite *rtt_suite(void);
Suite *rtt_suite(void)
{
    Suite *s = suite_create("rtt");
    TCase *t = tcase_create("rtt");
    tcase_add_test(t, begins_with_one_second);
    tcase_add_test(t, first_sample);
    tcase_add_test(t, further_samples);
    tcase_add_test(t, a_steady_path_keeps_the_minimum);
    tcase_add_test(t, a_tiny_sample_is_a_sample);
    tcase_add_test(t, there_is_a_maximum);
    tcase_add_test(t, each_timeout_doubles);
    tcase_add_test(t, one_segment_is_timed_at_once);
    tcase_add_test(t, timing_crosses_the_wrap);
    tcase_add_test(t, a_retransmission_is_not_timed);
    tcase_add_test(t, an_echo_from_before_a_retransmission);
    tcase_add_test(t, an_ack_in_the_same_moment_counts);
    suite_add_tcase(s, t);
    return s;
}
