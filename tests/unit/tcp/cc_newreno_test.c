/* The congestion window by RFC 5681 3.1, RFC 6928 2 and RFC 3465. */
#include <check.h>

#include "stack/tcp/cc.h"

#define MSS 1000U

static struct tcp_cc slow_start(uint32_t cwnd)
{
    struct tcp_cc cc;
    cc_init(&cc, &cc_newreno, MSS, false);
    cc.cwnd = cwnd;
    return cc;
}

static struct tcp_cc avoidance(uint32_t cwnd)
{
    struct tcp_cc cc = slow_start(cwnd);
    cc.ssthresh = cwnd;
    return cc;
}

static void acked(struct tcp_cc *cc, uint32_t bytes)
{
    struct tcp_ack ack = {.acked = bytes, .cwnd_limited = true};
    cc->ops->on_ack(cc, &ack);
}

/* requires: 5681-3.1-2 */
START_TEST(initial_window) /* RFC 6928 2: min(10 * MSS, max(2 * MSS, 14600)) */
{
    ck_assert_uint_eq(cc_initial_window(1460), 14600);
    ck_assert_uint_eq(cc_initial_window(1448), 14480);
    ck_assert_uint_eq(cc_initial_window(536), 5360);
    ck_assert_uint_eq(cc_initial_window(2000), 14600);
    ck_assert_uint_eq(cc_initial_window(7300), 14600);
    ck_assert_uint_eq(cc_initial_window(8960), 17920);
    ck_assert_uint_eq(cc_initial_window(65483), 130966);
}
END_TEST

/* requires: 5681-3.1-1, 5681-3.1-4, 5681-3.1-6 */
START_TEST(begins_in_slow_start)
{
    struct tcp_cc cc;
    cc_init(&cc, &cc_newreno, 1460, false);
    ck_assert_uint_eq(cc.cwnd, 14600);
    ck_assert_uint_eq(cc.ssthresh, UINT32_MAX);
    ck_assert_uint_eq(cc.mss, 1460);
    cc_init(&cc, &cc_newreno, 1460, true); /* RFC 5681 3.1: the SYN was lost */
    ck_assert_uint_eq(cc.cwnd, 1460);
}
END_TEST

/* requires: 5681-3.1-7, 9406-4.2-3 */
START_TEST(slow_start_grows_by_what_was_acknowledged)
{
    struct tcp_cc cc = slow_start(10000);
    acked(&cc, 1000);
    ck_assert_uint_eq(cc.cwnd, 11000);
    acked(&cc, 2000); /* a delayed ACK */
    ck_assert_uint_eq(cc.cwnd, 13000);
    acked(&cc, 10); /* RFC 3465: divided ACKs gain nothing */
    ck_assert_uint_eq(cc.cwnd, 13010);
    acked(&cc, 60000); /* frames that the receiver joined */
    ck_assert_uint_eq(cc.cwnd, 73010);
    acked(&cc, 70000); /* not more than 64 KiB at once */
    ck_assert_uint_eq(cc.cwnd, 138546);
    cc = slow_start(90000);
    cc.mss = 9000;
    acked(&cc, 90000); /* or than 8 segments */
    ck_assert_uint_eq(cc.cwnd, 162000);
}
END_TEST

START_TEST(slow_start_after_a_timeout_is_careful) /* RFC 3465 2.3: L is 1 there */
{
    struct tcp_cc cc = slow_start(1000);
    struct tcp_ack ack = {.acked = 30000, .cwnd_limited = true, .after_timeout = true};
    cc.ssthresh = 20000;
    cc.ops->on_ack(&cc, &ack);
    ck_assert_uint_eq(cc.cwnd, 2000);
}
END_TEST

/* requires: 5681-3.1-8, 5681-3.1-9 */
START_TEST(avoidance_grows_by_a_segment_each_round_trip)
{
    struct tcp_cc cc = avoidance(10000);
    for (unsigned i = 0; i < 9; i++) {
        acked(&cc, 1000);
        ck_assert_uint_eq(cc.cwnd, 10000);
    }
    acked(&cc, 1000); /* 10000 bytes: one window */
    ck_assert_uint_eq(cc.cwnd, 11000);
    for (unsigned i = 0; i < 5; i++) {
        acked(&cc, 2000);
    }
    ck_assert_uint_eq(cc.cwnd, 11000);
    acked(&cc, 2000); /* 12000 of 11000: the rest counts on */
    ck_assert_uint_eq(cc.cwnd, 12000);
    ck_assert_uint_eq(cc.u.newreno.acked, 1000);
}
END_TEST

/* requires: 5681-3.1-1 */
START_TEST(avoidance_begins_at_ssthresh)
{
    struct tcp_cc cc = slow_start(9500);
    cc.ssthresh = 10000;
    acked(&cc, 1000);
    ck_assert_uint_eq(cc.cwnd, 10500);
    acked(&cc, 1000);
    ck_assert_uint_eq(cc.cwnd, 10500);
}
END_TEST

START_TEST(an_unused_window_does_not_grow)
{
    struct tcp_cc cc = slow_start(10000);
    struct tcp_ack ack = {.acked = 1000, .cwnd_limited = false};
    cc.ops->on_ack(&cc, &ack);
    ck_assert_uint_eq(cc.cwnd, 10000);
    cc = avoidance(10000);
    for (unsigned i = 0; i < 30; i++) {
        cc.ops->on_ack(&cc, &ack);
    }
    ck_assert_uint_eq(cc.cwnd, 10000);
}
END_TEST

/* requires: 5681-3.2-6 */
START_TEST(loss_halves_what_was_in_flight) /* RFC 5681 equation (4) */
{
    struct tcp_cc cc = avoidance(20000);
    cc.ops->on_loss(&cc, 12000); /* not cwnd: what was used of it */
    ck_assert_uint_eq(cc.ssthresh, 6000);
    cc.ops->on_loss(&cc, 3000);
    ck_assert_uint_eq(cc.ssthresh, 2 * MSS);
}
END_TEST

/* requires: 5681-3.1-10, 5681-3.1-11, 5681-3.1-12 */
START_TEST(a_timeout_begins_again_with_one_segment)
{
    struct tcp_cc cc = avoidance(20000);
    cc.ops->on_timeout(&cc, 16000, true);
    ck_assert_uint_eq(cc.ssthresh, 8000);
    ck_assert_uint_eq(cc.cwnd, MSS); /* the loss window */
    acked(&cc, 1000);
    acked(&cc, 1000);
    ck_assert_uint_eq(cc.cwnd, 3000);      /* slow start again */
    cc.ops->on_timeout(&cc, 16000, false); /* the same segment once more: ssthresh is held */
    ck_assert_uint_eq(cc.ssthresh, 8000);
    ck_assert_uint_eq(cc.cwnd, MSS);
}
END_TEST

/* requires: 5681-4.1-1 */
START_TEST(idleness_restarts_from_the_initial_window) /* RFC 5681 4.1 */
{
    struct tcp_cc cc = avoidance(80000);
    cc_idle_restart(&cc);
    ck_assert_uint_eq(cc.cwnd, 10000);
    ck_assert_uint_eq(cc.ssthresh, 80000);
    cc.cwnd = 3000; /* never upwards */
    cc_idle_restart(&cc);
    ck_assert_uint_eq(cc.cwnd, 3000);
}
END_TEST

START_TEST(nothing_overflows)
{
    struct tcp_cc cc = slow_start(UINT32_MAX - 500);
    acked(&cc, 1000);
    ck_assert_uint_eq(cc.cwnd, UINT32_MAX);
    cc.ssthresh = 1000;
    cc.u.newreno.acked = UINT32_MAX - 10;
    acked(&cc, 1000);
    ck_assert_uint_eq(cc.cwnd, UINT32_MAX);
}
END_TEST

Suite *cc_newreno_suite(void);
Suite *cc_newreno_suite(void)
{
    Suite *s = suite_create("cc_newreno");
    TCase *t = tcase_create("cc_newreno");
    tcase_add_test(t, initial_window);
    tcase_add_test(t, begins_in_slow_start);
    tcase_add_test(t, slow_start_grows_by_what_was_acknowledged);
    tcase_add_test(t, slow_start_after_a_timeout_is_careful);
    tcase_add_test(t, avoidance_grows_by_a_segment_each_round_trip);
    tcase_add_test(t, avoidance_begins_at_ssthresh);
    tcase_add_test(t, an_unused_window_does_not_grow);
    tcase_add_test(t, loss_halves_what_was_in_flight);
    tcase_add_test(t, a_timeout_begins_again_with_one_segment);
    tcase_add_test(t, idleness_restarts_from_the_initial_window);
    tcase_add_test(t, nothing_overflows);
    suite_add_tcase(s, t);
    return s;
}
