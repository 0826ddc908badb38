/* The fields of events as data: the right bytes of the right event, read at their width. */
#include "stack/trace/fields.h"

#include "stack/trace/names.h"

#include <check.h>
#include <string.h>

Suite *fields_suite(void);

static const struct event_field *field(const struct event *e, const char *name)
{
    size_t count;
    const struct event_field *f = event_fields((enum event_type)e->type, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(f[i].name, name) == 0) {
            return &f[i];
        }
    }
    ck_abort_msg("no field %s", name);
    return NULL;
}

START_TEST(numbers_of_every_width)
{
    struct event e = {.type = EV_tcp_in};
    e.u.tcp_in = (struct ev_tcp_in){.seq = 0xfedcba98, .ack = 1, .mss = 0xabcd, .flags = 0x92};
    ck_assert_uint_eq(field_number(&e, field(&e, "seq")), 0xfedcba98);
    ck_assert_uint_eq(field_number(&e, field(&e, "ack")), 1);
    ck_assert_uint_eq(field_number(&e, field(&e, "mss")), 0xabcd);
    ck_assert_uint_eq(field_number(&e, field(&e, "flags")), 0x92);
    ck_assert_uint_eq(field_number(&e, field(&e, "wnd")), 0);

    e = (struct event){.type = EV_http_response};
    e.u.http_response = (struct ev_http_response){.status = 206, .length = UINT64_MAX - 1};
    ck_assert_uint_eq(field_number(&e, field(&e, "length")), UINT64_MAX - 1);
    ck_assert_uint_eq(field_number(&e, field(&e, "status")), 206);

    e = (struct event){.type = EV_tcp_rtt};
    e.u.tcp_rtt = (struct ev_tcp_rtt){.sample = -1, .rto = NEVER};
    ck_assert_int_eq((nsec)field_number(&e, field(&e, "sample")), -1);
    ck_assert_int_eq((nsec)field_number(&e, field(&e, "rto")), NEVER);
}
END_TEST

START_TEST(addresses_and_text)
{
    struct event e = {.type = EV_tcp_open};
    e.u.tcp_open = (struct ev_tcp_open){.local = ip4_addr(1), .remote = ip4_addr(2), .passive = 1};
    ck_assert(ip_equal(field_addr(&e, field(&e, "local")), ip4_addr(1)));
    ck_assert(ip_equal(field_addr(&e, field(&e, "remote")), ip4_addr(2)));
    ck_assert_uint_eq(field_number(&e, field(&e, "remote")), 0);

    e = (struct event){.type = EV_http_request};
    strcpy(e.u.http_request.target, "/index");
    ck_assert_str_eq(field_text(&e, field(&e, "target")), "/index");
    ck_assert_uint_eq(field(&e, "target")->size, 38);
}
END_TEST

START_TEST(types_and_units)
{
    struct event e = {.type = EV_tcp_established};
    ck_assert_uint_eq(field(&e, "took")->type, FIELD_NS);
    ck_assert_uint_eq(field(&e, "took")->unit, UNIT_NS);
    ck_assert_uint_eq(field(&e, "snd_mss")->type, FIELD_U16);
    ck_assert_uint_eq(field(&e, "snd_mss")->unit, UNIT_BYTES);
    ck_assert_uint_eq(field(&e, "opts")->unit, UNIT_TCP_OPTS);
}
END_TEST

/* The fields of each event lie one behind the other inside its 40 bytes. */
START_TEST(every_event_has_fields)
{
    size_t count;
    for (unsigned type = 0; type < EVENT_TYPES; type++) {
        const struct event_field *f = event_fields((enum event_type)type, &count);
        ck_assert_uint_gt(count, 0);
        unsigned end = 0;
        for (size_t i = 0; i < count; i++) {
            ck_assert_uint_ge(f[i].offset, end);
            end = (unsigned)f[i].offset + f[i].size;
        }
        ck_assert_uint_le(end, 40);
    }
    ck_assert_ptr_null(event_fields(EVENT_TYPES, &count));
    ck_assert_uint_eq(count, 0);
    ck_assert_ptr_null(event_fields((enum event_type)60000, &count));
}
END_TEST

START_TEST(words_for_units_that_have_them)
{
    char out[FIELD_WORD_MAX];
    ck_assert_str_eq(field_word(UNIT_TCP_STATE, TCP_SYN_RCVD, out), "SYN-RECEIVED");
    ck_assert_str_eq(field_word(UNIT_TCP_TIMER, TCP_TIMER_PERSIST, out), "persist");
    ck_assert_str_eq(field_word(UNIT_TCP_FLAGS, 0xff, out), "FIN SYN RST PSH ACK URG ECE CWR");
    ck_assert_str_eq(field_word(UNIT_TCP_OPTS, TCP_OPT_HAS_MSS, out), "MSS");
    ck_assert_str_eq(field_word(UNIT_DROP_REASON, DROP_IP_FRAGMENT_OVERLAP, out),
                     "IP_FRAGMENT_OVERLAP");
    ck_assert_str_eq(field_word(UNIT_CLOSE_REASON, CLOSE_RESET, out), "reset by peer");
    ck_assert_str_eq(field_word(UNIT_CWND_WHY, CWND_SLOW_START, out), "slow start");
    ck_assert_str_eq(field_word(UNIT_LOSS_HOW, LOSS_TIMEOUT, out), "timeout");
    ck_assert_str_eq(field_word(UNIT_MTU_WHY, MTU_HELD, out), "claimed by ICMP");
    ck_assert_str_eq(field_word(UNIT_NEIGHBOUR_STATE, NEIGHBOUR_STALE, out), "stale");
    ck_assert_ptr_null(field_word(UNIT_COUNT, 1, out));
    ck_assert_ptr_null(field_word(UNIT_TLS_STATE, 1, out));
}
END_TEST

START_TEST(causes)
{
    ck_assert_str_eq(cause_name(CAUSE_NONE), "none");
    ck_assert_str_eq(cause_name(CAUSE_FRAME), "frame");
    ck_assert_str_eq(cause_name(CAUSE_TIMER), "timer");
    ck_assert_str_eq(cause_name(CAUSE_APP), "app");
    ck_assert_str_eq(cause_name((enum cause_kind)99), "?");
}
END_TEST

Suite *fields_suite(void)
{
    Suite *s = suite_create("fields");
    TCase *c = tcase_create("fields");
    tcase_add_test(c, numbers_of_every_width);
    tcase_add_test(c, addresses_and_text);
    tcase_add_test(c, types_and_units);
    tcase_add_test(c, every_event_has_fields);
    tcase_add_test(c, words_for_units_that_have_them);
    tcase_add_test(c, causes);
    suite_add_tcase(s, c);
    return s;
}
