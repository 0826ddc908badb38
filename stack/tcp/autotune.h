/* How large the buffers of a connection are: by what is measured, not by what somebody has guessed.
 *
 * Receive: the window begins modest and grows to twice what the application consumes in a round trip (dynamic
 * right-sizing), so that it never limits a sender that the application keeps up with. The round trip is measured here,
 * from an ACK of ours to the first text that was sent after it came. Up to AUTOTUNE_MODEST bytes whatever is
 * consumed counts. Above that the shortest round trip does: a window that waits in a queue, of a TAP say, makes the
 * queue longer and nothing faster.
 *
 * Send: twice what may be in flight, so that there is always something to send, and a short path holds little.
 *
 * A buffer size that an application sets by itself holds, and nothing is measured.
 */
#ifndef VITRINE_TCP_AUTOTUNE_H
#define VITRINE_TCP_AUTOTUNE_H

#include "stack/tcp/seq.h"

#define AUTOTUNE_MODEST (512U * 1024U) /* bytes of window that any path takes */

struct tcp_conn;
struct tcp_segment;

struct tcp_autotune {
    uint32_t limit; /* bytes: the receive buffer now */
    uint32_t first; /* bytes: with which it began */
    uint32_t max;   /* bytes: which it never exceeds; the window scale is chosen for it */

    /* the round trip */
    nsec round_at;      /* when the ACK left that began a round; 0: none is under way */
    tcp_seq round_edge; /* the right edge told before it: text beyond was sent later */
    uint32_t round_ts;  /* and so was text that echoes this timestamp */
    uint32_t told_ts;   /* TSval of our latest segment */
    nsec round;         /* how long the latest round took; 0: there was none yet */
    nsec shortest;      /* and the shortest */

    /* what went through in a round trip */
    nsec since;        /* when counting began; 0: not yet */
    uint32_t arrived;  /* bytes of text that came since */
    uint32_t consumed; /* bytes that the application took since */
    uint32_t last;     /* bytes in the round trip before */
};

/* A new connection, its options taken. */
void autotune_init(struct tcp_conn *c);
/* A segment of ours leaves; `edge` is the right edge of the window as told before it. */
void autotune_told(struct tcp_conn *c, tcp_seq edge);
/* Text came that lies in the window. */
void autotune_arrived(struct tcp_conn *c, const struct tcp_segment *s);
/* The application has consumed `n` bytes: the receive buffer may change. */
void autotune_consumed(struct tcp_conn *c, uint32_t n, nsec now);
/* Bytes that the send queue may hold now: as when it began, once half of the host's memory for that is used. So a few
 * slow readers of much cannot hold what all others need. */
uint32_t autotune_send_limit(const struct tcp_conn *c);

#endif
