/* The life of an HTTP connection: states, deadlines, and its end (RFC 9112 9); see server.h. */
#include "apps/http/server.h"

#include "apps/http/conn.h"

static nsec or_default(nsec value, nsec fallback)
{
    return value != 0 ? value : fallback;
}

void http_server_init(struct http_server *s, const struct http_server_config *config)
{
    *s = (struct http_server){.config = *config};
    struct http_server_config *c = &s->config;
    c->files = c->files != NULL ? c->files : &http_system_files;
    c->max_connections = c->max_connections != 0 ? c->max_connections : 1024;
    c->handshake_timeout = or_default(c->handshake_timeout, 30 * NS_PER_SEC);
    c->header_timeout = or_default(c->header_timeout, 30 * NS_PER_SEC);
    c->idle_timeout = or_default(c->idle_timeout, 60 * NS_PER_SEC);
    c->stall_timeout = or_default(c->stall_timeout, 60 * NS_PER_SEC);
    c->linger_timeout = or_default(c->linger_timeout, 5 * NS_PER_SEC);
    list_init(&s->connections);
    pool_init_packed(&s->conn_pool, "http_conn", sizeof(struct http_conn), c->max_connections);
    pool_init_packed(&s->exchange_pool, "http_exchange", sizeof(struct http_exchange),
                     c->max_connections);
    size_t bytes = c->cache_bytes != 0 ? c->cache_bytes : HTTP_CACHE_BYTES;
    http_cache_init(&s->cache, c->files, c->root_fd, bytes);
}

void http_server_sweep(struct http_server *s, nsec now)
{
    http_cache_sweep(&s->cache, now);
}

void http_server_done(struct http_server *s)
{
    while (!list_empty(&s->connections)) {
        http_conn_abort(CONTAINER_OF(s->connections.next, struct http_conn, link));
    }
    http_cache_done(&s->cache);
    pool_done(&s->conn_pool);
    pool_done(&s->exchange_pool);
}

nsec http_now(const struct http_conn *c)
{
    return c->server->config.recorder->now;
}

/* ---- making and ending ---- */

static void on_timer(struct timer *t, nsec now);
static void settle(struct http_conn *c);

struct http_conn *http_conn_new(struct http_server *s, uint32_t conn_id)
{
    struct http_conn *c = pool_get_zero(&s->conn_pool);
    if (c == NULL) {
        s->refused++;
        return NULL;
    }
    c->server = s;
    c->id = conn_id;
    c->state = HTTP_CONN_OPENING;
    c->since = c->progress = http_now(c);
    timer_init(&c->timer, on_timer);
    list_push_back(&s->connections, &c->link);
    settle(c);
    return c;
}

static void free_exchange(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    if (x == NULL) {
        return;
    }
    c->exchange = NULL;
    if (x->file != NULL) {
        http_cache_close(&c->server->cache, x->file);
    }
    http_parser_done(&x->parser);
    draft_done(&x->text);
    pool_put(&c->server->exchange_pool, x);
}

void http_conn_drop(struct http_conn *c)
{
    timer_cancel(c->server->config.wheel, &c->timer);
    free_exchange(c);
    list_remove(&c->link);
    pool_put(&c->server->conn_pool, c);
}

enum http_step http_conn_abort(struct http_conn *c)
{
    struct stream *stream = c->stream;
    http_conn_drop(c);
    if (stream != NULL) {
        stream_abort(stream);
    }
    return HTTP_GONE;
}

void http_conn_attach(struct http_conn *c, struct stream *stream)
{
    c->stream = stream;
    stream->events = &http_stream_events;
    stream->app = c;
}

/* ---- deadlines ---- */

void http_enter(struct http_conn *c, enum http_conn_state state)
{
    c->state = (uint8_t)state;
    c->since = c->progress = http_now(c);
}

static bool in_request(const struct http_conn *c)
{
    return c->exchange != NULL && http_parser_begun(&c->exchange->parser);
}

static nsec deadline(const struct http_conn *c)
{
    const struct http_server_config *config = &c->server->config;
    switch ((enum http_conn_state)c->state) {
    case HTTP_CONN_OPENING:
        return c->since + config->handshake_timeout;
    case HTTP_CONN_HEAD:
        return c->since + (in_request(c) ? config->header_timeout : config->idle_timeout);
    case HTTP_CONN_LINGER:
        return c->since + config->linger_timeout;
    default:
        return c->progress + config->stall_timeout;
    }
}

/* Has the timer look again no later than the deadline. A deadline that moves away costs nothing: the
 * timer finds out when it fires. */
static void settle(struct http_conn *c)
{
    nsec due = deadline(c);
    if (!timer_armed(&c->timer) || c->timer.due > due) {
        timer_arm(c->server->config.wheel, &c->timer, due);
    }
}

/* The client still has bytes of ours to take, and takes them: not the time to end. */
static bool still_draining(struct http_conn *c, nsec now)
{
    const struct http_server_config *config = &c->server->config;
    uint64_t unsent = config->unsent != NULL ? config->unsent(c->stream) : 0;
    if (unsent == 0) {
        return false;
    }
    if ((uint32_t)unsent != c->unsent) {
        c->unsent = (uint32_t)unsent;
        c->progress = now;
    }
    return now < c->progress + config->stall_timeout;
}

/* No more from us (RFC 9112 9.6): the client sees the end of the last answer, and what it still
 * sends is read away, since unread bytes would make a reset that can destroy that answer. */
static enum http_step begin_linger(struct http_conn *c)
{
    free_exchange(c);
    http_enter(c, HTTP_CONN_LINGER);
    stream_shutdown(c->stream);
    return HTTP_AGAIN;
}

static void pump(struct http_conn *c);

static void too_late(struct http_conn *c, const char *why)
{
    c->server->timeouts++;
    http_answer_error(c, 408, why, true);
    pump(c);
}

/* Nothing was asked for so long. */
static void end_idle(struct http_conn *c, nsec now)
{
    if (still_draining(c, now)) {
        c->since = now;
        settle(c);
        return;
    }
    begin_linger(c);
    pump(c);
}

/* The client has not closed in time. With both sides closed the stream ends by itself, unless the
 * client has vanished. */
static void end_linger(struct http_conn *c, nsec now)
{
    nsec patience = c->progress + c->server->config.stall_timeout;
    if (still_draining(c, now) || (c->peer_closed && now < patience)) {
        c->since = now;
        settle(c);
        return;
    }
    http_conn_abort(c);
}

static void on_deadline(struct http_conn *c, nsec now)
{
    switch ((enum http_conn_state)c->state) {
    case HTTP_CONN_HEAD:
        if (in_request(c)) {
            too_late(c, "the request's head did not come in time");
        } else {
            end_idle(c, now);
        }
        return;
    case HTTP_CONN_DISCARD:
        too_late(c, "the request's body did not come in time");
        return;
    case HTTP_CONN_LINGER:
        end_linger(c, now);
        return;
    default:
        c->server->timeouts++;
        http_conn_abort(c);
    }
}

static void on_timer(struct timer *t, nsec now)
{
    struct http_conn *c = CONTAINER_OF(t, struct http_conn, timer);
    recorder_begin(c->server->config.recorder, CAUSE_TIMER, now);
    if (now < deadline(c)) {
        settle(c);
    } else {
        on_deadline(c, now);
    }
}

/* ---- steps ---- */

static bool begin_exchange(struct http_conn *c)
{
    struct http_exchange *x = pool_get_zero(&c->server->exchange_pool);
    if (x == NULL) {
        return false;
    }
    http_parser_init(&x->parser);
    draft_init(&x->text, HTTP_ANSWER_MAX);
    c->exchange = x;
    return true;
}

static enum http_step head_step(struct http_conn *c)
{
    struct slice in = stream_peek(c->stream);
    if (in.len == 0) {
        return c->peer_closed ? begin_linger(c) : HTTP_WAIT;
    }
    if (c->exchange == NULL && !begin_exchange(c)) {
        return http_conn_abort(c);
    }
    struct http_parser *p = &c->exchange->parser;
    bool begun = http_parser_begun(p);
    if (!begun && c->server->config.early != NULL) {
        c->exchange->early = c->server->config.early(c->stream);
    }
    stream_consume(c->stream, http_parser_feed(p, in));
    if (!begun && http_parser_begun(p)) {
        c->since = http_now(c);
    }
    if (p->state == HTTP_PARSE_ERROR) {
        http_answer_error(c, p->status, p->why, true);
    } else if (p->state == HTTP_PARSE_DONE) {
        c->server->requests++;
        http_answer_request(c);
    }
    return HTTP_AGAIN;
}

static enum http_step send_step(struct http_conn *c)
{
    enum http_step step = http_send_step(c);
    if (step != HTTP_WAIT || !http_sent(c->exchange)) {
        return step;
    }
    if (c->exchange->close) {
        return begin_linger(c);
    }
    free_exchange(c);
    http_enter(c, HTTP_CONN_HEAD);
    return HTTP_AGAIN;
}

static enum http_step linger_step(struct http_conn *c)
{
    struct slice in = stream_peek(c->stream);
    if (in.len == 0) {
        return HTTP_WAIT;
    }
    uint32_t room = HTTP_LINGER_MAX - c->lingered;
    if (in.len > room) {
        return http_conn_abort(c);
    }
    c->lingered += (uint32_t)in.len;
    stream_consume(c->stream, in.len);
    return HTTP_AGAIN;
}

static enum http_step step(struct http_conn *c)
{
    switch ((enum http_conn_state)c->state) {
    case HTTP_CONN_HEAD:
        return head_step(c);
    case HTTP_CONN_DISCARD:
        return http_discard_step(c);
    case HTTP_CONN_SEND:
        return send_step(c);
    case HTTP_CONN_ECHO:
        return http_echo_step(c);
    case HTTP_CONN_LINGER:
        return linger_step(c);
    case HTTP_CONN_OPENING:
    default:
        return HTTP_WAIT;
    }
}

/* Goes on until nothing moves. */
static void pump(struct http_conn *c)
{
    enum http_step came;
    do {
        came = step(c);
        if (came == HTTP_AGAIN) {
            c->progress = http_now(c);
        }
    } while (came == HTTP_AGAIN);
    if (came != HTTP_GONE) {
        settle(c);
    }
}

/* ---- events of the stream ---- */

static void on_opened(struct stream *s)
{
    struct http_conn *c = s->app;
    c->stream = s;
    http_enter(c, HTTP_CONN_HEAD);
    pump(c);
}

static void on_moved(struct stream *s)
{
    struct http_conn *c = s->app;
    c->stream = s;
    pump(c);
}

static void on_peer_closed(struct stream *s)
{
    struct http_conn *c = s->app;
    c->stream = s;
    c->peer_closed = true;
    pump(c);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    (void)reason;
    http_conn_drop(s->app);
}

const struct stream_events http_stream_events = {
    .opened = on_opened,
    .readable = on_moved,
    .writable = on_moved,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};
