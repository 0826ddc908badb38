/* Watching a session: our client and our server see the same messages, byte for byte, in both versions, with each suite,
 * whole and in small pieces; every Finished is right by our own derivation; and every secret that mbedTLS exports is the
 * one that we derive. Two independent witnesses: the other end, and mbedTLS. */
#include "tls/watch.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tls/both.h"
#include "tests/unit/tls/tls_rig.h"
#include "tls/ca.h"

Suite *watch_suite(void);

#define SEEN_MAX 48U
#define STEPS_MAX 96U

struct seen {
    uint8_t type;
    bool outgoing, by_client, encrypted;
    uint16_t version;
    char verdict[128];
    uint8_t *bytes;
    size_t len;
};

struct made {
    char name[64];
    uint8_t value[64];
    size_t len, shown;
    enum tls_check check;
};

struct witness {
    struct tls_watcher watcher;
    struct seen seen[SEEN_MAX];
    size_t seen_count;
    struct made made[STEPS_MAX];
    size_t made_count;
};

static void on_message(void *arg, uint32_t conn, const struct tls_message_view *m)
{
    struct witness *w = arg;
    ck_assert_uint_ne(conn, 0);
    ck_assert_uint_lt(w->seen_count, SEEN_MAX);
    struct seen *s = &w->seen[w->seen_count++];
    *s = (struct seen){.type = m->type,
                       .outgoing = m->outgoing,
                       .by_client = m->by_client,
                       .encrypted = m->encrypted,
                       .version = m->version,
                       .len = m->bytes.len};
    snprintf(s->verdict, sizeof(s->verdict), "%s", m->verdict);
    s->bytes = malloc(m->bytes.len + 1);
    ck_assert_ptr_nonnull(s->bytes);
    ck_assert_uint_gt(m->bytes.len, 0);
    memcpy(s->bytes, m->bytes.data, m->bytes.len);
}

static void on_step(void *arg, uint32_t conn, const struct tls_step *s)
{
    struct witness *w = arg;
    (void)conn;
    ck_assert_uint_lt(w->made_count, STEPS_MAX);
    struct made *m = &w->made[w->made_count++];
    *m = (struct made){.len = s->len, .shown = s->value.len, .check = s->check};
    snprintf(m->name, sizeof(m->name), "%s", s->name);
    memcpy(m->value, s->value.data != NULL ? s->value.data : m->value, s->value.len);
}

static void witness_init(struct witness *w, bool reveal)
{
    memset(w, 0, sizeof(*w));
    w->watcher =
        (struct tls_watcher){.message = on_message, .step = on_step, .arg = w, .reveal = reveal};
}

static void witness_done(struct witness *w)
{
    for (size_t i = 0; i < w->seen_count; i++) {
        free(w->seen[i].bytes);
    }
}

static const struct made *made(const struct witness *w, const char *name, unsigned n)
{
    for (size_t i = 0; i < w->made_count; i++) {
        if (strcmp(w->made[i].name, name) == 0 && n-- == 0) {
            return &w->made[i];
        }
    }
    ck_abort_msg("no step %s", name);
}

static const struct seen *seen(const struct witness *w, uint8_t type, bool by_client)
{
    for (size_t i = 0; i < w->seen_count; i++) {
        if (w->seen[i].type == type && w->seen[i].by_client == by_client) {
            return &w->seen[i];
        }
    }
    ck_abort_msg("no %s", tls_message_name(type));
}

/* Each message at one end is, in its order, one at the other: the same bytes, the other way. */
static void check_same_messages(const struct witness *a, const struct witness *b, bool by_client)
{
    size_t j = 0;
    for (size_t i = 0; i < a->seen_count; i++) {
        const struct seen *x = &a->seen[i];
        if (x->by_client != by_client) {
            continue;
        }
        while (j < b->seen_count && b->seen[j].by_client != by_client) {
            j++;
        }
        ck_assert_uint_lt(j, b->seen_count);
        const struct seen *y = &b->seen[j++];
        ck_assert_uint_eq(x->type, y->type);
        ck_assert_uint_eq(x->len, y->len);
        ck_assert_mem_eq(x->bytes, y->bytes, x->len);
        ck_assert(x->outgoing != y->outgoing && x->encrypted == y->encrypted);
    }
}

/* Both derive the same, and nothing differs from what mbedTLS has. */
static void check_same_steps(const struct witness *a, const struct witness *b)
{
    ck_assert_uint_eq(a->made_count, b->made_count);
    for (size_t i = 0; i < a->made_count; i++) {
        ck_assert_str_eq(a->made[i].name, b->made[i].name);
        ck_assert_uint_eq(a->made[i].len, b->made[i].len);
        ck_assert_mem_eq(a->made[i].value, b->made[i].value, a->made[i].len);
        ck_assert_int_ne(a->made[i].check, TLS_DIFFERS);
        ck_assert_int_ne(b->made[i].check, TLS_DIFFERS);
    }
}

static void check_events(const struct both *b, uint32_t conn, const struct witness *w)
{
    size_t n = 0;
    for (const struct event *e; (e = both_event(b, conn, EV_tls_message, n)) != NULL; n++) {
        ck_assert_uint_lt(n, w->seen_count);
        ck_assert_uint_eq(e->u.tls_message.type, w->seen[n].type);
        ck_assert_uint_eq(e->u.tls_message.len, w->seen[n].len);
        ck_assert_uint_eq(e->u.tls_message.outgoing, w->seen[n].outgoing);
        ck_assert_uint_eq(e->u.tls_message.encrypted, w->seen[n].encrypted);
    }
    ck_assert_uint_eq(n, w->seen_count);
}

static void check_good(const struct seen *s)
{
    ck_assert_msg(strncmp(s->verdict, "good", 4) == 0, "%s: %s", tls_message_name(s->type),
                  s->verdict);
}

struct pair {
    struct both both;
    struct witness server, client;
};

static void connect_watched(struct pair *p, struct choice o)
{
    witness_init(&p->server, true);
    witness_init(&p->client, true);
    o.server_watcher = &p->server.watcher;
    o.client_watcher = &p->client.watcher;
    both_connect(&p->both, o);
}

static void check_pair(struct pair *p, const char *const *agreed)
{
    ck_assert_uint_eq(p->both.client.opened, 1);
    ck_assert_uint_eq(p->both.server.opened, 1);
    check_same_messages(&p->client, &p->server, true);
    check_same_messages(&p->server, &p->client, false);
    check_same_steps(&p->server, &p->client);
    check_events(&p->both, SERVER_ID, &p->server);
    check_events(&p->both, CLIENT_ID, &p->client);
    for (unsigned by_client = 0; by_client < 2; by_client++) {
        check_good(seen(&p->server, TLS_FINISHED, by_client));
        check_good(seen(&p->client, TLS_FINISHED, by_client));
    }
    for (; *agreed != NULL; agreed++) {
        ck_assert_int_eq(made(&p->server, *agreed, 0)->check, TLS_AGREES);
        ck_assert_int_eq(made(&p->client, *agreed, 0)->check, TLS_AGREES);
    }
}

static void pair_done(struct pair *p)
{
    both_done(&p->both);
    witness_done(&p->server);
    witness_done(&p->client);
}

static const char *const agreed_1_3[] = {
    "client_handshake_traffic_secret", "server_handshake_traffic_secret",
    "client_application_traffic_secret_0", "server_application_traffic_secret_0", NULL};
static const char *const agreed_1_2[] = {"master_secret", NULL};

static struct pair pair; /* too big for the stack */

START_TEST(tls_1_3)
{
    connect_watched(&pair, (struct choice){.chunk = _i == 1 ? 7 : 0});
    check_pair(&pair, agreed_1_3);
    check_good(seen(&pair.client, TLS_CERTIFICATE, false));
    check_good(seen(&pair.client, TLS_CERTIFICATE_VERIFY, false));
    /* RFC 8446 7.1: every name of the diagram that a handshake without PSK has */
    static const char *const names[] = {
        "Early Secret",           "Handshake Secret",         "Master Secret",
        "exporter_master_secret", "resumption_master_secret", "PSK of the ticket"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        ck_assert_uint_eq(made(&pair.client, names[i], 0)->shown, 32);
    }
    pair_done(&pair);
}
END_TEST

START_TEST(tls_1_2)
{
    connect_watched(&pair, (struct choice){.client = {.max_version = TLS_1_2},
                                           .certificate = _i == 1 ? "server-rsa" : NULL,
                                           .chunk = _i == 1 ? 7 : 0});
    check_pair(&pair, agreed_1_2);
    check_good(seen(&pair.client, TLS_CERTIFICATE, false));
    check_good(seen(&pair.client, TLS_SERVER_KEY_EXCHANGE, false));
    seen(&pair.client, TLS_NEW_SESSION_TICKET, false); /* RFC 5077 3.3 */
    ck_assert_uint_eq(made(&pair.client, "master_secret", 0)->len, 48);
    pair_done(&pair);
}
END_TEST

START_TEST(retry)
{
    static const char *const client_groups[] = {"secp384r1", "x25519", NULL};
    static const char *const server_groups[] = {"x25519", NULL};
    connect_watched(&pair, (struct choice){.client = {.groups = client_groups},
                                           .server = {.groups = server_groups}});
    check_pair(&pair, agreed_1_3);
    seen(&pair.server, TLS_HELLO_RETRY_REQUEST, false);
    seen(&pair.client, TLS_HELLO_RETRY_REQUEST, false);
    pair_done(&pair);
}
END_TEST

START_TEST(mutual)
{
    static const char *const names[] = {"person.test", NULL}, *const ips[] = {NULL};
    struct ca_request person = {.names = names, .ips = ips, .client = true};
    char error[256];
    ck_assert_msg(ca_issue(rig_dir(), "person", &person, error, sizeof(error)), "%s", error);
    connect_watched(&pair, (struct choice){.client = {.max_version = _i == 0 ? TLS_1_3 : TLS_1_2},
                                           .server = {.trust = "ca.pem",
                                                      .client_auth = TLS_CLIENT_AUTH_REQUIRED},
                                           .client_certificate = "person"});
    check_pair(&pair, _i == 0 ? agreed_1_3 : agreed_1_2);
    check_good(seen(&pair.server, TLS_CERTIFICATE, true));
    seen(&pair.server, TLS_CERTIFICATE_REQUEST, false);
    seen(&pair.server, TLS_CERTIFICATE_VERIFY, true);
    pair_done(&pair);
}
END_TEST

/* RFC 8446 4.2.11: a key from outside, also behind a HelloRetryRequest. Both make the same Early Secret of it, and the
 * binder in the ClientHello is the one that follows. */
START_TEST(a_key_from_outside)
{
    static const char *const client_groups[] = {"secp384r1", "x25519", NULL};
    static const char *const server_groups[] = {"x25519", NULL};
    struct tls_psk key = {.key_len = 16};
    struct tls_psks keys = {&key, 1};
    const char *why;
    ck_assert(tls_psk_parse(
        (struct slice){(const uint8_t *)"ann:000102030405060708090a0b0c0d0e0f", 36}, &key, &why));
    connect_watched(&pair,
                    (struct choice){.client = {.psks = &keys, .groups = _i ? client_groups : NULL},
                                    .server = {.psks = &keys, .groups = server_groups}});
    check_pair(&pair, agreed_1_3);
    ck_assert_int_eq(made(&pair.server, "binder", 0)->check, TLS_AGREES);
    ck_assert_int_eq(made(&pair.client, "binder", 0)->check, TLS_AGREES);
    pair_done(&pair);
}
END_TEST

START_TEST(a_bad_name)
{
    connect_watched(&pair, (struct choice){.name = "other.example"});
    ck_assert_uint_eq(pair.both.client.opened, 0);
    const struct seen *s = seen(&pair.client, TLS_CERTIFICATE, false);
    ck_assert_str_eq(s->verdict, "bad: it is made out to another name");
    pair_done(&pair);
}
END_TEST

/* What is not revealed is not there to be shown by mistake. */
START_TEST(nothing_is_revealed)
{
    struct witness w;
    struct both b;
    witness_init(&w, false);
    both_connect(&b, (struct choice){.client_watcher = &w.watcher});
    ck_assert_uint_eq(b.client.opened, 1);
    ck_assert_uint_gt(w.made_count, 10);
    for (size_t i = 0; i < w.made_count; i++) {
        ck_assert_uint_eq(w.made[i].shown, 0);
        ck_assert_uint_gt(w.made[i].len, 0);
    }
    both_done(&b);
    witness_done(&w);
}
END_TEST

/* ---- against a client of mbedTLS: each suite, and resumption ---- */

static const struct {
    int suite;
    const char *certificate;
} suites[] = {
    {0x1301, "server"},     {0x1302, "server"},     {0x1303, "server-rsa"},
    {0xc02b, "server"},     {0xc02c, "server"},     {0xc02f, "server-rsa"},
    {0xc030, "server-rsa"}, {0xcca8, "server-rsa"}, {0xcca9, "server"},
};

/* One watcher sees all sessions of a context. */
static void run_rig(struct rig *r, const struct rig_options *o)
{
    rig_init(r, o);
    rig_run(r);
    ck_assert_uint_eq(r->app.opened, 1);
}

START_TEST(each_suite)
{
    struct rig r;
    struct witness w;
    bool modern = suites[_i].suite < 0x1400;
    witness_init(&w, true);
    run_rig(&r, &(struct rig_options){.version = modern ? MBEDTLS_SSL_VERSION_TLS1_3
                                                        : MBEDTLS_SSL_VERSION_TLS1_2,
                                      .certificates = {suites[_i].certificate},
                                      .suite = suites[_i].suite,
                                      .watcher = &w.watcher});
    check_good(seen(&w, TLS_FINISHED, false));
    check_good(seen(&w, TLS_FINISHED, true));
    for (const char *const *name = modern ? agreed_1_3 : agreed_1_2; *name != NULL; name++) {
        ck_assert_int_eq(made(&w, *name, 0)->check, TLS_AGREES);
    }
    rig_done(&r);
    witness_done(&w);
}
END_TEST

START_TEST(resumption)
{
    struct rig first, second;
    struct witness w;
    bool modern = rig_version(_i) == MBEDTLS_SSL_VERSION_TLS1_3;
    witness_init(&w, true);
    struct rig_options o = {.version = rig_version(_i), .watcher = &w.watcher};
    run_rig(&first, &o);
    if (modern) {
        ck_assert(first.has_ticket);
    } else {
        ck_assert_int_eq(mbedtls_ssl_get_session(&first.ssl, &first.ticket), 0);
    }
    o.resume = &first.ticket;
    o.share = &first;
    run_rig(&second, &o);
    ck_assert(second.info.resumed);
    unsigned good = 0, agreed = 0;
    for (size_t i = 0; i < w.seen_count; i++) {
        good += strncmp(w.seen[i].verdict, "good", 4) == 0;
    }
    for (size_t i = 0; i < w.made_count; i++) {
        ck_assert_int_ne(w.made[i].check, TLS_DIFFERS);
        agreed += w.made[i].check == TLS_AGREES;
    }
    ck_assert_uint_eq(good, 4);                /* both Finished messages of both */
    ck_assert_uint_eq(agreed, modern ? 9 : 1); /* four secrets each, and the binder */
    if (modern) {                              /* the ticket's key made another Early Secret */
        const struct made *x = made(&w, "Early Secret", 0), *y = made(&w, "Early Secret", 1);
        ck_assert_mem_ne(x->value, y->value, 32);
    } else { /* RFC 5077 3.1: the secret of the first lives on */
        ck_assert_mem_eq(made(&w, "master_secret", 0)->value, made(&w, "master_secret", 1)->value,
                         48);
    }
    rig_done(&second);
    rig_done(&first);
    witness_done(&w);
}
END_TEST

Suite *watch_suite(void)
{
    Suite *s = suite_create("watch");
    TCase *t = tcase_create("watch");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, tls_1_3, 0, 2);
    tcase_add_loop_test(t, tls_1_2, 0, 2);
    tcase_add_test(t, retry);
    tcase_add_loop_test(t, mutual, 0, 2);
    tcase_add_loop_test(t, a_key_from_outside, 0, 2);
    tcase_add_test(t, a_bad_name);
    tcase_add_test(t, nothing_is_revealed);
    tcase_add_loop_test(t, each_suite, 0, COUNT_OF(suites));
    tcase_add_loop_test(t, resumption, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
