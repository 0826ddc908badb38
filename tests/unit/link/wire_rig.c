/* A wire for tests. */
#include "tests/unit/link/wire_rig.h"

#include <check.h>
#include <string.h>

#define TAGGED_TYPE 0x88b5U /* IEEE 802: local experimental */
#define TAG_AT 14U

static void put32(uint8_t *at, uint32_t v)
{
    put16(at, (uint16_t)(v >> 16));
    put16(at + 2, (uint16_t)v);
}

static void deliver(struct wire_rig *r, unsigned to, struct list *frames, nsec now)
{
    for (struct list *n = list_pop_front(frames); n != NULL; n = list_pop_front(frames)) {
        struct buf *b = buf_of_link(n);
        const uint8_t *bytes = buf_data(b);
        ck_assert_uint_lt(r->arrived, WIRE_RIG_LOG);
        struct wire_arrival *a = &r->log[r->arrived++];
        *a = (struct wire_arrival){.at = now, .to = to, .len = b->len};
        if (b->len >= TAG_AT + 4 && bytes[12] == TAGGED_TYPE >> 8) {
            a->tag = (uint32_t)bytes[TAG_AT] << 24 | (uint32_t)bytes[TAG_AT + 1] << 16 |
                     (uint32_t)bytes[TAG_AT + 2] << 8 | bytes[TAG_AT + 3];
        }
        if (b->len <= sizeof r->last.b) {
            r->last.len = b->len;
            memcpy(r->last.b, bytes, b->len);
        }
        r->last_offload = b->offload;
        buf_free(b);
    }
}

static void deliver_0(void *arg, struct list *frames, nsec now)
{
    deliver(arg, 0, frames, now);
}

static void deliver_1(void *arg, struct list *frames, nsec now)
{
    deliver(arg, 1, frames, now);
}

static void count_sight(void *arg, const struct wire_sight *s)
{
    struct wire_rig *r = arg;
    r->sights[s->what]++;
}

struct wire_config wire_rig_config(uint64_t seed)
{
    struct wire_config config = {.mac = {{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}}};
    for (unsigned i = 0; i < 8; i++) {
        config.seed[i] = (uint8_t)(seed >> (8 * i));
    }
    return config;
}

void wire_rig_init_with(struct wire_rig *r, const struct wire_config *config)
{
    static const struct slab_limits limits = {.slabs = {8192, 8192, 64, 64}, .bufs = 8192};
    memset(r, 0, sizeof *r);
    slab_pools_init(&r->pools, &limits);
    ck_assert(wire_init(&r->w, config, 0));
    wire_connect(&r->w, 0, NULL, deliver_0, r);
    wire_connect(&r->w, 1, NULL, deliver_1, r);
    r->w.watch = count_sight;
    r->w.watch_arg = r;
}

void wire_rig_init(struct wire_rig *r, uint64_t seed, const struct wire_node_config *nodes,
                   unsigned count)
{
    struct wire_config config = wire_rig_config(seed);
    config.way[0] = (struct wire_way_config){.nodes = nodes, .count = count};
    wire_rig_init_with(r, &config);
}

void wire_rig_expect_balance(const struct wire_rig *r)
{
    uint64_t sent = 0;
    uint64_t arrived = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct wire_stats s = wire_stats(&r->w, i);
        ck_assert_uint_eq(s.sent + s.copied,
                          s.delivered + s.dropped + s.no_buffer + r->w.end[i].in_flight);
        ck_assert_uint_eq(s.dropped, s.lost + s.queue_full + s.too_big + s.tampered_away + s.unfit);
        sent += s.sent;
        arrived += s.delivered;
    }
    ck_assert_uint_eq(r->sights[WIRE_SENT], sent);
    ck_assert_uint_eq(r->sights[WIRE_ARRIVED], arrived);
    ck_assert_uint_eq(r->w.frames, r->w.end[0].in_flight + r->w.end[1].in_flight);
}

void wire_rig_done(struct wire_rig *r)
{
    wire_rig_run(r, NEVER);
    wire_rig_expect_balance(r);
    ck_assert_uint_eq(r->w.frames, 0);
    ck_assert_uint_eq(r->w.bytes, 0);
    wire_done(&r->w);
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        ck_assert_uint_eq(r->pools.slabs[i].in_use, 0);
        ck_assert_uint_eq(r->w.pools.slabs[i].in_use, 0);
    }
    slab_pools_done(&r->pools);
}

bool wire_rig_send(struct wire_rig *r, unsigned end, uint32_t len, uint32_t tag)
{
    ck_assert_uint_ge(len, TAG_AT + 4);
    struct buf *b = buf_new(&r->pools, 0, len);
    ck_assert_ptr_nonnull(b);
    b->len = len;
    memset(buf_data(b), 0, len);
    put16(buf_data(b) + 12, TAGGED_TYPE);
    put32(buf_data(b) + TAG_AT, tag);
    return wire_send(&r->w, end, b);
}

bool wire_rig_send_frame(struct wire_rig *r, unsigned end, const struct frame *f)
{
    struct buf *b = buf_copy_of(&r->pools, f->b, f->len);
    ck_assert_ptr_nonnull(b);
    return wire_send(&r->w, end, b);
}

void wire_rig_run(struct wire_rig *r, nsec limit)
{
    for (nsec due = wire_deadline(&r->w); due <= limit && due != NEVER;
         due = wire_deadline(&r->w)) {
        ck_assert_int_ge(due, r->w.now);
        wire_advance(&r->w, due);
    }
    if (limit != NEVER) {
        wire_advance(&r->w, limit);
    }
}

uint16_t plain_tcp_checksum(const struct frame *f)
{
    uint8_t all[2048] = {0};
    const uint8_t *ip = f->b + FRAME_ETH;
    size_t len = (size_t)(ip[2] << 8 | ip[3]) - FRAME_IP;
    memcpy(all, ip + 12, 8);
    all[9] = 6;
    put16(all + 10, (uint16_t)len);
    memcpy(all + 12, ip + FRAME_IP, len);
    put16(all + 12 + 16, 0);
    return plain_checksum(all, 12 + len, 0);
}

struct frame frame_tcp(uint8_t flags, uint32_t seq, uint32_t payload_len)
{
    uint8_t segment[2000] = {0};
    ck_assert_uint_le(20 + payload_len, sizeof segment);
    put16(segment, 40000);
    put16(segment + 2, 80);
    put32(segment + 4, seq);
    put32(segment + 8, 77);
    segment[12] = 5 << 4;
    segment[13] = flags;
    put16(segment + 14, 4096);
    for (uint32_t i = 0; i < payload_len; i++) {
        segment[20 + i] = (uint8_t)(seq + i);
    }
    struct ip4_spec spec = ip4_spec_to_us(6);
    struct frame f = frame_ip4(&spec, segment, 20 + payload_len);
    put16(f.b + FRAME_ETH + FRAME_IP + 16, plain_tcp_checksum(&f));
    return f;
}
