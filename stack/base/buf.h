/* Buffers: reference-counted slabs of bytes and views of them.
 *
 * A slab is memory of one of four sizes, from the pools of a `struct slab_pools`:
 *
 *   SLAB_SMALL   256 B    pure ACKs, ARP, small frames
 *   SLAB_FRAME   2 KiB    an Ethernet frame with a full MTU of 1500
 *   SLAB_RECORD  17 KiB   the send queue's unit: one TLS record with its overhead
 *   SLAB_SUPER   66 KiB   a super-segment: 64 KiB of IP packet plus link headers
 *
 * or memory of an application that lends it (`release`): bytes that stay as they are while anybody refers
 * to them.
 *
 * A `struct buf` is a view: `len` bytes from `off` in its slab. Several views can share a slab; the
 * slab goes back to its pool when the last reference is dropped. A buf is owned by exactly one
 * holder (or queue).
 */
#ifndef VITRINE_BASE_BUF_H
#define VITRINE_BASE_BUF_H

#include "stack/base/list.h"
#include "stack/base/pool.h"
#include "stack/base/types.h"

enum slab_class {
    SLAB_SMALL,
    SLAB_FRAME,
    SLAB_RECORD,
    SLAB_SUPER,
    SLAB_CLASSES,
};

#define SLAB_SMALL_BYTES 256U
#define SLAB_FRAME_BYTES 2048U
#define SLAB_RECORD_BYTES (17U * 1024U)
#define SLAB_SUPER_BYTES (66U * 1024U)

struct slab_pools;

struct slab {
    uint32_t refs;            /* views that hold it, and the application that lends it */
    uint32_t cap;             /* bytes in `bytes` */
    struct slab_pools *pools; /* where it and its views go back to */
    /* The last reference to what was lent is gone; NULL: it is from `pools`. */
    void (*release)(struct slab *s);
    enum slab_class class;
    _Alignas(16) uint8_t bytes[];
};

struct slab_pools {
    struct pool slabs[SLAB_CLASSES];
    struct pool bufs; /* struct buf */
};

struct slab_limits {
    size_t slabs[SLAB_CLASSES]; /* objects of each class */
    size_t bufs;
};

/* What a link device knows, or is asked to do, about a frame (virtio-net header, linux/virtio_net.h). */
enum csum_state {
    CSUM_UNKNOWN,  /* in: verify it. out: it is finished */
    CSUM_VERIFIED, /* in: the device vouches for the transport checksum */
    CSUM_PARTIAL,  /* the transport checksum field holds the pseudo-header sum only */
};

enum gso_type {
    GSO_NONE,
    GSO_TCP4,
    GSO_TCP6,
};

struct offload {
    uint8_t csum;         /* enum csum_state */
    uint8_t gso_type;     /* enum gso_type: a super-segment that stands for several */
    uint16_t gso_size;    /* payload bytes of each segment it stands for; 0 = it is one segment */
    uint16_t csum_start;  /* CSUM_PARTIAL: bytes from the frame's start where summing begins */
    uint16_t csum_offset; /* CSUM_PARTIAL: bytes from csum_start to the checksum field */
};

/* Several hosts may stand behind one address, each with a queue of the device (stack/loop.h). What may concern any of
 * them, all get; who has no use for it then keeps quiet, as one of the others may have. */
enum buf_reach {
    BUF_OURS,    /* came to us alone */
    BUF_SHARED,  /* came to us, and the others have it as well */
    BUF_SENT_ON, /* came to another, who has sent it on to all */
};

struct buf {
    struct list link; /* in whatever queue holds it */
    struct slab *slab;
    uint32_t off; /* bytes from slab->bytes to the first byte of the view */
    uint32_t len; /* bytes in the view */
    struct offload offload;
    uint8_t reach; /* enum buf_reach */
};

void slab_pools_init(struct slab_pools *p, const struct slab_limits *limits);
void slab_pools_trim(struct slab_pools *p); /* nothing will be needed soon */
void slab_pools_done(struct slab_pools *p);

/* An empty view of a new slab with room for at least `cap` bytes, the view's start at `headroom`;
 * NULL when the pools are at their limit or cap + headroom exceeds SLAB_SUPER_BYTES. */
struct buf *buf_new(struct slab_pools *p, size_t headroom, size_t cap);
/* A buf over a copy of `len` bytes, in the smallest slab that fits. NULL as above. */
struct buf *buf_copy_of(struct slab_pools *p, const void *data, size_t len);
/* A second view of the same bytes. NULL when there is no buf left. */
struct buf *buf_share(const struct buf *b);
/* A view of bytes of a slab that an application lends; it comes from `p`, as all views of this slab do.
 * NULL when there is no buf left. */
struct buf *buf_of_lent(struct slab_pools *p, struct slab *lent, struct slice bytes);
/* Drops a reference; the last one gives the slab back. */
void slab_release(struct slab *s);
/* Drops the view, and its slab when it was the last. NULL is allowed. */
void buf_free(struct buf *b);
void buf_free_queue(struct list *queue);

static inline uint8_t *buf_data(const struct buf *b)
{
    return b->slab->bytes + b->off;
}

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->slab->bytes + b->off, b->len};
}

static inline size_t buf_tailroom(const struct buf *b) /* bytes free behind the view */
{
    return b->slab->cap - b->off - b->len;
}

/* Copies a few bytes to the end of a view, when its slab has room there and is held by it alone: up to a quarter of the
 * slab, so that pieces of whatever size do not hold much more than themselves. false: nothing was done. */
bool buf_join(struct buf *b, struct slice bytes);
void buf_trim_front(struct buf *b, size_t n); /* n <= b->len */
void buf_trim_back(struct buf *b, size_t n);  /* n <= b->len */

static inline struct buf *buf_of_link(struct list *node)
{
    return CONTAINER_OF(node, struct buf, link);
}

#endif
