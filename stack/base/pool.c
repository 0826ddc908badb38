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
#define KEEP_OBJECTS 64U             /* but so many objects, however large */

/* Lies in the memory of a free object. */
struct pool_free {
    struct pool_free *next;
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

static bool told_to_fail(struct pool *p)
{
    if (p->fail_at == 0) {
        return false;
    }
    p->fail_at--;
    return p->fail_at == 0;
}

void *pool_get(struct pool *p)
{
    if (told_to_fail(p) || p->in_use >= p->limit) {
        p->refused++;
        return NULL;
    }
    void *object = p->free;
    if (object != NULL) {
        p->free = p->free->next;
        p->kept--;
    } else {
        object = malloc(p->object_size);
        if (object == NULL) {
            p->refused++;
            return NULL;
        }
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
    if (p->kept >= p->keep_limit) {
        free(object);
        return;
    }
    struct pool_free *f = object;
    f->next = p->free;
    p->free = f;
    p->kept++;
}

void pool_done(struct pool *p)
{
    while (p->free != NULL) {
        struct pool_free *f = p->free;
        p->free = f->next;
        free(f);
    }
    p->kept = 0;
}
