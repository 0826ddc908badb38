/* Messages as fields: those of RFC 8448 say what the RFC says of them, a TLS 1.2 handshake likewise, and no cut or
 * changed byte leads a reader out of the message. */
#include "tls/message.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tls/hex.h"
#include "tests/unit/tls/rfc8448.h"

Suite *message_suite(void);

static struct tls_message_view view(const char *hex, uint8_t type, uint16_t version,
                                    uint8_t bytes[2048])
{
    size_t len = hex_bytes(hex, bytes, 2048);
    return (struct tls_message_view){
        .type = type, .version = version, .suite = 0x1301, .bytes = {bytes, len}, .verdict = ""};
}

static void check_field(const struct tls_message_view *m, const char *name, const char *expected)
{
    char value[TLS_FIELD_TEXT];
    if (!tls_message_find(m, name, value, sizeof(value))) {
        ck_abort_msg("%s: there is none", name);
    }
    if (strcmp(value, expected) != 0) {
        ck_abort_msg("%s: '%s' and not '%s'", name, value, expected);
    }
}

static void count(void *arg, const struct tls_field *f)
{
    ck_assert_ptr_nonnull(f->name);
    ck_assert_ptr_nonnull(f->value);
    ck_assert_ptr_nonnull(f->note);
    ck_assert_uint_lt(strlen(f->value), TLS_FIELD_TEXT);
    ++*(unsigned *)arg;
}

static void check_whole(const struct tls_message_view *m)
{
    unsigned n = 0;
    char value[8];
    ck_assert(tls_message_fields(m, count, &n));
    ck_assert_uint_gt(n, 0);
    ck_assert(!tls_message_find(m, "malformed", value, sizeof(value)));
}

/* ---- RFC 8448 ---- */

START_TEST(client_hello)
{
    uint8_t bytes[2048];
    char line[TLS_SUMMARY_MAX];
    struct tls_message_view m = view(RFC8448_CLIENT_HELLO, TLS_CLIENT_HELLO, 0, bytes);
    check_whole(&m);
    check_field(&m, "legacy_version", "TLS 1.2");
    check_field(&m, "random", "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7");
    check_field(&m, "legacy_session_id", "");
    check_field(&m, "cipher_suites",
                "TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256, TLS_AES_256_GCM_SHA384");
    check_field(&m, "server_name", "server");
    check_field(&m, "supported_groups",
                "x25519, secp256r1, secp384r1, secp521r1, ffdhe2048, ffdhe3072, ffdhe4096, "
                "ffdhe6144, ffdhe8192");
    check_field(&m, "key_share", "x25519");
    check_field(&m, "key_exchange",
                "99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c");
    check_field(&m, "supported_versions", "TLS 1.3");
    check_field(&m, "psk_key_exchange_modes", "psk_dhe_ke");
    check_field(&m, "record_size_limit", "16385 bytes");
    check_field(&m, "renegotiation_info", "");
    ck_assert_str_eq(tls_message_summary(&m, line), "server; TLS 1.3; 3 cipher_suites; x25519");
}
END_TEST

START_TEST(server_hello)
{
    uint8_t bytes[2048];
    char line[TLS_SUMMARY_MAX];
    struct tls_message_view m = view(RFC8448_SERVER_HELLO, TLS_SERVER_HELLO, TLS_1_3, bytes);
    check_whole(&m);
    check_field(&m, "legacy_version", "TLS 1.2");
    check_field(&m, "random", "a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26928");
    check_field(&m, "cipher_suite", "TLS_AES_128_GCM_SHA256");
    check_field(&m, "supported_versions", "TLS 1.3");
    check_field(&m, "key_share", "x25519");
    check_field(&m, "key_exchange",
                "c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f");
    ck_assert_str_eq(tls_message_summary(&m, line), "TLS 1.3; TLS_AES_128_GCM_SHA256; x25519");
}
END_TEST

START_TEST(the_servers_flight)
{
    uint8_t bytes[2048];
    struct tls_message_view m =
        view(RFC8448_ENCRYPTED_EXTENSIONS, TLS_ENCRYPTED_EXTENSIONS, TLS_1_3, bytes);
    check_whole(&m);
    check_field(&m, "server_name", "");
    m = view(RFC8448_CERTIFICATE, TLS_CERTIFICATE, TLS_1_3, bytes);
    check_whole(&m);
    check_field(&m, "certificate_request_context", "");
    check_field(&m, "certificate", "432 bytes");
    check_field(&m, "subject", "CN=rsa");
    check_field(&m, "issuer", "CN=rsa");
    check_field(&m, "serial_number", "02");
    check_field(&m, "not_before", "2016-07-30 01:23:59");
    check_field(&m, "not_after", "2026-07-30 01:23:59");
    check_field(&m, "subject_public_key_info", "RSA 1024 bits");
    m = view(RFC8448_CERTIFICATE_VERIFY, TLS_CERTIFICATE_VERIFY, TLS_1_3, bytes);
    check_whole(&m);
    check_field(&m, "algorithm", "rsa_pss_rsae_sha256");
    m = view(RFC8448_SERVER_FINISHED, TLS_FINISHED, TLS_1_3, bytes);
    m.verdict = "good";
    check_whole(&m);
    check_field(&m, "verify_data",
                "9b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718");
    check_field(&m, "verdict", "good");
}
END_TEST

START_TEST(ticket_and_resumption)
{
    uint8_t bytes[2048];
    char identity[TLS_FIELD_TEXT], ticket[TLS_FIELD_TEXT];
    struct tls_message_view m =
        view(RFC8448_NEW_SESSION_TICKET, TLS_NEW_SESSION_TICKET, TLS_1_3, bytes);
    check_whole(&m);
    check_field(&m, "ticket_lifetime", "30 s");
    check_field(&m, "ticket_age_add", "4208372421"); /* 0xfad6aac5 */
    check_field(&m, "ticket_nonce", "0000");
    check_field(&m, "early_data", "1024 bytes at the most");
    ck_assert(tls_message_find(&m, "ticket", ticket, sizeof(ticket)));
    ck_assert_uint_eq(strlen(ticket), 2 * 178);
    m = view(RFC8448_RESUMED_CLIENT_HELLO, TLS_CLIENT_HELLO, 0, bytes);
    check_whole(&m);
    check_field(&m, "early_data", "");
    check_field(&m, "padding", "87 bytes");
    ck_assert(tls_message_find(&m, "identity", identity, sizeof(identity)));
    ck_assert_str_eq(identity, ticket);
    check_field(&m, "obfuscated_ticket_age", "4208372427"); /* 0xfad6aacb */
    check_field(&m, "binder", "3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d");
    m = view(RFC8448_RESUMED_SERVER_HELLO, TLS_SERVER_HELLO, TLS_1_3, bytes);
    check_whole(&m);
    check_field(&m, "pre_shared_key", "0 is the selected_identity");
    unsigned n = 0;
    m = view(RFC8448_END_OF_EARLY_DATA, TLS_END_OF_EARLY_DATA, TLS_1_3, bytes);
    ck_assert(tls_message_fields(&m, count, &n));
    ck_assert_uint_eq(n, 0); /* RFC 8446 4.5: it is empty */
    m = view(RFC8448_RESUMED_CLIENT_FINISHED, TLS_FINISHED, TLS_1_3, bytes);
    check_whole(&m);
    check_field(&m, "verify_data",
                "7230a9c952c25cd6138fc5e6628308c41c5335dd81b9f96bcea50fd32bda416d");
}
END_TEST

START_TEST(retry)
{
    uint8_t bytes[2048];
    struct tls_message_view m = view(RFC8448_RETRIED_CLIENT_HELLO, TLS_CLIENT_HELLO, 0, bytes);
    check_whole(&m);
    check_field(&m, "key_share", "x25519");
    m = view(RFC8448_HELLO_RETRY_REQUEST, TLS_HELLO_RETRY_REQUEST, TLS_1_3, bytes);
    check_whole(&m);
    check_field(&m, "key_share", "secp256r1");
    m.type = TLS_SERVER_HELLO; /* as it is on the wire */
    check_whole(&m);
    check_field(&m, "key_share", "secp256r1");
    char cookie[TLS_FIELD_TEXT];
    ck_assert(tls_message_find(&m, "cookie", cookie, sizeof(cookie)));
    ck_assert_uint_eq(strlen(cookie), 2 * 0x72);
    m = view(RFC8448_SECOND_CLIENT_HELLO, TLS_CLIENT_HELLO, 0, bytes);
    check_whole(&m);
    check_field(&m, "key_share", "secp256r1");
    check_field(&m, "cookie", cookie);
    check_field(&m, "padding", "175 bytes");
    m = view(RFC8448_SECOND_SERVER_HELLO, TLS_SERVER_HELLO, TLS_1_3, bytes);
    check_whole(&m);
    check_field(&m, "key_share", "secp256r1");
    ck_assert(!tls_message_find(&m, "cookie", cookie, sizeof(cookie)));
}
END_TEST

/* ---- TLS 1.2: structures of RFC 5246 and RFC 8422, put together by hand ---- */

START_TEST(of_tls_1_2)
{
    uint8_t bytes[2048];
    struct tls_message_view m = view("0200002e" /* a ServerHello, RFC 5246 7.4.1.3 */
                                     "0303"
                                     "000102030405060708090a0b0c0d0e0f1011121314151617"
                                     "444f574e47524401"
                                     "02abcd"
                                     "c02b"
                                     "00"
                                     "0004"
                                     "00170000",
                                     TLS_SERVER_HELLO, TLS_1_2, bytes);
    check_whole(&m);
    check_field(&m, "server_version", "TLS 1.2");
    check_field(&m, "session_id", "abcd");
    check_field(&m, "cipher_suite", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    check_field(&m, "compression_method", "null");
    check_field(&m, "extended_master_secret", "");
    m = view("0c00000c"
             "03"
             "001d"
             "03"
             "aabbcc"
             "0403"
             "0001"
             "5a",
             TLS_SERVER_KEY_EXCHANGE, TLS_1_2, bytes);
    check_whole(&m);
    check_field(&m, "named_curve", "x25519");
    check_field(&m, "public", "aabbcc");
    check_field(&m, "algorithm", "ecdsa_secp256r1_sha256");
    check_field(&m, "signature", "5a");
    m = view("10000003"
             "02"
             "0102",
             TLS_CLIENT_KEY_EXCHANGE, TLS_1_2, bytes);
    check_whole(&m);
    check_field(&m, "ecdh_Yc", "0102");
    m = view("04000009"
             "00000e10"
             "0003"
             "112233",
             TLS_NEW_SESSION_TICKET, TLS_1_2, bytes);
    check_whole(&m);
    check_field(&m, "ticket_lifetime_hint", "3600 s");
    check_field(&m, "ticket", "112233");
    /* RFC 5246 7.4.4, with the name C=US, CN=ab */
    m = view("0d000028"
             "020140"
             "000404030401"
             "001d"
             "001b"
             "3019310b3009060355040613025553310a300806035504030c016"
             "1",
             TLS_CERTIFICATE_REQUEST, TLS_1_2, bytes);
    check_whole(&m);
    check_field(&m, "certificate_types", "rsa_sign, ecdsa_sign");
    check_field(&m, "supported_signature_algorithms", "ecdsa_secp256r1_sha256, rsa_pkcs1_sha256");
    check_field(&m, "distinguished_name", "C=US, CN=a");
    m = view("0e000000", TLS_SERVER_HELLO_DONE, TLS_1_2, bytes);
    unsigned n = 0;
    ck_assert(tls_message_fields(&m, count, &n));
    ck_assert_uint_eq(n, 0);
    m = view("01", TLS_CHANGE_CIPHER_SPEC, TLS_1_2, bytes);
    check_whole(&m);
}
END_TEST

/* ---- numbers, and what is odd ---- */

static void see_numbers(void *arg, const struct tls_field *f)
{
    if (strcmp(f->name, "cipher_suites") == 0) {
        ck_assert_uint_eq(f->count, TLS_FIELD_NUMBERS);
        ck_assert_uint_eq(f->more, 200 - TLS_FIELD_NUMBERS);
        ck_assert_uint_eq(f->numbers[0], 0x0a0a);
        ck_assert_uint_eq(f->numbers[1], 1);
        ck_assert_int_eq(strncmp(f->value, "GREASE 0x0a0a, 0x0001, ", 23), 0);
        ++*(unsigned *)arg;
    }
}

START_TEST(a_long_list)
{
    uint8_t hello[4 + 34 + 1 + 2 + 400 + 2] = {1, 0, 0x01, 0xb7, 3, 3};
    unsigned seen = 0;
    struct tls_message_view m = {.type = TLS_CLIENT_HELLO, .bytes = {hello, sizeof(hello)}};
    hello[4 + 35] = 400 >> 8;
    hello[4 + 36] = 400 & 255;
    for (unsigned i = 0; i < 200; i++) {
        hello[4 + 37 + 2 * i + 1] = (uint8_t)i;
    }
    hello[4 + 37] = 0x0a;
    hello[4 + 38] = 0x0a;
    hello[4 + 437] = 1;
    ck_assert(tls_message_fields(&m, see_numbers, &seen));
    ck_assert_uint_eq(seen, 1);
}
END_TEST

static const struct {
    const char *hex;
    uint8_t type;
} samples[] = {
    {RFC8448_CLIENT_HELLO, TLS_CLIENT_HELLO},
    {RFC8448_RESUMED_CLIENT_HELLO, TLS_CLIENT_HELLO},
    {RFC8448_SECOND_CLIENT_HELLO, TLS_CLIENT_HELLO},
    {RFC8448_SERVER_HELLO, TLS_SERVER_HELLO},
    {RFC8448_HELLO_RETRY_REQUEST, TLS_HELLO_RETRY_REQUEST},
    {RFC8448_ENCRYPTED_EXTENSIONS, TLS_ENCRYPTED_EXTENSIONS},
    {RFC8448_CERTIFICATE, TLS_CERTIFICATE},
    {RFC8448_CERTIFICATE_VERIFY, TLS_CERTIFICATE_VERIFY},
    {RFC8448_NEW_SESSION_TICKET, TLS_NEW_SESSION_TICKET},
};

/* With its header telling the truth about the length, so that the body is what is too short. */
START_TEST(cut_short)
{
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        uint8_t bytes[2048];
        struct tls_message_view m = view(samples[i].hex, samples[i].type, TLS_1_3, bytes);
        for (size_t len = 4; len < m.bytes.len; len++) {
            uint8_t *copy = malloc(len); /* so that ASan sees a read behind the end */
            unsigned n = 0;
            char malformed[64];
            ck_assert_ptr_nonnull(copy);
            memcpy(copy, bytes, len);
            copy[1] = 0;
            copy[2] = (uint8_t)((len - 4) >> 8);
            copy[3] = (uint8_t)((len - 4) & 255);
            struct tls_message_view part = m;
            part.bytes = (struct slice){copy, len};
            /* A hello may end before its extensions (RFC 5246 7.4.1.2). */
            bool whole = tls_message_fields(&part, count, &n);
            bool hello = samples[i].type <= TLS_HELLO_RETRY_REQUEST &&
                         samples[i].type != TLS_NEW_SESSION_TICKET;
            if (whole && !(hello && len < 60)) {
                ck_abort_msg("message %zu, %zu bytes: no fault was found", i, len);
            }
            ck_assert_int_eq(tls_message_find(&part, "malformed", malformed, sizeof(malformed)),
                             !whole);
            free(copy);
        }
    }
}
END_TEST

START_TEST(any_byte_wrong)
{
    uint8_t bytes[2048];
    struct tls_message_view m = view(samples[_i].hex, samples[_i].type, TLS_1_3, bytes);
    uint8_t *copy = malloc(m.bytes.len);
    ck_assert_ptr_nonnull(copy);
    for (size_t i = 0; i < m.bytes.len; i++) {
        static const uint8_t odd[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
        for (size_t k = 0; k < COUNT_OF(odd); k++) {
            unsigned n = 0;
            memcpy(copy, bytes, m.bytes.len);
            copy[i] ^= odd[k];
            struct tls_message_view changed = m;
            changed.bytes.data = copy;
            tls_message_fields(&changed, count, &n);
        }
    }
    free(copy);
}
END_TEST

START_TEST(names_of_a_peer_are_printable)
{
    uint8_t bytes[2048];
    struct tls_message_view m = view(RFC8448_CLIENT_HELLO, TLS_CLIENT_HELLO, 0, bytes);
    for (size_t i = 0; i + 6 < m.bytes.len; i++) {
        if (memcmp(bytes + i, "server", 6) == 0) {
            bytes[i] = 0x1b;
            bytes[i + 1] = 0;
        }
    }
    check_field(&m, "server_name", "??rver");
}
END_TEST

Suite *message_suite(void)
{
    Suite *s = suite_create("message");
    TCase *t = tcase_create("message");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, client_hello);
    tcase_add_test(t, server_hello);
    tcase_add_test(t, the_servers_flight);
    tcase_add_test(t, ticket_and_resumption);
    tcase_add_test(t, retry);
    tcase_add_test(t, of_tls_1_2);
    tcase_add_test(t, a_long_list);
    tcase_add_test(t, cut_short);
    tcase_add_loop_test(t, any_byte_wrong, 0, COUNT_OF(samples));
    tcase_add_test(t, names_of_a_peer_are_printable);
    suite_add_tcase(s, t);
    return s;
}
