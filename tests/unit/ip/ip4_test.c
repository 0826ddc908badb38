/* IPv4: each check of a header by the name of its drop, and the header that we write. */
#include "stack/ip/ip4.h"

#include <check.h>
#include <string.h>

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

static struct frame good_frame(void)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    return frame_ip4(&spec, "payload", 7);
}

static void expect_refused(const struct frame *f, enum drop_reason reason)
{
    ip_rig_expect_refused(&r, f, reason);
}

static void expect_taken(const struct frame *f)
{
    unsigned before = r.received;
    ip_rig_receive(&r, f);
    ck_assert_uint_eq(r.received, before + 1);
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
}

static void expect_source_refused(uint32_t src)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.src = src;
    struct frame f = frame_ip4(&spec, "x", 1);
    expect_refused(&f, DROP_IP_BAD_SOURCE);
}

static struct frame frame_with_options(const char *hex)
{
    struct frame options = frame_of_hex(hex);
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.options = options.b;
    spec.options_len = options.len;
    return frame_ip4(&spec, "payload", 7);
}

START_TEST(padding_is_cut_off)
{
    struct frame f = good_frame();
    frame_add_hex(&f, "00000000000000000000000000000000000000"); /* to 60 bytes */
    ck_assert_uint_eq(f.len, 60);
    expect_taken(&f);
    ck_assert_uint_eq(r.last_len, 7);
    ck_assert_mem_eq(r.last_bytes, "payload", 7);
}
END_TEST

START_TEST(a_packet_may_be_empty)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    struct frame f = frame_ip4(&spec, NULL, 0);
    expect_taken(&f);
    ck_assert_uint_eq(r.last_len, 0);
}
END_TEST

START_TEST(an_option_may_be_empty)
{
    struct frame f = frame_with_options("9402 0101");
    expect_taken(&f);
}
END_TEST

START_TEST(ip_truncated)
{
    struct frame f = good_frame();
    f.len = FRAME_ETH + 19;
    expect_refused(&f, DROP_IP_TRUNCATED);
}
END_TEST

/* requires: 1122-3.2.1.1-1 */
START_TEST(ip_bad_version)
{
    struct frame f = good_frame();
    f.b[FRAME_ETH] = 0x65;
    frame_fix_ip4(&f);
    expect_refused(&f, DROP_IP_BAD_VERSION);
}
END_TEST

START_TEST(ip_header_length_too_small)
{
    struct frame f = good_frame();
    f.b[FRAME_ETH] = 0x44;
    frame_fix_ip4(&f);
    expect_refused(&f, DROP_IP_BAD_HEADER_LENGTH);
}
END_TEST

START_TEST(ip_header_length_beyond_the_packet)
{
    struct frame f = good_frame();
    f.b[FRAME_ETH] = 0x4f; /* 60 bytes in a packet of 27 */
    expect_refused(&f, DROP_IP_BAD_HEADER_LENGTH);
}
END_TEST

START_TEST(ip_total_length_below_the_header)
{
    struct frame f = good_frame();
    put16(f.b + FRAME_ETH + 2, 19);
    frame_fix_ip4(&f);
    expect_refused(&f, DROP_IP_BAD_TOTAL_LENGTH);
}
END_TEST

START_TEST(ip_total_length_beyond_the_frame)
{
    struct frame f = good_frame();
    put16(f.b + FRAME_ETH + 2, 28);
    frame_fix_ip4(&f);
    expect_refused(&f, DROP_IP_BAD_TOTAL_LENGTH);
}
END_TEST

/* requires: 1122-3.2.1.2-1 */
START_TEST(ip_bad_checksum)
{
    struct frame f = good_frame();
    f.b[FRAME_ETH + 8] ^= 1; /* a router's mistake in the TTL */
    expect_refused(&f, DROP_IP_BAD_CHECKSUM);
}
END_TEST

START_TEST(ip_ttl_zero)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.ttl = 0;
    struct frame f = frame_ip4(&spec, "x", 1);
    expect_refused(&f, DROP_IP_TTL_ZERO);
}
END_TEST

/* requires: 1122-3.2.1.7-2 */
START_TEST(a_time_to_live_of_one_is_enough)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.ttl = 1;
    struct frame f = frame_ip4(&spec, "x", 1);
    expect_taken(&f);
}
END_TEST

/* RFC 1122 3.2.2: about the first fragment the sender is told, about the others it is not. */
/* requires: 1122-3.2.2-9 */
START_TEST(a_later_fragment_gets_no_error)
{
    struct frame options = frame_of_hex("94000000");
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.options = options.b;
    spec.options_len = options.len;
    spec.fragment = 0x0001;
    struct frame later = frame_ip4(&spec, "12345678", 8);
    spec.fragment = 0x2000;
    struct frame first = frame_ip4(&spec, "12345678", 8);
    expect_refused(&later, DROP_IP_BAD_OPTION);
    ip_rig_receive(&r, &first);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 1);
}
END_TEST

/* requires: 1122-3.2.1.8-1 */
START_TEST(options_are_passed_over)
{
    /* NOP, a router alert (RFC 2113), end, and padding behind it that is no option */
    struct frame f = frame_with_options("01 94040000 00 ff ff");
    expect_taken(&f);
    ck_assert_uint_eq(r.last.header.len, 28);
    ck_assert_uint_eq(r.last_len, 7);
    ck_assert_mem_eq(r.last_bytes, "payload", 7);
}
END_TEST

/* The sender is told where it went wrong: RFC 792, type 12, the pointer in the first octet. */
static void expect_bad_option(const char *hex, uint8_t pointer)
{
    struct frame f = frame_with_options(hex);
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_IP_BAD_OPTION);
    ck_assert_uint_eq(r.received, 0);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 1);
    const uint8_t *icmp = r.link.dev.frames[0].bytes + FRAME_ETH + FRAME_IP;
    ck_assert_uint_eq(icmp[0], 12);
    ck_assert_uint_eq(icmp[1], 0);
    ck_assert_uint_eq(icmp[4], pointer);
    ck_assert_mem_eq(icmp + 8, f.b + FRAME_ETH, f.len - FRAME_ETH);
}

/* requires: 1122-3.2.2.5-1 */
START_TEST(ip_option_of_length_zero)
{
    expect_bad_option("94000000", 20);
}
END_TEST

START_TEST(ip_option_of_length_one)
{
    expect_bad_option("01940101", 21);
}
END_TEST

START_TEST(ip_option_beyond_the_header)
{
    expect_bad_option("94050000", 20);
}
END_TEST

START_TEST(ip_option_without_a_length)
{
    expect_bad_option("01010194", 23);
}
END_TEST

START_TEST(ip_option_shorter_than_its_kind_can_be)
{
    expect_bad_option("83020000", 20);
}
END_TEST

START_TEST(two_source_routes)
{
    r.ip.config.source_routes = true;
    expect_bad_option("8307080a090063 8907080a090063 0000", 27);
}
END_TEST

/* RFC 1122 3.3.5: a route that goes on through us fails here; RFC 792: code 5. */
static void expect_route_failed(const char *hex)
{
    struct frame f = frame_with_options(hex);
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_IP_SOURCE_ROUTED);
    ck_assert_uint_eq(r.received, 0);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 1);
    const uint8_t *icmp = r.link.dev.frames[0].bytes + FRAME_ETH + FRAME_IP;
    ck_assert_uint_eq(icmp[0], 3);
    ck_assert_uint_eq(icmp[1], 5);
}

/* requires: 1122-3.3.5-2 */
START_TEST(ip_loose_source_route)
{
    expect_route_failed("83 07 04 0a090063 00");
}
END_TEST

START_TEST(ip_strict_source_route)
{
    r.ip.config.source_routes = true; /* it is no other when source routes are taken */
    expect_route_failed("01 89 07 04 0a090063");
}
END_TEST

START_TEST(a_source_route_that_ends_here_is_refused_by_default)
{
    struct frame f = frame_with_options("83 07 08 0a090063 00");
    expect_refused(&f, DROP_IP_SOURCE_ROUTED);
}
END_TEST

/* requires: 1122-3.2.1.8-4 */
START_TEST(a_source_route_that_ends_here_goes_up_with_the_way_back)
{
    r.ip.config.source_routes = true;
    struct frame f = frame_with_options("83 0b 0c c0000201 c6336401 00");
    expect_taken(&f);
    ck_assert(r.had_back);
    struct frame want = frame_of_hex("83 0b 04 c0000201 0a090001 00");
    ck_assert_uint_eq(r.last_back.len, want.len);
    ck_assert_mem_eq(r.last_back.bytes, want.b, want.len);
    ck_assert(ip_equal(r.last_back.first_hop, ip4_addr(0xc6336401)));
}
END_TEST

/* requires: 1122-3.2.1.3-4, 1122-3.2.2-10, 1122-4.1.3.6-1 */
START_TEST(ip_source_is_broadcast)
{
    expect_source_refused(0xffffffffU);
}
END_TEST

/* requires: 1122-3.2.1.3-4, 1122-3.2.2-10 */
START_TEST(ip_source_is_directed_broadcast)
{
    expect_source_refused(0x0a0900ffU);
}
END_TEST

/* requires: 1122-3.2.1.3-4, 1122-3.2.2-10, 1122-4.1.3.6-1 */
START_TEST(ip_source_is_multicast)
{
    expect_source_refused(0xe0000001U);
}
END_TEST

/* requires: 1122-3.2.1.3-4 */
START_TEST(ip_source_is_loopback)
{
    expect_source_refused(0x7f000001U);
}
END_TEST

START_TEST(ip_source_is_ours)
{
    expect_source_refused(OUR_IP);
}
END_TEST

START_TEST(ip_source_is_nobody)
{
    expect_source_refused(0);
}
END_TEST

START_TEST(ip_source_is_class_e)
{
    expect_source_refused(0xf0000001U);
}
END_TEST

START_TEST(a_source_on_another_network_is_good)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.src = 0xc0000207U;
    struct frame f = frame_ip4(&spec, "x", 1);
    expect_taken(&f);
}
END_TEST

static void expect_destination_refused(uint32_t dst)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.dst = dst;
    struct frame f = frame_ip4(&spec, "x", 1);
    expect_refused(&f, DROP_IP_NOT_FOR_US);
}

/* requires: 1122-3.1-6, 1122-3.1-7, 1122-3.2.1.3-3, 1122-3.2.2.2-1 */
START_TEST(ip_not_for_us)
{
    expect_destination_refused(0x0a090003U);
}
END_TEST

/* requires: 1122-3.2.1.3-3 */
START_TEST(ip_not_for_us_multicast)
{
    expect_destination_refused(0xe0000001U);
}
END_TEST

/* requires: 1122-3.2.1.3-6 */
START_TEST(ip_not_for_us_loopback)
{
    expect_destination_refused(0x7f000001U);
}
END_TEST

/* requires: 1122-3.3.6-1 */
START_TEST(a_broadcast_is_taken_and_marked)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.dst = 0x0a0900ffU;
    struct frame f = frame_ip4(&spec, "x", 1);
    memset(f.b, 0xff, 6);
    expect_taken(&f);
    ck_assert(r.last.broadcast);
    spec.dst = 0xffffffffU;
    f = frame_ip4(&spec, "x", 1);
    expect_taken(&f);
    ck_assert(r.last.broadcast);
}
END_TEST

/* requires: 1122-3.3.6-5, 1122-3.2.2-8 */
START_TEST(ip_link_broadcast)
{
    struct frame f = good_frame();
    memset(f.b, 0xff, 6);
    expect_refused(&f, DROP_IP_LINK_BROADCAST);
}
END_TEST

START_TEST(dont_fragment_is_no_fragment)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.fragment = 0x4000;
    struct frame f = frame_ip4(&spec, "x", 1);
    expect_taken(&f);
}
END_TEST

/* ---- out ---- */

/* The header from an independent program. */
/* requires: 1122-2.3.1-2, 1122-2.3.3-1, 1122-2.3.3-5, 1122-3.2.1.3-2, 1122-3.2.1.6-1, 1122-3.2.1.7-3, 1122-3.4-1 */
START_TEST(the_header_that_we_write)
{
    r.ip.next_id = 0x1234;
    ck_assert_int_eq(ip_rig_send(&r, PEER_IP, 4), IP_SENT);
    struct frame want = frame_of_hex("020000000001 020000000002 0800"
                                     "4510001812344000400614880a0900020a090001 00000000");
    expect_frame(&r.link.dev, 0, &want);
    ck_assert_uint_eq(r.ip.next_id, 0x1235);
}
END_TEST

/* requires: 1122-3.2.1.7-1 */
START_TEST(a_time_to_live_of_zero_is_not_sent)
{
    struct packet p;
    packet_init(&p);
    struct ip_how how = {.src = ip4_addr(OUR_IP), .dst = ip4_addr(PEER_IP), .protocol = IP_TCP};
    ck_assert_int_eq(ip_output(&r.ip, &p, &how, r.link.now), IP_SENT);
    ck_assert_uint_eq(r.link.dev.frames[0].bytes[FRAME_ETH + 8], 64); /* the default */
}
END_TEST

/* requires: 1122-3.3.1.1-1, 1122-3.3.1.2-3 */
START_TEST(a_far_destination_goes_to_the_gateway)
{
    ck_assert_int_eq(ip_rig_send(&r, 0xc0000207U, 4), IP_SENT);
    const uint8_t *f = r.link.dev.frames[0].bytes;
    ck_assert_mem_eq(f, peer_mac.b, 6);
    ck_assert_mem_eq(f + FRAME_ETH + 16, "\xc0\x00\x02\x07", 4);
}
END_TEST

/* requires: 1122-3.3.3-3 */
START_TEST(the_mtu_is_kept)
{
    ck_assert_int_eq(ip_rig_send(&r, PEER_IP, 1480), IP_SENT);
    ck_assert_uint_eq(r.link.dev.frames[0].len, 1514);
}
END_TEST

/* requires: 1122-3.3.3-3 */
START_TEST(ip_too_big)
{
    ck_assert_int_eq(ip_rig_send(&r, PEER_IP, 1481), IP_REFUSED);
    expect_drop(&r.link.recorder, DROP_IP_TOO_BIG);
    ck_assert_uint_eq(r.link.dev.count, 0);
}
END_TEST

static enum ip_result send_for_device(size_t len, uint16_t gso_size, bool may_fragment)
{
    static const uint8_t zeros[200000];
    struct packet p;
    packet_init(&p);
    packet_add(&p, (struct slice){zeros, len});
    p.offload = (struct offload){.gso_type = GSO_TCP4, .gso_size = gso_size};
    struct ip_how how = {.src = ip4_addr(OUR_IP),
                         .dst = ip4_addr(PEER_IP),
                         .protocol = IP_TCP,
                         .ttl = 64,
                         .may_fragment = may_fragment};
    return ip_output(&r.ip, &p, &how, r.link.now);
}

static enum ip_result send_super_segment(size_t len)
{
    return send_for_device(len, 1448, false);
}

START_TEST(a_super_segment_may_exceed_the_mtu)
{
    ck_assert_int_eq(send_super_segment(65515), IP_SENT);
    ck_assert_uint_eq(r.link.dev.frames[0].len, 65535 + 14);
    ck_assert_uint_eq(r.link.dev.frames[0].offload.gso_size, 1448);
    ck_assert_int_eq(send_super_segment(65516), IP_REFUSED);
    expect_drop(&r.link.recorder, DROP_IP_TOO_BIG);
}
END_TEST

START_TEST(a_big_super_segment_does_not_say_its_length)
{
    r.link.dev.dev.caps = NETDEV_CSUM | NETDEV_TSO4 | NETDEV_BIG;
    ck_assert_int_eq(send_super_segment(65515), IP_SENT);
    ck_assert_int_eq(send_super_segment(200000), IP_SENT);
    const struct fake_frame *f = r.link.dev.frames;
    ck_assert_mem_eq(f[0].bytes + FRAME_ETH + 2, "\xff\xff", 2);
    ck_assert_mem_eq(f[1].bytes + FRAME_ETH + 2, "\0\0", 2);
    ck_assert_uint_eq(f[1].len, 200000 + FRAME_IP + FRAME_ETH);
    ck_assert_uint_eq(plain_checksum(f[1].bytes + FRAME_ETH, FRAME_IP, 0), 0);
    ck_assert_int_eq(ip_rig_send(&r, PEER_IP, 1481), IP_REFUSED); /* that is no super-segment */
}
END_TEST

static unsigned id_of(unsigned index)
{
    const uint8_t *f = r.link.dev.frames[index].bytes + FRAME_ETH;
    ck_assert_uint_eq(f[6] & 0x40U, 0); /* no DF */
    return (unsigned)f[4] << 8 | f[5];
}

/* A device cuts a super-segment into packets with the identification of the first, and those that follow it: when a router
 * may divide these, nothing else may have the same (RFC 6864 4.3). What has DF set does not use them up. */
START_TEST(packets_of_a_super_segment_keep_their_ids)
{
    r.ip.next_divided_id = 0xfff0;
    ck_assert_int_eq(send_for_device(7 * 1448 + 1, 1448, true), IP_SENT); /* fff0 to fff7 */
    ck_assert_int_eq(send_for_device(2 * 1448, 1448, true), IP_SENT);     /* fff8, fff9 */
    ck_assert_int_eq(send_for_device(1, 0, true), IP_SENT);               /* fffa */
    ck_assert_int_eq(ip_rig_send(&r, PEER_IP, 4), IP_SENT);               /* DF */
    ck_assert_int_eq(send_for_device(40 * 1000, 1000, true), IP_SENT);    /* fffb to 0022 */
    ck_assert_int_eq(send_for_device(1, 0, true), IP_SENT);
    ck_assert_uint_eq(id_of(0), 0xfff0);
    ck_assert_uint_eq(id_of(1), 0xfff8);
    ck_assert_uint_eq(id_of(2), 0xfffa);
    ck_assert_uint_eq(id_of(4), 0xfffb);
    ck_assert_uint_eq(id_of(5), 0x0023);
}
END_TEST

START_TEST(ip_no_route)
{
    r.ip.route_count = 1; /* only the link's own */
    ck_assert_int_eq(ip_rig_send(&r, 0xc0000207U, 4), IP_REFUSED);
    expect_drop(&r.link.recorder, DROP_IP_NO_ROUTE);
}
END_TEST

START_TEST(ip_no_route_to_ourselves)
{
    ck_assert_int_eq(ip_rig_send(&r, OUR_IP, 4), IP_REFUSED);
    expect_drop(&r.link.recorder, DROP_IP_NO_ROUTE);
}
END_TEST

/* requires: 1122-3.2.1.3-6 */
START_TEST(ip_no_route_to_loopback)
{
    ck_assert_int_eq(ip_rig_send(&r, 0x7f000001U, 4), IP_REFUSED);
    expect_drop(&r.link.recorder, DROP_IP_NO_ROUTE);
}
END_TEST

/* requires: 1122-2.4-3 */
START_TEST(an_unknown_neighbour_counts_as_sent)
{
    ck_assert_int_eq(ip_rig_send(&r, 0x0a090005U, 4), IP_SENT);
    ck_assert_uint_eq(r.link.dev.count, 0);
    r.link.dev.refuse = true;
    ck_assert_int_eq(ip_rig_send(&r, PEER_IP, 4), IP_REFUSED);
    expect_drop(&r.link.recorder, DROP_DEV_REFUSED);
}
END_TEST

static TCase *case_header(void)
{
    TCase *t = tcase_create("header in");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, padding_is_cut_off);
    tcase_add_test(t, a_packet_may_be_empty);
    tcase_add_test(t, an_option_may_be_empty);
    tcase_add_test(t, ip_truncated);
    tcase_add_test(t, ip_bad_version);
    tcase_add_test(t, ip_header_length_too_small);
    tcase_add_test(t, ip_header_length_beyond_the_packet);
    tcase_add_test(t, ip_total_length_below_the_header);
    tcase_add_test(t, ip_total_length_beyond_the_frame);
    tcase_add_test(t, ip_bad_checksum);
    tcase_add_test(t, ip_ttl_zero);
    tcase_add_test(t, a_time_to_live_of_one_is_enough);
    tcase_add_test(t, a_later_fragment_gets_no_error);
    tcase_add_test(t, options_are_passed_over);
    tcase_add_test(t, ip_option_of_length_zero);
    tcase_add_test(t, ip_option_of_length_one);
    tcase_add_test(t, ip_option_beyond_the_header);
    tcase_add_test(t, ip_option_without_a_length);
    tcase_add_test(t, ip_loose_source_route);
    tcase_add_test(t, ip_strict_source_route);
    tcase_add_test(t, ip_option_shorter_than_its_kind_can_be);
    tcase_add_test(t, two_source_routes);
    tcase_add_test(t, a_source_route_that_ends_here_is_refused_by_default);
    tcase_add_test(t, a_source_route_that_ends_here_goes_up_with_the_way_back);
    tcase_add_test(t, dont_fragment_is_no_fragment);
    return t;
}

static TCase *case_addresses(void)
{
    TCase *t = tcase_create("addresses in");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, ip_source_is_broadcast);
    tcase_add_test(t, ip_source_is_directed_broadcast);
    tcase_add_test(t, ip_source_is_multicast);
    tcase_add_test(t, ip_source_is_loopback);
    tcase_add_test(t, ip_source_is_ours);
    tcase_add_test(t, ip_source_is_nobody);
    tcase_add_test(t, ip_source_is_class_e);
    tcase_add_test(t, a_source_on_another_network_is_good);
    tcase_add_test(t, ip_not_for_us);
    tcase_add_test(t, ip_not_for_us_multicast);
    tcase_add_test(t, ip_not_for_us_loopback);
    tcase_add_test(t, a_broadcast_is_taken_and_marked);
    tcase_add_test(t, ip_link_broadcast);
    return t;
}

static TCase *case_out(void)
{
    TCase *t = tcase_create("out");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, the_header_that_we_write);
    tcase_add_test(t, a_time_to_live_of_zero_is_not_sent);
    tcase_add_test(t, a_far_destination_goes_to_the_gateway);
    tcase_add_test(t, the_mtu_is_kept);
    tcase_add_test(t, ip_too_big);
    tcase_add_test(t, a_super_segment_may_exceed_the_mtu);
    tcase_add_test(t, packets_of_a_super_segment_keep_their_ids);
    tcase_add_test(t, a_big_super_segment_does_not_say_its_length);
    tcase_add_test(t, ip_no_route);
    tcase_add_test(t, ip_no_route_to_ourselves);
    tcase_add_test(t, ip_no_route_to_loopback);
    tcase_add_test(t, an_unknown_neighbour_counts_as_sent);
    return t;
}

Suite *ip4_suite(void);

Suite *ip4_suite(void)
{
    Suite *s = suite_create("ip4");
    suite_add_tcase(s, case_header());
    suite_add_tcase(s, case_addresses());
    suite_add_tcase(s, case_out());
    return s;
}
