/* TIME-WAIT: RFC 9293 3.6.1 and 3.10.7.4, RFC 6191 (a new connection), RFC 1337 (resets). */
#include "stack/tcp/timewait.h"

#include "tests/unit/tcp/tcp_rig.h"

#define FIN (TCP_ACK | TCP_FIN)
#define TIME_WAIT SEC(240) /* 2 MSL of 2 minutes */

static size_t timewaits(void)
{
    return rig.host.tcp.timewait_pool.in_use;
}

/* A connection that we closed first; both sides have sent nothing but FIN. */
static nsec end_in_time_wait(struct peer *p)
{
    struct app *a = open_passive(p);
    app_shutdown(a);
    expect(p, FIN, 1, 1, 0);
    peer_send(p, FIN, 1, 2);
    expect(p, TCP_ACK, 2, 2, 0);
    ck_assert_ptr_null(a->s);
    ck_assert_uint_eq(timewaits(), 1);
    return rig.now;
}

/* requires: MUST-13, 9293-3.10.8-3 */
START_TEST(it_lasts_twice_the_segment_lifetime)
{
    struct peer p = peer_new();
    nsec t = end_in_time_wait(&p);
    run_to(t + TIME_WAIT - MS(1));
    ck_assert_uint_eq(timewaits(), 1);
    run_to(t + TIME_WAIT + MS(1));
    ck_assert_uint_eq(timewaits(), 0);
    expect_nothing();
    peer_send(&p, FIN, 1, 2); /* nobody knows it any more */
    expect(&p, TCP_RST, 2, 0, 0);
}
END_TEST

/* requires: 9293-3.10.7.4-20 */
START_TEST(a_fin_again_is_acknowledged_and_starts_it_anew)
{
    struct peer p = peer_new();
    nsec t = end_in_time_wait(&p);
    run_to(t + SEC(100));
    peer_send(&p, FIN, 1, 2);
    expect(&p, TCP_ACK, 2, 2, 0);
    expect_drops(DROP_TCP_TIMEWAIT_SEGMENT, 1);
    run_to(t + SEC(100) + TIME_WAIT - MS(1));
    ck_assert_uint_eq(timewaits(), 1);
    run_to(t + SEC(100) + TIME_WAIT + MS(1));
    ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(other_segments_are_acknowledged_and_do_not_prolong_it)
{
    struct peer p = peer_new();
    nsec t = end_in_time_wait(&p);
    run_to(t + SEC(100));
    peer_data(&p, TCP_ACK, 2, 2, 10);
    expect(&p, TCP_ACK, 2, 2, 0);
    for (unsigned i = 0; i < 5; i++) { /* two ends in TIME-WAIT must not talk for ever */
        peer_send(&p, TCP_ACK, 77, 2);
    }
    expect_nothing();
    run_to(t + TIME_WAIT + MS(1));
    ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(a_reset_does_not_end_it) /* RFC 1337 */
{
    struct peer p = peer_new();
    end_in_time_wait(&p);
    peer_send(&p, TCP_RST, 2, 0);
    peer_send(&p, TCP_RST | TCP_ACK, 3, 2);
    expect_nothing();
    ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

/* requires: 7323-3.2-3 */
START_TEST(timestamps_are_kept)
{
    struct peer p = peer_new();
    p.offer.ts = true;
    end_in_time_wait(&p);
    run_for(SEC(2));
    uint32_t ours = p.ts_recent;
    p.tsval += 2000;
    peer_send(&p, FIN, 1, 2);
    struct wire w = expect(&p, TCP_ACK, 2, 2, 0);
    ck_assert(w.has_ts);
    ck_assert_uint_eq(w.tsval - ours, 2000);
}
END_TEST

/* RFC 6191 2, whether a SYN opens a new connection: with the old one's timestamps or without, the
 * SYN's timestamp against the last one seen, its sequence number against the last one used (2). */
START_TEST(a_syn_may_open_it_again)
{
    static const struct {
        bool old_ts, new_ts;
        int32_t ts, seq; /* against the old */
        bool opens;
    } cases[] = {
        {true, true, 1, -5000, true},  {true, true, 0, 5000, true},
        {true, true, 0, -5000, false}, {true, true, -1, 5000, false},
        {true, false, 0, 5000, true},  {true, false, 0, -5000, false},
        {false, true, 0, -5000, true}, {false, true, 0, 5000, true},
        {false, false, 0, 5000, true}, {false, false, 0, -5000, false},
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + i);
        p.offer.ts = cases[i].old_ts;
        rig.app_count = 0;
        rig.apps[0] = (struct app){0};
        struct app *a = open_passive(&p);
        app_shutdown(a);
        expect(&p, FIN, 1, 1, 0);
        peer_send(&p, FIN, 1, 2);
        expect(&p, TCP_ACK, 2, 2, 0);
        p.offer.ts = cases[i].new_ts;
        p.tsval += (uint32_t)cases[i].ts;
        peer_send(&p, TCP_SYN, (uint32_t)(2 + cases[i].seq), 0);
        if (!cases[i].opens) {
            expect(&p, TCP_ACK, 2, 2, 0);
            ck_assert_uint_eq(rig.listener->half_open, 0);
            continue;
        }
        struct wire w = take_segment(__LINE__);
        ck_assert_msg(w.flags == (TCP_SYN | TCP_ACK), "case %u", i);
        ck_assert_int_gt((int32_t)(w.seq - (p.irs + 2)), 0); /* MAY-2: above the old one's last */
        ck_assert_uint_eq(w.ack, p.iss + 3U + (uint32_t)cases[i].seq);
        ck_assert_uint_eq(rig.listener->half_open, 1);
        tcp_unlisten(&rig.host.tcp, rig.listener);
        rig.listener = NULL;
        rig_flush();
        discard_sent();
    }
}
END_TEST

START_TEST(it_opens_again_to_a_working_connection)
{
    struct peer p = peer_new();
    end_in_time_wait(&p);
    p.iss += 100000;
    p.knows_irs = false;
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 1, 1, 10);
    expect_in(a, 10);
    ck_assert_uint_eq(timewaits(), 0);
}
END_TEST

START_TEST(a_syn_without_a_listener_leaves_it)
{
    struct peer p = peer_new();
    end_in_time_wait(&p);
    tcp_unlisten(&rig.host.tcp, rig.listener);
    rig.listener = NULL;
    peer_send(&p, TCP_SYN, 100000, 0);
    expect(&p, TCP_ACK, 2, 2, 0);
    ck_assert_uint_eq(timewaits(), 1);
}
END_TEST

START_TEST(the_oldest_makes_room)
{
    rig_restart(&(struct tcp_config){.max_timewait = 2});
    struct peer p[3];
    for (unsigned i = 0; i < 3; i++) {
        p[i] = peer_new();
        p[i].port = (uint16_t)(PEER_PORT + i);
        struct app *a = open_passive(&p[i]);
        app_shutdown(a);
        expect(&p[i], FIN, 1, 1, 0);
        peer_send(&p[i], FIN, 1, 2);
        expect(&p[i], TCP_ACK, 2, 2, 0);
        run_for(SEC(1));
    }
    expect_drops(DROP_TCP_TIMEWAIT_FULL, 1);
    ck_assert_uint_eq(timewaits(), 2);
    peer_send(&p[0], FIN, 1, 2); /* the oldest is forgotten */
    expect(&p[0], TCP_RST, 2, 0, 0);
    peer_send(&p[1], FIN, 1, 2);
    expect(&p[1], TCP_ACK, 2, 2, 0);
}
END_TEST

START_TEST(a_port_in_time_wait_is_not_chosen_again)
{
    rig_restart(&(struct tcp_config){.port_first = 50000, .port_last = 50001});
    struct peer p = peer_new();
    struct app *a = open_active(&p);
    uint16_t first = p.our_port;
    app_shutdown(a);
    expect(&p, FIN, 1, 1, 0);
    peer_send(&p, FIN, 1, 2);
    expect(&p, TCP_ACK, 2, 2, 0);
    struct peer q = peer_new();
    open_active(&q);
    ck_assert_uint_ne(q.our_port, first);
    struct tcp_connect_args args = {.remote = {.addr = ip4_addr(PEER_IP), .port = PEER_PORT},
                                    .events = &app_events};
    struct stream *s;
    ck_assert_int_eq(tcp_connect(&rig.host.tcp, &args, &s), TCP_ERR_RESOURCES);
}
END_TEST

Suite *timewait_suite(void);

Suite *timewait_suite(void)
{
    Suite *s = suite_create("timewait");
    TCase *tc = rig_case(s, "timewait");
    ADD(tc, it_lasts_twice_the_segment_lifetime);
    ADD(tc, a_fin_again_is_acknowledged_and_starts_it_anew);
    ADD(tc, other_segments_are_acknowledged_and_do_not_prolong_it);
    ADD(tc, a_reset_does_not_end_it);
    ADD(tc, timestamps_are_kept);
    ADD(tc, a_syn_may_open_it_again);
    ADD(tc, it_opens_again_to_a_working_connection);
    ADD(tc, a_syn_without_a_listener_leaves_it);
    ADD(tc, the_oldest_makes_room);
    ADD(tc, a_port_in_time_wait_is_not_chosen_again);
    return s;
}
