/* BBR's equations (draft-ietf-ccwg-bbr-06), ACK by ACK. The path is one of 2,500,000 bytes a second and 40 ms: its
 * BDP is 100,000 bytes, and 0.99 of the rate 2,475,000. What is expected is computed by hand from the draft.
 */
#include <check.h>

#include "stack/tcp/bbr_model.h"

#define MSS 1000U
#define MS(n) ((nsec)(n)*NS_PER_MS)
#define RATE UINT64_C(2500000)
#define RTT MS(40)
#define BDP 100000U

static struct tcp_cc cc;
static struct cc_bbr_state *u;
static nsec now;
static uint64_t total;

static void set_up(void)
{
    cc = (struct tcp_cc){.dice = 99};
    cc_init(&cc, &cc_bbr, MSS, false);
    u = &cc.u.bbr;
    now = NS_PER_SEC;
    total = 0;
}

/* An ACK of one segment, a round trip after the one before: a packet-timed round, and a loss round, begins. */
static struct tcp_ack next_round(uint64_t rate)
{
    now += RTT;
    total += MSS;
    return (struct tcp_ack){.now = now,
                            .acked = MSS,
                            .delivered = MSS,
                            .total = total,
                            .rate_has = true,
                            .rate = rate,
                            .rate_prior = total - MSS,
                            .rate_bytes = BDP,
                            .rate_in_flight = BDP / 2,
                            .in_flight = BDP + BDP / 2,
                            .ack_rtt = RTT,
                            .srtt = RTT,
                            .selective = true};
}

/* One in the middle of a round. */
static struct tcp_ack same_round(uint64_t rate)
{
    struct tcp_ack ack = next_round(rate);
    ack.rate_prior = 0;
    return ack;
}

static void take(struct tcp_ack ack)
{
    cc.ops->on_ack(&cc, &ack);
}

static void take_round(uint64_t rate)
{
    take(next_round(rate));
}

static void take_app_limited(uint64_t rate)
{
    struct tcp_ack ack = next_round(rate);
    ack.app_limited = true;
    take(ack);
}

/* The path is known, and the pipe full. */
static void know(enum cc_state state, uint32_t cwnd)
{
    take_round(RATE);
    u->full_bw_reached = true;
    u->state = (uint8_t)state;
    u->rounds_since_probe_up = 0;
    u->cycle_stamp = now;
    u->bw_probe_wait = 2 * NS_PER_SEC;
    cc.cwnd = cwnd;
    bbr_reset_congestion_signals(u);
}

static void lose(unsigned ranges)
{
    for (unsigned i = 0; i < ranges; i++) {
        struct cc_lost lost = {.now = now,
                               .bytes = MSS,
                               .in_flight = BDP,
                               .since_sent = (uint64_t)MSS * (i + 1),
                               .selective = true};
        cc.ops->on_lost(&cc, &lost);
    }
}

/* ---- Startup (5.3.1) and Drain (5.3.2) ---- */

START_TEST(three_rounds_without_growth_fill_the_pipe) /* 5.3.1.2 */
{
    take_round(RATE);
    take_round(RATE);
    take_round(RATE);
    ck_assert(!u->full_bw_reached);
    ck_assert_int_eq(u->state, CC_BBR_STARTUP);
    take_round(RATE);
    ck_assert(u->full_bw_reached);
    ck_assert_int_eq(u->state, CC_BBR_DRAIN);
}
END_TEST

START_TEST(a_quarter_more_is_growth_and_less_is_none) /* 5.3.1.2 */
{
    static const uint64_t growing[] = {1000000, 1250000, 1562500, 1953125, 2441407, 3051759};
    for (unsigned i = 0; i < COUNT_OF(growing); i++) {
        take_round(growing[i]);
    }
    ck_assert_uint_eq(u->full_bw_count, 0);
    set_up();
    take_round(1000000);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(!u->full_bw_reached);
        take_round(1240000);
    }
    ck_assert(u->full_bw_reached);
}
END_TEST

START_TEST(an_application_that_has_little_fills_no_pipe) /* 5.3.1.2 */
{
    take_round(RATE);
    for (unsigned i = 0; i < 10; i++) {
        take_app_limited(RATE / 2);
    }
    ck_assert(!u->full_bw_reached);
    ck_assert_int_eq(u->state, CC_BBR_STARTUP);
}
END_TEST

/* A round of recovery in which so many ranges were lost, and so many of 100,000 bytes. */
static void lossy_round(unsigned ranges, uint64_t lost)
{
    set_up();
    take_round(RATE);
    lose(ranges);
    cc.ops->on_loss(&cc, BDP);
    struct tcp_ack ack = next_round(RATE);
    ack.recovering = true;
    ack.rate_in_flight = BDP;
    ack.rate_lost = lost;
    ack.rate_bytes = BDP + 20 * MSS;
    take(ack);
}

START_TEST(six_ranges_and_two_percent_end_startup) /* 5.3.1.3 */
{
    lossy_round(5, 5 * MSS);
    ck_assert(!u->full_bw_reached);
    lossy_round(6, 2 * MSS); /* not more than 2 % */
    ck_assert(!u->full_bw_reached);
    lossy_round(6, 2 * MSS + 1);
    ck_assert(u->full_bw_reached);
    ck_assert_int_eq(u->state, CC_BBR_DRAIN);
    ck_assert_uint_eq(u->inflight_longterm, 120000); /* max(BDP, inflight_latest) */
}
END_TEST

START_TEST(ranges_are_counted_in_one_round) /* 5.3.1.3: "lost in that round trip" */
{
    lossy_round(5, 5 * MSS);
    lose(1);
    struct tcp_ack ack = next_round(RATE);
    ack.recovering = true;
    ack.rate_in_flight = BDP;
    ack.rate_lost = 6 * (uint64_t)MSS;
    take(ack);
    ck_assert(!u->full_bw_reached);
}
END_TEST

START_TEST(drain_ends_after_three_rounds) /* 5.3.2 */
{
    for (unsigned i = 0; i < 4; i++) {
        take_round(RATE);
    }
    for (unsigned i = 0; i < 3; i++) {
        take_round(RATE);
        ck_assert_int_eq(u->state, CC_BBR_DRAIN);
    }
    take_round(RATE);
    ck_assert_int_eq(u->state, CC_BBR_DOWN);
}
END_TEST

START_TEST(drain_ends_with_the_queue) /* 5.3.2: inflight <= BDP */
{
    for (unsigned i = 0; i < 4; i++) {
        take_round(RATE);
    }
    struct tcp_ack ack = same_round(RATE);
    ack.in_flight = BDP + 1;
    take(ack);
    ck_assert_int_eq(u->state, CC_BBR_DRAIN);
    ack = same_round(RATE);
    ack.in_flight = BDP;
    take(ack);
    ck_assert_int_ne(u->state, CC_BBR_DRAIN);
}
END_TEST

/* ---- ProbeBW (5.3.3) ---- */

START_TEST(
    cruises_when_there_is_room_for_others) /* 5.3.3.1: below 0.85 of inflight_longterm, and the BDP */
{
    know(CC_BBR_DOWN, 2 * BDP);
    u->inflight_longterm = BDP;
    struct tcp_ack ack = same_round(RATE);
    ack.in_flight = 85001;
    take(ack);
    ck_assert_int_eq(u->state, CC_BBR_DOWN);
    ack = same_round(RATE);
    ack.in_flight = 85000;
    take(ack);
    ck_assert_int_eq(u->state, CC_BBR_CRUISE);
    u->state = CC_BBR_DOWN;
    u->inflight_longterm = 2 * BDP; /* 170,000 */
    ack = same_round(RATE);
    ack.in_flight = BDP + 1;
    take(ack);
    ck_assert_int_eq(u->state, CC_BBR_DOWN);
}
END_TEST

START_TEST(
    probes_after_63_rounds) /* 5.3.3.8.2: as many as there are segments in the BDP, 63 at the most */
{
    know(CC_BBR_CRUISE, 2 * BDP);
    for (unsigned i = 0; i < 62; i++) {
        struct tcp_ack ack = next_round(RATE);
        ack.now = now = u->cycle_stamp + MS(i + 1); /* well before two seconds */
        take(ack);
        ck_assert_int_eq(u->state, CC_BBR_CRUISE);
    }
    struct tcp_ack ack = next_round(RATE);
    ack.now = now = u->cycle_stamp + MS(63);
    take(ack);
    ck_assert_int_eq(u->state, CC_BBR_REFILL);
}
END_TEST

START_TEST(what_may_be_in_flight_grows_faster_each_round) /* 5.3.3.5: by 1, 2, 4, 8 segments */
{
    know(CC_BBR_REFILL, BDP);
    u->inflight_longterm = BDP;
    take_round(RATE);
    ck_assert_int_eq(u->state, CC_BBR_UP);
    ck_assert_uint_eq(cc.cwnd, BDP);
    static const uint32_t bound[] = {101000, 103000, 107000, 115000};
    for (unsigned i = 0; i < COUNT_OF(bound); i++) {
        struct tcp_ack ack = same_round(RATE); /* a window of ACKs */
        ack.cwnd_limited = true;
        ack.delivered = cc.cwnd;
        take(ack);
        ck_assert_uint_eq(u->inflight_longterm, bound[i]);
        ck_assert_uint_eq(cc.cwnd, bound[i]);
        ack = next_round(RATE);
        ack.cwnd_limited = true;
        ack.delivered = 0;
        take(ack);
        ck_assert_int_eq(u->state, CC_BBR_UP);
    }
}
END_TEST

/* ---- the bandwidth (5.5.3 to 5.5.6) ---- */

START_TEST(
    a_slow_application_is_not_in_the_filter) /* 5.5.4, and faster than what is known counts */
{
    take_round(RATE);
    bbr_advance_max_bw_filter(u);
    take_app_limited(RATE / 10);
    bbr_advance_max_bw_filter(u);
    ck_assert_uint_eq(bbr_max_bw(u), RATE);
    take_app_limited(2 * RATE);
    ck_assert_uint_eq(bbr_max_bw(u), 2 * RATE);
}
END_TEST

START_TEST(
    the_filter_keeps_two_cycles) /* 5.5.6; without a sample there is nothing to forget it for */
{
    take_round(RATE);
    bbr_advance_max_bw_filter(u);
    bbr_advance_max_bw_filter(u);
    ck_assert_uint_eq(bbr_max_bw(u), RATE);
    take_round(RATE / 2);
    ck_assert_uint_eq(bbr_max_bw(u), RATE);
    bbr_advance_max_bw_filter(u);
    ck_assert_uint_eq(bbr_max_bw(u), RATE / 2);
}
END_TEST

/* ---- losses and marks outside of probes (5.5.10.3) ---- */

/* Each round: max(what was delivered, 0.7 of before). */
static void expect_lower_bounds(void (*signal)(void))
{
    static const struct {
        uint64_t bw;
        uint32_t inflight;
    } after[] = {{1750000, 140000}, {1225000, 98000}, {1000000, 68600}, {1000000, 60000}};
    know(CC_BBR_CRUISE, 2 * BDP);
    for (unsigned i = 0; i < COUNT_OF(after); i++) {
        signal();
        struct tcp_ack ack = next_round(1000000);
        ack.rate_bytes = 60000;
        take(ack);
        ck_assert_uint_eq(u->bw_shortterm, after[i].bw);
        ck_assert_uint_eq(u->inflight_shortterm, after[i].inflight);
        ck_assert_uint_eq(u->bw, after[i].bw);
        ck_assert_uint_le(cc.cwnd, after[i].inflight);
        ck_assert_uint_eq(bbr_max_bw(u), RATE);
    }
    take_round(1000000); /* without one */
    ck_assert_uint_eq(u->bw_shortterm, 1000000);
}

static void lose_one(void)
{
    lose(1);
}

static void mark_one(void)
{
    cc.ops->on_mark(&cc, BDP);
}

START_TEST(a_loss_lowers_the_short_term_model)
{
    expect_lower_bounds(lose_one);
}
END_TEST

START_TEST(a_mark_lowers_it_as_well) /* 3.7 */
{
    expect_lower_bounds(mark_one);
}
END_TEST

/* ---- the pacing rate (5.6.2) ---- */

START_TEST(the_rate_is_one_percent_below)
{
    know(CC_BBR_CRUISE, 2 * BDP);
    take(same_round(RATE));
    ck_assert_uint_eq(cc.pacing_rate, 2475000);
    u->state = CC_BBR_UP;
    take(same_round(RATE));
    ck_assert_uint_eq(cc.pacing_rate, 3093750); /* 1.25 times that */
}
END_TEST

/* The initial rate is 2.77 times 10,000 bytes in 40 ms: 692,500; the sample would give 274,230. */
START_TEST(a_slow_application_does_not_slow_startup)
{
    cc.ops->on_idle(&cc, now, RTT);
    uint64_t first = cc.pacing_rate;
    ck_assert_uint_ge(first, 692500);
    ck_assert_uint_le(first, 692501);
    take_app_limited(100000);
    ck_assert_uint_eq(cc.pacing_rate, first);
    take_round(RATE);
    ck_assert_uint_eq(cc.pacing_rate, 6855750); /* 2.77 * 0.99 of it */
}
END_TEST

START_TEST(after_idleness_it_paces_at_the_bandwidth) /* 5.4.1 */
{
    know(CC_BBR_DOWN, 2 * BDP);
    take(same_round(RATE));
    ck_assert_uint_eq(cc.pacing_rate, 2227500); /* 0.9 * 0.99 */
    cc.ops->on_idle(&cc, now, RTT);
    ck_assert_uint_eq(cc.pacing_rate, 2475000);
}
END_TEST

/* ---- the window (5.6.4) ---- */

START_TEST(up_has_two_and_a_quarter_bdps) /* and what one ACK was too early by, and two segments */
{
    know(CC_BBR_UP, 5 * BDP);
    take(same_round(RATE));
    ck_assert_uint_eq(cc.cwnd, 225000 + MSS + 2 * MSS);
    u->state = CC_BBR_CRUISE;
    take(same_round(RATE));
    ck_assert_uint_eq(cc.cwnd, 200000 + MSS);
}
END_TEST

START_TEST(what_comes_in_one_piece_is_added) /* 5.5.9 */
{
    know(CC_BBR_CRUISE, 225000);
    struct tcp_ack ack = same_round(RATE);
    ack.delivered = 30 * MSS;
    take(ack);
    ck_assert_uint_eq(cc.cwnd, 230000);
}
END_TEST

/* 5.5.8.1, 5.6.3: the quantum is two segments here, and three may be in the ends. The BDP is 100 bytes. */
START_TEST(three_quanta_may_always_be_in_flight)
{
    cc.cwnd = 20 * MSS;
    for (unsigned i = 0; i < 4; i++) {
        struct tcp_ack ack = next_round(100000);
        ack.ack_rtt = ack.srtt = MS(1);
        take(ack);
    }
    ck_assert_int_eq(u->state, CC_BBR_DRAIN);
    ck_assert_uint_eq(cc.cwnd, 6 * MSS);
}
END_TEST

START_TEST(the_long_term_bound_holds_while_probing) /* 5.6.4.7 */
{
    static const enum cc_state state[] = {CC_BBR_DOWN, CC_BBR_REFILL, CC_BBR_UP};
    for (unsigned i = 0; i < COUNT_OF(state); i++) {
        set_up();
        know(state[i], 2 * BDP);
        u->inflight_longterm = 80000;
        take(same_round(RATE));
        ck_assert_int_eq(u->state, state[i]);
        ck_assert_uint_eq(cc.cwnd, 80000);
    }
}
END_TEST

START_TEST(the_short_term_bound_holds_but_for_four_segments) /* 5.6.4.7, 5.6.4.3 */
{
    know(CC_BBR_CRUISE, 2 * BDP);
    u->inflight_shortterm = 70000;
    take(same_round(RATE));
    ck_assert_uint_eq(cc.cwnd, 70000);
    u->inflight_shortterm = MSS;
    take(same_round(RATE));
    ck_assert_uint_eq(cc.cwnd, 4 * MSS);
}
END_TEST

START_TEST(the_window_of_before_comes_back_with_the_end_of_recovery) /* 5.6.4.4 */
{
    know(CC_BBR_CRUISE, 180000);
    cc.ops->on_timeout(&cc, BDP, true);
    ck_assert_uint_eq(cc.cwnd, MSS);
    struct tcp_ack ack = same_round(RATE);
    ack.recovering = true;
    take(ack);
    ck_assert_uint_eq(cc.cwnd, 4 * MSS);
    take(same_round(RATE));
    ck_assert_uint_eq(cc.cwnd, 180000 + MSS);
}
END_TEST

Suite *cc_bbr_model_suite(void);
Suite *cc_bbr_model_suite(void)
{
    Suite *s = suite_create("cc_bbr_model");
    TCase *t = tcase_create("cc_bbr_model");
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, three_rounds_without_growth_fill_the_pipe);
    tcase_add_test(t, a_quarter_more_is_growth_and_less_is_none);
    tcase_add_test(t, an_application_that_has_little_fills_no_pipe);
    tcase_add_test(t, six_ranges_and_two_percent_end_startup);
    tcase_add_test(t, ranges_are_counted_in_one_round);
    tcase_add_test(t, drain_ends_after_three_rounds);
    tcase_add_test(t, drain_ends_with_the_queue);
    tcase_add_test(t, cruises_when_there_is_room_for_others);
    tcase_add_test(t, probes_after_63_rounds);
    tcase_add_test(t, what_may_be_in_flight_grows_faster_each_round);
    tcase_add_test(t, a_slow_application_is_not_in_the_filter);
    tcase_add_test(t, the_filter_keeps_two_cycles);
    tcase_add_test(t, a_loss_lowers_the_short_term_model);
    tcase_add_test(t, a_mark_lowers_it_as_well);
    tcase_add_test(t, the_rate_is_one_percent_below);
    tcase_add_test(t, a_slow_application_does_not_slow_startup);
    tcase_add_test(t, after_idleness_it_paces_at_the_bandwidth);
    tcase_add_test(t, up_has_two_and_a_quarter_bdps);
    tcase_add_test(t, what_comes_in_one_piece_is_added);
    tcase_add_test(t, three_quanta_may_always_be_in_flight);
    tcase_add_test(t, the_long_term_bound_holds_while_probing);
    tcase_add_test(t, the_short_term_bound_holds_but_for_four_segments);
    tcase_add_test(t, the_window_of_before_comes_back_with_the_end_of_recovery);
    suite_add_tcase(s, t);
    return s;
}
