/* System calls: which there are, their arguments, and those that make, open and close sockets. */
#include "tests/conformance/calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/conformance/symbols.h"

#define FIRST_FD 3
#define SOCK_TYPES 0xf /* the bits of a type, without flags */

/* ---- arguments ---- */

bool expr_number(const struct expr *e, int64_t *out)
{
    int64_t a = 0;
    int64_t b = 0;
    switch (e->kind) {
    case EXPR_NUMBER:
        *out = e->number;
        return true;
    case EXPR_SYMBOL:
        return symbol_value(e->text, out);
    case EXPR_OR:
        if (!expr_number(e->first, &a) || !expr_number(e->first->next, &b)) {
            return false;
        }
        *out = a | b;
        return true;
    case EXPR_NOT:
        if (!expr_number(e->first, &a)) {
            return false;
        }
        *out = ~a;
        return true;
    case EXPR_LIST:
    case EXPR_CALL:
        return e->first != NULL && e->first->next == NULL && expr_number(e->first, out);
    default:
        return false;
    }
}

int64_t call_number(const struct call *c, unsigned i)
{
    int64_t v = 0;
    return i < c->argc && expr_number(c->args[i], &v) ? v : 0;
}

int64_t call_result_number(const struct call *c)
{
    int64_t v = 0;
    return expr_number(c->result, &v) ? v : 0;
}

const struct expr *expr_field(const struct expr *e, const char *name)
{
    if (e == NULL || e->kind != EXPR_STRUCT) {
        return NULL;
    }
    for (const struct expr *f = e->first; f != NULL; f = f->next) {
        if (f->field != NULL && strcmp(f->field, name) == 0) {
            return f;
        }
    }
    return NULL;
}

struct sock *call_sock(const struct run *r, const struct call *c, unsigned i)
{
    int64_t fd = i < c->argc ? call_number(c, i) : -1;
    return sock_find(&r->sockets, fd);
}

const char *call_text(struct run *r, const char *form, ...)
{
    char text[MATCH_TEXT];
    va_list args;
    va_start(args, form);
    (void)vsnprintf(text, sizeof text, form, args);
    va_end(args);
    return arena_printf(&r->script->arena, "%s", text);
}

struct outcome call_wait(struct run *r, struct attempt *a, const struct sock *k, int64_t flags,
                         nsec timeout, int error)
{
    nsec limit = timeout != 0 ? a->since + timeout : NEVER;
    if (k->nonblock || (flags & MSG_DONTWAIT) != 0 || r->world.now >= limit) {
        return outcome_error(error);
    }
    a->wake = limit;
    return outcome_wait();
}

/* ---- socket, bind, listen, accept, connect, shutdown, close ---- */

/* The number that the script gives it, or the first that is free. */
struct outcome call_new_socket(struct run *r, const struct call *c, enum sock_state state)
{
    int64_t fd = FIRST_FD;
    if (!expr_number(c->result, &fd) || fd < 0) {
        while (sock_find(&r->sockets, fd) != NULL) {
            fd++;
        }
    }
    if (sock_find(&r->sockets, fd) != NULL) {
        return (struct outcome){.fault = call_text(r, "descriptor %lld is in use", (long long)fd)};
    }
    struct sock *k = sock_new(&r->sockets, (int)fd, state);
    return k != NULL ? outcome_of(fd) : outcome_error(EMFILE);
}

static struct outcome do_socket(struct run *r, struct attempt *a)
{
    struct outcome o = call_new_socket(r, a->call, SOCK_FRESH);
    struct sock *k = o.value >= 0 ? sock_find(&r->sockets, o.value) : NULL;
    if (k != NULL) {
        k->nonblock = (call_number(a->call, 1) & SOCK_NONBLOCK) != 0;
        k->datagram = (call_number(a->call, 1) & SOCK_TYPES) == SOCK_DGRAM;
    }
    return o;
}

static const char *check_socket(const struct call *c)
{
    int64_t family = call_number(c, 0);
    if (c->argc > 0 && c->args[0]->kind != EXPR_ELLIPSIS && family != AF_INET) {
        return "a socket of another family than AF_INET: IPv6 not in the stack yet";
    }
    int64_t type = call_number(c, 1) & ~(int64_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);
    bool known = type == SOCK_STREAM || type == SOCK_DGRAM;
    return known ? NULL : "a socket of another type than SOCK_STREAM and SOCK_DGRAM";
}

bool call_address(const struct expr *e, struct endpoint *out)
{
    int64_t port;
    const struct expr *p = expr_field(e, "sin_port");
    const struct expr *a = expr_field(e, "sin_addr");
    if (e->kind == EXPR_ELLIPSIS) {
        return true;
    }
    if (p == NULL || a == NULL || !expr_number(p, &port)) {
        return false;
    }
    out->port = (uint16_t)port;
    bool text = a->kind == EXPR_CALL && a->first != NULL && a->first->kind == EXPR_TEXT;
    if (text) {
        return ip_parse(a->first->text, &out->addr);
    }
    int64_t value;
    if (!expr_number(a, &value)) {
        return false;
    }
    out->addr = value == 0 ? ip_any : ip4_addr((uint32_t)value);
    return true;
}

static struct outcome do_bind(struct run *r, struct attempt *a)
{
    struct sock *k = call_sock(r, a->call, 0);
    struct endpoint at = {.addr = r->settings.world.local, .port = r->settings.bind_port};
    if (k == NULL) {
        return outcome_error(EBADF);
    }
    struct outcome o =
        call_address(a->call->args[1], &at) ? sock_bind(k, at) : outcome_error(EINVAL);
    if (o.value == 0 && k->datagram) {
        flows_listening(&r->flows, k->local.port);
    }
    return o;
}

static struct outcome do_listen(struct run *r, struct attempt *a)
{
    struct sock *k = call_sock(r, a->call, 0);
    if (k == NULL) {
        return outcome_error(EBADF);
    }
    struct outcome o = sock_listen(k, call_number(a->call, 1));
    if (o.value == 0) {
        flows_listening(&r->flows, k->local.port);
    }
    return o;
}

static struct outcome do_accept(struct run *r, struct attempt *a)
{
    struct sock *k = call_sock(r, a->call, 0);
    struct sock *made = NULL;
    if (k == NULL) {
        return outcome_error(EBADF);
    }
    struct outcome o = sock_accept(k, &made);
    if (o.wait) {
        return call_wait(r, a, k, 0, k->rcv_timeout, EAGAIN);
    }
    if (o.value < 0) {
        return o;
    }
    int64_t fd = FIRST_FD;
    if (!expr_number(a->call->result, &fd) || fd < 0) {
        while (sock_find(&r->sockets, fd) != NULL) {
            fd++;
        }
    }
    made->fd = (int)fd;
    made->nonblock = (call_number(a->call, 3) & SOCK_NONBLOCK) != 0;
    return outcome_of(fd);
}

static struct outcome do_connect(struct run *r, struct attempt *a)
{
    struct sock *k = call_sock(r, a->call, 0);
    struct endpoint to = {.addr = r->settings.world.remote, .port = r->settings.connect_port};
    if (k == NULL || !call_address(a->call->args[1], &to)) {
        return outcome_error(k == NULL ? EBADF : EINVAL);
    }
    if (k->datagram) {
        struct outcome opened = datagram_connect(k, to);
        flows_connecting(&r->flows, k->local.port, k->remote.port);
        return opened;
    }
    bool fresh = k->state == SOCK_FRESH;
    if (k->state == SOCK_CONNECTED && !a->begun) {
        return outcome_error(EISCONN);
    }
    struct outcome o = sock_connect(k, to);
    if (fresh && o.wait) {
        flows_connecting(&r->flows, k->local.port, k->remote.port);
    }
    if (o.wait) {
        return call_wait(r, a, k, 0, k->snd_timeout, fresh ? EINPROGRESS : EALREADY);
    }
    return o;
}

static struct outcome do_shutdown(struct run *r, struct attempt *a)
{
    struct sock *k = call_sock(r, a->call, 0);
    return k != NULL ? sock_shutdown(k, call_number(a->call, 1)) : outcome_error(EBADF);
}

static struct outcome do_close(struct run *r, struct attempt *a)
{
    struct sock *k = call_sock(r, a->call, 0);
    return k != NULL ? sock_close(k) : outcome_error(EBADF);
}

/* ---- the table ---- */

static const struct call_entry {
    const char *name;
    unsigned args_min;
    call_fn run;
    call_check_fn check; /* NULL: nothing to check beyond its constants */
} entries[] = {
    {"socket", 3, do_socket, check_socket},
    {"bind", 3, do_bind, NULL},
    {"listen", 2, do_listen, NULL},
    {"accept", 3, do_accept, NULL},
    {"accept4", 4, do_accept, NULL},
    {"connect", 3, do_connect, NULL},
    {"shutdown", 2, do_shutdown, NULL},
    {"close", 1, do_close, NULL},
    {"read", 3, call_read, NULL},
    {"readv", 3, call_readv, NULL},
    {"recv", 4, call_recv, check_recv},
    {"recvfrom", 6, call_recv, check_recv},
    {"recvmsg", 3, call_recvmsg, check_recvmsg},
    {"write", 3, call_write, NULL},
    {"writev", 3, call_writev, NULL},
    {"send", 4, call_send, check_send},
    {"sendto", 6, call_send, check_send},
    {"sendmsg", 3, call_sendmsg, check_sendmsg},
    {"setsockopt", 5, call_setsockopt, check_setsockopt},
    {"getsockopt", 5, call_getsockopt, check_getsockopt},
    {"fcntl", 2, call_fcntl, check_fcntl},
    {"ioctl", 3, call_ioctl, check_ioctl},
    {"poll", 3, call_poll, NULL},
    {"epoll_create", 1, call_epoll_create, NULL},
    {"epoll_create1", 1, call_epoll_create, NULL},
    {"epoll_ctl", 4, call_epoll_ctl, NULL},
    {"epoll_wait", 4, call_epoll_wait, NULL},
};

static const struct call_entry *entry_of(const struct call *c)
{
    for (size_t i = 0; i < COUNT_OF(entries); i++) {
        if (strcmp(entries[i].name, c->name) == 0) {
            return &entries[i];
        }
    }
    return NULL;
}

/* The first constant that is not known; NULL: all are. */
static const char *unknown_symbol(const struct expr *e)
{
    int64_t v;
    for (; e != NULL; e = e->next) {
        bool null = e->kind == EXPR_SYMBOL && strcmp(e->text, "NULL") == 0;
        if (e->kind == EXPR_SYMBOL && !null && !symbol_value(e->text, &v)) {
            return e->text;
        }
        const char *inner = unknown_symbol(e->first);
        if (inner != NULL) {
            return inner;
        }
    }
    return NULL;
}

const char *call_unsupported(const struct call *c, struct arena *arena)
{
    const struct call_entry *entry = entry_of(c);
    if (entry == NULL) {
        return arena_printf(arena, "system call '%s'", c->name);
    }
    if (c->argc < entry->args_min) {
        return arena_printf(arena, "%s with fewer arguments than it has", c->name);
    }
    for (unsigned i = 0; i < c->argc; i++) {
        const char *symbol = unknown_symbol(c->args[i]);
        if (symbol != NULL) {
            return arena_printf(arena, "constant '%s'", symbol);
        }
    }
    return entry->check != NULL ? entry->check(c) : NULL;
}

struct outcome call_try(struct run *r, struct attempt *a)
{
    a->wake = NEVER;
    struct outcome o = entry_of(a->call)->run(r, a);
    a->begun = true;
    return o;
}

/* ---- results ---- */

bool call_result_good(const struct run *r, const struct call *c, const struct outcome *o,
                      char why[MATCH_TEXT])
{
    int64_t want = 0;
    (void)r;
    if (o->fault != NULL) {
        (void)snprintf(why, MATCH_TEXT, "%s: %s", c->name, o->fault);
        return false;
    }
    bool any = c->result->kind == EXPR_ELLIPSIS;
    bool same = any || (expr_number(c->result, &want) && want == o->value);
    bool error_good = c->error == NULL || strcmp(c->error, errno_name(o->error)) == 0 ||
                      (o->error == EAGAIN && strcmp(c->error, "EWOULDBLOCK") == 0);
    if (same && error_good) {
        return true;
    }
    (void)snprintf(why, MATCH_TEXT, "%s returned %lld%s%s, expected %lld%s%s", c->name,
                   (long long)o->value, o->value < 0 ? " " : "",
                   o->value < 0 ? errno_name(o->error) : "", (long long)want,
                   c->error != NULL ? " " : "", c->error != NULL ? c->error : "");
    return false;
}
