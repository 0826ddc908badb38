/* Congestion window validation (RFC 2861 3.2, RFC 9438 5.8), and RFC 7765's restart of the timer. */
#include "stack/tcp/cwv.h"

#include "stack/tcp/conn.h"
#include "tests/unit/tcp/tcp_rig.h"

#define MSS 1460U
#define RTT MS(100)

static struct peer p;
static struct app *a;

static void acknowledge_all(void)
{
    discard_sent();
    peer_send(&p, TCP_ACK, 1, info_of(a).snd_nxt - p.irs);
    discard_sent();
}

static void open_it(void)
{
    p = peer_new();
    p.offer.wscale = true;
    p.offer.shift = 4;
    a = open_with_rtt(&p, RTT);
}

/* The application has enough for `rounds` round trips of slow start: the window becomes large. */
static uint32_t grow(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        app_queue(a, info_of(a).cwnd);
        rig_flush();
        run_for(RTT);
        acknowledge_all();
    }
    return info_of(a).cwnd;
}

/* One segment a round trip, for `span`. */
static void trickle(nsec span)
{
    for (nsec end = rig.now + span; rig.now < end;) {
        app_write(a, MSS);
        run_for(RTT);
        acknowledge_all();
    }
}

/* requires: 7661-4.4-1 */
START_TEST(the_application_as_the_limit_stops_growth)
{
    open_it();
    uint32_t cwnd = info_of(a).cwnd;
    trickle(SEC(3));
    ck_assert_uint_eq(info_of(a).cwnd, cwnd);
}
END_TEST

/* RFC 7661 4.2: the window is judged over a round trip. It stopped the first flush; that the second had no more to
 * send does not take this back before all of the first is acknowledged. requires: 7661-4.2-1 */
START_TEST(a_window_used_once_in_a_round_trip_was_used)
{
    open_it();
    struct tcp_conn *c = tcp_of_stream(a->s);
    c->cc.cwnd = 10 * MSS;
    c->cc.ssthresh = 10 * MSS; /* congestion avoidance: a segment for a window of ACKs */
    app_write(a, 12 * MSS);
    run_for(RTT);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 5 * MSS + 1);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 10 * MSS + 1);
    ck_assert_uint_eq(info_of(a).cwnd, 11 * MSS);
    acknowledge_all();
}
END_TEST

/* requires: 7661-4.4.3-2 */
START_TEST(a_window_not_used_for_an_rto_goes_half_of_the_way)
{
    open_it();
    uint32_t cwnd = grow(6);
    ck_assert_uint_gt(cwnd, 40 * MSS);
    nsec rto = info_of(a).rto;
    trickle(3 * RTT); /* an RTO since it was full, and not two */
    uint32_t half =
        cwnd - (cwnd - 10 * MSS) / 2; /* one segment was used: towards the restart window */
    ck_assert_uint_eq(info_of(a).cwnd, half);
    trickle(20 * rto);
    ck_assert_uint_ge(info_of(a).cwnd, 10 * MSS);
    ck_assert_uint_lt(info_of(a).cwnd, 11 * MSS);
}
END_TEST

/* requires: 7661-4.4.3-1 */
START_TEST(ssthresh_remembers_three_quarters)
{
    rig_tear_down();
    rig_restart(&(struct tcp_config){.cc = &cc_newreno});
    open_it();
    uint32_t cwnd = grow(6);
    struct tcp_conn *c = tcp_of_stream(a->s);
    c->cc.ssthresh = 20 * MSS; /* of some loss long ago */
    trickle(info_of(a).rto + 2 * RTT);
    ck_assert_uint_lt(info_of(a).cwnd, cwnd);
    ck_assert_uint_eq(info_of(a).ssthresh, cwnd - cwnd / 4);
}
END_TEST

START_TEST(switched_off_it_stays)
{
    rig_tear_down();
    rig_restart(&(struct tcp_config){.cc = &cc_newreno, .no_window_validation = true});
    open_it();
    uint32_t cwnd = grow(6);
    trickle(SEC(20));
    ck_assert_uint_eq(info_of(a).cwnd, cwnd);
}
END_TEST

START_TEST(a_window_that_owns_itself_is_left_alone)
{
    rig_tear_down();
    rig_restart(&(struct tcp_config){.cc = &cc_bbr});
    open_it();
    struct tcp_conn *c = tcp_of_stream(a->s);
    trickle(SEC(2));
    ck_assert_uint_eq(c->cc.ssthresh, CC_SSTHRESH_START);
    ck_assert_uint_ge(info_of(a).cwnd, 10 * MSS);
}
END_TEST

/* RFC 7765 4, with 6298-5.3-1 switched off by it: two segments, the first acknowledged late. */
static nsec timeout_after_ack(bool restart)
{
    rig_tear_down();
    rig_restart(&(struct tcp_config){.cc = &cc_newreno, .rto_restart = restart});
    open_it();
    app_write(a, 2 * MSS);
    discard_sent();
    nsec sent = rig.now;
    run_for(MS(150));
    peer_send(&p, TCP_ACK, 1, MSS + 1);
    nsec rto = info_of(a).rto;
    run_for(SEC(1));
    struct wire w = take_segment(__LINE__);
    ck_assert_uint_eq(w.seq, p.irs + MSS + 1);
    nsec late = w.at - sent - rto;
    acknowledge_all();
    return late;
}

START_TEST(the_timer_of_few_segments_counts_from_when_they_left)
{
    nsec late = timeout_after_ack(true);
    ck_assert_int_ge(late, 0);
    ck_assert_int_le(late, MS(1));
}
END_TEST

/* Of `written` segments `fits` are in the peer's window; the first is acknowledged after 150 ms. Returns when the next
 * goes again, counted from when it left. */
static nsec timeout_with(uint32_t written, uint32_t fits)
{
    rig_tear_down();
    rig_restart(&(struct tcp_config){.cc = &cc_newreno, .rto_restart = true});
    open_it();
    p.wnd = (uint16_t)(fits * MSS / 16 + 1);
    peer_send(&p, TCP_ACK, 1, 1);
    app_write(a, written * MSS);
    discard_sent();
    nsec sent = rig.now;
    run_for(MS(150));
    p.wnd = (uint16_t)((fits - 1) * MSS / 16);
    peer_send(&p, TCP_ACK, 1, MSS + 1);
    expect_nothing();
    nsec rto = info_of(a).rto;
    run_for(rto + MS(2));
    struct wire w = take_segment(__LINE__);
    ck_assert_uint_eq(w.seq, p.irs + MSS + 1);
    nsec late = w.at - sent - rto;
    p.wnd = 60000;
    for (unsigned i = 0; i < 4; i++) {
        acknowledge_all();
    }
    return late;
}

/* RFC 7765 4: fewer than rrthresh, 4, segments outstanding, and no data that was not sent yet. */
START_TEST(so_it_does_with_three_outstanding_and_not_with_four)
{
    ck_assert_int_le(timeout_with(4, 4), MS(1));
    ck_assert_int_ge(timeout_with(5, 5), MS(150));
}
END_TEST

START_TEST(and_not_while_there_is_more_to_send)
{
    ck_assert_int_ge(timeout_with(4, 2), MS(150));
}
END_TEST

START_TEST(else_it_counts_from_the_ack)
{
    nsec late = timeout_after_ack(false);
    ck_assert_int_ge(late, MS(150));
    ck_assert_int_le(late, MS(151));
}
END_TEST

Suite *cwv_suite(void);
Suite *cwv_suite(void)
{
    Suite *s = suite_create("cwv");
    TCase *t = rig_case(s, "cwv");
    ADD(t, the_application_as_the_limit_stops_growth);
    ADD(t, a_window_used_once_in_a_round_trip_was_used);
    ADD(t, a_window_not_used_for_an_rto_goes_half_of_the_way);
    ADD(t, ssthresh_remembers_three_quarters);
    ADD(t, switched_off_it_stays);
    ADD(t, a_window_that_owns_itself_is_left_alone);
    ADD(t, the_timer_of_few_segments_counts_from_when_they_left);
    ADD(t, so_it_does_with_three_outstanding_and_not_with_four);
    ADD(t, and_not_while_there_is_more_to_send);
    ADD(t, else_it_counts_from_the_ack);
    return s;
}
