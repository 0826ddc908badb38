/* Two streams that are connected in memory, for tests: what one end commits, the other can peek.
 *
 * Nothing happens inside calls: `pipe_step` delivers bytes and tells events, as a host would.
 */
#ifndef VITRINE_TESTS_TLS_PIPE_STREAM_H
#define VITRINE_TESTS_TLS_PIPE_STREAM_H

#include "stack/base/stream.h"

#define PIPE_QUEUE_MAX (512U * 1024U)

struct pipe_end {
    struct stream stream;
    struct pipe_end *peer;
    uint8_t *in;       /* bytes that the peer committed, PIPE_QUEUE_MAX of room */
    size_t in_len;     /* of them there */
    size_t in_visible; /* of them delivered: what peek shows */
    size_t capacity;   /* bytes that the queue towards this end holds at the most */
    size_t chunk;      /* bytes delivered by one step; 0: all */
    size_t wanted;     /* a reserve of so many bytes failed; 0: none */
    uint8_t *room;     /* what reserve gives; just as large as was asked, so that ASan sees more */
    size_t room_len;
    uint64_t sent; /* bytes committed */
    unsigned commits;
    bool opened, shut, eof_told, closed, aborted;
};

struct pipe {
    struct pipe_end a, b;
};

void pipe_init(struct pipe *p, size_t capacity, size_t chunk);
void pipe_done(struct pipe *p);
/* One round of deliveries and events at both ends; false: nothing was left to do. */
bool pipe_step(struct pipe *p);
/* This end's stream ends with a reset, as if the peer had sent one. */
void pipe_reset(struct pipe_end *e);

#endif
