/* Text in a bounded buffer: all or nothing of each piece, and never past the end. */
#include "stack/base/text.h"

#include <check.h>
#include <string.h>

Suite *text_suite(void);

START_TEST(pieces_follow_each_other)
{
    char out[32];
    struct text t = text_of(out, sizeof out);
    ck_assert_str_eq(out, "");
    text_add(&t, "snd_una=");
    text_addf(&t, "%u", 17U);
    ck_assert_str_eq(out, "snd_una=17");
    ck_assert_uint_eq(t.len, 10);
    ck_assert(!t.full);
}
END_TEST

/* For every size: what is written is a whole number of pieces, and the byte behind is untouched. */
START_TEST(what_does_not_fit_is_left_out)
{
    static const char *const after[] = {"", "abc", "abc4567"};
    static const size_t need[] = {0, 3, 7};
    for (size_t cap = 1; cap < 16; cap++) {
        char out[20];
        memset(out, '#', sizeof out);
        struct text t = text_of(out, cap);
        text_add(&t, "abc");
        text_addf(&t, "%d", 4567);
        size_t pieces = cap > need[2] ? 2 : cap > need[1] ? 1 : 0;
        ck_assert_str_eq(out, after[pieces]);
        ck_assert_int_eq(t.full, pieces < 2);
        for (size_t i = cap; i < sizeof out; i++) {
            ck_assert_int_eq(out[i], '#');
        }
    }
}
END_TEST

START_TEST(nothing_follows_a_piece_that_did_not_fit)
{
    char out[6];
    struct text t = text_of(out, sizeof out);
    text_add(&t, "ab");
    text_add(&t, "cdef");
    text_add(&t, "g");
    text_addf(&t, "%s", "h");
    text_add_quoted(&t, "i", 1);
    ck_assert(t.full);
    ck_assert_str_eq(out, "ab");
}
END_TEST

START_TEST(no_room_at_all)
{
    char out = '#';
    struct text t = text_of(&out, 0);
    text_add(&t, "");
    text_addf(&t, "x");
    ck_assert(t.full);
    ck_assert_int_eq(out, '#');
}
END_TEST

START_TEST(quoting_as_json)
{
    char out[80];
    struct text t = text_of(out, sizeof out);
    text_add_quoted(&t, "/a\"b\\c\n\x01\x1f ~\x7f\xc3\xa9", SIZE_MAX);
    ck_assert_str_eq(out, "\"/a\\\"b\\\\c\\u000a\\u0001\\u001f ~\\u007f\\u00c3\\u00a9\"");
}
END_TEST

START_TEST(quoting_stops_at_its_bound)
{
    static const char unended[3] = {'x', 'y', 'z'};
    char out[16];
    struct text t = text_of(out, sizeof out);
    text_add_quoted(&t, unended, sizeof unended);
    text_add_quoted(&t, "", 5);
    ck_assert_str_eq(out, "\"xyz\"\"\"");
}
END_TEST

Suite *text_suite(void)
{
    Suite *s = suite_create("text");
    TCase *c = tcase_create("text");
    tcase_add_test(c, pieces_follow_each_other);
    tcase_add_test(c, what_does_not_fit_is_left_out);
    tcase_add_test(c, nothing_follows_a_piece_that_did_not_fit);
    tcase_add_test(c, no_room_at_all);
    tcase_add_test(c, quoting_as_json);
    tcase_add_test(c, quoting_stops_at_its_bound);
    suite_add_tcase(s, c);
    return s;
}
