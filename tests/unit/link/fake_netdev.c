/* A device for tests. */
#include "tests/unit/link/fake_netdev.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static bool fake_transmit(struct netdev *dev, const struct packet *frame)
{
    struct fake_netdev *d = CONTAINER_OF(dev, struct fake_netdev, dev);
    if (d->refuse) {
        return false;
    }
    ck_assert_uint_lt(d->count, FAKE_FRAMES);
    struct fake_frame *kept = &d->frames[d->count++];
    struct slice header = packet_header(frame);
    size_t len = header.len;
    for (uint32_t i = 0; i < frame->slices; i++) {
        len += frame->payload[i].len;
    }
    kept->bytes = malloc(len);
    ck_assert_ptr_nonnull(kept->bytes);
    kept->len = 0;
    kept->offload = frame->offload;
    if (header.len > 0) {
        memcpy(kept->bytes, header.data, header.len);
        kept->len = header.len;
    }
    for (uint32_t i = 0; i < frame->slices; i++) {
        memcpy(kept->bytes + kept->len, frame->payload[i].data, frame->payload[i].len);
        kept->len += frame->payload[i].len;
    }
    return true;
}

void fake_netdev_init(struct fake_netdev *d, struct mac mac, uint32_t mtu)
{
    memset(d, 0, sizeof(*d));
    d->dev.mac = mac;
    d->dev.mtu = mtu;
    d->dev.transmit = fake_transmit;
}

void fake_netdev_clear(struct fake_netdev *d)
{
    for (unsigned i = 0; i < d->count; i++) {
        free(d->frames[i].bytes);
    }
    d->count = 0;
}
