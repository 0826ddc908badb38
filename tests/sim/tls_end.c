/* A TLS client as a stream, and everything that TLS needs to be the same at every run.
 *
 * The client holds one decrypted piece and one piece to encrypt; mbedTLS writes into room that was
 * reserved in the lower stream. `closed` and `peer_closed` come as from any stream.
 */
#include "tests/sim/tls_end.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mbedtls/platform_time.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "stack/base/random.h"
#include "tls/ca.h"
#include "tls/tls.h"

#define NOON INT64_C(1767268800) /* 2026-01-01 12:00:00 UTC: what the clock says in every world */
#define PLAIN 16383U             /* bytes of one piece, either way */

/* ---- randomness and the clock ---- */

static bool replaced; /* a world runs, or certificates are made for it */
static struct random source;

static void replace(uint64_t seed)
{
    uint8_t bytes[32] = {0};
    memcpy(bytes, &seed, sizeof seed);
    random_init(&source, bytes);
    replaced = true;
}

/* Names that the linker gives to what it wraps. NOLINTBEGIN(bugprone-reserved-identifier,cert-*) */
int __wrap_mbedtls_ctr_drbg_random(void *drbg, unsigned char *out, size_t len);
int __real_mbedtls_ctr_drbg_random(void *drbg, unsigned char *out, size_t len);
mbedtls_ms_time_t __wrap_mbedtls_ms_time(void);
mbedtls_ms_time_t __real_mbedtls_ms_time(void);
time_t __wrap_time(time_t *out);
time_t __real_time(time_t *out);

int __wrap_mbedtls_ctr_drbg_random(void *drbg, unsigned char *out, size_t len)
{
    if (!replaced) {
        return __real_mbedtls_ctr_drbg_random(drbg, out, len);
    }
    random_bytes(&source, out, len);
    return 0;
}

mbedtls_ms_time_t __wrap_mbedtls_ms_time(void)
{
    return replaced ? NOON * 1000 : __real_mbedtls_ms_time();
}

time_t __wrap_time(time_t *out)
{
    if (!replaced) {
        return __real_time(out);
    }
    if (out != NULL) {
        *out = NOON;
    }
    return NOON;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-*) */

/* ---- what all worlds share: certificates, and what the ends say about themselves ---- */

static struct tls_context *server_context;
static mbedtls_ssl_config client_config;
static mbedtls_x509_crt trusted;
static bool ready;

static int client_random(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    random_bytes(&source, out, len);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static bool client_prepare(const char *ca)
{
    mbedtls_ssl_config_init(&client_config);
    mbedtls_x509_crt_init(&trusted);
    if (mbedtls_x509_crt_parse_file(&trusted, ca) != 0 ||
        mbedtls_ssl_config_defaults(&client_config, MBEDTLS_SSL_IS_CLIENT,
                                    MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
        return false;
    }
    mbedtls_ssl_conf_rng(&client_config, client_random, NULL);
    mbedtls_ssl_conf_ca_chain(&client_config, &trusted, NULL);
    mbedtls_ssl_conf_authmode(&client_config, MBEDTLS_SSL_VERIFY_REQUIRED);
    return true;
}

static bool prepare_in(const char *dir)
{
    static const char *const names[] = {"vitrine.test", NULL};
    struct ca_request request = {.names = names, .key = CA_KEY_EC, .now = NOON};
    struct tls_config config = {.no_tickets = true};
    char error[256] = "";
    char path[3][80];
    snprintf(path[0], sizeof path[0], "%s/ca.pem", dir);
    snprintf(path[1], sizeof path[1], "%s/server.pem", dir);
    snprintf(path[2], sizeof path[2], "%s/server.key", dir);
    bool good = ca_create(dir, error, sizeof error) &&
                ca_issue(dir, "server", &request, error, sizeof error) && client_prepare(path[0]);
    server_context = good ? tls_context_new(&config, error, sizeof error) : NULL;
    good = server_context != NULL &&
           tls_context_add_certificate(server_context, path[1], path[2], error, sizeof error);
    if (!good) {
        fprintf(stderr, "sim: no certificates for TLS: %s\n", error);
    }
    return good;
}

/* Once in a process, at the first flow with TLS; the same keys every time. */
static bool prepare(void)
{
    if (ready) {
        return true;
    }
    struct random worlds = source;
    replace(0);
    char dir[] = "/tmp/vitrine-sim-XXXXXX";
    ready = mkdtemp(dir) != NULL && prepare_in(dir);
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    source = worlds;
    return ready;
}

void sim_tls_begin(uint64_t seed)
{
    replace(seed);
}

void sim_tls_end(void)
{
    if (ready) {
        tls_context_sweep(server_context, NEVER);
    }
    replaced = false;
}

struct stream *sim_tls_server(struct stream *lower, struct recorder *recorder, uint32_t conn,
                              const struct stream_events *events, void *app)
{
    return prepare() ? tls_server(server_context, lower, recorder, conn, events, app) : NULL;
}

/* ---- the client ---- */

struct client {
    struct stream stream; /* first, so that a stream of ours is a client */
    struct stream *lower; /* NULL: gone */
    mbedtls_ssl_context ssl;
    uint8_t in[PLAIN], out[PLAIN];
    size_t in_from, in_len; /* decrypted and not consumed */
    size_t out_len;         /* committed and not encrypted yet */
    bool opened, wants_write;
    bool shut;            /* the application writes no more */
    bool notified;        /* close_notify and our FIN are in the lower stream */
    bool ended, told_end; /* the peer's close_notify came; the application was told */
    bool failed;
};

static struct client *client_of(struct stream *s)
{
    return CONTAINER_OF(s, struct client, stream);
}

/* mbedtls_ssl_send_t */
static int lower_send(void *arg, const unsigned char *data, size_t len)
{
    struct client *c = arg;
    size_t room;
    uint8_t *to = c->lower == NULL ? NULL : stream_reserve(c->lower, 1, &room);
    if (to == NULL) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    size_t n = size_min(room, len);
    memcpy(to, data, n);
    stream_commit(c->lower, n);
    return (int)n;
}

/* mbedtls_ssl_recv_t */
static int lower_receive(void *arg, unsigned char *out, size_t len)
{
    struct client *c = arg;
    struct slice s = {0};
    if (c->lower != NULL) {
        s = stream_peek(c->lower);
    }
    if (s.len == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size_t n = size_min(s.len, len);
    memcpy(out, s.data, n);
    stream_consume(c->lower, n);
    return (int)n;
}

static bool is_wait(int ret)
{
    return ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* Encrypts what was committed. True: all of it is in the lower stream. */
static bool push(struct client *c)
{
    while (c->out_len > 0) {
        int ret = mbedtls_ssl_write(&c->ssl, c->out, c->out_len);
        if (ret <= 0) {
            c->failed = c->failed || !is_wait(ret);
            return false;
        }
        c->out_len -= (size_t)ret;
        memmove(c->out, c->out + ret, c->out_len);
    }
    if (c->shut && !c->notified) {
        int ret = mbedtls_ssl_close_notify(&c->ssl);
        if (ret != 0) {
            return false;
        }
        c->notified = true;
        stream_shutdown(c->lower);
    }
    return true;
}

/* Decrypts the next piece. True: there is one. mbedTLS may say that it wants more although the lower
 * stream has some. */
static bool pull(struct client *c)
{
    while (c->in_len == 0 && !c->ended && !c->failed && c->out_len == 0) {
        bool starved = c->lower == NULL || stream_peek(c->lower).len == 0;
        int ret = mbedtls_ssl_read(&c->ssl, c->in, sizeof c->in);
        if (ret > 0) {
            c->in_from = 0;
            c->in_len = (size_t)ret;
        } else if (ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            c->ended = true;
        } else if (!is_wait(ret) && ret != MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            c->failed = true;
        } else if (starved) {
            break;
        }
    }
    return c->in_len > 0;
}

static bool handshake(struct client *c)
{
    int ret = mbedtls_ssl_handshake(&c->ssl);
    if (ret != 0) {
        c->failed = !is_wait(ret);
        return false;
    }
    c->opened = true;
    c->stream.events->opened(&c->stream);
    return true;
}

/* Opens piece after piece, for as long as the application takes them whole. */
static void read_on(struct client *c)
{
    bool taken = true;
    while (taken && pull(c)) {
        c->stream.events->readable(&c->stream);
        taken = c->in_len == 0;
    }
}

/* Tells the application what there is to tell. */
static void work(struct stream *lower)
{
    struct client *c = lower->app;
    if (c->opened || handshake(c)) {
        push(c);
        read_on(c);
    }
    if (c->wants_write && c->opened && push(c)) {
        c->wants_write = false;
        c->stream.events->writable(&c->stream);
    }
    if (c->ended && c->in_len == 0 && !c->told_end) {
        c->told_end = true;
        c->stream.events->peer_closed(&c->stream);
    }
    if (c->failed) {
        stream_shutdown(c->lower);
    }
}

void sim_tls_client_run(struct stream *s)
{
    struct client *c = CONTAINER_OF(s, struct client, stream);
    work(c->lower);
}

static void client_free(struct client *c)
{
    mbedtls_ssl_free(&c->ssl);
    free(c);
}

static void on_lower_closed(struct stream *lower, enum close_reason reason)
{
    struct client *c = lower->app;
    c->lower = NULL;
    if (c->failed) {
        reason = CLOSE_TLS_FAILED;
    } else if (reason == CLOSE_NORMAL && !c->ended) {
        reason = CLOSE_TRUNCATED;
    }
    if (c->ended && !c->told_end) {
        c->stream.events->peer_closed(&c->stream);
    }
    c->stream.events->closed(&c->stream, reason);
    client_free(c);
}

static const struct stream_events lower_events = {
    .opened = work,
    .readable = work,
    .writable = work,
    .peer_closed = work,
    .closed = on_lower_closed,
};

static struct slice client_peek(struct stream *s)
{
    const struct client *c = client_of(s);
    return (struct slice){c->in + c->in_from, c->in_len};
}

static void client_consume(struct stream *s, size_t n)
{
    struct client *c = client_of(s);
    c->in_from += n;
    c->in_len -= n;
}

static uint8_t *client_reserve(struct stream *s, size_t min, size_t *room)
{
    struct client *c = client_of(s);
    *room = c->out_len == 0 ? sizeof c->out : 0;
    if (!c->opened || c->shut || *room < min) {
        c->wants_write = true;
        return NULL;
    }
    return c->out;
}

static void client_commit(struct stream *s, size_t n)
{
    struct client *c = client_of(s);
    c->out_len = n;
    push(c);
}

static void client_shutdown(struct stream *s)
{
    struct client *c = client_of(s);
    c->shut = true;
    push(c);
}

static void client_abort(struct stream *s)
{
    struct client *c = client_of(s);
    stream_abort(c->lower);
    client_free(c);
}

static const struct stream_ops client_ops = {
    .peek = client_peek,
    .consume = client_consume,
    .reserve = client_reserve,
    .commit = client_commit,
    .shutdown = client_shutdown,
    .abort = client_abort,
};

struct stream *sim_tls_client(struct stream *lower, const struct stream_events *events, void *app)
{
    struct client *c = prepare() ? calloc(1, sizeof *c) : NULL;
    if (c == NULL) {
        return NULL;
    }
    c->stream = (struct stream){.ops = &client_ops, .events = events, .app = app};
    c->lower = lower;
    mbedtls_ssl_init(&c->ssl);
    if (mbedtls_ssl_setup(&c->ssl, &client_config) != 0 ||
        mbedtls_ssl_set_hostname(&c->ssl, "vitrine.test") != 0) {
        client_free(c);
        return NULL;
    }
    mbedtls_ssl_set_bio(&c->ssl, c, lower_send, lower_receive, NULL);
    lower->events = &lower_events;
    lower->app = c;
    return &c->stream;
}
