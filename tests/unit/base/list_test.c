/* The intrusive list keeps its order and says who is on it. */
#include "stack/base/list.h"

#include <check.h>

Suite *list_suite(void);

struct item {
    int number;
    struct list link;
};

/* The numbers on the list as one decimal number: 1, 2, 3 is 123; forwards and backwards agree. */
static int digits(const struct list *head)
{
    int forwards = 0;
    int backwards = 0;
    int place = 1;
    for (struct list *n = head->next; n != head; n = n->next) {
        forwards = forwards * 10 + CONTAINER_OF(n, struct item, link)->number;
    }
    for (struct list *n = head->prev; n != head; n = n->prev) {
        backwards += place * CONTAINER_OF(n, struct item, link)->number;
        place *= 10;
    }
    ck_assert_int_eq(forwards, backwards);
    return forwards;
}

START_TEST(keeps_order)
{
    struct list head;
    struct item a = {.number = 1};
    struct item b = {.number = 2};
    struct item c = {.number = 3};
    list_init(&head);
    ck_assert(list_empty(&head));
    ck_assert(!list_linked(&b.link));
    list_push_back(&head, &a.link);
    list_push_back(&head, &c.link);
    list_insert_before(&c.link, &b.link);
    ck_assert_int_eq(digits(&head), 123);
    ck_assert(list_linked(&b.link));
    list_remove(&b.link);
    ck_assert(!list_linked(&b.link));
    ck_assert_int_eq(digits(&head), 13);
    ck_assert_ptr_eq(list_pop_front(&head), &a.link);
    ck_assert(!list_linked(&a.link));
    ck_assert_ptr_eq(list_pop_front(&head), &c.link);
    ck_assert_ptr_null(list_pop_front(&head));
    ck_assert(list_empty(&head));
}
END_TEST

START_TEST(moves_all)
{
    struct list from;
    struct list to;
    struct item a = {.number = 4};
    struct item b = {.number = 5};
    list_init(&from);
    list_move_all(&from, &to);
    ck_assert(list_empty(&to));
    list_push_back(&from, &a.link);
    list_push_back(&from, &b.link);
    list_move_all(&from, &to);
    ck_assert(list_empty(&from));
    ck_assert_int_eq(digits(&to), 45);
    list_remove(&a.link);
    ck_assert_int_eq(digits(&to), 5);
}
END_TEST

START_TEST(appends_all)
{
    struct list from, to;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    list_init(&from);
    list_init(&to);
    list_append_all(&from, &to);
    ck_assert(list_empty(&from) && list_empty(&to));
    list_push_back(&from, &items[0].link);
    list_push_back(&from, &items[1].link);
    list_append_all(&from, &to); /* to an empty list */
    ck_assert(list_empty(&from));
    ck_assert_int_eq(digits(&to), 12);
    list_append_all(&from, &to); /* nothing */
    ck_assert_int_eq(digits(&to), 12);
    list_push_back(&from, &items[2].link);
    list_push_back(&from, &items[3].link);
    list_append_all(&from, &to);
    ck_assert(list_empty(&from));
    ck_assert_int_eq(digits(&to), 1234);
    list_remove(&items[2].link);
    list_remove(&items[0].link);
    ck_assert_int_eq(digits(&to), 24);
}
END_TEST

Suite *list_suite(void)
{
    Suite *s = suite_create("list");
    TCase *c = tcase_create("list");
    tcase_add_test(c, keeps_order);
    tcase_add_test(c, moves_all);
    tcase_add_test(c, appends_all);
    suite_add_tcase(s, c);
    return s;
}
