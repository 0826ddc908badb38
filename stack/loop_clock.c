/* A clock that stands still while its thread does; see loop_clock.h. */
#include "stack/loop_clock.h"

#define REFRESH (LOOP_STANDSTILL / 2) /* how old what a leap is compared with may be */

static void ask(struct loop_clock *c, nsec real)
{
    c->usage(&c->last);
    c->asked = real;
}

/* `span` has gone by in which the thread may have stood still; what it ran and was ready since it was last asked is not of it. */
static void stand(struct loop_clock *c, nsec span, nsec real)
{
    struct loop_usage before = c->last;
    ask(c, real);
    nsec still = span - (c->last.ran - before.ran) - (c->last.ready - before.ready);
    if (still >= LOOP_STANDSTILL) {
        c->stood += still;
        c->untold += still;
    }
}

nsec loop_clock_now(struct loop_clock *c, nsec real)
{
    if (!c->begun) {
        c->begun = true;
        ask(c, real);
    } else if (real - c->seen >= LOOP_STANDSTILL) {
        stand(c, real - c->seen, real);
    } else if (real - c->asked >= REFRESH) {
        ask(c, real);
    }
    c->seen = real;
    return real - c->stood;
}

void loop_clock_slept(struct loop_clock *c, nsec began, nsec real, nsec meant)
{
    nsec more = meant == NEVER ? 0 : real - began - meant;
    if (more >= LOOP_STANDSTILL) {
        stand(c, more, real);
    }
    c->seen = real;
}

nsec loop_clock_paused(struct loop_clock *c)
{
    nsec paused = c->untold;
    c->untold = 0;
    return paused;
}
