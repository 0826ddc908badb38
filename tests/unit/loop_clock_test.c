/* The clock that leaves out the time in which its thread stood still, with a machine's clock and the kernel's account of a
 * thread made up here. */
#include "stack/loop_clock.h"

#include <check.h>

Suite *loop_clock_suite(void);

#define MS NS_PER_MS

static struct loop_usage told; /* what the kernel would say */
static unsigned asked;
static nsec machine;
static struct loop_clock clock_;

static void usage(struct loop_usage *out)
{
    *out = told;
    asked++;
}

static void set_up(void)
{
    told = (struct loop_usage){.ran = 7 * MS, .ready = 3 * MS};
    machine = 1000 * NS_PER_SEC;
    asked = 0;
    clock_ = (struct loop_clock){.usage = usage};
    ck_assert_int_eq(loop_clock_now(&clock_, machine), machine);
}

static nsec after(nsec ran, nsec ready, nsec still)
{
    told.ran += ran;
    told.ready += ready;
    machine += ran + ready + still;
    return loop_clock_now(&clock_, machine);
}

START_TEST(who_runs_or_waits_for_a_processor_does_not_stand_still)
{
    ck_assert_int_eq(after(90 * MS, 0, 0), machine);
    ck_assert_int_eq(after(5000 * MS, 0, 0), machine);       /* a long computation */
    ck_assert_int_eq(after(20 * MS, 3000 * MS, 0), machine); /* others had the processor */
    ck_assert_int_eq(loop_clock_paused(&clock_), 0);
}
END_TEST

START_TEST(time_under_a_debugger_does_not_count)
{
    nsec before = machine;
    ck_assert_int_eq(after(2 * MS, 1 * MS, 3000 * MS), before + 3 * MS);
    ck_assert_int_eq(loop_clock_paused(&clock_), 3000 * MS);
    ck_assert_int_eq(loop_clock_paused(&clock_), 0);
    ck_assert_int_eq(after(60 * MS, 0, 0), before + 63 * MS); /* and goes on from there */
    ck_assert_int_eq(after(0, 0, 100 * MS), before + 63 * MS);
    ck_assert_int_eq(after(0, 0, 2000 * MS), before + 63 * MS);
    ck_assert_int_eq(loop_clock_paused(&clock_), 2100 * MS);
}
END_TEST

START_TEST(what_is_short_counts)
{
    nsec before = machine;
    ck_assert_int_eq(after(0, 0, 99 * MS), before + 99 * MS);
    ck_assert_int_eq(loop_clock_paused(&clock_), 0);
}
END_TEST

/* What ran long before the leap is not taken for the leap's: the clock asks now and then. */
START_TEST(work_of_before_does_not_hide_a_pause)
{
    for (unsigned i = 0; i < 100; i++) {
        after(60 * MS, 0, 0);
    }
    ck_assert_uint_ge(asked, 100);
    nsec before = machine;
    nsec now = after(1 * MS, 0, 500 * MS);
    ck_assert_int_ge(now, before + 1 * MS);
    ck_assert_int_lt(now, before + 1 * MS + 60 * MS);
}
END_TEST

START_TEST(sleep_as_long_as_meant_counts)
{
    nsec began = machine;
    machine += 80 * MS;
    loop_clock_slept(&clock_, began, machine, 80 * MS);
    ck_assert_int_eq(loop_clock_now(&clock_, machine), machine);
    began = machine;
    machine += 900 * NS_PER_SEC; /* nothing was to happen, and nothing did */
    loop_clock_slept(&clock_, began, machine, NEVER);
    ck_assert_int_eq(loop_clock_now(&clock_, machine), machine);
    ck_assert_int_eq(loop_clock_paused(&clock_), 0);
}
END_TEST

START_TEST(sleep_that_was_stopped_counts_as_far_as_it_was_meant)
{
    nsec began = machine;
    machine += 4100 * MS;
    loop_clock_slept(&clock_, began, machine, 100 * MS);
    ck_assert_int_eq(loop_clock_now(&clock_, machine), began + 100 * MS);
    ck_assert_int_eq(loop_clock_paused(&clock_), 4000 * MS);
    began = machine; /* woken late, since others had the processor */
    machine += 600 * MS;
    told.ready += 500 * MS;
    loop_clock_slept(&clock_, began, machine, 100 * MS);
    ck_assert_int_eq(loop_clock_paused(&clock_), 0);
}
END_TEST

Suite *loop_clock_suite(void)
{
    Suite *s = suite_create("loop_clock");
    TCase *t = tcase_create("loop_clock");
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, who_runs_or_waits_for_a_processor_does_not_stand_still);
    tcase_add_test(t, time_under_a_debugger_does_not_count);
    tcase_add_test(t, what_is_short_counts);
    tcase_add_test(t, work_of_before_does_not_hide_a_pause);
    tcase_add_test(t, sleep_as_long_as_meant_counts);
    tcase_add_test(t, sleep_that_was_stopped_counts_as_far_as_it_was_meant);
    suite_add_tcase(s, t);
    return s;
}
