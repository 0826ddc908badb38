/* The three-way handshake: RFC 9293 3.5, 3.10.7.2, 3.10.7.3, and SYN-RECEIVED in 3.10.7.4. */
#include "stack/tcp/handshake.h"

#include "tests/unit/tcp/tcp_rig.h"

static const struct offer everything = {
    .mss = 1400, .wscale = true, .shift = 7, .sack_ok = true, .ts = true};

/* ---- passive ---- */

/* requires: 9293-3.10.7.2-3 */
START_TEST(a_syn_is_answered_and_the_ack_establishes)
{
    struct peer p = peer_new();
    rig_listen(NULL);
    peer_send(&p, TCP_SYN, 0, 0);
    struct wire w = expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    ck_assert_uint_eq(w.wnd, 65535);
    ck_assert(w.has_mss);
    ck_assert_uint_eq(w.mss, 1460); /* MTU 1500 - 40 (RFC 6691) */
    expect_nothing();
    ck_assert_uint_eq(rig.app_count, 0);
    peer_send(&p, TCP_ACK, 1, 1);
    expect_nothing();
    ck_assert_uint_eq(rig.app_count, 1);
    expect_log(&rig.apps[0], "ao");
    ck_assert_int_eq(state_of(&rig.apps[0]), TCP_ESTABLISHED);
}
END_TEST

/* requires: 7323-2.2-1, 7323-2.2-3, 7323-3.2-2, 2018-2-2 */
START_TEST(options_are_echoed_only_when_offered)
{
    for (unsigned bits = 0; bits < 8; bits++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + bits);
        p.offer.wscale = (bits & 1) != 0;
        p.offer.sack_ok = (bits & 2) != 0;
        p.offer.ts = (bits & 4) != 0;
        struct wire w = half_open(&p);
        ck_assert(w.has_wscale == p.offer.wscale); /* RFC 7323 2.2 */
        ck_assert(w.has_sack_ok == p.offer.sack_ok);
        ck_assert(w.has_ts == p.offer.ts); /* RFC 7323 3.2 */
        ck_assert_uint_eq(w.tsecr, p.offer.ts ? p.tsval : 0);
    }
}
END_TEST

/* requires: 7323-2.3-3 */
START_TEST(the_window_shift_covers_the_receive_buffer)
{
    struct peer p = peer_new();
    p.offer = everything;
    struct wire w = half_open(&p);
    ck_assert_uint_eq(w.shift, 4);   /* 512 KiB >> 4 = 32768 fits into 16 bits, >> 3 does not */
    ck_assert_uint_eq(w.wnd, 65535); /* never scaled in a SYN */
}
END_TEST

START_TEST(options_switched_off_are_not_echoed)
{
    rig_restart(
        &(struct tcp_config){.no_timestamps = true, .no_window_scale = true, .no_sack = true});
    struct peer p = peer_new();
    p.offer = everything;
    struct wire w = half_open(&p);
    ck_assert(!w.has_wscale && !w.has_sack_ok && !w.has_ts);
    ck_assert_uint_eq(w.options_len, 4);
}
END_TEST

/* requires: 6298-2.1-1, 6298-5.5-1, MUST-22 */
START_TEST(the_syn_ack_is_retransmitted_with_back_off)
{
    struct peer p = peer_new();
    nsec t = half_open(&p).at;
    static const unsigned at[] = {1, 3, 7, 15, 31, 63}; /* RFC 6298 2.1, 5.5 */
    for (unsigned i = 0; i < COUNT_OF(at); i++) {
        run_to(t + SEC(at[i]) + MS(1));
        struct wire w = expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
        expect_time(&w, t + SEC(at[i]));
        ck_assert(w.has_mss);
        expect_nothing();
    }
    run_for(SEC(400));
    discard_sent();
    ck_assert_uint_eq(rig.listener->half_open, 0); /* given up; nobody is told */
    ck_assert_uint_eq(rig.app_count, 0);
}
END_TEST

/* requires: 9293-3.10.7.4-8 */
START_TEST(a_syn_again_is_answered_by_the_same_syn_ack)
{
    struct peer p = peer_new();
    half_open(&p);
    run_for(MS(100));
    peer_send(&p, TCP_SYN, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    expect_nothing();
    expect_drops(DROP_TCP_DUPLICATE, 1);
    peer_send(&p, TCP_ACK, 1, 1);
    expect_log(&rig.apps[0], "ao");
}
END_TEST

/* A copy of the SYN and the ACK of ours are taken in one batch: what was due for the copy no longer is. */
START_TEST(a_syn_again_together_with_the_ack_is_not_answered)
{
    struct peer p = peer_new();
    half_open(&p);
    rig.hold = true;
    peer_send(&p, TCP_SYN, 0, 0);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    rig_release();
    rig_flush();
    ck_assert_int_eq(state_of(&rig.apps[0]), TCP_ESTABLISHED);
    run_for(SEC(1));
    expect(&p, TCP_ACK, 1, 101, 0);
    expect_nothing();
}
END_TEST

/* A SYN may carry data; it is not taken before the handshake is over, and comes again. */
START_TEST(data_on_a_syn_comes_again)
{
    struct peer p = peer_new();
    rig_listen(NULL);
    peer_data(&p, TCP_SYN, 0, 0, 5);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    run_for(MS(500));
    peer_data(&p, TCP_SYN, 0, 0, 5); /* our SYN-ACK was lost */
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    peer_send(&p, TCP_ACK, 6, 1); /* it sent 5 bytes and hopes */
    peer_data(&p, TCP_ACK, 1, 1, 5);
    expect_in(&rig.apps[0], 5);
}
END_TEST

START_TEST(the_final_ack_may_lack_timestamps)
{
    struct peer p = peer_new();
    p.offer = everything;
    half_open(&p);
    peer_send(&p, TCP_ACK, 1, 1);
    expect_log(&rig.apps[0], "ao");
    expect_drops(DROP_TCP_NO_TIMESTAMP, 0);
    p.ts = true;
    peer_data(&p, TCP_ACK, 1, 1, 3);
    expect_in(&rig.apps[0], 3);
}
END_TEST

/* requires: 9293-3.10.7.4-16 */
START_TEST(the_final_ack_may_carry_data)
{
    struct peer p = peer_new();
    half_open(&p);
    peer_data(&p, TCP_ACK | TCP_PSH, 1, 1, 100);
    expect_log(&rig.apps[0], "aor");
    expect_in(&rig.apps[0], 100);
}
END_TEST

START_TEST(the_final_ack_may_carry_data_and_fin)
{
    struct peer p = peer_new();
    half_open(&p);
    peer_data(&p, TCP_ACK | TCP_FIN, 1, 1, 100);
    expect_log(&rig.apps[0], "aorp");
    expect(&p, TCP_ACK, 1, 102, 0);
    ck_assert_int_eq(state_of(&rig.apps[0]), TCP_CLOSE_WAIT);
}
END_TEST

/* 3.10.7.4 fifth: SYN-RECEIVED, the ACK is not SND.UNA < SEG.ACK =< SND.NXT. */
/* requires: 9293-3.10.7.4-16 */
START_TEST(a_wrong_ack_in_syn_received_makes_a_reset)
{
    static const uint32_t wrong[] = {0, 2, 1000, (uint32_t)-1};
    for (unsigned i = 0; i < COUNT_OF(wrong); i++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + i);
        half_open(&p);
        peer_send(&p, TCP_ACK, 1, wrong[i]);
        expect(&p, TCP_RST, wrong[i], (uint32_t)0, 0);
        expect_drops(DROP_TCP_ACK_UNACCEPTABLE, i + 1);
        peer_send(&p, TCP_ACK, 1, 1); /* and the true one still counts */
        ck_assert_uint_eq(rig.app_count, i + 1);
    }
}
END_TEST

/* requires: MUST-11, 9293-3.10.7.4-11, 9293-3.5.3-1 */
START_TEST(a_reset_in_syn_received_returns_to_listen)
{
    struct peer p = peer_new();
    half_open(&p);
    ck_assert_uint_eq(rig.listener->half_open, 1);
    peer_send(&p, TCP_RST, 1, 0);
    expect_nothing();
    ck_assert_uint_eq(rig.listener->half_open, 0);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    ck_assert_uint_eq(rig.app_count, 0);
    p = peer_new();
    open_passive(&p); /* it listens as before */
}
END_TEST

/* 3.10.7.4 fourth: a SYN in the window returns a passive connection to LISTEN. */
/* requires: 9293-3.10.7.4-14 */
START_TEST(a_new_syn_in_syn_received_returns_to_listen)
{
    struct peer p = peer_new();
    half_open(&p);
    peer_send(&p, TCP_SYN, 5, 0);
    expect_drops(DROP_TCP_SYN_CHALLENGED, 1);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    expect_nothing();
}
END_TEST

/* requires: 9293-3.10.7.4-15 */
START_TEST(a_segment_without_ack_in_syn_received_is_dropped)
{
    struct peer p = peer_new();
    half_open(&p);
    peer_data(&p, TCP_PSH, 1, 0, 4);
    expect_nothing();
    expect_drops(DROP_TCP_NO_ACK, 1);
    peer_send(&p, TCP_ACK, 1, 1);
    expect_log(&rig.apps[0], "ao");
}
END_TEST

START_TEST(the_window_of_the_final_ack_counts)
{
    struct peer p = peer_new();
    half_open(&p);
    p.wnd = 1000;
    peer_send(&p, TCP_ACK, 1, 1);
    app_write(&rig.apps[0], 3000);
    expect(&p, TCP_ACK, 1, 1, 1000); /* (3) of 3.8.6.2.1: at least half of the window */
    expect_nothing();
}
END_TEST

/* requires: 7323-2.2-5, 7323-2.3-2 */
START_TEST(a_scaled_window_is_shifted_after_the_handshake_only)
{
    struct peer p = peer_new();
    p.offer = everything;
    p.wnd = 512;
    struct app *a = open_passive(&p);
    ck_assert_uint_eq(info_of(a).syn_wnd, 512);
    ck_assert_uint_eq(info_of(a).snd_wnd, 512U << 7);
}
END_TEST

static unsigned shifts_logged(void)
{
    const struct recorder *r = &rig.host.recorder;
    unsigned logged = 0;
    for (uint64_t i = 0; i < r->written; i++) {
        logged += r->ring[i & r->mask].type == EV_tcp_bad_wscale ? 1 : 0;
    }
    return logged;
}

/* requires: 7323-2.3-4, 7323-2.3-5 */
START_TEST(a_shift_above_14_is_14)
{
    struct peer p = peer_new();
    p.offer.wscale = true;
    p.offer.shift = 200;
    p.wnd = 3;
    struct app *a = open_passive(&p);
    ck_assert_uint_eq(info_of(a).snd_wscale, 14);
    ck_assert_uint_eq(info_of(a).snd_wnd, 3U << 14);
    ck_assert_uint_eq(shifts_logged(), 1);
}
END_TEST

/* RFC 3168 6.1.1: switched off, ECN flags of a SYN are passed over. */
START_TEST(a_syn_with_ecn_is_answered_without)
{
    rig_restart(&(struct tcp_config){.ecn = TCP_ECN_OFF});
    struct peer p = peer_new();
    rig_listen(NULL);
    peer_send(&p, TCP_SYN | TCP_ECE | TCP_CWR, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    peer_send(&p, TCP_ACK, 1, 1);
    expect_log(&rig.apps[0], "ao");
}
END_TEST

/* 3.10.7.2: what a listener does with everything but a SYN. */
/* requires: 9293-3.10.7.2-1, 9293-3.10.7.2-2, 9293-3.10.7.2-4 */
START_TEST(a_listener_judges_flags)
{
    static const struct {
        unsigned flags;
        bool reset;
        enum drop_reason why;
    } cases[] = {
        {TCP_RST, false, DROP_TCP_RST_NO_CONNECTION},
        {TCP_RST | TCP_ACK, false, DROP_TCP_RST_NO_CONNECTION},
        {TCP_RST | TCP_SYN, false, DROP_TCP_RST_NO_CONNECTION},
        {TCP_ACK, true, DROP_TCP_ACK_UNACCEPTABLE},
        {TCP_SYN | TCP_ACK, true, DROP_TCP_ACK_UNACCEPTABLE},
        {TCP_FIN | TCP_ACK, true, DROP_TCP_ACK_UNACCEPTABLE},
        {TCP_SYN | TCP_FIN, false, DROP_TCP_BAD_FLAGS},
        {TCP_FIN, false, DROP_TCP_BAD_FLAGS},
        {TCP_PSH | TCP_URG, false, DROP_TCP_BAD_FLAGS},
        {0, false, DROP_TCP_BAD_FLAGS},
    };
    rig_listen(NULL);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct peer p = peer_new();
        uint64_t before = drops_of(cases[i].why);
        peer_send(&p, cases[i].flags, 0, 77);
        if (cases[i].reset) {
            expect(&p, TCP_RST, 77, 0, 0); /* <SEQ=SEG.ACK><CTL=RST> */
        }
        expect_nothing();
        ck_assert_uint_eq(drops_of(cases[i].why), before + 1);
        ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    }
}
END_TEST

/* ---- active ---- */

/* requires: 7323-2.2-2, 7323-3.2-1, 2018-2-2 */
START_TEST(a_connect_sends_a_syn_with_every_option)
{
    struct peer p = peer_new();
    p.offer = everything;
    struct app *a = app_connect(&p, NULL);
    struct wire w = expect(&p, TCP_SYN, 0, 0, 0);
    ck_assert_uint_eq(w.ack, 0);
    ck_assert(w.has_mss && w.has_wscale && w.has_sack_ok && w.has_ts);
    ck_assert_uint_eq(w.mss, 1460);
    ck_assert_uint_eq(w.shift, 4);
    ck_assert_uint_eq(w.tsecr, 0);
    ck_assert_uint_eq(w.wnd, 65535);
    ck_assert_uint_ge(p.our_port, 49152); /* RFC 6335 6 */
    p.ts = true;
    p.ts_recent = w.tsval;
    peer_send(&p, TCP_SYN | TCP_ACK, 0, 1);
    w = expect(&p, TCP_ACK, 1, 1, 0);
    ck_assert_uint_eq(w.tsecr, p.tsval);
    ck_assert_uint_eq(w.wnd, 32768); /* 512 KiB >> 4 */
    expect_log(a, "o");
    ck_assert_uint_eq(info_of(a).snd_mss, 1400 - 12);
}
END_TEST

/* requires: 9293-3.10.2-1, 9293-3.10.7.3-2 */
START_TEST(data_written_before_the_handshake_goes_with_its_end)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    app_write(a, 10);
    expect_nothing();
    peer_send(&p, TCP_SYN | TCP_ACK, 0, 1);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1, 10);
    expect_nothing(); /* the data carries the ACK */
}
END_TEST

/* requires: 9293-3.10.7.3-4, 5961-3.2-6 */
START_TEST(a_reset_refuses)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_send(&p, TCP_RST | TCP_ACK, 0, 1);
    expect_nothing();
    expect_log(a, "c");
    ck_assert_int_eq(a->reason, CLOSE_REFUSED);
}
END_TEST

/* 3.10.7.3 second: only a reset that acknowledges our SYN counts. */
/* requires: 9293-3.10.7.3-3, 9293-3.10.7.3-4, 5961-3.2-6 */
START_TEST(a_reset_that_does_not_acknowledge_the_syn_is_dropped)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_send(&p, TCP_RST, 0, 0);
    peer_send(&p, TCP_RST | TCP_ACK, 0, 0);
    peer_send(&p, TCP_RST | TCP_ACK, 0, 2);
    expect_nothing();
    expect_drops(DROP_TCP_RST_BAD_ACK, 3);
    ck_assert_int_eq(state_of(a), TCP_SYN_SENT);
}
END_TEST

/* requires: 9293-3.10.7.3-3 */
START_TEST(a_syn_ack_with_a_wrong_ack_is_reset)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    static const uint32_t wrong[] = {0, 2, (uint32_t)-5};
    for (unsigned i = 0; i < COUNT_OF(wrong); i++) {
        peer_send(&p, TCP_SYN | TCP_ACK, 0, wrong[i]);
        expect(&p, TCP_RST, wrong[i], 0, 0);
    }
    expect_drops(DROP_TCP_ACK_UNACCEPTABLE, 3);
    ck_assert_int_eq(state_of(a), TCP_SYN_SENT);
}
END_TEST

/* requires: 9293-3.10.7.3-6 */
START_TEST(an_ack_without_syn_in_syn_sent_is_dropped)
{
    struct peer p = peer_new();
    app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_send(&p, TCP_ACK, 0, 1);
    expect_nothing();
    expect_drops(DROP_TCP_BAD_FLAGS, 1);
}
END_TEST

/* requires: MUST-22, MUST-23 */
START_TEST(an_unanswered_syn_goes_on_for_three_minutes)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    nsec t = expect(&p, TCP_SYN, 0, 0, 0).at;
    static const unsigned at[] = {1, 3, 7, 15, 31, 63, 123}; /* doubled up to 60 s */
    for (unsigned i = 0; i < COUNT_OF(at); i++) {
        run_to(t + SEC(at[i]) + MS(1));
        struct wire w = expect(&p, TCP_SYN, 0, 0, 0);
        expect_time(&w, t + SEC(at[i]));
    }
    run_to(t + SEC(180)); /* MUST-23 */
    ck_assert_int_eq(state_of(a), TCP_SYN_SENT);
    run_to(t + SEC(300));
    expect_log(a, "c");
    ck_assert_int_eq(a->reason, CLOSE_TIMEOUT);
    discard_sent();
}
END_TEST

START_TEST(simultaneous_open_with_a_plain_ack)
{
    struct peer p = peer_new();
    p.offer.sack_ok = true;
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_send(&p, TCP_SYN, 0, 0);
    struct wire w = expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    ck_assert(w.has_mss && w.has_sack_ok && !w.has_ts && !w.has_wscale);
    ck_assert_int_eq(state_of(a), TCP_SYN_RCVD);
    peer_send(&p, TCP_ACK, 1, 1);
    expect_log(a, "o");
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
}
END_TEST

/* requires: MUST-10 */
START_TEST(simultaneous_open_in_one_batch)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    rig.hold = true;
    peer_send(&p, TCP_SYN, 0, 0);
    peer_send(&p, TCP_ACK, 1, 1);
    rig_release();
    expect(&p, TCP_ACK, 1, 1, 0); /* no SYN-ACK was needed, but the peer's SYN waits for an ACK */
    expect_log(a, "o");
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
}
END_TEST

/* RFC 9293 figure 8: each side answers the other's SYN with SYN-ACK, and these cross. */
/* requires: MUST-10, 9293-3.10.7.3-5 */
START_TEST(simultaneous_open_with_crossing_syn_acks)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_send(&p, TCP_SYN, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    peer_send(&p, TCP_SYN | TCP_ACK, 0, 1);
    expect_log(a, "o");
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    discard_sent();
    peer_data(&p, TCP_ACK, 1, 1, 7);
    expect_in(a, 7);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 1); /* MUST-10: one connection */
}
END_TEST

/* MUST-11: an active one is refused, not returned to LISTEN. */
/* requires: MUST-11, 9293-3.10.7.4-11 */
START_TEST(a_reset_after_crossing_syns_refuses)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_send(&p, TCP_SYN, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    peer_send(&p, TCP_RST, 1, 0);
    expect_log(a, "c");
    ck_assert_int_eq(a->reason, CLOSE_REFUSED);
}
END_TEST

/* 3.10.4: CLOSE in SYN-RECEIVED waits for ESTABLISHED. */
/* requires: 9293-3.10.4-2 */
START_TEST(a_close_after_crossing_syns_sends_fin_once_established)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_send(&p, TCP_SYN, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    app_write(a, 5);
    app_shutdown(a);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 1);
    expect(&p, TCP_ACK | TCP_PSH | TCP_FIN, 1, 1, 5);
    peer_send(&p, TCP_ACK, 1, 7);
    ck_assert_int_eq(state_of(a), TCP_FIN_WAIT_2);
    peer_send(&p, TCP_ACK | TCP_FIN, 1, 7);
    expect(&p, TCP_ACK, 7, 2, 0);
    expect_log(a, "opc");
}
END_TEST

Suite *handshake_suite(void);

Suite *handshake_suite(void)
{
    Suite *s = suite_create("handshake");
    TCase *passive = rig_case(s, "passive");
    ADD(passive, a_syn_is_answered_and_the_ack_establishes);
    ADD(passive, options_are_echoed_only_when_offered);
    ADD(passive, the_window_shift_covers_the_receive_buffer);
    ADD(passive, options_switched_off_are_not_echoed);
    ADD(passive, the_syn_ack_is_retransmitted_with_back_off);
    ADD(passive, a_syn_again_is_answered_by_the_same_syn_ack);
    ADD(passive, a_syn_again_together_with_the_ack_is_not_answered);
    ADD(passive, data_on_a_syn_comes_again);
    ADD(passive, the_final_ack_may_lack_timestamps);
    ADD(passive, the_final_ack_may_carry_data);
    ADD(passive, the_final_ack_may_carry_data_and_fin);
    ADD(passive, a_wrong_ack_in_syn_received_makes_a_reset);
    ADD(passive, a_reset_in_syn_received_returns_to_listen);
    ADD(passive, a_new_syn_in_syn_received_returns_to_listen);
    ADD(passive, a_segment_without_ack_in_syn_received_is_dropped);
    ADD(passive, the_window_of_the_final_ack_counts);
    ADD(passive, a_scaled_window_is_shifted_after_the_handshake_only);
    ADD(passive, a_shift_above_14_is_14);
    ADD(passive, a_syn_with_ecn_is_answered_without);
    ADD(passive, a_listener_judges_flags);
    TCase *active = rig_case(s, "active");
    ADD(active, a_connect_sends_a_syn_with_every_option);
    ADD(active, data_written_before_the_handshake_goes_with_its_end);
    ADD(active, a_reset_refuses);
    ADD(active, a_reset_that_does_not_acknowledge_the_syn_is_dropped);
    ADD(active, a_syn_ack_with_a_wrong_ack_is_reset);
    ADD(active, an_ack_without_syn_in_syn_sent_is_dropped);
    ADD(active, an_unanswered_syn_goes_on_for_three_minutes);
    ADD(active, simultaneous_open_with_a_plain_ack);
    ADD(active, simultaneous_open_in_one_batch);
    ADD(active, simultaneous_open_with_crossing_syn_acks);
    ADD(active, a_reset_after_crossing_syns_refuses);
    ADD(active, a_close_after_crossing_syns_sends_fin_once_established);
    return s;
}
