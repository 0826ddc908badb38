/* A hash table of intrusive nodes, for keys that an outsider can choose.
 *
 * The caller computes a keyed hash (siphash) and compares keys itself:
 *
 *   for (struct table_node *n = table_first(t, h); n; n = table_next(n)) ...
 *
 * visits exactly the nodes whose hash is `h`. The bucket array doubles when nodes outnumber buckets.
 */
#ifndef VITRINE_BASE_TABLE_H
#define VITRINE_BASE_TABLE_H

#include "stack/base/types.h"

struct table_node {
    struct table_node *next;
    uint32_t hash;
};

struct table {
    struct table_node **buckets;
    uint32_t mask;  /* buckets - 1; the bucket count is a power of two */
    uint32_t count; /* nodes */
};

bool table_init(struct table *t); /* false: out of memory */
void table_done(struct table *t); /* does not touch the nodes */
void table_insert(struct table *t, struct table_node *n, uint32_t hash);
void table_remove(struct table *t, struct table_node *n); /* n must be in it */
struct table_node *table_first(const struct table *t, uint32_t hash);
struct table_node *table_next(const struct table_node *n);
/* Visits every node; `visit` may remove the node it is given, and nothing else. */
void table_each(struct table *t, void (*visit)(struct table_node *n, void *arg), void *arg);

#endif
