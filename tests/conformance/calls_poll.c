/* poll and epoll: which sockets are ready. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "tests/conformance/calls.h"

#define TIMEOUT_MAX_MS 1000000000 /* more is without end */
#define ALWAYS_TOLD ((uint32_t)(POLLERR | POLLHUP | POLLNVAL))

/* Waits up to `ms` milliseconds (below 0: without end) after the call began. */
static struct outcome poll_wait(struct run *r, struct attempt *a, int64_t ms)
{
    nsec limit = ms < 0 || ms > TIMEOUT_MAX_MS ? NEVER : a->since + ms * NS_PER_MS;
    if (r->world.now >= limit) {
        return outcome_of(0);
    }
    a->wake = limit;
    return outcome_wait();
}

static int64_t field_number(const struct expr *e, const char *name, int64_t otherwise)
{
    const struct expr *f = expr_field(e, name);
    int64_t v = otherwise;
    return f != NULL && expr_number(f, &v) ? v : otherwise;
}

/* ---- poll ---- */

static uint32_t poll_one(struct run *r, const struct expr *e)
{
    struct sock *k = sock_find(&r->sockets, field_number(e, "fd", -1));
    uint32_t events = (uint32_t)field_number(e, "events", 0);
    return k != NULL ? sock_ready(k) & (events | ALWAYS_TOLD) : POLLNVAL;
}

struct outcome call_poll(struct run *r, struct attempt *a)
{
    const struct expr *list = a->call->args[0];
    int64_t ready = 0;
    world_enter(&r->world);
    for (const struct expr *e = list->first; e != NULL; e = e->next) {
        ready += poll_one(r, e) != 0 ? 1 : 0;
    }
    struct outcome o = ready > 0 ? outcome_of(ready) : poll_wait(r, a, call_number(a->call, 2));
    if (o.wait) {
        return o;
    }
    for (const struct expr *e = list->first; e != NULL; e = e->next) {
        int64_t got = poll_one(r, e);
        int64_t want = field_number(e, "revents", got);
        if (want != got) {
            o.fault = call_text(r, "revents of %lld are 0x%llx, expected 0x%llx",
                                (long long)field_number(e, "fd", -1), (unsigned long long)got,
                                (unsigned long long)want);
        }
    }
    return o;
}

/* ---- epoll ---- */

struct outcome call_epoll_create(struct run *r, struct attempt *a)
{
    return call_new_socket(r, a->call, SOCK_EPOLL);
}

static uint64_t arrivals(struct sock *k)
{
    struct tcp_info info = {0};
    sock_info(k, &info);
    return info.bytes_in + (k->peer_closed ? 1 : 0) + (k->state == SOCK_ENDED ? 1 : 0) +
           (k->state == SOCK_CONNECTED ? 1 : 0);
}

/* What the ith of an epoll's sockets has to tell; with EPOLLET only when something has come since it was last
 * told, or there is room again after a write that found too little. */
static uint32_t epoll_one(struct sock *ep, unsigned i)
{
    struct sock *k = ep->watched[i];
    uint32_t got =
        k->fd < 0 || ep->interest[i] == 0 ? 0 : sock_ready(k) & (ep->interest[i] | ALWAYS_TOLD);
    const struct edge *e = &ep->edges[i];
    if (got == 0 || (ep->interest[i] & (uint32_t)EPOLLET) == 0 || !e->told) {
        return got;
    }
    bool came = (got & ~(uint32_t)(POLLOUT | POLLWRNORM)) != 0 && arrivals(k) != e->arrivals;
    bool room = (got & POLLOUT) != 0 && k->short_writes != e->full;
    return came || room ? got : 0;
}

static void epoll_told(struct sock *ep, unsigned i)
{
    struct sock *k = ep->watched[i];
    ep->edges[i] = (struct edge){.told = true, .arrivals = arrivals(k), .full = k->short_writes};
    if ((ep->interest[i] & EPOLLONESHOT) != 0) {
        ep->interest[i] = 0; /* until it is asked for again */
    }
}

static unsigned watch_index(const struct sock *ep, const struct sock *k)
{
    unsigned i = 0;
    while (i < ep->watch_count && ep->watched[i] != k) {
        i++;
    }
    return i;
}

struct outcome call_epoll_ctl(struct run *r, struct attempt *a)
{
    struct sock *ep = call_sock(r, a->call, 0);
    struct sock *k = call_sock(r, a->call, 2);
    int64_t op = call_number(a->call, 1);
    if (ep == NULL || k == NULL || ep->state != SOCK_EPOLL) {
        return outcome_error(ep == NULL || k == NULL ? EBADF : EINVAL);
    }
    unsigned i = watch_index(ep, k);
    bool there = i < ep->watch_count;
    if (there == (op == EPOLL_CTL_ADD)) {
        return outcome_error(there ? EEXIST : ENOENT);
    }
    if (op == EPOLL_CTL_DEL) {
        ep->watch_count--;
        ep->watched[i] = ep->watched[ep->watch_count];
        ep->interest[i] = ep->interest[ep->watch_count];
        ep->edges[i] = ep->edges[ep->watch_count];
        return outcome_of(0);
    }
    if (i == SOCKETS_MAX) {
        return outcome_error(ENOMEM);
    }
    ep->watch_count += there ? 0 : 1;
    ep->watched[i] = k;
    ep->interest[i] = (uint32_t)field_number(a->call->args[3], "events", 0);
    ep->edges[i] = (struct edge){0};
    return outcome_of(0);
}

/* What the script expects for the nth socket that is ready; NULL: nothing. */
static const struct expr *expected_event(const struct expr *e, int64_t nth)
{
    if (e->kind == EXPR_LIST) {
        e = e->first;
        for (; e != NULL && nth > 0; nth--) {
            e = e->next;
        }
        return e;
    }
    return nth == 0 && e->kind == EXPR_STRUCT ? e : NULL;
}

struct outcome call_epoll_wait(struct run *r, struct attempt *a)
{
    const struct call *c = a->call;
    struct sock *ep = call_sock(r, c, 0);
    int64_t max = call_number(c, 2);
    int64_t ready = 0;
    const char *fault = NULL;
    if (ep == NULL || ep->state != SOCK_EPOLL || max <= 0) {
        return outcome_error(ep == NULL ? EBADF : EINVAL);
    }
    world_enter(&r->world);
    for (unsigned i = 0; i < ep->watch_count && ready < max; i++) {
        const struct sock *k = ep->watched[i];
        uint32_t got = epoll_one(ep, i);
        if (got == 0) {
            continue;
        }
        epoll_told(ep, i);
        const struct expr *want = expected_event(c->args[1], ready++);
        int64_t events = want != NULL ? field_number(want, "events", got) : got;
        int64_t fd = want != NULL ? field_number(want, "fd", k->fd) : k->fd;
        if (events != got || fd != k->fd) {
            fault = call_text(r, "descriptor %d has events 0x%x, expected %lld with 0x%llx", k->fd,
                              got, (long long)fd, (unsigned long long)events);
        }
    }
    if (ready == 0) {
        return poll_wait(r, a, call_number(c, 3));
    }
    struct outcome o = outcome_of(ready);
    o.fault = fault;
    return o;
}
