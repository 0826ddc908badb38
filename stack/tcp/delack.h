/* When to acknowledge text that came in order (RFC 9293 3.8.6.3, RFC 5681 4.2): for every second full segment at
 * once, else within a moment; at the start and after idle for each full one, so that a sender whose window is
 * one or two segments never waits for us.
 */
#ifndef VITRINE_TCP_DELACK_H
#define VITRINE_TCP_DELACK_H

#include "stack/tcp/segment.h"

struct tcp_conn;

struct tcp_delack {
    uint32_t unacked;  /* bytes received and not yet acknowledged */
    uint32_t mss;      /* bytes: what a full segment of the peer's carries, as far as can be told */
    uint32_t last_len; /* bytes of the latest segment */
    uint32_t quick;    /* full segments that are still to be acknowledged each at once */
    nsec text_at;      /* when the latest text came; 0: never */
};

/* The connection is established. */
void delack_begin(struct tcp_conn *c);
/* A segment came with text: what does it tell of the peer's segments? */
void delack_measure(struct tcp_conn *c, const struct tcp_segment *s);
/* It was taken in order, `len` bytes and perhaps others behind it: an ACK is due now, or later. */
void delack_schedule(struct tcp_conn *c, uint32_t len, nsec now);

#endif
