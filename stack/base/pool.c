/* Pools: bounded memory with a short free list in front of the system's allocator. */
#include "stack/base/pool.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define KEEP_NOTHING true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP_NOTHING true
#endif
#endif
#ifndef KEEP_NOTHING
#define KEEP_NOTHING false
#endif

#define KEEP_BYTES ((size_t)1 << 20) /* free memory that a pool keeps */
#define PACKED_ALIGN 8U
#define KEEP_OBJECTS 64U /* but so many objects, however large */

/* Lies in the memory of a free object. */
struct pool_free {
    struct pool_free *next;
};

/* Stands at the beginning of each block of packed objects. */
struct pool_block {
    struct list link; /* in pool.open, while it has room */
    struct pool_free *free;
    size_t carved; /* objects that were ever used, from the first on */
    size_t used;   /* and are now */
};

void pool_init(struct pool *p, const char *name, size_t object_size, size_t limit)
{
    size_t size = object_size < sizeof(struct pool_free) ? sizeof(struct pool_free) : object_size;
    size_t keep = KEEP_BYTES / size;
    if (keep < KEEP_OBJECTS) {
        keep = KEEP_OBJECTS;
    }
    *p = (struct pool){
        .name = name,
        .object_size = size,
        .limit = limit,
        .keep_limit = KEEP_NOTHING ? 0 : keep,
    };
}

void pool_init_packed(struct pool *p, const char *name, size_t object_size, size_t limit)
{
    pool_init(p, name, (object_size + PACKED_ALIGN - 1) & ~(PACKED_ALIGN - 1), limit);
    p->packed = !KEEP_NOTHING;
    list_init(&p->open);
}

/* ---- packed objects ---- */

static size_t objects_in_block(const struct pool *p)
{
    return (POOL_BLOCK_BYTES - sizeof(struct pool_block)) / p->object_size;
}

static struct pool_block *block_of_link(struct list *n)
{
    return CONTAINER_OF(n, struct pool_block, link);
}

/* Blocks are aligned to their size. */
static struct pool_block *block_of_object(void *object)
{
    return (struct pool_block *)((uint8_t *)object - (uintptr_t)object % POOL_BLOCK_BYTES);
}

static struct pool_block *open_block(struct pool *p)
{
    struct pool_block *b = aligned_alloc(POOL_BLOCK_BYTES, POOL_BLOCK_BYTES);
    if (b != NULL) {
        *b = (struct pool_block){0};
        list_push_front(&p->open, &b->link);
    }
    return b;
}

static void *get_packed(struct pool *p)
{
    struct pool_block *b = list_empty(&p->open) ? open_block(p) : block_of_link(p->open.next);
    if (b == NULL) {
        return NULL;
    }
    void *object = b->free;
    if (object != NULL) {
        b->free = b->free->next;
    } else { /* so that no page is touched before it is needed */
        object = (uint8_t *)(b + 1) + b->carved * p->object_size;
        b->carved++;
    }
    if (p->has_empty && p->open.prev == &b->link) {
        p->has_empty = false;
    }
    b->used++;
    if (b->used == objects_in_block(p)) {
        list_remove(&b->link);
    }
    return object;
}

static void close_block(struct pool_block *b)
{
    list_remove(&b->link);
    free(b);
}

static void put_packed(struct pool *p, void *object)
{
    struct pool_block *b = block_of_object(object);
    struct pool_free *f = object;
    f->next = b->free;
    b->free = f;
    if (b->used == objects_in_block(p)) {
        list_push_front(&p->open, &b->link);
    }
    b->used--;
    if (b->used > 0) {
        return;
    }
    if (p->has_empty) {
        close_block(b);
        return;
    }
    list_remove(&b->link); /* filled last, so that it may go */
    list_push_back(&p->open, &b->link);
    p->has_empty = true;
}

/* ---- */

static bool told_to_fail(struct pool *p)
{
    if (p->fail_at == 0) {
        return false;
    }
    p->fail_at--;
    return p->fail_at == 0;
}

static void *get_kept(struct pool *p)
{
    void *object = p->free;
    if (object == NULL) {
        return malloc(p->object_size);
    }
    p->free = p->free->next;
    p->kept--;
    return object;
}

void *pool_get(struct pool *p)
{
    if (told_to_fail(p) || p->in_use >= p->limit) {
        p->refused++;
        return NULL;
    }
    void *object = p->packed ? get_packed(p) : get_kept(p);
    if (object == NULL) {
        p->refused++;
        return NULL;
    }
    p->in_use++;
    if (p->in_use > p->peak) {
        p->peak = p->in_use;
    }
    return object;
}

void *pool_get_zero(struct pool *p)
{
    void *object = pool_get(p);
    if (object != NULL) {
        memset(object, 0, p->object_size);
    }
    return object;
}

void pool_put(struct pool *p, void *object)
{
    p->in_use--;
    if (p->packed) {
        put_packed(p, object);
        return;
    }
    if (p->kept >= p->keep_limit) {
        free(object);
        return;
    }
    struct pool_free *f = object;
    f->next = p->free;
    p->free = f;
    p->kept++;
}

void pool_trim(struct pool *p)
{
    if (p->has_empty) {
        close_block(block_of_link(p->open.prev));
        p->has_empty = false;
    }
    while (p->free != NULL) {
        struct pool_free *f = p->free;
        p->free = f->next;
        free(f);
    }
    p->kept = 0;
}

void pool_done(struct pool *p)
{
    pool_trim(p);
}
