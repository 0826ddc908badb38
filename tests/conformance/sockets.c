/* Sockets: made, bound, opened and closed. */
#include "tests/conformance/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stack/tcp/fast_open_paths.h"

struct outcome outcome_of(int64_t value)
{
    return (struct outcome){.value = value};
}

struct outcome outcome_error(int error)
{
    return (struct outcome){.value = -1, .error = error};
}

struct outcome outcome_wait(void)
{
    return (struct outcome){.wait = true};
}

void sockets_init(struct sockets *s, struct world *w)
{
    *s = (struct sockets){.world = w};
}

void sockets_done(struct sockets *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        s->all[i]->port = NULL; /* the host is gone, and its ports with it */
        datagram_close(s->all[i]);
        free(s->all[i]->written);
        free(s->all[i]);
    }
    s->count = 0;
}

struct sock *sock_find(const struct sockets *s, int64_t fd)
{
    for (unsigned i = s->count; i > 0 && fd >= 0; i--) {
        if (s->all[i - 1]->fd == fd) {
            return s->all[i - 1];
        }
    }
    return NULL;
}

struct sock *sock_of_ports(const struct sockets *s, uint16_t local, uint16_t remote)
{
    for (unsigned i = s->count; i > 0; i--) {
        struct sock *k = s->all[i - 1];
        bool connection =
            k->state == SOCK_CONNECTING || k->state == SOCK_CONNECTED || k->state == SOCK_ENDED;
        if (connection && k->local.port == local && k->remote.port == remote) {
            return k;
        }
    }
    return NULL;
}

struct sock *sock_new(struct sockets *s, int fd, enum sock_state state)
{
    if (s->count == SOCKETS_MAX) {
        return NULL;
    }
    struct sock *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return NULL;
    }
    k->fd = fd;
    k->state = state;
    k->owner = s;
    k->options = s->defaults;
    s->all[s->count++] = k;
    return k;
}

/* ---- what the stack tells ---- */

static int errno_of(enum close_reason reason)
{
    switch (reason) {
    case CLOSE_RESET:
        return ECONNRESET;
    case CLOSE_REFUSED:
    case CLOSE_UNREACHABLE: /* so far only port and protocol unreachable */
        return ECONNREFUSED;
    case CLOSE_TIMEOUT:
        return ETIMEDOUT;
    case CLOSE_NO_RESOURCES:
        return ENOBUFS;
    default:
        return 0;
    }
}

static struct sock *sock_of_stream(struct stream *s)
{
    return s->app;
}

static void on_opened(struct stream *s)
{
    sock_of_stream(s)->state = SOCK_CONNECTED;
}

static void on_peer_closed(struct stream *s)
{
    sock_of_stream(s)->peer_closed = true;
}

static void on_report(struct stream *s, enum stream_report what, uint16_t detail)
{
    (void)detail;
    sock_of_stream(s)->notices[what]++;
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct sock *k = sock_of_stream(s);
    tcp_get_info(s, &k->last);
    k->error = errno_of(reason);
    if (reason == CLOSE_RESET && k->peer_closed) {
        k->error = EPIPE; /* as other systems have it */
    }
    k->state = SOCK_ENDED;
    k->stream = NULL;
}

static const struct stream_events sock_events = {
    .opened = on_opened,
    .peer_closed = on_peer_closed,
    .report = on_report,
    .closed = on_closed,
};

static void on_accept(void *arg, struct stream *s)
{
    struct sock *listener = arg;
    struct sock *k = sock_new(listener->owner, -1, SOCK_CONNECTED);
    if (k == NULL) {
        return; /* the stack resets what nobody takes */
    }
    struct tcp_info info;
    tcp_get_info(s, &info);
    k->local = info.local;
    k->remote = info.remote;
    k->options = listener->options;
    k->stream = s;
    s->events = &sock_events;
    s->app = k;
    struct sock **tail = &listener->accept_first;
    while (*tail != NULL) {
        tail = &(*tail)->next_accept;
    }
    *tail = k;
    listener->owner->latest = k;
}

/* ---- calls ---- */

static int errno_of_open(enum tcp_error e)
{
    switch (e) {
    case TCP_ERR_ADDRESS:
        return EINVAL;
    case TCP_ERR_IN_USE:
        return EADDRINUSE;
    case TCP_ERR_NO_ROUTE:
        return ENETUNREACH;
    case TCP_ERR_RESOURCES:
        return ENOBUFS;
    default:
        return 0;
    }
}

struct outcome sock_bind(struct sock *k, struct endpoint at)
{
    struct world *w = k->owner->world;
    if (k->state != SOCK_FRESH || k->bound) {
        return outcome_error(EINVAL);
    }
    if (k->datagram) {
        return datagram_bind(k, at);
    }
    if (!ip_is_any(at.addr) && !ip_equal(at.addr, w->config.local)) {
        return outcome_error(EADDRNOTAVAIL);
    }
    k->bound = true;
    k->local = at;
    return outcome_of(0);
}

struct outcome sock_listen(struct sock *k, int64_t backlog)
{
    struct sockets *s = k->owner;
    if (k->datagram) {
        return outcome_error(EOPNOTSUPP);
    }
    if (k->state == SOCK_LISTENING) {
        return outcome_of(0);
    }
    if (k->state != SOCK_FRESH || !k->bound) {
        return outcome_error(k->state != SOCK_FRESH ? EINVAL : EDESTADDRREQ);
    }
    struct tcp_listen_args args = {
        .local = k->local,
        .backlog = backlog > 0 && backlog < BACKLOG_MAX ? (uint32_t)backlog : BACKLOG_MAX,
        .fast_open_pending = k->fast_open_pending,
        .options = k->options,
        .accept = on_accept,
        .arg = k,
    };
    world_enter(s->world);
    enum tcp_error e = tcp_listen(&s->world->host.tcp, &args, &k->listener);
    if (e != TCP_OK) {
        return outcome_error(errno_of_open(e));
    }
    k->state = SOCK_LISTENING;
    s->latest = NULL;
    return outcome_of(0);
}

/* A connect that has begun: how it stands. */
static struct outcome connect_again(struct sock *k)
{
    if (k->state == SOCK_CONNECTED) {
        return outcome_of(0);
    }
    if (k->state == SOCK_CONNECTING) {
        return outcome_wait();
    }
    int error = k->error != 0 ? k->error : ECONNABORTED;
    k->error = 0;
    return outcome_error(error);
}

static bool has_cookie(const struct sock *k, struct ip_addr of)
{
    struct fast_open_cookie cookie;
    struct world *w = k->owner->world;
    uint16_t mss;
    return fast_open_cookie_find(&w->host.tcp, w->config.local, of, &cookie, &mss);
}

static struct outcome connect_now(struct sock *k, struct endpoint to)
{
    struct sockets *s = k->owner;
    struct tcp_connect_args args = {
        .local = k->local,
        .remote = to,
        .options = k->options,
        .events = &sock_events,
        .app = k,
    };
    world_enter(s->world);
    enum tcp_error e = tcp_connect(&s->world->host.tcp, &args, &k->stream);
    if (e != TCP_OK) {
        k->stream = NULL;
        return outcome_error(e == TCP_ERR_ADDRESS ? ENETUNREACH : errno_of_open(e));
    }
    struct tcp_info info;
    tcp_get_info(k->stream, &info);
    k->local = info.local;
    k->remote = info.remote;
    k->state = SOCK_CONNECTING;
    s->latest = k;
    return outcome_wait();
}

struct outcome sock_connect(struct sock *k, struct endpoint to)
{
    if (k->state != SOCK_FRESH) {
        return connect_again(k);
    }
    if (k->fast_open_connect && has_cookie(k, to.addr)) {
        k->connect_waits = true;
        k->remote = to;
        k->state = SOCK_CONNECTING;
        return outcome_of(0);
    }
    return connect_now(k, to);
}

struct outcome sock_connect_with(struct sock *k, struct endpoint to, const char *text, size_t len,
                                 size_t *done)
{
    if (k->state != SOCK_FRESH && !k->connect_waits) {
        return outcome_error(EISCONN);
    }
    bool early = has_cookie(k, to.addr);
    k->connect_waits = false;
    k->options.fast_open = true;
    struct outcome o = connect_now(k, to);
    if (o.wait && early) { /* before the flush, so that it goes with the SYN */
        *done = sock_put(k, text, len);
    }
    return o;
}

struct outcome sock_accept(struct sock *k, struct sock **out)
{
    if (k->state != SOCK_LISTENING) {
        return outcome_error(EINVAL);
    }
    *out = k->accept_first;
    if (*out == NULL) {
        return outcome_wait();
    }
    k->accept_first = (*out)->next_accept;
    k->owner->latest = *out;
    return outcome_of(0);
}

struct outcome sock_shutdown(struct sock *k, int64_t how)
{
    if (how < SHUT_RD || how > SHUT_RDWR) {
        return outcome_error(EINVAL);
    }
    if (k->state != SOCK_CONNECTED || k->stream == NULL) {
        return outcome_error(ENOTCONN);
    }
    if (how != SHUT_WR) {
        k->shut_rd = true;
    }
    if (how != SHUT_RD) {
        k->shut_wr = true;
        world_enter(k->owner->world);
        stream_shutdown(k->stream);
    }
    return outcome_of(0);
}

static void close_stream(struct sock *k)
{
    struct stream *s = k->stream;
    tcp_get_info(s, &k->last);
    k->stream = NULL;
    if (k->linger) {
        stream_abort(s);
    } else {
        tcp_close(s);
    }
}

struct outcome sock_close(struct sock *k)
{
    struct world *w = k->owner->world;
    world_enter(w);
    datagram_close(k);
    if (k->listener != NULL) {
        tcp_unlisten(&w->host.tcp, k->listener);
        k->listener = NULL;
        for (struct sock *a = k->accept_first; a != NULL; a = a->next_accept) {
            a->linger = true;
            if (a->stream != NULL) {
                close_stream(a);
            }
            a->state = SOCK_ENDED;
        }
    } else if (k->stream != NULL) {
        close_stream(k);
    }
    k->state = k->state == SOCK_EPOLL ? SOCK_FRESH : SOCK_ENDED;
    k->fd = -1;
    return outcome_of(0);
}
