/* The timer wheel: its promises one by one, and then against a list that is sorted anew each time. */
#include "stack/base/timer.h"

#include "tests/unit/base/lcg.h"

#include <check.h>
#include <stdlib.h>

Suite *timer_suite(void);

#define TICK ((nsec)1 << WHEEL_TICK_SHIFT)
#define DAY (86400 * NS_PER_SEC)
#define BLOCK ((nsec)1 << 52) /* 2^36 ticks: the span of all six levels */

/* ---- one promise at a time: each timer writes its number into `fired` ---- */

static struct wheel wheel;

struct probe {
    struct timer timer;
    int number;
};

static struct probe probes[8];
static int fired[64];
static size_t fired_count;
static nsec fired_at;

static void note(struct timer *t, nsec now)
{
    ck_assert(!timer_armed(t));
    ck_assert_int_ge(now, t->due);
    ck_assert_uint_lt(fired_count, COUNT_OF(fired));
    fired[fired_count++] = CONTAINER_OF(t, struct probe, timer)->number;
    fired_at = now;
}

static void begin_at(nsec now)
{
    wheel_init(&wheel, now);
    fired_count = 0;
    for (int i = 0; i < (int)COUNT_OF(probes); i++) {
        probes[i].number = i;
        timer_init(&probes[i].timer, note);
    }
}

static void setup(void)
{
    begin_at(0);
}

/* What fired since the last question, as one decimal number: 1 and then 2 is 12; 0 is nothing. */
static int since(void)
{
    int digits = 0;
    for (size_t i = 0; i < fired_count; i++) {
        digits = digits * 10 + fired[i];
    }
    fired_count = 0;
    return digits;
}

START_TEST(fires_neither_early_nor_a_tick_late)
{
    static const nsec due[] = {1,          TICK - 1,    TICK,        TICK + 1,
                               63 * TICK,  64 * TICK,   4096 * TICK, 4097 * TICK,
                               NS_PER_SEC, DAY + 12345, 60 * DAY,    1000 * DAY};
    begin_at(7 * TICK + 3);
    nsec at = 7 * TICK + 3 + due[_i];
    timer_arm(&wheel, &probes[1].timer, at);
    wheel_advance(&wheel, at - 1);
    ck_assert_int_eq(since(), 0);
    ck_assert(timer_armed(&probes[1].timer));
    wheel_advance(&wheel, at + TICK - 1);
    ck_assert_int_eq(since(), 1);
    ck_assert(!timer_armed(&probes[1].timer));
    ck_assert_uint_eq(wheel.armed, 0);
    ck_assert_int_eq(fired_at, at + TICK - 1);
    ck_assert_int_eq(wheel_deadline(&wheel), NEVER);
}
END_TEST

START_TEST(the_past_fires_at_the_next_advance)
{
    begin_at(1000 * TICK);
    timer_arm(&wheel, &probes[1].timer, 0);
    timer_arm(&wheel, &probes[2].timer, -5);
    timer_arm(&wheel, &probes[3].timer, 1000 * TICK);
    ck_assert_int_le(wheel_deadline(&wheel), 1000 * TICK);
    wheel_advance(&wheel, 1000 * TICK);
    ck_assert_int_eq(since(), 123);
}
END_TEST

START_TEST(order_is_by_tick_and_then_by_arming)
{
    timer_arm(&wheel, &probes[1].timer, 5 * TICK);
    timer_arm(&wheel, &probes[2].timer, 4 * TICK + 9); /* the same tick, an earlier moment */
    timer_arm(&wheel, &probes[3].timer, 4 * TICK);
    timer_arm(&wheel, &probes[4].timer, 5 * TICK);
    wheel_advance(&wheel, 9 * TICK);
    ck_assert_int_eq(since(), 3124);
}
END_TEST

/* One is armed while the tick is far and the other when it is near. The far one went through more
 * levels, and still comes first. */
START_TEST(order_survives_the_way_down)
{
    static const nsec far[] = {100, 5000, 300000, 20000000, 2000000000, (nsec)3 << 36};
    nsec due = far[_i] * TICK;
    timer_arm(&wheel, &probes[1].timer, due);
    for (int near = 2; near < 7; near++) {
        static const nsec before[] = {0, 0, 50000000, 200000, 3000, 70, 3};
        if (due > before[near] * TICK) {
            wheel_advance(&wheel, due - before[near] * TICK);
        }
        timer_arm(&wheel, &probes[near].timer, due);
    }
    wheel_advance(&wheel, due);
    ck_assert_int_eq(since(), 123456);
}
END_TEST

START_TEST(arming_again_moves)
{
    timer_arm(&wheel, &probes[1].timer, 10 * TICK);
    timer_arm(&wheel, &probes[2].timer, 10 * TICK);
    timer_arm(&wheel, &probes[1].timer, 10 * TICK);
    timer_arm(&wheel, &probes[3].timer, 10 * TICK);
    timer_arm(&wheel, &probes[3].timer, 90 * TICK);
    ck_assert_uint_eq(wheel.armed, 3);
    wheel_advance(&wheel, 10 * TICK);
    ck_assert_int_eq(since(), 21);
    wheel_advance(&wheel, 90 * TICK);
    ck_assert_int_eq(since(), 3);
}
END_TEST

START_TEST(cancelling)
{
    timer_cancel(&wheel, &probes[1].timer);
    timer_arm(&wheel, &probes[1].timer, 10 * TICK);
    timer_arm(&wheel, &probes[2].timer, 10 * TICK);
    timer_arm(&wheel, &probes[3].timer, 70 * TICK);
    timer_cancel(&wheel, &probes[1].timer);
    timer_cancel(&wheel, &probes[1].timer);
    ck_assert(!timer_armed(&probes[1].timer));
    ck_assert_int_eq(wheel_deadline(&wheel), 10 * TICK);
    timer_cancel(&wheel, &probes[2].timer);
    ck_assert_int_gt(wheel_deadline(&wheel), 10 * TICK); /* the empty slot is not waited for */
    timer_cancel(&wheel, &probes[3].timer);
    ck_assert_int_eq(wheel_deadline(&wheel), NEVER);
    wheel_advance(&wheel, DAY);
    ck_assert_int_eq(since(), 0);
}
END_TEST

/* Hours and years in one step: a walk over every tick would not end within the test's time. */
START_TEST(long_silences_cost_nothing)
{
    nsec year = 365 * DAY;
    timer_arm(&wheel, &probes[1].timer, 9 * year);
    for (nsec y = 0; y < 200; y++) {
        wheel_advance(&wheel, y * year + y * y * NS_PER_SEC);
        timer_arm(&wheel, &probes[2].timer, y * year + y * y * NS_PER_SEC + 60 * DAY);
        ck_assert_int_eq(since(), y == 0 ? 0 : y == 9 ? 21 : 2);
        if (y == 9) {
            ck_assert(!timer_armed(&probes[1].timer));
        }
    }
}
END_TEST

/* The six levels start anew every 52 days of the clock; timers on both sides of that moment. */
START_TEST(crossing_the_span_of_the_levels)
{
    begin_at(5 * BLOCK - 3 * TICK);
    timer_arm(&wheel, &probes[1].timer, 5 * BLOCK + 2 * TICK);
    timer_arm(&wheel, &probes[2].timer, 5 * BLOCK - TICK);
    timer_arm(&wheel, &probes[3].timer, 5 * BLOCK);
    timer_arm(&wheel, &probes[4].timer, 7 * BLOCK + TICK);
    ck_assert_int_eq(wheel_deadline(&wheel), 5 * BLOCK - TICK);
    wheel_advance(&wheel, 5 * BLOCK - TICK);
    ck_assert_int_eq(since(), 2);
    timer_arm(&wheel, &probes[5].timer, 5 * BLOCK + 2 * TICK);
    ck_assert_int_eq(wheel_deadline(&wheel), 5 * BLOCK);
    wheel_advance(&wheel, 5 * BLOCK);
    ck_assert_int_eq(since(), 3);
    timer_arm(&wheel, &probes[6].timer, 5 * BLOCK + 2 * TICK);
    wheel_advance(&wheel, 5 * BLOCK + 2 * TICK);
    ck_assert_int_eq(since(), 156);
    wheel_advance(&wheel, 7 * BLOCK);
    ck_assert_int_eq(since(), 0);
    wheel_advance(&wheel, 7 * BLOCK + TICK);
    ck_assert_int_eq(since(), 4);
}
END_TEST

START_TEST(a_timer_that_is_never_due)
{
    timer_arm(&wheel, &probes[1].timer, NEVER);
    wheel_advance(&wheel, 100 * 365 * DAY);
    ck_assert_int_eq(since(), 0);
    ck_assert(timer_armed(&probes[1].timer));
    ck_assert_int_gt(wheel_deadline(&wheel), 100 * 365 * DAY);
    timer_cancel(&wheel, &probes[1].timer);
    ck_assert_uint_eq(wheel.armed, 0);
}
END_TEST

/* Probe 1 re-arms itself for the present: that is the next advance's, not an endless loop. */
static void again_now(struct timer *t, nsec now)
{
    note(t, now);
    timer_arm(&wheel, t, now);
}

START_TEST(arming_for_the_present_in_a_callback)
{
    timer_init(&probes[1].timer, again_now);
    timer_arm(&wheel, &probes[1].timer, 3 * TICK);
    timer_arm(&wheel, &probes[2].timer, 500 * TICK);
    wheel_advance(&wheel, 1000 * TICK);
    ck_assert_int_eq(since(), 12);
    ck_assert_int_le(wheel_deadline(&wheel), 1000 * TICK);
    wheel_advance(&wheel, 1000 * TICK);
    ck_assert_int_eq(since(), 1);
}
END_TEST

/* Probe 1 stops probe 2 of its own slot, moves 3 out of it, and arms 4 anew. */
static void meddle(struct timer *t, nsec now)
{
    note(t, now);
    timer_cancel(&wheel, &probes[2].timer);
    timer_arm(&wheel, &probes[3].timer, now + 10 * TICK);
    timer_arm(&wheel, &probes[4].timer, now);
}

START_TEST(meddling_with_ones_own_slot)
{
    timer_init(&probes[1].timer, meddle);
    for (int i = 1; i <= 5; i++) {
        timer_arm(&wheel, &probes[i].timer, 20 * TICK);
    }
    wheel_advance(&wheel, 20 * TICK);
    ck_assert_int_eq(since(), 15);
    ck_assert(!timer_armed(&probes[2].timer));
    wheel_advance(&wheel, 20 * TICK);
    ck_assert_int_eq(since(), 4);
    wheel_advance(&wheel, 30 * TICK);
    ck_assert_int_eq(since(), 3);
    ck_assert_uint_eq(wheel.armed, 0);
}
END_TEST

/* Whoever sleeps until each deadline meets every timer within a tick, in few steps. */
START_TEST(following_the_deadlines)
{
    struct lcg g = {77};
    for (int round = 0; round < 2000; round++) {
        nsec start = (nsec)lcg_next(&g) << 27;
        nsec due = start + (nsec)(lcg_next(&g) >> lcg_below(&g, 32)) * lcg_below(&g, 1U << 20);
        begin_at(start);
        timer_arm(&wheel, &probes[1].timer, due);
        nsec now = start;
        int steps = 0;
        while (timer_armed(&probes[1].timer)) {
            nsec next = wheel_deadline(&wheel);
            ck_assert_int_lt(next, due + TICK);
            now = next > now ? next : now;
            wheel_advance(&wheel, now);
            steps++;
        }
        ck_assert_int_le(steps, WHEEL_LEVELS + 2);
        ck_assert_int_eq(since(), 1);
        ck_assert_int_eq(fired_at, now);
    }
}
END_TEST

/* ---- random work against the model ---- */

#define TIMERS 300
#define STEPS 300000

/* The model: which timers are armed, for which tick, in which order they were armed. */
struct model {
    struct timer timer;
    bool armed;
    uint64_t tick;
    uint64_t order;
};

/* Check notes each of its assertions in a file; the many in this test must cost less. */
static void must(bool holds, const char *what)
{
    if (!holds) {
        ck_abort_msg("%s", what);
    }
}

static struct model models[TIMERS];
static struct lcg dice;
static uint64_t orders; /* timers armed so far */
static uint64_t until;  /* the tick up to which all has been run */
static nsec clock_now;
static size_t firings;

/* Of the advance at hand: what must fire, in order, as it was when the advance began. */
static struct {
    struct model *m;
    uint64_t order;
} expected[TIMERS];
static size_t expected_count, expected_at;

static void model_arm(struct model *m, nsec due)
{
    uint64_t tick = due <= 0 ? 0 : ((uint64_t)due - 1) / (uint64_t)TICK + 1;
    m->armed = true;
    m->tick = tick < until ? until : tick;
    m->order = ++orders;
    timer_arm(&wheel, &m->timer, due);
}

static void model_cancel(struct model *m)
{
    m->armed = false;
    timer_cancel(&wheel, &m->timer);
}

/* Moments of all sizes, the edges of slots and levels among them, some in the past. */
static nsec random_due(void)
{
    nsec spread = (nsec)(lcg_next(&dice) >> lcg_below(&dice, 32)) << lcg_below(&dice, 24);
    switch (lcg_below(&dice, 8)) {
    case 0:
        return clock_now - spread;
    case 1:
        return clock_now / TICK * TICK + (nsec)lcg_below(&dice, 3) * TICK;
    case 2: {
        nsec slot = TICK << (6 * lcg_below(&dice, 7));
        return (clock_now / slot + 1) * slot + (nsec)lcg_below(&dice, 3) - 1;
    }
    default:
        return clock_now + spread;
    }
}

static void random_change(void)
{
    struct model *m = &models[lcg_below(&dice, TIMERS)];
    if (lcg_below(&dice, 4) == 0) {
        model_cancel(m);
    } else {
        model_arm(m, random_due());
    }
    must(timer_armed(&m->timer) == m->armed, "armed as the model says");
}

static void model_fire(struct timer *t, nsec now)
{
    struct model *m = CONTAINER_OF(t, struct model, timer);
    must(now == clock_now, "told the moment of the advance");
    must(t->due <= now, "not early");
    /* Those that callbacks have since cancelled or armed anew are not due in this advance. */
    while (expected_at < expected_count &&
           (!expected[expected_at].m->armed ||
            expected[expected_at].m->order != expected[expected_at].order)) {
        expected_at++;
    }
    must(expected_at < expected_count, "due in this advance");
    must(expected[expected_at].m == m, "in the right order");
    expected_at++;
    firings++;
    m->armed = false;
    for (uint32_t n = lcg_below(&dice, 3); n > 0; n--) {
        random_change();
    }
}

static int by_tick_and_order(const void *a, const void *b)
{
    const struct model *x = *(struct model *const *)a;
    const struct model *y = *(struct model *const *)b;
    if (x->tick != y->tick) {
        return x->tick < y->tick ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static void model_advance(nsec now)
{
    struct model *due[TIMERS];
    clock_now = now;
    until = (uint64_t)now / (uint64_t)TICK;
    expected_count = 0;
    expected_at = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        if (models[i].armed && models[i].tick <= until) {
            due[expected_count++] = &models[i];
        }
    }
    qsort(due, expected_count, sizeof(struct model *), by_tick_and_order);
    for (size_t i = 0; i < expected_count; i++) {
        expected[i].m = due[i];
        expected[i].order = due[i]->order;
    }
    wheel_advance(&wheel, now);
    for (; expected_at < expected_count; expected_at++) {
        struct model *m = expected[expected_at].m;
        must(!m->armed || m->order != expected[expected_at].order, "all that is due has fired");
    }
}

/* The deadline is no later than the first timer, and it is NEVER exactly when there is none. */
static void check_deadline(void)
{
    uint64_t first = UINT64_MAX;
    size_t armed = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        if (models[i].armed) {
            armed++;
            first = models[i].tick < first ? models[i].tick : first;
        }
    }
    nsec deadline = wheel_deadline(&wheel);
    must(wheel.armed == armed, "counts what is armed");
    must((deadline == NEVER) == (armed == 0), "no deadline without timers");
    must(armed == 0 || deadline <= (nsec)(first * (uint64_t)TICK), "the deadline comes in time");
}

START_TEST(agrees_with_a_sorted_list)
{
    static const nsec starts[] = {0, 123456789, 9 * BLOCK - 5 * NS_PER_SEC};
    dice = (struct lcg){(uint64_t)_i + 100};
    orders = 0;
    firings = 0;
    clock_now = starts[_i];
    until = (uint64_t)clock_now / (uint64_t)TICK;
    wheel_init(&wheel, clock_now);
    for (size_t i = 0; i < TIMERS; i++) {
        models[i] = (struct model){.armed = false};
        timer_init(&models[i].timer, model_fire);
    }
    for (int step = 0; step < STEPS; step++) {
        uint32_t what = lcg_below(&dice, 16);
        if (what < 12) {
            random_change();
        } else if (what == 12) {
            nsec deadline = wheel_deadline(&wheel);
            model_advance(deadline == NEVER || deadline < clock_now ? clock_now : deadline);
        } else if (what == 13 && lcg_below(&dice, 64) == 0) {
            model_advance(clock_now + (nsec)lcg_next(&dice) * 100000); /* up to five days */
        } else {
            model_advance(clock_now + (nsec)(lcg_next(&dice) >> lcg_below(&dice, 32)));
        }
        if (step % 8 == 0) {
            check_deadline();
        }
    }
    ck_assert_uint_gt(firings, STEPS / 8);
}
END_TEST

Suite *timer_suite(void)
{
    Suite *s = suite_create("timer");
    TCase *c = tcase_create("promises");
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_loop_test(c, fires_neither_early_nor_a_tick_late, 0, 12);
    tcase_add_test(c, the_past_fires_at_the_next_advance);
    tcase_add_test(c, order_is_by_tick_and_then_by_arming);
    tcase_add_loop_test(c, order_survives_the_way_down, 0, 6);
    tcase_add_test(c, arming_again_moves);
    tcase_add_test(c, cancelling);
    tcase_add_test(c, long_silences_cost_nothing);
    tcase_add_test(c, crossing_the_span_of_the_levels);
    tcase_add_test(c, a_timer_that_is_never_due);
    tcase_add_test(c, arming_for_the_present_in_a_callback);
    tcase_add_test(c, meddling_with_ones_own_slot);
    tcase_add_test(c, following_the_deadlines);
    suite_add_tcase(s, c);
    TCase *m = tcase_create("model");
    tcase_set_timeout(m, 120);
    tcase_add_loop_test(m, agrees_with_a_sorted_list, 0, 3);
    suite_add_tcase(s, m);
    return s;
}
