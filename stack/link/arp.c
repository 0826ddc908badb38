/* The ARP packet for IPv4 over Ethernet (RFC 826, "Packet format"). */
#include "stack/link/arp.h"

#define ARP_HARDWARE_ETHERNET 1U
#define ARP_PROTOCOL_IPV4 0x0800U

bool arp_parse(struct rd *r, struct arp_packet *out)
{
    uint16_t hardware = rd_be16(r);
    uint16_t protocol = rd_be16(r);
    uint8_t hardware_len = rd_u8(r);
    uint8_t protocol_len = rd_u8(r);
    uint16_t operation = rd_be16(r);
    rd_copy(r, out->sha.b, sizeof(out->sha.b));
    out->spa = ip4_addr(rd_be32(r));
    rd_copy(r, out->tha.b, sizeof(out->tha.b));
    out->tpa = ip4_addr(rd_be32(r));
    out->operation = (uint8_t)operation;
    return !r->failed && hardware == ARP_HARDWARE_ETHERNET && protocol == ARP_PROTOCOL_IPV4 &&
           hardware_len == sizeof(out->sha.b) && protocol_len == 4 &&
           (operation == ARP_REQUEST || operation == ARP_REPLY);
}

void arp_push(struct packet *p, const struct arp_packet *a)
{
    struct wr w = wr_of(packet_push(p, ARP_PACKET), ARP_PACKET);
    wr_be16(&w, ARP_HARDWARE_ETHERNET);
    wr_be16(&w, ARP_PROTOCOL_IPV4);
    wr_u8(&w, sizeof(a->sha.b));
    wr_u8(&w, 4);
    wr_be16(&w, a->operation);
    wr_bytes(&w, a->sha.b, sizeof(a->sha.b));
    wr_be32(&w, ip4_value(a->spa));
    wr_bytes(&w, a->tha.b, sizeof(a->tha.b));
    wr_be32(&w, ip4_value(a->tpa));
}
