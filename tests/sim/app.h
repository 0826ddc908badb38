/* Applications for the pair rig: one program whose plan makes it a bulk sender, a client that asks
 * and waits, a server that answers, an echo, a trickle, a slow reader, or one that aborts.
 *
 * Every byte depends on its place in its stream and on the stream, so that a byte lost, doubled or
 * moved is seen when it is read.
 */
#ifndef VITRINE_TESTS_PAIR_APP_H
#define VITRINE_TESTS_PAIR_APP_H

#include "tests/unit/tcp/pair_rig.h"

struct pair_plan {
    uint32_t total;     /* bytes to send before shutting down */
    uint32_t first;     /* of them may go before anything has come */
    uint32_t unit_in;   /* for each so many bytes received ... */
    uint32_t unit_out;  /* ... so many more may go. unit_in 0: no more ever */
    uint32_t write_max; /* bytes in one commit, at the most */
    nsec write_gap;     /* from one commit to the next */
    uint32_t read_max;  /* bytes in one consume, at the most */
    nsec read_gap;
    uint32_t abort_at;  /* aborts once it has sent and received so many bytes; 0: never */
    bool peer_first;    /* shuts down only after the peer has */
    bool lets_go;       /* tcp_close as soon as all is sent and read, instead of shutdown */
    bool lets_go_early; /* tcp_close as soon as all is sent: the peer sends nothing */
};

struct pair_app {
    struct pair_task task; /* first, so that a task is an app */
    struct pair *pair;
    unsigned side;
    struct pair_plan plan;
    uint64_t key_out, key_in; /* what the bytes of either way look like */
    uint32_t expect;          /* bytes that the peer sends in all */
    uint32_t sent, received;
    nsec next_write, next_read;
    struct stream *stream; /* NULL: not open yet, or over */
    bool opened, peer_closed, shut, closed, let_go, aborted;
    enum close_reason reason;
    nsec connected_at;          /* client: when it asked for its connection */
    struct tcp_options options; /* of the client's side */
    uint16_t port;              /* its own when it connects; 0: ephemeral */
    uint16_t remote_port;       /* where it connects to; 0: it waits to be connected to */
};

extern const struct stream_events pair_app_events;

void pair_app_init(struct pair_app *a, struct pair *p, unsigned side, const struct pair_plan *plan);
/* The two ends of one connection learn what comes from each other, and the client where to go. */
void pair_app_join(struct pair_app *client, struct pair_app *server, uint64_t key, bool echo);
/* Opens the connection; when a limit forbids it now, again ten seconds later. */
void pair_app_connect(struct pair_app *a);
/* Takes its stream; the server's accept found that it belongs to this app. */
void pair_app_take(struct pair_app *a, struct stream *s);
bool pair_app_over(const struct pair_app *a);

#endif
