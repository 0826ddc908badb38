/* A server of ours and a plain mbedTLS client at the two ends of a pipe, and what both experienced. */
#ifndef VITRINE_TESTS_TLS_TLS_RIG_H
#define VITRINE_TESTS_TLS_TLS_RIG_H

#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "stack/trace/trace.h"
#include "tests/unit/tls/pipe_stream.h"
#include "tls/watch.h"

/* A directory with certificates, made once per process: ca, server (vitrine.test, *.vitrine.test,
 * 10.9.0.2; EC), server-rsa (the same names), other (other.test; EC), and stranger/ca, which signed
 * none of them. */
const char *rig_dir(void);
const char *rig_path(const char *name); /* "DIR/name", valid until the next but 3 calls */

/* What servers have that do not name another engine; NULL: mbedTLS protects their records. */
extern const struct aead_engine *rig_engine;

struct rig_options {
    struct tls_config server;
    const char *certificates[4]; /* names in rig_dir, in the order of adding; none: "server" */
    size_t capacity;             /* of the pipe; 0: 64 KiB */
    size_t chunk;                /* bytes per delivery; 0: all */
    /* the client */
    mbedtls_ssl_protocol_version version; /* 0: whatever it likes */
    int suite;                            /* 0: all */
    uint16_t group;                       /* 0: all */
    const uint16_t *groups;               /* or this list */
    const uint16_t *signatures;           /* NULL: all */
    const char *sni;                      /* NULL: "vitrine.test"; "": none */
    const char **alpn;
    const char *ca; /* what it trusts: NULL: "ca" */
    mbedtls_ssl_session *resume;
    struct tls_watcher *watcher; /* of the server's sessions; NULL: none */
    struct rig *share;           /* serve from the context of this one, which must live longer */
};

/* The application on our side: takes what comes and echoes it when told so. */
struct rig_app {
    struct stream *stream; /* NULL once closed */
    bool echo;             /* write back what was read */
    bool sleepy;           /* read nothing */
    unsigned opened, readable, writable, peer_closed, closed;
    enum close_reason reason;
    uint8_t *got; /* what was read and not echoed */
    size_t got_len;
    size_t to_send, sent;                   /* bytes of the pattern to write, and written */
    void (*on_readable)(struct rig_app *a); /* instead of the usual */
};

struct rig {
    struct pipe pipe; /* a is ours, b the client's */
    struct recorder recorder;
    struct listener listener;
    struct tls_context *context;
    bool context_shared; /* it belongs to another rig */
    struct rig_app app;
    struct tls_info info; /* taken when the handshake was complete */
    char alpn[32], sni[256], subject[128], fingerprint[65], signature[40];
    struct event events[512];
    size_t event_count;
    /* the client */
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    mbedtls_x509_crt trusted;
    int suites[2];
    uint16_t groups[2];
    int client_error;    /* what ended it; 0: nothing */
    bool client_starved; /* its last read found nothing */
    bool client_done;    /* its handshake is complete */
    uint8_t *client_got;
    size_t client_got_len;
    size_t client_to_send, client_sent; /* bytes of the pattern */
    mbedtls_ssl_session ticket;
    bool has_ticket;
};

void rig_init(struct rig *r, const struct rig_options *o);
void rig_done(struct rig *r);
/* Lets both sides work until neither has anything to do. */
void rig_run(struct rig *r);
/* Once, both. */
bool rig_step(struct rig *r);
void rig_client_write(struct rig *r, const void *data, size_t len);
const struct stream_events *rig_app_events(void);
uint8_t rig_pattern(size_t i); /* the i-th byte of what both sides send */
/* The n-th event (from 0) of a type that was told; NULL: there is none. */
const struct event *rig_event(const struct rig *r, enum event_type type, size_t n);
size_t rig_events(const struct rig *r, enum event_type type);

mbedtls_ssl_protocol_version rig_version(int i); /* odd: TLS 1.2, even: TLS 1.3 */
/* rig_init, and then both ends are connected and quiet. */
void rig_establish(struct rig *r, struct rig_options o);
void rig_check_alert(const struct rig *r, size_t n, bool outgoing, uint8_t level,
                     uint8_t description);
void rig_check_closed(const struct rig *r, enum close_reason reason);

/* rig_init, but in the client's place sits one that only says what the test says, and listens. */
void rig_meet_stranger(struct rig *r, const struct rig_options *o);
void rig_say(struct rig *r, const void *data, size_t len);
extern uint8_t rig_heard[1024];
extern size_t rig_heard_len;

#endif
