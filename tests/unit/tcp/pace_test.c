/* Pacing (draft-ietf-ccwg-bbr 5.6.2, 5.6.3): when segments leave, seen on the wire. */
#include "stack/tcp/pace.h"

#include "stack/tcp/cc.h"
#include "stack/tcp/rate.h"
#include "stack/tcp/conn.h"
#include "tests/unit/tcp/tcp_rig.h"

#define MSS 1460U
#define LAST (TCP_ACK | TCP_PSH) /* of a quantum */
#define LATE (NS_PER_US * 200)   /* three ticks of the wheel */

static struct peer p;

static struct app *paced(uint64_t rate)
{
    p = peer_new();
    rig_listen(&(struct tcp_options){.max_pacing_rate = rate});
    return open_with_rtt(&p, MS(100));
}

START_TEST(quantum_is_what_a_millisecond_takes) /* 5.6.3 */
{
    ck_assert_uint_eq(pace_quantum(10000000, MSS), 10000);
    ck_assert_uint_eq(pace_quantum(1000, MSS), 2 * MSS);
    ck_assert_uint_eq(pace_quantum(UINT64_C(100000000000), MSS), 65536);
    ck_assert_uint_eq(pace_quantum(1, 40000), 80000);
}
END_TEST

START_TEST(rates_and_times)
{
    ck_assert_uint_eq(rate_bytes(1000, NS_PER_SEC), 1000);
    ck_assert_uint_eq(rate_bytes(1500, NS_PER_MS * 2), 3);
    ck_assert_uint_eq(rate_bytes(UINT64_C(12500000000), NS_PER_MS), 12500000);
    ck_assert_uint_eq(rate_bytes(UINT64_C(12500000000), 3600 * NS_PER_SEC),
                      UINT64_C(45000000000000));
    ck_assert_int_eq(rate_time(1000, 500), NS_PER_SEC / 2);
    ck_assert_int_eq(rate_time(1, UINT32_MAX), (nsec)UINT32_MAX * NS_PER_SEC);
}
END_TEST

/* 100,000 bytes a second: two segments, and two more each 29.2 ms. */
START_TEST(a_quantum_at_a_time)
{
    struct app *a = paced(100000);
    nsec start = rig.now;
    app_write(a, 10 * MSS);
    run_for(MS(200));
    for (uint32_t i = 0; i < 10; i++) {
        struct wire w = expect(&p, i % 2 == 0 ? TCP_ACK : LAST, 1 + i * MSS, 1, MSS);
        nsec due = start + (nsec)(i / 2) * 2 * MSS * NS_PER_SEC / 100000;
        ck_assert_msg(w.at >= due && w.at <= due + LATE, "segment %u at %ld, not %ld us", i,
                      (long)(w.at - start) / 1000, (long)(due - start) / 1000);
    }
    peer_send(&p, TCP_ACK, 1, 10 * MSS + 1);
}
END_TEST

/* 40 Mbyte/s takes 36 us for a segment and 73 for two, less than the wheel is exact to: the average holds all
 * the same, for what a late timer misses is made up for. */
START_TEST(faster_than_the_wheel_the_average_holds)
{
    const uint64_t rate = 40000000;
    p = peer_new();
    p.offer.wscale = true;
    p.offer.shift = 8;
    rig_listen(&(struct tcp_options){.max_pacing_rate = rate});
    struct app *a = open_with_rtt(&p, MS(1));
    p.wnd = 4096; /* a mebibyte */
    for (unsigned i = 0; i < 40;
         i++) { /* slow start, out of the way; at the end all is acknowledged */
        app_queue(a, i < 20 ? 100 * MSS : 0);
        rig_flush();
        run_for(MS(5));
        discard_sent();
        peer_send(&p, TCP_ACK, 1, info_of(a).snd_nxt - p.irs);
    }
    discard_sent();
    nsec start = rig.now;
    app_write(a, 102 * MSS);
    run_for(MS(20));
    uint64_t sent = 0;
    nsec last = start;
    while (sent_any()) {
        struct wire w = take_segment(__LINE__);
        last = w.at;
        uint64_t most =
            rate_bytes(rate, w.at - start) + 40000 + 40000 + MSS; /* quantum and credit */
        ck_assert_uint_le(sent, most);
        sent += w.len;
    }
    ck_assert_uint_eq(sent, 102 * MSS);
    uint64_t least = rate_bytes(rate, last - start);
    ck_assert_msg(sent + 10000 > least, "%lu of %lu bytes", (unsigned long)sent,
                  (unsigned long)least);
    peer_send(&p, TCP_ACK, 1, (uint32_t)a->written + 1);
    run_for(MS(50));
    discard_sent();
    peer_send(&p, TCP_ACK, 1, (uint32_t)a->written + 1);
}
END_TEST

/* At 20 Mbyte/s a millisecond takes 20000 bytes. A timer that was late by half of one lets go 10000 more; one that was
 * late by ten, what the rate brings in one. */
START_TEST(what_a_late_timer_missed_is_made_up_for)
{
    p = peer_new();
    rig_listen(&(struct tcp_options){.max_pacing_rate = 20000000});
    struct app *a = open_passive(&p);
    struct tcp_conn *c = tcp_of_stream(a->s);
    static const struct {
        nsec late;
        bool waiting;
        uint32_t budget;
    } cases[] = {{0, true, 20000},
                 {NS_PER_MS / 2, true, 30000},
                 {NS_PER_MS, true, 40000},
                 {MS(10), true, 40000},
                 {NS_PER_MS / 2, false, 20000}};
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        c->pace.next_at = rig.now;
        c->pace.waiting = cases[i].waiting;
        pace_begin(c, rig.now + cases[i].late);
        ck_assert_uint_eq(pace_budget(c), cases[i].budget);
    }
}
END_TEST

START_TEST(idleness_earns_nothing)
{
    struct app *a = paced(100000);
    run_for(SEC(10));
    app_write(a, 10 * MSS);
    expect(&p, TCP_ACK, 1, 1, MSS);
    expect(&p, LAST, 1 + MSS, 1, MSS);
    expect_nothing();
    run_for(MS(200));
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 10 * MSS + 1);
}
END_TEST

START_TEST(acks_and_fin_do_not_wait)
{
    struct app *a = paced(1000); /* a quantum takes 2.9 seconds */
    app_write(a, 2 * MSS);
    discard_sent();
    peer_data(&p, TCP_ACK, 1, 2 * MSS + 1, 100);
    peer_data(&p, TCP_ACK, 101, 2 * MSS + 1, 100);
    run_for(MS(50));
    struct wire w = take_segment(__LINE__);
    ck_assert_uint_eq(w.len, 0);
    discard_sent();
    app_shutdown(a); /* nothing is queued before it */
    expect(&p, TCP_FIN | TCP_ACK, 2 * MSS + 1, 201, 0);
    expect_nothing();
    peer_send(&p, TCP_ACK, 201, 2 * MSS + 2);
}
END_TEST

START_TEST(waiting_for_its_time_is_no_shut_window) /* no probe, and no override timeout */
{
    struct app *a = paced(1000);
    app_write(a, 2 * MSS);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 2 * MSS + 1);
    app_write(a, 100); /* in order, after 2.92 s */
    run_for(MS(2900));
    expect_nothing();
    run_for(MS(30));
    expect(&p, LAST, 2 * MSS + 1, 1, 100);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 2 * MSS + 101);
}
END_TEST

/* Eight of ten segments are lost, and go again at the rate. */
START_TEST(retransmissions_are_paced)
{
    p = peer_new();
    p.offer.sack_ok = true;
    rig_listen(&(struct tcp_options){.max_pacing_rate = 100000});
    struct app *a = open_with_rtt(&p, MS(200));
    app_write(a, 10 * MSS);
    run_for(MS(150));
    discard_sent();
    uint32_t from = p.irs + 1 + 8 * MSS;
    uint32_t to = p.irs + 1 + 10 * MSS;
    uint8_t o[12] = {1, 1, 5, 10};
    for (unsigned i = 0; i < 4; i++) {
        o[4 + i] = (uint8_t)(from >> (24 - 8 * i));
        o[8 + i] = (uint8_t)(to >> (24 - 8 * i));
    }
    struct raw r = raw_with_options(&p, TCP_ACK, 1, 1, o, sizeof o, NULL, 0);
    nsec start = rig.now;
    raw_send(&r);
    run_for(MS(120));
    unsigned n = 0;
    while (sent_any()) {
        struct wire w = take_segment(__LINE__);
        ck_assert_int_ge(w.at, start + (nsec)(n / 2) * 2 * MSS * NS_PER_SEC / 100000);
        n++;
    }
    ck_assert_uint_ge(n, 2);
    peer_send(&p, TCP_ACK, 1, 10 * MSS + 1);
}
END_TEST

static void expect_spread(const struct tcp_options *options, uint32_t cwnd_percent)
{
    p = peer_new();
    rig_listen(options);
    struct app *a = open_with_rtt(&p, MS(100)); /* SRTT */
    nsec start = rig.now;
    app_write(a, 10 * MSS); /* the initial window */
    run_for(MS(90));
    nsec spread =
        MS(100) * 100 / cwnd_percent; /* a whole window; the last two leave a fifth earlier */
    for (uint32_t i = 0; i < 10; i++) {
        struct wire w = expect(&p, i % 2 == 0 ? TCP_ACK : LAST, 1 + i * MSS, 1, MSS);
        nsec due = start + spread * (i / 2) / 5;
        ck_assert_msg(w.at >= due - NS_PER_US && w.at <= due + LATE, "segment %u at %ld us", i,
                      (long)(w.at - start) / 1000);
    }
    peer_send(&p, TCP_ACK, 1, 10 * MSS + 1);
}

START_TEST(cubic_in_slow_start_at_twice_the_window)
{
    expect_spread(&(struct tcp_options){.pace = true, .cc = &cc_cubic}, 200);
}
END_TEST

START_TEST(newreno_may_be_paced_too)
{
    expect_spread(&(struct tcp_options){.pace = true, .cc = &cc_newreno}, 200);
}
END_TEST

START_TEST(the_limit_is_below_the_window)
{
    struct tcp_options options = {.pace = true, .max_pacing_rate = 14600 * 12}; /* 120 % */
    expect_spread(&options, 120);
}
END_TEST

START_TEST(switched_off_all_goes_at_once)
{
    rig_tear_down();
    rig_restart(&(struct tcp_config){.cc = &cc_newreno, .no_pacing = true});
    struct app *a = paced(100000);
    app_write(a, 10 * MSS);
    for (uint32_t i = 0; i < 10; i++) {
        expect(&p, pushed(i, 10, 2), 1 + i * MSS, 1, MSS);
    }
    peer_send(&p, TCP_ACK, 1, 10 * MSS + 1);
}
END_TEST

/* What a window of ten segments lets out in a millisecond is a quantum, though nothing is paced. */
static void expect_pushed_every(uint32_t segments)
{
    for (uint32_t i = 0; i < 10; i++) {
        expect(&p, pushed(i, 10, segments), 1 + i * MSS, 1, MSS);
    }
    peer_send(&p, TCP_ACK, 1, 10 * MSS + 1);
}

START_TEST(every_quantum_is_pushed)
{
    p = peer_new();
    rig_listen(&(struct tcp_options){0});
    app_write(open_with_rtt(&p, MS(100)), 10 * MSS);
    expect_pushed_every(2); /* at the least */
    p = peer_new();
    p.port++;
    app_write(open_with_rtt(&p, MS(2)), 10 * MSS);
    expect_pushed_every(5);
}
END_TEST

START_TEST(or_only_the_last_of_all)
{
    rig_restart(&(struct tcp_config){.no_push_quanta = true});
    p = peer_new();
    app_write(open_with_rtt(&p, MS(100)), 10 * MSS);
    expect_pushed_every(10);
}
END_TEST

/* The clock leaps three hours in the handshake. At a window a round trip a segment would wait for an hour. */
START_TEST(a_leap_of_the_clock_holds_nothing_back)
{
    p = peer_new();
    rig_listen(&(struct tcp_options){.pace = true});
    half_open(&p);
    rig.now += SEC(10800);
    peer_send(&p, TCP_ACK, 1, 1);
    ck_assert_int_ge(info_of(&rig.apps[0]).srtt, SEC(10800));
    nsec start = rig.now;
    app_write(&rig.apps[0], 10 * MSS);
    run_for(SEC(12));
    for (uint32_t i = 0; i < 10; i++) {
        struct wire w = expect(&p, i % 2 == 0 ? TCP_ACK : LAST, 1 + i * MSS, 1, MSS);
        ck_assert_int_le(w.at - start, SEC(i) + LATE); /* a segment a second */
    }
    peer_send(&p, TCP_ACK, 1, 10 * MSS + 1);
}
END_TEST

Suite *pace_suite(void);
Suite *pace_suite(void)
{
    Suite *s = suite_create("pace");
    TCase *t = rig_case(s, "pace");
    ADD(t, quantum_is_what_a_millisecond_takes);
    ADD(t, rates_and_times);
    ADD(t, every_quantum_is_pushed);
    ADD(t, or_only_the_last_of_all);
    ADD(t, a_quantum_at_a_time);
    ADD(t, faster_than_the_wheel_the_average_holds);
    ADD(t, what_a_late_timer_missed_is_made_up_for);
    ADD(t, idleness_earns_nothing);
    ADD(t, acks_and_fin_do_not_wait);
    ADD(t, waiting_for_its_time_is_no_shut_window);
    ADD(t, retransmissions_are_paced);
    ADD(t, cubic_in_slow_start_at_twice_the_window);
    ADD(t, newreno_may_be_paced_too);
    ADD(t, the_limit_is_below_the_window);
    ADD(t, switched_off_all_goes_at_once);
    ADD(t, a_leap_of_the_clock_holds_nothing_back);
    return s;
}
