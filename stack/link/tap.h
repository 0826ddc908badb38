/* A Linux TAP device: raw Ethernet frames by read and write (Documentation/networking/tuntap).
 * One of the three places that make system calls.
 *
 * Opened with offloads (enum netdev_cap) each frame goes with a header of its own (linux/virtio_net.h):
 * the kernel then leaves checksums unfinished and hands over super-segments whole, and takes both. The
 * header becomes the buf's struct offload, and is made of the packet's.
 */
#ifndef VITRINE_LINK_TAP_H
#define VITRINE_LINK_TAP_H

#include "stack/link/netdev.h"

struct tap;
struct iovec;

/* How a TAP's bytes are had and given: read(2) and writev(2) on its descriptor, unless a program that
 * records them, or gives them again, has put itself in between (apps/tape). As there, -1 with errno. */
struct tap_calls {
    ptrdiff_t (*read)(struct tap *t, void *data, size_t len);
    ptrdiff_t (*write)(struct tap *t, const struct iovec *parts, int count);
};

extern const struct tap_calls tap_system_calls;

#define TAP_SPARES 32
/* After so many bytes tap_receive leaves the rest for the next time: the slabs that come free in between are then still in the
 * processor's cache (the second level of which has 512 KiB and more) when they are filled again. */
#define TAP_READ_BYTES (512U * 1024U)

enum tap_flag {
    /* The kernel joins the frames that we write again, as it does with those of network cards (IFF_NAPI, GRO): worth it
     * once it does so in a thread of its own, for which root must write to /sys/class/net/NAME/threaded. */
    TAP_NAPI = 1,
    /* One queue of several (IFF_MULTI_QUEUE), each opened so: the kernel spreads connections over those that are open. Of a TAP that
     * was made with several queues. */
    TAP_QUEUE = 2,
};

struct tap {
    struct netdev dev; /* first, so that a netdev of this kind is a tap */
    const struct tap_calls *calls;
    int fd; /* non-blocking */
    char name[16];
    size_t frame_max; /* bytes of the largest frame that is read, with the header in front of it */
    size_t header;    /* bytes of the header in front of each frame; 0: opened without offloads */
    struct buf *spare[TAP_SPARES]; /* buffers kept between reads; more than one only for batches */
    struct tap_ring *ring;         /* NULL: a system call for each frame */
    bool alone;                    /* the last one read a single frame */
    size_t taken;                  /* bytes that this tap_receive has read so far */
    uint64_t refused;              /* frames of a batch that the device did not take */
    bool down;                     /* the interface was not up when it was opened */
    bool napi_thread;              /* TAP_NAPI was asked for, and has its thread */
    uint64_t no_buffer;            /* frames that were read and lost because no buffer was left */
};

/* Opens the TAP of that name (made with `ip tuntap add`, or created when we may), MTU as the
 * interface has it. Our link address is derived from `address_seed` (locally administered, IEEE
 * 802 bit 1). `flags`: enum tap_flag. `caps`: offloads to agree on with the kernel, for both ways (NETDEV_CSUM, which the
 * others need, and NETDEV_TSO4, NETDEV_TSO6; NETDEV_BIG, which is for what we send alone, is left out where the kernel is older), or 0:
 * true frames. Returns once an interface that is up runs too, which takes a few ms, and at most 0.2 s. 0, or a negative
 * errno; -ENOTUNIQ: TAP_QUEUE
 * of a TAP that was made with a single one. */
int tap_open(struct tap *t, const char *name, uint32_t caps, uint32_t flags, uint64_t address_seed);
/* The same over a descriptor that the caller has opened: one frame per read and write. */
void tap_of_fd(struct tap *t, int fd, uint32_t mtu, uint32_t caps, uint64_t address_seed);
/* Reads up to `max` frames that are waiting, or TAP_READ_BYTES of them, and puts them at the end of `frames`. Returns how many
 * frames were read, or a negative errno (-EIO, -EBADFD… : the device is gone). A frame for which no
 * buffer is left is read too, and lost: `no_buffer` counts it. */
int tap_receive(struct tap *t, struct slab_pools *pools, struct list *frames, int max);
/* From now on small frames are written in batches, by tap_flush, and frames are read in batches. 0, or a negative errno:
 * it stays as it was. */
int tap_batch(struct tap *t);
void tap_flush(
    struct tap *t); /* after each host_flush; `refused` counts what the device did not take */
/* Before the end of the host whose pools it was given: it keeps a buffer of theirs. */
void tap_close(struct tap *t);

#endif
