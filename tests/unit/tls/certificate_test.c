/* A certificate: which names it stands for (RFC 6125 6.4.3), and its facts, as OpenSSL sees them. */
#include "tls/internal.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/tls/tls_files.h"
#include "tests/unit/tls/tls_rig.h"

Suite *certificate_suite(void);

static struct tls_certificate *certificate;

static void setup_certificates(void)
{
    rig_dir();
}

static void load(const char *chain, const char *key)
{
    char error[256];
    certificate = tls_certificate_load(rig_path(chain), rig_path(key), error, sizeof(error));
    ck_assert_msg(certificate != NULL, "%s", error);
}

static bool matches(const char *name)
{
    return tls_certificate_matches(certificate,
                                   (struct slice){(const uint8_t *)name, strlen(name)});
}

/* It was issued for vitrine.test and *.vitrine.test. */
START_TEST(names)
{
    static const char *const yes[] = {"vitrine.test", "VITRINE.test", "a.vitrine.test",
                                      "A-b.Vitrine.Test"};
    static const char *const no[] = {"",
                                     "test",
                                     ".vitrine.test",
                                     "a.b.vitrine.test",
                                     "avitrine.test",
                                     "vitrine.test.",
                                     "a.vitrine.tes",
                                     "a.vitrine.testx",
                                     "vitrine",
                                     "10.9.0.2"};
    load("server.pem", "server.key");
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        ck_assert_msg(matches(yes[i]), "%s should match", yes[i]);
    }
    for (size_t i = 0; i < COUNT_OF(no); i++) {
        ck_assert_msg(!matches(no[i]), "%s should not match", no[i]);
    }
    tls_certificate_free(certificate);
}
END_TEST

START_TEST(addresses)
{
    static const uint8_t ours[] = {10, 9, 0, 2}, other[] = {10, 9, 0, 3};
    load("server.pem", "server.key");
    ck_assert(tls_certificate_has_ip(certificate, (struct slice){ours, 4}));
    ck_assert(!tls_certificate_has_ip(certificate, (struct slice){other, 4}));
    ck_assert(!tls_certificate_has_ip(certificate, (struct slice){ours, 3}));
    tls_certificate_free(certificate);
}
END_TEST

/* "AB:CD:…", as OpenSSL prints it. */
static void with_colons(const char *hex, char *out)
{
    for (size_t i = 0; hex[i] != '\0'; i++) {
        if (i > 0 && i % 2 == 0) {
            *out++ = ':';
        }
        *out++ = (char)toupper((unsigned char)hex[i]);
    }
    *out = '\0';
}

START_TEST(facts)
{
    bool rsa = _i == 1;
    char fingerprint[100], arguments[80];
    load(rsa ? "server-rsa.pem" : "server.pem", rsa ? "server-rsa.key" : "server.key");
    with_colons(certificate->fingerprint, fingerprint);
    snprintf(arguments, sizeof(arguments), "x509 -in %s -noout -fingerprint -sha256",
             rsa ? "server-rsa.pem" : "server.pem");
    ck_assert(openssl_says(rig_dir(), arguments, fingerprint));
    ck_assert_int_eq(certificate->kind, rsa ? TLS_KEY_RSA : TLS_KEY_P256);
    ck_assert_str_eq(certificate->subject, "CN=vitrine.test");
    ck_assert_ptr_nonnull(strstr(certificate->issuer, "CN=Vitrine development CA "));
    if (rsa) { /* the modulus, in OpenSSL's form */
        char modulus[600];
        size_t n = 0;
        for (const char *p = certificate->public_key_hex; *p != '\0'; p++) {
            modulus[n++] = (char)toupper((unsigned char)*p);
        }
        modulus[n] = '\0';
        ck_assert(openssl_says(rig_dir(), "x509 -in server-rsa.pem -noout -modulus", modulus));
    } else {
        ck_assert_uint_eq(strlen(certificate->public_key_hex), 2 * 65);
        ck_assert_int_eq(strncmp(certificate->public_key_hex, "04", 2), 0);
    }
    tls_certificate_free(certificate);
}
END_TEST

/* What of two certificates a client gets, by what it offers. */
START_TEST(choice)
{
    static const char *const name = "vitrine.test";
    struct slice sni = {(const uint8_t *)name, 12}, none = {NULL, 0};
    struct list all;
    list_init(&all);
    load("server.pem", "server.key");
    struct tls_certificate *ec = certificate;
    load("server-rsa.pem", "server-rsa.key");
    struct tls_certificate *rsa = certificate;
    const struct tls_offer both = {.sni = sni,
                                   .ecdsa_p256 = true,
                                   .rsa_pss = true,
                                   .rsa_pkcs1 = true,
                                   .suite_ecdsa = true,
                                   .suite_rsa = true};
    struct tls_offer o = both;
    ck_assert_ptr_null(tls_certificate_choose(&all, &o, TLS_1_3));
    list_push_back(&all, &ec->link);
    list_push_back(&all, &rsa->link);
    ck_assert_ptr_eq(tls_certificate_choose(&all, &o, TLS_1_3), ec);
    ck_assert_ptr_eq(tls_certificate_choose(&all, &o, TLS_1_2), ec);
    o.suite_ecdsa = false; /* concerns TLS 1.2 only */
    ck_assert_ptr_eq(tls_certificate_choose(&all, &o, TLS_1_3), ec);
    ck_assert_ptr_eq(tls_certificate_choose(&all, &o, TLS_1_2), rsa);
    o = both;
    o.ecdsa_p256 = false;
    o.sni = none;
    ck_assert_ptr_eq(tls_certificate_choose(&all, &o, TLS_1_3), rsa);
    ck_assert_ptr_eq(tls_certificate_choose(&all, &o, TLS_1_2), rsa);
    o.rsa_pss = false; /* nothing fits: the first, and the handshake fails by itself */
    ck_assert_ptr_eq(tls_certificate_choose(&all, &o, TLS_1_3), ec);
    tls_certificate_free(ec);
    tls_certificate_free(rsa);
}
END_TEST

Suite *certificate_suite(void)
{
    Suite *s = suite_create("certificate");
    TCase *t = tcase_create("certificate");
    tcase_set_timeout(t, 30);
    tcase_add_unchecked_fixture(t, setup_certificates, NULL);
    tcase_add_test(t, names);
    tcase_add_test(t, addresses);
    tcase_add_loop_test(t, facts, 0, 2);
    tcase_add_test(t, choice);
    suite_add_tcase(s, t);
    return s;
}
