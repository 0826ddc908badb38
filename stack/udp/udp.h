/* UDP (RFC 768; RFC 1122 4.1): so far no port is open, so that every good datagram is answered with
 * "port unreachable".
 */
#ifndef VITRINE_UDP_UDP_H
#define VITRINE_UDP_UDP_H

#include "stack/ip/ip.h"

struct udp {
    struct ip *ip;
    struct recorder *recorder;
};

bool udp_init(struct udp *u, struct ip *ip,
              struct recorder *recorder); /* false: no place in `ip` */

#endif
