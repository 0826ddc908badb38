/* The nodes of a wire: each does one thing to the frames of one direction, at virtual times that it
 * is told. Chained in the order that the owner chooses, they make a link: say a queue, a rate, a
 * delay, then loss.
 *
 * Chances are whole numbers of a million. Each node draws from a generator of its own, made from the
 * wire's seed, so that what one node does to its nth frame does not hang on what the others do.
 */
#ifndef VITRINE_LINK_WIRE_NODE_H
#define VITRINE_LINK_WIRE_NODE_H

#include "stack/base/buf.h"
#include "stack/base/random.h"
#include "stack/link/tamper.h"

#define WIRE_MILLION 1000000U
#define WIRE_CORRUPT_BITS 8U /* that are flipped in one frame, at the most */

enum wire_node_kind {
    /* Sends one frame after the other at so many bits a second. Holds each until its last bit is out. */
    WIRE_RATE,
    /* In front of a rate: refuses the frame that does not fit behind those that the rate holds. */
    WIRE_QUEUE,
    WIRE_DELAY,
    WIRE_LOSS,      /* each frame by itself */
    WIRE_BURST,     /* loss by the model of Gilbert and Elliott */
    WIRE_REORDER,   /* some frames take longer, and others overtake them */
    WIRE_DUPLICATE, /* some frames come twice */
    WIRE_CORRUPT,   /* bits flip */
    WIRE_MTU,       /* loses what is too big, and says nothing: ICMP is a router's */
    WIRE_BATCH, /* frames go on together, at multiples of a period, as an interrupt coalesces them */
    WIRE_TAMPER, /* rules that act on exactly the segments that match */
};

struct wire_node_config {
    enum wire_node_kind kind;
    union {
        struct {
            uint64_t bits_per_second; /* above 0 */
            uint32_t overhead; /* bytes more that each frame takes on the medium (Ethernet: 24) */
        } rate;
        struct {
            uint32_t
                limit;     /* bytes held, with those of the frame that is being sent; 0: no limit */
            uint32_t mark; /* a frame that finds more than so many is marked (RFC 3168); 0: never */
        } queue;
        struct {
            nsec base;
            nsec jitter;     /* 0 to so much more, each moment as likely */
            bool keep_order; /* a frame waits for those before it */
        } delay;
        struct {
            uint32_t chance;
        } loss;
        struct {
            uint32_t p; /* chance after each frame to go from the good state to the bad */
            uint32_t r; /* and from the bad to the good: a stay there is 1 / r frames long */
            uint32_t loss_good; /* chance of loss while good */
            uint32_t loss_bad;  /* and while bad */
        } burst;
        struct {
            uint32_t chance;
            nsec delay; /* that a frame so chosen takes more */
        } reorder;
        struct {
            uint32_t chance;
            nsec delay; /* by which the copy comes later */
        } duplicate;
        struct {
            uint32_t chance;
            uint32_t bits; /* that flip, all different, up to WIRE_CORRUPT_BITS [1] */
            /* Also in the Ethernet header, its padding, and in frames other than IPv4, which no
             * checksum of ours guards; else only within the IPv4 packet, where the Internet
             * checksums see every single flipped bit. */
            bool anywhere;
            /* All in one 16-bit word of the IP packet: such a burst no Internet checksum misses,
             * as it sometimes does a few bits here and there. Not with `anywhere`. */
            bool in_word;
        } corrupt;
        struct {
            uint32_t mtu; /* bytes of IP packet */
        } mtu;
        struct {
            nsec period; /* above 0 */
        } batch;
        struct {
            const struct tamper_rule *rules; /* the owner's, for as long as the wire lives */
            unsigned count;
        } tamper;
    };
};

/* What a node did, in frames. */
struct wire_effects {
    uint64_t seen, seen_bytes; /* that came to it */
    uint64_t dropped;
    uint64_t marked;     /* CE set */
    uint64_t corrupted;  /* bits flipped; super-segments so hit are dropped, and counted here too */
    uint64_t duplicated; /* copies asked for */
    uint64_t reordered; /* that go on before a frame that came earlier, or were chosen to be late */
    uint64_t tampered;  /* segments on which at least one rule acted */
    uint64_t held_most; /* rate: bytes, the most that it ever held */
};

struct wire_node {
    struct wire_node_config config;
    struct wire_effects effects;
    struct random random;
    nsec busy_until; /* rate: when the last bit of the last frame is out, rounded down */
    /* rate: by how much that is too early, in 1 / bits_per_second of a nanosecond */
    uint64_t fraction;
    uint64_t held;                /* rate: bytes of the frames that are still in it */
    const struct wire_node *rate; /* queue: the one behind it */
    nsec latest;                  /* delay: the latest moment at which a frame goes on */
    bool bad;                     /* burst: the state */
    struct tamper tamper;
};

/* What is to become of a frame. */
struct wire_verdict {
    bool drop;
    bool corrupted; /* its bytes are no longer what was sent */
    nsec due;       /* when it goes on; not before it came */
    bool copy;      /* and a copy of it too, */
    nsec copy_due;  /* then */
};

/* Draws the node's own seed from `random`. false: the settings make no sense. */
bool wire_node_init(struct wire_node *n, const struct wire_node_config *config,
                    struct random *random);
/* A frame comes to the node at `now`. Its bytes may change: its slab must be held by it alone. */
struct wire_verdict wire_node_pass(struct wire_node *n, struct buf *frame, nsec now);
/* A frame of `len` bytes has left a rate. */
void wire_node_left(struct wire_node *n, uint32_t len);

#endif
