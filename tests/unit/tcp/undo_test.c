/* F-RTO by RFC 5682 2.1 (without SACK) and 3.1 (with it), through the whole of a connection. */
#include "stack/tcp/undo.h"

#include "stack/tcp/cc.h"
#include "tests/unit/tcp/tcp_rig.h"

#define MSS 1460U
#define LAST (TCP_ACK | TCP_PSH)

static struct peer p;
static struct app *a;
static struct tcp_info before; /* the timeout */

/* Six segments are out, four acknowledged ones behind them; the timer has fired, and the first has gone again. */
static void six_out_and_a_timeout(bool sack)
{
    p = peer_new();
    p.offer.sack_ok = sack;
    a = open_with_rtt(&p, MS(100));
    app_write(a, 4 * MSS);
    discard_sent();
    run_for(MS(100));
    peer_send(&p, TCP_ACK, 1, 4 * MSS + 1);
    app_write(a, 6 * MSS);
    discard_sent();
    before = info_of(a);
    nsec rto = before.rto;
    if (sack) { /* a probe comes first (RFC 8985 7); the timer is for after it */
        run_for(MS(400));
        discard_sent();
    }
    for (unsigned i = 0; i < 20 && info_of(a).backoff == 0; i++) {
        run_for(rto / 4);
    }
    ck_assert_uint_eq(info_of(a).backoff, 1);
    struct wire w = take_segment(__LINE__);
    ck_assert_uint_eq(w.seq, p.irs + 4 * MSS + 1);
    expect_nothing();
    ck_assert_uint_eq(info_of(a).cwnd, MSS);
}

static void acknowledge(uint32_t segments)
{
    peer_send(&p, TCP_ACK, 1, (4 + segments) * MSS + 1);
}

static void expect_undone(void)
{
    struct tcp_info i = info_of(a);
    ck_assert_uint_eq(i.ssthresh, before.ssthresh);
    ck_assert_uint_ge(i.cwnd, before.cwnd);
    ck_assert_uint_eq(i.lost, 0);
    ck_assert(!i.after_timeout && !i.recovering);
}

static void expect_conventional(void)
{
    struct tcp_info i = info_of(a);
    ck_assert_uint_lt(i.ssthresh, before.ssthresh);
    ck_assert_uint_le(i.cwnd, 4 * MSS);
}

/* 2.1 (2b): new data in place of the second retransmission; (3b): another ACK of old data. */
/* requires: 5682-2.1-4, 5682-2.1-8, 5682-4-1 */
START_TEST(two_acks_of_what_went_once_undo_the_timeout)
{
    six_out_and_a_timeout(false);
    app_queue(a, 4 * MSS);
    acknowledge(1);
    expect(&p, TCP_ACK, 10 * MSS + 1, 1, MSS);
    expect(&p, LAST, 11 * MSS + 1, 1, MSS); /* two, and no more */
    expect_nothing();
    acknowledge(2);
    expect_undone();
    expect(&p, TCP_ACK, 12 * MSS + 1, 1, MSS); /* on with new data, nothing goes again */
    expect(&p, LAST, 13 * MSS + 1, 1, MSS);
    expect_nothing();
    acknowledge(10);
}
END_TEST

/* requires: 5682-2.1-3 */
START_TEST(a_duplicate_first_is_a_loss) /* (2a) */
{
    six_out_and_a_timeout(false);
    app_queue(a, 4 * MSS);
    acknowledge(0);
    expect_conventional();
    acknowledge(1); /* the retransmission, and no more: slow start goes on with the next */
    expect(&p, TCP_ACK, 5 * MSS + 1, 1, MSS);
    expect(&p, TCP_ACK, 6 * MSS + 1, 1, MSS);
    expect_nothing();
    acknowledge(2);
    expect_conventional();
    acknowledge(10);
}
END_TEST

/* requires: 5682-2.1-7 */
START_TEST(a_duplicate_second_is_a_loss) /* (3a) */
{
    six_out_and_a_timeout(false);
    app_queue(a, 4 * MSS);
    acknowledge(1);
    discard_sent(); /* two new segments */
    acknowledge(1); /* they arrived beyond a hole */
    ck_assert_uint_le(info_of(a).cwnd, 3 * MSS);
    expect_conventional();
    expect(&p, TCP_ACK, 5 * MSS + 1, 1, MSS); /* the retransmissions of slow start */
    acknowledge(10);
}
END_TEST

/* requires: 5682-2.1-3 */
START_TEST(an_ack_of_all_decides_nothing) /* (2a): it acknowledges everything up to "recover" */
{
    six_out_and_a_timeout(false);
    app_queue(a, 4 * MSS);
    acknowledge(6);
    struct tcp_info i = info_of(a);
    ck_assert_uint_lt(i.ssthresh, before.ssthresh);
    ck_assert_uint_eq(i.cwnd, 2 * MSS);
    discard_sent();
    acknowledge(10);
}
END_TEST

/* requires: 5682-2.1-6 */
START_TEST(without_new_data_it_cannot_decide) /* (2b): falls back to the conventional recovery */
{
    six_out_and_a_timeout(false);
    acknowledge(1);
    expect(&p, TCP_ACK, 5 * MSS + 1, 1, MSS); /* the second retransmission goes at once */
    acknowledge(2);
    expect_conventional();
    acknowledge(6);
}
END_TEST

/* requires: 5682-2.1-6 */
START_TEST(a_shut_window_keeps_it_from_deciding)
{
    six_out_and_a_timeout(false);
    app_queue(a, 4 * MSS);
    p.wnd = 5 * MSS; /* full */
    acknowledge(1);
    expect(&p, TCP_ACK, 5 * MSS + 1, 1, MSS);
    acknowledge(2);
    expect_conventional();
    p.wnd = 65535;
    acknowledge(6);
    discard_sent();
    acknowledge(10);
}
END_TEST

/* A delay that outlasts several timeouts. The first segment has gone three times, and says nothing; the second
 * went once, long ago. */
START_TEST(after_more_timeouts_what_went_once_tells_as_well)
{
    six_out_and_a_timeout(false);
    app_queue(a, 4 * MSS);
    while (info_of(a).backoff < 2) {
        run_for(MS(100));
    }
    discard_sent();
    acknowledge(1);
    expect_conventional();
    acknowledge(2);
    expect_undone();
    discard_sent();
    acknowledge(10);
}
END_TEST

/* 3.1 (2b): the first ACK already covers octets that went once only. They may have come long ago, and their SACKs have been
 * lost; so the second one decides (3b). */
/* requires: 5682-3.1-4, 5682-3.1-7 */
START_TEST(with_sack_it_takes_two_as_well)
{
    six_out_and_a_timeout(true);
    app_queue(a, 4 * MSS);
    acknowledge(3);
    expect_conventional();
    expect(&p, TCP_ACK, 10 * MSS + 1, 1, MSS);
    expect(&p, LAST, 11 * MSS + 1, 1, MSS);
    expect_nothing();
    acknowledge(4);
    expect_undone();
    discard_sent();
    acknowledge(10);
}
END_TEST

/* Both come before anything could be sent. */
START_TEST(with_sack_two_of_one_batch_suffice)
{
    six_out_and_a_timeout(true);
    app_queue(a, 4 * MSS);
    rig.hold = true;
    acknowledge(1);
    acknowledge(3);
    rig_release();
    expect_undone();
    discard_sent();
    acknowledge(10);
}
END_TEST

START_TEST(with_sack_the_retransmission_alone_does_not)
{
    six_out_and_a_timeout(true);
    app_queue(a, 4 * MSS);
    acknowledge(1);
    expect_conventional();
    discard_sent();
    acknowledge(10);
}
END_TEST

/* An ACK of the first `cum` segments of the flight, with a SACK block of the segments [from, upto). */
static void sacked(uint32_t cum, uint32_t from, uint32_t upto)
{
    uint32_t edges[2] = {(4 + from) * MSS + 1 + p.irs, (4 + upto) * MSS + 1 + p.irs};
    uint8_t o[12] = {1, 1, 5, 10};
    for (unsigned i = 0; i < 8; i++) {
        o[4 + i] = (uint8_t)(edges[i / 4] >> (24 - 8 * (i % 4)));
    }
    struct raw r = raw_with_options(&p, TCP_ACK, 1, (4 + cum) * MSS + 1, o, sizeof o, NULL, 0);
    raw_send(&r);
}

/* New data went after the timeout, and arrives beyond a hole: that says nothing of the old. */
/* requires: 5682-3.1-6 */
START_TEST(with_sack_new_data_that_arrives_is_no_witness)
{
    six_out_and_a_timeout(true);
    app_queue(a, 4 * MSS);
    acknowledge(1);
    expect(&p, TCP_ACK, 10 * MSS + 1, 1, MSS);
    expect(&p, LAST, 11 * MSS + 1, 1, MSS);
    sacked(1, 6, 7);
    expect_conventional();
    expect(&p, TCP_ACK, 5 * MSS + 1, 1, MSS);
    discard_sent();
    acknowledge(10);
}
END_TEST

/* requires: 5682-3.1-7 */
START_TEST(with_sack_old_data_that_arrives_is_one)
{
    six_out_and_a_timeout(true);
    app_queue(a, 4 * MSS);
    sacked(1, 2, 3);
    expect_conventional();
    sacked(1, 2, 4);
    expect_undone();
    discard_sent();
    acknowledge(10);
}
END_TEST

START_TEST(switched_off_nothing_is_undone)
{
    rig_tear_down();
    rig_restart(&(struct tcp_config){.cc = &cc_newreno, .no_undo = true});
    six_out_and_a_timeout(false);
    app_queue(a, 4 * MSS);
    acknowledge(1);
    expect(&p, TCP_ACK, 5 * MSS + 1, 1, MSS);
    discard_sent();
    acknowledge(2);
    expect_conventional();
    discard_sent();
    acknowledge(10);
}
END_TEST

Suite *undo_suite(void);
Suite *undo_suite(void)
{
    Suite *s = suite_create("undo");
    TCase *t = rig_case(s, "undo");
    ADD(t, two_acks_of_what_went_once_undo_the_timeout);
    ADD(t, a_duplicate_first_is_a_loss);
    ADD(t, a_duplicate_second_is_a_loss);
    ADD(t, an_ack_of_all_decides_nothing);
    ADD(t, without_new_data_it_cannot_decide);
    ADD(t, a_shut_window_keeps_it_from_deciding);
    ADD(t, after_more_timeouts_what_went_once_tells_as_well);
    ADD(t, with_sack_it_takes_two_as_well);
    ADD(t, with_sack_two_of_one_batch_suffice);
    ADD(t, with_sack_the_retransmission_alone_does_not);
    ADD(t, with_sack_new_data_that_arrives_is_no_witness);
    ADD(t, with_sack_old_data_that_arrives_is_one);
    ADD(t, switched_off_nothing_is_undone);
    return s;
}
