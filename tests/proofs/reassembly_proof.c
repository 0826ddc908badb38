/* Reassembly (stack/tcp/reassembly.c) keeps what it was given in order, and delivers exactly that.
 *
 * The invariant: ranges are sorted, neither touch nor overlap, are not empty and begin beyond what comes
 * next; the bytes of a range follow each other without a gap from its start to its end; `count` and
 * `bytes` say what is there. Proven for every state of up to two ranges in which it holds, and any segment,
 * both anywhere within REACH bytes (REACH_OF_TWO for an insertion among two ranges), any limit on ranges,
 * and memory that may run out at any point:
 * - find_place gives the first range that ends at or behind a number (reassembly_place);
 * - wherever that is (insert_A_B: place B among A ranges), after an insertion the invariant holds, with no
 *   more ranges than the limit allows; nothing that was there is gone, nothing is there that was
 *   neither there nor in the segment, and unless something ran out all of the segment is, in a range that
 *   counts as touched last; when it says that nothing was kept, nothing changed;
 * - after reassembly_take it holds; delivered are the bytes from `next` on, in order and without a gap, as
 *   far as they reach, and all behind the first gap are still there;
 * - reassembly_sack tells ranges that are there, each once, the latest grown first, no more than `max`;
 * - no view and no range is used after it was given back, or given back twice, and none is lost.
 * The distances are small, since the code only compares, adds and takes away sequence numbers: seq_proof.c
 * has it that these agree at any place and for any distance below half of the space.
 *
 * The source is included, so that a list node becomes a range by a choice among those that there are: the
 * head is never taken for one. As for the bytes themselves: a view's `off` is the distance of its first
 * byte, and a queue of views is known by the distances between which it lies.
 * Stubs: the tree by its contract in seq_tree.h, as a search along the list; buf_share, buf_free and the trims by their contracts in buf.h, queues by theirs in buf_queue.h
 * (buf_queue_proof.c has these), pool_get and pool_put with one range to give.
 *
 * proof-sources:
 * proof-unwind: 4
 * proof-unwind-insert_0_0: 2
 * proof-unwind-insert_1_0: 3
 * proof-unwind-insert_1_1: 3
 * proof-checks: --unsigned-overflow-check
 * proof-checks-insert_0_0: --paths lifo
 * proof-checks-insert_1_0: --paths lifo
 * proof-checks-insert_1_1: --paths lifo
 * proof-checks-insert_2_0: --paths lifo
 * proof-checks-insert_2_1: --paths lifo
 * proof-checks-insert_2_2: --paths lifo
 * proof-checks-reassembly_take: --paths lifo
 * proof-wraps: seq_add seq_sub seq_diff seq_span
 */
#include "stack/tcp/reassembly.h"

#include "stack/base/buf_queue.h"
#include "tests/proofs/proof.h"

#define WRAP 8U /* the distance of 0 from `base`, with up to one range */
#define REACH 16U
#define REACH_OF_TWO 8U /* for insertions among two ranges, which are many cases */

static struct tcp_range held[3]; /* by sequence number; the last is a new one */

static struct tcp_range *the_range(const void *node)
{
    if (node == &held[0].link || node == &held[0].recent_link || node == &held[0].node) {
        return &held[0];
    }
    if (node == &held[1].link || node == &held[1].recent_link || node == &held[1].node) {
        return &held[1];
    }
    PROVE(node == &held[2].link || node == &held[2].recent_link, "a range");
    return &held[2];
}

#undef CONTAINER_OF
#define CONTAINER_OF(node, type, member) ((type *)the_range(node))
#include "stack/tcp/reassembly.c" /* NOLINT(bugprone-suspicious-include) */

/* Where the bytes of a range's queue lie, as distances from `base`. */
struct stretch {
    uint32_t from, to;
    bool live; /* the range is not given back */
};

static struct stretch stretches[3]; /* of `held` */
static struct stretch out;          /* of what is delivered */
static struct list ready;           /* its queue */
static struct slab memory;          /* never looked into */
static struct buf segment, view;
static tcp_seq base; /* distances count from here */
static uint32_t reach = REACH;
static bool refused; /* something ran out */

static struct stretch *stretch_of(const struct list *queue)
{
    if (queue == &held[0].bufs) {
        return &stretches[0];
    }
    if (queue == &held[1].bufs) {
        return &stretches[1];
    }
    return queue == &held[2].bufs ? &stretches[2] : &out;
}

void seq_tree_init(struct seq_tree *t, uint32_t dice, size_t edges)
{
    *t = (struct seq_tree){.dice = dice, .edges = edges};
}

void seq_tree_add(struct seq_tree *t, struct seq_node *n)
{
    PROVE((n == &held[2].node) & (t->root == NULL), "the new range, once");
    t->root = n; /* which says that the new one is in it */
}

void seq_tree_remove(struct seq_tree *t, struct seq_node *n)
{
    PROVE((n != &held[2].node) | (t->root == n), "one that is in it");
    t->root = n == &held[2].node ? NULL : t->root;
}

struct seq_node *seq_tree_at(const struct seq_tree *t, tcp_seq seq)
{
    (void)t;
    return seq_gt(held[0].end, seq) ? &held[0].node : &held[1].node;
}

struct buf *buf_share(const struct buf *b)
{
    PROVE((b == &segment) & (b->slab != NULL) & (view.slab == NULL), "one view at a time");
    if (nondet_bool()) {
        refused = true;
        return NULL;
    }
    view = *b;
    return &view;
}

void buf_free(struct buf *b)
{
    PROVE((b == &segment) & (b->slab != NULL), "given back once");
    b->slab = NULL;
}

void buf_trim_front(struct buf *b, size_t n)
{
    PROVE(n <= b->len, "no more than it has");
    b->off += (uint32_t)n;
    b->len -= (uint32_t)n;
}

void buf_trim_back(struct buf *b, size_t n)
{
    PROVE(n <= b->len, "no more than it has");
    b->len -= (uint32_t)n;
}

void buf_free_queue(struct list *queue)
{
    struct stretch *s = stretch_of(queue);
    s->from = s->to;
}

void buf_queue_push(struct list *queue, struct buf *b)
{
    struct stretch *s = stretch_of(queue);
    PROVE((b == &view) & (b->slab != NULL) & (b->len > 0), "a live view of something");
    bool first = s->from == s->to;
    PROVE(first | (s->to == b->off), "the bytes that follow");
    s->from = first ? b->off : s->from;
    s->to = b->off + b->len;
    b->slab = NULL;
}

void buf_queue_append(struct list *from, struct list *to)
{
    struct stretch *behind = stretch_of(from);
    struct stretch *s = stretch_of(to);
    PROVE((s->to == behind->from) & (s->from < s->to), "the bytes that follow");
    s->to = behind->to;
    behind->from = behind->to;
}

void buf_queue_join_front(struct list *queue)
{
    PROVE(stretch_of(queue)->live, "a range that is there");
}

uint32_t buf_queue_move(struct list *from, uint32_t skip, struct list *to)
{
    struct stretch *s = stretch_of(from);
    PROVE(to == &ready, "delivered");
    uint32_t len = s->to - s->from;
    uint32_t moved = skip < len ? len - skip : 0;
    PROVE((moved == 0) | (out.to == s->to - moved), "the bytes that follow");
    out.to += moved;
    s->from = s->to;
    return moved;
}

void *pool_get(struct pool *p)
{
    PROVE(p == NULL && !stretches[2].live, "one new range at the most");
    if (nondet_bool()) {
        refused = true;
        return NULL;
    }
    stretches[2] = (struct stretch){.live = true};
    return &held[2];
}

void pool_put(struct pool *p, void *object)
{
    struct tcp_range *range = object;
    struct stretch *s = stretch_of(&range->bufs);
    PROVE((p == NULL) & s->live & (s->from == s->to) & !list_linked(&range->link) &
              !list_linked(&range->recent_link),
          "given back once, off the list, and empty");
    s->live = false;
}

static uint32_t distance(tcp_seq s)
{
    return seq_span(base, s);
}

static uint32_t make_range(struct reassembly *r, unsigned i, uint32_t behind)
{
    uint32_t start = any_below(reach);
    uint32_t end = any_below(reach);
    ASSUME((behind < start) & (start < end));
    stretches[i] = (struct stretch){start, end, true};
    held[i].start = seq_add(base, start);
    held[i].end = seq_add(base, end);
    list_push_back(&r->ranges, &held[i].link);
    list_push_back(&r->recent, &held[i].recent_link);
    r->count++;
    r->bytes += end - start;
    return end;
}

/* Any state of `n` ranges in which the invariant holds. */
static inline void make(struct reassembly *r, unsigned n)
{
    reassembly_init(r, 0);
    base = seq_sub(seq_of(0), n < 2 ? WRAP : 0);
    uint32_t end = 0;
    for (unsigned i = 0; i < n; i++) {
        end = make_range(r, i, end);
    }
}

/* The invariant, where what lies up to `next` was delivered. */
static void check(const struct reassembly *r, uint32_t next)
{
    uint32_t last = next;
    uint32_t count = 0;
    uint32_t bytes = 0;
    for (struct list *n = r->ranges.next; n != &r->ranges; n = n->next) {
        const struct tcp_range *range = the_range(n);
        const struct stretch *s = stretch_of(&range->bufs);
        uint32_t start = distance(range->start);
        uint32_t end = distance(range->end);
        PROVE((start > last) & (end > start), "sorted, apart, beyond what comes next, not empty");
        PROVE(s->live & (s->from == start) & (s->to == end), "its bytes from start to end");
        PROVE(list_linked(&range->recent_link), "among the recent ones");
        last = end;
        count++;
        bytes += end - start;
    }
    PROVE((r->count == count) & (r->bytes == bytes), "counts what is there");
    PROVE((uint32_t)stretches[0].live + stretches[1].live + stretches[2].live == count,
          "no range is lost");
}

/* The range that the byte at distance `at` lies in; NULL: it is not there. */
static const struct tcp_range *holder(const struct reassembly *r, uint32_t at)
{
    const struct tcp_range *found = NULL;
    for (struct list *n = r->ranges.next; n != &r->ranges; n = n->next) {
        const struct tcp_range *range = the_range(n);
        bool here = (distance(range->start) <= at) & (at < distance(range->end));
        found = here ? range : found;
    }
    return found;
}

static bool is_there(const struct reassembly *r, uint32_t at)
{
    bool there = false;
    for (struct list *n = r->ranges.next; n != &r->ranges; n = n->next) {
        const struct tcp_range *range = the_range(n);
        there |= (distance(range->start) <= at) & (at < distance(range->end));
    }
    return there;
}

PROOF(reassembly_place)
{
    struct reassembly r;
    make(&r, 2);
    uint32_t at = any_below(reach);
    struct list *place = find_place(&r, seq_add(base, at));
    PROVE(place == &r.ranges || distance(the_range(place)->end) >= at, "ends there or behind");
    PROVE(place->prev == &r.ranges || distance(the_range(place->prev)->end) < at, "the first");
    REACHES_IF(place == &held[1].link, "the second range");
    REACHES_IF(place == &r.ranges, "behind all");
}

/* Inserts any segment that find_place finds `place` for: a range, or all ranges' end (2). */
static inline struct reassembly insert(unsigned n, unsigned where)
{
    struct reassembly r;
    reach = n < 2 ? REACH : REACH_OF_TWO;
    make(&r, n);
    uint32_t start = any_below(reach);
    uint32_t len = any_below(reach);
    uint32_t watched = any_below(2 * reach);
    ASSUME(start > 0);
    ASSUME(where == n || distance(held[where].end) >= start);
    ASSUME(where == 0 || distance(held[where - 1].end) < start);
    segment = (struct buf){.slab = &memory, .off = start, .len = len};
    bool was_there = is_there(&r, watched);
    bool in_segment = (watched >= start) & (watched < start + len);
    uint32_t bytes = r.bytes;
    uint32_t max = any_below(4);
    bool kept = insert_at(&r, NULL, max, where == n ? &r.ranges : &held[where].link,
                          seq_add(base, start), &segment);
    check(&r, 0);
    bool there = is_there(&r, watched);
    PROVE((r.count <= n) | (r.count <= max), "no more ranges than the limit allows");
    PROVE(there | !was_there, "nothing is gone");
    PROVE(!there | was_there | in_segment, "nothing came from elsewhere");
    PROVE(there | !in_segment | refused | (!kept & (n >= max)), "all of the segment");
    PROVE(kept | ((r.bytes == bytes) & (r.count == n)), "refused: nothing was kept");
    PROVE((segment.slab == NULL) & (view.slab == NULL), "the segment is given back");
    const struct tcp_range *range = holder(&r, start);
    PROVE(!kept | (range == NULL) | (range != NULL && r.recent.next == &range->recent_link),
          "touched last");
    REACHES_IF(!kept & (len > 0), "a refusal");
    REACHES_IF(kept & (r.count == n + 1), "one more range");
    return r;
}

PROOF(insert_0_0)
{
    struct reassembly r = insert(0, 0);
    REACHES_IF((r.count == 1) & (segment.off < WRAP) & (held[2].end.v < WRAP), "across the wrap");
}

PROOF(insert_1_0)
{
    struct reassembly r = insert(1, 0);
    REACHES_IF((r.count == 1) & stretches[2].live, "two ranges joined");
}

PROOF(insert_1_1)
{
    insert(1, 1);
}

PROOF(insert_2_0)
{
    struct reassembly r = insert(2, 0);
    REACHES_IF(r.count == 1, "all joined");
}

PROOF(insert_2_1)
{
    struct reassembly r = insert(2, 1);
    REACHES_IF((r.count == 2) & stretches[2].live, "two ranges joined");
}

PROOF(insert_2_2)
{
    insert(2, 2);
}

PROOF(reassembly_take)
{
    struct reassembly r;
    make(&r, 2);
    list_init(&ready);
    uint32_t next = any_below(reach);
    uint32_t watched = any_below(2 * reach);
    bool was_there = is_there(&r, watched);
    bool next_there = is_there(&r, next);
    out = (struct stretch){next, next, true};
    uint32_t taken = reassembly_take(&r, NULL, seq_add(base, next), &ready);
    check(&r, next + taken);
    PROVE(out.to == next + taken, "says how many");
    PROVE((taken > 0) == next_there, "something, if what comes next is there");
    bool delivered = (watched >= next) & (watched < next + taken);
    PROVE(!delivered | was_there, "delivered is what was there");
    PROVE(is_there(&r, watched) == (was_there & (watched > next + taken)), "the rest is there");
    REACHES_IF((taken > 0) & (r.count == 1), "a part delivered");
    REACHES_IF((taken == 0) & (r.count == 0) & was_there, "all of it is old");
}

PROOF(reassembly_sack)
{
    struct reassembly r;
    make(&r, 2);
    list_remove(&held[1].recent_link);
    list_push_front(&r.recent, &held[1].recent_link); /* the second has grown last */
    struct tcp_sack_block blocks[3];
    unsigned max = any_below(4);
    unsigned n = reassembly_sack(&r, blocks, max);
    PROVE(n == u32_min(max, r.count), "as many as there are, or fit");
    for (unsigned i = 0; i < n; i++) {
        const struct tcp_range *range = &held[1 - i];
        PROVE(seq_eq(blocks[i].start, range->start) & seq_eq(blocks[i].end, range->end),
              "each whole, the latest first");
    }
    REACHES_IF(n == 2, "two");
}

PROOF(reassembly_done)
{
    struct reassembly r;
    make(&r, 2);
    reassembly_done(&r, NULL);
    check(&r, 0);
    PROVE((r.count == 0) & (r.bytes == 0), "none is left");
    REACHES("the end");
}
