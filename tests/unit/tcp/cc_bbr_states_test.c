/* BBR's states (draft-ietf-ccwg-bbr-06 5.3), ACK by ACK. */
#include <check.h>

#include "tests/unit/tcp/bbr_rig.h"

static struct cc_bbr_state *const u = &bbr.cc.u.bbr;

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
    bbr_rig_set_up();
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
    bbr_rig_set_up();
    take_round(RATE);
    lose(ranges);
    bbr.cc.ops->on_loss(&bbr.cc, BDP);
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

START_TEST(without_sack_one_loss_ends_startup) /* 5.3.1.3 */
{
    take_round(RATE);
    lose(1);
    bbr.cc.ops->on_loss(&bbr.cc, BDP);
    struct tcp_ack ack = next_round(RATE);
    ack.recovering = true;
    ack.selective = false;
    ack.rate_lost = MSS;
    take(ack);
    ck_assert_int_eq(u->state, CC_BBR_DRAIN);
}
END_TEST

START_TEST(startup_goes_on_if_there_was_no_loss) /* 5.5.11.2 */
{
    lossy_round(6, 6 * MSS);
    ck_assert_int_eq(u->state, CC_BBR_DRAIN);
    bbr.cc.ops->on_undo(&bbr.cc);
    ck_assert_int_eq(u->state, CC_BBR_STARTUP);
    ck_assert(!u->full_bw_reached);
    ck_assert_uint_eq(u->inflight_longterm, BBR_INFLIGHT_ANY);
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
        ack.now = bbr.now = u->cycle_stamp + MS(i + 1); /* well before two seconds */
        take(ack);
        ck_assert_int_eq(u->state, CC_BBR_CRUISE);
    }
    struct tcp_ack ack = next_round(RATE);
    ack.now = bbr.now = u->cycle_stamp + MS(63);
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
    ck_assert_uint_eq(bbr.cc.cwnd, BDP);
    static const uint32_t bound[] = {101000, 103000, 107000, 115000};
    for (unsigned i = 0; i < COUNT_OF(bound); i++) {
        struct tcp_ack ack = same_round(RATE); /* a window of ACKs */
        ack.cwnd_limited = true;
        ack.delivered = bbr.cc.cwnd;
        take(ack);
        ck_assert_uint_eq(u->inflight_longterm, bound[i]);
        ck_assert_uint_eq(bbr.cc.cwnd, bound[i]);
        ack = next_round(RATE);
        ack.cwnd_limited = true;
        ack.delivered = 0;
        take(ack);
        ck_assert_int_eq(u->state, CC_BBR_UP);
    }
}
END_TEST

START_TEST(
    after_a_loss_the_next_probe_is_short) /* 5.3.3.6: up to inflight_longterm, and at once again if it was none */
{
    for (unsigned lossy = 0; lossy < 2; lossy++) {
        bbr_rig_set_up();
        know(CC_BBR_UP, 2 * BDP);
        u->is_bw_probe_sample = u->prev_probe_too_high = true;
        u->inflight_longterm = 120000;
        struct tcp_ack ack = same_round(RATE);
        ack.in_flight = 119999;
        take(ack);
        ck_assert_int_eq(u->state, CC_BBR_UP);
        ack = same_round(RATE);
        ack.in_flight = 120000;
        take(ack);
        ck_assert_int_eq(u->state, CC_BBR_DOWN);
        lose(lossy * 3);
        take_round(RATE);
        ck_assert_int_eq(u->state, lossy ? CC_BBR_DOWN : CC_BBR_REFILL);
    }
}
END_TEST

START_TEST(three_rounds_without_growth_end_a_probe) /* 5.3.3.7 */
{
    know(CC_BBR_UP, 2 * BDP);
    take_round(RATE);
    take_round(RATE);
    ck_assert_int_eq(u->state, CC_BBR_UP);
    take_round(RATE);
    ck_assert_int_eq(u->state, CC_BBR_DOWN);
}
END_TEST

START_TEST(what_was_in_flight_without_loss_may_be) /* 5.3.3.9, AdaptLongTermModel */
{
    know(CC_BBR_UP, BDP);
    u->inflight_longterm = u->probe_up_acked_per_inc = BDP;
    struct tcp_ack ack = same_round(RATE); /* the window is no limit */
    ack.delivered = BDP;
    take(ack);
    ck_assert_uint_eq(u->inflight_longterm, BDP);
    ack = same_round(RATE);
    ack.rate_in_flight = 130000;
    ack.rate_lost = 2601; /* 2 % are 2,600 */
    take(ack);
    ck_assert_uint_eq(u->inflight_longterm, BDP);
    ack.rate_lost = 2600;
    take(ack);
    ck_assert_uint_eq(u->inflight_longterm, 130000);
}
END_TEST

START_TEST(an_application_that_has_little_lowers_no_bound) /* 5.5.10.2 */
{
    know(CC_BBR_UP, 2 * BDP);
    u->is_bw_probe_sample = true;
    struct cc_lost lost = {.now = bbr.now,
                           .bytes = MSS,
                           .in_flight = BDP,
                           .since_sent = 3 * (uint64_t)MSS,
                           .app_limited = true,
                           .selective = true};
    bbr.cc.ops->on_lost(&bbr.cc, &lost);
    ck_assert_int_eq(u->state, CC_BBR_DOWN);
    ck_assert_uint_eq(u->inflight_longterm, BBR_INFLIGHT_ANY);
}
END_TEST

/* ---- ProbeRTT (5.3.4.3, 5.3.4.4) ---- */

/* Half of what 1,000,000 bytes a second are in 40 ms; for 200 ms, and for a round. */
START_TEST(probe_rtt_lasts_a_round_and_forgets_losses)
{
    know(CC_BBR_CRUISE, 150000);
    bbr.now += 5 * NS_PER_SEC;
    u->cycle_stamp = bbr.now;
    take(same_round(RATE));
    ck_assert_int_eq(u->state, CC_BBR_PROBE_RTT);
    u->bw_shortterm = 1000000;
    u->inflight_shortterm = 50000;
    u->full_bw_reached = _i == 1;
    take(same_round(RATE)); /* too much is in flight */
    ck_assert_uint_eq(bbr.cc.cwnd, 20000);
    struct tcp_ack ack = same_round(RATE);
    ack.in_flight = 20000;
    take(ack);
    bbr.now += MS(161); /* and an ACK's 40 */
    take(same_round(RATE));
    ck_assert_int_eq(u->state, CC_BBR_PROBE_RTT);
    take_round(RATE);
    ck_assert_int_eq(u->state, _i == 1 ? CC_BBR_CRUISE : CC_BBR_STARTUP);
    ck_assert_uint_eq(u->bw, RATE);
    ck_assert_uint_eq(bbr.cc.cwnd, 150000 + MSS);
}
END_TEST

Suite *cc_bbr_states_suite(void);
Suite *cc_bbr_states_suite(void)
{
    Suite *s = suite_create("cc_bbr_states");
    TCase *t = tcase_create("cc_bbr_states");
    tcase_add_checked_fixture(t, bbr_rig_set_up, NULL);
    tcase_add_test(t, three_rounds_without_growth_fill_the_pipe);
    tcase_add_test(t, a_quarter_more_is_growth_and_less_is_none);
    tcase_add_test(t, an_application_that_has_little_fills_no_pipe);
    tcase_add_test(t, six_ranges_and_two_percent_end_startup);
    tcase_add_test(t, ranges_are_counted_in_one_round);
    tcase_add_test(t, without_sack_one_loss_ends_startup);
    tcase_add_test(t, startup_goes_on_if_there_was_no_loss);
    tcase_add_test(t, drain_ends_after_three_rounds);
    tcase_add_test(t, drain_ends_with_the_queue);
    tcase_add_test(t, cruises_when_there_is_room_for_others);
    tcase_add_test(t, probes_after_63_rounds);
    tcase_add_test(t, what_may_be_in_flight_grows_faster_each_round);
    tcase_add_test(t, after_a_loss_the_next_probe_is_short);
    tcase_add_test(t, three_rounds_without_growth_end_a_probe);
    tcase_add_test(t, what_was_in_flight_without_loss_may_be);
    tcase_add_test(t, an_application_that_has_little_lowers_no_bound);
    tcase_add_loop_test(t, probe_rtt_lasts_a_round_and_forgets_losses, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
