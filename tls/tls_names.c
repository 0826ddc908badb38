/* Words for the numbers of TLS: the IANA registries' own (RFC 8446 4, 6, B.3, B.4; RFC 5246). */
#include "tls/internal.h"

struct name {
    uint16_t number;
    const char *text;
};

static const char *find(const struct name *names, size_t count, unsigned number,
                        const char *otherwise)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].number == number) {
            return names[i].text;
        }
    }
    return otherwise;
}

const char *tls_message_name(uint8_t type)
{
    static const struct name names[] = {
        {TLS_CLIENT_HELLO, "ClientHello"},
        {TLS_SERVER_HELLO, "ServerHello"},
        {TLS_NEW_SESSION_TICKET, "NewSessionTicket"},
        {TLS_HELLO_RETRY_REQUEST, "HelloRetryRequest"},
        {TLS_ENCRYPTED_EXTENSIONS, "EncryptedExtensions"},
        {TLS_CERTIFICATE, "Certificate"},
        {TLS_SERVER_KEY_EXCHANGE, "ServerKeyExchange"},
        {TLS_CERTIFICATE_REQUEST, "CertificateRequest"},
        {TLS_SERVER_HELLO_DONE, "ServerHelloDone"},
        {TLS_CERTIFICATE_VERIFY, "CertificateVerify"},
        {TLS_CLIENT_KEY_EXCHANGE, "ClientKeyExchange"},
        {TLS_FINISHED, "Finished"},
        {TLS_KEY_UPDATE, "KeyUpdate"},
        {TLS_CHANGE_CIPHER_SPEC, "ChangeCipherSpec"},
        {TLS_CERTIFICATE_STATUS, "CertificateStatus"},
        {TLS_HELLO_REQUEST, "HelloRequest"},
        {TLS_END_OF_EARLY_DATA, "EndOfEarlyData"},
    };
    return find(names, COUNT_OF(names), type, "unknown message");
}

const char *tls_alert_name(uint8_t description)
{
    static const struct name names[] = {
        {0, "close_notify"},
        {10, "unexpected_message"},
        {20, "bad_record_mac"},
        {21, "decryption_failed"},
        {22, "record_overflow"},
        {30, "decompression_failure"},
        {40, "handshake_failure"},
        {41, "no_certificate"},
        {42, "bad_certificate"},
        {43, "unsupported_certificate"},
        {44, "certificate_revoked"},
        {45, "certificate_expired"},
        {46, "certificate_unknown"},
        {47, "illegal_parameter"},
        {48, "unknown_ca"},
        {49, "access_denied"},
        {50, "decode_error"},
        {51, "decrypt_error"},
        {60, "export_restriction"},
        {70, "protocol_version"},
        {71, "insufficient_security"},
        {80, "internal_error"},
        {86, "inappropriate_fallback"},
        {90, "user_canceled"},
        {100, "no_renegotiation"},
        {109, "missing_extension"},
        {110, "unsupported_extension"},
        {111, "certificate_unobtainable"},
        {112, "unrecognized_name"},
        {113, "bad_certificate_status_response"},
        {114, "bad_certificate_hash_value"},
        {115, "unknown_psk_identity"},
        {116, "certificate_required"},
        {120, "no_application_protocol"},
    };
    return find(names, COUNT_OF(names), description, "unknown alert");
}

const char *tls_version_name(uint16_t version)
{
    static const struct name names[] = {
        {0x0300, "SSL 3.0"},  {0x0301, "TLS 1.0"},  {0x0302, "TLS 1.1"},
        {TLS_1_2, "TLS 1.2"}, {TLS_1_3, "TLS 1.3"},
    };
    return find(names, COUNT_OF(names), version, "");
}

const char *tls_group_name(uint16_t group)
{
    static const struct name names[] = {
        {23, "secp256r1"},
        {24, "secp384r1"},
        {25, "secp521r1"},
        {29, "x25519"},
        {30, "x448"},
        {256, "ffdhe2048"},
        {257, "ffdhe3072"},
        {258, "ffdhe4096"},
        {259, "ffdhe6144"},
        {260, "ffdhe8192"},
        {26, "brainpoolP256r1"},
        {27, "brainpoolP384r1"},
        {28, "brainpoolP512r1"},
        {31, "brainpoolP256r1tls13"},
        {32, "brainpoolP384r1tls13"},
        {33, "brainpoolP512r1tls13"},
        {512, "MLKEM512"},
        {513, "MLKEM768"},
        {514, "MLKEM1024"},
        {0x11eb, "SecP256r1MLKEM768"},
        {0x11ec, "X25519MLKEM768"},
        {0x11ed, "SecP384r1MLKEM1024"},
    };
    return find(names, COUNT_OF(names), group, "");
}

const char *tls_suite_name(uint16_t suite)
{
    static const struct name names[] = {
        {0x1301, "TLS_AES_128_GCM_SHA256"},
        {0x1302, "TLS_AES_256_GCM_SHA384"},
        {0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
        {0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
        {0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
        {0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
        {0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
        {0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
        {0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
        /* offered by others, never agreed on by us */
        {0x1304, "TLS_AES_128_CCM_SHA256"},
        {0x1305, "TLS_AES_128_CCM_8_SHA256"},
        {0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"},
        {0x5600, "TLS_FALLBACK_SCSV"},
        {0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"},
        {0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"},
        {0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"},
        {0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"},
        {0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"},
        {0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"},
        {0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"},
        {0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"},
        {0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"},
        {0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"},
        {0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"},
        {0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"},
        {0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"},
        {0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
        {0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"},
        {0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
        {0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
        {0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"},
        {0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"},
        {0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"},
        {0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"},
        {0xc09c, "TLS_RSA_WITH_AES_128_CCM"},
        {0xc09d, "TLS_RSA_WITH_AES_256_CCM"},
        {0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM"},
        {0xc09f, "TLS_DHE_RSA_WITH_AES_256_CCM"},
        {0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"},
        {0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"},
        {0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"},
        {0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8"},
        {0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    };
    return find(names, COUNT_OF(names), suite, "");
}

const char *tls_signature_name(uint16_t scheme)
{
    static const struct name names[] = {
        {0x0401, "rsa_pkcs1_sha256"},
        {0x0501, "rsa_pkcs1_sha384"},
        {0x0601, "rsa_pkcs1_sha512"},
        {0x0403, "ecdsa_secp256r1_sha256"},
        {0x0503, "ecdsa_secp384r1_sha384"},
        {0x0603, "ecdsa_secp521r1_sha512"},
        {0x0804, "rsa_pss_rsae_sha256"},
        {0x0805, "rsa_pss_rsae_sha384"},
        {0x0806, "rsa_pss_rsae_sha512"},
        {0x0807, "ed25519"},
        {0x0808, "ed448"},
        {0x0809, "rsa_pss_pss_sha256"},
        {0x080a, "rsa_pss_pss_sha384"},
        {0x080b, "rsa_pss_pss_sha512"},
        {0x081a, "ecdsa_brainpoolP256r1tls13_sha256"},
        {0x081b, "ecdsa_brainpoolP384r1tls13_sha384"},
        {0x081c, "ecdsa_brainpoolP512r1tls13_sha512"},
        {0x0904, "mldsa44"},
        {0x0905, "mldsa65"},
        {0x0906, "mldsa87"},
        {0x0201, "rsa_pkcs1_sha1"},
        {0x0203, "ecdsa_sha1"},
        /* TLS 1.2's pairs of hash and signature without a name in RFC 8446 (RFC 5246 7.4.1.4.1) */
        {0x0101, "rsa_md5"},
        {0x0301, "rsa_sha224"},
        {0x0303, "ecdsa_sha224"},
        {0x0202, "dsa_sha1"},
        {0x0302, "dsa_sha224"},
        {0x0402, "dsa_sha256"},
        {0x0502, "dsa_sha384"},
        {0x0602, "dsa_sha512"},
    };
    return find(names, COUNT_OF(names), scheme, "");
}

const char *tls_secret_name(enum tls_secret s)
{
    static const char *const names[TLS_SECRETS] = {
        [TLS_SECRET_MASTER] = "CLIENT_RANDOM",
        [TLS_SECRET_CLIENT_HANDSHAKE] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        [TLS_SECRET_SERVER_HANDSHAKE] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        [TLS_SECRET_CLIENT_TRAFFIC] = "CLIENT_TRAFFIC_SECRET_0",
        [TLS_SECRET_SERVER_TRAFFIC] = "SERVER_TRAFFIC_SECRET_0",
    };
    return s < TLS_SECRETS ? names[s] : "";
}

const char *tls_state_name(uint16_t state)
{
    static const struct name names[] = {
        {MBEDTLS_SSL_HELLO_REQUEST, "HELLO_REQUEST"},
        {MBEDTLS_SSL_CLIENT_HELLO, "CLIENT_HELLO"},
        {MBEDTLS_SSL_SERVER_HELLO, "SERVER_HELLO"},
        {MBEDTLS_SSL_SERVER_CERTIFICATE, "SERVER_CERTIFICATE"},
        {MBEDTLS_SSL_SERVER_KEY_EXCHANGE, "SERVER_KEY_EXCHANGE"},
        {MBEDTLS_SSL_CERTIFICATE_REQUEST, "CERTIFICATE_REQUEST"},
        {MBEDTLS_SSL_SERVER_HELLO_DONE, "SERVER_HELLO_DONE"},
        {MBEDTLS_SSL_CLIENT_CERTIFICATE, "CLIENT_CERTIFICATE"},
        {MBEDTLS_SSL_CLIENT_KEY_EXCHANGE, "CLIENT_KEY_EXCHANGE"},
        {MBEDTLS_SSL_CERTIFICATE_VERIFY, "CERTIFICATE_VERIFY"},
        {MBEDTLS_SSL_CLIENT_CHANGE_CIPHER_SPEC, "CLIENT_CHANGE_CIPHER_SPEC"},
        {MBEDTLS_SSL_CLIENT_FINISHED, "CLIENT_FINISHED"},
        {MBEDTLS_SSL_SERVER_CHANGE_CIPHER_SPEC, "SERVER_CHANGE_CIPHER_SPEC"},
        {MBEDTLS_SSL_SERVER_FINISHED, "SERVER_FINISHED"},
        {MBEDTLS_SSL_FLUSH_BUFFERS, "FLUSH_BUFFERS"},
        {MBEDTLS_SSL_HANDSHAKE_WRAPUP, "HANDSHAKE_WRAPUP"},
        {MBEDTLS_SSL_NEW_SESSION_TICKET, "NEW_SESSION_TICKET"},
        {MBEDTLS_SSL_HELLO_RETRY_REQUEST, "HELLO_RETRY_REQUEST"},
        {MBEDTLS_SSL_ENCRYPTED_EXTENSIONS, "ENCRYPTED_EXTENSIONS"},
        {MBEDTLS_SSL_END_OF_EARLY_DATA, "END_OF_EARLY_DATA"},
        {MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY, "CLIENT_CERTIFICATE_VERIFY"},
        {MBEDTLS_SSL_SERVER_CCS_AFTER_SERVER_HELLO, "SERVER_CCS_AFTER_SERVER_HELLO"},
        {MBEDTLS_SSL_SERVER_CCS_AFTER_HELLO_RETRY_REQUEST, "SERVER_CCS_AFTER_HELLO_RETRY_REQUEST"},
        {MBEDTLS_SSL_HANDSHAKE_OVER, "HANDSHAKE_OVER"},
        {MBEDTLS_SSL_TLS1_3_NEW_SESSION_TICKET, "TLS1_3_NEW_SESSION_TICKET"},
        {MBEDTLS_SSL_TLS1_3_NEW_SESSION_TICKET_FLUSH, "TLS1_3_NEW_SESSION_TICKET_FLUSH"},
    };
    return find(names, COUNT_OF(names), state, "unknown state");
}
