/* A network device, as a host sees it: something that takes frames. What it receives, its driver
 * hands to host_input.
 */
#ifndef VITRINE_LINK_NETDEV_H
#define VITRINE_LINK_NETDEV_H

#include "stack/base/addr.h"
#include "stack/link/packet.h"

enum netdev_cap {
    NETDEV_CSUM = 1, /* finishes CSUM_PARTIAL checksums */
    NETDEV_TSO4 = 2, /* takes GSO_TCP4 super-segments */
    NETDEV_TSO6 = 4,
    /* … and GSO_TCP4 ones of up to NETDEV_BIG_BYTES. An IPv4 header cannot say so much: its total length is 0, and the frame's
     * length counts (IPv4 BIG TCP, Linux 6.4). */
    NETDEV_BIG = 8,
};

#define NETDEV_BIG_BYTES (256U * 1024U) /* of a whole frame: what fits a TAP, and packet captures */

struct netdev {
    struct mac mac; /* our address on this link */
    uint32_t mtu;   /* bytes of IP packet that a frame carries */
    uint32_t caps;  /* enum netdev_cap bits */
    /* Takes a whole frame, Ethernet header first. The packet's memory is the caller's again when it
     * returns. false: the device did not take it (full, gone); the frame is lost. */
    bool (*transmit)(struct netdev *dev, const struct packet *frame);
};

#endif
