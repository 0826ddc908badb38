/* A Linux TAP device: one frame per read and write (Documentation/networking/tuntap). */
#include "stack/link/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "stack/link/tap_ring.h"

#define TAP_LINK_HEADER 18U /* bytes: an Ethernet header with an IEEE 802.1Q tag */
#define TAP_HEADERS 128U    /* bytes of a super-segment that its headers lie in */
#define CACHE_LINE 64U      /* bytes */

/* How much of a super-segment the kernel had better have in a row: its headers. What follows it copies to the beginning of pages, and
 * that is faster from the beginning of a cache line (docs/measurements/frames.md): so the bytes before one go with the headers.
 * Not in a recording, in which no address must show. */
static uint16_t header_hint(const struct tap *t, const struct packet *frame)
{
    size_t headers = packet_header(frame).len;
    size_t before = TAP_HEADERS;
    if (headers > 0 && t->calls == &tap_system_calls) {
        before = headers + -(uintptr_t)frame->payload[0].data % CACHE_LINE;
    }
    return (uint16_t)size_min(before, packet_len(frame));
}

/* How often it is asked whether the interface runs already, and how many ms apart. */
#define RUNNING_TRIES 200U
#define RUNNING_RETRY 1

/* The header for a frame of such facts. Its numbers are in the machine's own byte order. */
static struct virtio_net_hdr header_of(const struct tap *t, const struct packet *frame)
{
    const struct offload *o = &frame->offload;
    struct virtio_net_hdr h = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
    if (o->csum == CSUM_PARTIAL) {
        h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        h.csum_start = o->csum_start;
        h.csum_offset = o->csum_offset;
    } else if (o->csum == CSUM_VERIFIED) {
        h.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    }
    if (o->gso_type != GSO_NONE) {
        h.gso_type = o->gso_type == GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
        h.gso_size = o->gso_size;
        h.hdr_len = header_hint(t, frame);
    }
    return h;
}

/* What such a header says. false: something that was not agreed on. */
static bool header_read(const uint8_t *at, struct offload *out)
{
    struct virtio_net_hdr h;
    memcpy(&h, at, sizeof h);
    *out = (struct offload){.csum = CSUM_UNKNOWN};
    if ((h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
        out->csum = CSUM_PARTIAL;
        out->csum_start = h.csum_start;
        out->csum_offset = h.csum_offset;
    } else if ((h.flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0) {
        out->csum = CSUM_VERIFIED;
    }
    switch (h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        out->gso_type = GSO_TCP4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        out->gso_type = GSO_TCP6;
        break;
    default:
        return false;
    }
    out->gso_size = h.gso_size;
    return h.gso_size > 0;
}

static ptrdiff_t system_read(struct tap *t, void *data, size_t len)
{
    ssize_t got;
    do {
        got = read(t->fd, data, len);
    } while (got < 0 && errno == EINTR);
    return got;
}

static ptrdiff_t system_write(struct tap *t, const struct iovec *parts, int count)
{
    ssize_t written;
    do {
        written = writev(t->fd, parts, count);
    } while (written < 0 && errno == EINTR);
    return written;
}

const struct tap_calls tap_system_calls = {.read = system_read, .write = system_write};

/* Puts a frame with those that wait for tap_flush; false: it must go now, and they are gone. */
static bool tap_gather(struct tap *t, const struct iovec *parts, int count)
{
    if (t->ring == NULL || tap_ring_gather(t->ring, parts, count)) {
        return t->ring != NULL;
    }
    tap_flush(t); /* what came before goes before */
    return tap_ring_gather(t->ring, parts, count);
}

/* netdev.transmit */
static bool tap_transmit(struct netdev *dev, const struct packet *frame)
{
    struct tap *t = CONTAINER_OF(dev, struct tap, dev);
    struct iovec parts[PACKET_SLICES + 2];
    struct slice header = packet_header(frame);
    struct virtio_net_hdr facts;
    int count = 0;
    if (t->header > 0) {
        facts = header_of(t, frame);
        parts[count++] = (struct iovec){&facts, sizeof facts};
    }
    if (header.len > 0) {
        parts[count++] = (struct iovec){(void *)(uintptr_t)header.data, header.len};
    }
    for (uint32_t i = 0; i < frame->slices; i++) {
        const struct slice *s = &frame->payload[i];
        parts[count++] = (struct iovec){(void *)(uintptr_t)s->data, s->len};
    }
    if (tap_gather(t, parts, count)) {
        return true;
    }
    ptrdiff_t written = t->calls->write(t, parts, count);
    return written >= 0 && (size_t)written == t->header + packet_len(frame);
}

static int tap_read_mtu(const char *name, uint32_t *mtu)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    struct ifreq request = {0};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    int result = ioctl(fd, SIOCGIFMTU, &request) < 0 ? -errno : 0;
    close(fd);
    *mtu = (uint32_t)request.ifr_mtu;
    return result;
}

/* Makes `fd` the other end of the TAP `name`. */
static int tap_attach(int fd, const char *name, uint32_t caps, uint32_t flags)
{
    struct ifreq request = {0};
    int header = sizeof(struct virtio_net_hdr);
    unsigned long offloads = ((caps & NETDEV_CSUM) != 0 ? TUN_F_CSUM : 0UL) |
                             ((caps & NETDEV_TSO4) != 0 ? TUN_F_TSO4 | TUN_F_TSO_ECN : 0UL) |
                             ((caps & NETDEV_TSO6) != 0 ? TUN_F_TSO6 | TUN_F_TSO_ECN : 0UL);
    request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (caps != 0 ? IFF_VNET_HDR : 0) |
                                ((flags & TAP_NAPI) != 0 ? IFF_NAPI : 0) |
                                ((flags & TAP_QUEUE) != 0 ? IFF_MULTI_QUEUE : 0));
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    bool good = ioctl(fd, TUNSETIFF, &request) == 0;
    if (!good && errno == EINVAL) { /* perhaps made the other way as to queues */
        request.ifr_flags = (short)(request.ifr_flags ^ IFF_MULTI_QUEUE);
        good = ioctl(fd, TUNSETIFF, &request) == 0;
        if (good && (flags & TAP_QUEUE) != 0) {
            return -ENOTUNIQ;
        }
        errno = good ? 0 : EINVAL;
    }
    /* A TAP keeps the offloads, and the header's size, of an earlier user. */
    if (!good || ioctl(fd, TUNSETOFFLOAD, offloads) < 0 ||
        (caps != 0 && ioctl(fd, TUNSETVNETHDRSZ, &header) < 0)) {
        return -errno;
    }
    return 0;
}

/* NETDEV_BIG: nothing tells but the kernel's version. 6.3 has it, but cuts such a packet with wrong checksums. */
static bool tap_takes_big(void)
{
    struct utsname system;
    if (uname(&system) < 0) {
        return false;
    }
    char *dot;
    unsigned long major = strtoul(system.release, &dot, 10);
    return major > 6 || (major == 6 && *dot == '.' && strtoul(dot + 1, NULL, 10) >= 4);
}

/* An interface that is up runs a moment after its other end was opened, when the kernel has made its round of carriers
 * (RFC 2863 3.1.14, operational status). Until then a bridge passes nothing from it: the first frame, an ARP
 * request as a rule, would be lost, and a connection a second late and in doubt of the path. */
static void tap_wait_until_running(const char *name, bool *down)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {0};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    for (unsigned i = 0; fd >= 0 && i < RUNNING_TRIES; i++) {
        bool asked = ioctl(fd, SIOCGIFFLAGS, &request) == 0;
        *down = asked && (request.ifr_flags & IFF_UP) == 0;
        if (!asked || (request.ifr_flags & IFF_UP) == 0 || (request.ifr_flags & IFF_RUNNING) != 0) {
            break;
        }
        poll(NULL, 0, RUNNING_RETRY);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static struct mac tap_address(uint64_t seed)
{
    struct mac m = {{0x02}}; /* locally administered, not a group */
    for (unsigned i = 1; i < sizeof(m.b); i++) {
        m.b[i] = (uint8_t)(seed >> (8 * (i - 1)));
    }
    return m;
}

void tap_of_fd(struct tap *t, int fd, uint32_t mtu, uint32_t caps, uint64_t address_seed)
{
    *t = (struct tap){.fd = fd,
                      .calls = &tap_system_calls,
                      .header = caps != 0 ? sizeof(struct virtio_net_hdr) : 0};
    bool super = (caps & (NETDEV_TSO4 | NETDEV_TSO6)) != 0;
    t->frame_max = super ? SLAB_SUPER_BYTES : t->header + mtu + TAP_LINK_HEADER;
    t->dev.mtu = mtu;
    t->dev.caps = caps;
    t->dev.mac = tap_address(address_seed);
    t->dev.transmit = tap_transmit;
}

/* The kernel's NAPI of this TAP gets a thread of its own, if we may. */
static bool tap_napi_thread(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/sys/class/net/%s/threaded", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, "1", 1) == 1;
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

int tap_open(struct tap *t, const char *name, uint32_t caps, uint32_t flags, uint64_t address_seed)
{
    *t = (struct tap){.fd = -1};
    if (name[0] == '\0' || strlen(name) >= sizeof(t->name)) {
        return -ENAMETOOLONG;
    }
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    uint32_t mtu = 0;
    int result = tap_attach(fd, name, caps, flags);
    if (!tap_takes_big()) {
        caps &= ~(uint32_t)NETDEV_BIG;
    }
    if (result == 0) {
        result = tap_read_mtu(name, &mtu);
    }
    if (result == 0 && sizeof(struct virtio_net_hdr) + mtu + TAP_LINK_HEADER > SLAB_SUPER_BYTES) {
        result = -EMSGSIZE;
    }
    if (result < 0) {
        close(fd);
        return result;
    }
    tap_of_fd(t, fd, mtu, caps, address_seed);
    strncpy(t->name, name, sizeof(t->name) - 1);
    t->napi_thread = (flags & TAP_NAPI) != 0 && tap_napi_thread(name);
    tap_wait_until_running(name, &t->down);
    return 0;
}

/* The `len` bytes that were read into `*room`, as a buf of their own. A small frame is copied into a small slab,
 * so that a byte of payload never pins a big one. NULL: no buffer is left. */
static struct buf *tap_take(const struct tap *t, struct slab_pools *pools, struct buf **room,
                            size_t len)
{
    enum slab_class class = (*room)->slab->class;
    size_t frame = len - t->header;
    if ((frame <= SLAB_SMALL_BYTES && class > SLAB_SMALL) ||
        (frame <= SLAB_FRAME_BYTES && class > SLAB_FRAME)) {
        return buf_copy_of(pools, buf_data(*room) + t->header, frame);
    }
    struct buf *b = *room;
    *room = NULL;
    b->len = (uint32_t)len;
    buf_trim_front(b, t->header);
    return b;
}

/* A frame of `len` bytes, with its header, has been read into `*room`: it goes to the end of `frames`. 0, or a negative errno. */
static int tap_frame_read(struct tap *t, struct slab_pools *pools, struct buf **room, size_t len,
                          struct list *frames)
{
    struct offload facts = {.csum = CSUM_UNKNOWN};
    t->taken += len;
    if (len < t->header) {
        return -EIO; /* no TAP */
    }
    if (t->header > 0 && !header_read(buf_data(*room), &facts)) {
        return -EPROTO;
    }
    struct buf *b = tap_take(t, pools, room, len);
    if (b == NULL) {
        t->no_buffer++;
        return 0;
    }
    b->offload = facts;
    list_push_back(frames, &b->link);
    return 0;
}

/* Takes off a frame for which there is no buffer. The device cuts a frame to the size that is read, so a byte of it takes
 * it off. As tap_read_one. */
static int tap_read_away(struct tap *t)
{
    uint8_t scrap[sizeof(struct virtio_net_hdr) + 1];
    ptrdiff_t len = t->calls->read(t, scrap, t->header + 1);
    if (len <= 0) {
        return len == 0 ? -EIO : errno == EAGAIN ? 0 : -errno;
    }
    t->no_buffer++;
    return 1;
}

/* Reads one frame. 1: done; 0: none is waiting; or a negative errno. */
static int tap_read_one(struct tap *t, struct slab_pools *pools, struct list *frames)
{
    if (t->spare[0] == NULL) {
        t->spare[0] = buf_new(pools, 0, t->frame_max);
    }
    if (t->spare[0] == NULL) {
        return tap_read_away(t);
    }
    ptrdiff_t len = t->calls->read(t, buf_data(t->spare[0]), t->frame_max);
    if (len <= 0) {
        return len == 0 ? -EIO : errno == EAGAIN ? 0 : -errno;
    }
    int result = tap_frame_read(t, pools, &t->spare[0], (size_t)len, frames);
    return result < 0 ? result : 1;
}

/* Reads up to `max` frames with one call. As tap_receive. */
static int tap_read_batch(struct tap *t, struct slab_pools *pools, struct list *frames,
                          unsigned max)
{
    uint8_t *room[TAP_SPARES];
    uint32_t len[TAP_SPARES];
    unsigned count = 0;
    for (; count < max; count++) {
        if (t->spare[count] == NULL) {
            t->spare[count] = buf_new(pools, 0, t->frame_max);
        }
        if (t->spare[count] == NULL) {
            break;
        }
        room[count] = buf_data(t->spare[count]);
    }
    if (count == 0) {
        return tap_read_away(t);
    }
    int got = tap_ring_read(t->ring, room, count, t->frame_max, len);
    int result = 0;
    for (unsigned i = 0; i < count && result == 0; i++) {
        if (len[i] > 0)
            result = tap_frame_read(t, pools, &t->spare[i], len[i], frames);
    }
    return result < 0 ? result : got;
}

/* Batches begin small, since a read that finds nothing costs as well (smallest where there was a single frame the last time),
 * and grow while all of them are filled. */
static int tap_receive_batches(struct tap *t, struct slab_pools *pools, struct list *frames,
                               int max)
{
    int count = 0;
    for (int batch = t->alone ? 2 : 4; count < max && t->taken < TAP_READ_BYTES; batch *= 2) {
        int wanted = batch < TAP_SPARES ? batch : TAP_SPARES;
        wanted = wanted < max - count ? wanted : max - count;
        int got = tap_read_batch(t, pools, frames, (unsigned)wanted);
        if (got < 0) {
            return got;
        }
        count += got;
        if (got < wanted) {
            break;
        }
    }
    t->alone = count == 1;
    return count;
}

int tap_receive(struct tap *t, struct slab_pools *pools, struct list *frames, int max)
{
    t->taken = 0;
    if (t->ring != NULL) {
        return tap_receive_batches(t, pools, frames, max);
    }
    int count = 0;
    while (count < max && t->taken < TAP_READ_BYTES) {
        int result = tap_read_one(t, pools, frames);
        if (result < 0) {
            return result;
        }
        if (result == 0) {
            break;
        }
        count++;
    }
    return count;
}

int tap_batch(struct tap *t)
{
    if (t->calls != &tap_system_calls) {
        return -EBUSY;
    }
    t->ring = tap_ring_new(t->fd);
    return t->ring == NULL ? -errno : 0;
}

void tap_flush(struct tap *t)
{
    if (t->ring != NULL) {
        t->refused += tap_ring_write(t->ring);
    }
}

void tap_close(struct tap *t)
{
    tap_flush(t);
    tap_ring_free(t->ring);
    t->ring = NULL;
    if (t->fd >= 0) {
        close(t->fd);
        t->fd = -1;
    }
    for (unsigned i = 0; i < TAP_SPARES; i++) {
        buf_free(t->spare[i]);
        t->spare[i] = NULL;
    }
}
