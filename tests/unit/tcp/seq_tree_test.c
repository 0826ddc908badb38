/* stack/tcp/seq_tree.c against a plain array: stretches come and go at random, and every number is asked for. */
#include <check.h>
#include <stddef.h>

#include "stack/tcp/seq_tree.h"

#define PLACES 64U /* stretches of 16 numbers that may be there or not */
#define WIDTH 16U

struct stretch {
    uint64_t before; /* the node does not come first */
    struct seq_node node;
    uint32_t between;
    tcp_seq start, end;
    bool in;
};

static struct stretch all[PLACES];
static struct seq_tree tree;
static uint32_t state;

static uint32_t below(uint32_t n)
{
    state = state * 1664525U + 1013904223U;
    return (state >> 8U) % n;
}

/* The order of a search tree, and that of the priorities. */
static uint32_t check_nodes(const struct seq_node *n, uint32_t *deepest, uint32_t depth)
{
    uint32_t count = 1;
    *deepest = u32_max(*deepest, depth);
    for (int i = 0; i < 2; i++) {
        const struct seq_node *c = n->child[i];
        if (c != NULL) {
            const struct stretch *s = CONTAINER_OF(n, struct stretch, node);
            const struct stretch *t = CONTAINER_OF(c, struct stretch, node);
            ck_assert(c->priority <= n->priority);
            ck_assert(i == 0 ? seq_lt(t->start, s->start) : seq_gt(t->start, s->start));
            count += check_nodes(c, deepest, depth + 1);
        }
    }
    return count;
}

static struct stretch *expected_at(tcp_seq seq)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        if (all[i].in && seq_gt(all[i].end, seq)) {
            return &all[i];
        }
    }
    return NULL;
}

static void check_all(tcp_seq first, uint32_t count)
{
    for (uint32_t i = 0; i < PLACES * WIDTH; i += 3) {
        tcp_seq seq = seq_add(first, i);
        struct stretch *want = expected_at(seq);
        ck_assert_ptr_eq(seq_tree_at(&tree, seq), want != NULL ? &want->node : NULL);
    }
    uint32_t deepest = 0;
    ck_assert_uint_eq(tree.root != NULL ? check_nodes(tree.root, &deepest, 1) : 0, count);
    ck_assert_uint_lt(deepest, 30); /* of 64: a list would be 64 deep */
}

/* Around 0 and around 2^31, where numbers wrap and comparisons turn. */
START_TEST(random_ones)
{
    tcp_seq first = seq_of(_i == 0 ? UINT32_MAX - 300 : 0x7fffff00);
    uint32_t count = 0;
    state = 7;
    seq_tree_init(&tree, 4711, offsetof(struct stretch, start) - offsetof(struct stretch, node));
    for (uint32_t i = 0; i < PLACES; i++) {
        all[i] = (struct stretch){.start = seq_add(first, i * WIDTH + 2)};
        all[i].end = seq_add(all[i].start, WIDTH - 4);
    }
    for (unsigned step = 0; step < 2000; step++) {
        struct stretch *s = &all[below(PLACES)];
        if (s->in) {
            seq_tree_remove(&tree, &s->node);
        } else {
            seq_tree_add(&tree, &s->node);
        }
        s->in = !s->in;
        count += s->in ? 1U : UINT32_MAX;
        if (step % 50 == 0) {
            check_all(first, count);
        }
    }
}
END_TEST

/* In order and backwards, as a hostile peer would have it: still flat. */
START_TEST(sorted_ones)
{
    seq_tree_init(&tree, 1, offsetof(struct stretch, start) - offsetof(struct stretch, node));
    for (uint32_t i = 0; i < PLACES; i++) {
        struct stretch *s = &all[_i == 0 ? i : PLACES - 1 - i];
        s->start = seq_of((_i == 0 ? i : PLACES - 1 - i) * WIDTH);
        s->end = seq_add(s->start, WIDTH);
        s->in = true;
        seq_tree_add(&tree, &s->node);
    }
    check_all(seq_of(0), PLACES);
}
END_TEST

Suite *seq_tree_suite(void);
Suite *seq_tree_suite(void)
{
    Suite *s = suite_create("seq_tree");
    TCase *t = tcase_create("seq_tree");
    tcase_add_loop_test(t, random_ones, 0, 2);
    tcase_add_loop_test(t, sorted_ones, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
