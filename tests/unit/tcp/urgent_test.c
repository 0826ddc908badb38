/* Urgent data: RFC 9293 3.8.5, 3.10.7.4 (sixth check), RFC 6093. */
#include "stack/tcp/tcp.h"

#include "tests/unit/tcp/tcp_rig.h"

#define ACK_URG (TCP_ACK | TCP_URG)

/* ---- what the application is told ---- */

static struct {
    unsigned urgent;       /* notices of urgent data */
    uint32_t unread;       /* what was unread at the latest */
    size_t arrived_before; /* bytes that the application had been given by then */
} told;

static void on_report(struct stream *s, enum stream_report what, uint16_t detail)
{
    const struct app *a = s->app;
    if (what == REPORT_URGENT) {
        ck_assert_uint_eq(detail, 0);
        told.urgent++;
        told.unread = tcp_urgent_unread(s);
        told.arrived_before = a->in_len;
    }
}

static struct stream_events with_reports;

static struct app *open_listening(struct peer *p)
{
    struct app *a = open_passive(p);
    told.urgent = 0;
    told.unread = 0;
    with_reports = app_events;
    with_reports.report = on_report;
    a->s->events = &with_reports;
    return a;
}

/* The peer's segment with the urgent pointer. */
static void peer_urgent(const struct peer *p, unsigned flags, uint32_t seq, uint32_t ack,
                        uint16_t pointer, size_t len)
{
    uint8_t data[1460];
    for (size_t i = 0; i < len; i++) {
        data[i] = pattern(seq - 1 + i);
    }
    struct raw r = raw_segment(p, flags, seq, ack, data, len);
    r.b[18] = (uint8_t)(pointer >> 8U);
    r.b[19] = (uint8_t)pointer;
    raw_fix(&r);
    raw_send(&r);
}

/* ---- sending ---- */

static void app_urgent(struct app *a, size_t len)
{
    ck_assert_uint_eq(app_queue(a, len), len);
    tcp_mark_urgent(a->s);
    rig_flush();
}

/* requires: MUST-30, MUST-62 */
START_TEST(the_pointer_names_the_octet_behind)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    app_urgent(a, 5);
    struct wire w = expect(&p, TCP_ACK | TCP_PSH | TCP_URG, 1, 1, 5);
    ck_assert_uint_eq(w.urgent, 5);
    peer_send(&p, TCP_ACK, 1, 6);
    app_write(a, 5);
    w = expect(&p, TCP_ACK | TCP_PSH, 6, 1, 5); /* over: nothing is urgent any more */
    ck_assert_uint_eq(w.urgent, 0);
}
END_TEST

/* requires: MUST-30, MUST-31 */
START_TEST(each_segment_before_the_end_tells_it)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    app_urgent(a, 3 * 1460 + 10);
    for (uint32_t i = 0; i < 3; i++) {
        struct wire w = expect(&p, ACK_URG, 1 + i * 1460, 1, 1460);
        ck_assert_uint_eq(w.urgent, 3 * 1460 + 10 - i * 1460);
    }
    struct wire w = expect(&p, TCP_ACK | TCP_PSH | TCP_URG, 1 + 3 * 1460, 1, 10);
    ck_assert_uint_eq(w.urgent, 10);
}
END_TEST

START_TEST(what_follows_in_the_same_segment_is_not_urgent)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    ck_assert_uint_eq(app_queue(a, 7), 7);
    tcp_mark_urgent(a->s);
    app_write(a, 20);
    struct wire w = expect(&p, TCP_ACK | TCP_PSH | TCP_URG, 1, 1, 27);
    ck_assert_uint_eq(w.urgent, 7);
}
END_TEST

START_TEST(a_retransmission_still_tells_it)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    app_urgent(a, 5);
    (void)expect(&p, TCP_ACK | TCP_PSH | TCP_URG, 1, 1, 5);
    run_for(info_of(a).rto + WHEEL_LATE);
    struct wire w = expect(&p, TCP_ACK | TCP_PSH | TCP_URG, 1, 1, 5);
    ck_assert_uint_eq(w.urgent, 5);
    peer_send(&p, TCP_ACK, 1, 6);
}
END_TEST

/* An ACK that goes out while the end is ahead carries it too. requires: MUST-30 */
START_TEST(a_shut_window_does_not_hold_the_news)
{
    struct peer p = peer_new();
    p.wnd = 0;
    struct app *a = open_listening(&p);
    app_urgent(a, 100);
    struct wire w = expect(&p, ACK_URG, 1, 1, 0);
    ck_assert_uint_eq(w.urgent, 100);
    expect_nothing();
    app_urgent(a, 100); /* the end moves on */
    w = expect(&p, ACK_URG, 1, 1, 0);
    ck_assert_uint_eq(w.urgent, 200);
    run_for(info_of(a).rto + WHEEL_LATE); /* with the probe the notice comes again */
    w = expect(&p, ACK_URG, 0, 1, 0);
    ck_assert_uint_eq(w.urgent, 201);
    w = expect(&p, ACK_URG, 1, 1, 0);
    ck_assert_uint_eq(w.urgent, 200);
    expect_nothing();
    p.wnd = 8192;
    peer_send(&p, TCP_ACK, 1, 1);
    w = expect(&p, TCP_ACK | TCP_PSH | TCP_URG, 1, 1, 200);
    ck_assert_uint_eq(w.urgent, 200);
}
END_TEST

/* An end beyond 16 bits: as far as they reach. requires: MUST-31 */
START_TEST(an_end_far_ahead_is_told_in_steps)
{
    struct peer p = peer_new();
    p.wnd = 0;
    struct app *a = open_listening(&p);
    app_urgent(a, 70000);
    struct wire w = expect(&p, ACK_URG, 1, 1, 0);
    ck_assert_uint_eq(w.urgent, 65535);
    p.wnd = 4 * 1460;
    peer_send(&p, TCP_ACK, 1, 1);
    for (uint32_t i = 0; i < 4; i++) {
        w = expect(&p, ACK_URG, 1 + i * 1460, 1, 1460);
        uint32_t left = 70000 - i * 1460;
        ck_assert_uint_eq(w.urgent, left > 65535 ? 65535 : left);
    }
    expect_nothing();
}
END_TEST

START_TEST(urgent_data_does_not_wait_for_nagle)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    app_write(a, 10);
    (void)expect(&p, TCP_ACK | TCP_PSH, 1, 1, 10);
    app_write(a, 10);
    expect_nothing(); /* RFC 9293 3.7.4 */
    app_urgent(a, 1);
    struct wire w = expect(&p, TCP_ACK | TCP_PSH | TCP_URG, 11, 1, 11);
    ck_assert_uint_eq(w.urgent, 11);
}
END_TEST

START_TEST(the_congestion_window_does_not_hold_the_news)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    app_write(a, 20000);
    for (uint32_t i = 0; i < 10; i++) { /* RFC 6928 */
        (void)expect(&p, TCP_ACK, 1 + i * 1460, 1, 1460);
    }
    expect_nothing();
    app_urgent(a, 1);
    struct wire w = expect(&p, ACK_URG, 14601, 1, 0);
    ck_assert_uint_eq(w.urgent, 20001 - 14600);
    rig_flush();
    expect_nothing(); /* once */
    discard_sent();
}
END_TEST

START_TEST(nothing_queued_is_nothing_urgent)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    tcp_mark_urgent(a->s);
    rig_flush();
    expect_nothing();
    app_write(a, 3);
    (void)expect(&p, TCP_ACK | TCP_PSH, 1, 1, 3);
    tcp_mark_urgent(a->s); /* too late: it has gone */
    rig_flush();
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 4);
    app_shutdown(a);
    (void)expect(&p, TCP_ACK | TCP_FIN, 4, 1, 0);
    tcp_mark_urgent(a->s);
    rig_flush();
    expect_nothing();
}
END_TEST

START_TEST(urgent_data_before_the_fin)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    ck_assert_uint_eq(app_queue(a, 4), 4);
    tcp_mark_urgent(a->s);
    app_shutdown(a);
    struct wire w = expect(&p, TCP_ACK | TCP_PSH | TCP_FIN | TCP_URG, 1, 1, 4);
    ck_assert_uint_eq(w.urgent, 4);
    peer_urgent(&p, ACK_URG | TCP_FIN, 1, 1, 3, 3); /* the two cross */
    ck_assert_int_eq(state_of(a), TCP_CLOSING);
    ck_assert_uint_eq(told.urgent, 1);
    ck_assert_uint_eq(told.unread, 3);
    expect_in(a, 3);
    (void)expect(&p, TCP_ACK, 6, 5, 0);
    peer_send(&p, TCP_ACK, 5, 6);
    expect_log(a, "aorpc");
}
END_TEST

/* ---- receiving ---- */

/* requires: MUST-30, MUST-32, MUST-33 */
START_TEST(the_application_is_told_before_it_reads)
{
    struct peer p = peer_new();
    rig.lazy = true;
    struct app *a = open_listening(&p);
    peer_urgent(&p, ACK_URG, 1, 1, 4, 10);
    ck_assert_uint_eq(told.urgent, 1);
    ck_assert_uint_eq(told.unread, 4);
    app_read(a, 3);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 1);
    app_read(a, 1);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 0);
    app_read(a, 6);
    expect_in(a, 10); /* in its place, none is missing */
    discard_sent();
}
END_TEST

/* requires: MUST-32 */
START_TEST(told_again_whenever_the_end_moves_on)
{
    struct peer p = peer_new();
    rig.lazy = true;
    struct app *a = open_listening(&p);
    peer_urgent(&p, ACK_URG, 1, 1, 2000, 100);
    ck_assert_uint_eq(told.urgent, 1);
    ck_assert_uint_eq(told.unread, 2000);
    peer_urgent(&p, ACK_URG, 101, 1, 1900, 100); /* the same end */
    ck_assert_uint_eq(told.urgent, 1);
    peer_urgent(&p, ACK_URG, 201, 1, 1799, 100); /* one less: an end does not move back */
    ck_assert_uint_eq(told.urgent, 1);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 2000);
    peer_urgent(&p, ACK_URG, 301, 1, 1701, 100);
    ck_assert_uint_eq(told.urgent, 2);
    ck_assert_uint_eq(told.unread, 2001);
    app_read(a, 400);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 1601);
    expect_in(a, 400);
    discard_sent();
}
END_TEST

/* requires: MUST-66 */
START_TEST(told_though_our_window_is_shut)
{
    struct peer p = peer_new();
    rig.lazy = true;
    rig_listen(&(struct tcp_options){.receive_buffer = 1000});
    struct app *a = open_listening(&p);
    peer_data(&p, TCP_ACK, 1, 1, 1000);
    ck_assert_uint_eq(info_of(a).rcv_wnd, 0);
    peer_urgent(&p, ACK_URG, 1001, 1, 50, 0);
    ck_assert_uint_eq(told.urgent, 1);
    ck_assert_uint_eq(told.unread, 1050);
    peer_urgent(&p, ACK_URG, 1001, 1, 60, 1); /* a probe with a byte */
    ck_assert_uint_eq(told.urgent, 2);
    ck_assert_uint_eq(told.unread, 1060);
    app_read(a, 1000);
    expect_in(a, 1000);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 60);
    discard_sent();
}
END_TEST

START_TEST(pointers_that_say_nothing)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    peer_urgent(&p, ACK_URG, 101, 1, 0, 0);         /* no octet is before it */
    peer_urgent(&p, ACK_URG, 51, 1, 50, 50);        /* a duplicate, its end long read */
    peer_urgent(&p, ACK_URG, 51, 1, 50, 60);        /* new text, but the end is read */
    peer_urgent(&p, TCP_ACK, 111, 1, 500, 5);       /* no URG: the field means nothing */
    peer_urgent(&p, TCP_URG, 116, 1, 500, 5);       /* no ACK: fifth check */
    peer_urgent(&p, ACK_URG, 200000000, 1, 500, 5); /* outside of the window */
    ck_assert_uint_eq(told.urgent, 0);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 0);
    expect_in(a, 115);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    discard_sent();
}
END_TEST

START_TEST(pointers_that_want_to_harm)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    peer_urgent(&p, ACK_URG, 1, 1, 65535, 0); /* far ahead, and nothing with it */
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 65535);
    peer_urgent(&p, ACK_URG | TCP_SYN, 1, 1, 9, 0);  /* refused for its SYN */
    peer_urgent(&p, ACK_URG | TCP_RST, 50, 1, 9, 0); /* challenged */
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    uint32_t edge = info_of(a).rcv_wnd;
    peer_urgent(&p, ACK_URG, edge, 1, 65535, 1); /* the last byte of the window */
    ck_assert_uint_eq(tcp_urgent_unread(a->s), edge - 1 + 65535);
    ck_assert_uint_eq(told.urgent, 2);
    peer_data(&p, TCP_ACK, 1, 1, 1000); /* the stream has no hole for it */
    expect_in(a, 1000);
    discard_sent();
}
END_TEST

/* No octet follows the FIN, whatever the pointer says. */
START_TEST(the_fin_ends_what_is_urgent)
{
    struct peer p = peer_new();
    rig.lazy = true;
    struct app *a = open_listening(&p);
    peer_urgent(&p, ACK_URG | TCP_FIN, 1, 1, 30000, 10);
    ck_assert_uint_eq(told.urgent, 1);
    ck_assert_uint_eq(told.unread, 10);
    peer_urgent(&p, ACK_URG, 12, 1, 100, 0); /* CLOSE-WAIT: ignored */
    ck_assert_uint_eq(told.urgent, 1);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 10);
    app_read(a, 10);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 0);
    discard_sent();
}
END_TEST

START_TEST(an_empty_end_is_no_news)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    peer_urgent(&p, ACK_URG | TCP_FIN, 1, 1, 30000, 0);
    ck_assert_uint_eq(told.urgent, 0);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 0);
    expect_log(a, "aop");
    discard_sent();
}
END_TEST

/* The end of the urgent data lies beyond a hole. */
START_TEST(told_from_beyond_a_hole)
{
    struct peer p = peer_new();
    struct app *a = open_listening(&p);
    peer_urgent(&p, ACK_URG, 101, 1, 50, 100);
    ck_assert_uint_eq(told.urgent, 1);
    ck_assert_uint_eq(told.unread, 150);
    ck_assert_uint_eq(told.arrived_before, 0);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    expect_in(a, 200);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 0);
    discard_sent();
}
END_TEST

/* requires: SHLD-20 */
START_TEST(not_told_to_who_does_not_want_it)
{
    struct peer p = peer_new();
    rig_listen(&(struct tcp_options){.no_reports = true});
    rig.lazy = true;
    struct app *a = open_listening(&p);
    peer_urgent(&p, ACK_URG, 1, 1, 4, 4);
    ck_assert_uint_eq(told.urgent, 0);
    ck_assert_uint_eq(tcp_urgent_unread(a->s), 4); /* it can still be asked */
    discard_sent();
}
END_TEST

Suite *urgent_suite(void);

Suite *urgent_suite(void)
{
    Suite *s = suite_create("urgent");
    TCase *out = rig_case(s, "sending");
    ADD(out, the_pointer_names_the_octet_behind);
    ADD(out, each_segment_before_the_end_tells_it);
    ADD(out, what_follows_in_the_same_segment_is_not_urgent);
    ADD(out, a_retransmission_still_tells_it);
    ADD(out, a_shut_window_does_not_hold_the_news);
    ADD(out, an_end_far_ahead_is_told_in_steps);
    ADD(out, urgent_data_does_not_wait_for_nagle);
    ADD(out, the_congestion_window_does_not_hold_the_news);
    ADD(out, nothing_queued_is_nothing_urgent);
    ADD(out, urgent_data_before_the_fin);
    TCase *in = rig_case(s, "receiving");
    ADD(in, the_application_is_told_before_it_reads);
    ADD(in, told_again_whenever_the_end_moves_on);
    ADD(in, told_though_our_window_is_shut);
    ADD(in, pointers_that_say_nothing);
    ADD(in, pointers_that_want_to_harm);
    ADD(in, the_fin_ends_what_is_urgent);
    ADD(in, an_empty_end_is_no_news);
    ADD(in, told_from_beyond_a_hole);
    ADD(in, not_told_to_who_does_not_want_it);
    return s;
}
