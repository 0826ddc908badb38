/* Routes (RFC 1122 3.3.1.1, 3.3.1.2): a short table, the longest prefix first, and what a transport
 * may ask about the way to a destination. */
#include "stack/ip/route.h"

bool ip_add_route(struct ip *ip, const struct ip_route *route)
{
    if (ip->route_count == IP_ROUTES) {
        return false;
    }
    /* Kept in the order of falling prefix lengths, so that the first match is the longest. */
    unsigned at = ip->route_count++;
    while (at > 0 && ip->routes[at - 1].bits < route->bits) {
        ip->routes[at] = ip->routes[at - 1];
        at--;
    }
    ip->routes[at] = *route;
    return true;
}

const struct ip_route *ip_route_for(const struct ip *ip, struct ip_addr dst)
{
    for (unsigned i = 0; i < ip->route_count; i++) {
        const struct ip_route *r = &ip->routes[i];
        if (ip_is_v4(r->prefix) == ip_is_v4(dst) && ip_same_prefix(r->prefix, dst, r->bits)) {
            return r;
        }
    }
    return NULL;
}

bool ip_source_for(const struct ip *ip, struct ip_addr dst, struct ip_addr *src)
{
    const struct ip_route *route = ip_route_for(ip, dst);
    if (route == NULL) {
        return false;
    }
    *src = route->out->addr;
    return true;
}

uint32_t ip_mtu(const struct ip *ip, struct ip_addr dst)
{
    const struct ip_route *route = ip_route_for(ip, dst);
    return route != NULL ? route->out->dev->mtu : 0;
}

uint32_t ip_caps(const struct ip *ip, struct ip_addr dst)
{
    const struct ip_route *route = ip_route_for(ip, dst);
    return route != NULL ? route->out->dev->caps : 0;
}

void ip_doubt(struct ip *ip, struct ip_addr dst, nsec now)
{
    const struct ip_route *route = ip_route_for(ip, dst);
    if (route != NULL) {
        struct ip_addr hop = ip_is_any(route->gateway) ? dst : route->gateway;
        neighbour_doubt(&route->out->neighbours, hop, now);
    }
}
