/* Addresses: text both ways (RFC 4291 2.2, RFC 5952), classes and prefixes. */
#include "stack/base/addr.h"

#include <check.h>
#include <string.h>

Suite *addr_suite(void);

static struct ip_addr parsed(const char *text)
{
    struct ip_addr a;
    ck_assert_msg(ip_parse(text, &a), "%s was refused", text);
    return a;
}

START_TEST(ip4_is_held_mapped)
{
    static const uint8_t want[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 9, 0, 2};
    struct ip_addr a = ip4_addr(0x0a090002);
    ck_assert_mem_eq(a.b, want, 16);
    ck_assert(ip_is_v4(a));
    ck_assert_uint_eq(ip4_value(a), 0x0a090002);
    ck_assert_uint_eq(ip4_value(ip4_addr(UINT32_MAX)), UINT32_MAX);
    ck_assert(!ip_is_v4(ip_any));
}
END_TEST

/* What is read, and how it is shown. The IPv6 lines are the examples of RFC 5952 and RFC 4291. */
static const struct {
    const char *in, *out;
} texts[] = {
    {"10.9.0.2", "10.9.0.2"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"::ffff:192.0.2.128", "192.0.2.128"},
    {"::FFFF:c000:280", "192.0.2.128"},
    {"0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"},
    {"::", "::"},
    {"::1", "::1"},
    {"1::", "1::"},
    {"0:0:0:0:0:0:0:0", "::"},
    {"2001:0db8::0001", "2001:db8::1"},
    {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
    {"2001:DB8::AbCd", "2001:db8::abcd"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"0:0:1:0:0:0:0:0", "0:0:1::"},
    {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
    {"fe80::a:0:0:0", "fe80::a:0:0:0"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
};

START_TEST(addresses_as_text)
{
    char out[IP_TEXT_MAX];
    ck_assert_str_eq(ip_text(parsed(texts[_i].in), out), texts[_i].out);
    ck_assert(ip_equal(parsed(texts[_i].out), parsed(texts[_i].in)));
}
END_TEST

static const char *const refused[] = {
    "",
    " 1.2.3.4",
    "1.2.3.4 ",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.04",
    "01.2.3.4",
    "00.0.0.0",
    "1..3.4",
    ".1.2.3.4",
    "1.2.3.4.",
    "1.2.3.-4",
    "1.2.3.+4",
    "0x1.2.3.4",
    "1.2.3.4294967297",
    "1.2.3.99999999999999999999",
    "1.2.3.4/24",
    ":",
    ":::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "1:2:3:4::5:6:7:8",
    "1::2::3",
    ":1::2",
    "1::2:",
    "::1:",
    "12345::",
    "::g",
    "::1%eth0",
    "[::1]",
    "::1.2.3",
    "::1.2.3.4.5",
    "::1.2.3.4:5",
    "1.2.3.4::",
    "1:2:3:4:5:6:7:1.2.3.4",
    "::1:2:3:4:5:6:1.2.3.4",
    "::01.2.3.4",
    "1:2:3:4:5:6:7:",
    "::/0",
    "vitrine",
    "1:1.2.3.4::",
    "1:1.2.3.4::1",
    "1:2:3:4:5:1.2.3.4::",
};

START_TEST(what_is_no_address)
{
    struct ip_addr a = ip4_addr(7);
    ck_assert_msg(!ip_parse(refused[_i], &a), "\"%s\" was taken", refused[_i]);
    ck_assert(ip_equal(a, ip4_addr(7)));
}
END_TEST

/* Reading the longest text must not overrun, and writing must fit. */
START_TEST(every_pattern_of_zero_groups_goes_round)
{
    for (unsigned pattern = 0; pattern < 256; pattern++) {
        struct ip_addr a = ip_any;
        for (unsigned i = 0; i < 8; i++) {
            if ((pattern >> i & 1) != 0) {
                a.b[2 * i] = 0xab;
                a.b[2 * i + 1] = 0xcd;
            }
        }
        char out[IP_TEXT_MAX];
        ck_assert(ip_equal(parsed(ip_text(a, out)), a));
        ck_assert_ptr_null(strstr(out, ":::"));
    }
}
END_TEST

/* requires: 1122-3.2.2.9-5 */
START_TEST(prefixes_as_text)
{
    struct ip_addr a;
    unsigned bits = 0;
    ck_assert(ip_parse_prefix("10.9.0.2/24", &a, &bits));
    ck_assert(ip_equal(a, ip4_addr(0x0a090002)));
    ck_assert_uint_eq(bits, 24);
    ck_assert(ip_parse_prefix("0.0.0.0/0", &a, &bits));
    ck_assert_uint_eq(bits, 0);
    ck_assert(ip_parse_prefix("fd00::1/128", &a, &bits));
    ck_assert_uint_eq(bits, 128);
    static const char *const bad[] = {"10.9.0.2",    "10.9.0.2/",    "10.9.0.2/33", "10.9.0.2/024",
                                      "10.9.0.2/-1", "10.9.0.2/2 4", "/24",         "fd00::/129",
                                      "10.9.0/24",   "10.9.0.2/24x", "1.2.3.4//8",  "1.2.3.4/ 8"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        ck_assert_msg(!ip_parse_prefix(bad[i], &a, &bits), "\"%s\" was taken", bad[i]);
    }
    ck_assert_uint_eq(bits, 128);
}
END_TEST

START_TEST(same_prefix)
{
    struct ip_addr a = ip4_addr(0x0a090002);
    for (unsigned bit = 0; bit < 32; bit++) {
        struct ip_addr b = ip4_addr(0x0a090002U ^ (0x80000000U >> bit));
        for (unsigned bits = 0; bits <= 32; bits++) {
            ck_assert_int_eq(ip_same_prefix(a, b, bits), bits <= bit);
        }
    }
    ck_assert(ip_same_prefix(a, a, 32));
    struct ip_addr c = parsed("2001:db8::1");
    ck_assert(ip_same_prefix(c, parsed("2001:db8::ffff"), 112));
    ck_assert(!ip_same_prefix(c, parsed("2001:db8::ffff"), 113));
    ck_assert(!ip_same_prefix(c, parsed("2001:db8::"), 128));
    ck_assert(ip_same_prefix(c, c, 128));
    ck_assert(!ip_same_prefix(a, c, 8)); /* of different families */
}
END_TEST

START_TEST(classes_of_addresses)
{
    ck_assert(ip_is_any(ip_any));
    ck_assert(ip_is_any(ip4_addr(0)));
    ck_assert(!ip_is_any(ip4_addr(1)));
    ck_assert(!ip_is_any(parsed("::1")));
    ck_assert(ip_is_multicast(parsed("224.0.0.1")));
    ck_assert(ip_is_multicast(parsed("239.255.255.255")));
    ck_assert(!ip_is_multicast(parsed("223.255.255.255")));
    ck_assert(!ip_is_multicast(parsed("240.0.0.0")));
    ck_assert(ip_is_multicast(parsed("ff02::1")));
    ck_assert(!ip_is_multicast(parsed("fe80::1")));
    ck_assert(ip_is_loopback(parsed("127.0.0.1")));
    ck_assert(ip_is_loopback(parsed("127.255.0.9")));
    ck_assert(!ip_is_loopback(parsed("128.0.0.1")));
    ck_assert(ip_is_loopback(parsed("::1")));
    ck_assert(!ip_is_loopback(parsed("::2")));
    ck_assert(!ip_is_loopback(ip_any));
}
END_TEST

START_TEST(endpoints_as_text)
{
    char out[ENDPOINT_TEXT_MAX];
    struct endpoint e = {.addr = ip4_addr(0xffffffff), .port = 65535};
    ck_assert_str_eq(endpoint_text(&e, out), "255.255.255.255:65535");
    e = (struct endpoint){.addr = parsed("1111:2222:3333:4444:5555:6666:7777:8888"), .port = 65535};
    ck_assert_str_eq(endpoint_text(&e, out), "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}
END_TEST

START_TEST(link_addresses)
{
    char out[MAC_TEXT_MAX];
    struct mac m = {{0x02, 0x00, 0x5e, 0xab, 0xcd, 0xff}};
    ck_assert_str_eq(mac_text(m, out), "02:00:5e:ab:cd:ff");
    ck_assert(!mac_is_group(m));
    ck_assert(mac_is_group(mac_broadcast));
    ck_assert(mac_is_group((struct mac){{0x01, 0x00, 0x5e, 0, 0, 1}}));
    ck_assert(mac_equal(m, m));
    struct mac other = m;
    other.b[5] ^= 1;
    ck_assert(!mac_equal(m, other));
}
END_TEST

Suite *addr_suite(void)
{
    Suite *s = suite_create("addr");
    TCase *c = tcase_create("addr");
    tcase_add_test(c, ip4_is_held_mapped);
    tcase_add_loop_test(c, addresses_as_text, 0, COUNT_OF(texts));
    tcase_add_loop_test(c, what_is_no_address, 0, COUNT_OF(refused));
    tcase_add_test(c, every_pattern_of_zero_groups_goes_round);
    tcase_add_test(c, prefixes_as_text);
    tcase_add_test(c, same_prefix);
    tcase_add_test(c, classes_of_addresses);
    tcase_add_test(c, endpoints_as_text);
    tcase_add_test(c, link_addresses);
    suite_add_tcase(s, c);
    return s;
}
