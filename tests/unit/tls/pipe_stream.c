/* Two streams that are connected in memory. */
#include "tests/unit/tls/pipe_stream.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct pipe_end *end_of(struct stream *s)
{
    return CONTAINER_OF(s, struct pipe_end, stream);
}

/* An assertion of Check costs a write into a pipe, too much for what is called all the time. */
static void must(bool so)
{
    if (!so) {
        ck_abort_msg("a stream was used in a way that it does not allow");
    }
}

static struct slice peek(struct stream *s)
{
    struct pipe_end *e = end_of(s);
    must(!e->closed && !e->aborted);
    return (struct slice){e->in, e->in_visible};
}

static void consume(struct stream *s, size_t n)
{
    struct pipe_end *e = end_of(s);
    must(n <= e->in_visible);
    memmove(e->in, e->in + n, e->in_len - n);
    e->in_len -= n;
    e->in_visible -= n;
}

static uint8_t *reserve(struct stream *s, size_t min, size_t *room)
{
    struct pipe_end *e = end_of(s);
    must(!e->closed && !e->aborted);
    must(min >= 1 && min <= STREAM_RESERVE_MAX);
    size_t space = e->peer->capacity - e->peer->in_len;
    if (e->shut || space < min) {
        e->wanted = min;
        return NULL;
    }
    free(e->room);
    e->room_len = size_min(space, STREAM_RESERVE_MAX);
    e->room = malloc(e->room_len);
    must(e->room != NULL);
    *room = e->room_len;
    return e->room;
}

static void commit(struct stream *s, size_t n)
{
    struct pipe_end *e = end_of(s);
    must(!e->shut);
    must(n <= e->room_len);
    if (!e->peer->aborted) {
        memcpy(e->peer->in + e->peer->in_len, e->room, n);
        e->peer->in_len += n;
    }
    e->sent += n;
    e->commits++;
    free(e->room);
    e->room = NULL;
    e->room_len = 0;
}

static void shutdown_end(struct stream *s)
{
    end_of(s)->shut = true;
}

static void abort_end(struct stream *s)
{
    struct pipe_end *e = end_of(s);
    must(!e->closed && !e->aborted);
    e->aborted = true;
}

static const struct stream_ops ops = {
    .peek = peek,
    .consume = consume,
    .reserve = reserve,
    .commit = commit,
    .shutdown = shutdown_end,
    .abort = abort_end,
};

static void end_init(struct pipe_end *e, struct pipe_end *peer, size_t capacity, size_t chunk)
{
    *e = (struct pipe_end){.peer = peer, .capacity = capacity, .chunk = chunk};
    e->stream.ops = &ops;
    e->in = malloc(PIPE_QUEUE_MAX);
    ck_assert_ptr_nonnull(e->in);
}

void pipe_init(struct pipe *p, size_t capacity, size_t chunk)
{
    end_init(&p->a, &p->b, capacity, chunk);
    end_init(&p->b, &p->a, capacity, chunk);
}

static void end_done(struct pipe_end *e)
{
    free(e->in);
    free(e->room);
}

void pipe_done(struct pipe *p)
{
    end_done(&p->a);
    end_done(&p->b);
}

static void close_end(struct pipe_end *e, enum close_reason reason)
{
    e->closed = true;
    if (e->stream.events != NULL) {
        e->stream.events->closed(&e->stream, reason);
    }
}

void pipe_reset(struct pipe_end *e)
{
    close_end(e, CLOSE_RESET);
}

static bool deliver(struct pipe_end *e)
{
    size_t waiting = e->in_len - e->in_visible;
    if (waiting == 0) {
        return false;
    }
    e->in_visible += e->chunk > 0 ? size_min(waiting, e->chunk) : waiting;
    e->stream.events->readable(&e->stream);
    return true;
}

static bool step_end(struct pipe_end *e)
{
    if (e->closed || e->aborted || e->stream.events == NULL) {
        return false;
    }
    if (!e->opened) {
        e->opened = true;
        e->stream.events->opened(&e->stream);
        return true;
    }
    if (e->peer->aborted) {
        close_end(e, CLOSE_RESET);
        return true;
    }
    if (deliver(e)) {
        return true;
    }
    if (e->wanted > 0 && !e->shut && e->peer->capacity - e->peer->in_len >= e->wanted) {
        e->wanted = 0;
        e->stream.events->writable(&e->stream);
        return true;
    }
    if (e->peer->shut && !e->eof_told && e->in_len == e->in_visible) {
        e->eof_told = true;
        e->stream.events->peer_closed(&e->stream);
        return true;
    }
    if (e->shut && e->eof_told && e->peer->in_len == e->peer->in_visible) {
        close_end(e, CLOSE_NORMAL);
        return true;
    }
    return false;
}

bool pipe_step(struct pipe *p)
{
    bool a = step_end(&p->a);
    bool b = step_end(&p->b);
    return a || b;
}
