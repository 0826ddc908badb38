#include "stack/tcp/sendq.h"

void sendq_init(struct sendq *q, tcp_seq start)
{
    *q = (struct sendq){.start = start};
    list_init(&q->chunks);
}

void sendq_done(struct sendq *q)
{
    buf_free_queue(&q->chunks);
    q->reserved = NULL;
    q->hints[0].chunk = NULL;
    q->hints[1].chunk = NULL;
    q->len = 0;
    q->chunk_count = 0;
}

tcp_seq sendq_end(const struct sendq *q)
{
    return seq_add(q->start, q->len);
}

/* Bytes that can be written behind what the last chunk holds. */
static size_t tail_room(const struct sendq *q)
{
    const struct buf *tail = list_empty(&q->chunks) ? NULL : buf_of_link(q->chunks.prev);
    return tail != NULL && tail->slab->release == NULL ? buf_tailroom(tail) : 0;
}

uint8_t *sendq_reserve(struct sendq *q, struct slab_pools *pools, size_t min, size_t *room)
{
    if (tail_room(q) < min) {
        /* The last ones are left to frames of that size that come in: they bring the ACKs. */
        bool scarce = pool_scarce(&pools->slabs[SLAB_RECORD]);
        struct buf *chunk = scarce ? NULL : buf_new(pools, 0, SLAB_RECORD_BYTES);
        if (chunk == NULL) {
            return NULL;
        }
        list_push_back(&q->chunks, &chunk->link);
        q->chunk_count++;
    }
    struct buf *tail = buf_of_link(q->chunks.prev);
    q->reserved = tail;
    *room = buf_tailroom(tail);
    return buf_data(tail) + tail->len;
}

void sendq_commit(struct sendq *q, size_t n)
{
    q->reserved->len += (uint32_t)n;
    q->len += (uint32_t)n;
}

/* The bytes that the last chunk shows go on with these. */
static bool continues(const struct buf *tail, struct slice bytes, const struct slab *lent)
{
    return tail->slab == lent && buf_data(tail) + tail->len == bytes.data;
}

bool sendq_refer(struct sendq *q, struct slab_pools *pools, struct slice bytes, struct slab *lent)
{
    struct buf *tail = list_empty(&q->chunks) ? NULL : buf_of_link(q->chunks.prev);
    if (tail == NULL || !continues(tail, bytes, lent)) {
        struct buf *chunk = buf_of_lent(pools, lent, bytes);
        if (chunk == NULL) {
            return false;
        }
        list_push_back(&q->chunks, &chunk->link);
        q->chunk_count++;
    } else {
        tail->len += (uint32_t)bytes.len;
    }
    q->len += (uint32_t)bytes.len;
    return true;
}

static void drop_head(struct sendq *q)
{
    struct buf *head = buf_of_link(list_pop_front(&q->chunks));
    for (unsigned i = 0; i < COUNT_OF(q->hints); i++) {
        if (q->hints[i].chunk == head) {
            q->hints[i].chunk = NULL;
        }
    }
    if (q->reserved == head) {
        q->reserved = NULL;
    }
    q->chunk_count--;
    buf_free(head);
}

static void trim_head(struct sendq *q, struct buf *head, uint32_t n)
{
    for (unsigned i = 0; i < COUNT_OF(q->hints); i++) {
        if (q->hints[i].chunk == head) {
            q->hints[i].seq = seq_add(q->hints[i].seq, n);
        }
    }
    buf_trim_front(head, n);
}

uint32_t sendq_acked(struct sendq *q, tcp_seq upto)
{
    if (seq_le(upto, q->start)) {
        return 0;
    }
    uint32_t n = u32_min(seq_span(q->start, upto), q->len);
    uint32_t left = n;
    while (left > 0) {
        struct buf *head = buf_of_link(q->chunks.next);
        if (head->len > left) {
            trim_head(q, head, left);
            break;
        }
        left -= head->len;
        drop_head(q);
    }
    q->start = seq_add(q->start, n);
    q->len -= n;
    if (q->len == 0 && !list_empty(&q->chunks)) {
        drop_head(q); /* an idle connection holds no slab */
    }
    return n;
}

/* The hint nearest before `from`; when none is, the lower of them (or one that is free), to be replaced. */
static struct sendq_hint *nearest_hint(struct sendq *q, tcp_seq from, bool *usable)
{
    struct sendq_hint *near = NULL;
    struct sendq_hint *low = NULL;
    for (unsigned i = 0; i < COUNT_OF(q->hints); i++) {
        struct sendq_hint *h = &q->hints[i];
        bool before = h->chunk != NULL && seq_le(h->seq, from);
        if (before && (near == NULL || seq_gt(h->seq, near->seq))) {
            near = h;
        }
        if (low == NULL || (low->chunk != NULL && (h->chunk == NULL || seq_lt(h->seq, low->seq)))) {
            low = h;
        }
    }
    *usable = near != NULL;
    return near != NULL ? near : low;
}

/* The chunk that holds `from`, and the sequence number of its first byte. */
static struct buf *find_chunk(struct sendq *q, tcp_seq from, tcp_seq *chunk_seq)
{
    bool usable;
    struct sendq_hint *h = nearest_hint(q, from, &usable);
    struct buf *b = usable ? h->chunk : buf_of_link(q->chunks.next);
    tcp_seq at = usable ? h->seq : q->start;
    while (seq_ge(from, seq_add(at, b->len))) {
        at = seq_add(at, b->len);
        b = buf_of_link(b->link.next);
    }
    *h = (struct sendq_hint){b, at};
    *chunk_seq = at;
    return b;
}

uint32_t sendq_fit(struct sendq *q, tcp_seq from, uint32_t len)
{
    if (len == 0) {
        return 0;
    }
    tcp_seq at;
    struct buf *b = find_chunk(q, from, &at);
    uint32_t fit = u32_min(len, b->len - seq_span(at, from));
    for (unsigned i = 1; i < PACKET_SLICES && fit < len; i++) {
        b = buf_of_link(b->link.next);
        fit += u32_min(len - fit, b->len);
    }
    return fit;
}

uint32_t sendq_slices(struct sendq *q, tcp_seq from, uint32_t len, struct packet *p)
{
    uint32_t added = 0;
    if (len == 0) {
        return 0;
    }
    tcp_seq at;
    struct buf *b = find_chunk(q, from, &at);
    uint32_t skip = seq_span(at, from);
    while (added < len) {
        uint32_t n = u32_min(len - added, b->len - skip);
        if (n > 0 && !packet_add(p, (struct slice){buf_data(b) + skip, n})) {
            break;
        }
        added += n;
        skip = 0;
        b = buf_of_link(b->link.next);
    }
    return added;
}
