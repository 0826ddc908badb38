/* Names: the words of RFC 9293 3.3.2, one for every number, and "?" for numbers that are none. */
#include "stack/trace/names.h"

#include "stack/trace/trace.h"

#include <check.h>
#include <string.h>

Suite *names_suite(void);

START_TEST(states_in_the_words_of_the_rfc)
{
    static const char *const words[] = {
        "CLOSED",     "LISTEN",     "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
        "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",  "LAST-ACK",     "TIME-WAIT",
    };
    ck_assert_uint_eq(COUNT_OF(words), TCP_STATES);
    for (unsigned i = 0; i < TCP_STATES; i++) {
        ck_assert_str_eq(tcp_state_name((enum tcp_state)i), words[i]);
    }
}
END_TEST

START_TEST(timers)
{
    ck_assert_str_eq(tcp_timer_name(TCP_TIMER_RTO), "rto");
    ck_assert_str_eq(tcp_timer_name(TCP_TIMER_PERSIST), "persist");
    ck_assert_str_eq(tcp_timer_name(TCP_TIMER_DELACK), "delayed-ack");
    ck_assert_str_eq(tcp_timer_name(TCP_TIMER_KEEPALIVE), "keep-alive");
    ck_assert_str_eq(tcp_timer_name(TCP_TIMER_FIN_WAIT), "fin-wait");
}
END_TEST

static const char *state(unsigned i)
{
    return tcp_state_name((enum tcp_state)i);
}

static const char *timer(unsigned i)
{
    return tcp_timer_name((enum tcp_timer)i);
}

static const char *reason(unsigned i)
{
    return close_reason_name((enum close_reason)i);
}

static const char *why(unsigned i)
{
    return cwnd_why_name((enum cwnd_why)i);
}

static const char *how(unsigned i)
{
    return loss_how_name((enum loss_how)i);
}

static const char *plpmtu(unsigned i)
{
    return plpmtu_state_name((enum plpmtu_state)i);
}

static const char *mtu(unsigned i)
{
    return mtu_why_name((enum mtu_why)i);
}

static const char *neighbour(unsigned i)
{
    return neighbour_state_name((enum neighbour_state)i);
}

static const char *cc(unsigned i)
{
    return cc_state_name((enum cc_state)i);
}

static const char *drop(unsigned i)
{
    return drop_name((enum drop_reason)i);
}

static const char *drop_sentence(unsigned i)
{
    return drop_text((enum drop_reason)i);
}

static const char *event(unsigned i)
{
    return event_name((enum event_type)i);
}

static const char *event_sentence(unsigned i)
{
    return event_text((enum event_type)i);
}

static const char *early(unsigned i)
{
    return tls_early_name((enum tls_early)i);
}

static const char *proof(unsigned i)
{
    return tls_proof_name((enum tls_proof)i);
}

static const struct {
    const char *(*name)(unsigned i);
    unsigned count;
} lists[] = {
    {state, TCP_STATES},
    {timer, TCP_TIMERS},
    {reason, CLOSE_REASONS},
    {why, CWND_WHYS},
    {how, LOSS_HOWS},
    {plpmtu, PLPMTU_STATES},
    {mtu, MTU_WHYS},
    {neighbour, NEIGHBOUR_STATES},
    {cc, CC_STATES},
    {proof, PROOFS},
    {early, EARLIES},
    {drop, DROP_REASONS},
    {drop_sentence, DROP_REASONS},
    {event, EVENT_TYPES},
    {event_sentence, EVENT_TYPES},
};

START_TEST(every_number_has_a_name_of_its_own)
{
    for (unsigned i = 0; i < lists[_i].count; i++) {
        const char *name = lists[_i].name(i);
        ck_assert_ptr_nonnull(name);
        ck_assert_str_ne(name, "");
        ck_assert_str_ne(name, "?");
        for (unsigned j = 0; j < i; j++) {
            ck_assert_str_ne(name, lists[_i].name(j));
        }
    }
    ck_assert_str_eq(lists[_i].name(lists[_i].count), "?");
    ck_assert_str_eq(lists[_i].name(255), "?");
    ck_assert_str_eq(lists[_i].name(UINT32_MAX), "?");
}
END_TEST

START_TEST(flags_in_words)
{
    char out[TCP_FLAGS_TEXT_MAX];
    ck_assert_str_eq(tcp_flags_text(0, out), "");
    ck_assert_str_eq(tcp_flags_text(0x12, out), "SYN ACK");
    ck_assert_str_eq(tcp_flags_text(0x18, out), "PSH ACK");
    ck_assert_str_eq(tcp_flags_text(0x04, out), "RST");
    ck_assert_str_eq(tcp_flags_text(0xff, out), "FIN SYN RST PSH ACK URG ECE CWR");
}
END_TEST

START_TEST(options_in_words)
{
    char out[TCP_OPTS_TEXT_MAX];
    ck_assert_str_eq(tcp_opts_text(0, out), "");
    ck_assert_str_eq(tcp_opts_text(TCP_OPT_HAS_TS, out), "TS");
    ck_assert_str_eq(tcp_opts_text(0x0f, out), "MSS WSCALE SACK-OK TS");
    ck_assert_str_eq(tcp_opts_text(0xff, out), "MSS WSCALE SACK-OK TS SACK ACCECN TFO");
}
END_TEST

START_TEST(names_of_drops_and_events)
{
    ck_assert_str_eq(drop_name(DROP_TCP_PAWS), "TCP_PAWS");
    ck_assert_ptr_nonnull(strstr(drop_text(DROP_TCP_PAWS), "timestamp"));
    ck_assert_str_eq(event_name(EV_tcp_state), "tcp_state");
    ck_assert_ptr_nonnull(strstr(event_text(EV_tcp_rtt), "round trip"));
}
END_TEST

/* Each reason cites a standard, or owns up to being none; and what it cites stands in no second place. */
START_TEST(every_drop_has_its_clause)
{
    for (unsigned i = 0; i < DROP_REASONS; i++) {
        const char *clause = drop_clause((enum drop_reason)i);
        bool own = strcmp(clause, "our own limit") == 0 || strcmp(clause, "our own design") == 0;
        ck_assert_msg(own || strncmp(clause, "RFC ", 4) == 0 || strncmp(clause, "IEEE ", 5) == 0,
                      "%s", clause);
        ck_assert_ptr_null(strstr(drop_text((enum drop_reason)i), "RFC"));
    }
    ck_assert_str_eq(drop_clause(DROP_TCP_PAWS), "RFC 7323 5.3");
    ck_assert_str_eq(drop_clause(DROP_TCP_OUTSIDE_WINDOW), "RFC 9293 3.10.7.4, first check");
    ck_assert_str_eq(drop_clause(DROP_REASONS), "?");
}
END_TEST

Suite *names_suite(void)
{
    Suite *s = suite_create("names");
    TCase *c = tcase_create("names");
    tcase_add_test(c, states_in_the_words_of_the_rfc);
    tcase_add_test(c, timers);
    tcase_add_loop_test(c, every_number_has_a_name_of_its_own, 0, COUNT_OF(lists));
    tcase_add_test(c, flags_in_words);
    tcase_add_test(c, options_in_words);
    tcase_add_test(c, names_of_drops_and_events);
    tcase_add_test(c, every_drop_has_its_clause);
    suite_add_tcase(s, c);
    return s;
}
