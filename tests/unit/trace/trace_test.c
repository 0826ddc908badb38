/* The flight recorder: what is kept, in which order, with which cause, and who is told. */
#include "stack/trace/trace.h"

#include <check.h>

Suite *trace_suite(void);

static struct recorder rec;

static void setup(void)
{
    ck_assert(recorder_init(&rec, 8));
}

static void teardown(void)
{
    recorder_done(&rec);
}

START_TEST(the_ring_is_a_power_of_two)
{
    static const uint32_t bad[] = {0, 3, 6, 1000, UINT32_MAX};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct recorder r;
        ck_assert(!recorder_init(&r, bad[i]));
        recorder_done(&r);
    }
    struct recorder one;
    ck_assert(recorder_init(&one, 1));
    TRACE(&one, 1, tcp_window, .wnd = 1);
    TRACE(&one, 2, tcp_window, .wnd = 2);
    ck_assert_uint_eq(one.ring[0].conn, 2);
    recorder_done(&one);
}
END_TEST

START_TEST(an_event_has_its_time_cause_and_fields)
{
    recorder_begin(&rec, CAUSE_FRAME, 1000);
    recorder_begin(&rec, CAUSE_TIMER, 2000);
    recorder_begin(&rec, CAUSE_FRAME, 3000);
    TRACE(&rec, 7, tcp_state, .from = 1, .to = 3);
    const struct event *e = &rec.ring[0];
    ck_assert_int_eq(e->at, 3000);
    ck_assert_uint_eq(e->cause.kind, CAUSE_FRAME);
    ck_assert_uint_eq(e->cause.number, 2);
    ck_assert_uint_eq(e->conn, 7);
    ck_assert_uint_eq(e->type, EV_tcp_state);
    ck_assert_uint_eq(e->u.tcp_state.from, 1);
    ck_assert_uint_eq(e->u.tcp_state.to, 3);
    ck_assert_uint_eq(rec.causes[CAUSE_FRAME], 2);
    ck_assert_uint_eq(rec.causes[CAUSE_TIMER], 1);
    ck_assert_uint_eq(rec.causes[CAUSE_APP], 0);
}
END_TEST

START_TEST(the_latest_events_oldest_first)
{
    const struct event *last[10];
    ck_assert_uint_eq(recorder_last(&rec, last, 10), 0);
    for (uint32_t i = 1; i <= 3; i++) {
        TRACE(&rec, i, tcp_window, .wnd = i * 100);
    }
    ck_assert_uint_eq(recorder_last(&rec, last, 10), 3);
    ck_assert_uint_eq(last[0]->conn, 1);
    ck_assert_uint_eq(last[2]->conn, 3);
    for (uint32_t i = 4; i <= 21; i++) {
        TRACE(&rec, i, tcp_window, .wnd = i * 100);
    }
    ck_assert_uint_eq(recorder_last(&rec, last, 10), 8);
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(last[i]->conn, 14 + i);
        ck_assert_uint_eq(last[i]->u.tcp_window.wnd, (14 + i) * 100);
    }
    ck_assert_uint_eq(recorder_last(&rec, last, 2), 2);
    ck_assert_uint_eq(last[0]->conn, 20);
    ck_assert_uint_eq(last[1]->conn, 21);
    ck_assert_uint_eq(rec.written, 21);
}
END_TEST

/* An event leaves nothing of the one whose place it takes. */
START_TEST(no_field_is_left_over)
{
    for (int i = 0; i < 8; i++) {
        TRACE(&rec, 1, tcp_in, .seq = UINT32_MAX, .ack = UINT32_MAX, .wnd = UINT32_MAX);
    }
    TRACE(&rec, 1, tcp_in, .len = 5);
    ck_assert_uint_eq(rec.ring[0].u.tcp_in.seq, 0);
    ck_assert_uint_eq(rec.ring[0].u.tcp_in.wnd, 0);
    ck_assert_uint_eq(rec.ring[0].u.tcp_in.len, 5);
}
END_TEST

struct ear {
    struct listener listener;
    unsigned heard;
    uint32_t conn; /* of the latest */
};

static void hear(void *arg, const struct event *e)
{
    struct ear *ear = arg;
    ear->heard++;
    ear->conn = e->conn;
}

static void hear_once(void *arg, const struct event *e)
{
    struct ear *ear = arg;
    hear(ear, e);
    recorder_unlisten(&rec, &ear->listener);
}

START_TEST(listeners_hear_while_they_listen)
{
    struct ear a = {.listener = {.on_event = hear, .arg = &a}};
    struct ear once = {.listener = {.on_event = hear_once, .arg = &once}};
    struct ear b = {.listener = {.on_event = hear, .arg = &b}};
    TRACE(&rec, 1, tcp_window, .wnd = 1);
    recorder_listen(&rec, &a.listener);
    recorder_listen(&rec, &once.listener);
    recorder_listen(&rec, &b.listener);
    TRACE(&rec, 2, tcp_window, .wnd = 1);
    TRACE(&rec, 3, tcp_window, .wnd = 1);
    recorder_unlisten(&rec, &a.listener);
    TRACE(&rec, 4, tcp_window, .wnd = 1);
    ck_assert(rec.listening);
    recorder_unlisten(&rec, &b.listener);
    ck_assert(!rec.listening);
    TRACE(&rec, 5, tcp_window, .wnd = 1);
    ck_assert_uint_eq(a.heard, 2);
    ck_assert_uint_eq(a.conn, 3);
    ck_assert_uint_eq(once.heard, 1);
    ck_assert_uint_eq(once.conn, 2);
    ck_assert_uint_eq(b.heard, 3);
    ck_assert_uint_eq(b.conn, 4);
}
END_TEST

/* requires: 1122-3.1-8, 1122-3.1-9 */
START_TEST(every_drop_is_counted_and_recorded)
{
    struct ear a = {.listener = {.on_event = hear, .arg = &a}};
    recorder_listen(&rec, &a.listener);
    for (unsigned reason = 0; reason < DROP_REASONS; reason++) {
        trace_drop(&rec, (enum drop_reason)reason, reason + 1, 60 + reason);
        const struct event *e;
        ck_assert_uint_eq(recorder_last(&rec, &e, 1), 1);
        ck_assert_uint_eq(e->type, EV_drop);
        ck_assert_uint_eq(e->conn, reason + 1);
        ck_assert_uint_eq(e->u.drop.reason, reason);
        ck_assert_uint_eq(e->u.drop.len, 60 + reason);
        ck_assert_uint_eq(rec.drops[reason], 1);
    }
    trace_drop(&rec, DROP_TCP_PAWS, 0, SIZE_MAX);
    ck_assert_uint_eq(rec.drops[DROP_TCP_PAWS], 2);
    ck_assert_uint_eq(rec.ring[(rec.written - 1) & 7].u.drop.len, UINT32_MAX);
    ck_assert_uint_eq(a.heard, DROP_REASONS + 1);
}
END_TEST

Suite *trace_suite(void)
{
    Suite *s = suite_create("trace");
    TCase *c = tcase_create("trace");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, the_ring_is_a_power_of_two);
    tcase_add_test(c, an_event_has_its_time_cause_and_fields);
    tcase_add_test(c, the_latest_events_oldest_first);
    tcase_add_test(c, no_field_is_left_over);
    tcase_add_test(c, listeners_hear_while_they_listen);
    tcase_add_test(c, every_drop_is_counted_and_recorded);
    suite_add_tcase(s, c);
    return s;
}
