/* Running worlds: one in this process, one in a process of its own that may crash or hang, many of
 * them spread over processes; and looking for a smaller world that fails in the same way.
 */
#ifndef VITRINE_SIM_RUN_H
#define VITRINE_SIM_RUN_H

#include "tests/sim/world.h"

#define SIM_REDUCTIONS_MAX 512U /* applied one after the other */

struct sim_result {
    struct sim_failure failure; /* not set: all is well */
    enum sim_kind kind;
    uint64_t hash;
    uint64_t events, frames, bytes;
    nsec lasted; /* of virtual time */
};

/* Here and now. `capture` is the pcapng to write, or NULL. */
void sim_run(const struct sim_plan *plan, const char *capture, struct sim_result *out);
/* The same in a child: a crash or a hang is a failure whose rule is the signal. */
void sim_run_guarded(const struct sim_plan *plan, const char *capture, struct sim_result *out);

/* Reductions that were applied to a plan, in order. */
struct sim_shrunk {
    unsigned numbers[SIM_REDUCTIONS_MAX];
    unsigned count;
    unsigned tried; /* worlds that were run on the way */
};

/* Takes away from `plan` what it can while the world goes on failing by the rule of `failure`; that
 * becomes the failure of the smaller world. At most `tries` worlds are run. */
void sim_shrink(struct sim_plan *plan, struct sim_failure *failure, unsigned tries,
                struct sim_shrunk *out);

#define SIM_FAILURES 256U /* that are remembered with their seeds */

struct sim_tally {
    uint64_t worlds, failed, events, frames, bytes;
    nsec lasted;
};

struct sim_failed_seed {
    uint64_t seed;
    enum sim_kind kind;
    struct sim_failure failure;
};

struct sim_report {
    struct sim_tally kind[SIM_KINDS];
    struct sim_failed_seed failed[SIM_FAILURES]; /* by seed, the lowest first */
    unsigned failed_count;
    uint64_t passed_total, failed_total;
};

/* Runs worlds `from` to `from + count - 1` in `jobs` processes. NULL: no memory. */
struct sim_report *sim_run_many(uint64_t from, uint64_t count, unsigned jobs);

#endif
