/* Out-of-order ranges against an array of bytes in which each place is empty or filled. */
#include "stack/tcp/reassembly.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/base/lcg.h"

#define SPACE 3000U /* places of the model, from `base` on */

struct rig {
    struct slab_pools pools;
    struct pool ranges;
    struct reassembly r;
    struct lcg lcg;
    tcp_seq base; /* of model place 0; moves as bytes are taken */
    bool have[SPACE];
    uint8_t value[SPACE];
    uint32_t touched[SPACE]; /* the latest insertion that named this place */
    uint32_t insertions;
    uint32_t max;
};

static void rig_init(struct rig *r, uint64_t seed, tcp_seq base, uint32_t max)
{
    struct slab_limits limits = {.slabs = {5000, 5000, 100, 0}, .bufs = 200000};
    memset(r, 0, sizeof *r);
    slab_pools_init(&r->pools, &limits);
    pool_init(&r->ranges, "range", sizeof(struct tcp_range), 1000);
    reassembly_init(&r->r, (uint32_t)seed);
    r->lcg.state = seed;
    r->base = base;
    r->max = max;
}

static void rig_done(struct rig *r)
{
    reassembly_done(&r->r, &r->ranges);
    ck_assert_uint_eq(r->r.count, 0);
    ck_assert_uint_eq(r->r.bytes, 0);
    ck_assert_uint_eq(r->ranges.in_use, 0);
    ck_assert_uint_eq(r->pools.bufs.in_use, 0);
    ck_assert_uint_eq(r->pools.slabs[SLAB_SMALL].in_use, 0);
    ck_assert_uint_eq(r->pools.slabs[SLAB_FRAME].in_use, 0);
    pool_done(&r->ranges);
    slab_pools_done(&r->pools);
}

static const struct tcp_range *range_of(const struct list *n)
{
    return CONTAINER_OF((struct list *)(uintptr_t)n, struct tcp_range, link);
}

/* A buf of `len` random bytes; NULL when the pools have none. */
static struct buf *some_bytes(struct rig *r, uint32_t len, uint8_t *bytes)
{
    lcg_fill(&r->lcg, bytes, len);
    return buf_copy_of(&r->pools, bytes, len);
}

/* Inserts [at, at + len) and does the same in the model: what was there first stays. */
static bool insert(struct rig *r, uint32_t at, uint32_t len)
{
    uint8_t bytes[SPACE];
    struct buf *b = some_bytes(r, len, bytes);
    ck_assert_ptr_nonnull(b);
    r->insertions++;
    for (uint32_t i = 0; i < len; i++) {
        if (!r->have[at + i]) {
            r->have[at + i] = true;
            r->value[at + i] = bytes[i];
        }
        r->touched[at + i] = r->insertions;
    }
    return reassembly_insert(&r->r, &r->ranges, r->max, seq_add(r->base, at), b);
}

/* The next run of filled places from `*at` on. */
static bool next_run(const struct rig *r, uint32_t *at, uint32_t *end)
{
    while (*at < SPACE && !r->have[*at]) {
        (*at)++;
    }
    *end = *at;
    while (*end < SPACE && r->have[*end]) {
        (*end)++;
    }
    return *at < SPACE;
}

static void expect_bytes(const struct rig *r, const struct list *bufs, uint32_t at, uint32_t end)
{
    for (const struct list *n = bufs->next; n != bufs; n = n->next) {
        const struct buf *b = buf_of_link((struct list *)(uintptr_t)n);
        ck_assert_uint_gt(b->len, 0);
        ck_assert_uint_le(at + b->len, end);
        ck_assert_mem_eq(buf_data(b), r->value + at, b->len);
        at += b->len;
    }
    ck_assert_uint_eq(at, end);
}

/* The ranges are exactly the runs of the model. */
static void expect_same(const struct rig *r)
{
    const struct list *n = r->r.ranges.next;
    uint32_t count = 0;
    uint32_t bytes = 0;
    uint32_t end;
    for (uint32_t at = 0; next_run(r, &at, &end); at = end) {
        ck_assert_ptr_ne(n, &r->r.ranges);
        const struct tcp_range *range = range_of(n);
        ck_assert_uint_eq(range->start.v, r->base.v + at);
        ck_assert_uint_eq(range->end.v, r->base.v + end);
        expect_bytes(r, &range->bufs, at, end);
        bytes += end - at;
        count++;
        n = n->next;
    }
    ck_assert_ptr_eq(n, &r->r.ranges);
    ck_assert_uint_eq(r->r.count, count);
    ck_assert_uint_eq(r->r.bytes, bytes);
}

static uint32_t touched_last(const struct rig *r, uint32_t at, uint32_t end)
{
    uint32_t last = 0;
    for (uint32_t i = at; i < end; i++) {
        last = u32_max(last, r->touched[i]);
    }
    return last;
}

/* RFC 2018 4: the block of the segment that came last is first, then the others as they came. */
static void expect_sack(const struct rig *r, unsigned max)
{
    struct tcp_sack_block blocks[TCP_SACK_BLOCKS];
    unsigned n = reassembly_sack(&r->r, blocks, max);
    ck_assert_uint_eq(n, r->r.count < max ? r->r.count : max);
    uint32_t below = UINT32_MAX;
    for (unsigned i = 0; i < n; i++) {
        uint32_t best = 0;
        uint32_t best_at = 0;
        uint32_t best_end = 0;
        uint32_t end;
        for (uint32_t at = 0; next_run(r, &at, &end); at = end) {
            uint32_t last = touched_last(r, at, end);
            if (last < below && last > best) {
                best = last;
                best_at = at;
                best_end = end;
            }
        }
        ck_assert_uint_eq(blocks[i].start.v, r->base.v + best_at);
        ck_assert_uint_eq(blocks[i].end.v, r->base.v + best_end);
        below = best;
    }
}

/* Moves the model's origin forward. */
static void model_forget(struct rig *r, uint32_t n)
{
    memmove(r->have, r->have + n, (SPACE - n) * sizeof r->have[0]);
    memmove(r->value, r->value + n, SPACE - n);
    memmove(r->touched, r->touched + n, (SPACE - n) * sizeof r->touched[0]);
    memset(r->have + SPACE - n, 0, n * sizeof r->have[0]);
    r->base = seq_add(r->base, n);
}

/* Bytes up to `next` came in order; what follows them without a gap is taken. */
static void take(struct rig *r, uint32_t next)
{
    struct list out;
    list_init(&out);
    uint32_t end = next;
    while (end < SPACE && r->have[end]) {
        end++;
    }
    uint32_t n = reassembly_take(&r->r, &r->ranges, seq_add(r->base, next), &out);
    ck_assert_uint_eq(n, end - next);
    expect_bytes(r, &out, next, end);
    buf_free_queue(&out);
    model_forget(r, end);
}

static void random_step(struct rig *r)
{
    static const uint32_t lengths[] = {1, 2, 10, 100, 1000};
    if (lcg_below(&r->lcg, 12) == 0) {
        take(r, lcg_below(&r->lcg, 3) == 0 ? lcg_below(&r->lcg, 1000) : lcg_below(&r->lcg, 50));
        return;
    }
    uint32_t at = 1 + lcg_below(&r->lcg, SPACE - 1000);
    uint32_t len = 1 + lcg_below(&r->lcg, lengths[lcg_below(&r->lcg, COUNT_OF(lengths))]);
    ck_assert(insert(r, at, len));
    expect_sack(r, 1 + lcg_below(&r->lcg, TCP_SACK_BLOCKS));
}

START_TEST(holds_what_an_array_holds)
{
    static const uint32_t bases[] = {0, 0xfffff000U, 0x7ffffc00U, 0xffffffffU};
    for (unsigned i = 0; i < COUNT_OF(bases); i++) {
        struct rig r;
        rig_init(&r, 3 + i, seq_of(bases[i]), 1000);
        for (unsigned step = 0; step < 4000; step++) {
            random_step(&r);
            expect_same(&r);
        }
        rig_done(&r);
    }
}
END_TEST

/* A bug that was: only the first of several ranges was taken. */
START_TEST(one_segment_can_pass_several_ranges)
{
    struct rig r;
    rig_init(&r, 1, seq_of(0xffffffe0U), 1000);
    insert(&r, 10, 5);
    insert(&r, 20, 5);
    insert(&r, 30, 5);
    insert(&r, 50, 5);
    take(&r, 32); /* [0, 32) came in one segment: [32, 35) follows, two ranges are old */
    expect_same(&r);
    ck_assert_uint_eq(r.r.count, 1);
    rig_done(&r);
}
END_TEST

START_TEST(nothing_is_taken_before_its_time)
{
    struct rig r;
    struct list out;
    rig_init(&r, 1, seq_of(100), 1000);
    list_init(&out);
    ck_assert_uint_eq(reassembly_take(&r.r, &r.ranges, seq_of(100), &out), 0);
    insert(&r, 10, 5);
    ck_assert_uint_eq(reassembly_take(&r.r, &r.ranges, seq_of(109), &out), 0);
    ck_assert(list_empty(&out));
    expect_same(&r);
    take(&r, 10);
    rig_done(&r);
}
END_TEST

START_TEST(the_number_of_ranges_is_bounded)
{
    struct rig r;
    uint8_t bytes[10];
    rig_init(&r, 1, seq_of(5), 3);
    ck_assert(insert(&r, 10, 5));
    ck_assert(insert(&r, 30, 5));
    ck_assert(insert(&r, 50, 5));
    /* a fourth range is refused, at any place */
    ck_assert(!reassembly_insert(&r.r, &r.ranges, 3, seq_of(5 + 70), some_bytes(&r, 5, bytes)));
    ck_assert(!reassembly_insert(&r.r, &r.ranges, 3, seq_of(5 + 1), some_bytes(&r, 5, bytes)));
    ck_assert(!reassembly_insert(&r.r, &r.ranges, 3, seq_of(5 + 20), some_bytes(&r, 5, bytes)));
    expect_same(&r);
    /* what extends or joins ranges is not, nor what is there already */
    ck_assert(insert(&r, 15, 3));
    ck_assert(insert(&r, 31, 2));
    ck_assert(insert(&r, 18, 12));
    expect_same(&r);
    ck_assert_uint_eq(r.r.count, 2);
    ck_assert(insert(&r, 70, 5));
    expect_same(&r);
    rig_done(&r);
}
END_TEST

/* Whatever allocation fails: what is held stays right, and nothing leaks. */
START_TEST(survives_empty_pools)
{
    struct rig r;
    unsigned refused = 0;
    rig_init(&r, 9, seq_of(0xfffffc00U), 20);
    for (unsigned step = 0; step < 8000; step++) {
        uint8_t bytes[SPACE];
        uint32_t at = lcg_below(&r.lcg, 2000);
        uint32_t len = 1 + lcg_below(&r.lcg, 200);
        for (uint32_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)((at + i) * 7U); /* each place has one value only */
        }
        struct buf *b = buf_copy_of(&r.pools, bytes, len);
        uint32_t before = r.r.bytes;
        r.ranges.fail_at = lcg_below(&r.lcg, 3);
        r.pools.bufs.fail_at = lcg_below(&r.lcg, 4);
        bool kept = reassembly_insert(&r.r, &r.ranges, r.max, seq_add(r.base, at), b);
        r.ranges.fail_at = 0;
        r.pools.bufs.fail_at = 0;
        refused += kept ? 0 : 1;
        ck_assert(kept || r.r.bytes == before);
        uint32_t sum = 0;
        tcp_seq last = seq_sub(r.base, 1);
        for (struct list *n = r.r.ranges.next; n != &r.r.ranges; n = n->next) {
            const struct tcp_range *range = range_of(n);
            uint32_t from = seq_span(r.base, range->start);
            uint32_t end = seq_span(r.base, range->end);
            ck_assert(seq_gt(range->start, last) && end > from);
            for (uint32_t i = from; i < end; i++) {
                r.value[i] = (uint8_t)(i * 7U);
            }
            expect_bytes(&r, &range->bufs, from, end);
            last = range->end;
            sum += end - from;
        }
        ck_assert_uint_eq(r.r.bytes, sum);
        ck_assert_uint_le(r.r.count, r.max);
        if (step % 50 == 0) {
            reassembly_done(&r.r, &r.ranges);
        }
    }
    ck_assert_uint_gt(refused, 1000);
    rig_done(&r);
}
END_TEST

/* Single bytes in falling order join the range behind them each time. Were its bufs counted over
 * each time, this would take minutes. */
START_TEST(falling_bytes_cost_the_same_each)
{
    enum { COUNT = 150000 };
    struct rig r;
    uint8_t byte = 7;
    rig_init(&r, 1, seq_of(0xffff0000U), 10);
    struct buf *b = buf_copy_of(&r.pools, &byte, 1);
    for (uint32_t i = COUNT; i > 0; i--) {
        ck_assert(reassembly_insert(&r.r, &r.ranges, 10, seq_add(r.base, i), buf_share(b)));
    }
    ck_assert_uint_eq(r.r.count, 1);
    ck_assert_uint_eq(r.r.bytes, COUNT);
    buf_free(b);
    rig_done(&r);
}
END_TEST

/* Single bytes, each in a slab of its own as a device makes it, are joined in whatever order they
 * come: rising, falling, or a hole before each. */
START_TEST(single_bytes_share_slabs)
{
    enum { COUNT = 2000 };
    struct rig r;
    uint8_t byte = 7;
    rig_init(&r, 1, seq_of(0xffffff00U), 10);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t at = _i == 0 ? 1 + i : _i == 1 ? COUNT - i : 1 + (i ^ 1U);
        struct buf *b = buf_copy_of(&r.pools, &byte, 1);
        ck_assert(reassembly_insert(&r.r, &r.ranges, 10, seq_add(r.base, at), b));
    }
    ck_assert_uint_eq(r.r.count, 1);
    ck_assert_uint_eq(r.r.bytes, COUNT);
    ck_assert_uint_le(r.pools.slabs[SLAB_SMALL].in_use, COUNT / 100);
    ck_assert_uint_eq(r.pools.bufs.in_use, r.pools.slabs[SLAB_SMALL].in_use);
    rig_done(&r);
}
END_TEST

/* Every other segment of a large window is missing, and they come from the front, from the back, or from both
 * ends in turn: all are kept, and told. */
START_TEST(thousands_of_holes)
{
    enum { HOLES = 4000 };
    struct rig *r = malloc(sizeof *r);
    ck_assert_ptr_nonnull(r);
    rig_init(r, 3, seq_of(UINT32_MAX - HOLES), HOLES);
    pool_init(&r->ranges, "range", sizeof(struct tcp_range), HOLES);
    for (uint32_t i = 0; i < HOLES; i++) {
        uint32_t far = HOLES - 1 - i / 2;
        uint32_t at = _i == 0 ? i : _i == 1 ? HOLES - 1 - i : i % 2 == 0 ? i / 2 : far;
        struct buf *b = buf_new(&r->pools, 0, 1);
        ck_assert_ptr_nonnull(b);
        b->len = 1;
        ck_assert(reassembly_insert(&r->r, &r->ranges, r->max, seq_add(r->base, 2 * at + 1), b));
        struct tcp_sack_block block;
        ck_assert_uint_eq(reassembly_sack(&r->r, &block, 1), 1);
        ck_assert(seq_eq(block.start, seq_add(r->base, 2 * at + 1)));
    }
    ck_assert_uint_eq(r->r.count, HOLES);
    tcp_seq last = r->base;
    for (struct list *n = r->r.ranges.next; n != &r->r.ranges; n = n->next) {
        ck_assert(seq_gt(range_of(n)->start, last));
        last = range_of(n)->end;
    }
    rig_done(r);
    free(r);
}
END_TEST

Suite *reassembly_suite(void);
Suite *reassembly_suite(void)
{
    Suite *s = suite_create("reassembly");
    TCase *t = tcase_create("reassembly");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, holds_what_an_array_holds);
    tcase_add_test(t, one_segment_can_pass_several_ranges);
    tcase_add_test(t, nothing_is_taken_before_its_time);
    tcase_add_test(t, the_number_of_ranges_is_bounded);
    tcase_add_test(t, survives_empty_pools);
    tcase_add_loop_test(t, single_bytes_share_slabs, 0, 3);
    tcase_add_loop_test(t, thousands_of_holes, 0, 3);
    suite_add_tcase(s, t);
    TCase *cost = tcase_create("cost");
    tcase_set_timeout(cost, 10);
    tcase_add_test(cost, falling_bytes_cost_the_same_each);
    suite_add_tcase(s, cost);
    return s;
}
