/* Traffic keys: from where they come, and the one place where they change; see traffic.h.
 *
 * In TLS 1.3 each direction has a secret of its own, from which a KeyUpdate makes the next (RFC 8446 7.2). Numbers
 * go on where mbedTLS stopped counting: it has sent tickets under these keys, and in TLS 1.2 both Finished.
 */
#include "tls/traffic.h"

#include <stdlib.h>
#include <string.h>

#include <mbedtls/platform_util.h>

#include "tls/internal.h"

bool tls_taken(const struct tls_session *t)
{
    return t->traffic != NULL && t->traffic->active;
}

static void take_master(struct tls_traffic *a, struct slice secret, const uint8_t *client_random,
                        const uint8_t *server_random)
{
    if (a->master == NULL) {
        a->master = calloc(1, sizeof(*a->master));
    }
    if (a->master != NULL) {
        tls_value_set(&a->master->secret, secret.data, secret.len);
        memcpy(a->master->client_random, client_random, sizeof(a->master->client_random));
        memcpy(a->master->server_random, server_random, sizeof(a->master->server_random));
    }
}

static void drop_master(struct tls_traffic *a)
{
    if (a->master != NULL) {
        mbedtls_platform_zeroize(a->master, sizeof(*a->master));
        free(a->master);
        a->master = NULL;
    }
}

void tls_traffic_secret(struct tls_session *t, int label, struct slice secret,
                        const uint8_t *client_random, const uint8_t *server_random)
{
    bool wanted = label == TLS_SECRET_MASTER || label == TLS_SECRET_CLIENT_TRAFFIC ||
                  label == TLS_SECRET_SERVER_TRAFFIC;
    if (!wanted || t->context->client || t->context->engine == NULL) {
        return;
    }
    if (t->traffic == NULL) {
        t->traffic = calloc(1, sizeof(*t->traffic));
    }
    struct tls_traffic *a = t->traffic;
    if (a == NULL) {
        return; /* then mbedTLS goes on */
    }
    if (label == TLS_SECRET_MASTER) {
        take_master(a, secret, client_random, server_random);
    } else {
        bool in = label == TLS_SECRET_CLIENT_TRAFFIC;
        tls_value_set(in ? &a->secret_in : &a->secret_out, secret.data, secret.len);
    }
}

void tls_traffic_free(struct tls_session *t)
{
    struct tls_traffic *a = t->traffic;
    if (a == NULL) {
        return;
    }
    if (list_linked(&a->awake)) {
        list_remove(&a->awake);
        t->context->awake_count--;
    }
    if (a->text.len > 0) {
        tls_traffic_consume(t, a->text.len);
    }
    free(a->buffer);
    drop_master(a);
    record_done(&a->in);
    record_done(&a->out);
    mbedtls_platform_zeroize(a, sizeof(*a));
    free(a);
    t->traffic = NULL;
}

static uint64_t number_of(const uint8_t counter[8])
{
    struct rd r = rd_of(counter, 8);
    return rd_be64(&r);
}

/* The keys of one direction; `by_client`: of what the client sends. */
static void make_keys(const struct tls_session *t, bool by_client, uint64_t number)
{
    struct tls_traffic *a = t->traffic;
    bool in = by_client != t->context->client;
    struct tls_schedule schedule = {.suite = a->suite};
    struct tls_keys keys;
    const struct tls_value *secret = in ? &a->secret_in : &a->secret_out;
    if (a->master != NULL) {
        secret = &a->master->secret;
        memcpy(schedule.client_random, a->master->client_random, sizeof(schedule.client_random));
        memcpy(schedule.server_random, a->master->server_random, sizeof(schedule.server_random));
    }
    tls_schedule_keys(&schedule, secret, by_client, &keys);
    record_keys(in ? &a->in : &a->out, t->context->engine, &a->suite, &keys, number);
    mbedtls_platform_zeroize(&keys, sizeof(keys));
}

static bool has_secrets(const struct tls_traffic *a)
{
    return a->suite.old ? a->master != NULL : a->secret_in.len > 0 && a->secret_out.len > 0;
}

bool tls_take_over(struct tls_session *t)
{
    struct tls_traffic *a = t->traffic;
    mbedtls_ssl_context *ssl = t->ssl;
    if (a == NULL || a->active || !tls_suite_find(t->lens.suite, &a->suite) || !has_secrets(a)) {
        return true; /* then mbedTLS goes on */
    }
    if (ssl->out_left > 0) {
        int ret = mbedtls_ssl_write(ssl, NULL, 0); /* only that: what waits goes out */
        if (ret != 0 && ret != MBEDTLS_ERR_SSL_WANT_WRITE) {
            tls_fail(t, ret);
        }
        if (ret != 0) {
            return false;
        }
    }
    /* RFC 8446 5.1: no message lies across a change of keys. */
    if (ssl->in_left > 0 || mbedtls_ssl_check_pending(ssl)) {
        tls_refuse(t, MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE);
        return false;
    }
    make_keys(t, true, number_of(ssl->in_ctr));
    make_keys(t, false, number_of(ssl->cur_out_ctr));
    drop_master(a);
    a->alpn = mbedtls_ssl_get_alpn_protocol(ssl);
    a->active = true;
    tls_library_free(t);
    return true;
}

/* RFC 8446 7.2 */
static void next_secret(const struct tls_traffic *a, struct tls_value *secret)
{
    static const struct slice nothing = {NULL, 0};
    tls_hkdf_expand_label(&a->suite, secret, "traffic upd", nothing, a->suite.hash_len, secret);
}

void tls_traffic_update_in(struct tls_session *t)
{
    next_secret(t->traffic, &t->traffic->secret_in);
    t->traffic->updates_in++;
    make_keys(t, !t->context->client, 0);
}

void tls_traffic_update_out(struct tls_session *t)
{
    struct tls_traffic *a = t->traffic;
    const uint8_t message[] = {TLS_KEY_UPDATE, 0, 0, 1, a->update_request};
    if (!a->update_owed || t->ended || t->shut ||
        !tls_traffic_send(t, RECORD_HANDSHAKE, message, sizeof(message))) {
        return;
    }
    a->update_owed = a->update_request = false;
    tls_lens_post_handshake(t, true, TLS_KEY_UPDATE, sizeof(message));
    a->updates_out++;
    next_secret(a, &a->secret_out);
    make_keys(t, t->context->client, 0);
}

bool tls_update_keys(struct stream *s, bool request)
{
    struct tls_session *t = tls_of_stream(s);
    if (!tls_taken(t) || t->ended || t->shut || t->traffic->suite.old) {
        return false;
    }
    t->traffic->update_owed = true;
    t->traffic->update_request |= request;
    tls_traffic_update_out(t);
    return true;
}
