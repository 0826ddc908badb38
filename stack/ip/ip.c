/* The internet layer: which family, which transport, which addresses are ours (RFC 1122 3.2, 3.3). */
#include "stack/ip/ip.h"

#include "stack/base/checksum.h"
#include "stack/ip/icmp.h"
#include "stack/ip/ip4.h"

void ip_init(struct ip *ip, const struct ip_config *config, struct recorder *recorder,
             struct slab_pools *pools, struct wheel *wheel, struct random *random)
{
    *ip = (struct ip){.config = *config, .recorder = recorder, .pools = pools, .random = random};
    fragments_init(&ip->fragments, ip, wheel, random);
    destinations_init(&ip->destinations, wheel, random);
    ip->next_id = (uint16_t)random_u32(random);
    ip->next_divided_id = (uint16_t)random_u32(random);
    icmp_init(ip);
}

void ip_done(struct ip *ip)
{
    icmp_done(ip);
    fragments_done(&ip->fragments);
    destinations_done(&ip->destinations);
}

bool ip_register(struct ip *ip, const struct ip_transport *t)
{
    if (ip->transport_count == IP_TRANSPORTS) {
        return false;
    }
    ip->transports[ip->transport_count++] = *t;
    return true;
}

/* iface.up */
static void ip_up(void *arg, struct iface *in, struct buf *buf, bool link_group, nsec now)
{
    ip_input(arg, in, buf, link_group, now);
}

bool ip_add_iface(struct ip *ip, struct iface *iface)
{
    struct ip_route link = {
        .prefix = iface->addr, .bits = iface->prefix, .gateway = ip_any, .out = iface};
    if (ip->iface_count == IP_INTERFACES || !ip_add_route(ip, &link)) {
        return false;
    }
    ip->ifaces[ip->iface_count++] = iface;
    iface->up = ip_up;
    iface->up_arg = ip;
    return true;
}

bool ip_is_ours(const struct ip *ip, struct ip_addr a)
{
    for (unsigned i = 0; i < ip->iface_count; i++) {
        if (ip_equal(ip->ifaces[i]->addr, a)) {
            return true;
        }
    }
    return false;
}

bool ip_is_broadcast(const struct ip *ip, struct ip_addr a)
{
    for (unsigned i = 0; i < ip->iface_count; i++) {
        if (iface_is_broadcast(ip->ifaces[i], a)) {
            return true;
        }
    }
    return false;
}

const struct ip_transport *ip_transport_of(const struct ip *ip, uint8_t protocol)
{
    for (unsigned i = 0; i < ip->transport_count; i++) {
        if (ip->transports[i].protocol == protocol) {
            return &ip->transports[i];
        }
    }
    return NULL;
}

void ip_input(struct ip *ip, struct iface *in, struct buf *buf, bool link_group, nsec now)
{
    ip4_input(ip, in, buf, link_group, now); /* the only family so far */
}

void ip_deliver(struct ip *ip, struct ip_packet *p)
{
    const struct ip_transport *t = ip_transport_of(ip, p->protocol);
    if (t != NULL) {
        t->input(t->arg, p);
        return;
    }
    trace_drop(ip->recorder, DROP_IP_UNKNOWN_PROTOCOL, 0, p->buf->len);
    ip_unreachable(ip, p, ICMP_CODE_PROTOCOL_UNREACHABLE);
}

enum ip_result ip_output(struct ip *ip, struct packet *p, const struct ip_how *how, nsec now)
{
    if (!ip_is_v4(how->dst)) {
        trace_drop(ip->recorder, DROP_IP_NO_ROUTE, 0, packet_len(p));
        return IP_REFUSED;
    }
    return ip4_output(ip, p, how, now);
}

void ip_flush(struct ip *ip, nsec now)
{
    icmp_flush(ip, now);
}

uint64_t ip_pseudo_sum(struct ip_addr src, struct ip_addr dst, uint8_t protocol, size_t len)
{
    uint64_t sum = csum_add_be32(0, (uint32_t)len);
    sum = csum_add_be16(sum, protocol);
    if (ip_is_v4(src)) {
        sum = csum_add_be32(sum, ip4_value(src));
        return csum_add_be32(sum, ip4_value(dst));
    }
    sum = csum_add(sum, src.b, sizeof(src.b)); /* RFC 8200 8.1 */
    return csum_add(sum, dst.b, sizeof(dst.b));
}
