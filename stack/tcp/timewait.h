/* TIME-WAIT (RFC 9293 3.6.1, MUST-13): a small record that stands in for the connection for twice
 * the maximum segment lifetime. Bounded: the oldest is recycled.
 */
#ifndef VITRINE_TCP_TIMEWAIT_H
#define VITRINE_TCP_TIMEWAIT_H

#include "stack/tcp/conn.h"

struct tcp_timewait {
    struct tcp_entry entry;
    struct list link; /* in tcp->timewaits, the oldest first */
    nsec ends;
    tcp_seq snd_nxt, rcv_nxt;
    uint32_t ts_recent, ts_offset;
    uint32_t id;  /* of the connection that it was */
    uint16_t wnd; /* the window field to answer with */
    uint8_t ttl, tos;
    uint8_t ace; /* AE, CWR, ECE of its answers: what was counted goes on (RFC 9768 3.2.2) */
    bool ts_ok;
    struct ip_options *route; /* of its answers; NULL: none */
    nsec last_ack;            /* when a segment was last answered */
};

void timewait_init(struct tcp *t);
void timewait_done(struct tcp *t);
/* Makes the record of a connection that has left the table. */
void timewait_enter(struct tcp_conn *c, nsec now);
/* A segment for it. True: it is a SYN that may open a new connection (MAY-2, RFC 6191); the record is
 * gone, and `*isn_floor` is where the new ISN must lie above. */
bool timewait_input(struct tcp *t, struct tcp_timewait *w, const struct tcp_segment *s,
                    tcp_seq *isn_floor);

#endif
