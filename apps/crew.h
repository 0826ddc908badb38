/* Threads of one service: each is a host of its own with a queue of the same TAP, behind one address (stack/loop.h). They share
 * nothing but the sockets by which frames that may concern any of them are sent on, and what seals TLS tickets.
 */
#ifndef VITRINE_APPS_CREW_H
#define VITRINE_APPS_CREW_H

#include <pthread.h>

#include "apps/node.h"

#define CREW_MAX (LOOP_PEERS + 1)

struct crew_member {
    pthread_t thread;
    int inbox[2];              /* frames from the others: to read, to write */
    int orders[2];             /* signals, a byte each: to read, to write */
    struct tap taps[CREW_MAX]; /* its own inbox, and those of the others */
    bool joined, started, running;
};

struct crew {
    unsigned count;
    uint8_t ticket_secret[32]; /* tls_config.ticket_secret */
    pthread_mutex_t lock;      /* of `started` and `failed` */
    pthread_cond_t changed;
    bool failed; /* a member could not start */
    struct crew_member member[CREW_MAX];
};

/* NULL: said on stderr. Member 0 is the thread that calls. */
struct crew *crew_new(unsigned count);
/* A node stands on its queue: it exchanges frames with the others. false: said on stderr. */
bool crew_join(struct crew *c, unsigned index, struct node *n);
/* Where a member other than the first reads signals, as node_watch_signals gives the first: its own to close. */
int crew_orders(struct crew *c, unsigned index);
/* Starts the others, one after the other, each with run(arg[index]); false: one of them failed. */
bool crew_start(struct crew *c, void *(*run)(void *arg), void *const *arg);
/* A member is ready, or will not be. */
void crew_started(struct crew *c, unsigned index, bool good);
/* Passes a signal on to all others. */
void crew_tell(struct crew *c, uint8_t number);
/* A member's TAP is about to close. */
void crew_leave(struct crew *c, unsigned index);
/* Waits for all others, who have been told to end. */
void crew_free(struct crew *c);

#endif
