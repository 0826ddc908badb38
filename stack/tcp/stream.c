/* A connection as a stream: what the application calls (stack/base/stream.h). */
#include "stack/tcp/close.h"
#include "stack/tcp/conn.h"
#include "stack/tcp/receive.h"
#include "stack/tcp/timers.h"
#include "stack/tcp/urgent.h"

#define REFER_LEAST 16384U /* bytes */

static struct slice tcp_peek(struct stream *s)
{
    const struct tcp_conn *c = handle_of_stream(s)->conn;
    if (c == NULL || list_empty(&c->rcv_queue)) {
        return (struct slice){0};
    }
    return buf_slice(buf_of_link(c->rcv_queue.next));
}

static void tcp_consume(struct stream *s, size_t n)
{
    struct tcp_conn *c = handle_of_stream(s)->conn;
    if (c == NULL) { /* at rest: there was nothing to be taken */
        return;
    }
    size_t taken = n;
    c->rcv_queued -= (uint32_t)n;
    while (n > 0) {
        struct buf *head = buf_of_link(c->rcv_queue.next);
        if (n < head->len) {
            buf_trim_front(head, n);
            break;
        }
        n -= head->len;
        list_remove(&head->link);
        buf_free(head);
    }
    urgent_consumed(c);
    autotune_consumed(c, (uint32_t)taken, c->tcp->now);
    if (c->detached) {
        close_when_read(c);
        return;
    }
    receive_consumed(c);
    if (c->rcv_queued == 0) {
        rest_later(c, c->tcp->now);
    }
}

static bool may_write(const struct tcp_conn *c)
{
    return !c->detached && !c->fin_queued &&
           (c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT || c->state == TCP_SYN_SENT ||
            c->state == TCP_SYN_RCVD);
}

/* NULL: nothing can be written now. If it is for want of memory for the block, `writable` will come. */
static struct tcp_conn *conn_to_write(struct stream *s)
{
    struct tcp_conn *c = conn_of_stream(s);
    if (c == NULL) {
        rest_owe(handle_of_stream(s), OWED_WRITABLE);
        return NULL;
    }
    return may_write(c) ? c : NULL;
}

/* The application has bytes that could not be queued. `starved`: for want of memory. */
static void wait_for_room(struct tcp_conn *c, size_t min, bool starved)
{
    c->want_write = true;
    c->want_min = (uint16_t)min;
    if (starved && !list_linked(&c->starved_link)) {
        conn_trace_drop(c, DROP_TCP_NO_BUFFER, min);
        list_push_back(&c->tcp->starved, &c->starved_link);
    }
}

static uint8_t *tcp_reserve(struct stream *s, size_t min, size_t *room)
{
    struct tcp_conn *c = conn_to_write(s);
    if (c == NULL) {
        return NULL;
    }
    bool fits = conn_has_room(c, min);
    uint32_t limit = autotune_send_limit(
        c); /* before the slab is taken: it may be the one that makes them scarce */
    uint8_t *at = fits ? sendq_reserve(&c->sendq, c->tcp->pools, min, room) : NULL;
    if (at == NULL) {
        wait_for_room(c, min, fits);
        return NULL;
    }
    if (c->sendq.len > 0) {
        *room = size_min(*room, limit - c->sendq.len);
    }
    return at;
}

static void tcp_commit(struct stream *s, size_t n)
{
    struct tcp_conn *c = handle_of_stream(s)->conn;
    if (n > 0) { /* so there is a block: it holds what was reserved */
        sendq_commit(&c->sendq, n);
        conn_mark_dirty(c);
    }
}

/* Many small pieces would cost more than the copy that they save: room for a large one is waited for. */
static size_t tcp_refer(struct stream *s, struct slice bytes, struct slab *lent)
{
    struct tcp_conn *c = conn_to_write(s);
    if (c == NULL) {
        return 0;
    }
    size_t least = size_min(bytes.len, REFER_LEAST);
    uint32_t limit = autotune_send_limit(c);
    bool fits = conn_has_room(c, least);
    bytes.len = size_min(bytes.len, limit > c->sendq.len ? limit - c->sendq.len : 1U);
    if (!fits || !sendq_refer(&c->sendq, c->tcp->pools, bytes, lent)) {
        wait_for_room(c, least, fits);
        return 0;
    }
    conn_mark_dirty(c);
    return bytes.len;
}

static void tcp_shutdown(struct stream *s)
{
    struct tcp_conn *c = conn_of_stream(s);
    if (c != NULL) {
        close_shutdown(c);
    } else {
        rest_owe(handle_of_stream(s), OWED_SHUTDOWN);
    }
}

/* Nobody owns the stream any more. */
static void disown(struct stream *s, enum rest_owed what)
{
    s->events = NULL;
    s->app = NULL;
    rest_owe(handle_of_stream(s), what);
}

static void tcp_abort(struct stream *s)
{
    struct tcp_conn *c = conn_of_stream(s);
    if (c != NULL) {
        close_abort(c);
    } else {
        disown(s, OWED_ABORT);
    }
}

const struct stream_ops tcp_stream_ops = {
    .peek = tcp_peek,
    .consume = tcp_consume,
    .reserve = tcp_reserve,
    .commit = tcp_commit,
    .refer = tcp_refer,
    .shutdown = tcp_shutdown,
    .abort = tcp_abort,
};

struct tcp_conn *tcp_of_stream(struct stream *s)
{
    return s->ops == &tcp_stream_ops ? conn_of_stream(s) : NULL;
}

void tcp_mark_urgent(struct stream *s)
{
    struct tcp_conn *c = handle_of_stream(s)->conn;
    if (c != NULL && may_write(c) && c->sendq.len > 0) {
        urgent_mark(c);
    }
}

uint32_t tcp_urgent_unread(struct stream *s)
{
    const struct tcp_conn *c = handle_of_stream(s)->conn;
    return c != NULL ? urgent_unread(c) : 0;
}

void tcp_close(struct stream *s)
{
    struct tcp_conn *c = conn_of_stream(s);
    if (c != NULL) {
        close_orphan(c);
    } else {
        disown(s, OWED_CLOSE);
    }
}

bool tcp_set_options(struct stream *s, const struct tcp_options *options)
{
    struct tcp_conn *c = conn_of_stream(s);
    if (c == NULL) {
        return false;
    }
    struct tcp_options old = c->options;
    c->options = *options;
    c->own_options = true;
    if (c->options.send_buffer == 0) {
        c->options.send_buffer = old.send_buffer;
    }
    c->options.receive_buffer = old.receive_buffer; /* the window scale was chosen for it */
    if (c->options.cc == NULL) {
        c->options.cc = old.cc;
    } else if (c->options.cc != c->cc.ops && c->cc.ops != NULL) {
        cc_change(&c->cc, c->options.cc);
    }
    if (c->options.ttl == 0) {
        c->options.ttl = old.ttl;
    }
    if (c->options.keepalive != old.keepalive || c->options.keepalive_idle != old.keepalive_idle) {
        timers_keepalive(c, c->tcp->now);
    }
    timers_user_timeout(c);
    conn_update_mss(c);
    c->ack_due = c->ack_due || (c->options.quick_ack && c->delack.unacked > 0);
    conn_mark_dirty(c);
    return true;
}
