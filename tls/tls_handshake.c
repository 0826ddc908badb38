/* The handshake, step by step (RFC 8446 2, RFC 5246 7.3).
 *
 * mbedTLS' machine goes one state at a time, so each state is an event and a place for a breakpoint.
 * It never blocks: its reads are served from the lower stream's receive queue, its records are copied
 * into the room that the lower stream reserves. A state that writes is entered only when a whole
 * record fits. All messages of one flight are queued before the lower stream is flushed, so they
 * leave in full segments.
 */
#include <string.h>

#include "tls/internal.h"

/* mbedTLS asks for bytes of a record. 0 is the end of the stream. */
static int bio_read(void *arg, unsigned char *buf, size_t len)
{
    struct tls_session *t = arg;
    size_t got = 0;
    while (got < len) {
        struct slice s = stream_peek(t->lower);
        size_t n = size_min(s.len, len - got);
        if (n == 0) {
            break;
        }
        memcpy(buf + got, s.data, n);
        stream_consume(t->lower, n);
        got += n;
    }
    if (got > 0) {
        tls_lens_in(t, buf, got);
        /* A client that has no keys yet sends its alert in plaintext, also when we expect ciphertext:
         * it shall count as what it says and not as a forged record. */
        return t->lens.fatal_in ? MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE : (int)got;
    }
    if (t->lower_eof) {
        t->at_eof = true;
        return 0;
    }
    t->starved = true;
    return MBEDTLS_ERR_SSL_WANT_READ;
}

/* mbedTLS hands over whole records; each goes out whole or not at all. */
static int bio_write(void *arg, const unsigned char *buf, size_t len)
{
    struct tls_session *t = arg;
    size_t room;
    uint8_t *to = stream_reserve(t->lower, len, &room);
    if (to == NULL) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    memcpy(to, buf, len);
    stream_commit(t->lower, len);
    tls_lens_out(t, buf, len);
    return (int)len;
}

static int label_of(mbedtls_ssl_key_export_type type)
{
    switch (type) {
    case MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET:
        return TLS_SECRET_MASTER;
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_HANDSHAKE_TRAFFIC_SECRET:
        return TLS_SECRET_CLIENT_HANDSHAKE;
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_HANDSHAKE_TRAFFIC_SECRET:
        return TLS_SECRET_SERVER_HANDSHAKE;
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET:
        return TLS_SECRET_CLIENT_TRAFFIC;
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET:
        return TLS_SECRET_SERVER_TRAFFIC;
    default:
        return -1;
    }
}

/* A secret of the key schedule was made. The event names it and never shows it. */
static void on_secret(void *arg, mbedtls_ssl_key_export_type type, const unsigned char *secret,
                      size_t secret_len, const unsigned char client_random[32],
                      const unsigned char server_random[32], mbedtls_tls_prf_types prf)
{
    struct tls_session *t = arg;
    int label = label_of(type);
    (void)prf;
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_EARLY_SECRET) {
        tls_keylog_line(t->context, "CLIENT_EARLY_TRAFFIC_SECRET", client_random, secret,
                        secret_len);
    }
    if (label < 0) {
        return;
    }
    tls_traffic_secret(t, label, (struct slice){secret, secret_len}, client_random, server_random);
    TRACE(t->recorder, t->conn_id, tls_secret, .label = (uint8_t)label);
    if (t->sight != NULL) {
        tls_sight_secret(t, (enum tls_secret)label, (struct slice){secret, secret_len});
    }
    tls_keylog_line(t->context, tls_secret_name((enum tls_secret)label), client_random, secret,
                    secret_len);
}

/* A server's, only now that the client has sent something: who connects and says nothing costs little. */
static bool set_up(struct tls_session *t)
{
    bool client = t->context->client;
    if (t->set_up) {
        return true;
    }
    if (!client && stream_peek(t->lower).len == 0 && !t->lower_eof) {
        return false;
    }
    if (mbedtls_ssl_setup(t->ssl, &t->context->ssl) != 0 || tls_verify_set_up(t) != 0) {
        tls_end(t, CLOSE_NO_RESOURCES);
        return false;
    }
    if (t->offers && mbedtls_ssl_set_session(t->ssl, t->offered) != 0) {
        t->offers = false;
    }
    mbedtls_ssl_set_user_data_p(t->ssl, t);
    mbedtls_ssl_set_bio(t->ssl, t, bio_write, bio_read, NULL);
    mbedtls_ssl_set_export_keys_cb(t->ssl, on_secret, t);
    t->lens.writer = -1;
    t->set_up = true;
    return true;
}

static bool waits_for_server(const struct tls_session *t)
{
    switch (t->ssl->state) {
    case MBEDTLS_SSL_SERVER_HELLO:
    case MBEDTLS_SSL_ENCRYPTED_EXTENSIONS:
    case MBEDTLS_SSL_SERVER_CERTIFICATE:
    case MBEDTLS_SSL_SERVER_KEY_EXCHANGE:
    case MBEDTLS_SSL_CERTIFICATE_REQUEST:
    case MBEDTLS_SSL_SERVER_HELLO_DONE:
    case MBEDTLS_SSL_NEW_SESSION_TICKET:
    case MBEDTLS_SSL_SERVER_CHANGE_CIPHER_SPEC:
    case MBEDTLS_SSL_SERVER_FINISHED:
        return true;
    case MBEDTLS_SSL_CERTIFICATE_VERIFY: /* in TLS 1.2 our own */
        return t->lens.version == TLS_1_3;
    default:
        return false;
    }
}

static bool waits_for_client(const struct tls_session *t)
{
    switch (t->ssl->state) {
    case MBEDTLS_SSL_HELLO_REQUEST: /* what every machine begins with; it does nothing */
    case MBEDTLS_SSL_CLIENT_HELLO:
    case MBEDTLS_SSL_END_OF_EARLY_DATA:
    case MBEDTLS_SSL_CLIENT_CERTIFICATE:
    case MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY:
    case MBEDTLS_SSL_CLIENT_KEY_EXCHANGE:
    case MBEDTLS_SSL_CLIENT_CHANGE_CIPHER_SPEC:
    case MBEDTLS_SSL_CLIENT_FINISHED:
        return true;
    case MBEDTLS_SSL_CERTIFICATE_VERIFY: /* in TLS 1.3 our own */
        return t->lens.version == TLS_1_2;
    default:
        return false;
    }
}

/* Something can come of a step: there is room for what it writes, or input for what it reads. A
 * reading state does not ask for room, so that a connection which waits holds no buffer. */
static bool may_step(struct tls_session *t)
{
    size_t room;
    bool pending = t->ssl->out_left > 0;
    bool waits = t->context->client ? waits_for_server(t) : waits_for_client(t);
    if (pending || !waits) {
        return stream_reserve(t->lower, STREAM_RESERVE_MAX, &room) != NULL;
    }
    return t->lower_eof || mbedtls_ssl_check_pending(t->ssl) || stream_peek(t->lower).len > 0;
}

/* What the session rests on. A server's callbacks have said whose identity they know; a client has offered
 * its ticket first, and then its pre-shared key. */
static enum tls_proof proof_of(const struct tls_session *t)
{
    if (t->lens.certificate_seen) {
        return PROOF_CERTIFICATE;
    }
    if (t->lens.version == TLS_1_2) {
        return PROOF_TICKET;
    }
    if (t->context->client) {
        return t->offers && t->lens.psk_index == 0 ? PROOF_TICKET : PROOF_PSK;
    }
    return t->proof;
}

static void established(struct tls_session *t)
{
    if (t->context->client && t->early == EARLY_REJECTED &&
        mbedtls_ssl_get_early_data_status(t->ssl) == MBEDTLS_SSL_EARLY_DATA_STATUS_ACCEPTED) {
        t->early = EARLY_ACCEPTED;
    }
    t->proof = proof_of(t);
    if (t->proof == PROOF_TICKET) {
        tls_ticket_used(t);
    }
    t->established = true;
    t->finished = t->recorder->now;
    TRACE(t->recorder, t->conn_id, tls_established, .took = t->finished - t->started,
          .version = t->lens.version, .suite = t->lens.suite, .group = t->lens.group,
          .resumed = t->proof == PROOF_TICKET, .proof = (uint8_t)t->proof,
          .early = (uint8_t)t->early, .bytes_in = t->bytes_in, .bytes_out = t->bytes_out);
}

/* Not mbedtls_ssl_is_handshake_over: that is already true while TLS 1.3 tickets are written. */
static bool is_over(const struct tls_session *t)
{
    return t->ssl->state == MBEDTLS_SSL_HANDSHAKE_OVER;
}

/* RFC 8446 A.2: after its Finished a server sends with the application keys, so that a client which has
 * finished as well can read an alert. mbedTLS takes them only after the client's Finished, and counts from
 * 0 then: right, because in between nothing is sent but an alert that ends all. */
static void take_application_keys(struct tls_session *t)
{
    if (t->lens.version == TLS_1_3 && t->ssl->transform_application != NULL) {
        t->ssl->transform_out = t->ssl->transform_application;
        memset(t->ssl->cur_out_ctr, 0, sizeof(t->ssl->cur_out_ctr));
    }
}

/* What a server has to do itself after a step that went well. */
static void after_step(struct tls_session *t, int before)
{
    if (t->ssl->send_alert) {
        /* A wrong binder, which mbedTLS takes for a ClientHello to be asked for again (RFC 8446 4.2.11.2). */
        trace_drop(t->recorder, DROP_TLS_PSK_WRONG, t->conn_id, 0);
        tls_refuse(t, t->ssl->alert_type);
    } else if (before == MBEDTLS_SSL_SERVER_FINISHED) {
        take_application_keys(t);
        if (t->ssl->state == MBEDTLS_SSL_END_OF_EARLY_DATA) {
            t->early = EARLY_ACCEPTED;
        }
    } else if (before == MBEDTLS_SSL_CLIENT_CERTIFICATE && t->peer != NULL) {
        uint8_t alert = tls_verify_client(t);
        if (alert != 0) {
            tls_refuse(t, alert);
        }
    }
}

static int step(struct tls_session *t)
{
    if (t->sight == NULL) {
        return mbedtls_ssl_handshake_step(t->ssl);
    }
    tls_overhear_begin(t);
    int ret = mbedtls_ssl_handshake_step(t->ssl);
    tls_overhear_end(t);
    return ret;
}

bool tls_handshake(struct tls_session *t)
{
    while (!t->ended && !is_over(t)) {
        if (!set_up(t) || !may_step(t)) {
            return false;
        }
        int before = t->ssl->state;
        t->lens.stepping = before;
        t->starved = false;
        t->context->stepping = t;
        int ret = step(t);
        tls_lens_step(t, before, ret);
        if (ret == MBEDTLS_ERR_SSL_RECEIVED_EARLY_DATA) {
            ret = tls_early_take(t);
            if (ret == 0) {
                continue;
            }
        }
        if (ret == 0 && before == MBEDTLS_SSL_HANDSHAKE_WRAPUP) {
            established(t);
        } else if (ret == 0 && !t->context->client) {
            after_step(t, before);
        } else if (ret == 0 && t->ssl->state == MBEDTLS_SSL_SERVER_HELLO) {
            tls_early_write(t);
        }
        if (ret == MBEDTLS_ERR_SSL_WANT_WRITE || (ret == MBEDTLS_ERR_SSL_WANT_READ && t->starved)) {
            return false;
        }
        if (ret != 0 && ret != MBEDTLS_ERR_SSL_WANT_READ) {
            tls_fail(t, ret);
        }
    }
    return !t->ended;
}
