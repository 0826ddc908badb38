/* IPv4 (RFC 791): the header, its checks on the way in, and its making on the way out. */
#ifndef VITRINE_IP_IP4_H
#define VITRINE_IP_IP4_H

#include "stack/base/cursor.h"
#include "stack/ip/ip.h"

#define IP4_HEADER 20U /* bytes, without options */

struct ip4_header {
    uint8_t version;
    uint8_t header_len; /* bytes, options included */
    uint8_t tos;
    uint16_t total_len; /* bytes, header included */
    uint16_t id;
    bool more_fragments;
    uint16_t fragment_offset; /* bytes */
    uint8_t ttl;
    uint8_t protocol;
    struct ip_addr src, dst;
};

/* Reads the fixed 20 bytes and steps past them; nothing is judged. false: there are fewer. */
bool ip4_parse(struct rd *r, struct ip4_header *out);

/* As ip_input and ip_output, for a packet that says that it is, or is to be, IPv4. */
void ip4_input(struct ip *ip, struct iface *in, struct buf *buf, bool link_group, nsec now);
enum ip_result ip4_output(struct ip *ip, struct packet *p, const struct ip_how *how, nsec now);

#endif
