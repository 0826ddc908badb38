/* apps/draft.c, and the JSON reader that other tests of applications rely on. */
#include <check.h>
#include <string.h>

#include "apps/draft.h"
#include "tests/unit/apps/json_check.h"

START_TEST(grows_to_its_limit)
{
    struct draft d;
    draft_init(&d, 1001);
    for (int i = 0; i < 100; i++) {
        draft_addf(&d, "%s%d", "012345678", i % 10);
    }
    ck_assert(!d.failed);
    ck_assert_uint_eq(d.len, 1000);
    ck_assert_uint_eq(strlen(d.data), 1000);
    draft_add(&d, "x");
    ck_assert(d.failed);
    ck_assert_uint_eq(d.len, 1000);
    draft_add(&d, "");
    ck_assert(d.failed);
    draft_done(&d);
    draft_init(&d, 4);
    draft_addf(&d, "%d", 12345);
    ck_assert(d.failed);
    ck_assert_uint_eq(d.len, 0);
    draft_done(&d);
}
END_TEST

START_TEST(escapes)
{
    struct draft d;
    draft_init(&d, 1000);
    draft_json(&d, "a\"b\\c\n\x01\x7f\xc3\xa4");
    ck_assert_str_eq(d.data, "\"a\\\"b\\\\c\\u000a\\u0001\\u007f??\"");
    ck_assert(json_valid(d.data, d.len));
    draft_done(&d);
    draft_json(&d, NULL);
    ck_assert_str_eq(d.data, "null");
    draft_done(&d);
    draft_html(&d, "<a href=\"x\">'&'</a>");
    ck_assert_str_eq(d.data, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
    draft_done(&d);
}
END_TEST

START_TEST(writes_sizes_and_times)
{
    char out[NSEC_TEXT_MAX];
    ck_assert_str_eq(bytes_text(0, out), "0 B");
    ck_assert_str_eq(bytes_text(999, out), "999 B");
    ck_assert_str_eq(bytes_text(1000, out), "1.0 kB");
    ck_assert_str_eq(bytes_text(999949, out), "999.9 kB");
    ck_assert_str_eq(bytes_text(999950, out), "1.0 MB");
    ck_assert_str_eq(bytes_text(UINT64_C(1073741824), out), "1.1 GB");
    ck_assert_str_eq(nsec_text(0, out), "0 ns");
    ck_assert_str_eq(nsec_text(999, out), "999 ns");
    ck_assert_str_eq(nsec_text(41300, out), "41.3 us");
    ck_assert_str_eq(nsec_text(3204000, out), "3.204 ms");
    ck_assert_str_eq(nsec_text(INT64_C(12500000000), out), "12.500 s");
}
END_TEST

START_TEST(the_json_reader_is_strict)
{
    static const char *const good[] = {"{}", " [1, -2.5e+3, \"\\u00e4\"] ",
                                       "{\"a\":{\"b\":[null]}}", "0"};
    static const char *const bad[] = {"",         "{",       "{\"a\":}", "[1,]",      "01",
                                      "{a:1}",    "\"\\x\"", "nul",      "{} {}",     "[1 2]",
                                      "\"a\nb\"", "1.",      "-",        "{\"a\":1,}"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        ck_assert_msg(json_valid(good[i], strlen(good[i])), "%s", good[i]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        ck_assert_msg(!json_valid(bad[i], strlen(bad[i])), "%s", bad[i]);
    }
    char out[32];
    const char *text = "{\"a\":1,\"b\":[{\"c\":\"x\"},{\"c\":null}]}";
    ck_assert_str_eq(json_at(text, strlen(text), "a", out, sizeof out), "1");
    ck_assert_str_eq(json_at(text, strlen(text), "b.0.c", out, sizeof out), "\"x\"");
    ck_assert_str_eq(json_at(text, strlen(text), "b.1.c", out, sizeof out), "null");
    ck_assert_str_eq(json_at(text, strlen(text), "b.2.c", out, sizeof out), "");
}
END_TEST

START_TEST(writes_numbers)
{
    struct draft t;
    draft_init(&t, 64);
    draft_number(&t, 0);
    draft_add(&t, " ");
    draft_number(&t, 1203);
    draft_add(&t, " ");
    draft_number(&t, UINT64_MAX);
    ck_assert_str_eq(t.data, "0 1203 18446744073709551615");
    draft_done(&t);
}
END_TEST

Suite *draft_suite(void);
Suite *draft_suite(void)
{
    Suite *s = suite_create("draft");
    TCase *t = tcase_create("draft");
    tcase_add_test(t, writes_numbers);
    tcase_add_test(t, grows_to_its_limit);
    tcase_add_test(t, escapes);
    tcase_add_test(t, writes_sizes_and_times);
    tcase_add_test(t, the_json_reader_is_strict);
    suite_add_tcase(s, t);
    return s;
}
