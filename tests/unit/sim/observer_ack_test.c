/* Each rule of the observer about what a host acknowledges, offers and echoes: ACKs and their delay, windows,
 * timestamps, SACK blocks.
 */
#include "tests/unit/sim/observer_rig.h"

#include <string.h>

Suite *observer_ack_suite(void);

#define US (ISS + 1)   /* the host's first octet */
#define THEM (IRS + 1) /* the peer's */

static struct watch r;

static void set_up(void)
{
    watch_init(&r, NULL);
}

static void again(const struct observer_host *host)
{
    watch_done(&r);
    watch_init(&r, host);
}

static void tear_down(void)
{
    watch_done(&r);
}

/* Scaled windows: the host's shift, and the peer's. */
static void client_scaled(uint8_t ours, uint8_t its)
{
    out(&r, with_wscale(with_mss(seg(S, ISS, 0, 0), 1000), ours));
    in(&r, with_wscale(with_mss(seg(S | A, IRS, US, 0), 1000), its));
    out(&r, seg(A, US, THEM, 0));
}

/* ---- acknowledgments ---- */

START_TEST(an_ack_of_what_arrived)
{
    client(&r);
    in(&r, seg(A, THEM, US, 100));
    in(&r, seg(A, THEM + 200, US, 100)); /* beyond a hole */
    out(&r, seg(A, US, THEM + 100, 0));
    expect_silence(&r);
    out(&r, seg(A, US, THEM + 101, 5));
    expect(&r, "ack-arrived");
}
END_TEST

START_TEST(a_hole_is_filled)
{
    client(&r);
    in(&r, seg(A, THEM + 100, US, 100));
    out(&r, seg(A, US, THEM, 0));
    in(&r, seg(A, THEM, US, 100));
    out(&r, seg(A, US, THEM + 200, 0));
    expect_silence(&r);
    struct seg s = seg(A, US, THEM + 100, 5);
    s.wnd = WND + 100; /* the same edge */
    out(&r, s);
    expect(&r, "ack-back");
}
END_TEST

START_TEST(corrupted_text_is_not_acknowledged)
{
    client(&r);
    struct seg s = seg(A, THEM, US, 100);
    s.bad_checksum = true;
    in(&r, s);
    out(&r, seg(A, US, THEM + 100, 0));
    expect(&r, "ack-arrived");
}
END_TEST

START_TEST(every_ack_is_rcv_nxt)
{
    client(&r);
    in(&r, seg(A, THEM, US, 100));
    out(&r, seg(A, US, THEM, 5));
    expect(&r, "ack-short");
}
END_TEST

START_TEST(fragments_make_unsure)
{
    client(&r);
    struct seg s = seg(A, THEM, US, 8);
    s.fragment = true;
    in(&r, s);
    out(&r, seg(A, US, THEM + 500, 0));
}
END_TEST

START_TEST(an_ack_has_a_cause)
{
    client(&r);
    in(&r, seg(A, THEM, US, 100));
    out(&r, seg(A, US, THEM + 100, 0));
    struct seg s = seg(A, US, THEM + 100, 0);
    s.wnd = WND + 1000; /* a window update */
    out(&r, s);
    expect_silence(&r);
    out(&r, s);
    expect(&r, "ack-unprovoked");
}
END_TEST

START_TEST(a_delayed_ack_is_not_late)
{
    client(&r);
    in(&r, seg(A, THEM, US, 100));
    pass(&r, MS(499));
    out(&r, seg(A, US, THEM + 100, 0));
    pass(&r, MS(1000));
    expect_silence(&r);
    in(&r, seg(A, THEM + 100, US, 100));
    pass(&r, MS(510));
    expect(&r, "ack-delayed");
    pass(&r, MS(510));
}
END_TEST

START_TEST(a_shorter_delay_is_kept)
{
    again(&(struct observer_host){.delayed_ack = MS(40)});
    client(&r);
    in(&r, seg(A, THEM, US, 100));
    pass(&r, MS(50));
    expect(&r, "ack-delayed");
}
END_TEST

START_TEST(a_host_that_forgets_may_be_silent)
{
    again(&(struct observer_host){.forgets = true});
    client(&r);
    in(&r, seg(A, THEM, US, 1000));
    in(&r, seg(A, THEM + 2000, US, 1000));
    pass(&r, MS(5000));
}
END_TEST

START_TEST(every_second_full_segment)
{
    client(&r);
    in(&r, seg(A, THEM, US, 1000));
    pass(&r, MS(1));
    in(&r, seg(A, THEM + 1000, US, 1000));
    out(&r, seg(A, US, THEM + 2000, 0));
    pass(&r, MS(1));
    expect_silence(&r);
    in(&r, seg(A, THEM + 2000, US, 1000));
    in(&r, seg(A, THEM + 3000, US, 1000));
    pass(&r, MS(1));
    expect(&r, "ack-at-once");
    out(&r, seg(A, US, THEM + 4000, 0));
}
END_TEST

START_TEST(out_of_order_is_answered_at_once)
{
    client(&r);
    in(&r, seg(A, THEM + 1000, US, 100));
    out(&r, seg(A, US, THEM, 0));
    pass(&r, MS(1));
    expect_silence(&r);
    in(&r, seg(A, THEM + 2000, US, 100));
    pass(&r, MS(1));
    expect(&r, "ack-at-once");
}
END_TEST

START_TEST(challenges_are_limited)
{
    again(&(struct observer_host){.challenge_acks = 5});
    client(&r);
    for (unsigned i = 0; i < 10; i++) {
        in(&r, seg(R, THEM + 5, 0, 0));
        out(&r, seg(A, US, THEM, 0));
    }
    pass(&r, MS(1000));
    in(&r, seg(R, THEM + 5, 0, 0));
    out(&r, seg(A, US, THEM, 0));
    expect_silence(&r);
    for (unsigned i = 0; i < 10; i++) {
        in(&r, seg(R, THEM + 5, 0, 0));
        out(&r, seg(A, US, THEM, 0));
    }
    expect(&r, "challenge-limit");
}
END_TEST

/* ---- the window that it offers ---- */

START_TEST(the_edge_never_moves_left)
{
    client(&r);
    in(&r, seg(A, THEM, US, 100));
    struct seg s = seg(A, US, THEM + 100, 0);
    s.wnd = WND - 100;
    out(&r, s);
    expect_silence(&r);
    in(&r, seg(A, THEM + 100, US, 100));
    s.ack += 100;
    s.wnd = WND - 201;
    out(&r, s);
    expect(&r, "window-shrinks");
}
END_TEST

START_TEST(a_scale_may_round)
{
    client_scaled(3, 0);
    in(&r, seg(A, THEM, US, 9));
    struct seg s = seg(A, US, THEM + 9, 0);
    s.wnd = WND - 2; /* 16 less, of which 9 were used: 7 are rounding (RFC 7323 2.4) */
    out(&r, s);
    expect_silence(&r);
    in(&r, seg(A, THEM + 9, US, 7));
    s.ack += 7;
    s.wnd = WND - 4;
    out(&r, s);
    expect(&r, "window-shrinks");
}
END_TEST

/* ---- timestamps ---- */

static struct seg stamped(uint32_t seq, uint32_t ack, uint32_t len, uint32_t tsval, uint32_t tsecr)
{
    return with_ts(seg(A, seq, ack, len), tsval, tsecr);
}

START_TEST(the_clock_of_timestamps)
{
    client_ts(&r);
    pass(&r, MS(20));
    out(&r, stamped(US, THEM, 10, 130, 700));
    expect_silence(&r);
    out(&r, stamped(US + 10, THEM, 10, 129, 700));
    expect(&r, "tsval-back");
    pass(&r, MS(20));
    out(&r, stamped(US + 20, THEM, 10, 160, 700));
    expect(&r, "tsval-rate");
}
END_TEST

START_TEST(an_echo_of_what_came)
{
    client_ts(&r);
    in(&r, stamped(THEM, US, 10, 720, 110));
    out(&r, stamped(US, THEM + 10, 0, 110, 720));
    expect_silence(&r);
    out(&r, stamped(US, THEM + 10, 5, 110, 721));
    expect(&r, "tsecr [");
}
END_TEST

/* RFC 7323 4.3: not of a segment that begins above Last.ACK.sent. */
START_TEST(no_echo_of_what_left_a_hole)
{
    client_ts(&r);
    in(&r, stamped(THEM + 10, US, 10, 720, 110));
    out(&r, stamped(US, THEM, 0, 110, 700));
    expect_silence(&r);
    in(&r, stamped(THEM + 30, US, 10, 730, 110));
    out(&r, stamped(US, THEM, 0, 110, 730));
    expect(&r, "tsecr [");
}
END_TEST

START_TEST(ts_recent_only_grows)
{
    client_ts(&r);
    in(&r, stamped(THEM, US, 10, 720, 110));
    out(&r, stamped(US, THEM + 10, 0, 110, 720));
    in(&r, stamped(THEM, US, 10, 710, 110)); /* late, and older: PAWS */
    out(&r, stamped(US, THEM + 10, 0, 110, 720));
    in(&r, stamped(THEM, US, 10, 710, 110));
    expect_silence(&r);
    out(&r, stamped(US, THEM + 10, 0, 110, 710));
    expect(&r, "tsecr-back");
}
END_TEST

/* Another incarnation's timestamp is none of this one. */
START_TEST(no_echo_of_an_old_connection)
{
    in(&r, with_ts(with_mss(seg(S, IRS, 0, 0), 1000), 700, 0));
    out(&r, with_ts(with_mss(seg(S | A, ISS, IRS + 1, 0), 1000), 100, 700));
    out(&r, seg(R | A, US, IRS + 1, 0));
    pass(&r, MS(4000));
    in(&r, with_ts(with_mss(seg(S, IRS + 999, 0, 0), 1000), 800, 0));
    out(&r, with_ts(with_mss(seg(S | A, ISS + 1000000, IRS + 1000, 0), 1000), 4100, 700));
    expect(&r, "tsecr [");
}
END_TEST

/* ---- SACK ---- */

#define BLOCKS(n, ...) ((n)), ((const uint32_t[]){__VA_ARGS__})

/* What arrived: the peer's octets 100 to 199, 300 to 399, 500 to 599, in this order. */
static void holes(void)
{
    client_ts(&r);
    for (uint32_t at = 100; at <= 500; at += 200) {
        in(&r, stamped(THEM + at, US, 100, 700, 110));
    }
}

static void sack(unsigned n, const uint32_t edges[])
{
    out(&r, with_sack(stamped(US, THEM, 0, 110, 700), n, edges));
}

START_TEST(sack_blocks)
{
    holes();
    sack(BLOCKS(3, THEM + 500, THEM + 600, THEM + 300, THEM + 400, THEM + 100, THEM + 200));
    in(&r, stamped(THEM + 300, US, 100, 700, 110)); /* twice (RFC 2883 4) */
    sack(BLOCKS(2, THEM + 320, THEM + 400, THEM + 300, THEM + 400));
    in(&r, stamped(THEM + 300, US, 100, 700, 110));
    sack(BLOCKS(1, THEM + 300, THEM + 400));
}
END_TEST

START_TEST(sack_blocks_of_what_did_not_arrive)
{
    holes();
    sack(BLOCKS(1, THEM + 500, THEM + 601));
    expect(&r, "sack-arrived");
    sack(BLOCKS(1, THEM + 100, THEM + 400));
    ck_assert_uint_gt(r.count, 0);
    ck_assert_int_eq(strncmp(r.rules[0], "sack-arrived", 12), 0);
    r.count = 0;
}
END_TEST

START_TEST(sack_blocks_lie_above_the_ack)
{
    client_ts(&r);
    in(&r, stamped(THEM, US, 100, 700, 110));
    in(&r, stamped(THEM + 200, US, 100, 700, 110));
    out(&r, with_sack(stamped(US, THEM + 100, 0, 110, 700),
                      BLOCKS(2, THEM + 200, THEM + 300, THEM, THEM + 100)));
    expect(&r, "sack-above");
}
END_TEST

START_TEST(sack_blocks_have_edges)
{
    holes();
    sack(BLOCKS(2, THEM + 500, THEM + 600, THEM + 400, THEM + 300));
    expect(&r, "sack-edges");
}
END_TEST

START_TEST(sack_blocks_do_not_touch)
{
    holes();
    sack(BLOCKS(3, THEM + 500, THEM + 600, THEM + 300, THEM + 350, THEM + 350, THEM + 400));
    expect(&r, "sack-isolated");
}
END_TEST

START_TEST(the_latest_comes_first)
{
    holes();
    sack(BLOCKS(2, THEM + 100, THEM + 200, THEM + 500, THEM + 600));
    expect(&r, "sack-first");
}
END_TEST

START_TEST(a_host_offers_no_more_than_it_can_hold)
{
    again(&(struct observer_host){.window_max = WND / 2});
    client_scaled(0, 0);
    expect(&r, "window-max");
}
END_TEST

START_TEST(no_duplicate_is_reported_when_told_so)
{
    again(&(struct observer_host){.no_dsack = true});
    holes();
    in(&r, stamped(THEM + 300, US, 100, 700, 110));
    sack(BLOCKS(2, THEM + 320, THEM + 400, THEM + 300, THEM + 400));
    expect(&r, "dsack-off");
}
END_TEST

START_TEST(a_duplicate_is_reported_once)
{
    holes();
    in(&r, stamped(THEM + 300, US, 100, 700, 110));
    sack(BLOCKS(2, THEM + 320, THEM + 400, THEM + 300, THEM + 400));
    sack(BLOCKS(2, THEM + 320, THEM + 400, THEM + 300, THEM + 400));
    expect(&r, "dsack-twice");
}
END_TEST

START_TEST(no_more_is_reported_than_came_twice)
{
    client_ts(&r);
    in(&r, stamped(THEM, US, 100, 700, 110));
    in(&r, stamped(THEM + 50, US, 150, 700, 110));
    out(&r, with_sack(stamped(US, THEM + 200, 0, 110, 700), BLOCKS(1, THEM + 50, THEM + 100)));
    in(&r, stamped(THEM + 150, US, 100, 700, 110));
    out(&r, with_sack(stamped(US, THEM + 250, 0, 110, 700), BLOCKS(1, THEM + 150, THEM + 201)));
    expect(&r, "dsack-twice");
}
END_TEST

START_TEST(sack_needs_a_permit)
{
    client(&r);
    in(&r, seg(A, THEM + 100, US, 100));
    out(&r, with_sack(seg(A, US, THEM, 0), BLOCKS(1, THEM + 100, THEM + 200)));
    expect(&r, "sack-permitted");
}
END_TEST

Suite *observer_ack_suite(void)
{
    Suite *s = suite_create("observer_ack");
    const struct {
        const char *name;
        const TTest *tests[20];
    } cases[] = {
        {"acknowledging",
         {an_ack_of_what_arrived, a_hole_is_filled, corrupted_text_is_not_acknowledged,
          every_ack_is_rcv_nxt, fragments_make_unsure, an_ack_has_a_cause,
          a_delayed_ack_is_not_late, a_shorter_delay_is_kept, a_host_that_forgets_may_be_silent,
          every_second_full_segment, out_of_order_is_answered_at_once, challenges_are_limited,
          the_edge_never_moves_left, a_scale_may_round}},
        {"options",
         {the_clock_of_timestamps, an_echo_of_what_came, no_echo_of_what_left_a_hole,
          ts_recent_only_grows, no_echo_of_an_old_connection, sack_blocks,
          sack_blocks_of_what_did_not_arrive, sack_blocks_lie_above_the_ack, sack_blocks_have_edges,
          sack_blocks_do_not_touch, the_latest_comes_first, a_duplicate_is_reported_once,
          no_duplicate_is_reported_when_told_so, a_host_offers_no_more_than_it_can_hold,
          no_more_is_reported_than_came_twice, sack_needs_a_permit}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TCase *t = tcase_create(cases[i].name);
        tcase_add_checked_fixture(t, set_up, tear_down);
        for (size_t j = 0; j < COUNT_OF(cases[i].tests) && cases[i].tests[j] != NULL; j++) {
            tcase_add_test(t, cases[i].tests[j]);
        }
        suite_add_tcase(s, t);
    }
    return s;
}
