/* A clock that stands still while its thread does: under a debugger, or stopped by a signal.
 *
 * It follows CLOCK_MONOTONIC, less the time in which the thread stood still: in which it neither ran, nor was ready to run and waited
 * for a processor, nor slept as it had meant to. Whoever looks around in a debugger so meets no timer that fired meanwhile.
 * What is shorter than LOOP_STANDSTILL does not count.
 *
 * How long a thread ran and was ready the kernel tells (/proc/thread-self/schedstat). It is asked when the clock has leapt, and
 * now and then, so that there is something to compare with.
 */
#ifndef VITRINE_LOOP_CLOCK_H
#define VITRINE_LOOP_CLOCK_H

#include "stack/base/types.h"

#define LOOP_STANDSTILL (100 * NS_PER_MS)

/* Of a thread, since it began. */
struct loop_usage {
    nsec ran, ready;
};

struct loop_clock {
    void (*usage)(struct loop_usage *out);
    bool begun;
    nsec seen;              /* the machine's clock when this one was last looked at */
    struct loop_usage last; /* at `asked` */
    nsec asked;
    nsec stood;  /* in all */
    nsec untold; /* of it, what loop_clock_paused has not told */
};

/* What this clock shows when the machine's shows `real`. */
nsec loop_clock_now(struct loop_clock *c, nsec real);
/* The thread has slept from `began` to `real` on the machine's clock, and had meant to for `meant` at the most (NEVER: as long as
 * it takes). */
void loop_clock_slept(struct loop_clock *c, nsec began, nsec real, nsec meant);
/* For how long it stood still since this was last asked; 0: it did not. */
nsec loop_clock_paused(struct loop_clock *c);

#endif
