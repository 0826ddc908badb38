/* Packets of any content for the proofs, in slabs that end with them: one byte further is outside. */
#ifndef VITRINE_PROOFS_PACKET_H
#define VITRINE_PROOFS_PACKET_H

#include "stack/base/buf.h"
#include "stack/trace/trace.h"
#include "tests/proofs/proof.h"

/* Pools that keep nothing, so that a use after free is seen, and a leak. */
static inline void proof_pools_init(struct slab_pools *p, size_t limit)
{
    *p = (struct slab_pools){0};
    for (size_t i = 0; i < SLAB_CLASSES; i++) {
        p->slabs[i] = (struct pool){.object_size = sizeof(struct slab) + 8, .limit = limit};
    }
    p->bufs = (struct pool){.object_size = sizeof(struct buf), .limit = limit};
}

/* A view of the last `len` of `cap` bytes of any content, alone in its slab. */
static inline struct buf *any_buf(struct slab_pools *p, size_t cap, size_t len)
{
    struct slab *slab = any_object(sizeof(struct slab) + cap);
    slab->refs = 1;
    slab->cap = (uint32_t)cap;
    slab->pools = p;
    slab->release = NULL;
    slab->class = SLAB_SMALL;
    struct buf *b = any_object(sizeof *b);
    *b = (struct buf){.slab = slab, .off = (uint32_t)(cap - len), .len = (uint32_t)len};
    b->offload.csum = (uint8_t)any_size(CSUM_PARTIAL);
    p->slabs[SLAB_SMALL].in_use++;
    p->bufs.in_use++;
    return b;
}

#endif
