/* BBR (draft-ietf-ccwg-bbr-06) over a bottleneck in virtual time, and its single rules. */
#include <check.h>
#include <stdlib.h>

#include "stack/tcp/bbr_model.h"
#include "tests/unit/tcp/bottleneck.h"

#define MSS 1000U
#define MS(n) ((nsec)(n)*NS_PER_MS)
#define SEC(n) ((nsec)(n)*NS_PER_SEC)
#define RATE UINT64_C(2500000) /* bytes a second: 20 Mbit/s */
#define RTT MS(40)
#define BDP UINT64_C(100000)

static struct bottleneck *b;
static struct cc_bbr_state *u;

static void set_up(void)
{
    b = malloc(sizeof *b);
    ck_assert_ptr_nonnull(b);
    bottleneck_init(b, &cc_bbr, MSS, RATE, RTT, 2 * BDP);
    u = &b->cc.u.bbr;
}

static void tear_down(void)
{
    free(b);
}

static void expect_percent(uint64_t have, uint64_t want, unsigned percent, int line)
{
    uint64_t slack = want * percent / 100;
    ck_assert_msg(have + slack >= want && have <= want + slack, "line %d: %lu, not %lu", line,
                  (unsigned long)have, (unsigned long)want);
}

/* Runs until the state is `state`; false: it did not come within `most`. */
static bool run_until(enum cc_state state, nsec most)
{
    for (nsec end = b->now + most; b->now < end;) {
        if (u->state == state) {
            return true;
        }
        bottleneck_run(b, MS(1));
    }
    return false;
}

/* ---- the whole ---- */

START_TEST(finds_the_rate_and_the_round_trip) /* 5.3.1: the rate doubles each round trip */
{
    bottleneck_run(
        b, 16 * RTT); /* five doublings to twice the path, and three rounds to be sure, all of up to
                                  * two round trips with the queue */
    ck_assert(u->full_bw_reached);
    expect_percent(bbr_max_bw(u), RATE, 3, __LINE__);
    expect_percent((uint64_t)u->min_rtt, (uint64_t)RTT, 3, __LINE__);
    ck_assert_int_ne(u->state, CC_BBR_STARTUP);
}
END_TEST

START_TEST(fills_the_path_and_leaves_no_queue)
{
    bottleneck_run(b, SEC(1));
    expect_percent(bottleneck_goodput(b, SEC(2)), RATE, 3, __LINE__);
    ck_assert(run_until(CC_BBR_UP, SEC(4)));
    ck_assert(run_until(CC_BBR_CRUISE, SEC(2)));
    bottleneck_run(b, 3 * RTT);
    ck_assert_int_eq(u->state, CC_BBR_CRUISE);
    b->inflight_sum = b->inflight_count = 0;
    bottleneck_run(b, 3 * RTT);
    expect_percent(b->inflight_sum / b->inflight_count, BDP, 10, __LINE__);
    ck_assert_int_lt(b->latest_rtt, RTT + RTT / 5);
    ck_assert_uint_eq(b->lost, 0);
}
END_TEST

START_TEST(startup_grows_by_2_77_and_drains)
{
    ck_assert_int_eq(u->state, CC_BBR_STARTUP);
    ck_assert(run_until(CC_BBR_DRAIN, SEC(2)));
    expect_percent(b->cc.pacing_rate, RATE / 2, 6, __LINE__); /* 0.5 of it, less 1 % */
    nsec drain = b->now;
    while (u->state == CC_BBR_DRAIN) {
        bottleneck_run(b, MS(1));
    }
    ck_assert_int_le(b->now - drain, 3 * RTT);
    expect_percent(b->in_flight, BDP, 10, __LINE__);
}
END_TEST

START_TEST(goes_round_in_probe_bw) /* 5.3.3: DOWN, CRUISE, REFILL, UP, with their gains */
{
    bottleneck_run(b, SEC(1));
    static const struct {
        enum cc_state state;
        unsigned percent;
    } order[] = {{CC_BBR_REFILL, 100}, {CC_BBR_UP, 125}, {CC_BBR_DOWN, 90}, {CC_BBR_CRUISE, 100}};
    nsec cycle = u->cycle_stamp;
    for (unsigned i = 0; i < COUNT_OF(order); i++) {
        ck_assert(run_until(order[i].state, SEC(4)));
        expect_percent(b->cc.pacing_rate, RATE * order[i].percent / 100, 5, __LINE__);
        if (order[i].state == CC_BBR_REFILL) { /* 5.3.3.8: two to three seconds, or 63 rounds */
            ck_assert_int_ge(b->now - cycle, SEC(2));
            ck_assert_int_le(b->now - cycle, SEC(3) + RTT);
        }
    }
}
END_TEST

START_TEST(waits_for_as_many_rounds_as_reno_would) /* 5.3.3.8.2: a short path */
{
    bottleneck_init(b, &cc_bbr, MSS, RATE, MS(4), 20 * MSS); /* ten segments */
    bottleneck_run(b, SEC(1));
    unsigned ups = 0;
    for (nsec end = b->now + SEC(2); b->now < end;) {
        ck_assert(run_until(CC_BBR_UP, SEC(1)));
        ups++;
        ck_assert(run_until(CC_BBR_DOWN, SEC(1)));
    }
    ck_assert_uint_gt(ups, 10); /* each 10 round trips and some */
}
END_TEST

START_TEST(probes_the_round_trip_each_five_seconds) /* 5.3.4 */
{
    ck_assert(run_until(CC_BBR_PROBE_RTT, SEC(7)));
    nsec begun = b->now;
    ck_assert_int_gt(begun, SEC(6) - MS(500)); /* time begins at 1 s */
    bottleneck_run(b, 2 * RTT);
    ck_assert_uint_le(b->cc.cwnd, BDP * 52 / 100);
    ck_assert_uint_le(b->in_flight, BDP * 52 / 100);
    ck_assert(run_until(CC_BBR_CRUISE, SEC(1)));
    ck_assert_int_ge(b->now - begun, MS(200));
    ck_assert_int_le(b->now - begun, MS(200) + 4 * RTT);
    expect_percent(bbr_max_bw(u), RATE, 3,
                   __LINE__); /* its samples were not taken for the path's */
    expect_percent(bottleneck_goodput(b, SEC(2)), RATE, 4, __LINE__);
    ck_assert(run_until(CC_BBR_PROBE_RTT, SEC(6)));
    ck_assert_int_gt(b->now - begun, SEC(5));
}
END_TEST

START_TEST(a_longer_round_trip_is_believed_after_ten_seconds) /* 5.5.7.2 */
{
    bottleneck_run(b, SEC(2));
    b->rtt = 2 * RTT;
    bottleneck_run(b, SEC(16));
    expect_percent((uint64_t)u->min_rtt, (uint64_t)(2 * RTT), 5, __LINE__);
    expect_percent(bottleneck_goodput(b, SEC(4)), RATE, 5, __LINE__);
}
END_TEST

START_TEST(half_the_rate_is_noticed)
{
    bottleneck_run(b, SEC(3));
    b->rate = RATE / 2;
    bottleneck_run(b, SEC(8)); /* two cycles of the filter */
    expect_percent(bbr_max_bw(u), RATE / 2, 5, __LINE__);
    expect_percent(bottleneck_goodput(b, SEC(4)), RATE / 2, 5, __LINE__);
}
END_TEST

START_TEST(twice_the_rate_is_used)
{
    bottleneck_run(b, SEC(3));
    b->rate = 2 * RATE;
    bottleneck_run(b, SEC(8));
    expect_percent(bottleneck_goodput(b, SEC(4)), 2 * RATE, 5, __LINE__);
}
END_TEST

/* Each round with a loss takes the short-term model down by as much, until the next probe: 5.3.3.8.3 counts on
 * that. CUBIC halves where BBR loses a percent. */
START_TEST(one_percent_of_loss_is_borne)
{
    b->loss = 10000;
    bottleneck_run(b, SEC(3));
    uint64_t goodput = bottleneck_goodput(b, SEC(20));
    ck_assert_msg(goodput > RATE / 2, "%lu of %lu", (unsigned long)goodput, (unsigned long)RATE);
    bottleneck_init(b, &cc_cubic, MSS, RATE, RTT, 2 * BDP);
    b->loss = 10000;
    bottleneck_run(b, SEC(3));
    uint64_t cubic = bottleneck_goodput(b, SEC(20));
    ck_assert_msg(goodput > 2 * cubic, "%lu, CUBIC %lu", (unsigned long)goodput,
                  (unsigned long)cubic);
}
END_TEST

START_TEST(a_shallow_buffer_bounds_what_is_in_flight) /* 5.5.10.2 */
{
    bottleneck_init(b, &cc_bbr, MSS, RATE, RTT, BDP / 10);
    bottleneck_run(b, SEC(3));
    ck_assert_uint_ne(u->inflight_longterm, BBR_INFLIGHT_ANY);
    uint64_t dropped = b->dropped;
    uint64_t sent = b->sent;
    uint64_t goodput = bottleneck_goodput(b, SEC(20));
    ck_assert_msg(goodput > RATE * 85 / 100, "%lu of %lu", (unsigned long)goodput,
                  (unsigned long)RATE);
    ck_assert_uint_lt((b->dropped - dropped) * MSS * 50, b->sent - sent); /* below 2 % */
}
END_TEST

START_TEST(a_buffer_that_overflows_in_startup_ends_it) /* 5.3.1.3 */
{
    bottleneck_init(b, &cc_bbr, MSS, 10 * RATE, RTT, 50 * MSS);
    ck_assert(run_until(CC_BBR_DRAIN, SEC(2)) || u->full_bw_reached);
    bottleneck_run(b, SEC(5));
    uint64_t goodput = bottleneck_goodput(b, SEC(10));
    ck_assert_uint_gt(goodput, 10 * RATE * 80 / 100);
}
END_TEST

START_TEST(an_application_that_has_little_is_no_slow_path) /* 5.5.4 */
{
    bottleneck_run(b, SEC(3));
    b->app_rate = RATE / 10;
    b->app_from = b->now;
    b->app_sent = 0;
    expect_percent(bottleneck_goodput(b, SEC(20)), RATE / 10, 5, __LINE__);
    expect_percent(bbr_max_bw(u), RATE, 3, __LINE__);
    b->app_rate = 0;
    bottleneck_run(b, 2 * RTT);
    expect_percent(bottleneck_goodput(b, SEC(3)), RATE, 6, __LINE__);
}
END_TEST

START_TEST(after_a_timeout_it_comes_back) /* 5.6.4.4 */
{
    bottleneck_run(b, SEC(3));
    bottleneck_timeout(b);
    ck_assert_uint_eq(b->cc.cwnd, MSS);
    bottleneck_run(b, 6 * RTT);
    expect_percent(bottleneck_goodput(b, SEC(3)), RATE, 6, __LINE__);
}
END_TEST

START_TEST(worlds_repeat)
{
    bottleneck_run(b, SEC(30));
    struct tcp_cc first = b->cc;
    uint64_t delivered = b->delivered;
    bottleneck_init(b, &cc_bbr, MSS, RATE, RTT, 2 * BDP);
    bottleneck_run(b, SEC(30));
    ck_assert_uint_eq(b->delivered, delivered);
    ck_assert_int_eq(b->cc.u.bbr.cycle_stamp, first.u.bbr.cycle_stamp);
    bottleneck_init(b, &cc_bbr, MSS, RATE, RTT, 2 * BDP);
    b->cc.dice = 7; /* another connection waits for other times */
    bottleneck_run(b, SEC(30));
    ck_assert_int_ne(b->cc.u.bbr.cycle_stamp, first.u.bbr.cycle_stamp);
}
END_TEST

/* ---- its rules ---- */

static void lose(uint32_t in_flight, uint64_t since_sent, uint32_t bytes)
{
    struct cc_lost lost = {.now = b->now,
                           .bytes = bytes,
                           .in_flight = in_flight,
                           .since_sent = since_sent,
                           .selective = true};
    b->cc.ops->on_lost(&b->cc, &lost);
}

START_TEST(a_loss_below_two_percent_ends_no_probe)
{
    bottleneck_run(b, SEC(1));
    ck_assert(run_until(CC_BBR_UP, SEC(4)));
    lose(150000, 3000, MSS);
    ck_assert_int_eq(u->state, CC_BBR_UP);
    ck_assert_uint_eq(u->inflight_longterm, BBR_INFLIGHT_ANY);
    lose(150000, 4000, MSS); /* 2.67 %: 2 % of 149,000 is 2,980, and 3,000 were lost before */
    ck_assert_int_eq(u->state, CC_BBR_DOWN);
    ck_assert_uint_eq(u->inflight_longterm, 149000);
    lose(120000, 9000, MSS); /* once a probe */
    ck_assert_uint_eq(u->inflight_longterm, 149000);
}
END_TEST

/* InflightAtLoss: a burst of 50,000 bytes over 100,000; the 2 % were lost when (2,000 - 0) / 0.98 of it had
 * gone. */
START_TEST(where_in_a_burst_it_was_too_much)
{
    struct cc_lost lost = {.bytes = 50000, .in_flight = 150000, .since_sent = 50000};
    ck_assert_uint_eq(bbr_inflight_at_loss(&lost), 102040);
    lost.since_sent = 51000;
    ck_assert_uint_eq(bbr_inflight_at_loss(&lost), 101020);
    lost.since_sent = 60000;
    ck_assert_uint_eq(bbr_inflight_at_loss(&lost), 100000);
}
END_TEST

START_TEST(never_below_beta_of_what_is_wanted) /* max(tx_in_flight, Beta TargetInflight) */
{
    bottleneck_run(b, SEC(1));
    ck_assert(run_until(CC_BBR_UP, SEC(4)));
    lose(20000, 10000, MSS);
    expect_percent(u->inflight_longterm, BDP * 70 / 100, 4, __LINE__);
}
END_TEST

START_TEST(headroom_is_left_while_cruising) /* 0.85 of inflight_longterm */
{
    bottleneck_run(b, SEC(1));
    ck_assert(run_until(CC_BBR_UP, SEC(4)));
    lose(140000, 10000, MSS);
    uint32_t bound = u->inflight_longterm;
    ck_assert(run_until(CC_BBR_CRUISE, SEC(2)));
    bottleneck_run(b, RTT);
    ck_assert_uint_le(b->cc.cwnd, bound * 85 / 100 + 1);
}
END_TEST

START_TEST(losses_while_cruising_lower_the_short_term_model) /* 5.5.10.3 */
{
    bottleneck_run(b, SEC(1));
    ck_assert(run_until(CC_BBR_CRUISE, SEC(4)));
    ck_assert_uint_eq(u->bw_shortterm, BBR_BW_ANY);
    b->loss = 100000;
    bottleneck_run(b, 6 * RTT);
    ck_assert_uint_lt(u->bw_shortterm, RATE);
    ck_assert_uint_ne(u->inflight_shortterm, BBR_INFLIGHT_ANY);
    ck_assert_uint_lt(u->bw, RATE);
    expect_percent(bbr_max_bw(u), RATE, 3, __LINE__); /* the long-term model stays */
    b->loss = 0;
    ck_assert(run_until(CC_BBR_REFILL, SEC(4)));
    ck_assert_uint_eq(u->bw_shortterm, BBR_BW_ANY);
    ck_assert_uint_eq(u->inflight_shortterm, BBR_INFLIGHT_ANY);
}
END_TEST

START_TEST(a_spurious_loss_is_undone) /* 5.5.11.2 */
{
    bottleneck_run(b, SEC(1));
    ck_assert(run_until(CC_BBR_UP, SEC(4)));
    uint32_t cwnd = b->cc.cwnd;
    lose(150000, 9000, MSS);
    b->cc.ops->on_loss(&b->cc, 150000);
    ck_assert_int_eq(u->state, CC_BBR_DOWN);
    bottleneck_run(b, RTT / 2);
    b->cc.ops->on_undo(&b->cc);
    ck_assert_int_eq(u->state, CC_BBR_REFILL);
    ck_assert_uint_eq(u->inflight_longterm, BBR_INFLIGHT_ANY);
    ck_assert_uint_eq(u->bw_shortterm, BBR_BW_ANY);
    ck_assert_uint_ge(b->cc.cwnd, cwnd);
}
END_TEST

START_TEST(a_timeout_that_was_none_gives_the_window_back)
{
    bottleneck_run(b, SEC(3));
    uint32_t cwnd = b->cc.cwnd;
    b->cc.ops->on_timeout(&b->cc, 100000, true);
    b->cc.ops->on_timeout(&b->cc, 100000, false);
    ck_assert_uint_eq(b->cc.cwnd, MSS);
    b->cc.ops->on_undo(&b->cc);
    ck_assert_uint_eq(b->cc.cwnd, cwnd);
}
END_TEST

START_TEST(a_mark_is_a_loss) /* 3.7 */
{
    bottleneck_run(b, SEC(1));
    ck_assert(run_until(CC_BBR_UP, SEC(4)));
    b->cc.ops->on_mark(&b->cc, 110000);
    ck_assert_int_eq(u->state, CC_BBR_DOWN);
    ck_assert_uint_eq(u->inflight_longterm, 110000);
}
END_TEST

START_TEST(restarts_from_idleness_at_the_rate_it_knows) /* 5.4.1 */
{
    bottleneck_run(b, SEC(3));
    uint32_t cwnd = b->cc.cwnd;
    b->app_rate = 1; /* nothing */
    b->app_from = b->now;
    b->app_sent = 0;
    bottleneck_run(b, SEC(20));
    ck_assert_uint_eq(b->in_flight, 0);
    b->app_rate = 0;
    bottleneck_run(b, MS(1));
    ck_assert(u->idle_restart);
    expect_percent(b->cc.pacing_rate, RATE * 99 / 100, 3, __LINE__);
    ck_assert_uint_eq(b->cc.cwnd, cwnd);
    bottleneck_run(b, 2 * RTT);
    ck_assert_int_ne(u->state, CC_BBR_PROBE_RTT); /* the pause was as good as one */
    expect_percent(bottleneck_goodput(b, SEC(2)), RATE, 5, __LINE__);
}
END_TEST

START_TEST(the_first_rate_is_the_initial_window_in_a_round_trip) /* 5.6.2 */
{
    b->cc.ops->on_idle(&b->cc, b->now, MS(100));
    expect_percent(b->cc.pacing_rate, 10000 * 10 * 277 / 100, 1, __LINE__);
}
END_TEST

static void ack_of(uint64_t delivered, uint64_t rate, nsec rtt)
{
    struct tcp_ack ack = {.now = b->now,
                          .delivered = MSS,
                          .rate_has = true,
                          .rate = rate,
                          .rate_prior = delivered,
                          .total = delivered + MSS,
                          .ack_rtt = rtt,
                          .selective = true};
    b->cc.ops->on_ack(&b->cc, &ack);
}

START_TEST(nothing_overflows)
{
    static const uint64_t rates[] = {0, 1, UINT64_C(100000000000), 1, 0};
    for (unsigned i = 0; i < 1000; i++) {
        b->now += SEC(i * 10);
        ack_of(i * UINT64_C(1000000000), rates[i % COUNT_OF(rates)], 1 + SEC(i % 90));
        lose(UINT32_MAX, UINT64_C(1) << (i % 60), MSS);
        ck_assert_uint_ge(b->cc.cwnd, 4 * MSS);
        ck_assert_uint_ge(b->cc.pacing_rate, MSS);
    }
}
END_TEST

Suite *cc_bbr_suite(void);
Suite *cc_bbr_suite(void)
{
    Suite *s = suite_create("cc_bbr");
    TCase *t = tcase_create("cc_bbr");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, finds_the_rate_and_the_round_trip);
    tcase_add_test(t, fills_the_path_and_leaves_no_queue);
    tcase_add_test(t, startup_grows_by_2_77_and_drains);
    tcase_add_test(t, goes_round_in_probe_bw);
    tcase_add_test(t, waits_for_as_many_rounds_as_reno_would);
    tcase_add_test(t, probes_the_round_trip_each_five_seconds);
    tcase_add_test(t, a_longer_round_trip_is_believed_after_ten_seconds);
    tcase_add_test(t, half_the_rate_is_noticed);
    tcase_add_test(t, twice_the_rate_is_used);
    tcase_add_test(t, one_percent_of_loss_is_borne);
    tcase_add_test(t, a_shallow_buffer_bounds_what_is_in_flight);
    tcase_add_test(t, a_buffer_that_overflows_in_startup_ends_it);
    tcase_add_test(t, an_application_that_has_little_is_no_slow_path);
    tcase_add_test(t, after_a_timeout_it_comes_back);
    tcase_add_test(t, worlds_repeat);
    tcase_add_test(t, a_loss_below_two_percent_ends_no_probe);
    tcase_add_test(t, where_in_a_burst_it_was_too_much);
    tcase_add_test(t, never_below_beta_of_what_is_wanted);
    tcase_add_test(t, headroom_is_left_while_cruising);
    tcase_add_test(t, losses_while_cruising_lower_the_short_term_model);
    tcase_add_test(t, a_spurious_loss_is_undone);
    tcase_add_test(t, a_timeout_that_was_none_gives_the_window_back);
    tcase_add_test(t, a_mark_is_a_loss);
    tcase_add_test(t, restarts_from_idleness_at_the_rate_it_knows);
    tcase_add_test(t, the_first_rate_is_the_initial_window_in_a_round_trip);
    tcase_add_test(t, nothing_overflows);
    suite_add_tcase(s, t);
    return s;
}
