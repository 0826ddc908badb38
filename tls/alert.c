/* Alerts that a session sends, and how it ends (RFC 8446 6).
 *
 * close_notify closes one direction (6.1); a FIN without it is a truncation, which session.c tells. After a fatal
 * alert (6.2) nothing goes in or out: mbedTLS would allow it, so it is forbidden here.
 */
#include "tls/internal.h"

void tls_send_alert(struct tls_session *t, uint8_t level, uint8_t description)
{
    if (tls_taken(t)) {
        const uint8_t text[] = {level, description};
        t->alerting = true;
        t->alert_level = level;
        t->alert = description;
        tls_traffic_send(t, RECORD_ALERT, text, sizeof(text));
        t->alerting = false;
        return;
    }
    if (!t->set_up || !tls_records_take(t)) {
        return;
    }
    if (t->ssl->out_left > 0) { /* a record that waits goes first */
        mbedtls_ssl_send_alert_message(t->ssl, level, description);
        t->unsent = 0;
    }
    t->alerting = true;
    t->alert_level = level;
    t->alert = description;
    mbedtls_ssl_send_alert_message(t->ssl, level, description);
    t->alerting = false;
}

static void shut_lower(struct tls_session *t)
{
    if (!t->shut && t->lower != NULL) {
        t->shut = true;
        stream_shutdown(t->lower);
    }
}

void tls_end(struct tls_session *t, enum close_reason reason)
{
    if (t->ended) {
        return;
    }
    t->ended = true;
    t->reason = reason;
    if (t->sight != NULL) {
        tls_sight_end(t);
    }
    shut_lower(t);
}

void tls_close_notify(struct tls_session *t)
{
    tls_send_alert(t, MBEDTLS_SSL_ALERT_LEVEL_WARNING, MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY);
    shut_lower(t);
}

/* RFC 8446 6.2, where mbedTLS only returns an error. */
static uint8_t alert_for(const struct tls_session *t, int ret)
{
    switch (ret) {
    case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE:
    case MBEDTLS_ERR_SSL_UNEXPECTED_RECORD:
        return MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE;
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
        if (t->lens.bad_type) {
            return MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE;
        }
        return t->lens.too_long ? MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW
                                : MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR;
    case MBEDTLS_ERR_SSL_INVALID_MAC:
        return MBEDTLS_SSL_ALERT_MSG_BAD_RECORD_MAC;
    case MBEDTLS_ERR_SSL_BAD_INPUT_DATA: /* a record longer than the buffer */
        return t->lens.too_long ? MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW
                                : MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR;
    case MBEDTLS_ERR_SSL_DECODE_ERROR:
    case MBEDTLS_ERR_SSL_CONN_EOF:
        return MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR;
    case MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER:
        return MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER;
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
        return MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION;
    case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL:
        return MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL;
    case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED: /* what is wrong, mbedTLS has said itself */
        return MBEDTLS_SSL_ALERT_MSG_BAD_CERT;
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
        return MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE;
    default:
        return MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR;
    }
}

/* The peer left before the handshake was complete. In the middle of a message that is a fault of the
 * message; between two it is a change of mind; before the first it was no TLS at all. */
static void answer_early_end(struct tls_session *t, int ret)
{
    const struct tls_lens_side *in = &t->lens.in;
    if (!t->begun) {
        return;
    }
    if (in->header_len > 0 || in->message_header > 0) {
        tls_send_alert(t, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert_for(t, ret));
    } else {
        tls_send_alert(t, MBEDTLS_SSL_ALERT_LEVEL_WARNING, MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY);
    }
}

void tls_fail(struct tls_session *t, int ret)
{
    bool told_us = ret == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE;
    if (told_us && !t->lens.fatal_in) { /* it was encrypted, so the lens did not see it */
        tls_lens_alert(t, false, t->ssl->in_msg[0], t->ssl->in_msg[1]);
    }
    tls_lens_name_alert(t, alert_for(t, ret));
    if (told_us || t->lens.fatal_in) {
        tls_end(t, CLOSE_TLS_ALERT);
        return;
    }
    if (ret == MBEDTLS_ERR_SSL_CONN_EOF || ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        answer_early_end(t, ret);
    } else if (!t->lens.fatal_out && !t->shut) {
        tls_send_alert(t, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert_for(t, ret));
    }
    tls_end(t, CLOSE_TLS_FAILED);
}

void tls_refuse(struct tls_session *t, uint8_t description)
{
    if (!t->ended) {
        tls_send_alert(t, MBEDTLS_SSL_ALERT_LEVEL_FATAL, description);
        tls_end(t, CLOSE_TLS_FAILED);
    }
}
