/* A request and its answer between the two hosts of a world, over TCP alone or over TLS: what all chapters look at.
 *
 * The client asks EXCHANGE_THINKS after the stream is open, so that no request rides on the handshake; the server
 * answers; so much after the answer the client closes, and then the server.
 */
#ifndef VITRINE_APPS_EXPLAIN_EXCHANGE_H
#define VITRINE_APPS_EXPLAIN_EXCHANGE_H

#include "apps/explain/world.h"
#include "tls/tls.h"

#define EXCHANGE_REQUEST "GET /account HTTP/1.1\r\nHost: vitrine.test\r\nCookie: secret=42\r\n\r\n"
#define EXCHANGE_ANSWER                                                                            \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 21\r\n\r\nYour balance: "      \
    "1,234.\n"

#define EXCHANGE_THINKS (15 * NS_PER_MS)

struct exchange_end {
    struct stream *stream; /* NULL: not yet, or gone */
    bool opened, closed;
    nsec opened_at, asked_at, answered_at; /* the client's: the latter two */
    char peer
        [128]; /* over TLS: the subject of the other's certificate, which was verified; "": none */
    enum close_reason reason;
    char fault[TLS_FAULTS_TEXT_MAX]; /* what was wrong with the other's certificate; "": nothing */
    char got[512];                   /* what came, a NUL behind it */
    size_t got_len;
    struct tcp_info tcp; /* as it was when the stream opened */
    struct exchange *exchange;
};

struct exchange {
    struct world *world;
    uint16_t port;                  /* the server's */
    struct tls_context *context[2]; /* of both ends; NULL: TCP alone */
    const char *name;               /* whom the TLS client wants */
    struct exchange_end end[2];
    struct timer thinks;
    struct endpoint client, server; /* once it runs */
    nsec syn_at;                    /* when the client's application asked */
};

/* Runs it until all is over on both sides but TIME-WAIT. false: it could not be begun, or no memory; that TLS fails
 * is no failure of the exchange: `reason` says so. */
bool exchange_run(struct exchange *x);

#endif
