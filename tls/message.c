/* Handshake messages as fields; see message.h. Here are all but the hellos, the extensions and certificates. */
#include "tls/message_tell.h"

#include <stdio.h>
#include <string.h>

/* ---- numbers with names of their own ---- */

static const char *update_name(uint16_t request)
{
    return request == 0 ? "update_not_requested" : request == 1 ? "update_requested" : "";
}

static const char *curve_type_name(uint16_t type)
{
    return type == 3 ? "named_curve" : "";
}

static const char *certificate_type_name(uint16_t type)
{
    return type == 1 ? "rsa_sign" : type == 64 ? "ecdsa_sign" : "";
}

static const char *status_type_name(uint16_t type)
{
    return type == 1 ? "ocsp" : "";
}

/* ---- messages ---- */

static void tell_u8(struct teller *t, const char *name, struct rd *r, tell_name_fn *names)
{
    struct slice bytes = rd_take(r, 1);
    struct rd number = rd_slice(bytes);
    tell_named(t, name, rd_u8(&number), names, bytes);
}

static void tell_u16(struct teller *t, const char *name, struct rd *r, tell_name_fn *names)
{
    struct slice bytes = rd_take(r, 2);
    struct rd number = rd_slice(bytes);
    tell_named(t, name, rd_be16(&number), names, bytes);
}

static void tell_u32(struct teller *t, const char *name, struct rd *r, const char *unit)
{
    struct slice bytes = rd_take(r, 4);
    struct rd number = rd_slice(bytes);
    tell_count(t, name, rd_be32(&number), unit, bytes);
}

/* RFC 8446 4.6.1; RFC 5077 3.3 for TLS 1.2. */
static void tell_ticket(struct teller *t, struct rd *r)
{
    if (t->version != TLS_1_3) {
        tell_u32(t, "ticket_lifetime_hint", r, "s");
        tell_hex(t, "ticket", rd_take(r, rd_be16(r)));
        return;
    }
    tell_u32(t, "ticket_lifetime", r, "s");
    tell_u32(t, "ticket_age_add", r, "");
    tell_hex(t, "ticket_nonce", rd_take(r, rd_u8(r)));
    tell_hex(t, "ticket", rd_take(r, rd_be16(r)));
    tell_extensions(t, r);
}

/* RFC 8446 4.3.2; RFC 5246 7.4.4. */
static void tell_certificate_request(struct teller *t, struct rd *r)
{
    if (t->version == TLS_1_3) {
        tell_hex(t, "certificate_request_context", rd_take(r, rd_u8(r)));
        tell_extensions(t, r);
        return;
    }
    struct rd types = rd_sub(r, rd_u8(r));
    tell_numbers(t, "certificate_types", &types, 1, certificate_type_name);
    struct rd schemes = rd_sub(r, rd_be16(r));
    tell_numbers(t, "supported_signature_algorithms", &schemes, 2, tls_signature_name);
    tell_distinguished_names(t, r);
}

/* RFC 8446 4.4.3, RFC 5246 7.4.8: the same shape in both. */
static void tell_signature(struct teller *t, struct rd *r)
{
    tell_u16(t, "algorithm", r, tls_signature_name);
    tell_hex(t, "signature", rd_take(r, rd_be16(r)));
}

/* RFC 8422 5.4: ECDHE is all the key exchange that we have. */
static void tell_server_key_exchange(struct teller *t, struct rd *r)
{
    tell_u8(t, "curve_type", r, curve_type_name);
    tell_u16(t, "named_curve", r, tls_group_name);
    tell_hex(t, "public", rd_take(r, rd_u8(r)));
    tell_signature(t, r);
}

/* RFC 6066 8. */
static void tell_certificate_status(struct teller *t, struct rd *r)
{
    tell_u8(t, "status_type", r, status_type_name);
    tell_hex(t, "response", rd_take(r, rd_be24(r)));
}

static void tell_body(struct teller *t, struct rd *r)
{
    switch (t->kind) {
    case TLS_CLIENT_HELLO:
        tell_client_hello(t, r);
        break;
    case TLS_SERVER_HELLO:
    case TLS_HELLO_RETRY_REQUEST:
        tell_server_hello(t, r);
        break;
    case TLS_NEW_SESSION_TICKET:
        tell_ticket(t, r);
        break;
    case TLS_ENCRYPTED_EXTENSIONS:
        tell_extensions(t, r);
        break;
    case TLS_CERTIFICATE:
        tell_certificates(t, r);
        break;
    case TLS_SERVER_KEY_EXCHANGE:
        tell_server_key_exchange(t, r);
        break;
    case TLS_CERTIFICATE_REQUEST:
        tell_certificate_request(t, r);
        break;
    case TLS_CERTIFICATE_VERIFY:
        tell_signature(t, r);
        break;
    case TLS_CLIENT_KEY_EXCHANGE: /* RFC 8422 5.7 */
        tell_hex(t, "ecdh_Yc", rd_take(r, rd_u8(r)));
        break;
    case TLS_FINISHED:
        tell_hex(t, "verify_data", rd_take(r, rd_left(r)));
        break;
    case TLS_CERTIFICATE_STATUS:
        tell_certificate_status(t, r);
        break;
    case TLS_KEY_UPDATE:
        tell_u8(t, "request_update", r, update_name);
        break;
    case TLS_HELLO_REQUEST:
    case TLS_END_OF_EARLY_DATA:
    case TLS_SERVER_HELLO_DONE:
        break;
    default:
        tell_hex(t, "bytes", rd_take(r, rd_left(r)));
        break;
    }
}

static void tell_message(struct teller *t)
{
    struct rd r = rd_slice(t->m->bytes);
    if (t->kind == TLS_CHANGE_CIPHER_SPEC) {
        tell_u8(t, "type", &r, NULL);
    } else {
        rd_skip(&r, 1);
        struct rd body = rd_sub(&r, rd_be24(&r));
        if (t->kind == TLS_SERVER_HELLO || t->kind == TLS_HELLO_RETRY_REQUEST) {
            struct slice bytes = tell_rest(&body);
            t->version = tell_server_version(bytes);
            t->kind = tell_is_retry(bytes) ? TLS_HELLO_RETRY_REQUEST : TLS_SERVER_HELLO;
        }
        if (!r.failed) {
            tell_body(t, &body);
        }
        r.failed |= body.failed || rd_left(&body) > 0;
    }
    if (r.failed || rd_left(&r) > 0) {
        tell_fault(t, tls_message_name(t->kind));
    }
}

bool tls_message_fields(const struct tls_message_view *m, tls_field_fn *told, void *arg)
{
    static const struct slice nowhere = {NULL, 0};
    struct teller t = {.m = m, .told = told, .arg = arg, .kind = m->type, .version = m->version};
    if (m->bytes.len == 0) {
        return true;
    }
    tell_message(&t);
    t.depth = 0;
    if (t.faulty != NULL) {
        tell_text(&t, "malformed", t.faulty, nowhere);
    }
    if (m->verdict != NULL && m->verdict[0] != '\0') {
        tell_text(&t, "verdict", m->verdict, nowhere);
    }
    return t.faulty == NULL;
}

/* ---- single fields ---- */

struct wanted {
    const char *name;
    char *out;
    size_t size;
    size_t count; /* of its numbers, those left out included */
    bool found;
};

static void take(void *arg, const struct tls_field *f)
{
    struct wanted *w = arg;
    if (!w->found && strcmp(f->name, w->name) == 0) {
        w->found = true;
        w->count = f->count + f->more;
        snprintf(w->out, w->size, "%s", f->value);
    }
}

static struct wanted find(const struct tls_message_view *m, const char *name, char *out,
                          size_t size)
{
    struct wanted w = {.name = name, .out = out, .size = size};
    out[0] = '\0';
    tls_message_fields(m, take, &w);
    return w;
}

bool tls_message_find(const struct tls_message_view *m, const char *name, char *out, size_t size)
{
    return find(m, name, out, size).found;
}

/* ---- one line ---- */

/* What a line shows of a message, in this order. A name that begins with '#' shows how many there are. */
static const struct {
    uint8_t type;
    const char *fields[6];
} lines[] = {
    {TLS_CLIENT_HELLO,
     {"server_name", "supported_versions", "#cipher_suites", "key_share",
      "application_layer_protocol_negotiation", "early_data"}},
    {TLS_SERVER_HELLO, {"supported_versions", "cipher_suite", "key_share", "pre_shared_key"}},
    {TLS_HELLO_RETRY_REQUEST, {"supported_versions", "cipher_suite", "key_share"}},
    {TLS_ENCRYPTED_EXTENSIONS, {"application_layer_protocol_negotiation"}},
    {TLS_CERTIFICATE, {"subject", "issuer"}},
    {TLS_CERTIFICATE_REQUEST, {"signature_algorithms", "supported_signature_algorithms"}},
    {TLS_CERTIFICATE_VERIFY, {"algorithm"}},
    {TLS_SERVER_KEY_EXCHANGE, {"named_curve", "algorithm"}},
    {TLS_NEW_SESSION_TICKET, {"ticket_lifetime", "ticket_lifetime_hint"}},
    {TLS_KEY_UPDATE, {"request_update"}},
};

static void add_to_line(const struct tls_message_view *m, const char *name, char *out, size_t *len)
{
    char value[96];
    bool counts = name[0] == '#';
    struct wanted w = find(m, name + counts, value, sizeof(value));
    if (!w.found || value[0] == '\0' || *len >= TLS_SUMMARY_MAX - 1) {
        return;
    }
    if (counts) {
        snprintf(value, sizeof(value), "%zu %s", w.count, name + 1);
    }
    int n = snprintf(out + *len, TLS_SUMMARY_MAX - *len, "%s%s", *len > 0 ? "; " : "", value);
    *len = n > 0 ? size_min(*len + (size_t)n, TLS_SUMMARY_MAX - 1) : *len;
}

const char *tls_message_summary(const struct tls_message_view *m, char out[TLS_SUMMARY_MAX])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        for (size_t k = 0; lines[i].type == m->type && k < COUNT_OF(lines[i].fields); k++) {
            if (lines[i].fields[k] != NULL) {
                add_to_line(m, lines[i].fields[k], out, &len);
            }
        }
    }
    if (m->verdict != NULL && m->verdict[0] != '\0' && len < TLS_SUMMARY_MAX - 1) {
        snprintf(out + len, TLS_SUMMARY_MAX - len, "%s%s", len > 0 ? "; " : "", m->verdict);
    }
    return out;
}
