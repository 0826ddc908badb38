/* The send queue against an array of bytes. */
#include "stack/tcp/sendq.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/base/lcg.h"

#define MODEL_MAX 400000U

struct rig {
    struct slab_pools pools;
    struct sendq q;
    struct lcg lcg;
    uint8_t *model; /* the bytes held; model[0] has sequence number q.start */
    uint32_t held;
    tcp_seq start;
};

static void rig_init(struct rig *r, uint64_t seed, tcp_seq start, size_t records)
{
    struct slab_limits limits = {.slabs = {0, 0, records, 0}, .bufs = 2 * records};
    memset(r, 0, sizeof *r);
    slab_pools_init(&r->pools, &limits);
    sendq_init(&r->q, start);
    r->lcg.state = seed;
    r->start = start;
    r->model = malloc(MODEL_MAX);
    ck_assert_ptr_nonnull(r->model);
}

static void rig_done(struct rig *r)
{
    sendq_done(&r->q);
    ck_assert_uint_eq(r->pools.slabs[SLAB_RECORD].in_use, 0);
    ck_assert_uint_eq(r->pools.bufs.in_use, 0);
    slab_pools_done(&r->pools);
    free(r->model);
}

static void expect_same(const struct rig *r)
{
    uint32_t chunks = 0;
    for (struct list *n = r->q.chunks.next; n != &r->q.chunks; n = n->next) {
        chunks++;
    }
    ck_assert_uint_eq(r->q.len, r->held);
    ck_assert_uint_eq(r->q.start.v, r->start.v);
    ck_assert_uint_eq(sendq_end(&r->q).v, r->start.v + r->held);
    ck_assert_uint_eq(r->q.chunk_count, chunks);
    ck_assert_uint_eq(r->pools.slabs[SLAB_RECORD].in_use, chunks);
}

static bool write_bytes(struct rig *r, uint32_t min, uint32_t n)
{
    size_t room = 0;
    uint8_t *at = sendq_reserve(&r->q, &r->pools, min, &room);
    if (at == NULL) {
        return false;
    }
    ck_assert_uint_ge(room, min);
    n = n < room ? n : (uint32_t)room;
    lcg_fill(&r->lcg, at, n);
    memcpy(r->model + r->held, at, n);
    sendq_commit(&r->q, n);
    r->held += n;
    return true;
}

static void acknowledge(struct rig *r, uint32_t n)
{
    uint32_t gone = n < r->held ? n : r->held; /* a FIN may be acknowledged too */
    ck_assert_uint_eq(sendq_acked(&r->q, seq_add(r->start, n)), gone);
    memmove(r->model, r->model + gone, r->held - gone);
    r->held -= gone;
    r->start = seq_add(r->start, gone);
}

/* Cuts `len` bytes from `at` on and compares them; returns how many came. */
static uint32_t read_back(struct rig *r, uint32_t at, uint32_t len)
{
    struct packet p;
    packet_init(&p);
    uint32_t n = sendq_slices(&r->q, seq_add(r->start, at), len, &p);
    ck_assert_uint_eq(n, p.payload_len);
    uint32_t seen = 0;
    for (uint32_t i = 0; i < p.slices; i++) {
        ck_assert_uint_gt(p.payload[i].len, 0);
        ck_assert_mem_eq(p.payload[i].data, r->model + at + seen, p.payload[i].len);
        seen += (uint32_t)p.payload[i].len;
    }
    ck_assert(n == len || p.slices == PACKET_SLICES);
    return n;
}

static void random_step(struct rig *r)
{
    switch (lcg_below(&r->lcg, 8)) {
    case 0:
    case 1:
    case 2: {
        uint32_t min = 1 + lcg_below(&r->lcg, 16640);
        uint32_t n = lcg_below(&r->lcg, 3) == 0 ? lcg_below(&r->lcg, 50) : min;
        if (r->held + SLAB_RECORD_BYTES < MODEL_MAX) {
            write_bytes(r, min, n);
        }
        break;
    }
    case 3:
        acknowledge(r, lcg_below(&r->lcg, r->held + 2));
        break;
    case 4:
        acknowledge(r, lcg_below(&r->lcg, 2000));
        break;
    case 5: /* an old acknowledgment gives nothing back */
        ck_assert_uint_eq(sendq_acked(&r->q, seq_sub(r->start, lcg_below(&r->lcg, 5000))), 0);
        break;
    default:
        if (r->held > 0) {
            uint32_t at = lcg_below(&r->lcg, r->held);
            uint32_t len = 1 + lcg_below(&r->lcg, r->held - at);
            read_back(r, at, len < 3000 || lcg_below(&r->lcg, 4) == 0 ? len : 1460);
        }
        break;
    }
}

START_TEST(holds_what_an_array_holds)
{
    static const uint32_t starts[] = {0, 1, 0xffffff00U, 0x7ffffff0U, 0xfffe0000U};
    for (unsigned i = 0; i < COUNT_OF(starts); i++) {
        struct rig r;
        rig_init(&r, 17 + i, seq_of(starts[i]), 64);
        for (unsigned step = 0; step < 8000; step++) {
            random_step(&r);
            expect_same(&r);
        }
        rig_done(&r);
    }
}
END_TEST

START_TEST(survives_empty_pools)
{
    struct rig r;
    rig_init(&r, 5, seq_of(0xffff0000U), 7);
    unsigned refused = 0;
    for (unsigned step = 0; step < 8000; step++) {
        if (lcg_below(&r.lcg, 10) == 0) {
            r.pools.bufs.fail_at = 1 + lcg_below(&r.lcg, 4);
        }
        if (lcg_below(&r.lcg, 10) == 0) {
            r.pools.slabs[SLAB_RECORD].fail_at = 1 + lcg_below(&r.lcg, 4);
        }
        uint32_t before = r.held;
        if (!write_bytes(&r, 1 + lcg_below(&r.lcg, 16640), 4000)) {
            refused++;
            ck_assert_uint_eq(r.held, before);
        }
        expect_same(&r);
        random_step(&r);
        expect_same(&r);
    }
    ck_assert_uint_gt(refused, 100);
    rig_done(&r);
}
END_TEST

/* An application that asks twice before it writes gets the same room; nothing is queued by asking. */
START_TEST(asking_queues_nothing)
{
    struct rig r;
    rig_init(&r, 1, seq_of(10), 8);
    size_t room;
    uint8_t *first = sendq_reserve(&r.q, &r.pools, 100, &room);
    ck_assert_ptr_nonnull(first);
    ck_assert_uint_eq(room, SLAB_RECORD_BYTES);
    ck_assert_ptr_eq(sendq_reserve(&r.q, &r.pools, 1, &room), first);
    ck_assert_uint_eq(r.q.len, 0);
    ck_assert_uint_eq(r.q.chunk_count, 1);
    rig_done(&r);
}
END_TEST

/* A record is never divided: room that is too small is left, and the rest stays in order. */
START_TEST(room_is_in_a_row)
{
    struct rig r;
    rig_init(&r, 2, seq_of(0xfffffff0U), 8);
    ck_assert(write_bytes(&r, 1, 10000));
    ck_assert(write_bytes(&r, 7408, 7408)); /* exactly what is left of 17408 */
    ck_assert_uint_eq(r.q.chunk_count, 1);
    ck_assert(write_bytes(&r, 16640, 16640));
    ck_assert(write_bytes(&r, 769, 769)); /* 768 are left there */
    ck_assert_uint_eq(r.q.chunk_count, 3);
    ck_assert_uint_eq(read_back(&r, 0, r.held), 10000 + 7408 + 16640 + 769);
    rig_done(&r);
}
END_TEST

START_TEST(a_packet_has_so_many_slices)
{
    struct rig r;
    rig_init(&r, 3, seq_of(0), 64);
    for (unsigned i = 0; i < 25; i++) {
        ck_assert(write_bytes(&r, 16640, 1000)); /* 16408 are left: the next needs another */
    }
    ck_assert_uint_eq(r.q.chunk_count, 25);
    ck_assert_uint_eq(read_back(&r, 0, 25000), PACKET_SLICES * 1000);
    ck_assert_uint_eq(read_back(&r, 500, 24500), PACKET_SLICES * 1000 - 500);
    ck_assert_uint_eq(read_back(&r, 24999, 1), 1);
    rig_done(&r);
}
END_TEST

START_TEST(an_idle_queue_holds_no_slab)
{
    struct rig r;
    rig_init(&r, 4, seq_of(100), 8);
    ck_assert(write_bytes(&r, 1, 5));
    acknowledge(&r, 5);
    ck_assert_uint_eq(r.pools.slabs[SLAB_RECORD].in_use, 0);
    ck_assert(write_bytes(&r, 1, 17408));
    size_t room;
    ck_assert_ptr_nonnull(sendq_reserve(&r.q, &r.pools, 1, &room)); /* reserved, never used */
    acknowledge(&r, 17408);
    ck_assert_uint_eq(r.pools.slabs[SLAB_RECORD].in_use, 0);
    expect_same(&r);
    rig_done(&r);
}
END_TEST

/* A quarter of the slabs is left to frames of that size that come in. */
START_TEST(the_last_quarter_is_not_taken)
{
    struct rig r;
    rig_init(&r, 6, seq_of(0), 8);
    for (unsigned i = 0; i < 6; i++) {
        ck_assert(write_bytes(&r, 16640, 16640));
    }
    ck_assert(!write_bytes(&r, 16640, 16640));
    acknowledge(&r, 16640);
    ck_assert(write_bytes(&r, 16640, 16640));
    rig_done(&r);
}
END_TEST

/* ---- bytes that an application lends ---- */

#define LENT 100000U

static unsigned given_back;

static void give_back(struct slab *s)
{
    given_back++;
    free(s);
}

static struct slab *lent_slab(struct rig *r)
{
    struct slab *s = malloc(sizeof *s + LENT);
    ck_assert_ptr_nonnull(s);
    *s = (struct slab){.refs = 1, .cap = LENT, .release = give_back};
    lcg_fill(&r->lcg, s->bytes, LENT);
    given_back = 0;
    return s;
}

static bool refer_bytes(struct rig *r, struct slab *s, uint32_t at, uint32_t n)
{
    if (!sendq_refer(&r->q, &r->pools, (struct slice){s->bytes + at, n}, s)) {
        return false;
    }
    memcpy(r->model + r->held, s->bytes + at, n);
    r->held += n;
    return true;
}

/* Written and lent bytes in any order are one row of bytes; what is written never lands in what is lent. */
START_TEST(lent_bytes_keep_their_place)
{
    struct rig r;
    rig_init(&r, 21, seq_of(0xffff0000U), 64);
    struct slab *s = lent_slab(&r);
    uint8_t *before = malloc(LENT);
    ck_assert_ptr_nonnull(before);
    memcpy(before, s->bytes, LENT);
    for (unsigned step = 0; step < 8000; step++) {
        uint32_t at = lcg_below(&r.lcg, LENT), n = 1 + lcg_below(&r.lcg, LENT - at);
        if (lcg_below(&r.lcg, 5) == 0 && r.held + n < MODEL_MAX - SLAB_RECORD_BYTES) {
            refer_bytes(&r, s, at, n);
        }
        random_step(&r);
        ck_assert_uint_eq(r.q.len, r.held);
    }
    ck_assert_mem_eq(s->bytes, before, LENT);
    acknowledge(&r, r.held);
    ck_assert_uint_eq(s->refs, 1);
    slab_release(s);
    ck_assert_uint_eq(given_back, 1);
    free(before);
    rig_done(&r);
}
END_TEST

START_TEST(lent_bytes_that_follow_each_other_are_one_chunk)
{
    struct rig r;
    rig_init(&r, 22, seq_of(7), 8);
    struct slab *s = lent_slab(&r);
    ck_assert(refer_bytes(&r, s, 0, 1000));
    ck_assert(refer_bytes(&r, s, 1000, 5000));
    ck_assert_uint_eq(r.q.chunk_count, 1);
    ck_assert(refer_bytes(&r, s, 7000, 10));
    ck_assert_uint_eq(r.q.chunk_count, 2);
    read_back(&r, 0, r.held);
    slab_release(s);
    acknowledge(&r, 6000);
    ck_assert_uint_eq(given_back, 0); /* the last ten bytes are still there to be sent again */
    read_back(&r, 0, 10);
    acknowledge(&r, 10);
    ck_assert_uint_eq(given_back, 1);
    rig_done(&r);
}
END_TEST

START_TEST(what_is_lent_goes_back_with_the_queue)
{
    struct rig r;
    rig_init(&r, 23, seq_of(7), 8);
    struct slab *s = lent_slab(&r);
    ck_assert(refer_bytes(&r, s, 10, 1000));
    r.pools.bufs.fail_at = 1;
    ck_assert(!refer_bytes(&r, s, 5000, 1000));
    ck_assert_uint_eq(s->refs, 2);
    slab_release(s);
    sendq_done(&r.q);
    ck_assert_uint_eq(given_back, 1);
    rig_done(&r);
}
END_TEST

Suite *sendq_suite(void);
Suite *sendq_suite(void)
{
    Suite *s = suite_create("sendq");
    TCase *t = tcase_create("sendq");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, holds_what_an_array_holds);
    tcase_add_test(t, survives_empty_pools);
    tcase_add_test(t, asking_queues_nothing);
    tcase_add_test(t, room_is_in_a_row);
    tcase_add_test(t, a_packet_has_so_many_slices);
    tcase_add_test(t, an_idle_queue_holds_no_slab);
    tcase_add_test(t, lent_bytes_keep_their_place);
    tcase_add_test(t, lent_bytes_that_follow_each_other_are_one_chunk);
    tcase_add_test(t, what_is_lent_goes_back_with_the_queue);
    tcase_add_test(t, the_last_quarter_is_not_taken);
    suite_add_tcase(s, t);
    return s;
}
