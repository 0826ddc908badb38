/* Buffers: classes, limits, sharing, and that everything goes back to its pool. */
#include "stack/base/buf.h"

#include <check.h>
#include <string.h>

Suite *buf_suite(void);

static struct slab_pools pools;

static void setup(void)
{
    static const struct slab_limits limits = {.slabs = {4, 3, 2, 2}, .bufs = 8};
    slab_pools_init(&pools, &limits);
}

/* Also proves that the test gave everything back. */
static void teardown(void)
{
    for (size_t i = 0; i < SLAB_CLASSES; i++) {
        ck_assert_uint_eq(pools.slabs[i].in_use, 0);
    }
    ck_assert_uint_eq(pools.bufs.in_use, 0);
    slab_pools_done(&pools);
}

START_TEST(the_smallest_class_that_fits)
{
    static const struct {
        size_t headroom, cap;
        enum slab_class class;
    } cases[] = {
        {0, 0, SLAB_SMALL},      {0, 256, SLAB_SMALL},   {1, 256, SLAB_FRAME},
        {0, 257, SLAB_FRAME},    {48, 2000, SLAB_FRAME}, {49, 2000, SLAB_RECORD},
        {0, 17408, SLAB_RECORD}, {0, 17409, SLAB_SUPER}, {0, 67584, SLAB_SUPER},
        {67584, 0, SLAB_SUPER},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf *b = buf_new(&pools, cases[i].headroom, cases[i].cap);
        ck_assert_ptr_nonnull(b);
        ck_assert_int_eq(b->slab->class, cases[i].class);
        ck_assert_uint_eq(b->off, cases[i].headroom);
        ck_assert_uint_eq(b->len, 0);
        ck_assert_uint_ge(buf_tailroom(b), cases[i].cap);
        ck_assert(!list_linked(&b->link));
        memset(b->slab->bytes, 0x5a, b->slab->cap); /* all of it is there */
        buf_free(b);
    }
}
END_TEST

START_TEST(what_fits_nowhere_is_refused)
{
    ck_assert_ptr_null(buf_new(&pools, 0, 67585));
    ck_assert_ptr_null(buf_new(&pools, 1, 67584));
    ck_assert_ptr_null(buf_new(&pools, 67585, 0));
    ck_assert_ptr_null(buf_new(&pools, SIZE_MAX, 2));
    ck_assert_ptr_null(buf_new(&pools, 2, SIZE_MAX));
}
END_TEST

/* A class at its limit does not take from a larger one. */
START_TEST(each_class_has_its_own_limit)
{
    struct buf *b[3];
    for (size_t i = 0; i < 3; i++) {
        b[i] = buf_new(&pools, 0, 1500);
        ck_assert_ptr_nonnull(b[i]);
    }
    ck_assert_ptr_null(buf_new(&pools, 0, 1500));
    ck_assert_uint_eq(pools.slabs[SLAB_FRAME].refused, 1);
    ck_assert_uint_eq(pools.slabs[SLAB_RECORD].in_use, 0);
    ck_assert_uint_eq(pools.bufs.in_use, 3); /* the view that was begun is back */
    struct buf *small = buf_new(&pools, 0, 100);
    ck_assert_ptr_nonnull(small);
    buf_free(small);
    for (size_t i = 0; i < 3; i++) {
        buf_free(b[i]);
    }
}
END_TEST

START_TEST(views_have_a_limit_too)
{
    struct buf *b[8];
    b[0] = buf_new(&pools, 0, 10);
    for (size_t i = 1; i < 8; i++) {
        b[i] = buf_share(b[0]);
        ck_assert_ptr_nonnull(b[i]);
    }
    ck_assert_ptr_null(buf_share(b[0]));
    ck_assert_ptr_null(buf_new(&pools, 0, 10));
    ck_assert_uint_eq(b[0]->slab->refs, 8);
    ck_assert_uint_eq(pools.slabs[SLAB_SMALL].in_use, 1);
    for (size_t i = 0; i < 8; i++) {
        buf_free(b[i]);
    }
}
END_TEST

START_TEST(a_copy_is_a_copy)
{
    char data[300];
    memset(data, 'x', sizeof data);
    struct buf *b = buf_copy_of(&pools, data, sizeof data);
    ck_assert_ptr_nonnull(b);
    memset(data, 'y', sizeof data);
    ck_assert_uint_eq(b->len, 300);
    ck_assert_int_eq(b->slab->class, SLAB_FRAME);
    ck_assert_int_eq(buf_data(b)[0], 'x');
    ck_assert_int_eq(buf_data(b)[299], 'x');
    ck_assert_uint_eq(buf_tailroom(b), 2048 - 300);
    buf_free(b);
    b = buf_copy_of(&pools, NULL, 0);
    ck_assert_ptr_nonnull(b);
    ck_assert_uint_eq(b->len, 0);
    buf_free(b);
    buf_free(NULL);
}
END_TEST

/* The bytes live until the last of the views is gone, whichever that is. */
START_TEST(sharing_keeps_the_bytes)
{
    struct list queue;
    list_init(&queue);
    struct buf *a = buf_copy_of(&pools, "0123456789", 10);
    a->offload = (struct offload){.csum = CSUM_PARTIAL,
                                  .gso_type = GSO_TCP4,
                                  .gso_size = 1448,
                                  .csum_start = 34,
                                  .csum_offset = 16};
    list_push_back(&queue, &a->link);
    struct buf *b = buf_share(a);
    ck_assert_ptr_nonnull(b);
    ck_assert(!list_linked(&b->link));
    ck_assert_ptr_eq(buf_data(a), buf_data(b));
    ck_assert_mem_eq(&a->offload, &b->offload, sizeof a->offload);

    buf_trim_front(b, 3);
    buf_trim_back(b, 2);
    ck_assert_uint_eq(buf_slice(b).len, 5);
    ck_assert_mem_eq(buf_slice(b).data, "34567", 5);
    ck_assert_uint_eq(a->len, 10);

    list_remove(_i == 0 ? &a->link : &queue);
    struct buf *first = _i == 0 ? a : b;
    struct buf *second = _i == 0 ? b : a;
    buf_free(first);
    ck_assert_uint_eq(pools.slabs[SLAB_SMALL].in_use, 1);
    ck_assert_mem_eq(buf_data(second), _i == 0 ? "34567" : "01234", 5);
    buf_free(second);
}
END_TEST

START_TEST(small_pieces_are_joined)
{
    static const uint8_t piece[SLAB_SMALL_BYTES + 1] = "0123456789";
    static const uint8_t large[SLAB_FRAME_BYTES] = "0123456789";
    struct buf *b = buf_copy_of(&pools, "ab", 2);
    ck_assert(buf_join(b, (struct slice){piece, 10}));
    ck_assert_uint_eq(b->len, 12);
    ck_assert_mem_eq(buf_data(b), "ab0123456789", 12);
    ck_assert(!buf_join(b, (struct slice){piece, SLAB_SMALL_BYTES - 11})); /* one byte too many */
    ck_assert(buf_join(b, (struct slice){piece, SLAB_SMALL_BYTES - 12}));
    ck_assert_uint_eq(buf_tailroom(b), 0);
    buf_free(b);

    b = buf_copy_of(&pools, "ab", 2);
    struct buf *other = buf_share(b);
    ck_assert(!buf_join(b, (struct slice){piece, 1})); /* the other holder could be overwritten */
    buf_free(other);
    ck_assert(buf_join(b, (struct slice){piece, 1}));
    buf_free(b);

    b = buf_new(&pools, 0, 2000); /* a quarter of a slab is a few bytes, and more is not */
    ck_assert(!buf_join(b, (struct slice){large, SLAB_FRAME_BYTES / 4 + 1}));
    ck_assert(buf_join(b, (struct slice){large, SLAB_FRAME_BYTES / 4}));
    buf_free(b);
}
END_TEST

START_TEST(a_queue_is_freed_whole)
{
    struct list queue;
    list_init(&queue);
    for (size_t i = 0; i < 4; i++) {
        list_push_back(&queue, &buf_copy_of(&pools, "abc", 3)->link);
    }
    ck_assert_ptr_null(buf_copy_of(&pools, "abc", 3));
    buf_free_queue(&queue);
    ck_assert(list_empty(&queue));
    ck_assert_uint_eq(pools.bufs.in_use, 0);
}
END_TEST

/* A failure of either pool leaves nothing behind; teardown proves it. */
START_TEST(injected_failures_leak_nothing)
{
    struct pool *failing = _i == 0 ? &pools.bufs : &pools.slabs[SLAB_FRAME];
    failing->fail_at = 1;
    ck_assert_ptr_null(buf_new(&pools, 14, 1500));
    struct buf *b = buf_new(&pools, 14, 1500);
    ck_assert_ptr_nonnull(b);
    buf_free(b);
}
END_TEST

Suite *buf_suite(void)
{
    Suite *s = suite_create("buf");
    TCase *c = tcase_create("buf");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, the_smallest_class_that_fits);
    tcase_add_test(c, what_fits_nowhere_is_refused);
    tcase_add_test(c, each_class_has_its_own_limit);
    tcase_add_test(c, views_have_a_limit_too);
    tcase_add_test(c, a_copy_is_a_copy);
    tcase_add_loop_test(c, sharing_keeps_the_bytes, 0, 2);
    tcase_add_test(c, small_pieces_are_joined);
    tcase_add_test(c, a_queue_is_freed_whole);
    tcase_add_loop_test(c, injected_failures_leak_nothing, 0, 2);
    suite_add_tcase(s, c);
    return s;
}
