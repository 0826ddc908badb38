/* A session under watch: its transcript (RFC 8446 4.4.1), when a step of the key schedule can be made, and what is
 * to be said of a message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/internal.h"

static const struct slice nothing = {NULL, 0};

static struct slice up_to(const struct tls_sight *s, size_t end)
{
    return (struct slice){s->transcript.data, end};
}

static void hash_up_to(const struct tls_sight *s, size_t end, struct tls_value *out)
{
    tls_hash(&s->schedule.suite, up_to(s, end), out);
}

/* ---- the transcript ---- */

/* RFC 8446 4.4.1: before a HelloRetryRequest the first ClientHello is replaced by a message that has its hash. */
static void put_message_hash(struct tls_sight *s)
{
    struct tls_value hash;
    uint8_t header[4] = {254, 0, 0, s->schedule.suite.hash_len};
    hash_up_to(s, s->transcript.len, &hash);
    s->transcript.len = 0;
    s->lost |= !tls_text_add(&s->transcript, (struct slice){header, sizeof(header)}) ||
               !tls_text_add(&s->transcript, tls_value_slice(&hash));
}

static bool belongs(const struct tls_sight *s, uint8_t type)
{
    if (type == TLS_CHANGE_CIPHER_SPEC || type == TLS_HELLO_REQUEST || type == TLS_KEY_UPDATE) {
        return false;
    }
    return type != TLS_NEW_SESSION_TICKET || s->version == TLS_1_2;
}

static void mark(struct tls_sight *s, uint8_t type, bool by_client, size_t start)
{
    size_t end = s->transcript.len;
    switch (type) {
    case TLS_CLIENT_HELLO:
        s->offer_start = start;
        s->offer_end = end;
        break;
    case TLS_SERVER_HELLO:
        s->hello_end = end;
        break;
    case TLS_CLIENT_KEY_EXCHANGE:
        s->exchange_end = end;
        break;
    case TLS_FINISHED:
        *(by_client ? &s->client_end : &s->server_end) = end;
        break;
    default:
        break;
    }
}

/* RFC 8446 4.6.1: behind lifetime and age_add stands the nonce. */
static void see_ticket(struct tls_sight *s, struct slice bytes)
{
    struct rd r = rd_slice(bytes);
    rd_skip(&r, 4 + 8);
    struct slice nonce = rd_take(&r, rd_u8(&r));
    if (!r.failed && s->resumption_made) {
        tls_schedule_ticket(&s->schedule, nonce);
    }
}

void tls_sight_transcribe(struct tls_session *t, const struct tls_message_view *m, bool by_client)
{
    struct tls_sight *s = t->sight;
    if (m->type == TLS_NEW_SESSION_TICKET && s->version == TLS_1_3) {
        see_ticket(s, m->bytes);
    }
    if (!belongs(s, m->type) || s->resumption_made || s->lost) {
        return;
    }
    if (m->bytes.len == 0) {
        s->lost = true;
        return;
    }
    if (m->type == TLS_HELLO_RETRY_REQUEST) {
        put_message_hash(s);
    }
    size_t start = s->transcript.len;
    s->lost |= !tls_text_add(&s->transcript, m->bytes);
    mark(s, m->type, by_client, start);
}

/* ---- the schedule ---- */

static bool has(const struct tls_sight *s, enum tls_secret a, enum tls_secret b)
{
    return s->schedule.exported[a].len > 0 && s->schedule.exported[b].len > 0;
}

/* The key that the server took: one from outside, or that of the ticket, as the library has it. */
static void take_psk(struct tls_session *t)
{
    struct tls_schedule *d = &t->sight->schedule;
    const mbedtls_ssl_session *session = t->ssl->session_negotiate;
    bool ticket = t->context->client ? t->offers && t->lens.psk_index == 0 : t->proof != PROOF_PSK;
    const struct tls_psk *outside = t->psk;
    if (t->context->client) {
        outside = t->context->psks != NULL ? &t->context->psks->psk[0] : NULL;
    }
    if (!ticket && outside != NULL) {
        d->psk_external = true;
        tls_value_set(&d->psk, outside->key, outside->key_len);
    } else if (ticket && session != NULL && session->resumption_key_len > 0) {
        tls_value_set(&d->psk, session->resumption_key, session->resumption_key_len);
    }
}

struct binders {
    unsigned index; /* of the one that is looked for */
    unsigned seen;
    struct slice first, found;
};

static void on_binder(void *arg, const struct tls_field *f)
{
    struct binders *b = arg;
    if (strcmp(f->name, "binder") != 0) {
        return;
    }
    b->first = b->seen == 0 ? f->bytes : b->first;
    b->found = b->seen == b->index ? f->bytes : b->found;
    b->seen++;
}

/* RFC 8446 4.2.11.2: the binder of that key, and the transcript up to the list of binders, which ends the ClientHello. */
static void take_binder(struct tls_session *t)
{
    struct tls_sight *s = t->sight;
    struct binders b = {.index = t->lens.psk_index};
    struct tls_message_view offer = {
        .type = TLS_CLIENT_HELLO,
        .bytes = {s->transcript.data + s->offer_start, s->offer_end - s->offer_start},
        .verdict = "",
    };
    tls_message_fields(&offer, on_binder, &b);
    if (b.found.len == 0) {
        return;
    }
    size_t end = (size_t)(b.first.data - s->transcript.data) - 2 - 1; /* both lengths before it */
    tls_value_set(&s->schedule.binder, b.found.data, b.found.len);
    hash_up_to(s, end, &s->schedule.binder_hash);
}

static void advance_1_3(struct tls_session *t)
{
    struct tls_sight *s = t->sight;
    struct tls_value hash;
    if (!s->handshake_made && s->hello_end > 0 &&
        has(s, TLS_SECRET_CLIENT_HANDSHAKE, TLS_SECRET_SERVER_HANDSHAKE)) {
        s->handshake_made = true;
        if (s->schedule.psk_used) {
            take_psk(t);
            take_binder(t);
        }
        hash_up_to(s, s->hello_end, &hash);
        tls_schedule_handshake(&s->schedule, tls_value_slice(&hash));
    }
    if (!s->application_made && s->handshake_made && s->server_end > 0 &&
        has(s, TLS_SECRET_CLIENT_TRAFFIC, TLS_SECRET_SERVER_TRAFFIC)) {
        s->application_made = true;
        hash_up_to(s, s->server_end, &hash);
        tls_schedule_application(&s->schedule, tls_value_slice(&hash));
    }
    if (!s->resumption_made && s->application_made && s->client_end > 0) {
        s->resumption_made = true;
        hash_up_to(s, s->client_end, &hash);
        tls_schedule_resumption(&s->schedule, tls_value_slice(&hash));
        s->transcript.len = 0;
    }
}

static void advance_1_2(struct tls_sight *s)
{
    struct tls_value hash = {.len = 0};
    if (s->handshake_made || s->schedule.exported[TLS_SECRET_MASTER].len == 0 ||
        (s->exchange_end == 0 && !s->resumed)) {
        return;
    }
    s->handshake_made = true;
    if (s->extended && !s->resumed) { /* RFC 7627 3 */
        hash_up_to(s, s->exchange_end, &hash);
    }
    tls_schedule_1_2(&s->schedule, hash.len > 0 ? tls_value_slice(&hash) : nothing, s->resumed);
}

void tls_sight_advance(struct tls_session *t)
{
    struct tls_sight *s = t->sight;
    if (s->lost || s->schedule.suite.hash_len == 0) {
        return;
    }
    if (s->version == TLS_1_3) {
        advance_1_3(t);
    } else {
        advance_1_2(s);
    }
}

/* ---- verdicts ---- */

static const char *verdict_on_finished(const struct tls_sight *s, const struct tls_message_view *m)
{
    struct tls_value hash, expected;
    if (s->lost || !s->handshake_made || m->bytes.len < 4) {
        return "";
    }
    hash_up_to(s, s->transcript.len, &hash);
    tls_schedule_finished(&s->schedule, m->by_client, tls_value_slice(&hash), &expected);
    struct rd r = rd_slice(m->bytes);
    rd_skip(&r, 4);
    struct slice data = rd_take(&r, rd_left(&r));
    bool same = data.len == expected.len && expected.len > 0 &&
                memcmp(data.data, expected.data, data.len) == 0;
    if (!same) {
        return "bad: verify_data is not what our own derivation gives";
    }
    return s->schedule.suite.old
               ? "good: verify_data is PRF(master_secret, finished_label, Hash(handshake_messages))"
               : "good: verify_data is HMAC(finished_key, Transcript-Hash)";
}

static const char *verdict_on_certificate(struct tls_session *t, char *out, size_t size)
{
    if (t->peer == NULL) {
        return "";
    }
    tls_verify_done(t);
    const char *fault = t->peer->fault_text;
    snprintf(out, size, "%s%s", fault[0] != '\0' ? "bad: " : "", fault);
    if (fault[0] == '\0') {
        snprintf(out, size, "good: signed by a trusted root, valid now, for this purpose%s",
                 t->context->client ? " and this name" : "");
    }
    return out;
}

const char *tls_sight_verdict(struct tls_session *t, const struct tls_message_view *m, char *out,
                              size_t size)
{
    switch (m->type) {
    case TLS_FINISHED:
        return verdict_on_finished(t->sight, m);
    case TLS_CERTIFICATE:
        return m->outgoing ? "" : verdict_on_certificate(t, out, size);
    case TLS_CERTIFICATE_VERIFY:
    case TLS_SERVER_KEY_EXCHANGE:
        if (m->outgoing) {
            return "";
        }
        return t->sight->step_failed ? "bad: the signature was not accepted"
                                     : "good: the signature is by the certificate's key";
    default:
        return "";
    }
}
