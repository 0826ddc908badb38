/* Watching TLS in full: every handshake message with its bytes, and every step of the key schedule.
 *
 * A watcher is registered with a context and sees all its sessions that begin from then on. Its calls come inside the
 * session's work: it must not call into the session. Messages come right behind the event `tls_message` that tells of
 * them, in the order of the handshake. While nobody watches, a session keeps nothing and decrypts nothing twice.
 */
#ifndef VITRINE_TLS_WATCH_H
#define VITRINE_TLS_WATCH_H

#include "stack/base/list.h"
#include "tls/message.h"

/* How a step of the key schedule compares with what the TLS library derived by itself. */
enum tls_check {
    TLS_UNCHECKED, /* the library does not tell this one, or has not yet */
    TLS_AGREES,
    TLS_DIFFERS, /* one of the two is wrong */
};

/* One step of the key schedule: a value that was made, and out of what (RFC 8446 7.1 to 7.3, 4.4.4; RFC 5246 8.1 and
 * 6.3; RFC 7627 4). */
struct tls_step {
    const char *name; /* "client_handshake_traffic_secret", "server write_key", "master_secret" */
    const char
        *made; /* "Derive-Secret(Handshake Secret, \"c hs traffic\", ClientHello..ServerHello)" */
    struct slice context; /* the transcript hash that went in; empty: none did */
    size_t len;           /* bytes of the value */
    struct slice value;   /* the value itself, only for a watcher with `reveal`; else empty */
    enum tls_check check;
};

struct tls_watcher {
    struct list link; /* of the context's list */
    /* Either may be NULL. `conn` is the connection's id in events. */
    void (*message)(void *arg, uint32_t conn, const struct tls_message_view *m);
    void (*step)(void *arg, uint32_t conn, const struct tls_step *s);
    void *arg;
    bool
        reveal; /* secret values are shown to it: who sees them reads the connection, now and from a capture */
};

/* The watcher must live longer than the context. */
void tls_context_watch(struct tls_context *c, struct tls_watcher *w);

#endif
