/* Source routes and other IP options under TCP (RFC 9293 3.9.2). Bytes by RFC 791 3.1. */
#include "tests/unit/tcp/tcp_rig.h"

#include <string.h>

#include "tests/unit/link/link_rig.h"

/* Routers behind the default gateway, which is the peer's link address. */
#define HOP_1 0xc0000201U
#define HOP_2 0xc6336401U
#define HOP_3 0xcb007101U

#define CAME_BY_1_2 "83 0b 0c c0000201 c6336401 00"
#define BACK_BY_2_1 "83 0b 04 c0000201 0a090001 00" /* to HOP_2 first */
#define CAME_BY_3 "83 07 08 cb007101 00"
#define BACK_BY_3 "83 07 04 0a090001 00"

static void set_up(void)
{
    rig.iface = NULL;
    struct host_config config = {.seed = {9}, .ip.source_routes = true};
    rig_restart_with(&config);
}

static void peer_by(const char *options, const struct peer *p, unsigned flags, uint32_t seq,
                    uint32_t ack, size_t len)
{
    uint8_t data[64];
    for (size_t i = 0; i < len; i++) {
        data[i] = pattern(seq - 1 + i);
    }
    struct raw raw = raw_segment(p, flags, seq, ack, data, len);
    struct frame o = frame_of_hex(options);
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.options = o.b;
    spec.options_len = o.len;
    struct frame f = frame_ip4(&spec, raw.b, raw.len);
    rig_inject(&f);
}

struct routed {
    unsigned flags;
    uint32_t seq; /* as on the wire */
    size_t len;
};

static uint32_t get32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The next segment of ours has these IP options and goes to that address on the wire; its checksum is
 * over the pseudo header with the final destination. */
static struct routed take_by(const char *options, uint32_t wire_dst)
{
    ck_assert(sent_any());
    const struct fake_frame *f = &rig.sent[rig.taken++];
    struct frame want = frame_of_hex(options);
    const uint8_t *ip = f->bytes + FRAME_ETH;
    size_t header = (ip[0] & 15U) * 4U;
    ck_assert_uint_eq(header, 20 + want.len);
    ck_assert_mem_eq(ip + 20, want.b, want.len);
    ck_assert_uint_eq(plain_checksum(ip, header, 0), 0);
    ck_assert_uint_eq(get32(ip + 16), wire_dst);
    const uint8_t *t = ip + header;
    size_t tcp_len = f->len - FRAME_ETH - header;
    uint32_t sum = (PEER_IP >> 16) + (PEER_IP & 0xffff) + (OUR_IP >> 16) + (OUR_IP & 0xffff) + 6 +
                   (uint32_t)tcp_len;
    ck_assert_uint_eq(plain_checksum(t, tcp_len, sum), 0);
    return (struct routed){
        .flags = t[13], .seq = get32(t + 4), .len = tcp_len - (size_t)(t[12] >> 4) * 4};
}

static void expect_by(const char *options, uint32_t wire_dst, unsigned flags, size_t len)
{
    struct routed s = take_by(options, wire_dst);
    ck_assert_uint_eq(s.flags, flags);
    ck_assert_uint_eq(s.len, len);
}

/* A passive connection whose SYN came by HOP_1 and HOP_2. */
static struct app *open_by_1_2(struct peer *p)
{
    rig_listen(NULL);
    peer_by(CAME_BY_1_2, p, TCP_SYN, 0, 0, 0);
    struct routed syn_ack = take_by(BACK_BY_2_1, HOP_2);
    ck_assert_uint_eq(syn_ack.flags, TCP_SYN | TCP_ACK);
    p->irs = syn_ack.seq;
    p->knows_irs = true;
    peer_by(CAME_BY_1_2, p, TCP_ACK, 1, 1, 0);
    ck_assert_uint_eq(rig.app_count, 1);
    return &rig.apps[0];
}

/* requires: MUST-53, 1122-3.2.1.8-4, 1122-3.2.1.8-5 */
START_TEST(a_route_that_came_is_reversed_for_every_segment)
{
    struct peer p = peer_new();
    struct app *a = open_by_1_2(&p);
    app_write(a, 10);
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK | TCP_PSH, 10);
    peer_send(&p, TCP_ACK, 1, 11); /* without a route: the one that came stays */
    peer_data(&p, TCP_ACK, 1, 11, 5);
    run_for(MS(600));
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK, 0);
    app_shutdown(a);
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK | TCP_FIN, 0);
    app_abort(a);
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK | TCP_RST, 0);
    expect_nothing();
}
END_TEST

/* requires: MUST-53 */
START_TEST(retransmissions_take_the_route_too)
{
    struct peer p = peer_new();
    struct app *a = open_by_1_2(&p);
    app_write(a, 10);
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK | TCP_PSH, 10);
    run_for(SEC(2));
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK | TCP_PSH, 10);
    discard_sent();
}
END_TEST

/* requires: SHLD-24 */
START_TEST(a_later_route_replaces_the_first)
{
    struct peer p = peer_new();
    struct app *a = open_by_1_2(&p);
    peer_by(CAME_BY_3, &p, TCP_ACK, 1, 1, 5);
    app_write(a, 10);
    expect_by(BACK_BY_3, HOP_3, TCP_ACK | TCP_PSH, 10);
    discard_sent();
}
END_TEST

START_TEST(a_segment_that_is_not_believed_changes_no_route)
{
    struct peer p = peer_new();
    struct app *a = open_by_1_2(&p);
    peer_by(CAME_BY_3, &p, TCP_ACK, 1000001, 1, 5); /* beyond the window */
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK, 0);
    peer_by(CAME_BY_3, &p, TCP_ACK, 1, 1000, 5); /* acknowledges what was never sent */
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK, 0);
    app_write(a, 10);
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK | TCP_PSH, 10);
    discard_sent();
}
END_TEST

static enum tcp_error connect_by(struct peer *p, const struct ip_source_route *route,
                                 struct stream **out)
{
    struct tcp_connect_args args = {.remote = {ip4_addr(PEER_IP), SERVER_PORT}, .route = route};
    host_enter(&rig.host, rig.now);
    enum tcp_error e = tcp_connect(&rig.host.tcp, &args, out);
    rig_flush();
    p->port = SERVER_PORT;
    return e;
}

static const struct ip_source_route *by_3(void)
{
    static struct ip_source_route route;
    route = (struct ip_source_route){.hops = {ip4_addr(HOP_3)}, .count = 1, .strict = true};
    return &route;
}

static void answer_syn(struct peer *p)
{
    const uint8_t *t = rig.sent[rig.taken].bytes + FRAME_ETH + FRAME_IP + 8;
    p->our_port = (uint16_t)(t[0] << 8 | t[1]);
    struct routed syn = take_by("89 07 04 0a090001 00", HOP_3);
    ck_assert_uint_eq(syn.flags, TCP_SYN);
    p->irs = syn.seq;
    p->knows_irs = true;
}

/* requires: MUST-51, MUST-52, 1122-3.2.1.8-3, 1122-3.2.1.8-10, 1122-3.4-1 */
START_TEST(the_application_gives_a_route_and_it_stays)
{
    struct peer p = peer_new();
    struct stream *s;
    ck_assert_int_eq(connect_by(&p, by_3(), &s), TCP_OK);
    answer_syn(&p);
    peer_by(CAME_BY_1_2, &p, TCP_SYN | TCP_ACK, 0, 1, 0);
    expect_by("89 07 04 0a090001 00", HOP_3, TCP_ACK, 0);
    peer_by(CAME_BY_1_2, &p, TCP_ACK | TCP_FIN, 1, 1, 0);
    expect_by("89 07 04 0a090001 00", HOP_3, TCP_ACK, 0);
    stream_abort(s);
    rig_flush();
    discard_sent();
}
END_TEST

START_TEST(a_route_is_not_taken_over_on_an_active_connection)
{
    struct peer p = peer_new();
    struct app *a = open_active(&p);
    peer_by(CAME_BY_3, &p, TCP_ACK, 1, 1, 5);
    app_write(a, 10);
    expect(&p, TCP_ACK | TCP_PSH, 1, 6, 10);
}
END_TEST

START_TEST(routes_that_cannot_be)
{
    struct peer p = peer_new();
    struct stream *s;
    struct ip_source_route none = {.count = 0};
    struct ip_source_route long_one = {.count = IP_ROUTE_HOPS + 1};
    struct ip_source_route group = {.hops = {ip4_addr(0xe0000001)}, .count = 1};
    ck_assert_int_eq(connect_by(&p, &none, &s), TCP_ERR_ADDRESS);
    ck_assert_int_eq(connect_by(&p, &long_one, &s), TCP_ERR_ADDRESS);
    ck_assert_int_eq(connect_by(&p, &group, &s), TCP_ERR_ADDRESS);
    rig.host.tcp.route_pool.limit = 0;
    ck_assert_int_eq(connect_by(&p, by_3(), &s), TCP_ERR_RESOURCES);
    expect_nothing();
}
END_TEST

START_TEST(without_memory_the_usual_way_is_taken)
{
    struct peer p = peer_new();
    rig.host.tcp.route_pool.limit = 0;
    rig_listen(NULL);
    peer_by(CAME_BY_1_2, &p, TCP_SYN, 0, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    expect_drops(DROP_TCP_NO_MEMORY, 1);
}
END_TEST

/* requires: MUST-16 */
START_TEST(option_bytes_count_in_the_segment_size)
{
    struct peer p = peer_new();
    struct app *a = open_by_1_2(&p);
    app_write(a, 4000);
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK, 1460 - 12); /* the peer's MSS less the route's 12 */
    discard_sent();
}
END_TEST

/* requires: MUST-53 */
START_TEST(time_wait_answers_by_the_route)
{
    struct peer p = peer_new();
    struct app *a = open_by_1_2(&p);
    app_close(a);
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK | TCP_FIN, 0);
    peer_by(CAME_BY_1_2, &p, TCP_ACK | TCP_FIN, 1, 2, 0);
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK, 0);
    peer_send(&p, TCP_ACK | TCP_FIN, 1, 2);
    expect_by(BACK_BY_2_1, HOP_2, TCP_ACK, 0);
}
END_TEST

START_TEST(a_reset_without_a_connection_goes_back_the_way_it_came)
{
    struct peer p = peer_new();
    peer_by(CAME_BY_1_2, &p, TCP_SYN, 0, 0, 0);
    expect_by(BACK_BY_2_1, HOP_2, TCP_RST | TCP_ACK, 0);
}
END_TEST

START_TEST(by_default_a_route_is_refused)
{
    rig.host.ip.config.source_routes = false;
    struct peer p = peer_new();
    rig_listen(NULL);
    peer_by(CAME_BY_1_2, &p, TCP_SYN, 0, 0, 0);
    expect_drops(DROP_IP_SOURCE_ROUTED, 1);
    expect_nothing();
}
END_TEST

/* requires: MUST-50, 1122-3.2.1.8-1 */
START_TEST(options_that_tcp_does_not_know_are_ignored)
{
    /* Router alert, record route, timestamp, a security option, a kind that nobody has assigned. */
    static const char *const options[] = {"94040000", "07070400 00000000", "44080500 00000000",
                                          "820b0000 00000000 00000000", "9e060102 03040000"};
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    uint32_t seq = 1;
    for (unsigned i = 0; i < COUNT_OF(options); i++, seq += 5) {
        peer_by(options[i], &p, TCP_ACK, seq, 1, 5);
    }
    expect_in(a, 25);
    app_write(a, 10);
    discard_sent();
}
END_TEST

/* The quoted packet is on its way to a hop; whose it is says the end of its route. */
START_TEST(an_error_about_a_routed_segment_finds_its_connection)
{
    struct peer p = peer_new();
    struct app *a = open_by_1_2(&p);
    app_write(a, 10);
    const struct fake_frame *sent = &rig.sent[rig.taken];
    uint8_t m[8 + 32 + 8] = {3, 5}; /* source route failed */
    memcpy(m + 8, sent->bytes + FRAME_ETH, 32 + 8);
    put16(m + 2, plain_checksum(m, sizeof(m), 0));
    struct ip4_spec spec = ip4_spec_to_us(1);
    spec.src = HOP_2;
    struct frame f = frame_ip4(&spec, m, sizeof(m));
    rig_inject(&f);
    const struct event *e = last_event(&rig.host.recorder, EV_tcp_soft_error);
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(e->u.tcp_soft_error.type, 3);
    ck_assert_uint_eq(e->u.tcp_soft_error.code, 5);
    discard_sent();
}
END_TEST

Suite *source_route_suite(void);

Suite *source_route_suite(void)
{
    Suite *s = suite_create("source_route");
    TCase *tc = tcase_create("source_route");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, rig_tear_down);
    suite_add_tcase(s, tc);
    ADD(tc, a_route_that_came_is_reversed_for_every_segment);
    ADD(tc, retransmissions_take_the_route_too);
    ADD(tc, a_later_route_replaces_the_first);
    ADD(tc, a_segment_that_is_not_believed_changes_no_route);
    ADD(tc, the_application_gives_a_route_and_it_stays);
    ADD(tc, a_route_is_not_taken_over_on_an_active_connection);
    ADD(tc, routes_that_cannot_be);
    ADD(tc, without_memory_the_usual_way_is_taken);
    ADD(tc, option_bytes_count_in_the_segment_size);
    ADD(tc, time_wait_answers_by_the_route);
    ADD(tc, a_reset_without_a_connection_goes_back_the_way_it_came);
    ADD(tc, by_default_a_route_is_refused);
    ADD(tc, options_that_tcp_does_not_know_are_ignored);
    ADD(tc, an_error_about_a_routed_segment_finds_its_connection);
    return s;
}
