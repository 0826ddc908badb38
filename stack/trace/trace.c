/* The flight recorder: a ring of the latest events, the listeners, and the counters of refusals. */
#include "stack/trace/trace.h"

#include <stdlib.h>

_Static_assert(sizeof(struct event) <= 64, "a record's fields take at most 40 bytes");

#define CAUSE_NUMBER_MASK ((UINT64_C(1) << 56) - 1)

bool recorder_init(struct recorder *r, uint32_t ring_size)
{
    *r = (struct recorder){.ring = NULL};
    list_init(&r->listeners);
    if (ring_size == 0 || (ring_size & (ring_size - 1)) != 0) {
        return false;
    }
    r->ring = calloc(ring_size, sizeof *r->ring);
    r->mask = ring_size - 1;
    if (r->ring == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < ring_size; i++) { /* all its pages are there: no event waits for one */
        r->ring[i].at = NEVER;
    }
    return true;
}

void recorder_done(struct recorder *r)
{
    free(r->ring);
    r->ring = NULL;
}

void recorder_listen(struct recorder *r, struct listener *l)
{
    list_push_back(&r->listeners, &l->link);
    r->listening = true;
}

void recorder_unlisten(struct recorder *r, struct listener *l)
{
    list_remove(&l->link);
    r->listening = !list_empty(&r->listeners);
}

void recorder_begin(struct recorder *r, enum cause_kind kind, nsec now)
{
    uint64_t number = ++r->causes[kind];
    r->now = now;
    r->cause = (struct cause){
        .kind = (uint64_t)kind & 0xff,
        .number = number & CAUSE_NUMBER_MASK,
    };
}

void recorder_tell(struct recorder *r, const struct event *e)
{
    struct list *next;
    for (struct list *n = r->listeners.next; n != &r->listeners; n = next) {
        next = n->next; /* a listener may leave while it is told */
        struct listener *l = CONTAINER_OF(n, struct listener, link);
        l->on_event(l->arg, e);
    }
}

void recorder_settle(struct recorder *r)
{
    struct list *next;
    for (struct list *n = r->listeners.next; n != &r->listeners; n = next) {
        next = n->next;
        struct listener *l = CONTAINER_OF(n, struct listener, link);
        if (l->on_settled != NULL) {
            l->on_settled(l->arg);
        }
    }
}

void recorder_remark(struct recorder *r, const char *text)
{
    for (struct list *n = r->listeners.next; n != &r->listeners; n = n->next) {
        struct listener *l = CONTAINER_OF(n, struct listener, link);
        if (l->on_remark != NULL) {
            l->on_remark(l->arg, text);
        }
    }
}

bool recorder_wants_remarks(const struct recorder *r)
{
    for (const struct list *n = r->listeners.next; n != &r->listeners; n = n->next) {
        if (CONTAINER_OF((struct list *)(uintptr_t)n, struct listener, link)->on_remark != NULL) {
            return true;
        }
    }
    return false;
}

size_t recorder_last(const struct recorder *r, const struct event **out, size_t max)
{
    size_t n = max;
    if (n > (size_t)r->mask + 1) {
        n = (size_t)r->mask + 1;
    }
    if (n > r->written) {
        n = (size_t)r->written;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = &r->ring[(r->written - n + i) & r->mask];
    }
    return n;
}

void trace_drop(struct recorder *r, enum drop_reason reason, uint32_t conn_id, size_t len)
{
    r->drops[reason]++;
    TRACE(r, conn_id, drop, .reason = (uint16_t)reason,
          .len = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX);
}
