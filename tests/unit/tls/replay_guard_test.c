/* Single use of tickets for early data, under a clock of our own (RFC 8446 8.1, 8.3). */
#include <check.h>
#include <string.h>

#include "tls/replay_guard.h"

Suite *replay_guard_suite(void);

#define WINDOW (15 * NS_PER_SEC)

static struct replay_guard guard;

static void set_up(void)
{
    replay_guard_init(&guard, WINDOW);
}

/* The n-th identifier of a set. */
static enum replay_verdict take(nsec now, unsigned set, unsigned n)
{
    uint8_t id[REPLAY_ID] = {(uint8_t)(set >> 8), (uint8_t)set, (uint8_t)(n >> 8), (uint8_t)n};
    return replay_guard_take(&guard, now, id);
}

START_TEST(once_in_the_window)
{
    ck_assert_int_eq(take(1, 7, 0), REPLAY_FRESH);
    ck_assert_int_eq(take(1, 7, 0), REPLAY_SEEN);
    ck_assert_int_eq(take(WINDOW, 7, 0), REPLAY_SEEN);
    ck_assert_int_eq(take(WINDOW, 7, 1), REPLAY_FRESH);
    ck_assert_int_eq(take(WINDOW, 8, 0), REPLAY_FRESH);
    ck_assert_int_eq(take(WINDOW + 1, 7, 0), REPLAY_FRESH);
    ck_assert_int_eq(take(WINDOW + 1, 7, 0), REPLAY_SEEN);
}
END_TEST

/* A replay does not make the window longer. */
START_TEST(a_replay_changes_nothing)
{
    ck_assert_int_eq(take(0, 1, 1), REPLAY_FRESH);
    ck_assert_int_eq(take(WINDOW - 1, 1, 1), REPLAY_SEEN);
    ck_assert_int_eq(take(WINDOW, 1, 1), REPLAY_FRESH);
}
END_TEST

/* What is remembered is never given up for something new: it is refused, until there is room. */
START_TEST(a_full_table_refuses)
{
    for (unsigned i = 0; i < REPLAY_WAYS; i++) {
        ck_assert_int_eq(take(i, 3, i), REPLAY_FRESH);
    }
    ck_assert_int_eq(take(100, 3, REPLAY_WAYS), REPLAY_FULL);
    ck_assert_int_eq(take(100, 3, REPLAY_WAYS), REPLAY_FULL);
    for (unsigned i = 0; i < REPLAY_WAYS; i++) {
        ck_assert_int_eq(take(100, 3, i), REPLAY_SEEN);
    }
    ck_assert_int_eq(take(100, 4, 0), REPLAY_FRESH);
    ck_assert_int_eq(take(WINDOW, 3, REPLAY_WAYS), REPLAY_FRESH);
    ck_assert_int_eq(take(WINDOW, 3, REPLAY_WAYS + 1), REPLAY_FULL);
}
END_TEST

/* The whole table: as many as it has places, each seen after. */
START_TEST(it_holds_what_it_says)
{
    for (unsigned i = 0; i < REPLAY_SETS * REPLAY_WAYS; i++) {
        ck_assert_int_eq(take(5, i % REPLAY_SETS, i / REPLAY_SETS), REPLAY_FRESH);
    }
    for (unsigned i = 0; i < REPLAY_SETS * REPLAY_WAYS; i++) {
        ck_assert_int_eq(take(6, i % REPLAY_SETS, i / REPLAY_SETS), REPLAY_SEEN);
    }
}
END_TEST

Suite *replay_guard_suite(void)
{
    Suite *s = suite_create("replay_guard");
    TCase *t = tcase_create("replay_guard");
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, once_in_the_window);
    tcase_add_test(t, a_replay_changes_nothing);
    tcase_add_test(t, a_full_table_refuses);
    tcase_add_test(t, it_holds_what_it_says);
    suite_add_tcase(s, t);
    return s;
}
