/* ICMP for IPv4 (RFC 792; RFC 1122 3.2.2): the messages that we answer, pass up and send. */
#ifndef VITRINE_IP_ICMP_H
#define VITRINE_IP_ICMP_H

#include "stack/ip/ip.h"

#define ICMP_HEADER 8U /* bytes */
#define ICMP_ERROR_MAX                                                                             \
    576U /* bytes of a whole IP packet that carries an error (RFC 1812 4.3.2.3) */
#define ICMP_ERROR_RATE 100U /* errors a second, and at once */
#define ICMP_ECHO_RATE 1000U /* echo replies a second, and at once */

enum icmp_type {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_REDIRECT = 5,
    ICMP_ECHO_REQUEST = 8,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER_PROBLEM = 12,
};

enum {
    ICMP_CODE_FRAGMENTATION_NEEDED = 4, /* of ICMP_UNREACHABLE */
    ICMP_CODE_SOURCE_ROUTE_FAILED = 5,  /* of ICMP_UNREACHABLE */
    ICMP_CODE_REASSEMBLY = 1,           /* of ICMP_TIME_EXCEEDED */
};

void icmp_init(struct ip *ip); /* registers ICMP as a protocol of `ip` */
void icmp_done(struct ip *ip);
void icmp_flush(struct ip *ip, nsec now); /* sends the answers that input queued */
/* Queues an error about a received packet, as ip_unreachable; `second` is the message's second word. */
void icmp_complain(struct ip *ip, const struct ip_packet *about, uint8_t type, uint8_t code,
                   uint32_t second);

#endif
