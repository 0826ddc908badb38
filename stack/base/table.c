/* A hash table of intrusive nodes: chained buckets whose array doubles. */
#include "stack/base/table.h"

#include <stdlib.h>

#define FIRST_BUCKETS 16U
#define MOST_BUCKETS (1U << 24)

bool table_init(struct table *t)
{
    *t = (struct table){.buckets = calloc(FIRST_BUCKETS, sizeof(struct table_node *))};
    if (t->buckets == NULL) {
        return false;
    }
    t->mask = FIRST_BUCKETS - 1;
    return true;
}

void table_done(struct table *t)
{
    free(t->buckets);
    *t = (struct table){.buckets = NULL};
}

static void bucket_push(struct table_node **buckets, uint32_t mask, struct table_node *n)
{
    struct table_node **bucket = &buckets[n->hash & mask];
    n->next = *bucket;
    *bucket = n;
}

/* Without memory for it the table stays as it is: slower, and still right. */
static void grow(struct table *t)
{
    uint32_t size = (t->mask + 1) * 2;
    if (size > MOST_BUCKETS) {
        return;
    }
    struct table_node **buckets = calloc(size, sizeof(struct table_node *));
    if (buckets == NULL) {
        return;
    }
    for (uint32_t i = 0; i <= t->mask; i++) {
        struct table_node *next;
        for (struct table_node *n = t->buckets[i]; n != NULL; n = next) {
            next = n->next;
            bucket_push(buckets, size - 1, n);
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->mask = size - 1;
}

void table_insert(struct table *t, struct table_node *n, uint32_t hash)
{
    n->hash = hash;
    bucket_push(t->buckets, t->mask, n);
    t->count++;
    if (t->count > t->mask + 1) {
        grow(t);
    }
}

void table_remove(struct table *t, struct table_node *n)
{
    struct table_node **at = &t->buckets[n->hash & t->mask];
    while (*at != n) {
        at = &(*at)->next;
    }
    *at = n->next;
    n->next = NULL;
    t->count--;
}

/* `n` itself or the first one behind it with that hash; a bucket holds others too. */
static struct table_node *with_hash(struct table_node *n, uint32_t hash)
{
    while (n != NULL && n->hash != hash) {
        n = n->next;
    }
    return n;
}

struct table_node *table_first(const struct table *t, uint32_t hash)
{
    return with_hash(t->buckets[hash & t->mask], hash);
}

struct table_node *table_next(const struct table_node *n)
{
    return with_hash(n->next, n->hash);
}

void table_each(struct table *t, void (*visit)(struct table_node *n, void *arg), void *arg)
{
    for (uint32_t i = 0; i <= t->mask; i++) {
        struct table_node *next;
        for (struct table_node *n = t->buckets[i]; n != NULL; n = next) {
            next = n->next;
            visit(n, arg);
        }
    }
}
