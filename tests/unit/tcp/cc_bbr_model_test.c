/* BBR's model and what follows from it (draft-ietf-ccwg-bbr-06 5.5, 5.6), ACK by ACK. */
#include <check.h>

#include "tests/unit/tcp/bbr_rig.h"

static struct cc_bbr_state *const u = &bbr.cc.u.bbr;

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

START_TEST(
    no_cycle_passes_while_the_application_has_little) /* 5.3.3.9: of a probe that it limited */
{
    know(CC_BBR_DOWN, 2 * BDP);
    u->ack_phase = BBR_ACKS_PROBE_STOPPING;
    take_app_limited(RATE / 2);
    take_round(RATE / 2);
    bbr_advance_max_bw_filter(u);
    ck_assert_uint_eq(bbr_max_bw(u), RATE);
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
        ck_assert_uint_le(bbr.cc.cwnd, after[i].inflight);
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
    bbr.cc.ops->on_mark(&bbr.cc, BDP);
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
    ck_assert_uint_eq(bbr.cc.pacing_rate, 2475000);
    u->state = CC_BBR_UP;
    take(same_round(RATE));
    ck_assert_uint_eq(bbr.cc.pacing_rate, 3093750); /* 1.25 times that */
}
END_TEST

/* The initial rate is 2.77 times 10,000 bytes in 40 ms: 692,500; the sample would give 274,230. */
START_TEST(a_slow_application_does_not_slow_startup)
{
    bbr.cc.ops->on_idle(&bbr.cc, bbr.now, RTT);
    uint64_t first = bbr.cc.pacing_rate;
    ck_assert_uint_ge(first, 692500);
    ck_assert_uint_le(first, 692501);
    take_app_limited(100000);
    ck_assert_uint_eq(bbr.cc.pacing_rate, first);
    take_round(RATE);
    ck_assert_uint_eq(bbr.cc.pacing_rate, 6855750); /* 2.77 * 0.99 of it */
}
END_TEST

START_TEST(after_idleness_it_paces_at_the_bandwidth) /* 5.4.1 */
{
    know(CC_BBR_DOWN, 2 * BDP);
    take(same_round(RATE));
    ck_assert_uint_eq(bbr.cc.pacing_rate, 2227500); /* 0.9 * 0.99 */
    bbr.cc.ops->on_idle(&bbr.cc, bbr.now, RTT);
    ck_assert_uint_eq(bbr.cc.pacing_rate, 2475000);
}
END_TEST

/* ---- the window (5.6.4) ---- */

START_TEST(up_has_two_and_a_quarter_bdps) /* and what one ACK was too early by, and two segments */
{
    know(CC_BBR_UP, 5 * BDP);
    take(same_round(RATE));
    ck_assert_uint_eq(bbr.cc.cwnd, 225000 + MSS + 2 * MSS);
    u->state = CC_BBR_CRUISE;
    take(same_round(RATE));
    ck_assert_uint_eq(bbr.cc.cwnd, 200000 + MSS);
}
END_TEST

START_TEST(what_comes_in_one_piece_is_added) /* 5.5.9 */
{
    know(CC_BBR_CRUISE, 225000);
    struct tcp_ack ack = same_round(RATE);
    ack.delivered = 30 * MSS;
    take(ack);
    ck_assert_uint_eq(bbr.cc.cwnd, 230000);
}
END_TEST

/* 5.5.8.1, 5.6.3: the quantum is two segments here, and three may be in the ends. The BDP is 100 bytes. */
START_TEST(three_quanta_may_always_be_in_flight)
{
    bbr.cc.cwnd = 20 * MSS;
    for (unsigned i = 0; i < 4; i++) {
        struct tcp_ack ack = next_round(100000);
        ack.ack_rtt = ack.srtt = MS(1);
        take(ack);
    }
    ck_assert_int_eq(u->state, CC_BBR_DRAIN);
    ck_assert_uint_eq(bbr.cc.cwnd, 6 * MSS);
}
END_TEST

START_TEST(the_first_ten_segments_open_the_window_anyway) /* 5.6.4.6 */
{
    for (unsigned i = 1; i < 12; i++) {
        take(same_round(1000));
        ck_assert_uint_eq(bbr.cc.cwnd, (10 + (i < 10 ? i : 9)) * MSS);
    }
}
END_TEST

START_TEST(the_long_term_bound_holds_while_probing) /* 5.6.4.7 */
{
    static const enum cc_state state[] = {CC_BBR_DOWN, CC_BBR_REFILL, CC_BBR_UP};
    for (unsigned i = 0; i < COUNT_OF(state); i++) {
        bbr_rig_set_up();
        know(state[i], 2 * BDP);
        u->inflight_longterm = 80000;
        take(same_round(RATE));
        ck_assert_int_eq(u->state, state[i]);
        ck_assert_uint_eq(bbr.cc.cwnd, 80000);
    }
}
END_TEST

START_TEST(the_short_term_bound_holds_but_for_four_segments) /* 5.6.4.7, 5.6.4.3 */
{
    know(CC_BBR_CRUISE, 2 * BDP);
    u->inflight_shortterm = 70000;
    take(same_round(RATE));
    ck_assert_uint_eq(bbr.cc.cwnd, 70000);
    u->inflight_shortterm = MSS;
    take(same_round(RATE));
    ck_assert_uint_eq(bbr.cc.cwnd, 4 * MSS);
}
END_TEST

START_TEST(the_window_of_before_comes_back_with_the_end_of_recovery) /* 5.6.4.4 */
{
    know(CC_BBR_CRUISE, 180000);
    bbr.cc.ops->on_timeout(&bbr.cc, BDP, true);
    ck_assert_uint_eq(bbr.cc.cwnd, MSS);
    struct tcp_ack ack = same_round(RATE);
    ack.recovering = true;
    take(ack);
    ck_assert_uint_eq(bbr.cc.cwnd, 4 * MSS);
    take(same_round(RATE));
    ck_assert_uint_eq(bbr.cc.cwnd, 180000 + MSS);
}
END_TEST

Suite *cc_bbr_model_suite(void);
Suite *cc_bbr_model_suite(void)
{
    Suite *s = suite_create("cc_bbr_model");
    TCase *t = tcase_create("cc_bbr_model");
    tcase_add_checked_fixture(t, bbr_rig_set_up, NULL);
    tcase_add_test(t, a_slow_application_is_not_in_the_filter);
    tcase_add_test(t, the_filter_keeps_two_cycles);
    tcase_add_test(t, no_cycle_passes_while_the_application_has_little);
    tcase_add_test(t, a_loss_lowers_the_short_term_model);
    tcase_add_test(t, a_mark_lowers_it_as_well);
    tcase_add_test(t, the_rate_is_one_percent_below);
    tcase_add_test(t, a_slow_application_does_not_slow_startup);
    tcase_add_test(t, after_idleness_it_paces_at_the_bandwidth);
    tcase_add_test(t, up_has_two_and_a_quarter_bdps);
    tcase_add_test(t, what_comes_in_one_piece_is_added);
    tcase_add_test(t, three_quanta_may_always_be_in_flight);
    tcase_add_test(t, the_first_ten_segments_open_the_window_anyway);
    tcase_add_test(t, the_long_term_bound_holds_while_probing);
    tcase_add_test(t, the_short_term_bound_holds_but_for_four_segments);
    tcase_add_test(t, the_window_of_before_comes_back_with_the_end_of_recovery);
    suite_add_tcase(s, t);
    return s;
}
