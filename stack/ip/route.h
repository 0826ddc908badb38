/* Which way a packet goes: the interface and the next hop on its link (RFC 1122 3.3.1). */
#ifndef VITRINE_IP_ROUTE_H
#define VITRINE_IP_ROUTE_H

#include "stack/ip/ip.h"

/* Where a packet goes first. */
struct ip_way {
    struct iface *out;
    struct ip_addr next_hop; /* on the link of `out` */
    bool direct;             /* the destination itself is on that link */
};

/* By what was learned about `dst`, else by the routes. False: none leads there. */
bool ip_way_to(const struct ip *ip, struct ip_addr dst, struct ip_way *out);
/* The route with the longest prefix that matches `dst`; of several with that prefix, the first whose
 * gateway has not failed (RFC 1122 3.3.1.5). NULL: none. */
const struct ip_route *ip_route_for(const struct ip *ip, struct ip_addr dst);

#endif
