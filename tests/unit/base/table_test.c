/* The hash table against an array that is searched from end to end. */
#include "stack/base/table.h"

#include "tests/unit/base/lcg.h"

#include <check.h>

Suite *table_suite(void);

#define ITEMS 3000U

struct item {
    struct table_node node;
    uint32_t hash;
    bool present;
    unsigned seen; /* visits in the walk at hand */
};

static struct item items[ITEMS];
static struct table table;

static void setup(void)
{
    ck_assert(table_init(&table));
    for (size_t i = 0; i < ITEMS; i++) {
        items[i] = (struct item){.present = false};
    }
}

static void teardown(void)
{
    table_done(&table);
}

static struct item *item_of(struct table_node *n)
{
    return CONTAINER_OF(n, struct item, node);
}

/* A lookup visits each present item of that hash once, and no other. */
static void check_lookup(uint32_t hash)
{
    size_t found = 0;
    for (struct table_node *n = table_first(&table, hash); n != NULL; n = table_next(n)) {
        if (!item_of(n)->present || item_of(n)->hash != hash || item_of(n)->seen != 0) {
            ck_abort_msg("a node that is gone, of another hash, or seen before");
        }
        item_of(n)->seen = 1;
        found++;
    }
    size_t want = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        want += items[i].present && items[i].hash == hash;
        items[i].seen = 0;
    }
    ck_assert_uint_eq(found, want);
}

static void count_visit(struct table_node *n, void *arg)
{
    item_of(n)->seen++;
    ++*(size_t *)arg;
}

START_TEST(an_empty_table_has_nothing)
{
    size_t visits = 0;
    ck_assert_ptr_null(table_first(&table, 0));
    ck_assert_ptr_null(table_first(&table, UINT32_MAX));
    table_each(&table, count_visit, &visits);
    ck_assert_uint_eq(visits, 0);
}
END_TEST

/* Few different hashes (loop 0), or hashes that all share their low bits (1), or any (2). */
START_TEST(agrees_with_a_list)
{
    static const uint32_t masks[] = {0x1f, 0xfff00000, UINT32_MAX};
    struct lcg g = {(uint64_t)_i + 10};
    uint32_t present = 0;
    for (int step = 0; step < 20000; step++) {
        struct item *it = &items[lcg_below(&g, ITEMS)];
        if (it->present) {
            table_remove(&table, &it->node);
            it->present = false;
            present--;
        } else {
            it->hash = lcg_next(&g) & masks[_i];
            it->present = true;
            table_insert(&table, &it->node, it->hash);
            present++;
        }
        ck_assert_uint_eq(table.count, present);
        if (step % 16 == 0) {
            check_lookup(it->hash);
            check_lookup(items[lcg_below(&g, ITEMS)].hash);
        }
    }
    size_t visits = 0;
    table_each(&table, count_visit, &visits);
    ck_assert_uint_eq(visits, present);
    for (size_t i = 0; i < ITEMS; i++) {
        ck_assert_uint_eq(items[i].seen, items[i].present ? 1 : 0);
    }
}
END_TEST

START_TEST(buckets_grow_with_the_nodes)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        items[i].hash = i * 2654435761U;
        items[i].present = true;
        table_insert(&table, &items[i].node, items[i].hash);
        ck_assert_uint_ge(table.mask + 1, table.count);
    }
    ck_assert_uint_eq((table.mask + 1) & table.mask, 0);
    ck_assert_uint_lt(table.mask, 2 * ITEMS);
    for (uint32_t i = 0; i < ITEMS; i += 7) {
        check_lookup(items[i].hash);
    }
}
END_TEST

static void remove_odd(struct table_node *n, void *arg)
{
    (void)arg;
    if ((item_of(n)->hash & 1) != 0) {
        item_of(n)->present = false;
        table_remove(&table, n);
    }
}

START_TEST(a_visitor_may_remove_its_node)
{
    for (uint32_t i = 0; i < 200; i++) {
        items[i].hash = i / 2;
        items[i].present = true;
        table_insert(&table, &items[i].node, items[i].hash);
    }
    table_each(&table, remove_odd, NULL);
    ck_assert_uint_eq(table.count, 100);
    for (uint32_t hash = 0; hash < 100; hash++) {
        check_lookup(hash);
    }
}
END_TEST

Suite *table_suite(void)
{
    Suite *s = suite_create("table");
    TCase *c = tcase_create("table");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, an_empty_table_has_nothing);
    tcase_add_loop_test(c, agrees_with_a_list, 0, 3);
    tcase_add_test(c, buckets_grow_with_the_nodes);
    tcase_add_test(c, a_visitor_may_remove_its_node);
    suite_add_tcase(s, c);
    return s;
}
