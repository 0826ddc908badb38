/* A TLS session as a stream on a stream (RFC 8446 5).
 *
 * Reading is in place: the application sees the decrypted record where mbedTLS decrypted it, and the
 * next record is only opened once that one is consumed, so what the application does not take stays
 * in the lower stream and closes its window. Writing is in place too: the application fills the
 * plaintext of the next record where mbedTLS will encrypt it. No record is begun that does not fit
 * into the lower stream as a whole.
 *
 * Memory: a session that waits holds this struct and that of its traffic keys, together less than 1 KiB; or,
 * with mbedTLS' records, the library's keys, together some 4 KiB, and its record buffers (33 KiB) only from the first byte of a
 * record to the last that the application consumes. During the handshake mbedTLS' state for it comes on top.
 *
 * Endings (alert.c). The application hears `closed` at the end of an event of the lower stream and never inside a
 * call of its own: a fault that is found in such a call is told with the lower stream's next event.
 */
#include <stdlib.h>
#include <string.h>

#include <mbedtls/platform_util.h>

#include "tls/internal.h"

#define ALERT_RECORD_MAX 64U /* bytes of an encrypted alert at its largest */

static struct tls_session *of_stream(struct stream *s)
{
    return CONTAINER_OF(s, struct tls_session, stream);
}

/* Decrypted bytes that the application has not consumed. */
static size_t plain_len(const struct tls_session *t)
{
    size_t early = tls_early_unread(t).len;
    if (early == 0 && tls_taken(t)) {
        return t->traffic->text.len;
    }
    return early > 0 ? early : t->ssl->in_offt != NULL ? t->ssl->in_msglen : 0;
}

void tls_library_free(struct tls_session *t)
{
    mbedtls_ssl_free(t->ssl); /* NULL: nothing */
    free(t->ssl);
    t->ssl = NULL;
}

static void session_free(struct tls_session *t)
{
    t->context->sessions--;
    tls_traffic_free(t);
    tls_library_free(t);
    tls_offer_free(t);
    tls_certificate_free(t->from_ticket);
    tls_early_free(t);
    tls_verify_free(t->peer);
    tls_sight_free(t->sight);
    free(t->sni);
    free(t);
}

/* ---- the application's calls ---- */

/* RFC 8446 6.1: what comes after close_notify must be ignored; not for ever, though. */
static void discard(struct tls_session *t)
{
    struct slice s;
    while ((s = stream_peek(t->lower)).len > 0) {
        t->discarded += (uint32_t)s.len;
        stream_consume(t->lower, s.len);
        if (t->discarded > TLS_LINGER_BYTES) {
            stream_abort(t->lower);
            t->lower = NULL;
            tls_end(t, CLOSE_TLS_FAILED);
            return;
        }
    }
}

/* There is something to open a record with, and room to open it in. */
static bool may_read(struct tls_session *t)
{
    if (t->ssl->in_buf == NULL && !t->lower_eof && stream_peek(t->lower).len == 0) {
        return false;
    }
    if (!tls_records_take(t)) {
        tls_end(t, CLOSE_NO_RESOURCES);
        return false;
    }
    return true;
}

/* Opens the next record of application data, if there is one. */
static void read_record(struct tls_session *t)
{
    if (tls_taken(t)) {
        tls_traffic_read(t);
        return;
    }
    if (!may_read(t)) {
        return;
    }
    while (!t->ended && !t->peer_shut && t->ssl->in_offt == NULL) {
        t->starved = false;
        /* With no room mbedTLS leaves the record where it decrypted it. */
        int ret = mbedtls_ssl_read(t->ssl, NULL, 0);
        if (ret == 0) {
            if (t->at_eof) {
                tls_end(t, CLOSE_TRUNCATED);
            }
        } else if (ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            tls_lens_alert(t, false, t->ssl->in_msg[0], t->ssl->in_msg[1]);
            t->peer_shut = true;
            discard(t);
        } else if (ret == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            tls_lens_ticket(t);
        } else if (ret == MBEDTLS_ERR_SSL_WANT_WRITE ||
                   (ret == MBEDTLS_ERR_SSL_WANT_READ && t->starved)) {
            break;
        } else if (ret != MBEDTLS_ERR_SSL_WANT_READ) {
            tls_fail(t, ret);
        }
    }
}

/* After a call of the application. Inside an event more calls may follow: settle does it then. */
static void rest(struct tls_session *t)
{
    if (t->depth == 0) {
        tls_records_rest(t);
    }
}

static struct slice peek(struct stream *s)
{
    struct tls_session *t = of_stream(s);
    if (!t->open || t->ended) {
        return (struct slice){NULL, 0};
    }
    if (tls_next_is_early(t)) {
        return tls_early_unread(t);
    }
    read_record(t);
    rest(t);
    return tls_taken(t) ? t->traffic->text : (struct slice){t->ssl->in_offt, plain_len(t)};
}

static void consume(struct stream *s, size_t n)
{
    struct tls_session *t = of_stream(s);
    if (n == 0 || n > plain_len(t)) {
        return;
    }
    if (tls_next_is_early(t)) {
        tls_early_consume(t, n);
        return;
    }
    if (tls_taken(t)) {
        tls_traffic_consume(t, n);
        return;
    }
    mbedtls_platform_zeroize(t->ssl->in_offt, n);
    t->ssl->in_msglen -= n;
    t->ssl->in_offt = t->ssl->in_msglen > 0 ? t->ssl->in_offt + n : NULL;
    if (t->ssl->in_offt == NULL) {
        t->ssl->keep_current_message = 0;
    }
    rest(t);
}

static bool lower_has_room(struct tls_session *t, size_t min)
{
    size_t room;
    return t->lower != NULL && t->unsent == 0 && stream_reserve(t->lower, min, &room) != NULL;
}

static uint8_t *reserve(struct stream *s, size_t min, size_t *room)
{
    struct tls_session *t = of_stream(s);
    *room = 0;
    if (!t->open || t->ended || t->shut || t->want_shutdown || min > STREAM_PLAIN_MAX) {
        return NULL;
    }
    if (tls_taken(t)) {
        return tls_traffic_reserve(t, min, room);
    }
    if (!lower_has_room(t, STREAM_RESERVE_MAX)) {
        t->want_room = true;
        return NULL;
    }
    if (!tls_records_take(t)) {
        tls_end(t, CLOSE_NO_RESOURCES);
        return NULL;
    }
    *room = STREAM_PLAIN_MAX;
    return t->ssl->out_msg;
}

/* The number that the next outgoing record is protected with (RFC 8446 5.3). */
static uint64_t next_number(const struct tls_session *t)
{
    struct rd r = rd_of(t->ssl->cur_out_ctr, sizeof t->ssl->cur_out_ctr);
    uint64_t high = rd_be32(&r);
    return high << 32U | rd_be32(&r);
}

/* Encrypts what lies in the record buffer and hands the record down. */
static void send_record(struct tls_session *t)
{
    /* A record that waited for room whole, and is tried again, has its number already. */
    uint64_t number = next_number(t) - (t->ssl->out_left > 0 ? 1 : 0), before = t->given;
    int ret = mbedtls_ssl_write(t->ssl, t->ssl->out_msg, t->unsent);
    if (ret == MBEDTLS_ERR_SSL_WANT_WRITE) {
        return; /* the lower stream gave less room than it promised: `writable` goes on */
    }
    bool whole = ret >= 0 && (size_t)ret == t->unsent;
    if (whole) {
        TRACE(t->recorder, t->conn_id, tls_record, .number = number, .stream_at = before,
              .text_at = t->said, .len = (uint32_t)(t->given - before),
              .text_len = (uint32_t)t->unsent);
        t->said += t->unsent;
    }
    t->unsent = 0;
    if (!whole) {
        tls_fail(t, ret < 0 ? ret : MBEDTLS_ERR_SSL_INTERNAL_ERROR);
    }
}

static void commit(struct stream *s, size_t n)
{
    struct tls_session *t = of_stream(s);
    if (n == 0 || n > STREAM_PLAIN_MAX || !t->open || t->ended || t->shut || t->unsent > 0) {
        return;
    }
    if (tls_taken(t)) {
        tls_traffic_commit(t, n);
        return;
    }
    t->unsent = n;
    send_record(t);
    rest(t);
}

/* RFC 8446 6.1: close_notify before the FIN. */
static void try_shutdown(struct tls_session *t)
{
    if (t->want_shutdown && t->open && !t->ended && lower_has_room(t, ALERT_RECORD_MAX)) {
        t->want_shutdown = false;
        tls_close_notify(t);
        rest(t);
    }
}

static void shutdown_stream(struct stream *s)
{
    struct tls_session *t = of_stream(s);
    if (!t->ended && !t->shut) {
        t->want_shutdown = true;
        try_shutdown(t);
    }
}

static void abort_stream(struct stream *s)
{
    struct tls_session *t = of_stream(s);
    if (t->lower != NULL) {
        stream_abort(t->lower);
        t->lower = NULL;
    }
    t->ended = true;
    t->aborted = true;
    TRACE(t->recorder, t->conn_id, tls_closed, .reason = CLOSE_ABORTED);
    if (t->depth == 0) {
        session_free(t);
    }
}

/* Only of a session that has taken its records over: mbedTLS wants the bytes in a buffer of its own. */
static size_t refer(struct stream *s, struct slice bytes, struct slab *lent)
{
    struct tls_session *t = of_stream(s);
    (void)lent; /* nobody points to them when this is over */
    bool closed = t->ended || t->shut || t->want_shutdown;
    return closed ? 0 : tls_traffic_refer(t, bytes);
}

static const struct stream_ops ops = {
    .peek = peek,
    .consume = consume,
    .reserve = reserve,
    .commit = commit,
    .shutdown = shutdown_stream,
    .abort = abort_stream,
};

static const struct stream_ops taken_ops = {
    .peek = peek,
    .consume = consume,
    .reserve = reserve,
    .commit = commit,
    .refer = refer,
    .shutdown = shutdown_stream,
    .abort = abort_stream,
};

static bool is_ours(const struct stream *s)
{
    return s->ops == &ops || s->ops == &taken_ops;
}

/* ---- the lower stream's events ---- */

static void tell(struct tls_session *t, void (*event)(struct stream *s))
{
    if (!t->aborted && event != NULL) {
        event(&t->stream);
    }
}

/* Shows the application one record after the other, as long as it takes them. */
static void pump(struct tls_session *t)
{
    while (!t->ended && plain_len(t) == 0) {
        read_record(t);
        if (t->ended || plain_len(t) == 0) {
            break;
        }
        tell(t, t->stream.events->readable);
    }
    if (t->peer_shut && !t->ended) {
        discard(t);
    }
}

/* As far as it goes; true: it is complete, and whoever protects the records from here on has the keys. */
static bool shake_hands(struct tls_session *t)
{
    const struct arithmetic *before =
        arithmetic_in_use; /* of a session on the other side of a pipe */
    arithmetic_in_use = t->context->arithmetic;
    bool complete = tls_handshake(t) && tls_take_over(t);
    arithmetic_in_use = before;
    return complete;
}

static void go_on(struct tls_session *t)
{
    if (!t->open) {
        if (!shake_hands(t)) {
            return;
        }
        t->open = true;
        t->stream.ops = tls_taken(t) ? &taken_ops : &ops;
        tell(t, t->stream.events->opened);
        if (tls_next_is_early(t)) {
            tell(t, t->stream.events->readable);
        }
        try_shutdown(t);
    }
    pump(t);
}

static void tell_closed(struct tls_session *t)
{
    TRACE(t->recorder, t->conn_id, tls_closed, .reason = (uint8_t)t->reason);
    if (t->stream.events->closed != NULL) {
        t->stream.events->closed(&t->stream, t->reason);
    }
    if (t->lower != NULL && !t->aborted) {
        tls_linger(t->context, t->lower, t->recorder->now);
    }
    session_free(t);
}

static void tell_peer_closed(struct tls_session *t)
{
    if (t->peer_shut && !t->peer_told && !t->ended && plain_len(t) == 0) {
        t->peer_told = true;
        tell(t, t->stream.events->peer_closed);
    }
}

/* An event was handled: the application hears of endings, and the session may go. */
static void settle(struct tls_session *t)
{
    tell_peer_closed(t);
    if (--t->depth > 0) {
        return;
    }
    rest(t);
    if (t->aborted) {
        session_free(t);
    } else if (t->ended) {
        t->depth++; /* so that an abort inside `closed` does not free it twice */
        tell_closed(t);
    }
}

static void on_input(struct stream *lower)
{
    struct tls_session *t = lower->app;
    t->depth++;
    go_on(t);
    settle(t);
}

static void on_writable(struct stream *lower)
{
    struct tls_session *t = lower->app;
    t->depth++;
    if (t->unsent > 0 && !t->ended) {
        send_record(t);
    }
    go_on(t);
    if (tls_taken(t) && t->lower != NULL) {
        tls_traffic_update_out(t);
    }
    try_shutdown(t);
    size_t need = tls_taken(t) ? t->traffic->need : STREAM_RESERVE_MAX;
    if (t->want_room && !t->ended && !t->shut && lower_has_room(t, need)) {
        t->want_room = false;
        tell(t, t->stream.events->writable);
    }
    settle(t);
}

static void on_peer_closed(struct stream *lower)
{
    struct tls_session *t = lower->app;
    t->lower_eof = true;
    on_input(lower);
}

static void on_closed(struct stream *lower, enum close_reason reason)
{
    struct tls_session *t = lower->app;
    t->depth++;
    t->lower = NULL;
    if (reason == CLOSE_NORMAL && !t->peer_shut) {
        reason = t->open ? CLOSE_TRUNCATED : CLOSE_TLS_FAILED;
    }
    if (reason == CLOSE_NORMAL) { /* close_notify may have been met in a call of the application */
        tell_peer_closed(t);
    }
    tls_end(t, reason);
    settle(t);
}

static const struct stream_events lower_events = {
    .opened = on_input,
    .readable = on_input,
    .writable = on_writable,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

/* ---- */

static struct tls_session *session_new(struct tls_context *c, struct recorder *recorder,
                                       uint32_t conn_id, const struct stream_events *events,
                                       void *app)
{
    struct tls_session *t = calloc(1, sizeof(*t));
    mbedtls_ssl_context *ssl = calloc(1, sizeof(*ssl));
    if (t == NULL || ssl == NULL) {
        free(t);
        free(ssl);
        return NULL;
    }
    mbedtls_ssl_init(ssl);
    t->ssl = ssl;
    t->stream = (struct stream){.ops = &ops, .events = events, .app = app};
    t->context = c;
    t->recorder = recorder;
    t->conn_id = conn_id;
    c->sessions++;
    if (!list_empty(&c->watchers)) {
        t->sight = tls_sight_new(t);
    }
    return t;
}

static struct stream *wrap(struct tls_session *t, struct stream *lower)
{
    t->lower = lower;
    lower->events = &lower_events;
    lower->app = t;
    return &t->stream;
}

struct stream *tls_server(struct tls_context *c, struct stream *lower, struct recorder *recorder,
                          uint32_t conn_id, const struct stream_events *events, void *app)
{
    struct tls_session *t = session_new(c, recorder, conn_id, events, app);
    return t != NULL ? wrap(t, lower) : NULL;
}

struct stream *tls_client(struct tls_context *c, const char *name, struct stream *lower,
                          struct recorder *recorder, uint32_t conn_id,
                          const struct stream_events *events, void *app)
{
    struct tls_session *t = session_new(c, recorder, conn_id, events, app);
    if (t == NULL) {
        return NULL;
    }
    t->sni = strdup(name);
    t->peer = calloc(1, sizeof(*t->peer));
    if (t->sni == NULL || t->peer == NULL) {
        session_free(t);
        return NULL;
    }
    return wrap(t, lower);
}

void tls_begin(struct stream *s)
{
    on_input(of_stream(s)->lower);
}

struct tls_session *tls_of_stream(struct stream *s)
{
    return is_ours(s) ? of_stream(s) : NULL;
}

struct stream *tls_above(struct stream *lower)
{
    return lower->events == &lower_events ? &((struct tls_session *)lower->app)->stream : NULL;
}

struct stream *tls_lower(const struct tls_session *t)
{
    return t->lower;
}
