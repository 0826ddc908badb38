/* Inside the HTTP server: one connection and its current request. Used by server.c, answer.c and
 * transfer.c only. */
#ifndef VITRINE_APPS_HTTP_CONN_H
#define VITRINE_APPS_HTTP_CONN_H

#include "apps/http/body.h"
#include "apps/http/server.h"

#define HTTP_DISCARD_MAX (1024U * 1024U) /* bytes of an unwanted body that are read; more is 413 */
#define HTTP_LINGER_MAX (256U * 1024U)   /* bytes that are discarded after our end */
#define HTTP_ANSWER_MAX (128U * 1024U)   /* bytes of an answer that is kept in memory */

enum http_conn_state {
    HTTP_CONN_OPENING, /* the stream is not open yet (a TLS handshake) */
    HTTP_CONN_HEAD,    /* waiting for a request, or inside its head */
    HTTP_CONN_DISCARD, /* reading a body that nobody wants; the answer stands already */
    HTTP_CONN_SEND,    /* sending the answer */
    HTTP_CONN_ECHO,    /* sending back the body as it comes, or forgetting it */
    HTTP_CONN_LINGER,  /* we have shut down; the rest of the input goes nowhere (RFC 9112 9.6) */
};

/* One request and its answer. */
struct http_exchange {
    struct http_parser parser;
    struct http_body body;
    struct draft text;        /* the answer's head, and its content when that is made in memory */
    size_t text_sent;         /* bytes of `text` that the stream has */
    struct http_cached *file; /* the answer's; NULL: none */
    uint64_t file_at;         /* where in the file the next byte is */
    uint64_t file_left;       /* bytes of the file still to be sent */
    bool early;               /* its first byte may be a replay (RFC 8470) */
    bool close;               /* the connection ends with this answer */
    bool answered;            /* HTTP_CONN_ECHO: the answer's head is in `text` or sent */
    bool ended;               /* HTTP_CONN_ECHO: the last chunk is in `text` or sent */
    bool forgets; /* HTTP_CONN_ECHO: the body goes nowhere, and the answer is behind it */
};

struct http_conn {
    struct list link; /* server->connections */
    struct http_server *server;
    struct stream *stream;          /* NULL: not yet */
    struct http_exchange *exchange; /* NULL between requests */
    struct timer timer;
    nsec since;        /* when the state began, or the request's first byte came */
    nsec progress;     /* when bytes last moved */
    uint64_t said;     /* bytes given to the stream so far */
    uint32_t unsent;   /* at the last look: its lower half */
    uint32_t id;       /* of the connection in events */
    uint32_t lingered; /* bytes discarded in HTTP_CONN_LINGER */
    uint8_t state;     /* enum http_conn_state */
    bool peer_closed;
};

/* What a step of a connection came to. */
enum http_step {
    HTTP_AGAIN, /* something moved; try another */
    HTTP_WAIT,  /* nothing more to do until the stream says so */
    HTTP_GONE,  /* the connection was ended and freed */
};

/* server.c */
nsec http_now(const struct http_conn *c);
void http_enter(struct http_conn *c, enum http_conn_state state);
enum http_step http_conn_abort(struct http_conn *c);

/* answer.c: decides what a request gets. Both leave the exchange ready to be sent. */
void http_answer_request(struct http_conn *c);
void http_answer_error(struct http_conn *c, unsigned status, const char *why, bool close_after);
void http_answer_echo_head(
    struct http_conn *c); /* the final head of /echo, once its body has begun */
void http_answer_forgotten(struct http_conn *c); /* /discard, once its body has ended */

/* transfer.c: moves bytes. */
enum http_step http_send_step(struct http_conn *c); /* WAIT also when all is sent: see http_sent */
bool http_sent(const struct http_exchange *x);
enum http_step http_discard_step(struct http_conn *c);
enum http_step http_echo_step(struct http_conn *c);

#endif
