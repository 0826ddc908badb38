/* Passive open (RFC 9293 3.9.1.1, 3.10.1): which calls fail, how many connections are taken. */
#include "tests/unit/tcp/tcp_rig.h"

static void no_accept(void *arg, struct stream *s)
{
    (void)arg;
    (void)s;
}

static enum tcp_error try_listen(uint32_t addr, uint16_t port, struct tcp_listener **out)
{
    struct tcp_listen_args args = {
        .local = {.addr = addr == 0 ? ip_any : ip4_addr(addr), .port = port}, .accept = no_accept};
    return tcp_listen(&rig.host.tcp, &args, out);
}

/* requires: MUST-41 */
START_TEST(a_place_is_listened_at_once)
{
    struct tcp_listener *l[2];
    ck_assert_int_eq(try_listen(0, 80, &l[0]), TCP_OK);
    ck_assert_int_eq(try_listen(0, 80, NULL), TCP_ERR_IN_USE); /* MUST-41 */
    ck_assert_int_eq(try_listen(OUR_IP, 80, &l[1]), TCP_OK);   /* more special */
    ck_assert_int_eq(try_listen(OUR_IP, 80, NULL), TCP_ERR_IN_USE);
    ck_assert_int_eq(try_listen(0, 0, NULL), TCP_ERR_ADDRESS);
    ck_assert_int_eq(try_listen(PEER_IP, 81, NULL), TCP_ERR_ADDRESS);
    tcp_unlisten(&rig.host.tcp, l[0]);
    tcp_unlisten(&rig.host.tcp, l[1]);
    ck_assert_int_eq(try_listen(0, 80, &l[0]), TCP_OK);
    tcp_unlisten(&rig.host.tcp, l[0]);
}
END_TEST

/* requires: MUST-43 */
START_TEST(the_listener_of_the_very_address_comes_first)
{
    struct tcp_listener *any;
    struct tcp_listener *ours;
    ck_assert_int_eq(try_listen(0, SERVER_PORT, &any), TCP_OK);
    ck_assert_int_eq(try_listen(OUR_IP, SERVER_PORT, &ours), TCP_OK);
    struct peer p = peer_new();
    peer_send(&p, TCP_SYN, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    ck_assert_uint_eq(ours->half_open, 1);
    ck_assert_uint_eq(any->half_open, 0);
    tcp_unlisten(&rig.host.tcp, any);
    tcp_unlisten(&rig.host.tcp, ours);
    rig_flush();
}
END_TEST

/* requires: MUST-42 */
START_TEST(several_handshakes_go_on_at_once)
{
    struct peer p[3];
    for (unsigned i = 0; i < 3; i++) {
        p[i] = peer_new();
        p[i].port = (uint16_t)(PEER_PORT + i);
        half_open(&p[i]);
    }
    ck_assert_uint_eq(rig.listener->half_open, 3);
    for (unsigned i = 3; i-- > 0;) { /* and end in another order */
        peer_send(&p[i], TCP_ACK, 1, 1);
    }
    ck_assert_uint_eq(rig.app_count, 3);
    ck_assert_uint_eq(rig.listener->half_open, 0);
    ck_assert_uint_eq(rig.listener->open, 3);
}
END_TEST

START_TEST(the_backlog_is_a_limit)
{
    rig_restart(&(struct tcp_config){.syn_cookies = TCP_COOKIES_NEVER});
    rig_listen_with(2, 0, NULL);
    struct peer p[3];
    for (unsigned i = 0; i < 3; i++) {
        p[i] = peer_new();
        p[i].port = (uint16_t)(PEER_PORT + i);
    }
    half_open(&p[0]);
    half_open(&p[1]);
    peer_send(&p[2], TCP_SYN, 0, 0);
    expect_nothing(); /* the peer tries again */
    expect_drops(DROP_TCP_BACKLOG_FULL, 1);
    peer_send(&p[0], TCP_ACK, 1, 1); /* established ones do not count */
    half_open(&p[2]);
    peer_send(&p[2], TCP_ACK, 1, 1);
    ck_assert_uint_eq(rig.app_count, 2);
}
END_TEST

START_TEST(half_open_connections_that_end_make_room)
{
    rig_listen_with(1, 0, NULL);
    struct peer p = peer_new();
    half_open(&p);
    run_for(SEC(400)); /* nobody answers */
    discard_sent();
    ck_assert_uint_eq(rig.listener->half_open, 0);
    struct peer q = peer_new();
    q.port++;
    open_passive(&q);
}
END_TEST

START_TEST(the_number_open_is_a_limit)
{
    rig_listen_with(0, 1, NULL);
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    struct peer q = peer_new();
    q.port++;
    peer_send(&q, TCP_SYN, 0, 0);
    expect_nothing();
    expect_drops(DROP_TCP_BACKLOG_FULL, 1);
    app_abort(a);
    discard_sent();
    ck_assert_uint_eq(rig.listener->open, 0);
    open_passive(&q);
}
END_TEST

/* requires: 9293-3.10.1-1 */
START_TEST(no_block_left)
{
    rig_restart(&(struct tcp_config){.max_connections = 1});
    struct peer p = peer_new();
    open_passive(&p);
    struct peer q = peer_new();
    q.port++;
    peer_send(&q, TCP_SYN, 0, 0);
    expect_nothing();
    expect_drops(DROP_TCP_NO_MEMORY, 1);
    struct tcp_connect_args args = {.remote = {.addr = ip4_addr(PEER_IP), .port = 9},
                                    .events = &app_events};
    struct stream *s;
    ck_assert_int_eq(tcp_connect(&rig.host.tcp, &args, &s), TCP_ERR_RESOURCES);
    ck_assert_uint_eq(rig.listener->open, 1);
    ck_assert_uint_eq(rig.listener->half_open, 0);
}
END_TEST

START_TEST(unlisten_resets_what_is_half_open_only)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    struct peer q = peer_new();
    q.port++;
    half_open(&q);
    host_enter(&rig.host, rig.now);
    tcp_unlisten(&rig.host.tcp, rig.listener);
    rig.listener = NULL;
    rig_flush();
    expect(&q, TCP_RST | TCP_ACK, 1, 1, 0);
    expect_nothing();
    peer_data(&p, TCP_ACK, 1, 1, 10);
    expect_in(a, 10);
    peer_send(&q, TCP_SYN, 0, 0);
    expect(&q, TCP_RST | TCP_ACK, (uint32_t)0 - q.irs, 1, 0); /* seq 0 */
}
END_TEST

START_TEST(a_connection_that_nobody_takes_is_reset)
{
    rig.refuse = true;
    struct peer p = peer_new();
    half_open(&p);
    peer_send(&p, TCP_ACK, 1, 1);
    expect(&p, TCP_RST | TCP_ACK, 1, 1, 0);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
}
END_TEST

START_TEST(a_crowd_is_served)
{
    struct peer p = peer_new();
    rig_listen_with(300, 0, NULL);
    for (unsigned i = 0; i < 300; i++) {
        p = peer_new();
        p.port = (uint16_t)(PEER_PORT + i);
        peer_send(&p, TCP_SYN, 0, 0);
        expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
        peer_send(&p, TCP_RST, 1, 0);
    }
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    ck_assert_uint_eq(rig.host.tcp.connections.count, 0);
}
END_TEST

Suite *listener_suite(void);

Suite *listener_suite(void)
{
    Suite *s = suite_create("listener");
    TCase *tc = rig_case(s, "listener");
    ADD(tc, a_place_is_listened_at_once);
    ADD(tc, the_listener_of_the_very_address_comes_first);
    ADD(tc, several_handshakes_go_on_at_once);
    ADD(tc, the_backlog_is_a_limit);
    ADD(tc, half_open_connections_that_end_make_room);
    ADD(tc, the_number_open_is_a_limit);
    ADD(tc, no_block_left);
    ADD(tc, unlisten_resets_what_is_half_open_only);
    ADD(tc, a_connection_that_nobody_takes_is_reset);
    ADD(tc, a_crowd_is_served);
    return s;
}
