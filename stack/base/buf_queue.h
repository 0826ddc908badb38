/* Queues of bufs that hold one stretch of bytes, in order. Where a small piece can be copied behind the one
 * before it, it is, so that a stream of single bytes, in whatever order, does not hold a slab each.
 */
#ifndef VITRINE_BASE_BUF_QUEUE_H
#define VITRINE_BASE_BUF_QUEUE_H

#include "stack/base/buf.h"

/* Puts `b` at the end, or its bytes; owns it. */
void buf_queue_push(struct list *queue, struct buf *b);
/* Moves all of `from` to the end of `to`. */
void buf_queue_append(struct list *from, struct list *to);
/* Joins the first two, if that can be done now. */
void buf_queue_join_front(struct list *queue);
/* Frees the first `skip` bytes of `from`, moves all others to the end of `to`, unjoined; returns how many. */
uint32_t buf_queue_move(struct list *from, uint32_t skip, struct list *to);

#endif
