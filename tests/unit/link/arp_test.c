/* The ARP packet, as RFC 826 lays it out. */
#include "stack/link/arp.h"

#include <check.h>

#include "tests/unit/link/frames.h"

#define REQUEST "0001 0800 06 04 0001 020000000001 0a090001 000000000000 0a090002"

static bool parses(const char *hex)
{
    struct frame f = frame_of_hex(hex);
    struct rd r = rd_of(f.b, f.len);
    struct arp_packet a;
    return arp_parse(&r, &a);
}

START_TEST(a_request_is_read)
{
    struct frame f = frame_of_hex(REQUEST);
    struct rd r = rd_of(f.b, f.len);
    struct arp_packet a;
    ck_assert(arp_parse(&r, &a));
    ck_assert_uint_eq(a.operation, 1);
    ck_assert(mac_equal(a.sha, peer_mac));
    ck_assert_uint_eq(ip4_value(a.spa), PEER_IP);
    ck_assert(mac_equal(a.tha, (struct mac){{0}}));
    ck_assert_uint_eq(ip4_value(a.tpa), OUR_IP);
}
END_TEST

START_TEST(a_reply_is_written)
{
    struct packet p;
    packet_init(&p);
    struct arp_packet a = {.operation = 2,
                           .sha = our_mac,
                           .spa = ip4_addr(OUR_IP),
                           .tha = peer_mac,
                           .tpa = ip4_addr(PEER_IP)};
    arp_push(&p, &a);
    struct frame want =
        frame_of_hex("0001 0800 06 04 0002 020000000002 0a090002 020000000001 0a090001");
    ck_assert_uint_eq(packet_len(&p), want.len);
    ck_assert_mem_eq(packet_header(&p).data, want.b, want.len);
}
END_TEST

START_TEST(whatever_is_wrong_is_seen)
{
    ck_assert(parses(REQUEST));
    ck_assert(parses(REQUEST "0000 0000 0000")); /* padding */
    const char *const bad[] = {
        "0006 0800 06 04 0001 020000000001 0a090001 000000000000 0a090002", /* hardware type */
        "0001 86dd 06 04 0001 020000000001 0a090001 000000000000 0a090002", /* protocol type */
        "0001 0800 08 04 0001 020000000001 0a090001 000000000000 0a090002", /* hardware length */
        "0001 0800 06 10 0001 020000000001 0a090001 000000000000 0a090002", /* protocol length */
        "0001 0800 06 04 0000 020000000001 0a090001 000000000000 0a090002", /* operation */
        "0001 0800 06 04 0003 020000000001 0a090001 000000000000 0a090002", /* RARP (RFC 903) */
        "0001 0800 06 04 0101 020000000001 0a090001 000000000000 0a090002", /* not 1 in 8 bits */
        "0001 0800 06 04 0001 020000000001 0a090001 000000000000 0a0900",   /* a byte short */
        "",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        ck_assert_msg(!parses(bad[i]), "packet %zu", i);
    }
}
END_TEST

Suite *arp_suite(void);

Suite *arp_suite(void)
{
    Suite *s = suite_create("arp");
    TCase *t = tcase_create("arp");
    tcase_add_test(t, a_request_is_read);
    tcase_add_test(t, a_reply_is_written);
    tcase_add_test(t, whatever_is_wrong_is_seen);
    suite_add_tcase(s, t);
    return s;
}
