/* Two hosts on an in-memory cable, on virtual time. The cable loses, duplicates, corrupts, delays and
 * reorders frames by a seed, so that a run with the same seed repeats exactly. pair_watch.c looks
 * at every frame and, after every event, at every control block.
 */
#ifndef VITRINE_TESTS_PAIR_RIG_H
#define VITRINE_TESTS_PAIR_RIG_H

#include "stack/host.h"
#include "stack/tcp/conn.h"
#include "tests/unit/base/lcg.h"

#define PAIR_CLIENT 0U
#define PAIR_SERVER 1U
#define PAIR_PORT 80U  /* where the server listens */
#define PAIR_FLOWS 64U /* connections that are watched on the wire */
#define PAIR_SHADOWS 256U

/* What happens to the frames of one way. */
struct pair_wire {
    uint32_t loss, duplicate, corrupt, refuse; /* of 1000 frames; refused: by the device */
    nsec delay,
        jitter;     /* each frame takes delay and 0 to jitter more, so that some overtake others */
    uint64_t rate;  /* bits a second; 0: no limit */
    uint32_t queue; /* bytes that may wait for the rate; 0: no limit */
    uint32_t mtu;   /* a router on the way refuses larger IP packets (RFC 1191); 0: none does */
};

struct pair_frame {
    nsec at;        /* when it arrives */
    uint64_t order; /* of sending, for frames that arrive together */
    size_t len;     /* bytes */
    bool corrupted;
    uint8_t bytes[];
};

/* A control block as it was after the previous event. */
struct pair_shadow {
    uint32_t id;
    tcp_seq snd_una, snd_nxt, rcv_nxt, rcv_adv;
    uint32_t in_flight;     /* bytes */
    uint64_t retransmitted; /* segments */
};

struct pair_side {
    struct netdev dev; /* first, so that the device is a side */
    struct pair *pair;
    struct host host;
    struct iface *iface;
    struct listener listener; /* VITRINE_TRACE=1 prints every event */
    struct pair_wire wire;    /* of what it sends */
    nsec line_free;           /* when the cable has taken all that was sent */
    struct pair_frame **heap; /* frames on their way from here, the earliest first */
    size_t frames, heap_cap;
    struct pair_shadow shadows[PAIR_SHADOWS]; /* by connection id */
};

/* What the wire has shown of one connection, for each side. */
struct pair_flow {
    uint16_t port[2];
    bool has_wscale[2], sent_ack[2], told[2], fin_sent[2];
    uint8_t wscale[2];
    uint16_t mss[2];        /* that the side's SYN announced */
    tcp_seq edge[2];        /* right edge of the window that the side has been offered so far */
    tcp_seq offered[2];     /* the same, that it has offered */
    tcp_seq ack[2];         /* the latest that it sent */
    tcp_seq iss[2], fin[2]; /* sequence numbers of its SYN and of its FIN */
};

/* Something that wants to run at a moment. */
struct pair_task {
    nsec due; /* NEVER: not now */
    unsigned side;
    void (*run)(struct pair_task *t, nsec now);
};

#define PAIR_TASKS 128U

struct pair {
    uint64_t seed;
    struct lcg lcg;
    nsec now;
    struct pair_side side[2];
    struct pair_task *tasks[PAIR_TASKS];
    unsigned task_count;
    struct pair_flow flows[PAIR_FLOWS];
    unsigned flow_count;
    uint64_t order;  /* frames so far */
    uint64_t events; /* steps so far */
    nsec batch;      /* frames arrive at multiples of this, together; 0: each by itself */
    uint32_t faults; /* of 1000 events: an allocation is made to fail */
    uint64_t data_frames, resent_bytes;
};

struct pair_config {
    uint64_t seed;
    uint32_t mtu; /* bytes; 0: 1500 */
    struct pair_wire wire[2];
    struct host_config host[2]; /* their seeds are made from `seed` */
    nsec start;                 /* when time begins */
    nsec batch;
    uint32_t faults;
};

void pair_init(struct pair *p, const struct pair_config *config);
void pair_done(struct pair *p);
struct ip_addr pair_address(unsigned side); /* 10.9.0.1 and 10.9.0.2 */
void pair_add_task(struct pair *p, struct pair_task *t);
/* Goes on to the next event, if there is one up to `limit`. */
bool pair_step(struct pair *p, nsec limit);
/* Runs until both hosts are still and nothing is armed, `limit` at the most; false: it never was. */
bool pair_settle(struct pair *p, nsec limit);
/* Everything was given back: pools, timers, connections. */
void pair_expect_empty(struct pair *p);
bool pair_chance(struct pair *p, uint32_t per_mille);

__attribute__((format(printf, 4, 5), noreturn)) void
pair_fail(const struct pair *p, const char *file, int line, const char *form, ...);
#define PAIR_CHECK(p, condition)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            pair_fail((p), __FILE__, __LINE__, "%s", #condition);                                  \
        }                                                                                          \
    } while (0)

/* ---- pair_watch.c ---- */

/* A frame was given to the device: what it says must be allowed. */
void pair_watch_sent(struct pair *p, unsigned side, const struct pair_frame *f);
/* A good frame came to `side`. */
void pair_watch_arrived(struct pair *p, unsigned side, const struct pair_frame *f);
/* An event is over, and everything has been flushed. */
void pair_watch_event(struct pair *p);

#endif
