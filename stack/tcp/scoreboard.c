#include "stack/tcp/scoreboard.h"

static struct tcp_sent *run_of(struct list *node)
{
    return CONTAINER_OF(node, struct tcp_sent, link);
}

static struct tcp_sent *run_of_state(struct list *node)
{
    return CONTAINER_OF(node, struct tcp_sent, state_link);
}

static struct tcp_sent *run_of_node(struct seq_node *node)
{
    return node != NULL ? CONTAINER_OF(node, struct tcp_sent, node) : NULL;
}

struct tcp_sent *scoreboard_at(const struct scoreboard *b, tcp_seq seq)
{
    return run_of_node(seq_tree_at(&b->tree, seq));
}

/* ---- runs ---- */

void scoreboard_init(struct scoreboard *b, uint32_t dice)
{
    *b = (struct scoreboard){0};
    seq_tree_init(&b->tree, dice,
                  offsetof(struct tcp_sent, start) - offsetof(struct tcp_sent, node));
    list_init(&b->runs);
    list_init(&b->out);
    list_init(&b->lost);
}

/* Takes the run off the list of its state, and off its sum. */
static void leave_state(struct scoreboard *b, struct tcp_sent *run)
{
    if (run->state == SENT_SACKED) {
        b->sacked_bytes -= sent_len(run);
        return;
    }
    if (b->latest_lost == &run->state_link) {
        b->latest_lost = NULL;
    }
    list_remove(&run->state_link);
    if (run->state == SENT_LOST) {
        b->lost_bytes -= sent_len(run);
    }
}

/* Runs are marked lost in the order in which they were sent: rising, from wherever a round of sending again began. So
 * the place is looked for from where the latest one was put, or from the end. */
static void add_to_lost(struct scoreboard *b, struct tcp_sent *run)
{
    struct list *at = b->latest_lost != NULL ? b->latest_lost : &b->lost;
    if (at != &b->lost && seq_lt(run_of_state(at)->start, run->start)) {
        do {
            at = at->next;
        } while (at != &b->lost && seq_lt(run_of_state(at)->start, run->start));
    } else if (at == &b->lost && !list_empty(at) &&
               seq_lt(run->start, run_of_state(at->next)->start)) {
        at = at->next;
    } else {
        while (at->prev != &b->lost && seq_gt(run_of_state(at->prev)->start, run->start)) {
            at = at->prev;
        }
    }
    list_insert_before(at, &run->state_link);
    b->latest_lost = &run->state_link;
    b->lost_bytes += sent_len(run);
}

/* By when they were sent, and those of one moment by sequence number: so RACK looks at what may be lost, and no
 * further. */
static void add_to_out(struct scoreboard *b, struct tcp_sent *run)
{
    struct list *at = &b->out;
    while (at->prev != &b->out && run_of_state(at->prev)->sent_at == run->sent_at &&
           seq_gt(run_of_state(at->prev)->start, run->start)) {
        at = at->prev;
    }
    list_insert_before(at, &run->state_link);
}

static void enter_state(struct scoreboard *b, struct tcp_sent *run, enum sent_state state)
{
    run->state = (uint8_t)state;
    if (state == SENT_SACKED) {
        b->sacked_bytes += sent_len(run);
    } else if (state == SENT_LOST) {
        add_to_lost(b, run);
    } else {
        add_to_out(b, run);
    }
}

static void free_run(struct scoreboard *b, struct pool *pool, struct tcp_sent *run)
{
    leave_state(b, run);
    seq_tree_remove(&b->tree, &run->node);
    list_remove(&run->link);
    b->count--;
    pool_put(pool, run);
}

void scoreboard_done(struct scoreboard *b, struct pool *pool)
{
    while (!list_empty(&b->runs)) {
        free_run(b, pool, run_of(b->runs.next));
    }
}

struct tcp_sent *scoreboard_first(const struct scoreboard *b)
{
    return list_empty(&b->runs) ? NULL : run_of(b->runs.next);
}

struct tcp_sent *scoreboard_last(const struct scoreboard *b)
{
    return list_empty(&b->runs) ? NULL : run_of(b->runs.prev);
}

struct tcp_sent *scoreboard_next(const struct scoreboard *b, const struct tcp_sent *run)
{
    return run->link.next == &b->runs ? NULL : run_of(run->link.next);
}

static struct tcp_sent *previous(const struct scoreboard *b, const struct tcp_sent *run)
{
    return run->link.prev == &b->runs ? NULL : run_of(run->link.prev);
}

struct tcp_sent *scoreboard_first_lost(const struct scoreboard *b)
{
    return list_empty(&b->lost) ? NULL : run_of_state(b->lost.next);
}

struct tcp_sent *scoreboard_oldest(const struct scoreboard *b)
{
    return list_empty(&b->out) ? NULL : run_of_state(b->out.next);
}

struct tcp_sent *scoreboard_younger(const struct scoreboard *b, const struct tcp_sent *run)
{
    return run->state_link.next == &b->out ? NULL : run_of_state(run->state_link.next);
}

struct tcp_sent *scoreboard_cut(struct scoreboard *b, struct pool *pool, struct tcp_sent *run,
                                tcp_seq at)
{
    struct tcp_sent *rest = pool_get(pool);
    if (rest == NULL) {
        return NULL;
    }
    *rest = *run;
    rest->start = at;
    run->in_flight -= u32_min(run->in_flight, sent_len(rest));
    run->end = at;
    list_insert_before(run->link.next, &rest->link);
    if (run->state != SENT_SACKED) {
        list_insert_before(run->state_link.next, &rest->state_link);
    }
    seq_tree_add(&b->tree, &rest->node);
    b->count++;
    return rest;
}

static void change_state(struct scoreboard *b, struct tcp_sent *run, enum sent_state state)
{
    leave_state(b, run);
    enter_state(b, run, state);
}

/* Runs that share their fate become one: what is lost or SACKed, whenever it was sent; what is out, if it
 * was sent at the same moment. What was sent once stays apart from what was sent more often. */
static bool alike(const struct tcp_sent *a, const struct tcp_sent *b)
{
    if (a->state != b->state || a->refused != b->refused ||
        (a->state != SENT_SACKED && a->again != b->again)) {
        return false;
    }
    return a->state != SENT_OUT || (a->sent_at == b->sent_at && a->delivered == b->delivered);
}

static void absorb_next(struct scoreboard *b, struct pool *pool, struct tcp_sent *run)
{
    struct tcp_sent *next = scoreboard_next(b, run);
    if (next == NULL || !alike(run, next)) {
        return;
    }
    uint32_t len = sent_len(next);
    bool again = next->again;
    tcp_seq end = next->end;
    free_run(b, pool, next);
    run->end = end;
    run->again = run->again || again;
    if (run->state == SENT_LOST) {
        b->lost_bytes += len;
    } else if (run->state == SENT_SACKED) {
        b->sacked_bytes += len;
    }
}

static void join_neighbours(struct scoreboard *b, struct pool *pool, struct tcp_sent *run)
{
    absorb_next(b, pool, run);
    struct tcp_sent *before = previous(b, run);
    if (before != NULL) {
        absorb_next(b, pool, before);
    }
}

static void put_stamp(struct tcp_sent *run, const struct sent_stamp *stamp)
{
    run->sent_at = stamp->sent_at;
    run->delivered = stamp->delivered;
    run->lost = stamp->lost;
    run->in_flight = stamp->in_flight;
    run->delivered_at = stamp->delivered_at;
    run->first_sent_at = stamp->first_sent_at;
    run->app_limited = stamp->app_limited;
}

/* ---- sending ---- */

/* At a bound: the last run grows by the new octets, and counts as sent when they were. */
static bool extend_last(struct scoreboard *b, struct tcp_sent *last, tcp_seq end,
                        const struct sent_stamp *stamp)
{
    if (last == NULL) {
        return false;
    }
    leave_state(b, last);
    last->end = end;
    put_stamp(last, stamp);
    enter_state(b, last, SENT_OUT);
    return true;
}

bool scoreboard_sent(struct scoreboard *b, struct pool *pool, uint32_t max, tcp_seq start,
                     tcp_seq end, const struct sent_stamp *stamp)
{
    struct tcp_sent *last = scoreboard_last(b);
    bool same = last != NULL && last->state == SENT_OUT && !last->again &&
                last->sent_at == stamp->sent_at && last->delivered == stamp->delivered;
    if (same) {
        last->end = end;
        last->in_flight = stamp->in_flight;
        return true;
    }
    struct tcp_sent *run = b->count < max ? pool_get_zero(pool) : NULL;
    if (run == NULL) {
        return extend_last(b, last, end, stamp);
    }
    run->start = start;
    run->end = end;
    put_stamp(run, stamp);
    list_push_back(&b->runs, &run->link);
    seq_tree_add(&b->tree, &run->node);
    b->count++;
    enter_state(b, run, SENT_OUT);
    return true;
}

bool scoreboard_sent_again(struct scoreboard *b, struct pool *pool, struct tcp_sent *run,
                           uint32_t len, const struct sent_stamp *stamp)
{
    if (len < sent_len(run) && scoreboard_cut(b, pool, run, seq_add(run->start, len)) == NULL) {
        return false;
    }
    leave_state(b, run);
    run->again = true;
    run->refused = false;
    put_stamp(run, stamp);
    enter_state(b, run, SENT_OUT);
    join_neighbours(b, pool, run);
    return true;
}

/* ---- acknowledgments ---- */

static void trim_front(struct scoreboard *b, struct tcp_sent *run, tcp_seq start)
{
    uint32_t n = seq_span(run->start, start);
    b->lost_bytes -= run->state == SENT_LOST ? n : 0;
    b->sacked_bytes -= run->state == SENT_SACKED ? n : 0;
    run->start = start;
}

void scoreboard_acked(struct scoreboard *b, struct pool *pool, tcp_seq una, sent_delivered told,
                      void *arg)
{
    struct tcp_sent *run;
    while ((run = scoreboard_first(b)) != NULL && seq_lt(run->start, una)) {
        tcp_seq upto = seq_min(run->end, una);
        if (run->state != SENT_SACKED) {
            told(arg, run, upto);
        }
        if (seq_lt(upto, run->end)) {
            trim_front(b, run, upto);
            return;
        }
        free_run(b, pool, run);
    }
}

/* Makes a run begin at `start`, if there is one that lies across it. NULL: no run could be had. */
static struct tcp_sent *cut_front(struct scoreboard *b, struct pool *pool, uint32_t max,
                                  struct tcp_sent *run, tcp_seq start)
{
    if (seq_ge(run->start, start) || run->state == SENT_SACKED) {
        return run;
    }
    return b->count < max ? scoreboard_cut(b, pool, run, start) : NULL;
}

uint32_t scoreboard_sacked(struct scoreboard *b, struct pool *pool, uint32_t max, tcp_seq start,
                           tcp_seq end, sent_delivered told, void *arg)
{
    uint32_t before = b->sacked_bytes;
    struct tcp_sent *run = scoreboard_at(b, start);
    run = run != NULL ? cut_front(b, pool, max, run, start) : NULL;
    while (run != NULL && seq_lt(run->start, end)) {
        if (run->state == SENT_SACKED) {
            run = scoreboard_next(b, run);
            continue;
        }
        bool across = seq_gt(run->end, end);
        if (across && (b->count >= max || scoreboard_cut(b, pool, run, end) == NULL)) {
            break;
        }
        told(arg, run, run->end);
        change_state(b, run, SENT_SACKED);
        join_neighbours(b, pool, run);
        run = scoreboard_at(b, start); /* joined with its neighbours, it begins there or before */
    }
    return b->sacked_bytes - before;
}

/* ---- losses ---- */

uint32_t scoreboard_mark_lost(struct scoreboard *b, struct pool *pool, struct tcp_sent *run,
                              tcp_seq upto)
{
    if (run->state != SENT_OUT) {
        return 0;
    }
    if (seq_gt(run->end, upto)) {
        scoreboard_cut(b, pool, run, upto); /* without a cut all of it counts as lost */
    }
    uint32_t n = sent_len(run);
    change_state(b, run, SENT_LOST);
    join_neighbours(b, pool, run);
    return n;
}

void scoreboard_mark_all_lost(struct scoreboard *b, struct pool *pool)
{
    struct tcp_sent *first = scoreboard_first(b);
    struct tcp_sent *next;
    for (struct tcp_sent *run = first; run != NULL; run = next) {
        next = scoreboard_next(b, run);
        if (run->state != SENT_LOST) {
            change_state(b, run, SENT_LOST);
        }
    }
    struct tcp_sent *run = first;
    while (run != NULL) {
        next = scoreboard_next(b, run);
        if (next != NULL && alike(run, next)) {
            absorb_next(b, pool, run);
        } else {
            run = next;
        }
    }
}

void scoreboard_unmark_lost(struct scoreboard *b, struct pool *pool, nsec now)
{
    struct tcp_sent *next;
    for (struct tcp_sent *run = scoreboard_first_lost(b); run != NULL; run = next) {
        next = scoreboard_next(b, run);
        if (run->state == SENT_LOST && !run->refused) {
            run->sent_at = now;
            run->again = true;
            change_state(b, run, SENT_OUT);
            absorb_next(b, pool, run);
            next = scoreboard_next(b, run); /* `run` may go next, into the one before */
            struct tcp_sent *before = previous(b, run);
            if (before != NULL) {
                absorb_next(b, pool, before);
            }
        }
    }
}
