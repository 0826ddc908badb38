/* What the sessions of a server share: versions, suites, groups, certificates, ticket keys, ALPN and
 * the key log.
 *
 * TLS 1.3 and TLS 1.2 (RFC 8446, RFC 5246), only with ephemeral (EC)DH and AEAD suites, also on
 * resumption (psk_dhe_ke, RFC 8446 4.2.9). Tickets are sealed with AES-256-GCM under keys that change
 * once in a ticket's lifetime (RFC 8446 4.6.1, RFC 5077). The key log is NSS': SSLKEYLOGFILE.
 */
#include "tls/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* RFC 8446 9.1 and RFC 9325 4.2: hardware loves AES-128-GCM, so it comes first. */
static const int suites[] = {
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    0,
};

/* RFC 8446 9.1 asks for the first, third and fourth. One per kind of key and version, so that the
 * kind of our key says which one a TLS 1.3 CertificateVerify has. */
static const uint16_t signatures[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_NONE,
};

static uint16_t group_number(const char *name)
{
    static const uint16_t known[] = {29, 23, 24};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(tls_group_name(known[i]), name) == 0) {
            return known[i];
        }
    }
    return 0;
}

static bool set_groups(struct tls_context *c, const char *const *names, char *error, size_t size)
{
    static const char *const usual[] = {"x25519", "secp256r1", "secp384r1", NULL};
    size_t n = 0;
    for (const char *const *name = names != NULL ? names : usual; *name != NULL; name++) {
        uint16_t group = group_number(*name);
        if (group == 0 || n == TLS_GROUPS_MAX) {
            snprintf(error, size, "%s: no such group; there are x25519, secp256r1, secp384r1",
                     *name);
            return false;
        }
        c->groups[n++] = group;
    }
    mbedtls_ssl_conf_groups(&c->ssl, c->groups);
    return true;
}

static bool set_alpn(struct tls_context *c, const char *const *names, char *error, size_t size)
{
    size_t n = 0;
    while (names != NULL && names[n] != NULL) {
        n++;
    }
    if (n == 0) {
        return true;
    }
    c->alpn = calloc(n + 1, sizeof(*c->alpn));
    for (size_t i = 0; c->alpn != NULL && i < n; i++) {
        c->alpn[i] = strdup(names[i]);
        if (c->alpn[i] == NULL) {
            break;
        }
    }
    if (c->alpn == NULL || c->alpn[n - 1] == NULL) {
        snprintf(error, size, "out of memory");
        return false;
    }
    int ret = mbedtls_ssl_conf_alpn_protocols(&c->ssl, (const char **)c->alpn);
    if (ret != 0) {
        tls_error(error, size, "ALPN", ret);
    }
    return ret == 0;
}

static bool set_versions(struct tls_context *c, uint16_t min, uint16_t max, char *error,
                         size_t size)
{
    min = min == 0 ? TLS_1_2 : min;
    max = max == 0 ? TLS_1_3 : max;
    if (min < TLS_1_2 || max > TLS_1_3 || min > max) {
        snprintf(error, size, "TLS versions are 1.2 and 1.3, the lower one first");
        return false;
    }
    mbedtls_ssl_conf_min_tls_version(&c->ssl, (mbedtls_ssl_protocol_version)min);
    mbedtls_ssl_conf_max_tls_version(&c->ssl, (mbedtls_ssl_protocol_version)max);
    return true;
}

/* A server: the client has said an identity, which is no ticket's. */
static int on_psk(void *arg, mbedtls_ssl_context *ssl, const unsigned char *identity, size_t len)
{
    struct tls_context *c = arg;
    struct tls_session *t = c->stepping;
    t->psk = tls_psks_find(c->psks, (struct slice){identity, len});
    if (t->psk == NULL) {
        if (len < TICKET_OVERHEAD) { /* else it has been refused as a ticket */
            trace_drop(t->recorder, DROP_TLS_PSK_UNKNOWN, t->conn_id, len);
        }
        return MBEDTLS_ERR_SSL_UNKNOWN_IDENTITY;
    }
    t->proof = PROOF_PSK;
    return mbedtls_ssl_set_hs_psk(ssl, t->psk->key, t->psk->key_len);
}

static bool set_psks(struct tls_context *c, const struct tls_psks *psks, char *error, size_t size)
{
    if (psks == NULL || psks->count == 0) {
        return true;
    }
    c->psks = psks;
    if (!c->client) {
        mbedtls_ssl_conf_psk_cb(&c->ssl, on_psk, c);
        return true;
    }
    const struct tls_psk *p = &psks->psk[0];
    int ret = mbedtls_ssl_conf_psk(&c->ssl, p->key, p->key_len, (const uint8_t *)p->identity,
                                   strlen(p->identity));
    if (ret != 0) {
        tls_error(error, size, "pre-shared key", ret);
    }
    return ret == 0;
}

static bool open_keylog(struct tls_context *c, const char *file, char *error, size_t size)
{
    if (file == NULL || file[0] == '\0') {
        return true;
    }
    c->keylog_fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (c->keylog_fd < 0) {
        snprintf(error, size, "%s: %s", file, strerror(errno));
    }
    return c->keylog_fd >= 0;
}

/* What a client accepts in the signatures of others: also those of other people's CAs. PKCS #1 before PSS: a server
 * of TLS 1.2 takes the first that it has, and mbedTLS cannot verify PSS there. */
static const uint16_t accepted_signatures[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
    MBEDTLS_TLS1_3_SIG_NONE,
};

static bool set_trust(struct tls_context *c, const struct tls_config *config, char *error,
                      size_t size)
{
    static const char system_roots[] = "/etc/ssl/certs/ca-certificates.crt";
    const char *file = config->trust != NULL ? config->trust : system_roots;
    bool needed = !config->trust_anything || config->trust != NULL; /* else it is the system's */
    bool is_file = tls_file_is_one(file, error, size);
    int ret = is_file ? mbedtls_x509_crt_parse_file(&c->trusted, file) : 0;
    if (!needed) {
        ret = 0;
    } else if (!is_file) {
        return false;
    }
    /* Above 0: so many could not be read. A system's list has some with keys that we do not know. */
    if (ret < 0 || (ret > 0 && c->trusted.raw.p == NULL)) {
        tls_file_error(error, size, file, "certificate",
                       ret < 0 ? ret : MBEDTLS_ERR_X509_INVALID_FORMAT);
        return false;
    }
    mbedtls_ssl_conf_ca_chain(&c->ssl, &c->trusted, NULL);
    return true;
}

static bool set_client(struct tls_context *c, const struct tls_config *config, char *error,
                       size_t size)
{
    c->trust_verified = !config->trust_anything;
    mbedtls_ssl_conf_authmode(&c->ssl, config->trust_anything ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                                              : MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_sig_algs(&c->ssl, accepted_signatures);
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        &c->ssl, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    return set_trust(c, config, error, size);
}

/* mbedTLS shall look at a client's certificate and go on, because what it does about one that is missing
 * would not be what RFC 8446 6.2 asks for: tls_verify_client decides. */
static bool set_client_auth(struct tls_context *c, const struct tls_config *config, char *error,
                            size_t size)
{
    c->client_auth = config->client_auth;
    if (config->client_auth == TLS_CLIENT_AUTH_NONE) {
        mbedtls_ssl_conf_authmode(&c->ssl, MBEDTLS_SSL_VERIFY_NONE);
        return true;
    }
    if (config->trust == NULL) {
        snprintf(error, size, "who asks clients for certificates needs the roots that sign them");
        return false;
    }
    mbedtls_ssl_conf_authmode(&c->ssl, MBEDTLS_SSL_VERIFY_OPTIONAL);
    return set_trust(c, config, error, size);
}

/* After the ClientHello was read, before anything is answered. */
static int on_client_hello(mbedtls_ssl_context *ssl)
{
    struct tls_session *t = mbedtls_ssl_get_user_data_p(ssl);
    struct tls_offer offer;
    /* The message in hand is the ClientHello, header first. A malformed one has not come so far. */
    if (ssl->in_hslen < 4 ||
        !tls_lens_client_hello((struct slice){ssl->in_msg + 4, ssl->in_hslen - 4}, &offer)) {
        return MBEDTLS_ERR_SSL_DECODE_ERROR;
    }
    free(t->sni);
    t->sni = offer.sni.len > 0 ? strndup((const char *)offer.sni.data, offer.sni.len) : NULL;
    for (char *p = t->sni; p != NULL && *p != '\0'; p++) {
        *p = *p > ' ' && *p < 0x7f ? *p : '?';
    }
    struct tls_certificate *chosen = tls_certificate_choose(
        &t->context->certificates, &offer, (uint16_t)mbedtls_ssl_get_version_number(ssl));
    if (chosen == NULL) {
        return MBEDTLS_ERR_SSL_PRIVATE_KEY_REQUIRED;
    }
    t->certificate = chosen;
    if (offer.early_data) {
        tls_early_judge(t);
    }
    /* A second ClientHello, after a HelloRetryRequest, chooses anew. */
    mbedtls_ssl_set_hs_own_cert(ssl, NULL, NULL);
    return mbedtls_ssl_set_hs_own_cert(ssl, &chosen->chain, &chosen->key);
}

static bool set_role(struct tls_context *c, const struct tls_config *config, char *error,
                     size_t size)
{
    if (c->client) {
        return set_client(c, config, error, size);
    }
    mbedtls_ssl_conf_sig_algs(&c->ssl, signatures);
    mbedtls_ssl_conf_cert_cb(&c->ssl, on_client_hello);
    if (!config->no_tickets) {
        tls_tickets_start(c, config->ticket_lifetime);
        if (config->ticket_secret != NULL) {
            ticket_keys_share(&c->tickets, config->ticket_secret);
        }
    }
    return set_client_auth(c, config, error, size);
}

static bool configure(struct tls_context *c, const struct tls_config *config, char *error,
                      size_t size)
{
    int endpoint = config->client ? MBEDTLS_SSL_IS_CLIENT : MBEDTLS_SSL_IS_SERVER;
    int ret = tls_rng_start();
    if (ret == 0) {
        ret = mbedtls_ssl_config_defaults(&c->ssl, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT);
    }
    if (ret != 0) {
        tls_error(error, size, "mbedTLS", ret);
        return false;
    }
    mbedtls_ssl_conf_rng(&c->ssl, tls_rng, NULL);
    mbedtls_ssl_conf_ciphersuites(&c->ssl, suites);
    mbedtls_ssl_conf_tls13_key_exchange_modes(&c->ssl,
                                              MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL);
    if (!tls_early_start(c, config->early_data)) {
        snprintf(error, size, "out of memory");
        return false;
    }
    return set_role(c, config, error, size) && set_psks(c, config->psks, error, size) &&
           set_versions(c, config->min_version, config->max_version, error, size) &&
           set_groups(c, config->groups, error, size) && set_alpn(c, config->alpn, error, size) &&
           open_keylog(c, config->keylog, error, size);
}

struct tls_context *tls_context_new(const struct tls_config *config, char *error, size_t error_size)
{
    struct tls_context *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    c->client = config->client;
    c->keylog_fd = -1;
    c->key_line = config->key_line;
    c->key_arg = config->key_arg;
    list_init(&c->certificates);
    list_init(&c->lingering);
    list_init(&c->watchers);
    list_init(&c->awake);
    c->engine = config->library_records ? NULL : config->engine;
    c->key_records = config->key_records;
    c->arithmetic = config->engine != NULL ? config->engine->arithmetic : NULL;
    mbedtls_ssl_config_init(&c->ssl);
    ticket_keys_init(&c->tickets, 0, tls_rng);
    mbedtls_x509_crt_init(&c->trusted);
    if (!configure(c, config, error, error_size)) {
        tls_context_free(c);
        return NULL;
    }
    return c;
}

void tls_context_free(struct tls_context *c)
{
    if (c == NULL) {
        return;
    }
    tls_linger_abort_all(c);
    tls_records_done(c);
    struct list *l;
    while ((l = list_pop_front(&c->certificates)) != NULL) {
        tls_certificate_free(CONTAINER_OF(l, struct tls_certificate, link));
    }
    mbedtls_ssl_config_free(&c->ssl);
    ticket_keys_done(&c->tickets);
    free(c->guard);
    mbedtls_x509_crt_free(&c->trusted);
    for (char **p = c->alpn; p != NULL && *p != NULL; p++) {
        free(*p);
    }
    free(c->alpn);
    if (c->keylog_fd >= 0) {
        close(c->keylog_fd);
    }
    free(c);
}

bool tls_context_add_certificate(struct tls_context *c, const char *chain_file,
                                 const char *key_file, char *error, size_t error_size)
{
    struct tls_certificate *new = tls_certificate_load(chain_file, key_file, error, error_size);
    if (new == NULL) {
        return false;
    }
    list_push_back(&c->certificates, &new->link);
    if (c->client && c->certificates.next == &new->link) {
        int ret = mbedtls_ssl_conf_own_cert(&c->ssl, &new->chain, &new->key);
        if (ret != 0) {
            tls_error(error, error_size, chain_file, ret);
        }
        return ret == 0;
    }
    return true;
}

void tls_context_watch(struct tls_context *c, struct tls_watcher *w)
{
    list_push_back(&c->watchers, &w->link);
    mbedtls_ssl_conf_dbg(&c->ssl, tls_overhear, c);
}

static size_t put_hex(char *out, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    return 2 * len;
}

void tls_keylog_line(struct tls_context *c, const char *label, const uint8_t random[32],
                     const uint8_t *secret, size_t secret_len)
{
    char line[256]; /* the longest: 31 of label, 64 and 96 of hex, two spaces and the end of line */
    size_t n = strlen(label);
    bool wanted = c->keylog_fd >= 0 || c->key_line != NULL;
    if (!wanted || n + 2 * 32 + 2 * secret_len + 3 > sizeof(line)) {
        return;
    }
    memcpy(line, label, n);
    line[n++] = ' ';
    n += put_hex(line + n, random, 32);
    line[n++] = ' ';
    n += put_hex(line + n, secret, secret_len);
    line[n++] = '\n';
    if (c->key_line != NULL) {
        c->key_line(c->key_arg, line, n);
    }
    if (c->keylog_fd < 0) {
        return;
    }
    /* One write per line keeps the lines of several processes whole. A full disk must not end a session: who has
     * asked for the lines is told at the end. */
    ssize_t written = write(c->keylog_fd, line, n);
    if (written != (ssize_t)n && c->keylog_error == 0) {
        c->keylog_error = written < 0 ? errno : ENOSPC;
    }
}

int tls_context_keylog_error(const struct tls_context *c)
{
    return c->keylog_error;
}
