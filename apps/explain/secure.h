/* An exchange over TLS between our server and our client, with certificates made by our own CA for it: what the
 * chapters on TLS look at. Kept: every handshake message as each end saw it, and every step of the key schedule.
 */
#ifndef VITRINE_APPS_EXPLAIN_SECURE_H
#define VITRINE_APPS_EXPLAIN_SECURE_H

#include "apps/explain/chapters.h"
#include "apps/explain/exchange.h"
#include "tls/watch.h"

#define SECURE_NAME "vitrine.test" /* what the server's certificate is for */
#define SECURE_PORT 443U
#define SECURE_IDENTITY "alice" /* of the pre-shared key */

/* What is wrong with the server's certificate. */
enum secure_flaw {
    FLAW_NONE,
    FLAW_EXPIRED,
    FLAW_NAME,      /* it is for another server */
    FLAW_CA,        /* a CA that the client does not trust has signed it */
    FLAW_SIGNATURE, /* a bit of the CA's signature was changed */
};

struct secure_message {
    unsigned end; /* that saw it */
    nsec at;
    struct tls_message_view view; /* its bytes and verdict are copies */
};

struct secure_step {
    unsigned end;
    struct tls_step step; /* with copies of what it points at */
};

struct secure;

struct secure_watcher {
    struct tls_watcher watcher;
    struct secure *secure;
    unsigned end;
};

struct secure {
    struct exchange x;
    struct secure_watcher watcher[2];
    struct doc *d; /* keeps the copies */
    struct secure_message *messages;
    size_t message_count, message_cap;
    struct secure_step *steps;
    size_t step_count, step_cap;
    struct tls_psk psk;
    struct tls_psks psks;
    int64_t now;     /* seconds since 1970, by which certificates are valid */
    char dir[64];    /* with the CA and the certificates; "" once gone */
    char keylog[80]; /* in it; the keys of the connection */
    char trust[80];  /* the CA's certificate that the client trusts, a PEM file */
};

struct secure_options {
    uint16_t version; /* enum tls_version */
    bool mutual;      /* the client shows a certificate too */
    bool psk;         /* both have a key from outside of TLS, and no certificate is sent */
    enum secure_flaw flaw;
    const struct tamper_rule *attack; /* NULL: nobody is in between */
};

/* Runs it. false: a sentence in `error`; a handshake that fails by `flaw` is no failure. To be ended by secure_done in
 * both cases. Copies are kept by `d`. */
bool secure_run(struct secure *s, struct doc *d, const struct explain_options *o,
                const struct secure_options *how, char *error, size_t error_size);
/* The files that were asked for: frames and keys of this run. false: a sentence in `error`. */
bool secure_write(const struct secure *s, const struct explain_options *o, char *error,
                  size_t error_size);
void secure_done(struct secure *s);

/* The first message of that type as `end` saw it; NULL: none. */
const struct secure_message *secure_find(const struct secure *s, unsigned end, uint8_t type,
                                         bool by_client);
/* The first field of that name, "" when there is none; kept by the document. */
const char *secure_field(const struct secure *s, const struct secure_message *m, const char *name);

#endif
