/* One host's TCP: the OPEN call (RFC 9293 3.9.1.1), totals, and the end with connections open. */
#include "stack/tcp/tcp.h"

#include <string.h>

#include "tests/unit/tcp/tcp_rig.h"

static enum tcp_error try_connect(uint32_t local, uint16_t local_port, uint32_t remote,
                                  uint16_t port)
{
    struct tcp_connect_args args = {
        .local = {.addr = local == 0 ? ip_any : ip4_addr(local), .port = local_port},
        .remote = {.addr = remote == 0 ? ip_any : ip4_addr(remote), .port = port},
        .events = &app_events,
        .app = &rig.apps[rig.app_count],
    };
    host_enter(&rig.host, rig.now);
    enum tcp_error e = tcp_connect(&rig.host.tcp, &args, &rig.apps[rig.app_count].s);
    rig.app_count += e == TCP_OK ? 1 : 0;
    rig_flush();
    return e;
}

/* requires: MUST-46 */
START_TEST(an_open_to_an_invalid_address_fails)
{
    static const uint32_t remotes[] = {0, 0xffffffff, 0x0a0900ff, 0xe0000001};
    for (unsigned i = 0; i < COUNT_OF(remotes); i++) {
        ck_assert_int_eq(try_connect(0, 0, remotes[i], 80), TCP_ERR_ADDRESS);
    }
    ck_assert_int_eq(try_connect(0, 0, PEER_IP, 0), TCP_ERR_ADDRESS);
    ck_assert_int_eq(try_connect(0x0a090063, 0, PEER_IP, 80), TCP_ERR_ADDRESS); /* not ours */
    expect_nothing();
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
}
END_TEST

/* requires: MUST-43, 9293-3.10.1-1 */
START_TEST(an_open_takes_the_local_place_that_it_is_given)
{
    ck_assert_int_eq(try_connect(OUR_IP, 1234, PEER_IP, 80), TCP_OK);
    struct peer p = peer_new();
    p.port = 80;
    p.our_port = 1234;
    expect(&p, TCP_SYN, 0, 0, 0);
    ck_assert_int_eq(try_connect(OUR_IP, 1234, PEER_IP, 80), TCP_ERR_IN_USE);
    ck_assert_int_eq(try_connect(OUR_IP, 1234, PEER_IP, 81), TCP_OK);
    discard_sent();
}
END_TEST

/* requires: MUST-44 */
START_TEST(an_open_without_a_local_place_gets_one)
{
    ck_assert_int_eq(try_connect(0, 0, PEER_IP, 80), TCP_OK);
    struct tcp_info info = info_of(&rig.apps[0]);
    ck_assert_uint_eq(ip4_value(info.local.addr), OUR_IP);
    ck_assert_uint_ge(info.local.port, 49152);
    discard_sent();
}
END_TEST

START_TEST(each_error_has_words)
{
    for (int e = TCP_OK; e <= TCP_ERR_RESOURCES; e++) {
        ck_assert_uint_gt(strlen(tcp_error_text((enum tcp_error)e)), 3);
    }
    ck_assert_str_eq(tcp_error_text((enum tcp_error)99), "?");
}
END_TEST

START_TEST(totals_count)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    struct peer q = peer_new();
    q.port++;
    open_active(&q);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    app_write(a, 50);
    expect(&p, TCP_ACK | TCP_PSH, 1, 101, 50);
    app_abort(a);
    expect(&p, TCP_RST | TCP_ACK, 51, 101, 0);
    peer_send(&p, TCP_ACK, 101, 51); /* for nobody */
    expect(&p, TCP_RST, 51, 0, 0);
    const struct tcp_totals *t = &rig.host.tcp.totals;
    ck_assert_uint_eq(t->opened_passive, 1);
    ck_assert_uint_eq(t->opened_active, 1);
    ck_assert_uint_eq(t->established, 2);
    ck_assert_uint_eq(t->closed, 1);
    ck_assert_uint_eq(t->bytes_in, 100);
    ck_assert_uint_eq(t->bytes_out, 50);
    ck_assert_uint_eq(t->resets_out, 2);
    ck_assert_uint_eq(t->retransmitted, 0);
    ck_assert_uint_eq(t->segments_in, 5);  /* SYN, ACK, SYN-ACK, data, stray ACK */
    ck_assert_uint_eq(t->segments_out, 6); /* SYN-ACK, SYN, ACK, data, two resets */
}
END_TEST

/* The host ends in the middle of everything; a sanitizer sees what it forgets. */
START_TEST(a_host_ends_with_connections_in_every_state)
{
    static const enum tcp_state states[] = {TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
                                            TCP_CLOSE_WAIT,  TCP_CLOSING,    TCP_LAST_ACK};
    for (unsigned i = 0; i < COUNT_OF(states); i++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + i);
        uint32_t seq;
        uint32_t nxt;
        struct app *a = open_in_state(&p, states[i], &seq, &nxt);
        app_queue(a, 100);
        peer_data(&p, TCP_ACK, seq + 50, nxt, 10);
        discard_sent();
    }
    struct peer p = peer_new();
    p.port = 9;
    half_open(&p);
    p = peer_new();
    p.port = 10;
    open_in_state(&p, TCP_FIN_WAIT_1, &(uint32_t){0}, &(uint32_t){0});
    peer_send(&p, TCP_ACK | TCP_FIN, 1, 2); /* TIME-WAIT */
    app_connect(&(struct peer){.port = 11}, NULL);
    peer_send(&p, TCP_ACK, 1, 1); /* a reply that waits */
    host_done(&rig.host);
    ck_assert_uint_eq(rig.host.wheel.armed, 0);
    discard_sent();
}
END_TEST

Suite *tcp_suite(void);

Suite *tcp_suite(void)
{
    Suite *s = suite_create("tcp");
    TCase *tc = rig_case(s, "tcp");
    ADD(tc, an_open_to_an_invalid_address_fails);
    ADD(tc, an_open_takes_the_local_place_that_it_is_given);
    ADD(tc, an_open_without_a_local_place_gets_one);
    ADD(tc, each_error_has_words);
    ADD(tc, totals_count);
    TCase *end = tcase_create("end");
    tcase_add_checked_fixture(end, rig_set_up, NULL);
    suite_add_tcase(s, end);
    ADD(end, a_host_ends_with_connections_in_every_state);
    return s;
}
