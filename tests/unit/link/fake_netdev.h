/* A device for tests: it keeps every frame that is transmitted. */
#ifndef VITRINE_TESTS_FAKE_NETDEV_H
#define VITRINE_TESTS_FAKE_NETDEV_H

#include "stack/link/netdev.h"

#define FAKE_FRAMES 1024U

struct fake_frame {
    uint8_t *bytes; /* allocated to its exact length, so that a sanitizer sees any byte too many */
    size_t len;
    struct offload offload;
};

struct fake_netdev {
    struct netdev dev;
    bool refuse;    /* transmit says false */
    unsigned count; /* frames transmitted since the last clear */
    struct fake_frame frames[FAKE_FRAMES];
};

void fake_netdev_init(struct fake_netdev *d, struct mac mac, uint32_t mtu);
void fake_netdev_clear(struct fake_netdev *d); /* forgets the frames and frees them */

#endif
