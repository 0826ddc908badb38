/* The neighbour cache: RFC 826 ("Packet reception"), RFC 1122 2.3.2.1 (expiry, unicast poll, no
 * flooding with requests) and 2.3.2.2 (packets wait for the answer).
 *
 *   INCOMPLETE --answer--> REACHABLE --used when no longer fresh--> STALE --answer--> REACHABLE
 *       |                                                             |
 *       +----------- no answer after NEIGHBOUR_TRIES -----> FAILED <--+
 *
 * A FAILED entry starts over as INCOMPLETE when a packet wants it again.
 */
#include "stack/link/neighbour.h"

#include <stdlib.h>

static void neighbour_timer(struct timer *timer, nsec now);

bool neighbours_init(struct neighbours *t, struct recorder *recorder, struct wheel *wheel,
                     struct random *random)
{
    *t = (struct neighbours){.recorder = recorder, .wheel = wheel};
    t->key.k0 = random_u64(random);
    t->key.k1 = random_u64(random);
    list_init(&t->idle);
    list_init(&t->free);
    t->entries = calloc(NEIGHBOURS, sizeof(t->entries[0]));
    if (t->entries == NULL) {
        return false;
    }
    if (!table_init(&t->table)) {
        free(t->entries);
        t->entries = NULL;
        return false;
    }
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        struct neighbour *n = &t->entries[i];
        n->owner = t;
        timer_init(&n->timer, neighbour_timer);
        list_init(&n->queue);
        list_push_back(&t->free, &n->idle);
    }
    return true;
}

void neighbours_done(struct neighbours *t)
{
    if (t->entries == NULL) {
        return;
    }
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        timer_cancel(t->wheel, &t->entries[i].timer);
        buf_free_queue(&t->entries[i].queue);
    }
    table_done(&t->table);
    free(t->entries);
    t->entries = NULL;
}

static uint32_t neighbour_hash(const struct neighbours *t, struct ip_addr addr)
{
    return (uint32_t)siphash(&t->key, addr.b, sizeof(addr.b));
}

struct neighbour *neighbour_find(const struct neighbours *t, struct ip_addr addr)
{
    if (t->last != NULL && ip_equal(t->last->addr, addr)) {
        return t->last;
    }
    uint32_t hash = neighbour_hash(t, addr);
    for (struct table_node *node = table_first(&t->table, hash); node; node = table_next(node)) {
        struct neighbour *n = CONTAINER_OF(node, struct neighbour, node);
        if (ip_equal(n->addr, addr)) {
            return n;
        }
    }
    return NULL;
}

static void neighbour_tell(const struct neighbour *n)
{
    TRACE(n->owner->recorder, 0, neighbour, .addr = n->addr, .state = n->state);
}

static void neighbour_set_state(struct neighbour *n, enum neighbour_state state)
{
    if (n->state != state) {
        n->state = (uint8_t)state;
        neighbour_tell(n);
    }
}

/* Nothing may wait at `n`. */
static void neighbour_forget(struct neighbour *n)
{
    struct neighbours *t = n->owner;
    if (t->last == n) {
        t->last = NULL;
    }
    timer_cancel(t->wheel, &n->timer);
    table_remove(&t->table, &n->node);
    list_remove(&n->idle);
    list_push_back(&t->free, &n->idle);
    n->in_use = false;
}

/* A new entry, INCOMPLETE and first in line to make room for others; NULL when no slot can be had. */
static struct neighbour *neighbour_make(struct neighbours *t, struct ip_addr addr)
{
    if (list_empty(&t->free)) {
        if (list_empty(&t->idle)) {
            return NULL;
        }
        neighbour_forget(CONTAINER_OF(t->idle.next, struct neighbour, idle));
    }
    struct neighbour *n = CONTAINER_OF(list_pop_front(&t->free), struct neighbour, idle);
    n->addr = addr;
    n->mac = (struct mac){{0}};
    n->state = NEIGHBOUR_INCOMPLETE;
    n->in_use = true;
    n->tries = 0;
    n->heard = 0;
    n->used = 0;
    table_insert(&t->table, &n->node, neighbour_hash(t, addr));
    list_insert_before(t->idle.next, &n->idle);
    return n;
}

static void neighbour_ask(struct neighbour *n, nsec now)
{
    struct neighbours *t = n->owner;
    n->tries++;
    t->ask(t->arg, n, n->state == NEIGHBOUR_STALE ? n->mac : mac_broadcast);
    timer_arm(t->wheel, &n->timer, now + NEIGHBOUR_RETRY);
}

struct neighbour *neighbour_use(struct neighbours *t, struct ip_addr addr, nsec now)
{
    struct neighbour *n = neighbour_find(t, addr);
    bool begin = n == NULL || n->state == NEIGHBOUR_FAILED;
    if (n == NULL) {
        n = neighbour_make(t, addr);
        if (n == NULL) {
            return NULL;
        }
    }
    t->last = n;
    n->used = now;
    if (n->waiting == 0 && t->idle.prev != &n->idle) {
        list_remove(&n->idle);
        list_push_back(&t->idle, &n->idle);
    }
    if (begin) {
        neighbour_set_state(n, NEIGHBOUR_INCOMPLETE);
    } else if (n->state == NEIGHBOUR_REACHABLE && now - n->heard >= NEIGHBOUR_FRESH) {
        /* RFC 1122 2.3.2.1 (2), unicast poll: the old address serves until it proves wrong. */
        neighbour_set_state(n, NEIGHBOUR_STALE);
        begin = true;
    }
    if (begin) {
        n->tries = 0;
        neighbour_ask(n, now);
    }
    return n;
}

void neighbour_doubt(struct neighbours *t, struct ip_addr addr, nsec now)
{
    struct neighbour *n = neighbour_find(t, addr);
    if (n != NULL && n->state == NEIGHBOUR_REACHABLE && now - n->heard >= NEIGHBOUR_RETRY) {
        neighbour_set_state(n, NEIGHBOUR_STALE);
        n->tries = 0;
        neighbour_ask(n, now);
    }
}

void neighbour_wait(struct neighbour *n, struct buf *frame)
{
    if (n->waiting == NEIGHBOUR_QUEUE) {
        struct buf *oldest = neighbour_take(n);
        trace_drop(n->owner->recorder, DROP_ARP_QUEUE_FULL, 0, oldest->len);
        buf_free(oldest);
    }
    if (n->waiting == 0) {
        list_remove(&n->idle);
    }
    list_push_back(&n->queue, &frame->link);
    n->waiting++;
}

struct buf *neighbour_take(struct neighbour *n)
{
    struct list *first = list_pop_front(&n->queue);
    if (first == NULL) {
        return NULL;
    }
    n->waiting--;
    if (n->waiting == 0) {
        list_push_back(&n->owner->idle, &n->idle);
    }
    return buf_of_link(first);
}

struct neighbour *neighbour_heard(struct neighbours *t, struct ip_addr addr, struct mac mac,
                                  bool create, nsec now)
{
    struct neighbour *n = neighbour_find(t, addr);
    if (n == NULL) {
        n = create ? neighbour_make(t, addr) : NULL;
        if (n == NULL) {
            return NULL;
        }
    }
    if (n->state != NEIGHBOUR_REACHABLE || !mac_equal(n->mac, mac)) {
        n->mac = mac;
        n->state = NEIGHBOUR_REACHABLE;
        neighbour_tell(n);
    }
    n->heard = now;
    n->tries = 0;
    timer_arm(t->wheel, &n->timer, now + NEIGHBOUR_EXPIRE);
    return n;
}

static void neighbour_fail(struct neighbour *n, nsec now)
{
    struct neighbours *t = n->owner;
    neighbour_set_state(n, NEIGHBOUR_FAILED);
    for (struct buf *b = neighbour_take(n); b != NULL; b = neighbour_take(n)) {
        trace_drop(t->recorder, DROP_ARP_UNREACHABLE, 0, b->len);
        buf_free(b);
    }
    timer_arm(t->wheel, &n->timer, now + NEIGHBOUR_FORGET);
}

static void neighbour_timer(struct timer *timer, nsec now)
{
    struct neighbour *n = CONTAINER_OF(timer, struct neighbour, timer);
    recorder_begin(n->owner->recorder, CAUSE_TIMER, now);
    if (n->state == NEIGHBOUR_REACHABLE || n->state == NEIGHBOUR_FAILED) {
        neighbour_forget(n);
    } else if (n->tries < NEIGHBOUR_TRIES) {
        neighbour_ask(n, now);
    } else {
        neighbour_fail(n, now);
    }
}
