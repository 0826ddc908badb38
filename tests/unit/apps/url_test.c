/* apps/url.c: URLs (RFC 3986, RFC 9110 4.2) and the hosts file. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/url.h"

static const struct {
    const char *text;
    bool tls;
    uint16_t port;
    const char *host, *target;
} good[] = {
    {"http://a.test", false, 80, "a.test", "/"},
    {"https://a.test/", true, 443, "a.test", "/"},
    {"HTTPS://A.test:8443/x/y?z=1#part", true, 8443, "A.test", "/x/y?z=1"},
    {"a.test/x", false, 80, "a.test", "/x"},
    {"10.9.0.1:81", false, 81, "10.9.0.1", "/"},
    {"https://a.test?q", true, 443, "a.test", "/?q"},
    {"http://a.test/go?to=http://b.test/", false, 80, "a.test", "/go?to=http://b.test/"},
    {"a.test/go?to=http://b.test/", false, 80, "a.test", "/go?to=http://b.test/"},
};

START_TEST(takes)
{
    struct url u;
    const char *why = "";
    ck_assert_msg(url_parse(good[_i].text, &u, &why), "%s: %s", good[_i].text, why);
    ck_assert_int_eq(u.tls, good[_i].tls);
    ck_assert_uint_eq(u.port, good[_i].port);
    ck_assert_str_eq(u.host, good[_i].host);
    ck_assert_str_eq(u.target, good[_i].target);
}
END_TEST

static const char *const bad[] = {
    "",
    "ftp://a.test/",
    "http://",
    "http:///x",
    "http://a.test:0/",
    "http://a.test:65536/",
    "http://a.test:/",
    "http://a.test:8x/",
    "http://u:p@a.test/",
    "http://[::1]/",
    "http://a b.test/",
    "http://a.test/x y",
    "http://a.test/\r\nHost: b.test",
};

START_TEST(refuses)
{
    struct url u;
    const char *why = NULL;
    ck_assert_msg(!url_parse(bad[_i], &u, &why), "took %s", bad[_i]);
    ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(long_ones)
{
    struct url u;
    const char *why = NULL;
    char text[URL_TARGET_MAX + 300];
    memset(text, 'a', sizeof text);
    text[URL_HOST_MAX] = '\0'; /* one more than there is room for */
    ck_assert(!url_parse(text, &u, &why));
    text[URL_HOST_MAX - 1] = '\0';
    ck_assert(url_parse(text, &u, &why));
    memset(text, 'a', sizeof text);
    text[10] = '/';
    text[sizeof text - 1] = '\0';
    ck_assert(!url_parse(text, &u, &why));
    text[10 + URL_TARGET_MAX - 2] = '\0';
    ck_assert(url_parse(text, &u, &why));
}
END_TEST

static const char *const fixed[] = {"kernel.test:10.9.0.1", "a.test:192.0.2.1"};

static const struct {
    const char *name;
    uint32_t address; /* 0: unknown */
} hosts[] = {
    {"192.0.2.77", 0xc000024d},  {"kernel.test", 0x0a090001},
    {"KERNEL.test", 0x0a090001}, {"a.test", 0xc0000201},
    {"one.test", 0xc6336401},    {"uno.test", 0xc6336401},
    {"two.test", 0xc6336402},    {"six.test", 0},
    {"hidden.test", 0},          {"kernel.test:10.9.0.1", 0},
    {"nobody.test", 0},          {"198.51.100.1", 0xc6336401},
};

START_TEST(finds_hosts)
{
    char file[] = "/tmp/vitrine-hosts-XXXXXX";
    int fd = mkstemp(file);
    ck_assert_int_ge(fd, 0);
    dprintf(fd, "# a comment\n198.51.100.1\tone.test uno.test # hidden.test\n\n"
                "2001:db8::6 six.test\n198.51.100.2 two.test\n198.51.100.9 a.test");
    close(fd);
    struct ip_addr ip;
    bool found = hosts_find(hosts[_i].name, fixed, 2, file, &ip);
    ck_assert_int_eq(found, hosts[_i].address != 0);
    if (found) {
        ck_assert_uint_eq(ip4_value(ip), hosts[_i].address);
    }
    unlink(file);
    ck_assert(!hosts_find("one.test", fixed, 2, file, &ip)); /* no file */
}
END_TEST

Suite *url_suite(void);
Suite *url_suite(void)
{
    Suite *s = suite_create("url");
    TCase *t = tcase_create("url");
    tcase_add_loop_test(t, takes, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(t, refuses, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(t, long_ones);
    tcase_add_loop_test(t, finds_hosts, 0, (int)(sizeof hosts / sizeof hosts[0]));
    suite_add_tcase(s, t);
    return s;
}
