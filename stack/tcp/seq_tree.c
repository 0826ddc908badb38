/* A treap by sequence number; see seq_tree.h. */
#include "stack/tcp/seq_tree.h"

static const tcp_seq *edges_of(const struct seq_tree *t, const struct seq_node *n)
{
    return (const tcp_seq *)((const char *)n + t->edges);
}

static tcp_seq start_of(const struct seq_tree *t, const struct seq_node *n)
{
    return edges_of(t, n)[0];
}

static tcp_seq end_of(const struct seq_tree *t, const struct seq_node *n)
{
    return edges_of(t, n)[1];
}

static uint32_t throw_dice(struct seq_tree *t)
{
    t->dice ^= t->dice << 13U; /* Marsaglia's xorshift */
    t->dice ^= t->dice >> 17U;
    t->dice ^= t->dice << 5U;
    return t->dice;
}

void seq_tree_init(struct seq_tree *t, uint32_t dice, size_t edges)
{
    *t = (struct seq_tree){.dice = dice | 1U, .edges = edges};
}

/* Parts a tree into what begins before `at` and the rest. */
static void part(const struct seq_tree *t, struct seq_node *from, tcp_seq at,
                 struct seq_node **before, struct seq_node **rest)
{
    while (from != NULL) {
        if (seq_lt(start_of(t, from), at)) {
            *before = from;
            before = &from->child[1];
            from = from->child[1];
        } else {
            *rest = from;
            rest = &from->child[0];
            from = from->child[0];
        }
    }
    *before = NULL;
    *rest = NULL;
}

/* Joins two trees; all of `a` comes before all of `b`. */
static struct seq_node *join(struct seq_node *a, struct seq_node *b)
{
    struct seq_node *root = NULL;
    struct seq_node **hook = &root;
    while (a != NULL && b != NULL) {
        if (a->priority >= b->priority) {
            *hook = a;
            hook = &a->child[1];
            a = a->child[1];
        } else {
            *hook = b;
            hook = &b->child[0];
            b = b->child[0];
        }
    }
    *hook = a != NULL ? a : b;
    return root;
}

/* The way from a node towards where `start` belongs. */
static struct seq_node **next_hook(const struct seq_tree *t, struct seq_node *n, tcp_seq start)
{
    if (seq_lt(start_of(t, n), start)) {
        return &n->child[1];
    }
    return &n->child[0];
}

void seq_tree_add(struct seq_tree *t, struct seq_node *n)
{
    tcp_seq start = start_of(t, n);
    struct seq_node **hook = &t->root;
    n->priority = throw_dice(t);
    while (*hook != NULL && (*hook)->priority >= n->priority) {
        hook = next_hook(t, *hook, start);
    }
    part(t, *hook, start, &n->child[0], &n->child[1]);
    *hook = n;
}

void seq_tree_remove(struct seq_tree *t, struct seq_node *n)
{
    tcp_seq start = start_of(t, n);
    struct seq_node **hook = &t->root;
    while (*hook != n) {
        hook = next_hook(t, *hook, start);
    }
    *hook = join(n->child[0], n->child[1]);
}

struct seq_node *seq_tree_at(const struct seq_tree *t, tcp_seq seq)
{
    struct seq_node *found = NULL;
    struct seq_node *n = t->root;
    while (n != NULL) {
        if (seq_gt(end_of(t, n), seq)) {
            found = n;
            n = n->child[0];
        } else {
            n = n->child[1];
        }
    }
    return found;
}
