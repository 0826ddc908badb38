/* What the application is told while a connection goes on, and what the layer below is told: RFC 9293 3.8.3
 * (R1 and R2) and 3.9.1.8 (ERROR_REPORT); RFC 1122 3.3.1.4 (negative advice).
 */
#include "stack/tcp/tcp.h"

#include <string.h>

#include "tests/unit/tcp/tcp_rig.h"

#define UNREACHABLE 3
#define LAST (TCP_ACK | TCP_PSH)

static struct {
    unsigned icmp, silence;
    uint16_t detail; /* of the latest */
} told;

static char abort_in_report; /* not 0: the application aborts in the callback */

static void on_report(struct stream *s, enum stream_report what, uint16_t detail)
{
    struct app *a = s->app;
    told.icmp += what == REPORT_ICMP ? 1 : 0;
    told.silence += what == REPORT_RETRANSMISSIONS ? 1 : 0;
    told.detail = detail;
    if (abort_in_report != 0) {
        a->s = NULL;
        stream_abort(s);
    }
}

static struct stream_events with_reports;

static void hear_reports(struct app *a)
{
    memset(&told, 0, sizeof told);
    abort_in_report = 0;
    with_reports = app_events;
    with_reports.report = on_report;
    a->s->events = &with_reports;
}

/* requires: MUST-47, SHLD-25, MUST-56 */
START_TEST(a_soft_icmp_error_is_told)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    hear_reports(a);
    app_write(a, 100);
    peer_icmp(&p, UNREACHABLE, 1, 1, 0);
    ck_assert_uint_eq(told.icmp, 1);
    ck_assert_uint_eq(told.detail, UNREACHABLE * 256 + 1);
    peer_icmp(&p, 11, 0, 1, 0);
    ck_assert_uint_eq(told.icmp, 2);
    ck_assert_uint_eq(told.detail, 11 * 256);
    ck_assert_uint_eq(info_of(a).soft_error_type, 11);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    discard_sent();
}
END_TEST

START_TEST(also_while_it_opens)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    hear_reports(a);
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_icmp(&p, UNREACHABLE, 0, 0, 0);
    ck_assert_uint_eq(told.icmp, 1);
    ck_assert_int_eq(state_of(a), TCP_SYN_SENT);
}
END_TEST

/* Reports may be of no interest. requires: SHLD-20 */
START_TEST(reports_can_be_switched_off)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    hear_reports(a);
    tcp_set_options(a->s, &(struct tcp_options){.no_reports = true});
    app_write(a, 100);
    peer_icmp(&p, UNREACHABLE, 1, 1, 0);
    run_for(SEC(60));
    ck_assert_uint_eq(told.icmp + told.silence, 0);
    tcp_set_options(a->s, &(struct tcp_options){.no_reports = false});
    peer_icmp(&p, UNREACHABLE, 1, 1, 0);
    ck_assert_uint_eq(told.icmp, 1);
    a->s->events = &app_events; /* without a callback: the other way to say so */
    peer_icmp(&p, UNREACHABLE, 1, 1, 0);
    ck_assert_uint_eq(told.icmp, 1);
    discard_sent();
}
END_TEST

START_TEST(an_application_may_abort_in_a_report)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    hear_reports(a);
    app_write(a, 100);
    expect(&p, LAST, 1, 1, 100);
    abort_in_report = 1;
    peer_icmp(&p, UNREACHABLE, 1, 1, 0);
    expect(&p, TCP_RST | TCP_ACK, 101, 1, 0);
    ck_assert_uint_eq(told.icmp, 1);
}
END_TEST

/* Timeouts at 1.2 s, 3.6 s and 8.4 s (SRTT 400, RTTVAR 200 ms): the third makes R1.
 * requires: MUST-20, SHLD-9, SHLD-10, MUST-47 */
START_TEST(silence_is_told_after_three_retransmissions)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    hear_reports(a);
    app_write(a, 100);
    run_for(MS(8300));
    ck_assert_uint_eq(told.silence, 0);
    run_for(MS(200));
    ck_assert_uint_eq(told.silence, 1);
    ck_assert_uint_eq(told.detail, 3);
    ck_assert_uint_eq(info_of(a).retransmitted, 3);
    run_for(SEC(100));
    ck_assert_uint_eq(told.silence, 1); /* once for each series */
    expect_log(a, "ao");
    peer_send(&p, TCP_ACK, 1, 101);
    discard_sent();
    app_write(a, 100);
    run_for(SEC(600));
    ck_assert_uint_eq(told.silence, 2);
    peer_send(&p, TCP_ACK, 1, 201);
    discard_sent();
}
END_TEST

/* requires: MUST-22, MUST-23 */
START_TEST(a_syn_has_the_same_limits)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    hear_reports(a);
    run_for(MS(6900)); /* RFC 6298 2.1: 1, 3 and 7 s */
    ck_assert_uint_eq(told.silence, 0);
    run_for(MS(200));
    ck_assert_uint_eq(told.silence, 1);
    run_to(rig.now + SEC(173));
    ck_assert_int_eq(state_of(a), TCP_SYN_SENT);
    run_for(SEC(120));
    expect_log(a, "c");
    ck_assert_int_eq(a->reason, CLOSE_TIMEOUT);
    discard_sent();
}
END_TEST

/* The peer's link address is asked for again at R1, and is lost when nobody answers.
 * requires: MUST-20 */
START_TEST(the_next_hop_has_to_show_that_it_is_there)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    struct neighbours *t = &rig.iface->neighbours;
    struct neighbour *n = neighbour_find(t, ip4_addr(0x0a090001));
    run_for(SEC(2));
    app_write(a, 100);
    nsec heard = n->heard;
    run_for(MS(8300));
    ck_assert(n->heard == heard);
    run_for(MS(200));
    ck_assert(n->heard > heard); /* the rig answers */
    ck_assert_uint_eq(n->state, NEIGHBOUR_REACHABLE);
    peer_send(&p, TCP_ACK, 1, 101);
    discard_sent();
}
END_TEST

START_TEST(unanswered_probes_are_silence_too)
{
    struct peer p = peer_new();
    p.wnd = 0;
    struct app *a = open_with_rtt(&p, MS(400));
    hear_reports(a);
    app_write(a, 100);
    run_for(MS(8300)); /* probes at 1.2 and 3.6 s */
    ck_assert_uint_eq(told.silence, 0);
    run_for(MS(200));
    ck_assert_uint_eq(told.silence, 1);
    discard_sent();
}
END_TEST

/* ---- R2 ---- */

/* requires: MUST-21 */
START_TEST(a_limit_without_end)
{
    rig_listen(&(struct tcp_options){.user_timeout = NEVER});
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 100);
    run_for(SEC(12 * 3600));
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    expect_log(a, "ao");
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 101);
    ck_assert_uint_eq(info_of(a).in_flight, 0);
}
END_TEST

/* requires: MUST-21 */
START_TEST(a_limit_that_is_set_later_counts_at_once)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 100);
    run_for(SEC(10)); /* the next timeout would come at 18 s */
    tcp_set_options(a->s, &(struct tcp_options){.user_timeout = SEC(12)});
    run_for(MS(1900));
    expect_log(a, "ao");
    run_for(MS(200));
    expect_log(a, "aoc");
    ck_assert_int_eq(a->reason, CLOSE_TIMEOUT);
    discard_sent();
}
END_TEST

START_TEST(a_limit_with_a_shut_window_is_kept_to_the_moment)
{
    struct peer p = peer_new();
    p.wnd = 0;
    rig_listen(&(struct tcp_options){.user_timeout = SEC(10)});
    struct app *a = open_with_rtt(&p, MS(400));
    app_write(a, 100);
    run_for(MS(9900)); /* probes at 1.2, 3.6 and 8.4 s, and then at 18 s */
    expect_log(a, "ao");
    run_for(MS(200));
    expect_log(a, "aoc");
    discard_sent();
}
END_TEST

/* The peer was silent for long because there was nothing to say: that does not count.
 * requires: MUST-37 */
START_TEST(one_lost_answer_after_a_long_rest_is_no_end)
{
    struct peer p = peer_new();
    p.wnd = 0;
    struct app *a = open_with_rtt(&p, MS(400));
    run_for(SEC(3600));
    app_write(a, 100);
    run_for(SEC(5)); /* two probes without an answer */
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    peer_send(&p, TCP_ACK, 1, 1);
    run_for(SEC(60));
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    discard_sent();
}
END_TEST

Suite *reports_suite(void);

Suite *reports_suite(void)
{
    Suite *s = suite_create("reports");
    TCase *reports = rig_case(s, "reports");
    ADD(reports, a_soft_icmp_error_is_told);
    ADD(reports, also_while_it_opens);
    ADD(reports, reports_can_be_switched_off);
    ADD(reports, an_application_may_abort_in_a_report);
    ADD(reports, silence_is_told_after_three_retransmissions);
    ADD(reports, a_syn_has_the_same_limits);
    ADD(reports, the_next_hop_has_to_show_that_it_is_there);
    ADD(reports, unanswered_probes_are_silence_too);
    TCase *limits = rig_case(s, "limits");
    ADD(limits, a_limit_without_end);
    ADD(limits, a_limit_that_is_set_later_counts_at_once);
    ADD(limits, a_limit_with_a_shut_window_is_kept_to_the_moment);
    ADD(limits, one_lost_answer_after_a_long_rest_is_no_end);
    return s;
}
