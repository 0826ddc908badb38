/* Lists and tables (stack/base/list.h, table.c) keep every node exactly once.
 *
 * Proven for NODES nodes, and for the list every sequence of STEPS calls:
 * - list: links agree in both directions, a node off the list says so, list_pop_front takes the one that
 *   was pushed first, and list_append_all keeps the order;
 * - table: with any hashes, also all alike, what was inserted and not removed is found by its hash, and
 *   `count` is right; no memory is touched but the buckets and the nodes.
 *
 * proof-sources: stack/base/table.c
 * proof-unwind: 5
 */
#include "stack/base/list.h"
#include "stack/base/table.h"
#include "tests/proofs/proof.h"

#define NODES 2U
#define STEPS 3U

static unsigned length(const struct list *head)
{
    unsigned n = 0;
    for (const struct list *at = head->next; at != head; at = at->next) {
        PROVE(at->next->prev == at && at->prev->next == at, "links agree");
        n++;
    }
    return n;
}

PROOF(list)
{
    struct list head;
    struct list nodes[NODES] = {{NULL, NULL}};
    unsigned linked = 0;
    list_init(&head);
    for (unsigned i = 0; i < STEPS; i++) {
        struct list *node = &nodes[any_below(NODES)];
        struct list *front = head.next;
        if (nondet_bool()) {
            struct list *popped = list_pop_front(&head);
            PROVE(popped == (linked == 0 ? NULL : front), "the first, if there is one");
            linked -= popped != NULL;
        } else if (list_linked(node)) {
            list_remove(node);
            PROVE(!list_linked(node), "off the list");
            linked--;
        } else {
            list_push_back(&head, node);
            PROVE(head.prev == node && list_linked(node), "at the end");
            linked++;
        }
        PROVE(length(&head) == linked && list_empty(&head) == (linked == 0), "every node once");
    }
    REACHES_IF(linked == NODES, "all on the list");
}

PROOF(list_append)
{
    struct list a;
    struct list b;
    struct list nodes[NODES];
    list_init(&a);
    list_init(&b);
    unsigned front = any_below(NODES + 1);
    for (unsigned i = 0; i < NODES; i++) {
        list_push_back(i < front ? &a : &b, &nodes[i]);
    }
    if (list_empty(&a) && nondet_bool()) {
        list_move_all(&b, &a);
    } else {
        list_append_all(&b, &a);
    }
    PROVE(list_empty(&b) && length(&a) == NODES, "all in one");
    for (unsigned i = 0; i < NODES; i++) {
        PROVE(list_pop_front(&a) == &nodes[i], "in order");
    }
    REACHES_IF(front == 1, "some in each");
}

static bool found(const struct table *t, const struct table_node *node)
{
    unsigned times = 0;
    for (struct table_node *n = table_first(t, node->hash); n != NULL; n = table_next(n)) {
        PROVE(n->hash == node->hash, "only that hash");
        times += n == node;
    }
    PROVE(times <= 1, "once at the most");
    return times == 1;
}

PROOF(table)
{
    struct table_node *buckets[2] = {NULL, NULL};
    struct table t = {.buckets = buckets, .mask = 1};
    struct table_node nodes[2];
    table_insert(&t, &nodes[0], nondet_u32());
    table_insert(&t, &nodes[1], nondet_u32());
    PROVE(found(&t, &nodes[0]) && found(&t, &nodes[1]) && t.count == 2, "both are there");
    REACHES_IF(nodes[0].hash == nodes[1].hash, "the same hash");
    unsigned gone = any_below(2);
    table_remove(&t, &nodes[gone]);
    PROVE(!found(&t, &nodes[gone]) && found(&t, &nodes[1 - gone]) && t.count == 1, "one is gone");
}
