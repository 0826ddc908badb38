/* An exchange over TLS; see secure.h. */
#include "apps/explain/secure.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mbedtls/pem.h>
#include <mbedtls/x509_crt.h>

#include "apps/explain/capture.h"
#include "tls/ca.h"

#define LONG_AGO ((int64_t)2 * CA_LEAF_DAYS * 86400) /* seconds: what was issued then has expired */

#define NOON                                                                                       \
    INT64_C(1767268800) /* 2026-01-01 12:00:00 UTC: the time of day of every run that repeats */

/* ---- what TLS takes from outside, in runs that repeat ---- */

static struct random source;

static int draw(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    random_bytes(&source, out, len);
    return 0;
}

static int64_t noon(void)
{
    return NOON;
}

static int64_t noon_milliseconds(void)
{
    return NOON * 1000;
}

static const struct tls_system repeatable = {
    .entropy = draw, .seconds = noon, .milliseconds = noon_milliseconds};

/* ---- certificates ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

/* Changes one bit at the end of a certificate: there the CA's signature lies. */
static bool spoil_signature(const char *file)
{
    mbedtls_x509_crt crt;
    unsigned char pem[8192];
    size_t len;
    mbedtls_x509_crt_init(&crt);
    bool good = mbedtls_x509_crt_parse_file(&crt, file) == 0;
    if (good) {
        crt.raw.p[crt.raw.len - 1] ^= 1U;
        good =
            mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n",
                                     crt.raw.p, crt.raw.len, pem, sizeof pem, &len) == 0;
    }
    mbedtls_x509_crt_free(&crt);
    FILE *f = good ? fopen(file, "we") : NULL;
    if (f == NULL) {
        return false;
    }
    good = fputs((const char *)pem, f) >= 0;
    return fclose(f) == 0 && good;
}

static bool issue(struct secure *s, const char *ca, const char *out, const struct ca_request *r,
                  char *error, size_t size)
{
    char dir[80];
    snprintf(dir, sizeof dir, "%s/%s", s->dir, ca);
    return ca_issue(dir, out, r, error, size);
}

static bool make_certificates(struct secure *s, const struct secure_options *how, char *error,
                              size_t size)
{
    static const char *const name[] = {SECURE_NAME, NULL}, *const other[] = {"other.test", NULL};
    static const char *const alice[] = {"alice", NULL};
    struct ca_request server = {.names = how->flaw == FLAW_NAME ? other : name};
    struct ca_request client = {.names = alice, .client = true};
    const char *issuer = how->flaw == FLAW_CA ? "stranger" : "ca";
    char file[96];
    if (how->flaw == FLAW_EXPIRED) {
        server.now = s->now - LONG_AGO;
    }
    for (unsigned i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/%s", s->dir, i == 0 ? "ca" : "stranger");
        if ((i == 0 || how->flaw == FLAW_CA) && !ca_create(file, error, size)) {
            return false;
        }
    }
    if (!issue(s, issuer, "server", &server, error, size) ||
        (how->mutual && !issue(s, "ca", "client", &client, error, size))) {
        return false;
    }
    snprintf(file, sizeof file, "%s/%s/server.pem", s->dir, issuer);
    if (how->flaw == FLAW_SIGNATURE && !spoil_signature(file)) {
        snprintf(error, size, "%s: it cannot be changed", file);
        return false;
    }
    return true;
}

/* What the two have agreed on before, by a way that this lesson does not show. */
static void agree_on_psk(struct secure *s, const uint8_t seed[32])
{
    struct random random;
    random_init(&random, seed);
    s->psk = (struct tls_psk){.identity = SECURE_IDENTITY, .key_len = 32};
    random_bytes(&random, s->psk.key, s->psk.key_len);
    s->psks = (struct tls_psks){.psk = &s->psk, .count = 1};
}

/* ---- contexts ---- */

static bool add_certificate(struct tls_context *c, const char *dir, const char *ca,
                            const char *name, char *error, size_t size)
{
    char chain[112], key[112];
    snprintf(chain, sizeof chain, "%s/%s/%s.pem", dir, ca, name);
    snprintf(key, sizeof key, "%s/%s/%s.key", dir, ca, name);
    return tls_context_add_certificate(c, chain, key, error, size);
}

static bool make_contexts(struct secure *s, const struct secure_options *how, char *error,
                          size_t size)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct tls_config server = {
        .min_version = how->version,
        .max_version = how->version,
        .alpn = alpn,
        .keylog = s->keylog,
        .trust = how->mutual ? s->trust : NULL,
        .client_auth = how->mutual ? TLS_CLIENT_AUTH_REQUIRED : TLS_CLIENT_AUTH_NONE,
    };
    struct tls_config client = {.client = true, .alpn = alpn, .trust = s->trust};
    if (how->psk) {
        server.psks = &s->psks;
        client.psks = &s->psks;
    }
    const char *issuer = how->flaw == FLAW_CA ? "stranger" : "ca";
    struct tls_context **c = s->x.context;
    c[WORLD_SERVER] = tls_context_new(&server, error, size);
    c[WORLD_CLIENT] = tls_context_new(&client, error, size);
    return c[WORLD_SERVER] != NULL && c[WORLD_CLIENT] != NULL &&
           add_certificate(c[WORLD_SERVER], s->dir, issuer, "server", error, size) &&
           (!how->mutual || add_certificate(c[WORLD_CLIENT], s->dir, "ca", "client", error, size));
}

/* ---- what is kept ---- */

static struct slice keep_bytes(struct doc *d, struct slice s)
{
    return (struct slice){doc_copy(d, s.data, s.len), s.len};
}

static void on_message(void *arg, uint32_t conn, const struct tls_message_view *m)
{
    struct secure_watcher *w = arg;
    struct secure *s = w->secure;
    (void)conn;
    void *grown = array_more(s->messages, s->message_count, &s->message_cap, sizeof *s->messages);
    if (grown == NULL) {
        s->d->failed = true;
        return;
    }
    s->messages = grown;
    struct secure_message *one = &s->messages[s->message_count++];
    *one = (struct secure_message){.end = w->end, .at = s->x.world->now, .view = *m};
    one->view.bytes = keep_bytes(s->d, m->bytes);
    one->view.verdict = doc_keep(s->d, "%s", m->verdict);
}

static void on_step(void *arg, uint32_t conn, const struct tls_step *step)
{
    struct secure_watcher *w = arg;
    struct secure *s = w->secure;
    (void)conn;
    void *grown = array_more(s->steps, s->step_count, &s->step_cap, sizeof *s->steps);
    if (grown == NULL) {
        s->d->failed = true;
        return;
    }
    s->steps = grown;
    struct tls_step *one = &s->steps[s->step_count].step;
    s->steps[s->step_count++].end = w->end;
    *one = *step;
    one->name = doc_keep(s->d, "%s", step->name);
    one->made = doc_keep(s->d, "%s", step->made);
    one->context = keep_bytes(s->d, step->context);
    one->value = keep_bytes(s->d, step->value);
}

static void watch(struct secure *s, bool reveal)
{
    for (unsigned end = 0; end < 2; end++) {
        struct secure_watcher *w = &s->watcher[end];
        *w = (struct secure_watcher){.secure = s, .end = end};
        w->watcher = (struct tls_watcher){
            .message = on_message, .step = on_step, .arg = w, .reveal = reveal};
        tls_context_watch(s->x.context[end], &w->watcher);
    }
}

/* ---- the run ---- */

bool secure_run(struct secure *s, struct doc *d, const struct explain_options *o,
                const struct secure_options *how, char *error, size_t error_size)
{
    *s = (struct secure){.d = d, .x = {.port = SECURE_PORT, .name = SECURE_NAME}};
    s->now = o->repeatable ? NOON : (int64_t)time(NULL);
    random_init(&source, o->seed);
    agree_on_psk(s, o->seed);
    if (o->repeatable && tls_use_system(&repeatable) != 0) {
        snprintf(error, error_size, "no randomness for TLS");
        return false;
    }
    const char *tmp = getenv("TMPDIR");
    snprintf(s->dir, sizeof s->dir, "%s/vitrine-explain-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(s->dir) == NULL) {
        snprintf(error, error_size, "%s: %s", s->dir, strerror(errno));
        s->dir[0] = '\0';
        return false;
    }
    snprintf(s->keylog, sizeof s->keylog, "%s/keys", s->dir);
    snprintf(s->trust, sizeof s->trust, "%s/ca/ca.pem", s->dir);
    if (!make_certificates(s, how, error, error_size) ||
        !make_contexts(s, how, error, error_size)) {
        return false;
    }
    watch(s, o->reveal);
    s->x.world = world_new(o->seed, o->now, how->attack);
    if (s->x.world == NULL || !exchange_run(&s->x)) {
        snprintf(error, error_size, "the two hosts did not get through their connection");
        return false;
    }
    return true;
}

bool secure_write(const struct secure *s, const struct explain_options *o, char *error,
                  size_t error_size)
{
    return capture_keys(o->keylog, s->keylog, error, error_size) &&
           capture_write(o->pcapng, s->x.world, s->keylog, error, error_size);
}

void secure_done(struct secure *s)
{
    for (unsigned end = 0; end < 2; end++) {
        tls_context_free(s->x.context[end]);
    }
    world_free(s->x.world);
    free(s->messages);
    free(s->steps);
    if (s->dir[0] != '\0') {
        nftw(s->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    tls_use_system(&tls_the_system);
}

const struct secure_message *secure_find(const struct secure *s, unsigned end, uint8_t type,
                                         bool by_client)
{
    for (size_t i = 0; i < s->message_count; i++) {
        const struct secure_message *m = &s->messages[i];
        if (m->end == end && m->view.type == type && m->view.by_client == by_client) {
            return m;
        }
    }
    return NULL;
}

const char *secure_field(const struct secure *s, const struct secure_message *m, const char *name)
{
    char value[TLS_FIELD_TEXT];
    if (m == NULL || !tls_message_find(&m->view, name, value, sizeof value)) {
        return "";
    }
    return doc_keep(s->d, "%s", value);
}
