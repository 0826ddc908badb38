/* Addresses as values: Ethernet (IEEE 802) and IP.
 *
 * An IP address is always 16 bytes; an IPv4 address is held IPv4-mapped (::ffff:a.b.c.d, RFC 4291
 * 2.5.5.2), so that every table, comparison and event is the same for both families.
 */
#ifndef VITRINE_BASE_ADDR_H
#define VITRINE_BASE_ADDR_H

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

bool mac_equal(struct mac a, struct mac b);
bool mac_is_group(struct mac m); /* multicast or broadcast */
extern const struct mac mac_broadcast;
const char *mac_text(struct mac m, char out[MAC_TEXT_MAX]);

extern const struct ip_addr ip_any; /* all zero: no address */
struct ip_addr ip4_addr(uint32_t host_order);
uint32_t ip4_value(struct ip_addr a); /* host order; only for an IPv4 address */
bool ip_is_v4(struct ip_addr a);
bool ip_is_any(struct ip_addr a); /* ip_any, :: or 0.0.0.0 */
bool ip_equal(struct ip_addr a, struct ip_addr b);
bool ip_is_multicast(struct ip_addr a);
bool ip_is_loopback(struct ip_addr a);
/* Whether the first `bits` bits agree; for IPv4 addresses `bits` counts from the IPv4 part (0..32). */
bool ip_same_prefix(struct ip_addr a, struct ip_addr b, unsigned bits);
/* Dotted IPv4, or IPv6 as in RFC 5952. */
const char *ip_text(struct ip_addr a, char out[IP_TEXT_MAX]);
const char *endpoint_text(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX]);
bool ip_parse(const char *text, struct ip_addr *out); /* false: not an address */
/* "10.9.0.2/24": address and prefix length. false: malformed. */
bool ip_parse_prefix(const char *text, struct ip_addr *out, unsigned *bits);

#endif
