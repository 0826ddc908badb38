/* The send queue: payload lives here once, from commit until it is acknowledged. First transmission
 * and retransmission point into it.
 *
 * A list of bufs that is written at its tail and given back at its head: slabs of its own (SLAB_RECORD each), and
 * views of memory that an application lends.
 */
#ifndef VITRINE_TCP_SENDQ_H
#define VITRINE_TCP_SENDQ_H

#include "stack/base/buf.h"
#include "stack/link/packet.h"
#include "stack/tcp/seq.h"

/* A chunk, and the sequence number of its first byte: where a segment was cut, so that the next is found without a
 * walk. Two, since new segments and those that go again are cut at different places in turn. */
struct sendq_hint {
    struct buf *chunk;
    tcp_seq seq;
};

struct sendq {
    struct list chunks;
    struct buf *reserved; /* chunk that the last reserve pointed into */
    struct sendq_hint hints[2];
    tcp_seq start;        /* sequence number of the first byte held */
    uint32_t len;         /* bytes held */
    uint32_t chunk_count; /* of `chunks` */
};

void sendq_init(struct sendq *q, tcp_seq start);
void sendq_done(struct sendq *q);
/* Room for at least `min` bytes in a row behind what is held; NULL when no slab is left. */
uint8_t *sendq_reserve(struct sendq *q, struct slab_pools *pools, size_t min, size_t *room);
void sendq_commit(struct sendq *q, size_t n);
/* Puts bytes of a lent slab behind what is held, by reference; false: no buf is left. */
bool sendq_refer(struct sendq *q, struct slab_pools *pools, struct slice bytes, struct slab *lent);
tcp_seq sendq_end(const struct sendq *q); /* the sequence number behind the last byte */
/* Gives back all bytes before `upto`; returns how many. */
uint32_t sendq_acked(struct sendq *q, tcp_seq upto);
/* Bytes from `from` on, at most `len`, that lie in few enough pieces for one packet. All must be held. */
uint32_t sendq_fit(struct sendq *q, tcp_seq from, uint32_t len);
/* Adds bytes from `from` on to `p` as slices, at most `len`; returns how many (less when `p` has no
 * slice left). All of them must be held. */
uint32_t sendq_slices(struct sendq *q, tcp_seq from, uint32_t len, struct packet *p);

#endif
