/* apps/narrate.c: what is told of real segments. What a host says is held against what the peer of tcp_rig.h sent,
 * and against the bytes that it got. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/narrate.h"
#include "stack/trace/line.h"
#include "tests/unit/tcp/tcp_rig.h"

#define TOLD 2048U

static struct narrator narrator;
static struct told {
    struct account account;
    char text[NARRATE_HEAD + NARRATE_TEXT];
} told[TOLD];
static unsigned count;

static void on_account(void *arg, const struct account *a)
{
    (void)arg;
    ck_assert_uint_lt(count, TOLD);
    ck_assert_uint_eq(strlen(a->text), a->len);
    struct told *t = &told[count++];
    t->account = *a;
    snprintf(t->text, sizeof t->text, "%s", a->text);
}

static void listen_in(void)
{
    count = 0;
    ck_assert(narrator_init(&narrator, on_account, NULL));
    recorder_listen(&rig.host.recorder, &narrator.listener);
}

static void set_up(void)
{
    rig_set_up();
    listen_in();
}

static void tear_down(void)
{
    recorder_unlisten(&rig.host.recorder, &narrator.listener);
    narrator_done(&narrator);
    rig_tear_down();
}

/* The n-th from the end (0: the latest) of a kind. */
static const struct told *last(enum account_kind kind, unsigned n)
{
    for (unsigned i = count; i > 0; i--) {
        if (told[i - 1].account.kind == kind && n-- == 0) {
            return &told[i - 1];
        }
    }
    ck_abort_msg("nothing of kind %s was told", account_kind_name(kind));
    return NULL;
}

static const struct told *out_number(uint64_t number)
{
    for (unsigned i = 0; i < count; i++) {
        if (told[i].account.kind == ACCOUNT_OUT && told[i].account.number == number) {
            return &told[i];
        }
    }
    ck_abort_msg("out %" PRIu64 " was not told", number);
    return NULL;
}

static void holds(const struct told *t, const char *form, ...)
    __attribute__((format(printf, 2, 3)));
static void holds(const struct told *t, const char *form, ...)
{
    char want[256];
    va_list args;
    va_start(args, form);
    vsnprintf(want, sizeof want, form, args);
    va_end(args);
    ck_assert_msg(strstr(t->text, want) != NULL, "'%s' is not in: %s", want, t->text);
}

static void lacks(const struct told *t, const char *what)
{
    ck_assert_msg(strstr(t->text, what) == NULL, "'%s' is in: %s", what, t->text);
}

/* The frame that went out latest, as the device numbered it, was led to by `cause`. */
static void names_its_cause(const struct told *out, const struct told *cause)
{
    holds(out, "because of %s %" PRIu64 ",", account_kind_name(cause->account.kind),
          cause->account.number);
    holds(cause, "leads to out %" PRIu64, out->account.number);
}

START_TEST(the_handshake)
{
    struct peer p = peer_new();
    p.offer = (struct offer){.mss = 1400, .wscale = true, .shift = 7, .sack_ok = true};
    rig_listen(NULL);
    uint64_t frames = rig.host.recorder.causes[CAUSE_FRAME];
    peer_send(&p, TCP_SYN, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    const struct told *syn = last(ACCOUNT_IN, 0), *syn_ack = last(ACCOUNT_OUT, 0);
    ck_assert_uint_eq(syn->account.number, frames + 1);
    holds(syn, "SYN seq %u win", PEER_ISS);
    holds(syn, "mss 1400, wscale 7, SACK permitted");
    holds(syn, "10.9.0.1:40000 → 10.9.0.2:80");
    holds(syn, "passes RFC 9293 3.10.7.2 in LISTEN");
    holds(syn, "LISTEN → SYN-RECEIVED");
    holds(syn_ack, "SYN ACK seq %" PRIu32 " ack %u", p.irs, PEER_ISS + 1U);
    names_its_cause(syn_ack, syn);
    ck_assert_uint_eq(syn->account.conn, syn_ack->account.conn);
    ck_assert_uint_ne(syn->account.conn, 0);

    peer_send(&p, TCP_ACK, 1, 1);
    const struct told *third = last(ACCOUNT_IN, 0);
    ck_assert_uint_eq(third->account.number, frames + 2);
    holds(third, "ACK seq %u ack %" PRIu32, PEER_ISS + 1U, p.irs + 1);
    holds(third, "passes RFC 9293 3.10.7.4 in SYN-RECEIVED");
    holds(third, "from RCV.NXT %u", PEER_ISS + 1U);
    holds(third, "SND.NXT %" PRIu32, p.irs + 1);
    holds(third, "SYN-RECEIVED → ESTABLISHED");
    holds(third, "handshake complete");
    holds(third, "cwnd 14"); /* ten segments (RFC 6928) */
    lacks(third, "leads to");
    ck_assert_ptr_eq(last(ACCOUNT_OUT, 0), syn_ack);
}
END_TEST

/* Who knows more of the latest event says so, behind what the event says. */
START_TEST(a_remark_stands_behind_its_event)
{
    struct recorder *r = &rig.host.recorder;
    ck_assert(recorder_wants_remarks(r));
    host_enter(&rig.host, rig.now);
    recorder_remark(r, "about nothing");
    TRACE(r, 0, paused, .took = SEC(3));
    recorder_remark(r, "since lunch");
    run_for(0);
    const struct told *t = last(ACCOUNT_APP, 0);
    holds(t, "the process stood still for 3.000 s, which the clock leaves out (since lunch)");
    lacks(t, "about nothing");
    recorder_unlisten(r, &narrator.listener);
    ck_assert(!recorder_wants_remarks(r));
    recorder_listen(r, &narrator.listener);
}
END_TEST

/* RFC 7413: a request for a cookie, a wrong one with data, and the right one. */
START_TEST(data_in_a_syn)
{
    static const uint8_t ask[] = {34, 2, 1, 1};
    uint8_t has[] = {34, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};
    struct peer p[3] = {peer_new(), peer_new(), peer_new()};
    p[1].port++;
    p[2].port += 2;
    rig_listen(&(struct tcp_options){.fast_open = true});
    struct raw r = raw_with_options(&p[0], TCP_SYN, 0, 0, ask, sizeof ask, NULL, 0);
    raw_send(&r);
    struct wire w = expect(&p[0], TCP_SYN | TCP_ACK, 0, 1, 0);
    holds(last(ACCOUNT_IN, 0), "Fast Open: our SYN-ACK brings the cookie");
    r = raw_with_options(&p[1], TCP_SYN, 0, 0, has, sizeof has, "abc", 3);
    raw_send(&r);
    expect(&p[1], TCP_SYN | TCP_ACK, 0, 1, 0);
    holds(last(ACCOUNT_IN, 0), "none of ours, or too old: left in the SYN are 3 B");
    holds(last(ACCOUNT_IN, 0), "refused, TCP_SYN_DATA");
    memcpy(has + 2, w.cookie, 8);
    r = raw_with_options(&p[2], TCP_SYN, 0, 0, has, sizeof has, "abc", 3);
    raw_send(&r);
    expect(&p[2], TCP_SYN | TCP_ACK, 0, 4, 0);
    holds(last(ACCOUNT_IN, 0), "the cookie is good: taken from the SYN are 3 B");
}
END_TEST

/* In a batch each answer names the frame that it answers, not the last one. */
START_TEST(a_batch_of_many_connections)
{
    enum { PEERS = 5 };
    struct peer p[PEERS];
    rig_listen(NULL);
    uint64_t frames = rig.host.recorder.causes[CAUSE_FRAME];
    rig.hold = true;
    for (unsigned i = 0; i < PEERS; i++) {
        p[i] = peer_new();
        p[i].port = (uint16_t)(PEER_PORT + i);
        p[i].our_port = i == 3 ? SERVER_PORT + 1 : SERVER_PORT; /* where nobody listens */
        peer_send(&p[i], TCP_SYN, 0, 0);
    }
    rig_release();
    ck_assert_uint_eq(rig.sent_count - rig.taken, PEERS);
    for (unsigned i = 0; i < PEERS; i++) {
        struct wire w = take_segment(__LINE__);
        unsigned from = (unsigned)(w.dst_port - PEER_PORT);
        const struct told *out = last(ACCOUNT_OUT, PEERS - 1 - i);
        holds(out, "because of frame %" PRIu64 ",", frames + 1 + from);
        holds(out, from == 3 ? "RST ACK seq 0" : "SYN ACK seq %" PRIu32, w.seq);
    }
    const struct told *stray = last(ACCOUNT_IN, 1);
    holds(stray, "SYN seq %u from 10.9.0.1:%u to port %u", PEER_ISS, PEER_PORT + 3,
          SERVER_PORT + 1);
    holds(stray, "refused, TCP_NO_LISTENER: ");
    holds(stray, "(RFC 9293 3.10.7.1)");
}
END_TEST

/* What an application does with what it has read follows from the segment that brought it, though others came
 * behind it in the same batch. */
START_TEST(an_answer_names_its_request)
{
    struct peer a = peer_new(), b = peer_new();
    b.port = PEER_PORT + 1;
    struct app *one = open_passive(&a);
    open_passive(&b);
    discard_sent();
    one->stop_in = 'r';
    rig.hold = true;
    peer_data(&a, TCP_ACK | TCP_PSH, 1, 1, 100);
    peer_send(&b, TCP_ACK, 1, 1);
    rig_release();
    const struct told *request = last(ACCOUNT_IN, 1), *other = last(ACCOUNT_IN, 0);
    holds(request, "PSH ACK seq %u", PEER_ISS + 1U);
    holds(request, ", 100 B");
    holds(request, "passes RFC 9293 3.10.7.4 in ESTABLISHED");
    holds(request, "ESTABLISHED → FIN-WAIT-1");
    names_its_cause(last(ACCOUNT_OUT, 0), request);
    holds(last(ACCOUNT_OUT, 0), "FIN ACK");
    lacks(other, "leads to");
}
END_TEST

START_TEST(what_is_refused_has_its_clause)
{
    struct peer p = peer_new();
    open_passive(&p);
    peer_data(&p, TCP_ACK, 1 + 2000000, 1, 10); /* far outside of the window */
    const struct told *t = last(ACCOUNT_IN, 0);
    holds(t, "refused, TCP_OUTSIDE_WINDOW: ");
    holds(t, "(RFC 9293 3.10.7.4, first check)");
    lacks(t, "passes");
    names_its_cause(last(ACCOUNT_OUT, 0), t); /* the ACK that says where we are */

    peer_send(&p, TCP_RST, 5, 0);
    t = last(ACCOUNT_IN, 0);
    holds(t, "refused, TCP_RST_CHALLENGED: ");
    holds(t, "second check; RFC 5961 3.2)");
    names_its_cause(last(ACCOUNT_OUT, 0), t);

    peer_send(&p, TCP_SYN, 1, 0);
    holds(last(ACCOUNT_IN, 0), "fourth check; RFC 5961 4.2)");

    peer_send(&p, TCP_RST, 1, 0);
    t = last(ACCOUNT_IN, 0);
    holds(t, "second: RST at RCV.NXT");
    holds(t, "ESTABLISHED → CLOSED");
    holds(t, "the connection ends: %s", close_reason_name(CLOSE_RESET));
    discard_sent();
}
END_TEST

START_TEST(a_timer_is_a_cause)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 100);
    const struct told *call = last(ACCOUNT_APP, 0);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1, 100);
    names_its_cause(last(ACCOUNT_OUT, 0), call);
    holds(last(ACCOUNT_OUT, 0), "PSH ACK seq %" PRIu32, p.irs + 1);
    char rto[SPAN_TEXT_MAX];
    holds(call, "rto timer set to %s", span_text(info_of(a).rto, rto));
    run_for(SEC(1));
    ck_assert(sent_any());
    const struct told *timer = NULL;
    for (unsigned i = 0; i < count; i++) {
        if (strstr(told[i].text, "rto timer fires") != NULL) {
            timer = timer != NULL ? timer : &told[i];
        }
    }
    ck_assert_ptr_nonnull(timer);
    ck_assert_int_eq(timer->account.kind, ACCOUNT_TIMER);
    holds(timer, "seq %" PRIu32 " goes again, 100 B", p.irs + 1);
    holds(timer, "count as lost (timeout)");
    holds(timer, "(timeout), ssthresh");
    const struct told *again =
        out_number(strtoull(strstr(timer->text, "leads to out ") + 13, NULL, 10));
    holds(again, "PSH ACK seq %" PRIu32, p.irs + 1);
    holds(again, ", again");
    holds(again, "because of timer %" PRIu64 ", rto timer fires", timer->account.number);
    discard_sent();
}
END_TEST

START_TEST(a_hole_is_kept_and_filled)
{
    struct peer p = peer_new();
    open_passive(&p);
    peer_data(&p, TCP_ACK, 101, 1, 100);
    holds(last(ACCOUNT_IN, 0), "100 B from seq %u kept beyond a hole", PEER_ISS + 101U);
    names_its_cause(last(ACCOUNT_OUT, 0), last(ACCOUNT_IN, 0));
    discard_sent();
}
END_TEST

START_TEST(arp_in_words)
{
    struct arp_spec {
        uint8_t b[42];
    } request = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  1, 8, 6,
                  0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0, 0, 1,
                  10,   9,    0,    1,    0,    0,    0, 0, 0, 0, 10, 9, 0, 2}};
    struct frame f = {.len = sizeof request.b};
    memcpy(f.b, request.b, sizeof request.b);
    rig_inject(&f);
    const struct told *t = last(ACCOUNT_IN, 0);
    holds(t, "ARP request: 10.9.0.1 asks who has 10.9.0.2");
    holds(last(ACCOUNT_OUT, 0), "ARP reply: 10.9.0.2 tells 10.9.0.1 its link address");
    names_its_cause(last(ACCOUNT_OUT, 0), t);
    discard_sent();
}
END_TEST

/* More frames than accounts can be open: none is lost, and they come in order. */
START_TEST(accounts_are_bounded)
{
    enum { EVENTS = 3 * NARRATE_OPEN };
    struct recorder r;
    recorder_unlisten(&rig.host.recorder, &narrator.listener);
    ck_assert(recorder_init(&r, 64));
    recorder_listen(&r, &narrator.listener);
    recorder_begin(&r, CAUSE_APP, 5);
    for (unsigned i = 1; i <= EVENTS; i++) {
        TRACE(&r, 7, tcp_out, .seq = i, .flags = TCP_ACK, .len = 1000);
        TRACE(&r, 0, frame_out, .number = i, .len = 1054, .ethertype = 0x0800);
    }
    ck_assert_uint_ge(count, EVENTS - NARRATE_OPEN);
    recorder_settle(&r);
    unsigned outs = 0;
    for (unsigned i = 0; i < count; i++) {
        if (told[i].account.kind == ACCOUNT_OUT) {
            ck_assert_uint_eq(told[i].account.number, ++outs);
            holds(&told[i], "ACK seq %u", outs);
        } else {
            ck_assert_uint_eq(told[i].account.number, 1);
        }
    }
    ck_assert_uint_eq(outs, EVENTS);
    recorder_done(&r);
    recorder_listen(&rig.host.recorder, &narrator.listener);
}
END_TEST

START_TEST(a_long_account_is_cut_and_says_so)
{
    struct recorder r;
    ck_assert(recorder_init(&r, 64));
    recorder_unlisten(&rig.host.recorder, &narrator.listener);
    recorder_listen(&r, &narrator.listener);
    recorder_begin(&r, CAUSE_FRAME, 5);
    for (unsigned i = 0; i < 1000; i++) {
        TRACE(&r, 7, tcp_window, .wnd = 100000 + i);
    }
    TRACE(&r, 7, frame_out, .number = 9, .len = 60, .ethertype = 0x0800);
    recorder_settle(&r);
    const struct told *t = last(ACCOUNT_IN, 0);
    holds(t, "the peer's window is 100000; the peer's window is 100001;");
    holds(t, "; …; leads to out 9");
    recorder_done(&r);
    recorder_listen(&rig.host.recorder, &narrator.listener);
}
END_TEST

/* Every event has words: what a later one brings is told by its fields until it has better ones. */
START_TEST(every_event_can_be_told)
{
    for (unsigned type = 0; type < EVENT_TYPES; type++) {
        char text[NARRATE_TEXT];
        struct event e = {.type = (uint16_t)type, .conn = 1};
        struct text t = text_of(text, sizeof text);
        narrate_head(&t, &e);
        narrate_effect(&t, &e);
        ck_assert_msg(t.len > 0 || type == EV_frame_out || type == EV_tls_state, "%s",
                      event_name((enum event_type)type));
    }
}
END_TEST

START_TEST(a_line_has_time_connection_and_number)
{
    char line[ACCOUNT_LINE_MAX];
    struct account a = {.at = 3 * NS_PER_SEC + 1204 * 1000,
                        .kind = ACCOUNT_IN,
                        .number = 12,
                        .conn = 3,
                        .text = "SYN seq 1",
                        .len = 9};
    ck_assert_uint_eq(account_line(&a, NS_PER_SEC, line, sizeof line), strlen(line));
    ck_assert_str_eq(line, "    2.001204  #3    frame 12      SYN seq 1");
    a.kind = ACCOUNT_OUT;
    a.conn = 0;
    account_line(&a, NS_PER_SEC, line, sizeof line);
    ck_assert_str_eq(line, "    2.001204          out 12      SYN seq 1");
}
END_TEST

Suite *narrate_suite(void);
Suite *narrate_suite(void)
{
    Suite *s = suite_create("narrate");
    TCase *t = tcase_create("narrate");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, the_handshake);
    tcase_add_test(t, a_remark_stands_behind_its_event);
    tcase_add_test(t, data_in_a_syn);
    tcase_add_test(t, a_batch_of_many_connections);
    tcase_add_test(t, an_answer_names_its_request);
    tcase_add_test(t, what_is_refused_has_its_clause);
    tcase_add_test(t, a_timer_is_a_cause);
    tcase_add_test(t, a_hole_is_kept_and_filled);
    tcase_add_test(t, arp_in_words);
    tcase_add_test(t, accounts_are_bounded);
    tcase_add_test(t, a_long_account_is_cut_and_says_so);
    tcase_add_test(t, every_event_can_be_told);
    tcase_add_test(t, a_line_has_time_connection_and_number);
    suite_add_tcase(s, t);
    return s;
}
