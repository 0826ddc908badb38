/* The tree of stretches (stack/tcp/seq_tree.c) finds each by sequence number.
 *
 * The invariant: what hangs on a node's first child begins before it, on its second behind it, and a node's
 * priority is not below its children's. Proven for each shape of a tree of three nodes (two, where one is
 * added), any stretches that do not overlap within REACH of 0, and any priorities:
 * - after seq_tree_add and seq_tree_remove the invariant holds, and the tree has those nodes and no others;
 * - seq_tree_at gives the one that a number lies in, or the first behind it, or none.
 *
 * proof-sources: stack/tcp/seq_tree.c
 * proof-unwind: 6
 * proof-checks: --unsigned-overflow-check --paths lifo
 * proof-wraps: seq_add seq_sub seq_diff seq_span throw_dice
 */
#include "stack/tcp/seq_tree.h"

#include "tests/proofs/proof.h"

#define REACH 32U

struct item {
    struct seq_node node;
    tcp_seq start, end;
};

static struct item a, b, c, added; /* the first three in order */
static uint32_t from;              /* where the next may begin */

static void set_up(struct item *item)
{
    uint32_t start = any_below(REACH);
    uint32_t end = any_below(REACH);
    ASSUME((from <= start) & (start < end));
    item->start = seq_of(start);
    item->end = seq_of(end);
    item->node.priority = nondet_u32();
    from = end;
}

static struct seq_node *hang(struct item *item, struct seq_node *before, struct seq_node *behind)
{
    item->node.child[0] = before;
    item->node.child[1] = behind;
    return &item->node;
}

static void make_two(struct seq_tree *t)
{
    set_up(&a);
    set_up(&b);
    if (nondet_bool()) {
        t->root = hang(&a, NULL, hang(&b, NULL, NULL));
        ASSUME(a.node.priority >= b.node.priority);
    } else {
        t->root = hang(&b, hang(&a, NULL, NULL), NULL);
        ASSUME(b.node.priority >= a.node.priority);
    }
}

static void make_three(struct seq_tree *t)
{
    set_up(&a);
    set_up(&b);
    set_up(&c);
    if (nondet_bool()) {
        t->root = hang(&b, hang(&a, NULL, NULL), hang(&c, NULL, NULL));
    } else if (nondet_bool()) {
        t->root = hang(&a, NULL, hang(&b, NULL, hang(&c, NULL, NULL)));
    } else if (nondet_bool()) {
        t->root = hang(&a, NULL, hang(&c, hang(&b, NULL, NULL), NULL));
    } else if (nondet_bool()) {
        t->root = hang(&c, hang(&b, hang(&a, NULL, NULL), NULL), NULL);
    } else {
        t->root = hang(&c, hang(&a, NULL, hang(&b, NULL, NULL)), NULL);
    }
}

static struct item *item_of(const struct seq_node *n)
{
    if (n == &a.node) {
        return &a;
    }
    if (n == &b.node) {
        return &b;
    }
    if (n == &c.node) {
        return &c;
    }
    PROVE(n == &added.node, "a node");
    return &added;
}

static uint32_t last;   /* where the one visited before ends */
static unsigned visits; /* nodes */
static bool heap;       /* no child's priority is above its parent's */

/* NOLINTNEXTLINE(misc-no-recursion) */
static void visit(const struct seq_node *n, uint32_t above)
{
    if (n == NULL) {
        return;
    }
    struct item *item = item_of(n);
    heap &= n->priority <= above;
    visit(n->child[0], n->priority);
    PROVE(last <= item->start.v, "in order");
    last = item->end.v;
    visits++;
    visit(n->child[1], n->priority);
}

static void walk(const struct seq_tree *t)
{
    last = 0;
    visits = 0;
    heap = true;
    visit(t->root, UINT32_MAX);
}

static struct seq_tree any_tree(void)
{
    struct seq_tree t;
    seq_tree_init(&t, nondet_u32(), offsetof(struct item, start));
    return t;
}

PROOF(seq_tree_add)
{
    struct seq_tree t = any_tree();
    make_two(&t);
    uint32_t start = any_below(REACH);
    uint32_t end = any_below(REACH);
    ASSUME(start < end);
    ASSUME((end <= a.start.v) | (start >= a.end.v));
    ASSUME((end <= b.start.v) | (start >= b.end.v));
    added.start = seq_of(start);
    added.end = seq_of(end);
    seq_tree_add(&t, &added.node);
    walk(&t);
    PROVE(heap & (visits == 3), "a treap of all three");
    REACHES_IF(t.root == &added.node, "at the root");
    REACHES_IF(a.node.child[1] == &added.node, "below");
}

static inline void take_out(struct item *item)
{
    struct seq_tree t = any_tree();
    make_three(&t);
    walk(&t);
    ASSUME(heap);
    seq_tree_remove(&t, &item->node);
    walk(&t);
    PROVE(heap & (visits == 2), "a treap of the others");
    REACHES_IF(t.root != &b.node, "another root");
}

PROOF(seq_tree_remove_first)
{
    take_out(&a);
}

PROOF(seq_tree_remove_second)
{
    take_out(&b);
}

PROOF(seq_tree_remove_third)
{
    take_out(&c);
}

PROOF(seq_tree_at)
{
    struct seq_tree t = any_tree();
    make_three(&t);
    uint32_t at = any_below(REACH);
    struct seq_node *found = seq_tree_at(&t, seq_of(at));
    const struct seq_node *right = c.end.v > at ? &c.node : NULL;
    right = b.end.v > at ? &b.node : right;
    right = a.end.v > at ? &a.node : right;
    PROVE(found == right, "the one that it lies in, or the first behind");
    REACHES_IF(found == &b.node, "the second");
    REACHES_IF(found == NULL, "none");
}
