/* An intrusive doubly linked list. The head is a node too; an empty list points at itself.
 * A node that is on no list has `next == NULL`.
 */
#ifndef VITRINE_BASE_LIST_H
#define VITRINE_BASE_LIST_H

#include "stack/base/types.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline bool list_linked(const struct list *node)
{
    return node->next != NULL;
}

static inline void list_insert_before(struct list *at, struct list *node)
{
    node->next = at;
    node->prev = at->prev;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_before(head, node);
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_before(head->next, node);
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = NULL;
}

/* The first node, taken off; NULL if there is none. */
static inline struct list *list_pop_front(struct list *head)
{
    if (list_empty(head)) {
        return NULL;
    }
    struct list *node = head->next;
    head->next = node->next;
    node->next->prev = head;
    node->next = NULL;
    return node;
}

/* Moves every node of `from` to the end of `to`, in order, however many there are. */
static inline void list_append_all(struct list *from, struct list *to)
{
    if (list_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    list_init(from);
}

/* Moves every node of `from` to the empty list `to`, in order. */
static inline void list_move_all(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from)) {
        return;
    }
    to->next = from->next;
    to->prev = from->prev;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

#endif
