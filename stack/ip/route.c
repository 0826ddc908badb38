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

static bool ip_route_matches(const struct ip_route *r, struct ip_addr dst)
{
    return ip_same_prefix(r->prefix, dst, r->bits);
}

/* RFC 1122 3.3.1.4: ARP got no answer from the gateway, or a transport's doubt was confirmed. */
static bool ip_gateway_failed(const struct ip_route *r)
{
    if (ip_is_any(r->gateway)) {
        return false;
    }
    const struct neighbour *n = neighbour_find(&r->out->neighbours, r->gateway);
    return n != NULL && n->state == NEIGHBOUR_FAILED;
}

/* The first of the routes with one prefix, from `i` on, whose gateway has not failed; the first of all
 * when each has. */
static const struct ip_route *ip_route_alive(const struct ip *ip, unsigned i, struct ip_addr dst)
{
    const struct ip_route *first = &ip->routes[i];
    unsigned end = i + 1;
    while (end < ip->route_count && ip->routes[end].bits == first->bits &&
           ip_route_matches(&ip->routes[end], dst)) {
        end++;
    }
    for (unsigned j = i; end > i + 1 && j < end; j++) {
        if (!ip_gateway_failed(&ip->routes[j])) {
            return &ip->routes[j];
        }
    }
    return first;
}

const struct ip_route *ip_route_for(const struct ip *ip, struct ip_addr dst)
{
    for (unsigned i = 0; i < ip->route_count; i++) {
        if (ip_route_matches(&ip->routes[i], dst)) {
            return ip_route_alive(ip, i, dst);
        }
    }
    return NULL;
}

bool ip_way_to(const struct ip *ip, struct ip_addr dst, struct ip_way *out)
{
    const struct ip_route *route = ip_route_for(ip, dst);
    if (route == NULL) {
        return false;
    }
    const struct destination *d = destination_find(&ip->destinations, dst);
    out->out = route->out;
    out->direct = ip_is_any(route->gateway);
    out->next_hop = out->direct ? dst : route->gateway;
    if (d != NULL && !ip_is_any(d->gateway) && !out->direct) {
        out->next_hop = d->gateway;
    }
    return true;
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

uint32_t ip_link_mtu(const struct ip *ip, struct ip_addr dst)
{
    const struct ip_route *route = ip_route_for(ip, dst);
    return route != NULL ? route->out->dev->mtu : 0;
}

uint32_t ip_mtu(const struct ip *ip, struct ip_addr dst)
{
    const struct destination *d = destination_find(&ip->destinations, dst);
    uint32_t link = ip_link_mtu(ip, dst);
    return d != NULL && d->mtu != 0 ? u32_min(d->mtu, link) : link;
}

void ip_learn_mtu(struct ip *ip, struct ip_addr dst, uint32_t mtu, nsec now)
{
    destination_learn_mtu(&ip->destinations, dst, mtu, now);
}

uint32_t ip_caps(const struct ip *ip, struct ip_addr dst)
{
    const struct ip_route *route = ip_route_for(ip, dst);
    return route != NULL ? route->out->dev->caps : 0;
}

/* A way that a redirect named is the first to be given up. */
void ip_doubt(struct ip *ip, struct ip_addr dst, nsec now)
{
    const struct destination *d = destination_find(&ip->destinations, dst);
    if (d != NULL && !ip_is_any(d->gateway)) {
        destination_learn_gateway(&ip->destinations, dst, ip_any, now);
        return;
    }
    struct ip_way way;
    if (ip_way_to(ip, dst, &way)) {
        neighbour_doubt(&way.out->neighbours, way.next_hop, now);
    }
}
