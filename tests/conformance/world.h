/* One host under virtual time, on a link with one gateway: what a script drives.
 *
 * Nothing here waits. world_step moves the clock to the next moment at which the host has something to
 * do; what the host sends stays in a queue, with its time, until the script asks for it.
 */
#ifndef VITRINE_CONFORMANCE_WORLD_H
#define VITRINE_CONFORMANCE_WORLD_H

#include "stack/host.h"

#define WORLD_START (1000 * NS_PER_SEC) /* the host's clock when a script begins */
#define WORLD_QUEUE 8192U               /* packets that were sent and not yet asked for */
#define WORLD_ARP 16U

struct world_config {
    struct ip_addr local, remote, gateway;
    unsigned prefix; /* bits of the link's network */
    uint32_t mtu;
};

/* A packet of the host: from the IP header on. */
struct sent_packet {
    nsec at;
    size_t len;
    uint8_t *bytes;
};

struct world {
    struct host host;
    struct netdev dev;
    struct iface *iface;
    struct world_config config;
    nsec now; /* the host's clock */
    struct sent_packet *queue;
    unsigned first, count;           /* of the queue */
    unsigned lost;                   /* packets for which the queue had no place */
    struct ip_addr asked[WORLD_ARP]; /* ARP requests to be answered */
    unsigned asked_count;
};

bool world_init(struct world *w, const struct world_config *config); /* false: out of memory */
void world_done(struct world *w);
/* What the application or a setting has changed takes effect: output, and answers to ARP. */
void world_settle(struct world *w);
/* Moves the clock to the host's next deadline, or to `until` if that comes first: then true. */
bool world_step(struct world *w, nsec until);
/* `size` other than 0: the packet is a super-segment, as a device hands them over that has put several
 * segments of so many bytes of payload together. */
void world_inject(struct world *w, const uint8_t *ip_packet, size_t len, uint32_t size);
/* The oldest packet that nobody asked for; NULL: none. */
const struct sent_packet *world_sent(const struct world *w, unsigned nth);
void world_drop_sent(struct world *w);
/* Before calls into a stream. */
void world_enter(struct world *w);

#endif
