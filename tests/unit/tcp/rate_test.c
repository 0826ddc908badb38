/* Delivery-rate samples by draft-ietf-ccwg-bbr 4.1, on a control block that has nothing else. */
#include "stack/tcp/rate.h"

#include <check.h>

#include "stack/tcp/conn.h"

#define MSS 1000U
#define MS(n) ((nsec)(n)*NS_PER_MS)

static struct tcp_conn c;
static struct tcp_sent runs[64];
static unsigned sent;
static nsec now;

static void set_up(void)
{
    c = (struct tcp_conn){.snd_mss = MSS};
    sent = 0;
    now = MS(1000);
}

/* One segment leaves. */
static struct tcp_sent *send_one(void)
{
    struct sent_stamp stamp = rate_stamp(&c, MSS, now);
    struct tcp_sent *run = &runs[sent++];
    *run = (struct tcp_sent){.start = c.snd_nxt,
                             .end = seq_add(c.snd_nxt, MSS),
                             .sent_at = stamp.sent_at,
                             .delivered = stamp.delivered,
                             .delivered_at = stamp.delivered_at,
                             .first_sent_at = stamp.first_sent_at,
                             .app_limited = stamp.app_limited};
    c.snd_nxt = run->end;
    return run;
}

/* One ACK of `n` runs from `first` on. */
static struct tcp_ack acked(struct tcp_sent *first, unsigned n)
{
    struct tcp_ack ack = {.now = now};
    for (unsigned i = 0; i < n; i++) {
        c.snd_una = first[i].end;
        rate_delivered(&c, &first[i], MSS, &ack);
    }
    rate_sample(&c, &ack);
    return ack;
}

START_TEST(one_flight_over_its_round_trip)
{
    send_one();
    send_one();
    now += MS(100);
    struct tcp_ack ack = acked(runs, 2);
    ck_assert_uint_eq(ack.rate, 20000); /* 2000 bytes in 100 ms */
    ck_assert(!ack.app_limited);
    ck_assert_uint_eq(c.rate.delivered, 2000);
}
END_TEST

/* A bottleneck of one segment each 10 ms, ACKs of each: every sample after the first flight says so. */
START_TEST(a_paced_flow_measures_the_bottleneck)
{
    nsec start = now;
    unsigned acks = 0;
    for (unsigned t = 0; t < 40; t++) { /* 10 ms each; the round trip is 50 */
        now = start + MS(10 * t);
        if (t >= 5) {
            struct tcp_ack ack = acked(&runs[acks++], 1);
            if (acks > 5) {
                ck_assert_uint_eq(ack.rate, 100000);
            }
        }
        send_one();
    }
}
END_TEST

/* 4.1.1.2.2: ACKs that were held up arrive at once. They would speak of a rate far above the sender's own. */
START_TEST(compressed_acks_do_not_exceed_the_send_rate)
{
    nsec start = now;
    for (unsigned t = 0; t < 10; t++) { /* 100 KB/s */
        now = start + MS(10 * t);
        send_one();
    }
    now = start + MS(100);
    acked(runs, 1);
    for (unsigned t = 0; t < 9; t++) { /* nine ACKs in nine microseconds */
        now += NS_PER_US;
        struct tcp_ack ack = acked(&runs[1 + t], 1);
        ck_assert_uint_le(ack.rate, 112000);
    }
    now = start + MS(200); /* the next flight leaves at the same pace … */
    unsigned next = sent;
    for (unsigned t = 0; t < 10; t++) {
        send_one();
        now += MS(10);
    }
    nsec last = now;
    now = last + MS(50); /* … and all of it is acknowledged in a moment */
    for (unsigned t = 0; t < 10; t++) {
        now += NS_PER_US;
        struct tcp_ack ack = acked(&runs[next + t], 1);
        ck_assert_uint_le(ack.rate, 112000);
    }
}
END_TEST

/* … nor does what leaves while such a crowd of ACKs comes: at 100 KB/s over 50 ms, the ACKs from 50 ms on are held up until
 * 140. What leaves between the first two of them sees nine segments delivered at once, and five more until its own ACK:
 * 14000 bytes in 50 ms, but the sender took 140 ms for them. */
START_TEST(amid_compressed_acks_the_send_rate_counts)
{
    nsec start = now;
    for (unsigned t = 0; t < 14; t++) {
        now = start + MS(10 * t);
        send_one();
    }
    now = start + MS(140);
    acked(&runs[0], 1);
    now += NS_PER_US;
    send_one();
    acked(&runs[1], 9);
    for (unsigned t = 10; t < 14; t++) {
        now = start + MS(50 + 10 * t);
        acked(&runs[t], 1);
    }
    now = start + MS(190) + NS_PER_US;
    struct tcp_ack ack = acked(&runs[14], 1);
    ck_assert_uint_eq(ack.rate_bytes, 14000);
    ck_assert_uint_ge(ack.rate, 99000);
    ck_assert_uint_le(ack.rate, 100000);
}
END_TEST

/* The other way: sent in a burst, delivered at the bottleneck's pace. */
START_TEST(a_burst_measures_the_ack_rate)
{
    for (unsigned i = 0; i < 20; i++) {
        send_one();
    }
    nsec start = now;
    for (unsigned i = 0; i < 20; i++) {
        now = start + MS(100 + 10 * i);
        struct tcp_ack ack = acked(&runs[i], 1);
        ck_assert_uint_le(ack.rate, 100000);
    }
}
END_TEST

START_TEST(the_latest_sent_of_a_stretched_ack_counts) /* IsNewestPacket */
{
    nsec start = now;
    for (unsigned i = 0; i < 8;
         i++) { /* no ACK came between: the stamps say the same of delivery */
        now = start + MS(20 * i);
        send_one();
    }
    now = start + MS(160);
    struct tcp_ack ack = acked(runs, 8);
    ck_assert_int_eq(ack.rate_send_span, MS(140));
    ck_assert_int_eq(c.rate.first_sent_at, start + MS(140));
    ck_assert_uint_eq(ack.rate, 50000); /* 8000 bytes in 160 ms */
}
END_TEST

START_TEST(a_sample_shorter_than_any_round_trip_is_none) /* GenerateRateSample */
{
    c.rtt.min = MS(50);
    send_one();
    now += MS(20); /* a retransmission whose original came after all */
    struct tcp_ack ack = acked(runs, 1);
    ck_assert(ack.rate_has);
    ck_assert_uint_eq(ack.rate, 0);
}
END_TEST

START_TEST(an_ack_of_nothing_gives_none)
{
    struct tcp_ack ack = acked(runs, 0);
    ck_assert(!ack.rate_has);
    ck_assert_uint_eq(ack.rate, 0);
}
END_TEST

/* 4.1.1.3: a bubble marks what is in flight then and what is sent until it has left. */
START_TEST(the_application_as_the_limit_marks_a_round_trip)
{
    send_one();
    send_one();
    rate_app_limited(&c); /* no more data: until 2000 bytes are delivered */
    now += MS(10);
    send_one(); /* in the bubble's round trip */
    now += MS(90);
    ck_assert(!acked(&runs[0], 1).app_limited); /* sent before */
    ck_assert(!acked(&runs[1], 1).app_limited);
    ck_assert_uint_ne(c.rate.app_limited, 0);
    send_one();
    now += MS(10);
    ck_assert(acked(&runs[2], 1).app_limited);
    ck_assert_uint_eq(c.rate.app_limited, 0); /* 3000 > 2000: the bubble has gone */
    send_one();
    now += MS(90);
    ck_assert(acked(&runs[3], 1).app_limited);  /* sent while it was there */
    ck_assert(!acked(&runs[4], 1).app_limited); /* sent after */
}
END_TEST

START_TEST(limited_with_nothing_delivered_yet_is_limited) /* max(…, 1) */
{
    rate_app_limited(&c);
    ck_assert_uint_ne(c.rate.app_limited, 0);
    send_one();
    now += MS(100);
    ck_assert(acked(runs, 1).app_limited);
}
END_TEST

START_TEST(after_idleness_time_begins_anew)
{
    send_one();
    now += MS(100);
    acked(runs, 1);
    now += MS(5000);
    send_one();
    now += MS(100);
    struct tcp_ack ack = acked(&runs[1], 1);
    ck_assert_uint_eq(ack.rate, 10000); /* 1000 bytes in 100 ms, not in 5100 */
}
END_TEST

Suite *rate_suite(void);
Suite *rate_suite(void)
{
    Suite *s = suite_create("rate");
    TCase *t = tcase_create("rate");
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, one_flight_over_its_round_trip);
    tcase_add_test(t, a_paced_flow_measures_the_bottleneck);
    tcase_add_test(t, compressed_acks_do_not_exceed_the_send_rate);
    tcase_add_test(t, amid_compressed_acks_the_send_rate_counts);
    tcase_add_test(t, a_burst_measures_the_ack_rate);
    tcase_add_test(t, the_latest_sent_of_a_stretched_ack_counts);
    tcase_add_test(t, a_sample_shorter_than_any_round_trip_is_none);
    tcase_add_test(t, an_ack_of_nothing_gives_none);
    tcase_add_test(t, the_application_as_the_limit_marks_a_round_trip);
    tcase_add_test(t, limited_with_nothing_delivered_yet_is_limited);
    tcase_add_test(t, after_idleness_time_begins_anew);
    suite_add_tcase(s, t);
    return s;
}
