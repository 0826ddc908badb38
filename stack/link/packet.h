/* A packet on its way out: headers that are pushed in front of each other as it descends the
 * floors, and payload slices that stay where they are (in a send queue) until the device takes
 * them with one writev. It lives on the caller's stack and never outlives the call.
 */
#ifndef VITRINE_LINK_PACKET_H
#define VITRINE_LINK_PACKET_H

#include "stack/base/buf.h"
#include "stack/base/types.h"

#define PACKET_HEADER_MAX 160U /* Ethernet 14 + IP 60 + TCP 60, and some */
#define PACKET_SLICES 20U      /* payload slices that one packet may have */

struct packet {
    uint32_t head; /* offset in `header` of the first byte in use */
    uint32_t slices;
    size_t payload_len; /* bytes in all slices */
    struct offload offload;
    struct slice payload[PACKET_SLICES];
    uint8_t header[PACKET_HEADER_MAX];
};

void packet_init(struct packet *p);
/* Makes room for `len` header bytes in front of what is there. Never fails for real protocols: the
 * sum of all headers is a constant below PACKET_HEADER_MAX. A CSUM_PARTIAL packet's csum_start moves
 * along, so a transport sets it to 0 once it has pushed its own header. */
uint8_t *packet_push(struct packet *p, size_t len);
/* false when all slices are taken */
bool packet_add(struct packet *p, struct slice payload);
size_t packet_len(const struct packet *p); /* bytes, headers and payload */
/* One buf with the packet's bytes in a row and its offload facts; NULL when no buffer is left. */
struct buf *packet_to_buf(const struct packet *p, struct slab_pools *pools);
/* The packet's header slice as it stands now. */
struct slice packet_header(const struct packet *p);

#endif
