/* A Linux TAP device: one frame per read and write (Documentation/networking/tuntap). */
#include "stack/link/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define TAP_LINK_HEADER 18U /* bytes: an Ethernet header with an IEEE 802.1Q tag */

/* netdev.transmit */
static bool tap_transmit(struct netdev *dev, const struct packet *frame)
{
    struct tap *t = CONTAINER_OF(dev, struct tap, dev);
    struct iovec parts[PACKET_SLICES + 1];
    struct slice header = packet_header(frame);
    int count = 0;
    if (header.len > 0) {
        parts[count++] = (struct iovec){(void *)(uintptr_t)header.data, header.len};
    }
    for (uint32_t i = 0; i < frame->slices; i++) {
        const struct slice *s = &frame->payload[i];
        parts[count++] = (struct iovec){(void *)(uintptr_t)s->data, s->len};
    }
    ssize_t written;
    do {
        written = writev(t->fd, parts, count);
    } while (written < 0 && errno == EINTR);
    return written >= 0 && (size_t)written == packet_len(frame);
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
static int tap_attach(int fd, const char *name)
{
    struct ifreq request = {0};
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    /* A TAP keeps the offloads of an earlier user: we want true frames. */
    if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETOFFLOAD, 0UL) < 0) {
        return -errno;
    }
    return 0;
}

static struct mac tap_address(uint64_t seed)
{
    struct mac m = {{0x02}}; /* locally administered, not a group */
    for (unsigned i = 1; i < sizeof(m.b); i++) {
        m.b[i] = (uint8_t)(seed >> (8 * (i - 1)));
    }
    return m;
}

void tap_of_fd(struct tap *t, int fd, uint32_t mtu, uint64_t address_seed)
{
    *t = (struct tap){.fd = fd, .frame_max = mtu + TAP_LINK_HEADER};
    t->dev.mtu = mtu;
    t->dev.mac = tap_address(address_seed);
    t->dev.transmit = tap_transmit;
}

int tap_open(struct tap *t, const char *name, uint64_t address_seed)
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
    int result = tap_attach(fd, name);
    if (result == 0) {
        result = tap_read_mtu(name, &mtu);
    }
    if (result == 0 && mtu + TAP_LINK_HEADER > SLAB_SUPER_BYTES) {
        result = -EMSGSIZE;
    }
    if (result < 0) {
        close(fd);
        return result;
    }
    tap_of_fd(t, fd, mtu, address_seed);
    strncpy(t->name, name, sizeof(t->name) - 1);
    return 0;
}

/* The frame of `len` bytes in the spare buffer, as a buf of its own. A small frame is copied into a
 * small slab, so that a byte of payload never pins a big one. NULL: no buffer is left. */
static struct buf *tap_take_spare(struct tap *t, struct slab_pools *pools, size_t len)
{
    enum slab_class class = t->spare->slab->class;
    if ((len <= SLAB_SMALL_BYTES && class > SLAB_SMALL) ||
        (len <= SLAB_FRAME_BYTES && class > SLAB_FRAME)) {
        return buf_copy_of(pools, buf_data(t->spare), len);
    }
    struct buf *b = t->spare;
    t->spare = NULL;
    b->len = (uint32_t)len;
    return b;
}

/* Reads one frame. 1: done; 0: none is waiting; or a negative errno. */
static int tap_read_one(struct tap *t, struct slab_pools *pools, struct list *frames)
{
    if (t->spare == NULL) {
        t->spare = buf_new(pools, 0, t->frame_max);
    }
    uint8_t
        scrap[1]; /* the device cuts a frame to the size that is read, so one byte takes it off */
    uint8_t *room = t->spare != NULL ? buf_data(t->spare) : scrap;
    ssize_t len;
    do {
        len = read(t->fd, room, t->spare != NULL ? t->frame_max : sizeof(scrap));
    } while (len < 0 && errno == EINTR);
    if (len <= 0) {
        return len == 0 ? -EIO : errno == EAGAIN ? 0 : -errno;
    }
    struct buf *b = t->spare != NULL ? tap_take_spare(t, pools, (size_t)len) : NULL;
    if (b == NULL) {
        t->no_buffer++;
        return 1;
    }
    list_push_back(frames, &b->link);
    return 1;
}

int tap_receive(struct tap *t, struct slab_pools *pools, struct list *frames, int max)
{
    int count = 0;
    while (count < max) {
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

void tap_close(struct tap *t)
{
    if (t->fd >= 0) {
        close(t->fd);
        t->fd = -1;
    }
    buf_free(t->spare);
    t->spare = NULL;
}
