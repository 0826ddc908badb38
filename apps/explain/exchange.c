/* A request and its answer; see exchange.h. */
#include "apps/explain/exchange.h"

#include <stdio.h>
#include <string.h>

static struct exchange_end *end_of(struct stream *s)
{
    return s->app;
}

static bool is_client(const struct exchange_end *e)
{
    return e == &e->exchange->end[WORLD_CLIENT];
}

static void say(struct stream *s, const char *words)
{
    size_t len = strlen(words), room;
    uint8_t *to = stream_reserve(s, len, &room);
    if (to != NULL) {
        memcpy(to, words, len);
        stream_commit(s, len);
    }
}

static void think(struct exchange_end *e)
{
    struct world *w = e->exchange->world;
    timer_arm(&w->end[WORLD_CLIENT].host.wheel, &e->exchange->thinks, w->now + EXCHANGE_THINKS);
}

static void on_opened(struct stream *s)
{
    struct exchange_end *e = end_of(s);
    struct tls_session *tls = tls_of_stream(s);
    e->opened = true;
    e->opened_at = e->exchange->world->now;
    tcp_get_info(tls != NULL ? tls_lower(tls) : s, &e->tcp);
    if (tls != NULL) {
        struct tls_info info;
        tls_get_info(tls, &info);
        snprintf(e->peer, sizeof e->peer, "%s",
                 is_client(e) ? info.certificate_subject : info.client_subject);
    }
    if (is_client(e)) {
        think(e);
    }
}

/* The client's application does the next thing: it asks, or, with the answer in hand, closes. */
static void on_thought(struct timer *t, nsec now)
{
    struct exchange *x = CONTAINER_OF(t, struct exchange, thinks);
    struct exchange_end *e = &x->end[WORLD_CLIENT];
    recorder_begin(&x->world->end[WORLD_CLIENT].host.recorder, CAUSE_APP, now);
    if (e->stream != NULL && e->got_len == 0) {
        e->asked_at = now;
        say(e->stream, EXCHANGE_REQUEST);
    } else if (e->stream != NULL) {
        stream_shutdown(e->stream);
    }
}

static void take(struct exchange_end *e, struct stream *s)
{
    struct slice in;
    while ((in = stream_peek(s)).len > 0) {
        size_t n = size_min(in.len, sizeof e->got - 1 - e->got_len);
        memcpy(e->got + e->got_len, in.data, n);
        e->got_len += n;
        stream_consume(s, in.len);
    }
}

static void on_readable(struct stream *s)
{
    struct exchange_end *e = end_of(s);
    size_t before = e->got_len;
    take(e, s);
    if (before > 0 || e->got_len == 0) {
        return;
    }
    if (is_client(e)) {
        e->answered_at = e->exchange->world->now;
        think(e);
    } else {
        say(s, EXCHANGE_ANSWER);
    }
}

static void on_peer_closed(struct stream *s)
{
    stream_shutdown(s);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct exchange_end *e = end_of(s);
    const struct tls_session *tls = tls_of_stream(s);
    struct tls_info info = {0};
    if (tls != NULL) {
        tls_get_info(tls, &info);
        snprintf(e->fault, sizeof e->fault, "%s",
                 is_client(e) ? info.certificate_fault : info.client_fault);
    }
    e->closed = true;
    e->reason = reason;
    e->stream = NULL;
}

static const struct stream_events events = {
    .opened = on_opened,
    .readable = on_readable,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

/* tcp_listener.accept */
static void accept(void *arg, struct stream *s)
{
    struct exchange *x = arg;
    struct exchange_end *e = &x->end[WORLD_SERVER];
    struct tcp_info info;
    tcp_get_info(s, &info);
    x->client = info.remote;
    e->stream = s;
    s->events = &events;
    s->app = e;
    if (x->context[WORLD_SERVER] != NULL) {
        struct recorder *recorder = &x->world->end[WORLD_SERVER].host.recorder;
        e->stream = tls_server(x->context[WORLD_SERVER], s, recorder, info.id, &events, e);
        if (e->stream == NULL) {
            x->world->failed = true;
            stream_abort(s);
        }
    }
}

static bool open_client(struct exchange *x)
{
    struct exchange_end *e = &x->end[WORLD_CLIENT];
    struct host *host = &x->world->end[WORLD_CLIENT].host;
    struct tcp_connect_args args = {
        .remote = x->server, .options = {.no_delay = true}, .events = &events, .app = e};
    struct tcp_info info;
    struct stream *s;
    host_enter(host, x->world->now);
    if (tcp_connect(&host->tcp, &args, &s) != TCP_OK) {
        return false;
    }
    x->syn_at = x->world->now;
    tcp_get_info(s, &info);
    x->client = info.local;
    e->tcp = info;
    e->stream = s;
    if (x->context[WORLD_CLIENT] != NULL) {
        e->stream =
            tls_client(x->context[WORLD_CLIENT], x->name, s, &host->recorder, info.id, &events, e);
    }
    return e->stream != NULL;
}

bool exchange_run(struct exchange *x)
{
    struct host *server = &x->world->end[WORLD_SERVER].host;
    struct tcp_listener *listener;
    x->server = (struct endpoint){x->world->end[WORLD_SERVER].addr, x->port};
    struct tcp_listen_args args = {
        .local = x->server, .options = {.no_delay = true}, .accept = accept, .arg = x};
    for (unsigned i = 0; i < 2; i++) {
        x->end[i].exchange = x;
    }
    timer_init(&x->thinks, on_thought);
    host_enter(server, x->world->now);
    if (tcp_listen(&server->tcp, &args, &listener) != TCP_OK || !open_client(x)) {
        return false;
    }
    bool good = world_run(x->world, x->world->now + 10 * NS_PER_SEC);
    tcp_unlisten(&server->tcp, listener);
    for (unsigned i = 0; i < 2; i++) {
        if (x->end[i].stream != NULL) {
            stream_abort(x->end[i].stream);
            x->end[i].stream = NULL;
            good = false;
        }
    }
    return good;
}
