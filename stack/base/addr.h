/* Addresses as values: Ethernet (IEEE 802) and IP.
 *
 * An IP address is always 16 bytes; an IPv4 address is held IPv4-mapped (::ffff:a.b.c.d, RFC 4291
 * 2.5.5.2), so that every table, comparison and event is the same for both families.
 */
#ifndef VITRINE_BASE_ADDR_H
#define VITRINE_BASE_ADDR_H

#include <string.h>

#include "stack/base/types.h"

struct mac {
    uint8_t b[6];
};

struct ip_addr {
    uint8_t b[16];
};

/* One end of a connection. */
struct endpoint {
    struct ip_addr addr;
    uint16_t port;
};

#define IP_TEXT_MAX 46       /* bytes for any address as text, with its NUL */
#define ENDPOINT_TEXT_MAX 56 /* "[address]:port" with its NUL */
#define MAC_TEXT_MAX 18

#define IP4_OFFSET 12U /* where the IPv4 part of a mapped address begins */

static inline bool mac_equal(struct mac a, struct mac b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

/* Multicast or broadcast. */
static inline bool mac_is_group(struct mac m)
{
    return (m.b[0] & 1) != 0;
}

extern const struct mac mac_broadcast;
const char *mac_text(struct mac m, char out[MAC_TEXT_MAX]);

extern const struct ip_addr ip_any;  /* all zero: no address */
extern const struct ip_addr ip4_any; /* 0.0.0.0 */

static inline struct ip_addr ip4_addr(uint32_t host_order)
{
    struct ip_addr a = ip4_any;
    for (unsigned i = 0; i < 4; i++) {
        a.b[IP4_OFFSET + i] = (uint8_t)(host_order >> (24 - 8 * i));
    }
    return a;
}

/* Host order; only for an IPv4 address. */
static inline uint32_t ip4_value(struct ip_addr a)
{
    return (uint32_t)a.b[12] << 24 | (uint32_t)a.b[13] << 16 | (uint32_t)a.b[14] << 8 | a.b[15];
}

static inline bool ip_is_v4(struct ip_addr a)
{
    return memcmp(a.b, ip4_any.b, IP4_OFFSET) == 0;
}

static inline bool ip_equal(struct ip_addr a, struct ip_addr b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

/* ip_any, :: or 0.0.0.0 */
static inline bool ip_is_any(struct ip_addr a)
{
    return ip_equal(a, ip_any) || ip_equal(a, ip4_any);
}

static inline bool ip_is_multicast(struct ip_addr a)
{
    return ip_is_v4(a) ? (a.b[IP4_OFFSET] & 0xf0) == 0xe0 : a.b[0] == 0xff;
}

bool ip_is_loopback(struct ip_addr a);
bool ip6_same_prefix(struct ip_addr a, struct ip_addr b, unsigned bits);

/* Whether the first `bits` bits agree; for IPv4 addresses `bits` counts from the IPv4 part (0..32). */
static inline bool ip_same_prefix(struct ip_addr a, struct ip_addr b, unsigned bits)
{
    if (!ip_is_v4(a) || !ip_is_v4(b)) {
        return ip_is_v4(a) == ip_is_v4(b) && ip6_same_prefix(a, b, bits);
    }
    return bits == 0 || (ip4_value(a) ^ ip4_value(b)) >> (bits < 32 ? 32 - bits : 0) == 0;
}

/* Dotted IPv4, or IPv6 as in RFC 5952. */
const char *ip_text(struct ip_addr a, char out[IP_TEXT_MAX]);
const char *endpoint_text(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX]);
bool ip_parse(const char *text, struct ip_addr *out); /* false: not an address */
/* "10.9.0.2/24": address and prefix length. false: malformed. */
bool ip_parse_prefix(const char *text, struct ip_addr *out, unsigned *bits);

#endif
