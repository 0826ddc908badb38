/* A session as a stream: data both ways, backpressure, and every way in which it can end. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/aead.h"
#include "tests/unit/tls/tls_rig.h"
#include "tls/internal.h"

Suite *session_suite(void);

/* Of mbedTLS' record layer: what a client must not send, no function of its interface sends. */
int mbedtls_ssl_write_record(mbedtls_ssl_context *ssl, int force_flush);

static struct rig rig;

static void setup_certificates(void)
{
    rig_dir();
}

/* An assertion of Check costs a write into a pipe, so there is none per byte. */
static void check_pattern(const uint8_t *got, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (got[i] != rig_pattern(i)) {
            ck_abort_msg("byte %zu is wrong", i);
        }
    }
}

/* ---- data ---- */

struct shape {
    size_t capacity, chunk;
};

static const struct shape shapes[] = {{0, 0}, {STREAM_RESERVE_MAX, 0}, {20000, 1460}, {17000, 7}};

START_TEST(transfer)
{
    const struct shape *shape = &shapes[_i / 2];
    size_t amount = shape->chunk == 7 ? 200000 : 3000000;
    rig_init(&rig, &(struct rig_options){.version = rig_version(_i),
                                         .capacity = shape->capacity,
                                         .chunk = shape->chunk});
    rig.app.to_send = amount;
    rig.client_to_send = amount;
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.got_len, amount);
    ck_assert_uint_eq(rig.client_got_len, amount);
    check_pattern(rig.app.got, amount);
    check_pattern(rig.client_got, amount);
    ck_assert_uint_gt(rig.app.writable, 0);
    rig_done(&rig);
}
END_TEST

/* Each commit is one record, and full ones carry 2^14 bytes (RFC 8446 5.1), the type included. */
START_TEST(full_records)
{
    rig_establish(&rig,
                  (struct rig_options){.version = rig_version(_i), .capacity = PIPE_QUEUE_MAX});
    unsigned before = rig.pipe.a.commits;
    uint64_t bytes = rig.pipe.a.sent;
    size_t room;
    for (int i = 0; i < 3; i++) {
        uint8_t *to = stream_reserve(rig.app.stream, 1, &room);
        ck_assert_ptr_nonnull(to);
        ck_assert_uint_eq(room, 16383);
        memset(to, 'x', room);
        stream_commit(rig.app.stream, room);
    }
    ck_assert_uint_eq(rig.pipe.a.commits, before + 3);
    /* header, tag, and the inner type of 1.3 or the explicit nonce of 1.2 (both AES-GCM) */
    ck_assert_uint_eq(rig.pipe.a.sent - bytes, 3 * (16383 + 5 + 16 + (_i & 1 ? 8 : 1)));
    /* RFC 8446 5.3: from 0 on with the key, which NewSessionTickets use as well; in TLS 1.2 Finished was the first */
    uint64_t number = 1;
    if ((_i & 1) == 0) {
        number = 0;
        for (size_t i = 0; i < rig_events(&rig, EV_tls_message); i++) {
            const struct event *e = rig_event(&rig, EV_tls_message, i);
            number += e->u.tls_message.type == TLS_NEW_SESSION_TICKET ? 1 : 0;
        }
    }
    ck_assert_uint_eq(rig_events(&rig, EV_tls_record), 3);
    for (size_t i = 0; i < 3; i++) {
        const struct ev_tls_record *u = &rig_event(&rig, EV_tls_record, i)->u.tls_record;
        uint64_t len = (rig.pipe.a.sent - bytes) / 3;
        ck_assert_uint_eq(u->number, number + i);
        ck_assert_uint_eq(u->stream_at, bytes + i * len);
        ck_assert_uint_eq(u->len, len);
        ck_assert_uint_eq(u->text_at, i * 16383);
        ck_assert_uint_eq(u->text_len, 16383);
    }
    rig_run(&rig);
    ck_assert_uint_eq(rig.client_got_len, 3 * 16383);
    rig_done(&rig);
}
END_TEST

/* What the application does not read stays in the lower stream, and nothing of it is lost. */
START_TEST(reading_backpressure)
{
    rig_init(&rig, &(struct rig_options){.version = rig_version(_i)});
    rig.app.sleepy = true;
    rig.client_to_send = 500000;
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.readable, 1);
    ck_assert_uint_ge(rig.pipe.a.in_len, 65536 - 4200);
    ck_assert_uint_lt(rig.client_sent, 65536 + 16384);
    size_t total = 0;
    while (total < 500000) { /* outside of any event */
        struct slice s = stream_peek(rig.app.stream);
        if (s.len == 0) {
            if (!rig_step(&rig)) {
                ck_abort_msg("stuck after %zu bytes", total);
            }
            continue;
        }
        size_t n = size_min(s.len, 1000);
        for (size_t i = 0; i < n; i++) {
            if (s.data[i] != rig_pattern(total + i)) {
                ck_abort_msg("byte %zu is wrong", total + i);
            }
        }
        stream_consume(rig.app.stream, n);
        total += n;
    }
    rig_done(&rig);
}
END_TEST

START_TEST(reserve_limits)
{
    rig_establish(&rig,
                  (struct rig_options){.version = rig_version(_i), .capacity = STREAM_RESERVE_MAX});
    size_t room;
    ck_assert_ptr_null(stream_reserve(rig.app.stream, STREAM_PLAIN_MAX + 1, &room));
    ck_assert_ptr_nonnull(stream_reserve(rig.app.stream, STREAM_PLAIN_MAX, &room));
    stream_commit(rig.app.stream, 1);
    /* now a full record no longer fits, so none is begun */
    ck_assert_ptr_null(stream_reserve(rig.app.stream, 1, &room));
    ck_assert_uint_eq(rig.app.writable, 0);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.writable, 1);
    ck_assert_ptr_nonnull(stream_reserve(rig.app.stream, 1, &room));
    rig_done(&rig);
}
END_TEST

/* Before `opened` there is nothing to read and nowhere to write. */
START_TEST(calls_during_the_handshake)
{
    size_t room;
    rig_init(&rig, &(struct rig_options){.version = rig_version(_i)});
    while (rig.app.opened == 0) {
        ck_assert_uint_eq(stream_peek(rig.app.stream).len, 0);
        ck_assert_ptr_null(stream_reserve(rig.app.stream, 1, &room));
        stream_commit(rig.app.stream, 1);
        stream_consume(rig.app.stream, 1);
        ck_assert(rig_step(&rig));
    }
    rig_run(&rig);
    ck_assert(rig.client_done);
    ck_assert_int_eq(rig.client_error, 0);
    rig_done(&rig);
}
END_TEST

/* A shutdown before `opened` waits for the end of the handshake. */
START_TEST(shutdown_during_the_handshake)
{
    rig_init(&rig, &(struct rig_options){.version = rig_version(_i)});
    stream_shutdown(rig.app.stream);
    rig_run(&rig);
    ck_assert(rig.client_done);
    ck_assert_uint_eq(rig.app.opened, 1);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
    rig_done(&rig);
}
END_TEST

/* The lower queue is full when the handshake wants to write: it waits, and goes on. */
START_TEST(handshake_waits_for_room)
{
    rig_init(&rig,
             &(struct rig_options){.version = rig_version(_i), .capacity = STREAM_RESERVE_MAX});
    rig.pipe.b.capacity = 0;
    rig_run(&rig);
    ck_assert(!rig.client_done);
    ck_assert_uint_eq(rig.app.closed, 0);
    rig.pipe.b.capacity = STREAM_RESERVE_MAX;
    rig_run(&rig);
    ck_assert(rig.client_done);
    ck_assert_uint_eq(rig.app.opened, 1);
    rig_done(&rig);
}
END_TEST

#define CROWD 24

START_TEST(many_at_once)
{
    static struct rig crowd[CROWD];
    struct rig_options o = {.chunk = 100};
    rig_init(&crowd[0], &o);
    for (int i = 1; i < CROWD; i++) {
        o.share = &crowd[0];
        o.version = rig_version(i);
        rig_init(&crowd[i], &o);
    }
    bool busy = true;
    for (int i = 0; i < CROWD; i++) {
        crowd[i].app.to_send = 1000 + (size_t)i;
    }
    while (busy) {
        busy = false;
        for (int i = 0; i < CROWD; i++) {
            busy = rig_step(&crowd[i]) || busy;
        }
    }
    for (int i = CROWD - 1; i >= 0; i--) {
        ck_assert_uint_eq(crowd[i].client_got_len, 1000 + (size_t)i);
        check_pattern(crowd[i].client_got, crowd[i].client_got_len);
        rig_done(&crowd[i]);
    }
}
END_TEST

/* ---- orderly ends (RFC 8446 6.1) ---- */

START_TEST(we_close_first)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    stream_shutdown(rig.app.stream);
    size_t room;
    ck_assert_ptr_null(stream_reserve(rig.app.stream, 1, &room));
    rig_run(&rig);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
    ck_assert(rig.pipe.a.shut);
    ck_assert_uint_eq(rig.app.closed, 0);
    rig_client_write(&rig, "late", 4); /* reading goes on */
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.got_len, 4);
    mbedtls_ssl_close_notify(&rig.ssl);
    stream_shutdown(&rig.pipe.b.stream);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.peer_closed, 1);
    rig_check_closed(&rig, CLOSE_NORMAL);
    rig_check_alert(&rig, 0, true, 1, 0);
    rig_check_alert(&rig, 1, false, 1, 0);
    ck_assert_uint_eq(rig_events(&rig, EV_tls_alert), 2);
    rig_done(&rig);
}
END_TEST

START_TEST(client_closes_first)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    rig_client_write(&rig, "bye", 3);
    mbedtls_ssl_close_notify(&rig.ssl);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.got_len, 3);
    ck_assert_uint_eq(rig.app.peer_closed, 1);
    ck_assert_uint_eq(rig.app.closed, 0);
    size_t room; /* writing goes on */
    uint8_t *to = stream_reserve(rig.app.stream, 5, &room);
    ck_assert_ptr_nonnull(to);
    memcpy(to, "hello", 5);
    stream_commit(rig.app.stream, 5);
    stream_shutdown(rig.app.stream);
    rig_run(&rig);
    ck_assert_uint_eq(rig.client_got_len, 5);
    stream_shutdown(&rig.pipe.b.stream);
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_NORMAL);
    rig_done(&rig);
}
END_TEST

/* The queue below is full: close_notify waits for room, and the FIN waits for it. */
START_TEST(shutdown_waits_for_room)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    rig.pipe.b.capacity = 0;
    stream_shutdown(rig.app.stream);
    ck_assert(!rig.pipe.a.shut);
    rig.pipe.b.capacity = 65536;
    rig_run(&rig);
    ck_assert(rig.pipe.a.shut);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
    rig_done(&rig);
}
END_TEST

/* "Any data received after a closure alert MUST be ignored", but not without end. */
START_TEST(data_after_close_notify)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    mbedtls_ssl_close_notify(&rig.ssl);
    rig_client_write(&rig, "ignored", 7);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.got_len, 0);
    ck_assert_uint_eq(rig.app.peer_closed, 1);
    ck_assert_uint_eq(rig.app.closed, 0);
    rig.client_to_send = 1000000;
    static uint8_t junk[1000];
    for (int i = 0; i < 100 && rig.app.closed == 0; i++) {
        rig_client_write(&rig, junk, sizeof(junk));
        rig_run(&rig);
    }
    rig_check_closed(&rig, CLOSE_TLS_FAILED);
    ck_assert(rig.pipe.a.aborted);
    rig_done(&rig);
}
END_TEST

/* ---- truncation ---- */

START_TEST(truncation)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    rig_client_write(&rig, "half", 4);
    stream_shutdown(&rig.pipe.b.stream);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.got_len, 4);
    ck_assert_uint_eq(rig.app.peer_closed, 0);
    rig_check_closed(&rig, CLOSE_TRUNCATED);
    ck_assert(rig.pipe.a.shut);
    ck_assert(rig.pipe.a.closed);
    rig_done(&rig);
}
END_TEST

/* Also when the application reads later: first all that came, then the end. */
START_TEST(truncation_with_a_slow_reader)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    rig.app.sleepy = true;
    rig_client_write(&rig, "one", 3);
    rig_client_write(&rig, "two", 3);
    stream_shutdown(&rig.pipe.b.stream);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.closed, 0);
    for (int i = 0; i < 2; i++) {
        struct slice s = stream_peek(rig.app.stream);
        ck_assert_uint_eq(s.len, 3);
        ck_assert_mem_eq(s.data, i == 0 ? "one" : "two", 3);
        stream_consume(rig.app.stream, 3);
    }
    ck_assert_uint_eq(stream_peek(rig.app.stream).len, 0);
    ck_assert_uint_eq(rig.app.closed, 0); /* never inside a call of the application */
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TRUNCATED);
    rig_done(&rig);
}
END_TEST

/* close_notify met in a call of the application, not in an event: it hears of it all the same, before
 * the end. */
START_TEST(peer_closed_comes_before_closed)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    rig.app.sleepy = true;
    rig_client_write(&rig, "one", 3);
    ck_assert_int_eq(mbedtls_ssl_close_notify(&rig.ssl), 0);
    stream_shutdown(&rig.pipe.b.stream);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.peer_closed, 0);
    stream_consume(rig.app.stream, 3);
    ck_assert_uint_eq(stream_peek(rig.app.stream).len, 0);
    stream_shutdown(rig.app.stream);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.peer_closed, 1);
    rig_check_closed(&rig, CLOSE_NORMAL);
    rig_done(&rig);
}
END_TEST

/* ---- faults (RFC 8446 6.2) ---- */

START_TEST(fatal_alert_from_the_client)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    mbedtls_ssl_send_alert_message(&rig.ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, 80);
    rig_client_write(&rig, "more", 4);
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TLS_ALERT);
    rig_check_alert(&rig, 0, false, 2, 80);
    ck_assert_uint_eq(rig_events(&rig, EV_tls_alert), 1); /* and no answer */
    ck_assert_uint_eq(rig.app.got_len, 0);
    ck_assert(rig.pipe.a.shut);
    rig_done(&rig);
}
END_TEST

/* The client does not trust our CA and says so (RFC 8446 6.2: unknown_ca). */
START_TEST(client_refuses_our_certificate)
{
    rig_init(&rig, &(struct rig_options){.version = rig_version(_i), .ca = "stranger/ca"});
    rig_run(&rig);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_X509_CERT_VERIFY_FAILED);
    ck_assert_uint_eq(rig.app.opened, 0);
    rig_check_closed(&rig, CLOSE_TLS_ALERT);
    rig_check_alert(&rig, 0, false, 2, 48);
    ck_assert_uint_eq(rig_events(&rig, EV_tls_alert), 1);
    rig_done(&rig);
}
END_TEST

static void corrupt(void)
{
    ck_assert_uint_gt(rig.pipe.a.in_len, 10);
    rig.pipe.a.in[rig.pipe.a.in_len - 1] ^= 1;
}

/* A forged record: one alert goes out, then no byte either way, though mbedTLS would allow it. */
START_TEST(forged_record)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    rig.app.sleepy = true;
    rig_client_write(&rig, "good", 4);
    rig_run(&rig);
    rig_client_write(&rig, "bad", 3);
    corrupt();
    rig_client_write(&rig, "good", 4);
    rig_run(&rig);
    struct slice s = stream_peek(rig.app.stream);
    ck_assert_uint_eq(s.len, 4);
    stream_consume(rig.app.stream, 4);
    ck_assert_uint_eq(stream_peek(rig.app.stream).len, 0);
    rig_check_alert(&rig, 0, true, 2, 20);
    uint64_t sent = rig.pipe.a.sent;
    size_t room;
    ck_assert_ptr_null(stream_reserve(rig.app.stream, 1, &room));
    stream_commit(rig.app.stream, 1);
    stream_shutdown(rig.app.stream);
    ck_assert_uint_eq(stream_peek(rig.app.stream).len, 0);
    rig_run(&rig);
    ck_assert_uint_eq(rig.pipe.a.sent, sent);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
    stream_shutdown(&rig.pipe.b.stream);
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TLS_FAILED);
    ck_assert_uint_eq(rig_events(&rig, EV_tls_alert), 1);
    rig_done(&rig);
}
END_TEST

/* Inside a session an alert without protection is not the client's word. */
START_TEST(forged_alert)
{
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 80};
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    size_t room;
    uint8_t *to = stream_reserve(&rig.pipe.b.stream, sizeof(alert), &room);
    ck_assert_ptr_nonnull(to);
    memcpy(to, alert, sizeof(alert));
    stream_commit(&rig.pipe.b.stream, sizeof(alert));
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TLS_FAILED);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
    rig_done(&rig);
}
END_TEST

/* mbedTLS 3.6 does not know KeyUpdate and answers it with an error and no alert: we add the alert. */
START_TEST(key_update)
{
    static const uint8_t message[] = {24, 0, 0, 1, 0};
    rig_establish(&rig, (struct rig_options){.version = MBEDTLS_SSL_VERSION_TLS1_3});
    memcpy(rig.ssl.out_msg, message, sizeof(message));
    rig.ssl.out_msgtype = 22;
    rig.ssl.out_msglen = sizeof(message);
    ck_assert_int_eq(mbedtls_ssl_write_record(&rig.ssl, 1), 0);
    rig_run(&rig);
    rig_check_alert(&rig, 0, true, 2, 10);
    rig_check_closed(&rig, CLOSE_TLS_FAILED);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
    rig_done(&rig);
}
END_TEST

/* TLS 1.2: a ClientHello inside the session asks for a renegotiation, which is refused. */
START_TEST(renegotiation_is_refused)
{
    static const uint8_t message[] = {1, 0, 0, 2, 3, 3};
    rig_establish(&rig, (struct rig_options){.version = MBEDTLS_SSL_VERSION_TLS1_2});
    memcpy(rig.ssl.out_msg, message, sizeof(message));
    rig.ssl.out_msgtype = 22;
    rig.ssl.out_msglen = sizeof(message);
    ck_assert_int_eq(mbedtls_ssl_write_record(&rig.ssl, 1), 0);
    rig_client_write(&rig, "goes on", 7);
    rig_run(&rig);
    rig_check_alert(&rig, 0, true, 1, 100);
    ck_assert_uint_eq(rig.app.closed, 0);
    ck_assert_uint_eq(rig.app.got_len, 7);
    rig_done(&rig);
}
END_TEST

/* ---- ends from below and above ---- */

START_TEST(reset_from_below)
{
    if (_i & 2) {
        rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    } else {
        rig_meet_stranger(&rig, &(struct rig_options){.version = rig_version(_i)});
    }
    pipe_reset(&rig.pipe.a);
    rig_check_closed(&rig, CLOSE_RESET);
    rig_run(&rig);
    rig_done(&rig);
}
END_TEST

static void abort_in_readable(struct rig_app *a)
{
    stream_abort(a->stream);
    a->stream = NULL;
}

/* No `closed` follows, wherever it is called from. */
START_TEST(abort_by_the_application)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    if (_i & 2) {
        rig.app.on_readable = abort_in_readable;
        rig_client_write(&rig, "now", 3);
        rig_run(&rig);
        ck_assert_uint_eq(rig.app.readable, 1);
    } else {
        abort_in_readable(&rig.app);
    }
    ck_assert(rig.pipe.a.aborted);
    ck_assert_uint_eq(rig.app.closed, 0);
    rig_run(&rig);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_SSL_CONN_EOF);
    rig_done(&rig);
}
END_TEST

START_TEST(plain_stream_is_not_tls)
{
    struct pipe p;
    pipe_init(&p, 1000, 0);
    ck_assert_ptr_null(tls_of_stream(&p.a.stream));
    pipe_done(&p);
}
END_TEST

/* ---- waiting costs little ---- */

static bool has_buffers(const struct rig *r)
{
    const mbedtls_ssl_context *ssl = tls_of_stream(r->app.stream)->ssl;
    if (ssl == NULL) {
        return tls_of_stream(r->app.stream)->traffic->buffer != NULL;
    }
    ck_assert_int_eq(ssl->in_buf != NULL, ssl->out_buf != NULL);
    return ssl->in_buf != NULL;
}

/* Who has not yet said anything gets no room below and no buffers here. */
START_TEST(waiting_for_hello)
{
    rig_meet_stranger(&rig, &(struct rig_options){.version = rig_version(_i)});
    ck_assert_ptr_null(rig.pipe.a.room);
    ck_assert_uint_eq(rig.pipe.a.wanted, 0);
    ck_assert(!has_buffers(&rig));
    rig_say(&rig, "\x16", 1);
    rig_run(&rig);
    ck_assert(has_buffers(&rig));
    rig_done(&rig);
}
END_TEST

START_TEST(waiting_for_data)
{
    rig_establish(&rig, (struct rig_options){.version = rig_version(_i)});
    ck_assert(!has_buffers(&rig));
    rig_client_write(&rig, "ping", 4);
    size_t whole = rig.pipe.a.in_len;
    rig.pipe.a.chunk = 6; /* the header and one byte */
    ck_assert(rig_step(&rig));
    ck_assert(has_buffers(&rig));
    ck_assert_uint_eq(rig.pipe.a.in_len, whole - 6);
    rig.app.sleepy = true;
    rig_run(&rig);
    ck_assert(has_buffers(&rig)); /* the plaintext lies in it */
    ck_assert_mem_eq(stream_peek(rig.app.stream).data, "ping", 4);
    stream_consume(rig.app.stream, 3);
    ck_assert(has_buffers(&rig));
    stream_consume(rig.app.stream, 1);
    ck_assert(!has_buffers(&rig));
    size_t room;
    uint8_t *to = stream_reserve(rig.app.stream, 4, &room);
    ck_assert_ptr_nonnull(to);
    memcpy(to, "pong", 4);
    stream_commit(rig.app.stream, 4);
    ck_assert(!has_buffers(&rig));
    rig_run(&rig);
    ck_assert_uint_eq(rig.client_got_len, 4);
    ck_assert_mem_eq(rig.client_got, "pong", 4);
    rig_done(&rig);
}
END_TEST

/* Two sessions hand one pair of buffers to and fro, and their record numbers do not mix. */
START_TEST(buffers_change_hands)
{
    static struct rig other;
    struct rig_options o = {.version = rig_version(_i)};
    rig_establish(&rig, o);
    o.share = &rig;
    rig_init(&other, &o);
    rig_run(&other);
    for (int i = 0; i < 10; i++) {
        rig_client_write(&rig, "first", 5);
        rig_run(&rig);
        rig_client_write(&other, "second", 6);
        rig_client_write(&other, "second", 6);
        rig_run(&other);
    }
    ck_assert_uint_eq(rig.app.got_len, 50);
    ck_assert_uint_eq(other.app.got_len, 120);
    ck_assert_mem_eq(rig.app.got + 45, "first", 5);
    ck_assert_mem_eq(other.app.got + 114, "second", 6);
    ck_assert_uint_le(rig.context->spare_count, 2);
    rig_done(&other);
    rig_done(&rig);
}
END_TEST

/* What holds whoever protects the records. */
static void add_common(TCase *t)
{
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, transfer, 0, 2 * COUNT_OF(shapes));
    tcase_add_loop_test(t, reading_backpressure, 0, 2);
    tcase_add_loop_test(t, calls_during_the_handshake, 0, 2);
    tcase_add_loop_test(t, shutdown_during_the_handshake, 0, 2);
    tcase_add_loop_test(t, handshake_waits_for_room, 0, 2);
    tcase_add_test(t, many_at_once);
    tcase_add_loop_test(t, we_close_first, 0, 2);
    tcase_add_loop_test(t, client_closes_first, 0, 2);
    tcase_add_loop_test(t, shutdown_waits_for_room, 0, 2);
    tcase_add_loop_test(t, data_after_close_notify, 0, 2);
    tcase_add_loop_test(t, truncation, 0, 2);
    tcase_add_loop_test(t, truncation_with_a_slow_reader, 0, 2);
    tcase_add_loop_test(t, peer_closed_comes_before_closed, 0, 2);
    tcase_add_loop_test(t, fatal_alert_from_the_client, 0, 2);
    tcase_add_loop_test(t, client_refuses_our_certificate, 0, 2);
    tcase_add_loop_test(t, forged_record, 0, 2);
    tcase_add_loop_test(t, forged_alert, 0, 2);
    tcase_add_test(t, renegotiation_is_refused);
    tcase_add_loop_test(t, reset_from_below, 0, 4);
    tcase_add_loop_test(t, abort_by_the_application, 0, 4);
    tcase_add_test(t, plain_stream_is_not_tls);
    tcase_add_loop_test(t, waiting_for_hello, 0, 2);
    tcase_add_loop_test(t, buffers_change_hands, 0, 2);
}

static void take_over(void)
{
    setup_certificates();
    rig_engine = aead_engine(0); /* the default */
}

static void leave(void)
{
    rig_engine = NULL;
}

Suite *session_suite(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");
    tcase_add_unchecked_fixture(t, setup_certificates, NULL);
    add_common(t);
    tcase_add_loop_test(t, full_records, 0, 2);
    tcase_add_loop_test(t, reserve_limits, 0, 2);
    tcase_add_test(t, key_update);
    tcase_add_loop_test(t, waiting_for_data, 0, 2);
    suite_add_tcase(s, t);
    TCase *own = tcase_create("own records");
    tcase_add_unchecked_fixture(own, take_over, leave);
    add_common(own);
    suite_add_tcase(s, own);
    return s;
}
