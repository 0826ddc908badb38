/* Options of an IPv4 header (RFC 791 3.1, RFC 1122 3.2.1.8): read from packets that came, and written
 * for packets that go.
 *
 * A source route is given hop by hop in `struct ip_source_route`, and lies ready for the wire in
 * `struct ip_options`: the packet is sent to the first hop, and its option lists the others and, last,
 * the destination (RFC 1122 3.2.1.8 (c), case A).
 */
#ifndef VITRINE_IP_OPTIONS_H
#define VITRINE_IP_OPTIONS_H

#include "stack/base/addr.h"
#include "stack/base/cursor.h"
#include "stack/trace/names.h"

#define IP_OPTIONS_MAX 40U /* bytes */
#define IP_ROUTE_HOPS 9U   /* as many as fit into the options */

/* The way to a destination, in the order of travel, the destination not counted. */
struct ip_source_route {
    struct ip_addr hops[IP_ROUTE_HOPS];
    uint8_t count;
    bool strict; /* SSRR: each hop is a neighbour of the one before. Else LSRR */
};

/* Options as on the wire, padded to a multiple of 4 bytes. All zero: none. */
struct ip_options {
    struct ip_addr first_hop; /* where a source route begins; ip_any: there is none */
    uint8_t len;              /* bytes */
    uint8_t bytes[IP_OPTIONS_MAX];
};

/* What the options of a packet say. */
struct ip_options_seen {
    struct slice route;        /* the source route, kind and length included; empty: none */
    struct slice record_route; /* likewise */
    struct slice timestamp;
    uint8_t fault; /* bytes from the start of the options to what is wrong, when they are */
};

/* Reads all options. False: a length cannot be, or there are two source routes. */
bool ip_options_read(struct slice options, struct ip_options_seen *out);
/* The source route is at its end: it leads no further than to whom the packet is addressed. */
bool ip_route_complete(struct slice route);
/* The last address of a source route: where the packet goes in the end. ip_any: it has none. */
struct ip_addr ip_route_end(struct slice route);
/* Writes the way back to `src` along a completed route (RFC 1122 3.2.1.8 (c)). False: the route is
 * empty, so the way back is the usual one, or it has a hop that is no single host. */
bool ip_route_reverse(struct slice route, struct ip_addr src, struct ip_options *out);
/* Writes the options for packets to `dst` over a route. False: no hop, too many, or no IPv4 host. */
bool ip_route_write(const struct ip_source_route *route, struct ip_addr dst,
                    struct ip_options *out);
/* The options of the answer to an echo request, which had `seen` (RFC 1122 3.2.2.6): its route reversed
 * (`back`, NULL: none), our address `self` and the time in its records. What does not fit is left out. */
void ip_options_for_echo(const struct ip_options_seen *seen, const struct ip_options *back,
                         struct ip_addr self, uint32_t time, struct ip_options *out);
bool ip_options_equal(const struct ip_options *a, const struct ip_options *b);
/* What of `whole` every fragment but the first carries (RFC 791 3.1, the copied flag). */
void ip_options_copied(const struct ip_options *whole, struct ip_options *out);

#endif
