/* What was learned about the way to single destinations: a narrower path (RFC 1191), another first hop
 * (a redirect, RFC 1122 3.2.2.2). Bounded, and forgotten after ten minutes (RFC 1191 6.3), so that a
 * path that has grown again is used again.
 */
#ifndef VITRINE_IP_DESTINATIONS_H
#define VITRINE_IP_DESTINATIONS_H

#include "stack/base/addr.h"
#include "stack/base/random.h"
#include "stack/base/siphash.h"
#include "stack/base/timer.h"

#define DESTINATION_SETS 64U
#define DESTINATION_WAYS 4U /* places in a set: whoever was learned first makes room */
#define DESTINATION_LIFE (600 * NS_PER_SEC)

struct destination {
    struct ip_addr addr;
    struct ip_addr gateway; /* the first hop; ip_any: as the routes say */
    uint32_t mtu;           /* bytes of IP packet; 0 = as the link says */
    nsec expires;           /* 0 = the place is free */
};

struct destinations {
    struct wheel *wheel;
    struct siphash_key key;
    struct timer timer; /* the next one's end */
    struct destination places[DESTINATION_SETS][DESTINATION_WAYS];
};

void destinations_init(struct destinations *d, struct wheel *wheel, struct random *random);
void destinations_done(struct destinations *d);
const struct destination *destination_find(const struct destinations *d,
                                           struct ip_addr addr); /* or NULL */
void destination_learn_mtu(struct destinations *d, struct ip_addr addr, uint32_t mtu, nsec now);
/* `gateway` ip_any: the routes are to be followed again. */
void destination_learn_gateway(struct destinations *d, struct ip_addr addr, struct ip_addr gateway,
                               nsec now);

#endif
