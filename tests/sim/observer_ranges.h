/* Which octets of a sequence space have arrived: ranges in no order, none touching another. */
#ifndef VITRINE_TESTS_SIM_OBSERVER_RANGES_H
#define VITRINE_TESTS_SIM_OBSERVER_RANGES_H

#include "stack/base/types.h"

#define RANGES_MAX 1024U

struct range {
    uint32_t start, len; /* octets */
};

struct ranges {
    struct range *list;
    unsigned count, cap;
    bool lost; /* one did not fit: nothing can be said of what has not arrived */
};

void ranges_add(struct ranges *r, uint32_t start, uint32_t len);
/* Where what has arrived without a hole from `from` on ends. */
uint32_t ranges_end(const struct ranges *r, uint32_t from);
bool ranges_hold(const struct ranges *r, uint32_t start, uint32_t end);
/* Adds to `out` what of `len` octets from `start` on is in `r`. */
void ranges_common(const struct ranges *r, uint32_t start, uint32_t len, struct ranges *out);
/* Forgets what lies wholly behind `below`, and shortens what is very long. */
void ranges_prune(struct ranges *r, uint32_t below);
void ranges_clear(struct ranges *r);
void ranges_free(struct ranges *r);

#endif
