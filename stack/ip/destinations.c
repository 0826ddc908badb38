/* The cache of destinations: RFC 1191 3 and 6.3, RFC 1122 3.3.1.2 and 3.3.1.3 (keyed by host, whatever
 * kind of redirect). A set is chosen by a keyed hash, so that nobody outside can pick who makes room. */
#include "stack/ip/destinations.h"

static struct destination *set_of(const struct destinations *d, struct ip_addr addr)
{
    uint64_t hash = siphash(&d->key, addr.b, sizeof(addr.b));
    return (struct destination *)d->places[hash % DESTINATION_SETS];
}

static struct destination *find(const struct destinations *d, struct ip_addr addr)
{
    if (!timer_armed(&d->timer)) {
        return NULL; /* nothing is known of anybody */
    }
    struct destination *set = set_of(d, addr);
    for (unsigned i = 0; i < DESTINATION_WAYS; i++) {
        if (set[i].expires != 0 && ip_equal(set[i].addr, addr)) {
            return &set[i];
        }
    }
    return NULL;
}

/* The place for `addr`: its own, a free one, or that of whoever was learned first. */
static struct destination *place_for(struct destinations *d, struct ip_addr addr, nsec now)
{
    struct destination *at = find(d, addr);
    if (at == NULL) {
        struct destination *set = set_of(d, addr);
        at = &set[0];
        for (unsigned i = 1; i < DESTINATION_WAYS; i++) {
            at = set[i].expires < at->expires ? &set[i] : at;
        }
        *at = (struct destination){.addr = addr, .gateway = ip_any};
    }
    at->expires = now + DESTINATION_LIFE;
    if (!timer_armed(&d->timer)) {
        timer_arm(d->wheel, &d->timer, at->expires);
    }
    return at;
}

static void destinations_timer(struct timer *timer, nsec now)
{
    struct destinations *d = CONTAINER_OF(timer, struct destinations, timer);
    nsec next = NEVER;
    for (unsigned i = 0; i < DESTINATION_SETS * DESTINATION_WAYS; i++) {
        struct destination *at = &d->places[i / DESTINATION_WAYS][i % DESTINATION_WAYS];
        if (at->expires != 0 && at->expires <= now) {
            *at = (struct destination){0};
        } else if (at->expires != 0) {
            next = nsec_min(next, at->expires);
        }
    }
    if (next != NEVER) {
        timer_arm(d->wheel, timer, next);
    }
}

void destinations_init(struct destinations *d, struct wheel *wheel, struct random *random)
{
    *d = (struct destinations){.wheel = wheel};
    random_bytes(random, &d->key, sizeof(d->key));
    timer_init(&d->timer, destinations_timer);
}

void destinations_done(struct destinations *d)
{
    timer_cancel(d->wheel, &d->timer);
}

const struct destination *destination_find(const struct destinations *d, struct ip_addr addr)
{
    return find(d, addr);
}

void destination_learn_mtu(struct destinations *d, struct ip_addr addr, uint32_t mtu, nsec now)
{
    place_for(d, addr, now)->mtu = mtu;
}

void destination_learn_gateway(struct destinations *d, struct ip_addr addr, struct ip_addr gateway,
                               nsec now)
{
    place_for(d, addr, now)->gateway = gateway;
}
