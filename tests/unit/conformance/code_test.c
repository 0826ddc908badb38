/* Assertions over tcp_info: arithmetic as Python has it, and what is not understood. */
#include "tests/conformance/code.h"

#include <check.h>
#include <string.h>

Suite *code_suite(void);

static bool lookup(void *arg, const char *name, double *out)
{
    (void)arg;
    if (strcmp(name, "seven") == 0) {
        *out = 7;
        return true;
    }
    return false;
}

static enum code_result run(const char *text)
{
    char why[CODE_WHY];
    return code_run(text, true, lookup, NULL, why);
}

static const char *const truths[] = {
    "assert 1",
    "assert seven == 7",
    "assert seven != 8 and seven < 8 and seven <= 7 and seven > 6 and seven >= 7",
    "assert 1 + 2 * 3 == 7",
    "assert (1 + 2) * 3 == 9",
    "assert 7 / 2 == 3.5 and 7 // 2 == 3 and -7 // 2 == -4",
    "assert 7 % 4 == 3 and -7 % 4 == 1",
    "assert 2 ** 3 == 8 and -2 ** 2 == -4",
    "assert 1 << 4 == 16 and 17 >> 4 == 1",
    "assert 6 & 3 == 2 or True",
    "assert (6 & 3) == 2 and (6 | 3) == 7 and (6 ^ 3) == 5 and ~0 == -1",
    "assert 1 < 2 < 3 and not 1 < 2 < 2",
    "assert seven in (1, 7) and seven not in [2, 3]",
    "assert not False",
    "assert 0 or 1 and not 0",
    "assert abs(-3) == 3 and min(4, 2, 3) == 2 and max(1, 5) == 5 and int(2.9) == 2",
    "assert (1 +\n 1) == 2\nassert 3",
    "assert not 0\nassert seven",
    "\n  assert 1, 'text; with, everything'\n  print (seven); assert 2 # and so on\n",
    "",
};

static const char *const falsehoods[] = {
    "assert 0",     "assert seven == 8",  "assert 1 < 2 < 2",   "assert seven in (1, 2)",
    "assert not 1", "assert 1\nassert 0", "assert 1; assert 0", "assert 1 and 0",
};

static const char *const unknowns[] = {
    "assert nothing == 1", "if 1: pass", "assert",     "assert 1 +",    "assert (1",
    "assert f(1)",         "import os",  "assert 1 2", "assert 1 in 5",
};

START_TEST(what_is_true)
{
    ck_assert_msg(run(truths[_i]) == CODE_TRUE, "%s", truths[_i]);
}
END_TEST

START_TEST(what_is_false)
{
    ck_assert_msg(run(falsehoods[_i]) == CODE_FALSE, "%s", falsehoods[_i]);
}
END_TEST

START_TEST(what_is_not_understood)
{
    ck_assert_msg(run(unknowns[_i]) == CODE_UNSUPPORTED, "%s", unknowns[_i]);
}
END_TEST

START_TEST(a_failure_shows_the_values)
{
    char why[CODE_WHY];
    ck_assert_int_eq(code_run("assert seven == 8, seven", true, lookup, NULL, why), CODE_FALSE);
    ck_assert_str_eq(why, "assert seven == 8: seven = 7");
    ck_assert_int_eq(code_run("assert other", true, lookup, NULL, why), CODE_UNSUPPORTED);
    ck_assert_str_eq(why, "other");
}
END_TEST

START_TEST(without_judging_only_what_is_not_understood_counts)
{
    char why[CODE_WHY];
    ck_assert_int_eq(code_run("assert seven == 8", false, lookup, NULL, why), CODE_TRUE);
    ck_assert_int_eq(code_run("assert eight", false, lookup, NULL, why), CODE_UNSUPPORTED);
}
END_TEST

START_TEST(deep_expressions_end)
{
    char text[8192];
    char why[CODE_WHY];
    memset(text, '(', sizeof text);
    memcpy(text, "assert ", 7);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(code_run(text, true, lookup, NULL, why), CODE_UNSUPPORTED);
    ck_assert_str_eq(why, "too deep an expression");
}
END_TEST

Suite *code_suite(void)
{
    Suite *s = suite_create("code");
    TCase *t = tcase_create("assertions");
    tcase_add_loop_test(t, what_is_true, 0, (int)COUNT_OF(truths));
    tcase_add_loop_test(t, what_is_false, 0, (int)COUNT_OF(falsehoods));
    tcase_add_loop_test(t, what_is_not_understood, 0, (int)COUNT_OF(unknowns));
    tcase_add_test(t, a_failure_shows_the_values);
    tcase_add_test(t, without_judging_only_what_is_not_understood_counts);
    tcase_add_test(t, deep_expressions_end);
    suite_add_tcase(s, t);
    return s;
}
