/* The scoreboard (stack/tcp/scoreboard.c) keeps account of every octet that is outstanding.
 *
 * The invariant: runs lie in order, each where the one before it ends, none empty; `count`, `lost_bytes` and
 * `sacked_bytes` say what is there; the list of those that are out has exactly these, in the order in which
 * they were sent, that of the lost ones exactly these, by sequence number, and the tree has all. Proven for
 * every state of two runs in which it holds, anywhere within REACH octets, any call as the header allows it,
 * any limit on runs, and memory that may run out at any point: the invariant holds afterwards, and
 * - scoreboard_sent notes the new octets as out, behind all others; where no run is to be had, the last one
 *   counts as sent with them;
 * - scoreboard_sent_again has the octets that were sent out, and no others change;
 * - scoreboard_acked leaves nothing before `una`, and all behind as it was; it tells of each octet that was not
 *   SACKed, once;
 * - scoreboard_mark_lost, scoreboard_mark_all_lost and scoreboard_unmark_lost change the octets that they are for,
 *   and no others;
 * - a run is given back once, off all lists and the tree, and scoreboard_done gives back all.
 * - scoreboard_sacked has the octets of the block SACKed, each told once, unless no run is to be had, and no others
 *   change: for one run of four octets, and two of three, each in any state, and blocks inside, at either end, of all, and
 *   across both.
 * The distances are small, since the code only compares, adds and takes away sequence numbers (seq_proof.c).
 *
 * The source is included, so that a list node becomes a run by a choice among those that there are: the
 * head is never taken for one. Stubs: the tree by its contract (seq_tree_proof.c has it), and pool_get, pool_put.
 *
 * proof-sources:
 * proof-unwind: 6
 * proof-checks: --unsigned-overflow-check --paths lifo
 * proof-wraps: seq_add seq_sub seq_diff seq_span
 */
#include "stack/tcp/scoreboard.h"

#include "tests/proofs/proof.h"

#define REACH 8U
#define RUNS 4U /* two at first, and a cut at each end of a block */

static struct tcp_sent run0, run1, run2, run3;

static struct tcp_sent *run_at(unsigned i)
{
    if (i == 0) {
        return &run0;
    }
    if (i == 1) {
        return &run1;
    }
    return i == 2 ? &run2 : &run3;
}

/* The run with a node at `member` bytes from its start. */
static struct tcp_sent *the_run(const void *node, size_t member)
{
    for (unsigned i = 0; i < RUNS; i++) {
        struct tcp_sent *run = run_at(i);
        if (node == (member == offsetof(struct tcp_sent, link)         ? (void *)&run->link
                     : member == offsetof(struct tcp_sent, state_link) ? (void *)&run->state_link
                                                                       : (void *)&run->node)) {
            return run;
        }
    }
    PROVE(false, "a run, not a head");
    return &run0;
}

#undef CONTAINER_OF
#define CONTAINER_OF(ptr, type, member) ((type *)the_run(ptr, offsetof(type, member)))
#include "stack/tcp/scoreboard.c" /* NOLINT(bugprone-suspicious-include) */

static bool live[RUNS];    /* not given back */
static bool in_tree[RUNS]; /* has been added */
static bool refused;       /* no run was had */
static uint32_t una, nxt;  /* what is outstanding */
static uint32_t watched;   /* one octet, any */
static unsigned told_times, told_bytes;

static unsigned index_of(const struct tcp_sent *run)
{
    for (unsigned i = 0; i < RUNS - 1; i++) {
        if (run == run_at(i)) {
            return i;
        }
    }
    PROVE(run == &run3, "a run");
    return RUNS - 1;
}

void seq_tree_init(struct seq_tree *t, uint32_t dice, size_t edges)
{
    PROVE(edges == offsetof(struct tcp_sent, start) - offsetof(struct tcp_sent, node), "edges");
    *t = (struct seq_tree){.dice = dice, .edges = edges};
}

void seq_tree_add(struct seq_tree *t, struct seq_node *n)
{
    unsigned i = index_of(the_run(n, offsetof(struct tcp_sent, node)));
    PROVE(t != NULL && live[i] && !in_tree[i], "added once");
    in_tree[i] = true;
}

void seq_tree_remove(struct seq_tree *t, struct seq_node *n)
{
    unsigned i = index_of(the_run(n, offsetof(struct tcp_sent, node)));
    PROVE(t != NULL && live[i] && in_tree[i], "it is in it");
    in_tree[i] = false;
}

static struct list *runs_of_tree; /* scoreboard.runs */

struct seq_node *seq_tree_at(const struct seq_tree *t, tcp_seq seq)
{
    PROVE(t != NULL, "a tree");
    for (struct list *n = runs_of_tree->next; n != runs_of_tree; n = n->next) {
        struct tcp_sent *run = run_of(n);
        if (seq_gt(run->end, seq)) {
            return &run->node;
        }
    }
    return NULL;
}

void *pool_get(struct pool *p)
{
    unsigned i = !live[2] ? 2 : 3;
    PROVE(p == NULL && !live[i], "no more runs than are counted on");
    if (nondet_bool()) {
        refused = true;
        return NULL;
    }
    live[i] = true;
    return run_at(i);
}

void *pool_get_zero(struct pool *p)
{
    struct tcp_sent *run = pool_get(p);
    if (run != NULL) {
        *run = (struct tcp_sent){0};
    }
    return run;
}

void pool_put(struct pool *p, void *object)
{
    struct tcp_sent *run = object;
    unsigned i = index_of(run);
    PROVE(p == NULL && live[i] && !in_tree[i] && !list_linked(&run->link), "given back once");
    PROVE(run->state == SENT_SACKED || !list_linked(&run->state_link), "off its list");
    live[i] = false;
}

static void told(void *arg, const struct tcp_sent *run, tcp_seq upto)
{
    PROVE(arg == NULL && run->state != SENT_SACKED, "for the first time");
    PROVE((run->start.v < upto.v) & (upto.v <= run->end.v), "of some of it");
    told_times += (run->start.v <= watched) & (watched < upto.v);
    told_bytes += upto.v - run->start.v;
}

static void make_run(struct scoreboard *b, unsigned i, enum sent_state state)
{
    struct tcp_sent *run = run_at(i);
    uint32_t end = any_below(REACH);
    ASSUME(end > nxt);
    *run = (struct tcp_sent){.start = seq_of(nxt), .end = seq_of(end), .state = (uint8_t)state};
    run->sent_at = (nsec)any_below(3);
    run->again = nondet_bool();
    list_push_back(&b->runs, &run->link);
    if (state == SENT_SACKED) {
        b->sacked_bytes += end - nxt;
    } else if (state == SENT_LOST) {
        list_push_back(&b->lost, &run->state_link);
        b->lost_bytes += end - nxt;
    }
    nxt = end;
    live[i] = true;
    in_tree[i] = true;
    b->count++;
}

static enum sent_state any_state(void)
{
    if (nondet_bool()) {
        return SENT_OUT;
    }
    if (nondet_bool()) { /* no conditional expression: one way for each */
        return SENT_LOST;
    }
    return SENT_SACKED;
}

/* Two runs in these states, any such in which the invariant holds. */
static inline void make_of(struct scoreboard *b, enum sent_state first, enum sent_state second)
{
    scoreboard_init(b, 1);
    runs_of_tree = &b->runs;
    una = any_below(REACH);
    nxt = una;
    watched = any_below(REACH);
    make_run(b, 0, first);
    make_run(b, 1, second);
    if (second == SENT_OUT) {
        list_push_back(&b->out, &run1.state_link);
    }
    if (first == SENT_OUT && second == SENT_OUT && nondet_bool()) {
        list_insert_before(b->out.next, &run0.state_link);
        ASSUME(run0.sent_at <= run1.sent_at);
    } else if (first == SENT_OUT) {
        list_push_back(&b->out, &run0.state_link);
        ASSUME((second != SENT_OUT) | (run0.sent_at >= run1.sent_at));
    }
}

/* Any state of two runs in which the invariant holds. */
static void make(struct scoreboard *b)
{
    enum sent_state first = any_state();
    enum sent_state second = any_state();
    make_of(b, first, second);
}

/* Checks a list of those in `state`; returns how many there are. `by_time`: else by number. */
static unsigned check_list(const struct list *head, enum sent_state state, bool by_time)
{
    unsigned n = 0;
    nsec at = 0;
    uint32_t end = 0;
    for (struct list *node = head->next; node != head; node = node->next) {
        const struct tcp_sent *run = run_of_state(node);
        PROVE(run->state == state && node->next->prev == node, "of this state");
        PROVE(by_time ? run->sent_at >= at : run->start.v >= end, "in order");
        at = run->sent_at;
        end = run->end.v;
        n++;
    }
    return n;
}

/* The invariant; returns the state of the octet that is watched, or -1. */
static int check(const struct scoreboard *b)
{
    uint32_t at = una;
    uint32_t lost = 0;
    uint32_t sacked = 0;
    unsigned n = 0;
    unsigned of[3] = {0, 0, 0};
    int state = -1;
    for (struct list *node = b->runs.next; node != &b->runs; node = node->next) {
        const struct tcp_sent *run = run_of(node);
        unsigned i = index_of(run);
        uint32_t end = run->end.v;
        PROVE(live[i] && in_tree[i] && node->next->prev == node, "live, and in the tree");
        PROVE((run->start.v == at) & (end > at), "each where the one before it ends");
        lost += run->state == SENT_LOST ? end - at : 0;
        sacked += run->state == SENT_SACKED ? end - at : 0;
        state = (at <= watched) & (watched < end) ? run->state : state;
        of[run->state]++;
        at = end;
        n++;
    }
    PROVE(at == nxt, "all that is outstanding");
    PROVE(b->count == n && n == (unsigned)live[0] + live[1] + live[2] + live[3], "as many");
    PROVE((b->lost_bytes == lost) & (b->sacked_bytes == sacked), "the sums");
    PROVE(check_list(&b->out, SENT_OUT, true) == of[SENT_OUT], "those that are out");
    PROVE(check_list(&b->lost, SENT_LOST, false) == of[SENT_LOST], "those that are lost");
    return state;
}

static struct sent_stamp any_stamp(void)
{
    return (struct sent_stamp){.sent_at = 2 + (nsec)any_below(2)};
}

PROOF(scoreboard_sent)
{
    struct scoreboard b;
    make(&b);
    int was = check(&b);
    uint32_t before = nxt;
    uint32_t end = any_below(2 * REACH);
    ASSUME(end > nxt);
    struct sent_stamp stamp = any_stamp();
    bool good = scoreboard_sent(&b, NULL, any_below(4), seq_of(nxt), seq_of(end), &stamp);
    PROVE(good, "there is a last run to grow");
    nxt = end;
    int state = check(&b);
    PROVE((state == was) | (watched >= before) | ((watched >= run1.start.v) & (state == SENT_OUT)),
          "others as they were, or the last as if sent now");
    PROVE((watched < before) | (watched >= end) | (state == SENT_OUT), "the new ones are out");
    REACHES_IF(b.count == 3, "a new run");
    REACHES_IF(b.count == 2, "one that grew");
}

static inline void sent_again(struct tcp_sent *run)
{
    struct scoreboard b;
    make(&b);
    int was = check(&b);
    uint32_t start = run->start.v;
    uint32_t len = any_below(REACH);
    uint32_t whole = sent_len(run);
    ASSUME((run->state != SENT_SACKED) & (len > 0) & (len <= whole));
    struct sent_stamp stamp = any_stamp();
    bool good = scoreboard_sent_again(&b, NULL, run, len, &stamp);
    int state = check(&b);
    bool inside = (watched >= start) & (watched < start + len);
    PROVE(good | refused, "only without memory");
    PROVE(state == (good & inside ? (int)SENT_OUT : was), "those and no others are out");
    REACHES_IF(b.count == 3, "a cut");
    REACHES_IF(good & (was == SENT_LOST) & inside, "what was lost");
}

PROOF(scoreboard_sent_again_0)
{
    sent_again(&run0);
}

PROOF(scoreboard_sent_again_1)
{
    sent_again(&run1);
}

PROOF(scoreboard_acked)
{
    struct scoreboard b;
    make(&b);
    int was = check(&b);
    uint32_t to = any_below(REACH);
    ASSUME((to >= una) & (to <= nxt));
    scoreboard_acked(&b, NULL, seq_of(to), told, NULL);
    bool gone = (watched < to) & (was >= 0);
    una = to;
    PROVE(check(&b) == (gone ? -1 : was), "gone, or as it was");
    PROVE(told_times == (gone & (was != SENT_SACKED)), "told once, unless SACKed before");
    REACHES_IF(b.count == 1 && gone, "a part");
}

/* Takes a SACK block of what is out, of which `known` octets in it were SACKed before. */
static void take_block(struct scoreboard *b, uint32_t start, uint32_t end, uint32_t known)
{
    watched = any_below(REACH);
    int was = check(b);
    uint32_t n = scoreboard_sacked(b, NULL, RUNS, seq_of(start), seq_of(end), told, NULL);
    int state = check(b);
    bool in_block = (watched >= start) & (watched < end);
    PROVE(in_block | (state == was), "no others change");
    PROVE(!in_block | (state == (int)SENT_SACKED) | (refused & (state == was)),
          "SACKED, or no run was to be had");
    PROVE(told_times == (unsigned)((state == (int)SENT_SACKED) & (was != (int)SENT_SACKED)),
          "told once");
    PROVE((told_bytes == n) & (refused | (n == end - start - known)), "how many");
    REACHES_IF(!refused, "all of it");
}

/* One run, [0, 4), and a block inside it, at its start, at its end, or that is all of it. */
static inline void sacked_one(enum sent_state only)
{
    static const uint32_t blocks[][2] = {{1, 3}, {0, 2}, {2, 4}, {0, 4}};
    struct scoreboard b;
    scoreboard_init(&b, 1);
    runs_of_tree = &b.runs;
    una = nxt = 0;
    make_run(&b, 0, only);
    ASSUME(nxt == 4);
    if (only == SENT_OUT) {
        list_push_back(&b.out, &run0.state_link);
    }
    for (unsigned i = 0; i < COUNT_OF(blocks); i++) {
        if (nondet_bool()) {
            uint32_t len = blocks[i][1] - blocks[i][0];
            take_block(&b, blocks[i][0], blocks[i][1], only == SENT_SACKED ? len : 0);
            return;
        }
    }
}

/* Two runs, [0, 3) and [3, 6), and a block that has all or a part of both. */
static inline void sacked_two(enum sent_state first, enum sent_state second)
{
    static const uint32_t blocks[][2] = {{0, 6}, {1, 5}, {0, 4}, {2, 6}};
    struct scoreboard b;
    make_of(&b, first, second);
    ASSUME((una == 0) & (seq_span(seq_of(0), run0.end) == 3) & (nxt == 6));
    for (unsigned i = 0; i < COUNT_OF(blocks); i++) {
        if (nondet_bool()) {
            uint32_t known = (first == SENT_SACKED ? 3 - blocks[i][0] : 0) +
                             (second == SENT_SACKED ? blocks[i][1] - 3 : 0);
            take_block(&b, blocks[i][0], blocks[i][1], known);
            return;
        }
    }
}

PROOF(sacked_out)
{
    sacked_one(SENT_OUT);
}

PROOF(sacked_lost)
{
    sacked_one(SENT_LOST);
}

PROOF(sacked_sacked)
{
    sacked_one(SENT_SACKED);
}

PROOF(sacked_out_out)
{
    sacked_two(SENT_OUT, SENT_OUT);
}

PROOF(sacked_out_lost)
{
    sacked_two(SENT_OUT, SENT_LOST);
}

PROOF(sacked_out_sacked)
{
    sacked_two(SENT_OUT, SENT_SACKED);
}

PROOF(sacked_lost_out)
{
    sacked_two(SENT_LOST, SENT_OUT);
}

PROOF(sacked_lost_lost)
{
    sacked_two(SENT_LOST, SENT_LOST);
}

PROOF(sacked_lost_sacked)
{
    sacked_two(SENT_LOST, SENT_SACKED);
}

PROOF(sacked_sacked_out)
{
    sacked_two(SENT_SACKED, SENT_OUT);
}

PROOF(sacked_sacked_lost)
{
    sacked_two(SENT_SACKED, SENT_LOST);
}

PROOF(sacked_sacked_sacked)
{
    sacked_two(SENT_SACKED, SENT_SACKED);
}

static inline void mark_lost(struct tcp_sent *run)
{
    struct scoreboard b;
    make(&b);
    int was = check(&b);
    uint32_t start = run->start.v;
    uint32_t end = run->end.v;
    uint32_t upto = any_below(REACH);
    ASSUME(upto > start);
    bool is_out = run->state == SENT_OUT;
    uint32_t n = scoreboard_mark_lost(&b, NULL, run, seq_of(upto));
    int state = check(&b);
    bool inside = (watched >= start) & (watched < start + n);
    PROVE(state == (inside ? (int)SENT_LOST : was), "those and no others");
    PROVE(n == (is_out ? ((upto < end) & !refused ? upto - start : end - start) : 0), "how many");
    REACHES_IF(b.count == 3, "a cut");
}

PROOF(scoreboard_mark_lost_0)
{
    mark_lost(&run0);
}

PROOF(scoreboard_mark_lost_1)
{
    mark_lost(&run1);
}

PROOF(scoreboard_mark_all_lost)
{
    struct scoreboard b;
    make(&b);
    int was = check(&b);
    scoreboard_mark_all_lost(&b, NULL);
    PROVE(check(&b) == (was >= 0 ? (int)SENT_LOST : -1), "all is lost");
    PROVE((b.lost_bytes == nxt - una) & (b.sacked_bytes == 0), "in the sums too");
    REACHES_IF(b.count == 1, "in one run");
    REACHES_IF(b.count == 2, "in two, one of which was sent more often");
}

PROOF(scoreboard_unmark_lost)
{
    struct scoreboard b;
    make(&b);
    int was = check(&b);
    scoreboard_unmark_lost(&b, NULL, 3);
    PROVE(check(&b) == (was == SENT_LOST ? (int)SENT_OUT : was), "what was lost is out");
    REACHES_IF(b.count == 1, "in one run");
}

PROOF(scoreboard_done)
{
    struct scoreboard b;
    make(&b);
    scoreboard_done(&b, NULL);
    nxt = una;
    PROVE(check(&b) == -1 && b.count == 0, "all is given back");
    REACHES("the end");
}
