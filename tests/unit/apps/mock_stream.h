/* A stream in memory for tests of applications: the test is the peer. Input is given in pieces that lie
 * in separate runs, output goes into a queue with a limit that the test empties. */
#ifndef VITRINE_TESTS_MOCK_STREAM_H
#define VITRINE_TESTS_MOCK_STREAM_H

#include "stack/base/stream.h"

struct mock_stream {
    struct stream stream;
    char *in; /* given by the test and not yet consumed */
    size_t in_len;
    size_t run; /* peek shows at most so many bytes in a row; 0 = all */
    char *out;  /* everything that was ever committed */
    size_t out_len;
    size_t taken;       /* bytes of `out` that the test has taken from the queue */
    size_t queue_limit; /* bytes that may wait in the queue; reserve fails beyond */
    char *room;         /* what reserve gave */
    size_t room_len;
    bool want_write; /* a reserve failed since the last `writable` */
    bool shut, aborted, closed;
    size_t consumed; /* bytes */
};

void mock_init(struct mock_stream *m, size_t queue_limit);
void mock_done(struct mock_stream *m);
void mock_open(struct mock_stream *m); /* tells `opened` */
/* Bytes from the peer; tells `readable`. */
void mock_give(struct mock_stream *m, const void *data, size_t len);
void mock_give_text(struct mock_stream *m, const char *text);
/* The peer's FIN; tells `peer_closed`. */
void mock_end(struct mock_stream *m);
/* The peer takes up to n bytes from the queue; tells `writable` when one was promised. */
void mock_take(struct mock_stream *m, size_t n);
/* Both sides are through, or the peer reset: tells `closed`. */
void mock_close(struct mock_stream *m, enum close_reason reason);

#endif
