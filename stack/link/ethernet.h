/* The Ethernet II header (IEEE 802.3, RFC 894): destination, source, EtherType. */
#ifndef VITRINE_LINK_ETHERNET_H
#define VITRINE_LINK_ETHERNET_H

#include "stack/base/addr.h"
#include "stack/base/cursor.h"
#include "stack/link/packet.h"

#define ETHERTYPE_IPV4 0x0800U
#define ETHERTYPE_ARP 0x0806U
#define ETHERNET_HEADER 14U /* bytes */

struct ethernet_header {
    struct mac dst, src;
    uint16_t type; /* EtherType; a value below 1536 is an IEEE 802.3 length */
};

/* Reads the header and steps past it. false: the frame is shorter. */
bool ethernet_parse(struct rd *r, struct ethernet_header *out);
void ethernet_push(struct packet *p, const struct ethernet_header *h);
/* Writes the destination of a frame that was built before it was known. */
void ethernet_set_destination(struct buf *frame, struct mac dst);
/* The group address of an IPv4 multicast address (RFC 1112 6.4). */
struct mac ethernet_group4(struct ip_addr group);

#endif
