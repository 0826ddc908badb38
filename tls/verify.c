/* Looking at the other side's certificate: its chain to a root, its dates, its purpose, and of a server its
 * name (RFC 5280 6, RFC 9525 6, RFC 8446 4.4.2.4). mbedTLS checks the signatures, the dates and what the
 * keys are for; the name is checked here as well, because only what the subjectAltName says counts, and it may be an
 * address. What a bad or missing certificate of a client means is decided here (RFC 8446 6.2).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/addr.h"
#include "tls/internal.h"

static const struct {
    uint32_t flag;
    const char *words;
} faults[] = {
    {MBEDTLS_X509_BADCERT_EXPIRED, "it has expired"},
    {MBEDTLS_X509_BADCERT_FUTURE, "it is not valid yet"},
    {MBEDTLS_X509_BADCERT_CN_MISMATCH, "it is made out to another name"},
    {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "no trusted root has signed it"},
    {MBEDTLS_X509_BADCERT_REVOKED, "it is revoked"},
    {MBEDTLS_X509_BADCERT_MISSING, "there is none"},
    {MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY,
     "its key or hash is too weak"},
};

#define FOR_ELSE ((uint32_t)(MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE))

const char *tls_faults_text(uint32_t flags, bool client, char out[TLS_FAULTS_TEXT_MAX])
{
    size_t n = 0;
    const char *usage = client ? "its key is not for a client" : "its key is not for a server";
    out[0] = '\0';
    for (size_t i = 0; i <= COUNT_OF(faults) && n < TLS_FAULTS_TEXT_MAX; i++) {
        bool last = i == COUNT_OF(faults);
        if ((flags & (last ? FOR_ELSE : faults[i].flag)) != 0) {
            n += (size_t)snprintf(out + n, TLS_FAULTS_TEXT_MAX - n, "%s%s", n > 0 ? "; " : "",
                                  last ? usage : faults[i].words);
        }
    }
    if (n == 0 && flags != 0) {
        snprintf(out, TLS_FAULTS_TEXT_MAX, "mbedTLS' flags are 0x%x", flags);
    }
    return out;
}

static void say_faults(struct tls_session *t)
{
    tls_faults_text(t->peer->faults, !t->context->client, t->peer->fault_text);
}

static bool is_made_out_to(const struct tls_certificate *c, const struct tls_session *t)
{
    const struct tls_peer *p = t->peer;
    if (p->is_ip) {
        return tls_certificate_has_ip(c, (struct slice){p->ip, sizeof(p->ip)});
    }
    return tls_certificate_matches(c, (struct slice){(const uint8_t *)t->sni, strlen(t->sni)});
}

/* A client's own look at the server's name. */
static void check_name(struct tls_session *t, uint32_t *flags)
{
    t->certificate = t->peer->got;
    *flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
    *flags |= is_made_out_to(t->peer->got, t) ? 0U : (uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
}

/* mbedTLS asks for each certificate of the chain, the root first; `depth` 0 is the other side's own. */
static int on_certificate(void *arg, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    struct tls_session *t = arg;
    struct tls_peer *p = t->peer;
    if (depth == 0) {
        tls_certificate_free(p->got);
        p->got = tls_certificate_seen(crt);
        if (p->got == NULL) {
            return MBEDTLS_ERR_X509_ALLOC_FAILED;
        }
        if (t->context->client) {
            check_name(t, flags);
        }
    }
    p->faults |= *flags;
    say_faults(t);
    if ((*flags & MBEDTLS_X509_BADCERT_FUTURE) != 0) {
        *flags |= MBEDTLS_X509_BADCERT_EXPIRED; /* RFC 8446 6.2: the same alert for both */
    }
    return 0;
}

void tls_verify_done(struct tls_session *t)
{
    static const uint32_t late =
        FOR_ELSE | MBEDTLS_X509_BADCERT_MISSING | MBEDTLS_X509_BADCERT_BAD_KEY;
    t->peer->faults |= mbedtls_ssl_get_verify_result(t->ssl) & late;
    say_faults(t);
}

/* RFC 8446 6.2, RFC 5246 7.2.2: one alert for all that is wrong. 0: nothing is. */
static uint8_t alert_for_client(uint32_t wrong, bool optional, bool modern)
{
    static const uint32_t unsuited = FOR_ELSE | MBEDTLS_X509_BADCERT_BAD_MD |
                                     MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY;
    static const uint32_t dates = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE;
    if (wrong == 0) {
        return 0;
    }
    if ((wrong & MBEDTLS_X509_BADCERT_MISSING) != 0) {
        uint8_t required =
            modern ? MBEDTLS_SSL_ALERT_MSG_CERT_REQUIRED : MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE;
        return optional ? 0 : required;
    }
    if ((wrong & unsuited) != 0) {
        return MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT;
    }
    if ((wrong & dates) != 0) {
        return MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED;
    }
    return (wrong & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0 ? MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA
                                                           : MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN;
}

static void tell_client(const struct tls_session *t)
{
    struct ev_tls_client told = {.faults = t->peer->faults};
    const char *subject = t->peer->got != NULL ? t->peer->got->subject : "";
    memcpy(told.subject, subject, size_min(strlen(subject), sizeof(told.subject) - 1));
    struct event *e = recorder_next(t->recorder, t->conn_id, EV_tls_client);
    e->u.tls_client = told;
    TRACE_PROBE(tls_client, t->conn_id, e);
    if (t->recorder->listening) {
        recorder_tell(t->recorder, e);
    }
}

uint8_t tls_verify_client(struct tls_session *t)
{
    tls_verify_done(t);
    tell_client(t);
    return alert_for_client(t->peer->faults, t->context->client_auth == TLS_CLIENT_AUTH_OPTIONAL,
                            t->lens.version == TLS_1_3);
}

/* Whom a client wants. */
static int want(struct tls_session *t)
{
    struct tls_peer *p = t->peer;
    struct ip_addr ip;
    p->is_ip = ip_parse(t->sni, &ip) && ip_is_v4(ip);
    if (p->is_ip) {
        struct wr out = wr_of(p->ip, sizeof(p->ip));
        wr_be32(&out, ip4_value(ip));
    }
    /* RFC 6066 3: an address is no server name */
    return mbedtls_ssl_set_hostname(t->ssl, p->is_ip ? NULL : t->sni);
}

int tls_verify_set_up(struct tls_session *t)
{
    if (!t->context->client && t->context->client_auth == TLS_CLIENT_AUTH_NONE) {
        return 0;
    }
    if (t->peer == NULL) {
        t->peer = calloc(1, sizeof(*t->peer));
    }
    if (t->peer == NULL) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    mbedtls_ssl_set_verify(t->ssl, on_certificate, t);
    return t->context->client ? want(t) : 0;
}

void tls_verify_free(struct tls_peer *p)
{
    if (p != NULL) {
        tls_certificate_free(p->got);
        free(p);
    }
}
