/* Our client and our server at the two ends of a pipe; see both.h. */
#include "tests/unit/tls/both.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/tls/tls_rig.h"

/* What an info points to goes with its session. */
static void take_info(struct end *e, struct stream *s)
{
    struct tls_info *i = &e->info;
    tls_get_info(tls_of_stream(s), i);
    const char **texts[] = {
        &i->alpn,
        &i->sni,
        &i->certificate_fault,
        &i->certificate_subject,
        &i->client_subject,
        &i->client_issuer,
        &i->client_not_after,
        &i->client_fingerprint_sha256,
        &i->client_fault,
        &i->client_san,
        &i->fingerprint_sha256,
        &i->client_not_before,
        &i->psk_identity,
    };
    _Static_assert(COUNT_OF(texts) == COUNT_OF(e->texts), "each has its place");
    for (size_t n = 0; n < COUNT_OF(texts); n++) {
        snprintf(e->texts[n], sizeof(e->texts[n]), "%s", *texts[n]);
        *texts[n] = e->texts[n];
    }
}

static void on_opened(struct stream *s)
{
    struct end *e = s->app;
    e->opened++;
    take_info(e, s);
}

static void on_readable(struct stream *s)
{
    struct end *e = s->app;
    struct slice in;
    while ((in = stream_peek(s)).len > 0) {
        size_t n = strlen(e->got);
        ck_assert_uint_lt(n + in.len, sizeof(e->got));
        memcpy(e->got + n, in.data, in.len);
        stream_consume(s, in.len);
    }
}

static void on_peer_closed(struct stream *s)
{
    ((struct end *)s->app)->peer_closed++;
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct end *e = s->app;
    if (e->opened == 0) {
        take_info(e, s);
    }
    e->closed++;
    e->reason = reason;
    e->stream = NULL;
}

static const struct stream_events events = {
    .opened = on_opened,
    .readable = on_readable,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

static void on_event(void *arg, const struct event *e)
{
    struct both *b = arg;
    ck_assert_uint_lt(b->event_count, COUNT_OF(b->events));
    b->events[b->event_count++] = *e;
}

static struct tls_context *context(const struct tls_config *config, const char *certificate)
{
    char chain[64], key[64], error[256];
    struct tls_context *c = tls_context_new(config, error, sizeof(error));
    ck_assert_msg(c != NULL, "%s", error);
    if (certificate != NULL) {
        snprintf(chain, sizeof(chain), "%s.pem", certificate);
        snprintf(key, sizeof(key), "%s.key", certificate);
        ck_assert_msg(
            tls_context_add_certificate(c, rig_path(chain), rig_path(key), error, sizeof(error)),
            "%s", error);
    }
    return c;
}

static void make_contexts(struct both *b, struct choice o)
{
    const char *trust = o.trust != NULL ? o.trust : "ca.pem";
    o.client.client = true;
    o.client.trust = o.client.trust_anything ? NULL : rig_path(trust);
    b->client.context = context(&o.client, o.client_certificate);
    o.server.trust = o.server.trust != NULL ? rig_path(o.server.trust) : NULL;
    b->server.context = context(&o.server, o.certificate != NULL ? o.certificate : "server");
    if (o.server_watcher != NULL) {
        tls_context_watch(b->server.context, o.server_watcher);
    }
    if (o.client_watcher != NULL) {
        tls_context_watch(b->client.context, o.client_watcher);
    }
}

void both_connect(struct both *b, struct choice o)
{
    memset(b, 0, sizeof(*b));
    ck_assert(recorder_init(&b->recorder, 1024));
    b->recorder.now = NS_PER_SEC;
    b->shared = o.share != NULL;
    b->listener = (struct listener){.on_event = on_event, .arg = b};
    recorder_listen(&b->recorder, &b->listener);
    pipe_init(&b->pipe, 65536, o.chunk);
    if (o.share != NULL) {
        b->recorder.now = o.share->recorder.now + o.later;
        b->server.context = o.share->server.context;
        b->client.context = o.share->client.context;
    } else {
        make_contexts(b, o);
    }
    b->server.stream = tls_server(b->server.context, &b->pipe.a.stream, &b->recorder, SERVER_ID,
                                  &events, &b->server);
    b->client.stream = tls_client(b->client.context, o.name != NULL ? o.name : "vitrine.test",
                                  &b->pipe.b.stream, &b->recorder, CLIENT_ID, &events, &b->client);
    ck_assert(b->server.stream != NULL && b->client.stream != NULL);
    if (o.offer != NULL) {
        b->not_offered = tls_offer(b->client.stream, o.offer, o.offer_len);
    }
    if (o.early != NULL) {
        ck_assert(tls_send_early(b->client.stream, o.early, strlen(o.early)));
    }
    both_run(b);
}

void both_run(struct both *b)
{
    while (pipe_step(&b->pipe)) {
        b->recorder.now += NS_PER_MS;
    }
}

void both_done(struct both *b)
{
    struct end *ends[] = {&b->server, &b->client};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (ends[i]->stream != NULL) {
            stream_abort(ends[i]->stream);
        }
        if (!b->shared) {
            tls_context_free(ends[i]->context);
        }
    }
    recorder_unlisten(&b->recorder, &b->listener);
    recorder_done(&b->recorder);
    pipe_done(&b->pipe);
}

void end_write(struct end *e, const char *text)
{
    size_t room;
    uint8_t *to = stream_reserve(e->stream, strlen(text), &room);
    ck_assert_ptr_nonnull(to);
    memcpy(to, text, strlen(text));
    stream_commit(e->stream, strlen(text));
}

const char *both_told(const struct both *b, uint32_t conn)
{
    static char text[1024];
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < b->event_count; i++) {
        const struct event *e = &b->events[i];
        if (e->type != EV_tls_message || e->conn != conn) {
            continue;
        }
        const char *name = tls_message_name(e->u.tls_message.type);
        bool in = !e->u.tls_message.outgoing;
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              e->u.tls_message.encrypted ? "%s%c(%s)" : "%s%c%s", n > 0 ? " " : "",
                              in == (conn == CLIENT_ID) ? '<' : '>', name);
    }
    return text;
}

const struct event *both_event(const struct both *b, uint32_t conn, enum event_type type, size_t n)
{
    for (size_t i = 0; i < b->event_count; i++) {
        const struct event *e = &b->events[i];
        if (e->conn == conn && e->type == type && n-- == 0) {
            return e;
        }
    }
    return NULL;
}

void both_check_lengths(const struct both *b)
{
    for (size_t i = 0; i < b->event_count; i++) {
        const struct event *e = &b->events[i];
        if (e->type != EV_tls_message || e->conn != CLIENT_ID || e->u.tls_message.outgoing) {
            continue;
        }
        bool same = false;
        for (size_t j = 0; j < i; j++) {
            const struct event *f = &b->events[j];
            same = same || (f->type == EV_tls_message && f->conn == SERVER_ID &&
                            f->u.tls_message.type == e->u.tls_message.type &&
                            f->u.tls_message.len == e->u.tls_message.len);
        }
        ck_assert_msg(same, "%s of %u bytes", tls_message_name(e->u.tls_message.type),
                      e->u.tls_message.len);
    }
}

uint64_t both_drops(const struct both *b, enum drop_reason reason)
{
    return b->recorder.drops[reason];
}

void both_check_alert(const struct both *b, uint32_t sender, uint8_t alert)
{
    const struct end *by = sender == SERVER_ID ? &b->server : &b->client;
    const struct end *to = sender == SERVER_ID ? &b->client : &b->server;
    const uint32_t ids[] = {SERVER_ID, CLIENT_ID};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        const struct event *e = both_event(b, ids[i], EV_tls_alert, 0);
        ck_assert_msg(e != NULL, "%s of an alert", ids[i] == sender ? "no telling" : "no hearing");
        ck_assert_int_eq(e->u.tls_alert.outgoing, ids[i] == sender);
        ck_assert_uint_eq(e->u.tls_alert.level, 2);
        ck_assert_str_eq(tls_alert_name(e->u.tls_alert.description), tls_alert_name(alert));
    }
    ck_assert_uint_eq(by->closed, 1);
    ck_assert_int_eq(by->reason, CLOSE_TLS_FAILED);
    ck_assert_uint_eq(to->closed, 1);
    ck_assert_int_eq(to->reason, CLOSE_TLS_ALERT);
}
