/* The event loop that drives a host from TAP devices and the clock: epoll on the TAPs and on what
 * the application adds, host_input in batches, host_advance at deadlines, host_flush after each.
 *
 * Several loops, each with a host and a thread of its own, may stand on the queues of one TAP, behind one address. The kernel
 * gives all packets of a pair of endpoints to one queue (Documentation/networking/tuntap, by a hash of addresses and ports that is the same
 * both ways), so a connection stays with its host. What may concern any of them (frame_concerns_all) the loop that reads it
 * sends on to the others, through sockets that carry a frame each as the TAP does.
 */
#ifndef VITRINE_LOOP_H
#define VITRINE_LOOP_H

#include "stack/host.h"
#include "stack/link/tap.h"

#define LOOP_TAPS (IP_INTERFACES + 1) /* and an inbox */
#define LOOP_BATCH 64                 /* frames read from a TAP before the host is flushed */

#define LOOP_PEERS 63U

struct loop_watch {
    int fd;
    void (*ready)(void *arg); /* the descriptor is readable */
    void *arg;
};

#define LOOP_WATCHES 8U

struct loop {
    struct host *host;
    int epoll_fd;
    bool stopped;
    struct {
        struct tap *tap;
        struct iface *iface;
        uint64_t refused; /* of the TAP's refused frames, those that have been told */
    } taps[LOOP_TAPS];
    unsigned tap_count;
    struct tap *inbox; /* among `taps`: what the other loops send on; NULL: there are none */
    struct tap *peer[LOOP_PEERS]; /* their inboxes, to write to */
    unsigned peers;
    uint64_t unshared; /* frames that could not be sent on: an inbox was full */
    struct loop_watch watches[LOOP_WATCHES];
    unsigned watch_count;
    nsec
        busy_poll; /* for how long after something came it asks again and again before it sleeps; 0: it sleeps */
    bool woken;      /* something came when it last asked */
    nsec spin_until; /* on the machine's clock */
};

/* What comes to a loop from the system. A program that records all that its host is given, or gives it
 * again, puts itself in between before the first call (apps/tape). */
struct epoll_event;
struct loop_system {
    nsec (*now)(void);
    nsec (*paused)(void); /* as loop_clock_paused */
    bool (*seed)(uint8_t seed[32]);
    /* As epoll_pwait2 on the loop's descriptors, for `wait` ns at most, and no longer than LOOP_STANDSTILL; NEVER: without end. */
    int (*wait)(struct loop *l, struct epoll_event *events, int max, nsec wait);
};

extern struct loop_system loop_system;

/* The clock of this thread's loop, which does not count the time in which the thread stood still (stack/loop_clock.h), and 32 bytes of
 * randomness for a host's seed. */
nsec loop_now(void);
nsec loop_machine_now(void); /* CLOCK_MONOTONIC, for what is not a host's */
bool loop_seed(uint8_t seed[32]);

int loop_init(struct loop *l, struct host *host); /* 0, or a negative errno */
int loop_add_tap(struct loop *l, struct tap *tap, struct iface *iface);
/* From now on frames that may concern others go to `peer`, and `inbox` (for `iface`) has what comes from them. The TAPs are over datagram
 * sockets, non-blocking, and have the caps of the device. */
int loop_add_inbox(struct loop *l, struct tap *inbox, struct iface *iface);
int loop_add_peer(struct loop *l, struct tap *peer);
int loop_watch(struct loop *l, int fd, void (*ready)(void *arg), void *arg);
/* Runs until loop_stop; 0, or a negative errno when a TAP died. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l); /* from a callback or a watch */
void loop_done(struct loop *l);

#endif
