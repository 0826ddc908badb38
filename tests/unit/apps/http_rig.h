/* An HTTP server with its own clock, a directory with files, and one mock stream at a time. */
#ifndef VITRINE_TESTS_HTTP_RIG_H
#define VITRINE_TESTS_HTTP_RIG_H

#include "apps/http/server.h"
#include "tests/unit/apps/mock_stream.h"

#define RIG_BIG 300000U /* bytes of /big.bin */
#define RIG_QUEUE 8192U /* bytes that the mock stream queues */

/* The one at work is `web`. */
struct http_rig {
    struct wheel wheel;
    struct recorder recorder;
    struct http_server server;
    struct mock_stream mock;
    nsec now;
    uint64_t unsent; /* what the server is told */
    char root[64];
    int root_fd;
    int free_fd;  /* the lowest one at the start */
    uint8_t *big; /* content of /big.bin */
};

extern struct http_rig web;

void http_rig_set_up(void);
/* Also proves that nothing is left: no connection, no exchange, no timer, no descriptor. */
void http_rig_tear_down(void);
void http_rig_connect(void); /* a new connection, open */
void http_rig_advance(nsec by);
void http_rig_ask(const char *text); /* the peer says so, and takes all that comes */
void http_rig_drain(void);           /* the peer takes everything until nothing more comes */
void http_rig_hang_up(void); /* ends the connection if it is still there, ready for the next */

/* The answers so far, from `*at` on: checks status and framing, steps over one answer. */
struct rig_answer {
    unsigned status;
    const char *head; /* with its empty line, not terminated */
    size_t head_len;
    const char *content;
    size_t length;   /* bytes of content, chunks undone */
    char *unchunked; /* to be freed, or NULL */
};
struct rig_answer http_rig_next(size_t *at, bool to_head);
void http_rig_answer_done(struct rig_answer *a);
/* Whether the head has this line. */
bool http_rig_has(const struct rig_answer *a, const char *line);

#endif
