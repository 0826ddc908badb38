/* Stretches of sequence space that do not overlap, found by sequence number in logarithmic time, whatever a peer
 * sends: a treap, which is a search tree that dice keep flat (Seidel and Aragon, 1996).
 *
 * The nodes lie in what they are nodes of, which has its `tcp_seq start, end` a fixed way behind the node. While a
 * node is in the tree its edges may move, as long as the order stays.
 */
#ifndef VITRINE_TCP_SEQ_TREE_H
#define VITRINE_TCP_SEQ_TREE_H

#include "stack/tcp/seq.h"

struct seq_node {
    struct seq_node *child[2]; /* what begins before it, and behind */
    uint32_t priority;         /* not below that of its children */
};

struct seq_tree {
    struct seq_node *root;
    uint32_t dice; /* state of the generator of priorities */
    size_t edges;  /* bytes from a node to its `start`, with `end` right behind it */
};

void seq_tree_init(struct seq_tree *t, uint32_t dice, size_t edges);
/* Its edges are set, and it overlaps with none. */
void seq_tree_add(struct seq_tree *t, struct seq_node *n);
void seq_tree_remove(struct seq_tree *t, struct seq_node *n); /* n must be in it */
/* The one that `seq` lies in, or the first behind it; NULL: none. */
struct seq_node *seq_tree_at(const struct seq_tree *t, tcp_seq seq);

#endif
