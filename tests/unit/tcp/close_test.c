/* The ways in which a connection ends: RFC 9293 3.6, 3.10.4 (CLOSE), 3.10.5 (ABORT), and what FIN
 * and its acknowledgment do in 3.10.7.4. */
#include "stack/tcp/close.h"

#include <string.h>

#include "tests/unit/tcp/tcp_rig.h"

#define FIN (TCP_ACK | TCP_FIN)
#define LAST (TCP_ACK | TCP_PSH)

static size_t timewaits(void)
{
    return rig.host.tcp.timewait_pool.in_use;
}

static size_t connections(void)
{
    return rig.host.tcp.handle_pool.in_use;
}

/* ---- both sides (3.6, figures 12 and 13) ---- */

/* requires: 9293-3.10.7.4-19, 9293-3.10.7.4-24 */
START_TEST(we_close_first) /* figure 12 */
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_shutdown(a);
    expect(&p, FIN, 1, 1, 0);
    ck_assert_int_eq(state_of(a), TCP_FIN_WAIT_1);
    peer_send(&p, TCP_ACK, 1, 2);
    ck_assert_int_eq(state_of(a), TCP_FIN_WAIT_2);
    peer_send(&p, FIN, 1, 2);
    expect(&p, TCP_ACK, 2, 2, 0);
    expect_log(a, "aopc");
    ck_assert_int_eq(a->reason, CLOSE_NORMAL);
    ck_assert_uint_eq(connections(), 0);
    ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* requires: 9293-3.10.7.4-19, 9293-3.10.7.4-24 */
START_TEST(the_peer_closes_first)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_send(&p, FIN, 1, 1);
    expect(&p, TCP_ACK, 1, 2, 0);
    expect_log(a, "aop");
    ck_assert_int_eq(state_of(a), TCP_CLOSE_WAIT);
    app_shutdown(a);
    expect(&p, FIN, 1, 2, 0);
    ck_assert_int_eq(state_of(a), TCP_LAST_ACK);
    peer_send(&p, TCP_ACK, 2, 2);
    expect_nothing();
    expect_log(a, "aopc");
    ck_assert_int_eq(a->reason, CLOSE_NORMAL);
    ck_assert_uint_eq(connections(), 0);
    ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

/* requires: 9293-3.6-2, 9293-3.10.7.4-19, 9293-3.10.7.4-24 */
START_TEST(both_close_at_once) /* figure 13 */
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_shutdown(a);
    expect(&p, FIN, 1, 1, 0);
    peer_send(&p, FIN, 1, 1);
    expect(&p, TCP_ACK, 2, 2, 0);
    ck_assert_int_eq(state_of(a), TCP_CLOSING);
    expect_log(a, "aop");
    peer_send(&p, TCP_ACK, 2, 2);
    expect_nothing();
    expect_log(a, "aopc");
    ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* requires: 9293-3.10.7.4-24 */
START_TEST(fin_with_the_ack_of_ours_goes_straight_to_time_wait)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_shutdown(a);
    expect(&p, FIN, 1, 1, 0);
    peer_send(&p, FIN, 1, 2);
    expect(&p, TCP_ACK, 2, 2, 0);
    expect_log(a, "aopc");
    ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

START_TEST(close_in_the_callback_of_the_peers_fin)
{
    rig.close_in = 'p';
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_send(&p, FIN, 1, 1);
    expect(&p, FIN, 1, 2, 0); /* one segment acknowledges and closes */
    expect_nothing();
    peer_send(&p, TCP_ACK, 2, 2);
    expect_log(a, "aop"); /* nothing is told after tcp_close */
    ck_assert_uint_eq(connections(), 0);
}
END_TEST

/* ---- data around FIN ---- */

/* requires: 9293-3.6-1 */
START_TEST(the_peer_may_go_on_after_our_fin) /* half close, outgoing */
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_shutdown(a);
    expect(&p, FIN, 1, 1, 0);
    peer_data(&p, TCP_ACK, 1, 1, 100);   /* FIN-WAIT-1 */
    peer_data(&p, TCP_ACK, 101, 2, 100); /* FIN-WAIT-2 */
    expect(&p, TCP_ACK, 2, 201, 0);
    expect_in(a, 200);
    peer_data(&p, FIN, 201, 2, 50);
    expect(&p, TCP_ACK, 2, 252, 0);
    expect_in(a, 250);
    expect_log(a, "aorpc");
}
END_TEST

/* requires: 9293-3.6-1 */
START_TEST(we_may_go_on_after_the_peers_fin) /* half close, incoming */
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, FIN, 1, 1, 10);
    expect(&p, TCP_ACK, 1, 12, 0);
    expect_log(a, "aorp");
    app_write(a, 3000);
    expect(&p, TCP_ACK, 1, 12, 1460);
    expect(&p, TCP_ACK, 1461, 12, 1460);
    peer_send(&p, TCP_ACK, 12, 2921);
    expect(&p, LAST, 2921, 12, 80);
    peer_send(&p, TCP_ACK, 12, 3001);
    ck_assert_int_eq(state_of(a), TCP_CLOSE_WAIT);
    app_shutdown(a);
    expect(&p, FIN, 3001, 12, 0);
    peer_send(&p, TCP_ACK, 12, 3002);
    expect_log(a, "aorpc");
}
END_TEST

/* requires: 9293-3.10.4-3 */
START_TEST(what_is_queued_is_delivered_before_fin)
{
    struct peer p = peer_new();
    p.wnd = 1460;
    struct app *a = open_passive(&p);
    app_write(a, 3 * 1460);
    expect(&p, TCP_ACK, 1, 1, 1460);
    app_close(a);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 1461);
    expect(&p, TCP_ACK, 1461, 1, 1460);
    peer_send(&p, TCP_ACK, 1, 2921);
    p.wnd = 5000;
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 4381);
    expect(&p, FIN, 4381, 1, 0);
    peer_send(&p, FIN, 1, 4382);
    expect(&p, TCP_ACK, 4382, 2, 0);
    ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* requires: 9293-3.10.2-2, 9293-3.10.4-4 */
START_TEST(nothing_can_be_written_after_shutdown)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_shutdown(a);
    expect(&p, FIN, 1, 1, 0);
    ck_assert_uint_eq(app_queue(a, 10), 0);
    app_shutdown(a); /* again: no second FIN */
    expect_nothing();
}
END_TEST

/* requires: 9293-3.10.8-2 */
START_TEST(our_fin_is_retransmitted)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(400));
    ck_assert_uint_eq(app_queue(a, 100), 100);
    app_shutdown(a);
    expect(&p, LAST | TCP_FIN, 1, 1, 100);
    run_for(MS(1202));
    expect(&p, LAST | TCP_FIN, 1, 1, 100);
    peer_send(&p, TCP_ACK, 1, 101); /* the data only */
    run_for(MS(2405));
    expect(&p, FIN, 101, 1, 0);
    peer_send(&p, TCP_ACK, 1, 102);
    ck_assert_int_eq(state_of(a), TCP_FIN_WAIT_2);
}
END_TEST

START_TEST(last_ack_ends_without_an_answer) /* a state that must not last for ever */
{
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, TCP_LAST_ACK, &seq, &nxt);
    run_for(SEC(1000));
    expect_log(a, "aopc");
    ck_assert_int_eq(a->reason, CLOSE_TIMEOUT);
    ck_assert_uint_eq(connections(), 0);
    discard_sent();
}
END_TEST

/* ---- FIN-WAIT-2 ---- */

START_TEST(an_orphan_in_fin_wait_2_ends)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_close(a);
    expect(&p, FIN, 1, 1, 0);
    peer_send(&p, TCP_ACK, 1, 2);
    run_for(SEC(59));
    ck_assert_uint_eq(connections(), 1);
    run_for(SEC(2));
    ck_assert_uint_eq(connections(), 0);
    discard_sent();
    expect_log(a, "ao");
}
END_TEST

START_TEST(an_orphan_made_in_fin_wait_2_ends)
{
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, TCP_FIN_WAIT_2, &seq, &nxt);
    run_for(SEC(3600)); /* the application still reads: it may take its time */
    ck_assert_int_eq(state_of(a), TCP_FIN_WAIT_2);
    app_close(a);
    run_for(SEC(61));
    ck_assert_uint_eq(connections(), 0);
    discard_sent();
}
END_TEST

/* ---- abort, and what is lost (3.10.5, SHLD-3) ---- */

/* requires: 9293-3.10.5-1 */
START_TEST(an_abort_resets) /* 3.10.5: <SEQ=SND.NXT><CTL=RST> */
{
    static const enum tcp_state states[] = {TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
                                            TCP_CLOSE_WAIT};
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, states[_i], &seq, &nxt);
    char before[16];
    memcpy(before, a->log, sizeof(before));
    app_abort(a);
    expect(&p, TCP_RST | TCP_ACK, nxt, seq, 0);
    expect_nothing();
    expect_log(a, before);
    ck_assert_uint_eq(connections(), 0);
}
END_TEST

/* requires: 9293-3.10.5-1 */
START_TEST(an_abort_throws_the_queue_away)
{
    struct peer p = peer_new();
    p.wnd = 1000;
    struct app *a = open_passive(&p);
    app_write(a, 5000);
    expect(&p, TCP_ACK, 1, 1, 1000);
    app_abort(a);
    expect(&p, TCP_RST | TCP_ACK, 1001, 1, 0);
    run_for(SEC(100));
    expect_nothing();
}
END_TEST

/* requires: 9293-3.10.5-2 */
START_TEST(an_abort_in_syn_sent_says_nothing)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    app_abort(a);
    expect_nothing();
    ck_assert_uint_eq(connections(), 0);
    expect_log(a, "");
}
END_TEST

/* requires: 9293-3.10.4-1 */
START_TEST(a_shutdown_in_syn_sent_ends)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    app_shutdown(a);
    expect_nothing();
    expect_log(a, "c");
    ck_assert_uint_eq(connections(), 0);
}
END_TEST

/* requires: SHLD-3, MAY-1 */
START_TEST(a_close_with_unread_data_resets)
{
    rig.lazy = true;
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 1, 1, 10);
    app_close(a);
    expect(&p, TCP_RST | TCP_ACK, 1, 11, 0);
    expect_nothing();
    ck_assert_uint_eq(connections(), 0);
}
END_TEST

/* requires: SHLD-3, MAY-1 */
START_TEST(data_after_a_close_resets)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_close(a);
    expect(&p, FIN, 1, 1, 0);
    peer_data(&p, TCP_ACK, 1, 2, 10);
    struct wire w = expect(&p, TCP_RST | TCP_ACK, 2, 1, 0);
    ck_assert_uint_eq(w.len, 0);
    expect_drops(DROP_TCP_DATA_AFTER_CLOSE, 1);
    ck_assert_uint_eq(connections(), 0);
    expect_log(a, "ao");
}
END_TEST

START_TEST(a_close_reads_a_fin_in_peace)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_close(a);
    expect(&p, FIN, 1, 1, 0);
    peer_send(&p, FIN, 1, 2);
    expect(&p, TCP_ACK, 2, 2, 0);
    ck_assert_uint_eq(timewaits(), 1);
    ck_assert_uint_eq(connections(), 0);
    expect_log(a, "ao");
}
END_TEST

/* ---- unread data at the end (stream.h) ---- */

/* requires: 9293-3.10.3-1 */
START_TEST(closed_comes_after_all_is_read)
{
    rig.lazy = true;
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_shutdown(a);
    expect(&p, FIN, 1, 1, 0);
    peer_data(&p, FIN, 1, 2, 100);
    expect(&p, TCP_ACK, 2, 102, 0);
    expect_log(a, "aorp");
    run_for(SEC(1000));
    app_read(a, 60);
    expect_log(a, "aorp");
    app_read(a, SIZE_MAX);
    expect_log(a, "aorpc");
    expect_in(a, 100);
    ck_assert_int_eq(a->reason, CLOSE_NORMAL);
    ck_assert_uint_eq(connections(), 0);
}
END_TEST

START_TEST(closed_comes_after_all_is_read_in_last_ack)
{
    rig.lazy = true;
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, FIN, 1, 1, 100);
    expect(&p, TCP_ACK, 1, 102, 0);
    app_shutdown(a);
    expect(&p, FIN, 1, 102, 0);
    peer_send(&p, TCP_ACK, 102, 2);
    expect_log(a, "aorp");
    app_read(a, SIZE_MAX);
    expect_log(a, "aorpc");
    expect_in(a, 100);
}
END_TEST

START_TEST(an_unread_end_may_be_closed_or_aborted)
{
    rig.lazy = true;
    for (unsigned i = 0; i < 2; i++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + i);
        struct app *a = open_passive(&p);
        app_shutdown(a);
        expect(&p, FIN, 1, 1, 0);
        peer_data(&p, FIN, 1, 2, 100);
        expect(&p, TCP_ACK, 2, 102, 0);
        (i == 0 ? app_close : app_abort)(a);
        expect_nothing(); /* the connection is over on the wire */
        ck_assert_uint_eq(connections(), 0);
        expect_log(a, "aorp");
    }
}
END_TEST

/* requires: MUST-12, 9293-3.10.7.4-12 */
START_TEST(a_reset_is_told_at_once) /* MUST-12: other than a FIN */
{
    rig.lazy = true;
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    peer_send(&p, TCP_RST, 101, 0);
    expect_log(a, "aorc");
    ck_assert_int_eq(a->reason, CLOSE_RESET);
    expect_nothing();
}
END_TEST

Suite *close_suite(void);

Suite *close_suite(void)
{
    Suite *s = suite_create("close");
    TCase *orders = rig_case(s, "orders");
    ADD(orders, we_close_first);
    ADD(orders, the_peer_closes_first);
    ADD(orders, both_close_at_once);
    ADD(orders, fin_with_the_ack_of_ours_goes_straight_to_time_wait);
    ADD(orders, close_in_the_callback_of_the_peers_fin);
    TCase *data = rig_case(s, "data");
    ADD(data, the_peer_may_go_on_after_our_fin);
    ADD(data, we_may_go_on_after_the_peers_fin);
    ADD(data, what_is_queued_is_delivered_before_fin);
    ADD(data, nothing_can_be_written_after_shutdown);
    ADD(data, our_fin_is_retransmitted);
    TCase *limits = rig_case(s, "limits");
    ADD(limits, last_ack_ends_without_an_answer);
    ADD(limits, an_orphan_in_fin_wait_2_ends);
    ADD(limits, an_orphan_made_in_fin_wait_2_ends);
    TCase *aborts = rig_case(s, "aborts");
    tcase_add_loop_test(aborts, an_abort_resets, 0, 4);
    ADD(aborts, an_abort_throws_the_queue_away);
    ADD(aborts, an_abort_in_syn_sent_says_nothing);
    ADD(aborts, a_shutdown_in_syn_sent_ends);
    ADD(aborts, a_close_with_unread_data_resets);
    ADD(aborts, data_after_a_close_resets);
    ADD(aborts, a_close_reads_a_fin_in_peace);
    TCase *unread = rig_case(s, "unread");
    ADD(unread, closed_comes_after_all_is_read);
    ADD(unread, closed_comes_after_all_is_read_in_last_ack);
    ADD(unread, an_unread_end_may_be_closed_or_aborted);
    ADD(unread, a_reset_is_told_at_once);
    return s;
}
