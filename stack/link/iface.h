/* An interface of a host: a device, our address on its link, and the neighbours there.
 *
 * Input: iface_input checks the Ethernet header (IEEE 802.3, RFC 894), answers and learns from ARP
 * (RFC 826), and hands IP packets up through `up`. Output: iface_output resolves the next hop and
 * sends, or queues at the neighbour until it answers. Input never sends: what it has to say waits
 * for iface_flush.
 */
#ifndef VITRINE_LINK_IFACE_H
#define VITRINE_LINK_IFACE_H

#include "stack/base/addr.h"
#include "stack/base/random.h"
#include "stack/base/timer.h"
#include "stack/link/arp.h"
#include "stack/link/ethernet.h"
#include "stack/link/neighbour.h"
#include "stack/link/netdev.h"
#include "stack/trace/trace.h"

#define IFACE_DEFEND (10 * NS_PER_SEC) /* RFC 5227 1.1, DEFEND_INTERVAL */
#define IFACE_ARP_OUTBOX 64U           /* ARP packets that wait for a flush */

/* An ARP packet that waits for the flush, with what led to it. */
struct arp_waiting {
    struct arp_packet packet;
    struct mac to; /* destination of its frame */
    struct cause cause;
};

/* A frame as it came from the device, or as the device took it. */
struct frame_sight {
    bool out;
    uint64_t number; /* frames that came in, or went out, of the host so far, this one included */
    nsec at;         /* of ingress, or of the flush */
    const struct packet *frame;
};

/* Sees every frame of an interface, in both directions, before the events that tell of it. */
struct frame_watch {
    void (*on_frame)(void *arg, const struct frame_sight *s);
    void *arg;
};

struct iface {
    struct netdev *dev;
    struct ip_addr addr; /* ours on this link */
    unsigned prefix;     /* bits of the link's network */
    struct recorder *recorder;
    struct slab_pools *pools;
    struct neighbours neighbours;
    struct list outbox; /* bufs: frames whose neighbour has answered, to be sent by iface_flush */
    struct cause released;                           /* the latest answer that put one there */
    struct frame_watch *watch;                       /* NULL: nobody; the owner's to set */
    struct arp_waiting arp_outbox[IFACE_ARP_OUTBOX]; /* to be sent by iface_flush, oldest first */
    unsigned arp_waiting;                            /* how many of them there are */
    nsec defended; /* when our address was last defended (RFC 5227 2.4); 0 = never */
    /* Upwards: an IP packet came in. The callee owns `buf`. */
    void (*up)(void *arg, struct iface *in, struct buf *buf, bool link_group, nsec now);
    void *up_arg;
};

enum iface_result {
    IFACE_SENT,
    IFACE_QUEUED, /* copied to the neighbour's queue until it answers */
    IFACE_REFUSED /* counted as a drop by name */
};

/* `f` must stay where it is until iface_done. false: out of memory. */
bool iface_init(struct iface *f, struct netdev *dev, struct ip_addr addr, unsigned prefix,
                struct recorder *recorder, struct slab_pools *pools, struct wheel *wheel,
                struct random *random);
void iface_done(struct iface *f);
void iface_input(struct iface *f, struct buf *frame, nsec now); /* takes ownership of `frame` */
/* Sends an IP packet to `next_hop` on this link. `p` is used up: the frame's header is pushed. */
enum iface_result iface_output(struct iface *f, struct packet *p, struct ip_addr next_hop,
                               nsec now);
/* Sends the ARP packets that input and timers queued, and the frames whose neighbour answered. */
void iface_flush(struct iface *f);
void iface_announce(struct iface *f); /* gratuitous ARP (RFC 5227 3) into the outbox */
/* A limited broadcast, or a directed one on this link, in the form of ones or of zeros
 * (RFC 1122 3.2.1.3, 3.3.6; a link of 31 or 32 bits has none, RFC 3021). */
bool iface_is_broadcast(const struct iface *f, struct ip_addr a);

#endif
