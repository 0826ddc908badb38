/* What a context accepts and refuses, with a sentence each time. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/tls/tls_rig.h"

Suite *context_suite(void);

static char error[512];

static void setup_certificates(void)
{
    rig_dir();
}

static void check_refused(const struct tls_config *config, const char *word)
{
    error[0] = '\0';
    ck_assert_ptr_null(tls_context_new(config, error, sizeof(error)));
    ck_assert_msg(strstr(error, word) != NULL, "the error is: %s", error);
}

START_TEST(refused_settings)
{
    static const char *const groups[] = {"x25519", "brainpool", NULL};
    static const char *const long_alpn[] = {"", NULL};
    check_refused(&(struct tls_config){.groups = groups}, "brainpool");
    check_refused(&(struct tls_config){.min_version = TLS_1_3, .max_version = TLS_1_2}, "1.2");
    check_refused(&(struct tls_config){.min_version = 0x0302}, "1.2");
    check_refused(&(struct tls_config){.alpn = long_alpn}, "ALPN");
    check_refused(&(struct tls_config){.keylog = "/proc/no/such"}, "/proc/no/such");
}
END_TEST

static void check_certificate(const char *chain, const char *key, const char *word)
{
    struct tls_context *c = tls_context_new(&(struct tls_config){0}, error, sizeof(error));
    ck_assert_ptr_nonnull(c);
    error[0] = '\0';
    bool ok = tls_context_add_certificate(c, rig_path(chain), rig_path(key), error, sizeof(error));
    ck_assert_int_eq(ok, word == NULL);
    ck_assert_msg(word == NULL || strstr(error, word) != NULL, "the error is: %s", error);
    tls_context_free(c);
}

START_TEST(certificates)
{
    check_certificate("server.pem", "server.key", NULL);
    check_certificate("server-rsa.pem", "server-rsa.key", NULL);
    check_certificate("server.pem", "other.key", "is not the key of");
    check_certificate("server.pem", "server-rsa.key", "is not the key of");
    check_certificate("missing.pem", "server.key", "missing.pem: No such file or directory");
    check_certificate("server.pem", "missing.key", "missing.key: No such file or directory");
    check_certificate(".", "server.key", ": Is a directory");
    check_certificate("server.pem", ".", ": Is a directory");
    check_refused(&(struct tls_config){.client = true, .trust = "/"}, "/: Is a directory");
    check_certificate("server.key", "server.key", "server.key: no certificate that can be read");
    check_certificate("server.pem", "server.pem", "server.pem: no private key that can be read");
}
END_TEST

/* A key under a password, in both forms (RFC 7468 11, RFC 1421 4.6.1.1); the content does not matter. */
START_TEST(encrypted_keys)
{
    static const char *const pem[] = {
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHsMFcG\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AABB\n\n"
        "MIHsMFcG\n-----END EC PRIVATE KEY-----\n"};
    FILE *f = fopen(rig_path("locked.key"), "we");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(pem[_i], f), 0);
    fclose(f);
    check_certificate("server.pem", "locked.key", "locked.key: the key is encrypted");
}
END_TEST

/* A version that is not allowed is answered with protocol_version (RFC 8446 4.2.1). */
START_TEST(versions)
{
    static struct rig rig;
    bool old = _i == 1;
    rig_init(&rig, &(struct rig_options){
                       .server = {.min_version = old ? TLS_1_3 : TLS_1_2,
                                  .max_version = old ? TLS_1_3 : TLS_1_2},
                       .version = old ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3,
                   });
    rig_run(&rig);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
    /* a server without TLS 1.3 only finds no suite that it knows */
    ck_assert_uint_eq(rig_event(&rig, EV_tls_alert, 0)->u.tls_alert.description, old ? 70 : 40);
    ck_assert_uint_eq(rig.app.opened, 0);
    ck_assert_uint_eq(rig.app.closed, 1);
    rig_done(&rig);
}
END_TEST

START_TEST(no_certificate)
{
    static struct rig rig;
    rig_init(&rig, &(struct rig_options){0});
    struct tls_context *empty = tls_context_new(&(struct tls_config){0}, error, sizeof(error));
    ck_assert_ptr_nonnull(empty);
    stream_abort(rig.app.stream);
    rig.pipe.a.aborted = false;
    rig.app.stream =
        tls_server(empty, &rig.pipe.a.stream, &rig.recorder, 1, rig_app_events(), &rig.app);
    rig_run(&rig);
    ck_assert_int_eq(rig.client_error, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
    ck_assert_int_eq(rig.app.reason, CLOSE_TLS_FAILED);
    tls_context_free(empty);
    rig_done(&rig);
}
END_TEST

Suite *context_suite(void)
{
    Suite *s = suite_create("context");
    TCase *t = tcase_create("context");
    tcase_set_timeout(t, 30);
    tcase_add_unchecked_fixture(t, setup_certificates, NULL);
    tcase_add_test(t, refused_settings);
    tcase_add_test(t, certificates);
    tcase_add_loop_test(t, encrypted_keys, 0, 2);
    tcase_add_loop_test(t, versions, 0, 2);
    tcase_add_test(t, no_certificate);
    suite_add_tcase(s, t);
    return s;
}
