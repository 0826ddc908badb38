/* A host alone on a link, with virtual time: what the targets drive that send it frames. The host is
 * small (few buffers, few connections), is made anew for each input, and must be empty at its end.
 */
#ifndef VITRINE_FUZZ_NET_H
#define VITRINE_FUZZ_NET_H

#include "stack/host.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/link/frames.h"

#define NET_START (1000 * NS_PER_SEC)
#define NET_QUIET (8000 * NS_PER_SEC) /* longer than anything may live whose application has gone */
#define NET_STEPS 4000U               /* deadlines of one input */

struct net {
    struct netdev dev; /* first, so that the device is the net */
    struct host host;
    struct iface *iface;
    struct listener listener; /* VITRINE_TRACE=1 prints every event */
    nsec now;
    struct list held; /* frames that arrive together, once they are released */
    bool hold;        /* frames are held */
    bool deaf;        /* nobody answers ARP */
    unsigned refuse;  /* so many frames the device will not take */
    unsigned steps;   /* deadlines so far */
    uint32_t asked;   /* for whom the host asked by ARP; 0: nobody */
    uint64_t sent;    /* frames that the device took */
    /* Looks at an IP packet that the host sends; may be NULL. */
    void (*look)(struct net *n, const uint8_t *packet, size_t len);
    void (*check)(struct net *n); /* after every flush; may be NULL */
};

void net_init(struct net *n, uint32_t mtu, const struct tcp_config *tcp);
/* A whole frame from the link; true: the host had a buffer for it. */
bool net_frame(struct net *n, const uint8_t *frame, size_t len);
void net_ip(struct net *n, const struct ip4_spec *ip, const void *payload, size_t len);
void net_arp(struct net *n, uint16_t operation, struct mac from, uint32_t sender, uint32_t target);
void net_release(struct net *n); /* what was held arrives */
void net_flush(struct net *n);
/* On to the next deadline, if it comes up to `limit`; else false, and the time is `limit`. */
bool net_step(struct net *n, nsec limit);
void net_run(struct net *n, nsec span);
/* Time passes until everything must have ended; then every pool is empty, or it is a leak. The
 * applications must have let go before. */
void net_done(struct net *n);

#endif
