/* Session tickets (RFC 8446 4.6.1, RFC 5077): what a server needs to go on with a session, sealed and left with
 * the client; and what a client keeps of a session to come back to it.
 *
 * A ticket holds the client's certificate, if it has shown one, so that a resumed session knows as well who the
 * client is, and ends when that certificate does. What is refused has a name in drops.def, and leads to a full
 * handshake.
 */
#include <stdlib.h>
#include <string.h>

#include "tls/internal.h"

/* The plaintext: when the full handshake was, the length of the client's certificate, the certificate (DER),
 * mbedTLS' session. */
#define FIXED 10U
#define RENEWED_MAX                                                                                \
    (7 * 86400 * NS_PER_SEC) /* so long after it a session may be resumed on new tickets */

/* Who the client of a session is, whether it says so now or said so before. */
static const struct tls_certificate *client_of(const struct tls_session *t)
{
    if (t->from_ticket != NULL && !t->lens.certificate_seen) {
        return t->from_ticket;
    }
    return t->peer != NULL ? t->peer->got : NULL;
}

static int on_write(void *arg, const mbedtls_ssl_session *session, unsigned char *start,
                    const unsigned char *end, size_t *len, uint32_t *lifetime)
{
    struct tls_context *c = arg;
    const struct tls_certificate *client = client_of(c->stepping);
    struct slice der = {NULL, 0};
    size_t room = (size_t)(end - start), state;
    if (client != NULL) {
        der = (struct slice){client->chain.raw.p, client->chain.raw.len};
    }
    if (der.len > UINT16_MAX || room < TICKET_OVERHEAD + FIXED + der.len) {
        return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
    }
    struct tls_session *t = c->stepping;
    bool renewed = t->proof == PROOF_TICKET && !t->lens.certificate_seen;
    nsec first = renewed ? t->first : t->recorder->now;
    struct wr w = wr_of(start + TICKET_HEAD, room - TICKET_OVERHEAD);
    wr_be64(&w, (uint64_t)first);
    wr_be16(&w, (uint16_t)der.len);
    wr_bytes(&w, der.data, der.len);
    int ret = mbedtls_ssl_session_save(session, start + TICKET_HEAD + wr_len(&w),
                                       room - TICKET_OVERHEAD - wr_len(&w), &state);
    if (ret != 0) {
        return ret;
    }
    *lifetime = (uint32_t)(c->tickets.lifetime / NS_PER_SEC);
    *len = TICKET_OVERHEAD + wr_len(&w) + state;
    return ticket_keys_seal(&c->tickets, t->recorder->now, start, wr_len(&w) + state);
}

static int refuse(const struct tls_session *t, enum drop_reason reason, size_t len)
{
    trace_drop(t->recorder, reason, t->conn_id, len);
    return MBEDTLS_ERR_SSL_INVALID_MAC; /* "is no ticket of mine": mbedTLS goes on to the next identity */
}

/* The client's certificate, as its session had it; false: it has expired since. */
static bool take_client(struct tls_session *t, struct slice der)
{
    tls_certificate_free(t->from_ticket);
    t->from_ticket = NULL;
    if (der.len == 0) {
        return true;
    }
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    if (mbedtls_x509_crt_parse_der_nocopy(&crt, der.data, der.len) == 0 &&
        mbedtls_x509_time_is_past(&crt.valid_to) == 0) {
        t->from_ticket = tls_certificate_seen(&crt);
    }
    mbedtls_x509_crt_free(&crt);
    return t->from_ticket != NULL;
}

static int open_session(struct tls_session *t, mbedtls_ssl_session *session, struct slice plain,
                        size_t len)
{
    struct rd r = rd_slice(plain);
    t->first = (nsec)rd_be64(&r);
    struct slice der = rd_take(&r, rd_be16(&r));
    struct slice state = rd_take(&r, rd_left(&r));
    if (r.failed) {
        return refuse(t, DROP_TLS_TICKET_FORGED, len);
    }
    if (t->recorder->now - t->first > RENEWED_MAX) {
        return refuse(t, DROP_TLS_TICKET_OLD, len);
    }
    if (!take_client(t, der)) {
        return refuse(t, DROP_TLS_TICKET_CLIENT, len);
    }
    int ret = mbedtls_ssl_session_load(session, state.data, state.len);
    if (ret == 0) {
        t->proof = PROOF_TICKET;
    }
    return ret;
}

static int on_parse(void *arg, mbedtls_ssl_session *session, unsigned char *ticket, size_t len)
{
    static const enum drop_reason why[] = {[TICKET_STRANGE] = DROP_TLS_TICKET_STRANGE,
                                           [TICKET_FORGED] = DROP_TLS_TICKET_FORGED,
                                           [TICKET_OLD] = DROP_TLS_TICKET_OLD};
    struct tls_context *c = arg;
    struct tls_session *t = c->stepping;
    struct slice plain;
    nsec issued;
    if (c->psks != NULL &&
        (len < TICKET_OVERHEAD || tls_psks_find(c->psks, (struct slice){ticket, len}) != NULL)) {
        return MBEDTLS_ERR_SSL_INVALID_MAC; /* it cannot be a ticket, and nothing is wrong with it */
    }
    if (len >= TICKET_OVERHEAD) {
        memcpy(t->ticket_id, ticket + TICKET_NAME, REPLAY_ID);
    }
    enum ticket_verdict verdict =
        ticket_keys_open(&c->tickets, t->recorder->now, ticket, len, &plain, &issued);
    return verdict == TICKET_GOOD ? open_session(t, session, plain, len)
                                  : refuse(t, why[verdict], len);
}

void tls_tickets_start(struct tls_context *c, uint32_t lifetime)
{
    static const uint32_t a_day = 86400, a_week = 604800; /* RFC 8446 4.6.1: a week at the most */
    c->tickets.lifetime = (lifetime == 0 ? a_day : u32_min(lifetime, a_week)) * NS_PER_SEC;
    mbedtls_ssl_conf_session_tickets_cb(&c->ssl, on_write, on_parse, c);
}

void tls_ticket_used(struct tls_session *t)
{
    if (t->from_ticket != NULL && t->peer != NULL) {
        tls_certificate_free(t->peer->got);
        t->peer->got = t->from_ticket;
        t->from_ticket = NULL;
    }
}

/* ---- the client's side ---- */

/* "vitrine1", verified or not, the name with its length, mbedTLS' session */
static const char magic[8] = {'v', 'i', 't', 'r', 'i', 'n', 'e', '1'};

static bool is_verified(const struct tls_session *t)
{
    return t->proof == PROOF_TICKET ? t->offered_verified : t->peer->faults == 0;
}

size_t tls_save(const struct tls_session *t, uint8_t *out, size_t cap)
{
    const mbedtls_ssl_session *session = t->ssl->session;
    size_t len, name = strlen(t->sni);
    if (!t->established || session == NULL || session->ticket == NULL ||
        cap < sizeof(magic) + 3 + name) {
        return 0;
    }
    struct wr w = wr_of(out, cap);
    wr_bytes(&w, magic, sizeof(magic));
    wr_u8(&w, is_verified(t));
    wr_be16(&w, (uint16_t)name);
    wr_bytes(&w, t->sni, name);
    if (mbedtls_ssl_session_save(session, out + wr_len(&w), cap - wr_len(&w), &len) != 0) {
        return 0;
    }
    return wr_len(&w) + len;
}

/* RFC 8446 4.6.1: a ticket is not used beyond its lifetime. TLS 1.2 only hints at one. */
static bool is_fresh(const mbedtls_ssl_session *s)
{
    mbedtls_ms_time_t age = mbedtls_ms_time() - s->ticket_reception_time;
    return s->tls_version != MBEDTLS_SSL_VERSION_TLS1_3 ||
           (age >= 0 && age <= (mbedtls_ms_time_t)s->ticket_lifetime * 1000);
}

void tls_offer_free(struct tls_session *t)
{
    if (t->offered != NULL) {
        mbedtls_ssl_session_free(t->offered);
        free(t->offered);
        t->offered = NULL;
        t->offers = false;
    }
}

const char *tls_offer(struct stream *stream, const uint8_t *saved, size_t len)
{
    struct tls_session *t = tls_of_stream(stream);
    struct rd r = rd_of(saved, len);
    struct slice mark = rd_take(&r, sizeof(magic));
    bool verified = rd_u8(&r) != 0;
    struct slice name = rd_take(&r, rd_be16(&r));
    struct slice state = rd_take(&r, rd_left(&r));
    if (r.failed || memcmp(mark.data, magic, sizeof(magic)) != 0) {
        return "it is no saved session";
    }
    if (name.len != strlen(t->sni) || memcmp(name.data, t->sni, name.len) != 0) {
        return "it was with another server";
    }
    if (!verified && t->context->trust_verified) {
        return "its server was not verified";
    }
    tls_offer_free(t);
    t->offered = calloc(1, sizeof(*t->offered));
    if (t->offered == NULL) {
        return "there is no memory for it";
    }
    if (mbedtls_ssl_session_load(t->offered, state.data, state.len) != 0) {
        tls_offer_free(t);
        return "it was saved by another version";
    }
    if (!is_fresh(t->offered)) {
        tls_offer_free(t);
        return "its ticket is too old";
    }
    t->offered_verified = verified;
    t->offers = true;
    return NULL;
}
