/* Buffers: views of reference-counted slabs, from pools with limits. */
#include "stack/base/buf.h"

#include <string.h>

static const struct {
    const char *name;
    uint32_t bytes;
} classes[SLAB_CLASSES] = {
    [SLAB_SMALL] = {"slab-small", SLAB_SMALL_BYTES},
    [SLAB_FRAME] = {"slab-frame", SLAB_FRAME_BYTES},
    [SLAB_RECORD] = {"slab-record", SLAB_RECORD_BYTES},
    [SLAB_SUPER] = {"slab-super", SLAB_SUPER_BYTES},
};

void slab_pools_init(struct slab_pools *p, const struct slab_limits *limits)
{
    for (size_t i = 0; i < SLAB_CLASSES; i++) {
        pool_init(&p->slabs[i], classes[i].name, sizeof(struct slab) + classes[i].bytes,
                  limits->slabs[i]);
    }
    pool_init(&p->bufs, "bufs", sizeof(struct buf), limits->bufs);
}

void slab_pools_trim(struct slab_pools *p)
{
    for (size_t i = 0; i < SLAB_CLASSES; i++) {
        pool_trim(&p->slabs[i]);
    }
    pool_trim(&p->bufs);
}

void slab_pools_done(struct slab_pools *p)
{
    for (size_t i = 0; i < SLAB_CLASSES; i++) {
        pool_done(&p->slabs[i]);
    }
    pool_done(&p->bufs);
}

#define SMALL_PART 4U /* of a slab: what is larger is not worth copying, and fills it well enough */

/* A slab of the smallest class that holds `bytes`; a larger class does not help out, so that one
 * kind of traffic cannot use up another's memory. */
static struct slab *slab_new(struct slab_pools *p, size_t bytes)
{
    size_t i = 0;
    while (i < SLAB_CLASSES && classes[i].bytes < bytes) {
        i++;
    }
    if (i == SLAB_CLASSES) {
        return NULL;
    }
    struct slab *s = pool_get(&p->slabs[i]);
    if (s != NULL) {
        s->refs = 1;
        s->cap = classes[i].bytes;
        s->pools = p;
        s->release = NULL;
        s->class = (enum slab_class)i;
    }
    return s;
}

void slab_release(struct slab *s)
{
    s->refs--;
    if (s->refs > 0) {
        return;
    }
    if (s->release != NULL) {
        s->release(s);
    } else {
        pool_put(&s->pools->slabs[s->class], s);
    }
}

struct buf *buf_new(struct slab_pools *p, size_t headroom, size_t cap)
{
    if (headroom > SLAB_SUPER_BYTES || cap > SLAB_SUPER_BYTES - headroom) {
        return NULL;
    }
    struct buf *b = pool_get_zero(&p->bufs);
    if (b == NULL) {
        return NULL;
    }
    b->slab = slab_new(p, headroom + cap);
    if (b->slab == NULL) {
        pool_put(&p->bufs, b);
        return NULL;
    }
    b->off = (uint32_t)headroom;
    return b;
}

struct buf *buf_copy_of(struct slab_pools *p, const void *data, size_t len)
{
    struct buf *b = buf_new(p, 0, len);
    if (b != NULL && len > 0) {
        memcpy(b->slab->bytes, data, len);
        b->len = (uint32_t)len;
    }
    return b;
}

struct buf *buf_share(const struct buf *b)
{
    struct buf *view = pool_get(&b->slab->pools->bufs);
    if (view == NULL) {
        return NULL;
    }
    *view = *b;
    view->link = (struct list){NULL, NULL};
    view->slab->refs++;
    return view;
}

struct buf *buf_of_lent(struct slab_pools *p, struct slab *lent, struct slice bytes)
{
    struct buf *view = pool_get_zero(&p->bufs);
    if (view == NULL) {
        return NULL;
    }
    view->slab = lent;
    view->off = (uint32_t)(bytes.data - lent->bytes);
    view->len = (uint32_t)bytes.len;
    lent->pools = p;
    lent->refs++;
    return view;
}

void buf_free(struct buf *b)
{
    if (b == NULL) {
        return;
    }
    struct slab_pools *p = b->slab->pools;
    slab_release(b->slab);
    pool_put(&p->bufs, b);
}

void buf_free_queue(struct list *queue)
{
    for (struct list *n = list_pop_front(queue); n != NULL; n = list_pop_front(queue)) {
        buf_free(buf_of_link(n));
    }
}

bool buf_join(struct buf *b, struct slice bytes)
{
    bool small = bytes.len <= u32_max(SLAB_SMALL_BYTES, b->slab->cap / SMALL_PART);
    if (!small || b->slab->refs != 1 || buf_tailroom(b) < bytes.len) {
        return false;
    }
    memcpy(buf_data(b) + b->len, bytes.data, bytes.len);
    b->len += (uint32_t)bytes.len;
    return true;
}

void buf_trim_front(struct buf *b, size_t n)
{
    b->off += (uint32_t)n;
    b->len -= (uint32_t)n;
}

void buf_trim_back(struct buf *b, size_t n)
{
    b->len -= (uint32_t)n;
}
