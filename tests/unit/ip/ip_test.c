/* The internet layer's family-neutral part: transports, our addresses, the pseudo-header. */
#include "stack/ip/ip.h"

#include <check.h>
#include <string.h>

#include "stack/base/checksum.h"
#include "tests/unit/ip/ip_rig.h"

static struct ip_rig r;

static void set_up(void)
{
    ip_rig_init(&r);
}

static void tear_down(void)
{
    ip_rig_done(&r);
}

/* requires: 1122-3.1-1, 1122-3.2.1.6-2, 1122-3.4-2 */
START_TEST(a_transport_gets_its_packets)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.tos = 0xb9;
    spec.ttl = 7;
    struct frame f = frame_ip4(&spec, "segment", 7);
    ip_rig_receive(&r, &f);
    ck_assert_uint_eq(r.received, 1);
    ck_assert_uint_eq(r.last_len, 7);
    ck_assert_mem_eq(r.last_bytes, "segment", 7);
    ck_assert(ip_equal(r.last.src, ip4_addr(PEER_IP)));
    ck_assert(ip_equal(r.last.dst, ip4_addr(OUR_IP)));
    ck_assert_uint_eq(r.last.protocol, 6);
    ck_assert_uint_eq(r.last.tos, 0xb9);
    ck_assert_uint_eq(r.last.ttl, 7);
    ck_assert(!r.last.broadcast);
    ck_assert_ptr_eq(r.last.in, &r.link.iface);
    ck_assert_uint_eq(r.last.header.len, 20);
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
}
END_TEST

/* The frame, byte for byte, from an independent program; protocol 99 is nobody's. */
/* requires: 1122-3.2.2.1-1, 1122-3.2.2-3, 1122-3.2.2-5 */
START_TEST(ip_unknown_protocol)
{
    struct frame f = frame_to_us(0x0800);
    frame_add_hex(&f, "45000017123400004063543c0a0900010a090002616263");
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_IP_UNKNOWN_PROTOCOL);
    r.ip.next_id = 0x1234;
    ip_rig_flush(&r);
    struct frame want = frame_of_hex("020000000001 020000000002 0800"
                                     "4500003312344000400114820a0900020a090001"
                                     "0302389b00000000"
                                     "45000017123400004063543c0a0900010a090002616263");
    expect_frame(&r.link.dev, 0, &want);
    ck_assert_uint_eq(r.link.dev.count, 1);
}
END_TEST

START_TEST(transports_are_bounded)
{
    struct ip_transport t = {.protocol = 132};
    while (r.ip.transport_count < IP_TRANSPORTS) {
        ck_assert(ip_register(&r.ip, &t));
    }
    ck_assert(!ip_register(&r.ip, &t));
}
END_TEST

/* requires: 1122-3.1-3 */
START_TEST(interfaces_are_bounded)
{
    while (r.ip.iface_count < IP_INTERFACES) {
        ck_assert(ip_add_iface(&r.ip, &r.link.iface));
    }
    ck_assert(!ip_add_iface(&r.ip, &r.link.iface));
}
END_TEST

START_TEST(which_addresses_are_ours)
{
    ck_assert(ip_is_ours(&r.ip, ip4_addr(OUR_IP)));
    ck_assert(!ip_is_ours(&r.ip, ip4_addr(PEER_IP)));
    ck_assert(ip_is_broadcast(&r.ip, ip4_addr(0xffffffffU)));
    ck_assert(ip_is_broadcast(&r.ip, ip4_addr(0x0a0900ffU)));
    ck_assert(!ip_is_broadcast(&r.ip, ip4_addr(PEER_IP)));
}
END_TEST

/* Values from an independent program. */
START_TEST(the_pseudo_header_sums)
{
    struct ip_addr us = ip4_addr(OUR_IP);
    struct ip_addr peer = ip4_addr(PEER_IP);
    ck_assert_uint_eq(csum_finish(ip_pseudo_sum(peer, us, IP_TCP, 20)), 0xebd0);
    struct ip_addr us6;
    struct ip_addr peer6;
    ck_assert(ip_parse("2001:db8::1", &us6));
    ck_assert(ip_parse("2001:db8::2", &peer6));
    ck_assert_uint_eq(csum_finish(ip_pseudo_sum(us6, peer6, IP_TCP, 70000)), 0x9313);
}
END_TEST

START_TEST(another_family_has_no_route)
{
    struct packet p;
    packet_init(&p);
    struct ip_how how = {.protocol = IP_TCP, .ttl = 64};
    ck_assert(ip_parse("2001:db8::1", &how.dst));
    ck_assert_int_eq(ip_output(&r.ip, &p, &how, r.link.now), IP_REFUSED);
    expect_drop(&r.link.recorder, DROP_IP_NO_ROUTE);
}
END_TEST

Suite *ip_suite(void);

Suite *ip_suite(void)
{
    Suite *s = suite_create("ip");
    TCase *t = tcase_create("ip");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_transport_gets_its_packets);
    tcase_add_test(t, ip_unknown_protocol);
    tcase_add_test(t, transports_are_bounded);
    tcase_add_test(t, interfaces_are_bounded);
    tcase_add_test(t, which_addresses_are_ours);
    tcase_add_test(t, the_pseudo_header_sums);
    tcase_add_test(t, another_family_has_no_route);
    suite_add_tcase(s, t);
    return s;
}
