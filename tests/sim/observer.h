/* The observer on the wire: judges each frame that a host emits from what has been delivered to that
 * host and from what it has emitted before. It knows nothing of how the host is made: written from the
 * RFCs, it shares no code with the stack but the cursor by which bytes are read.
 *
 * Every rule is sound: a host that conforms never breaks it, whatever the network does. Where the
 * observer cannot know what a host has taken (it may have refused a segment for want of memory), it
 * holds the host to the most that it may have taken. Everything is bounded: connections, remembered
 * bytes, ranges; what does not fit is not judged.
 *
 *   observer_emitted   when a host gives a frame to its device
 *   observer_arrived   when a frame is delivered to a host, before the host sees it; also a corrupted
 *                      one, which the observer recognizes by itself
 *   observer_tick      now and then, and at the end: what should have been sent by now
 */
#ifndef VITRINE_TESTS_SIM_OBSERVER_H
#define VITRINE_TESTS_SIM_OBSERVER_H

#include "stack/base/types.h"

#define OBSERVER_HOSTS 16U
#define OBSERVER_ADDRESSES 4U

/* What one host is held to. Zeros: the most that the RFCs allow, or no judgement where they leave it open. */
struct observer_host {
    uint32_t addr[OBSERVER_ADDRESSES]; /* its IPv4 addresses, host order */
    unsigned addr_count;
    uint32_t mtu;     /* bytes of an IP packet on its link; 0: 1500 */
    nsec delayed_ack; /* the longest that it holds an ACK back; 0: 500 ms (RFC 9293 MUST-40) */
    nsec msl;     /* TIME-WAIT lasts 2 of it; 0: not judged (it may recycle such records early) */
    nsec rto_min; /* no timer makes it retransmit sooner; 0: not judged */
    nsec rto_max; /* where doubling may end; 0: 60 s (RFC 6298 2.5) */
    uint32_t challenge_acks;                      /* a second (RFC 5961 7); 0: not judged */
    bool no_timestamps, no_window_scale, no_sack; /* options that it does not offer */
    uint32_t window_max; /* bytes: the widest window that it may offer, and a 16th; 0: not judged */
    bool no_dsack;       /* it reports no duplicates (RFC 2883) */
    bool no_accecn;      /* it agrees to those of RFC 3168 only */
    bool no_ecn;         /* it agrees to no marks (RFC 3168) */
    uint8_t ecn_asks;    /* AE, CWR, ECE of its SYNs, if they have any */
    bool syn_cookies;    /* its listeners may answer by SYN cookies (RFC 4987 3.6) */
    bool
        syn_data_out; /* its SYNs may ask for a Fast Open cookie, or have one and data (RFC 7413) */
    bool syn_data_in; /* its listeners may give cookies, and take such data */
    bool probes;      /* tail loss probes (RFC 8985 7) where there is SACK */
    bool forgets;     /* memory may fail it, so silence and short ACKs are no fault */
    bool next_goes_back; /* SND.NXT may fall back to SND.UNA after a timeout, which some hosts do */
};

typedef void (*observer_violation_fn)(void *arg, const char *rule, const char *text);

struct observer_config {
    unsigned host_count;
    struct observer_host host[OBSERVER_HOSTS];
    uint32_t max_views; /* ends of connections that are remembered; the idlest goes [4096] */
    /* `rule`: a short name and its clause, always the same for one rule; `text`: the frame, and what was
     * expected. Both last for the call. */
    observer_violation_fn violation;
    void *arg;
};

struct observer;

/* NULL: no memory. */
struct observer *observer_new(const struct observer_config *config);
void observer_free(struct observer *o);
void observer_emitted(struct observer *o, unsigned host, const uint8_t *frame, size_t len,
                      nsec now);
void observer_arrived(struct observer *o, unsigned host, const uint8_t *frame, size_t len,
                      nsec now);
void observer_tick(struct observer *o, nsec now);
uint64_t observer_violations(const struct observer *o); /* so far */
uint64_t observer_judged(const struct observer *o);     /* TCP segments so far */

#endif
