/* Sockets: reading, writing, and what is ready. */
#include "tests/conformance/sockets.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WRITTEN_FIRST 4096U

uint8_t pattern_byte(uint64_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8U) * 13 + (offset >> 16U));
}

static int take_error(struct sock *k)
{
    int error = k->error;
    k->error = 0;
    return error;
}

/* ---- reading ---- */

static bool consume_pattern(struct sock *k, size_t len)
{
    while (len > 0) {
        struct slice in = stream_peek(k->stream);
        size_t n = size_min(in.len, len);
        if (n == 0) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            if (in.data[i] != pattern_byte(k->read_total + i)) {
                return false;
            }
        }
        k->read_total += n;
        len -= n;
        stream_consume(k->stream, n); /* `closed` comes later, if it does */
    }
    return true;
}

static size_t readable(const struct sock *k)
{
    struct tcp_info info;
    if (k->stream == NULL) {
        return 0;
    }
    tcp_get_info(k->stream, &info);
    return info.receive_queued;
}

static bool read_over(const struct sock *k)
{
    return k->peer_closed || k->shut_rd || k->state == SOCK_ENDED;
}

static uint32_t urgent_unread(const struct sock *k)
{
    return k->stream != NULL ? tcp_urgent_unread(k->stream) : 0;
}

bool sock_at_mark(struct sock *k)
{
    return urgent_unread(k) == 1;
}

/* A read stops before the last urgent byte, so that a program can find the mark. */
static size_t before_mark(const struct sock *k, size_t len)
{
    uint32_t urgent = urgent_unread(k);
    return urgent > 1 ? size_min(len, urgent - 1) : len;
}

struct outcome sock_read(struct sock *k, size_t len, int64_t flags)
{
    if (k->state == SOCK_FRESH || k->state == SOCK_LISTENING) {
        return outcome_error(ENOTCONN);
    }
    len = before_mark(k, len);
    size_t n = size_min(readable(k), len);
    bool all = (flags & MSG_WAITALL) != 0;
    if (n == 0 || (all && n < len && !read_over(k))) {
        if (n == 0 && k->error != 0) {
            return outcome_error(take_error(k));
        }
        if (read_over(k) || len == 0) {
            return outcome_of((int64_t)n);
        }
        return outcome_wait();
    }
    if ((flags & MSG_PEEK) != 0) {
        return outcome_of((int64_t)n);
    }
    world_enter(k->owner->world);
    struct outcome o = outcome_of((int64_t)n);
    if (!consume_pattern(k, n)) {
        o.fault = "the bytes that were read are not those that the peer sent";
    }
    return o;
}

/* ---- writing ---- */

static bool remember(struct sock *k, size_t more)
{
    size_t need = k->written_len + more;
    if (need > WRITTEN_MAX) {
        return false;
    }
    if (need > k->written_cap) {
        size_t cap = k->written_cap != 0 ? k->written_cap : WRITTEN_FIRST;
        while (cap < need) {
            cap *= 2;
        }
        uint8_t *bytes = realloc(k->written, cap);
        if (bytes == NULL) {
            return false;
        }
        k->written = bytes;
        k->written_cap = cap;
    }
    return true;
}

size_t sock_put(struct sock *k, const char *text, size_t len)
{
    size_t room = 0;
    uint8_t *at = stream_reserve(k->stream, 1, &room);
    if (at == NULL) {
        return 0;
    }
    size_t n = size_min(room, len);
    if (!remember(k, n)) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        at[i] = text != NULL ? (uint8_t)text[i] : pattern_byte(k->written_len + i);
    }
    memcpy(k->written + k->written_len, at, n);
    k->written_len += n;
    stream_commit(k->stream, n);
    return n;
}

void sock_apply_options(struct sock *k)
{
    struct tcp_options o = k->options;
    o.cork = k->cork || k->more;
    if (k->listener != NULL) {
        k->listener->options = o; /* of the connections that it will make */
        k->listener->fast_open.max = k->fast_open_pending;
    }
    if (k->stream != NULL) {
        world_enter(k->owner->world);
        tcp_set_options(k->stream, &o);
    }
}

void sock_uncork_once(struct sock *k)
{
    struct tcp_options o = k->options;
    if (k->stream != NULL && (k->cork || k->more)) {
        o.cork = false;
        world_enter(k->owner->world);
        tcp_set_options(k->stream, &o);
        world_settle(k->owner->world);
    }
}

struct outcome sock_write(struct sock *k, const char *text, size_t len, int64_t flags, size_t *done)
{
    if (k->error != 0) {
        return outcome_error(take_error(k));
    }
    if (k->state == SOCK_ENDED || k->shut_wr || k->state == SOCK_FRESH) {
        return outcome_error(EPIPE);
    }
    if (k->state == SOCK_LISTENING) {
        return outcome_error(ENOTCONN);
    }
    if (k->state == SOCK_CONNECTING) {
        return outcome_wait();
    }
    bool more = (flags & MSG_MORE) != 0;
    if (more != k->more) {
        k->more = more;
        sock_apply_options(k);
    }
    world_enter(k->owner->world);
    while (*done < len) {
        size_t n = sock_put(k, text != NULL ? text + *done : NULL, len - *done);
        if (n == 0) {
            k->short_writes++;
            return outcome_wait();
        }
        *done += n;
    }
    if ((flags & MSG_OOB) != 0) {
        tcp_mark_urgent(k->stream);
    }
    return outcome_of((int64_t)len);
}

/* ---- what is ready ---- */

static bool writable(struct sock *k)
{
    size_t room;
    if (k->stream == NULL || k->state != SOCK_CONNECTED || k->shut_wr) {
        return k->state == SOCK_ENDED || k->shut_wr;
    }
    return stream_reserve(k->stream, 1, &room) != NULL;
}

uint32_t sock_ready(struct sock *k)
{
    uint32_t events = 0;
    if (k->datagram) {
        return datagram_ready(k);
    }
    if (k->state == SOCK_LISTENING) {
        return k->accept_first != NULL ? POLLIN | POLLRDNORM : 0;
    }
    if (k->state == SOCK_FRESH) {
        return POLLOUT | POLLHUP;
    }
    if (readable(k) >= (k->rcv_low > 0 ? k->rcv_low : 1) || read_over(k)) {
        events |= POLLIN | POLLRDNORM;
    }
    if (urgent_unread(k) > 0) {
        events |= POLLPRI;
    }
    if (k->peer_closed || k->shut_rd || k->state == SOCK_ENDED) {
        events |= POLLRDHUP;
    }
    if (writable(k)) {
        events |= POLLOUT | POLLWRNORM;
    }
    if (k->state == SOCK_ENDED || (k->peer_closed && k->shut_wr)) {
        events |= POLLHUP;
    }
    if (k->error != 0) {
        events |= POLLERR;
    }
    return events;
}

void sock_info(struct sock *k, struct tcp_info *out)
{
    if (k->stream != NULL) {
        tcp_get_info(k->stream, out);
    } else {
        *out = k->last;
    }
}
