/* TCP Fast Open (RFC 7413): what a cookie lets in, what it does not, and what a client does when it is no use. */
#include "stack/tcp/fast_open.h"

#include <string.h>

#include "stack/tcp/fast_open_paths.h"
#include "tests/unit/tcp/tcp_rig.h"

#define ECE 0x40U
#define CWR 0x80U

static const struct tcp_options on = {.fast_open = true, .no_delay = true};

/* A SYN with an MSS of 1460, `cookie_len` bytes of cookie (0: a request) and `len` bytes of the pattern. */
static void send_syn(const struct peer *p, const uint8_t *cookie, size_t cookie_len, size_t len)
{
    uint8_t options[40] = {2, 4, 0x05, 0xb4, 34, (uint8_t)(2 + cookie_len)};
    size_t n = 6 + cookie_len;
    uint8_t data[1460];
    if (cookie_len > 0) {
        memcpy(options + 6, cookie, cookie_len);
    }
    while (n % 4 != 0) {
        options[n++] = 1;
    }
    for (size_t i = 0; i < len; i++) {
        data[i] = pattern(i);
    }
    struct raw r = raw_with_options(p, TCP_SYN, 0, 0, options, n, data, len);
    raw_send(&r);
}

/* The cookie that the host gives to the peer, of whom nothing is left. */
static struct wire get_cookie(void)
{
    struct peer p = peer_new();
    p.port = (uint16_t)(PEER_PORT - 1);
    send_syn(&p, NULL, 0, 0);
    struct wire w = expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    ck_assert(w.has_cookie);
    ck_assert_uint_eq(w.cookie_len, 8);
    peer_send(&p, TCP_RST, 1, 0);
    return w;
}

static struct wire listen_and_get_cookie(void)
{
    rig_listen(&on);
    return get_cookie();
}

/* SYN with a good cookie and `len` bytes, and the SYN-ACK of both. */
static struct app *open_early(struct peer *p, const struct wire *cookie, size_t len)
{
    unsigned before = rig.app_count;
    send_syn(p, cookie->cookie, cookie->cookie_len, len);
    struct wire w = expect(p, TCP_SYN | TCP_ACK, 0, (uint32_t)(1 + len), 0);
    ck_assert(!w.has_cookie);
    ck_assert_uint_eq(rig.app_count, before + 1);
    struct app *a = &rig.apps[before];
    ck_assert_int_eq(state_of(a), TCP_SYN_RCVD);
    return a;
}

/* tcp_totals.fast_open, of those that are not named in between: nothing. */
static void expect_counts(unsigned side, uint64_t (*want)[FAST_OPENS])
{
    for (unsigned i = 0; i < FAST_OPENS; i++) {
        ck_assert_msg(rig.host.tcp.totals.fast_open[side][i] == (*want)[i], "%s: %u, not %u",
                      fast_open_name((enum fast_open)i),
                      (unsigned)rig.host.tcp.totals.fast_open[side][i], (unsigned)(*want)[i]);
    }
}

#define AS_CLIENT 0
#define AS_SERVER 1

/* ---- the server ---- */

/* requires: 7413-4.2.2-4, 7413-4.2.2-5, 7413-4.2.2-6 */
START_TEST(the_application_has_the_data_before_the_handshake_is_over)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    struct app *a = open_early(&p, &cookie, 500);
    expect_log(a, "aor");
    expect_in(a, 500);
    app_write(a, 100);
    expect(&p, TCP_ACK | TCP_PSH, 1, 501, 100);
    ck_assert_uint_eq(rig.listener->half_open, 1);
    ck_assert_uint_eq(rig.listener->fast_open.pending, 1);
    run_for(MS(30));
    peer_send(&p, TCP_ACK, 501, 101);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    ck_assert_uint_eq(rig.listener->half_open, 0);
    ck_assert_uint_eq(rig.listener->fast_open.pending, 0);
    struct tcp_info i = info_of(a);
    ck_assert_int_eq(i.srtt, MS(30));
    ck_assert_uint_eq(i.bytes_in, 500);
    ck_assert_uint_eq(i.bytes_out, 100);
    peer_data(&p, TCP_ACK | TCP_PSH, 501, 101, 500);
    expect_in(a, 1000);
    expect_log(a, "aor"); /* nothing is told twice */
}
END_TEST

/* The client's SYN that goes again asks for nothing, and gets no option that it has not. */
START_TEST(a_cookie_is_given_once)
{
    rig_listen(&on);
    struct peer p = peer_new();
    send_syn(&p, NULL, 0, 0);
    ck_assert(expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0).has_cookie);
    run_for(MS(100));
    peer_send(&p, TCP_SYN, 0, 0);
    ck_assert(!expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0).has_cookie);
    ck_assert_uint_eq(rig.host.tcp.totals.fast_open[AS_SERVER][FAST_OPEN_GIVEN], 1);
}
END_TEST

/* A good cookie alone lets the server speak first. */
START_TEST(a_cookie_without_data)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    struct app *a = open_early(&p, &cookie, 0);
    expect_log(a, "ao");
    app_write(a, 10);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1, 10);
    peer_send(&p, TCP_ACK, 1, 11);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
}
END_TEST

/* requires: 7413-4.1.2-1, 7413-4.1.2-2 */
START_TEST(each_part_of_a_cookie_counts)
{
    struct tcp *t = &rig.host.tcp;
    struct ip_addr client = ip4_addr(PEER_IP);
    struct ip_addr server = ip4_addr(OUR_IP);
    struct fast_open_cookie c[5];
    fast_open_make_cookie(t, client, server, SEC(3600), &c[0]);
    fast_open_make_cookie(t, ip4_addr(PEER_IP + 1), server, SEC(3600), &c[1]);
    fast_open_make_cookie(t, client, ip4_addr(OUR_IP + 1), SEC(3600), &c[2]);
    fast_open_make_cookie(t, client, server, SEC(7200), &c[3]);
    t->cookie_key.k1 ^= 1;
    fast_open_make_cookie(t, client, server, SEC(3600), &c[4]);
    for (unsigned i = 0; i < COUNT_OF(c); i++) {
        ck_assert_uint_eq(c[i].len, 8);
        for (unsigned k = 0; k < i; k++) {
            ck_assert_mem_ne(c[i].bytes, c[k].bytes, 8);
        }
    }
    t->cookie_key.k1 ^= 1;
    fast_open_make_cookie(t, client, server, SEC(7199), &c[1]);
    ck_assert_mem_eq(c[0].bytes, c[1].bytes, 8);
}
END_TEST

/* requires: 7413-4.1.2-1, 7413-4.1.2-2, 7413-4.2.2-3 */
START_TEST(no_other_cookie_is_believed)
{
    struct wire cookie = listen_and_get_cookie();
    for (unsigned bit = 0; bit < 64; bit++) {
        struct peer p = peer_new();
        uint8_t wrong[8];
        memcpy(wrong, cookie.cookie, sizeof wrong);
        wrong[bit / 8] ^= (uint8_t)(1U << bit % 8);
        send_syn(&p, wrong, sizeof wrong, 100);
        struct wire w = expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
        ck_assert(w.has_cookie);
        ck_assert_mem_eq(w.cookie, cookie.cookie, 8);
        peer_send(&p, TCP_RST, 1, 0);
    }
    ck_assert_uint_eq(rig.app_count, 0);
    expect_drops(DROP_TCP_SYN_DATA, 64);
    struct peer p = peer_new();
    uint8_t longer[10] = {0};
    memcpy(longer, cookie.cookie, 8);
    send_syn(&p, longer, sizeof longer, 100);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    expect_drops(DROP_TCP_SYN_DATA, 65);
    expect_counts(AS_SERVER,
                  &(uint64_t[FAST_OPENS]){[FAST_OPEN_GIVEN] = 66, [FAST_OPEN_INVALID] = 65});
}
END_TEST

/* The hour changed at 3600 s and changes at 7200 s; the rig begins at 5000 s.
 * requires: 7413-4.1.2-3 */
START_TEST(a_cookie_is_good_for_an_hour_and_bad_after_two)
{
    struct wire cookie = listen_and_get_cookie();
    run_to(SEC(7201));
    struct peer p = peer_new();
    send_syn(&p, cookie.cookie, 8, 100);
    struct wire w = expect(&p, TCP_SYN | TCP_ACK, 0, 101, 0);
    ck_assert(w.has_cookie); /* the one of this hour */
    ck_assert_mem_ne(w.cookie, cookie.cookie, 8);
    app_abort(&rig.apps[0]);
    discard_sent();
    run_to(SEC(10801));
    p = peer_new();
    p.port++;
    struct peer q = peer_new();
    send_syn(&p, cookie.cookie, 8, 100);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    q.port += 2;
    send_syn(&q, w.cookie, 8, 100);
    expect(&q, TCP_SYN | TCP_ACK, 0, 101, 0);
}
END_TEST

/* requires: 7413-4.2.2-7 */
START_TEST(an_initial_window_goes_and_no_more)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    p.wnd = 65535;
    struct app *a = open_early(&p, &cookie, 100);
    app_write(a, 50000);
    for (uint32_t k = 0; k < 10; k++) { /* RFC 6928 2 */
        expect(&p, TCP_ACK, 1 + 1460 * k, 101, 1460);
    }
    expect_nothing();
    peer_send(&p, TCP_ACK, 101, 14601);
    ck_assert_uint_ge(rig.sent_count - rig.taken, 11); /* slow start goes on from there */
}
END_TEST

START_TEST(the_peers_window_holds)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    p.wnd = 1000;
    struct app *a = open_early(&p, &cookie, 100);
    app_write(a, 5000);
    expect(&p, TCP_ACK, 1, 101, 999); /* the SYN counts until it is acknowledged */
    expect_nothing();
}
END_TEST

START_TEST(data_beyond_our_window_is_left)
{
    struct tcp_options small = on;
    small.receive_buffer = 400;
    rig.lazy = true;
    rig_listen(&small);
    struct wire cookie = get_cookie();
    struct peer p = peer_new();
    send_syn(&p, cookie.cookie, 8, 500);
    struct wire w = expect(&p, TCP_SYN | TCP_ACK, 0, 401, 0);
    ck_assert_uint_eq(w.wnd, 0); /* 400 wait for the application */
    app_read(&rig.apps[0], 400);
    expect_in(&rig.apps[0], 400);
}
END_TEST

/* requires: 7413-5.1-1, 7413-4.2-2, 7413-4.2.2-2 */
START_TEST(so_many_may_wait_for_the_end_of_their_handshake)
{
    struct wire cookie = listen_and_get_cookie();
    rig.listener->fast_open.max = 2;
    struct peer p[3] = {peer_new(), peer_new(), peer_new()};
    p[1].port++;
    p[2].port += 2;
    open_early(&p[0], &cookie, 10);
    open_early(&p[1], &cookie, 10);
    send_syn(&p[2], cookie.cookie, 8, 10);
    struct wire w = expect(&p[2], TCP_SYN | TCP_ACK, 0, 1, 0);
    ck_assert(!w.has_cookie);
    peer_send(&p[2], TCP_ACK, 1, 1);
    ck_assert_int_eq(state_of(&rig.apps[2]), TCP_ESTABLISHED);
    peer_send(&p[0], TCP_ACK, 11, 1);
    ck_assert_uint_eq(rig.listener->fast_open.pending, 1);
    app_abort(&rig.apps[1]); /* its application gives it up */
    ck_assert_uint_eq(rig.listener->fast_open.pending, 0);
    expect_counts(AS_SERVER,
                  &(uint64_t[FAST_OPENS]){
                      [FAST_OPEN_GIVEN] = 1, [FAST_OPEN_ACCEPTED] = 2, [FAST_OPEN_FULL] = 1});
    expect_counts(AS_CLIENT, &(uint64_t[FAST_OPENS]){0});
}
END_TEST

/* requires: 7413-5.1-2 */
START_TEST(a_reset_keeps_its_place_for_a_while)
{
    struct wire cookie = listen_and_get_cookie();
    rig.listener->fast_open.max = 2;
    for (unsigned k = 0; k < 2; k++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + k);
        struct app *a = open_early(&p, &cookie, 10);
        peer_send(&p, TCP_RST, 11, 0);
        expect_log(a, "aorc");
        ck_assert_int_eq(a->reason, CLOSE_RESET);
        run_for(SEC(1));
    }
    ck_assert_uint_eq(rig.listener->fast_open.pending, 0);
    struct peer p = peer_new();
    run_for(SEC(57));
    send_syn(&p, cookie.cookie, 8, 10);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    peer_send(&p, TCP_RST, 1, 0);
    run_for(SEC(62)); /* two minutes after them */
    p = peer_new();
    open_early(&p, &cookie, 10);
}
END_TEST

START_TEST(the_end_of_time_is_told)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    struct app *a = open_early(&p, &cookie, 10);
    app_write(a, 100);
    run_for(SEC(191));
    expect_log(a, "aorc");
    ck_assert_int_eq(a->reason, CLOSE_TIMEOUT);
    while (rig.sent_count - rig.taken > 1) {
        take_segment(__LINE__);
    }
    expect(&p, TCP_RST | TCP_ACK, 101, 11, 0);
}
END_TEST

START_TEST(a_hard_error_is_told)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    struct app *a = open_early(&p, &cookie, 10);
    peer_icmp(&p, 3, 3, 0, 0);
    expect_log(a, "aorc");
    ck_assert_int_eq(a->reason, CLOSE_UNREACHABLE);
}
END_TEST

/* RFC 5961 4.2: the application has it, so that it is not given up for a SYN that anybody may have sent. */
START_TEST(a_strange_syn_is_challenged)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    struct app *a = open_early(&p, &cookie, 10);
    peer_send(&p, TCP_SYN, 1000, 0);
    expect(&p, TCP_ACK, 1, 11, 0);
    ck_assert_int_eq(state_of(a), TCP_SYN_RCVD);
    peer_send(&p, TCP_ACK, 11, 1);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
}
END_TEST

START_TEST(who_stops_listening_keeps_what_it_has)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    struct app *a = open_early(&p, &cookie, 10);
    host_enter(&rig.host, rig.now);
    tcp_unlisten(&rig.host.tcp, rig.listener);
    rig.listener = NULL;
    rig_flush();
    expect_nothing();
    peer_send(&p, TCP_ACK, 11, 1);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
}
END_TEST

START_TEST(an_application_that_aborts_at_once)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    rig.abort_in = 'r';
    send_syn(&p, cookie.cookie, 8, 10);
    struct wire w = take_segment(__LINE__);
    ck_assert_uint_eq(w.flags, TCP_RST | TCP_ACK);
    ck_assert_uint_eq(w.ack, p.iss + 11);
    expect_nothing();
}
END_TEST

START_TEST(nobody_takes_it)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    rig.refuse = true;
    send_syn(&p, cookie.cookie, 8, 10);
    ck_assert_uint_eq(take_segment(__LINE__).flags, TCP_RST | TCP_ACK);
}
END_TEST

/* What keeps nothing of a SYN keeps no data of it. */
START_TEST(not_beside_syn_cookies)
{
    struct wire cookie = listen_and_get_cookie();
    rig.host.tcp.config.syn_cookies = TCP_COOKIES_ALWAYS;
    struct peer p = peer_new();
    send_syn(&p, cookie.cookie, 8, 10);
    struct wire w = expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    ck_assert(!w.has_cookie);
    ck_assert_uint_eq(rig.app_count, 0);
    expect_drops(DROP_TCP_SYN_DATA, 1);
}
END_TEST

/* The SYN is answered by a SYN cookie, and comes again once there is room: the client may answer either SYN-ACK, and has one
 * connection, whose data comes once. */
START_TEST(not_while_a_syn_cookie_is_out)
{
    rig_listen_with(1, 0, &on);
    struct wire cookie = get_cookie();
    struct peer other = peer_new();
    other.port++;
    peer_send(&other, TCP_SYN, 0, 0);
    expect(&other, TCP_SYN | TCP_ACK, 0, 1, 0);
    struct peer p = peer_new();
    send_syn(&p, cookie.cookie, 8, 10);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    peer_send(&other, TCP_RST, 1, 0);
    struct peer again = peer_new();
    send_syn(&again, cookie.cookie, 8, 10);
    expect(&again, TCP_SYN | TCP_ACK, 0, 1, 0);
    ck_assert_uint_eq(rig.app_count, 0);
    peer_data(&p, TCP_ACK | TCP_PSH, 1, 1, 10);
    ck_assert_uint_eq(rig.app_count, 1);
    expect_log(&rig.apps[0], "aor");
    expect_in(&rig.apps[0], 10);
}
END_TEST

/* An early connection acknowledges more than its SYN in the ACK that ends its handshake, while SYN cookies are out. */
START_TEST(an_ack_of_more_than_the_syn_is_no_syn_cookie)
{
    struct wire cookie = listen_and_get_cookie();
    struct peer p = peer_new();
    struct app *a = open_early(&p, &cookie, 10);
    app_write(a, 5000);
    discard_sent();
    rig.listener->cookies_until = NEVER;
    for (uint32_t k = 1; k < 1400; k++) {
        peer_send(&p, TCP_ACK, 11, 1 + k);
    }
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    expect_drops(DROP_TCP_COOKIE_AHEAD, 0);
}
END_TEST

/* requires: 7413-4.2-1 */
START_TEST(by_the_hosts_setting)
{
    rig_restart(&(struct tcp_config){.fast_open = TCP_FAST_OPEN_CLIENT});
    rig_listen(NULL);
    struct peer p = peer_new();
    send_syn(&p, NULL, 0, 0);
    ck_assert(!expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0).has_cookie);
    rig_restart(&(struct tcp_config){.fast_open = TCP_FAST_OPEN_SERVER});
    rig_listen(NULL);
    get_cookie();
}
END_TEST

/* 4 + 2 + 10 + 4 bytes of the usual options, 10 of a cookie: of RFC 9768's 11 bytes there is room for two counters.
 * requires: 7413-4.1.1-3 */
START_TEST(the_cookie_goes_before_counters_of_marks)
{
    static const uint8_t options[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0,  9,
                                      0, 0, 0, 0,    1, 3, 3, 7,  1, 1, 34, 2};
    rig_listen(&on);
    struct peer p = peer_new();
    struct raw r =
        raw_with_options(&p, TCP_SYN | ECE | CWR, 0, 0, options, sizeof options, NULL, 0);
    r.b[12] |= 1; /* AE */
    raw_fix(&r);
    raw_send(&r);
    struct wire w = expect(&p, TCP_SYN | TCP_ACK | CWR, 0, 1, 0);
    ck_assert(w.has_cookie && w.has_mss && w.has_sack_ok && w.has_ts && w.has_wscale);
    ck_assert_uint_eq(w.cookie_len, 8);
    ck_assert(w.has_accecn);
    ck_assert_uint_eq(w.accecn_len, 6);
    ck_assert_uint_eq(w.options_len, 40);
}
END_TEST

/* ---- the client ---- */

static const uint8_t given[] = {0x10, 0x20, 0x30, 0x40, 0x50, 0x60};

/* SYN-ACK of `ack` with the options given. */
static void answer_syn(struct peer *p, uint32_t ack, const void *options, size_t len)
{
    struct raw r = raw_with_options(p, TCP_SYN | TCP_ACK, 0, ack, options, len, NULL, 0);
    raw_send(&r);
}

static const uint8_t with_cookie[] = {2, 4, 0x03, 0xe8, 34, 8, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60};
static const uint8_t bare[] = {2, 4, 0x03, 0xe8};

/* The host gets the cookie `given`, and an MSS of 1000. */
static void learn(void)
{
    struct peer p = peer_new();
    struct app *a = app_connect_with(&p, &on, 100);
    struct wire w = expect(&p, TCP_SYN, 0, 0, 0); /* no data beside a request */
    ck_assert(w.has_cookie);
    ck_assert_uint_eq(w.cookie_len, 0);
    answer_syn(&p, 1, with_cookie, sizeof with_cookie);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1, 100);
    app_abort(a);
    discard_sent();
}

/* A SYN with the cookie and data. */
static struct wire expect_early(struct peer *p, size_t len)
{
    struct wire w = expect(p, TCP_SYN, 0, 0, len);
    ck_assert(w.has_cookie);
    ck_assert_uint_eq(w.cookie_len, sizeof given);
    ck_assert_mem_eq(w.cookie, given, sizeof given);
    for (size_t i = 0; i < len; i++) {
        ck_assert_uint_eq(w.data[i], pattern(i));
    }
    return w;
}

static void expect_plain(struct peer *p)
{
    ck_assert(!expect(p, TCP_SYN, 0, 0, 0).has_cookie);
}

/* requires: 7413-4.1.3-1, 7413-4.1.3-2, 7413-4.2.1-1, 7413-4.2.2-9, 7413-4.2.2-12 */
START_TEST(the_second_time_the_data_is_in_the_syn)
{
    learn();
    struct peer p = peer_new();
    struct app *a = app_connect_with(&p, &on, 3000);
    expect_early(&p, 1000 - 28); /* 4 + 2 + 10 + 4 + 8 bytes of options */
    run_for(MS(20));
    answer_syn(&p, 973, bare, sizeof bare);
    expect(&p, TCP_ACK, 973, 1, 1000);
    expect(&p, pushed(1, 3, 2), 1973, 1, 1000);
    expect(&p, TCP_ACK | TCP_PSH, 2973, 1, 28);
    expect_log(a, "o");
    struct tcp_info i = info_of(a);
    ck_assert_int_eq(i.srtt, MS(20));
    ck_assert_uint_eq(i.retransmitted, 0);
    expect_counts(AS_CLIENT, &(uint64_t[FAST_OPENS]){[FAST_OPEN_ASKED] = 1,
                                                     [FAST_OPEN_LEARNT] = 1,
                                                     [FAST_OPEN_SENT] = 1,
                                                     [FAST_OPEN_ACCEPTED] = 1});
    expect_counts(AS_SERVER, &(uint64_t[FAST_OPENS]){0});
}
END_TEST

/* … also when it comes without a cookie; a cookie that cannot be is none (4.1.1).
 * requires: 7413-4.1.3-2, 7413-4.1.1-2, 7413-4.2.2-9 */
START_TEST(the_latest_mss_counts)
{
    static const uint8_t smaller[] = {2, 4, 0x02, 0xbc, 34, 4, 0x11, 0x22};
    learn();
    struct peer p = peer_new();
    struct app *a = app_connect_with(&p, &on, 500);
    expect_early(&p, 500);
    answer_syn(&p, 501, smaller, sizeof smaller);
    expect(&p, TCP_ACK, 501, 1, 0);
    app_abort(a);
    discard_sent();
    p = peer_new();
    app_connect_with(&p, &on, 3000);
    expect_early(&p, 700 - 28);
}
END_TEST

/* RFC 9293 MUST-15, as the peer announced nothing.
 * requires: 7413-4.1.3-2 */
START_TEST(without_an_mss_of_the_peers_536_bytes)
{
    struct peer p = peer_new();
    struct app *a = app_connect_with(&p, &on, 10);
    expect(&p, TCP_SYN, 0, 0, 0);
    answer_syn(&p, 1, with_cookie + 4, 8);
    app_abort(a);
    discard_sent();
    p = peer_new();
    app_connect_with(&p, &on, 3000);
    expect_early(&p, 536 - 28);
}
END_TEST

/* requires: 7413-4.2.2-10 */
START_TEST(what_was_not_taken_goes_again_at_once)
{
    learn();
    struct peer p = peer_new();
    struct app *a = app_connect_with(&p, &on, 900);
    expect_early(&p, 900);
    run_for(MS(20));
    answer_syn(&p, 1, with_cookie, sizeof with_cookie);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1, 900);
    ck_assert_uint_eq(info_of(a).cwnd, 10000); /* no loss (RFC 6928) */
    peer_send(&p, TCP_ACK, 1, 901);
    ck_assert_uint_eq(info_of(a).in_flight, 0);
    app_abort(a);
    discard_sent();
    p = peer_new();
    app_connect_with(&p, &on, 900);
    expect_early(&p, 900); /* it had given a cookie: no reason to stop */
    answer_syn(&p, 301, bare, sizeof bare);
    expect(&p, TCP_ACK | TCP_PSH, 301, 1, 600);
}
END_TEST

/* The SYN's data went without a window; what goes again has to lie in it. */
START_TEST(what_goes_again_lies_in_the_window)
{
    learn();
    struct peer p = peer_new();
    p.wnd = 300;
    app_connect_with(&p, &on, 900);
    expect_early(&p, 900);
    answer_syn(&p, 1, bare, sizeof bare);
    expect(&p, TCP_ACK, 1, 1, 300);
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 301);
    expect(&p, TCP_ACK, 301, 1, 300);
    expect_nothing();
    p.wnd = 0;
    peer_send(&p, TCP_ACK, 1, 601);
    expect_nothing();
    p.wnd = 1000;
    peer_send(&p, TCP_ACK, 1, 601);
    expect(&p, TCP_ACK | TCP_PSH, 601, 1, 300);
}
END_TEST

/* requires: 7413-4.1.3.1-1, 7413-4.1.3.1-2 */
START_TEST(a_server_that_does_not_want_it_is_left_alone)
{
    learn();
    struct peer p = peer_new();
    struct app *a = app_connect_with(&p, &on, 900);
    expect_early(&p, 900);
    answer_syn(&p, 1, bare, sizeof bare);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1, 900);
    app_abort(a);
    discard_sent();
    run_for(SEC(59));
    p = peer_new();
    a = app_connect_with(&p, &on, 900);
    expect_plain(&p);
    app_abort(a);
    p = peer_new();
    p.port++; /* another of its ports */
    a = app_connect_with(&p, &on, 900);
    expect_early(&p, 900);
    app_abort(a);
    discard_sent();
    run_for(SEC(2));
    p = peer_new();
    app_connect_with(&p, &on, 900);
    expect_early(&p, 900);
}
END_TEST

/* requires: 7413-4.1.3.1-1, 7413-4.2.2-11 */
START_TEST(no_answer)
{
    learn();
    for (nsec pause = SEC(60); pause <= SEC(240); pause *= 2) {
        struct peer p = peer_new();
        struct app *a = app_connect_with(&p, &on, 900);
        expect_early(&p, 900);
        run_for(SEC(1) + WHEEL_LATE);
        expect_plain(&p);
        run_for(SEC(2) + WHEEL_LATE);
        expect_plain(&p);
        answer_syn(&p, 1, bare, sizeof bare);
        expect(&p, TCP_ACK | TCP_PSH, 1, 1, 900);
        app_abort(a);
        discard_sent();
        run_for(pause - SEC(4)); /* it began with the first timeout */
        p = peer_new();
        a = app_connect_with(&p, &on, 900);
        expect_plain(&p);
        app_abort(a);
        discard_sent();
        run_for(SEC(3));
    }
    expect_counts(AS_CLIENT, &(uint64_t[FAST_OPENS]){[FAST_OPEN_ASKED] = 1,
                                                     [FAST_OPEN_LEARNT] = 1,
                                                     [FAST_OPEN_SENT] = 3,
                                                     [FAST_OPEN_UNHEARD] = 3,
                                                     [FAST_OPEN_IGNORED] = 3,
                                                     [FAST_OPEN_PAUSED] = 3});
}
END_TEST

/* What answers the SYN without the option says nothing of the one with it, whose failure counts once. */
START_TEST(a_failure_counts_once)
{
    learn();
    for (unsigned i = 0; i < 2; i++) {
        struct peer p = peer_new();
        app_connect_with(&p, &on, 900);
        expect_early(&p, 900);
        run_for(SEC(1) + WHEEL_LATE);
        expect_plain(&p);
        if (i == 0) {
            peer_send(&p, TCP_RST | TCP_ACK, 0, 1);
        } else {
            peer_icmp(&p, 3, 3, 0, 0);
        }
        ck_assert_uint_eq(rig.host.tcp.totals.fast_open[AS_CLIENT][FAST_OPEN_UNHEARD], i + 1);
        run_for(SEC(60));
        p = peer_new();
        struct app *a = app_connect_with(&p, &on, 900);
        expect_early(&p, 900);
        answer_syn(&p, 901, bare, sizeof bare);
        app_abort(a);
        discard_sent();
    }
}
END_TEST

/* The SYN was only late: what the server has taken is not sent again, and the way is good after all. */
START_TEST(a_late_answer)
{
    learn();
    struct peer p = peer_new();
    struct app *a = app_connect_with(&p, &on, 900);
    expect_early(&p, 900);
    run_for(SEC(1) + WHEEL_LATE);
    expect_plain(&p);
    answer_syn(&p, 901, bare, sizeof bare);
    expect(&p, TCP_ACK, 901, 1, 0);
    ck_assert_uint_eq(info_of(a).in_flight, 0);
    app_abort(a);
    discard_sent();
    p = peer_new();
    app_connect_with(&p, &on, 900);
    expect_early(&p, 900);
}
END_TEST

/* A cookie shows that the SYN with the option has come after all. */
START_TEST(a_late_cookie)
{
    struct peer p = peer_new();
    struct app *a = app_connect_with(&p, &on, 900);
    expect(&p, TCP_SYN, 0, 0, 0);
    run_for(SEC(1) + WHEEL_LATE);
    expect_plain(&p);
    answer_syn(&p, 1, with_cookie, sizeof with_cookie);
    app_abort(a);
    discard_sent();
    p = peer_new();
    app_connect_with(&p, &on, 900);
    expect_early(&p, 900);
}
END_TEST

/* Nobody answers a request: the SYN goes again without it, and the next ones do from the start.
 * requires: 7413-4.2.1-4, 7413-4.2.1-5 */
START_TEST(a_request_without_an_answer)
{
    struct peer p = peer_new();
    struct app *a = app_connect_with(&p, &on, 900);
    ck_assert(expect(&p, TCP_SYN, 0, 0, 0).has_cookie);
    run_for(SEC(1) + WHEEL_LATE);
    expect_plain(&p);
    answer_syn(&p, 1, bare, sizeof bare);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1, 900);
    app_abort(a);
    discard_sent();
    run_for(SEC(58));
    p = peer_new();
    a = app_connect_with(&p, &on, 900);
    expect_plain(&p);
    app_abort(a);
    run_for(SEC(2));
    p = peer_new();
    app_connect_with(&p, &on, 900);
    ck_assert(expect(&p, TCP_SYN, 0, 0, 0).has_cookie);
}
END_TEST

/* requires: 7413-4.1.3.1-1 */
START_TEST(an_error_counts_as_an_answer)
{
    learn();
    struct peer p = peer_new();
    app_connect_with(&p, &on, 900);
    expect_early(&p, 900);
    peer_icmp(&p, 3, 3, 0, 0);
    p = peer_new();
    app_connect_with(&p, &on, 900);
    expect_plain(&p);
}
END_TEST

/* RFC 1191: the SYN goes again at once, and nothing is known of the data. */
START_TEST(a_path_that_does_not_take_so_much)
{
    learn();
    struct peer p = peer_new();
    struct app *a = app_connect_with(&p, &on, 900);
    expect_early(&p, 900);
    peer_icmp(&p, 3, 4, 0, 600);
    expect_plain(&p);
    answer_syn(&p, 1, bare, sizeof bare);
    expect(&p, TCP_ACK, 1, 1, 560);
    expect(&p, TCP_ACK | TCP_PSH, 561, 1, 340);
    app_abort(a);
}
END_TEST

START_TEST(off_means_off)
{
    learn();
    struct peer p = peer_new();
    app_connect_with(&p, NULL, 900);
    expect_plain(&p);
}
END_TEST

START_TEST(every_connection_by_the_hosts_setting)
{
    rig_restart(&(struct tcp_config){.fast_open = TCP_FAST_OPEN_CLIENT});
    struct peer p = peer_new();
    app_connect(&p, NULL);
    ck_assert(expect(&p, TCP_SYN, 0, 0, 0).has_cookie);
}
END_TEST

/* requires: 7413-4.2.1-2 */
START_TEST(a_cookie_that_nobody_asked_for)
{
    struct peer p = peer_new();
    struct fast_open_cookie c;
    uint16_t mss;
    app_connect(&p, NULL);
    expect_plain(&p);
    answer_syn(&p, 1, with_cookie, sizeof with_cookie);
    ck_assert(!fast_open_cookie_find(&rig.host.tcp, ip4_addr(OUR_IP), ip4_addr(PEER_IP), &c, &mss));
    discard_sent();
    p = peer_new(); /* nor one in an answer to another SYN */
    p.port++;
    app_connect(&p, &on);
    expect(&p, TCP_SYN, 0, 0, 0);
    answer_syn(&p, 2, with_cookie, sizeof with_cookie);
    ck_assert(!fast_open_cookie_find(&rig.host.tcp, ip4_addr(OUR_IP), ip4_addr(PEER_IP), &c, &mss));
}
END_TEST

/* ---- what is remembered ---- */

/* requires: 7413-4.1.3-1 */
START_TEST(a_cookie_for_each_pair_and_so_many_at_the_most)
{
    struct tcp *t = &rig.host.tcp;
    struct ip_addr us = ip4_addr(OUR_IP);
    struct fast_open_cookie c = {.len = 4};
    struct fast_open_cookie found;
    uint16_t mss;
    for (unsigned k = 0; k < FAST_OPEN_PATHS; k++) {
        c.bytes[0] = (uint8_t)k;
        fast_open_cookie_keep(t, us, ip4_addr(PEER_IP + k), &c, (uint16_t)(1000 + k));
    }
    ck_assert(fast_open_cookie_find(t, us, ip4_addr(PEER_IP), &found, &mss)); /* used just now */
    ck_assert_uint_eq(mss, 1000);
    ck_assert(!fast_open_cookie_find(t, ip4_addr(OUR_IP + 1), ip4_addr(PEER_IP), &found, &mss));
    c.bytes[0] = 77;
    fast_open_cookie_keep(t, us, ip4_addr(PEER_IP + 1000), &c, 500);
    ck_assert(!fast_open_cookie_find(t, us, ip4_addr(PEER_IP + 1), &found, &mss)); /* the oldest */
    ck_assert(fast_open_cookie_find(t, us, ip4_addr(PEER_IP), &found, &mss));
    ck_assert(fast_open_cookie_find(t, us, ip4_addr(PEER_IP + 1000), &found, &mss));
    ck_assert_uint_eq(found.bytes[0], 77);
    fast_open_cookie_keep(t, us, ip4_addr(PEER_IP + 1000), &c, 600);
    ck_assert(fast_open_cookie_find(t, us, ip4_addr(PEER_IP + 1000), &found, &mss));
    ck_assert_uint_eq(mss, 600);
    ck_assert_uint_eq(t->fast_open_pool.in_use, FAST_OPEN_PATHS);
}
END_TEST

START_TEST(a_pause_has_a_longest)
{
    struct tcp *t = &rig.host.tcp;
    struct tcp_tuple way = {.local = {ip4_addr(OUR_IP), 1000}, .remote = {ip4_addr(PEER_IP), 80}};
    for (unsigned k = 0; k < 300; k++) {
        fast_open_pause(t, &way, 0);
    }
    ck_assert(fast_open_paused(t, &way, SEC(3839)));
    ck_assert(!fast_open_paused(t, &way, SEC(3840))); /* 60 s doubled six times */
    fast_open_resume(t, &way);
    ck_assert(!fast_open_paused(t, &way, 0));
    fast_open_pause(t, &way, 0);
    ck_assert(!fast_open_paused(t, &way, SEC(60)));
    ck_assert_uint_eq(t->fast_open_pool.in_use, 1);
}
END_TEST

Suite *fast_open_suite(void);

Suite *fast_open_suite(void)
{
    Suite *s = suite_create("fast_open");
    TCase *server = rig_case(s, "server");
    ADD(server, the_application_has_the_data_before_the_handshake_is_over);
    ADD(server, a_cookie_is_given_once);
    ADD(server, a_cookie_without_data);
    ADD(server, each_part_of_a_cookie_counts);
    ADD(server, no_other_cookie_is_believed);
    ADD(server, a_cookie_is_good_for_an_hour_and_bad_after_two);
    ADD(server, an_initial_window_goes_and_no_more);
    ADD(server, the_peers_window_holds);
    ADD(server, data_beyond_our_window_is_left);
    ADD(server, so_many_may_wait_for_the_end_of_their_handshake);
    ADD(server, a_reset_keeps_its_place_for_a_while);
    ADD(server, the_end_of_time_is_told);
    ADD(server, a_hard_error_is_told);
    ADD(server, a_strange_syn_is_challenged);
    ADD(server, who_stops_listening_keeps_what_it_has);
    ADD(server, an_application_that_aborts_at_once);
    ADD(server, nobody_takes_it);
    ADD(server, not_beside_syn_cookies);
    ADD(server, not_while_a_syn_cookie_is_out);
    ADD(server, an_ack_of_more_than_the_syn_is_no_syn_cookie);
    ADD(server, by_the_hosts_setting);
    ADD(server, the_cookie_goes_before_counters_of_marks);
    TCase *client = rig_case(s, "client");
    ADD(client, the_second_time_the_data_is_in_the_syn);
    ADD(client, the_latest_mss_counts);
    ADD(client, without_an_mss_of_the_peers_536_bytes);
    ADD(client, what_was_not_taken_goes_again_at_once);
    ADD(client, what_goes_again_lies_in_the_window);
    ADD(client, a_server_that_does_not_want_it_is_left_alone);
    ADD(client, no_answer);
    ADD(client, a_failure_counts_once);
    ADD(client, a_late_answer);
    ADD(client, a_late_cookie);
    ADD(client, a_request_without_an_answer);
    ADD(client, an_error_counts_as_an_answer);
    ADD(client, a_path_that_does_not_take_so_much);
    ADD(client, off_means_off);
    ADD(client, every_connection_by_the_hosts_setting);
    ADD(client, a_cookie_that_nobody_asked_for);
    TCase *paths = rig_case(s, "paths");
    ADD(paths, a_cookie_for_each_pair_and_so_many_at_the_most);
    ADD(paths, a_pause_has_a_longest);
    return s;
}
