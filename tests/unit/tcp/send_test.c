/* What goes out, how large and when: RFC 9293 3.7.1 (segment size), 3.7.4 (Nagle), 3.8.6 (window),
 * 3.8.6.2.1 (silly-window avoidance), 3.9.1.2 (PSH). */
#include "stack/tcp/send.h"

#include "stack/tcp/conn.h"
#include "tests/unit/tcp/tcp_rig.h"

#define DATA (TCP_ACK)
#define LAST (TCP_ACK | TCP_PSH)

/* ---- Nagle (3.7.4) and PSH ---- */

/* requires: SHLD-7 */
START_TEST(a_small_write_waits_for_the_ack_of_the_one_before)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 10);
    expect(&p, LAST, 1, 1, 10);
    app_write(a, 20);
    app_write(a, 30);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 11);
    expect(&p, LAST, 11, 1, 50);
    peer_send(&p, TCP_ACK, 1, 61);
    expect_nothing();
}
END_TEST

START_TEST(a_full_segment_does_not_wait)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 10);
    expect(&p, LAST, 1, 1, 10);
    app_write(a, 1459);
    expect_nothing();
    app_write(a, 1);
    expect(&p, LAST, 11, 1, 1460);
}
END_TEST

/* requires: MUST-17 */
START_TEST(nagle_can_be_switched)
{
    rig_listen(&(struct tcp_options){.no_delay = true});
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 10);
    app_write(a, 20);
    expect(&p, LAST, 1, 1, 10);
    expect(&p, LAST, 11, 1, 20);
    host_enter(&rig.host, rig.now);
    tcp_set_options(a->s, &(struct tcp_options){.no_delay = false});
    app_write(a, 5);
    expect_nothing();
    host_enter(&rig.host, rig.now);
    tcp_set_options(a->s, &(struct tcp_options){.no_delay = true});
    rig_flush();
    expect(&p, LAST, 31, 1, 5);
}
END_TEST

START_TEST(a_cork_holds_back_what_is_small)
{
    rig_listen(&(struct tcp_options){.cork = true});
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 1460 + 10);
    expect(&p, TCP_ACK, 1, 1, 1460);
    peer_send(&p, TCP_ACK, 1, 1461);
    expect_nothing();
    run_for(info_of(a).rto + WHEEL_LATE); /* not for ever: the override timeout */
    expect(&p, LAST, 1461, 1, 10);
    peer_send(&p, TCP_ACK, 1, 1471);
    app_write(a, 10);
    expect_nothing();
    host_enter(&rig.host, rig.now);
    tcp_set_options(a->s, &(struct tcp_options){.cork = false});
    rig_flush();
    expect(&p, LAST, 1471, 1, 10);
}
END_TEST

/* requires: MUST-16 */
START_TEST(an_application_may_ask_for_smaller_segments)
{
    rig_listen(&(struct tcp_options){.mss = 700});
    struct peer p = peer_new();
    struct wire w = half_open(&p);
    ck_assert_uint_eq(w.mss, 700);
    peer_send(&p, TCP_ACK, 1, 1);
    struct app *a = &rig.apps[0];
    app_write(a, 1400);
    expect(&p, TCP_ACK, 1, 1, 700);
    expect(&p, LAST, 701, 1, 700);
}
END_TEST

/* requires: MUST-61 */
START_TEST(only_the_last_segment_is_pushed)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 3 * 1460);
    expect(&p, DATA, 1, 1, 1460);
    expect(&p, DATA, 1461, 1, 1460);
    expect(&p, LAST, 2921, 1, 1460);
    expect_nothing();
}
END_TEST

/* requires: SHLD-27, SHLD-28 */
START_TEST(small_writes_make_full_segments)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    for (unsigned i = 0; i < 300; i++) {
        ck_assert_uint_eq(app_queue(a, 10), 10);
    }
    rig_flush();
    expect(&p, DATA, 1, 1, 1460);
    expect(&p, DATA, 1461, 1, 1460);
    expect_nothing(); /* 80 bytes wait by Nagle */
    peer_send(&p, TCP_ACK, 1, 2921);
    expect(&p, LAST, 2921, 1, 80);
}
END_TEST

START_TEST(the_last_bytes_before_fin_do_not_wait)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 10);
    expect(&p, LAST, 1, 1, 10);
    ck_assert_uint_eq(app_queue(a, 20), 20);
    app_shutdown(a);
    expect(&p, LAST | TCP_FIN, 11, 1, 20);
}
END_TEST

/* ---- segment size (3.7.1, MUST-14 to MUST-16) ---- */

/* requires: MUST-14, MUST-15, MUST-16 */
START_TEST(a_segment_is_as_large_as_both_sides_allow)
{
    static const struct {
        uint16_t mss; /* the peer's; 0: no option */
        bool ts;
        size_t want;
    } cases[] = {
        {1460, false, 1460}, {1460, true, 1448},  {1000, false, 1000},
        {1000, true, 988},   {9000, false, 1460}, /* our MTU is 1500 */
        {0, false, 536},     {0, true, 524},      /* MUST-15 */
        {100, false, 100},   {65535, true, 1448},
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + i);
        p.offer = (struct offer){.mss = cases[i].mss, .ts = cases[i].ts};
        rig.app_count = 0;
        struct app *a = open_passive(&p);
        app_write(a, 2 * cases[i].want);
        struct wire w = expect(&p, DATA, 1, 1, cases[i].want);
        ck_assert(w.has_ts == cases[i].ts);
        expect(&p, LAST, 1 + (uint32_t)cases[i].want, 1, cases[i].want);
        app_abort(a);
        *a = (struct app){0};
        discard_sent();
    }
}
END_TEST

/* A tiny MSS would have us send headers only: 48 bytes are the least, options counted in. */
START_TEST(a_tiny_mss_has_a_floor)
{
    static const uint16_t tiny[] = {1, 12, 47};
    for (unsigned i = 0; i < COUNT_OF(tiny); i++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + i);
        p.offer = (struct offer){.mss = tiny[i], .ts = true};
        struct app *a = open_passive(&p);
        app_write(a, 36);
        expect(&p, LAST, 1, 1, 36);
    }
}
END_TEST

START_TEST(an_mss_of_zero_is_the_floor_as_well)
{
    struct peer p = peer_new();
    rig_listen(NULL);
    struct raw r = raw_with_options(&p, TCP_SYN, 0, 0, (uint8_t[]){2, 4, 0, 0}, 4, NULL, 0);
    raw_send(&r);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    peer_send(&p, TCP_ACK, 1, 1);
    app_write(&rig.apps[0], 96);
    expect(&p, DATA, 1, 1, 48);
    expect(&p, LAST, 49, 1, 48);
}
END_TEST

/* requires: MUST-16 */
START_TEST(sack_blocks_take_their_part_of_a_segment)
{
    struct peer p = peer_new();
    p.offer = (struct offer){.mss = 1460, .ts = true, .sack_ok = true};
    struct app *a = open_passive(&p);
    for (uint32_t i = 1; i <= 3; i++) {
        peer_data(&p, TCP_ACK, 1 + 20 * i, 1, 10);
    }
    discard_sent();
    app_write(a, 3000);
    struct wire w = expect(&p, DATA, 1, 1, 1460 - 12 - 28); /* TS 12, SACK 4 + 3 * 8 */
    ck_assert_uint_eq(w.options_len, 40);
    ck_assert_uint_eq(w.sack_count, 3);
}
END_TEST

/* ---- the windows ---- */

START_TEST(the_initial_window_is_ten_segments) /* RFC 6928 2 */
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 30000);
    for (uint32_t i = 0; i < 10; i++) {
        expect(&p, DATA, 1 + i * 1460, 1, 1460);
    }
    expect_nothing();
}
END_TEST

START_TEST(the_initial_window_of_large_and_small_segments)
{
    struct peer p = peer_new();
    p.offer.mss = 100; /* min(10 * 100, max(200, 14600)) */
    struct app *a = open_passive(&p);
    app_write(a, 3000);
    for (uint32_t i = 0; i < 10; i++) {
        expect(&p, DATA, 1 + i * 100, 1, 100);
    }
    expect_nothing();
}
END_TEST

/* requires: 7323-2.4-4 */
START_TEST(no_more_is_sent_than_the_window_holds)
{
    struct peer p = peer_new();
    p.wnd = 3000;
    struct app *a = open_passive(&p);
    app_write(a, 10000);
    expect(&p, DATA, 1, 1, 1460);
    expect(&p, DATA, 1461, 1, 1460);
    expect_nothing(); /* 80 bytes of room are not worth a segment */
    peer_send(&p, TCP_ACK, 1, 2921);
    expect(&p, DATA, 2921, 1, 1460);
    expect(&p, DATA, 4381, 1, 1460);
    expect_nothing();
}
END_TEST

/* requires: MUST-1 */
START_TEST(a_window_above_32767_is_large)
{
    struct peer p = peer_new();
    p.wnd = 0x8001;
    struct app *a = open_passive(&p);
    app_write(a, 1460);
    expect(&p, LAST, 1, 1, 1460);
    ck_assert_uint_eq(info_of(a).snd_wnd, 32769);
}
END_TEST

/* 3.8.6.2.1: with U below a full segment and half of the largest window, only the override timer
 * (0.1 to 1.0 s) sends. */
/* requires: MUST-38 */
START_TEST(a_silly_window_waits_for_the_override_timer)
{
    struct peer p = peer_new();
    p.wnd = 1000;
    struct app *a = open_passive(&p);
    app_write(a, 3000);
    expect(&p, DATA, 1, 1, 1000);
    p.wnd = 499;
    peer_send(&p, TCP_ACK, 1, 1001);
    nsec t = rig.now;
    run_for(MS(99));
    expect_nothing();
    while (!sent_any() && rig.now < t + SEC(1)) {
        run_for(MS(10));
    }
    struct wire w = expect(&p, DATA, 1001, 1, 499);
    ck_assert_int_ge(w.at, t + MS(100));
    expect_nothing();
    p.wnd = 500; /* half of the largest: worth it */
    peer_send(&p, TCP_ACK, 1, 1500);
    expect(&p, DATA, 1500, 1, 500);
}
END_TEST

/* requires: MUST-34, SHLD-15 */
START_TEST(a_window_that_shrinks_is_survived)
{
    struct peer p = peer_new();
    p.wnd = 8 * 1460;
    struct app *a = open_passive(&p);
    app_write(a, 4 * 1460);
    for (uint32_t i = 0; i < 4; i++) {
        expect(&p, i == 3 ? LAST : DATA, 1 + i * 1460, 1, 1460);
    }
    p.wnd = 1460;
    peer_send(&p, TCP_ACK, 1, 1461); /* usable: 1460 - 3 * 1460 */
    app_write(a, 2 * 1460);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 1 + 3 * 1460); /* usable: 0 */
    expect_nothing();
    p.wnd = 5 * 1460;
    peer_send(&p, TCP_ACK, 1, 1 + 4 * 1460);
    expect(&p, DATA, 1 + 4 * 1460, 1, 1460);
    expect(&p, LAST, 1 + 5 * 1460, 1, 1460);
}
END_TEST

START_TEST(fin_needs_room_in_the_window)
{
    struct peer p = peer_new();
    p.wnd = 100;
    struct app *a = open_passive(&p);
    ck_assert_uint_eq(app_queue(a, 100), 100);
    app_shutdown(a);
    expect(&p, LAST, 1, 1, 100);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 101);
    expect(&p, TCP_ACK | TCP_FIN, 101, 1, 0);
}
END_TEST

START_TEST(fin_rides_on_the_last_data)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    ck_assert_uint_eq(app_queue(a, 2000), 2000);
    app_shutdown(a);
    expect(&p, DATA, 1, 1, 1460);
    expect(&p, LAST | TCP_FIN, 1461, 1, 540);
    expect_nothing();
}
END_TEST

/* ---- what the headers say ---- */

/* requires: MUST-48, MUST-49, SHLD-21, SHLD-22 */
START_TEST(ttl_and_dscp_are_the_applications)
{
    rig_listen(&(struct tcp_options){.ttl = 33, .tos = 0xb8});
    struct peer p = peer_new();
    struct wire w = half_open(&p);
    ck_assert_uint_eq(w.ttl, 33);
    ck_assert_uint_eq(w.tos, 0xb8);
    peer_send(&p, TCP_ACK, 1, 1);
    struct app *a = &rig.apps[0];
    app_write(a, 10);
    w = expect(&p, LAST, 1, 1, 10);
    ck_assert_uint_eq(w.ttl, 33);
    ck_assert_uint_eq(w.tos, 0xb8);
    host_enter(&rig.host, rig.now);
    tcp_set_options(a->s, &(struct tcp_options){.tos = 0x28});
    peer_send(&p, TCP_ACK, 1, 11);
    app_write(a, 10);
    w = expect(&p, LAST, 11, 1, 10);
    ck_assert_uint_eq(w.ttl, 33);
    ck_assert_uint_eq(w.tos, 0x28);
}
END_TEST

/* requires: 7323-5.4-1, 7323-5.4-2, 7323-5.4-3 */
START_TEST(the_timestamp_clock_ticks_in_milliseconds) /* RFC 7323 5.4: 1 ms to 1 s */
{
    struct peer p = peer_new();
    p.offer.ts = true;
    struct app *a = open_passive(&p);
    app_write(a, 1460);
    uint32_t first = expect(&p, DATA, 1, 1, 1448).tsval;
    peer_send(&p, TCP_ACK, 1, 1449);
    expect(&p, LAST, 1449, 1, 12);
    peer_send(&p, TCP_ACK, 1, 1461);
    run_for(SEC(10));
    app_write(a, 10);
    struct wire w = expect(&p, LAST, 1461, 1, 10);
    ck_assert_uint_eq(w.tsval - first, 10000);
    ck_assert_uint_eq(w.tsecr, p.tsval);
}
END_TEST

START_TEST(what_the_device_refuses_is_sent_again)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(100));
    rig.dev.refuse = true;
    app_write(a, 500);
    expect_nothing();
    rig.dev.refuse = false;
    run_for(MS(301)); /* RTO = 100 + 4 * 50 ms */
    expect(&p, LAST, 1, 1, 500);
}
END_TEST

/* ---- super-segments, for a device that cuts them ---- */

static struct app *open_to_device(struct peer *p, const struct tcp_options *options)
{
    rig.dev.dev.caps = NETDEV_CSUM | NETDEV_TSO4;
    rig_listen(options);
    *p = peer_new();
    p->offer = (struct offer){.mss = 1460, .wscale = true, .shift = 7};
    p->wnd = 60000;
    struct app *a = open_passive(p);
    rig.supers = 0;
    return a;
}

START_TEST(a_flight_is_one_packet)
{
    struct peer p;
    struct app *a = open_to_device(&p, NULL);
    app_write(a, 14600);
    for (unsigned i = 0; i < 9; i++) {
        expect(&p, DATA, 1 + 1460 * i, 1, 1460);
    }
    expect(&p, LAST, 1 + 1460 * 9, 1, 1460);
    ck_assert_uint_eq(rig.supers, 1);
}
END_TEST

/* RFC 3168 6.1.2: CWR once, and a device would repeat it in each piece. */
START_TEST(cwr_goes_by_itself)
{
    struct peer p = peer_new();
    rig.dev.dev.caps = NETDEV_CSUM | NETDEV_TSO4;
    rig_listen(NULL);
    p.offer = (struct offer){.mss = 1460};
    struct raw syn = raw_segment(&p, TCP_SYN | TCP_ECE | TCP_CWR, 0, 0, NULL, 0);
    raw_send(&syn);
    expect(&p, TCP_SYN | TCP_ACK | TCP_ECE, 0, 1, 0);
    peer_send(&p, TCP_ACK, 1, 1);
    struct app *a = &rig.apps[0];
    app_write(a, 14600);
    discard_sent();
    peer_send(&p, TCP_ACK | TCP_ECE, 1, 14601);
    rig.supers = 0;
    app_write(a, 2 * 1460);
    expect(&p, DATA | TCP_CWR, 14601, 1, 1460);
    expect(&p, LAST, 14601 + 1460, 1, 1460);
    ck_assert_uint_eq(rig.supers, 0);
}
END_TEST

/* The total length of IPv4 has 16 bits: 44 segments of 1460 bytes are the most. */
START_TEST(a_packet_has_an_end)
{
    struct peer p;
    struct app *a = open_to_device(&p, &(struct tcp_options){.send_buffer = 200000});
    tcp_of_stream(a->s)->cc.cwnd = 200000;
    app_write(a, 88 * 1460);
    discard_sent();
    ck_assert_uint_eq(rig.supers, 2);
}
END_TEST

/* It takes super-segments longer than IPv4's total length can say. */
static struct app *open_to_big_device(struct peer *p)
{
    struct app *a = open_to_device(p, &(struct tcp_options){.send_buffer = 600000});
    struct tcp_conn *c = tcp_of_stream(a->s);
    c->caps |= NETDEV_BIG;
    rig.dev.dev.caps |= NETDEV_BIG;
    c->cc.cwnd = 600000;
    return a;
}

/* 256 KiB less the longest headers are 179 segments of 1460 bytes. */
START_TEST(a_big_packet_has_an_end)
{
    struct peer p;
    struct app *a = open_to_big_device(&p);
    app_write(a, 2 * 179 * 1460);
    discard_sent();
    ck_assert_uint_eq(rig.supers, 2);
}
END_TEST

START_TEST(what_the_device_refused_goes_in_smaller_ones)
{
    struct peer p;
    struct app *a = open_to_big_device(&p);
    rig.dev.refuse = true;
    app_write(a, 179 * 1460);
    expect_nothing();
    rig.dev.refuse = false;
    run_for(SEC(2)); /* the RTO */
    expect(&p, DATA, 1, 1, 1460);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 1 + 179 * 1460);
    tcp_of_stream(a->s)->cc.cwnd = 600000;
    rig.supers = 0;
    app_write(a, 88 * 1460);
    discard_sent();
    ck_assert_uint_eq(rig.supers, 2);
}
END_TEST

/* One refusal says nothing of later: memory in one piece may have been short, or a neighbour's answer out. */
START_TEST(after_a_while_the_device_is_asked_again)
{
    struct peer p;
    /* rest would forget it too */
    rig_restart(&(struct tcp_config){.no_rest = true, .no_idle_restart = true});
    struct app *a = open_to_big_device(&p);
    rig.dev.refuse = true;
    app_write(a, 179 * 1460);
    expect_nothing();
    rig.dev.refuse = false;
    peer_send(&p, TCP_ACK, 1, 1 + 179 * 1460);
    for (unsigned supers = 2; supers > 0; supers--) {
        run_for(SEC(9));
        rig.supers = 0;
        app_write(a, 88 * 1460);
        discard_sent();
        ck_assert_uint_eq(rig.supers, supers);
        peer_send(&p, TCP_ACK, 1, 1 + (179 + 88 * (3 - supers)) * 1460);
    }
}
END_TEST

/* Nagle: the rest that is no full segment waits behind the full ones (RFC 9293 3.7.4). */
START_TEST(the_small_rest_waits_behind_the_full_ones)
{
    struct peer p;
    struct app *a = open_to_device(&p, NULL);
    app_write(a, 3000);
    expect(&p, DATA, 1, 1, 1460);
    expect(&p, DATA, 1461, 1, 1460);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 2921);
    expect(&p, LAST, 2921, 1, 80);
}
END_TEST

START_TEST(the_small_rest_goes_along_without_nagle)
{
    struct peer p;
    struct app *a = open_to_device(&p, &(struct tcp_options){.no_delay = true});
    app_write(a, 3000);
    expect(&p, DATA, 1, 1, 1460);
    expect(&p, DATA, 1461, 1, 1460);
    expect(&p, LAST, 2921, 1, 80);
    ck_assert_uint_eq(rig.supers, 1);
}
END_TEST

/* The peer has a part of a packet: only what it lacks goes again. */
START_TEST(a_part_of_a_packet_is_lost)
{
    struct peer p;
    struct app *a = open_to_device(&p, NULL);
    app_write(a, 14600);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 1 + 4 * 1460);
    for (unsigned i = 0; i < 3; i++) {
        peer_send(&p, TCP_ACK, 1, 1 + 4 * 1460);
    }
    expect(&p, DATA, 1 + 4 * 1460, 1, 1460);
    peer_send(&p, TCP_ACK, 1, 14601);
    expect_nothing();
}
END_TEST

/* A millisecond's worth at the rate that the application set: 2 segments, for less is no quantum (pace.h). */
START_TEST(a_rate_makes_packets_small)
{
    struct peer p;
    struct app *a = open_to_device(&p, &(struct tcp_options){.max_pacing_rate = 1000000});
    app_write(a, 14600);
    expect(&p, DATA, 1, 1, 1460);
    expect(&p, DATA, 1461, 1, 1460);
    expect_nothing();
    run_for(MS(20));
    discard_sent();
    ck_assert_uint_eq(rig.supers, 5);
}
END_TEST

Suite *send_suite(void);

Suite *send_suite(void)
{
    Suite *s = suite_create("send");
    TCase *nagle = rig_case(s, "nagle");
    ADD(nagle, a_small_write_waits_for_the_ack_of_the_one_before);
    ADD(nagle, a_full_segment_does_not_wait);
    ADD(nagle, nagle_can_be_switched);
    ADD(nagle, a_cork_holds_back_what_is_small);
    ADD(nagle, an_application_may_ask_for_smaller_segments);
    ADD(nagle, only_the_last_segment_is_pushed);
    ADD(nagle, small_writes_make_full_segments);
    ADD(nagle, the_last_bytes_before_fin_do_not_wait);
    TCase *size = rig_case(s, "size");
    ADD(size, a_segment_is_as_large_as_both_sides_allow);
    ADD(size, a_tiny_mss_has_a_floor);
    ADD(size, an_mss_of_zero_is_the_floor_as_well);
    ADD(size, sack_blocks_take_their_part_of_a_segment);
    TCase *window = rig_case(s, "window");
    ADD(window, the_initial_window_is_ten_segments);
    ADD(window, the_initial_window_of_large_and_small_segments);
    ADD(window, no_more_is_sent_than_the_window_holds);
    ADD(window, a_window_above_32767_is_large);
    ADD(window, a_silly_window_waits_for_the_override_timer);
    ADD(window, a_window_that_shrinks_is_survived);
    ADD(window, fin_needs_room_in_the_window);
    ADD(window, fin_rides_on_the_last_data);
    TCase *headers = rig_case(s, "headers");
    ADD(headers, ttl_and_dscp_are_the_applications);
    ADD(headers, the_timestamp_clock_ticks_in_milliseconds);
    ADD(headers, what_the_device_refuses_is_sent_again);
    TCase *supers = rig_case(s, "super-segments");
    ADD(supers, a_flight_is_one_packet);
    ADD(supers, cwr_goes_by_itself);
    ADD(supers, a_packet_has_an_end);
    ADD(supers, a_big_packet_has_an_end);
    ADD(supers, what_the_device_refused_goes_in_smaller_ones);
    ADD(supers, after_a_while_the_device_is_asked_again);
    ADD(supers, the_small_rest_waits_behind_the_full_ones);
    ADD(supers, the_small_rest_goes_along_without_nagle);
    ADD(supers, a_part_of_a_packet_is_lost);
    ADD(supers, a_rate_makes_packets_small);
    return s;
}
