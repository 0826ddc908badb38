/* A cable in memory: the ends, the frames that wait, and their way through the nodes. */
#include "stack/link/wire.h"

#include <stdlib.h>

#define HEAP_FIRST 64U /* waits for which there is room at first */

struct wire_wait {
    nsec due;
    uint64_t number; /* of waiting, for those that are due together */
    struct wire_frame frame;
    unsigned from;  /* the end that sent it */
    unsigned stage; /* the node that it goes on to; the count of nodes: it arrives */
};

static void see(const struct wire *w, const struct wire_sight *s)
{
    if (w->watch != NULL) {
        w->watch(w->watch_arg, s);
    }
}

/* ---- frames that wait ---- */

static bool earlier(const struct wire_wait *a, const struct wire_wait *b)
{
    return a->due != b->due ? a->due < b->due : a->number < b->number;
}

/* Room for `count` waits, so that a frame in flight always finds it. */
static bool heap_reserve(struct wire *w, uint32_t count)
{
    if (count <= w->heap_cap) {
        return true;
    }
    uint32_t cap = u32_max(HEAP_FIRST, 2 * w->heap_cap);
    struct wire_wait *heap = realloc(w->heap, cap * sizeof *heap);
    if (heap == NULL) {
        return false;
    }
    w->heap = heap;
    w->heap_cap = cap;
    return true;
}

static void wait_until(struct wire *w, nsec due, unsigned from, const struct wire_frame *f,
                       unsigned stage)
{
    struct wire_wait wait = {
        .due = due, .number = w->number++, .frame = *f, .from = from, .stage = stage};
    uint32_t i = w->heap_len++;
    while (i > 0 && earlier(&wait, &w->heap[(i - 1) / 2])) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = wait;
}

static struct wire_wait heap_pop(struct wire *w)
{
    struct wire_wait top = w->heap[0];
    struct wire_wait last = w->heap[--w->heap_len];
    uint32_t i = 0;
    for (uint32_t child = 1; child < w->heap_len; child = 2 * i + 1) {
        if (child + 1 < w->heap_len && earlier(&w->heap[child + 1], &w->heap[child])) {
            child++;
        }
        if (!earlier(&w->heap[child], &last)) {
            break;
        }
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

/* ---- in flight ---- */

/* Whether one more frame of `len` bytes may be in flight. */
static bool may_enter(struct wire *w, uint32_t len)
{
    return w->frames < w->max_frames && w->bytes + len <= w->max_bytes &&
           heap_reserve(w, w->frames + 1);
}

static void enter(struct wire *w, unsigned from, uint32_t len)
{
    w->frames++;
    w->bytes += len;
    w->end[from].in_flight++;
}

static void leave(struct wire *w, unsigned from, uint32_t len)
{
    w->frames--;
    w->bytes -= len;
    w->end[from].in_flight--;
}

/* ---- the way ---- */

static struct buf *copy_into(struct slab_pools *pools, const struct buf *frame)
{
    struct buf *b = buf_copy_of(pools, buf_data(frame), frame->len);
    if (b != NULL) {
        b->offload = frame->offload;
    }
    return b;
}

static void arrive(struct wire *w, unsigned from, const struct wire_frame *f, nsec at)
{
    struct wire_end *to = &w->end[1 - from];
    struct wire_stats *stats = &w->end[from].stats;
    uint32_t len = f->buf->len;
    leave(w, from, len);
    struct buf *b = f->buf;
    if (to->pools != NULL) {
        b = copy_into(to->pools, f->buf);
    }
    if (b == NULL || to->deliver == NULL) {
        stats->no_buffer++;
        see(w, &(struct wire_sight){WIRE_DROPPED, from, f, NULL, at});
        buf_free(b != f->buf ? b : NULL);
        buf_free(f->buf);
        return;
    }
    stats->delivered++;
    stats->delivered_bytes += len;
    see(w, &(struct wire_sight){WIRE_ARRIVED, from, f, NULL, at});
    if (b != f->buf) {
        buf_free(f->buf);
    }
    list_push_back(&to->arrived, &b->link);
}

static void drop(struct wire *w, unsigned from, const struct wire_frame *f,
                 const struct wire_node *node, nsec at)
{
    leave(w, from, f->buf->len);
    see(w, &(struct wire_sight){WIRE_DROPPED, from, f, node, at});
    buf_free(f->buf);
}

/* The copy of `f` that `node` asked for; its buf is NULL when a limit forbids it. */
static struct wire_frame copy_of(struct wire *w, unsigned from, const struct wire_frame *f,
                                 const struct wire_node *node, nsec at)
{
    struct wire_end *end = &w->end[from];
    struct wire_frame c = *f;
    c.copy = true;
    c.buf = may_enter(w, f->buf->len) ? copy_into(&w->pools, f->buf) : NULL;
    if (c.buf == NULL) {
        end->stats.not_copied++;
        return c;
    }
    enter(w, from, c.buf->len);
    end->stats.copied++;
    see(w, &(struct wire_sight){WIRE_COPIED, from, &c, node, at});
    return c;
}

/* One node's verdict; what it does to the frame's length is accounted for. */
static struct wire_verdict judge(struct wire *w, struct wire_node *node, struct wire_frame *f,
                                 nsec at)
{
    uint64_t len = f->buf->len;
    struct wire_verdict v = wire_node_pass(node, f->buf, at);
    w->bytes = w->bytes - len + f->buf->len;
    f->corrupted = f->corrupted || v.corrupted;
    return v;
}

/* A frame meets the nodes from `stage` on at `at`, until it is dropped or has to wait. It waits at
 * the end too, since nothing is delivered while an end transmits. A copy comes behind its original;
 * the calls go as deep as there are nodes. */
static void go_on(struct wire *w, unsigned from, struct wire_frame f, unsigned stage, nsec at)
{
    struct wire_end *end = &w->end[from];
    if (stage == end->node_count) {
        wait_until(w, at, from, &f, stage);
        return;
    }
    struct wire_node *node = &end->nodes[stage];
    struct wire_verdict v = judge(w, node, &f, at);
    if (v.drop) {
        drop(w, from, &f, node, at);
        return;
    }
    struct wire_frame c = {.buf = NULL};
    if (v.copy) {
        c = copy_of(w, from, &f, node, at);
    }
    /* What is in a rate leaves it by a wait, however short: the queue counts it. */
    if (v.due > at || node->config.kind == WIRE_RATE) {
        wait_until(w, v.due, from, &f, stage + 1);
    } else {
        go_on(w, from, f, stage + 1, at);
    }
    if (c.buf != NULL && v.copy_due > at) {
        wait_until(w, v.copy_due, from, &c, stage + 1);
    } else if (c.buf != NULL) {
        go_on(w, from, c, stage + 1, at);
    }
}

bool wire_send(struct wire *w, unsigned end, struct buf *frame)
{
    struct wire_end *e = &w->end[end];
    bool unlucky = e->refuse > 0 && random_below(&e->random, WIRE_MILLION) < e->refuse;
    if (unlucky || !may_enter(w, frame->len)) {
        e->stats.refused++;
        struct wire_frame refused = {.buf = frame};
        see(w, &(struct wire_sight){WIRE_REFUSED, end, &refused, NULL, w->now});
        buf_free(frame);
        return false;
    }
    enter(w, end, frame->len);
    e->stats.sent++;
    e->stats.sent_bytes += frame->len;
    struct wire_frame f = {.buf = frame, .id = e->stats.sent};
    see(w, &(struct wire_sight){WIRE_SENT, end, &f, NULL, w->now});
    go_on(w, end, f, 0, w->now);
    return true;
}

/* netdev.transmit */
static bool wire_transmit(struct netdev *dev, const struct packet *packet)
{
    struct wire_end *e = CONTAINER_OF(dev, struct wire_end, dev);
    struct wire *w = e->wire;
    struct buf *frame = packet_to_buf(packet, &w->pools);
    if (frame == NULL) {
        e->stats.refused++;
        return false;
    }
    return wire_send(w, e == &w->end[0] ? 0 : 1, frame);
}

/* ---- time ---- */

nsec wire_deadline(const struct wire *w)
{
    return w->heap_len > 0 ? w->heap[0].due : NEVER;
}

static void deliver(struct wire_end *e, nsec now)
{
    struct list frames;
    if (!list_empty(&e->arrived)) {
        list_move_all(&e->arrived, &frames);
        e->deliver(e->arg, &frames, now);
    }
}

void wire_advance(struct wire *w, nsec now)
{
    w->now = nsec_max(w->now, now);
    while (w->heap_len > 0 && w->heap[0].due <= w->now) {
        struct wire_wait wait = heap_pop(w);
        struct wire_end *end = &w->end[wait.from];
        if (wait.stage > 0 && end->nodes[wait.stage - 1].config.kind == WIRE_RATE) {
            wire_node_left(&end->nodes[wait.stage - 1], wait.frame.buf->len);
        }
        if (wait.stage == end->node_count) {
            arrive(w, wait.from, &wait.frame, wait.due);
        } else {
            go_on(w, wait.from, wait.frame, wait.stage, wait.due);
        }
    }
    deliver(&w->end[0], w->now);
    deliver(&w->end[1], w->now);
}

/* ---- life ---- */

static bool nodes_init(struct wire *w, unsigned end, const struct wire_way_config *way)
{
    struct wire_end *e = &w->end[end];
    if (way->count > WIRE_NODES || way->refuse > WIRE_MILLION) {
        return false;
    }
    for (unsigned i = 0; i < way->count; i++) {
        if (!wire_node_init(&e->nodes[i], &way->nodes[i], &w->random)) {
            return false;
        }
        if (way->nodes[i].kind == WIRE_QUEUE) {
            if (i + 1 == way->count || way->nodes[i + 1].kind != WIRE_RATE) {
                return false;
            }
            e->nodes[i].rate = &e->nodes[i + 1];
        }
    }
    e->node_count = way->count;
    return true;
}

bool wire_init(struct wire *w, const struct wire_config *config, nsec now)
{
    *w = (struct wire){.now = now,
                       .max_frames = config->max_frames > 0 ? config->max_frames : WIRE_FRAMES,
                       .max_bytes = config->max_bytes > 0 ? config->max_bytes : WIRE_BYTES};
    random_init(&w->random, config->seed);
    for (unsigned i = 0; i < 2; i++) {
        struct wire_end *e = &w->end[i];
        uint8_t seed[32];
        random_bytes(&w->random, seed, sizeof seed);
        random_init(&e->random, seed);
        e->wire = w;
        e->refuse = config->way[i].refuse;
        e->dev = (struct netdev){.mac = config->mac[i],
                                 .mtu = config->mtu > 0 ? config->mtu : 1500,
                                 .caps = config->caps,
                                 .transmit = wire_transmit};
        list_init(&e->arrived);
        if (!nodes_init(w, i, &config->way[i])) {
            return false;
        }
    }
    struct slab_limits limits = {.bufs = w->max_frames};
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        limits.slabs[i] = w->max_frames;
    }
    slab_pools_init(&w->pools, &limits);
    return true;
}

void wire_connect(struct wire *w, unsigned end, struct slab_pools *pools,
                  void (*deliver_to)(void *arg, struct list *frames, nsec now), void *arg)
{
    struct wire_end *e = &w->end[end];
    e->pools = pools;
    e->deliver = deliver_to;
    e->arg = arg;
}

void wire_done(struct wire *w)
{
    while (w->heap_len > 0) {
        struct wire_wait wait = heap_pop(w);
        leave(w, wait.from, wait.frame.buf->len);
        buf_free(wait.frame.buf);
    }
    free(w->heap);
    w->heap = NULL;
    w->heap_cap = 0;
    slab_pools_done(&w->pools);
}

/* ---- counts ---- */

static uint64_t *drops_of(struct wire_stats *s, enum wire_node_kind kind)
{
    switch (kind) {
    case WIRE_LOSS:
    case WIRE_BURST:
        return &s->lost;
    case WIRE_QUEUE:
        return &s->queue_full;
    case WIRE_MTU:
        return &s->too_big;
    case WIRE_TAMPER:
        return &s->tampered_away;
    case WIRE_CORRUPT:
        return &s->unfit;
    case WIRE_RATE:
    case WIRE_DELAY:
    case WIRE_REORDER:
    case WIRE_DUPLICATE:
    case WIRE_BATCH:
        break;
    }
    return NULL; /* these drop nothing */
}

struct wire_stats wire_stats(const struct wire *w, unsigned end)
{
    const struct wire_end *e = &w->end[end];
    struct wire_stats s = e->stats;
    for (unsigned i = 0; i < e->node_count; i++) {
        const struct wire_effects *f = &e->nodes[i].effects;
        uint64_t *drops = drops_of(&s, e->nodes[i].config.kind);
        if (drops != NULL) {
            *drops += f->dropped;
            s.dropped += f->dropped;
        }
        s.marked += f->marked;
        s.corrupted += f->corrupted;
        s.reordered += f->reordered;
        s.tampered += f->tampered;
    }
    return s;
}
