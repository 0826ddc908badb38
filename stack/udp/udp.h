/* UDP (RFC 768; RFC 1122 4.1): ports that applications open, and what becomes of all other datagrams.
 *
 * Like everything here it does not send inside of an application's call, nor tell inside of input: what
 * is sent waits for the flush, and what came is told when the batch is in. Both lines have an end.
 */
#ifndef VITRINE_UDP_UDP_H
#define VITRINE_UDP_UDP_H

#include "stack/ip/ip.h"

#define UDP_PORTS 1024U /* open at once */
#define UDP_LINE 256U   /* datagrams that wait to be told, and so many that wait to be sent */

struct udp_port;

/* How a port's datagrams go out (RFC 1122 4.1.4). */
struct udp_options {
    uint8_t ttl; /* 0: the default */
    uint8_t tos; /* DSCP in its upper six bits */
    bool probe;  /* may be larger than the path is known to take (RFC 4821 9), not than the link */
    struct ip_options ip; /* all zero: none */
};

struct udp_datagram {
    struct endpoint from, to; /* `to` tells which address of ours was used (RFC 1122 4.1.3.5) */
    bool broadcast;           /* `to` is a broadcast or multicast address */
    uint8_t tos;              /* as it came */
    struct slice
        options; /* the IP options as they came (RFC 1122 4.1.3.2); valid during the call */
    struct slice payload; /* in place: valid during the call */
};

struct udp_open_args {
    struct endpoint local; /* addr ip_any: every address of ours; port 0: ephemeral (RFC 6335) */
    struct udp_options options;
    void (*receive)(void *arg, struct udp_port *p, const struct udp_datagram *d);
    /* An ICMP error about a datagram that was sent to `to` (RFC 1122 4.1.3.3); may be NULL. Nothing may
     * be freed in it: it is told at once. */
    void (*error)(void *arg, struct udp_port *p, const struct endpoint *to, uint8_t type,
                  uint8_t code);
    void *arg;
};

struct udp_port {
    struct list link; /* in udp->ports */
    struct udp *udp;
    struct udp_open_args open;
    struct endpoint peer; /* only this one may send to us; port 0: everybody */
};

/* A datagram that came; port NULL: it was closed since. */
struct udp_waiting_in {
    struct udp_port *port;
    struct buf *payload;
    struct endpoint from, to;
    bool broadcast;
    uint8_t tos;
    struct slice options; /* in the slab of `payload` */
};

/* A datagram that goes out with the next flush. */
struct udp_waiting_out {
    struct buf *payload;
    struct endpoint from, to;
    struct udp_options options;
    struct cause cause;
};

struct udp {
    struct ip *ip;
    struct recorder *recorder;
    struct list ports;
    uint32_t port_count;
    struct udp_waiting_in inbox[UDP_LINE];   /* oldest first */
    struct udp_waiting_out outbox[UDP_LINE]; /* oldest first */
    uint32_t in_count, out_count;
};

enum udp_error {
    UDP_OK,
    UDP_ERR_ADDRESS,   /* not an address of ours, or one that nothing can be sent to */
    UDP_ERR_IN_USE,    /* somebody has that port open */
    UDP_ERR_NO_ROUTE,  /* no route to the destination */
    UDP_ERR_TOO_BIG,   /* more than one packet to there can carry */
    UDP_ERR_RESOURCES, /* a limit was reached */
};

/* ---- for the host ---- */
bool udp_init(struct udp *u, struct ip *ip,
              struct recorder *recorder); /* false: no place in `ip` */
void udp_done(struct udp *u);
void udp_notify(struct udp *u); /* tells what came */
void udp_flush(struct udp *u, nsec now);

/* ---- for applications ---- */
enum udp_error udp_open(struct udp *u, const struct udp_open_args *args, struct udp_port **out);
void udp_close(struct udp_port *p);
/* From now on only `peer` is listened to; port 0: everybody again. */
void udp_connect(struct udp_port *p, const struct endpoint *peer);
/* Queues a copy of the payload for the next flush. */
enum udp_error udp_send(struct udp_port *p, const struct endpoint *to, struct slice payload);

#endif
