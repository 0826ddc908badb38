/* CUBIC by RFC 9438, against its equations in floating point: C is 0.4, beta 0.7. */
#include <check.h>
#include <math.h>

#include "stack/tcp/cc.h"

#define MSS 1000U
#define C_CUBIC 0.4
#define BETA 0.7
#define RTT (100 * NS_PER_MS)
#define START (1000 * NS_PER_SEC)

/* Equation 2: seconds from the epoch until the window is `w_max` segments again. */
static double k_of(double w_max, double cwnd)
{
    return cbrt((w_max - cwnd) / C_CUBIC);
}

/* Equation 1, in segments. */
static double w_cubic(double t, double k, double w_max)
{
    return C_CUBIC * pow(t - k, 3) + w_max;
}

static struct tcp_cc avoidance(uint32_t cwnd)
{
    struct tcp_cc cc;
    cc_init(&cc, &cc_cubic, MSS, false);
    cc.cwnd = cwnd;
    cc.ssthresh = cwnd;
    return cc;
}

/* A window of `cwnd` bytes was lost from, and is now what is left: recovery is over. */
static struct tcp_cc after_loss(uint32_t cwnd)
{
    struct tcp_cc cc = avoidance(cwnd);
    cc.ops->on_loss(&cc, cwnd);
    cc.cwnd = cc.ssthresh;
    return cc;
}

static void acked(struct tcp_cc *cc, nsec at, uint32_t bytes)
{
    struct tcp_ack ack = {.now = at, .acked = bytes, .srtt = RTT, .cwnd_limited = true};
    cc->ops->on_ack(cc, &ack);
}

static void acked_unused(struct tcp_cc *cc, nsec at)
{
    struct tcp_ack ack = {.now = at, .acked = MSS, .srtt = RTT};
    cc->ops->on_ack(cc, &ack);
}

/* The window's worth of ACKs comes in evenly over a round trip that begins at `at`, `each` bytes at a time. */
static nsec round_trip(struct tcp_cc *cc, nsec at, uint32_t each)
{
    uint32_t n = cc->cwnd / each;
    for (uint32_t i = 0; i < n; i++) {
        acked(cc, at + RTT * i / n, each);
    }
    return at + RTT;
}

static void expect_near(uint32_t bytes, double segments, double tolerance)
{
    double have = (double)bytes / MSS;
    ck_assert_msg(fabs(have - segments) <= tolerance, "%f segments, not %f", have, segments);
}

/* requires: 9438-4.6-2 */
START_TEST(loss_leaves_beta_of_what_was_in_flight) /* 4.6 */
{
    struct tcp_cc cc = avoidance(200000);
    cc.ops->on_loss(&cc, 180000); /* not cwnd: what was used of it */
    ck_assert_uint_eq(cc.ssthresh, 126000);
    cc.ops->on_loss(&cc, 2000);
    ck_assert_uint_eq(cc.ssthresh, 2 * MSS);
}
END_TEST

/* 4.6: implementations may use cwnd, if they keep it from growing where it is not used. */
/* requires: 9438-4.6-2, 9438-4.6-3 */
START_TEST(loss_leaves_beta_of_a_window_that_was_used) /* 4.6, 5.8 */
{
    struct tcp_cc cc = after_loss(100 * MSS);
    acked(&cc, START, MSS);
    uint32_t cwnd = cc.cwnd;
    cc.ops->on_loss(&cc, cwnd - 2 * MSS); /* two segments were just acknowledged */
    ck_assert_uint_eq(cc.ssthresh, (uint32_t)((uint64_t)cwnd * 7 / 10));
    cc = after_loss(100 * MSS);
    acked(&cc, START, MSS);
    acked_unused(&cc, START + RTT);
    cc.ops->on_loss(&cc, 20 * MSS);
    ck_assert_uint_eq(cc.ssthresh, 14 * MSS);
}
END_TEST

/* requires: 9438-4.2-1, 9438-5.1-1 */
START_TEST(k_is_the_cube_root) /* 4.2, equation 2 */
{
    static const uint32_t windows[] = {20, 100, 1000, 83333, 2000000};
    for (unsigned i = 0; i < COUNT_OF(windows); i++) {
        struct tcp_cc cc = after_loss(windows[i] * MSS);
        acked(&cc, START, MSS);
        double k = k_of(windows[i], windows[i] * BETA);
        ck_assert_msg(fabs((double)cc.u.cubic.k / 1000 - k) < 0.002, "K of %u is %ld ms, not %f s",
                      windows[i], (long)cc.u.cubic.k, k);
        ck_assert_uint_eq(cc.u.cubic.w_max, windows[i] * MSS);
    }
}
END_TEST

/* Over twice K, through the concave region, the plateau and into the convex one. W_cubic(t) is reached a round
 * trip late at the most, for the target is W_cubic(t + RTT) and one round trip leads there. */
/* requires: 9438-4.2-1, 9438-4.4-1, 9438-5.1-1 */
START_TEST(the_window_follows_the_curve) /* 4.2, 4.4, 4.5 */
{
    struct tcp_cc cc = after_loss(1000 * MSS); /* large: Reno is far slower */
    double k = k_of(1000, 700);
    nsec at = START;
    while (at < START + (nsec)(2 * k * NS_PER_SEC)) {
        at = round_trip(&cc, at, MSS);
        double t = (double)(at - START) / NS_PER_SEC;
        double low = w_cubic(t - 0.1, k, 1000);
        double high = w_cubic(t + 0.1, k, 1000);
        double have = (double)cc.cwnd / MSS;
        ck_assert_msg(have > low - 1 && have < high + 1, "%f not in %f … %f at %f s", have, low,
                      high, t);
    }
    ck_assert_uint_gt(cc.cwnd, 1250 * MSS); /* the curve is point symmetric: 1300 */
}
END_TEST

/* 4.4: each ACK brings the window nearer to where the curve will be a round trip later. On a straight piece of
 * slope s, c' = (s (t + RTT) - c) / RTT from c = 0 has the solution c = s t: no lag. s = 3 C K^2. */
/* requires: 9438-4.4-1 */
START_TEST(the_window_keeps_up_with_the_curve)
{
    struct tcp_cc cc = after_loss(1000 * MSS);
    double k = k_of(1000, 700);
    round_trip(&cc, START, MSS);
    expect_near(cc.cwnd, 700 + 3 * C_CUBIC * k * k * 0.1, 0.5);
}
END_TEST

/* requires: 9438-4.2-2 */
START_TEST(not_faster_than_half_of_the_window_each_round_trip) /* 4.2: target <= 1.5 cwnd */
{
    struct tcp_cc cc = after_loss(1000 * MSS);
    acked(&cc, START, MSS);
    uint32_t before = cc.cwnd;
    round_trip(&cc, START + 60 * NS_PER_SEC, MSS); /* the curve is at 60,000 by then */
    ck_assert_uint_gt(cc.cwnd, before * 14 / 10);
    ck_assert_uint_lt(cc.cwnd, before * 17 / 10); /* compounded over the ACKs: exp(0.5) */
}
END_TEST

/* 4.3: with few segments and short round trips Reno is faster than the cube; alpha is 3 (1 - beta) / (1 + beta)
 * until the window is what it was, then one. */
/* requires: 9438-4.3-1, 9438-4.3-2 */
START_TEST(as_fast_as_reno_where_that_is_faster)
{
    struct tcp_cc cc = after_loss(20 * MSS);
    double w_est = 14;
    nsec at = START;
    const nsec rtt = 10 * NS_PER_MS;
    for (unsigned i = 0; i < 40; i++) {
        uint32_t n = cc.cwnd / MSS;
        for (uint32_t j = 0; j < n; j++) {
            double alpha = w_est >= 20 ? 1 : 3 * (1 - BETA) / (1 + BETA);
            w_est += alpha * MSS / cc.cwnd;
            struct tcp_ack ack = {
                .now = at + rtt * j / n, .acked = MSS, .srtt = rtt, .cwnd_limited = true};
            cc.ops->on_ack(&cc, &ack);
            expect_near(cc.cwnd, w_est, 0.2);
        }
        at += rtt;
    }
    ck_assert_uint_gt(cc.cwnd, 40 * MSS);
}
END_TEST

/* requires: 9438-4.7-1 */
START_TEST(fast_convergence_gives_way) /* 4.7 */
{
    struct tcp_cc cc = after_loss(100 * MSS);
    acked(&cc, START, MSS);
    ck_assert_uint_eq(cc.u.cubic.w_max, 100 * MSS);
    cc.cwnd = 80 * MSS; /* lost again before it was 100: somebody else wants room */
    cc.ops->on_loss(&cc, 80 * MSS);
    ck_assert_uint_eq(cc.u.cubic.w_max, 68 * MSS);   /* 80 (1 + 0.7) / 2 */
    ck_assert_uint_eq(cc.u.cubic.w_prior, 80 * MSS); /* of the estimate: without that */
    cc.cwnd = 90 * MSS;                              /* further than the last time */
    cc.ops->on_loss(&cc, 90 * MSS);
    ck_assert_uint_eq(cc.u.cubic.w_max, 90 * MSS);
}
END_TEST

/* requires: 9438-4.8-1, 9438-4.8-2 */
START_TEST(after_a_timeout_the_curve_begins_at_its_plateau) /* 4.8 */
{
    struct tcp_cc cc = avoidance(100 * MSS);
    cc.ops->on_timeout(&cc, 100 * MSS, true);
    ck_assert_uint_eq(cc.cwnd, MSS);
    ck_assert_uint_eq(cc.ssthresh, 70 * MSS);
    cc.ops->on_timeout(&cc, 100 * MSS, false);
    ck_assert_uint_eq(cc.ssthresh, 70 * MSS);
    cc.cwnd = 70 * MSS; /* slow start is over */
    acked(&cc, START, MSS);
    ck_assert_int_eq(cc.u.cubic.k, 0);
    ck_assert_uint_eq(cc.u.cubic.w_max, 70 * MSS);
}
END_TEST

/* requires: 9438-4.10-1, 9406-4.3-4 */
START_TEST(a_timeout_grows_back_without_hystart) /* RFC 9406 4.3: for the initial slow start only */
{
    struct tcp_cc cc = avoidance(100 * MSS);
    cc.ops->on_timeout(&cc, 100 * MSS, true);
    for (uint32_t n = 1; n < 70;) { /* round trips grow by half, and it does not care */
        for (uint32_t i = 0; i < n; i++) {
            struct tcp_ack ack = {.now = START,
                                  .ack = seq_of(n * MSS),
                                  .nxt = seq_of(2 * n * MSS),
                                  .acked = MSS,
                                  .ack_rtt = RTT + RTT * n / 2,
                                  .cwnd_limited = true};
            cc.ops->on_ack(&cc, &ack);
        }
        n = u32_min(2 * n, 70);
        if (n < 70) {
            ck_assert_uint_eq(cc.cwnd, n * MSS);
        }
    }
    ck_assert_uint_ge(cc.cwnd, 70 * MSS);
    ck_assert_uint_eq(cc.ssthresh, 70 * MSS);
}
END_TEST

/* requires: 9438-4.9-1 */
START_TEST(undone_it_goes_on_where_it_was) /* 4.9 */
{
    struct tcp_cc cc = after_loss(1000 * MSS);
    nsec at = START;
    for (unsigned i = 0; i < 50; i++) {
        at = round_trip(&cc, at, MSS);
    }
    struct tcp_cc before = cc;
    cc.ops->on_loss(&cc, cc.cwnd);
    cc.cwnd = cc.ssthresh;
    cc.cwnd = before.cwnd; /* what undo.c restores */
    cc.ssthresh = before.ssthresh;
    cc.ops->on_undo(&cc);
    for (unsigned i = 0; i < 20; i++) {     /* where Reno would grow by 20 */
        round_trip(&cc, at + 5 * RTT, MSS); /* the episode's time does not count */
        at = round_trip(&before, at, MSS);
    }
    expect_near(cc.cwnd, (double)before.cwnd / MSS, 1);
}
END_TEST

/* RFC 9438 4.2 counts octets acknowledged: an ACK of eight segments grows the window as eight ACKs do. */
START_TEST(stretched_acks_grow_the_window_as_much)
{
    struct tcp_cc small = after_loss(1000 * MSS);
    struct tcp_cc large = small;
    nsec at = START;
    for (unsigned i = 0; i < 120; i++) {
        round_trip(&large, at, 40 * MSS);
        at = round_trip(&small, at, MSS);
        double part = (double)large.cwnd / small.cwnd;
        ck_assert_msg(part > 0.98 && part < 1.02, "%u and %u", large.cwnd, small.cwnd);
    }
    ck_assert_uint_gt(large.cwnd, 1000 * MSS);
    small = after_loss(20 * MSS); /* where Reno is faster */
    large = small;
    for (unsigned i = 0; i < 20; i++) {
        round_trip(&large, START + i * RTT, 4 * MSS);
        round_trip(&small, START + i * RTT, MSS);
    }
    double part = (double)large.cwnd / small.cwnd;
    ck_assert_msg(part > 0.9 && part < 1.05, "%u and %u", large.cwnd, small.cwnd);
}
END_TEST

/* requires: 9438-4.6-3, 9438-5.8-1, 7661-4.4-1 */
START_TEST(an_unused_window_does_not_grow) /* 5.8 */
{
    struct tcp_cc cc = after_loss(100 * MSS);
    for (unsigned i = 0; i < 1000; i++) {
        acked_unused(&cc, START + i * RTT / 10);
    }
    ck_assert_uint_eq(cc.cwnd, 70 * MSS);
    cc_init(&cc, &cc_cubic, MSS, false);
    acked_unused(&cc, START);
    ck_assert_uint_eq(cc.cwnd, 10 * MSS);
}
END_TEST

/* 4.2, 5.8: t does not include periods in which the window was not updated. `pause` of them, in the convex region:
 * `idle`: nothing is sent at all; else ACKs come, but the window is not what limits. */
static void expect_as_if_never_paused(nsec pause, bool idle)
{
    struct tcp_cc cc = after_loss(1000 * MSS);
    nsec at = START;
    for (unsigned i = 0; i < 130; i++) {
        at = round_trip(&cc, at, MSS);
    }
    ck_assert_uint_gt(cc.cwnd, 1010 * MSS);
    struct tcp_cc busy = cc;
    if (idle) {
        cc.ops->on_idle(&cc, at + pause, RTT);
    }
    for (nsec t = RTT; !idle && t < pause; t += RTT) {
        acked_unused(&cc, at + t);
    }
    for (unsigned i = 0; i < 10; i++) {
        round_trip(&busy, at + i * RTT, MSS);
        round_trip(&cc, at + pause + i * RTT, MSS);
        expect_near(cc.cwnd, (double)busy.cwnd / MSS, 3); /* one round trip's growth */
    }
}

/* requires: 9438-4.2-3 */
START_TEST(idle_time_does_not_count)
{
    expect_as_if_never_paused(60 * NS_PER_SEC, true);
}
END_TEST

/* requires: 9438-4.2-3 */
START_TEST(time_that_the_application_limits_does_not_count)
{
    expect_as_if_never_paused(60 * NS_PER_SEC, false);
}
END_TEST

/* Slow start from a window of `from`, whose round trips grow from the third round on, until HyStart++ ends it. With
 * `held` the window is as small before each ACK. */
static struct tcp_cc first_slow_start(uint32_t from, bool held)
{
    struct tcp_cc cc;
    cc_init(&cc, &cc_cubic, MSS, false);
    cc.cwnd = from;
    uint32_t nxt = 10 * MSS;
    uint32_t una = 0;
    for (unsigned round = 0; round < 10 && cc.ssthresh == CC_SSTHRESH_START; round++) {
        uint32_t end = nxt;
        while (una < end) {
            una += MSS;
            nxt = una + u32_max(cc.cwnd, 10 * MSS);
            struct tcp_ack ack = {.now = START,
                                  .ack = seq_of(una),
                                  .nxt = seq_of(nxt),
                                  .acked = held ? 1 : MSS,
                                  .ack_rtt = RTT + (round >= 2 ? 20 * NS_PER_MS : 0),
                                  .cwnd_limited = true};
            cc.cwnd = held ? from : cc.cwnd;
            cc.ops->on_ack(&cc, &ack);
        }
    }
    ck_assert_uint_ne(cc.ssthresh, CC_SSTHRESH_START);
    return cc;
}

/* requires: 9438-4.10-1, 9438-4.10-2 */
START_TEST(the_first_slow_start_ends_by_hystart)
{
    struct tcp_cc cc = first_slow_start(10 * MSS, false);
    ck_assert_uint_ge(cc.cwnd, cc.ssthresh);
    ck_assert_uint_lt(cc.cwnd,
                      200 * MSS); /* 10, 20, 40, then by a quarter: 40 to 98 and a little */
}
END_TEST

START_TEST(switched_off_the_first_slow_start_heeds_no_delay)
{
    struct tcp_cc cc;
    cc_init(&cc, &cc_cubic, MSS, false);
    cc.no_hystart = true;
    for (uint32_t i = 1; i <= 200; i++) {
        struct tcp_ack ack = {.now = START + (nsec)i * NS_PER_MS,
                              .ack = seq_of(i * MSS),
                              .nxt = seq_of((i + 20) * MSS),
                              .acked = MSS,
                              .ack_rtt = (nsec)(20 + i) * NS_PER_MS,
                              .cwnd_limited = true,
                              .in_bursts = true};
        cc.ops->on_ack(&cc, &ack);
    }
    ck_assert_uint_eq(cc.ssthresh, CC_SSTHRESH_START);
    ck_assert_uint_eq(cc.cwnd, 210 * MSS);
}
END_TEST

/* requires: 9406-4.3-7 */
START_TEST(slow_start_does_not_end_while_the_application_is_the_limit) /* RFC 9406 4.3 */
{
    struct tcp_cc cc;
    cc_init(&cc, &cc_cubic, MSS, false);
    for (uint32_t i = 1; i <= 2000; i++) { /* a hundred rounds, each longer than the one before */
        struct tcp_ack ack = {.now = START + (nsec)i * NS_PER_MS,
                              .ack = seq_of(i * MSS),
                              .nxt = seq_of((i + 20) * MSS),
                              .acked = MSS,
                              .ack_rtt = (nsec)(20 + i) * NS_PER_MS};
        cc.ops->on_ack(&cc, &ack);
    }
    ck_assert_uint_eq(cc.ssthresh, CC_SSTHRESH_START);
    ck_assert_uint_eq(cc.cwnd, 10 * MSS);
}
END_TEST

/* A second of ACKs 1 ms apart, round trips of 20 ms that do not grow. */
static uint32_t ssthresh_after_a_train(bool no_ack_train, bool in_bursts)
{
    struct tcp_cc cc;
    cc_init(&cc, &cc_cubic, MSS, false);
    cc.no_ack_train = no_ack_train;
    for (uint32_t i = 1; i <= 1000; i++) {
        struct tcp_ack ack = {.now = START + (nsec)i * NS_PER_MS,
                              .ack = seq_of(i * MSS),
                              .nxt = seq_of((i + 20) * MSS),
                              .acked = MSS,
                              .ack_rtt = 20 * NS_PER_MS,
                              .cwnd_limited = true,
                              .in_bursts = in_bursts};
        cc.ops->on_ack(&cc, &ack);
    }
    return cc.ssthresh;
}

/* requires: 9406-4.1-1 */
START_TEST(an_ack_train_ends_it_where_the_window_lets_bursts_out)
{
    ck_assert_uint_lt(ssthresh_after_a_train(false, true), 40 * MSS);
    ck_assert_uint_eq(ssthresh_after_a_train(true, true), CC_SSTHRESH_START);
    ck_assert_uint_eq(ssthresh_after_a_train(false, false), CC_SSTHRESH_START);
}
END_TEST

START_TEST(it_ends_at_two_segments_at_least) /* RFC 5681 3.1, equation 4 */
{
    ck_assert_uint_eq(first_slow_start(MSS, true).ssthresh, 2 * MSS);
}
END_TEST

START_TEST(nothing_overflows)
{
    struct tcp_cc cc = avoidance(UINT32_MAX - 100);
    cc.mss = 65483;
    acked(&cc, START, UINT32_MAX);
    acked(&cc, START + 100000 * NS_PER_SEC, UINT32_MAX);
    ck_assert_uint_ge(cc.cwnd, UINT32_MAX - 100);
    cc.ops->on_loss(&cc, UINT32_MAX);
    cc.cwnd = cc.ssthresh;
    acked(&cc, START + 200000 * NS_PER_SEC, UINT32_MAX);
    ck_assert_uint_ge(cc.cwnd, cc.ssthresh);
    cc = avoidance(2 * MSS);
    acked(&cc, START, MSS);
    acked(&cc, START + 1000000 * NS_PER_SEC, 2 * MSS);
    ck_assert_uint_le(cc.cwnd, 4 * MSS);
}
END_TEST

Suite *cc_cubic_suite(void);
Suite *cc_cubic_suite(void)
{
    Suite *s = suite_create("cc_cubic");
    TCase *t = tcase_create("cc_cubic");
    tcase_add_test(t, loss_leaves_beta_of_what_was_in_flight);
    tcase_add_test(t, loss_leaves_beta_of_a_window_that_was_used);
    tcase_add_test(t, k_is_the_cube_root);
    tcase_add_test(t, the_window_follows_the_curve);
    tcase_add_test(t, the_window_keeps_up_with_the_curve);
    tcase_add_test(t, not_faster_than_half_of_the_window_each_round_trip);
    tcase_add_test(t, as_fast_as_reno_where_that_is_faster);
    tcase_add_test(t, fast_convergence_gives_way);
    tcase_add_test(t, after_a_timeout_the_curve_begins_at_its_plateau);
    tcase_add_test(t, a_timeout_grows_back_without_hystart);
    tcase_add_test(t, undone_it_goes_on_where_it_was);
    tcase_add_test(t, stretched_acks_grow_the_window_as_much);
    tcase_add_test(t, an_unused_window_does_not_grow);
    tcase_add_test(t, idle_time_does_not_count);
    tcase_add_test(t, time_that_the_application_limits_does_not_count);
    tcase_add_test(t, the_first_slow_start_ends_by_hystart);
    tcase_add_test(t, switched_off_the_first_slow_start_heeds_no_delay);
    tcase_add_test(t, slow_start_does_not_end_while_the_application_is_the_limit);
    tcase_add_test(t, an_ack_train_ends_it_where_the_window_lets_bursts_out);
    tcase_add_test(t, it_ends_at_two_segments_at_least);
    tcase_add_test(t, nothing_overflows);
    suite_add_tcase(s, t);
    return s;
}
