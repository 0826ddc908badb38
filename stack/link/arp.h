/* The ARP packet for IPv4 over Ethernet (RFC 826): its 28 bytes, and nothing of its meaning. */
#ifndef VITRINE_LINK_ARP_H
#define VITRINE_LINK_ARP_H

#include "stack/base/addr.h"
#include "stack/base/cursor.h"
#include "stack/link/packet.h"

#define ARP_PACKET 28U /* bytes */

enum arp_operation {
    ARP_REQUEST = 1,
    ARP_REPLY = 2,
};

struct arp_packet {
    uint8_t operation;  /* enum arp_operation */
    struct mac sha;     /* sender hardware address */
    struct ip_addr spa; /* sender protocol address */
    struct mac tha;     /* target hardware address; zero in a request */
    struct ip_addr tpa; /* target protocol address */
};

/* Reads an ARP packet. false: too short, not IPv4 over Ethernet, or an operation other than request
 * and reply. */
bool arp_parse(struct rd *r, struct arp_packet *out);
void arp_push(struct packet *p, const struct arp_packet *a);

#endif
