/* The cable: who gets what and when, its limits, and two hosts that talk over it. */
#include "stack/link/wire.h"

#include <check.h>
#include <string.h>

#include "stack/host.h"
#include "stack/trace/names.h"
#include "tests/unit/link/wire_rig.h"

static struct wire_rig rig; /* large: not on the stack */

/* ---- the cable ---- */

START_TEST(frames_arrive_at_the_other_end)
{
    wire_rig_init(&rig, 1, NULL, 0);
    ck_assert_int_eq(wire_deadline(&rig.w), NEVER);
    rig.w.now = 5;
    ck_assert(wire_rig_send(&rig, 0, 100, 1));
    ck_assert(wire_rig_send(&rig, 1, 60, 2));
    ck_assert(wire_rig_send(&rig, 0, 2000, 3));
    ck_assert_uint_eq(rig.arrived, 0); /* not while somebody transmits */
    ck_assert_int_eq(wire_deadline(&rig.w), 5);
    wire_advance(&rig.w, 5);
    static const struct wire_arrival want[] = {{5, 0, 2, 60}, {5, 1, 1, 100}, {5, 1, 3, 2000}};
    ck_assert_uint_eq(rig.arrived, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(rig.log[i].at, 5);
        ck_assert_uint_eq(rig.log[i].to, want[i].to);
        ck_assert_uint_eq(rig.log[i].tag, want[i].tag);
        ck_assert_uint_eq(rig.log[i].len, want[i].len);
    }
    struct wire_stats s = wire_stats(&rig.w, 0);
    ck_assert_uint_eq(s.sent, 2);
    ck_assert_uint_eq(s.sent_bytes, 2100);
    ck_assert_uint_eq(s.delivered, 2);
    ck_assert_uint_eq(s.delivered_bytes, 2100);
    wire_rig_done(&rig);
}
END_TEST

START_TEST(a_device_gives_headers_payload_and_offload)
{
    struct wire_config config = wire_rig_config(1);
    config.mtu = 9000;
    config.caps = NETDEV_CSUM | NETDEV_TSO4;
    wire_rig_init_with(&rig, &config);
    struct netdev *dev = &rig.w.end[1].dev;
    ck_assert_uint_eq(dev->mtu, 9000);
    ck_assert_uint_eq(dev->caps, NETDEV_CSUM | NETDEV_TSO4);
    ck_assert_uint_eq(dev->mac.b[5], 2);
    static uint8_t bytes[60000];
    struct packet p;
    packet_init(&p);
    ck_assert(packet_add(&p, (struct slice){bytes, sizeof bytes}));
    memcpy(packet_push(&p, 4), "head", 4);
    p.offload = (struct offload){CSUM_PARTIAL, GSO_TCP4, 1448, 34, 16};
    ck_assert(dev->transmit(dev, &p));
    wire_rig_run(&rig, NEVER);
    ck_assert_uint_eq(rig.arrived, 1);
    ck_assert_uint_eq(rig.log[0].to, 0);
    ck_assert_uint_eq(rig.log[0].len, 60004);
    ck_assert_mem_eq(&rig.last_offload, &p.offload, sizeof p.offload);
    ck_assert_uint_eq(wire_stats(&rig.w, 1).delivered_bytes, 60004);
    wire_rig_done(&rig);
}
END_TEST

/* What is due together moves in the order in which it began to wait. */
START_TEST(frames_due_together_keep_their_order)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_DELAY, .delay = {.base = 1000}},
                                             {.kind = WIRE_BATCH, .batch = {100000}}};
    wire_rig_init(&rig, 1, nodes, 2);
    for (uint32_t i = 0; i < 500; i++) {
        wire_rig_send(&rig, 0, 100, i);
        wire_rig_run(&rig, rig.w.now + (i % 3 == 0));
    }
    wire_rig_run(&rig, NEVER);
    ck_assert_uint_eq(rig.arrived, 500);
    for (uint32_t i = 0; i < 500; i++) {
        ck_assert_uint_eq(rig.log[i].tag, i);
        ck_assert_int_eq(rig.log[i].at, 100000);
    }
    wire_rig_done(&rig);
}
END_TEST

static nsec seen_at[4];
static unsigned seen;

static void note_arrival(void *arg, const struct wire_sight *s)
{
    (void)arg;
    if (s->what == WIRE_ARRIVED) {
        ck_assert_uint_lt(seen, COUNT_OF(seen_at));
        seen_at[seen++] = s->at;
    }
}

/* An owner that comes late finds each frame moved at the moment that it was due. */
START_TEST(coming_late_changes_no_moment)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_DELAY, .delay = {.base = 1000}},
                                             {.kind = WIRE_RATE, .rate = {800000000, 0}},
                                             {.kind = WIRE_DELAY, .delay = {.base = 500}}};
    struct wire_config config = wire_rig_config(1);
    config.way[0] = (struct wire_way_config){nodes, 3, 0};
    wire_rig_init_with(&rig, &config);
    rig.w.watch = note_arrival;
    seen = 0;
    wire_rig_send(&rig, 0, 100, 1); /* 1000 + 1000 + 500 */
    wire_rig_send(&rig, 0, 200, 2); /* 2000 more */
    wire_advance(&rig.w, 1000000);
    ck_assert_uint_eq(seen, 2);
    ck_assert_int_eq(seen_at[0], 2500);
    ck_assert_int_eq(seen_at[1], 4500);
    ck_assert_uint_eq(rig.arrived, 2);
    ck_assert_int_eq(rig.log[0].at, 1000000);
    rig.sights[WIRE_SENT] = rig.sights[WIRE_ARRIVED] = 2; /* they were noted instead */
    wire_rig_done(&rig);
}
END_TEST

START_TEST(so_many_frames_may_be_in_flight)
{
    const struct wire_node_config nodes[] = {
        {.kind = WIRE_DELAY, .delay = {.base = 1000}},
        {.kind = WIRE_DUPLICATE, .duplicate = {WIRE_MILLION, 0}}};
    struct wire_config config = wire_rig_config(1);
    config.way[0] = (struct wire_way_config){nodes, 2, 0};
    config.max_frames = 100;
    wire_rig_init_with(&rig, &config);
    for (uint32_t i = 0; i < 120; i++) {
        ck_assert_int_eq(wire_rig_send(&rig, i % 2, 100, i), i < 100);
    }
    ck_assert_uint_eq(wire_stats(&rig.w, 0).refused, 10);
    ck_assert_uint_eq(wire_stats(&rig.w, 1).refused, 10);
    ck_assert_uint_eq(rig.w.frames, 100);
    wire_rig_expect_balance(&rig);
    /* The fifty from end 1, which has no nodes, arrive first and leave room for the copies. */
    wire_rig_run(&rig, 0);
    ck_assert_uint_eq(rig.arrived, 50);
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert(wire_rig_send(&rig, 0, 100, 1000 + i));
    }
    wire_rig_run(&rig, NEVER);
    ck_assert_uint_eq(rig.w.end[0].stats.sent, 100);
    ck_assert_uint_eq(rig.w.end[0].stats.copied + rig.w.end[0].stats.not_copied, 100);
    ck_assert_uint_gt(rig.w.end[0].stats.not_copied, 0);
    wire_rig_done(&rig);
}
END_TEST

START_TEST(so_many_bytes_may_be_in_flight)
{
    struct wire_config config = wire_rig_config(1);
    config.max_bytes = 1000;
    wire_rig_init_with(&rig, &config);
    ck_assert(wire_rig_send(&rig, 0, 600, 1));
    ck_assert(!wire_rig_send(&rig, 0, 401, 2));
    ck_assert(wire_rig_send(&rig, 1, 400, 3));
    ck_assert(!wire_rig_send(&rig, 1, 18, 4));
    wire_rig_run(&rig, 0);
    ck_assert(wire_rig_send(&rig, 0, 1000, 5));
    ck_assert_uint_eq(wire_stats(&rig.w, 0).refused, 1);
    wire_rig_done(&rig);
    ck_assert_uint_eq(rig.arrived, 3);
}
END_TEST

START_TEST(a_device_may_refuse_by_chance)
{
    struct wire_config config = wire_rig_config(1);
    config.way[1].refuse = 500000;
    wire_rig_init_with(&rig, &config);
    unsigned taken = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert(wire_rig_send(&rig, 0, 100, i));
        taken += wire_rig_send(&rig, 1, 100, i);
    }
    ck_assert_uint_gt(taken, 500 - 64); /* 4 sigma */
    ck_assert_uint_lt(taken, 500 + 64);
    ck_assert_uint_eq(wire_stats(&rig.w, 1).refused, 1000 - taken);
    ck_assert_uint_eq(rig.sights[WIRE_REFUSED], 1000 - taken);
    ck_assert_uint_eq(wire_stats(&rig.w, 1).sent, taken);
    wire_rig_done(&rig);
}
END_TEST

/* Keeps what it gets. */
static void hoard(void *arg, struct list *frames, nsec now)
{
    (void)now;
    list_append_all(frames, arg);
}

START_TEST(a_receiver_without_buffers_loses_frames)
{
    static const struct slab_limits few = {.slabs = {2, 0, 0, 0}, .bufs = 2};
    struct slab_pools pools;
    slab_pools_init(&pools, &few);
    struct list hoarded;
    list_init(&hoarded);
    wire_rig_init(&rig, 1, NULL, 0);
    wire_connect(&rig.w, 1, &pools, hoard, &hoarded);
    for (uint32_t i = 0; i < 3; i++) {
        wire_rig_send(&rig, 0, 100, i);
    }
    wire_rig_run(&rig, 0);
    ck_assert_uint_eq(rig.w.pools.bufs.in_use, 0); /* they are copies, of the receiver's */
    ck_assert_uint_eq(rig.pools.bufs.in_use, 0);
    ck_assert_uint_eq(pools.bufs.in_use, 2);
    ck_assert_uint_eq(wire_stats(&rig.w, 0).delivered, 2);
    ck_assert_uint_eq(wire_stats(&rig.w, 0).no_buffer, 1);
    wire_connect(&rig.w, 1, NULL, NULL, NULL); /* nobody is there any more */
    wire_rig_send(&rig, 0, 100, 3);
    wire_rig_run(&rig, 0);
    ck_assert_uint_eq(wire_stats(&rig.w, 0).no_buffer, 2);
    wire_rig_done(&rig);
    buf_free_queue(&hoarded);
    slab_pools_done(&pools);
}
END_TEST

START_TEST(the_end_frees_what_is_in_flight)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_DELAY, .delay = {.base = 1000}}};
    wire_rig_init(&rig, 1, nodes, 1);
    for (uint32_t i = 0; i < 300; i++) {
        wire_rig_send(&rig, 0, 100, i);
    }
    wire_done(&rig.w);
    ck_assert_uint_eq(rig.pools.bufs.in_use, 0);
    ck_assert_uint_eq(rig.w.frames, 0);
    ck_assert_uint_eq(rig.w.bytes, 0);
    slab_pools_done(&rig.pools);
}
END_TEST

static void answer_too_big(void *arg, const struct wire_sight *s)
{
    struct wire_rig *r = arg;
    r->sights[s->what]++;
    if (s->what == WIRE_DROPPED) {
        ck_assert_int_eq(s->node->config.kind, WIRE_MTU);
        ck_assert_uint_eq(s->frame->id, 2);
        ck_assert(wire_rig_send(r, 1 - s->from, 56, 99));
    }
}

/* A router beside the wire answers what the wire does not carry. */
START_TEST(who_watches_may_send)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_MTU, .mtu = {1000}}};
    wire_rig_init(&rig, 1, nodes, 1);
    rig.w.watch = answer_too_big;
    wire_rig_send(&rig, 0, 100, 1);
    wire_rig_send(&rig, 0, 1100, 2);
    wire_rig_run(&rig, NEVER);
    ck_assert_uint_eq(rig.arrived, 2);
    ck_assert_uint_eq(rig.log[0].to, 0);
    ck_assert_uint_eq(rig.log[0].tag, 99);
    ck_assert_uint_eq(rig.log[1].tag, 1);
    wire_rig_done(&rig);
}
END_TEST

START_TEST(settings_of_the_cable_are_checked)
{
    static const struct wire_node_config alone[] = {{.kind = WIRE_QUEUE}};
    static const struct wire_node_config apart[] = {
        {.kind = WIRE_QUEUE}, {.kind = WIRE_DELAY}, {.kind = WIRE_RATE, .rate = {1, 0}}};
    static const struct wire_node_config wrong[] = {{.kind = WIRE_RATE}};
    static const struct wire_node_config many[WIRE_NODES + 1] = {{.kind = WIRE_LOSS},
                                                                 {.kind = WIRE_LOSS}};
    const struct wire_way_config ways[] = {{alone, 1, 0},
                                           {apart, 3, 0},
                                           {wrong, 1, 0},
                                           {many, WIRE_NODES + 1, 0},
                                           {NULL, 0, WIRE_MILLION + 1}};
    for (unsigned i = 0; i < 2 * COUNT_OF(ways); i++) {
        struct wire_config config = wire_rig_config(1);
        config.way[i % 2] = ways[i / 2];
        ck_assert_msg(!wire_init(&rig.w, &config, 0), "way %u", i);
    }
}
END_TEST

/* ---- seeds ---- */

static struct wire_arrival first_run[WIRE_RIG_LOG];

static bool same_as_first_run(void)
{
    for (unsigned i = 0; i < rig.arrived; i++) {
        const struct wire_arrival *a = &rig.log[i];
        const struct wire_arrival *b = &first_run[i];
        if (a->at != b->at || a->to != b->to || a->tag != b->tag || a->len != b->len) {
            return false;
        }
    }
    return true;
}

static void run_weather(uint64_t seed)
{
    static const struct wire_node_config nodes[] = {
        {.kind = WIRE_LOSS, .loss = {50000}},
        {.kind = WIRE_BURST, .burst = {20000, 300000, 1000, 900000}},
        {.kind = WIRE_DUPLICATE, .duplicate = {50000, 3000}},
        {.kind = WIRE_QUEUE, .queue = {20000, 8000}},
        {.kind = WIRE_RATE, .rate = {1000000000, 24}},
        {.kind = WIRE_DELAY, .delay = {2000, 3000, false}},
        {.kind = WIRE_REORDER, .reorder = {50000, 20000}},
        {.kind = WIRE_CORRUPT, .corrupt = {50000, 2, true, false}},
    };
    struct wire_config config = wire_rig_config(seed);
    config.way[0] = config.way[1] = (struct wire_way_config){nodes, COUNT_OF(nodes), 10000};
    wire_rig_init_with(&rig, &config);
    for (uint32_t i = 0; i < 2000; i++) {
        wire_rig_send(&rig, i % 3 == 0, 100 + i % 1400, i);
        wire_rig_run(&rig, rig.w.now + 5000);
        if (i % 100 == 0) {
            wire_rig_expect_balance(&rig);
        }
    }
    wire_rig_done(&rig);
}

START_TEST(the_same_seed_gives_the_same_run)
{
    run_weather(1);
    unsigned count = rig.arrived;
    struct wire_stats stats = wire_stats(&rig.w, 0);
    ck_assert_uint_gt(stats.lost, 0);
    ck_assert_uint_gt(stats.queue_full, 0);
    ck_assert_uint_gt(stats.reordered, 0);
    ck_assert_uint_gt(stats.corrupted, 0);
    ck_assert_uint_gt(stats.copied, 0);
    ck_assert_uint_gt(stats.refused, 0);
    memcpy(first_run, rig.log, sizeof rig.log);
    run_weather(1);
    ck_assert_uint_eq(rig.arrived, count);
    ck_assert(same_as_first_run());
    struct wire_stats again = wire_stats(&rig.w, 0);
    ck_assert_mem_eq(&again, &stats, sizeof stats);
    run_weather(2);
    ck_assert(!same_as_first_run());
}
END_TEST

/* The same frames are lost whatever the nodes behind do. */
START_TEST(nodes_draw_by_themselves)
{
    static const struct wire_node_config more[] = {
        {.kind = WIRE_LOSS, .loss = {300000}},
        {.kind = WIRE_DELAY, .delay = {1000, 500, true}},
        {.kind = WIRE_DUPLICATE, .duplicate = {0, 0}},
    };
    wire_rig_init(&rig, 9, more, 1);
    for (uint32_t i = 0; i < 500; i++) {
        wire_rig_send(&rig, 0, 100, i);
    }
    wire_rig_done(&rig);
    unsigned count = rig.arrived;
    memcpy(first_run, rig.log, sizeof rig.log);
    wire_rig_init(&rig, 9, more, COUNT_OF(more));
    for (uint32_t i = 0; i < 500; i++) {
        wire_rig_send(&rig, 0, 100, i);
    }
    wire_rig_done(&rig);
    ck_assert_uint_eq(rig.arrived, count);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(rig.log[i].tag, first_run[i].tag);
    }
}
END_TEST

/* ---- two hosts ---- */

#define TRANSFER 200000U          /* bytes each way */
#define LIMIT (3600 * NS_PER_SEC) /* neighbours are forgotten after 20 minutes */

struct party {
    struct host host;
    struct iface *iface;
    struct stream *stream;
    uint32_t sent, received;
    uint8_t salt; /* of its bytes */
    bool peer_closed, closed;
    enum close_reason reason;
};

static struct wire cable;
static struct party party[2];

static uint8_t byte_of(uint8_t salt, uint32_t place)
{
    return (uint8_t)(salt + place * 7 + (place >> 8) * 13);
}

static void pump(struct stream *s)
{
    struct party *me = s->app;
    const struct party *peer = me == &party[0] ? &party[1] : &party[0];
    unsigned wrong = 0;
    for (struct slice in = stream_peek(s); in.len > 0; in = stream_peek(s)) {
        for (size_t i = 0; i < in.len; i++) {
            wrong += in.data[i] != byte_of(peer->salt, me->received++);
        }
        ck_assert_uint_eq(wrong, 0); /* once for all: an assertion costs a write */
        stream_consume(s, in.len);
    }
    size_t room;
    for (uint8_t *at; me->sent < TRANSFER && (at = stream_reserve(s, 1, &room)) != NULL;) {
        size_t n = size_min(room, TRANSFER - me->sent);
        for (size_t i = 0; i < n; i++) {
            at[i] = byte_of(me->salt, me->sent++);
        }
        stream_commit(s, n);
        if (me->sent == TRANSFER) {
            stream_shutdown(s);
        }
    }
}

static void on_peer_closed(struct stream *s)
{
    struct party *me = s->app;
    me->peer_closed = true;
    pump(s);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct party *me = s->app;
    me->closed = true;
    me->reason = reason;
}

static const struct stream_events events = {.opened = pump,
                                            .readable = pump,
                                            .writable = pump,
                                            .peer_closed = on_peer_closed,
                                            .closed = on_closed};

static void accept_stream(void *arg, struct stream *s)
{
    s->app = arg;
    s->events = &events;
}

static void deliver_to_host(void *arg, struct list *frames, nsec now)
{
    struct party *p = arg;
    host_input(&p->host, p->iface, frames, now);
}

static void hosts_init(uint64_t seed, const struct wire_node_config *nodes, unsigned count)
{
    struct wire_config config = wire_rig_config(seed);
    config.way[0] = config.way[1] = (struct wire_way_config){nodes, count, 0};
    ck_assert(wire_init(&cable, &config, 0));
    memset(party, 0, sizeof party);
    for (unsigned i = 0; i < 2; i++) {
        struct party *p = &party[i];
        struct host_config host = {.seed = {(uint8_t)(i + 1)}, .recorder_events = 64};
        p->salt = (uint8_t)(50 * i + 3);
        ck_assert(host_init(&p->host, &host, 0));
        p->iface = host_attach(&p->host, &cable.end[i].dev, ip4_addr(0x0a090001U + i), 24);
        ck_assert_ptr_nonnull(p->iface);
        wire_connect(&cable, i, &p->host.pools, deliver_to_host, p);
    }
    struct tcp_listen_args listen = {
        .local = {ip_any, 80}, .accept = accept_stream, .arg = &party[1]};
    struct tcp_listener *listener;
    ck_assert_int_eq(tcp_listen(&party[1].host.tcp, &listen, &listener), TCP_OK);
    struct tcp_connect_args connect = {
        .remote = {ip4_addr(0x0a090002U), 80}, .events = &events, .app = &party[0]};
    ck_assert_int_eq(tcp_connect(&party[0].host.tcp, &connect, &party[0].stream), TCP_OK);
}

/* Until nothing is armed and nothing in flight. */
static void hosts_run(void)
{
    nsec now = 0;
    for (;;) {
        for (unsigned i = 0; i < 2; i++) {
            cable.now = now;
            host_flush(&party[i].host, now);
        }
        nsec next = wire_deadline(&cable);
        for (unsigned i = 0; i < 2; i++) {
            next = nsec_min(next, host_deadline(&party[i].host));
        }
        if (next == NEVER) {
            return;
        }
        now = nsec_max(now, next);
        ck_assert_int_lt(now, LIMIT);
        wire_advance(&cable, now);
        for (unsigned i = 0; i < 2; i++) {
            host_advance(&party[i].host, now);
        }
    }
}

static void hosts_done(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct party *p = &party[i];
        ck_assert_uint_eq(p->received, TRANSFER);
        ck_assert(p->closed && p->peer_closed);
        ck_assert_int_eq(p->reason, CLOSE_NORMAL);
        ck_assert_uint_eq(p->host.tcp.handle_pool.in_use, 0);
        ck_assert_uint_eq(p->host.pools.bufs.in_use, 0);
        ck_assert_uint_eq(p->host.wheel.armed, 0);
    }
    ck_assert_uint_eq(cable.frames, 0);
    ck_assert_uint_eq(cable.bytes, 0);
    for (unsigned i = 0; i < 2; i++) {
        host_done(&party[i].host);
    }
    ck_assert_uint_eq(cable.pools.bufs.in_use, 0);
    wire_done(&cable);
}

START_TEST(two_hosts_talk_over_a_good_link)
{
    hosts_init(1, NULL, 0);
    hosts_run();
    ck_assert_uint_eq(wire_stats(&cable, 0).delivered, wire_stats(&cable, 0).sent);
    ck_assert_uint_eq(party[0].host.tcp.totals.retransmitted, 0);
    hosts_done();
}
END_TEST

START_TEST(two_hosts_talk_over_a_bad_link)
{
    static const struct wire_node_config nodes[] = {
        {.kind = WIRE_QUEUE, .queue = {30000, 0}},
        {.kind = WIRE_RATE, .rate = {20000000, 24}},
        {.kind = WIRE_LOSS, .loss = {20000}},
        {.kind = WIRE_BURST, .burst = {2000, 500000, 0, 800000}},
        {.kind = WIRE_DUPLICATE, .duplicate = {10000, NS_PER_MS}},
        {.kind = WIRE_CORRUPT, .corrupt = {10000, 1, false, false}},
        {.kind = WIRE_DELAY, .delay = {5 * NS_PER_MS, NS_PER_MS, true}},
        {.kind = WIRE_REORDER, .reorder = {10000, 3 * NS_PER_MS}},
    };
    for (uint64_t seed = 1; seed <= 3; seed++) {
        hosts_init(seed, nodes, COUNT_OF(nodes));
        hosts_run();
        ck_assert_uint_gt(wire_stats(&cable, 0).lost, 0);
        ck_assert_uint_gt(party[0].host.tcp.totals.retransmitted, 0);
        hosts_done();
    }
}
END_TEST

/* The answer to the SYN is lost once, by a rule of one direction only; all goes on after it. */
START_TEST(a_rule_takes_one_segment_of_a_host)
{
    static const struct tamper_rule rules[] = {{.flags_mask = TCP_SYN | TCP_ACK,
                                                .flags_value = TCP_SYN | TCP_ACK,
                                                .times = 1,
                                                .action = TAMPER_DROP}};
    static const struct wire_node_config nodes[] = {{.kind = WIRE_TAMPER, .tamper = {rules, 1}}};
    hosts_init(1, nodes, 1);
    hosts_run();
    ck_assert_uint_eq(wire_stats(&cable, 0).tampered_away, 0);
    ck_assert_uint_eq(wire_stats(&cable, 1).tampered_away, 1);
    ck_assert_uint_eq(wire_stats(&cable, 1).dropped, 1);
    hosts_done();
}
END_TEST

Suite *wire_suite(void);
Suite *wire_suite(void)
{
    Suite *s = suite_create("wire");
    TCase *c = tcase_create("wire");
    tcase_add_test(c, frames_arrive_at_the_other_end);
    tcase_add_test(c, a_device_gives_headers_payload_and_offload);
    tcase_add_test(c, frames_due_together_keep_their_order);
    tcase_add_test(c, coming_late_changes_no_moment);
    tcase_add_test(c, so_many_frames_may_be_in_flight);
    tcase_add_test(c, so_many_bytes_may_be_in_flight);
    tcase_add_test(c, a_device_may_refuse_by_chance);
    tcase_add_test(c, a_receiver_without_buffers_loses_frames);
    tcase_add_test(c, the_end_frees_what_is_in_flight);
    tcase_add_test(c, who_watches_may_send);
    tcase_add_test(c, settings_of_the_cable_are_checked);
    tcase_add_test(c, the_same_seed_gives_the_same_run);
    tcase_add_test(c, nodes_draw_by_themselves);
    tcase_add_test(c, two_hosts_talk_over_a_good_link);
    tcase_add_test(c, two_hosts_talk_over_a_bad_link);
    tcase_add_test(c, a_rule_takes_one_segment_of_a_host);
    suite_add_tcase(s, c);
    return s;
}
