/* Two hosts, a cable between them, and a clock. */
#include "tests/unit/tcp/pair_rig.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"
#include "stack/trace/line.h"

#define EVENTS_MAX 20000000U /* more than any run needs: two ends that never stop talking */

void pair_fail(const struct pair *p, const char *file, int line, const char *form, ...)
{
    char text[512];
    va_list args;
    va_start(args, form);
    vsnprintf(text, sizeof text, form, args);
    va_end(args);
    ck_abort_msg("%s:%d: %s (at %.6f s, event %llu; VITRINE_SEED=%llu VITRINE_WORLDS=1)", file,
                 line, text, (double)p->now / 1e9, (unsigned long long)p->events,
                 (unsigned long long)p->seed);
}

bool pair_chance(struct pair *p, uint32_t per_mille)
{
    return per_mille != 0 && lcg_below(&p->lcg, 1000) < per_mille;
}

struct ip_addr pair_address(unsigned side)
{
    return ip4_addr(0x0a090001U + side);
}

/* ---- the cable ---- */

static bool earlier(const struct pair_frame *a, const struct pair_frame *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_push(struct pair_side *s, struct pair_frame *f)
{
    if (s->frames == s->heap_cap) {
        s->heap_cap = s->heap_cap == 0 ? 64 : 2 * s->heap_cap;
        s->heap = realloc(s->heap, s->heap_cap * sizeof(struct pair_frame *));
        ck_assert_ptr_nonnull(s->heap);
    }
    size_t i = s->frames++;
    while (i > 0 && earlier(f, s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = f;
}

static struct pair_frame *heap_pop(struct pair_side *s)
{
    struct pair_frame *top = s->heap[0];
    struct pair_frame *last = s->heap[--s->frames];
    size_t i = 0;
    for (size_t child = 1; child < s->frames; child = 2 * i + 1) {
        if (child + 1 < s->frames && earlier(s->heap[child + 1], s->heap[child])) {
            child++;
        }
        if (!earlier(s->heap[child], last)) {
            break;
        }
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

static struct pair_frame *frame_new(size_t len)
{
    struct pair_frame *f = malloc(sizeof *f + len);
    ck_assert_ptr_nonnull(f);
    *f = (struct pair_frame){.len = len};
    return f;
}

static struct pair_frame *frame_of(const struct packet *packet)
{
    struct pair_frame *f = frame_new(packet_len(packet));
    struct wr w = wr_of(f->bytes, f->len);
    struct slice header = packet_header(packet);
    wr_bytes(&w, header.data, header.len);
    for (uint32_t i = 0; i < packet->slices; i++) {
        wr_bytes(&w, packet->payload[i].data, packet->payload[i].len);
    }
    return f;
}

/* One byte behind the Ethernet header changes, which no Internet checksum can miss. ARP has none. */
static void corrupt(struct pair *p, struct pair_frame *f)
{
    if (f->bytes[12] == 0x08 && f->bytes[13] == 0x00) {
        size_t at = 14 + lcg_below(&p->lcg, (uint32_t)f->len - 14);
        f->bytes[at] = (uint8_t)(f->bytes[at] + 1 + lcg_below(&p->lcg, 254));
        f->corrupted = true;
    }
}

/* Puts it on its way, or loses it; owns `f`. */
static void cable_carry(struct pair_side *s, struct pair_frame *f, nsec leaves)
{
    struct pair *p = s->pair;
    if (pair_chance(p, s->wire.loss)) {
        free(f);
        return;
    }
    if (pair_chance(p, s->wire.corrupt)) {
        corrupt(p, f);
    }
    f->at = leaves + s->wire.delay;
    if (s->wire.jitter > 0) {
        f->at += (nsec)((uint64_t)s->wire.jitter * lcg_below(&p->lcg, 1000) / 1000);
    }
    if (p->batch > 0) {
        f->at += p->batch - f->at % p->batch;
    }
    f->order = p->order++;
    heap_push(s, f);
}

/* What a router sends back about a packet that is too big (RFC 792, RFC 1191 4). */
static void too_big(struct pair_side *s, const struct pair_frame *f)
{
    struct pair *p = s->pair;
    struct pair_side *other = s == &p->side[0] ? &p->side[1] : &p->side[0];
    struct pair_frame *e = frame_new(14 + 20 + 8 + 28);
    struct wr w = wr_of(e->bytes, e->len);
    wr_bytes(&w, s->dev.mac.b, 6);
    wr_bytes(&w, other->dev.mac.b, 6);
    wr_be16(&w, 0x0800);
    uint8_t *ip = w.pos;
    wr_be16(&w, 0x4500);
    wr_be16(&w, 20 + 8 + 28);
    wr_be32(&w, 0);
    wr_be16(&w, 64 << 8 | IP_ICMP);
    wr_be16(&w, 0);
    wr_be32(&w, 0x0a0900feU);
    wr_bytes(&w, f->bytes + 14 + 12, 4);
    struct wr check = wr_of(ip + 10, 2);
    wr_be16(&check, csum_finish(csum_add(0, ip, 20)));
    uint8_t *icmp = w.pos;
    wr_be16(&w, 3 << 8 | 4);
    wr_be32(&w, 0);
    wr_be16(&w, (uint16_t)s->wire.mtu);
    wr_bytes(&w, f->bytes + 14, 28);
    check = wr_of(icmp + 2, 2);
    wr_be16(&check, csum_finish(csum_add(0, icmp, 8 + 28)));
    ck_assert(!w.failed && wr_len(&w) == e->len);
    cable_carry(other, e, p->now);
}

static void cable_send(struct pair_side *s, struct pair_frame *f)
{
    struct pair *p = s->pair;
    if (s->wire.mtu != 0 && f->len > 14 + s->wire.mtu) {
        too_big(s, f);
        free(f);
        return;
    }
    nsec leaves = p->now;
    if (s->wire.rate > 0) {
        nsec starts = nsec_max(p->now, s->line_free);
        uint64_t waiting = (uint64_t)(starts - p->now) * (s->wire.rate / 8) / NS_PER_SEC;
        if (s->wire.queue > 0 && waiting + f->len > s->wire.queue) {
            free(f);
            return;
        }
        leaves = starts + (nsec)(f->len * 8 * (uint64_t)NS_PER_SEC / s->wire.rate);
        s->line_free = leaves;
    }
    if (pair_chance(p, s->wire.duplicate)) {
        struct pair_frame *copy = frame_new(f->len);
        memcpy(copy->bytes, f->bytes, f->len);
        cable_carry(s, copy, leaves);
    }
    cable_carry(s, f, leaves);
}

static bool transmit(struct netdev *dev, const struct packet *packet)
{
    struct pair_side *s = CONTAINER_OF(dev, struct pair_side, dev);
    struct pair *p = s->pair;
    struct pair_frame *f = frame_of(packet);
    pair_watch_sent(p, s == &p->side[0] ? 0 : 1, f);
    if (pair_chance(p, s->wire.refuse)) {
        free(f);
        return false;
    }
    cable_send(s, f);
    return true;
}

/* Hands to `to` what has come from the other side; as a TAP does, into a buffer of the host's. */
static void deliver(struct pair *p, unsigned to)
{
    struct pair_side *from = &p->side[1 - to];
    struct pair_side *s = &p->side[to];
    struct list frames;
    list_init(&frames);
    while (from->frames > 0 && from->heap[0]->at <= p->now) {
        struct pair_frame *f = heap_pop(from);
        struct buf *b = buf_copy_of(&s->host.pools, f->bytes, f->len);
        if (b != NULL) {
            list_push_back(&frames, &b->link);
            if (!f->corrupted) {
                pair_watch_arrived(p, to, f);
            }
        }
        free(f);
    }
    if (!list_empty(&frames)) {
        host_input(&s->host, s->iface, &frames, p->now);
    }
}

/* ---- time ---- */

/* One of the coming allocations of a host will find nothing. */
static void inject_fault(struct pair *p)
{
    struct host *h = &p->side[lcg_below(&p->lcg, 2)].host;
    struct pool *pools[] = {&h->pools.slabs[SLAB_SMALL],
                            &h->pools.slabs[SLAB_FRAME],
                            &h->pools.slabs[SLAB_RECORD],
                            &h->pools.bufs,
                            &h->tcp.conn_pool,
                            &h->tcp.timewait_pool,
                            &h->tcp.range_pool};
    pools[lcg_below(&p->lcg, (uint32_t)COUNT_OF(pools))]->fail_at = 1 + lcg_below(&p->lcg, 8);
}

static nsec next_event(const struct pair *p)
{
    nsec next = NEVER;
    for (unsigned i = 0; i < 2; i++) {
        const struct pair_side *s = &p->side[i];
        next = nsec_min(next, host_deadline(&s->host));
        if (s->frames > 0) {
            next = nsec_min(next, s->heap[0]->at);
        }
    }
    for (unsigned i = 0; i < p->task_count; i++) {
        next = nsec_min(next, p->tasks[i]->due);
    }
    return next;
}

static void run_tasks(struct pair *p)
{
    for (unsigned i = 0; i < p->task_count; i++) {
        struct pair_task *t = p->tasks[i];
        if (t->due <= p->now) {
            t->due = NEVER;
            host_enter(&p->side[t->side].host, p->now);
            t->run(t, p->now);
        }
    }
}

bool pair_step(struct pair *p, nsec limit)
{
    nsec next = next_event(p);
    if (next > limit) {
        return false;
    }
    p->now = nsec_max(p->now, next);
    p->events++;
    if (p->events > EVENTS_MAX) {
        pair_fail(p, __FILE__, __LINE__, "the two ends never stop talking");
    }
    if (pair_chance(p, p->faults)) {
        inject_fault(p);
    }
    for (unsigned i = 0; i < 2; i++) {
        deliver(p, i);
        host_advance(&p->side[i].host, p->now);
    }
    run_tasks(p);
    for (unsigned i = 0; i < 2; i++) {
        host_flush(&p->side[i].host, p->now);
    }
    pair_watch_event(p);
    return true;
}

bool pair_settle(struct pair *p, nsec limit)
{
    while (next_event(p) != NEVER) {
        if (!pair_step(p, limit)) {
            return false;
        }
    }
    return true;
}

void pair_add_task(struct pair *p, struct pair_task *t)
{
    ck_assert_uint_lt(p->task_count, PAIR_TASKS);
    p->tasks[p->task_count++] = t;
}

/* ---- life ---- */

static void print_event(void *arg, const struct event *e)
{
    const struct pair_side *s = arg;
    char line[EVENT_LINE_MAX];
    event_line(e, 0, line, sizeof line);
    fprintf(stderr, "%u %s\n", s == &s->pair->side[0] ? 0U : 1U, line);
}

static void side_init(struct pair *p, unsigned i, const struct pair_config *config)
{
    struct pair_side *s = &p->side[i];
    struct host_config host = config->host[i];
    for (unsigned b = 0; b < sizeof host.seed; b++) {
        host.seed[b] = (uint8_t)lcg_next(&p->lcg);
    }
    if (host.recorder_events == 0) {
        host.recorder_events = 64;
    }
    s->pair = p;
    s->wire = config->wire[i];
    s->dev = (struct netdev){.mac = {{2, 0, 0, 0, 0, (uint8_t)(1 + i)}},
                             .mtu = config->mtu != 0 ? config->mtu : 1500,
                             .transmit = transmit};
    ck_assert(host_init(&s->host, &host, config->start));
    if (getenv("VITRINE_TRACE") != NULL) {
        s->listener = (struct listener){.on_event = print_event, .arg = s};
        recorder_listen(&s->host.recorder, &s->listener);
    }
    s->iface = host_attach(&s->host, &s->dev, pair_address(i), 24);
    ck_assert_ptr_nonnull(s->iface);
}

void pair_init(struct pair *p, const struct pair_config *config)
{
    memset(p, 0, sizeof *p);
    p->seed = config->seed;
    p->lcg.state = config->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    p->now = config->start;
    p->batch = config->batch;
    p->faults = config->faults;
    side_init(p, 0, config);
    side_init(p, 1, config);
}

static void expect_pools_empty(const struct pair *p, const struct host *h)
{
    for (unsigned class = 0; class < SLAB_CLASSES; class ++) {
        PAIR_CHECK(p, h->pools.slabs[class].in_use == 0);
    }
    PAIR_CHECK(p, h->pools.bufs.in_use == 0);
    PAIR_CHECK(p, h->tcp.conn_pool.in_use == 0);
    PAIR_CHECK(p, h->tcp.timewait_pool.in_use == 0);
    PAIR_CHECK(p, h->tcp.range_pool.in_use == 0);
}

void pair_done(struct pair *p)
{
    for (unsigned i = 0; i < 2; i++) {
        struct pair_side *s = &p->side[i];
        while (s->frames > 0) {
            free(heap_pop(s));
        }
        free(s->heap);
        host_done(&s->host);
        expect_pools_empty(p, &s->host); /* whatever was going on */
    }
}

void pair_expect_empty(struct pair *p)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct host *h = &p->side[i].host;
        expect_pools_empty(p, h);
        PAIR_CHECK(p, h->tcp.reply_count == 0);
        PAIR_CHECK(p, h->tcp.connections.count == 0);
        PAIR_CHECK(p, list_empty(&h->tcp.dirty) && list_empty(&h->tcp.events));
        PAIR_CHECK(p, list_empty(&h->tcp.starved) && list_empty(&h->tcp.all));
        PAIR_CHECK(p, h->wheel.armed == 0);
    }
}
