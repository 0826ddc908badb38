/* System calls that read and write. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/conformance/calls.h"
#include "tests/conformance/symbols.h"

#define TRANSFER_MAX ((int64_t)1 << 28) /* bytes of one call */

/* ---- how much ---- */

/* `[{..., 1000}, {"abc", 3}]`: the sum; `*text` is set when there is just one and it has a text. */
static int64_t iov_len(const struct expr *list, const char **text)
{
    int64_t sum = 0;
    unsigned pieces = 0;
    for (const struct expr *e = list->first; e != NULL; e = e->next, pieces++) {
        int64_t n = 0;
        const struct expr *base = expr_field(e, "iov_base");
        const struct expr *len = expr_field(e, "iov_len");
        if (e->kind == EXPR_STRUCT && e->first != NULL && len == NULL) {
            base = e->first;
            len = e->first->next;
        }
        if (len == NULL || !expr_number(len, &n) || n < 0 || n > TRANSFER_MAX) {
            return -1;
        }
        *text = base != NULL && base->kind == EXPR_TEXT && n <= base->number ? base->text : NULL;
        sum += n;
    }
    *text = pieces == 1 ? *text : NULL;
    return sum;
}

/* The iov of a msghdr. */
static int64_t msg_len(const struct call *c, const char **text)
{
    const struct expr *iov = expr_field(c->args[1], "msg_iov");
    return iov != NULL && iov->kind == EXPR_LIST ? iov_len(iov, text) : -1;
}

static int64_t iov_arg(const struct call *c, const char **text)
{
    return c->args[1]->kind == EXPR_LIST ? iov_len(c->args[1], text) : -1;
}

/* The length in argument 2; a text in argument 1 if it has as many bytes. */
static int64_t plain_len(const struct call *c, const char **text)
{
    int64_t n = call_number(c, 2);
    const struct expr *e = c->args[1];
    *text = e->kind == EXPR_TEXT && n <= e->number ? e->text : NULL;
    return n >= 0 && n <= TRANSFER_MAX ? n : -1;
}

/* ---- reading ---- */

static const struct expr *msg_name(const struct call *c)
{
    return expr_field(c->args[1], "msg_name");
}

/* From whom it came, if the script says so in `name` (NULL: it does not). */
static struct outcome read_datagram(struct run *r, struct attempt *a, int64_t n, int64_t flags,
                                    const struct expr *name)
{
    struct sock *k = call_sock(r, a->call, 0);
    struct endpoint from = {0};
    struct outcome o =
        datagram_read(k, (size_t)n, (flags & MSG_PEEK) != 0, (flags & MSG_TRUNC) != 0, &from);
    if (o.wait) {
        return call_wait(r, a, k, flags, k->rcv_timeout, EAGAIN);
    }
    struct endpoint want = from;
    bool says = o.value >= 0 && name != NULL && call_address(name, &want);
    if (says && (want.port != from.port || !ip_equal(want.addr, from.addr))) {
        o.fault = call_text(r, "it came from port %u, or from another address", from.port);
    }
    return o;
}

static struct outcome write_datagram(struct run *r, struct attempt *a, int64_t n, const char *text,
                                     const struct expr *name)
{
    struct sock *k = call_sock(r, a->call, 0);
    struct endpoint to = {.addr = r->settings.world.remote, .port = r->settings.connect_port};
    bool named = name != NULL && !(name->kind == EXPR_ELLIPSIS && k->state == SOCK_CONNECTED);
    if (named && r->flows.current != NULL) {
        to.port = r->flows.current->remote_port; /* `...`: whom the script is talking with */
    }
    if (n < 0 || (named && !call_address(name, &to))) {
        return outcome_error(EINVAL);
    }
    struct outcome o = datagram_send(k, named ? &to : NULL, text, (size_t)n);
    if (named && o.value >= 0) {
        flows_talking(&r->flows, k->local.port, to.port);
    }
    return o;
}

static bool is_datagram(const struct run *r, const struct call *c)
{
    const struct sock *k = call_sock(r, c, 0);
    return k != NULL && k->datagram;
}

/* The buffer is NULL: the system refuses it before anything else happens to the data. */
static bool bad_buffer(const struct call *c, int64_t n)
{
    const struct expr *e = c->args[1];
    return n > 0 && e->kind == EXPR_SYMBOL && strcmp(e->text, "NULL") == 0;
}

static struct outcome read_some(struct run *r, struct attempt *a, int64_t n, int64_t flags)
{
    struct sock *k = call_sock(r, a->call, 0);
    if (bad_buffer(a->call, n)) {
        return outcome_error(EFAULT);
    }
    if (k == NULL || n < 0) {
        return outcome_error(k == NULL ? EBADF : EINVAL);
    }
    if ((flags & MSG_OOB) != 0) { /* as with SO_OOBINLINE: it stands in its place */
        return outcome_error(EINVAL);
    }
    struct outcome o = sock_read(k, (size_t)n, flags);
    return o.wait ? call_wait(r, a, k, flags, k->rcv_timeout, EAGAIN) : o;
}

struct outcome call_read(struct run *r, struct attempt *a)
{
    const char *text;
    int64_t n = plain_len(a->call, &text);
    return is_datagram(r, a->call) ? read_datagram(r, a, n, 0, NULL) : read_some(r, a, n, 0);
}

struct outcome call_recv(struct run *r, struct attempt *a)
{
    const char *text;
    int64_t n = plain_len(a->call, &text);
    int64_t flags = call_number(a->call, 3);
    if (is_datagram(r, a->call)) {
        return read_datagram(r, a, n, flags, a->call->argc > 4 ? a->call->args[4] : NULL);
    }
    return read_some(r, a, n, flags);
}

struct outcome call_readv(struct run *r, struct attempt *a)
{
    const char *text = NULL;
    int64_t n = iov_arg(a->call, &text);
    return is_datagram(r, a->call) ? read_datagram(r, a, n, 0, NULL) : read_some(r, a, n, 0);
}

/* The one control message that there is: TCP_CM_INQ, what is left to read, and one more when the peer has
 * closed. NULL: none is asked for, or it is as the script says. */
static const char *control_differs(struct run *r, const struct call *c)
{
    struct sock *k = call_sock(r, c, 0);
    const struct expr *control = expr_field(c->args[1], "msg_control");
    struct tcp_info info;
    int64_t want;
    if (control == NULL || control->first == NULL) {
        return NULL;
    }
    const struct expr *data = expr_field(control->first, "cmsg_data");
    sock_info(k, &info);
    int64_t left = (int64_t)info.receive_queued + (k->peer_closed ? 1 : 0);
    if (!k->tells_queued || data == NULL || !expr_number(data, &want)) {
        return "no control message TCP_CM_INQ";
    }
    return want == left ? NULL
                        : call_text(r, "TCP_CM_INQ tells %lld, expected %lld", (long long)left,
                                    (long long)want);
}

struct outcome call_recvmsg(struct run *r, struct attempt *a)
{
    const char *text = NULL;
    int64_t n = msg_len(a->call, &text);
    int64_t flags = call_number(a->call, 2);
    if (is_datagram(r, a->call)) {
        return read_datagram(r, a, n, flags, msg_name(a->call));
    }
    struct outcome o = read_some(r, a, n, flags);
    if (!o.wait && o.value >= 0 && o.fault == NULL) {
        o.fault = control_differs(r, a->call);
    }
    return o;
}

/* ---- writing ---- */

/* MSG_FASTOPEN, or the first write after TCP_FASTOPEN_CONNECT. Without a cookie the connection is opened, and that is
 * all: the data waits for it. */
static bool connects_too(const struct sock *k, int64_t flags)
{
    return k->connect_waits || (k->state == SOCK_FRESH && (flags & MSG_FASTOPEN) != 0);
}

static struct outcome connect_and_write(struct run *r, struct attempt *a, struct sock *k, int64_t n,
                                        const char *text, int64_t flags)
{
    struct endpoint to = {.addr = r->settings.world.remote, .port = r->settings.connect_port};
    const struct expr *name = a->call->argc > 4 ? a->call->args[4] : NULL;
    if (k->connect_waits) {
        to = k->remote;
    } else if (name != NULL && !call_address(name, &to)) {
        return outcome_error(EINVAL);
    }
    struct outcome o = sock_connect_with(k, to, text, (size_t)n, &a->done);
    if (!o.wait) {
        return o;
    }
    flows_connecting(&r->flows, k->local.port, k->remote.port);
    return a->done > 0 ? outcome_of((int64_t)a->done)
                       : call_wait(r, a, k, flags, k->snd_timeout, EINPROGRESS);
}

static struct outcome write_some(struct run *r, struct attempt *a, int64_t n, const char *text,
                                 int64_t flags)
{
    struct sock *k = call_sock(r, a->call, 0);
    if (bad_buffer(a->call, n)) {
        return outcome_error(EFAULT);
    }
    if (k == NULL || n < 0) {
        return outcome_error(k == NULL ? EBADF : EINVAL);
    }
    if (connects_too(k, flags)) {
        return connect_and_write(r, a, k, n, text, flags);
    }
    struct outcome o = sock_write(k, text, (size_t)n, flags, &a->done);
    if (!o.wait) {
        return o.value < 0 && a->done > 0 ? outcome_of((int64_t)a->done) : o;
    }
    o = call_wait(r, a, k, flags, k->snd_timeout, EAGAIN);
    return !o.wait && a->done > 0 ? outcome_of((int64_t)a->done) : o;
}

struct outcome call_write(struct run *r, struct attempt *a)
{
    const char *text;
    int64_t n = plain_len(a->call, &text);
    return is_datagram(r, a->call) ? write_datagram(r, a, n, text, NULL)
                                   : write_some(r, a, n, text, 0);
}

struct outcome call_send(struct run *r, struct attempt *a)
{
    const char *text;
    int64_t n = plain_len(a->call, &text);
    if (is_datagram(r, a->call)) {
        return write_datagram(r, a, n, text, a->call->argc > 4 ? a->call->args[4] : NULL);
    }
    return write_some(r, a, n, text, call_number(a->call, 3));
}

struct outcome call_writev(struct run *r, struct attempt *a)
{
    const char *text = NULL;
    int64_t n = iov_arg(a->call, &text);
    return is_datagram(r, a->call) ? write_datagram(r, a, n, text, NULL)
                                   : write_some(r, a, n, text, 0);
}

struct outcome call_sendmsg(struct run *r, struct attempt *a)
{
    const char *text = NULL;
    int64_t n = msg_len(a->call, &text);
    if (is_datagram(r, a->call)) {
        return write_datagram(r, a, n, text, msg_name(a->call));
    }
    return write_some(r, a, n, text, call_number(a->call, 2));
}

/* ---- what is not possible here ---- */

static const char *check_flag_bits(int64_t flags)
{
    static const struct {
        int64_t flag;
        const char *why;
    } missing[] = {
        {MSG_ERRQUEUE, "MSG_ERRQUEUE"},
        {MSG_ZEROCOPY, "MSG_ZEROCOPY"},
        {MSG_EOR, "MSG_EOR: a write that is not joined with the next"},
    };
    for (size_t i = 0; i < COUNT_OF(missing); i++) {
        if ((flags & missing[i].flag) != 0) {
            return missing[i].why;
        }
    }
    return NULL;
}

/* Urgent data is delivered in its place only (RFC 6093 3.1): it cannot be read apart from the rest. */
static const char *check_read_flags(const struct call *c, int64_t flags)
{
    if ((flags & MSG_OOB) != 0 && call_result_number(c) >= 0) {
        return "reading urgent data out of its place";
    }
    return check_flag_bits(flags);
}

const char *check_recv(const struct call *c)
{
    return check_read_flags(c, call_number(c, 3));
}

const char *check_send(const struct call *c)
{
    return check_flag_bits(call_number(c, 3));
}

/* One message, and that TCP_CM_INQ. */
static bool only_tells_queued(const struct expr *control)
{
    int64_t type;
    int64_t inq;
    const struct expr *m = control->kind == EXPR_LIST ? control->first : NULL;
    const struct expr *t = m != NULL ? expr_field(m, "cmsg_type") : NULL;
    return t != NULL && m->next == NULL && expr_number(t, &type) &&
           symbol_value("TCP_CM_INQ", &inq) && type == inq;
}

const char *check_recvmsg(const struct call *c)
{
    const struct expr *control = expr_field(c->args[1], "msg_control");
    bool known = control == NULL || only_tells_queued(control);
    return known ? check_read_flags(c, call_number(c, 2)) : "control messages";
}

const char *check_sendmsg(const struct call *c)
{
    bool control = expr_field(c->args[1], "msg_control") != NULL;
    return control ? "control messages" : check_flag_bits(call_number(c, 2));
}
