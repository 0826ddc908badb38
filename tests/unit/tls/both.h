/* Our client and our server at the two ends of a pipe, each with an application that keeps what it hears. */
#ifndef VITRINE_TESTS_TLS_BOTH_H
#define VITRINE_TESTS_TLS_BOTH_H

#include "stack/trace/trace.h"
#include "tests/unit/tls/pipe_stream.h"
#include "tls/watch.h"

/* An application at one end. */
struct end {
    struct tls_context *context;
    struct stream *stream; /* NULL once closed */
    struct tls_info info;  /* when it opened, or closed; its texts are kept below */
    char texts[13][256];
    unsigned opened, peer_closed, closed;
    enum close_reason reason;
    char got[64]; /* what came, as text */
};

struct both {
    struct pipe pipe; /* a: the server, b: the client */
    struct recorder recorder;
    struct listener listener;
    struct end server, client;
    bool shared; /* the contexts belong to another pair */
    struct event events[512];
    size_t event_count;
    const char *not_offered; /* why the saved session cannot be; NULL: it was */
};

#define SERVER_ID 1U
#define CLIENT_ID 2U

struct choice {
    struct tls_config client, server; /* `trust` of either: a name in rig_dir */
    const char *name;                 /* whom the client wants; NULL: vitrine.test */
    const char *certificate;          /* of the server; NULL: server */
    const char *client_certificate;   /* NULL: none */
    const char *trust;                /* of the client; NULL: ca.pem */
    struct tls_watcher *server_watcher, *client_watcher; /* or NULL */
    struct both *share;   /* the contexts and the clock of this one, which must live longer */
    const uint8_t *offer; /* a saved session that the client offers; NULL: none */
    size_t offer_len;
    const char *early; /* early data of the client; NULL: none */
    nsec later;        /* so much after the shared one's end */
    size_t chunk;      /* bytes per delivery; 0: all */
};

/* Connects both, and lets them work until they are quiet. The times are a millisecond apart. */
void both_connect(struct both *b, struct choice o);
void both_run(struct both *b);
void both_done(struct both *b);
void end_write(struct end *e, const char *text);
/* ">ClientHello <ServerHello …" as one end tells it, "<" towards the client; encrypted ones in parentheses. */
const char *both_told(const struct both *b, uint32_t conn);
/* The n-th event (from 0) of a type at one end; NULL: there is none. */
const struct event *both_event(const struct both *b, uint32_t conn, enum event_type type, size_t n);
/* Messages that the client reads have the length that the server gives them. */
void both_check_lengths(const struct both *b);
/* How often something was refused for this reason. */
uint64_t both_drops(const struct both *b, enum drop_reason reason);
/* One end has sent this fatal alert, the other one has heard it, and both have ended. */
void both_check_alert(const struct both *b, uint32_t sender, uint8_t alert);

#endif
