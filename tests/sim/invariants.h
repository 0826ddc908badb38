/* The invariants of a host and of its control blocks, which hold after every event once all has been
 * flushed. The simulator asks for them, and so do the fuzz targets; who asks says what happens when one
 * does not hold.
 */
#ifndef VITRINE_SIM_INVARIANTS_H
#define VITRINE_SIM_INVARIANTS_H

#include "stack/host.h"
#include "stack/tcp/conn.h"

#define INVARIANT_SHADOWS 256U /* connections that are remembered at once */

/* A control block as it was after the previous event. */
struct invariant_shadow {
    uint32_t id;
    bool seen; /* what follows means something */
    tcp_seq snd_una, snd_nxt, rcv_nxt, rcv_adv;
    tcp_seq syn_end;        /* behind what went with our SYN */
    tcp_seq edge;           /* the rightmost that the peer's windows have reached */
    bool has_edge;          /* that means something */
    bool undone;            /* in this event one was taken back: what was lost is in flight again */
    uint32_t in_flight;     /* bytes */
    uint64_t retransmitted; /* segments */
};

struct invariants {
    struct host *host;
    struct listener listener;
    nsec now;
    struct invariant_shadow shadows[INVARIANT_SHADOWS]; /* by connection id */
    /* One does not hold: where it stands, and what it says. It may return. */
    void (*fail)(void *arg, const char *rule, const char *text);
    void *arg;
};

/* `host`, `fail` and `arg` are set, and the host has begun. */
void invariants_begin(struct invariants *v);
/* An event is over, and everything has been flushed. */
void invariants_check(struct invariants *v, nsec now);
/* Every connection, buffer and range was given back; `empty`: nor is one known to a table or list. */
void invariants_check_pools(const struct invariants *v);
void invariants_check_empty(const struct invariants *v);

#endif
