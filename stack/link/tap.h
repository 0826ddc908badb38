/* A Linux TAP device: raw Ethernet frames by read and write (Documentation/networking/tuntap).
 * One of the three places that make system calls.
 */
#ifndef VITRINE_LINK_TAP_H
#define VITRINE_LINK_TAP_H

#include "stack/link/netdev.h"

struct tap {
    struct netdev dev; /* first, so that a netdev of this kind is a tap */
    int fd;            /* non-blocking */
    char name[16];
    size_t frame_max;   /* bytes of the largest frame that is read */
    struct buf *spare;  /* a buffer kept between reads */
    uint64_t no_buffer; /* frames that were read and lost because no buffer was left */
};

/* Opens the TAP of that name (made with `ip tuntap add`, or created when we may), MTU as the
 * interface has it. Our link address is derived from `address_seed` (locally administered, IEEE
 * 802 bit 1). 0, or a negative errno. */
int tap_open(struct tap *t, const char *name, uint64_t address_seed);
/* The same over a descriptor that the caller has opened: one frame per read and write. */
void tap_of_fd(struct tap *t, int fd, uint32_t mtu, uint64_t address_seed);
/* Reads up to `max` frames that are waiting and puts them at the end of `frames`. Returns how many
 * frames were read, or a negative errno (-EIO, -EBADFD… : the device is gone). A frame for which no
 * buffer is left is read too, and lost: `no_buffer` counts it. */
int tap_receive(struct tap *t, struct slab_pools *pools, struct list *frames, int max);
/* Before the end of the host whose pools it was given: it keeps a buffer of theirs. */
void tap_close(struct tap *t);

#endif
