/* What an interface needs around it, for tests: pools, a recorder, a wheel and a fake device. */
#ifndef VITRINE_TESTS_LINK_RIG_H
#define VITRINE_TESTS_LINK_RIG_H

#include "stack/link/iface.h"
#include "tests/unit/link/fake_netdev.h"
#include "tests/unit/link/frames.h"

struct link_rig {
    struct recorder recorder;
    struct slab_pools pools;
    struct random random;
    struct wheel wheel;
    struct fake_netdev dev;
    struct iface iface;
    struct list up; /* bufs: packets that the interface handed up */
    unsigned up_count;
    bool up_group; /* the last one came in a link broadcast */
    nsec now;
};

void link_rig_init(struct link_rig *r); /* we are 10.9.0.2/24, MTU 1500, at one second */
void link_rig_done(struct link_rig *r); /* and nothing may be left in the pools */
/* A frame comes in. */
void link_rig_receive(struct link_rig *r, const struct frame *f);
/* Timers up to `to` fire, each at its own time, and what they queued is sent. */
void link_rig_run(struct link_rig *r, nsec to);
/* Our IP packet of `len` zero bytes goes out to `next_hop`. */
enum iface_result link_rig_send(struct link_rig *r, uint32_t next_hop, size_t len);
/* The peer at `ip` with link address `mac` sends an ARP packet to our address. */
struct frame arp_frame(unsigned operation, struct mac mac, uint32_t ip, uint32_t target);

uint64_t drop_total(const struct recorder *r);
/* Asserts that `reason` occurred once, and no other. */
void expect_drop(const struct recorder *r, enum drop_reason reason);
/* The latest event of a type; NULL when there was none. */
const struct event *last_event(const struct recorder *r, enum event_type type);
void expect_pools_empty(const struct slab_pools *p);

#endif
