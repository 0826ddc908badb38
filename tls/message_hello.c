/* ClientHello, ServerHello and HelloRetryRequest (RFC 8446 4.1.2 to 4.1.4; RFC 5246 7.4.1.2, 7.4.1.3). */
#include "tls/message_tell.h"

#include <string.h>

/* SHA-256 of "HelloRetryRequest" (RFC 8446 4.1.3). */
static const uint8_t retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

bool tell_is_retry(struct slice body)
{
    struct rd r = rd_slice(body);
    rd_skip(&r, 2);
    struct slice random = rd_take(&r, sizeof(retry_random));
    return !r.failed && memcmp(random.data, retry_random, sizeof(retry_random)) == 0;
}

uint16_t tell_server_version(struct slice body)
{
    struct rd r = rd_slice(body);
    uint16_t version = rd_be16(&r);
    rd_skip(&r, 32);
    rd_skip(&r, rd_u8(&r)); /* legacy_session_id_echo */
    rd_skip(&r, 3);         /* cipher_suite, legacy_compression_method */
    if (r.failed) {
        return 0;
    }
    struct rd extensions = rd_sub(&r, rd_left(&r) > 0 ? rd_be16(&r) : 0);
    while (rd_left(&extensions) > 0) {
        uint16_t type = rd_be16(&extensions);
        struct rd value = rd_sub(&extensions, rd_be16(&extensions));
        if (type == 43 && !value.failed) { /* supported_versions */
            return rd_be16(&value);
        }
    }
    return version;
}

static const char *compression_name(uint16_t method)
{
    return method == 0 ? "null" : "";
}

static void tell_random(struct teller *t, struct rd *r)
{
    /* RFC 8446 4.1.3: how a server of TLS 1.3 that answers with less says so. */
    static const uint8_t downgrade[8] = {'D', 'O', 'W', 'N', 'G', 'R', 'D', 1};
    struct slice random = rd_take(r, 32);
    bool hello_retry = t->kind == TLS_HELLO_RETRY_REQUEST;
    bool downgraded = t->kind == TLS_SERVER_HELLO && random.len == 32 &&
                      memcmp(random.data + 24, downgrade, sizeof(downgrade)) == 0;
    tell_begin(t, "random", random);
    tell_add_hex(t, random);
    t->field.note = hello_retry ? "SHA-256(\"HelloRetryRequest\"): this is one"
                    : downgraded
                        ? "ends in \"DOWNGRD\" 01: the server has TLS 1.3, and was asked for less"
                        : "";
    tell_end(t);
}

/* A vector of extensions with its length; TLS 1.2 may leave it out. */
static void tell_optional_extensions(struct teller *t, struct rd *r)
{
    if (!r->failed && rd_left(r) > 0) {
        tell_extensions(t, r);
    }
}

void tell_client_hello(struct teller *t, struct rd *r)
{
    struct slice version = rd_take(r, 2);
    struct rd v = rd_slice(version);
    tell_named(t, "legacy_version", rd_be16(&v), tls_version_name, version);
    tell_random(t, r);
    tell_hex(t, "legacy_session_id", rd_take(r, rd_u8(r)));
    struct rd suites = rd_sub(r, rd_be16(r));
    tell_numbers(t, "cipher_suites", &suites, 2, tls_suite_name);
    struct rd methods = rd_sub(r, rd_u8(r));
    tell_numbers(t, "legacy_compression_methods", &methods, 1, compression_name);
    tell_optional_extensions(t, r);
}

void tell_server_hello(struct teller *t, struct rd *r)
{
    bool old = t->version != TLS_1_3;
    struct slice version = rd_take(r, 2);
    struct rd v = rd_slice(version);
    tell_named(t, old ? "server_version" : "legacy_version", rd_be16(&v), tls_version_name,
               version);
    tell_random(t, r);
    tell_hex(t, old ? "session_id" : "legacy_session_id_echo", rd_take(r, rd_u8(r)));
    struct slice suite = rd_take(r, 2);
    struct rd s = rd_slice(suite);
    tell_named(t, "cipher_suite", rd_be16(&s), tls_suite_name, suite);
    struct slice method = rd_take(r, 1);
    struct rd m = rd_slice(method);
    tell_named(t, old ? "compression_method" : "legacy_compression_method", rd_u8(&m),
               compression_name, method);
    tell_optional_extensions(t, r);
}
