/* The input path as a whole: what is refused before it finds a connection (RFC 9293 3.1, 3.9.2.3),
 * ICMP errors (3.9.2.2, RFC 5927, RFC 1191), and that no sequence of segments leaves
 * anything behind. */
#include "stack/tcp/input.h"

#include "tests/unit/base/lcg.h"
#include "tests/unit/tcp/tcp_rig.h"

/* ---- refused at the door ---- */

START_TEST(malformed_segments_have_no_effect)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    struct raw good = raw_segment(&p, TCP_RST, 1, 0, NULL, 0);
    struct raw r = good;
    r.len = 19;
    raw_send(&r);
    expect_drops(DROP_TCP_TRUNCATED, 1);
    r = good;
    r.b[12] = 0x40;
    raw_fix(&r);
    raw_send(&r);
    expect_drops(DROP_TCP_BAD_OFFSET, 1);
    r = good;
    r.b[16] ^= 1;
    raw_send(&r);
    expect_drops(DROP_TCP_BAD_CHECKSUM, 1);
    r = raw_with_options(&p, TCP_RST, 1, 0, (uint8_t[]){9, 0, 0, 0}, 4, NULL, 0);
    raw_send(&r);
    expect_drops(DROP_TCP_BAD_OPTION, 1);
    expect_nothing();
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    raw_send(&good);
    expect_log(a, "aoc");
}
END_TEST

START_TEST(a_port_of_zero_is_refused)
{
    struct peer p = peer_new();
    p.port = 0;
    peer_send(&p, TCP_SYN, 0, 0);
    p = peer_new();
    p.our_port = 0;
    peer_send(&p, TCP_SYN, 0, 0);
    expect_nothing();
    expect_drops(DROP_TCP_BAD_PORT, 2);
}
END_TEST

/* requires: MUST-57 */
START_TEST(a_segment_to_a_broadcast_is_refused)
{
    static const uint32_t all[] = {0x0a0900ff, 0xffffffff};
    rig_listen(NULL);
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        struct peer p = peer_new();
        struct raw r = raw_segment(&p, TCP_SYN, 0, 0, NULL, 0);
        struct ip4_spec ip = ip4_spec_to_us(6);
        ip.dst = all[i];
        struct frame f = frame_ip4(&ip, r.b, r.len);
        rig_inject(&f);
        expect_drops(DROP_TCP_BAD_ADDRESS, i + 1);
    }
    expect_nothing();
    ck_assert_uint_eq(rig.listener->half_open, 0);
}
END_TEST

/* requires: MUST-63 */
START_TEST(a_syn_from_an_invalid_source_is_ignored)
{
    static const uint32_t sources[] = {0xffffffff, 0x0a0900ff, 0xe0000001, 0x7f000001, OUR_IP, 0};
    rig_listen(NULL);
    for (unsigned i = 0; i < COUNT_OF(sources); i++) {
        struct peer p = peer_new();
        struct raw r = raw_segment(&p, TCP_SYN, 0, 0, NULL, 0);
        struct ip4_spec ip = ip4_spec_to_us(6);
        ip.src = sources[i];
        struct frame f = frame_ip4(&ip, r.b, r.len);
        rig_inject(&f);
        ck_assert_uint_eq(rig.listener->half_open, 0);
    }
    expect_nothing();
}
END_TEST

/* requires: MUST-50 */
START_TEST(ip_options_are_passed_over)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    struct raw r = raw_segment(&p, TCP_RST, 1, 0, NULL, 0);
    struct ip4_spec ip = ip4_spec_to_us(6);
    ip.options = (const uint8_t[]){1, 0x94, 4, 0, 0, 0, 0, 0}; /* router alert */
    ip.options_len = 8;
    struct frame f = frame_ip4(&ip, r.b, r.len);
    rig_inject(&f);
    expect_log(a, "aoc");
}
END_TEST

/* requires: MUST-5, MUST-6 */
START_TEST(an_unknown_option_on_any_segment_is_passed_over)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    static const uint8_t unknown[] = {0xfe, 6, 1, 2, 3, 4, 1, 1};
    struct raw r = raw_with_options(&p, TCP_ACK | TCP_FIN, 1, 1, unknown, 8, NULL, 0);
    raw_send(&r);
    expect(&p, TCP_ACK, 1, 2, 0);
    expect_log(a, "aop");
}
END_TEST

/* An ECN or urgent mark, or one of a segment's own, changes nothing about its text. */
START_TEST(other_flags_do_not_matter)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK | TCP_URG, 1, 1, 10);
    peer_data(&p, TCP_ACK | TCP_ECE | TCP_CWR, 11, 1, 10);
    peer_data(&p, TCP_ACK | TCP_PSH, 21, 1, 10);
    expect_in(a, 30);
}
END_TEST

/* ---- ICMP errors ---- */

enum { UNREACHABLE = 3, QUENCH = 4, EXCEEDED = 11, PARAMETER = 12 };

static const struct {
    uint8_t type, code;
} soft[] = {{UNREACHABLE, 0}, {UNREACHABLE, 1}, {UNREACHABLE, 5},
            {EXCEEDED, 0},    {EXCEEDED, 1},    {PARAMETER, 0}};

static unsigned soft_errors_told(void)
{
    unsigned told = 0;
    const struct recorder *r = &rig.host.recorder;
    for (uint64_t i = 0; i < r->written; i++) {
        told += r->ring[i & r->mask].type == EV_tcp_soft_error ? 1 : 0;
    }
    return told;
}

/* requires: SHLD-26, 5927-5.2-2 */
START_TEST(a_hard_error_refuses_an_opening)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_icmp(&p, UNREACHABLE, (uint8_t)_i, 0, 0);
    expect_nothing();
    expect_log(a, "c");
    ck_assert_int_eq(a->reason, CLOSE_UNREACHABLE);
}
END_TEST

/* requires: MUST-56, SHLD-25 */
START_TEST(a_soft_error_does_not)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    for (unsigned i = 0; i < COUNT_OF(soft); i++) {
        peer_icmp(&p, soft[i].type, soft[i].code, 0, 0);
        ck_assert_int_eq(state_of(a), TCP_SYN_SENT);
        ck_assert_uint_eq(soft_errors_told(), i + 1);
    }
    peer_send(&p, TCP_SYN | TCP_ACK, 0, 1);
    expect_log(a, "o");
}
END_TEST

/* requires: MUST-56, 5927-5.2-1 */
START_TEST(no_error_ends_an_established_connection) /* MUST-56; RFC 5927 5.2 for the hard ones */
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 10);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1, 10);
    for (unsigned i = 0; i < COUNT_OF(soft); i++) {
        peer_icmp(&p, soft[i].type, soft[i].code, 1, 0);
    }
    peer_icmp(&p, UNREACHABLE, 2, 1, 0);
    peer_icmp(&p, UNREACHABLE, 3, 1, 0);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    ck_assert_uint_eq(soft_errors_told(), COUNT_OF(soft) + 2);
    expect_nothing();
}
END_TEST

/* requires: MUST-54, 5927-4.1-1, 8899-4.6.1-1, 8899-4.6.1-2, 8899-4.6.1-3 */
START_TEST(an_error_about_what_is_not_in_flight_is_refused) /* RFC 5927 4.1 */
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_icmp(&p, UNREACHABLE, 3, 1, 0);
    peer_icmp(&p, UNREACHABLE, 3, (uint32_t)-1, 0);
    expect_drops(DROP_TCP_ICMP_OUTSIDE_WINDOW, 2);
    ck_assert_int_eq(state_of(a), TCP_SYN_SENT);
    struct peer stranger = p;
    stranger.port++;
    peer_icmp(&stranger, UNREACHABLE, 3, 0, 0);
    expect_drops(DROP_ICMP_UNMATCHED, 1); /* MUST-54 */
    ck_assert_int_eq(state_of(a), TCP_SYN_SENT);
}
END_TEST

/* requires: 5927-5.2-3 */
START_TEST(an_error_is_of_one_connection_alone)
{
    struct peer p = peer_new();
    struct peer q = peer_new();
    struct app *a = app_connect(&p, NULL);
    expect(&p, TCP_SYN, 0, 0, 0);
    struct app *b = app_connect(&q, NULL);
    expect(&q, TCP_SYN, 0, 0, 0);
    peer_icmp(&p, UNREACHABLE, 3, 0, 0);
    expect_log(a, "c");
    expect_log(b, "");
    ck_assert_int_eq(state_of(b), TCP_SYN_SENT);
    peer_send(&q, TCP_SYN | TCP_ACK, 0, 1);
    expect_log(b, "o");
}
END_TEST

START_TEST(a_hard_error_frees_a_half_open_connection)
{
    struct peer p = peer_new();
    half_open(&p);
    peer_icmp(&p, UNREACHABLE, 3, 0, 0);
    expect_nothing();
    ck_assert_uint_eq(rig.listener->half_open, 0);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
}
END_TEST

/* requires: MUST-55, 5927-6.2-1 */
START_TEST(a_source_quench_changes_nothing)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 1460);
    discard_sent();
    struct tcp_info before = info_of(a);
    peer_icmp(&p, QUENCH, 0, 1, 0);
    struct tcp_info after = info_of(a);
    ck_assert_uint_eq(after.cwnd, before.cwnd);
    ck_assert_uint_eq(after.ssthresh, before.ssthresh);
    ck_assert_int_eq(after.state, before.state);
    ck_assert_uint_eq(soft_errors_told(), 0);
    expect_nothing();
}
END_TEST

/* RFC 1191 3: what one connection learned of the path, the next one knows from its first segment on. The
 * MSS that it tells is that of the link, which the path does not change (RFC 6691). */
START_TEST(the_next_connection_knows_the_path)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 1460);
    discard_sent();
    peer_icmp(&p, UNREACHABLE, 4, 1, 1000);
    discard_sent();
    struct peer q = peer_new();
    q.port = PEER_PORT + 1;
    struct wire syn_ack = half_open(&q);
    ck_assert_uint_eq(syn_ack.mss, 1460);
    peer_send(&q, TCP_ACK, 1, 1);
    app_write(&rig.apps[1], 2000);
    expect(&q, TCP_ACK, 1, 1, 960);
    discard_sent();
}
END_TEST

START_TEST(too_big_makes_smaller_segments) /* RFC 1191 */
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 2920);
    discard_sent();
    peer_icmp(&p, UNREACHABLE, 4, 1, 1000);
    expect(&p, TCP_ACK, 1, 1, 960); /* what was too big goes again */
    expect(&p, TCP_ACK, 961, 1, 960);
    expect(&p, TCP_ACK, 1921, 1, 960);
    expect(&p, TCP_ACK | TCP_PSH, 2881, 1, 40);
    expect_nothing();
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    peer_send(&p, TCP_ACK, 1, 2921);
    app_write(a, 1920);
    expect(&p, TCP_ACK, 2921, 1, 960);
    expect(&p, TCP_ACK | TCP_PSH, 3881, 1, 960);
}
END_TEST

START_TEST(too_big_has_limits)
{
    static const struct {
        uint16_t mtu;
        uint16_t mss;
    } cases[] = {
        {1500, 1460}, {9000, 1460}, /* no news */
        {576, 536},   {68, 536},    /* RFC 5927 7: not narrower on the word of an outsider */
        {0, 536},                   /* an old router tells none (RFC 1191 5) */
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + i);
        struct app *a = open_passive(&p);
        app_write(a, 1460);
        peer_icmp(&p, UNREACHABLE, 4, 2000, cases[i].mtu); /* not in flight */
        ck_assert_uint_eq(info_of(a).snd_mss, 1460);
        peer_icmp(&p, UNREACHABLE, 4, 1, cases[i].mtu);
        ck_assert_uint_eq(info_of(a).snd_mss, cases[i].mss);
        ip_learn_mtu(&rig.host.ip, ip4_addr(PEER_IP), 0, rig.now); /* the next one starts afresh */
        discard_sent();
    }
}
END_TEST

/* ---- all together ---- */

/* Random segments close to a connection's numbers, random calls of the application, random time.
 * What they do is judged elsewhere; here nothing may break, and rig_tear_down finds nothing
 * left. */
START_TEST(a_storm_leaves_nothing_behind)
{
    struct lcg random = {(uint64_t)_i * 7919 + 1};
    rig_restart(&(struct tcp_config){.msl = SEC(1), .max_connections = 6, .max_timewait = 3});
    rig_listen_with(3, 0, &(struct tcp_options){.receive_buffer = 5000, .send_buffer = 20000});
    struct peer peers[3];
    for (unsigned i = 0; i < 3; i++) {
        peers[i] = peer_new();
        peers[i].port = (uint16_t)(PEER_PORT + i);
        peers[i].offer =
            (struct offer){.mss = 1460, .ts = i == 1, .sack_ok = i != 0, .wscale = i == 2};
        peers[i].ts = i == 1;
    }
    static const uint8_t likely[] = {TCP_SYN,           TCP_ACK, TCP_ACK,
                                     TCP_ACK,           TCP_ACK, TCP_ACK | TCP_FIN,
                                     TCP_ACK | TCP_RST, TCP_RST, TCP_SYN | TCP_ACK};
    for (unsigned step = 0; step < 3000; step++) {
        if (rig.app_count == RIG_APPS) {
            rig.app_count = 0;
        }
        struct app *next = &rig.apps[rig.app_count];
        if (next->s != NULL) {
            app_abort(next);
        }
        *next = (struct app){.lazy = lcg_below(&random, 4) == 0};
        struct peer *p = &peers[lcg_below(&random, 3)];
        unsigned flags = lcg_below(&random, 10) == 0 ? lcg_below(&random, 256)
                                                     : likely[lcg_below(&random, sizeof(likely))];
        p->tsval += lcg_below(&random, 3) - (lcg_below(&random, 20) == 0 ? 5 : 0);
        p->wnd = (uint16_t)(lcg_below(&random, 8) == 0 ? 0 : lcg_below(&random, 65536));
        uint32_t seq = (flags & TCP_SYN) != 0 ? 0 : lcg_below(&random, 8000);
        uint32_t ack = lcg_below(&random, 3000);
        size_t len = lcg_below(&random, 3) == 0 ? lcg_below(&random, 1400) : 0;
        rig.hold = lcg_below(&random, 4) == 0;
        peer_data(p, flags, lcg_below(&random, 4) == 0 ? seq : seq % 30, ack, len);
        for (unsigned i = 0; i < RIG_APPS; i++) {
            struct app *a = &rig.apps[i];
            a->in_len = 0;
            a->log_len = 0;
            if (a->s == NULL || lcg_below(&random, 3) != 0) {
                continue;
            }
            switch (lcg_below(&random, 40)) {
            case 0:
                app_abort(a);
                break;
            case 1:
                app_close(a);
                break;
            case 2:
                app_shutdown(a);
                break;
            case 3:
                app_read(a, lcg_below(&random, 2000));
                break;
            default:
                app_queue(a, lcg_below(&random, 4000));
            }
        }
        rig_flush();
        while (sent_any()) {
            struct wire w = take_segment(__LINE__);
            for (unsigned i = 0; i < 3; i++) {
                if (w.dst_port == peers[i].port && (w.flags & TCP_SYN) != 0) {
                    peers[i].irs = w.seq;
                }
            }
        }
        discard_sent();
        run_for(lcg_below(&random, 5) == 0 ? (nsec)lcg_below(&random, 2000) * NS_PER_MS : 0);
        discard_sent();
    }
    rig_release();
}
END_TEST

Suite *input_suite(void);

Suite *input_suite(void)
{
    Suite *s = suite_create("input");
    TCase *door = rig_case(s, "door");
    ADD(door, malformed_segments_have_no_effect);
    ADD(door, a_port_of_zero_is_refused);
    ADD(door, a_segment_to_a_broadcast_is_refused);
    ADD(door, a_syn_from_an_invalid_source_is_ignored);
    ADD(door, ip_options_are_passed_over);
    ADD(door, an_unknown_option_on_any_segment_is_passed_over);
    ADD(door, other_flags_do_not_matter);
    TCase *icmp = rig_case(s, "icmp");
    tcase_add_loop_test(icmp, a_hard_error_refuses_an_opening, 2, 4);
    ADD(icmp, a_soft_error_does_not);
    ADD(icmp, no_error_ends_an_established_connection);
    ADD(icmp, an_error_about_what_is_not_in_flight_is_refused);
    ADD(icmp, an_error_is_of_one_connection_alone);
    ADD(icmp, a_hard_error_frees_a_half_open_connection);
    ADD(icmp, a_source_quench_changes_nothing);
    ADD(icmp, too_big_makes_smaller_segments);
    ADD(icmp, the_next_connection_knows_the_path);
    ADD(icmp, too_big_has_limits);
    TCase *storm = rig_case(s, "storm");
    tcase_add_loop_test(storm, a_storm_leaves_nothing_behind, 0, 10);
    return s;
}
