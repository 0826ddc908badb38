/* What an interface needs around it, for tests. */
#include "tests/unit/link/link_rig.h"

#include <check.h>
#include <string.h>

static void rig_up(void *arg, struct iface *in, struct buf *buf, bool link_group, nsec now)
{
    struct link_rig *r = arg;
    ck_assert_ptr_eq(in, &r->iface);
    ck_assert_int_eq(now, r->now);
    list_push_back(&r->up, &buf->link);
    r->up_count++;
    r->up_group = link_group;
}

void link_rig_init(struct link_rig *r)
{
    static const struct slab_limits limits = {.slabs = {4096, 256, 16, 16}, .bufs = 8192};
    static const uint8_t seed[32] = {7};
    memset(r, 0, sizeof(*r));
    r->now = NS_PER_SEC;
    ck_assert(recorder_init(&r->recorder, 4096));
    slab_pools_init(&r->pools, &limits);
    random_init(&r->random, seed);
    wheel_init(&r->wheel, r->now);
    fake_netdev_init(&r->dev, our_mac, 1500);
    ck_assert(iface_init(&r->iface, &r->dev.dev, ip4_addr(OUR_IP), 24, &r->recorder, &r->pools,
                         &r->wheel, &r->random));
    list_init(&r->up);
    r->iface.up = rig_up;
    r->iface.up_arg = r;
}

void expect_pools_empty(const struct slab_pools *p)
{
    ck_assert_uint_eq(p->bufs.in_use, 0);
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        ck_assert_uint_eq(p->slabs[i].in_use, 0);
    }
}

void link_rig_done(struct link_rig *r)
{
    buf_free_queue(&r->up);
    iface_done(&r->iface);
    ck_assert_uint_eq(r->wheel.armed, 0);
    expect_pools_empty(&r->pools);
    slab_pools_done(&r->pools);
    recorder_done(&r->recorder);
    fake_netdev_clear(&r->dev);
}

void link_rig_receive(struct link_rig *r, const struct frame *f)
{
    struct buf *b = buf_copy_of(&r->pools, f->b, f->len);
    ck_assert_ptr_nonnull(b);
    recorder_begin(&r->recorder, CAUSE_FRAME, r->now);
    iface_input(&r->iface, b, r->now);
}

void link_rig_run(struct link_rig *r, nsec to)
{
    for (nsec due = wheel_deadline(&r->wheel); due <= to; due = wheel_deadline(&r->wheel)) {
        r->now = nsec_max(r->now, due);
        wheel_advance(&r->wheel, r->now);
        iface_flush(&r->iface);
    }
    r->now = to;
    wheel_advance(&r->wheel, to);
    iface_flush(&r->iface);
}

enum iface_result link_rig_send(struct link_rig *r, uint32_t next_hop, size_t len)
{
    static const uint8_t zeros[2048];
    struct packet p;
    packet_init(&p);
    ck_assert(packet_add(&p, (struct slice){zeros, len}));
    return iface_output(&r->iface, &p, ip4_addr(next_hop), r->now);
}

struct frame arp_frame(unsigned operation, struct mac mac, uint32_t ip, uint32_t target)
{
    struct frame f = {.len = 0};
    frame_add_hex(&f, operation == 1 ? "ffffffffffff" : "020000000002");
    frame_add(&f, mac.b, 6);
    frame_add_hex(&f, operation == 1 ? "0806 0001 0800 06 04 0001" : "0806 0001 0800 06 04 0002");
    frame_add(&f, mac.b, 6);
    uint8_t b[4];
    put16(b, (uint16_t)(ip >> 16));
    put16(b + 2, (uint16_t)ip);
    frame_add(&f, b, 4);
    frame_add_hex(&f, operation == 1 ? "000000000000" : "020000000002");
    put16(b, (uint16_t)(target >> 16));
    put16(b + 2, (uint16_t)target);
    frame_add(&f, b, 4);
    return f;
}

uint64_t drop_total(const struct recorder *r)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < DROP_REASONS; i++) {
        total += r->drops[i];
    }
    return total;
}

void expect_drop(const struct recorder *r, enum drop_reason reason)
{
    ck_assert_msg(r->drops[reason] == 1, "%s happened %llu times", drop_name(reason),
                  (unsigned long long)r->drops[reason]);
    ck_assert_uint_eq(drop_total(r), 1);
}

const struct event *last_event(const struct recorder *r, enum event_type type)
{
    uint64_t first = r->written > r->mask ? r->written - r->mask - 1 : 0;
    for (uint64_t i = r->written; i > first; i--) {
        const struct event *e = &r->ring[(i - 1) & r->mask];
        if (e->type == type) {
            return e;
        }
    }
    return NULL;
}
