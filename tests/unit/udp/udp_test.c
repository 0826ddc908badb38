/* UDP: a datagram for nobody gets "port unreachable", a bad one a name; ports that applications open. */
#include "stack/udp/udp.h"

#include <check.h>
#include <string.h>

#include "tests/unit/ip/ip_rig.h"

/* A datagram from port 40000 to 53 with "hello", from an independent program. */
#define DATAGRAM "4500002112340000401154840a0900010a090002 9c400035000d0b78 68656c6c6f"
#define DATAGRAM_UDP (FRAME_ETH + FRAME_IP)

static struct ip_rig r;

static void set_up(void)
{
    ip_rig_init(&r);
}

static void tear_down(void)
{
    ip_rig_done(&r);
}

static struct frame datagram(void)
{
    struct frame f = frame_to_us(0x0800);
    frame_add_hex(&f, DATAGRAM);
    return f;
}

/* requires: 1122-3.2.2.1-1, 1122-4.1.3.1-1, 1122-3.4-4 */
START_TEST(udp_no_port)
{
    struct frame f = datagram();
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_UDP_NO_PORT);
    r.ip.next_id = 0x1234;
    ip_rig_flush(&r);
    struct frame want = frame_of_hex("020000000001 020000000002 0800"
                                     "4500003d12344000400114780a0900020a090001"
                                     "0303113000000000" DATAGRAM);
    ck_assert_uint_eq(r.link.dev.count, 1);
    expect_frame(&r.link.dev, 0, &want);
}
END_TEST

START_TEST(no_checksum_is_good)
{
    struct frame f = datagram();
    put16(f.b + DATAGRAM_UDP + 6, 0);
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_UDP_NO_PORT);
}
END_TEST

START_TEST(a_datagram_may_be_shorter_than_its_packet)
{
    struct ip4_spec spec = ip4_spec_to_us(17);
    uint8_t payload[20] = {0};
    struct frame d = datagram();
    memcpy(payload, d.b + DATAGRAM_UDP, 13);
    memset(payload + 13, 0xee, 7);
    struct frame f = frame_ip4(&spec, payload, sizeof(payload));
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_UDP_NO_PORT);
}
END_TEST

START_TEST(a_device_may_vouch_for_the_checksum)
{
    struct frame f = datagram();
    f.b[f.len - 1] ^= 1;
    struct buf *b = buf_copy_of(&r.link.pools, f.b, f.len);
    b->offload.csum = CSUM_VERIFIED;
    iface_input(&r.link.iface, b, r.link.now);
    expect_drop(&r.link.recorder, DROP_UDP_NO_PORT);
}
END_TEST

START_TEST(udp_broadcast_is_not_answered)
{
    struct ip4_spec spec = ip4_spec_to_us(17);
    spec.dst = 0xffffffffU;
    struct frame f = frame_ip4(&spec, "\x9c\x40\x00\x35\x00\x08\x00\x00", 8);
    memset(f.b, 0xff, 6);
    ip_rig_expect_refused(&r, &f, DROP_UDP_NO_PORT);
}
END_TEST

START_TEST(udp_truncated)
{
    struct ip4_spec spec = ip4_spec_to_us(17);
    struct frame f = frame_ip4(&spec, "\x9c\x40\x00\x35\x00\x08\x00", 7);
    ip_rig_expect_refused(&r, &f, DROP_UDP_TRUNCATED);
}
END_TEST

START_TEST(udp_length_below_the_header)
{
    struct frame f = datagram();
    put16(f.b + DATAGRAM_UDP + 4, 7);
    ip_rig_expect_refused(&r, &f, DROP_UDP_BAD_LENGTH);
}
END_TEST

START_TEST(udp_length_beyond_the_packet)
{
    struct frame f = datagram();
    put16(f.b + DATAGRAM_UDP + 4, 14);
    ip_rig_expect_refused(&r, &f, DROP_UDP_BAD_LENGTH);
}
END_TEST

/* requires: 1122-4.1.3.4-1, 1122-4.1.3.4-2 */
START_TEST(udp_bad_checksum)
{
    struct frame f = datagram();
    f.b[f.len - 1] ^= 1;
    ip_rig_expect_refused(&r, &f, DROP_UDP_BAD_CHECKSUM);
}
END_TEST

/* ---- open ports ---- */

static struct {
    unsigned received, errors;
    struct endpoint from, to; /* of the latest; of an error: about whom */
    bool broadcast;
    uint8_t tos;
    uint8_t options[40];
    size_t options_len;
    uint8_t type, code;
    char text[64];
    struct udp_port *close; /* in the callback */
} told;

static void on_receive(void *arg, struct udp_port *p, const struct udp_datagram *d)
{
    ck_assert_ptr_eq(arg, &told);
    told.received++;
    told.from = d->from;
    told.to = d->to;
    told.broadcast = d->broadcast;
    told.tos = d->tos;
    told.options_len = d->options.len;
    memcpy(told.options, d->options.data, d->options.len);
    ck_assert_uint_lt(d->payload.len, sizeof told.text);
    memcpy(told.text, d->payload.data, d->payload.len);
    told.text[d->payload.len] = '\0';
    if (told.close != NULL) {
        ck_assert_ptr_eq(told.close, p);
        told.close = NULL;
        udp_close(p);
    }
}

static void on_error(void *arg, struct udp_port *p, const struct endpoint *to, uint8_t type,
                     uint8_t code)
{
    ck_assert_ptr_eq(arg, &told);
    ck_assert_ptr_nonnull(p);
    told.errors++;
    told.to = *to;
    told.type = type;
    told.code = code;
}

static struct udp_port *open_at(struct ip_addr addr, uint16_t port)
{
    struct udp_open_args args = {.local = {.addr = addr, .port = port},
                                 .receive = on_receive,
                                 .error = on_error,
                                 .arg = &told};
    struct udp_port *p = NULL;
    memset(&told, 0, sizeof told);
    ck_assert_int_eq(udp_open(&r.udp, &args, &p), UDP_OK);
    return p;
}

static const struct endpoint peer = {
    .addr = {.b = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 9, 0, 1}}, .port = 40000};

/* requires: 1122-4.1.3.5-1 */
START_TEST(an_open_port_is_told)
{
    open_at(ip_any, 53);
    struct frame f = datagram();
    ip_rig_receive(&r, &f);
    ck_assert_uint_eq(told.received, 0); /* not inside of input */
    udp_notify(&r.udp);
    ck_assert_uint_eq(told.received, 1);
    ck_assert_str_eq(told.text, "hello");
    ck_assert(ip_equal(told.from.addr, peer.addr));
    ck_assert_uint_eq(told.from.port, 40000);
    ck_assert(ip_equal(told.to.addr, ip4_addr(OUR_IP)));
    ck_assert_uint_eq(told.to.port, 53);
    ck_assert(!told.broadcast);
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
}
END_TEST

START_TEST(a_broadcast_is_told_as_one)
{
    open_at(ip_any, 53);
    struct ip4_spec spec = ip4_spec_to_us(17);
    spec.dst = 0xffffffffU;
    struct frame f = frame_ip4(&spec, "\x9c\x40\x00\x35\x00\x08\x00\x00", 8);
    memset(f.b, 0xff, 6);
    ip_rig_receive(&r, &f);
    udp_notify(&r.udp);
    ck_assert_uint_eq(told.received, 1);
    ck_assert(told.broadcast);
    ck_assert_str_eq(told.text, "");
}
END_TEST

START_TEST(a_connected_port_hears_only_its_peer)
{
    struct udp_port *p = open_at(ip4_addr(OUR_IP), 53);
    struct endpoint other = {.addr = peer.addr, .port = 40001};
    udp_connect(p, &other);
    struct frame f = datagram();
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_UDP_NO_PORT);
    udp_connect(p, &peer);
    ip_rig_receive(&r, &f);
    udp_notify(&r.udp);
    ck_assert_uint_eq(told.received, 1);
}
END_TEST

/* requires: 1122-4.1.3.2-1, 1122-4.1.4-2 */
START_TEST(options_and_class_of_service_are_told)
{
    struct frame d = datagram();
    struct frame options = frame_of_hex("94040000 01010100");
    struct ip4_spec spec = ip4_spec_to_us(17);
    spec.tos = 0x88;
    spec.options = options.b;
    spec.options_len = options.len;
    struct frame f = frame_ip4(&spec, d.b + DATAGRAM_UDP, 13);
    open_at(ip_any, 53);
    ip_rig_receive(&r, &f);
    udp_notify(&r.udp);
    ck_assert_str_eq(told.text, "hello");
    ck_assert_uint_eq(told.tos, 0x88);
    ck_assert_uint_eq(told.options_len, 8);
    ck_assert_mem_eq(told.options, options.b, 8);
}
END_TEST

/* Time to live 3, class 0xb8, and a route over 192.0.2.1, where the packet goes first. */
/* requires: 1122-4.1.3.2-2, 1122-4.1.4-1 */
START_TEST(a_port_has_options_of_its_own)
{
    struct udp_port *p = open_at(ip_any, 53);
    struct ip_source_route route = {.hops = {ip4_addr(0xc0000201)}, .count = 1};
    ck_assert(ip_route_write(&route, peer.addr, &p->open.options.ip));
    p->open.options.ttl = 3;
    p->open.options.tos = 0xb8;
    static const uint8_t bytes[1472];
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){bytes, 1465}), UDP_ERR_TOO_BIG);
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){bytes, 1464}), UDP_OK);
    udp_flush(&r.udp, r.link.now);
    ck_assert_uint_eq(r.link.dev.count, 1);
    const uint8_t *ip = r.link.dev.frames[0].bytes + FRAME_ETH;
    ck_assert_uint_eq(ip[0], 0x47);
    ck_assert_uint_eq(ip[1], 0xb8);
    ck_assert_uint_eq(ip[8], 3);
    ck_assert_mem_eq(ip + 12, "\x0a\x09\x00\x02\xc0\x00\x02\x01", 8);
    ck_assert_mem_eq(ip + 20, "\x83\x07\x04\x0a\x09\x00\x01\x00", 8);
}
END_TEST

/* The same bytes as in DATAGRAM, the other way: the checksum does not change with the direction. */
/* requires: 1122-4.1.3.4-1, 1122-4.1.3.4-4, 1122-4.1.3.6-2 */
START_TEST(what_is_sent_waits_for_the_flush)
{
    struct udp_port *p = open_at(ip_any, 53);
    const uint8_t hello[] = {'h', 'e', 'l', 'l', 'o'};
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){hello, 5}), UDP_OK);
    ck_assert_uint_eq(r.link.dev.count, 0);
    r.ip.next_id = 0x1234;
    udp_flush(&r.udp, r.link.now);
    struct frame want = frame_of_hex("020000000001 020000000002 0800"
                                     "4500002112344000401114840a0900020a090001 00359c40000d0b78"
                                     "68656c6c6f");
    ck_assert_uint_eq(r.link.dev.count, 1);
    expect_frame(&r.link.dev, 0, &want);
}
END_TEST

/* RFC 768: a sum that comes to zero is sent as ones. The two bytes are chosen so that it does. */
START_TEST(a_checksum_of_zero_is_sent_as_ones)
{
    struct udp_port *p = open_at(ip_any, 53);
    uint8_t bytes[2] = {0, 0};
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){bytes, 2}), UDP_OK);
    udp_flush(&r.udp, r.link.now);
    const uint8_t *sent = r.link.dev.frames[0].bytes + DATAGRAM_UDP + 6;
    bytes[0] = sent[0]; /* the complement of the rest */
    bytes[1] = sent[1];
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){bytes, 2}), UDP_OK);
    udp_flush(&r.udp, r.link.now);
    sent = r.link.dev.frames[1].bytes + DATAGRAM_UDP + 6;
    ck_assert_uint_eq(sent[0], 0xff);
    ck_assert_uint_eq(sent[1], 0xff);
}
END_TEST

START_TEST(what_cannot_be_sent_is_refused)
{
    static const uint8_t bytes[1473];
    struct udp_port *p = open_at(ip_any, 53);
    struct endpoint nowhere = {.addr = peer.addr};
    struct endpoint all = {.addr = ip4_addr(0xffffffffU), .port = 9};
    ck_assert_int_eq(udp_send(p, &nowhere, (struct slice){bytes, 1}), UDP_ERR_ADDRESS);
    ck_assert_int_eq(udp_send(p, &all, (struct slice){bytes, 1}), UDP_ERR_ADDRESS);
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){bytes, 1473}), UDP_ERR_TOO_BIG);
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){bytes, 1472}), UDP_OK);
    udp_flush(&r.udp, r.link.now);
    ck_assert_uint_eq(r.link.dev.count, 1);
}
END_TEST

/* An application looks for itself what the path takes (RFC 4821 9).
 * requires: 4821-4-6, 4821-4-7, 8899-4.5-1 */
START_TEST(a_probe_may_be_larger_than_the_path_is_known_to_take)
{
    static const uint8_t bytes[1473];
    struct udp_port *p = open_at(ip_any, 53);
    ip_learn_mtu(&r.ip, peer.addr, 1400, r.link.now);
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){bytes, 1373}), UDP_ERR_TOO_BIG);
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){bytes, 1372}), UDP_OK);
    p->open.options.probe = true;
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){bytes, 1473}), UDP_ERR_TOO_BIG);
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){bytes, 1472}), UDP_OK);
    udp_flush(&r.udp, r.link.now);
    ck_assert_uint_eq(r.link.dev.count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *ip = r.link.dev.frames[i].bytes + FRAME_ETH;
        ck_assert_uint_eq(ip[2] << 8 | ip[3], i == 0 ? 1400 : 1500);
        ck_assert_uint_eq(ip[6] << 8 | ip[7], 0x4000); /* DF, and no part of anything */
    }
}
END_TEST

START_TEST(both_lines_have_an_end)
{
    struct udp_port *p = open_at(ip_any, 53);
    struct frame f = datagram();
    for (unsigned i = 0; i < UDP_LINE; i++) {
        ip_rig_receive(&r, &f);
        ck_assert_int_eq(udp_send(p, &peer, (struct slice){f.b, 1}), UDP_OK);
    }
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
    ip_rig_receive(&r, &f);
    ck_assert_uint_eq(r.link.recorder.drops[DROP_UDP_INBOX_FULL], 1);
    ck_assert_int_eq(udp_send(p, &peer, (struct slice){f.b, 1}), UDP_ERR_RESOURCES);
    ck_assert_uint_eq(r.link.recorder.drops[DROP_UDP_OUTBOX_FULL], 1);
    told.close = p; /* the rest is for nobody */
    udp_notify(&r.udp);
    ck_assert_uint_eq(told.received, 1);
}
END_TEST

/* requires: 1122-4.1.3.5-1 */
START_TEST(a_port_is_opened_once)
{
    struct udp_port *p = open_at(ip4_addr(OUR_IP), 53);
    struct udp_open_args args = {.local = {.addr = ip_any, .port = 53}, .receive = on_receive};
    struct udp_port *q = NULL;
    ck_assert_int_eq(udp_open(&r.udp, &args, &q), UDP_ERR_IN_USE);
    args.local.addr = ip4_addr(PEER_IP);
    ck_assert_int_eq(udp_open(&r.udp, &args, &q), UDP_ERR_ADDRESS);
    udp_close(p);
    args.local.addr = ip_any;
    ck_assert_int_eq(udp_open(&r.udp, &args, &q), UDP_OK);
    struct udp_port *some = open_at(ip_any, 0);
    ck_assert_uint_ge(some->open.local.port, 49152);
    for (unsigned i = r.udp.port_count; i < UDP_PORTS; i++) {
        open_at(ip_any, 0);
    }
    args.local.port = 0;
    ck_assert_int_eq(udp_open(&r.udp, &args, &q), UDP_ERR_RESOURCES);
}
END_TEST

/* RFC 1122 4.1.3.3. The quoted datagram is ours, from 53 to 40000. */
/* requires: 1122-4.1.3.3-1 */
START_TEST(an_icmp_error_goes_to_the_port)
{
    open_at(ip_any, 53);
    struct ip4_spec spec = ip4_spec_to_us(1);
    uint8_t icmp[] = {3,    3, 0,  0,    0,    0,    0,    0, /* and what it is about */
                      0x45, 0, 0,  0x21, 0x12, 0x34, 0x40, 0,  64,   17,   0, 0,  10, 9,
                      0,    2, 10, 9,    0,    1,    0,    53, 0x9c, 0x40, 0, 13, 0,  0};
    put16(icmp + 2, plain_checksum(icmp, sizeof icmp, 0));
    struct frame f = frame_ip4(&spec, icmp, sizeof icmp);
    ip_rig_receive(&r, &f);
    ck_assert_uint_eq(told.errors, 1);
    ck_assert_uint_eq(told.type, 3);
    ck_assert_uint_eq(told.code, 3);
    ck_assert_uint_eq(told.to.port, 40000);
    ck_assert(ip_equal(told.to.addr, peer.addr));
}
END_TEST

Suite *udp_suite(void);

Suite *udp_suite(void)
{
    Suite *s = suite_create("udp");
    TCase *t = tcase_create("udp");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, udp_no_port);
    tcase_add_test(t, no_checksum_is_good);
    tcase_add_test(t, a_datagram_may_be_shorter_than_its_packet);
    tcase_add_test(t, a_device_may_vouch_for_the_checksum);
    tcase_add_test(t, udp_broadcast_is_not_answered);
    tcase_add_test(t, udp_truncated);
    tcase_add_test(t, udp_length_below_the_header);
    tcase_add_test(t, udp_length_beyond_the_packet);
    tcase_add_test(t, udp_bad_checksum);
    suite_add_tcase(s, t);
    TCase *ports = tcase_create("ports");
    tcase_add_checked_fixture(ports, set_up, tear_down);
    tcase_add_test(ports, an_open_port_is_told);
    tcase_add_test(ports, a_broadcast_is_told_as_one);
    tcase_add_test(ports, a_connected_port_hears_only_its_peer);
    tcase_add_test(ports, what_is_sent_waits_for_the_flush);
    tcase_add_test(ports, options_and_class_of_service_are_told);
    tcase_add_test(ports, a_port_has_options_of_its_own);
    tcase_add_test(ports, a_checksum_of_zero_is_sent_as_ones);
    tcase_add_test(ports, what_cannot_be_sent_is_refused);
    tcase_add_test(ports, a_probe_may_be_larger_than_the_path_is_known_to_take);
    tcase_add_test(ports, both_lines_have_an_end);
    tcase_add_test(ports, a_port_is_opened_once);
    tcase_add_test(ports, an_icmp_error_goes_to_the_port);
    suite_add_tcase(s, ports);
    return s;
}
