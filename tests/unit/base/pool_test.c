/* Pools: limits, counters, fault injection, and what is kept. */
#include "stack/base/pool.h"

#include <check.h>
#include <string.h>

Suite *pool_suite(void);

START_TEST(a_limit_is_a_limit)
{
    struct pool p;
    pool_init(&p, "test", 40, 2);
    void *a = pool_get(&p);
    void *b = pool_get(&p);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_ne(a, b);
    ck_assert_ptr_null(pool_get(&p));
    ck_assert_ptr_null(pool_get_zero(&p));
    ck_assert_uint_eq(p.refused, 2);
    ck_assert_uint_eq(p.in_use, 2);
    pool_put(&p, a);
    ck_assert_uint_eq(p.in_use, 1);
    a = pool_get(&p);
    ck_assert_ptr_nonnull(a);
    pool_put(&p, a);
    pool_put(&p, b);
    ck_assert_uint_eq(p.in_use, 0);
    ck_assert_uint_eq(p.peak, 2);
    pool_done(&p);
}
END_TEST

START_TEST(nothing_at_a_limit_of_zero)
{
    struct pool p;
    pool_init(&p, "none", 8, 0);
    ck_assert_ptr_null(pool_get(&p));
    ck_assert_uint_eq(p.peak, 0);
    pool_done(&p);
}
END_TEST

START_TEST(cleared_memory_is_cleared)
{
    struct pool p;
    pool_init(&p, "test", 64, 1);
    p.keep_limit = 1; /* so that the dirty object comes back */
    uint8_t *a = pool_get(&p);
    memset(a, 0xaa, 64);
    pool_put(&p, a);
    ck_assert_uint_eq(p.kept, 1);
    uint8_t *b = pool_get_zero(&p);
    ck_assert_ptr_eq(b, a);
    for (size_t i = 0; i < 64; i++) {
        ck_assert_uint_eq(b[i], 0);
    }
    pool_put(&p, b);
    pool_done(&p);
    ck_assert_uint_eq(p.kept, 0);
}
END_TEST

START_TEST(no_more_is_kept_than_allowed)
{
    struct pool p;
    void *objects[10];
    pool_init(&p, "test", 100, 10);
    p.keep_limit = 3;
    for (size_t i = 0; i < 10; i++) {
        objects[i] = pool_get(&p);
        ck_assert_ptr_nonnull(objects[i]);
    }
    for (size_t i = 0; i < 10; i++) {
        pool_put(&p, objects[i]);
        ck_assert_uint_eq(p.kept, i < 3 ? i + 1 : 3);
    }
    ck_assert_uint_eq(p.peak, 10);
    pool_done(&p);
}
END_TEST

START_TEST(objects_smaller_than_a_pointer)
{
    struct pool p;
    pool_init(&p, "bytes", 1, 4);
    p.keep_limit = 4;
    uint8_t *a = pool_get(&p);
    uint8_t *b = pool_get(&p);
    *a = 1;
    *b = 2;
    pool_put(&p, a);
    pool_put(&p, b);
    ck_assert_ptr_eq(pool_get(&p), b);
    ck_assert_ptr_eq(pool_get(&p), a);
    pool_put(&p, a);
    pool_put(&p, b);
    pool_done(&p);
}
END_TEST

/* The nth get from now fails, once. */
START_TEST(fails_when_told_to)
{
    struct pool p;
    void *got[6];
    pool_init(&p, "test", 16, 100);
    p.fail_at = (uint64_t)_i;
    for (int i = 0; i < 6; i++) {
        got[i] = pool_get(&p);
        ck_assert_int_eq(got[i] == NULL, i + 1 == _i);
    }
    ck_assert_uint_eq(p.refused, _i >= 1 && _i <= 6 ? 1 : 0);
    ck_assert_uint_eq(p.fail_at, _i > 6 ? (uint64_t)_i - 6 : 0);
    for (int i = 0; i < 6; i++) {
        if (got[i] != NULL) {
            pool_put(&p, got[i]);
        }
    }
    pool_done(&p);
}
END_TEST

/* Under AddressSanitizer they are not: it is to see each by itself. */
static bool packs(void)
{
    struct pool p;
    pool_init_packed(&p, "test", 8, 1);
    return p.packed;
}

START_TEST(packed_objects_lie_side_by_side)
{
    enum { OBJECTS = 5000, BYTES = 420 };
    struct pool p;
    static uint8_t *objects[OBJECTS];
    pool_init_packed(&p, "test", BYTES, OBJECTS);
    size_t apart = 0;
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = pool_get(&p);
        ck_assert_ptr_nonnull(objects[i]);
        ck_assert_uint_eq((uintptr_t)objects[i] % 8, 0);
        memset(objects[i], (int)i, BYTES);
        apart += i > 0 && objects[i] - objects[i - 1] != 424;
    }
    ck_assert_ptr_null(pool_get(&p)); /* its limit */
    ck_assert_uint_eq(p.refused, 1);
    size_t spoiled = 0;
    for (size_t i = 0; i < OBJECTS; i++) { /* none lies in another */
        for (size_t k = 0; k < BYTES; k++) {
            spoiled += objects[i][k] != (uint8_t)i;
        }
    }
    ck_assert_uint_eq(spoiled, 0);
    if (packs()) {
        ck_assert_uint_le(apart, OBJECTS * 424 / (POOL_BLOCK_BYTES - 424));
    }
    for (size_t i = 0; i < OBJECTS; i++) { /* in an order of its own */
        pool_put(&p, objects[i * 7 % OBJECTS]);
    }
    ck_assert_uint_eq(p.in_use, 0);
    pool_trim(&p);
    ck_assert(list_empty(&p.open));
    pool_done(&p);
}
END_TEST

/* What was freed last is used first; and one empty block stays, so that coming and going at its edge costs nothing. */
START_TEST(a_packed_object_is_used_again)
{
    struct pool p;
    pool_init_packed(&p, "test", 1000, 1000);
    void *a = pool_get(&p);
    void *b = pool_get(&p);
    pool_put(&p, a);
    if (packs()) {
        ck_assert_ptr_eq(pool_get(&p), a);
        pool_put(&p, a);
    }
    pool_put(&p, b);
    ck_assert(p.has_empty == packs());
    for (unsigned i = 0; i < 1000; i++) {
        void *c = pool_get_zero(&p);
        ck_assert_uint_eq(*(const uint64_t *)c, 0);
        ck_assert(!p.has_empty);
        pool_put(&p, c);
    }
    p.fail_at = 1;
    ck_assert_ptr_null(pool_get(&p));
    pool_done(&p);
    ck_assert(list_empty(&p.open));
}
END_TEST

/* A block goes back when its last object does, whichever that is: a second empty one is not kept. */
START_TEST(empty_blocks_go_back)
{
    enum { OBJECTS = 1024 };
    struct pool p;
    static void *objects[OBJECTS];
    pool_init_packed(&p, "test", 1024, OBJECTS);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < OBJECTS; i++) {
            objects[i] = pool_get(&p);
        }
        for (unsigned i = 0; i < OBJECTS; i++) {
            size_t which = round == 0 ? i : round == 1 ? OBJECTS - 1 - i : i * 5 % OBJECTS;
            pool_put(&p, objects[which]);
        }
        ck_assert_uint_eq(p.in_use, 0);
        if (packs()) { /* one block, and no other */
            ck_assert(p.has_empty && p.open.next == p.open.prev && !list_empty(&p.open));
        }
    }
    pool_done(&p);
}
END_TEST

START_TEST(a_pool_can_be_trimmed)
{
    struct pool p;
    pool_init(&p, "test", 100, 2);
    p.keep_limit = 2;
    void *a = pool_get(&p);
    void *b = pool_get(&p);
    pool_put(&p, a);
    ck_assert_uint_eq(p.kept, 1);
    pool_trim(&p);
    ck_assert_uint_eq(p.kept, 0);
    a = pool_get(&p); /* and goes on */
    ck_assert_ptr_nonnull(a);
    pool_put(&p, a);
    pool_put(&p, b);
    pool_done(&p);
}
END_TEST

Suite *pool_suite(void)
{
    Suite *s = suite_create("pool");
    TCase *c = tcase_create("pool");
    tcase_add_test(c, a_limit_is_a_limit);
    tcase_add_test(c, nothing_at_a_limit_of_zero);
    tcase_add_test(c, cleared_memory_is_cleared);
    tcase_add_test(c, no_more_is_kept_than_allowed);
    tcase_add_test(c, objects_smaller_than_a_pointer);
    tcase_add_loop_test(c, fails_when_told_to, 0, 9);
    suite_add_tcase(s, c);
    tcase_add_test(c, packed_objects_lie_side_by_side);
    tcase_add_test(c, a_packed_object_is_used_again);
    tcase_add_test(c, empty_blocks_go_back);
    tcase_add_test(c, a_pool_can_be_trimmed);
    return s;
}
