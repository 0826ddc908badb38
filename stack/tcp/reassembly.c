/* Out-of-order data. Segments mostly extend the last range, so that is looked at first. */
#include "stack/tcp/reassembly.h"

#include "stack/base/buf_queue.h"

static struct tcp_range *range_of(struct list *node)
{
    return CONTAINER_OF(node, struct tcp_range, link);
}

static struct tcp_range *range_of_recent(struct list *node)
{
    return CONTAINER_OF(node, struct tcp_range, recent_link);
}

void reassembly_init(struct reassembly *r, uint32_t dice)
{
    *r = (struct reassembly){0};
    list_init(&r->ranges);
    list_init(&r->recent);
    seq_tree_init(&r->tree, dice,
                  offsetof(struct tcp_range, start) - offsetof(struct tcp_range, node));
}

static void free_range(struct reassembly *r, struct pool *ranges, struct tcp_range *range)
{
    r->count--;
    r->bytes -= seq_span(range->start, range->end);
    list_remove(&range->link);
    list_remove(&range->recent_link);
    seq_tree_remove(&r->tree, &range->node);
    buf_free_queue(&range->bufs);
    pool_put(ranges, range);
}

void reassembly_done(struct reassembly *r, struct pool *ranges)
{
    while (!list_empty(&r->ranges)) {
        free_range(r, ranges, range_of(r->ranges.next));
    }
}

/* The first range that ends at or behind `start`: the only one that `start` can touch. */
static struct list *find_place(struct reassembly *r, tcp_seq start)
{
    struct list *last = r->ranges.prev;
    if (last == &r->ranges || seq_lt(range_of(last)->end, start)) {
        return &r->ranges;
    }
    if (seq_le(range_of(last)->start, start)) {
        return last;
    }
    struct seq_node *node = seq_tree_at(&r->tree, seq_sub(start, 1)); /* ends behind start - 1 */
    return &CONTAINER_OF(node, struct tcp_range, node)->link;
}

static struct tcp_range *new_range(struct reassembly *r, struct pool *ranges, uint32_t max,
                                   struct list *before, tcp_seq start)
{
    struct tcp_range *range = r->count < max ? pool_get(ranges) : NULL;
    if (range == NULL) {
        return NULL;
    }
    list_init(&range->bufs);
    range->start = start;
    range->end = start;
    list_insert_before(before, &range->link);
    list_push_back(&r->recent, &range->recent_link);
    seq_tree_add(&r->tree, &range->node);
    r->count++;
    return range;
}

/* Puts `n` bytes of `buf` from `off` at the end of the range. False: no buf left for a view. */
static bool append(struct reassembly *r, struct tcp_range *range, const struct buf *buf,
                   uint32_t off, uint32_t n)
{
    struct buf *view = buf_share(buf);
    if (view == NULL) {
        return false;
    }
    buf_trim_front(view, off);
    buf_trim_back(view, view->len - n);
    buf_queue_push(&range->bufs, view);
    range->end = seq_add(range->end, n);
    r->bytes += n;
    return true;
}

/* Joins the range behind `range` to it when they touch. */
static void join_next(struct reassembly *r, struct pool *ranges, struct tcp_range *range)
{
    struct list *node = range->link.next;
    if (node == &r->ranges || !seq_eq(range_of(node)->start, range->end)) {
        return;
    }
    struct tcp_range *next = range_of(node);
    buf_queue_append(&next->bufs, &range->bufs);
    range->end = next->end;
    next->start = next->end; /* its bytes have moved, not gone */
    free_range(r, ranges, next);
}

/* Keeps what of [start, start + buf->len) is not there yet; `place` is what find_place finds. */
static bool insert_at(struct reassembly *r, struct pool *ranges, uint32_t max, struct list *place,
                      tcp_seq start, struct buf *buf)
{
    tcp_seq end = seq_add(start, buf->len);
    tcp_seq at = start;
    bool kept = false;
    struct tcp_range *range = NULL;
    if (place != &r->ranges && seq_le(range_of(place)->start, start)) {
        range = range_of(place);
        at = seq_max(start, range->end);
        kept = true; /* at the least all of it is there already */
    }
    while (seq_lt(at, end)) {
        if (range == NULL) {
            range = new_range(r, ranges, max, place, at);
        }
        if (range == NULL) {
            break;
        }
        struct list *next = range->link.next;
        tcp_seq stop = next == &r->ranges ? end : seq_min(end, range_of(next)->start);
        if (!append(r, range, buf, seq_span(start, at), seq_span(at, stop))) {
            break;
        }
        kept = true;
        join_next(r, ranges, range);
        at = range->end;
    }
    if (range != NULL) {
        list_remove(&range->recent_link);
        list_push_front(&r->recent, &range->recent_link);
        if (seq_eq(range->start, range->end)) {
            free_range(r, ranges, range); /* made, but no view could be had for it */
            range = NULL;
        }
    }
    buf_free(buf);
    if (range != NULL) {
        buf_queue_join_front(&range->bufs);
    }
    return kept;
}

bool reassembly_insert(struct reassembly *r, struct pool *ranges, uint32_t max, tcp_seq start,
                       struct buf *buf)
{
    return insert_at(r, ranges, max, find_place(r, start), start, buf);
}

uint32_t reassembly_take(struct reassembly *r, struct pool *ranges, tcp_seq next, struct list *out)
{
    uint32_t taken = 0;
    while (!list_empty(&r->ranges)) {
        struct tcp_range *range = range_of(r->ranges.next);
        tcp_seq at = seq_add(next, taken);
        if (seq_gt(range->start, at)) {
            break;
        }
        taken += buf_queue_move(&range->bufs, seq_span(range->start, at), out);
        free_range(r, ranges, range);
    }
    return taken;
}

const struct tcp_range *reassembly_find(const struct reassembly *r, tcp_seq start, tcp_seq end)
{
    struct seq_node *node = seq_tree_at(&r->tree, start);
    if (node == NULL) {
        return NULL;
    }
    const struct tcp_range *range = CONTAINER_OF(node, struct tcp_range, node);
    return seq_lt(range->start, end) ? range : NULL;
}

unsigned reassembly_sack(const struct reassembly *r, struct tcp_sack_block *out, unsigned max)
{
    unsigned n = 0;
    for (struct list *node = r->recent.next; node != &r->recent && n < max; node = node->next) {
        const struct tcp_range *range = range_of_recent(node);
        out[n++] = (struct tcp_sack_block){range->start, range->end};
    }
    return n;
}
