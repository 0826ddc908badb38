/* A packet on its way out: headers pushed in front of each other, payload left where it is. */
#include "stack/link/packet.h"

#include <string.h>

#include "stack/base/cursor.h"

void packet_init(struct packet *p)
{
    p->head = PACKET_HEADER_MAX;
    p->slices = 0;
    p->payload_len = 0;
    p->offload = (struct offload){0};
}

uint8_t *packet_push(struct packet *p, size_t len)
{
    p->head -= (uint32_t)len;
    if (p->offload.csum == CSUM_PARTIAL) {
        p->offload.csum_start = (uint16_t)(p->offload.csum_start + len);
    }
    return p->header + p->head;
}

bool packet_add(struct packet *p, struct slice payload)
{
    if (p->slices == PACKET_SLICES) {
        return false;
    }
    p->payload[p->slices++] = payload;
    p->payload_len += payload.len;
    return true;
}

size_t packet_len(const struct packet *p)
{
    return PACKET_HEADER_MAX - p->head + p->payload_len;
}

struct slice packet_header(const struct packet *p)
{
    return (struct slice){p->header + p->head, PACKET_HEADER_MAX - p->head};
}

struct buf *packet_to_buf(const struct packet *p, struct slab_pools *pools)
{
    size_t len = packet_len(p);
    struct buf *b = buf_new(pools, 0, len);
    if (b == NULL) {
        return NULL;
    }
    struct wr w = wr_of(buf_data(b), len);
    struct slice header = packet_header(p);
    wr_bytes(&w, header.data, header.len);
    for (uint32_t i = 0; i < p->slices; i++) {
        wr_bytes(&w, p->payload[i].data, p->payload[i].len);
    }
    b->len = (uint32_t)wr_len(&w);
    b->offload = p->offload;
    return b;
}
