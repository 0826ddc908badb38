/* A cable in memory between two ends, on virtual time: it delays, loses, reorders and tampers by the
 * nodes that it is made of (wire_node.h), all from one seed.
 *
 * A pure machine like the rest of the stack. Its owner attaches a host to each end's `dev`, and
 *
 *   w.now = now                   before whatever may transmit (host_flush); wire_advance sets it too
 *   wire_deadline(&w)             when wire_advance must be called next
 *   wire_advance(&w, now)         frames go on, and those that arrived are delivered
 *
 * Time never goes back. An owner that comes late (a real clock) calls wire_advance before it
 * transmits: each frame then moves at the moment that it was due, whenever it is called.
 *
 * Frames that are due at the same moment move in the order in which they were given to their last
 * wait; so the same seed and the same calls give the same run.
 *
 * A super-segment (struct offload) goes through as one frame and counts by its bytes: an end offers
 * no offload unless `caps` say so, and a link whose nodes mean single frames leaves them 0.
 */
#ifndef VITRINE_LINK_WIRE_H
#define VITRINE_LINK_WIRE_H

#include "stack/link/netdev.h"
#include "stack/link/wire_node.h"

#define WIRE_NODES 16U                 /* of one direction */
#define WIRE_FRAMES 65536U             /* in flight, when the owner names no limit */
#define WIRE_BYTES ((uint64_t)1 << 28) /* the same in bytes */

struct wire_way_config {
    const struct wire_node_config *nodes; /* in the order in which a frame meets them; copied */
    unsigned count;                       /* up to WIRE_NODES */
    uint32_t refuse; /* of a million frames: the sender's device does not take it */
};

struct wire_config {
    uint8_t seed[32];
    struct wire_way_config way[2]; /* of what end 0 sends, and of what end 1 sends */
    struct mac mac[2];             /* the ends' link addresses */
    uint32_t mtu;                  /* of both devices, bytes of IP packet [1500] */
    uint32_t caps;                 /* of both devices, enum netdev_cap bits */
    uint32_t max_frames;           /* in flight, both ways together [WIRE_FRAMES] */
    uint64_t max_bytes;            /* the same in bytes [WIRE_BYTES] */
};

/* A frame on its way. */
struct wire_frame {
    struct buf *buf;
    uint64_t id; /* the id-th that its end sent, from 1; a copy has that of its original */
    bool copy;
    bool corrupted;
};

enum wire_event {
    WIRE_SENT,    /* an end gave it */
    WIRE_DROPPED, /* `node` did, or a limit (NULL) */
    WIRE_COPIED,  /* `frame` is the copy that `node` made */
    WIRE_ARRIVED, /* about to be delivered */
    WIRE_REFUSED, /* an end gave it, and it was not taken: it has no id */
};

/* Something happened to a frame, for those who watch. Whoever stands beside the wire (an oracle, a
 * router that answers what is too big) may look at it and wire_send another, but not keep it. */
struct wire_sight {
    enum wire_event what;
    unsigned from; /* the end that sent it */
    const struct wire_frame *frame;
    const struct wire_node *node; /* that did it; NULL: none */
    nsec at;
};

/* Frames of one direction. At every moment sent + copied = delivered + dropped + no_buffer + what
 * is in flight. */
struct wire_stats {
    uint64_t sent, sent_bytes;
    uint64_t refused; /* not taken: by chance, or at a limit of the wire */
    uint64_t copied;
    uint64_t not_copied; /* copies that a limit of the wire forbade */
    uint64_t delivered, delivered_bytes;
    uint64_t no_buffer; /* lost at the receiver, who had no buffer */
    uint64_t dropped;   /* by nodes: the sum of the following */
    uint64_t lost;      /* by loss and bursts */
    uint64_t queue_full, too_big;
    uint64_t tampered_away; /* dropped by rules */
    uint64_t unfit;         /* super-segments that were to be corrupted */
    uint64_t marked, corrupted, reordered, tampered;
};

struct wire;

struct wire_end {
    struct netdev dev; /* first, so that the device is an end */
    struct wire *wire;
    /* What arrives is copied into buffers of these pools, as from a device; NULL: the wire's own
     * buffers are handed over, and must all be freed before wire_done. */
    struct slab_pools *pools;
    /* Takes every frame (struct buf, by its link) off `frames`. NULL: what arrives is lost. */
    void (*deliver)(void *arg, struct list *frames, nsec now);
    void *arg;
    struct list arrived;  /* bufs that this wire_advance will deliver */
    struct random random; /* for `refuse` */
    uint32_t refuse;
    /* Of what this end sends: */
    struct wire_node nodes[WIRE_NODES];
    unsigned node_count;
    struct wire_stats stats; /* without what the nodes count */
    uint32_t in_flight;      /* frames */
};

struct wire_wait; /* a frame that waits for its moment */

struct wire {
    struct wire_end end[2];
    nsec now;
    struct random random;
    struct slab_pools pools; /* of what is in flight */
    uint32_t max_frames;
    uint64_t max_bytes;
    uint32_t frames;        /* in flight */
    uint64_t bytes;         /* of them */
    struct wire_wait *heap; /* frames that wait, the earliest first (a binary heap) */
    uint32_t heap_len, heap_cap;
    uint64_t number;                                      /* waits so far */
    void (*watch)(void *arg, const struct wire_sight *s); /* may be NULL; the owner's to set */
    void *watch_arg;
};

/* `w` must stay where it is. false: settings that make no sense (a queue that is not directly in front
 * of a rate, too many nodes, a chance above a million); there is nothing to undo. */
bool wire_init(struct wire *w, const struct wire_config *config, nsec now);
/* Frees what is in flight. */
void wire_done(struct wire *w);
/* Says where the frames for `end` (0 or 1) go; as the fields of struct wire_end. */
void wire_connect(struct wire *w, unsigned end, struct slab_pools *pools,
                  void (*deliver)(void *arg, struct list *frames, nsec now), void *arg);

/* A whole frame from `end`, at w->now, in a buffer of any pools that nothing else looks into; takes
 * ownership. false: the wire is at a limit or refuses, and the frame is lost. */
bool wire_send(struct wire *w, unsigned end, struct buf *frame);
nsec wire_deadline(const struct wire *w); /* NEVER: nothing is in flight */
void wire_advance(struct wire *w, nsec now);

/* Of what `end` sent. Each node's own counts are in w->end[end].nodes[i].effects. */
struct wire_stats wire_stats(const struct wire *w, unsigned end);

#endif
