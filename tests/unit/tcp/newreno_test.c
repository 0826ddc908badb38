/* Loss recovery by RFC 6582 3.2, step by step, on a control block that has nothing else. */
#include "stack/tcp/newreno.h"

#include <check.h>

#include "stack/tcp/conn.h"

#define MSS 1000U

static struct rig {
    struct recorder recorder;
    struct tcp tcp;
    struct tcp_conn c;
    tcp_seq base; /* of the numbers in the tests */
    nsec now;
} rig;

static void sent_up_to(uint32_t upto)
{
    struct tcp_conn *c = &rig.c;
    tcp_seq end = seq_add(rig.base, upto);
    struct sent_stamp stamp = {.sent_at = ++rig.now};
    if (seq_gt(end, c->snd_nxt)) {
        ck_assert(
            scoreboard_sent(&c->recovery.board, &rig.tcp.sent_pool, 1000, c->snd_nxt, end, &stamp));
    } else {
        ck_assert(seq_lt(c->snd_una, end));
        scoreboard_last(&c->recovery.board)->end = end; /* as if less had been sent */
    }
    c->snd_nxt = end;
}

/* Ten segments are out, from 0 to 10000, and cwnd is as much. */
static struct tcp_conn *ten_segments_out(uint32_t base)
{
    struct tcp_conn *c = &rig.c;
    rig = (struct rig){.base = seq_of(base)};
    ck_assert(recorder_init(&rig.recorder, 16));
    rig.tcp.recorder = &rig.recorder;
    pool_init(&rig.tcp.sent_pool, "tcp_sent", sizeof(struct tcp_sent), 1000);
    c->tcp = &rig.tcp;
    c->snd_mss = MSS;
    c->snd_una = rig.base;
    c->snd_nxt = rig.base;
    cc_init(&c->cc, &cc_newreno, MSS, false);
    recovery_init(c, rig.base);
    sent_up_to(10000);
    return c;
}

static void end(void)
{
    recovery_done(&rig.c);
    pool_done(&rig.tcp.sent_pool);
    recorder_done(&rig.recorder);
}

static void duplicates(unsigned n)
{
    struct tcp_segment s = {.at = ++rig.now, .flags = TCP_ACK, .ack = rig.c.snd_una};
    for (unsigned i = 0; i < n; i++) {
        struct tcp_ack ack = {.duplicate = true, .now = rig.now};
        recovery_on_ack(&rig.c, &s, &ack);
    }
}

static void acknowledged(uint32_t upto)
{
    struct tcp_conn *c = &rig.c;
    struct tcp_segment s = {.at = ++rig.now, .flags = TCP_ACK, .ack = seq_add(rig.base, upto)};
    struct tcp_ack ack = {
        .ack = s.ack, .old_una = c->snd_una, .acked = seq_span(c->snd_una, s.ack), .now = rig.now};
    c->snd_una = s.ack;
    recovery_take(c, &s, &ack);
    recovery_on_ack(c, &s, &ack);
}

/* What send.c does with what is marked. */
static void retransmitted(void)
{
    struct scoreboard *b = &rig.c.recovery.board;
    struct sent_stamp stamp = {.sent_at = ++rig.now};
    struct tcp_sent *run;
    while ((run = scoreboard_first_lost(b)) != NULL) {
        ck_assert(scoreboard_sent_again(b, &rig.tcp.sent_pool, run, sent_len(run), &stamp));
    }
    rig.c.recovery.must_send = false;
}

static void expect_lost(uint32_t from, uint32_t upto)
{
    const struct scoreboard *b = &rig.c.recovery.board;
    const struct tcp_sent *run = scoreboard_first_lost(b);
    ck_assert_ptr_nonnull(run);
    ck_assert_uint_eq(run->start.v, rig.base.v + from);
    ck_assert_uint_eq(recovery_pending(&rig.c.recovery), upto - from);
    uint32_t len = 0; /* of those that follow each other without a gap */
    for (; run != NULL && run->state == SENT_LOST; run = scoreboard_next(b, run)) {
        len += sent_len(run);
    }
    ck_assert_uint_eq(len, upto - from);
}

static const uint32_t bases[] = {1, 0xffffffffU, 0xffffd8f0U, 0xfffff448U, 0x7fffff00U};

/* requires: 5681-3.2-6, 5681-3.2-8 */
START_TEST(the_third_duplicate_starts_recovery) /* step 2; RFC 5681 3.2 (2), (3) */
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    duplicates(2);
    ck_assert(!c->recovery.active);
    ck_assert_uint_eq(recovery_pending(&c->recovery), 0);
    duplicates(1);
    ck_assert(c->recovery.active && c->recovery.must_send);
    expect_lost(0, 1000);
    ck_assert_uint_eq(c->cc.ssthresh, 5000);
    ck_assert_uint_eq(c->cc.cwnd, 8000);
    ck_assert_uint_eq(recovery_in_flight(c), 9000);
    end();
}
END_TEST

/* requires: 5681-3.2-7 */
START_TEST(limited_transmit_does_not_count) /* RFC 5681 3.2 (2) */
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    duplicates(1);
    sent_up_to(11000);
    duplicates(1);
    sent_up_to(12000);
    duplicates(1);
    ck_assert_uint_eq(c->cc.ssthresh, 5000);
    ck_assert_uint_eq(c->recovery.recover.v, rig.base.v + 12000);
    end();
}
END_TEST

/* requires: 5681-3.2-9 */
START_TEST(each_further_duplicate_inflates) /* RFC 5681 3.2 (4) */
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    duplicates(3);
    retransmitted();
    duplicates(4);
    ck_assert_uint_eq(c->cc.cwnd, 12000);
    ck_assert_uint_eq(recovery_pending(&c->recovery), 0); /* retransmitted once only */
    end();
}
END_TEST

/* requires: 6582-3.2-3 */
START_TEST(a_partial_ack_retransmits_and_deflates) /* step 3, partial */
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    duplicates(3);
    retransmitted();
    duplicates(6); /* cwnd 14000 */
    acknowledged(4000);
    ck_assert(c->recovery.active && c->recovery.partial_seen && c->recovery.must_send);
    expect_lost(4000, 5000);
    ck_assert_uint_eq(c->cc.cwnd, 14000 - 4000 + 1000);
    retransmitted();
    acknowledged(4500); /* less than a segment: no segment is added back */
    expect_lost(4500, 5500);
    ck_assert_uint_eq(c->cc.cwnd, 11000 - 500);
    end();
}
END_TEST

START_TEST(the_last_hole_ends_with_what_was_sent)
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    sent_up_to(9500);
    duplicates(3);
    retransmitted();
    acknowledged(9000);
    expect_lost(9000, 9500);
    ck_assert_uint_ge(c->cc.cwnd, MSS);
    end();
}
END_TEST

/* requires: 5681-3.2-11, 6582-3.2-2 */
START_TEST(a_full_ack_ends_recovery) /* step 3, full, option (1) */
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    duplicates(3);
    retransmitted();
    duplicates(6); /* cwnd 14000: four more segments went out */
    sent_up_to(14000);
    acknowledged(10000);
    ck_assert(!c->recovery.active);
    ck_assert_uint_eq(c->cc.cwnd, 5000); /* min(ssthresh, 4000 in flight + 1000) */
    end();
}
END_TEST

/* requires: 6582-3.2-2 */
START_TEST(a_full_ack_does_not_burst)
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    duplicates(3);
    retransmitted();
    acknowledged(10000);                 /* nothing is out any more */
    ck_assert_uint_eq(c->cc.cwnd, 2000); /* min(5000, max(0, 1000) + 1000) */
    end();
}
END_TEST

/* requires: 6582-3.2-1 */
START_TEST(one_window_is_halved_once) /* step 2: the ACK must cover more than recover */
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    duplicates(3);
    retransmitted();
    sent_up_to(20000);
    acknowledged(10000); /* recover, and no more */
    duplicates(3);
    ck_assert(!c->recovery.active);
    acknowledged(11000);
    duplicates(3);
    ck_assert(c->recovery.active);
    expect_lost(11000, 12000);
    ck_assert_uint_eq(c->cc.ssthresh, 4500);
    end();
}
END_TEST

/* requires: 6582-3.2-5, 6582-4-1 */
START_TEST(after_a_timeout_all_goes_again) /* step 4; RFC 5681 3.1 */
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    duplicates(3);
    retransmitted();
    recovery_all_lost(c);
    ck_assert(!c->recovery.active);
    expect_lost(0, 10000);
    ck_assert_uint_eq(recovery_in_flight(c), 0);
    duplicates(5); /* of what is sent twice now: no fast retransmit */
    ck_assert(!c->recovery.active);
    expect_lost(0, 10000);
    acknowledged(3000); /* what arrived need not be sent again */
    expect_lost(3000, 10000);
    acknowledged(10000);
    ck_assert_uint_eq(recovery_pending(&c->recovery), 0);
    sent_up_to(15000);
    acknowledged(11000);
    duplicates(3);
    ck_assert(c->recovery.active);
    end();
}
END_TEST

/* requires: 6675-5-2 */
START_TEST(duplicates_count_in_a_row)
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    duplicates(2);
    acknowledged(1000);
    duplicates(2);
    ck_assert(!c->recovery.active);
    struct tcp_ack nothing = {0}; /* an ACK that is neither: a window update */
    recovery_on_ack(c, &(struct tcp_segment){0}, &nothing);
    ck_assert(!c->recovery.active);
    duplicates(1);
    ck_assert(c->recovery.active);
    end();
}
END_TEST

/* `recover` is forgotten once it is left behind, or it would lie ahead again after 2 GiB. */
START_TEST(an_old_recover_is_forgotten)
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    recovery_all_lost(c);
    acknowledged(10000);
    for (unsigned i = 0; i < 3; i++) { /* 3 GiB in all */
        rig.base = seq_add(rig.base, UINT32_C(1) << 30);
        sent_up_to(10000);
        acknowledged(0);
    }
    duplicates(3);
    ck_assert(c->recovery.active);
    expect_lost(0, 1000);
    end();
}
END_TEST

/* RFC 5681 3.2: duplicates that are made up open the window no further than those that could be true. */
/* requires: 5681-3.2-10 */
START_TEST(no_more_duplicates_count_than_segments_were_out)
{
    struct tcp_conn *c = ten_segments_out(bases[_i]);
    duplicates(10000);
    ck_assert_uint_eq(c->cc.ssthresh, 5 * MSS);
    ck_assert_uint_le(c->cc.cwnd, (5 + 10 + 3) * MSS);
    ck_assert_uint_ge(c->cc.cwnd, (5 + 9) * MSS); /* nine are true */
    end();
}
END_TEST

Suite *newreno_suite(void);
Suite *newreno_suite(void)
{
    Suite *s = suite_create("newreno");
    TCase *t = tcase_create("recovery");
    int n = (int)COUNT_OF(bases);
    tcase_add_loop_test(t, the_third_duplicate_starts_recovery, 0, n);
    tcase_add_loop_test(t, limited_transmit_does_not_count, 0, n);
    tcase_add_loop_test(t, each_further_duplicate_inflates, 0, n);
    tcase_add_loop_test(t, no_more_duplicates_count_than_segments_were_out, 0, n);
    tcase_add_loop_test(t, a_partial_ack_retransmits_and_deflates, 0, n);
    tcase_add_loop_test(t, the_last_hole_ends_with_what_was_sent, 0, n);
    tcase_add_loop_test(t, a_full_ack_ends_recovery, 0, n);
    tcase_add_loop_test(t, a_full_ack_does_not_burst, 0, n);
    tcase_add_loop_test(t, one_window_is_halved_once, 0, n);
    tcase_add_loop_test(t, after_a_timeout_all_goes_again, 0, n);
    tcase_add_loop_test(t, duplicates_count_in_a_row, 0, n);
    tcase_add_loop_test(t, an_old_recover_is_forgotten, 0, n);
    suite_add_tcase(s, t);
    return s;
}
