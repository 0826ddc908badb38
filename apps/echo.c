/* Echo, discard and the character generator (RFC 862, RFC 863, RFC 864); see echo.h. */
#include "apps/echo.h"

#include <stdlib.h>
#include <string.h>

/* RFC 864: lines of 72 of the 95 printing characters, each beginning one character further on. */
#define PRINTING 95U
#define LINE 72U
#define PATTERN ((size_t)PRINTING * (LINE + 2))
/* Bytes: of so many patterns each run begins where the one before did, and is a multiple of 64 bytes, so that all of them lie alike in
 * cache lines; and one pattern more, as a run may begin anywhere in the first. */
#define RUN (32 * PATTERN)
#define TEXT (RUN + PATTERN)

enum kind { ECHO, DISCARD, CHARGEN };

struct echo_conn {
    struct list link; /* service->connections */
    struct echo_service *service;
    struct stream *stream;
    struct timer timer;
    nsec progress; /* when a byte last moved */
    enum kind kind;
    size_t at; /* CHARGEN: where in the pattern the next byte is */
    bool peer_closed, shut;
};

void echo_init(struct echo_service *e, struct wheel *wheel, struct recorder *recorder,
               size_t max_connections, nsec idle_timeout)
{
    *e = (struct echo_service){.wheel = wheel, .recorder = recorder, .idle_timeout = idle_timeout};
    list_init(&e->connections);
    pool_init(&e->pool, "echo_conn", sizeof(struct echo_conn), max_connections);
}

static void forget(struct echo_conn *c)
{
    timer_cancel(c->service->wheel, &c->timer);
    list_remove(&c->link);
    pool_put(&c->service->pool, c);
}

void echo_done(struct echo_service *e)
{
    while (!list_empty(&e->connections)) {
        struct echo_conn *c = CONTAINER_OF(e->connections.next, struct echo_conn, link);
        struct stream *s = c->stream;
        forget(c);
        stream_abort(s);
    }
    pool_done(&e->pool);
    if (e->text != NULL) {
        slab_release(e->text);
    }
}

static void on_timer(struct timer *t, nsec now)
{
    struct echo_conn *c = CONTAINER_OF(t, struct echo_conn, timer);
    nsec due = c->progress + c->service->idle_timeout;
    if (now < due) {
        timer_arm(c->service->wheel, t, due);
        return;
    }
    recorder_begin(c->service->recorder, CAUSE_TIMER, now);
    struct stream *s = c->stream;
    forget(c);
    stream_abort(s);
}

/* Copies one run from the input to the output. false: nothing came, or no room. */
static bool echo_run(struct echo_conn *c, struct slice in)
{
    size_t room;
    uint8_t *out = stream_reserve(c->stream, size_min(in.len, 2048), &room);
    if (out == NULL) {
        return false;
    }
    size_t n = size_min(in.len, room);
    memcpy(out, in.data, n);
    stream_commit(c->stream, n);
    stream_consume(c->stream, n);
    return true;
}

static void text_released(struct slab *text)
{
    free(text);
}

/* The pattern several times over, made with the first connection that wants it. Sent by reference where the stream allows it. */
static struct slab *text_new(void)
{
    struct slab *text = malloc(sizeof *text + TEXT);
    if (text == NULL) {
        return NULL;
    }
    *text = (struct slab){.refs = 1, .cap = TEXT, .release = text_released};
    for (size_t i = 0; i < TEXT; i++) {
        size_t line = i / (LINE + 2), column = i % (LINE + 2);
        text->bytes[i] = (uint8_t)(column < LINE    ? ' ' + (line + column) % PRINTING
                                   : column == LINE ? '\r'
                                                    : '\n');
    }
    return text;
}

/* How many bytes of text there was room for. */
static size_t text_run(struct echo_conn *c)
{
    struct slab *text = c->service->text;
    struct slice run = {text->bytes + c->at, RUN};
    size_t room;
    if (stream_refers(c->stream)) {
        return stream_refer(c->stream, run, text);
    }
    uint8_t *out = stream_reserve(c->stream, 2048, &room);
    if (out == NULL) {
        return 0;
    }
    room = size_min(room, run.len);
    memcpy(out, run.data, room);
    stream_commit(c->stream, room);
    return room;
}

static void generate(struct echo_conn *c)
{
    for (size_t n; (n = text_run(c)) > 0;) {
        c->at = (c->at + n) % PATTERN;
        c->progress = c->service->recorder->now;
    }
}

static void pump(struct stream *s)
{
    struct echo_conn *c = s->app;
    for (;;) {
        struct slice in = stream_peek(s);
        if (in.len == 0) {
            break;
        }
        if (c->kind != ECHO) {
            stream_consume(s, in.len);
        } else if (!echo_run(c, in)) {
            return;
        }
        c->progress = c->service->recorder->now;
    }
    if (c->kind == CHARGEN && !c->peer_closed) {
        generate(c);
    }
    if (c->peer_closed && !c->shut) {
        c->shut = true;
        stream_shutdown(s);
    }
}

static void on_peer_closed(struct stream *s)
{
    struct echo_conn *c = s->app;
    c->peer_closed = true;
    pump(s);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    (void)reason;
    forget(s->app);
}

static const struct stream_events echo_events = {
    .opened = pump,
    .readable = pump,
    .writable = pump,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

static void accept_as(struct echo_service *e, struct stream *s, enum kind kind)
{
    struct echo_conn *c = pool_get_zero(&e->pool);
    if (c == NULL) {
        stream_abort(s);
        return;
    }
    c->service = e;
    c->stream = s;
    c->kind = kind;
    c->progress = e->recorder->now;
    timer_init(&c->timer, on_timer);
    timer_arm(e->wheel, &c->timer, c->progress + e->idle_timeout);
    list_push_back(&e->connections, &c->link);
    s->events = &echo_events;
    s->app = c;
}

void echo_accept(struct echo_service *e, struct stream *s)
{
    accept_as(e, s, ECHO);
}

void discard_accept(struct echo_service *e, struct stream *s)
{
    accept_as(e, s, DISCARD);
}

void chargen_accept(struct echo_service *e, struct stream *s)
{
    if (e->text == NULL) {
        e->text = text_new();
    }
    if (e->text == NULL) {
        stream_abort(s);
        return;
    }
    accept_as(e, s, CHARGEN);
}
