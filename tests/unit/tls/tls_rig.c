/* A server of ours and a plain mbedTLS client at the two ends of a pipe. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tests/unit/tls/tls_rig.h"

#include <check.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/tls/tls_files.h"
#include "tls/ca.h"

const struct aead_engine *rig_engine;

#define GOT_MAX (32U * 1024U * 1024U)

/* ---- certificates ---- */

static char directory[64];
static pid_t owner;

static void remove_directory(void)
{
    if (getpid() == owner) { /* and not a test that Check forked */
        files_remove(directory);
    }
}

static void issue(const char *out, const char *const *names, enum ca_key key)
{
    static const char *const ips[] = {"10.9.0.2", NULL};
    char error[256];
    struct ca_request request = {.names = names, .ips = ips, .key = key};
    ck_assert_msg(ca_issue(directory, out, &request, error, sizeof(error)), "%s", error);
}

const char *rig_dir(void)
{
    static const char *const names[] = {"vitrine.test", "*.vitrine.test", NULL};
    static const char *const other[] = {"other.test", NULL};
    char error[256], stranger[80];
    if (directory[0] != '\0') {
        return directory;
    }
    snprintf(directory, sizeof(directory), "/tmp/vitrine-tls-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    owner = getpid();
    atexit(remove_directory);
    ck_assert_msg(ca_create(directory, error, sizeof(error)), "%s", error);
    snprintf(stranger, sizeof(stranger), "%s/stranger", directory);
    ck_assert_msg(ca_create(stranger, error, sizeof(error)), "%s", error);
    issue("server", names, CA_KEY_EC);
    issue("server-rsa", names, CA_KEY_RSA);
    issue("other", other, CA_KEY_EC);
    return directory;
}

const char *rig_path(const char *name)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", rig_dir(), name);
    return path;
}

/* ---- our application ---- */

uint8_t rig_pattern(size_t i)
{
    return (uint8_t)(i * 131 + i / 251 * 7 + i / 65521);
}

static void app_send(struct rig_app *a)
{
    while (a->sent < a->to_send) {
        size_t room;
        uint8_t *to = stream_reserve(a->stream, 1, &room);
        if (to == NULL) {
            return;
        }
        size_t n = size_min(room, a->to_send - a->sent);
        for (size_t i = 0; i < n; i++) {
            to[i] = rig_pattern(a->sent + i);
        }
        stream_commit(a->stream, n);
        a->sent += n;
    }
}

static void app_read(struct rig_app *a)
{
    while (!a->sleepy) {
        struct slice s = stream_peek(a->stream);
        size_t n = s.len;
        if (n == 0) {
            return;
        }
        if (a->echo) {
            size_t room;
            uint8_t *to = stream_reserve(a->stream, 1, &room);
            if (to == NULL) {
                return;
            }
            n = size_min(n, room);
            memcpy(to, s.data, n);
            stream_commit(a->stream, n);
        } else {
            if (a->got_len + n > GOT_MAX) {
                ck_abort_msg("more came than was ever sent");
            }
            memcpy(a->got + a->got_len, s.data, n);
            a->got_len += n;
        }
        stream_consume(a->stream, n);
    }
}

static struct rig *rig_of(struct stream *s)
{
    return CONTAINER_OF((struct rig_app *)s->app, struct rig, app);
}

static void keep(char *to, size_t size, const char **text)
{
    snprintf(to, size, "%s", *text);
    *text = to;
}

static void on_opened(struct stream *s)
{
    struct rig *r = rig_of(s);
    ck_assert_ptr_eq(s, r->app.stream);
    r->app.opened++;
    tls_get_info(tls_of_stream(s), &r->info);
    keep(r->alpn, sizeof(r->alpn), &r->info.alpn);
    keep(r->sni, sizeof(r->sni), &r->info.sni);
    keep(r->subject, sizeof(r->subject), &r->info.certificate_subject);
    keep(r->fingerprint, sizeof(r->fingerprint), &r->info.fingerprint_sha256);
    keep(r->signature, sizeof(r->signature), &r->info.signature_algorithm);
    app_send(&r->app);
}

static void on_readable(struct stream *s)
{
    struct rig_app *a = s->app;
    a->readable++;
    if (a->on_readable != NULL) {
        a->on_readable(a);
        return;
    }
    app_read(a);
}

static void on_writable(struct stream *s)
{
    struct rig_app *a = s->app;
    a->writable++;
    app_send(a);
    app_read(a);
}

static void on_peer_closed(struct stream *s)
{
    ((struct rig_app *)s->app)->peer_closed++;
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct rig_app *a = s->app;
    a->closed++;
    a->reason = reason;
    a->stream = NULL;
}

static const struct stream_events app_events = {
    .opened = on_opened,
    .readable = on_readable,
    .writable = on_writable,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

const struct stream_events *rig_app_events(void)
{
    return &app_events;
}

/* ---- the client ---- */

static int client_random(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    return psa_generate_random(out, len) == PSA_SUCCESS ? 0 : -1;
}

static int client_send(void *arg, const unsigned char *data, size_t len)
{
    struct pipe_end *e = &((struct rig *)arg)->pipe.b;
    size_t room;
    uint8_t *to = e->closed || e->aborted ? NULL : stream_reserve(&e->stream, 1, &room);
    if (to == NULL) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    size_t n = size_min(room, len);
    memcpy(to, data, n);
    stream_commit(&e->stream, n);
    return (int)n;
}

static int client_receive(void *arg, unsigned char *out, size_t len)
{
    struct rig *r = arg;
    struct pipe_end *e = &r->pipe.b;
    if (e->closed || e->aborted) {
        return MBEDTLS_ERR_SSL_CONN_EOF;
    }
    struct slice s = stream_peek(&e->stream);
    r->client_starved = s.len == 0;
    if (s.len == 0) {
        return e->eof_told ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
    }
    size_t n = size_min(s.len, len);
    memcpy(out, s.data, n);
    stream_consume(&e->stream, n);
    return (int)n;
}

static bool is_wait(int ret)
{
    return ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static bool client_handshake(struct rig *r)
{
    int ret = mbedtls_ssl_handshake(&r->ssl);
    if (ret == 0) {
        r->client_done = true;
    } else if (!is_wait(ret)) {
        r->client_error = ret;
    }
    return r->client_done;
}

static void client_send_pattern(struct rig *r)
{
    uint8_t data[4096];
    while (r->client_sent < r->client_to_send && r->client_error == 0) {
        size_t n = size_min(sizeof(data), r->client_to_send - r->client_sent);
        for (size_t i = 0; i < n; i++) {
            data[i] = rig_pattern(r->client_sent + i);
        }
        int ret = mbedtls_ssl_write(&r->ssl, data, n);
        if (ret <= 0) {
            return;
        }
        r->client_sent += (size_t)ret;
    }
}

/* A record that waits for room is not disturbed: mbedTLS would send it while it reads a ticket, and
 * the repeated write would then send it again. */
static void client_read(struct rig *r)
{
    while (r->ssl.out_left == 0) {
        uint8_t data[8192];
        int ret = mbedtls_ssl_read(&r->ssl, data, sizeof(data));
        if (ret > 0) {
            if (r->client_got_len + (size_t)ret > GOT_MAX) {
                ck_abort_msg("more came than was ever sent");
            }
            memcpy(r->client_got + r->client_got_len, data, (size_t)ret);
            r->client_got_len += (size_t)ret;
        } else if (ret == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            mbedtls_ssl_session_free(&r->ticket);
            r->has_ticket = mbedtls_ssl_get_session(&r->ssl, &r->ticket) == 0;
        } else if (ret != MBEDTLS_ERR_SSL_WANT_READ || r->client_starved) {
            if (!is_wait(ret)) {
                r->client_error = ret == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : ret;
            }
            return;
        }
    }
}

static void client_work(struct stream *s)
{
    struct rig *r = s->app;
    if (r->client_error != 0 || (!r->client_done && !client_handshake(r))) {
        return;
    }
    client_send_pattern(r);
    client_read(r);
}

static void client_closed(struct stream *s, enum close_reason reason)
{
    struct rig *r = s->app;
    if (r->client_error == 0 && reason != CLOSE_NORMAL) {
        r->client_error = MBEDTLS_ERR_SSL_CONN_EOF;
    }
}

static const struct stream_events client_events = {
    .opened = client_work,
    .readable = client_work,
    .writable = client_work,
    .peer_closed = client_work,
    .closed = client_closed,
};

static void client_init(struct rig *r, const struct rig_options *o)
{
    char ca[32];
    mbedtls_ssl_config_init(&r->config);
    mbedtls_ssl_init(&r->ssl);
    mbedtls_x509_crt_init(&r->trusted);
    mbedtls_ssl_session_init(&r->ticket);
    snprintf(ca, sizeof(ca), "%s.pem", o->ca != NULL ? o->ca : "ca");
    ck_assert_int_eq(mbedtls_x509_crt_parse_file(&r->trusted, rig_path(ca)), 0);
    ck_assert_int_eq(mbedtls_ssl_config_defaults(&r->config, MBEDTLS_SSL_IS_CLIENT,
                                                 MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(&r->config, client_random, NULL);
    mbedtls_ssl_conf_ca_chain(&r->config, &r->trusted, NULL);
    mbedtls_ssl_conf_authmode(&r->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        &r->config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    if (o->version != 0) {
        mbedtls_ssl_conf_min_tls_version(&r->config, o->version);
        mbedtls_ssl_conf_max_tls_version(&r->config, o->version);
    }
    if (o->suite != 0) {
        r->suites[0] = o->suite;
        mbedtls_ssl_conf_ciphersuites(&r->config, r->suites);
    }
    if (o->group != 0 || o->groups != NULL) {
        r->groups[0] = o->group;
        mbedtls_ssl_conf_groups(&r->config, o->groups != NULL ? o->groups : r->groups);
    }
    if (o->signatures != NULL) {
        mbedtls_ssl_conf_sig_algs(&r->config, o->signatures);
    }
    if (o->alpn != NULL) {
        ck_assert_int_eq(mbedtls_ssl_conf_alpn_protocols(&r->config, o->alpn), 0);
    }
    ck_assert_int_eq(mbedtls_ssl_setup(&r->ssl, &r->config), 0);
    const char *sni = o->sni != NULL ? o->sni : "vitrine.test";
    ck_assert_int_eq(mbedtls_ssl_set_hostname(&r->ssl, sni[0] != '\0' ? sni : NULL), 0);
    if (o->resume != NULL) {
        ck_assert_int_eq(mbedtls_ssl_set_session(&r->ssl, o->resume), 0);
    }
    mbedtls_ssl_set_bio(&r->ssl, r, client_send, client_receive, NULL);
    r->pipe.b.stream.events = &client_events;
    r->pipe.b.stream.app = r;
}

/* ---- both ---- */

static void on_event(void *arg, const struct event *e)
{
    struct rig *r = arg;
    if (r->event_count < COUNT_OF(r->events)) {
        r->events[r->event_count++] = *e;
    }
}

static void context_init(struct rig *r, const struct rig_options *o)
{
    struct tls_config server = o->server;
    server.engine = server.engine != NULL ? server.engine : rig_engine;
    char error[256], chain[64], key[64];
    r->context = tls_context_new(&server, error, sizeof(error));
    ck_assert_msg(r->context != NULL, "%s", error);
    if (o->watcher != NULL) {
        tls_context_watch(r->context, o->watcher);
    }
    for (size_t i = 0; i < COUNT_OF(o->certificates); i++) {
        const char *name = i == 0 && o->certificates[0] == NULL ? "server" : o->certificates[i];
        if (name == NULL) {
            break;
        }
        snprintf(chain, sizeof(chain), "%s.pem", name);
        snprintf(key, sizeof(key), "%s.key", name);
        ck_assert_msg(tls_context_add_certificate(r->context, rig_path(chain), rig_path(key), error,
                                                  sizeof(error)),
                      "%s", error);
    }
}

static void server_init(struct rig *r, const struct rig_options *o)
{
    if (o->share != NULL) {
        r->context = o->share->context;
        r->context_shared = true;
    } else {
        context_init(r, o);
    }
    r->app.got = malloc(GOT_MAX);
    r->client_got = malloc(GOT_MAX);
    ck_assert(r->app.got != NULL && r->client_got != NULL);
    r->app.stream =
        tls_server(r->context, &r->pipe.a.stream, &r->recorder, 7, &app_events, &r->app);
    ck_assert_ptr_nonnull(r->app.stream);
    ck_assert_ptr_eq(tls_lower(tls_of_stream(r->app.stream)), &r->pipe.a.stream);
}

void rig_init(struct rig *r, const struct rig_options *o)
{
    memset(r, 0, sizeof(*r));
    ck_assert_int_eq(psa_crypto_init(), PSA_SUCCESS);
    ck_assert(recorder_init(&r->recorder, 1024));
    /* one clock for all who share a context: tickets have an age */
    r->recorder.now = o->share != NULL ? o->share->recorder.now : 1000 * NS_PER_MS;
    r->listener = (struct listener){.on_event = on_event, .arg = r};
    recorder_listen(&r->recorder, &r->listener);
    pipe_init(&r->pipe, o->capacity != 0 ? o->capacity : 65536, o->chunk);
    server_init(r, o);
    client_init(r, o);
}

void rig_done(struct rig *r)
{
    if (r->app.stream != NULL) {
        stream_abort(r->app.stream);
    }
    if (!r->context_shared) {
        tls_context_free(r->context);
    }
    mbedtls_ssl_free(&r->ssl);
    mbedtls_ssl_config_free(&r->config);
    mbedtls_x509_crt_free(&r->trusted);
    mbedtls_ssl_session_free(&r->ticket);
    recorder_unlisten(&r->recorder, &r->listener);
    recorder_done(&r->recorder);
    free(r->app.got);
    free(r->client_got);
    pipe_done(&r->pipe);
}

bool rig_step(struct rig *r)
{
    r->recorder.now += NS_PER_MS;
    return pipe_step(&r->pipe);
}

void rig_run(struct rig *r)
{
    while (rig_step(r)) {
    }
}

void rig_client_write(struct rig *r, const void *data, size_t len)
{
    ck_assert_int_eq(mbedtls_ssl_write(&r->ssl, data, len), (int)len);
}

const struct event *rig_event(const struct rig *r, enum event_type type, size_t n)
{
    for (size_t i = 0; i < r->event_count; i++) {
        if (r->events[i].type == type && n-- == 0) {
            return &r->events[i];
        }
    }
    return NULL;
}

size_t rig_events(const struct rig *r, enum event_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < r->event_count; i++) {
        n += r->events[i].type == type;
    }
    return n;
}

/* ---- what tests say often ---- */

mbedtls_ssl_protocol_version rig_version(int i)
{
    return i & 1 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3;
}

void rig_establish(struct rig *r, struct rig_options o)
{
    rig_init(r, &o);
    rig_run(r);
    ck_assert(r->client_done);
    ck_assert_uint_eq(r->app.opened, 1);
}

void rig_check_alert(const struct rig *r, size_t n, bool outgoing, uint8_t level,
                     uint8_t description)
{
    const struct event *e = rig_event(r, EV_tls_alert, n);
    ck_assert_msg(e != NULL, "there is no alert %zu", n);
    ck_assert_uint_eq(e->u.tls_alert.outgoing, outgoing);
    ck_assert_uint_eq(e->u.tls_alert.level, level);
    ck_assert_uint_eq(e->u.tls_alert.description, description);
}

void rig_check_closed(const struct rig *r, enum close_reason reason)
{
    ck_assert_uint_eq(r->app.closed, 1);
    ck_assert_int_eq(r->app.reason, reason);
    const struct event *e = rig_event(r, EV_tls_closed, 0);
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(e->u.tls_closed.reason, reason);
}

/* ---- a stranger in the client's place ---- */

uint8_t rig_heard[1024];
size_t rig_heard_len;

static void listen_only(struct stream *s)
{
    struct slice got = stream_peek(s);
    ck_assert_uint_le(rig_heard_len + got.len, sizeof(rig_heard));
    if (got.len > 0) {
        memcpy(rig_heard + rig_heard_len, got.data, got.len);
    }
    rig_heard_len += got.len;
    stream_consume(s, got.len);
}

static void stranger_closed(struct stream *s, enum close_reason reason)
{
    (void)s;
    (void)reason;
}

static const struct stream_events stranger = {
    .opened = listen_only,
    .readable = listen_only,
    .writable = listen_only,
    .peer_closed = listen_only,
    .closed = stranger_closed,
};

void rig_meet_stranger(struct rig *r, const struct rig_options *o)
{
    rig_heard_len = 0;
    rig_init(r, o);
    r->pipe.b.stream.events = &stranger;
    rig_run(r);
}

void rig_say(struct rig *r, const void *data, size_t len)
{
    size_t room;
    uint8_t *to = stream_reserve(&r->pipe.b.stream, len, &room);
    ck_assert_ptr_nonnull(to);
    memcpy(to, data, len);
    stream_commit(&r->pipe.b.stream, len);
}
