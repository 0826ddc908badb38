/* Pools: where a host's memory comes from. Each has an object size and a limit.
 *
 * A pool keeps a short list of free objects so that the path allocates nothing, and gives the rest
 * back to the system, so that an idle host is small. Under AddressSanitizer nothing is kept, so
 * that use after free is seen. `pool_get` returns NULL at the limit: the caller drops what it was
 * doing by name.
 *
 * Objects that come in great numbers and stay, among others that do not, are packed: they lie side by side in blocks of
 * their own, without what an allocator adds to each, and a block that is empty goes back to the system whole.
 */
#ifndef VITRINE_BASE_POOL_H
#define VITRINE_BASE_POOL_H

#include "stack/base/list.h"
#include "stack/base/types.h"

struct pool_free;

struct pool {
    const char *name;
    size_t object_size; /* bytes */
    size_t limit;       /* objects that may be in use at once */
    size_t in_use;      /* objects */
    size_t peak;        /* the most that were ever in use */
    size_t kept;        /* objects on the free list */
    size_t keep_limit;  /* how many free objects are kept at the most */
    uint64_t refused;   /* times that pool_get found the limit reached */
    uint64_t fail_at; /* fault injection: the nth pool_get from now fails (1 = the next); 0 = off */
    struct pool_free *free; /* kept objects */
    bool packed;
    bool has_empty;   /* packed: the last of `open` is empty, and kept */
    struct list open; /* packed: blocks with room */
};

/* Of packed objects. An allocation so large, and aligned to its size, costs two more pages. */
#define POOL_BLOCK_BYTES ((size_t)512 * 1024)

void pool_init(struct pool *p, const char *name, size_t object_size, size_t limit);
/* Packed, for objects that are much smaller than a block. Like those of others they are aligned for any of our structures,
 * that is, to 8 bytes. The pool must stay where it is. */
void pool_init_packed(struct pool *p, const char *name, size_t object_size, size_t limit);
void *pool_get(struct pool *p);      /* not cleared; NULL at the limit */
void *pool_get_zero(struct pool *p); /* cleared */
void pool_put(struct pool *p, void *object);
/* No more than a quarter is left: what can wait, or will come again, leaves it to what cannot. */
static inline bool pool_scarce(const struct pool *p)
{
    return p->in_use >= p->limit - (p->limit + 3) / 4;
}
/* Half of it is used: nobody takes more than a first share any more, so that those who come later find theirs. */
static inline bool pool_half_used(const struct pool *p)
{
    return p->in_use >= p->limit - p->limit / 2;
}
/* Gives back what is kept: nothing will be needed soon. */
void pool_trim(struct pool *p);
void pool_done(struct pool *p); /* frees what is kept; everything must have been put back */

#endif
