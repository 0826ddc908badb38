/* Routes: the longest prefix wins, whatever the order in which they were added. */
#include "stack/ip/route.h"

#include <check.h>
#include <string.h>

#include "tests/unit/link/fake_netdev.h"

static struct ip ip;
static struct iface a, b;
static struct fake_netdev dev_a, dev_b;

static struct ip_addr addr(const char *text)
{
    struct ip_addr out;
    ck_assert(ip_parse(text, &out));
    return out;
}

static void set_up(void)
{
    memset(&ip, 0, sizeof(ip));
    fake_netdev_init(&dev_a, (struct mac){{2, 0, 0, 0, 0, 0xa}}, 1500);
    fake_netdev_init(&dev_b, (struct mac){{2, 0, 0, 0, 0, 0xb}}, 9000);
    dev_b.dev.caps = NETDEV_CSUM | NETDEV_TSO4;
    a = (struct iface){.dev = &dev_a.dev, .addr = addr("10.9.0.2"), .prefix = 24};
    b = (struct iface){.dev = &dev_b.dev, .addr = addr("172.16.5.4"), .prefix = 16};
}

static void add(const char *prefix, unsigned bits, const char *gateway, struct iface *out)
{
    struct ip_route r = {.prefix = addr(prefix), .bits = bits, .out = out};
    r.gateway = gateway != NULL ? addr(gateway) : ip_any;
    ck_assert(ip_add_route(&ip, &r));
}

/* requires: 1122-3.2.1.3-1, 1122-3.3.1.1-1, 1122-3.3.1.2-5 */
START_TEST(the_longest_prefix_wins)
{
    add("0.0.0.0", 0, "10.9.0.1", &a);
    add("172.16.0.0", 16, NULL, &b);
    add("10.9.0.0", 24, NULL, &a);
    add("172.16.5.0", 24, "172.16.0.1", &b);
    add("192.0.2.7", 32, "172.16.0.9", &b);
    ck_assert_uint_eq(ip_route_for(&ip, addr("10.9.0.77"))->bits, 24);
    ck_assert_uint_eq(ip_route_for(&ip, addr("172.16.9.1"))->bits, 16);
    ck_assert(ip_equal(ip_route_for(&ip, addr("172.16.5.9"))->gateway, addr("172.16.0.1")));
    ck_assert_uint_eq(ip_route_for(&ip, addr("192.0.2.7"))->bits, 32);
    ck_assert_uint_eq(ip_route_for(&ip, addr("192.0.2.8"))->bits, 0);
}
END_TEST

START_TEST(whatever_the_order_of_adding)
{
    add("192.0.2.7", 32, NULL, &a);
    add("0.0.0.0", 0, NULL, &a);
    add("192.0.2.0", 24, NULL, &a);
    add("192.0.0.0", 16, NULL, &a);
    static const unsigned want[] = {32, 24, 16, 0};
    for (unsigned i = 0; i < COUNT_OF(want); i++) {
        ck_assert_uint_eq(ip.routes[i].bits, want[i]);
    }
    ck_assert_uint_eq(ip_route_for(&ip, addr("192.0.2.8"))->bits, 24);
}
END_TEST

/* requires: 1122-3.3.1.1-2, 1122-3.3.3-1 */
START_TEST(the_way_gives_source_mtu_and_capabilities)
{
    add("10.9.0.0", 24, NULL, &a);
    add("172.16.0.0", 16, NULL, &b);
    struct ip_addr src;
    ck_assert(ip_source_for(&ip, addr("10.9.0.1"), &src));
    ck_assert(ip_equal(src, a.addr));
    ck_assert(ip_source_for(&ip, addr("172.16.200.1"), &src));
    ck_assert(ip_equal(src, b.addr));
    ck_assert_uint_eq(ip_mtu(&ip, addr("10.9.0.1")), 1500);
    ck_assert_uint_eq(ip_mtu(&ip, addr("172.16.0.1")), 9000);
    ck_assert_uint_eq(ip_caps(&ip, addr("10.9.0.1")), 0);
    ck_assert_uint_eq(ip_caps(&ip, addr("172.16.0.1")), NETDEV_CSUM | NETDEV_TSO4);
}
END_TEST

START_TEST(no_route_is_said)
{
    add("10.9.0.0", 24, NULL, &a);
    struct ip_addr src;
    ck_assert_ptr_null(ip_route_for(&ip, addr("10.9.1.1")));
    ck_assert(!ip_source_for(&ip, addr("10.9.1.1"), &src));
    ck_assert_uint_eq(ip_mtu(&ip, addr("10.9.1.1")), 0);
    ck_assert_uint_eq(ip_caps(&ip, addr("10.9.1.1")), 0);
}
END_TEST

START_TEST(families_do_not_mix)
{
    add("0.0.0.0", 0, "10.9.0.1", &a);
    ck_assert_ptr_null(ip_route_for(&ip, addr("2001:db8::1")));
}
END_TEST

START_TEST(the_table_is_bounded)
{
    for (unsigned i = 0; i < IP_ROUTES; i++) {
        add("10.0.0.0", 8, NULL, &a);
    }
    struct ip_route r = {.prefix = addr("10.0.0.0"), .bits = 8, .out = &a};
    ck_assert(!ip_add_route(&ip, &r));
}
END_TEST

Suite *route_suite(void);

Suite *route_suite(void)
{
    Suite *s = suite_create("route");
    TCase *t = tcase_create("route");
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, the_longest_prefix_wins);
    tcase_add_test(t, whatever_the_order_of_adding);
    tcase_add_test(t, the_way_gives_source_mtu_and_capabilities);
    tcase_add_test(t, no_route_is_said);
    tcase_add_test(t, families_do_not_mix);
    tcase_add_test(t, the_table_is_bounded);
    suite_add_tcase(s, t);
    return s;
}
