/* Moves the bytes of one exchange between its stream, its file and itself; see conn.h. */
#include <stdio.h>
#include <string.h>

#include "apps/http/conn.h"

#define WORTHWHILE 2048U /* bytes of room worth filling; less only when less is left */
#define REFER_LEAST                                                                                \
    8192U               /* bytes of a file that are worth a piece of the send queue of their own */
#define CHUNK_FRAME 12U /* bytes: eight digits of size, two line ends */

bool http_sent(const struct http_exchange *x)
{
    return x->text_sent == x->text.len && x->file_left == 0;
}

/* Copies bytes of the file to `out`, up to `room`. 0: the file is shorter than it was. */
static size_t copy_file(struct http_conn *c, uint8_t *out, size_t room)
{
    struct http_exchange *x = c->exchange;
    struct http_cache *cache = &c->server->cache;
    size_t n = 0;
    while (n < room && x->file_left > 0) {
        struct slab *slab;
        size_t want = x->file_left < room - n ? (size_t)x->file_left : room - n;
        struct slice run = {0};
        if (http_cache_keeps(x->file)) { /* else it may as well be read to where it goes */
            run = http_cache_run(cache, x->file, x->file_at, http_now(c), &slab);
        }
        ssize_t got = (ssize_t)size_min(run.len, want);
        if (got > 0) {
            memcpy(out + n, run.data, (size_t)got);
        } else {
            got = http_cache_read(cache, x->file, out + n, want, x->file_at);
        }
        if (got <= 0) {
            return 0;
        }
        n += (size_t)got;
        x->file_at += (uint64_t)got;
        x->file_left -= (uint64_t)got;
    }
    return n;
}

/* As much of the file is left, and such is the stream, that it is sent from where it lies. */
static bool worth_referring(const struct http_conn *c)
{
    return c->exchange->file_left >= REFER_LEAST && stream_refers(c->stream);
}

/* Fills `room` bytes from the text and then, unless it is sent from where it lies, from the file. -1: the file is
 * shorter than it was. */
static ssize_t fill(struct http_conn *c, uint8_t *out, size_t room)
{
    struct http_exchange *x = c->exchange;
    size_t n = size_min(room, x->text.len - x->text_sent);
    if (n > 0) {
        memcpy(out, x->text.data + x->text_sent, n);
        x->text_sent += n;
    }
    if (n == room || x->file_left == 0 || (n > 0 && worth_referring(c))) {
        return (ssize_t)n;
    }
    size_t got = copy_file(c, out + n, room - n);
    return got > 0 ? (ssize_t)(n + got) : -1;
}

/* Sends a part of the file from where it lies. `*step` says what came of it; false: there is no such part. */
static bool refer_step(struct http_conn *c, enum http_step *step)
{
    struct http_exchange *x = c->exchange;
    struct slab *slab;
    struct slice run = http_cache_run(&c->server->cache, x->file, x->file_at, http_now(c), &slab);
    if (run.len == 0) {
        return false;
    }
    run.len = x->file_left < run.len ? (size_t)x->file_left : run.len;
    size_t n = stream_refer(c->stream, run, slab);
    c->said += n;
    x->file_at += n;
    x->file_left -= n;
    *step = n > 0 ? HTTP_AGAIN : HTTP_WAIT;
    return true;
}

enum http_step http_send_step(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    enum http_step step;
    if (http_sent(x)) {
        return HTTP_WAIT;
    }
    if (x->text_sent == x->text.len && worth_referring(c) && refer_step(c, &step)) {
        return step;
    }
    uint64_t text = x->text.len - x->text_sent;
    uint64_t left = text > 0 && worth_referring(c) ? text : text + x->file_left;
    size_t room;
    uint8_t *out = stream_reserve(c->stream, left < WORTHWHILE ? (size_t)left : WORTHWHILE, &room);
    if (out == NULL) {
        return HTTP_WAIT;
    }
    ssize_t n = fill(c, out, room);
    if (n < 0) {
        return http_conn_abort(c); /* RFC 9112 8: an incomplete answer must look incomplete */
    }
    c->said += (uint64_t)n;
    stream_commit(c->stream, (size_t)n);
    return HTTP_AGAIN;
}

/* ---- bodies of requests ---- */

enum http_step http_discard_step(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    if (x->body.state != HTTP_BODY_DONE) {
        struct slice in = stream_peek(c->stream);
        if (in.len == 0 && !c->peer_closed) {
            return HTTP_WAIT;
        }
        size_t used;
        http_body_next(&x->body, in, &used);
        if (used > 0) {
            stream_consume(c->stream, used);
        }
        if (in.len == 0 || x->body.state == HTTP_BODY_ERROR) {
            http_answer_error(c, 400, "the request's body is not framed as RFC 9112 7.1 says",
                              true);
            return HTTP_AGAIN;
        }
        if (x->body.total > HTTP_DISCARD_MAX) {
            http_answer_error(c, 413, "a body of more than 1 MiB where none is wanted", true);
            return HTTP_AGAIN;
        }
    }
    if (x->body.state == HTTP_BODY_DONE) {
        http_enter(c, HTTP_CONN_SEND);
    }
    return HTTP_AGAIN;
}

/* One run of the body, from the stream's input to its output. */
static enum http_step echo_run(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    struct slice in = stream_peek(c->stream);
    size_t frame = x->body.chunked ? CHUNK_FRAME : 0;
    size_t room;
    uint8_t *out = stream_reserve(c->stream, size_min(in.len, WORTHWHILE) + frame, &room);
    if (out == NULL) {
        return HTTP_WAIT;
    }
    size_t used;
    in.len = size_min(in.len, room - frame);
    struct slice data = http_body_next(&x->body, in, &used);
    if (x->body.state == HTTP_BODY_ERROR) {
        return http_conn_abort(c);
    }
    if (data.len > 0) {
        size_t n = 0;
        if (x->body.chunked) {
            char size[CHUNK_FRAME];
            n = (size_t)snprintf(size, sizeof size, "%zx\r\n", data.len);
            memcpy(out, size, n);
        }
        memcpy(out + n, data.data, data.len);
        n += data.len;
        if (x->body.chunked) {
            memcpy(out + n, "\r\n", 2);
            n += 2;
        }
        c->said += n;
        stream_commit(c->stream, n);
    }
    stream_consume(c->stream, used);
    return HTTP_AGAIN;
}

static enum http_step forget_run(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    if (x->body.state == HTTP_BODY_DONE) {
        http_answer_forgotten(c);
        return HTTP_AGAIN;
    }
    struct slice in = stream_peek(c->stream);
    if (in.len == 0) {
        return c->peer_closed ? http_conn_abort(c) : HTTP_WAIT;
    }
    size_t used;
    http_body_next(&x->body, in, &used);
    if (x->body.state == HTTP_BODY_ERROR) {
        return http_conn_abort(c);
    }
    stream_consume(c->stream, used);
    return HTTP_AGAIN;
}

enum http_step http_echo_step(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    if (!http_sent(x)) {
        return http_send_step(c);
    }
    if (x->forgets) {
        return forget_run(c);
    }
    if (x->body.state == HTTP_BODY_DONE) {
        if (x->answered && x->body.chunked && !x->ended) {
            x->ended = true;
            draft_add(&x->text, "0\r\n\r\n");
            return HTTP_AGAIN;
        }
        if (x->answered) {
            http_enter(c, HTTP_CONN_SEND); /* all is sent: that state knows how an exchange ends */
            return HTTP_AGAIN;
        }
    }
    if (!x->answered) {
        if (x->body.state != HTTP_BODY_DONE && stream_peek(c->stream).len == 0) {
            return c->peer_closed ? http_conn_abort(c) : HTTP_WAIT;
        }
        http_answer_echo_head(c);
        return HTTP_AGAIN;
    }
    if (stream_peek(c->stream).len == 0) {
        return c->peer_closed ? http_conn_abort(c) : HTTP_WAIT;
    }
    return echo_run(c);
}
