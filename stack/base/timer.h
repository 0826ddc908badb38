/* A hierarchical timer wheel (Varghese and Lauck, 1987): arming and cancelling cost the same
 * however many timers there are.
 *
 * One tick is 2^16 ns (65.5 us); six levels of 64 slots span 52 days. A timer never fires early;
 * it fires at most one tick late. Timers that fall due together fire in the order of their ticks,
 * and within a tick in the order in which they were armed, so that a run repeats exactly. What is
 * armed for a tick that has been run, or that the present advance covers, is overdue: it fires at
 * the next advance, before all others.
 *
 * A timer lies at the level of the highest base-64 digit in which its tick differs from the wheel's
 * own. So timers of one tick always lie in one slot, and arming order holds by itself.
 */
#ifndef VITRINE_BASE_TIMER_H
#define VITRINE_BASE_TIMER_H

#include "stack/base/list.h"
#include "stack/base/types.h"

#define WHEEL_TICK_SHIFT 16
#define WHEEL_SLOT_BITS 6
#define WHEEL_SLOTS (1U << WHEEL_SLOT_BITS)
#define WHEEL_LEVELS 6

struct timer {
    struct list link;
    nsec due; /* when it was asked to fire */
    void (*fire)(struct timer *t, nsec now);
};

struct wheel {
    uint64_t tick;  /* the tick that the wheel stands at; all before it have been run */
    uint64_t until; /* the tick at which the present or last advance ends */
    uint64_t occupied[WHEEL_LEVELS]; /* a bit for each slot that holds a timer */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct list overdue; /* timers for the next advance, whenever it comes */
    struct list firing;  /* timers of the tick that is being run */
    struct list beyond;  /* timers whose tick differs above the highest level */
    size_t armed;        /* timers in the wheel */
};

void wheel_init(struct wheel *w, nsec now);
void timer_init(struct timer *t, void (*fire)(struct timer *t, nsec now));
/* A timer that is armed already is moved. A moment in the past means the next advance. */
void timer_arm(struct wheel *w, struct timer *t, nsec due);
void timer_cancel(struct wheel *w, struct timer *t); /* no effect when it is not armed */
static inline bool timer_armed(const struct timer *t)
{
    return list_linked(&t->link);
}
/* Fires all that is due at `now`. A callback may arm and cancel any timer, itself included. */
void wheel_advance(struct wheel *w, nsec now);
/* When wheel_advance must be called next: never later than the earliest timer may fire, possibly
 * earlier (to move timers down a level); NEVER when no timer is armed. */
nsec wheel_deadline(const struct wheel *w);

#endif
