/* Packets as bytes: built for what a script sends in, read from what the host sent.
 *
 * Written from the RFCs (791, 792, 768, 9293, 7323, 2018) without any code of the stack, so that a
 * fault in the stack's own parser or builder cannot hide itself.
 */
#ifndef VITRINE_CONFORMANCE_WIRE_H
#define VITRINE_CONFORMANCE_WIRE_H

#include "stack/base/addr.h"
#include "tests/conformance/script.h"

#define WIRE_PACKET_MAX 65535U

/* A packet, read. */
struct wire_packet {
    const char *fault; /* what is wrong with it (a checksum, a length); NULL: nothing */
    uint32_t src, dst; /* IPv4 addresses, host order */
    uint8_t tos, ttl, protocol;
    bool dont_fragment;
    uint16_t src_port, dst_port; /* of TCP and UDP */

    /* TCP */
    uint32_t seq, ack;
    uint8_t flags;
    bool ae; /* RFC 9768 3.1.1 */
    uint16_t win, urg;
    uint8_t option_count;
    struct option options[PACKET_OPTIONS];

    /* ICMP */
    uint8_t type, code;
    uint16_t mtu;

    const uint8_t *payload; /* ICMP: the quoted packet */
    size_t len;
};

struct wire_ends {
    uint32_t src, dst; /* IPv4 addresses, host order */
    uint16_t src_port, dst_port;
    uint8_t tos, ttl;
};

/* Each returns the bytes of the IP packet; `out` has WIRE_PACKET_MAX. */
size_t wire_tcp(uint8_t *out, const struct wire_ends *e, const struct packet_line *k,
                const uint8_t *payload);
size_t wire_udp(uint8_t *out, const struct wire_ends *e, const uint8_t *payload, size_t len);
/* An error about the packet whose first bytes are `quoted`. */
size_t wire_icmp(uint8_t *out, const struct wire_ends *e, const struct packet_line *k,
                 const uint8_t *quoted, size_t len);

void wire_read(struct wire_packet *out, const uint8_t *packet, size_t len);

#endif
