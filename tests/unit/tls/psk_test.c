/* Reading pre-shared keys: what is one, what is none, and why. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tls/psk.h"

Suite *psk_suite(void);

#define HEX16 "000102030405060708090a0b0c0d0e0f"

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

START_TEST(reads_a_key)
{
    static const uint8_t counting[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const char *why = NULL;
    struct tls_psk p;
    ck_assert(tls_psk_parse(text("ann:" HEX16), &p, &why));
    ck_assert_str_eq(p.identity, "ann");
    ck_assert_uint_eq(p.key_len, 16);
    ck_assert_mem_eq(p.key, counting, 16);
    /* only the last colon separates; capitals are digits as well */
    ck_assert(tls_psk_parse(text("a:b:" HEX16 "FFfe"), &p, &why));
    ck_assert_str_eq(p.identity, "a:b");
    ck_assert_uint_eq(p.key_len, 18);
    ck_assert_uint_eq(p.key[16], 0xff);
    ck_assert_uint_eq(p.key[17], 0xfe);
    ck_assert(tls_psk_parse(text("a:" HEX16 HEX16 HEX16), &p, &why));
    ck_assert_uint_eq(p.key_len, TLS_PSK_KEY_MAX);
}
END_TEST

static const struct {
    const char *text, *word;
} bad[] = {
    {"", "IDENTITY:HEX"},
    {"ann", "IDENTITY:HEX"},
    {HEX16, "IDENTITY:HEX"},
    {":" HEX16, "identity"},
    {"an n:" HEX16, "identity"},
    {"an\tn:" HEX16, "identity"},
    {"\xc3\xa4:" HEX16, "identity"},
    {"ann:", "key"},
    {"ann:" HEX16 "0", "key"},
    {"ann:000102030405060708090a0b0c0d0e", "key"}, /* 15 bytes */
    {"ann:" HEX16 HEX16 HEX16 "00", "key"},        /* 49 bytes */
    {"ann:000102030405060708090a0b0c0d0e0g", "key"},
    {"ann: 00102030405060708090a0b0c0d0e0f", "key"},
};

START_TEST(refuses_what_is_none)
{
    const char *why = NULL;
    struct tls_psk p;
    ck_assert(!tls_psk_parse(text(bad[_i].text), &p, &why));
    ck_assert_msg(strstr(why, bad[_i].word) != NULL, "%s", why);
}
END_TEST

START_TEST(an_identity_has_a_limit)
{
    char long_one[TLS_PSK_IDENTITY_MAX + 64];
    const char *why = NULL;
    struct tls_psk p;
    memset(long_one, 'x', sizeof(long_one));
    snprintf(long_one + TLS_PSK_IDENTITY_MAX, 40, ":" HEX16);
    ck_assert(tls_psk_parse(text(long_one), &p, &why));
    ck_assert_uint_eq(strlen(p.identity), TLS_PSK_IDENTITY_MAX);
    memset(long_one, 'x', sizeof(long_one));
    snprintf(long_one + TLS_PSK_IDENTITY_MAX + 1, 40, ":" HEX16);
    ck_assert(!tls_psk_parse(text(long_one), &p, &why));
}
END_TEST

static bool read_lines(const char *lines, struct tls_psks *out, char *error, size_t size)
{
    char name[] = "/tmp/vitrine-psk-XXXXXX";
    int fd = mkstemp(name);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
    close(fd);
    bool good = tls_psks_read(out, name, error, size);
    unlink(name);
    return good;
}

START_TEST(reads_a_file)
{
    char error[256] = "";
    struct tls_psks list = {NULL, 0};
    ck_assert_msg(
        read_lines("# people\n\nann:" HEX16 "\r\nbob:" HEX16 HEX16, &list, error, sizeof(error)),
        "%s", error);
    ck_assert_uint_eq(list.count, 2);
    ck_assert_uint_eq(tls_psks_find(&list, text("ann"))->key_len, 16);
    ck_assert_uint_eq(tls_psks_find(&list, text("bob"))->key_len, 32);
    ck_assert_ptr_null(tls_psks_find(&list, text("an")));
    ck_assert_ptr_null(tls_psks_find(&list, text("anna")));
    ck_assert_ptr_null(tls_psks_find(&list, text("")));
    tls_psks_done(&list);
    ck_assert_uint_eq(list.count, 0);
}
END_TEST

START_TEST(says_where_a_file_is_wrong)
{
    char error[256] = "";
    struct tls_psks list = {NULL, 0};
    ck_assert(!read_lines("ann:" HEX16 "\n#\nbob:0011223344\n", &list, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "line 3"));
    ck_assert_ptr_null(strstr(error, "0011223344")); /* no key in an error */
    tls_psks_done(&list);
    ck_assert(!read_lines("ann:" HEX16 "\nann:" HEX16 "\n", &list, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "already"));
    tls_psks_done(&list);
    ck_assert(!tls_psks_read(&list, "/proc/no/such", error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "/proc/no/such"));
}
END_TEST

Suite *psk_suite(void)
{
    Suite *s = suite_create("psk");
    TCase *t = tcase_create("psk");
    tcase_add_test(t, reads_a_key);
    tcase_add_loop_test(t, refuses_what_is_none, 0, (int)COUNT_OF(bad));
    tcase_add_test(t, an_identity_has_a_limit);
    tcase_add_test(t, reads_a_file);
    tcase_add_test(t, says_where_a_file_is_wrong);
    suite_add_tcase(s, t);
    return s;
}
