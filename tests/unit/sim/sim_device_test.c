/* What the simulator's devices make of super-segments, by numbers from RFC 9293 3.1 and RFC 3168 6.1.2. */
#include <check.h>
#include <string.h>

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"
#include "tests/sim/device.h"
#include "tests/sim/world.h"

Suite *sim_device_suite(void);

enum { IP = 14, TCP = 34, TEXT = 54, CWR = 0x80, ACK = 0x10, PSH = 8, FIN = 1 };

static struct slab_pools pools;
static struct list out;
static struct sim_plan plan;
static struct sim_world world;

static void begin(void)
{
    static const struct slab_limits limits = {.slabs = {8, 8, 8, 8}, .bufs = 16};
    slab_pools_init(&pools, &limits);
    list_init(&out);
}

/* From 10.0.0.1 to 10.0.0.2, sequence number 0xfffffc00, `len` bytes that count up. */
static struct buf *super(uint32_t len, uint8_t flags)
{
    struct buf *b = buf_new(&pools, 0, TEXT + len);
    ck_assert_ptr_nonnull(b);
    b->len = TEXT + len;
    uint8_t *at = buf_data(b);
    memset(at, 0, b->len);
    struct wr w = wr_of(at + 12, b->len - 12);
    wr_be16(&w, 0x0800);
    wr_be32(&w, 0x45000000 | (40 + len));
    wr_be32(&w, 7U << 16U);
    wr_be32(&w, 0x40060000);
    wr_be32(&w, 0x0a000001);
    wr_be32(&w, 0x0a000002);
    wr_be32(&w, 1000U << 16U | 80U);
    wr_be32(&w, 0xfffffc00);
    wr_be32(&w, 99);
    wr_be16(&w, 0x5000U | flags);
    wr_be16(&w, 500);
    uint32_t sum = 0x0a00 + 1 + 0x0a00 + 2 + 6 + 20 + len; /* the pseudo-header */
    wr_be16(&w, (uint16_t)sum);
    for (uint32_t i = 0; i < len; i++) {
        at[TEXT + i] = (uint8_t)(i * 7);
    }
    b->offload = (struct offload){CSUM_PARTIAL, GSO_TCP4, 1000, TCP, 16};
    return b;
}

static uint32_t be32(const uint8_t *at)
{
    struct rd r = rd_of(at, 4);
    return rd_be32(&r);
}

static void expect(uint32_t from, uint32_t len, uint8_t flags, uint16_t id)
{
    ck_assert(!list_empty(&out));
    struct buf *b = buf_of_link(list_pop_front(&out));
    const uint8_t *at = buf_data(b);
    ck_assert_uint_eq(b->len, TEXT + len);
    ck_assert_uint_eq(be32(at + IP) & 0xffff, 40 + len);
    ck_assert_uint_eq(be32(at + IP + 4) >> 16U, id);
    ck_assert_uint_eq(be32(at + TCP + 4), 0xfffffc00U + from);
    ck_assert_uint_eq(at[TCP + 13], flags);
    ck_assert_uint_eq(csum_finish(csum_add(0, at + IP, 20)), 0);
    uint64_t sum = csum_add_be32(csum_add(0, at + IP + 12, 8), 6 + 20 + len);
    ck_assert_uint_eq(csum_finish(csum_add(sum, at + TCP, 20 + len)), 0);
    for (uint32_t i = 0; i < len; i++) {
        ck_assert_uint_eq(at[TEXT + i], (uint8_t)((from + i) * 7));
    }
    ck_assert_uint_eq(b->offload.csum, CSUM_UNKNOWN);
    ck_assert_uint_eq(b->offload.gso_type, GSO_NONE);
    buf_free(b);
}

START_TEST(a_super_segment_is_cut)
{
    ck_assert_ptr_null(sim_device_cut(super(2500, CWR | ACK | PSH | FIN), &pools, &out));
    expect(0, 1000, CWR | ACK, 7);
    expect(1000, 1000, ACK, 8); /* beyond the wrap */
    expect(2000, 500, ACK | PSH | FIN, 9);
    ck_assert(list_empty(&out));
    slab_pools_done(&pools);
}
END_TEST

START_TEST(what_no_device_can_cut_is_named)
{
    struct buf *b = super(2500, ACK);
    b->offload.csum = CSUM_UNKNOWN;
    ck_assert_ptr_nonnull(sim_device_cut(b, &pools, &out));
    b = super(2500, ACK);
    b->offload.gso_size = 0;
    ck_assert_ptr_nonnull(sim_device_cut(b, &pools, &out));
    b = super(1000, ACK); /* one segment */
    ck_assert_ptr_nonnull(sim_device_cut(b, &pools, &out));
    b = super(2500, ACK | 0x20); /* URG */
    ck_assert_ptr_nonnull(sim_device_cut(b, &pools, &out));
    b = super(2500, ACK);
    b->len--;
    ck_assert_ptr_nonnull(sim_device_cut(b, &pools, &out));
    ck_assert(list_empty(&out));
    slab_pools_done(&pools);
}
END_TEST

/* What was cut is joined again, to the same bytes. */
START_TEST(segments_are_joined)
{
    struct list joined;
    list_init(&joined);
    ck_assert_ptr_null(sim_device_cut(super(2500, ACK | PSH), &pools, &out));
    ck_assert_uint_eq(sim_device_join(&out, &pools, &joined), 1);
    ck_assert(list_empty(&out) && joined.next == joined.prev);
    struct buf *b = buf_of_link(list_pop_front(&joined));
    struct buf *whole = super(2500, ACK | PSH);
    ck_assert_uint_eq(b->len, whole->len);
    ck_assert_uint_eq(b->offload.gso_size, 1000);
    ck_assert_mem_eq(buf_data(b) + TCP, buf_data(whole) + TCP, b->len - TCP);
    buf_free(b);
    buf_free(whole);
    slab_pools_done(&pools);
}
END_TEST

/* A world in which hosts do send and take them; the oracles are content. */
START_TEST(hosts_send_and_take_super_segments)
{
    plan = (struct sim_plan){.seed = 1, .hosts = 2, .wires = 1, .flows = 1, .start = NS_PER_SEC};
    plan.wire[0] = (struct sim_wire_plan){
        .host = {0, 1}, .mtu = 1500, .cuts = {true, true}, .joins = {true, true}};
    for (unsigned i = 0; i < 2; i++) {
        plan.wire[0].way[i].nodes[0] = (struct wire_node_config){.kind = WIRE_DELAY};
        plan.wire[0].way[i].nodes[0].delay.base = NS_PER_MS;
        plan.wire[0].way[i].node_count = 1;
        plan.host[i].tcp.msl = NS_PER_SEC;
        plan.flow[0].host[i] = (uint8_t)i;
    }
    plan.flow[0].app[SIM_CLIENT] = (struct sim_app_plan){.total = 300000, .first = 300000};
    ck_assert(sim_world_init(&world, &plan, NULL));
    ck_assert_msg(sim_world_run(&world), "%s: %s", world.failure.rule, world.failure.text);
    ck_assert_uint_gt(world.cut, 0);
    ck_assert_uint_gt(world.joined, 0);
    sim_world_done(&world);
    ck_assert_msg(!world.failure.set, "%s: %s", world.failure.rule, world.failure.text);
}
END_TEST

Suite *sim_device_suite(void)
{
    Suite *s = suite_create("sim_device");
    TCase *t = tcase_create("device");
    tcase_add_checked_fixture(t, begin, NULL);
    tcase_add_test(t, a_super_segment_is_cut);
    tcase_add_test(t, what_no_device_can_cut_is_named);
    tcase_add_test(t, segments_are_joined);
    tcase_add_test(t, hosts_send_and_take_super_segments);
    suite_add_tcase(s, t);
    return s;
}
