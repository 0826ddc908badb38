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
    return s;
}
