/* Queues of bufs (stack/base/buf_queue.c) hold the same bytes in the same order, whatever is joined.
 *
 * Proven for a queue of up to two bufs of any length, one more, and any choice of what can be joined:
 * - buf_queue_push puts the bytes at the end, buf_queue_append all of another queue;
 * - buf_queue_move frees `skip` bytes and moves all behind them, and says how many these are;
 * - each buf is in one queue afterwards or was freed, once.
 * A buf's `off` is the distance of its first byte, so that bytes in order follow each other in `off`.
 * Stubs: buf_join, buf_free and the trims by their contracts in buf.h.
 *
 * proof-sources:
 * proof-unwind: 4
 * proof-checks: --paths lifo
 */
#include "stack/base/buf_queue.h"

#include "tests/proofs/proof.h"

#define LENGTH 65536U

static struct buf bufs[3];
static bool freed[3];
static struct slab memory;

static unsigned index_of(const struct buf *b)
{
    if (b == &bufs[0]) {
        return 0;
    }
    if (b == &bufs[1]) {
        return 1;
    }
    PROVE(b == &bufs[2], "a buf");
    return 2;
}

static struct buf *the_buf(const struct list *node)
{
    if (node == &bufs[0].link) {
        return &bufs[0];
    }
    if (node == &bufs[1].link) {
        return &bufs[1];
    }
    PROVE(node == &bufs[2].link, "a buf, not the head");
    return &bufs[2];
}

#define buf_of_link the_buf
#include "stack/base/buf_queue.c" /* NOLINT(bugprone-suspicious-include) */

bool buf_join(struct buf *b, struct slice bytes)
{
    PROVE(!freed[index_of(b)], "a live buf");
    PROVE(bytes.data == memory.bytes + b->off + b->len, "the bytes that follow");
    if (nondet_bool()) {
        return false;
    }
    b->len += (uint32_t)bytes.len;
    return true;
}

void buf_free(struct buf *b)
{
    unsigned i = index_of(b);
    PROVE(!freed[i], "once");
    PROVE(!list_linked(&b->link), "off its queue");
    freed[i] = true;
}

void buf_trim_front(struct buf *b, size_t n)
{
    PROVE(n <= b->len, "no more than it has");
    b->off += (uint32_t)n;
    b->len -= (uint32_t)n;
}

/* Makes buf `i` of any length at `at`; returns where it ends. */
static uint32_t make(unsigned i, uint32_t at)
{
    bufs[i] = (struct buf){.slab = &memory, .off = at, .len = 1 + any_below(LENGTH)};
    return at + bufs[i].len;
}

/* The queue has the bytes from `from` to `to`, in order, and `live` bufs in all. */
static void check(const struct list *queue, uint32_t from, uint32_t to)
{
    uint32_t at = from;
    unsigned live = 0;
    for (const struct list *n = queue->next; n != queue; n = n->next) {
        const struct buf *b = the_buf(n);
        PROVE(!freed[index_of(b)], "live");
        PROVE((b->off == at) & (b->len > 0), "in order, without a gap");
        PROVE(n->next->prev == n, "linked both ways");
        at += b->len;
        live++;
    }
    PROVE(at == to, "all of the bytes");
    PROVE(live + freed[0] + freed[1] + freed[2] == 3, "each in the queue or freed");
}

static inline void push(unsigned n)
{
    struct list queue;
    list_init(&queue);
    uint32_t end = 0;
    for (unsigned i = 0; i < 2; i++) {
        freed[i] = i >= n;
        if (i < n) {
            end = make(i, end);
            list_push_back(&queue, &bufs[i].link);
        }
    }
    uint32_t all = make(2, end);
    buf_queue_push(&queue, &bufs[2]);
    check(&queue, 0, all);
}

PROOF(buf_queue_push_first)
{
    push(0);
    REACHES("the first");
}

PROOF(buf_queue_push)
{
    push(2);
    REACHES_IF(freed[2], "joined");
}

PROOF(buf_queue_append)
{
    struct list a;
    struct list b;
    list_init(&a);
    list_init(&b);
    uint32_t end = make(0, 0);
    list_push_back(&a, &bufs[0].link);
    end = make(1, end);
    list_push_back(&b, &bufs[1].link);
    end = make(2, end);
    list_push_back(&b, &bufs[2].link);
    buf_queue_append(&b, &a);
    PROVE(list_empty(&b), "all of it");
    buf_queue_join_front(&a);
    check(&a, 0, end);
    REACHES_IF(freed[1] & freed[2], "all in one buf");
}

PROOF(buf_queue_move)
{
    struct list from;
    struct list to;
    list_init(&from);
    list_init(&to);
    uint32_t end = make(0, 0);
    list_push_back(&from, &bufs[0].link);
    end = make(1, end);
    list_push_back(&from, &bufs[1].link);
    uint32_t skip = nondet_u32();
    freed[2] = true;
    uint32_t moved = buf_queue_move(&from, skip, &to);
    PROVE(list_empty(&from), "all of it");
    PROVE(moved == (skip < end ? end - skip : 0), "how many");
    check(&to, end - moved, end);
    REACHES_IF(freed[0] & !freed[1], "a part of it");
}
