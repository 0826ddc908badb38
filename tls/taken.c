/* The stream of a session that protects its records by itself (RFC 8446 5 and 6).
 *
 * What goes out is sealed where the application wrote it, in the send queue of the lower stream. What comes in is
 * opened out of the received slab if it lies there whole, and else gathered first; it stays in a buffer
 * that exists only until the application has consumed it.
 *
 * Records are small while the window opens: the first bytes can be opened as soon as one segment has come, and not
 * only with the sixteenth that a record of 16 KiB fills. After BURST bytes, until there was silence, they are full.
 */
#include <stdlib.h>
#include <string.h>

#include <mbedtls/platform_util.h>

#include "tls/internal.h"

#define SMALL_RECORD 1400U  /* bytes: fits into one segment */
#define BURST (32U * 1024U) /* bytes of text in small records: two initial windows (RFC 6928) */
#define SILENCE NS_PER_SEC  /* then the window has to open anew (RFC 5681 4.1) */
#define GCM_RECORDS_MAX 0x1000000U /* 2^24 under one key, below the 2^24.5 of RFC 8446 5.5 */

/* Of those that have their AEADs at hand, who was idle for longest gives them back. */
static void wake(struct tls_session *t)
{
    struct tls_context *c = t->context;
    struct list *mine = &t->traffic->awake;
    if (list_linked(mine)) {
        list_remove(mine);
    } else if (c->awake_count == TRAFFIC_AWAKE_MAX) {
        struct tls_traffic *idle =
            CONTAINER_OF(list_pop_front(&c->awake), struct tls_traffic, awake);
        record_rest(&idle->in);
        record_rest(&idle->out);
    } else {
        c->awake_count++;
    }
    list_push_back(&c->awake, mine);
}

/* ---- in ---- */

static void drop_buffer(struct tls_traffic *a)
{
    free(a->buffer);
    a->buffer = NULL;
    a->text = (struct slice){NULL, 0};
    a->gathered = 0;
}

void tls_traffic_consume(struct tls_session *t, size_t n)
{
    struct tls_traffic *a = t->traffic;
    mbedtls_platform_zeroize(a->buffer + (a->text.data - a->buffer), n);
    a->text.data += n;
    a->text.len -= n;
    if (a->text.len == 0) {
        drop_buffer(a);
    }
}

/* RFC 8446 6: all alerts but two end the connection, whatever level they claim; in TLS 1.2 (RFC 5246 7.2) a
 * warning ends nothing. */
static void take_alert(struct tls_session *t, struct slice text)
{
    if (text.len != 2) {
        tls_refuse(t, MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR);
        return;
    }
    uint8_t level = text.data[0], description = text.data[1];
    bool fatal = t->traffic->suite.old ? level != MBEDTLS_SSL_ALERT_LEVEL_WARNING
                                       : description != MBEDTLS_SSL_ALERT_MSG_USER_CANCELED;
    tls_lens_alert(t, false, level, description);
    if (description == MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY) {
        t->peer_shut = true;
    } else if (fatal) {
        tls_end(t, CLOSE_TLS_ALERT);
    }
}

/* RFC 8446 5.1: other types neither between the parts of a message nor, alerts and messages, empty. */
static bool is_allowed(const struct tls_traffic *a, uint8_t type, size_t len)
{
    bool inside = a->message_len > 0 || a->message_left > 0;
    switch (type) {
    case RECORD_HANDSHAKE:
        return len > 0;
    case RECORD_ALERT:
        return len > 0 && !inside;
    case RECORD_APPLICATION_DATA:
        return !inside;
    default:
        return false;
    }
}

static void take_text(struct tls_session *t, uint8_t type, struct slice text)
{
    struct tls_traffic *a = t->traffic;
    a->idle = type == RECORD_APPLICATION_DATA && text.len > 0 ? 0 : a->idle + 1;
    if (!is_allowed(a, type, text.len) || a->idle > TRAFFIC_IDLE_MAX) {
        tls_refuse(t, MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE);
    } else if (type == RECORD_ALERT) {
        take_alert(t, text);
    } else if (type == RECORD_HANDSHAKE) {
        tls_post_handshake(t, text);
    } else if (text.len > 0) {
        a->text = text;
        return;
    }
    drop_buffer(a);
}

static void open_record(struct tls_session *t, struct slice payload)
{
    static const uint8_t alerts[] = {
        [RECORD_FORGED] = MBEDTLS_SSL_ALERT_MSG_BAD_RECORD_MAC,
        [RECORD_OVERFLOW] = MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW,
        [RECORD_UNTYPED] = MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE,
        [RECORD_NO_MEMORY] = MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR,
    };
    struct tls_traffic *a = t->traffic;
    struct slice text;
    uint8_t type;
    a->header_len = 0;
    enum record_verdict v = record_open(&a->in, a->header, payload, a->buffer, &text, &type);
    if (v != RECORD_GOOD) {
        drop_buffer(a);
        tls_refuse(t, alerts[v]);
        return;
    }
    take_text(t, type, text);
}

static size_t payload_len(const struct tls_traffic *a)
{
    struct rd r = rd_of(a->header + 3, 2);
    return rd_be16(&r);
}

/* The header is whole; false: the session ends. */
static bool begin_record(struct tls_session *t)
{
    struct tls_traffic *a = t->traffic;
    uint8_t type = a->header[0];
    bool known = a->suite.old ? type >= RECORD_ALERT && type <= RECORD_APPLICATION_DATA
                              : type == RECORD_APPLICATION_DATA;
    if (!known) {
        tls_refuse(t, MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE);
    } else if (payload_len(a) > record_payload_max(&a->in)) {
        tls_refuse(t, MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW);
    } else {
        a->gathered = 0;
        a->buffer = malloc(payload_len(a) + 1); /* also of an empty record */
        if (a->buffer == NULL) {
            tls_end(t, CLOSE_NO_RESOURCES);
        }
    }
    return !t->ended;
}

static void take_bytes(struct tls_session *t, struct slice bytes)
{
    tls_lens_in(t, bytes.data, bytes.len);
    stream_consume(t->lower, bytes.len);
}

/* False: nothing more can be done with what there is. */
static bool take_header(struct tls_session *t, struct slice s)
{
    struct tls_traffic *a = t->traffic;
    size_t n = size_min(s.len, (size_t)(RECORD_HEADER - a->header_len));
    memcpy(a->header + a->header_len, s.data, n);
    a->header_len = (uint8_t)(a->header_len + n);
    take_bytes(t, (struct slice){s.data, n});
    return a->header_len < RECORD_HEADER || begin_record(t);
}

static void take_payload(struct tls_session *t, struct slice s)
{
    struct tls_traffic *a = t->traffic;
    size_t len = payload_len(a);
    size_t n = size_min(s.len, len - a->gathered);
    struct slice part = {s.data, n};
    if (a->gathered == 0 && n == len) { /* out of where it lies */
        tls_lens_in(t, part.data, n);
        open_record(t, part);
        if (t->lower != NULL) {
            stream_consume(t->lower, n);
        }
        return;
    }
    memcpy(a->buffer + a->gathered, s.data, n);
    a->gathered += n;
    take_bytes(t, part);
    if (a->gathered == len) {
        open_record(t, (struct slice){a->buffer, len});
    }
}

void tls_traffic_read(struct tls_session *t)
{
    struct tls_traffic *a = t->traffic;
    while (!t->ended && !t->peer_shut && a->text.len == 0) {
        struct slice s = stream_peek(t->lower);
        bool empty = a->header_len == RECORD_HEADER && payload_len(a) == 0;
        if (s.len == 0 && !empty) {
            if (t->lower_eof) {
                t->at_eof = true;
                tls_end(t, CLOSE_TRUNCATED);
            }
            return;
        }
        wake(t);
        if (a->header_len < RECORD_HEADER) {
            take_header(t, s);
        } else {
            take_payload(t, s);
        }
    }
}

/* ---- out ---- */

/* Bytes of plaintext that the next record has at the most. */
static size_t text_limit(struct tls_session *t)
{
    struct tls_traffic *a = t->traffic;
    if (t->recorder->now - a->sent > SILENCE) {
        a->burst = 0;
    }
    return a->burst < BURST ? SMALL_RECORD - record_size(&a->out, 0) : STREAM_PLAIN_MAX;
}

uint8_t *tls_traffic_reserve(struct tls_session *t, size_t min, size_t *room)
{
    struct tls_traffic *a = t->traffic;
    tls_traffic_update_out(t);
    size_t limit = text_limit(t);
    limit = limit < min ? min : limit;
    uint8_t *to = stream_reserve(t->lower, record_size(&a->out, limit), room);
    if (to == NULL) {
        a->need = record_size(&a->out, limit);
        t->want_room = true;
        return NULL;
    }
    *room = limit;
    a->room = to;
    return to + record_front(&a->out);
}

/* Seals a text, which lies in the reserved room or somewhere else, and hands the record down. */
static bool send(struct tls_session *t, enum record_type type, uint8_t *record, struct slice text)
{
    struct tls_traffic *a = t->traffic;
    size_t size = record_size(&a->out, text.len);
    wake(t);
    if (!record_seal(&a->out, type, record, text)) {
        tls_end(t, CLOSE_NO_RESOURCES);
        return false;
    }
    t->unsent = type == RECORD_ALERT ? 0 : text.len; /* the lens need not guess what this is */
    tls_lens_out(t, record, size);
    t->unsent = 0;
    stream_commit(t->lower, size);
    return true;
}

bool tls_traffic_send(struct tls_session *t, enum record_type type, const void *text, size_t len)
{
    struct tls_traffic *a = t->traffic;
    size_t room;
    uint8_t *to = stream_reserve(t->lower, record_size(&a->out, len), &room);
    a->room = NULL;
    return to != NULL && send(t, type, to, (struct slice){text, len});
}

/* RFC 8446 5.5: the key has protected as much as it should. */
static bool is_worn(const struct tls_session *t)
{
    const struct tls_traffic *a = t->traffic;
    uint64_t limit = a->suite.chacha ? UINT64_MAX : GCM_RECORDS_MAX;
    if (t->context->key_records != 0) {
        limit = t->context->key_records;
    }
    return !a->suite.old && a->out.number >= limit;
}

/* Application data. */
static void send_text(struct tls_session *t, uint8_t *record, struct slice text)
{
    struct tls_traffic *a = t->traffic;
    uint64_t number = a->out.number, before = t->given;
    if (!send(t, RECORD_APPLICATION_DATA, record, text)) {
        return;
    }
    TRACE(t->recorder, t->conn_id, tls_record, .number = number, .stream_at = before,
          .text_at = t->said, .len = (uint32_t)(t->given - before), .text_len = (uint32_t)text.len);
    t->said += text.len;
    a->burst = u32_min(a->burst + (uint32_t)text.len, BURST);
    a->sent = t->recorder->now;
    a->update_owed = a->update_owed || is_worn(t);
}

void tls_traffic_commit(struct tls_session *t, size_t n)
{
    struct tls_traffic *a = t->traffic;
    uint8_t *record = a->room;
    a->room = NULL;
    if (record != NULL) {
        send_text(t, record, (struct slice){record + record_front(&a->out), n});
    }
}

size_t tls_traffic_refer(struct tls_session *t, struct slice bytes)
{
    struct tls_traffic *a = t->traffic;
    size_t done = 0, room;
    while (done < bytes.len && !t->ended && tls_traffic_reserve(t, 1, &room) != NULL) {
        uint8_t *record = a->room;
        size_t n = size_min(room, bytes.len - done);
        a->room = NULL;
        send_text(t, record, (struct slice){bytes.data + done, n});
        done += n;
    }
    return done;
}
