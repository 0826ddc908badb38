/* Handshake messages after the handshake (RFC 8446 4.6). A server takes KeyUpdate alone; in TLS 1.2 it says no to a
 * renegotiation (RFC 5246 7.2.2) and goes on.
 *
 * A message may come in parts, but never beside records of other types, and a KeyUpdate ends its record
 * (RFC 8446 5.1).
 */
#include "tls/internal.h"

static void key_update(struct tls_session *t, bool last)
{
    struct tls_traffic *a = t->traffic;
    uint8_t request = a->message[4];
    if (!last) {
        tls_refuse(t, MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE);
    } else if (request > 1) {
        tls_refuse(t, MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER);
    } else {
        tls_lens_post_handshake(t, false, TLS_KEY_UPDATE, sizeof(a->message));
        tls_traffic_update_in(t);
        a->update_owed |= request == 1;
        tls_traffic_update_out(t);
    }
}

/* One header is whole. */
static void begin(struct tls_session *t)
{
    struct tls_traffic *a = t->traffic;
    struct rd r = rd_of(a->message + 1, 3);
    uint32_t len = rd_be24(&r);
    if (a->message[0] == TLS_CLIENT_HELLO && a->suite.old) {
        if (len > RECORD_TEXT_MAX) {
            tls_refuse(t, MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR);
            return;
        }
        a->message_left = len;
        a->message_len = 0;
        tls_send_alert(t, MBEDTLS_SSL_ALERT_LEVEL_WARNING, MBEDTLS_SSL_ALERT_MSG_NO_RENEGOTIATION);
    } else if (a->message[0] != TLS_KEY_UPDATE || a->suite.old) {
        tls_refuse(t, MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE);
    } else if (len != 1) {
        tls_refuse(t, MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR);
    }
}

void tls_post_handshake(struct tls_session *t, struct slice text)
{
    struct tls_traffic *a = t->traffic;
    struct rd r = rd_slice(text);
    while (rd_left(&r) > 0 && !t->ended) {
        if (a->message_left > 0) {
            a->message_left -= (uint32_t)rd_take(&r, size_min(rd_left(&r), a->message_left)).len;
            continue;
        }
        a->message[a->message_len++] = rd_u8(&r);
        if (a->message_len == 4) {
            begin(t);
        } else if (a->message_len == sizeof(a->message)) {
            a->message_len = 0;
            key_update(t, rd_left(&r) == 0);
        }
    }
}
