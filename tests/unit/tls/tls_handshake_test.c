/* Full handshakes against mbedTLS' own client: every suite, group and key, both versions, SNI, ALPN,
 * resumption, any segmentation; and what the lens tells of them.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/tls/tls_rig.h"

Suite *tls_handshake_suite(void);

static struct rig rig;

static void setup_certificates(void)
{
    rig_dir();
}

/* A handshake and one request and answer. */
static void complete(const struct rig_options *o)
{
    rig_init(&rig, o);
    rig.app.echo = true;
    rig_run(&rig);
    ck_assert_msg(rig.client_done, "the client failed with -0x%04x", (unsigned)-rig.client_error);
    ck_assert_uint_eq(rig.app.opened, 1);
    rig_client_write(&rig, "ping", 4);
    rig_run(&rig);
    ck_assert_uint_eq(rig.client_got_len, 4);
    ck_assert_mem_eq(rig.client_got, "ping", 4);
    ck_assert_int_eq(rig.client_error, 0);
    ck_assert(rig.info.established);
}

struct suite_case {
    int client; /* number for the client */
    const char *name, *certificate, *signature;
};

static const struct suite_case suite_cases[] = {
    {0x1301, "TLS_AES_128_GCM_SHA256", "server", "ecdsa_secp256r1_sha256"},
    {0x1302, "TLS_AES_256_GCM_SHA384", "server", "ecdsa_secp256r1_sha256"},
    {0x1303, "TLS_CHACHA20_POLY1305_SHA256", "server", "ecdsa_secp256r1_sha256"},
    {0x1301, "TLS_AES_128_GCM_SHA256", "server-rsa", "rsa_pss_rsae_sha256"},
    {0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "server", "ecdsa_secp256r1_sha256"},
    {0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "server", "ecdsa_secp256r1_sha256"},
    {0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "server", "ecdsa_secp256r1_sha256"},
    {0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "server-rsa", "rsa_pkcs1_sha256"},
    {0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "server-rsa", "rsa_pkcs1_sha256"},
    {0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "server-rsa", "rsa_pkcs1_sha256"},
};

START_TEST(every_suite)
{
    const struct suite_case *c = &suite_cases[_i];
    bool old = c->client >= 0xc000;
    complete(&(struct rig_options){
        .suite = c->client,
        .version = old ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3,
        .certificates = {c->certificate},
    });
    ck_assert_int_eq(rig.info.suite, c->client);
    ck_assert_str_eq(rig.info.suite_name, c->name);
    ck_assert_uint_eq(rig.info.version, old ? 0x0303 : 0x0304);
    ck_assert_str_eq(rig.signature, c->signature);
    ck_assert_str_eq(rig.info.group_name, "x25519");
    ck_assert(!rig.info.resumed);
    /* what the client saw in fact */
    ck_assert_int_eq(mbedtls_ssl_get_ciphersuite_id_from_ssl(&rig.ssl), c->client);
    rig_done(&rig);
}
END_TEST

static const struct {
    uint16_t number;
    const char *name;
} groups[] = {{29, "x25519"}, {23, "secp256r1"}, {24, "secp384r1"}};

START_TEST(every_group)
{
    bool old = _i >= 3;
    complete(&(struct rig_options){
        .group = groups[_i % 3].number,
        .version = old ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3,
        .certificates = {"server-rsa"}, /* so that the group says nothing about the key */
    });
    ck_assert_str_eq(rig.info.group_name, groups[_i % 3].name);
    ck_assert_uint_eq(rig_event(&rig, EV_tls_established, 0)->u.tls_established.group,
                      groups[_i % 3].number);
    rig_done(&rig);
}
END_TEST

/* The client sends a share of its first group only; we insist on another (RFC 8446 4.1.4). */
START_TEST(hello_retry_request)
{
    static const uint16_t both[] = {29, 24, 0};
    static const char *const only[] = {"secp384r1", NULL};
    complete(&(struct rig_options){.groups = both,
                                   .server.groups = only,
                                   .version = MBEDTLS_SSL_VERSION_TLS1_3,
                                   .chunk = _i == 0 ? 0 : 1});
    ck_assert_str_eq(rig.info.group_name, "secp384r1");
    static const uint8_t types[] = {1, 6, 255, 1, 2};
    for (size_t i = 0, n = 0; n < COUNT_OF(types); i++) {
        const struct event *e = rig_event(&rig, EV_tls_message, i);
        ck_assert_ptr_nonnull(e);
        if (!e->u.tls_message.outgoing && e->u.tls_message.type == 255) {
            continue; /* the client's ChangeCipherSpec may come anywhere */
        }
        ck_assert_uint_eq(e->u.tls_message.type, types[n]);
        n++;
    }
    rig_done(&rig);
}
END_TEST

struct expected {
    uint8_t outgoing, type, encrypted;
};

static void check_messages(const struct expected *want, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct event *e = rig_event(&rig, EV_tls_message, i);
        ck_assert_msg(e != NULL, "message %zu is missing", i);
        ck_assert_msg(e->u.tls_message.type == want[i].type &&
                          e->u.tls_message.outgoing == want[i].outgoing &&
                          e->u.tls_message.encrypted == want[i].encrypted,
                      "message %zu is %s%s", i, e->u.tls_message.outgoing ? "our " : "their ",
                      tls_message_name(e->u.tls_message.type));
        ck_assert_uint_eq(e->conn, 7);
    }
    ck_assert_uint_eq(rig_events(&rig, EV_tls_message), count);
}

static uint32_t message_len(size_t n)
{
    return rig_event(&rig, EV_tls_message, n)->u.tls_message.len;
}

/* RFC 8446 2, with the compatibility mode of D.4. */
START_TEST(messages_of_1_3)
{
    static const struct expected want[] = {
        {0, 1, 0},  {1, 2, 0},  {1, 255, 0}, {1, 8, 1},  {1, 11, 1},
        {1, 15, 1}, {1, 20, 1}, {0, 255, 0}, {0, 20, 1}, {1, 4, 1},
    };
    complete(&(struct rig_options){
        .version = MBEDTLS_SSL_VERSION_TLS1_3, .suite = 0x1301, .chunk = _i == 0 ? 0 : 1});
    check_messages(want, COUNT_OF(want));
    ck_assert_uint_eq(message_len(3), 4 + 2); /* EncryptedExtensions, empty */
    /* Certificate: header, empty context, list length, certificate length, DER, no extensions */
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    ck_assert_int_eq(mbedtls_x509_crt_parse_file(&crt, rig_path("server.pem")), 0);
    ck_assert_uint_eq(message_len(4), 4 + 1 + 3 + 3 + crt.raw.len + 2);
    mbedtls_x509_crt_free(&crt);
    /* CertificateVerify: header, scheme, length, a DER signature of two 256-bit numbers */
    ck_assert_uint_ge(message_len(5), 4 + 2 + 2 + 68);
    ck_assert_uint_le(message_len(5), 4 + 2 + 2 + 72);
    ck_assert_uint_eq(message_len(6), 4 + 32); /* Finished: SHA-256 */
    ck_assert_uint_eq(message_len(8), 4 + 32);
    rig_done(&rig);
}
END_TEST

/* RFC 5246 7.3, RFC 5077 3.1. */
START_TEST(messages_of_1_2)
{
    static const struct expected want[] = {
        {0, 1, 0},   {1, 2, 0},  {1, 11, 0}, {1, 12, 0},  {1, 14, 0}, {0, 16, 0},
        {0, 255, 0}, {0, 20, 1}, {1, 4, 0},  {1, 255, 0}, {1, 20, 1},
    };
    complete(&(struct rig_options){.version = MBEDTLS_SSL_VERSION_TLS1_2,
                                   .suite = _i < 2 ? 0xc02b : 0xcca9,
                                   .chunk = _i % 2 == 0 ? 0 : 1});
    check_messages(want, COUNT_OF(want));
    ck_assert_uint_eq(message_len(4), 4);          /* ServerHelloDone */
    ck_assert_uint_eq(message_len(5), 4 + 1 + 32); /* ClientKeyExchange: an x25519 point */
    ck_assert_uint_eq(message_len(7), 4 + 12);     /* Finished (RFC 5246 7.4.9) */
    ck_assert_uint_eq(message_len(10), 4 + 12);
    rig_done(&rig);
}
END_TEST

START_TEST(states_and_secrets)
{
    bool old = _i == 1;
    complete(&(struct rig_options){.version = old ? MBEDTLS_SSL_VERSION_TLS1_2
                                                  : MBEDTLS_SSL_VERSION_TLS1_3});
    static const uint8_t new_labels[] = {TLS_SECRET_CLIENT_HANDSHAKE, TLS_SECRET_SERVER_HANDSHAKE,
                                         TLS_SECRET_CLIENT_TRAFFIC, TLS_SECRET_SERVER_TRAFFIC};
    ck_assert_uint_eq(rig_events(&rig, EV_tls_secret), old ? 1 : 4);
    for (size_t i = 0; !old && i < 4; i++) {
        ck_assert_uint_eq(rig_event(&rig, EV_tls_secret, i)->u.tls_secret.label, new_labels[i]);
    }
    if (old) {
        ck_assert_uint_eq(rig_event(&rig, EV_tls_secret, 0)->u.tls_secret.label, TLS_SECRET_MASTER);
    }
    size_t states = rig_events(&rig, EV_tls_state);
    ck_assert_uint_ge(states, 10);
    ck_assert_str_eq(tls_state_name(rig_event(&rig, EV_tls_state, 0)->u.tls_state.state),
                     "CLIENT_HELLO");
    ck_assert_str_eq(tls_state_name(rig_event(&rig, EV_tls_state, states - 1)->u.tls_state.state),
                     "HANDSHAKE_OVER");
    rig_done(&rig);
}
END_TEST

/* Bytes and time of the handshake, against what went through the pipe. */
START_TEST(bytes_and_time)
{
    rig_init(&rig, &(struct rig_options){.version = MBEDTLS_SSL_VERSION_TLS1_2});
    rig_run(&rig);
    const struct ev_tls_established *e = &rig_event(&rig, EV_tls_established, 0)->u.tls_established;
    ck_assert_uint_eq(e->bytes_in, rig.pipe.b.sent);
    ck_assert_uint_eq(e->bytes_out, rig.pipe.a.sent);
    ck_assert_uint_eq(rig.info.handshake_bytes_in, e->bytes_in);
    ck_assert_int_eq(e->took, rig.info.finished - rig.info.started);
    ck_assert_int_ge(e->took, NS_PER_MS);
    ck_assert_int_eq(rig_event(&rig, EV_tls_message, 0)->at, rig.info.started);
    rig_done(&rig);
}
END_TEST

START_TEST(certificate_facts)
{
    complete(&(struct rig_options){.certificates = {_i == 0 ? "server" : "server-rsa"}});
    const mbedtls_x509_crt *seen = mbedtls_ssl_get_peer_cert(&rig.ssl);
    ck_assert_ptr_nonnull(seen);
    ck_assert_str_eq(rig.subject, "CN=vitrine.test");
    ck_assert_str_eq(rig.info.key_type, _i == 0 ? "EC P-256" : "RSA");
    ck_assert_uint_eq(rig.info.key_bits, _i == 0 ? 256 : 2048);
    /* x||y after 04, or the modulus */
    ck_assert_uint_eq(strlen(rig.info.public_key_hex), _i == 0 ? 2 * 65 : 2 * 256);
    ck_assert_str_eq(rig.info.certificate_san, "DNS:vitrine.test, DNS:*.vitrine.test, IP:10.9.0.2");
    ck_assert_uint_eq(strlen(rig.fingerprint), 64);
    ck_assert_uint_eq(strlen(rig.info.certificate_not_after), strlen("2026-01-31 12:00:00"));
    ck_assert_str_eq(rig.sni, "vitrine.test");
    ck_assert_str_eq(rig.alpn, "");
    rig_done(&rig);
}
END_TEST

struct sni_case {
    const char *sni, *subject;
};

static const struct sni_case sni_cases[] = {
    {"other.test", "CN=other.test"},
    {"OTHER.Test", "CN=other.test"},
    {"vitrine.test", "CN=vitrine.test"},
    {"a.vitrine.test", "CN=vitrine.test"},
    {"a.b.vitrine.test", "CN=vitrine.test"} /* nobody's: the default */,
    {"unknown.example", "CN=vitrine.test"},
    {"", "CN=vitrine.test"},
};

START_TEST(certificate_by_sni)
{
    const struct sni_case *c = &sni_cases[_i / 2];
    rig_init(&rig, &(struct rig_options){
                       .certificates = {"server", "other"},
                       .sni = c->sni,
                       .version = _i % 2 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3,
                   });
    mbedtls_ssl_conf_authmode(&rig.config, MBEDTLS_SSL_VERIFY_OPTIONAL);
    rig_run(&rig);
    ck_assert(rig.client_done);
    char subject[128];
    const mbedtls_x509_crt *seen = mbedtls_ssl_get_peer_cert(&rig.ssl);
    ck_assert_int_gt(mbedtls_x509_dn_gets(subject, sizeof(subject), &seen->subject), 0);
    ck_assert_str_eq(subject, c->subject);
    ck_assert_str_eq(rig.subject, c->subject);
    ck_assert_str_eq(rig.sni, c->sni);
    rig_done(&rig);
}
END_TEST

/* Two certificates for one name: the first whose key the client can verify. */
START_TEST(certificate_by_key)
{
    static const uint16_t rsa[] = {0x0804, 0x0401, 0x0403, 0};
    static const uint16_t only_rsa[] = {0x0804, 0x0401, 0};
    bool old = _i & 1;
    struct rig_options o = {
        .certificates = {"server", "server-rsa"},
        .signatures = rsa,
        .version = old ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3,
        .sni = _i & 2 ? "" : NULL,
    };
    rig_init(&rig, &o);
    mbedtls_ssl_conf_authmode(&rig.config, MBEDTLS_SSL_VERIFY_NONE);
    rig_run(&rig);
    ck_assert_str_eq(rig.info.key_type, "EC P-256");
    rig_done(&rig);
    o.signatures = only_rsa;
    rig_init(&rig, &o);
    mbedtls_ssl_conf_authmode(&rig.config, MBEDTLS_SSL_VERIFY_NONE);
    rig_run(&rig);
    ck_assert_str_eq(rig.info.key_type, "RSA");
    ck_assert_str_eq(rig.signature, old ? "rsa_pkcs1_sha256" : "rsa_pss_rsae_sha256");
    rig_done(&rig);
}
END_TEST

START_TEST(alpn)
{
    static const char *const ours[] = {"http/1.1", "http/1.0", NULL};
    static const char *theirs[] = {"h2", "http/1.0", "http/1.1", NULL};
    complete(&(struct rig_options){
        .server.alpn = ours,
        .alpn = theirs,
        .version = _i ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3,
    });
    ck_assert_str_eq(rig.alpn, "http/1.1"); /* our preference (RFC 7301 3.2) */
    ck_assert_str_eq(mbedtls_ssl_get_alpn_protocol(&rig.ssl), "http/1.1");
    rig_done(&rig);
}
END_TEST

/* RFC 7301 3.2: nothing in common is a fatal alert. */
START_TEST(alpn_in_vain)
{
    static const char *const ours[] = {"http/1.1", NULL};
    static const char *theirs[] = {"h2", NULL};
    rig_init(&rig, &(struct rig_options){
                       .server.alpn = ours,
                       .alpn = theirs,
                       .version = _i ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3,
                   });
    rig_run(&rig);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
    ck_assert_int_eq(rig.app.reason, CLOSE_TLS_FAILED);
    const struct ev_tls_alert *alert = &rig_event(&rig, EV_tls_alert, 0)->u.tls_alert;
    ck_assert(alert->outgoing && alert->level == 2 && alert->description == 120);
    ck_assert_uint_eq(rig_events(&rig, EV_tls_alert), 1);
    rig_done(&rig);
}
END_TEST

/* A ticket of one connection resumes the next one (RFC 8446 2.2, RFC 5077 3.1). */
START_TEST(resumption)
{
    static struct rig first;
    bool old = _i == 1;
    struct rig_options o = {.version =
                                old ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3};
    rig_init(&first, &o);
    rig_run(&first);
    ck_assert(first.client_done);
    if (old) {
        ck_assert_int_eq(mbedtls_ssl_get_session(&first.ssl, &first.ticket), 0);
    } else {
        ck_assert(first.has_ticket);
    }
    o.resume = &first.ticket;
    o.share = &first;
    complete(&o);
    static const struct expected new_messages[] = {
        {0, 1, 0},  {1, 2, 0},   {1, 255, 0}, {1, 8, 1},
        {1, 20, 1}, {0, 255, 0}, {0, 20, 1},  {1, 4, 1},
    };
    static const struct expected old_messages[] = {
        {0, 1, 0}, {1, 2, 0}, {1, 255, 0}, {1, 20, 1}, {0, 255, 0}, {0, 20, 1},
    };
    check_messages(old ? old_messages : new_messages, old ? 6 : 8);
    ck_assert(rig.info.resumed);
    ck_assert(rig_event(&rig, EV_tls_established, 0)->u.tls_established.resumed);
    ck_assert_str_eq(rig.subject, "");
    ck_assert_str_eq(rig.signature, "");
    /* a resumed session of TLS 1.3 still has fresh keys (psk_dhe_ke) */
    ck_assert_str_eq(rig.info.group_name, old ? "" : "x25519");
    rig_done(&rig);
    rig_done(&first);
}
END_TEST

/* Keys of another context do not open a ticket: a full handshake follows. */
START_TEST(foreign_ticket)
{
    static struct rig first;
    struct rig_options o = {.version = MBEDTLS_SSL_VERSION_TLS1_3};
    rig_init(&first, &o);
    rig_run(&first);
    ck_assert(first.has_ticket);
    o.resume = &first.ticket;
    complete(&o);
    ck_assert(!rig.info.resumed);
    rig_done(&rig);
    rig_done(&first);
}
END_TEST

START_TEST(no_tickets)
{
    complete(&(struct rig_options){
        .server.no_tickets = true,
        .version = _i ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3,
    });
    for (size_t i = 0; i < rig_events(&rig, EV_tls_message); i++) {
        ck_assert_uint_ne(rig_event(&rig, EV_tls_message, i)->u.tls_message.type, 4);
    }
    ck_assert(!rig.has_ticket);
    rig_done(&rig);
}
END_TEST

static void key_log_line(FILE *f, const char *label, size_t secret_len)
{
    char line[256], random[65], secret[100], have[64];
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
    ck_assert_int_eq(sscanf(line, "%63s %64[0-9a-f] %99[0-9a-f]", have, random, secret), 3);
    ck_assert_str_eq(have, label);
    ck_assert_uint_eq(strlen(random), 64);
    ck_assert_uint_eq(strlen(secret), 2 * secret_len);
}

/* The NSS format; appended to, readable by its owner only. */
START_TEST(key_log)
{
    char file[64];
    struct stat st;
    snprintf(file, sizeof(file), "/tmp/vitrine-keylog-%ld", (long)getpid());
    unlink(file);
    complete(&(struct rig_options){
        .server.keylog = file, .version = MBEDTLS_SSL_VERSION_TLS1_3, .suite = 0x1302});
    rig_done(&rig);
    complete(&(struct rig_options){.server.keylog = file, .version = MBEDTLS_SSL_VERSION_TLS1_2});
    rig_done(&rig);
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    FILE *f = fopen(file, "r");
    ck_assert_ptr_nonnull(f);
    key_log_line(f, "CLIENT_HANDSHAKE_TRAFFIC_SECRET", 48);
    key_log_line(f, "SERVER_HANDSHAKE_TRAFFIC_SECRET", 48);
    key_log_line(f, "CLIENT_TRAFFIC_SECRET_0", 48);
    key_log_line(f, "SERVER_TRAFFIC_SECRET_0", 48);
    key_log_line(f, "CLIENT_RANDOM", 48);
    ck_assert_int_eq(fgetc(f), EOF);
    fclose(f);
    unlink(file);
}
END_TEST

/* A full disk ends no session, and it can be asked for. */
START_TEST(key_log_is_full)
{
    complete(
        &(struct rig_options){.server.keylog = "/dev/full", .version = MBEDTLS_SSL_VERSION_TLS1_3});
    ck_assert_int_eq(tls_context_keylog_error(rig.context), ENOSPC);
    rig_done(&rig);
    complete(
        &(struct rig_options){.server.keylog = "/dev/null", .version = MBEDTLS_SSL_VERSION_TLS1_3});
    ck_assert_int_eq(tls_context_keylog_error(rig.context), 0);
    rig_done(&rig);
}
END_TEST

Suite *tls_handshake_suite(void)
{
    Suite *s = suite_create("tls_handshake");
    TCase *t = tcase_create("handshakes");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, setup_certificates, NULL);
    tcase_add_loop_test(t, every_suite, 0, COUNT_OF(suite_cases));
    tcase_add_loop_test(t, every_group, 0, 6);
    tcase_add_loop_test(t, hello_retry_request, 0, 2);
    tcase_add_loop_test(t, messages_of_1_3, 0, 2);
    tcase_add_loop_test(t, messages_of_1_2, 0, 4);
    tcase_add_loop_test(t, states_and_secrets, 0, 2);
    tcase_add_test(t, bytes_and_time);
    tcase_add_loop_test(t, certificate_facts, 0, 2);
    tcase_add_loop_test(t, certificate_by_sni, 0, 2 * COUNT_OF(sni_cases));
    tcase_add_loop_test(t, certificate_by_key, 0, 4);
    tcase_add_loop_test(t, alpn, 0, 2);
    tcase_add_loop_test(t, alpn_in_vain, 0, 2);
    tcase_add_loop_test(t, resumption, 0, 2);
    tcase_add_test(t, foreign_ticket);
    tcase_add_loop_test(t, no_tickets, 0, 2);
    tcase_add_test(t, key_log);
    tcase_add_test(t, key_log_is_full);
    suite_add_tcase(s, t);
    return s;
}
