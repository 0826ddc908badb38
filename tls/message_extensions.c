/* Extensions (RFC 8446 4.2; the RFC of each stands beside it). The same number has another shape in another
 * message: `kind` of the teller says whose it is.
 */
#include "tls/message_tell.h"

#include <stdio.h>

enum {
    EXT_SERVER_NAME = 0,
    EXT_MAX_FRAGMENT_LENGTH = 1,
    EXT_STATUS_REQUEST = 5,
    EXT_SUPPORTED_GROUPS = 10,
    EXT_EC_POINT_FORMATS = 11,
    EXT_SIGNATURE_ALGORITHMS = 13,
    EXT_ALPN = 16,
    EXT_PADDING = 21,
    EXT_COMPRESS_CERTIFICATE = 27,
    EXT_RECORD_SIZE_LIMIT = 28,
    EXT_SESSION_TICKET = 35,
    EXT_PRE_SHARED_KEY = 41,
    EXT_EARLY_DATA = 42,
    EXT_SUPPORTED_VERSIONS = 43,
    EXT_COOKIE = 44,
    EXT_PSK_MODES = 45,
    EXT_SIGNATURE_ALGORITHMS_CERT = 50,
    EXT_KEY_SHARE = 51,
    EXT_RENEGOTIATION_INFO = 0xff01,
};

static const char *extension_name(uint16_t type)
{
    static const struct {
        uint16_t type;
        const char *name;
    } names[] = {
        {EXT_SERVER_NAME, "server_name"},
        {EXT_MAX_FRAGMENT_LENGTH, "max_fragment_length"},
        {EXT_STATUS_REQUEST, "status_request"},
        {EXT_SUPPORTED_GROUPS, "supported_groups"},
        {EXT_EC_POINT_FORMATS, "ec_point_formats"},
        {EXT_SIGNATURE_ALGORITHMS, "signature_algorithms"},
        {14, "use_srtp"},
        {15, "heartbeat"},
        {EXT_ALPN, "application_layer_protocol_negotiation"},
        {17, "status_request_v2"},
        {18, "signed_certificate_timestamp"},
        {19, "client_certificate_type"},
        {20, "server_certificate_type"},
        {EXT_PADDING, "padding"},
        {22, "encrypt_then_mac"},
        {23, "extended_master_secret"},
        {24, "token_binding"},
        {EXT_COMPRESS_CERTIFICATE, "compress_certificate"},
        {EXT_RECORD_SIZE_LIMIT, "record_size_limit"},
        {34, "delegated_credential"},
        {EXT_SESSION_TICKET, "session_ticket"},
        {EXT_PRE_SHARED_KEY, "pre_shared_key"},
        {EXT_EARLY_DATA, "early_data"},
        {EXT_SUPPORTED_VERSIONS, "supported_versions"},
        {EXT_COOKIE, "cookie"},
        {EXT_PSK_MODES, "psk_key_exchange_modes"},
        {47, "certificate_authorities"},
        {48, "oid_filters"},
        {49, "post_handshake_auth"},
        {EXT_SIGNATURE_ALGORITHMS_CERT, "signature_algorithms_cert"},
        {EXT_KEY_SHARE, "key_share"},
        {57, "quic_transport_parameters"},
        {0x3374, "next_protocol_negotiation"},
        {0x4469, "application_settings"},
        {0xfe0d, "encrypted_client_hello"},
        {EXT_RENEGOTIATION_INFO, "renegotiation_info"},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (names[i].type == type) {
            return names[i].name;
        }
    }
    return "";
}

/* RFC 6066 3. The answer is empty: the name was used. */
static void tell_server_name(struct teller *t, struct rd *r)
{
    tell_begin(t, "server_name", tell_rest(r));
    struct rd list = rd_sub(r, rd_left(r) > 0 ? rd_be16(r) : 0);
    while (rd_left(&list) > 0) {
        uint8_t type = rd_u8(&list);
        struct slice name = rd_take(&list, rd_be16(&list));
        if (t->len > 0) {
            tell_add(t, ", ");
        }
        if (type == 0) {
            tell_add_string(t, name);
        } else {
            tell_add_hex(t, name);
        }
    }
    r->failed |= list.failed;
    tell_end(t);
}

/* RFC 7301 3.1: what is offered, or the one that was taken. */
static void tell_alpn(struct teller *t, struct rd *r)
{
    tell_begin(t, extension_name(EXT_ALPN), tell_rest(r));
    struct rd list = rd_sub(r, rd_be16(r));
    while (rd_left(&list) > 0) {
        struct slice name = rd_take(&list, rd_u8(&list));
        if (t->len > 0) {
            tell_add(t, ", ");
        }
        tell_add_string(t, name);
    }
    r->failed |= list.failed;
    tell_end(t);
}

static const char *point_format_name(uint16_t format)
{
    static const char *const names[] = {"uncompressed", "ansiX962_compressed_prime",
                                        "ansiX962_compressed_char2"};
    return format < COUNT_OF(names) ? names[format] : "";
}

static const char *psk_mode_name(uint16_t mode)
{
    return mode == 0 ? "psk_ke" : mode == 1 ? "psk_dhe_ke" : "";
}

static const char *compression_name(uint16_t algorithm)
{
    static const char *const names[] = {"", "zlib", "brotli", "zstd"};
    return algorithm < COUNT_OF(names) ? names[algorithm] : "";
}

static void tell_list(struct teller *t, const char *name, struct rd *r, unsigned length_bytes,
                      unsigned width, tell_name_fn *names)
{
    struct rd list = rd_sub(r, length_bytes == 1 ? rd_u8(r) : rd_be16(r));
    tell_numbers(t, name, &list, width, names);
}

static void tell_u16(struct teller *t, const char *name, struct rd *r, tell_name_fn *names)
{
    struct slice bytes = rd_take(r, 2);
    struct rd number = rd_slice(bytes);
    tell_named(t, name, rd_be16(&number), names, bytes);
}

static void tell_versions(struct teller *t, struct rd *r)
{
    if (t->kind == TLS_CLIENT_HELLO) {
        tell_list(t, "supported_versions", r, 1, 2, tls_version_name);
    } else {
        tell_u16(t, "supported_versions", r, tls_version_name);
    }
}

static void tell_share(struct teller *t, struct rd *r)
{
    uint16_t group = rd_be16(r);
    struct slice key = rd_take(r, rd_be16(r));
    tell_begin(t, "key_exchange", key);
    t->field.note = tls_group_name(group);
    tell_add_hex(t, key);
    tell_add_number(t, group);
    tell_end(t);
}

/* RFC 8446 4.2.8: of a ClientHello the groups with a key each, of a ServerHello one, of a HelloRetryRequest only
 * the group. */
static void tell_key_share(struct teller *t, struct rd *r)
{
    if (t->kind == TLS_HELLO_RETRY_REQUEST) {
        tell_u16(t, "key_share", r, tls_group_name);
        return;
    }
    struct rd list = t->kind == TLS_CLIENT_HELLO ? rd_sub(r, rd_be16(r)) : rd_sub(r, rd_left(r));
    struct rd groups = list;
    tell_begin(t, "key_share", tell_rest(&list));
    while (rd_left(&groups) > 0) {
        uint16_t group = rd_be16(&groups);
        const char *name = tls_group_name(group);
        rd_skip(&groups, rd_be16(&groups));
        char number[8];
        snprintf(number, sizeof(number), "0x%04x", group);
        tell_add(t, t->len > 0 ? ", " : "");
        tell_add(t, name[0] != '\0' ? name : number);
        tell_add_number(t, group);
    }
    tell_end(t);
    t->depth++;
    while (rd_left(&list) > 0) {
        tell_share(t, &list);
    }
    t->depth--;
    r->failed |= list.failed;
}

static void tell_psk_offer(struct teller *t, struct rd *r)
{
    tell_parts(t, "pre_shared_key", tell_rest(r));
    t->depth++;
    struct rd identities = rd_sub(r, rd_be16(r));
    while (rd_left(&identities) > 0) {
        tell_hex(t, "identity", rd_take(&identities, rd_be16(&identities)));
        struct slice age = rd_take(&identities, 4);
        struct rd a = rd_slice(age);
        tell_count(t, "obfuscated_ticket_age", rd_be32(&a), "", age);
    }
    struct rd binders = rd_sub(r, rd_be16(r));
    while (rd_left(&binders) > 0) {
        tell_hex(t, "binder", rd_take(&binders, rd_u8(&binders)));
    }
    t->depth--;
    r->failed |= identities.failed || binders.failed;
}

/* RFC 8446 4.2.11. */
static void tell_psk(struct teller *t, struct rd *r)
{
    if (t->kind == TLS_CLIENT_HELLO) {
        tell_psk_offer(t, r);
        return;
    }
    struct slice bytes = rd_take(r, 2);
    struct rd number = rd_slice(bytes);
    tell_count(t, "pre_shared_key", rd_be16(&number), "is the selected_identity", bytes);
}

/* RFC 6066 8: which protocol; of a Certificate entry the answer itself. */
static void tell_status(struct teller *t, struct rd *r)
{
    tell_begin(t, "status_request", tell_rest(r));
    if (rd_left(r) > 0) {
        uint8_t type = rd_u8(r);
        tell_add(t, type == 1 ? "ocsp" : "unknown type");
        tell_add_number(t, type);
        rd_skip(r, rd_left(r));
    }
    tell_end(t);
}

static void tell_sized(struct teller *t, const char *name, struct rd *r, const char *unit)
{
    char text[48];
    struct slice bytes = rd_take(r, rd_left(r));
    snprintf(text, sizeof(text), "%zu bytes%s", bytes.len, unit);
    tell_text(t, name, bytes.len > 0 ? text : "", bytes);
}

static void tell_rare(struct teller *t, uint16_t type, struct rd *r)
{
    char number[24];
    const char *name = extension_name(type);
    snprintf(number, sizeof(number), "extension 0x%04x", type);
    tell_begin(t, name[0] != '\0' ? name : number, tell_rest(r));
    if ((type & 0x0f0f) == 0x0a0a && type >> 8 == (type & 0xff)) {
        t->field.note = "GREASE (RFC 8701)";
    }
    tell_add_hex(t, rd_take(r, rd_left(r)));
    tell_end(t);
}

/* The body fills the cursor. */
static void tell_body(struct teller *t, uint16_t type, struct rd *r)
{
    switch (type) {
    case EXT_SERVER_NAME:
        tell_server_name(t, r);
        break;
    case EXT_SUPPORTED_GROUPS:
        tell_list(t, "supported_groups", r, 2, 2, tls_group_name);
        break;
    case EXT_EC_POINT_FORMATS:
        tell_list(t, "ec_point_formats", r, 1, 1, point_format_name);
        break;
    case EXT_SIGNATURE_ALGORITHMS:
    case EXT_SIGNATURE_ALGORITHMS_CERT:
        tell_list(t, extension_name(type), r, 2, 2, tls_signature_name);
        break;
    case EXT_ALPN:
        tell_alpn(t, r);
        break;
    case EXT_SUPPORTED_VERSIONS:
        tell_versions(t, r);
        break;
    case EXT_KEY_SHARE:
        tell_key_share(t, r);
        break;
    case EXT_PRE_SHARED_KEY:
        tell_psk(t, r);
        break;
    case EXT_PSK_MODES:
        tell_list(t, "psk_key_exchange_modes", r, 1, 1, psk_mode_name);
        break;
    case EXT_COMPRESS_CERTIFICATE:
        tell_list(t, "compress_certificate", r, 1, 2, compression_name);
        break;
    case EXT_STATUS_REQUEST:
        tell_status(t, r);
        break;
    case EXT_COOKIE:
        tell_hex(t, "cookie", rd_take(r, rd_be16(r)));
        break;
    case EXT_RENEGOTIATION_INFO:
        tell_hex(t, "renegotiation_info", rd_take(r, rd_u8(r)));
        break;
    case EXT_PADDING:
        tell_sized(t, "padding", r, "");
        break;
    case EXT_SESSION_TICKET:
        tell_sized(t, "session_ticket", r, " of a ticket");
        break;
    default:
        tell_rare(t, type, r);
        break;
    }
}

/* RFC 8446 4.2.10, RFC 8449: numbers that stand alone; empty in other messages. */
static bool tell_size(struct teller *t, uint16_t type, struct rd *r)
{
    if (type == EXT_EARLY_DATA && rd_left(r) == 4) {
        struct slice bytes = rd_take(r, 4);
        struct rd n = rd_slice(bytes);
        tell_count(t, "early_data", rd_be32(&n), "bytes at the most", bytes);
        return true;
    }
    if (type == EXT_RECORD_SIZE_LIMIT && rd_left(r) == 2) {
        struct slice bytes = rd_take(r, 2);
        struct rd n = rd_slice(bytes);
        tell_count(t, "record_size_limit", rd_be16(&n), "bytes", bytes);
        return true;
    }
    return false;
}

static void tell_extension(struct teller *t, uint16_t type, struct rd *r)
{
    if (!tell_size(t, type, r)) {
        tell_body(t, type, r);
    }
    if (r->failed || rd_left(r) > 0) {
        const char *name = extension_name(type);
        tell_fault(t, name[0] != '\0' ? name : "an extension");
    }
}

void tell_extensions(struct teller *t, struct rd *r)
{
    struct rd list = rd_sub(r, rd_be16(r));
    tell_parts(t, "extensions", tell_rest(&list));
    t->depth++;
    while (rd_left(&list) > 0) {
        uint16_t type = rd_be16(&list);
        struct rd body = rd_sub(&list, rd_be16(&list));
        if (list.failed) {
            break;
        }
        tell_extension(t, type, &body);
    }
    t->depth--;
    if (r->failed || list.failed) {
        tell_fault(t, "extensions");
    }
}
