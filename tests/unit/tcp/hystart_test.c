/* HyStart++ by RFC 9406 4.2 and 4.3, round by round; and the ACK train. */
#include "stack/tcp/hystart.h"

#include <check.h>

#define MSS 1000U
#define MS(n) ((nsec)(n)*NS_PER_MS)

static struct tcp_hystart h;
static uint32_t una; /* what is acknowledged so far; 16 segments are out behind it */
static bool done;
static bool trains; /* RFC 9406 knows none */
static nsec now;

static void set_up(void)
{
    trains = false;
    now = NS_PER_SEC;
    h = (struct tcp_hystart){0};
    una = 0xffffa000U; /* the numbers wrap on the way */
    done = false;
}

/* One ACK of a segment, with a sample; returns by how much the window grows. */
static uint32_t ack(nsec rtt)
{
    una += MSS;
    struct tcp_ack a = {
        .now = now, .ack = seq_of(una), .nxt = seq_of(una + 16 * MSS), .ack_rtt = rtt};
    return hystart_on_ack(&h, &a, MSS, trains, &done);
}

/* A whole round: 16 ACKs, since so many segments are out when it begins. */
static void whole_round(nsec rtt)
{
    for (unsigned i = 0; i < 16; i++) {
        ack(rtt);
    }
}

static bool in_css(void)
{
    return h.baseline != 0;
}

/* requires: 9406-4.2-5 */
START_TEST(steady_round_trips_change_nothing)
{
    for (unsigned i = 0; i < 200; i++) {
        ck_assert_uint_eq(ack(MS(50) + (nsec)(i % 7) * NS_PER_US), MSS);
    }
    ck_assert(!in_css() && !done);
}
END_TEST

/* RttThresh = max(4 ms, min(lastRoundMinRTT / 8, 16 ms)). */
static const struct {
    unsigned before_us, enough_us, too_little_us;
} thresholds[] = {
    {1000, 5000, 4999},       /* MIN_RTT_THRESH */
    {32000, 36000, 35999},    /* an eighth is as much */
    {80000, 90000, 89999},    /* an eighth */
    {400000, 416000, 415999}, /* MAX_RTT_THRESH */
};

/* requires: 9406-4.2-5, 9406-4.2-6, 9406-4.3-1 */
START_TEST(enough_growth_begins_css)
{
    whole_round(thresholds[_i].before_us * NS_PER_US);
    whole_round(thresholds[_i].enough_us * NS_PER_US);
    ck_assert(in_css());
    ck_assert_int_eq(h.baseline, thresholds[_i].enough_us * NS_PER_US);
    ck_assert(!done);
}
END_TEST

/* requires: 9406-4.2-5, 9406-4.3-1 */
START_TEST(a_little_less_does_not)
{
    whole_round(thresholds[_i].before_us * NS_PER_US);
    whole_round(thresholds[_i].too_little_us * NS_PER_US);
    ck_assert(!in_css());
}
END_TEST

/* requires: 9406-4.2-4, 9406-4.3-1 */
START_TEST(eight_samples_are_needed) /* N_RTT_SAMPLE */
{
    whole_round(MS(50));
    for (unsigned i = 0; i < 7; i++) {
        ack(MS(100));
    }
    for (unsigned i = 0; i < 4; i++) {
        ack(0); /* no sample: what was sent twice */
    }
    ck_assert(!in_css());
    ack(MS(100));
    ck_assert(in_css());
}
END_TEST

/* requires: 9406-4.2-2 */
START_TEST(the_least_of_a_round_counts)
{
    whole_round(MS(50));
    ack(MS(51));
    for (unsigned i = 0; i < 15; i++) {
        ack(MS(200));
    }
    ck_assert(!in_css());
}
END_TEST

/* requires: 9406-4.2-2 */
START_TEST(the_first_round_has_nothing_to_compare_with)
{
    whole_round(MS(500));
    ck_assert(!in_css());
}
END_TEST

static void enter_css(void)
{
    whole_round(MS(50));
    for (unsigned i = 0; i < 8; i++) {
        ack(MS(60));
    }
    ck_assert(in_css());
}

/* requires: 9406-4.2-7, 9406-4.3-1, 9406-4.3-3 */
START_TEST(css_grows_by_a_quarter) /* CSS_GROWTH_DIVISOR */
{
    enter_css();
    ck_assert_uint_eq(ack(MS(60)), MSS / 4);
    ck_assert_uint_eq(ack(MS(60)), MSS / 4);
}
END_TEST

/* requires: 9406-4.2-9, 9406-4.3-1 */
START_TEST(css_lasts_five_rounds_and_the_begun_one_counts) /* CSS_ROUNDS */
{
    enter_css();
    for (unsigned i = 0; i < 8; i++) { /* the rest of the round that it began in */
        ack(MS(60));
    }
    for (unsigned round = 2; round <= 5; round++) {
        ck_assert(!done);
        whole_round(MS(60));
    }
    ck_assert(!done); /* the fifth is over when the next begins */
    ack(MS(60));
    ck_assert(done);
}
END_TEST

/* requires: 9406-4.2-8 */
START_TEST(a_round_trip_below_the_baseline_resumes_slow_start)
{
    enter_css();
    for (unsigned i = 0; i < 8; i++) {
        ack(MS(60));
    }
    for (unsigned i = 0; i < 7; i++) {
        ck_assert_uint_eq(ack(MS(59)), MSS / 4); /* too few samples in this round yet */
    }
    ck_assert(in_css());
    ck_assert_uint_eq(ack(MS(59)), MSS / 4); /* the window is opened before that is asked */
    ck_assert(!in_css() && !done);
    ck_assert_uint_eq(ack(MS(59)), MSS);
    whole_round(MS(59)); /* and all begins anew: another delay is seen again */
    whole_round(MS(59));
    whole_round(MS(75));
    ck_assert(in_css());
    ck_assert_int_eq(h.baseline, MS(75));
}
END_TEST

/* requires: 9406-4.2-8 */
START_TEST(an_equal_round_trip_does_not)
{
    enter_css();
    whole_round(MS(60));
    whole_round(MS(60));
    ck_assert(in_css());
}
END_TEST

/* requires: 9406-4.2-1 */
START_TEST(a_stretched_ack_ends_a_round_too)
{
    whole_round(MS(50));
    una += 40 * MSS; /* beyond the round's end */
    struct tcp_ack a = {.ack = seq_of(una), .nxt = seq_of(una + 16 * MSS), .ack_rtt = MS(60)};
    ck_assert_uint_eq(hystart_on_ack(&h, &a, 8 * MSS, trains, &done), 8 * MSS);
    ck_assert_int_eq(h.last_min, MS(50));
    ck_assert_int_eq(h.min, MS(60));
    ck_assert_uint_eq(h.samples, 1);
}
END_TEST

/* ---- the train: ACKs of one burst, a round trip of 80 ms that does not grow ---- */

#define RTT MS(80)

/* `count` ACKs, `gap` apart; the first comes `pause` after the latest. Returns by how much the last one opened the
 * window. */
static uint32_t burst(nsec pause, unsigned count, nsec gap)
{
    uint32_t grown = 0;
    now += pause;
    for (unsigned i = 0; i < count; i++) {
        now += i > 0 ? gap : 0;
        grown = ack(RTT);
    }
    return grown;
}

START_TEST(a_train_of_half_a_round_trip_begins_css)
{
    trains = true;
    burst(RTT, 16, MS(1));
    ck_assert_uint_eq(burst(MS(65), 40, MS(1)), MSS); /* from its first to its last 39 ms */
    ck_assert(!in_css());
    ck_assert_uint_eq(burst(MS(1), 1, 0), MSS);
    ck_assert(in_css() && !done);
    ck_assert_uint_eq(burst(MS(1), 1, 0), MSS / 4);
}
END_TEST

START_TEST(a_train_of_a_whole_one_ends_slow_start)
{
    trains = true;
    burst(RTT, 80, MS(1));
    ck_assert(in_css() && !done);
    burst(MS(1), 1, 0);
    ck_assert(done);
}
END_TEST

START_TEST(a_pause_begins_another_train)
{
    trains = true;
    burst(RTT, 36, MS(1));
    burst(MS(10) + 1, 36, MS(1)); /* more than an eighth */
    ck_assert(!in_css());
    burst(MS(10), 1, 0); /* an eighth is none */
    ck_assert(in_css());
}
END_TEST

START_TEST(after_a_pause_css_goes_on_for_its_rounds)
{
    trains = true;
    burst(RTT, 41, MS(1));
    ck_assert(in_css());
    for (unsigned round = 1; round < 5; round++) {
        burst(MS(50), 16, MS(2));
    }
    ck_assert(in_css() && !done);
    burst(MS(50), 16, MS(2));
    ck_assert(done);
}
END_TEST

START_TEST(css_by_the_train_is_not_taken_for_noise)
{
    trains = true;
    burst(RTT, 41, MS(1));
    for (unsigned i = 0; i < 30; i++) {
        now += MS(1);
        ck_assert_uint_eq(ack(RTT - MS(1)), MSS / 4);
    }
    ck_assert(in_css() && !done);
}
END_TEST

START_TEST(on_a_short_path_a_train_lasts_4_ms) /* MIN_RTT_THRESH */
{
    trains = true;
    now += MS(1);
    for (unsigned i = 0; i <= 39; i++) {
        now += NS_PER_MS / 10;
        ack(MS(1));
    }
    ck_assert(!in_css());
    now += NS_PER_MS / 10;
    ack(MS(1));
    ck_assert(in_css());
}
END_TEST

/* requires: 9406-4.1-1 */
START_TEST(without_trains_it_is_delay_alone)
{
    burst(RTT, 200, MS(1));
    ck_assert(!in_css() && !done);
}
END_TEST

Suite *hystart_suite(void);
Suite *hystart_suite(void)
{
    Suite *s = suite_create("hystart");
    TCase *t = tcase_create("hystart");
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, steady_round_trips_change_nothing);
    tcase_add_loop_test(t, enough_growth_begins_css, 0, COUNT_OF(thresholds));
    tcase_add_loop_test(t, a_little_less_does_not, 0, COUNT_OF(thresholds));
    tcase_add_test(t, eight_samples_are_needed);
    tcase_add_test(t, the_least_of_a_round_counts);
    tcase_add_test(t, the_first_round_has_nothing_to_compare_with);
    tcase_add_test(t, css_grows_by_a_quarter);
    tcase_add_test(t, css_lasts_five_rounds_and_the_begun_one_counts);
    tcase_add_test(t, a_round_trip_below_the_baseline_resumes_slow_start);
    tcase_add_test(t, an_equal_round_trip_does_not);
    tcase_add_test(t, a_stretched_ack_ends_a_round_too);
    tcase_add_test(t, a_train_of_half_a_round_trip_begins_css);
    tcase_add_test(t, a_train_of_a_whole_one_ends_slow_start);
    tcase_add_test(t, a_pause_begins_another_train);
    tcase_add_test(t, after_a_pause_css_goes_on_for_its_rounds);
    tcase_add_test(t, css_by_the_train_is_not_taken_for_noise);
    tcase_add_test(t, on_a_short_path_a_train_lasts_4_ms);
    tcase_add_test(t, without_trains_it_is_delay_alone);
    suite_add_tcase(s, t);
    return s;
}
