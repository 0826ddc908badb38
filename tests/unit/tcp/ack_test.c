/* The ACK at work: RFC 9293 3.10.7.4 fifth (SND.UNA, SND.WND), RFC 5681 2 and 3.2 (duplicates, fast
 * retransmit), RFC 3042 (limited transmit), RFC 6582 (partial ACKs), as seen on the wire. */
#include "stack/tcp/ack.h"

#include "tests/unit/tcp/tcp_rig.h"

#define SEG 1460U
#define LAST (TCP_ACK | TCP_PSH)

static uint32_t una(const struct app *a)
{
    struct tcp_info info = info_of(a);
    return info.snd_una - info.iss;
}

/* requires: 9293-3.10.7.4-17 */
START_TEST(an_ack_gives_back_what_it_covers)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 3 * SEG);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 1 + SEG + 10); /* not at a segment's edge */
    ck_assert_uint_eq(una(a), 1 + SEG + 10);
    ck_assert_uint_eq(info_of(a).send_queued, 2 * SEG - 10);
    ck_assert_uint_eq(info_of(a).bytes_out, SEG + 10);
    peer_send(&p, TCP_ACK, 1, 1 + 3 * SEG);
    ck_assert_uint_eq(info_of(a).send_queued, 0);
    ck_assert_uint_eq(info_of(a).in_flight, 0);
    expect_nothing();
}
END_TEST

/* requires: 9293-3.10.7.4-17 */
START_TEST(an_old_ack_changes_nothing)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 2 * SEG);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 1 + 2 * SEG);
    p.wnd = 10;
    peer_send(&p, TCP_ACK, 1, 1 + SEG);
    ck_assert_uint_eq(una(a), 1 + 2 * SEG);
    ck_assert_uint_eq(info_of(a).snd_wnd, 65535);
    expect_nothing();
}
END_TEST

/* The window counts only if SND.UNA =< SEG.ACK; text in the same segment is taken all the same. */
/* requires: 9293-3.10.7.4-18 */
START_TEST(an_old_ack_on_new_text_does_not_set_the_window)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 2 * SEG);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 1 + 2 * SEG);
    p.wnd = 10;
    peer_data(&p, TCP_ACK, 1, 1 + SEG, 100);
    expect_in(a, 100);
    ck_assert_uint_eq(info_of(a).snd_wnd, 65535);
}
END_TEST

/* SND.WL1 and SND.WL2 keep an older segment from setting the window back. */
/* requires: 9293-3.10.7.4-18 */
START_TEST(an_older_segment_does_not_set_the_window)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    p.wnd = 5000;
    peer_data(&p, TCP_ACK, 11, 1, 10); /* out of order: the newer one */
    ck_assert_uint_eq(info_of(a).snd_wnd, 5000);
    p.wnd = 1000;
    peer_data(&p, TCP_ACK, 1, 1, 10);
    ck_assert_uint_eq(info_of(a).snd_wnd, 5000);
    p.wnd = 2000;
    peer_send(&p, TCP_ACK, 21, 1);
    ck_assert_uint_eq(info_of(a).snd_wnd, 2000);
}
END_TEST

/* requires: MUST-18 */
START_TEST(an_ack_measures_the_round_trip)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(80));
    ck_assert_int_eq(info_of(a).srtt, MS(80));
    app_write(a, 10);
    run_for(MS(160));
    peer_send(&p, TCP_ACK, 1, 11);
    ck_assert_int_eq(info_of(a).srtt, MS(90)); /* 7/8 * 80 + 1/8 * 160 */
    ck_assert_int_eq(info_of(a).rtt_min, MS(80));
    discard_sent();
}
END_TEST

/* ---- duplicates ---- */

/* Ten segments are out, `more` wait, and the first is lost. */
static struct app *open_busy(struct peer *p, size_t more)
{
    struct app *a = open_with_rtt(p, MS(400));
    app_write(a, 10 * SEG + more);
    for (uint32_t i = 0; i < 10; i++) {
        expect(p, pushed(i, 10, 2), 1 + i * SEG, 1, SEG);
    }
    expect_nothing();
    return a;
}

START_TEST(the_third_duplicate_retransmits)
{
    struct peer p = peer_new();
    struct app *a = open_busy(&p, 0);
    peer_send(&p, TCP_ACK, 1, 1);
    peer_send(&p, TCP_ACK, 1, 1);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 1);
    expect(&p, TCP_ACK, 1, 1, SEG);
    expect_nothing();
    ck_assert_uint_eq(info_of(a).ssthresh, 5 * SEG); /* half of the flight */
    peer_send(&p, TCP_ACK, 1, 1 + 10 * SEG);         /* all is there */
    ck_assert_uint_le(info_of(a).cwnd, 5 * SEG);
    run_for(SEC(10));
    expect_nothing();
}
END_TEST

/* requires: MUST-18, 6298-3-2 */
START_TEST(a_fast_retransmission_gives_no_sample)
{
    struct peer p = peer_new();
    struct app *a = open_busy(&p, 0);
    run_for(MS(300));
    for (unsigned i = 0; i < 3; i++) {
        peer_send(&p, TCP_ACK, 1, 1);
    }
    expect(&p, TCP_ACK, 1, 1, SEG);
    run_for(MS(400));
    peer_send(&p, TCP_ACK, 1, 1 + 10 * SEG);
    ck_assert_int_eq(info_of(a).srtt, MS(400));
}
END_TEST

/* requires: 3042-2-1, 3042-2-6 */
START_TEST(limited_transmit_sends_new_data_for_the_first_two) /* RFC 3042 2 */
{
    struct peer p = peer_new();
    struct app *a = open_busy(&p, 5 * SEG);
    peer_send(&p, TCP_ACK, 1, 1);
    expect(&p, TCP_ACK, 1 + 10 * SEG, 1, SEG);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 1);
    expect(&p, LAST, 1 + 11 * SEG, 1, SEG);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 1);
    expect(&p, TCP_ACK, 1, 1, SEG);
    expect_nothing();
    /* RFC 5681 3.2 (2): what limited transmit sent does not count in the flight */
    ck_assert_uint_eq(info_of(a).ssthresh, 5 * SEG);
    ck_assert_uint_eq(info_of(a).cwnd, 8 * SEG);
    /* (4) each further duplicate lets the window grow: the twelve out are below it at the fifth */
    for (unsigned i = 4; i <= 7; i++) {
        peer_send(&p, TCP_ACK, 1, 1);
        expect_nothing();
    }
    peer_send(&p, TCP_ACK, 1, 1); /* cwnd 13 */
    expect(&p, TCP_ACK, 1 + 12 * SEG, 1, SEG);
}
END_TEST

START_TEST(a_partial_ack_retransmits_the_next_hole) /* RFC 6582 3.2 step 3 */
{
    struct peer p = peer_new();
    struct app *a = open_busy(&p, 0);
    for (unsigned i = 0; i < 3; i++) {
        peer_send(&p, TCP_ACK, 1, 1);
    }
    expect(&p, TCP_ACK, 1, 1, SEG);
    peer_send(&p, TCP_ACK, 1, 1 + 4 * SEG);
    expect(&p, TCP_ACK, 1 + 4 * SEG, 1, SEG);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 1 + 7 * SEG);
    expect(&p, TCP_ACK, 1 + 7 * SEG, 1, SEG);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 1 + 10 * SEG);
    expect_nothing();
    ck_assert_uint_eq(una(a), 1 + 10 * SEG);
}
END_TEST

/* RFC 5681 2: what is not a duplicate. */
START_TEST(what_looks_like_a_duplicate_and_is_none)
{
    struct peer p = peer_new();
    struct app *a = open_busy(&p, 0);
    for (uint32_t i = 0; i < 5; i++) {
        peer_data(&p, TCP_ACK, 1 + i * 10, 1, 10); /* (b) it carries data */
    }
    discard_sent();
    for (unsigned i = 0; i < 5; i++) {
        p.wnd = (uint16_t)(p.wnd - 100); /* (e) the window changes */
        peer_send(&p, TCP_ACK, 51, 1);
    }
    expect_nothing();
    peer_send(&p, TCP_ACK, 51, 1 + 10 * SEG);
    for (unsigned i = 0; i < 5; i++) { /* (a) nothing is outstanding */
        peer_send(&p, TCP_ACK, 51, 1 + 10 * SEG);
    }
    app_write(a, 10);
    expect(&p, LAST, 1 + 10 * SEG, 51, 10);
    expect_nothing();
}
END_TEST

START_TEST(duplicates_after_a_timeout_do_not_retransmit_again) /* RFC 6582 3.2 step 4, 4 */
{
    struct peer p = peer_new();
    open_busy(&p, 0);
    run_for(MS(1202));
    expect(&p, TCP_ACK, 1, 1, SEG);
    for (unsigned i = 0; i < 5; i++) { /* for the ten first copies */
        peer_send(&p, TCP_ACK, 1, 1);
    }
    while (sent_any()) {
        struct wire w = take_segment(__LINE__);
        ck_assert_uint_ne(w.seq - p.irs, 1);
    }
}
END_TEST

Suite *ack_suite(void);

Suite *ack_suite(void)
{
    Suite *s = suite_create("ack");
    TCase *acks = rig_case(s, "acks");
    ADD(acks, an_ack_gives_back_what_it_covers);
    ADD(acks, an_old_ack_changes_nothing);
    ADD(acks, an_old_ack_on_new_text_does_not_set_the_window);
    ADD(acks, an_older_segment_does_not_set_the_window);
    ADD(acks, an_ack_measures_the_round_trip);
    TCase *duplicates = rig_case(s, "duplicates");
    ADD(duplicates, the_third_duplicate_retransmits);
    ADD(duplicates, a_fast_retransmission_gives_no_sample);
    ADD(duplicates, limited_transmit_sends_new_data_for_the_first_two);
    ADD(duplicates, a_partial_ack_retransmits_the_next_hole);
    ADD(duplicates, what_looks_like_a_duplicate_and_is_none);
    ADD(duplicates, duplicates_after_a_timeout_do_not_retransmit_again);
    return s;
}
