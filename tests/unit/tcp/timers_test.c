/* Retransmission timeout (RFC 6298), zero-window probes (RFC 9293 3.8.6.1), keep-alive (3.8.4), and
 * when a connection is given up (3.8.3). */
#include "stack/tcp/timers.h"

#include "tests/unit/tcp/tcp_rig.h"

#define LAST (TCP_ACK | TCP_PSH)

/* The next segment is `flags` from `seq` on, sent at `at`. */
static void expect_retransmission(struct peer *p, nsec at, uint32_t seq, size_t len)
{
    run_to(at + MS(2));
    struct wire w = expect(p, LAST, seq, 1, len);
    expect_time(&w, at);
    expect_nothing();
}

/* ---- retransmission ---- */

/* requires: MUST-18, 6298-2.2-1, 6298-5-1 */
START_TEST(the_first_sample_makes_the_rto_three_times_as_long)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 100);
    nsec t = expect(&p, LAST, 1, 1, 100).at;
    static const unsigned at[] = {1200,  3600,  8400,  18000,
                                  37200, 75600, 135600}; /* 5.5, 60 s at most */
    for (unsigned i = 0; i < COUNT_OF(at); i++) {
        expect_retransmission(&p, t + MS(at[i]), 1, 100);
    }
}
END_TEST

/* requires: MUST-18, 6298-2.3-1, 6298-2.3-4 */
START_TEST(further_samples_are_smoothed)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400)); /* SRTT 400, RTTVAR 200 */
    app_write(a, 100);
    expect(&p, LAST, 1, 1, 100);
    run_for(MS(400)); /* RTTVAR 150, SRTT 400 */
    peer_send(&p, TCP_ACK, 1, 101);
    app_write(a, 100);
    expect(&p, LAST, 101, 1, 100);
    run_for(MS(800)); /* RTTVAR 3/4 * 150 + 1/4 * 400 = 212.5, SRTT 450 */
    peer_send(&p, TCP_ACK, 1, 201);
    struct tcp_info info = info_of(a);
    ck_assert_int_eq(info.srtt, MS(450));
    ck_assert_int_eq(info.rttvar, NS_PER_US * 212500);
    ck_assert_int_eq(info.rto, MS(1300));
    app_write(a, 100);
    nsec t = expect(&p, LAST, 201, 1, 100).at;
    expect_retransmission(&p, t + MS(1300), 201, 100);
}
END_TEST

/* requires: 6298-5.3-1 */
START_TEST(an_ack_of_new_data_starts_the_timer_again)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 2920);
    discard_sent();
    run_for(MS(1000)); /* the timer is due at 1200 */
    nsec t = rig.now;
    peer_send(&p, TCP_ACK, 1, 1461); /* RTTVAR 150 + 150 = 300, SRTT 350 + 125 = 475 */
    run_to(t + MS(1674));
    expect_nothing();
    expect_retransmission(&p, t + MS(1675), 1461, 1460);
}
END_TEST

/* requires: 6298-5.2-1 */
START_TEST(all_acknowledged_stops_the_timer)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 100);
    expect(&p, LAST, 1, 1, 100);
    peer_send(&p, TCP_ACK, 1, 101);
    run_for(SEC(3600));
    expect_nothing();
}
END_TEST

/* Karn (MUST-18): no sample from what was sent twice; the doubled RTO stays until there is one. */
/* requires: MUST-18, 6298-3-1, 6298-3-2, 6298-5-3 */
START_TEST(a_retransmission_gives_no_sample)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 100);
    nsec t = expect(&p, LAST, 1, 1, 100).at;
    expect_retransmission(&p, t + MS(1200), 1, 100);
    peer_send(&p, TCP_ACK, 1, 101);
    ck_assert_int_eq(info_of(a).srtt, MS(400));
    app_write(a, 100);
    t = expect(&p, LAST, 101, 1, 100).at;
    expect_retransmission(&p, t + MS(2400), 101, 100);
    peer_send(&p, TCP_ACK, 1, 201);
    app_write(a, 100);
    expect(&p, LAST, 201, 1, 100);
    run_for(MS(400));
    peer_send(&p, TCP_ACK, 1, 301); /* a sample: RTTVAR 150, SRTT 400 */
    ck_assert_int_eq(info_of(a).rto, MS(1000));
}
END_TEST

/* requires: 7323-4.1-1 */
START_TEST(timestamps_give_a_sample_of_a_retransmission)
{
    struct peer p = peer_new();
    p.offer.ts = true;
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 100);
    nsec t = expect(&p, LAST, 1, 1, 100).at;
    expect_retransmission(&p, t + MS(1200), 1, 100);
    run_to(t + MS(1600));
    peer_send(&p, TCP_ACK, 1, 101); /* echoes the second copy, sent 400 ms ago */
    ck_assert_int_ge(info_of(a).srtt, MS(399));
    ck_assert_int_le(info_of(a).srtt, MS(401));
    ck_assert_int_le(info_of(a).rto, MS(1010));
}
END_TEST

/* requires: 6298-5.7-1 */
START_TEST(after_a_lost_syn_the_rto_is_three_seconds)
{
    struct peer p = peer_new();
    half_open(&p);
    run_for(MS(1001));
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    peer_send(&p, TCP_ACK, 1, 1);
    struct app *a = &rig.apps[0];
    app_write(a, 5000);
    nsec t = expect(&p, TCP_ACK, 1, 1, 1460).at;
    expect_nothing(); /* RFC 5681 3.1: the initial window is one segment */
    run_to(t + MS(2999));
    expect_nothing();
    run_to(t + MS(3002));
    struct wire w = expect(&p, TCP_ACK, 1, 1, 1460);
    expect_time(&w, t + SEC(3));
}
END_TEST

/* requires: MUST-19, 6298-5.4-1, 9293-3.10.8-2 */
START_TEST(a_timeout_sends_one_segment_and_the_acks_bring_the_rest) /* RFC 5681 3.1 */
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 4 * 1460);
    discard_sent();
    run_for(MS(1202));
    expect(&p, TCP_ACK, 1, 1, 1460);
    expect_nothing();
    ck_assert_uint_eq(info_of(a).cwnd, 1460);
    ck_assert_uint_eq(info_of(a).ssthresh, 2 * 1460); /* half of the flight */
    peer_send(&p, TCP_ACK, 1, 1461);                  /* cwnd 2 segments */
    expect(&p, TCP_ACK, 1461, 1, 1460);
    expect(&p, TCP_ACK, 2921, 1, 1460);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 4381);
    expect(&p, LAST, 4381, 1, 1460);
    expect_nothing();
}
END_TEST

/* ---- giving up (3.8.3) ---- */

/* requires: MUST-21, 9293-3.10.8-1 */
START_TEST(the_application_sets_when_to_give_up)
{
    rig_listen(&(struct tcp_options){.user_timeout = SEC(10)});
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 100);
    nsec t = expect(&p, LAST, 1, 1, 100).at;
    run_to(t + SEC(10) - MS(1));
    expect_log(a, "ao");
    discard_sent();
    run_to(t + SEC(10) + MS(1));
    expect_log(a, "aoc");
    ck_assert_int_eq(a->reason, CLOSE_TIMEOUT);
    expect(&p, TCP_RST | TCP_ACK, 101, 1, 0);
}
END_TEST

/* requires: SHLD-11 */
START_TEST(by_default_data_is_tried_for_minutes) /* SHLD-11: 100 s at the least */
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 100);
    run_for(SEC(100));
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    run_for(SEC(900));
    expect_log(a, "aoc");
    ck_assert_int_eq(a->reason, CLOSE_TIMEOUT);
    discard_sent();
}
END_TEST

START_TEST(progress_puts_the_end_off)
{
    rig_listen(&(struct tcp_options){.user_timeout = SEC(10)});
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 3 * 1460);
    run_for(SEC(9));
    peer_send(&p, TCP_ACK, 1, 1461);
    run_for(SEC(9));
    peer_send(&p, TCP_ACK, 1, 2921);
    run_for(SEC(9));
    expect_log(a, "ao");
    run_for(SEC(2));
    expect_log(a, "aoc");
    discard_sent();
}
END_TEST

START_TEST(trouble_is_reported_before_the_end) /* MUST-20, SHLD-9, SHLD-10, MUST-47 */
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 100);
    run_for(MS(8300)); /* two timeouts */
    ck_assert_uint_eq(info_of(a).retransmitted, 2);
    uint64_t told = 0;
    for (uint64_t i = 0; i < rig.host.recorder.written; i++) {
        told += rig.host.recorder.ring[i].type == EV_tcp_soft_error ? 1 : 0;
    }
    ck_assert_uint_eq(told, 0);
    run_for(MS(200)); /* the third */
    for (uint64_t i = 0; i < rig.host.recorder.written; i++) {
        told += rig.host.recorder.ring[i].type == EV_tcp_soft_error ? 1 : 0;
    }
    ck_assert_uint_eq(told, 1);
    discard_sent();
}
END_TEST

/* ---- zero window (3.8.6.1) ---- */

/* A connection with more to send than the window of 1460 took; RTO 1200 ms. */
static struct app *open_shut(struct peer *p, const struct tcp_options *options)
{
    rig_listen(options);
    p->wnd = 1460;
    struct app *a = open_with_rtt(p, MS(400));
    app_write(a, 2000);
    expect(p, TCP_ACK, 1, 1, 1460);
    run_for(MS(400));
    p->wnd = 0;
    peer_send(p, TCP_ACK, 1, 1461); /* RTTVAR 150: the RTO is 1000 ms now */
    expect_nothing();
    return a;
}

/* requires: MUST-36, SHLD-29, SHLD-30 */
START_TEST(a_shut_window_is_probed_with_back_off)
{
    struct peer p = peer_new();
    open_shut(&p, NULL);
    nsec t = rig.now;
    nsec wait = SEC(1);
    for (unsigned i = 0; i < 7; i++) {
        t += wait;
        run_to(t - MS(1));
        expect_nothing();
        run_to(t + MS(2));
        struct wire w = take_segment(__LINE__);
        expect_time(&w, t);
        ck_assert_uint_eq(w.flags, TCP_ACK);
        expect_nothing();
        peer_send(&p, TCP_ACK, 1, 1461);
        wait = nsec_min(2 * wait, SEC(60));
    }
    p.wnd = 5000;
    peer_send(&p, TCP_ACK, 1, 1461); /* open: the rest goes at once */
    expect(&p, LAST, 1461, 1, 540);
}
END_TEST

START_TEST(a_probe_provokes_an_answer)
{
    struct peer p = peer_new();
    open_shut(&p, NULL);
    run_for(MS(1002));
    struct wire w = take_segment(__LINE__);
    uint32_t seq = w.seq - p.irs;
    /* an old number, or a byte of the queue: each is unacceptable to a peer with a shut window */
    ck_assert(seq == 1460 ? w.len <= 1 : seq == 1461 && w.len == 1);
}
END_TEST

/* requires: MUST-37 */
START_TEST(an_answering_peer_may_stay_shut_for_ever)
{
    struct peer p = peer_new();
    struct app *a = open_shut(&p, &(struct tcp_options){.user_timeout = SEC(30)});
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned s = 0; s < 60 && !sent_any(); s++) {
            run_for(SEC(1));
        }
        take_segment(__LINE__);
        discard_sent();
        peer_send(&p, TCP_ACK, 1, 1461);
    }
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
}
END_TEST

/* An hour of answers, and then one is lost: the time of a silent peer begins with its latest answer. */
START_TEST(one_lost_answer_is_not_silence)
{
    struct peer p = peer_new();
    struct app *a = open_shut(&p, &(struct tcp_options){.user_timeout = SEC(200)});
    for (nsec hour = rig.now + SEC(3600); rig.now < hour;) {
        run_for(SEC(1));
        if (sent_any()) {
            discard_sent();
            peer_send(&p, TCP_ACK, 1, 1461);
        }
    }
    for (unsigned s = 0; s < 60 && !sent_any(); s++) {
        run_for(SEC(1));
    }
    take_segment(__LINE__); /* this one gets no answer, and the next does */
    for (unsigned s = 0; s < 70 && !sent_any(); s++) {
        run_for(SEC(1));
    }
    take_segment(__LINE__);
    peer_send(&p, TCP_ACK, 1, 1461);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    discard_sent();
}
END_TEST

START_TEST(a_silent_peer_with_a_shut_window_is_given_up)
{
    struct peer p = peer_new();
    struct app *a = open_shut(&p, &(struct tcp_options){.user_timeout = SEC(30)});
    run_for(SEC(100));
    expect_log(a, "aoc");
    ck_assert_int_eq(a->reason, CLOSE_TIMEOUT);
    discard_sent();
}
END_TEST

START_TEST(a_shut_window_does_not_hold_a_closed_connection_for_ever)
{
    struct peer p = peer_new();
    struct app *a = open_shut(&p, NULL);
    app_close(a);
    for (unsigned i = 0; i < 300; i++) {
        run_for(SEC(1));
        discard_sent();
        peer_send(&p, TCP_ACK, 1, 1461);
    }
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    discard_sent();
}
END_TEST

/* requires: MUST-35 */
START_TEST(a_window_shut_with_data_in_flight_is_probed)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 2920);
    discard_sent();
    p.wnd = 0;
    peer_send(&p, TCP_ACK, 1, 1461); /* and the second segment is thrown away */
    unsigned probes = 0;
    for (unsigned i = 0; i < 20; i++) {
        run_for(SEC(1));
        while (sent_any()) {
            struct wire w = take_segment(__LINE__);
            ck_assert_uint_le(w.len, 1460);
            probes++;
            peer_send(&p, TCP_ACK, 1, 1461);
        }
    }
    ck_assert_uint_ge(probes, 3);
    p.wnd = 5000;
    peer_send(&p, TCP_ACK, 1, 1461);
    expect(&p, LAST, 1461, 1, 1460);
    peer_send(&p, TCP_ACK, 1, 2921);
    run_for(SEC(10));
    expect_nothing();
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
}
END_TEST

START_TEST(a_window_shut_from_the_start_is_probed)
{
    struct peer p = peer_new();
    p.wnd = 0;
    struct app *a = open_passive(&p);
    app_write(a, 10);
    expect_nothing();
    run_for(SEC(2));
    ck_assert(sent_any());
    discard_sent();
    p.wnd = 100;
    peer_send(&p, TCP_ACK, 1, 1);
    expect(&p, LAST, 1, 1, 10);
}
END_TEST

/* ---- keep-alive (3.8.4) ---- */

static const struct tcp_options alive = {.keepalive = true,
                                         .keepalive_idle = SEC(60),
                                         .keepalive_interval = SEC(10),
                                         .keepalive_probes = 3};

/* requires: MUST-25 */
START_TEST(keep_alive_is_off_by_default)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    run_for(SEC(7 * 86400));
    expect_nothing();
    expect_log(a, "ao");
}
END_TEST

/* requires: SHLD-12, MUST-26, MUST-27, MAY-5 */
START_TEST(an_idle_connection_is_probed)
{
    rig_listen(&alive);
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    nsec t = rig.now;
    for (unsigned i = 0; i < 3; i++) {
        t += SEC(60);
        run_to(t - MS(1));
        expect_nothing();
        run_to(t + MS(2));
        struct wire w = expect(&p, TCP_ACK, 0, 1, 0); /* SND.NXT - 1, no data */
        expect_time(&w, t);
        peer_send(&p, TCP_ACK, 1, 1);
        t = rig.now;
    }
    run_for(SEC(30));
    peer_data(&p, TCP_ACK, 1, 1, 10); /* starts the interval again */
    run_for(SEC(59));
    expect(&p, TCP_ACK, 1, 11, 0); /* the delayed ACK */
    expect_nothing();
    run_for(MS(1010));
    expect(&p, TCP_ACK, 0, 11, 0);
    expect_log(a, "aor");
}
END_TEST

/* requires: MUST-29 */
START_TEST(a_lost_answer_means_nothing_and_several_the_end)
{
    rig_listen(&alive);
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    nsec t = rig.now;
    run_to(t + SEC(60) + MS(2));
    expect(&p, TCP_ACK, 0, 1, 0);
    run_to(t + SEC(70) + MS(2));
    expect(&p, TCP_ACK, 0, 1, 0);
    peer_send(&p, TCP_ACK, 1, 1);
    t = rig.now;
    for (unsigned i = 0; i < 3; i++) {
        run_to(t + SEC(60 + 10 * i) + MS(3));
        expect(&p, TCP_ACK, 0, 1, 0);
        expect_log(a, "ao");
    }
    run_to(t + SEC(90) + MS(5));
    expect_log(a, "aoc");
    ck_assert_int_eq(a->reason, CLOSE_TIMEOUT);
    expect(&p, TCP_RST | TCP_ACK, 1, 1, 0);
}
END_TEST

/* requires: MUST-28 */
START_TEST(keep_alive_waits_two_hours_by_default)
{
    rig_listen(&(struct tcp_options){.keepalive = true});
    struct peer p = peer_new();
    open_passive(&p);
    run_for(SEC(7200) - MS(1));
    expect_nothing();
    run_for(MS(3));
    expect(&p, TCP_ACK, 0, 1, 0);
}
END_TEST

/* requires: MUST-24 */
START_TEST(keep_alive_can_be_switched)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    host_enter(&rig.host, rig.now);
    tcp_set_options(a->s, &alive);
    run_for(SEC(60) + MS(2));
    expect(&p, TCP_ACK, 0, 1, 0);
    peer_send(&p, TCP_ACK, 1, 1);
    host_enter(&rig.host, rig.now);
    tcp_set_options(a->s, &(struct tcp_options){0});
    run_for(SEC(1000));
    expect_nothing();
}
END_TEST

/* requires: MUST-26 */
START_TEST(no_keep_alive_while_data_is_outstanding)
{
    rig_listen(&alive);
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    run_for(SEC(50));
    app_write(a, 100);
    for (unsigned i = 0; i < 60; i++) {
        run_for(SEC(1));
        while (sent_any()) {
            expect(&p, LAST, 1, 1, 100); /* the data again, and no probe */
        }
    }
    expect_log(a, "ao");
}
END_TEST

/* RFC 9293 3.8.6.2.1 (4) is no retransmission: what it sent is retransmitted after one RTO, for the first time. */
START_TEST(the_override_timeout_backs_nothing_off)
{
    struct peer p = peer_new();
    p.wnd = 1000;
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 3000);
    expect(&p, TCP_ACK, 1, 1, 1000);
    p.wnd = 499;
    peer_send(&p, TCP_ACK, 1, 1001);
    nsec rto = info_of(a).rto;
    while (!sent_any() && info_of(a).backoff == 0) {
        run_for(MS(1));
    }
    nsec at = expect(&p, TCP_ACK, 1001, 1, 499).at;
    run_to(at + rto - MS(1));
    expect_nothing();
    run_to(at + rto + MS(2));
    struct wire w = expect(&p, TCP_ACK, 1001, 1, 499);
    expect_time(&w, at + rto);
    ck_assert_uint_eq(info_of(a).backoff, 1);
    discard_sent();
}
END_TEST

Suite *timers_suite(void);

Suite *timers_suite(void)
{
    Suite *s = suite_create("timers");
    TCase *rto = rig_case(s, "rto");
    ADD(rto, the_first_sample_makes_the_rto_three_times_as_long);
    ADD(rto, further_samples_are_smoothed);
    ADD(rto, an_ack_of_new_data_starts_the_timer_again);
    ADD(rto, all_acknowledged_stops_the_timer);
    ADD(rto, a_retransmission_gives_no_sample);
    ADD(rto, timestamps_give_a_sample_of_a_retransmission);
    ADD(rto, after_a_lost_syn_the_rto_is_three_seconds);
    ADD(rto, a_timeout_sends_one_segment_and_the_acks_bring_the_rest);
    TCase *end = rig_case(s, "giving up");
    ADD(end, the_application_sets_when_to_give_up);
    ADD(end, by_default_data_is_tried_for_minutes);
    ADD(end, progress_puts_the_end_off);
    ADD(end, trouble_is_reported_before_the_end);
    TCase *persist = rig_case(s, "zero window");
    ADD(persist, the_override_timeout_backs_nothing_off);
    ADD(persist, a_shut_window_is_probed_with_back_off);
    ADD(persist, a_probe_provokes_an_answer);
    ADD(persist, an_answering_peer_may_stay_shut_for_ever);
    ADD(persist, one_lost_answer_is_not_silence);
    ADD(persist, a_silent_peer_with_a_shut_window_is_given_up);
    ADD(persist, a_shut_window_does_not_hold_a_closed_connection_for_ever);
    ADD(persist, a_window_shut_with_data_in_flight_is_probed);
    ADD(persist, a_window_shut_from_the_start_is_probed);
    TCase *keep = rig_case(s, "keep-alive");
    ADD(keep, keep_alive_is_off_by_default);
    ADD(keep, an_idle_connection_is_probed);
    ADD(keep, a_lost_answer_means_nothing_and_several_the_end);
    ADD(keep, keep_alive_waits_two_hours_by_default);
    ADD(keep, keep_alive_can_be_switched);
    ADD(keep, no_keep_alive_while_data_is_outstanding);
    return s;
}
