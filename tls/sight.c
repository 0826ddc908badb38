/* A session under watch: records become messages, and messages are handed to the watchers.
 *
 * Records are opened by ourselves, with the traffic secrets that mbedTLS exports (tls/protection.h), and not read out of
 * its buffers: so whatever goes by, either way and in both versions, is seen in one way, as on the wire, and that a
 * record opens proves the keys that are shown. The price is that each record is decrypted twice, while
 * somebody watches.
 *
 * A message waits in its direction's `text` until its event is told; then it goes to the watchers. So both come in the
 * order of the handshake, and what the machine found about the message is known. A server of TLS 1.2 tells of its
 * client's messages before the machine has seen them: these wait for the machine's step.
 */
#include <stdlib.h>
#include <string.h>

#include <mbedtls/platform_util.h>

#include "tls/internal.h"
#include "tls/message_tell.h"

#define MESSAGE_HEADER 4U
#define VERDICT_MAX 320U

static void text_free(struct tls_text *text)
{
    if (text->data != NULL) {
        mbedtls_platform_zeroize(text->data, text->cap);
    }
    free(text->data);
    *text = (struct tls_text){NULL, 0, 0};
}

static bool text_room(struct tls_text *text, size_t len)
{
    size_t cap = text->cap == 0 ? 1024 : text->cap;
    while (cap < text->len + len) {
        cap *= 2;
    }
    if (text->len + len > TLS_SIGHT_TEXT_MAX) {
        return false;
    }
    if (cap == text->cap) {
        return true;
    }
    uint8_t *data = malloc(cap); /* not realloc, which would leave plaintext behind */
    if (data == NULL) {
        return false;
    }
    struct tls_text old = *text;
    if (old.len > 0) {
        memcpy(data, old.data, old.len);
    }
    *text = (struct tls_text){data, old.len, cap};
    text_free(&old);
    return true;
}

bool tls_text_add(struct tls_text *text, struct slice bytes)
{
    if (!text_room(text, bytes.len)) {
        return false;
    }
    if (bytes.len > 0) {
        memcpy(text->data + text->len, bytes.data, bytes.len);
    }
    text->len += bytes.len;
    return true;
}

static void side_free(struct tls_sight_side *side)
{
    text_free(&side->record);
    text_free(&side->text);
}

/* ---- steps ---- */

static void on_step(void *arg, const struct tls_step *step)
{
    const struct tls_session *t = arg;
    const struct list *watchers = &t->context->watchers;
    for (struct list *l = watchers->next; l != watchers; l = l->next) {
        struct tls_watcher *w = CONTAINER_OF(l, struct tls_watcher, link);
        struct tls_step shown = *step;
        if (!w->reveal) {
            shown.value = (struct slice){NULL, 0};
        }
        if (w->step != NULL) {
            w->step(w->arg, t->conn_id, &shown);
        }
    }
}

struct tls_sight *tls_sight_new(struct tls_session *t)
{
    struct tls_sight *s = calloc(1, sizeof(*s));
    if (s != NULL) {
        s->schedule.told = on_step;
        s->schedule.arg = t;
    }
    return s;
}

void tls_sight_free(struct tls_sight *s)
{
    if (s != NULL) {
        side_free(&s->in);
        side_free(&s->out);
        text_free(&s->plain);
        text_free(&s->transcript);
        mbedtls_platform_zeroize(s, sizeof(*s));
        free(s);
    }
}

/* ---- records ---- */

/* Takes new keys; false: they are not known. */
static bool take_keys(struct tls_sight *s, struct tls_sight_side *side, bool by_client)
{
    const struct tls_schedule *d = &s->schedule;
    bool early = side->epoch == TLS_EPOCH_HANDSHAKE;
    if (side->secret.len > 0) {
        return true;
    }
    if (d->suite.old) {
        side->secret = d->exported[TLS_SECRET_MASTER];
    } else if (by_client) {
        side->secret = d->exported[early ? TLS_SECRET_CLIENT_HANDSHAKE : TLS_SECRET_CLIENT_TRAFFIC];
    } else {
        side->secret = d->exported[early ? TLS_SECRET_SERVER_HANDSHAKE : TLS_SECRET_SERVER_TRAFFIC];
    }
    if (d->suite.hash_len == 0 || side->secret.len == 0) {
        side->secret.len = 0;
        return false;
    }
    tls_schedule_keys(d, &side->secret, by_client, &side->keys);
    side->number = 0;
    return true;
}

/* RFC 8446 4.4.4 and 4.6.3: what is behind a Finished, or a KeyUpdate, has new keys. */
static void walk(struct tls_sight *s, struct tls_sight_side *side)
{
    while (side->text.len - side->walked >= MESSAGE_HEADER) {
        struct rd r = rd_of(side->text.data + side->walked, side->text.len - side->walked);
        uint8_t type = rd_u8(&r);
        uint32_t len = rd_be24(&r);
        if (rd_left(&r) < len) {
            return;
        }
        side->walked += MESSAGE_HEADER + len;
        if (s->version != TLS_1_3) {
            continue;
        }
        if (type == TLS_FINISHED && side->epoch == TLS_EPOCH_HANDSHAKE) {
            side->epoch = TLS_EPOCH_APPLICATION;
            side->secret.len = 0;
        } else if (type == TLS_KEY_UPDATE && side->secret.len > 0) { /* RFC 8446 7.2 */
            static const struct slice nothing = {NULL, 0};
            tls_hkdf_expand_label(&s->schedule.suite, &side->secret, "traffic upd", nothing,
                                  s->schedule.suite.hash_len, &side->secret);
            tls_schedule_keys(&s->schedule, &side->secret, true, &side->keys);
            side->number = 0;
        }
    }
}

static void add_messages(struct tls_sight *s, struct tls_sight_side *side, struct slice text,
                         bool encrypted)
{
    side->encrypted = encrypted;
    if (!tls_text_add(&side->text, text)) {
        s->lost = true;
        return;
    }
    walk(s, side);
}

static void open_record(struct tls_session *t, struct tls_sight_side *side, bool by_client,
                        const uint8_t header[5], struct slice payload)
{
    struct tls_sight *s = t->sight;
    uint8_t type = 0;
    if (!take_keys(s, side, by_client)) {
        return;
    }
    if (s->version == TLS_1_2 && header[0] != RECORD_HANDSHAKE) {
        side->number++; /* its type is no secret: there is no message in it */
        return;
    }
    s->plain.len = 0;
    if (!text_room(&s->plain, payload.len)) {
        s->lost = true;
        return;
    }
    size_t len = tls_open_record(&s->schedule.suite, &side->keys, side->number, header, payload,
                                 s->plain.data, &type);
    /* What does not open is no record under these keys: early data that was refused, or a forgery. */
    side->number += type != 0 ? 1 : 0;
    if (type == RECORD_HANDSHAKE) {
        add_messages(s, side, (struct slice){s->plain.data, len}, true);
    }
    mbedtls_platform_zeroize(s->plain.data, s->plain.cap);
}

/* Plaintext goes on as it comes, because the events of its messages do not wait for the end of a record either. */
void tls_sight_payload(struct tls_session *t, bool outgoing, struct slice part, bool whole)
{
    const struct tls_lens_side *lens = outgoing ? &t->lens.out : &t->lens.in;
    struct tls_sight *s = t->sight;
    struct tls_sight_side *side = outgoing ? &s->out : &s->in;
    bool by_client = outgoing == t->context->client;
    if (s->lost) {
        return;
    }
    if (lens->header[0] != RECORD_APPLICATION_DATA && !lens->ciphered) {
        if (lens->header[0] == RECORD_HANDSHAKE) {
            add_messages(s, side, part, false);
        }
        return;
    }
    if (whole && side->record.len == 0) {
        open_record(t, side, by_client, lens->header, part);
        return;
    }
    if (!tls_text_add(&side->record, part)) {
        s->lost = true;
        return;
    }
    if (whole) {
        struct slice payload = {side->record.data, side->record.len};
        open_record(t, side, by_client, lens->header, payload);
        side->record.len = 0;
    }
}

/* ---- messages ---- */

static void hand_on(struct tls_session *t, const struct tls_message_view *m)
{
    const struct list *watchers = &t->context->watchers;
    for (struct list *l = watchers->next; l != watchers; l = l->next) {
        struct tls_watcher *w = CONTAINER_OF(l, struct tls_watcher, link);
        if (w->message != NULL) {
            w->message(w->arg, t->conn_id, m);
        }
    }
}

/* RFC 8446 4.1.2, RFC 5246 7.4.1.2: both randoms stand behind the version. */
static void learn(struct tls_sight *s, const struct tls_message_view *m)
{
    struct tls_schedule *d = &s->schedule;
    bool server = m->type == TLS_SERVER_HELLO || m->type == TLS_HELLO_RETRY_REQUEST;
    char unused[8];
    if (m->bytes.len < MESSAGE_HEADER || (!server && m->type != TLS_CLIENT_HELLO)) {
        return;
    }
    struct rd r = rd_slice(m->bytes);
    rd_skip(&r, MESSAGE_HEADER);
    struct slice body = tell_rest(&r);
    rd_skip(&r, 2);
    rd_copy(&r, server ? d->server_random : d->client_random, sizeof(d->client_random));
    if (server) {
        rd_skip(&r, rd_u8(&r));
        s->suite = rd_be16(&r);
        s->version = tell_server_version(body);
        if (!tls_suite_find(s->suite, &d->suite)) {
            d->suite = (struct tls_suite){.hash_len = 0}; /* then there is no schedule */
        }
        d->psk_used = tls_message_find(m, "pre_shared_key", unused, sizeof(unused));
        s->extended = tls_message_find(m, "extended_master_secret", unused, sizeof(unused));
    }
}

static void deliver(struct tls_session *t, bool outgoing, uint8_t type, bool encrypted,
                    struct slice bytes)
{
    struct tls_sight *s = t->sight;
    char verdict[VERDICT_MAX];
    struct tls_message_view m = {
        .outgoing = outgoing,
        .by_client = outgoing == t->context->client,
        .encrypted = encrypted,
        .type = type,
        .bytes = bytes,
    };
    learn(s, &m);
    m.version = s->version;
    m.suite = s->suite;
    m.verdict = tls_sight_verdict(t, &m, verdict, sizeof(verdict));
    hand_on(t, &m);
    tls_sight_transcribe(t, &m, m.by_client);
    tls_sight_advance(t);
}

/* The first message that waits, whole; empty: there is none. */
static struct slice first_message(const struct tls_sight_side *side)
{
    struct rd r = rd_of(side->text.data, side->text.len);
    rd_skip(&r, 1);
    uint32_t len = rd_be24(&r);
    rd_skip(&r, len);
    return r.failed ? (struct slice){NULL, 0}
                    : (struct slice){side->text.data, MESSAGE_HEADER + len};
}

static uint8_t type_of(struct slice message)
{
    struct rd r = rd_slice(message);
    uint8_t type = rd_u8(&r);
    rd_skip(&r, 3);
    return type == TLS_SERVER_HELLO && tell_is_retry(tell_rest(&r)) ? TLS_HELLO_RETRY_REQUEST
                                                                    : type;
}

/* Hands on the first message, and says of what type it was; false: there is none. */
static bool deliver_first(struct tls_session *t, bool outgoing, uint8_t *type)
{
    struct tls_sight_side *side = outgoing ? &t->sight->out : &t->sight->in;
    struct slice message = first_message(side);
    if (message.len == 0) {
        return false;
    }
    *type = type_of(message);
    deliver(t, outgoing, *type, side->encrypted, message);
    side->text.len -= message.len;
    side->walked -= size_min(side->walked, message.len);
    memmove(side->text.data, side->text.data + message.len, side->text.len);
    return true;
}

/* Hands on what waits, up to a message of this type; false: there is none. */
static bool deliver_through(struct tls_session *t, bool outgoing, uint8_t type)
{
    uint8_t got;
    do {
        if (!deliver_first(t, outgoing, &got)) {
            return false;
        }
    } while (got != type);
    return true;
}

void tls_sight_told(struct tls_session *t, bool outgoing, uint8_t type, bool encrypted)
{
    static const uint8_t change[] = {1};
    if (type == TLS_CHANGE_CIPHER_SPEC) {
        t->sight->resumed |= t->sight->version == TLS_1_2 && t->sight->exchange_end == 0;
        deliver(t, outgoing, type, encrypted, (struct slice){change, sizeof(change)});
        return;
    }
    if (!outgoing && !encrypted && !t->context->client && t->sight->version == TLS_1_2) {
        return; /* for tls_sight_step */
    }
    if (!deliver_through(t, outgoing, type)) { /* it could not be read: its event was all */
        deliver(t, outgoing, type, encrypted, (struct slice){NULL, 0});
    }
}

/* Which message of its client a server of TLS 1.2 reads in a state. 0: none. */
static uint8_t read_in(int state)
{
    switch (state) {
    case MBEDTLS_SSL_CLIENT_CERTIFICATE:
        return TLS_CERTIFICATE;
    case MBEDTLS_SSL_CLIENT_KEY_EXCHANGE:
        return TLS_CLIENT_KEY_EXCHANGE;
    case MBEDTLS_SSL_CERTIFICATE_VERIFY:
        return TLS_CERTIFICATE_VERIFY;
    default:
        return 0;
    }
}

void tls_sight_step(struct tls_session *t, int before)
{
    uint8_t type = t->context->client || t->sight->version != TLS_1_2 ? 0 : read_in(before);
    struct slice message = first_message(&t->sight->in);
    if (type != 0 && message.len > 0 && type_of(message) == type) {
        deliver_first(t, false, &type);
    }
}

void tls_sight_secret(struct tls_session *t, enum tls_secret which, struct slice secret)
{
    tls_value_set(&t->sight->schedule.exported[which], secret.data, secret.len);
    tls_sight_advance(t);
}

void tls_sight_end(struct tls_session *t)
{
    uint8_t type;
    t->sight->step_failed = true;
    while (deliver_first(t, false, &type) || deliver_first(t, true, &type)) {
    }
}
