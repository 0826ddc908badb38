/* apps/http/range.c, date.c and target.c: small grammars with many wrong forms. */
#include <check.h>
#include <string.h>

#include "apps/http/date.h"
#include "apps/http/range.h"
#include "apps/http/target.h"

static struct slice of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* RFC 9110 14.1.2, among others its own examples for 10,000 bytes. */
static const struct {
    const char *field;
    uint64_t size;
    enum http_range range;
    uint64_t first, length;
} ranges[] = {
    {"bytes=0-499", 10000, HTTP_RANGE_PART, 0, 500},
    {"bytes=500-999", 10000, HTTP_RANGE_PART, 500, 500},
    {"bytes=-500", 10000, HTTP_RANGE_PART, 9500, 500},
    {"bytes=9500-", 10000, HTTP_RANGE_PART, 9500, 500},
    {"Bytes= 0-0 ", 10000, HTTP_RANGE_PART, 0, 1},
    {"bytes=9999-20000", 10000, HTTP_RANGE_PART, 9999, 1},
    {"bytes=0-18446744073709551615", 10, HTTP_RANGE_WHOLE, 0, 0}, /* no number here */
    {"bytes=-20000", 10000, HTTP_RANGE_PART, 0, 10000},
    {"bytes=10000-", 10000, HTTP_RANGE_UNSATISFIED, 0, 0},
    {"bytes=-0", 10000, HTTP_RANGE_UNSATISFIED, 0, 0},
    {"bytes=0-", 0, HTTP_RANGE_UNSATISFIED, 0, 0},
    {"bytes=-5", 0, HTTP_RANGE_UNSATISFIED, 0, 0},
    {"bytes=5-4", 10000, HTTP_RANGE_WHOLE, 0, 0},
    {"bytes=0-0,-1", 10000, HTTP_RANGE_WHOLE, 0, 0},
    {"bytes=-", 10000, HTTP_RANGE_WHOLE, 0, 0},
    {"bytes=a-b", 10000, HTTP_RANGE_WHOLE, 0, 0},
    {"bytes=1", 10000, HTTP_RANGE_WHOLE, 0, 0},
    {"bytes=", 10000, HTTP_RANGE_WHOLE, 0, 0},
    {"lines=1-2", 10000, HTTP_RANGE_WHOLE, 0, 0},
    {"byte", 10000, HTTP_RANGE_WHOLE, 0, 0},
    {"", 10000, HTTP_RANGE_WHOLE, 0, 0},
};

START_TEST(reads_ranges)
{
    uint64_t first = 77, length = 77;
    ck_assert_int_eq(http_range_of(of(ranges[_i].field), ranges[_i].size, &first, &length),
                     ranges[_i].range);
    if (ranges[_i].range == HTTP_RANGE_PART) {
        ck_assert_uint_eq(first, ranges[_i].first);
        ck_assert_uint_eq(length, ranges[_i].length);
    }
}
END_TEST

/* Seconds as `date -u -d ... +%s` gives them. */
static const struct {
    int64_t seconds;
    const char *text;
} dates[] = {
    {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"}, /* RFC 9110 5.6.7 */
    {0, "Thu, 01 Jan 1970 00:00:00 GMT"},          {951827696, "Tue, 29 Feb 2000 12:34:56 GMT"},
    {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"}, {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"},
};

START_TEST(writes_and_reads_dates)
{
    char out[HTTP_DATE_MAX];
    int64_t seconds;
    ck_assert_str_eq(http_date(dates[_i].seconds, out), dates[_i].text);
    ck_assert(http_date_parse(of(dates[_i].text), &seconds));
    ck_assert_int_eq(seconds, dates[_i].seconds);
}
END_TEST

START_TEST(refuses_other_dates)
{
    static const char *const wrong[] = {
        "",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun, 06 Now 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
    };
    int64_t seconds;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        ck_assert_msg(!http_date_parse(of(wrong[i]), &seconds), "%s", wrong[i]);
    }
}
END_TEST

static const struct {
    const char *target;
    enum http_target_fault fault;
    const char *path, *query;
} targets[] = {
    {"/", HTTP_TARGET_GOOD, "/", ""},
    {"/?json", HTTP_TARGET_GOOD, "/", "json"},
    {"/a/b.html?x=%2e&y", HTTP_TARGET_GOOD, "/a/b.html", "x=%2e&y"},
    {"/a%20b%C3%A4", HTTP_TARGET_GOOD, "/a b\xc3\xa4", ""},
    {"/a..b/...", HTTP_TARGET_GOOD, "/a..b/...", ""},
    {"http://vitrine.test/x?y", HTTP_TARGET_GOOD, "/x", "y"},
    {"HTTPS://vitrine.test", HTTP_TARGET_GOOD, "/", ""},
    {"http://vitrine.test?y", HTTP_TARGET_GOOD, "/", "y"},
    {"/..", HTTP_TARGET_NOWHERE, NULL, NULL},
    {"/a/../b", HTTP_TARGET_NOWHERE, NULL, NULL},
    {"/./a", HTTP_TARGET_NOWHERE, NULL, NULL},
    {"/%2e%2e/etc/passwd", HTTP_TARGET_NOWHERE, NULL, NULL},
    {"/%2E./a", HTTP_TARGET_NOWHERE, NULL, NULL},
    {"/a%2f..%2fb", HTTP_TARGET_NOWHERE, NULL, NULL},
    {"/a%00b", HTTP_TARGET_NOWHERE, NULL, NULL},
    {"/%", HTTP_TARGET_MALFORMED, NULL, NULL},
    {"/%2", HTTP_TARGET_MALFORMED, NULL, NULL},
    {"/%zz", HTTP_TARGET_MALFORMED, NULL, NULL},
    {"/%2 5", HTTP_TARGET_MALFORMED, NULL, NULL},
    {"/a#b", HTTP_TARGET_MALFORMED, NULL, NULL},
    {"*", HTTP_TARGET_MALFORMED, NULL, NULL},
    {"a/b", HTTP_TARGET_MALFORMED, NULL, NULL},
    {"http:///a", HTTP_TARGET_MALFORMED, NULL, NULL},
    {"ftp://a/b", HTTP_TARGET_MALFORMED, NULL, NULL},
    {"vitrine.test:443", HTTP_TARGET_MALFORMED, NULL, NULL},
};

START_TEST(reads_targets)
{
    static struct http_target t;
    ck_assert_msg(http_target_parse(of(targets[_i].target), &t) == targets[_i].fault, "%s",
                  targets[_i].target);
    if (targets[_i].fault == HTTP_TARGET_GOOD) {
        ck_assert_str_eq(t.path, targets[_i].path);
        ck_assert_uint_eq(t.path_len, strlen(targets[_i].path));
        ck_assert_uint_eq(t.query.len, strlen(targets[_i].query));
        ck_assert_mem_eq(t.query.data, targets[_i].query, t.query.len);
    }
}
END_TEST

Suite *range_suite(void);
Suite *range_suite(void)
{
    Suite *s = suite_create("range");
    TCase *t = tcase_create("grammars");
    tcase_add_loop_test(t, reads_ranges, 0, (int)COUNT_OF(ranges));
    tcase_add_loop_test(t, writes_and_reads_dates, 0, (int)COUNT_OF(dates));
    tcase_add_test(t, refuses_other_dates);
    tcase_add_loop_test(t, reads_targets, 0, (int)COUNT_OF(targets));
    suite_add_tcase(s, t);
    return s;
}
