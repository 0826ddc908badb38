/* The lens: what goes by on a session, told as events.
 *
 * Two sources, both true. The bytes that pass between mbedTLS and the lower stream give records and,
 * where they are in plaintext, messages and alerts (RFC 8446 5.1, RFC 5246 6.2), however they are cut.
 * For encrypted ones the steps of mbedTLS' machine say which message it was; its length is the one
 * that mbedTLS decrypted, or, outgoing, that of the record without what protection adds. A client's machine
 * reads one message in a step, so there the steps tell all that comes.
 * Not seen: encrypted alerts of level warning that mbedTLS ignores.
 */
#include <string.h>

#include "tls/internal.h"

enum {
    EXT_SERVER_NAME = 0,
    EXT_SIGNATURES = 13,
    EXT_PSK = 41,
    EXT_EARLY_DATA = 42,
    EXT_SUPPORTED_VERSIONS = 43,
    EXT_KEY_SHARE = 51
};

#define AEAD_TAG 16U                    /* bytes: every suite that we have */
#define RECORD_MAX (16384U + 256U)      /* bytes of payload (RFC 8446 5.2) */
#define RECORD_MAX_1_2 (16384U + 2048U) /* RFC 5246 6.2.3 */

static void tell_message(struct tls_session *t, bool outgoing, uint8_t type, uint32_t len,
                         bool encrypted)
{
    TRACE(t->recorder, t->conn_id, tls_message, .outgoing = outgoing, .type = type, .len = len,
          .encrypted = encrypted);
    if (t->sight != NULL) {
        tls_sight_told(t, outgoing, type, encrypted);
    }
}

void tls_lens_alert(struct tls_session *t, bool outgoing, uint8_t level, uint8_t description)
{
    if (level == MBEDTLS_SSL_ALERT_LEVEL_FATAL) {
        t->lens.fatal = description;
        t->lens.fatal_out = t->lens.fatal_out || outgoing;
    }
    TRACE(t->recorder, t->conn_id, tls_alert, .outgoing = outgoing, .level = level,
          .description = description);
}

void tls_lens_name_alert(struct tls_session *t, uint8_t description)
{
    if (t->lens.alert_unnamed) {
        t->lens.alert_unnamed = false;
        tls_lens_alert(t, true, MBEDTLS_SSL_ALERT_LEVEL_FATAL, description);
    }
}

/* ---- the server's messages that say what was agreed ---- */

/* SHA-256 of "HelloRetryRequest" (RFC 8446 4.1.3). */
static const uint8_t retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* Returns the message's type as events have it (RFC 8446 4.1.3, 4.2.1, 4.2.8). */
static uint8_t see_server_hello(struct tls_lens *l, struct slice body)
{
    uint8_t random[32];
    struct rd r = rd_slice(body);
    l->version = rd_be16(&r);
    rd_copy(&r, random, sizeof(random));
    rd_skip(&r, rd_u8(&r)); /* legacy_session_id_echo */
    l->suite = rd_be16(&r);
    rd_skip(&r, 1); /* legacy_compression_method */
    struct rd extensions = rd_sub(&r, rd_be16(&r));
    while (rd_left(&extensions) > 0) {
        uint16_t type = rd_be16(&extensions);
        struct rd body_of = rd_sub(&extensions, rd_be16(&extensions));
        if (type == EXT_SUPPORTED_VERSIONS) {
            l->version = rd_be16(&body_of);
        } else if (type == EXT_KEY_SHARE) {
            l->group = rd_be16(&body_of);
        } else if (type == EXT_PSK) {
            l->psk_index = rd_be16(&body_of);
        }
    }
    return memcmp(random, retry_random, sizeof(random)) == 0 ? TLS_HELLO_RETRY_REQUEST
                                                             : TLS_SERVER_HELLO;
}

/* RFC 8422 5.4: a named curve, our point, and the signature over both. */
static void see_server_key_exchange(struct tls_lens *l, struct slice body)
{
    struct rd r = rd_slice(body);
    rd_skip(&r, 1); /* curve_type: named_curve */
    uint16_t group = rd_be16(&r);
    rd_skip(&r, rd_u8(&r));
    uint16_t signature = rd_be16(&r);
    if (!r.failed) {
        l->group = group;
        l->signature = signature;
    }
}

/* RFC 8446 4.4.3. */
static void see_certificate_verify(struct tls_lens *l, struct slice body)
{
    struct rd r = rd_slice(body);
    uint16_t signature = rd_be16(&r);
    if (!r.failed) {
        l->signature = signature;
    }
}

static uint8_t see_server_message(struct tls_lens *l, uint8_t type, struct slice body)
{
    switch (type) {
    case TLS_SERVER_HELLO:
        return see_server_hello(l, body);
    case TLS_SERVER_KEY_EXCHANGE:
        see_server_key_exchange(l, body);
        break;
    case TLS_CERTIFICATE:
        l->certificate_seen = true;
        break;
    case TLS_CERTIFICATE_REQUEST:
        l->certificate_asked = true;
        break;
    case TLS_CERTIFICATE_VERIFY:
        see_certificate_verify(l, body);
        break;
    default:
        break;
    }
    return type;
}

/* ---- records ---- */

static void see_handshake(struct tls_session *t, struct tls_lens_side *side, struct rd *r)
{
    bool outgoing = side == &t->lens.out;
    bool client = t->context->client;
    while (rd_left(r) > 0) {
        if (side->message_header < sizeof(side->message)) {
            side->message[side->message_header++] = rd_u8(r);
            if (side->message_header < sizeof(side->message)) {
                continue;
            }
            struct rd header = rd_of(side->message + 1, 3);
            side->message_left = rd_be24(&header);
        }
        struct slice part = rd_take(r, size_min(rd_left(r), side->message_left));
        side->message_left -= (uint32_t)part.len;
        if (side->message_left > 0) {
            return;
        }
        struct rd header = rd_of(side->message, sizeof(side->message));
        uint8_t type = rd_u8(&header);
        uint32_t len = rd_be24(&header);
        /* mbedTLS writes a message into one record, so ours is here as a whole. */
        if (outgoing && !client && part.len == len) {
            type = see_server_message(&t->lens, type, part);
        }
        if (outgoing && client && type == TLS_CERTIFICATE_VERIFY) {
            t->lens.client_shown = true;
        }
        side->message_header = 0;
        if (outgoing || !client) {
            tell_message(t, outgoing, type, len + 4, false);
        }
    }
}

static void see_alert(struct tls_session *t, struct tls_lens_side *side, struct rd *r)
{
    bool outgoing = side == &t->lens.out;
    while (rd_left(r) > 0) {
        if (side->alert_level == 0) {
            side->alert_level = rd_u8(r);
            continue;
        }
        if (!outgoing && !t->established && side->alert_level == MBEDTLS_SSL_ALERT_LEVEL_FATAL) {
            t->lens.fatal_in = true;
        }
        tls_lens_alert(t, outgoing, side->alert_level, rd_u8(r));
        side->alert_level = 0;
    }
}

static bool is_encrypted(const struct tls_lens_side *side)
{
    return side->header[0] == RECORD_APPLICATION_DATA || side->ciphered;
}

/* Which message the machine encrypts in a state. 0: none. */
static uint8_t message_of_state(int state)
{
    switch (state) {
    case MBEDTLS_SSL_ENCRYPTED_EXTENSIONS:
        return TLS_ENCRYPTED_EXTENSIONS;
    case MBEDTLS_SSL_CERTIFICATE_REQUEST:
        return TLS_CERTIFICATE_REQUEST;
    case MBEDTLS_SSL_SERVER_CERTIFICATE:
    case MBEDTLS_SSL_CLIENT_CERTIFICATE:
        return TLS_CERTIFICATE;
    case MBEDTLS_SSL_CERTIFICATE_VERIFY:
    case MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY:
        return TLS_CERTIFICATE_VERIFY;
    case MBEDTLS_SSL_SERVER_FINISHED:
    case MBEDTLS_SSL_CLIENT_FINISHED:
        return TLS_FINISHED;
    case MBEDTLS_SSL_END_OF_EARLY_DATA:
        return TLS_END_OF_EARLY_DATA;
    case MBEDTLS_SSL_TLS1_3_NEW_SESSION_TICKET:
        return TLS_NEW_SESSION_TICKET;
    default:
        return 0;
    }
}

/* Bytes that protection adds to a payload; 0: it depends (padding is switched on). */
static uint32_t expansion(const struct tls_lens *l)
{
    if (l->version == TLS_1_3) {
        return MBEDTLS_SSL_CID_TLS1_3_PADDING_GRANULARITY == 1 ? 1 + AEAD_TAG : 0;
    }
    /* RFC 5288 3: GCM has an explicit nonce of 8 bytes; RFC 7905 2: ChaCha20-Poly1305 has none. */
    return l->suite == 0xcca8 || l->suite == 0xcca9 ? AEAD_TAG : 8 + AEAD_TAG;
}

/* mbedTLS has a handshake message in hand after the handshake of TLS 1.2, and says no: it is a renegotiation that it refuses (RFC
 * 5246 7.2.2). Of a fault it sends no alert before it has let go of the message. */
static bool refuses_renegotiation(const struct tls_session *t)
{
    const mbedtls_ssl_context *ssl = t->ssl;
    return t->established && t->lens.version == TLS_1_2 &&
           ssl->in_msgtype == MBEDTLS_SSL_MSG_HANDSHAKE && ssl->in_hslen > 0 &&
           ssl->badmac_seen_or_in_hsfraglen == 0;
}

/* A record of ours that nobody can read any more: what it was follows from the machine. */
static void see_our_encrypted(struct tls_session *t, const struct tls_lens_side *side)
{
    if (t->unsent > 0) {
        return; /* the application's */
    }
    if (t->alerting) {
        tls_lens_alert(t, true, t->alert_level, t->alert);
        return;
    }
    if (t->ssl->send_alert) {
        tls_lens_alert(t, true, MBEDTLS_SSL_ALERT_LEVEL_FATAL, t->ssl->alert_type);
        return;
    }
    if (refuses_renegotiation(t)) {
        tls_lens_alert(t, true, MBEDTLS_SSL_ALERT_LEVEL_WARNING,
                       MBEDTLS_SSL_ALERT_MSG_NO_RENEGOTIATION);
        return;
    }
    struct tls_lens *l = &t->lens;
    uint8_t type = message_of_state(l->writer >= 0 ? l->writer : l->stepping);
    uint32_t extra = expansion(l);
    uint32_t len = extra > 0 && side->record_len > extra ? side->record_len - extra : 0;
    if (type == 0 || len == 2 || side->header[0] == RECORD_ALERT) {
        l->alert_unnamed = true; /* mbedTLS sent it by itself; what it returns will name it */
        return;
    }
    if (type == TLS_CERTIFICATE_VERIFY && t->context->client) {
        l->client_shown = true;
    } else if (type == TLS_CERTIFICATE_REQUEST) {
        l->certificate_asked = true;
    } else if (type == TLS_CERTIFICATE && !t->context->client) {
        l->certificate_seen = true;
    } else if (type == TLS_CERTIFICATE_VERIFY && t->certificate != NULL) {
        static const uint16_t by_kind[] = {
            [TLS_KEY_P256] = 0x0403, [TLS_KEY_P384] = 0x0503, [TLS_KEY_RSA] = 0x0804};
        l->signature = by_kind[t->certificate->kind];
    }
    tell_message(t, true, type, len, true);
}

static void see_payload(struct tls_session *t, struct tls_lens_side *side, struct slice part)
{
    bool outgoing = side == &t->lens.out;
    bool whole = side->record_left == 0;
    struct rd r = rd_slice(part);
    if (t->sight != NULL) {
        tls_sight_payload(t, outgoing, part, whole);
    }
    if (side->header[0] == RECORD_CHANGE_CIPHER_SPEC) {
        if (whole) {
            tell_message(t, outgoing, TLS_CHANGE_CIPHER_SPEC, 1, false);
            side->ciphered = t->lens.version == TLS_1_2;
        }
    } else if (is_encrypted(side)) {
        if (whole && outgoing) {
            see_our_encrypted(t, side);
        }
    } else if (side->header[0] == RECORD_HANDSHAKE) {
        see_handshake(t, side, &r);
    } else if (side->header[0] == RECORD_ALERT) {
        see_alert(t, side, &r);
    }
}

static void see_header(struct tls_session *t, struct tls_lens_side *side)
{
    struct rd r = rd_of(side->header, sizeof(side->header));
    uint8_t type = rd_u8(&r);
    rd_skip(&r, 2);
    side->record_len = rd_be16(&r);
    side->record_left = side->record_len;
    if (side == &t->lens.in) {
        t->lens.bad_type = type < RECORD_CHANGE_CIPHER_SPEC || type > RECORD_APPLICATION_DATA;
        t->lens.too_long =
            side->record_len > (t->lens.version == TLS_1_3 ? RECORD_MAX : RECORD_MAX_1_2);
    }
}

static void see(struct tls_session *t, struct tls_lens_side *side, struct rd *r)
{
    while (rd_left(r) > 0) {
        if (side->header_len < sizeof(side->header)) {
            side->header[side->header_len++] = rd_u8(r);
            if (side->header_len < sizeof(side->header)) {
                continue;
            }
            see_header(t, side);
        }
        struct slice part = rd_take(r, size_min(rd_left(r), side->record_left));
        side->record_left = (uint16_t)(side->record_left - part.len);
        if (part.len > 0) {
            see_payload(t, side, part);
        }
        if (side->record_left == 0) {
            side->header_len = 0;
        }
    }
}

static void begin(struct tls_session *t)
{
    if (!t->begun) {
        t->begun = true;
        t->started = t->recorder->now;
    }
}

void tls_lens_in(struct tls_session *t, const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    begin(t);
    if (!t->established) {
        t->bytes_in += (uint32_t)len;
    }
    see(t, &t->lens.in, &r);
}

void tls_lens_out(struct tls_session *t, const uint8_t *data, size_t len)
{
    struct rd r = rd_of(data, len);
    begin(t);
    t->given += len;
    if (!t->established) {
        t->bytes_out += (uint32_t)len;
    }
    see(t, &t->lens.out, &r);
    t->lens.writer = -1;
}

/* Which message a client's machine reads in a state. 0: none. */
static uint8_t message_read_in(int state)
{
    switch (state) {
    case MBEDTLS_SSL_SERVER_HELLO:
        return TLS_SERVER_HELLO;
    case MBEDTLS_SSL_ENCRYPTED_EXTENSIONS:
        return TLS_ENCRYPTED_EXTENSIONS;
    case MBEDTLS_SSL_SERVER_CERTIFICATE:
        return TLS_CERTIFICATE;
    case MBEDTLS_SSL_SERVER_KEY_EXCHANGE:
        return TLS_SERVER_KEY_EXCHANGE;
    case MBEDTLS_SSL_CERTIFICATE_REQUEST:
        return TLS_CERTIFICATE_REQUEST;
    case MBEDTLS_SSL_SERVER_HELLO_DONE:
        return TLS_SERVER_HELLO_DONE;
    case MBEDTLS_SSL_CERTIFICATE_VERIFY:
        return TLS_CERTIFICATE_VERIFY;
    case MBEDTLS_SSL_NEW_SESSION_TICKET:
    case MBEDTLS_SSL_SERVER_CHANGE_CIPHER_SPEC: /* it goes on to the state above inside its step */
        return TLS_NEW_SESSION_TICKET;
    case MBEDTLS_SSL_SERVER_FINISHED:
        return TLS_FINISHED;
    default:
        return 0;
    }
}

/* And which one a server's machine reads encrypted. */
static uint8_t message_from_client_in(int state)
{
    switch (state) {
    case MBEDTLS_SSL_CLIENT_CERTIFICATE:
        return TLS_CERTIFICATE;
    case MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY:
        return TLS_CERTIFICATE_VERIFY;
    case MBEDTLS_SSL_CLIENT_FINISHED:
        return TLS_FINISHED;
    case MBEDTLS_SSL_END_OF_EARLY_DATA:
        return TLS_END_OF_EARLY_DATA;
    default:
        return 0;
    }
}

/* mbedTLS clears its buffers at a HelloRetryRequest: what its header said is left in the lens. */
static void see_retry(struct tls_session *t)
{
    struct rd header = rd_of(t->lens.in.message + 1, 3);
    tell_message(t, false, TLS_HELLO_RETRY_REQUEST, rd_be24(&header) + 4, false);
}

/* The message that a step has read, which still lies in mbedTLS' buffer. */
static void see_step(struct tls_session *t, int before, int ret)
{
    const mbedtls_ssl_context *ssl = t->ssl;
    bool client = t->context->client;
    uint8_t type = client ? message_read_in(before) : message_from_client_in(before);
    if (client && ret == 0 && before == MBEDTLS_SSL_SERVER_HELLO &&
        ssl->state == MBEDTLS_SSL_CLIENT_CCS_BEFORE_2ND_CLIENT_HELLO) {
        see_retry(t);
        return;
    }
    bool waits = ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE;
    if (type == 0 || waits || (ret != 0 && !client) || ssl->keep_current_message ||
        ssl->in_msgtype != MBEDTLS_SSL_MSG_HANDSHAKE || ssl->in_hslen < 4 ||
        ssl->in_msg[0] != type) {
        return;
    }
    bool encrypted = is_encrypted(&t->lens.in);
    if (t->sight != NULL) {
        t->sight->step_failed = ret != 0;
    }
    if (client && type == TLS_CERTIFICATE) {
        tls_verify_done(t);
    }
    if (client) {
        type =
            see_server_message(&t->lens, type, (struct slice){ssl->in_msg + 4, ssl->in_hslen - 4});
    } else if (!encrypted) {
        return; /* told when its bytes came */
    }
    tell_message(t, false, type, (uint32_t)ssl->in_hslen, encrypted);
}

void tls_lens_post_handshake(struct tls_session *t, bool outgoing, uint8_t type, uint32_t len)
{
    tell_message(t, outgoing, type, len, true);
}

void tls_lens_ticket(struct tls_session *t)
{
    tell_message(t, false, TLS_NEW_SESSION_TICKET, (uint32_t)t->ssl->in_hslen, true);
}

void tls_lens_step(struct tls_session *t, int before, int ret)
{
    /* A TLS 1.3 step leaves its record in mbedTLS' buffer, and the next step sends it. */
    if (t->ssl->out_left > 0 && t->lens.writer < 0) {
        t->lens.writer = before;
    }
    see_step(t, before, ret);
    if (ret == 0 && t->sight != NULL) {
        tls_sight_step(t, before);
    }
    if (ret == 0 && t->ssl->state != before) {
        TRACE(t->recorder, t->conn_id, tls_state, .state = (uint16_t)t->ssl->state);
    }
}

/* ---- the ClientHello ---- */

/* RFC 6066 3: the first host_name; at most one is allowed. */
static void read_server_name(struct rd *r, struct tls_offer *out)
{
    struct rd list = rd_sub(r, rd_be16(r));
    while (rd_left(&list) > 0) {
        uint8_t type = rd_u8(&list);
        struct slice name = rd_take(&list, rd_be16(&list));
        if (type == 0 && name.len > 0 && name.len <= 255) {
            out->sni = name;
            return;
        }
    }
}

static void read_signatures(struct rd *r, struct tls_offer *out)
{
    struct rd list = rd_sub(r, rd_be16(r));
    while (rd_left(&list) > 0) {
        switch (rd_be16(&list)) {
        case 0x0401:
            out->rsa_pkcs1 = true;
            break;
        case 0x0403:
            out->ecdsa_p256 = true;
            break;
        case 0x0503:
            out->ecdsa_p384 = true;
            break;
        case 0x0804:
            out->rsa_pss = true;
            break;
        default:
            break;
        }
    }
}

bool tls_lens_client_hello(struct slice body, struct tls_offer *out)
{
    *out = (struct tls_offer){.sni = {NULL, 0}};
    struct rd r = rd_slice(body);
    rd_skip(&r, 2 + 32);    /* legacy_version, random */
    rd_skip(&r, rd_u8(&r)); /* legacy_session_id */
    struct rd suites = rd_sub(&r, rd_be16(&r));
    while (rd_left(&suites) > 0) {
        uint16_t suite = rd_be16(&suites);
        out->suite_ecdsa |= suite == 0xc02b || suite == 0xc02c || suite == 0xcca9;
        out->suite_rsa |= suite == 0xc02f || suite == 0xc030 || suite == 0xcca8;
    }
    rd_skip(&r, rd_u8(&r)); /* legacy_compression_methods */
    if (rd_left(&r) == 0) {
        return !r.failed; /* TLS 1.2 may come without extensions */
    }
    struct rd extensions = rd_sub(&r, rd_be16(&r));
    while (rd_left(&extensions) > 0) {
        uint16_t type = rd_be16(&extensions);
        struct rd value = rd_sub(&extensions, rd_be16(&extensions));
        if (type == EXT_SERVER_NAME) {
            read_server_name(&value, out);
        } else if (type == EXT_SIGNATURES) {
            read_signatures(&value, out);
        } else if (type == EXT_EARLY_DATA) {
            out->early_data = true;
        }
    }
    return !r.failed && !extensions.failed;
}
