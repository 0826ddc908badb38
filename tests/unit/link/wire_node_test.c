/* What each node of a wire does with frames, against numbers computed here. */
#include "stack/link/wire_node.h"

#include <check.h>
#include <math.h>
#include <string.h>

#include "stack/trace/names.h"
#include "tests/unit/link/wire_rig.h"

static struct wire_rig rig; /* large: not on the stack */
static const struct slab_limits limits = {.slabs = {4, 4, 4, 4}, .bufs = 8};

/* ---- rate and queue ---- */

START_TEST(frames_leave_at_the_rate)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_RATE, .rate = {10000000, 0}}};
    wire_rig_init(&rig, 1, nodes, 1);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert(wire_rig_send(&rig, 0, 1500, i));
    }
    ck_assert_int_eq(wire_deadline(&rig.w), 1200 * NS_PER_US); /* 12000 bits at 10 Mbit/s */
    wire_rig_run(&rig, NEVER);
    ck_assert_uint_eq(rig.arrived, 100);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(rig.log[i].tag, i);
        ck_assert_int_eq(rig.log[i].at, (i + 1) * 1200 * NS_PER_US);
    }
    wire_rig_done(&rig);
}
END_TEST

/* (997 + 24) * 8 bits at 7 Mbit/s are 1166857.14… ns: rounding must not add up. */
START_TEST(rounding_does_not_add_up)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_RATE, .rate = {7000000, 24}}};
    wire_rig_init(&rig, 1, nodes, 1);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert(wire_rig_send(&rig, 0, 997, i));
    }
    wire_rig_run(&rig, NEVER);
    for (int64_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(rig.log[i].at, (i + 1) * 1021 * 8 * NS_PER_SEC / 7000000);
    }
    ck_assert_int_eq(rig.log[999].at, 1166857142);
    wire_rig_done(&rig);
}
END_TEST

START_TEST(an_idle_rate_begins_anew)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_RATE, .rate = {3000000, 0}}};
    wire_rig_init(&rig, 1, nodes, 1);
    wire_rig_send(&rig, 0, 100, 0); /* 266666.67 ns */
    wire_rig_run(&rig, 400000);
    wire_rig_send(&rig, 0, 100, 1);
    wire_rig_run(&rig, 500000);
    wire_rig_send(&rig, 0, 200, 2); /* behind the one before */
    wire_rig_run(&rig, NEVER);
    ck_assert_int_eq(rig.log[0].at, 266666);
    ck_assert_int_eq(rig.log[1].at, 666666);
    ck_assert_int_eq(rig.log[2].at, 1200000); /* 400000 + 300 * 8 / 3 Mbit/s, whole again */
    wire_rig_done(&rig);
}
END_TEST

START_TEST(a_queue_refuses_exactly_what_does_not_fit)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_QUEUE, .queue = {3000, 0}},
                                             {.kind = WIRE_RATE, .rate = {1000000, 0}}};
    wire_rig_init(&rig, 1, nodes, 2);
    wire_rig_send(&rig, 0, 1000, 1);
    wire_rig_send(&rig, 0, 1000, 2);
    wire_rig_send(&rig, 0, 1001, 3); /* one byte too many */
    wire_rig_send(&rig, 0, 1000, 4); /* fits to the byte */
    wire_rig_send(&rig, 0, 18, 5);
    ck_assert_uint_eq(wire_stats(&rig.w, 0).queue_full, 2);
    wire_rig_run(&rig, 8 * NS_PER_MS - 1);
    wire_rig_send(&rig, 0, 18, 6); /* the first one's last bit is not out yet */
    ck_assert_uint_eq(wire_stats(&rig.w, 0).queue_full, 3);
    wire_rig_run(&rig, 8 * NS_PER_MS);
    wire_rig_send(&rig, 0, 1000, 7);
    wire_rig_send(&rig, 0, 18, 8);
    wire_rig_run(&rig, NEVER);
    static const uint32_t tags[] = {1, 2, 4, 7};
    ck_assert_uint_eq(rig.arrived, COUNT_OF(tags));
    for (unsigned i = 0; i < COUNT_OF(tags); i++) {
        ck_assert_uint_eq(rig.log[i].tag, tags[i]);
        ck_assert_int_eq(rig.log[i].at, (i + 1) * 8 * NS_PER_MS);
    }
    ck_assert_uint_eq(wire_stats(&rig.w, 0).queue_full, 4);
    ck_assert_uint_eq(rig.w.end[0].nodes[1].held, 0);
    wire_rig_done(&rig);
}
END_TEST

static uint8_t last_tos(void)
{
    ck_assert_uint_eq(plain_checksum(rig.last.b + FRAME_ETH, FRAME_IP, 0), 0);
    return rig.last.b[FRAME_ETH + 1];
}

START_TEST(a_long_queue_marks_what_understands_it)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_QUEUE, .queue = {0, 2000}},
                                             {.kind = WIRE_RATE, .rate = {1000000, 0}}};
    wire_rig_init(&rig, 1, nodes, 2);
    static const uint8_t payload[966]; /* frames of 1000 bytes */
    struct ip4_spec spec = ip4_spec_to_us(6);
    static const struct {
        uint8_t sent, wanted;
    } tos[] = {{2, 2}, {2, 2}, {2, 2}, /* these find 0, 1000 and 2000 bytes: not more than that */
               {2, 3}, {1, 3}, {0, 0}, {3, 3}, {0xfe, 0xff}};
    for (unsigned i = 0; i < COUNT_OF(tos); i++) {
        spec.tos = tos[i].sent;
        struct frame f = frame_ip4(&spec, payload, sizeof payload);
        ck_assert(wire_rig_send_frame(&rig, 0, &f));
    }
    for (unsigned i = 0; i < COUNT_OF(tos); i++) {
        wire_rig_run(&rig, wire_deadline(&rig.w));
        ck_assert_uint_eq(rig.arrived, i + 1);
        ck_assert_uint_eq(last_tos(), tos[i].wanted);
    }
    ck_assert_uint_eq(wire_stats(&rig.w, 0).marked, 3);
    ck_assert_uint_eq(wire_stats(&rig.w, 0).dropped, 0);
    wire_rig_done(&rig);
}
END_TEST

/* ---- delay ---- */

START_TEST(a_delay_is_exact)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_DELAY, .delay = {.base = 12345}}};
    wire_rig_init(&rig, 1, nodes, 1);
    for (uint32_t i = 0; i < 10; i++) {
        wire_rig_send(&rig, 0, 100, i);
        wire_rig_run(&rig, rig.w.now + 1000);
    }
    wire_rig_run(&rig, NEVER);
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert_uint_eq(rig.log[i].tag, i);
        ck_assert_int_eq(rig.log[i].at, i * 1000 + 12345);
    }
    ck_assert_uint_eq(wire_stats(&rig.w, 0).reordered, 0);
    wire_rig_done(&rig);
}
END_TEST

/* Sends 2000 frames, a microsecond apart, through 1 ms and 0 to 1 ms more. */
static void send_through_jitter(bool keep_order)
{
    const struct wire_node_config nodes[] = {
        {.kind = WIRE_DELAY, .delay = {NS_PER_MS, NS_PER_MS, keep_order}}};
    wire_rig_init(&rig, 7, nodes, 1);
    for (uint32_t i = 0; i < 2000; i++) {
        wire_rig_send(&rig, 0, 100, i);
        wire_rig_run(&rig, rig.w.now + NS_PER_US);
    }
    wire_rig_run(&rig, NEVER);
    ck_assert_uint_eq(rig.arrived, 2000);
}

START_TEST(jitter_is_even_over_its_range)
{
    send_through_jitter(false);
    nsec at[2000];
    double sum = 0;
    unsigned quarter[4] = {0};
    for (unsigned i = 0; i < 2000; i++) {
        nsec took = rig.log[i].at - (nsec)rig.log[i].tag * NS_PER_US;
        ck_assert_int_ge(took, NS_PER_MS);
        ck_assert_int_le(took, 2 * NS_PER_MS);
        at[rig.log[i].tag] = rig.log[i].at;
        sum += (double)(took - NS_PER_MS);
        quarter[(took - NS_PER_MS) * 4 / (NS_PER_MS + 1)]++;
    }
    /* A uniform value: variance range^2 / 12. A quarter: n p (1 - p). */
    ck_assert_double_lt(fabs(sum / 2000 - 5e5), 4 * 1e6 / sqrt(12.0 * 2000));
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_double_lt(fabs(quarter[i] - 500.0), 4 * sqrt(2000 * 0.25 * 0.75));
    }
    uint64_t overtook = 0;
    nsec latest = 0;
    for (unsigned i = 0; i < 2000; i++) {
        overtook += at[i] < latest;
        latest = nsec_max(latest, at[i]);
    }
    ck_assert_uint_gt(overtook, 1000);
    ck_assert_uint_eq(wire_stats(&rig.w, 0).reordered, overtook);
    wire_rig_done(&rig);
}
END_TEST

START_TEST(jitter_keeps_the_order_if_told_to)
{
    send_through_jitter(true);
    for (unsigned i = 0; i < 2000; i++) {
        ck_assert_uint_eq(rig.log[i].tag, i);
    }
    ck_assert_int_le(rig.log[1999].at, 1999 * NS_PER_US + 2 * NS_PER_MS);
    ck_assert_uint_eq(wire_stats(&rig.w, 0).reordered, 0);
    wire_rig_done(&rig);
}
END_TEST

START_TEST(batches_go_at_multiples_of_the_period)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_BATCH, .batch = {1000}}};
    wire_rig_init(&rig, 1, nodes, 1);
    wire_rig_send(&rig, 0, 100, 0); /* at 0, which is one */
    wire_rig_run(&rig, 1);
    wire_rig_send(&rig, 0, 100, 1);
    wire_rig_run(&rig, 999);
    wire_rig_send(&rig, 0, 100, 2);
    wire_rig_run(&rig, NEVER);
    ck_assert_int_eq(rig.log[0].at, 0);
    ck_assert_int_eq(rig.log[1].at, 1000);
    ck_assert_int_eq(rig.log[2].at, 1000);
    ck_assert_uint_eq(rig.log[1].tag, 1);
    wire_rig_done(&rig);
}
END_TEST

/* ---- loss, in many frames: one node by itself ---- */

struct lone_node {
    struct slab_pools pools;
    struct wire_node node;
    struct buf *frame;
};

static void lone_init(struct lone_node *l, const struct wire_node_config *config,
                      const struct frame *f)
{
    static const uint8_t seed[32] = {42};
    struct random random;
    random_init(&random, seed);
    slab_pools_init(&l->pools, &limits);
    ck_assert(wire_node_init(&l->node, config, &random));
    l->frame = buf_copy_of(&l->pools, f->b, f->len);
    ck_assert_ptr_nonnull(l->frame);
}

static void lone_done(struct lone_node *l)
{
    buf_free(l->frame);
    slab_pools_done(&l->pools);
}

/* Passes n frames, writes which are lost, and returns how many. */
static unsigned lose(const struct wire_node_config *config, bool *lost, unsigned n)
{
    struct lone_node l;
    struct frame f = frame_to_us(0x88b5);
    lone_init(&l, config, &f);
    unsigned count = 0;
    unsigned strange = 0; /* an assertion costs a write: one for all */
    for (unsigned i = 0; i < n; i++) {
        struct wire_verdict v = wire_node_pass(&l.node, l.frame, i);
        strange += v.due != i || v.copy || v.corrupted;
        lost[i] = v.drop;
        count += v.drop;
    }
    ck_assert_uint_eq(strange, 0);
    ck_assert_uint_eq(l.node.effects.dropped, count);
    ck_assert_uint_eq(l.node.effects.seen, n);
    ck_assert_uint_eq(l.node.effects.seen_bytes, n * f.len);
    lone_done(&l);
    return count;
}

#define MANY 100000U
static bool lost[MANY];

START_TEST(loss_is_as_likely_as_it_says)
{
    static const uint32_t chances[] = {0, 1000, 10000, 200000, 1000000};
    for (unsigned i = 0; i < COUNT_OF(chances); i++) {
        const struct wire_node_config c = {.kind = WIRE_LOSS, .loss = {chances[i]}};
        double p = chances[i] / 1e6;
        double wanted = MANY * p;
        ck_assert_double_le(fabs(lose(&c, lost, MANY) - wanted), 4 * sqrt(wanted * (1 - p)));
    }
}
END_TEST

/* Losses do not come together: after a loss, the next frame is as likely to be lost as any. */
START_TEST(random_losses_are_independent)
{
    const struct wire_node_config c = {.kind = WIRE_LOSS, .loss = {100000}};
    unsigned n = lose(&c, lost, MANY);
    unsigned pairs = 0;
    for (unsigned i = 1; i < MANY; i++) {
        pairs += lost[i] && lost[i - 1];
    }
    ck_assert_double_lt(fabs(pairs - n * 0.1), 4 * sqrt(n * 0.1 * 0.9));
}
END_TEST

/* All is lost in the bad state: bursts have the mean length 1 / r, a share of p / (p + r) is lost. The
 * variance of the share is that of a chain whose states hang together by 1 - p - r. */
START_TEST(bursts_are_as_long_as_the_model_says)
{
    const struct wire_node_config c = {.kind = WIRE_BURST,
                                       .burst = {10000, 250000, 0, WIRE_MILLION}};
    double p = 0.01;
    double r = 0.25;
    double share = p / (p + r);
    double together = 1 - p - r;
    unsigned n = lose(&c, lost, MANY);
    double sigma = sqrt(MANY * share * (1 - share) * (1 + together) / (1 - together));
    ck_assert_double_lt(fabs(n - MANY * share), 4 * sigma);
    unsigned bursts = lost[0];
    for (unsigned i = 1; i < MANY; i++) {
        bursts += lost[i] && !lost[i - 1];
    }
    ck_assert_uint_gt(bursts, 500);
    double mean = (double)n / bursts;
    ck_assert_double_lt(fabs(mean - 4.0), 4 * (sqrt(1 - r) / r) / sqrt(bursts));
}
END_TEST

START_TEST(both_states_lose_their_share)
{
    /* A chance of 1/2 to change either way: the states are equally likely and independent. */
    const struct wire_node_config c = {.kind = WIRE_BURST,
                                       .burst = {500000, 500000, 20000, 600000}};
    double share = (0.02 + 0.6) / 2;
    unsigned n = lose(&c, lost, MANY);
    ck_assert_double_lt(fabs(n - MANY * share), 4 * sqrt(MANY * share * (1 - share)));
    const struct wire_node_config good = {.kind = WIRE_BURST, .burst = {0, 0, 20000, WIRE_MILLION}};
    n = lose(&good, lost, MANY); /* the good state comes first, and here for ever */
    ck_assert_double_lt(fabs(n - MANY * 0.02), 4 * sqrt(MANY * 0.02 * 0.98));
}
END_TEST

/* ---- order and copies ---- */

START_TEST(chosen_frames_are_overtaken)
{
    const struct wire_node_config nodes[] = {
        {.kind = WIRE_REORDER, .reorder = {100000, 5500 * NS_PER_US}}};
    wire_rig_init(&rig, 3, nodes, 1);
    for (uint32_t i = 0; i < 4000; i++) {
        wire_rig_send(&rig, 0, 100, i);
        wire_rig_run(&rig, (nsec)(i + 1) * NS_PER_MS - 1);
        rig.w.now++;
    }
    wire_rig_run(&rig, NEVER);
    ck_assert_uint_eq(rig.arrived, 4000);
    uint64_t late = 0;
    for (unsigned i = 0; i < 4000; i++) {
        nsec took = rig.log[i].at - (nsec)rig.log[i].tag * NS_PER_MS;
        ck_assert(took == 0 || took == 5500 * NS_PER_US);
        late += took > 0;
    }
    ck_assert_double_lt(fabs((double)late - 400), 4 * sqrt(4000 * 0.1 * 0.9));
    ck_assert_uint_eq(wire_stats(&rig.w, 0).reordered, late);
    wire_rig_done(&rig);
}
END_TEST

START_TEST(copies_come_behind_their_originals)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_DUPLICATE, .duplicate = {250000, 0}},
                                             {.kind = WIRE_RATE, .rate = {8000000, 0}}};
    wire_rig_init(&rig, 5, nodes, 2);
    for (uint32_t i = 0; i < 2000; i++) {
        wire_rig_send(&rig, 0, 100, i);
    }
    wire_rig_run(&rig, NEVER);
    uint32_t copies = 0;
    for (unsigned i = 0; i < rig.arrived; i++) {
        bool copy = i > 0 && rig.log[i].tag == rig.log[i - 1].tag;
        copies += copy;
        ck_assert_uint_eq(rig.log[i].tag, i - copies);
        ck_assert_uint_eq(rig.log[i].len, 100);
        ck_assert_int_eq(rig.log[i].at, (i + 1) * 100 * NS_PER_US); /* they take the link's time */
    }
    ck_assert_uint_eq(rig.arrived, 2000 + copies);
    ck_assert_double_lt(fabs(copies - 500.0), 4 * sqrt(2000 * 0.25 * 0.75));
    ck_assert_uint_eq(wire_stats(&rig.w, 0).copied, copies);
    ck_assert_uint_eq(rig.sights[WIRE_COPIED], copies);
    wire_rig_done(&rig);
}
END_TEST

START_TEST(a_copy_can_come_later)
{
    const struct wire_node_config nodes[] = {
        {.kind = WIRE_DUPLICATE, .duplicate = {WIRE_MILLION, 300}}};
    wire_rig_init(&rig, 5, nodes, 1);
    wire_rig_send(&rig, 0, 100, 1);
    wire_rig_run(&rig, 200);
    wire_rig_send(&rig, 0, 100, 2);
    wire_rig_run(&rig, NEVER);
    static const struct wire_arrival want[] = {
        {0, 1, 1, 100}, {200, 1, 2, 100}, {300, 1, 1, 100}, {500, 1, 2, 100}};
    ck_assert_uint_eq(rig.arrived, 4);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(rig.log[i].at, want[i].at);
        ck_assert_uint_eq(rig.log[i].tag, want[i].tag);
    }
    wire_rig_done(&rig);
}
END_TEST

/* ---- corruption ---- */

static unsigned bits_changed(const uint8_t *a, const uint8_t *b, size_t len)
{
    unsigned n = 0;
    for (size_t i = 0; i < len; i++) {
        n += (unsigned)__builtin_popcount(a[i] ^ b[i]);
    }
    return n;
}

START_TEST(so_many_bits_flip)
{
    struct frame f = frame_tcp(TCP_ACK, 1, 3);
    frame_add_hex(&f, "aaaaaa"); /* padding, which no checksum covers */
    for (uint32_t bits = 0; bits <= WIRE_CORRUPT_BITS; bits++) {
        const struct wire_node_config c = {.kind = WIRE_CORRUPT,
                                           .corrupt = {WIRE_MILLION, bits, false, false}};
        struct lone_node l;
        lone_init(&l, &c, &f);
        for (unsigned i = 0; i < 500; i++) {
            memcpy(buf_data(l.frame), f.b, f.len);
            struct wire_verdict v = wire_node_pass(&l.node, l.frame, 0);
            ck_assert(v.corrupted && !v.drop);
            ck_assert_uint_eq(bits_changed(buf_data(l.frame), f.b, f.len), bits > 0 ? bits : 1);
            ck_assert_mem_eq(buf_data(l.frame), f.b, 14);
            ck_assert_mem_eq(buf_data(l.frame) + 57, f.b + 57, 3);
        }
        ck_assert_uint_eq(l.node.effects.corrupted, 500);
        lone_done(&l);
    }
}
END_TEST

/* RFC 1071 over 16-bit words: fewer than 16 flips in one of them always show in the sum. */
START_TEST(flips_in_one_word)
{
    struct frame f = frame_tcp(TCP_ACK, 1, 4);
    for (uint32_t bits = 2; bits <= WIRE_CORRUPT_BITS; bits++) {
        const struct wire_node_config c = {.kind = WIRE_CORRUPT,
                                           .corrupt = {WIRE_MILLION, bits, .in_word = true}};
        struct lone_node l;
        lone_init(&l, &c, &f);
        for (unsigned i = 0; i < 200; i++) {
            memcpy(buf_data(l.frame), f.b, f.len);
            ck_assert(wire_node_pass(&l.node, l.frame, 0).corrupted);
            const uint8_t *b = buf_data(l.frame);
            size_t at = 14;
            while (at < f.len && b[at] == f.b[at] && b[at + 1] == f.b[at + 1]) {
                at += 2;
            }
            ck_assert_uint_eq(bits_changed(b + at, f.b + at, 2), bits);
            ck_assert_uint_eq(bits_changed(b, f.b, f.len), bits);
        }
        lone_done(&l);
    }
}
END_TEST

START_TEST(flips_reach_every_byte)
{
    struct frame f = frame_tcp(TCP_ACK, 1, 3);
    for (unsigned anywhere = 0; anywhere < 2; anywhere++) {
        const struct wire_node_config c = {.kind = WIRE_CORRUPT,
                                           .corrupt = {WIRE_MILLION, 1, anywhere > 0, false}};
        struct lone_node l;
        lone_init(&l, &c, &f);
        for (unsigned i = 0; i < 20000; i++) { /* the bits add up in place */
            wire_node_pass(&l.node, l.frame, 0);
            if (i % 100 == 0 && anywhere == 0) {
                memcpy(buf_data(l.frame), f.b, 34); /* or it is no IP packet any more */
            }
        }
        bool touched = memcmp(buf_data(l.frame), f.b, 14) != 0;
        ck_assert_int_eq(touched, anywhere > 0);
        lone_done(&l);
    }
}
END_TEST

START_TEST(what_no_checksum_guards_is_spared)
{
    struct frame arp = frame_to_us(0x0806);
    frame_add_hex(&arp, "00010800060400010200000000010a090001");
    const struct wire_node_config c = {.kind = WIRE_CORRUPT,
                                       .corrupt = {WIRE_MILLION, 1, false, false}};
    struct lone_node l;
    lone_init(&l, &c, &arp);
    struct wire_verdict v = wire_node_pass(&l.node, l.frame, 0);
    ck_assert(!v.corrupted && !v.drop);
    ck_assert_mem_eq(buf_data(l.frame), arp.b, arp.len);
    ck_assert_uint_eq(l.node.effects.corrupted, 0);
    lone_done(&l);
}
END_TEST

/* The checksum is finished before the bits flip, and the device no longer vouches for it. */
START_TEST(offloaded_checksums_do_not_hide_it)
{
    struct frame want = frame_tcp(TCP_ACK, 1, 3);
    struct frame f = want;
    uint8_t pseudo[12] = {0};
    memcpy(pseudo, f.b + 26, 8);
    pseudo[9] = 6;
    pseudo[11] = 23;
    put16(f.b + 50, (uint16_t)~plain_checksum(pseudo, sizeof pseudo, 0));
    const struct wire_node_config c = {.kind = WIRE_CORRUPT,
                                       .corrupt = {WIRE_MILLION, 1, false, false}};
    struct lone_node l;
    lone_init(&l, &c, &f);
    l.frame->offload = (struct offload){.csum = CSUM_PARTIAL, .csum_start = 34, .csum_offset = 16};
    ck_assert(wire_node_pass(&l.node, l.frame, 0).corrupted);
    ck_assert_uint_eq(l.frame->offload.csum, CSUM_UNKNOWN);
    ck_assert_uint_eq(bits_changed(buf_data(l.frame), want.b, want.len), 1);

    memcpy(buf_data(l.frame), want.b, want.len);
    l.frame->offload = (struct offload){.csum = CSUM_VERIFIED};
    ck_assert(wire_node_pass(&l.node, l.frame, 0).corrupted);
    ck_assert_uint_eq(l.frame->offload.csum, CSUM_UNKNOWN);

    memcpy(buf_data(l.frame), want.b, want.len);
    l.frame->offload = (struct offload){.csum = CSUM_PARTIAL, .gso_type = GSO_TCP4, .gso_size = 2};
    ck_assert(wire_node_pass(&l.node, l.frame, 0).drop);
    lone_done(&l);
}
END_TEST

/* ---- the rest ---- */

START_TEST(too_big_is_lost_without_a_word)
{
    const struct wire_node_config nodes[] = {{.kind = WIRE_MTU, .mtu = {1400}}};
    wire_rig_init(&rig, 1, nodes, 1);
    wire_rig_send(&rig, 0, 14 + 1400, 1);
    wire_rig_send(&rig, 0, 14 + 1401, 2);
    struct frame fits = frame_tcp(TCP_ACK, 1, 1360);
    struct frame big = frame_tcp(TCP_ACK, 1, 1361);
    wire_rig_send_frame(&rig, 0, &fits);
    wire_rig_send_frame(&rig, 0, &big);
    wire_rig_run(&rig, NEVER);
    ck_assert_uint_eq(rig.arrived, 2);
    ck_assert_uint_eq(rig.log[0].tag, 1);
    ck_assert_uint_eq(rig.log[1].len, fits.len);
    ck_assert_uint_eq(wire_stats(&rig.w, 0).too_big, 2);
    ck_assert_uint_eq(wire_stats(&rig.w, 1).sent, 0);
    wire_rig_done(&rig);
}
END_TEST

START_TEST(settings_that_make_no_sense_are_refused)
{
    static const struct wire_node_config bad[] = {
        {.kind = WIRE_RATE, .rate = {0, 0}},
        {.kind = WIRE_RATE, .rate = {UINT64_MAX, 0}},
        {.kind = WIRE_DELAY, .delay = {-1, 0, false}},
        {.kind = WIRE_DELAY, .delay = {0, -1, false}},
        {.kind = WIRE_LOSS, .loss = {WIRE_MILLION + 1}},
        {.kind = WIRE_BURST, .burst = {0, WIRE_MILLION + 1, 0, 0}},
        {.kind = WIRE_REORDER, .reorder = {1, -1}},
        {.kind = WIRE_DUPLICATE, .duplicate = {WIRE_MILLION + 1, 0}},
        {.kind = WIRE_CORRUPT, .corrupt = {1, WIRE_CORRUPT_BITS + 1, false, false}},
        {.kind = WIRE_BATCH, .batch = {0}},
        {.kind = WIRE_TAMPER, .tamper = {NULL, TAMPER_RULES + 1}},
    };
    static const uint8_t seed[32] = {1};
    struct random random;
    random_init(&random, seed);
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        struct wire_node n;
        ck_assert_msg(!wire_node_init(&n, &bad[i], &random), "setting %u", i);
    }
}
END_TEST

Suite *wire_node_suite(void);
Suite *wire_node_suite(void)
{
    Suite *s = suite_create("wire_node");
    TCase *c = tcase_create("wire_node");
    tcase_add_test(c, frames_leave_at_the_rate);
    tcase_add_test(c, rounding_does_not_add_up);
    tcase_add_test(c, an_idle_rate_begins_anew);
    tcase_add_test(c, a_queue_refuses_exactly_what_does_not_fit);
    tcase_add_test(c, a_long_queue_marks_what_understands_it);
    tcase_add_test(c, a_delay_is_exact);
    tcase_add_test(c, jitter_is_even_over_its_range);
    tcase_add_test(c, jitter_keeps_the_order_if_told_to);
    tcase_add_test(c, batches_go_at_multiples_of_the_period);
    tcase_add_test(c, loss_is_as_likely_as_it_says);
    tcase_add_test(c, random_losses_are_independent);
    tcase_add_test(c, bursts_are_as_long_as_the_model_says);
    tcase_add_test(c, both_states_lose_their_share);
    tcase_add_test(c, chosen_frames_are_overtaken);
    tcase_add_test(c, copies_come_behind_their_originals);
    tcase_add_test(c, a_copy_can_come_later);
    tcase_add_test(c, so_many_bits_flip);
    tcase_add_test(c, flips_in_one_word);
    tcase_add_test(c, flips_reach_every_byte);
    tcase_add_test(c, what_no_checksum_guards_is_spared);
    tcase_add_test(c, offloaded_checksums_do_not_hide_it);
    tcase_add_test(c, too_big_is_lost_without_a_word);
    tcase_add_test(c, settings_that_make_no_sense_are_refused);
    suite_add_tcase(s, c);
    return s;
}
