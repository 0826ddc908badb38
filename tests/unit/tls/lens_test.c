/* The lens on a ClientHello: what it takes from one, and that no malformed one leads it astray. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "tls/internal.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *lens_suite(void);

/* A ClientHello's body: TLS 1.2, a session id of 2 bytes, two suites, and three extensions. */
static const uint8_t hello[] = {
    3,    3,    1,    1,    1,    1,    1,    1,    1,    1,    1,   1,
    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,   1,
    1,    1,    1,    1,    1,    1,    1,    1,    1,    1, /* version, random */
    2,    0xaa, 0xbb,                                        /* session id */
    0,    4,    0xc0, 0x2b, 0x13, 0x01,                      /* suites */
    1,    0,                                                 /* compression */
    0,    33,                                                /* extensions */
    0,    0,    0,    14,   0,    12,   0,    0,    9,    'a',  '.', 'e',
    'x',  'a',  'm',  'p',  'l',  'e',                          /* server_name */
    0,    13,   0,    6,    0,    4,    0x04, 0x03, 0x08, 0x04, /* signature_algorithms */
    0xff, 0x01, 0,    1,    0,                                  /* renegotiation_info */
};

START_TEST(a_whole_one)
{
    struct tls_offer o;
    ck_assert(tls_lens_client_hello((struct slice){hello, sizeof(hello)}, &o));
    ck_assert_uint_eq(o.sni.len, 9);
    ck_assert_mem_eq(o.sni.data, "a.example", 9);
    ck_assert(o.ecdsa_p256 && o.rsa_pss && !o.ecdsa_p384 && !o.rsa_pkcs1);
    ck_assert(o.suite_ecdsa && !o.suite_rsa);
}
END_TEST

/* Cut anywhere, it is malformed, except where TLS 1.2 may end: before the extensions. */
START_TEST(cut_short)
{
    for (size_t len = 0; len < sizeof(hello); len++) {
        uint8_t *copy = malloc(len + 1); /* so that ASan sees a read behind the end */
        struct tls_offer o;
        ck_assert_ptr_nonnull(copy);
        uint8_t *body = copy + 1;
        memcpy(body, hello, len);
        bool ends_well = len == 34 + 3 + 6 + 2;
        ck_assert_int_eq(tls_lens_client_hello((struct slice){body, len}, &o), ends_well);
        free(copy);
    }
}
END_TEST

START_TEST(any_byte_wrong)
{
    uint8_t copy[sizeof(hello)];
    struct tls_offer o;
    for (size_t i = 0; i < sizeof(hello); i++) {
        for (unsigned v = 0; v < 256; v++) {
            memcpy(copy, hello, sizeof(hello));
            copy[i] = (uint8_t)v;
            (void)tls_lens_client_hello((struct slice){copy, sizeof(copy)}, &o);
            if (o.sni.len > 255) {
                ck_abort_msg("byte %zu = %u: a name of %zu bytes", i, v, o.sni.len);
            }
        }
    }
}
END_TEST

/* Lists that lie about their length, an entry of another type first, a name of length 0. */
START_TEST(odd_server_names)
{
    uint8_t copy[sizeof(hello)];
    struct tls_offer o;
    size_t at = 34 + 3 + 6 + 2 + 2 + 4; /* length of the list of names */
    memcpy(copy, hello, sizeof(hello));
    copy[at + 1] = 200;
    ck_assert(tls_lens_client_hello((struct slice){copy, sizeof(copy)}, &o));
    ck_assert_uint_eq(o.sni.len, 0);
    memcpy(copy, hello, sizeof(hello));
    copy[at + 2] = 7; /* no host_name */
    ck_assert(tls_lens_client_hello((struct slice){copy, sizeof(copy)}, &o));
    ck_assert_uint_eq(o.sni.len, 0);
}
END_TEST

START_TEST(words)
{
    ck_assert_str_eq(tls_message_name(TLS_CLIENT_HELLO), "ClientHello");
    ck_assert_str_eq(tls_message_name(99), "unknown message");
    ck_assert_str_eq(tls_alert_name(48), "unknown_ca");
    ck_assert_str_eq(tls_alert_name(120), "no_application_protocol");
    ck_assert_str_eq(tls_version_name(0x0304), "TLS 1.3");
    ck_assert_str_eq(tls_group_name(29), "x25519");
    ck_assert_str_eq(tls_group_name(0), "");
    ck_assert_str_eq(tls_suite_name(0x1303), "TLS_CHACHA20_POLY1305_SHA256");
    ck_assert_str_eq(tls_signature_name(0x0403), "ecdsa_secp256r1_sha256");
    ck_assert_str_eq(tls_secret_name(TLS_SECRET_SERVER_TRAFFIC), "SERVER_TRAFFIC_SECRET_0");
    /* our suites' names agree with mbedTLS' own, which writes them its own way */
    static const uint16_t suites[] = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c,
                                      0xc02f, 0xc030, 0xcca8, 0xcca9};
    for (size_t i = 0; i < COUNT_OF(suites); i++) {
        char text[64];
        snprintf(text, sizeof(text), "%s", tls_suite_name(suites[i]));
        for (char *p = text; *p != '\0'; p++) {
            *p = *p == '_' ? '-' : *p;
        }
        const char *theirs = mbedtls_ssl_get_ciphersuite_name(suites[i]);
        ck_assert_str_eq(text + 4, strncmp(theirs, "TLS1-3-", 7) == 0 ? theirs + 7 : theirs + 4);
    }
}
END_TEST

Suite *lens_suite(void)
{
    Suite *s = suite_create("lens");
    TCase *t = tcase_create("client hello");
    tcase_add_test(t, a_whole_one);
    tcase_add_test(t, cut_short);
    tcase_add_test(t, any_byte_wrong);
    tcase_add_test(t, odd_server_names);
    tcase_add_test(t, words);
    suite_add_tcase(s, t);
    return s;
}
