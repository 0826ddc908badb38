/* RFC 5927 7.2: which "fragmentation needed" is believed, and when. The values of the cases are those of the RFC's
 * two stages: what is not below the largest size acknowledged counts at once, what is waits for a timeout. */
#include "stack/tcp/path_mtu.h"

#include "stack/tcp/conn.h"
#include "tests/unit/base/lcg.h"
#include "tests/unit/tcp/tcp_rig.h"

#define UNREACHABLE 3
#define TOO_BIG 4

static void too_big(const struct peer *p, uint32_t seq, uint16_t mtu)
{
    peer_icmp(p, UNREACHABLE, TOO_BIG, seq, mtu);
}

static struct tcp_conn *conn_of(const struct app *a)
{
    return tcp_of_stream(a->s);
}

/* A connection that has sent 1460 bytes, in one segment, and had them acknowledged. */
static struct app *open_used(struct peer *p)
{
    *p = peer_new();
    struct app *a = open_with_rtt(p, MS(20));
    app_write(a, 1460);
    expect(p, TCP_ACK | TCP_PSH, 1, 1, 1460);
    peer_send(p, TCP_ACK, 1, 1461);
    return a;
}

/* requires: 5927-7.2-2 */
START_TEST(the_largest_sizes_are_known)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    const struct tcp_path_mtu *m = &conn_of(a)->path_mtu;
    ck_assert_uint_eq(m->sent, 0); /* SYN and ACK carry nothing that could be too big */
    app_write(a, 100);
    ck_assert_uint_eq(m->sent, 140); /* 20 of IP, 20 of TCP */
    ck_assert_uint_eq(m->acked, 0);
    peer_send(&p, TCP_ACK, 1, 101);
    ck_assert_uint_eq(m->acked, 140);
    app_write(a, 1460);
    app_write(a, 50); /* smaller: the largest stays */
    ck_assert_uint_eq(m->sent, 1500);
    peer_send(&p, TCP_ACK, 1, 1560); /* but for one byte */
    ck_assert_uint_eq(m->acked, 140);
    peer_send(&p, TCP_ACK, 1, 1561);
    ck_assert_uint_eq(m->acked, 1500);
    discard_sent();
}
END_TEST

/* requires: 5927-7.2-4 */
START_TEST(the_first_claim_counts_at_once)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 460);
    peer_send(&p, TCP_ACK, 1, 461); /* 500 bytes have got through */
    app_write(a, 1460);
    discard_sent();
    too_big(&p, 461, 1000);
    expect(&p, TCP_ACK, 461, 1, 960);
    expect(&p, TCP_ACK | TCP_PSH, 1421, 1, 500);
    ck_assert_uint_eq(info_of(a).mtu, 1000);
}
END_TEST

/* requires: 5927-7.2-4 */
START_TEST(a_claim_of_exactly_what_got_through_counts_at_once)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 960);
    peer_send(&p, TCP_ACK, 1, 961);
    app_write(a, 1460);
    discard_sent();
    too_big(&p, 961, 999);
    expect_nothing();
    ck_assert_uint_eq(info_of(a).mtu, 1500);
    too_big(&p, 961, 1000);
    expect(&p, TCP_ACK, 961, 1, 960);
    ck_assert_uint_eq(info_of(a).mtu, 1000);
    discard_sent();
}
END_TEST

/* requires: 5927-7.2-3, 8899-3-6a, 8899-4.6.2-2 */
START_TEST(a_claim_above_what_was_sent_is_refused)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 960);
    discard_sent();
    too_big(&p, 1, 1000);
    too_big(&p, 1, 1400);
    too_big(&p, 1, 9000);
    expect_drops(DROP_TCP_ICMP_NOT_NARROWER, 3);
    ck_assert_uint_eq(info_of(a).mtu, 1500);
    expect_nothing();
    too_big(&p, 1, 999);
    expect_drops(DROP_TCP_ICMP_NOT_NARROWER, 3);
    ck_assert_uint_eq(info_of(a).mtu, 999);
    discard_sent();
}
END_TEST

/* … and the window does not become one of more segments (RFC 4821 4).
 * requires: 4821-4-4, 5681-3.1-3, 5681-3.1-5, 5927-7.2-8 */
START_TEST(a_claim_leaves_the_window_as_many_segments)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    ck_assert_uint_eq(info_of(a).cwnd, 14600); /* ten segments */
    app_write(a, 14600);
    discard_sent();
    too_big(&p, 1, 1040);
    ck_assert_uint_eq(info_of(a).snd_mss, 1000);
    ck_assert_uint_eq(info_of(a).cwnd, 10000);
    for (unsigned i = 0; i < 10; i++) {
        expect(&p, TCP_ACK, 1 + i * 1000, 1, 1000);
    }
    expect_nothing();
    ck_assert_uint_eq(conn_of(a)->path_mtu.sent, 1040);
    too_big(&p, 1, 1200); /* above what was sent since */
    expect_drops(DROP_TCP_ICMP_NOT_NARROWER, 1);
    ck_assert_uint_eq(info_of(a).mtu, 1040);
}
END_TEST

/* … nor with the next ACK, by what CUBIC remembers of its window in the old segments.
 * requires: 4821-4-4 */
START_TEST(what_cubic_remembers_becomes_smaller_too)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    cc_change(&conn_of(a)->cc, &cc_cubic);
    conn_of(a)->cc.ssthresh = 14600; /* congestion avoidance, from the first ACK on */
    app_write(a, 43800);             /* more than the window takes */
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 1461);
    conn_of(a)->path_mtu.acked = 500; /* as if that had been small: the message counts at once */
    discard_sent();
    uint32_t before = info_of(a).cwnd;
    ck_assert_uint_ge(before, 14600);
    too_big(&p, 1461, 1040);
    uint32_t after = info_of(a).cwnd;
    ck_assert_uint_eq(after, (uint64_t)before * 1000 / 1460);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 2461);
    ck_assert_uint_ge(info_of(a).cwnd, after);
    ck_assert_uint_le(info_of(a).cwnd, after + 1000);
    discard_sent();
}
END_TEST

/* requires: 5927-7.3.3-1 */
START_TEST(where_nothing_is_in_flight_no_claim_counts)
{
    struct peer p;
    struct app *a = open_used(&p);
    for (uint32_t seq = 0; seq <= 1462; seq += 43) {
        too_big(&p, seq, 68);
    }
    too_big(&p, 1461, 68); /* SND.NXT */
    ck_assert_uint_eq(info_of(a).mtu, 1500);
    ck_assert_uint_eq(conn_of(a)->path_mtu.held, 0);
    expect_drops(DROP_TCP_ICMP_OUTSIDE_WINDOW, 36);
    expect_nothing();
}
END_TEST

/* requires: 5927-7.2-5, 5927-7.2-7 */
START_TEST(a_claim_waits_and_progress_disproves_it)
{
    struct peer p;
    struct app *a = open_used(&p);
    app_write(a, 2920);
    discard_sent();
    too_big(&p, 2921, 1000); /* about the second of them */
    expect_nothing();
    ck_assert_uint_eq(conn_of(a)->path_mtu.held, 1000);
    peer_send(&p, TCP_ACK, 1, 2921);
    ck_assert_uint_eq(conn_of(a)->path_mtu.held, 1000); /* the first was not meant */
    expect_drops(DROP_TCP_ICMP_DISPROVED, 0);
    peer_send(&p, TCP_ACK, 1, 4381);
    expect_drops(DROP_TCP_ICMP_DISPROVED, 1);
    ck_assert_uint_eq(conn_of(a)->path_mtu.held, 0);
    ck_assert_uint_eq(info_of(a).snd_mss, 1460);
}
END_TEST

/* The quoted segment has arrived, and only the one before it is lost: the timeout does not prove the claim. */
/* requires: 5927-7.2-7 */
START_TEST(a_selective_acknowledgment_disproves_it_too)
{
    struct peer p = peer_new();
    p.offer.sack_ok = true;
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 1460);
    peer_send(&p, TCP_ACK, 1, 1461);
    app_write(a, 2920);
    discard_sent();
    too_big(&p, 2921, 1000);
    uint8_t sack[12] = {1, 1, 5, 10};
    uint32_t edges[2] = {p.irs + 2921, p.irs + 4381};
    for (unsigned i = 0; i < 8; i++) {
        sack[4 + i] = (uint8_t)(edges[i / 4] >> (24 - 8 * (i % 4)));
    }
    struct raw r = raw_with_options(&p, TCP_ACK, 1, 1461, sack, sizeof(sack), NULL, 0);
    raw_send(&r);
    run_for(SEC(1)); /* a timeout, at least */
    discard_sent();
    ck_assert_uint_eq(info_of(a).mtu, 1500);
    peer_send(&p, TCP_ACK, 1, 4381);
    expect_drops(DROP_TCP_ICMP_DISPROVED, 1);
}
END_TEST

/* requires: 5927-7.2-6, 5927-7.2-8 */
START_TEST(a_timeout_proves_it)
{
    struct peer p;
    struct app *a = open_used(&p);
    app_write(a, 1460);
    discard_sent();
    too_big(&p, 1461, 1000);
    run_for(MS(150));
    expect_nothing();
    run_for(MS(150)); /* RTO: 200 ms above the round trip */
    ck_assert_uint_eq(info_of(a).mtu, 1000);
    ck_assert_uint_eq(conn_of(a)->path_mtu.acked, 1000);
    expect(&p, TCP_ACK, 1461, 1, 960);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 2921);
    app_write(a, 1920);
    expect(&p, TCP_ACK, 2921, 1, 960);
    discard_sent();
}
END_TEST

/* … and if the timeout turns out to be none, the window that comes back is no more segments than it was.
 * requires: 4821-4-4 */
START_TEST(what_is_undone_is_as_many_segments)
{
    struct peer p;
    struct app *a = open_used(&p);
    uint32_t segments = info_of(a).cwnd / 1460;
    app_write(a, 1460 * 4);
    discard_sent();
    too_big(&p, 1461, 1040);
    run_for(MS(300));
    ck_assert_uint_eq(info_of(a).mtu, 1040);
    ck_assert_uint_eq(info_of(a).cwnd, 1000);
    discard_sent();
    app_write(a, 2000);              /* new data, for F-RTO */
    peer_send(&p, TCP_ACK, 1, 2461); /* the first goes on, */
    peer_send(&p, TCP_ACK, 1, 3461); /* and what went once arrives: F-RTO */
    discard_sent();
    ck_assert(!info_of(a).after_timeout);
    ck_assert_uint_ge(info_of(a).cwnd, segments * 1000);
    ck_assert_uint_le(info_of(a).cwnd, (segments + 2) * 1000);
}
END_TEST

/* A path that takes less than 576 bytes: no DF, so that a router may divide what is still too large. */
/* requires: 5927-7.2-1 */
START_TEST(at_the_floor_routers_may_divide)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 1460);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1, 1460);
    ck_assert_uint_eq(rig.sent[rig.taken - 1].bytes[FRAME_ETH + 6] >> 5, 2); /* DF alone */
    too_big(&p, 1, 68);
    for (unsigned i = 0; i < 3; i++) {
        expect(&p, TCP_ACK | (i == 2 ? TCP_PSH : 0U), 1 + i * 536, 1, i == 2 ? 388 : 536);
        ck_assert_uint_eq(rig.sent[rig.taken - 1].bytes[FRAME_ETH + 6] >> 5, 0);
    }
    ck_assert_uint_eq(info_of(a).mtu, 576);
}
END_TEST

/* Whatever comes, and however often: each costs the same little, and no packet is below the floor. */
/* requires: 5927-7.2-1, 5927-4.1-1 */
START_TEST(a_flood_has_no_more_effect_than_one)
{
    struct peer p;
    struct app *a = open_used(&p);
    struct lcg random = {(uint64_t)_i + 1};
    app_write(a, 14600);
    discard_sent();
    for (unsigned i = 0; i < 20000; i++) {
        too_big(&p, lcg_next(&random) % 20000, (uint16_t)lcg_next(&random));
    }
    expect_nothing(); /* a size that got through: none is believed, and nothing goes twice */
    ck_assert_uint_eq(info_of(a).mtu, 1500);
    peer_send(&p, TCP_ACK, 1, 16061);
    ck_assert_uint_eq(conn_of(a)->path_mtu.held, 0);
    app_write(a, 1460);
    expect(&p, TCP_ACK | TCP_PSH, 16061, 1, 1460);
}
END_TEST

Suite *path_mtu_suite(void);

Suite *path_mtu_suite(void)
{
    Suite *s = suite_create("path_mtu");
    TCase *tc = rig_case(s, "path_mtu");
    ADD(tc, the_largest_sizes_are_known);
    ADD(tc, the_first_claim_counts_at_once);
    ADD(tc, a_claim_of_exactly_what_got_through_counts_at_once);
    ADD(tc, a_claim_above_what_was_sent_is_refused);
    ADD(tc, a_claim_leaves_the_window_as_many_segments);
    ADD(tc, what_cubic_remembers_becomes_smaller_too);
    ADD(tc, where_nothing_is_in_flight_no_claim_counts);
    ADD(tc, a_claim_waits_and_progress_disproves_it);
    ADD(tc, a_selective_acknowledgment_disproves_it_too);
    ADD(tc, a_timeout_proves_it);
    ADD(tc, what_is_undone_is_as_many_segments);
    ADD(tc, at_the_floor_routers_may_divide);
    tcase_add_loop_test(tc, a_flood_has_no_more_effect_than_one, 0, 4);
    return s;
}
