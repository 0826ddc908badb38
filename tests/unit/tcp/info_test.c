/* The snapshot of a connection. */
#include "stack/tcp/info.h"

#include "tests/unit/tcp/tcp_rig.h"

START_TEST(a_passive_connection_tells_its_handshake)
{
    struct peer p = peer_new();
    p.offer = (struct offer){.mss = 1400, .wscale = true, .shift = 2, .sack_ok = true, .ts = true};
    p.wnd = 5000;
    rig_listen(NULL);
    nsec t = rig.now;
    half_open(&p);
    run_for(MS(30));
    p.ts = true;
    peer_send(&p, TCP_ACK, 1, 1);
    struct tcp_info info = info_of(&rig.apps[0]);
    ck_assert_int_eq(info.state, TCP_ESTABLISHED);
    ck_assert(info.passive && info.ts_ok && info.sack_ok && info.wscale_ok);
    ck_assert_uint_eq(info.local.port, SERVER_PORT);
    ck_assert_uint_eq(info.remote.port, PEER_PORT);
    ck_assert_uint_eq(ip4_value(info.local.addr), OUR_IP);
    ck_assert_uint_eq(ip4_value(info.remote.addr), PEER_IP);
    ck_assert_uint_eq(info.iss, p.irs);
    ck_assert_uint_eq(info.irs, p.iss);
    ck_assert_int_eq(info.syn_at, t);
    ck_assert_int_eq(info.syn_ack_at, t);
    ck_assert_int_eq(info.ack_at, t + MS(30));
    ck_assert_uint_eq(info.syn_wnd, 5000);
    ck_assert_uint_eq(info.syn_ack_wnd, 65535);
    ck_assert_uint_eq(info.ack_wnd, 20000);
    ck_assert_uint_eq(info.mss_in, 1400);
    ck_assert_uint_eq(info.mss_out, 1460);
    ck_assert_uint_eq(info.snd_mss, 1388);
    ck_assert_uint_eq(info.snd_wscale, 2);
    ck_assert_uint_eq(info.rcv_wscale, 4);
    ck_assert_int_eq(info.srtt, MS(30));
    ck_assert_int_eq(info.rtt_min, MS(30));
    ck_assert_uint_eq(info.segments_in, 2);
    ck_assert_uint_eq(info.segments_out, 1);
}
END_TEST

START_TEST(an_active_connection_tells_its_handshake)
{
    struct peer p = peer_new();
    nsec t = rig.now;
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    run_for(MS(50));
    p.wnd = 777;
    peer_send(&p, TCP_SYN | TCP_ACK, 0, 1);
    expect(&p, TCP_ACK, 1, 1, 0);
    struct tcp_info info = info_of(a);
    ck_assert(!info.passive);
    ck_assert_int_eq(info.syn_at, t);
    ck_assert_int_eq(info.syn_ack_at, t + MS(50));
    ck_assert_int_eq(info.ack_at, t + MS(50));
    ck_assert_uint_eq(info.syn_wnd, 65535);
    ck_assert_uint_eq(info.syn_ack_wnd, 777);
    ck_assert_uint_eq(info.ack_wnd, 65535);
    ck_assert_uint_eq(info.snd_wnd, 777);
    ck_assert_int_eq(info.srtt, MS(50));
}
END_TEST

START_TEST(traffic_is_counted)
{
    rig.lazy = true;
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    peer_data(&p, TCP_ACK, 201, 1, 50);
    app_write(a, 2920);
    discard_sent();
    run_for(MS(1000)); /* one timeout at least */
    struct tcp_info info = info_of(a);
    ck_assert_uint_eq(info.bytes_in, 100);
    ck_assert_uint_eq(info.receive_queued, 100);
    ck_assert_uint_eq(info.out_of_order, 50);
    ck_assert_uint_eq(info.send_queued, 2920);
    ck_assert_uint_eq(info.bytes_out, 0);
    ck_assert_uint_ge(info.retransmitted, 1);
    ck_assert_uint_eq(info.snd_una, info.iss + 1);
    ck_assert_uint_eq(info.rcv_nxt, p.iss + 101);
    discard_sent();
    peer_send(&p, TCP_ACK, 101, 2921);
    info = info_of(a);
    ck_assert_uint_eq(info.bytes_out, 2920);
    ck_assert_uint_eq(info.in_flight, 0);
}
END_TEST

Suite *info_suite(void);

Suite *info_suite(void)
{
    Suite *s = suite_create("info");
    TCase *tc = rig_case(s, "info");
    ADD(tc, a_passive_connection_tells_its_handshake);
    ADD(tc, an_active_connection_tells_its_handshake);
    ADD(tc, traffic_is_counted);
    return s;
}
