/* `explain certificate`: how a client comes by the server's public key, and why it trusts it: the eight steps from hello
 * to secure communication (RFC 8446, RFC 5280), and what happens when one of the checks fails.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mbedtls/error.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include "apps/explain/chapters.h"
#include "apps/explain/message_seen.h"
#include "apps/explain/rungs.h"
#include "apps/explain/secure.h"
#include "apps/explain/wire_seen.h"

#define DATE_MAX 32U
#define LONGEST 512U /* bytes of a name as text */

struct lesson {
    struct doc *d;
    const struct explain_options *o;
    struct secure s;
    struct eavesdropper eve;
    mbedtls_x509_crt server, ca; /* what the server has shown, and the one that the client trusts */
};

/* ---- certificates ---- */

static const char *date(const mbedtls_x509_time *t, char out[DATE_MAX])
{
    snprintf(out, DATE_MAX, "%04d-%02d-%02d %02d:%02d:%02d", t->year, t->mon, t->day, t->hour,
             t->min, t->sec);
    return out;
}

static const char *fault(struct doc *d, int ret)
{
    char text[128];
    if (ret == 0) {
        return "good";
    }
    mbedtls_strerror(ret, text, sizeof text);
    return doc_keep(d, "%s (-0x%04x)", text, (unsigned)-ret);
}

/* The first field "certificate" of a Certificate message: the server's own, as DER. */
static void on_field(void *arg, const struct tls_field *f)
{
    struct slice *der = arg;
    if (der->len == 0 && strcmp(f->name, "certificate") == 0) {
        *der = f->bytes;
    }
}

static struct slice shown_by_server(const struct secure *s)
{
    struct slice der = {0};
    const struct secure_message *m = secure_find(s, WORLD_CLIENT, TLS_CERTIFICATE, false);
    if (m != NULL) {
        tls_message_fields(&m->view, on_field, &der);
    }
    return der;
}

/* What the CA has signed is the certificate but for its signature (RFC 5280 4.1.1.3). */
static int check_signature(const mbedtls_x509_crt *crt, const mbedtls_x509_crt *ca,
                           uint8_t digest[MBEDTLS_MD_MAX_SIZE], size_t *digest_len)
{
    mbedtls_pk_context key = ca->pk; /* verifying changes nothing of it */
    const mbedtls_md_info_t *md = mbedtls_md_info_from_type(crt->MBEDTLS_PRIVATE(sig_md));
    *digest_len = mbedtls_md_get_size(md);
    int ret = mbedtls_md(md, crt->tbs.p, crt->tbs.len, digest);
    return ret != 0 ? ret
                    : mbedtls_pk_verify(&key, crt->MBEDTLS_PRIVATE(sig_md), digest, *digest_len,
                                        crt->MBEDTLS_PRIVATE(sig).p, crt->MBEDTLS_PRIVATE(sig).len);
}

static bool read_certificates(struct lesson *l)
{
    struct slice der = shown_by_server(&l->s);
    return der.len > 0 && mbedtls_x509_crt_parse_der(&l->server, der.data, der.len) == 0 &&
           mbedtls_x509_crt_parse_file(&l->ca, l->s.trust) == 0;
}

/* ---- steps 1 to 4 ---- */

static void tell_client_hello(struct lesson *l)
{
    struct doc *d = l->d;
    const struct secure_message *m = secure_find(&l->s, WORLD_SERVER, TLS_CLIENT_HELLO, true);
    doc_section(d, "Client Hello");
    doc_say(d, "The client says what it can, and whom it wants. Not one secret has been agreed on "
               "yet: everybody can read this.");
    doc_facts(d);
    doc_fact(d, "hello_versions", "versions", "", "%s",
             secure_field(&l->s, m, "supported_versions"));
    doc_fact(d, "hello_suites", "cipher suites", "", "%s", secure_field(&l->s, m, "cipher_suites"));
    doc_fact(d, "hello_name", "wanted", "So that the server shows the right certificate.", "%s",
             secure_field(&l->s, m, "server_name"));
    doc_fact(d, "hello_signatures", "signatures", "Those that the client can check.", "%s",
             secure_field(&l->s, m, "signature_algorithms"));
    doc_fact(d, "hello_random", "random",
             "32 bytes of chance, so that no handshake is like another.", "%s",
             secure_field(&l->s, m, "random"));
    doc_say(d,
            "The check: the server looks for a version, a suite and a group that it can speak too, "
            "and ends the connection if there is none (protocol_version, handshake_failure).");
    message_bytes(d, &m->view, "The whole message, as on the wire");
}

static void tell_server_hello(struct lesson *l)
{
    struct doc *d = l->d;
    const struct secure_message *m = secure_find(&l->s, WORLD_CLIENT, TLS_SERVER_HELLO, false);
    doc_section(d, "Server Hello");
    doc_say(d, "The server chooses one of each. The check: the client refuses what it has not "
               "offered (illegal_parameter).");
    message_bytes(d, &m->view, "The whole message, as on the wire");
}

static void tell_certificate(struct lesson *l)
{
    struct doc *d = l->d;
    const mbedtls_x509_crt *c = &l->server;
    char name[LONGEST], from[DATE_MAX], to[DATE_MAX];
    const struct secure_message *m = secure_find(&l->s, WORLD_CLIENT, TLS_CERTIFICATE, false);
    doc_section(d, "Server Certificate");
    doc_say(d,
            "The server sends its certificate: a public key, whose it is, and a signature under "
            "both. %s",
            m->view.encrypted ? "In TLS 1.3 it goes by encrypted already."
                              : "In TLS 1.2 it goes by in the clear.");
    doc_facts(d);
    mbedtls_x509_dn_gets(name, sizeof name, &c->subject);
    doc_fact(d, "subject", "subject", "", "%s", name);
    doc_fact(d, "names", "names",
             "The names that it may stand for (subjectAltName); the subject above is not looked at "
             "for that (RFC 9525 6.3).",
             "%s", secure_field(&l->s, m, "subject_alt_name"));
    mbedtls_x509_dn_gets(name, sizeof name, &c->issuer);
    doc_fact(d, "issuer", "issuer", "The CA that has signed it.", "%s", name);
    doc_fact(d, "serial", "serial number", "The CA's number for it.", "%s",
             doc_hex(d, c->serial.p, c->serial.len));
    doc_fact(d, "validity", "valid", "UTC.", "%s to %s", date(&c->valid_from, from),
             date(&c->valid_to, to));
    doc_fact(d, "public_key", "public key", "The one that all this is about.", "%s",
             doc_hex(d, c->pk_raw.p, c->pk_raw.len));
    doc_fact(d, "signature", "the CA's signature", "", "%s",
             doc_hex(d, c->MBEDTLS_PRIVATE(sig).p, c->MBEDTLS_PRIVATE(sig).len));
    message_bytes(d, &m->view,
                  m->view.encrypted ? "The message, decrypted" : "The message, as on the wire");
}

static bool tell_verification(struct lesson *l)
{
    struct doc *d = l->d;
    uint8_t digest[MBEDTLS_MD_MAX_SIZE];
    size_t len;
    char from[DATE_MAX], to[DATE_MAX], now[DATE_MAX];
    time_t seconds = (time_t)l->s.now;
    struct tm tm;
    int ret = check_signature(&l->server, &l->ca, digest, &len);
    const struct secure_message *m = secure_find(&l->s, WORLD_CLIENT, TLS_CERTIFICATE, false);
    gmtime_r(&seconds, &tm);
    strftime(now, sizeof now, "%Y-%m-%d %H:%M:%S", &tm);
    doc_section(d, "Certificate Verification");
    doc_say(d, "Anybody can write a certificate. Three checks make the client believe this one; if "
               "one of them fails, the connection ends.");
    doc_facts(d);
    doc_fact(d, "ca_key", "the CA's public key",
             "The client has had it all along, with its list of trusted CAs. That is where trust "
             "begins.",
             "%s", doc_hex(d, l->ca.pk_raw.p, l->ca.pk_raw.len));
    doc_fact(d, "signed_digest", "its hash",
             "Of the certificate without its signature: what the CA has signed.", "%s",
             doc_hex(d, digest, len));
    doc_fact(d, "check_signature", "1. the signature",
             "The CA's public key, this hash and the signature above fit together: so the CA has "
             "signed exactly this.",
             "%s", fault(d, ret));
    doc_fact(d, "check_validity", "2. the term", "", "%s: %s lies between %s and %s",
             mbedtls_x509_time_is_future(&l->server.valid_from) ||
                     mbedtls_x509_time_is_past(&l->server.valid_to)
                 ? "bad"
                 : "good",
             now, date(&l->server.valid_from, from), date(&l->server.valid_to, to));
    doc_fact(d, "check_name", "3. the name",
             "The name that the client asked for is one of the certificate's.", "%s: %s is in %s",
             strstr(secure_field(&l->s, m, "subject_alt_name"), SECURE_NAME) != NULL ? "good"
                                                                                     : "bad",
             SECURE_NAME, secure_field(&l->s, m, "subject_alt_name"));
    doc_fact(d, "client_verdict", "the client's verdict", "Our client's, in the handshake itself.",
             "%s", m->view.verdict);
    return ret == 0;
}

/* ---- steps 5 to 8 ---- */

static void tell_key_exchange(struct lesson *l)
{
    struct doc *d = l->d;
    bool modern = l->o->tls == TLS_1_3;
    const struct secure_message *client =
        secure_find(&l->s, WORLD_SERVER, modern ? TLS_CLIENT_HELLO : TLS_CLIENT_KEY_EXCHANGE, true);
    const struct secure_message *server = secure_find(
        &l->s, WORLD_CLIENT, modern ? TLS_SERVER_HELLO : TLS_SERVER_KEY_EXCHANGE, false);
    const struct secure_message *proof = secure_find(
        &l->s, WORLD_CLIENT, modern ? TLS_CERTIFICATE_VERIFY : TLS_SERVER_KEY_EXCHANGE, false);
    const char *exchange = modern ? "key_exchange" : "ecdh_Yc";
    doc_section(d, "Key Exchange");
    doc_say(d, modern ? "In TLS 1.3 this has happened by now: the public shares were in the two "
                        "hellos. It is told here because only here it becomes worth something."
                      : "Each side sends a public share, made for this connection only.");
    doc_facts(d);
    doc_fact(d, "client_share", "the client's share", "", "%s",
             secure_field(&l->s, client, exchange));
    doc_fact(d, "server_share", "the server's share",
             "Each side joins its own private share with the other's public one, and both get the "
             "same number. Who has seen only the public ones cannot (Diffie-Hellman, here on the "
             "curve x25519).",
             "%s", secure_field(&l->s, server, modern ? "key_exchange" : "public"));
    doc_fact(d, "proof_algorithm", "the server's proof",
             "Its private key signs the handshake, the shares included.", "%s",
             secure_field(&l->s, proof, "algorithm"));
    doc_fact(d, "proof_signature", "the signature", "", "%s",
             secure_field(&l->s, proof, "signature"));
    doc_fact(d, "proof_verdict", "the check",
             "And this is what the server's public key is for: the client verifies the signature "
             "with it. It encrypts nothing. Somebody in between could show the same certificate, "
             "but could not sign with its private key.",
             "%s", proof != NULL ? proof->view.verdict : "");
}

static void tell_derivation(struct lesson *l)
{
    struct doc *d = l->d;
    doc_section(d, "Session Key Derivation");
    doc_say(d, "From the shared secret both sides derive the keys, each by itself; nothing of it "
               "travels. The client's steps, and whether the server came to the same:");
    doc_table(d, 3, (const char *const[]){"what", "made of", "both alike"});
    for (size_t i = 0; i < l->s.step_count; i++) {
        const struct tls_step *s = &l->s.steps[i].step;
        const char *alike = "";
        for (size_t k = 0; l->s.steps[i].end == WORLD_CLIENT && k < l->s.step_count; k++) {
            const struct tls_step *other = &l->s.steps[k].step;
            if (l->s.steps[k].end == WORLD_SERVER && strcmp(other->name, s->name) == 0 &&
                strcmp(other->made, s->made) == 0) {
                alike = other->value.len == s->value.len &&
                                memcmp(other->value.data, s->value.data, s->value.len) == 0
                            ? "yes"
                            : "NO";
            }
        }
        if (l->s.steps[i].end == WORLD_CLIENT) {
            doc_row(d, (const char *const[]){s->name, s->made, alike});
        }
    }
}

static void tell_encryption(struct lesson *l)
{
    struct doc *d = l->d;
    struct record r;
    const struct secure_message *client = secure_find(&l->s, WORLD_SERVER, TLS_FINISHED, true);
    const struct secure_message *server = secure_find(&l->s, WORLD_CLIENT, TLS_FINISHED, false);
    doc_section(d, "Encryption");
    doc_say(d, "Both Finished messages prove that both have the same keys and have seen the same "
               "handshake. From here on the symmetric keys do the work, and the server's public "
               "key has nothing more to do.");
    doc_facts(d);
    doc_fact(d, "server_finished", "server's Finished", server->view.verdict, "%s",
             secure_field(&l->s, server, "verify_data"));
    doc_fact(d, "client_finished", "client's Finished", client->view.verdict, "%s",
             secure_field(&l->s, client, "verify_data"));
    if (wire_request(&l->eve, &r)) {
        wire_record(d, &r, l->o->tls, "The client's request, as on the wire");
    }
}

static void tell_communication(struct lesson *l)
{
    struct doc *d = l->d;
    const struct exchange_end *e = l->s.x.end;
    doc_section(d, "Secure Communication");
    doc_say(d, "Each record was decrypted and its tag checked. What the two have read:");
    wire_text(d, (struct slice){(const uint8_t *)e[WORLD_SERVER].got, e[WORLD_SERVER].got_len},
              "The server has read");
    wire_text(d, (struct slice){(const uint8_t *)e[WORLD_CLIENT].got, e[WORLD_CLIENT].got_len},
              "The client has read");
}

/* ---- what can be wrong ---- */

struct failure {
    enum secure_flaw flaw;
    const char *id, *title, *text;
};

static const struct failure failures[] = {
    {FLAW_EXPIRED, "expired", "An expired certificate",
     "Issued half a year ago for 90 days. The CA no longer vouches for it: the key may have been "
     "lost since."},
    {FLAW_NAME, "name", "A certificate for another name",
     "A good certificate of the same CA, for other.test. Whoever owns that could pass for anybody "
     "else, if the name were not checked."},
    {FLAW_CA, "ca", "An unknown CA",
     "Another CA has signed it, one that the client has not been told to trust. Anybody can make "
     "such a CA in a minute."},
    {FLAW_SIGNATURE, "signature", "A bad signature",
     "The right CA, the right name, but one bit of the CA's signature was changed. The client "
     "finds no trusted CA whose signature this is, and so says the same as to an unknown one."},
};

static const char *alert_of(const struct secure *s)
{
    for (size_t i = 0; i < s->x.world->event_count; i++) {
        const struct world_event *e = &s->x.world->events[i];
        if (e->end == WORLD_CLIENT && e->event.type == EV_tls_alert &&
            e->event.u.tls_alert.outgoing != 0) {
            return tls_alert_name(e->event.u.tls_alert.description);
        }
    }
    return "";
}

static void tell_signature_check(struct doc *d, const struct secure *s)
{
    mbedtls_x509_crt crt, ca;
    uint8_t digest[MBEDTLS_MD_MAX_SIZE];
    size_t len;
    struct slice der = shown_by_server(s);
    mbedtls_x509_crt_init(&crt);
    mbedtls_x509_crt_init(&ca);
    if (der.len > 0 && mbedtls_x509_crt_parse_der(&crt, der.data, der.len) == 0 &&
        mbedtls_x509_crt_parse_file(&ca, s->trust) == 0) {
        doc_fact(d, "signature_check", "the CA's signature",
                 "Checked once more with the CA's public key.", "%s",
                 fault(d, check_signature(&crt, &ca, digest, &len)));
    }
    mbedtls_x509_crt_free(&crt);
    mbedtls_x509_crt_free(&ca);
}

static bool tell_failure(struct lesson *l, const struct failure *f, char *error, size_t error_size)
{
    struct doc *d = l->d;
    struct secure s;
    struct secure_options how = {.version = l->o->tls, .flaw = f->flaw};
    bool good = secure_run(&s, d, l->o, &how, error, error_size);
    if (good && s.x.end[WORLD_CLIENT].opened) {
        snprintf(error, error_size, "the client took a certificate that is bad: %s", f->id);
        good = false;
    }
    if (good) {
        doc_section(d, "%s", f->title);
        doc_say(d, "%s", f->text);
        rungs_draw(d, &s.x, RUNGS_MESSAGES, s.x.syn_at, NEVER);
        doc_facts(d);
        doc_fact(d, doc_keep(d, "%s_fault", f->id), "the client found", "", "%s",
                 s.x.end[WORLD_CLIENT].fault);
        if (f->flaw == FLAW_SIGNATURE) {
            tell_signature_check(d, &s);
        }
        doc_fact(d, doc_keep(d, "%s_alert", f->id), "the alert",
                 "Fatal: nothing more goes over this connection.", "%s", alert_of(&s));
        doc_fact(d, doc_keep(d, "%s_ends", f->id), "how it ended", "No request was sent.",
                 "client: %s; server: %s", close_reason_name(s.x.end[WORLD_CLIENT].reason),
                 close_reason_name(s.x.end[WORLD_SERVER].reason));
    }
    secure_done(&s);
    return good;
}

static bool tell_all(struct lesson *l, char *error, size_t error_size)
{
    struct doc *d = l->d;
    doc_say(d,
            "To talk to a server in secret, a client needs something of it that nobody can forge. "
            "That is the server's public key; and it comes over the same wire that nobody trusts. "
            "Here is how it is done, in eight steps, with the bytes of a connection that was made "
            "a moment ago, to %s over %s. After that: four certificates that are not good.",
            SECURE_NAME, tls_version_name(l->o->tls));
    tell_client_hello(l);
    tell_server_hello(l);
    tell_certificate(l);
    if (!tell_verification(l)) {
        snprintf(error, error_size, "the CA's signature does not verify");
        return false;
    }
    tell_key_exchange(l);
    tell_derivation(l);
    tell_encryption(l);
    tell_communication(l);
    bool good = true;
    for (size_t i = 0; i < COUNT_OF(failures) && good; i++) {
        good = tell_failure(l, &failures[i], error, error_size);
    }
    return good;
}

bool explain_certificate(struct doc *d, const struct explain_options *o, char *error,
                         size_t error_size)
{
    struct lesson l = {.d = d, .o = o};
    struct secure_options how = {.version = o->tls};
    struct explain_options inside = *o;
    inside.reveal = true; /* to compare what both ends derive; the chapter shows none of it */
    doc_init(d, "certificate",
             "How a client comes by the server's public key, and why it believes it");
    mbedtls_x509_crt_init(&l.server);
    mbedtls_x509_crt_init(&l.ca);
    bool good = secure_run(&l.s, d, &inside, &how, error, error_size);
    if (good && (l.s.x.end[WORLD_CLIENT].got_len == 0 || !read_certificates(&l) ||
                 !eavesdrop(l.s.x.world, &l.eve))) {
        snprintf(error, error_size, "the connection failed: %s",
                 close_reason_name(l.s.x.end[WORLD_CLIENT].reason));
        good = false;
    }
    good = good && tell_all(&l, error, error_size) && secure_write(&l.s, o, error, error_size);
    mbedtls_x509_crt_free(&l.server);
    mbedtls_x509_crt_free(&l.ca);
    eavesdropper_done(&l.eve);
    secure_done(&l.s);
    return good;
}
