/* Early data (0-RTT, RFC 8446 2.3, 4.2.10, 8): what a client sends with its first flight, under keys of the ticket, and
 * what anybody can send again.
 *
 * A server takes it only when asked to, once for each ticket, and only as long as the ticket's age is what the
 * client says (mbedTLS looks at that, within 6 s). It is kept until the client's Finished has come, and is the first that
 * the application reads then: so nothing is done for a client that has not proven to be there, and a replay
 * that slipped through would have no effect. mbedTLS cannot send before that either.
 */
#include <stdlib.h>
#include <string.h>

#include <mbedtls/platform_util.h>

#include "tls/internal.h"

/* The age that a client says may be 6 s off either way: a ClientHello can pass for 12 s. */
#define WINDOW (15 * NS_PER_SEC)

bool tls_early_start(struct tls_context *c, bool on)
{
    mbedtls_ssl_conf_max_early_data_size(&c->ssl, TLS_EARLY_MAX);
    if (!on) {
        return true;
    }
    mbedtls_ssl_conf_early_data(&c->ssl, MBEDTLS_SSL_EARLY_DATA_ENABLED);
    if (c->client) {
        return true;
    }
    c->guard = malloc(sizeof(*c->guard));
    if (c->guard != NULL) {
        replay_guard_init(c->guard, WINDOW);
    }
    return c->guard != NULL;
}

void tls_early_judge(struct tls_session *t)
{
    struct replay_guard *g = t->context->guard;
    t->early = EARLY_REJECTED;
    /* So much of it may be passed over when it is rejected; mbedTLS knows only what a good ticket says. */
    t->ssl->session_negotiate->max_early_data_size = TLS_EARLY_MAX;
    if (g == NULL || t->proof != PROOF_TICKET) {
        return; /* mbedTLS finds that as well */
    }
    enum replay_verdict v = replay_guard_take(g, t->recorder->now, t->ticket_id);
    if (v != REPLAY_FRESH) {
        trace_drop(t->recorder, v == REPLAY_SEEN ? DROP_TLS_EARLY_REPLAYED : DROP_TLS_EARLY_FULL,
                   t->conn_id, 0);
        t->ssl->session_negotiate->ticket_flags &=
            (uint8_t)~MBEDTLS_SSL_TLS1_3_TICKET_ALLOW_EARLY_DATA;
    }
}

int tls_early_take(struct tls_session *t)
{
    if (t->early_data == NULL) {
        t->early_data = malloc(TLS_EARLY_MAX);
    }
    if (t->early_data == NULL) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    while (t->ssl->in_offt != NULL && t->early_len < TLS_EARLY_MAX) {
        int n = mbedtls_ssl_read_early_data(t->ssl, t->early_data + t->early_len,
                                            TLS_EARLY_MAX - t->early_len);
        if (n < 0) {
            return n;
        }
        t->early_len += (size_t)n;
    }
    return t->ssl->in_offt == NULL ? 0 : MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE;
}

struct slice tls_early_unread(const struct tls_session *t)
{
    if (t->early_data == NULL || t->context->client) {
        return (struct slice){NULL, 0};
    }
    return (struct slice){t->early_data + t->early_read, t->early_len - t->early_read};
}

void tls_early_consume(struct tls_session *t, size_t n)
{
    mbedtls_platform_zeroize(t->early_data + t->early_read, n);
    t->early_read += n;
    if (t->early_read == t->early_len) {
        tls_early_free(t);
    }
}

void tls_early_free(struct tls_session *t)
{
    if (t->early_data != NULL) {
        mbedtls_platform_zeroize(t->early_data, TLS_EARLY_MAX);
        free(t->early_data);
        t->early_data = NULL;
    }
}

bool tls_next_is_early(const struct tls_session *t)
{
    return !t->context->client && tls_early_unread(t).len > 0;
}

/* ---- the client's side ---- */

bool tls_send_early(struct stream *s, const void *data, size_t len)
{
    struct tls_session *t = tls_of_stream(s);
    if (len > TLS_EARLY_MAX || t->early_data != NULL) {
        return false;
    }
    t->early_data = malloc(TLS_EARLY_MAX);
    if (t->early_data != NULL) {
        memcpy(t->early_data, data, len);
        t->early_len = len;
    }
    return t->early_data != NULL;
}

/* A server accepts all of it or nothing, so it is sent as a whole or not at all. */
static bool may_write(const struct tls_session *t)
{
    size_t room;
    return t->offers && t->early_len <= t->offered->max_early_data_size &&
           stream_reserve(t->lower, STREAM_RESERVE_MAX, &room) != NULL;
}

void tls_early_write(struct tls_session *t)
{
    if (t->early_data == NULL) {
        return;
    }
    if (may_write(t)) {
        t->unsent = t->early_len; /* the record is the application's */
        int n = mbedtls_ssl_write_early_data(t->ssl, t->early_data, t->early_len);
        t->unsent = 0;
        t->early = n == (int)t->early_len ? EARLY_REJECTED : EARLY_NONE; /* until it is accepted */
    }
    tls_early_free(t);
    t->early_len = 0;
}
