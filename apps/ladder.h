/* The ladder: both handshakes of each connection, line by line as they happen, for a terminal.
 *
 * Drawn from the recorder's events alone: what is shown is what the stack says it did. The peer is on
 * the left, Vitrine on the right, the wire between them; a single line is readable by anyone, a double
 * line is encrypted. Lines carry the connection's number, so that connections may interleave.
 *
 * Bounded: LADDER_CONNS connections at once, LADDER_PER_SECOND new ones in a second, LADDER_LINES
 * lines each. What is left out is counted, and said.
 */
#ifndef VITRINE_APPS_LADDER_H
#define VITRINE_APPS_LADDER_H

#include "apps/draft.h"
#include "stack/trace/names.h"
#include "stack/trace/trace.h"

#define LADDER_CONNS 8U
#define LADDER_PER_SECOND 8U
#define LADDER_LINES 64U
#define LADDER_IDLE                                                                                \
    (1 * NS_PER_SEC) /* a connection that was quiet for so long can lose its place */

struct ladder_count {
    uint64_t segments, bytes;
};

struct ladder_conn {
    uint32_t id; /* 0: free */
    nsec began, last;
    unsigned lines;  /* drawn so far */
    unsigned unsaid; /* lines that were not drawn because of LADDER_LINES */
    bool passive;
    bool third_shown; /* the ACK that completes the handshake was drawn */
    bool peer_isn_known, our_isn_known;
    bool peer_ended; /* it sent its FIN or its close_notify */
    bool encrypted;  /* application data goes through TLS */
    uint32_t peer_isn, our_isn;
    struct ladder_count in, out; /* data since the last summary */
    unsigned retransmitted;
};

struct ladder {
    struct listener listener;                               /* give this to recorder_listen */
    void (*write)(void *arg, const char *line, size_t len); /* one whole line with its newline */
    void *arg;
    bool colour;
    struct draft line;
    struct ladder_conn conns[LADDER_CONNS];
    nsec second;          /* when the current second of LADDER_PER_SECOND began */
    unsigned this_second; /* connections taken in it */
    uint64_t skipped;     /* connections not shown, and not yet told of */
};

void ladder_init(struct ladder *l, void (*write)(void *arg, const char *line, size_t len),
                 void *arg, bool colour);
void ladder_done(struct ladder *l);
bool ladder_shows(const struct ladder *l, uint32_t conn);
/* A line about what was drawn last of a connection that is shown. These do not count among its LADDER_LINES. */
void ladder_detail(struct ladder *l, uint32_t conn, const char *text);

#endif
