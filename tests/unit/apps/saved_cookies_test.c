/* apps/saved_cookies.c: cookies of Fast Open in a file. What is wrong is said on stderr, which is closed here. */
#include "apps/saved_cookies.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stack/tcp/fast_open_paths.h"

static struct tcp tcp;
static char file[] = "/tmp/vitrine-cookies.XXXXXX";

static void set_up(void)
{
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    memcpy(file + sizeof file - 7, "XXXXXX", 6);
    int fd = mkstemp(file);
    ck_assert_int_ge(fd, 0);
    close(fd);
    fast_open_paths_init(&tcp);
}

static void tear_down(void)
{
    unlink(file);
    fast_open_paths_done(&tcp);
}

static bool take(const char *text)
{
    FILE *f = fopen(file, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
    return saved_cookies_read(file, &tcp);
}

static const char *content(void)
{
    static char text[512];
    FILE *f = fopen(file, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

START_TEST(what_is_written_is_read)
{
    struct fast_open_cookie c;
    uint16_t mss;
    ck_assert(take("10.9.0.2 10.9.0.1 1460 0123456789abcdef\n10.9.0.2 10.9.0.3 0 a1b2c3d4\n"));
    ck_assert(fast_open_cookie_find(&tcp, ip4_addr(0x0a090002), ip4_addr(0x0a090001), &c, &mss));
    ck_assert_uint_eq(mss, 1460);
    ck_assert_uint_eq(c.len, 8);
    ck_assert_mem_eq(c.bytes, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
    ck_assert(saved_cookies_write(file, &tcp, 0)); /* the one used last comes first */
    ck_assert_str_eq(content(),
                     "10.9.0.2 10.9.0.1 1460 0123456789abcdef\n10.9.0.2 10.9.0.3 0 a1b2c3d4\n");
    struct stat s;
    ck_assert_int_eq(stat(file, &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777U, 0600);
}
END_TEST

START_TEST(where_it_fails_the_cookie_goes)
{
    struct tcp_tuple way = {.local = {ip4_addr(0x0a090002), 5000},
                            .remote = {ip4_addr(0x0a090001), 80}};
    ck_assert(take("10.9.0.2 10.9.0.1 1460 0123456789abcdef\n10.9.0.2 10.9.0.3 0 a1b2c3d4\n"));
    fast_open_pause(&tcp, &way, 0);
    ck_assert(saved_cookies_write(file, &tcp, FAST_OPEN_PAUSE - 1));
    ck_assert_str_eq(content(), "10.9.0.2 10.9.0.3 0 a1b2c3d4\n");
    ck_assert(saved_cookies_write(file, &tcp, FAST_OPEN_PAUSE));
    ck_assert_ptr_nonnull(strstr(content(), "10.9.0.1"));
}
END_TEST

START_TEST(no_file_is_an_empty_one)
{
    unlink(file);
    ck_assert(saved_cookies_read(file, &tcp));
    ck_assert(!saved_cookies_read("/dev/null/x", &tcp));
    ck_assert(!saved_cookies_write("/dev/null/x", &tcp, 0));
}
END_TEST

static const char *const wrong[] = {
    "x\n",
    "10.9.0.2 10.9.0.1 1460\n",
    "10.9.0.2 10.9.0.1 1460 a1b2\n",
    "10.9.0.2 10.9.0.1 1460 a1b2c3d4e5\n",
    "10.9.0.2 10.9.0.1 1460 A1B2C3D4\n",
    "10.9.0.2 10.9.0.1 1460 a1b2c3d4 more\n",
    "10.9.0.2 10.9.0.1 65536 a1b2c3d4\n",
    "10.9.0.2 10.9.0.1 1x a1b2c3d4\n",
    "10.9.0.2 there 1460 a1b2c3d4\n",
    "10.9.0.2 10.9.0.1 1460 000102030405060708090a0b0c0d0e0f1011\n",
};

START_TEST(refuses)
{
    ck_assert_msg(!take(wrong[_i]), "took %s", wrong[_i]);
    ck_assert_uint_eq(tcp.fast_open_pool.in_use, 0);
}
END_TEST

Suite *saved_cookies_suite(void);

Suite *saved_cookies_suite(void)
{
    Suite *s = suite_create("saved_cookies");
    TCase *tc = tcase_create("saved_cookies");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, what_is_written_is_read);
    tcase_add_test(tc, where_it_fails_the_cookie_goes);
    tcase_add_test(tc, no_file_is_an_empty_one);
    tcase_add_loop_test(tc, refuses, 0, (int)COUNT_OF(wrong));
    suite_add_tcase(s, tc);
    return s;
}
