/* Queues of bufs whose small pieces are joined. */
#include "stack/base/buf_queue.h"

/* Joins a buf of the queue with the one behind it. */
static void join(struct list *queue, struct list *first)
{
    struct list *second = first->next;
    if (first == queue || second == queue ||
        !buf_join(buf_of_link(first), buf_slice(buf_of_link(second)))) {
        return;
    }
    list_remove(second);
    buf_free(buf_of_link(second));
}

void buf_queue_push(struct list *queue, struct buf *b)
{
    struct list *tail = queue->prev;
    list_push_back(queue, &b->link);
    join(queue, tail);
}

void buf_queue_append(struct list *from, struct list *to)
{
    struct list *tail = to->prev;
    list_append_all(from, to);
    join(to, tail);
}

void buf_queue_join_front(struct list *queue)
{
    join(queue, queue->next);
}

uint32_t buf_queue_move(struct list *from, uint32_t skip, struct list *to)
{
    uint32_t moved = 0;
    struct list *node;
    while ((node = list_pop_front(from)) != NULL) {
        struct buf *b = buf_of_link(node);
        uint32_t cut = u32_min(skip, b->len);
        buf_trim_front(b, cut);
        skip -= cut;
        if (b->len == 0) {
            buf_free(b);
            continue;
        }
        moved += b->len;
        list_push_back(to, &b->link);
    }
    return moved;
}
