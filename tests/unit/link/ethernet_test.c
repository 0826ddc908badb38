/* The Ethernet II header. */
#include "stack/link/ethernet.h"

#include <check.h>

#include "tests/unit/link/frames.h"

START_TEST(a_header_is_read)
{
    struct frame f = frame_of_hex("02aabbccddee 021122334455 0806 99");
    struct rd r = rd_of(f.b, f.len);
    struct ethernet_header h;
    ck_assert(ethernet_parse(&r, &h));
    ck_assert_mem_eq(h.dst.b, "\x02\xaa\xbb\xcc\xdd\xee", 6);
    ck_assert_mem_eq(h.src.b, "\x02\x11\x22\x33\x44\x55", 6);
    ck_assert_uint_eq(h.type, 0x0806);
    ck_assert_uint_eq(rd_left(&r), 1);
}
END_TEST

START_TEST(thirteen_bytes_are_no_header)
{
    struct frame f = frame_of_hex("02aabbccddee 021122334455 08");
    struct rd r = rd_of(f.b, f.len);
    struct ethernet_header h;
    ck_assert(!ethernet_parse(&r, &h));
}
END_TEST

START_TEST(a_header_is_written)
{
    struct packet p;
    packet_init(&p);
    struct ethernet_header h = {.dst = mac_broadcast, .src = our_mac, .type = ETHERTYPE_ARP};
    ethernet_push(&p, &h);
    struct frame want = frame_of_hex("ffffffffffff 020000000002 0806");
    ck_assert_uint_eq(packet_len(&p), want.len);
    ck_assert_mem_eq(packet_header(&p).data, want.b, want.len);
}
END_TEST

/* RFC 1112 6.4: the low 23 bits; 224.0.0.251 and 239.129.2.3 by hand. */
START_TEST(groups_map_to_group_addresses)
{
    struct mac dns = ethernet_group4(ip4_addr(0xe00000fbU));
    ck_assert_mem_eq(dns.b, "\x01\x00\x5e\x00\x00\xfb", 6);
    struct mac high = ethernet_group4(ip4_addr(0xef810203U));
    ck_assert_mem_eq(high.b, "\x01\x00\x5e\x01\x02\x03", 6);
}
END_TEST

Suite *ethernet_suite(void);

Suite *ethernet_suite(void)
{
    Suite *s = suite_create("ethernet");
    TCase *t = tcase_create("ethernet");
    tcase_add_test(t, a_header_is_read);
    tcase_add_test(t, thirteen_bytes_are_no_header);
    tcase_add_test(t, a_header_is_written);
    tcase_add_test(t, groups_map_to_group_addresses);
    suite_add_tcase(s, t);
    return s;
}
