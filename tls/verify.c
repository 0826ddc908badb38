/* A client looks at the server's certificate: its chain to a root, its dates, its name (RFC 5280 6,
 * RFC 9525 6, RFC 8446 4.4.2.4). mbedTLS checks the signatures, the dates and what the keys are for; the name
 * is checked here as well, because only what the subjectAltName says counts, and it may be an address.
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
    {MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE,
     "its key is not for a server"},
    {MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY,
     "its key or hash is too weak"},
};

static void say_faults(struct tls_wanted *w)
{
    size_t n = 0;
    w->fault_text[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(faults) && n < sizeof(w->fault_text); i++) {
        if ((w->faults & faults[i].flag) != 0) {
            n += (size_t)snprintf(w->fault_text + n, sizeof(w->fault_text) - n, "%s%s",
                                  n > 0 ? "; " : "", faults[i].words);
        }
    }
    if (n == 0 && w->faults != 0) {
        snprintf(w->fault_text, sizeof(w->fault_text), "mbedTLS' flags are 0x%x", w->faults);
    }
}

static bool is_made_out_to(const struct tls_certificate *c, const struct tls_session *t)
{
    const struct tls_wanted *w = t->wanted;
    if (w->is_ip) {
        return tls_certificate_has_ip(c, (struct slice){w->ip, sizeof(w->ip)});
    }
    return tls_certificate_matches(c, (struct slice){(const uint8_t *)t->sni, strlen(t->sni)});
}

/* mbedTLS asks for each certificate of the chain, the root first; `depth` 0 is the server's own. */
static int on_certificate(void *arg, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    struct tls_session *t = arg;
    struct tls_wanted *w = t->wanted;
    if (depth == 0) {
        if (w->got != NULL) {
            tls_certificate_free(w->got);
        }
        w->got = tls_certificate_seen(crt);
        t->certificate = w->got;
        if (w->got == NULL) {
            return MBEDTLS_ERR_X509_ALLOC_FAILED;
        }
        *flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
        *flags |= is_made_out_to(w->got, t) ? 0U : (uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    w->faults |= *flags;
    say_faults(w);
    if ((*flags & MBEDTLS_X509_BADCERT_FUTURE) != 0) {
        *flags |= MBEDTLS_X509_BADCERT_EXPIRED; /* RFC 8446 6.2: the same alert for both */
    }
    return 0;
}

void tls_verify_done(struct tls_session *t)
{
    static const uint32_t late = MBEDTLS_X509_BADCERT_KEY_USAGE |
                                 MBEDTLS_X509_BADCERT_EXT_KEY_USAGE | MBEDTLS_X509_BADCERT_MISSING;
    t->wanted->faults |= mbedtls_ssl_get_verify_result(&t->ssl) & late;
    say_faults(t->wanted);
}

int tls_verify_set_up(struct tls_session *t)
{
    struct tls_wanted *w = t->wanted;
    struct ip_addr ip;
    w->is_ip = ip_parse(t->sni, &ip) && ip_is_v4(ip);
    if (w->is_ip) {
        struct wr out = wr_of(w->ip, sizeof(w->ip));
        wr_be32(&out, ip4_value(ip));
    }
    mbedtls_ssl_set_verify(&t->ssl, on_certificate, t);
    /* RFC 6066 3: an address is no server name */
    return mbedtls_ssl_set_hostname(&t->ssl, w->is_ip ? NULL : t->sni);
}

void tls_verify_free(struct tls_wanted *w)
{
    if (w != NULL) {
        if (w->got != NULL) {
            tls_certificate_free(w->got);
        }
        free(w);
    }
}
