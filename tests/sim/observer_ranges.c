#include "tests/sim/observer_ranges.h"

#include <stdlib.h>

#define LONG_ENOUGH (UINT32_C(1) << 30U) /* the widest window that there can be (RFC 7323 2.2) */

/* Whether `b` begins within `a` or at its end, in a space that wraps. */
static bool joins(const struct range *a, const struct range *b)
{
    return b->start - a->start <= a->len;
}

static void take_out(struct ranges *r, unsigned i)
{
    r->list[i] = r->list[--r->count];
}

void ranges_add(struct ranges *r, uint32_t start, uint32_t len)
{
    struct range n = {start, len};
    for (unsigned i = 0; i < r->count;) {
        const struct range *old = &r->list[i];
        bool behind = joins(old, &n);
        if (!behind && !joins(&n, old)) {
            i++;
            continue;
        }
        uint32_t first = behind ? old->start : n.start;
        uint32_t old_end = old->start + old->len - first;
        uint32_t new_end = n.start + n.len - first;
        n = (struct range){first, old_end > new_end ? old_end : new_end};
        take_out(r, i);
        i = 0;
    }
    if (r->count == r->cap) {
        unsigned cap = r->cap == 0 ? 8 : 2 * r->cap;
        struct range *list = cap > RANGES_MAX ? NULL : realloc(r->list, cap * sizeof *list);
        if (list == NULL) {
            r->lost = true;
            return;
        }
        r->list = list;
        r->cap = cap;
    }
    r->list[r->count++] = n;
}

uint32_t ranges_end(const struct ranges *r, uint32_t from)
{
    for (unsigned i = 0; i < r->count; i++) {
        const struct range *a = &r->list[i];
        if (from - a->start <= a->len) {
            return a->start + a->len;
        }
    }
    return from;
}

bool ranges_hold(const struct ranges *r, uint32_t start, uint32_t end)
{
    for (unsigned i = 0; i < r->count; i++) {
        const struct range *a = &r->list[i];
        uint32_t from = start - a->start;
        uint32_t to = end - a->start;
        if (from <= to && to <= a->len) {
            return true;
        }
    }
    return false;
}

void ranges_common(const struct ranges *r, uint32_t start, uint32_t len, struct ranges *out)
{
    for (unsigned i = 0; i < r->count; i++) {
        const struct range *a = &r->list[i];
        uint32_t skip = start - a->start; /* of `a`, when it begins first */
        uint32_t late = a->start - start; /* of what is asked for, when that does */
        uint32_t from = skip < a->len ? start : a->start;
        uint32_t left = skip < a->len ? a->len - skip : a->len;
        uint32_t wanted = skip < a->len ? len : late < len ? len - late : 0;
        if (left > 0 && wanted > 0) {
            ranges_add(out, from, left < wanted ? left : wanted);
        }
    }
}

void ranges_prune(struct ranges *r, uint32_t below)
{
    for (unsigned i = 0; i < r->count;) {
        struct range *a = &r->list[i];
        uint32_t behind = below - (a->start + a->len);
        if (behind > 0 && behind < LONG_ENOUGH) {
            take_out(r, i);
            continue;
        }
        if (a->len > LONG_ENOUGH) {
            a->start += a->len - LONG_ENOUGH;
            a->len = LONG_ENOUGH;
        }
        i++;
    }
}

void ranges_clear(struct ranges *r)
{
    r->count = 0;
    r->lost = false;
}

void ranges_free(struct ranges *r)
{
    free(r->list);
    *r = (struct ranges){0};
}
