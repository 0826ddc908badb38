/* What was learned about destinations: redirects by their rules, narrower paths, gateways that fail. */
#include "stack/ip/destinations.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "stack/ip/route.h"
#include "tests/unit/ip/ip_rig.h"

#define FAR_HOST 0xc0000207U      /* 192.0.2.7, behind the default gateway */
#define OTHER_GATEWAY 0x0a090009U /* 10.9.0.9 */
static const struct mac other_mac = {{0x02, 0, 0, 0, 0, 0x09}};

static struct ip_rig r;

static void set_up(void)
{
    ip_rig_init(&r);
    neighbour_heard(&r.link.iface.neighbours, ip4_addr(OTHER_GATEWAY), other_mac, true, r.link.now);
}

static void tear_down(void)
{
    ip_rig_done(&r);
}

/* A redirect from `from` that says: packets of `src` to 192.0.2.7 better go to `gateway`. */
static void redirect_from(uint32_t from, unsigned code, const char *gateway, const char *src)
{
    char hex[160];
    snprintf(hex, sizeof(hex),
             "05%02x0000 %s 4500002800004000 40060000 %s c0000207 0050c000 11223344", code, gateway,
             src);
    struct frame m = frame_of_hex(hex);
    put16(m.b + 2, plain_checksum(m.b, m.len, 0));
    struct ip4_spec spec = ip4_spec_to_us(1);
    spec.src = from;
    struct frame f = frame_ip4(&spec, m.b, m.len);
    ip_rig_receive(&r, &f);
}

static void redirect(unsigned code)
{
    redirect_from(PEER_IP, code, "0a090009", "0a090002");
}

/* The link address to which a packet for `dst` goes. */
static void expect_first_hop(uint32_t dst, struct mac mac)
{
    fake_netdev_clear(&r.link.dev);
    ck_assert_int_eq(ip_rig_send(&r, dst, 8), IP_SENT);
    ck_assert_uint_eq(r.link.dev.count, 1);
    ck_assert_mem_eq(r.link.dev.frames[0].bytes, mac.b, 6);
    fake_netdev_clear(&r.link.dev);
}

/* ---- redirects ---- */

/* requires: 1122-3.2.2.2-2, 1122-3.2.2.2-3, 1122-3.3.1.2-1, 1122-3.3.1.2-2, 1122-3.3.1.3-1 */
START_TEST(a_redirect_changes_the_first_hop_to_its_destination)
{
    expect_first_hop(FAR_HOST, peer_mac);
    redirect((unsigned)_i); /* 0: network, 1: host, 2 and 3: with a type of service */
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
    expect_first_hop(FAR_HOST, other_mac);
    expect_first_hop(FAR_HOST + 1, peer_mac); /* and to no other */
    ck_assert_uint_eq(r.errors, 0);
}
END_TEST

START_TEST(a_redirect_is_forgotten_after_ten_minutes)
{
    redirect(1);
    link_rig_run(&r.link, r.link.now + 599 * NS_PER_SEC);
    ck_assert_ptr_nonnull(destination_find(&r.ip.destinations, ip4_addr(FAR_HOST)));
    link_rig_run(&r.link, r.link.now + 2 * NS_PER_SEC);
    ck_assert_ptr_null(destination_find(&r.ip.destinations, ip4_addr(FAR_HOST)));
    expect_first_hop(FAR_HOST, peer_mac);
}
END_TEST

START_TEST(doubt_gives_a_redirect_up)
{
    redirect(1);
    ip_doubt(&r.ip, ip4_addr(FAR_HOST), r.link.now);
    expect_first_hop(FAR_HOST, peer_mac);
}
END_TEST

static void expect_refused(void)
{
    expect_drop(&r.link.recorder, DROP_ICMP_BAD_REDIRECT);
    expect_first_hop(FAR_HOST, peer_mac);
}

/* requires: 1122-3.2.2.2-4 */
START_TEST(icmp_bad_redirect)
{
    redirect_from(OTHER_GATEWAY, 1, "0a090009", "0a090002"); /* not from the present first hop */
    expect_refused();
}
END_TEST

/* requires: 1122-3.2.2.2-4 */
START_TEST(a_redirect_off_the_link)
{
    redirect_from(PEER_IP, 1, "c6336401", "0a090002");
    expect_refused();
}
END_TEST

START_TEST(a_redirect_to_ourselves)
{
    redirect_from(PEER_IP, 1, "0a090002", "0a090002");
    expect_refused();
}
END_TEST

START_TEST(a_redirect_to_the_broadcast_address)
{
    redirect_from(PEER_IP, 1, "0a0900ff", "0a090002");
    expect_refused();
}
END_TEST

START_TEST(a_redirect_about_a_packet_of_another_host)
{
    redirect_from(PEER_IP, 1, "0a090009", "0a090003");
    expect_refused();
}
END_TEST

START_TEST(a_redirect_of_an_unknown_code)
{
    redirect(4);
    expect_refused();
}
END_TEST

START_TEST(redirects_can_be_switched_off)
{
    r.ip.config.no_redirects = true;
    redirect(1);
    expect_refused();
}
END_TEST

START_TEST(a_redirect_cut_short)
{
    struct frame m = frame_of_hex("05010000 0a090009 45000028");
    put16(m.b + 2, plain_checksum(m.b, m.len, 0));
    struct ip4_spec spec = ip4_spec_to_us(1);
    struct frame f = frame_ip4(&spec, m.b, m.len);
    ip_rig_expect_refused(&r, &f, DROP_ICMP_TRUNCATED);
}
END_TEST

START_TEST(a_redirect_for_a_neighbour)
{
    struct frame m = frame_of_hex("05010000 0a090009 4500002800004000 40060000 0a090002 0a090007"
                                  "0050c000 11223344");
    put16(m.b + 2, plain_checksum(m.b, m.len, 0));
    struct ip4_spec spec = ip4_spec_to_us(1);
    spec.src = 0x0a090007;
    struct frame f = frame_ip4(&spec, m.b, m.len);
    ip_rig_expect_refused(&r, &f, DROP_ICMP_BAD_REDIRECT);
}
END_TEST

/* ---- paths ---- */

/* requires: 4821-5.2-2, 4821-5.2-3 */
START_TEST(a_narrower_path_is_known_for_ten_minutes)
{
    ip_learn_mtu(&r.ip, ip4_addr(FAR_HOST), 1400, r.link.now);
    ck_assert_uint_eq(ip_mtu(&r.ip, ip4_addr(FAR_HOST)), 1400);
    ck_assert_uint_eq(ip_link_mtu(&r.ip, ip4_addr(FAR_HOST)), 1500);
    ck_assert_uint_eq(ip_mtu(&r.ip, ip4_addr(FAR_HOST + 1)), 1500);
    link_rig_run(&r.link, r.link.now + 601 * NS_PER_SEC); /* RFC 1191 6.3 */
    ck_assert_uint_eq(ip_mtu(&r.ip, ip4_addr(FAR_HOST)), 1500);
}
END_TEST

START_TEST(a_path_is_never_wider_than_its_link)
{
    ip_learn_mtu(&r.ip, ip4_addr(FAR_HOST), 9000, r.link.now);
    ck_assert_uint_eq(ip_mtu(&r.ip, ip4_addr(FAR_HOST)), 1500);
}
END_TEST

START_TEST(path_and_redirect_do_not_disturb_each_other)
{
    ip_learn_mtu(&r.ip, ip4_addr(FAR_HOST), 1400, r.link.now);
    redirect(1);
    ck_assert_uint_eq(ip_mtu(&r.ip, ip4_addr(FAR_HOST)), 1400);
    expect_first_hop(FAR_HOST, other_mac);
}
END_TEST

START_TEST(the_cache_is_bounded_and_each_ends_in_its_time)
{
    unsigned known = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        ip_learn_mtu(&r.ip, ip4_addr(FAR_HOST + i), 1000 + i % 100, r.link.now);
        link_rig_run(&r.link, r.link.now + NS_PER_MS);
    }
    for (uint32_t i = 0; i < 5000; i++) {
        known += ip_mtu(&r.ip, ip4_addr(FAR_HOST + i)) != 1500 ? 1 : 0;
    }
    ck_assert_uint_eq(known, DESTINATION_SETS * DESTINATION_WAYS);
    ck_assert_uint_ne(ip_mtu(&r.ip, ip4_addr(FAR_HOST + 4999)), 1500); /* the latest is there */
    link_rig_run(&r.link, r.link.now + 601 * NS_PER_SEC);
    ck_assert(!timer_armed(&r.ip.destinations.timer));
}
END_TEST

/* ---- gateways that fail ---- */

static void add_second_gateway(void)
{
    struct ip_route second = {
        .prefix = ip4_addr(0), .gateway = ip4_addr(OTHER_GATEWAY), .out = &r.link.iface};
    ck_assert(ip_add_route(&r.ip, &second));
}

/* The peer is asked and does not answer; the other gateway does. */
static void peer_fails(void)
{
    r.link.now += 2 * NS_PER_SEC;
    ip_doubt(&r.ip, ip4_addr(FAR_HOST), r.link.now);
    link_rig_run(&r.link, r.link.now + 4 * NS_PER_SEC);
}

/* requires: 1122-3.3.1.2-4, 1122-3.3.1.4-1, 1122-3.3.1.4-2, 1122-3.3.1.4-6, 1122-3.3.1.5-1 */
START_TEST(another_default_gateway_takes_over)
{
    add_second_gateway();
    expect_first_hop(FAR_HOST, peer_mac);
    peer_fails();
    expect_first_hop(FAR_HOST, other_mac);
    expect_first_hop(FAR_HOST + 1, other_mac);
    neighbour_heard(&r.link.iface.neighbours, ip4_addr(PEER_IP), peer_mac, true, r.link.now);
    expect_first_hop(FAR_HOST, peer_mac); /* it is back */
}
END_TEST

START_TEST(the_only_gateway_is_tried_again)
{
    peer_fails();
    fake_netdev_clear(&r.link.dev);
    ck_assert_int_eq(ip_rig_send(&r, FAR_HOST, 8), IP_SENT); /* it waits for ARP */
    iface_flush(&r.link.iface);
    ck_assert_uint_eq(r.link.dev.count, 1);
    ck_assert_mem_eq(r.link.dev.frames[0].bytes + 12, "\x08\x06", 2);
}
END_TEST

/* requires: 1122-3.3.1.4-3, 1122-3.3.1.4-4 */
START_TEST(nobody_is_asked_while_nothing_is_sent)
{
    add_second_gateway();
    link_rig_run(&r.link, r.link.now + 1100 * NS_PER_SEC);
    ck_assert_uint_eq(r.link.dev.count, 0);
}
END_TEST

static TCase *case_of(Suite *s, const char *name)
{
    TCase *t = tcase_create(name);
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    suite_add_tcase(s, t);
    return t;
}

Suite *destinations_suite(void);

Suite *destinations_suite(void)
{
    Suite *s = suite_create("destinations");
    TCase *redirects = case_of(s, "redirects");
    tcase_add_loop_test(redirects, a_redirect_changes_the_first_hop_to_its_destination, 0, 4);
    tcase_add_test(redirects, a_redirect_is_forgotten_after_ten_minutes);
    tcase_add_test(redirects, doubt_gives_a_redirect_up);
    tcase_add_test(redirects, icmp_bad_redirect);
    tcase_add_test(redirects, a_redirect_off_the_link);
    tcase_add_test(redirects, a_redirect_to_ourselves);
    tcase_add_test(redirects, a_redirect_to_the_broadcast_address);
    tcase_add_test(redirects, a_redirect_about_a_packet_of_another_host);
    tcase_add_test(redirects, a_redirect_of_an_unknown_code);
    tcase_add_test(redirects, redirects_can_be_switched_off);
    tcase_add_test(redirects, a_redirect_cut_short);
    tcase_add_test(redirects, a_redirect_for_a_neighbour);
    TCase *paths = case_of(s, "paths");
    tcase_add_test(paths, a_narrower_path_is_known_for_ten_minutes);
    tcase_add_test(paths, a_path_is_never_wider_than_its_link);
    tcase_add_test(paths, path_and_redirect_do_not_disturb_each_other);
    tcase_add_test(paths, the_cache_is_bounded_and_each_ends_in_its_time);
    TCase *gateways = case_of(s, "gateways");
    tcase_add_test(gateways, another_default_gateway_takes_over);
    tcase_add_test(gateways, the_only_gateway_is_tried_again);
    tcase_add_test(gateways, nobody_is_asked_while_nothing_is_sent);
    return s;
}
