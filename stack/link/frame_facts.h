/* What a frame in the middle of its way says about itself, and the few changes that happen to it
 * there: a congestion mark (RFC 3168 5), checksums made anew.
 *
 * For the wire, which is below IP: it looks into frames as a switch or a middlebox does, and holds
 * none of them to be right. IPv4 in Ethernet II; anything else is a frame without facts.
 */
#ifndef VITRINE_LINK_FRAME_FACTS_H
#define VITRINE_LINK_FRAME_FACTS_H

#include "stack/base/buf.h"

struct frame_facts {
    bool is_ip;  /* a whole IPv4 packet: the fields below up to `ip_len` hold */
    bool is_tcp; /* a whole TCP segment, no fragment: all fields hold */

    uint32_t ip;        /* bytes from the frame's start to the IP header */
    uint32_t ip_header; /* bytes of the IP header */
    uint32_t ip_len;    /* bytes of the IP packet, its header included */
    uint32_t tcp;       /* bytes from the frame's start to the TCP header */
    uint32_t payload;   /* bytes from the frame's start to the payload */
    uint32_t len;       /* payload bytes */
    uint32_t seq, ack;
    uint16_t src_port, dst_port;
    uint8_t flags; /* enum tcp_flag */
};

void frame_look(struct slice frame, struct frame_facts *out);
/* Whatever host of several behind one address (enum buf_reach) the frame came to, it may concern the others: ARP, an ICMP error, a
 * fragment. All other packets of one pair of endpoints come to one of them. */
bool frame_concerns_all(struct slice frame);
/* Octets of sequence space that the segment occupies: payload, SYN and FIN. */
uint32_t frame_span(const struct frame_facts *f);
/* Bytes of the largest IP packet for which the frame stands: of itself, or of one segment when it is
 * a super-segment. A frame without facts counts all behind its Ethernet header. */
uint32_t frame_packet_len(const struct buf *frame);

/* The functions below change bytes: the frame's slab must be held by it alone. */

/* Sets Congestion Experienced if the sender said that it understands (ECT); the header checksum is
 * brought along (RFC 1624 3). True: it was set now. */
bool frame_mark(struct buf *frame);
/* Makes the checksums of the IP header and of TCP right for what the frame holds. false: there is no
 * such segment, or it stands for several. */
bool frame_fix_checksums(struct buf *frame);
/* Finishes a CSUM_PARTIAL checksum, as the device would. false: a super-segment, of which only the
 * device that splits it can. */
bool frame_finish_checksum(struct buf *frame);

#endif
