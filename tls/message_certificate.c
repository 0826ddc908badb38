/* Certificate (RFC 8446 4.4.2, RFC 5246 7.4.2): the chain, and of each certificate what X.509 says (RFC 5280 4.1).
 * mbedTLS reads the DER.
 */
#include "tls/internal.h"
#include "tls/message_tell.h"

#include <stdio.h>

#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>

static struct slice of_buf(const mbedtls_x509_buf *b)
{
    return (struct slice){b->p, b->len};
}

static void tell_key(struct teller *t, const mbedtls_x509_crt *crt)
{
    char text[32];
    mbedtls_pk_type_t type = mbedtls_pk_get_type(&crt->pk);
    snprintf(text, sizeof(text), "%s %zu bits",
             type == MBEDTLS_PK_RSA     ? "RSA"
             : type == MBEDTLS_PK_ECKEY ? "EC"
                                        : mbedtls_pk_get_name(&crt->pk),
             mbedtls_pk_get_bitlen(&crt->pk));
    tell_text(t, "subject_public_key_info", text, of_buf(&crt->pk_raw));
}

static void tell_signed_with(struct teller *t, const mbedtls_x509_crt *crt)
{
    const char *text = "";
    if (mbedtls_oid_get_sig_alg_desc(&crt->sig_oid, &text) != 0) {
        text = "";
    }
    tell_text(t, "signature_algorithm", text, of_buf(&crt->sig_oid));
}

static void tell_facts(struct teller *t, const mbedtls_x509_crt *crt,
                       const struct tls_certificate *facts)
{
    static const struct slice nowhere = {NULL, 0};
    tell_text(t, "subject", facts->subject, of_buf(&crt->subject_raw));
    tell_text(t, "issuer", facts->issuer, of_buf(&crt->issuer_raw));
    tell_hex(t, "serial_number", of_buf(&crt->serial));
    tell_text(t, "not_before", facts->not_before, nowhere);
    tell_text(t, "not_after", facts->not_after, nowhere);
    tell_key(t, crt);
    tell_text(t, "subject_alt_name", facts->san, nowhere);
    tell_signed_with(t, crt);
    tell_text(t, "fingerprint_sha256", facts->fingerprint, nowhere);
}

static void tell_certificate(struct teller *t, struct slice der)
{
    mbedtls_x509_crt crt;
    struct tls_certificate *facts = NULL;
    char text[192];
    mbedtls_x509_crt_init(&crt);
    int ret = mbedtls_x509_crt_parse_der_nocopy(&crt, der.data, der.len);
    facts = ret == 0 ? tls_certificate_seen(&crt) : NULL;
    if (facts != NULL) {
        snprintf(text, sizeof(text), "%zu bytes", der.len);
    } else {
        tls_error(text, sizeof(text), "not understood",
                  ret != 0 ? ret : MBEDTLS_ERR_X509_ALLOC_FAILED);
    }
    tell_text(t, "certificate", text, der);
    t->depth++;
    if (facts != NULL) {
        tell_facts(t, &crt, facts);
        tls_certificate_free(facts);
    }
    t->depth--;
    mbedtls_x509_crt_free(&crt);
}

void tell_certificates(struct teller *t, struct rd *r)
{
    if (t->version == TLS_1_3) {
        tell_hex(t, "certificate_request_context", rd_take(r, rd_u8(r)));
    }
    struct rd list = rd_sub(r, rd_be24(r));
    tell_parts(t, "certificate_list", tell_rest(&list));
    t->depth++;
    while (rd_left(&list) > 0) {
        struct slice der = rd_take(&list, rd_be24(&list));
        if (list.failed) {
            break;
        }
        tell_certificate(t, der);
        if (t->version == TLS_1_3) {
            t->depth++;
            tell_extensions(t, &list);
            t->depth--;
        }
    }
    t->depth--;
    r->failed |= list.failed;
}

/* ---- names of authorities ---- */

/* One AttributeTypeAndValue; false: it is none. */
static bool tell_attribute(struct teller *t, struct slice der)
{
    /* mbedTLS' readers take pointers that they do not write through. */
    unsigned char *p = (unsigned char *)(uintptr_t)der.data;
    const unsigned char *end = der.data + der.len;
    size_t len;
    const char *name = NULL;
    if (mbedtls_asn1_get_tag(&p, end, &len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) !=
            0 ||
        mbedtls_asn1_get_tag(&p, end, &len, MBEDTLS_ASN1_OID) != 0) {
        return false;
    }
    mbedtls_asn1_buf oid = {.tag = MBEDTLS_ASN1_OID, .len = len, .p = p};
    p += len;
    if (end - p < 2) {
        return false;
    }
    p++; /* whatever kind of string it is */
    if (mbedtls_asn1_get_len(&p, end, &len) != 0) {
        return false;
    }
    if (mbedtls_oid_get_attr_short_name(&oid, &name) != 0) {
        name = "?";
    }
    tell_add(t, t->len > 0 ? ", " : "");
    tell_add(t, name);
    tell_add(t, "=");
    tell_add_string(t, (struct slice){p, len});
    return true;
}

/* RFC 5280 4.1.2.4: a SEQUENCE of SETs; one attribute in each is all that is met. */
static void tell_name(struct teller *t, struct slice der)
{
    unsigned char *p = (unsigned char *)(uintptr_t)der.data;
    const unsigned char *end = der.data + der.len;
    size_t len;
    tell_begin(t, "distinguished_name", der);
    if (mbedtls_asn1_get_tag(&p, end, &len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) ==
        0) {
        while (p < end &&
               mbedtls_asn1_get_tag(&p, end, &len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET) ==
                   0 &&
               tell_attribute(t, (struct slice){p, len})) {
            p += len;
        }
    }
    if (t->len == 0) {
        tell_add_hex(t, der);
    }
    tell_end(t);
}

void tell_distinguished_names(struct teller *t, struct rd *r)
{
    struct rd list = rd_sub(r, rd_be16(r));
    tell_parts(t, "certificate_authorities", tell_rest(&list));
    t->depth++;
    while (rd_left(&list) > 0) {
        struct slice der = rd_take(&list, rd_be16(&list));
        if (!list.failed) {
            tell_name(t, der);
        }
    }
    t->depth--;
    r->failed |= list.failed;
}
