/* Neighbours: which link address an IP address has (ARP, RFC 826; RFC 1122 2.3.2).
 *
 * A bounded cache with expiry. An unknown neighbour is asked for up to 3 times, a second apart;
 * meanwhile a few frames wait in its queue (oldest dropped by name). An entry in use is asked
 * again, by unicast, once it is no longer fresh; its address stays in use meanwhile.
 *
 * When the cache is full, the entry that was not used for longest makes room; entries that only
 * asked us for our address go before all that we ever sent to, so that strangers cannot push out
 * the neighbours we talk with. An entry at which frames wait never goes.
 */
#ifndef VITRINE_LINK_NEIGHBOUR_H
#define VITRINE_LINK_NEIGHBOUR_H

#include "stack/base/addr.h"
#include "stack/base/buf.h"
#include "stack/base/random.h"
#include "stack/base/siphash.h"
#include "stack/base/table.h"
#include "stack/base/timer.h"
#include "stack/trace/names.h"
#include "stack/trace/trace.h"

#define NEIGHBOURS 256U     /* entries per interface */
#define NEIGHBOUR_QUEUE 16U /* frames that wait at one neighbour */
#define NEIGHBOUR_TRIES 3U  /* requests before it counts as unreachable */
#define NEIGHBOUR_RETRY (1 * NS_PER_SEC)
#define NEIGHBOUR_FRESH (60 * NS_PER_SEC)    /* reachable for so long after it was heard from */
#define NEIGHBOUR_EXPIRE (1200 * NS_PER_SEC) /* forgotten after so long without a sign of life */
#define NEIGHBOUR_FORGET (60 * NS_PER_SEC)   /* a failed entry is kept for so long, for people */

struct neighbours;

struct neighbour {
    struct table_node node;   /* in the cache's table, by address */
    struct list idle;         /* in the cache's idle or free list; on neither while frames wait */
    struct timer timer;       /* the next request, or the end */
    struct neighbours *owner; /* the cache */
    struct ip_addr addr;
    struct mac mac;    /* meaningless while INCOMPLETE */
    uint8_t state;     /* enum neighbour_state */
    bool in_use;       /* the slot holds an entry */
    uint8_t tries;     /* requests sent without an answer */
    uint8_t waiting;   /* frames in `queue` */
    nsec heard;        /* when it last told its address */
    nsec used;         /* when a packet was last sent to it; 0 = never */
    struct list queue; /* bufs: frames that lack only their destination address */
};

struct neighbours {
    struct neighbour *entries; /* NEIGHBOURS slots */
    struct table table;        /* those in use, by keyed hash of their address */
    struct siphash_key key;
    struct neighbour *last; /* the one that was used last: most packets go to one neighbour */
    struct list idle;       /* entries at which nothing waits, least recently used first */
    struct list free;       /* slots without an entry */
    struct wheel *wheel;
    struct recorder *recorder;
    /* Asks `n` for its link address, as a frame to `to`: broadcast, or the address it had. */
    void (*ask)(void *arg, const struct neighbour *n, struct mac to);
    void *arg;
};

/* Sets up an empty cache; `ask` and `arg` are the caller's to set. false: out of memory. */
bool neighbours_init(struct neighbours *t, struct recorder *recorder, struct wheel *wheel,
                     struct random *random);
void neighbours_done(struct neighbours *t);

struct neighbour *neighbour_find(const struct neighbours *t, struct ip_addr addr); /* or NULL */
/* The entry for a packet that is about to be sent: made, and asked for its address, as needed. NULL
 * when the cache is full of entries at which frames wait. */
struct neighbour *neighbour_use(struct neighbours *t, struct ip_addr addr, nsec now);
/* The link address may be sent to (RFC 826; a stale one stays in use while it is asked again). */
static inline bool neighbour_known(const struct neighbour *n)
{
    return n->state == NEIGHBOUR_REACHABLE || n->state == NEIGHBOUR_STALE;
}
/* Someone who talks through this neighbour hears nothing: it is asked again, at its address, and lost if
 * it does not answer (RFC 1122 2.3.2.1 (4)). Not more often than once in NEIGHBOUR_RETRY. */
void neighbour_doubt(struct neighbours *t, struct ip_addr addr, nsec now);
/* Queues a frame until the neighbour answers; drops the oldest one when the queue is full. */
void neighbour_wait(struct neighbour *n, struct buf *frame);
/* The next waiting frame; NULL when none waits. */
struct buf *neighbour_take(struct neighbour *n);
/* `addr` told its link address: its entry is updated, or made when `create` says so. Returns the
 * entry, NULL when there is none. */
struct neighbour *neighbour_heard(struct neighbours *t, struct ip_addr addr, struct mac mac,
                                  bool create, nsec now);

#endif
