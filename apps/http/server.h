/* An HTTP/1.1 server on streams. RFC 9110 and RFC 9112.
 *
 * It does not know whether a stream is TCP or TLS. Requests of a connection are answered one after
 * the other; output goes into the stream's own queue as far as there is room, and goes on when the
 * stream says `writable`. Nothing a client sends makes it keep more than one request's head and one
 * answer's text in memory, and every state a connection can be in has a deadline.
 *
 *   GET, HEAD    pages that the program makes (struct http_server_config.page), then files
 *   POST, PUT    /echo: the body comes back as it went in
 */
#ifndef VITRINE_APPS_HTTP_SERVER_H
#define VITRINE_APPS_HTTP_SERVER_H

#include "apps/http/cache.h"
#include "apps/http/parser.h"
#include "apps/draft.h"
#include "stack/base/list.h"
#include "stack/base/pool.h"
#include "stack/base/stream.h"
#include "stack/base/timer.h"
#include "stack/trace/trace.h"

/* A page that is asked for, and what to answer. */
struct http_page {
    const char *path;           /* decoded */
    struct slice query, accept; /* behind the "?", and the Accept field; may be empty */
    const char *type;           /* out: Content-Type */
    struct draft *text;         /* out: the content */
};

struct http_server_config {
    struct wheel *wheel;
    struct recorder *recorder;
    int root_fd;            /* directory of files, or -1; the caller's to close */
    size_t max_connections; /* 0: 1024 */
    nsec handshake_timeout; /* until the stream is open; 0: 30 s */
    nsec header_timeout;    /* from a request's first byte to its head's end; 0: 30 s */
    nsec idle_timeout;      /* between requests; 0: 60 s */
    nsec stall_timeout;     /* a body or an answer that does not move; 0: 60 s */
    nsec linger_timeout;    /* for the client to close after we have; 0: 5 s */
    /* The content of a path, for GET and HEAD; false: not a path of yours. May be NULL. */
    bool (*page)(void *arg, struct stream *s, struct http_page *page);
    void *page_arg;
    /* Bytes given to the stream that the peer does not have yet; NULL: not known, taken as 0. */
    uint64_t (*unsent)(struct stream *s);
    /* What the stream gives next can be a replay (RFC 8470 3); NULL: never. */
    bool (*early)(struct stream *s);
    int64_t (*clock)(void);         /* seconds since 1970; NULL: the system's */
    const struct http_files *files; /* NULL: the system's */
    size_t cache_bytes;             /* of files that are kept in memory; 0: HTTP_CACHE_BYTES */
};

struct http_server {
    struct http_server_config config;
    struct list connections;
    struct pool conn_pool, exchange_pool;
    struct http_cache cache;
    uint64_t requests;   /* heads read whole */
    uint64_t answers[6]; /* by the status' first digit */
    uint64_t timeouts;   /* requests and answers that did not move in time */
    uint64_t refused;    /* connections beyond max_connections */
    int64_t date_second; /* that `date` stands for */
    char date[96];       /* what stands between any status and its fields */
};

struct http_conn;

void http_server_init(struct http_server *s, const struct http_server_config *config);
/* Gives back what has not been used for long; to be called now and then. */
void http_server_sweep(struct http_server *s, nsec now);
/* Aborts every connection and frees everything. */
void http_server_done(struct http_server *s);

/* A connection for a stream that is about to be. NULL at the limit. `conn_id` names it in events. */
struct http_conn *http_conn_new(struct http_server *s, uint32_t conn_id);
void http_conn_drop(struct http_conn *c); /* of one whose stream never came to be */
/* Events and app of the connection's stream: give them to tls_server, or attach. */
extern const struct stream_events http_stream_events;
void http_conn_attach(struct http_conn *c, struct stream *stream);

#endif
