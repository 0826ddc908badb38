/* A world that runs: hosts joined by wires, on virtual time, with oracles that look at every frame
 * and, after every event, at every control block. A run with the same plan repeats exactly.
 *
 * Nothing here prints or stops the program: the first oracle that fails is noted in `failure`, and
 * the world goes no further.
 */
#ifndef VITRINE_SIM_WORLD_H
#define VITRINE_SIM_WORLD_H

#include "stack/link/pcapng.h"
#include "tests/sim/app.h"
#include "tests/sim/invariants.h"
#include "tests/sim/observer.h"
#include "tests/sim/plan.h"
#include "tests/unit/base/lcg.h"

#define SIM_TEXT 512U       /* bytes of a failure's sentence */
#define SIM_RULE 96U        /* and of its oracle's name */
#define SIM_SHADOWS 256U    /* connections of a host that are remembered at once */
#define SIM_STATIONS 32U    /* interfaces of all hosts, and ports of the switch */
#define SIM_EVENTS 3000000U /* more than any world needs: two ends that never stop talking */

struct sim_failure {
    bool set;
    char rule[SIM_RULE]; /* which oracle: the same fault has the same one */
    char text[SIM_TEXT];
    nsec at;
    uint64_t event;
};

/* The state of a connection, as the events told it. */
struct sim_shadow {
    uint32_t id;
    uint8_t state; /* enum tcp_state */
};

struct sim_host {
    struct host host; /* VITRINE_TRACE=1 prints every event */
    struct sim_world *world;
    unsigned index;
    bool touched; /* something was called in this event */
    nsec denied;  /* when it last reset what it knew of no connection for */
    struct listener listener;
    struct sim_shadow shadows[SIM_SHADOWS]; /* by connection id */
    struct invariants invariants;
};

/* One end of a wire: an interface of a host, or a port of the switch. */
struct sim_station {
    struct netdev dev; /* first, so that the device is a station: in front of the wire's own */
    struct sim_world *world;
    unsigned wire, end;
    unsigned host; /* SIM_SWITCH: a port of the switch */
    struct iface *iface;
    struct ip_addr addr;
    int capture; /* its number in the pcapng */
};

struct sim_world {
    struct sim_plan plan;
    struct lcg lcg;  /* for faults */
    struct lcg liar; /* for lies */
    nsec now;
    nsec began;
    nsec jump_due;
    struct sim_host host[SIM_HOSTS];
    struct wire wire[SIM_WIRES];
    struct sim_station station[SIM_STATIONS];
    unsigned stations;
    struct sim_app app[SIM_FLOWS][2];
    struct observer *observer;
    bool held_frames; /* some waited or were lost in a host, where the observer does not see them */
    nsec observer_at; /* when it asks again what should have been sent */
    uint64_t events;  /* steps so far */
    uint64_t frames, bytes; /* that hosts have sent so far */
    uint64_t cut, joined;   /* super-segments that devices made into frames, and of frames */
    uint64_t hash;          /* of every frame that was sent and that arrived, with its moment */
    nsec watchdog_at;       /* when the watchdog looks again */
    struct sim_failure failure;
    struct pcapng *capture; /* NULL: none */
};

/* `capture` may be NULL. false: no memory. The world must stay where it is. */
bool sim_world_init(struct sim_world *w, const struct sim_plan *plan, struct pcapng *capture);
/* Takes everything apart, at whatever moment; what was not given back is a failure. */
void sim_world_done(struct sim_world *w);
/* Goes on to the next event. false: there is none, or an oracle has failed. */
bool sim_world_step(struct sim_world *w);
/* Runs to the end, and judges what came out. True: all is well. */
bool sim_world_run(struct sim_world *w);

/* station.c: makes wire `i` and what is at its ends. false: no memory, or no place. */
bool sim_wire_begin(struct sim_world *w, unsigned i);
struct sim_station *sim_station_of(struct sim_world *w, unsigned wire, unsigned host);
struct host *sim_app_host(struct sim_world *w, const struct sim_app *a);
bool sim_chance(struct sim_world *w, uint32_t per_mille);
/* A segment of somebody who sees the ends of connections and not their numbers, made beside `frame`, in a buffer of
 * `pools`; NULL: none now. */
struct buf *sim_lie(struct sim_world *w, const struct buf *frame, struct slab_pools *pools);
/* The pools in which an allocation may be made to fail. */
#define SIM_POOLS 9U
struct pool *sim_pool(struct host *h, unsigned number);

/* ---- oracles ---- */

/* Notes the first failure of a world. `rule` names the oracle. */
__attribute__((format(printf, 3, 4))) void sim_fail(struct sim_world *w, const char *rule,
                                                    const char *form, ...);
#define SIM_STRING_(x) #x
#define SIM_STRING(x) SIM_STRING_(x)
#define SIM_CHECK(w, condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            sim_fail((w), __FILE__ ":" SIM_STRING(__LINE__), "%s", #condition);                    \
        }                                                                                          \
    } while (0)

/* watch.c: an event is over, and everything has been flushed. */
void sim_watch_event(struct sim_world *w);
/* Everything was given back: pools, timers, connections. */
void sim_watch_empty(struct sim_world *w);
void sim_watch_pools(struct sim_world *w, unsigned host);
/* diagram.c: a connection of `h` changed its state. */
void sim_watch_state(struct sim_host *h, const struct event *e);
bool sim_diagram_has(enum tcp_state from, enum tcp_state to);
/* judge.c: nothing waits for ever; what came out in the end. */
void sim_watch_progress(struct sim_world *w);
void sim_forgive(struct sim_world *w); /* the clock has jumped: nobody has waited yet */
void sim_judge(struct sim_world *w);

#endif
