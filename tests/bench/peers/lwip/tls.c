/* mbedTLS between a connection of lwIP and HTTP, as lwIP's own altcp_tls has it; see peer.h. */
#include <errno.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <psa/crypto.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "tests/bench/peers/lwip/peer.h"

struct tls {
    mbedtls_ssl_context ssl;
    bool shaken;
};

static mbedtls_ssl_config config;
static mbedtls_x509_crt chain;
static mbedtls_pk_context own_key;
static mbedtls_ssl_ticket_context tickets;

/* What the library's configuration of this project leaves to its user: randomness and the clock. */
static int random_bytes(void *arg, unsigned char *out, size_t len)
{
    (void)arg;
    return getrandom(out, len, 0) == (ssize_t)len ? 0 : -1;
}

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
                                             uint8_t *out, size_t size, size_t *len)
{
    *len = size;
    return random_bytes(context, out, size) == 0 ? PSA_SUCCESS : PSA_ERROR_INSUFFICIENT_ENTROPY;
}

mbedtls_ms_time_t mbedtls_ms_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (mbedtls_ms_time_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void tls_init(const char *certificate, const char *key)
{
    mbedtls_ssl_config_init(&config);
    mbedtls_x509_crt_init(&chain);
    mbedtls_pk_init(&own_key);
    mbedtls_ssl_ticket_init(&tickets);
    if (psa_crypto_init() != PSA_SUCCESS ||
        mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0 ||
        mbedtls_x509_crt_parse_file(&chain, certificate) != 0 ||
        mbedtls_pk_parse_keyfile(&own_key, key, NULL, random_bytes, NULL) != 0 ||
        mbedtls_ssl_conf_own_cert(&config, &chain, &own_key) != 0 ||
        mbedtls_ssl_ticket_setup(&tickets, random_bytes, NULL, MBEDTLS_CIPHER_AES_256_GCM, 86400) !=
            0) {
        errno = EINVAL;
        die("TLS");
    }
    mbedtls_ssl_conf_rng(&config, random_bytes, NULL);
    mbedtls_ssl_conf_session_tickets_cb(&config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                        &tickets);
}

static int bio_send(void *arg, const unsigned char *data, size_t len)
{
    ssize_t n = conn_write_raw(arg, data, len);
    return n < 0 ? MBEDTLS_ERR_SSL_WANT_WRITE : (int)n;
}

static int bio_recv(void *arg, unsigned char *data, size_t len)
{
    ssize_t n = conn_read_raw(arg, data, len);
    return n < 0 ? MBEDTLS_ERR_SSL_WANT_READ : (int)n;
}

struct tls *tls_new(struct conn *c)
{
    struct tls *t = calloc(1, sizeof *t);
    if (t == NULL) {
        die("TLS");
    }
    mbedtls_ssl_init(&t->ssl);
    if (mbedtls_ssl_setup(&t->ssl, &config) != 0) {
        die("TLS");
    }
    mbedtls_ssl_set_bio(&t->ssl, c, bio_send, bio_recv, NULL);
    return t;
}

void tls_free(struct tls *t)
{
    if (t != NULL) {
        mbedtls_ssl_free(&t->ssl);
        free(t);
    }
}

static bool not_now(int result)
{
    return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE;
}

int tls_shake_hands(struct tls *t)
{
    if (!t->shaken) {
        int result = mbedtls_ssl_handshake(&t->ssl);
        if (result != 0) {
            return not_now(result) ? -1 : 0;
        }
        t->shaken = true;
    }
    return 1;
}

ssize_t tls_read(struct tls *t, void *data, size_t len)
{
    int n = mbedtls_ssl_read(&t->ssl, data, len);
    return n > 0 ? n : not_now(n) ? -1 : 0;
}

ssize_t tls_write(struct tls *t, const void *data, size_t len)
{
    int n = mbedtls_ssl_write(&t->ssl, data, len);
    return n > 0 ? n : -1;
}

void tls_bye(struct tls *t)
{
    mbedtls_ssl_close_notify(&t->ssl);
}
