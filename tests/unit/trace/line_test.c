/* Events as lines for people. */
#include "stack/trace/line.h"

#include "stack/trace/names.h"

#include <check.h>
#include <string.h>

Suite *line_suite(void);

static void check_line(const struct event *e, nsec from, const char *want)
{
    char out[EVENT_LINE_MAX];
    ck_assert_uint_eq(event_line(e, from, out, sizeof out), strlen(want));
    ck_assert_str_eq(out, want);
}

START_TEST(spans_in_units_that_suit_them)
{
    static const struct {
        nsec span;
        const char *text;
    } cases[] = {
        {0, "0 ns"},
        {999, "999 ns"},
        {1000, "1.0 us"},
        {12567, "12.5 us"},
        {999999, "999.9 us"},
        {1000000, "1.000 ms"},
        {200 * NS_PER_MS, "200.000 ms"},
        {1234567, "1.234 ms"},
        {NS_PER_SEC - 1, "999.999 ms"},
        {NS_PER_SEC, "1.000 s"},
        {120 * NS_PER_SEC, "120.000 s"},
        {-1500, "-1.5 us"},
        {INT64_MAX, "9223372036.854 s"},
        {INT64_MIN, "-9223372036.854 s"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[SPAN_TEXT_MAX];
        ck_assert_str_eq(span_text(cases[i].span, out), cases[i].text);
    }
}
END_TEST

START_TEST(lines)
{
    struct event e = {
        .at = 1204 * NS_PER_US, .cause = {CAUSE_FRAME, 12}, .conn = 3, .type = EV_tcp_state};
    e.u.tcp_state = (struct ev_tcp_state){.from = TCP_LISTEN, .to = TCP_SYN_RCVD};
    check_line(&e, 0, "0.001204  conn 3  frame 12  tcp_state from=LISTEN to=SYN-RECEIVED");

    e = (struct event){.at = 90 * NS_PER_SEC, .cause = {CAUSE_TIMER, 4}, .type = EV_frame_out};
    e.u.frame_out = (struct ev_frame_out){.number = 7, .len = 1514, .ethertype = 0x0800};
    check_line(&e, 88 * NS_PER_SEC,
               "2.000000  timer 4  frame_out number=7 len=1514 B ethertype=0x0800");
    check_line(&e, 91 * NS_PER_SEC,
               "-1.000000  timer 4  frame_out number=7 len=1514 B ethertype=0x0800");

    e = (struct event){.cause = {CAUSE_APP, 1}, .conn = 1, .type = EV_tls_alert};
    e.u.tls_alert = (struct ev_tls_alert){.outgoing = 1, .level = 2, .description = 48};
    check_line(&e, 0, "0.000000  conn 1  app 1  tls_alert outgoing=yes level=2 description=48");

    e = (struct event){.conn = 1, .type = EV_tcp_timer_armed};
    e.u.tcp_timer_armed = (struct ev_tcp_timer_armed){.timer = TCP_TIMER_RTO, .in = NS_PER_SEC};
    check_line(&e, 0, "0.000000  conn 1  none 0  tcp_timer_armed timer=rto in=1.000 s");
}
END_TEST

START_TEST(addresses_and_text)
{
    struct event e = {.type = EV_neighbour};
    e.u.neighbour =
        (struct ev_neighbour){.addr = ip4_addr(0x0a090001), .state = NEIGHBOUR_REACHABLE};
    check_line(&e, 0, "0.000000  none 0  neighbour addr=10.9.0.1 state=reachable");
    e = (struct event){.type = EV_http_request};
    strcpy(e.u.http_request.target, "/a\x1b[2J"); /* no escape sequence reaches the terminal */
    check_line(&e, 0, "0.000000  none 0  http_request method=0 target=\"/a\\u001b[2J\"");
}
END_TEST

START_TEST(never_overruns)
{
    char out[EVENT_LINE_MAX + 1];
    struct event e;
    memset(&e, 0xff, sizeof e);
    e.type = (uint16_t)_i;
    size_t len = event_line(&e, INT64_MAX / 2, out, EVENT_LINE_MAX);
    ck_assert_uint_eq(strlen(out), len);
    ck_assert_uint_lt(len, EVENT_LINE_MAX - 1);
    for (size_t cap = 0; cap <= len + 1; cap++) {
        memset(out, '#', sizeof out);
        size_t short_len = event_line(&e, INT64_MAX / 2, out, cap);
        ck_assert(cap == 0 || strlen(out) == short_len);
        size_t touched = 0;
        for (size_t i = cap; i < sizeof out; i++) {
            touched += out[i] != '#';
        }
        ck_assert_uint_eq(touched, 0);
    }
}
END_TEST

Suite *line_suite(void)
{
    Suite *s = suite_create("line");
    TCase *c = tcase_create("line");
    tcase_add_test(c, spans_in_units_that_suit_them);
    tcase_add_test(c, lines);
    tcase_add_test(c, addresses_and_text);
    tcase_add_loop_test(c, never_overruns, 0, EVENT_TYPES);
    suite_add_tcase(s, c);
    return s;
}
