/* Events as JSON, byte for byte, and in buffers that are too small. */
#include "stack/trace/json.h"

#include "stack/trace/names.h"

#include <check.h>
#include <string.h>

Suite *json_suite(void);

static void check_json(const struct event *e, const char *want)
{
    char out[EVENT_JSON_MAX];
    ck_assert_uint_eq(event_json(e, out, sizeof out), strlen(want));
    ck_assert_str_eq(out, want);
}

START_TEST(a_change_of_state)
{
    struct event e = {.at = 1204, .cause = {CAUSE_FRAME, 12}, .conn = 3, .type = EV_tcp_state};
    e.u.tcp_state = (struct ev_tcp_state){.from = TCP_LISTEN, .to = TCP_SYN_RCVD};
    check_json(&e, "{\"at\":1204,\"cause\":{\"kind\":\"frame\",\"number\":12},\"conn\":3,"
                   "\"event\":\"tcp_state\",\"from\":\"LISTEN\",\"to\":\"SYN-RECEIVED\"}");
}
END_TEST

START_TEST(a_segment)
{
    struct event e = {.at = 5, .cause = {CAUSE_TIMER, 1}, .conn = 1, .type = EV_tcp_out};
    e.u.tcp_out = (struct ev_tcp_out){.seq = 4294967295,
                                      .wnd = 65535,
                                      .len = 1448,
                                      .tsval = 9,
                                      .flags = TCP_PSH | TCP_ACK,
                                      .ecn = IP_ECN_ECT0,
                                      .opts = TCP_OPT_HAS_TS,
                                      .retransmission = 1};
    check_json(
        &e,
        "{\"at\":5,\"cause\":{\"kind\":\"timer\",\"number\":1},\"conn\":1,"
        "\"event\":\"tcp_out\",\"seq\":4294967295,\"ack\":0,\"wnd\":65535,\"len\":1448,"
        "\"tsval\":9,\"tsecr\":0,\"mss\":0,\"urgent\":0,\"flags\":\"PSH ACK\",\"ecn\":\"ECT(0)\","
        "\"wscale\":0,"
        "\"opts\":\"TS\",\"retransmission\":true}");
}
END_TEST

START_TEST(addresses)
{
    struct event e = {.type = EV_tcp_open};
    e.u.tcp_open.local = ip4_addr(0x0a090002);
    e.u.tcp_open.remote.b[15] = 1;
    e.u.tcp_open.local_port = 443;
    check_json(&e, "{\"at\":0,\"cause\":{\"kind\":\"none\",\"number\":0},\"conn\":0,"
                   "\"event\":\"tcp_open\",\"local\":\"10.9.0.2\",\"remote\":\"::1\","
                   "\"local_port\":443,\"remote_port\":0,\"passive\":false}");
}
END_TEST

START_TEST(hexadecimal_and_negative_numbers)
{
    struct event e = {.at = -7, .cause = {CAUSE_APP, 2}, .type = EV_frame_in};
    e.u.frame_in = (struct ev_frame_in){.len = 60, .ethertype = 0x0806};
    check_json(&e, "{\"at\":-7,\"cause\":{\"kind\":\"app\",\"number\":2},\"conn\":0,"
                   "\"event\":\"frame_in\",\"len\":60,\"ethertype\":\"0x0806\"}");
    e = (struct event){.type = EV_tcp_timer_armed};
    e.u.tcp_timer_armed.in = -1;
    check_json(&e, "{\"at\":0,\"cause\":{\"kind\":\"none\",\"number\":0},\"conn\":0,"
                   "\"event\":\"tcp_timer_armed\",\"timer\":\"rto\",\"in\":-1}");
}
END_TEST

/* What a peer wrote cannot leave its quotes. */
START_TEST(text_is_escaped)
{
    struct event e = {.type = EV_http_request};
    strcpy(e.u.http_request.target, "/\",\"x\":\"\\\r\n\xff");
    check_json(&e, "{\"at\":0,\"cause\":{\"kind\":\"none\",\"number\":0},\"conn\":0,"
                   "\"event\":\"http_request\",\"method\":0,"
                   "\"target\":\"/\\\",\\\"x\\\":\\\"\\\\\\u000d\\u000a\\u00ff\"}");
}
END_TEST

START_TEST(numbers_without_a_name)
{
    struct event e = {.conn = UINT32_MAX, .type = EV_tcp_state};
    e.u.tcp_state = (struct ev_tcp_state){.from = 255, .to = TCP_TIME_WAIT};
    check_json(&e, "{\"at\":0,\"cause\":{\"kind\":\"none\",\"number\":0},\"conn\":4294967295,"
                   "\"event\":\"tcp_state\",\"from\":\"?\",\"to\":\"TIME-WAIT\"}");
    e = (struct event){.type = 60000};
    check_json(&e, "{\"at\":0,\"cause\":{\"kind\":\"none\",\"number\":0},\"conn\":0,"
                   "\"event\":\"?\"}");
}
END_TEST

/* Every event with all bits set, the worst for its length: fits in EVENT_JSON_MAX, and with any
 * smaller buffer there is nothing rather than half a line. */
START_TEST(never_overruns)
{
    char out[EVENT_JSON_MAX + 1];
    struct event e;
    memset(&e, 0xff, sizeof e);
    e.at = INT64_MIN;
    e.type = (uint16_t)_i;
    size_t len = event_json(&e, out, EVENT_JSON_MAX);
    ck_assert_uint_gt(len, 0);
    ck_assert_uint_eq(strlen(out), len);
    ck_assert_int_eq(out[len - 1], '}');
    for (size_t cap = 0; cap <= len + 1; cap++) {
        memset(out, '#', sizeof out);
        ck_assert_uint_eq(event_json(&e, out, cap), cap == len + 1 ? len : 0);
        size_t touched = 0;
        for (size_t i = cap; i < sizeof out; i++) {
            touched += out[i] != '#';
        }
        ck_assert_uint_eq(touched, 0);
        ck_assert(cap == 0 || cap == len + 1 || out[0] == '\0');
    }
}
END_TEST

Suite *json_suite(void)
{
    Suite *s = suite_create("json");
    TCase *c = tcase_create("json");
    tcase_add_test(c, a_change_of_state);
    tcase_add_test(c, a_segment);
    tcase_add_test(c, addresses);
    tcase_add_test(c, hexadecimal_and_negative_numbers);
    tcase_add_test(c, text_is_escaped);
    tcase_add_test(c, numbers_without_a_name);
    tcase_add_loop_test(c, never_overruns, 0, EVENT_TYPES);
    suite_add_tcase(s, c);
    return s;
}
