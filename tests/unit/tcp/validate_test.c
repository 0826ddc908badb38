/* RFC 9293 3.10.7.4, first to fifth check in the synchronized states, with the challenge ACKs of
 * RFC 5961 and PAWS of RFC 7323 5. */
#include "stack/tcp/validate.h"

#include "tests/unit/tcp/tcp_rig.h"

#define WND 65535U /* our window when none is scaled */

static const enum tcp_state synchronized[] = {TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
                                              TCP_CLOSE_WAIT,  TCP_CLOSING,    TCP_LAST_ACK};
#define SYNCHRONIZED (int)COUNT_OF(synchronized)

/* ---- first: the sequence number ---- */

/* RFC 9293 3.4, table 6, with RCV.NXT = 1 and RCV.WND = 65535; and the empty segment of a peer that has filled it. */
/* requires: 9293-3.4-2, 9293-3.10.7.4-8 */
START_TEST(the_sequence_number_must_lie_in_the_window)
{
    static const struct {
        uint32_t seq;
        size_t len;
        bool good;
    } cases[] = {
        {1, 0, true},
        {WND, 0, true},
        {1 + WND, 0, true},
        {2 + WND, 0, false},
        {0, 0, false},
        {1, 10, true},
        {WND, 1, true},
        {1 + WND, 1, false},
        {(uint32_t)-9, 10, false},
        {(uint32_t)-8, 10, true},
        {WND, 10, true},
        {0x80000000U, 1, false},
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + i);
        rig.app_count = 0;
        struct app *a = open_passive(&p);
        uint64_t before = drops_of(DROP_TCP_OUTSIDE_WINDOW) + drops_of(DROP_TCP_DUPLICATE);
        peer_data(&p, TCP_ACK, cases[i].seq, 1, cases[i].len);
        uint64_t refused =
            drops_of(DROP_TCP_OUTSIDE_WINDOW) + drops_of(DROP_TCP_DUPLICATE) - before;
        ck_assert_msg(refused == (cases[i].good ? 0 : 1), "case %u", i);
        if (!cases[i].good) {
            expect(&p, TCP_ACK, 1, 1, 0);
        }
        discard_sent();
        app_abort(a);
        *a = (struct app){0};
        discard_sent();
    }
}
END_TEST

/* requires: 9293-3.10.7.4-8, 9293-3.10.7.4-9 */
START_TEST(old_data_is_acknowledged_and_not_delivered_again)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 1, 1, 10);
    run_for(MS(100));
    expect(&p, TCP_ACK, 1, 11, 0);
    peer_data(&p, TCP_ACK, 1, 1, 10);
    expect(&p, TCP_ACK, 1, 11, 0);
    expect_drops(DROP_TCP_DUPLICATE, 1);
    peer_data(&p, TCP_ACK, 1, 1, 15); /* old and new together */
    expect_in(a, 15);
}
END_TEST

/* requires: 9293-3.10.7.4-9 */
START_TEST(what_lies_beyond_the_window_is_cut_off)
{
    rig_listen(&(struct tcp_options){.receive_buffer = 1000});
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    a->lazy = true;
    peer_data(&p, TCP_ACK | TCP_FIN, 1, 1, 1200);
    struct wire w = expect(&p, TCP_ACK, 1, 1001, 0);
    ck_assert_uint_eq(w.wnd, 0);
    expect_drops(DROP_TCP_BEYOND_WINDOW, 1);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED); /* the FIN lay behind what was cut */
    app_read(a, SIZE_MAX);
    expect_in(a, 1000);
}
END_TEST

/* Two ends that each find the other's ACK unacceptable must not answer each other for ever. */
START_TEST(unacceptable_acks_are_answered_now_and_then)
{
    struct peer p = peer_new();
    open_passive(&p);
    for (unsigned i = 0; i < 10; i++) {
        peer_send(&p, TCP_ACK, 0x40000000U, 1);
    }
    expect(&p, TCP_ACK, 1, 1, 0);
    expect_nothing();
    expect_drops(DROP_TCP_OUTSIDE_WINDOW, 10);
    expect_drops(DROP_TCP_CHALLENGE_LIMITED_CONN, 9);
    run_for(SEC(1));
    peer_send(&p, TCP_ACK, 0x40000000U, 1);
    expect(&p, TCP_ACK, 1, 1, 0);
}
END_TEST

/* ---- first, with a window of zero ---- */

static struct app *fill_window(struct peer *p)
{
    rig.lazy = true;
    rig_listen(&(struct tcp_options){.receive_buffer = 1000});
    struct app *a = open_passive(p);
    peer_data(p, TCP_ACK, 1, 1, 1000);
    run_for(MS(100));
    struct wire w = expect(p, TCP_ACK, 1, 1001, 0);
    ck_assert_uint_eq(w.wnd, 0);
    return a;
}

/* requires: MAY-8, 9293-3.4-2 */
START_TEST(a_zero_window_probe_is_answered)
{
    struct peer p = peer_new();
    struct app *a = fill_window(&p);
    peer_data(&p, TCP_ACK, 1001, 1, 1);
    struct wire w = expect(&p, TCP_ACK, 1, 1001, 0);
    ck_assert_uint_eq(w.wnd, 0);
    expect_drops(DROP_TCP_BEYOND_WINDOW, 1);
    peer_data(&p, TCP_ACK, 1000, 1, 1); /* the other kind of probe: an old byte */
    expect(&p, TCP_ACK, 1, 1001, 0);
    peer_send(&p, TCP_ACK, 1000, 1); /* and the third: no byte at all */
    expect(&p, TCP_ACK, 1, 1001, 0);
    app_read(a, SIZE_MAX);
    expect_in(a, 1000);
}
END_TEST

/* requires: 9293-3.10.7.4-10 */
START_TEST(the_ack_of_a_probe_counts)
{
    struct peer p = peer_new();
    struct app *a = fill_window(&p);
    app_write(a, 100);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1001, 100);
    peer_data(&p, TCP_ACK, 1001, 101, 1);
    ck_assert_uint_eq(info_of(a).snd_una - info_of(a).iss, 101);
}
END_TEST

START_TEST(what_lies_beyond_a_shut_window_is_refused)
{
    struct peer p = peer_new();
    struct app *a = fill_window(&p);
    app_write(a, 100);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1001, 100);
    peer_data(&p, TCP_ACK, 1002, 101, 10);
    expect(&p, TCP_ACK, 101, 1001, 0);
    expect_drops(DROP_TCP_OUTSIDE_WINDOW, 1);
    ck_assert_uint_eq(info_of(a).snd_una - info_of(a).iss, 1);
}
END_TEST

/* requires: 9293-3.10.7.4-10 */
START_TEST(a_pure_ack_counts_when_the_window_is_shut)
{
    struct peer p = peer_new();
    struct app *a = fill_window(&p);
    app_write(a, 100);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1001, 100);
    peer_send(&p, TCP_ACK, 1001, 101);
    ck_assert_uint_eq(info_of(a).snd_una - info_of(a).iss, 101);
    expect_nothing();
}
END_TEST

/* requires: MUST-66, 9293-3.10.7.4-10 */
START_TEST(a_reset_counts_when_the_window_is_shut)
{
    struct peer p = peer_new();
    struct app *a = fill_window(&p);
    peer_send(&p, TCP_RST, 1001, 0);
    expect_nothing();
    ck_assert_ptr_null(a->s);
    ck_assert_int_eq(a->reason, CLOSE_RESET);
}
END_TEST

START_TEST(a_fin_does_not_come_through_a_shut_window)
{
    struct peer p = peer_new();
    struct app *a = fill_window(&p);
    peer_send(&p, TCP_ACK | TCP_FIN, 1001, 1);
    expect(&p, TCP_ACK, 1, 1001, 0);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
}
END_TEST

/* ---- second: RST (RFC 5961 3.2) ---- */

/* requires: 9293-3.10.7.4-1, 9293-3.10.7.4-12, 9293-3.10.7.4-13, 5961-3.2-3 */
START_TEST(a_reset_at_rcv_nxt_ends_the_connection)
{
    enum tcp_state state = synchronized[_i];
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, state, &seq, &nxt);
    peer_send(&p, TCP_RST, seq, 0);
    expect_nothing();
    ck_assert_ptr_null(a->s);
    ck_assert_int_eq(a->log[a->log_len - 1], 'c');
    bool both_closed = state == TCP_CLOSING || state == TCP_LAST_ACK;
    ck_assert_int_eq(a->reason, both_closed ? CLOSE_NORMAL : CLOSE_RESET);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
}
END_TEST

/* requires: 9293-3.10.7.4-2, 9293-3.10.7.4-3, 5961-3.2-1, 5961-3.2-4, 5961-3.2-5 */
START_TEST(a_reset_elsewhere_in_the_window_is_challenged)
{
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, synchronized[_i], &seq, &nxt);
    peer_send(&p, TCP_RST, seq + 1, 0);
    expect(&p, TCP_ACK, nxt, seq, 0);
    expect_drops(DROP_TCP_RST_CHALLENGED, 1);
    ck_assert_int_eq(state_of(a), synchronized[_i]);
    app_abort(a);
}
END_TEST

/* requires: 9293-3.10.7.4-8, 5961-3.2-2 */
START_TEST(a_reset_outside_of_the_window_is_dropped)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_send(&p, TCP_RST, 0, 0);
    peer_send(&p, TCP_RST, 1 + WND, 0);
    peer_send(&p, TCP_RST | TCP_ACK, 0x80000001U, 1);
    expect_nothing();
    expect_drops(DROP_TCP_RST_OUTSIDE_WINDOW, 3);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
}
END_TEST

/* requires: SHLD-2 */
START_TEST(a_reset_may_carry_text_and_a_strange_ack)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_RST | TCP_ACK, 1, 99999, 20);
    expect_nothing();
    expect_log(a, "aoc");
    ck_assert_int_eq(a->reason, CLOSE_RESET);
}
END_TEST

/* ---- fourth: SYN (RFC 5961 4.2) ---- */

/* requires: 9293-3.10.7.4-4, 9293-3.10.7.4-5, 9293-3.5.2-1, 5961-4.2-1, 5961-4.2-2, 5961-4.2-3 */
START_TEST(a_syn_is_challenged)
{
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, synchronized[_i], &seq, &nxt);
    peer_send(&p, TCP_SYN, seq, 0);
    expect(&p, TCP_ACK, nxt, seq, 0);
    peer_send(&p, TCP_SYN | TCP_ACK, seq + 100, nxt);
    expect(&p, TCP_ACK, nxt, seq, 0);
    expect_drops(DROP_TCP_SYN_CHALLENGED, 2);
    peer_send(&p, TCP_SYN, 0x40000000U, 0); /* outside of the window: an ACK as well */
    expect(&p, TCP_ACK, nxt, seq, 0);
    ck_assert_int_eq(state_of(a), synchronized[_i]);
    app_abort(a);
}
END_TEST

/* requires: 5961-7-1 */
START_TEST(challenge_acks_of_a_connection_have_a_limit)
{
    struct peer p = peer_new();
    struct peer q = peer_new();
    q.port++;
    open_passive(&p);
    open_passive(&q);
    for (unsigned i = 0; i < 9; i++) {
        peer_send(&p, i % 3 == 0 ? TCP_SYN : TCP_RST, 2, 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        expect(&p, TCP_ACK, 1, 1, 0);
    }
    expect_nothing();
    expect_drops(DROP_TCP_CHALLENGE_LIMITED_CONN, 5);
    expect_drops(DROP_TCP_CHALLENGE_LIMITED, 0);
    peer_send(&q, TCP_RST, 2, 0); /* another one has its own */
    expect(&q, TCP_ACK, 1, 1, 0);
    run_for(MS(999));
    peer_send(&p, TCP_SYN, 1, 0);
    expect_nothing();
    run_for(MS(1));
    peer_send(&p, TCP_SYN, 1, 0);
    expect(&p, TCP_ACK, 1, 1, 0);
}
END_TEST

#define CHALLENGERS 12U /* connections, of which each asks for one challenge ACK of the host's 8 */

/* One reset in the window on each; returns how many are answered. */
static unsigned challenge_all(struct peer peers[CHALLENGERS])
{
    unsigned answered = 0;
    for (unsigned i = 0; i < CHALLENGERS; i++) {
        peer_send(&peers[i], TCP_RST, 2, 0);
        answered += sent_any() ? 1 : 0;
        discard_sent();
    }
    return answered;
}

static void open_challengers(struct peer peers[CHALLENGERS])
{
    rig_restart(&(struct tcp_config){.challenge_acks = 8});
    for (unsigned i = 0; i < CHALLENGERS; i++) {
        peers[i] = peer_new();
        peers[i].port = (uint16_t)(PEER_PORT + i);
        open_passive(&peers[i]);
    }
    discard_sent();
}

/* The host's limit holds, and is not the same each time: from half of it to all of it. */
/* requires: 5961-7-1, 5961-7-3 */
START_TEST(challenge_acks_of_the_host_have_a_limit_that_nobody_knows)
{
    static struct peer peers[CHALLENGERS];
    unsigned times[9] = {0};
    unsigned kinds = 0;
    open_challengers(peers);
    for (unsigned i = 0; i < 200; i++) {
        unsigned answered = challenge_all(peers);
        ck_assert_uint_ge(answered, 4);
        ck_assert_uint_le(answered, 8);
        kinds += times[answered]++ == 0 ? 1 : 0;
        run_for(MS(1500));
    }
    ck_assert_uint_eq(kinds, 5); /* each is as likely as the others */
    ck_assert_uint_ge(drops_of(DROP_TCP_CHALLENGE_LIMITED), 200 * (CHALLENGERS - 8));
    expect_drops(DROP_TCP_CHALLENGE_LIMITED_CONN, 0);
}
END_TEST

/* Nor does when it begins anew tell when somebody else was challenged. */
/* requires: 5961-7-3 */
START_TEST(the_interval_of_the_host_is_not_known_either)
{
    static struct peer peers[CHALLENGERS];
    unsigned early = 0;
    open_challengers(peers);
    for (unsigned i = 0; i < 100; i++) {
        challenge_all(peers);
        run_for(MS(999));
        ck_assert_uint_eq(challenge_all(peers), 0); /* never within the second */
        run_for(MS(251));
        early += challenge_all(peers) > 0 ? 1 : 0; /* half of the time it is over by now */
        run_for(SEC(3));
    }
    ck_assert_uint_gt(early, 20);
    ck_assert_uint_lt(early, 80);
}
END_TEST

/* ---- fifth: ACK ---- */

/* requires: 9293-3.10.7.4-15 */
START_TEST(a_segment_without_ack_is_dropped)
{
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, synchronized[_i], &seq, &nxt);
    peer_data(&p, TCP_PSH, seq, 0, 10);
    expect_nothing();
    expect_drops(DROP_TCP_NO_ACK, 1);
    ck_assert_uint_eq(a->in_len, 0);
    app_abort(a);
}
END_TEST

/* requires: 9293-3.10.7.4-6, 9293-3.10.7.4-7, 5961-5.2-2, 5961-5.2-3 */
START_TEST(an_ack_of_what_was_never_sent_is_answered)
{
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, synchronized[_i], &seq, &nxt);
    peer_data(&p, TCP_ACK, seq, nxt + 1, 10);
    expect(&p, TCP_ACK, nxt, seq, 0);
    expect_drops(DROP_TCP_ACK_UNSENT, 1);
    ck_assert_uint_eq(a->in_len, 0);
    ck_assert_int_eq(state_of(a), synchronized[_i]);
    app_abort(a);
}
END_TEST

/* RFC 5961 5.2 (MAY-12): SND.UNA - MAX.SND.WND =< SEG.ACK. */
/* requires: MAY-12, 9293-3.10.7.4-6, 9293-3.10.7.4-7, 5961-5.2-1, 5961-5.2-2, 5961-5.2-3 */
START_TEST(an_ack_may_be_as_old_as_the_window_is_wide)
{
    struct peer p = peer_new();
    p.wnd = 1000;
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 1, (uint32_t)-1000, 10);
    expect(&p, TCP_ACK, 1, 1, 0);
    expect_drops(DROP_TCP_ACK_TOO_OLD, 1);
    expect_in(a, 0);
    peer_data(&p, TCP_ACK, 1, (uint32_t)-999, 10);
    expect_drops(DROP_TCP_ACK_TOO_OLD, 1);
    expect_in(a, 10);
}
END_TEST

/* ---- timestamps (RFC 7323) ---- */

static struct peer stamped_peer(void)
{
    struct peer p = peer_new();
    p.offer.ts = true;
    return p;
}

/* requires: 7323-5.2-1, 7323-5.3-1 */
START_TEST(an_older_timestamp_is_refused_and_acknowledged)
{
    struct peer p = stamped_peer();
    struct app *a = open_passive(&p);
    p.tsval += 100; /* through 2^31: the sign of the difference counts */
    peer_data(&p, TCP_ACK, 1, 1, 10);
    p.tsval -= 1;
    peer_data(&p, TCP_ACK, 11, 1, 10);
    struct wire w = expect(&p, TCP_ACK, 1, 11, 0);
    ck_assert_uint_eq(w.tsecr, p.tsval + 1);
    expect_drops(DROP_TCP_PAWS, 1);
    expect_in(a, 10);
    p.tsval += 1; /* the same again is not older */
    peer_data(&p, TCP_ACK, 11, 1, 10);
    expect_in(a, 20);
}
END_TEST

/* requires: 7323-5.2-2 */
START_TEST(a_reset_is_not_judged_by_its_timestamp)
{
    struct peer p = stamped_peer();
    struct app *a = open_passive(&p);
    p.tsval -= 1000;
    peer_send(&p, TCP_RST, 1, 0);
    expect_log(a, "aoc");
}
END_TEST

/* requires: 7323-3.2-5, 7323-3.2-6 */
START_TEST(a_missing_timestamp_is_dropped_silently)
{
    struct peer p = stamped_peer();
    struct app *a = open_passive(&p);
    p.ts = false;
    peer_data(&p, TCP_ACK, 1, 1, 10);
    expect_nothing();
    expect_drops(DROP_TCP_NO_TIMESTAMP, 1);
    expect_in(a, 0);
    peer_send(&p, TCP_RST, 1, 0); /* RST may come without */
    expect_log(a, "aoc");
}
END_TEST

/* requires: 7323-5.5-1, 7323-5.5-2 */
START_TEST(paws_forgets_after_24_days)
{
    struct peer p = stamped_peer();
    struct app *a = open_passive(&p);
    p.tsval -= 5;
    run_for(SEC(23 * 86400));
    peer_data(&p, TCP_ACK, 1, 1, 10);
    expect_in(a, 0);
    run_for(SEC(2 * 86400));
    peer_data(&p, TCP_ACK, 1, 1, 10);
    expect_in(a, 10);
    expect_drops(DROP_TCP_PAWS, 1);
    discard_sent();
}
END_TEST

/* 4.3 (2): only a segment that touches Last.ACK.sent sets TS.Recent. */
/* requires: 7323-4.3-1, 7323-4.3-2, 7323-4.3-4, 7323-4.3-5, 7323-5.3-3 */
START_TEST(a_segment_behind_a_hole_is_not_echoed)
{
    struct peer p = stamped_peer();
    open_passive(&p);
    uint32_t first = p.tsval;
    p.tsval = first + 10;
    peer_data(&p, TCP_ACK, 11, 1, 10);
    struct wire w = expect(&p, TCP_ACK, 1, 1, 0);
    ck_assert_uint_eq(w.tsecr, first);
    p.tsval = first + 20;
    peer_data(&p, TCP_ACK, 1, 1, 10);
    w = expect(&p, TCP_ACK, 1, 21, 0);
    ck_assert_uint_eq(w.tsecr, first + 20);
}
END_TEST

/* 4.3: a delayed ACK echoes the earliest of the segments that it acknowledges. */
/* requires: 7323-4.3-1, 7323-4.3-3, 7323-5.3-3 */
START_TEST(a_delayed_ack_echoes_the_first)
{
    struct peer p = stamped_peer();
    open_passive(&p);
    uint32_t first = p.tsval;
    p.tsval = first + 10;
    peer_data(&p, TCP_ACK, 1, 1, 1000);
    expect_nothing();
    p.tsval = first + 20;
    peer_data(&p, TCP_ACK, 1001, 1, 1000);
    struct wire w = expect(&p, TCP_ACK, 1, 2001, 0);
    ck_assert_uint_eq(w.tsecr, first + 10);
}
END_TEST

Suite *validate_suite(void);

Suite *validate_suite(void)
{
    Suite *s = suite_create("validate");
    TCase *sequence = rig_case(s, "sequence");
    ADD(sequence, the_sequence_number_must_lie_in_the_window);
    ADD(sequence, old_data_is_acknowledged_and_not_delivered_again);
    ADD(sequence, what_lies_beyond_the_window_is_cut_off);
    ADD(sequence, unacceptable_acks_are_answered_now_and_then);
    ADD(sequence, a_zero_window_probe_is_answered);
    ADD(sequence, the_ack_of_a_probe_counts);
    ADD(sequence, what_lies_beyond_a_shut_window_is_refused);
    ADD(sequence, a_pure_ack_counts_when_the_window_is_shut);
    ADD(sequence, a_reset_counts_when_the_window_is_shut);
    ADD(sequence, a_fin_does_not_come_through_a_shut_window);
    TCase *flags = rig_case(s, "flags");
    tcase_add_loop_test(flags, a_reset_at_rcv_nxt_ends_the_connection, 0, SYNCHRONIZED);
    tcase_add_loop_test(flags, a_reset_elsewhere_in_the_window_is_challenged, 0, SYNCHRONIZED);
    ADD(flags, a_reset_outside_of_the_window_is_dropped);
    ADD(flags, a_reset_may_carry_text_and_a_strange_ack);
    tcase_add_loop_test(flags, a_syn_is_challenged, 0, SYNCHRONIZED);
    ADD(flags, challenge_acks_of_a_connection_have_a_limit);
    ADD(flags, challenge_acks_of_the_host_have_a_limit_that_nobody_knows);
    ADD(flags, the_interval_of_the_host_is_not_known_either);
    tcase_add_loop_test(flags, a_segment_without_ack_is_dropped, 0, SYNCHRONIZED);
    tcase_add_loop_test(flags, an_ack_of_what_was_never_sent_is_answered, 0, SYNCHRONIZED);
    ADD(flags, an_ack_may_be_as_old_as_the_window_is_wide);
    TCase *timestamps = rig_case(s, "timestamps");
    ADD(timestamps, an_older_timestamp_is_refused_and_acknowledged);
    ADD(timestamps, a_reset_is_not_judged_by_its_timestamp);
    ADD(timestamps, a_missing_timestamp_is_dropped_silently);
    ADD(timestamps, paws_forgets_after_24_days);
    ADD(timestamps, a_segment_behind_a_hole_is_not_echoed);
    ADD(timestamps, a_delayed_ack_echoes_the_first);
    return s;
}
