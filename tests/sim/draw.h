/* What the two files that draw a world share. */
#ifndef VITRINE_SIM_DRAW_H
#define VITRINE_SIM_DRAW_H

#include "tests/sim/plan.h"
#include "tests/unit/base/lcg.h"

static inline uint32_t below(struct lcg *g, uint32_t bound)
{
    return lcg_below(g, bound);
}

static inline bool one_in(struct lcg *g, uint32_t n)
{
    return below(g, n) == 0;
}

/* A wire between the hosts `a` and `b`, one of which may be SIM_SWITCH. */
void draw_wire(struct lcg *g, enum sim_kind kind, uint8_t a, uint8_t b, struct sim_wire_plan *wire);
/* Rules that change some segments, and sometimes a middlebox. */
void draw_wire_tampering(struct lcg *g, struct sim_wire_plan *wire);
/* From some segment on, nothing comes through any more: one way, or both. */
void draw_wire_death(struct lcg *g, struct sim_wire_plan *wire);

#endif
