/* The timer wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 7).
 *
 * The wheel steps from one occupied slot to the next by its bitmaps, so a long silence costs
 * nothing. At every moment a timer's slot follows from its tick and the wheel's alone; a slot is
 * taken apart in order exactly when the wheel reaches its first tick, and until then all lower slots
 * of its ticks are empty.
 */
#include "stack/base/timer.h"

#define SPAN_BITS (WHEEL_LEVELS * WHEEL_SLOT_BITS)

/* The tick that has wholly begun at that moment. */
static uint64_t tick_at(nsec now)
{
    return now < 0 ? 0 : (uint64_t)now >> WHEEL_TICK_SHIFT;
}

/* The first tick at or after `due`, so that nothing fires early. */
static uint64_t tick_of(nsec due)
{
    const uint64_t rest = (UINT64_C(1) << WHEEL_TICK_SHIFT) - 1;
    return due < 0 ? 0 : ((uint64_t)due + rest) >> WHEEL_TICK_SHIFT;
}

static unsigned digit(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * WHEEL_SLOT_BITS)) & (WHEEL_SLOTS - 1);
}

static unsigned highest_bit(uint64_t v) /* v > 0 */
{
    return 63U - (unsigned)__builtin_clzll(v);
}

static unsigned lowest_bit(uint64_t v) /* v > 0 */
{
    return (unsigned)__builtin_ctzll(v);
}

void wheel_init(struct wheel *w, nsec now)
{
    *w = (struct wheel){.tick = tick_at(now), .until = tick_at(now)};
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++) {
            list_init(&w->slots[level][slot]);
        }
    }
    list_init(&w->overdue);
    list_init(&w->firing);
    list_init(&w->beyond);
}

void timer_init(struct timer *t, void (*fire)(struct timer *t, nsec now))
{
    *t = (struct timer){.fire = fire};
}

/* Puts a timer for `tick` (not before the wheel's own) at the end of its slot. */
static void place(struct wheel *w, struct timer *t, uint64_t tick)
{
    uint64_t differs = tick ^ w->tick;
    unsigned level = differs == 0 ? 0 : highest_bit(differs) / WHEEL_SLOT_BITS;
    if (level >= WHEEL_LEVELS) {
        list_push_back(&w->beyond, &t->link);
        return;
    }
    unsigned slot = digit(tick, level);
    list_push_back(&w->slots[level][slot], &t->link);
    w->occupied[level] |= UINT64_C(1) << slot;
}

void timer_arm(struct wheel *w, struct timer *t, nsec due)
{
    timer_cancel(w, t);
    t->due = due;
    w->armed++;
    uint64_t tick = tick_of(due);
    if (tick <= w->until) {
        list_push_back(&w->overdue, &t->link);
    } else {
        place(w, t, tick);
    }
}

/* Takes the bit of a slot away once it is empty; `head` may also be one of the other lists. */
static void mark_empty(struct wheel *w, const struct list *head)
{
    uintptr_t first = (uintptr_t)&w->slots[0][0];
    uintptr_t at = (uintptr_t)head;
    if (at < first || at >= first + sizeof w->slots) {
        return;
    }
    size_t index = (at - first) / sizeof *head;
    w->occupied[index / WHEEL_SLOTS] &= ~(UINT64_C(1) << index % WHEEL_SLOTS);
}

void timer_cancel(struct wheel *w, struct timer *t)
{
    if (!timer_armed(t)) {
        return;
    }
    struct list *neighbour = t->link.next;
    bool alone = neighbour == t->link.prev; /* then the neighbour is the head */
    list_remove(&t->link);
    w->armed--;
    if (alone) {
        mark_empty(w, neighbour);
    }
}

/* Fires what is on w->firing; callbacks may take timers off it, and put none on. */
static void fire_all(struct wheel *w, nsec now)
{
    for (struct list *n = list_pop_front(&w->firing); n != NULL; n = list_pop_front(&w->firing)) {
        struct timer *t = CONTAINER_OF(n, struct timer, link);
        w->armed--;
        t->fire(t, now);
    }
}

/* Finds the slot that comes next: its level (WHEEL_LEVELS for `beyond`) and first tick. Every
 * occupied slot of a level lies before all those of the levels above it. */
static bool next_slot(const struct wheel *w, unsigned *level, uint64_t *tick)
{
    for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
        if (w->occupied[l] != 0) {
            unsigned shift = l * WHEEL_SLOT_BITS;
            uint64_t above = w->tick >> (shift + WHEEL_SLOT_BITS) << WHEEL_SLOT_BITS;
            *level = l;
            *tick = (above | lowest_bit(w->occupied[l])) << shift;
            return true;
        }
    }
    *level = WHEEL_LEVELS;
    *tick = ((w->tick >> SPAN_BITS) + 1) << SPAN_BITS;
    return !list_empty(&w->beyond);
}

/* Moves a slot's timers down, in order, now that the wheel stands at the slot's first tick. */
static void cascade(struct wheel *w, struct list *from)
{
    struct list moving;
    list_move_all(from, &moving);
    mark_empty(w, from);
    for (struct list *n = list_pop_front(&moving); n != NULL; n = list_pop_front(&moving)) {
        struct timer *t = CONTAINER_OF(n, struct timer, link);
        place(w, t, tick_of(t->due));
    }
}

void wheel_advance(struct wheel *w, nsec now)
{
    uint64_t target = tick_at(now);
    if (target > w->until) {
        w->until = target;
    }
    list_move_all(&w->overdue, &w->firing);
    fire_all(w, now);

    unsigned level;
    uint64_t tick;
    while (next_slot(w, &level, &tick) && tick <= w->until) {
        w->tick = tick;
        if (level == WHEEL_LEVELS) {
            cascade(w, &w->beyond);
        } else if (level > 0) {
            cascade(w, &w->slots[level][digit(tick, level)]);
        } else {
            struct list *slot = &w->slots[0][digit(tick, 0)];
            list_move_all(slot, &w->firing);
            mark_empty(w, slot);
            fire_all(w, now);
        }
    }
    w->tick = w->until;
}

nsec wheel_deadline(const struct wheel *w)
{
    unsigned level;
    uint64_t tick;
    if (!list_empty(&w->overdue)) {
        return (nsec)(w->until << WHEEL_TICK_SHIFT);
    }
    if (!next_slot(w, &level, &tick) || tick > (uint64_t)NEVER >> WHEEL_TICK_SHIFT) {
        return NEVER;
    }
    return (nsec)(tick << WHEEL_TICK_SHIFT);
}
