/* Which way a packet goes: the interface and the next hop on its link (RFC 1122 3.3.1). */
#ifndef VITRINE_IP_ROUTE_H
#define VITRINE_IP_ROUTE_H

#include "stack/ip/ip.h"

/* The route with the longest prefix that matches `dst`; NULL: none. */
const struct ip_route *ip_route_for(const struct ip *ip, struct ip_addr dst);

#endif
