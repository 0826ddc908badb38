/* The client side: our client and our server at the two ends of a pipe. What the client tells is compared with
 * the flights of RFC 8446 2 and RFC 5246 7.3, and with what the server's end saw of the same handshake.
 * tests/e2e/get.sh has other people's servers.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/tls/pipe_stream.h"
#include "tests/unit/tls/tls_rig.h"
#include "tls/ca.h"

Suite *client_suite(void);

/* An application at one end. */
struct end {
    struct tls_context *context;
    struct stream *stream; /* NULL once closed */
    struct tls_info info;  /* when it opened, or closed */
    char fault[256], subject[128], fingerprint[65], signature[40], sni[64];
    unsigned opened, peer_closed, closed;
    enum close_reason reason;
    char got[64]; /* what came, as text */
};

struct both {
    struct pipe pipe; /* a: the server, b: the client */
    struct recorder recorder;
    struct listener listener;
    struct end server, client;
    struct event events[256];
    size_t event_count;
};

#define SERVER_ID 1U
#define CLIENT_ID 2U

static const char *keep(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text);
    return to;
}

static void take_info(struct end *e, struct stream *s)
{
    tls_get_info(tls_of_stream(s), &e->info);
    e->info.certificate_fault = keep(e->fault, sizeof(e->fault), e->info.certificate_fault);
    e->info.certificate_subject = keep(e->subject, sizeof(e->subject), e->info.certificate_subject);
    e->info.fingerprint_sha256 =
        keep(e->fingerprint, sizeof(e->fingerprint), e->info.fingerprint_sha256);
    e->info.sni = keep(e->sni, sizeof(e->sni), e->info.sni);
    e->info.signature_algorithm =
        keep(e->signature, sizeof(e->signature), e->info.signature_algorithm);
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

struct choice {
    struct tls_config client, server;
    const char *name;        /* whom the client wants; NULL: vitrine.test */
    const char *certificate; /* of the server; NULL: server */
    const char *trust;       /* NULL: ca.pem */
    size_t chunk;            /* bytes per delivery; 0: all */
};

static struct tls_context *context(const struct tls_config *config)
{
    char error[256];
    struct tls_context *c = tls_context_new(config, error, sizeof(error));
    ck_assert_msg(c != NULL, "%s", error);
    return c;
}

static void connect_both(struct both *b, struct choice o)
{
    char chain[64], key[64], error[256];
    memset(b, 0, sizeof(*b));
    ck_assert(recorder_init(&b->recorder, 1024));
    b->recorder.now = NS_PER_SEC;
    b->listener = (struct listener){.on_event = on_event, .arg = b};
    recorder_listen(&b->recorder, &b->listener);
    pipe_init(&b->pipe, 65536, o.chunk);
    o.client.client = true;
    o.client.trust =
        o.client.trust_anything ? NULL : rig_path(o.trust != NULL ? o.trust : "ca.pem");
    snprintf(chain, sizeof(chain), "%s.pem", o.certificate != NULL ? o.certificate : "server");
    snprintf(key, sizeof(key), "%s.key", o.certificate != NULL ? o.certificate : "server");
    b->server.context = context(&o.server);
    b->client.context = context(&o.client);
    ck_assert_msg(tls_context_add_certificate(b->server.context, rig_path(chain), rig_path(key),
                                              error, sizeof(error)),
                  "%s", error);
    b->server.stream = tls_server(b->server.context, &b->pipe.a.stream, &b->recorder, SERVER_ID,
                                  &events, &b->server);
    b->client.stream = tls_client(b->client.context, o.name != NULL ? o.name : "vitrine.test",
                                  &b->pipe.b.stream, &b->recorder, CLIENT_ID, &events, &b->client);
    ck_assert(b->server.stream != NULL && b->client.stream != NULL);
    while (pipe_step(&b->pipe)) {
        b->recorder.now += NS_PER_MS;
    }
}

static void done(struct both *b)
{
    struct end *ends[] = {&b->server, &b->client};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (ends[i]->stream != NULL) {
            stream_abort(ends[i]->stream);
        }
        tls_context_free(ends[i]->context);
    }
    recorder_unlisten(&b->recorder, &b->listener);
    recorder_done(&b->recorder);
    pipe_done(&b->pipe);
}

static void run(struct both *b)
{
    while (pipe_step(&b->pipe)) {
        b->recorder.now += NS_PER_MS;
    }
}

static void write_text(struct end *e, const char *text)
{
    size_t room;
    uint8_t *to = stream_reserve(e->stream, strlen(text), &room);
    ck_assert_ptr_nonnull(to);
    memcpy(to, text, strlen(text));
    stream_commit(e->stream, strlen(text));
}

/* "> ClientHello, < ServerHello, …" as one end tells it; encrypted ones in parentheses. */
static const char *told(const struct both *b, uint32_t conn)
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

/* RFC 8446 2, figure 1, with the ChangeCipherSpecs of appendix D.4 and a ticket; RFC 5246 7.3, figure 1. */
static const char flights_13[] =
    ">ClientHello <ServerHello <ChangeCipherSpec <(EncryptedExtensions) <(Certificate) "
    "<(CertificateVerify) <(Finished) >ChangeCipherSpec >(Finished)";
static const char flights_12[] = ">ClientHello <ServerHello <Certificate <ServerKeyExchange "
                                 "<ServerHelloDone >ClientKeyExchange >ChangeCipherSpec "
                                 ">(Finished) <ChangeCipherSpec <(Finished)";

/* Messages have the length that the other end gives them. */
static void check_lengths(const struct both *b)
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

/* Even: TLS 1.3, odd: TLS 1.2; from 2 on in small pieces. */
START_TEST(handshake)
{
    struct both b;
    uint16_t version = _i & 1 ? TLS_1_2 : TLS_1_3;
    connect_both(&b, (struct choice){
                         .client = {.min_version = version, .max_version = version},
                         .server = {.no_tickets = true},
                         .chunk = _i >= 2 ? 7 : 0,
                     });
    ck_assert_uint_eq(b.client.opened, 1);
    ck_assert_uint_eq(b.server.opened, 1);
    ck_assert_str_eq(told(&b, CLIENT_ID), _i & 1 ? flights_12 : flights_13);
    check_lengths(&b);
    const struct tls_info *c = &b.client.info;
    const struct tls_info *s = &b.server.info;
    ck_assert(c->client && !s->client && c->established && !c->resumed && !c->certificate_asked);
    ck_assert_uint_eq(c->version, version);
    ck_assert_uint_eq(c->version, s->version);
    ck_assert_uint_eq(c->suite, s->suite);
    ck_assert_str_eq(c->group_name, s->group_name);
    ck_assert_str_eq(c->signature_algorithm, s->signature_algorithm);
    ck_assert_str_eq(c->certificate_subject, s->certificate_subject);
    ck_assert_str_eq(c->fingerprint_sha256, s->fingerprint_sha256);
    ck_assert_uint_eq(strlen(c->fingerprint_sha256), 64);
    ck_assert_str_eq(c->certificate_fault, "");
    done(&b);
}
END_TEST

START_TEST(talk_and_close)
{
    struct both b;
    uint16_t version = _i ? TLS_1_2 : TLS_1_3;
    connect_both(&b, (struct choice){.client = {.max_version = version}});
    write_text(&b.client, "question");
    run(&b);
    ck_assert_str_eq(b.server.got, "question");
    write_text(&b.server, "answer");
    stream_shutdown(b.server.stream);
    run(&b);
    ck_assert_str_eq(b.client.got, "answer");
    ck_assert_uint_eq(b.client.peer_closed, 1);
    stream_shutdown(b.client.stream);
    run(&b);
    ck_assert_uint_eq(b.client.closed, 1);
    ck_assert_int_eq(b.client.reason, CLOSE_NORMAL);
    ck_assert_int_eq(b.server.reason, CLOSE_NORMAL);
    done(&b);
}
END_TEST

/* In TLS 1.3 tickets come after the handshake (RFC 8446 4.6.1); they disturb nothing, and are told. */
START_TEST(tickets)
{
    struct both b;
    connect_both(&b, (struct choice){.client = {0}});
    write_text(&b.server, "behind the ticket");
    run(&b);
    ck_assert_str_eq(b.client.got, "behind the ticket");
    ck_assert_ptr_nonnull(strstr(told(&b, CLIENT_ID), "<(NewSessionTicket)"));
    check_lengths(&b);
    done(&b);
}
END_TEST

/* A group that the server does not have comes first: HelloRetryRequest (RFC 8446 4.1.4). */
START_TEST(retry)
{
    static const char *const client_groups[] = {"secp384r1", "x25519", NULL};
    static const char *const server_groups[] = {"x25519", NULL};
    struct both b;
    connect_both(&b, (struct choice){.client = {.groups = client_groups},
                                     .server = {.groups = server_groups}});
    ck_assert_uint_eq(b.client.opened, 1);
    ck_assert_str_eq(b.client.info.group_name, "x25519");
    static const char begin[] = ">ClientHello <HelloRetryRequest";
    ck_assert_msg(strncmp(told(&b, CLIENT_ID), begin, strlen(begin)) == 0, "%s",
                  told(&b, CLIENT_ID));
    done(&b);
}
END_TEST

START_TEST(alpn)
{
    static const char *const offered[] = {"h2", "http/1.1", NULL};
    static const char *const known[] = {"http/1.1", NULL};
    struct both b;
    connect_both(&b, (struct choice){.client = {.alpn = offered}, .server = {.alpn = known}});
    struct tls_info info;
    tls_get_info(tls_of_stream(b.client.stream), &info);
    ck_assert_str_eq(info.alpn, "http/1.1");
    ck_assert_str_eq(info.sni, "vitrine.test");
    done(&b);
}
END_TEST

/* The server's certificate is for vitrine.test, *.vitrine.test and 10.9.0.2. */
static const struct {
    const char *wanted, *fault;
} names[] = {
    {"vitrine.test", ""},
    {"VITRINE.test", ""},
    {"www.vitrine.test", ""},
    {"10.9.0.2", ""},
    {"a.b.vitrine.test", "it is made out to another name"},
    {"test", "it is made out to another name"},
    {"vitrine.tes", "it is made out to another name"},
    {"10.9.0.3", "it is made out to another name"},
};

static void check_verdict(struct both *b, const char *fault, uint8_t alert)
{
    ck_assert_str_eq(b->client.fault, fault);
    if (fault[0] == '\0') {
        ck_assert_uint_eq(b->client.opened, 1);
        return;
    }
    ck_assert_uint_eq(b->client.opened, 0);
    ck_assert_uint_eq(b->client.closed, 1);
    ck_assert_int_eq(b->client.reason, CLOSE_TLS_FAILED);
    run(b);
    ck_assert_int_eq(b->server.reason, CLOSE_TLS_ALERT);
    for (size_t i = 0; i < b->event_count; i++) {
        const struct event *e = &b->events[i];
        if (e->type == EV_tls_alert && e->conn == SERVER_ID) {
            ck_assert(!e->u.tls_alert.outgoing);
            ck_assert_uint_eq(e->u.tls_alert.level, 2);
            ck_assert_uint_eq(e->u.tls_alert.description, alert);
            return;
        }
    }
    ck_abort_msg("the server heard no alert");
}

START_TEST(the_name_counts)
{
    struct both b;
    connect_both(&b, (struct choice){.name = names[_i].wanted});
    check_verdict(&b, names[_i].fault, 42); /* bad_certificate */
    /* RFC 6066 3: an address is not sent as a name */
    bool is_ip = names[_i].wanted[0] == '1';
    ck_assert_str_eq(b.server.sni, is_ip ? "" : names[_i].wanted);
    done(&b);
}
END_TEST

START_TEST(an_unknown_root)
{
    struct both b;
    connect_both(&b, (struct choice){.client = {.max_version = _i ? TLS_1_2 : TLS_1_3},
                                     .trust = "stranger/ca.pem"});
    check_verdict(&b, "no trusted root has signed it", 48); /* unknown_ca */
    ck_assert_ptr_nonnull(strstr(told(&b, CLIENT_ID), "Certificate"));
    done(&b);
}
END_TEST

/* What was issued long ago, or is for later. */
START_TEST(dates_count)
{
    static const char *const for_names[] = {"vitrine.test", NULL};
    char error[256];
    struct ca_request r = {.names = for_names, .now = (int64_t)time(NULL)};
    r.now += _i ? 30 * 86400 : -200 * 86400;
    struct both b;
    ck_assert_msg(ca_issue(rig_dir(), "dated", &r, error, sizeof(error)), "%s", error);
    connect_both(&b, (struct choice){.certificate = "dated"});
    if (_i) {
        check_verdict(&b, "it is not valid yet", 45);
    } else {
        check_verdict(&b, "it has expired", 45); /* certificate_expired */
    }
    done(&b);
}
END_TEST

/* Told, and not heeded. */
START_TEST(trust_anything)
{
    struct both b;
    connect_both(&b, (struct choice){.client = {.trust_anything = true}, .name = "else.test"});
    ck_assert_uint_eq(b.client.opened, 1);
    ck_assert_str_eq(b.client.fault,
                     "it is made out to another name; no trusted root has signed it");
    done(&b);
}
END_TEST

START_TEST(the_server_leaves)
{
    struct both b;
    connect_both(&b, (struct choice){.client = {0}});
    pipe_reset(&b.pipe.b);
    run(&b);
    ck_assert_int_eq(b.client.reason, CLOSE_RESET);
    done(&b);
}
END_TEST

START_TEST(no_roots)
{
    char error[256] = "";
    struct tls_config c = {.client = true, .trust = "/proc/no/such"};
    ck_assert_ptr_null(tls_context_new(&c, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "/proc/no/such"));
    c.trust = rig_path("server.key");
    ck_assert_ptr_null(tls_context_new(&c, error, sizeof(error)));
}
END_TEST

static void prepare(void)
{
    rig_dir();
}

Suite *client_suite(void)
{
    Suite *s = suite_create("client");
    TCase *t = tcase_create("client");
    tcase_add_unchecked_fixture(t, prepare, NULL);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, handshake, 0, 4);
    tcase_add_loop_test(t, talk_and_close, 0, 2);
    tcase_add_test(t, tickets);
    tcase_add_test(t, retry);
    tcase_add_test(t, alpn);
    tcase_add_loop_test(t, the_name_counts, 0, (int)COUNT_OF(names));
    tcase_add_loop_test(t, an_unknown_root, 0, 2);
    tcase_add_loop_test(t, dates_count, 0, 2);
    tcase_add_test(t, trust_anything);
    tcase_add_test(t, the_server_leaves);
    tcase_add_test(t, no_roots);
    suite_add_tcase(s, t);
    return s;
}
