/* What became of a handshake, for people. */
#include "tls/internal.h"

static void certificate_info(const struct tls_certificate *c, struct tls_info *out)
{
    out->certificate_subject = c->subject;
    out->certificate_issuer = c->issuer;
    out->certificate_san = c->san;
    out->certificate_not_before = c->not_before;
    out->certificate_not_after = c->not_after;
    out->key_bits = c->key_bits;
    out->public_key_hex = c->public_key_hex;
    out->fingerprint_sha256 = c->fingerprint;
    switch (c->kind) {
    case TLS_KEY_P256:
        out->key_type = "EC P-256";
        break;
    case TLS_KEY_P384:
        out->key_type = "EC P-384";
        break;
    case TLS_KEY_RSA:
        out->key_type = "RSA";
        break;
    }
}

static void client_info(const struct tls_certificate *c, struct tls_info *out)
{
    out->client_subject = c->subject;
    out->client_issuer = c->issuer;
    out->client_san = c->san;
    out->client_not_before = c->not_before;
    out->client_not_after = c->not_after;
    out->client_fingerprint_sha256 = c->fingerprint;
}

/* What the client has shown; a server tells of a bad one as well. NULL: nothing. */
static const struct tls_certificate *client_certificate(const struct tls_session *t)
{
    if (!t->context->client) {
        return t->peer != NULL ? t->peer->got : NULL;
    }
    const struct list *own = &t->context->certificates;
    return t->lens.client_shown ? CONTAINER_OF(own->next, struct tls_certificate, link) : NULL;
}

static const char *psk_identity(const struct tls_session *t)
{
    return t->context->client ? t->context->psks->psk[0].identity : t->psk->identity;
}

static const char *or_nothing(const char *text)
{
    return text != NULL ? text : "";
}

void tls_get_info(const struct tls_session *t, struct tls_info *out)
{
    const struct tls_lens *l = &t->lens;
    *out = (struct tls_info){
        .established = t->established,
        .version = l->version,
        .suite = l->suite,
        .suite_name = tls_suite_name(l->suite),
        .group_name = tls_group_name(l->group),
        .signature_algorithm = tls_signature_name(l->signature),
        .alpn = or_nothing(tls_taken(t) ? t->traffic->alpn : mbedtls_ssl_get_alpn_protocol(t->ssl)),
        .sni = or_nothing(t->sni),
        .client = t->context->client,
        .resumed = t->established && t->proof == PROOF_TICKET,
        .proof = t->proof,
        .early = t->early,
        .psk_identity = t->established && t->proof == PROOF_PSK ? psk_identity(t) : "",
        .alert = l->fatal != 0 ? tls_alert_name(l->fatal) : "",
        .certificate_asked = l->certificate_asked,
        .certificate_fault = t->context->client ? t->peer->fault_text : "",
        .started = t->started,
        .finished = t->finished,
        .handshake_bytes_in = t->bytes_in,
        .handshake_bytes_out = t->bytes_out,
        .certificate_subject = "",
        .certificate_issuer = "",
        .certificate_san = "",
        .certificate_not_before = "",
        .certificate_not_after = "",
        .key_type = "",
        .public_key_hex = "",
        .fingerprint_sha256 = "",
        .client_subject = "",
        .client_issuer = "",
        .client_san = "",
        .client_not_before = "",
        .client_not_after = "",
        .client_fingerprint_sha256 = "",
        .client_fault = !t->context->client && t->peer != NULL ? t->peer->fault_text : "",
    };
    const struct tls_certificate *client = client_certificate(t);
    if (l->certificate_seen && t->certificate != NULL) {
        certificate_info(t->certificate, out);
    }
    if (client != NULL) {
        client_info(client, out);
    }
}
