/* A stream in memory; see mock_stream.h. */
#include "tests/unit/apps/mock_stream.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct mock_stream *of(struct stream *s)
{
    return CONTAINER_OF(s, struct mock_stream, stream);
}

static bool usable(const struct mock_stream *m)
{
    return !m->aborted && !m->closed;
}

static struct slice mock_peek(struct stream *s)
{
    struct mock_stream *m = of(s);
    ck_assert(usable(m));
    size_t n = m->run != 0 ? size_min(m->run, m->in_len) : m->in_len;
    return (struct slice){(const uint8_t *)m->in, n};
}

static void mock_consume(struct stream *s, size_t n)
{
    struct mock_stream *m = of(s);
    ck_assert(usable(m) && n <= m->in_len);
    m->consumed += n;
    /* A new block, so that the sanitizer sees whoever reads on in the old one. */
    char *rest = malloc(m->in_len - n + 1);
    ck_assert(rest != NULL);
    memcpy(rest, m->in + n, m->in_len - n);
    free(m->in);
    m->in = rest;
    m->in_len -= n;
}

static uint8_t *mock_reserve(struct stream *s, size_t min, size_t *room)
{
    struct mock_stream *m = of(s);
    ck_assert(usable(m) && min >= 1 && min <= STREAM_RESERVE_MAX);
    size_t waiting = m->out_len - m->taken;
    size_t space = m->queue_limit > waiting ? m->queue_limit - waiting : 0;
    if (m->shut || space < min) {
        m->want_write = true;
        return NULL;
    }
    free(m->room);
    m->room_len = size_min(space, STREAM_RESERVE_MAX);
    m->room = malloc(m->room_len);
    ck_assert(m->room != NULL);
    *room = m->room_len;
    return (uint8_t *)m->room;
}

static void mock_commit(struct stream *s, size_t n)
{
    struct mock_stream *m = of(s);
    ck_assert(usable(m) && !m->shut && n > 0 && n <= m->room_len);
    m->out = realloc(m->out, m->out_len + n + 1);
    ck_assert(m->out != NULL);
    memcpy(m->out + m->out_len, m->room, n);
    m->out_len += n;
    m->out[m->out_len] = '\0';
    m->room_len = 0;
}

static void mock_shutdown(struct stream *s)
{
    ck_assert(usable(of(s)));
    of(s)->shut = true;
}

static void mock_abort(struct stream *s)
{
    ck_assert(usable(of(s)));
    of(s)->aborted = true;
}

static const struct stream_ops mock_ops = {
    .peek = mock_peek,
    .consume = mock_consume,
    .reserve = mock_reserve,
    .commit = mock_commit,
    .shutdown = mock_shutdown,
    .abort = mock_abort,
};

void mock_init(struct mock_stream *m, size_t queue_limit)
{
    *m = (struct mock_stream){.stream.ops = &mock_ops, .queue_limit = queue_limit};
    m->in = calloc(1, 1);
    m->out = calloc(1, 1);
    ck_assert(m->in != NULL && m->out != NULL);
}

void mock_done(struct mock_stream *m)
{
    free(m->in);
    free(m->out);
    free(m->room);
}

static void tell(struct mock_stream *m, void (*event)(struct stream *s))
{
    if (usable(m) && event != NULL) {
        event(&m->stream);
    }
}

void mock_open(struct mock_stream *m)
{
    tell(m, m->stream.events->opened);
}

void mock_give(struct mock_stream *m, const void *data, size_t len)
{
    if (!usable(m)) {
        return;
    }
    m->in = realloc(m->in, m->in_len + len + 1);
    ck_assert(m->in != NULL);
    memcpy(m->in + m->in_len, data, len);
    m->in_len += len;
    tell(m, m->stream.events->readable);
}

void mock_give_text(struct mock_stream *m, const char *text)
{
    mock_give(m, text, strlen(text));
}

void mock_end(struct mock_stream *m)
{
    tell(m, m->stream.events->peer_closed);
}

void mock_take(struct mock_stream *m, size_t n)
{
    m->taken += size_min(n, m->out_len - m->taken);
    if (usable(m) && m->want_write) {
        m->want_write = false;
        tell(m, m->stream.events->writable);
    }
}

void mock_close(struct mock_stream *m, enum close_reason reason)
{
    if (usable(m)) {
        m->stream.events->closed(&m->stream, reason);
        m->closed = true;
    }
}
