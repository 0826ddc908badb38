/* `explain tls`: a TLS handshake message by message, for TLS 1.3 (RFC 8446) or TLS 1.2 (RFC 5246), with the key
 * schedule and what then goes over the wire.
 */
#include <stdio.h>
#include <string.h>

#include "apps/explain/eavesdrop.h"
#include "apps/explain/message_seen.h"
#include "apps/explain/rungs.h"
#include "apps/explain/secure.h"
#include "apps/explain/wire_seen.h"

struct lesson {
    struct doc *d;
    const struct explain_options *o;
    struct secure s;
    struct eavesdropper eve;
};

static bool modern(const struct lesson *l)
{
    return l->o->tls == TLS_1_3;
}

/* ---- what each message is for ---- */

struct purpose {
    uint8_t type;
    bool by_client;
    const char *title;
    const char *in_1_3, *in_1_2; /* NULL: as the other */
};

static const struct purpose purposes[] = {
    {TLS_CLIENT_HELLO, true, "ClientHello: the client says what it can",
     "It lists the versions that it speaks, the cipher suites and groups that it takes, the "
     "signatures that it can check, and whom it wants to reach (SNI, in the clear, so that the "
     "server can choose a certificate). The true versions stand in supported_versions; "
     "legacy_version says 1.2 for old boxes on the way. It also guesses which group the server "
     "will take and sends its public share at once: that saves a round trip.",
     "It lists the versions that it speaks, the cipher suites and groups that it takes, and the "
     "signatures that it can check. This client speaks TLS 1.3 as well, and sends a share for it; "
     "this server will answer with 1.2, so that share stays unused."},
    {TLS_SERVER_HELLO, false, "ServerHello: the server chooses",
     "One version, one suite, one group out of what the client listed, and the server's own public "
     "share. Both sides can now compute the same secret, which has not travelled: from here on "
     "everything is encrypted, a certificate too. The server takes the highest version that both "
     "speak.",
     "One version and one suite out of what the client listed. A server that can speak 1.3 and is "
     "made to answer with less says so: its random ends in \"DOWNGRD\", which warns the client of "
     "somebody in between who forces the older version (RFC 8446 4.1.3)."},
    {TLS_ENCRYPTED_EXTENSIONS, false, "EncryptedExtensions: the rest of the choices",
     "What the keys do not hang on, and so nobody else needs to see: here the protocol that will "
     "be spoken inside (ALPN).",
     NULL},
    {TLS_CERTIFICATE_REQUEST, false, "CertificateRequest: and who are you?",
     "The server wants the client to prove who it is as well, and says which signatures it can "
     "check.",
     "The server wants the client to prove who it is as well, and says which signatures it can "
     "check and whose certificates it takes."},
    {TLS_CERTIFICATE, false, "Certificate: who the server says it is",
     "Its public key, its names, its term, and the CA's signature over all of that. It is no "
     "secret, anybody may send it: the proof comes with the next message. In TLS 1.3 it goes by "
     "encrypted, so an eavesdropper does not even see it.",
     "Its public key, its names, its term, and the CA's signature over all of that. It is no "
     "secret, anybody may send it: the proof comes with the next message. In TLS 1.2 it goes by in "
     "the clear."},
    {TLS_SERVER_KEY_EXCHANGE, false, "ServerKeyExchange: a fresh share, signed", NULL,
     "The server's public share, made for this connection only, and a signature over it and both "
     "randoms by the private key that belongs to the certificate. This is all that the server's "
     "public key does: the client verifies with it. Nothing is encrypted with it."},
    {TLS_CERTIFICATE_VERIFY, false, "CertificateVerify: the proof",
     "A signature over everything that was said so far, made with the private key that belongs to "
     "the certificate. Only its owner could make it, and it fits this handshake only. This is all "
     "that the server's public key does in TLS 1.3: the client verifies with it. Nothing is "
     "encrypted with it.",
     NULL},
    {TLS_SERVER_HELLO_DONE, false, "ServerHelloDone: your turn", NULL,
     "Nothing but the end of the server's part."},
    {TLS_CERTIFICATE, true, "The client's Certificate", "The client was asked, and shows its own.",
     NULL},
    {TLS_CLIENT_KEY_EXCHANGE, true, "ClientKeyExchange: the client's share", NULL,
     "The client's public share. Each side puts its own private share and the other's public one "
     "together, and both get the same pre-master secret; it has not travelled."},
    {TLS_CERTIFICATE_VERIFY, true, "The client's CertificateVerify",
     "As the server did: a signature over everything so far, by the private key of the client's "
     "certificate.",
     NULL},
    {TLS_NEW_SESSION_TICKET, false, "NewSessionTicket: for the next time",
     "With it the client can come back later: what both share by then proves who they are, without "
     "a certificate.",
     NULL},
    {TLS_CHANGE_CIPHER_SPEC, true, "ChangeCipherSpec: the client's next record is encrypted", NULL,
     "A record of its own with one byte. What the client sends from here on is under the new "
     "keys."},
    {TLS_CHANGE_CIPHER_SPEC, false, "ChangeCipherSpec: the server's too", NULL,
     "What the server sends from here on is encrypted as well."},
    {TLS_FINISHED, false, "Finished, from the server",
     "verify_data is an HMAC over the whole handshake so far, under a key that only the two have. "
     "If anybody had changed a byte of it, say struck the better suites from the ClientHello, the "
     "two sides would not get the same.",
     "verify_data is the PRF of the master secret over the whole handshake so far. If anybody had "
     "changed a byte of it, the two sides would not get the same. It is the first thing that each "
     "side sends encrypted."},
    {TLS_FINISHED, true, "Finished, from the client",
     "The same from the other side. With it the handshake is complete, and the keys for the data "
     "are in place.",
     "verify_data is the PRF of the master secret over the whole handshake so far; the server "
     "checks that it gets the same."},
};

static const struct purpose *purpose_of(const struct tls_message_view *m)
{
    for (size_t i = 0; i < COUNT_OF(purposes); i++) {
        if (purposes[i].type == m->type && purposes[i].by_client == m->by_client) {
            return &purposes[i];
        }
    }
    return NULL;
}

/* ---- the chapter ---- */

static void tell_setting(struct lesson *l)
{
    struct doc *d = l->d;
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];
    if (l->o->reveal) {
        doc_say(d, "Secrets are shown here: whoever has them reads this connection, now and in any "
                   "capture of it. It was made for this lesson and holds nothing of worth.");
    }
    if (l->o->psk) {
        doc_say(d,
                "Here the two have met before: by some other way both came to a key of %u bytes, "
                "known as \"%s\". It proves each to the other, and no certificate is sent. "
                "Diffie-Hellman makes a fresh secret all the same, so that whoever steals that key "
                "later cannot read what was recorded today (psk_dhe_ke, RFC 8446 2.2).",
                l->s.psk.key_len, l->s.psk.identity);
    }
    doc_say(d,
            "TLS needs a stream of bytes that arrives whole and in order, and TCP has made one: %s "
            "to %s, as in `vitrine explain tcp`. TLS puts two things on top, a secret that only "
            "the two have, and proof of who the server is. Our client, our server, a wire that "
            "takes 10 ms each way; all values below were on it a moment ago.",
            endpoint_text(&l->s.x.client, client), endpoint_text(&l->s.x.server, server));
}

static void tell_ladder(struct lesson *l)
{
    struct doc *d = l->d;
    const struct exchange *x = &l->s.x;
    nsec asked = x->end[WORLD_CLIENT].opened_at - 1 + EXCHANGE_THINKS;
    doc_section(d, "The whole handshake");
    rungs_draw(d, x, RUNGS_MESSAGES | RUNGS_SECRETS, x->syn_at, asked);
    doc_say(d, "A single line was sent in the clear, a double one encrypted. Times count from the "
               "client's SYN; the three segments of TCP took the first 20 ms.");
    if (modern(l)) {
        doc_say(d, "One round trip: the client may send its request with its Finished. The server "
                   "could send even before, for it has all keys once it has the ClientHello.");
    } else {
        doc_say(d, "Two round trips: one for the hellos and shares, one for both Finished.");
    }
}

/* As the end saw it to which it was sent: there it was checked. */
static void tell_message(struct lesson *l, const struct secure_message *m)
{
    struct doc *d = l->d;
    const struct purpose *p = purpose_of(&m->view);
    char summary[TLS_SUMMARY_MAX];
    if (p == NULL) {
        doc_section(d, "%s", tls_message_name(m->view.type));
    } else {
        const char *text = modern(l) ? p->in_1_3 : p->in_1_2;
        text = text != NULL ? text : p->in_1_3 != NULL ? p->in_1_3 : p->in_1_2;
        doc_section(d, "%s", p->title);
        doc_say(d, "%s", text);
    }
    const char *who = m->view.by_client ? "client" : "server";
    const char *name = tls_message_name(m->view.type);
    tls_message_summary(&m->view, summary);
    doc_facts(d);
    doc_fact(d, doc_keep(d, "%s_%s", who, name), "it travels",
             m->view.verdict[0] == '\0' ? summary : "", "%s, %zu bytes",
             m->view.encrypted ? "encrypted" : "in the clear", m->view.bytes.len);
    if (m->view.verdict[0] != '\0') {
        doc_fact(d, doc_keep(d, "%s_%s_verdict", who, name), "checked",
                 m->view.by_client ? "By the server." : "By the client.", "%s", m->view.verdict);
    }
    if (m->view.bytes.len > 0) {
        message_bytes(d, &m->view,
                      m->view.encrypted ? "Its bytes, decrypted" : "Its bytes, as on the wire");
    }
}

static void tell_messages(struct lesson *l)
{
    for (size_t i = 0; i < l->s.message_count; i++) {
        const struct secure_message *m = &l->s.messages[i];
        bool received = m->end == (m->view.by_client ? WORLD_SERVER : WORLD_CLIENT);
        if (received && !(modern(l) && m->view.type == TLS_CHANGE_CIPHER_SPEC)) {
            tell_message(l, m);
        }
    }
}

/* ---- keys ---- */

static const char *check_text(enum tls_check c)
{
    return c == TLS_AGREES    ? "the library has the same"
           : c == TLS_DIFFERS ? "THE LIBRARY HAS ANOTHER"
                              : "";
}

static void tell_keys(struct lesson *l)
{
    struct doc *d = l->d;
    if (l->s.step_count == 0) {
        return;
    }
    doc_section(d, "The key schedule: from one shared secret to all the keys");
    doc_say(d,
            modern(l)
                ? "Diffie-Hellman gives both sides one number. HKDF makes of it a secret for each "
                  "purpose, each bound to what was said so far: a hash of that, of the transcript, "
                  "is its context (RFC 8446 7.1). So the keys of one direction tell nothing of the "
                  "other's, and those of the handshake nothing of the data's. Steps of the client, "
                  "in their order; each was computed once more by Vitrine and compared."
                : "Diffie-Hellman gives both sides the pre-master secret. The PRF makes of it the "
                  "master secret, and of that, with both randoms, one block that is cut into keys "
                  "(RFC 5246 6.3, 8.1). Steps of the client, in their order; each was computed "
                  "once more by Vitrine and compared.");
    doc_facts(d);
    for (size_t i = 0; i < l->s.step_count; i++) {
        const struct tls_step *s = &l->s.steps[i].step;
        if (l->s.steps[i].end != WORLD_CLIENT) {
            continue;
        }
        const char *check = check_text(s->check);
        const char *note =
            doc_keep(d, "%s%s%s%s%s", check, check[0] != '\0' ? ". " : "",
                     s->context.len > 0 ? "Context " : "",
                     doc_hex(d, s->context.data, s->context.len), s->context.len > 0 ? "." : "");
        if (s->value.len > 0) {
            doc_fact(d, s->name, s->name, note, "%s = %s", s->made,
                     doc_hex(d, s->value.data, s->value.len));
        } else {
            doc_fact(d, s->name, s->name, note, "%s, %zu bytes", s->made, s->len);
        }
    }
    if (!l->o->reveal) {
        doc_say(d, "The values themselves are secret; `--reveal` shows them.");
    }
}

/* ---- the data ---- */

static void tell_data(struct lesson *l)
{
    struct doc *d = l->d;
    struct record r;
    doc_section(d, "Encrypted data: what is left to see");
    doc_say(d,
            "The same request as in `vitrine explain tcp`, %zu bytes. On the wire it is one "
            "record: five bytes of header that anybody can read, and a rest that only the two can.",
            strlen(EXCHANGE_REQUEST));
    if (wire_request(&l->eve, &r)) {
        wire_record(d, &r, l->o->tls, "The record with the request, as on the wire");
    }
    doc_facts(d);
    doc_fact(d, "request", "the client sent", "", "%zu bytes: %.*s…", strlen(EXCHANGE_REQUEST),
             (int)strcspn(EXCHANGE_REQUEST, "\r"), EXCHANGE_REQUEST);
    doc_fact(d, "answer", "the client got", "Decrypted and checked by it.", "%zu bytes: %.*s…",
             l->s.x.end[WORLD_CLIENT].got_len, (int)strcspn(l->s.x.end[WORLD_CLIENT].got, "\r"),
             l->s.x.end[WORLD_CLIENT].got);
    doc_say(d, "At the end each side says close_notify before its FIN: without it a cut connection "
               "would look like the end of the data (RFC 8446 6.1).");
}

static void tell_end(struct lesson *l)
{
    struct doc *d = l->d;
    doc_section(d, "Where TLS sits");
    doc_say(d, "Above TCP and below the application: TLS asks for a reliable stream and gives one. "
               "It is often put into the application layer, because everything above TCP is; more "
               "exactly it is a layer between the two. In this program both are a `struct stream`, "
               "and its HTTP server does not know which of the two it has. HTTPS is HTTP over TLS "
               "over TCP, byte for byte the HTTP of before.");
}

bool explain_tls(struct doc *d, const struct explain_options *o, char *error, size_t error_size)
{
    struct lesson l = {.d = d, .o = o};
    struct secure_options how = {.version = o->tls, .mutual = o->mutual, .psk = o->psk};
    doc_init(
        d, "tls",
        o->psk ? "The TLS 1.3 handshake with a pre-shared key: a secret for two who know each other"
        : o->tls == TLS_1_3
            ? "The TLS 1.3 handshake: a secret for two, and proof of who the server is"
            : "The TLS 1.2 handshake: a secret for two, and proof of who the server is");
    bool good = secure_run(&l.s, d, o, &how, error, error_size);
    if (good && (!l.s.x.end[WORLD_CLIENT].opened || l.s.x.end[WORLD_CLIENT].got_len == 0 ||
                 !eavesdrop(l.s.x.world, &l.eve))) {
        snprintf(error, error_size, "the TLS connection failed: %s",
                 close_reason_name(l.s.x.end[WORLD_CLIENT].reason));
        good = false;
    }
    if (good) {
        tell_setting(&l);
        tell_ladder(&l);
        tell_messages(&l);
        tell_keys(&l);
        tell_data(&l);
        tell_end(&l);
        good = secure_write(&l.s, o, error, error_size);
    }
    eavesdropper_done(&l.eve);
    secure_done(&l.s);
    return good;
}
