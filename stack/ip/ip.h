/* The internet layer: one `struct ip` per host.
 *
 * Upwards: a transport registers with ip_register and is called with each packet for it, and with
 * each ICMP error that quotes a packet of its own. Downwards: ip_output finds the route, the
 * neighbour and the device, and sends or queues at the neighbour.
 */
#ifndef VITRINE_IP_IP_H
#define VITRINE_IP_IP_H

#include "stack/base/addr.h"
#include "stack/base/buf.h"
#include "stack/base/random.h"
#include "stack/base/timer.h"
#include "stack/ip/destinations.h"
#include "stack/ip/fragments.h"
#include "stack/ip/options.h"
#include "stack/link/iface.h"
#include "stack/link/packet.h"
#include "stack/trace/trace.h"

enum ip_protocol_number {
    IP_ICMP = 1,
    IP_TCP = 6,
    IP_UDP = 17,
};

#define IP_INTERFACES 4U
#define IP_ROUTES 16U
#define IP_TRANSPORTS 4U
#define IP_DEFAULT_TTL 64

/* A received packet on its way up. `buf` is a view of the transport header and its payload; the
 * callee may keep it (set it to NULL) or leave it, in which case the caller frees it. */
struct ip_packet {
    struct buf *buf;
    struct slice
        header; /* the IP header as it came, in the same slab (for ICMP errors); valid while buf is */
    struct ip_addr src, dst;
    uint8_t protocol;
    uint8_t ttl;
    uint8_t tos;                   /* DSCP and ECN bits */
    bool broadcast;                /* dst is a broadcast or multicast address */
    const struct ip_options *back; /* the way back along the source route by which it came; NULL: it
                                    * came by none. Valid while the packet is handled */
    struct iface *in;
    nsec now; /* ingress time */
};

/* How to send: every field is the transport's choice. */
struct ip_how {
    struct ip_addr src, dst;
    uint8_t protocol;
    uint8_t ttl;
    uint8_t tos;
    bool divide;       /* what is above the MTU goes in fragments. Else it is refused */
    bool may_fragment; /* a router may divide it: no DF */
    const struct ip_options *options; /* NULL: none */
};

enum ip_result {
    IP_SENT,   /* given to the device, or queued until the neighbour is known */
    IP_REFUSED /* no route, too big, no buffer, device full: counted as a drop by name */
};

/* An ICMP error about a packet that we sent (RFC 792, RFC 1122 3.2.2). */
struct ip_error {
    uint8_t type, code;      /* as on the wire */
    uint32_t mtu;            /* next-hop MTU (RFC 1191) of a "fragmentation needed"; else 0 */
    struct ip_addr from;     /* who reports it */
    struct ip_addr src, dst; /* of the quoted packet: src is one of our addresses */
    struct slice quoted;     /* the quoted transport header: at least 8 bytes */
    nsec now;
};

struct ip_transport {
    uint8_t protocol;
    void (*input)(void *arg, struct ip_packet *p);
    void (*error)(void *arg, const struct ip_error *e); /* may be NULL */
    void *arg;
};

/* Where packets go: the longest matching prefix wins. A route without gateway is on the link. */
struct ip_route {
    struct ip_addr prefix;
    unsigned bits;
    struct ip_addr gateway; /* ip_any: the destination is on the link */
    struct iface *out;
};

/* A token bucket: at most `burst` answers at once, and `rate` a second. */
struct icmp_limiter {
    uint32_t rate;   /* tokens added per second */
    uint32_t burst;  /* tokens that fit */
    uint32_t tokens; /* answers that may still go out now */
    nsec refilled;   /* up to when tokens were added */
};

#define ICMP_OUTBOX 128U /* answers that wait for a flush */

/* An ICMP message that waits for the flush, with what led to it. */
struct icmp_waiting {
    struct buf *message;
    struct ip_how how;         /* its options are those below */
    struct ip_options options; /* len 0: none */
    struct cause cause;
};

/* Settings of a host's IP. A zero means the default in brackets. */
struct ip_config {
    bool source_routes; /* packets that came by a source route are taken, and answered by its
                         * reverse (RFC 9293 MUST-53) [refused, RFC 7126 4.3] */
    bool no_redirects;  /* redirects are refused [heeded, by the rules of RFC 1122 3.2.2.2] */
};

struct ip {
    struct ip_config config;
    struct recorder *recorder;
    struct slab_pools *pools;
    struct random *random;
    struct iface *ifaces[IP_INTERFACES];
    unsigned iface_count;
    struct ip_route routes[IP_ROUTES];
    unsigned route_count;
    struct ip_transport transports[IP_TRANSPORTS];
    unsigned transport_count;
    struct icmp_waiting icmp_outbox[ICMP_OUTBOX]; /* to be sent by ip_flush, oldest first */
    unsigned icmp_waiting;                        /* how many of them there are */
    struct icmp_limiter error_limiter;            /* for ICMP errors (RFC 1812 4.3.2.8) */
    struct icmp_limiter echo_limiter;             /* for echo replies */
    struct destinations destinations;             /* narrower paths, redirects */
    struct fragments fragments;                   /* of datagrams that are not whole yet */
    uint16_t
        next_id; /* IPv4 identification of packets with DF set, which means nothing (RFC 6864 4.1) */
    /* … and of those that are, or may be, divided: it must not come again soon. */
    uint16_t next_divided_id;
};

/* `ip` must stay where it is until ip_done. */
void ip_init(struct ip *ip, const struct ip_config *config, struct recorder *recorder,
             struct slab_pools *pools, struct wheel *wheel, struct random *random);
void ip_done(struct ip *ip);
bool ip_register(struct ip *ip, const struct ip_transport *t); /* false: no place left */
/* Adds an interface and the route to its own prefix. false: no place left. */
bool ip_add_iface(struct ip *ip, struct iface *iface);
bool ip_add_route(struct ip *ip, const struct ip_route *route); /* false: no place left */

/* A frame's IP packet, as a view behind the Ethernet header; takes ownership of `buf`. `link_group`
 * says that the frame was sent to a link broadcast or group address. */
void ip_input(struct ip *ip, struct iface *in, struct buf *buf, bool link_group, nsec now);
/* Hands a checked packet to its transport; the caller frees what is left in `p->buf`. */
void ip_deliver(struct ip *ip, struct ip_packet *p);
const struct ip_transport *ip_transport_of(const struct ip *ip, uint8_t protocol); /* or NULL */
/* Sends what was queued by input: ICMP answers. Input itself never sends. */
void ip_flush(struct ip *ip, nsec now);

/* Sends a transport packet (its header and payload are in `p`, its checksum finished or partial). */
enum ip_result ip_output(struct ip *ip, struct packet *p, const struct ip_how *how, nsec now);
/* The source address for a destination (RFC 1122 3.3.4.3). false: no route. */
bool ip_source_for(const struct ip *ip, struct ip_addr dst, struct ip_addr *src);
/* Bytes of IP packet that reach `dst` undivided, as far as is known, that the first link takes, and the
 * capabilities of the way; 0: no route. */
uint32_t ip_mtu(const struct ip *ip, struct ip_addr dst);
uint32_t ip_link_mtu(const struct ip *ip, struct ip_addr dst);
uint32_t ip_caps(const struct ip *ip, struct ip_addr dst); /* enum netdev_cap */
/* A transport believes that no more than `mtu` bytes reach `dst` (RFC 1191); others profit from it. */
void ip_learn_mtu(struct ip *ip, struct ip_addr dst, uint32_t mtu, nsec now);
/* A transport hears nothing from `dst` any more (RFC 1122 3.3.1.4, negative advice): whoever is the next
 * hop has to show that it is still there. */
void ip_doubt(struct ip *ip, struct ip_addr dst, nsec now);
bool ip_is_ours(const struct ip *ip, struct ip_addr a);
bool ip_is_broadcast(const struct ip *ip, struct ip_addr a); /* limited or directed broadcast */
/* Queues "destination unreachable" about a received packet, if the rules allow an answer
 * (RFC 1122 3.2.2: never about broadcasts, ICMP errors, fragments …) and the rate limit does. The
 * packet is quoted, so `about->buf` must still be there and be whole. */
void ip_unreachable(struct ip *ip, const struct ip_packet *about, uint8_t code);
/* The pseudo-header sum of a transport checksum (RFC 9293 3.1), for csum_add. */
uint64_t ip_pseudo_sum(struct ip_addr src, struct ip_addr dst, uint8_t protocol, size_t len);

enum { ICMP_CODE_PROTOCOL_UNREACHABLE = 2, ICMP_CODE_PORT_UNREACHABLE = 3 };

#endif
