/* The three-way handshake, told in one place (RFC 9293 3.5; 3.10.7.2 LISTEN, 3.10.7.3 SYN-SENT, and
 * SYN-RECEIVED's part of 3.10.7.4).
 */
#ifndef VITRINE_TCP_HANDSHAKE_H
#define VITRINE_TCP_HANDSHAKE_H

#include "stack/tcp/conn.h"

/* Active open: our SYN is due. */
void handshake_connect(struct tcp_conn *c, nsec now);
/* A segment for a listener. `isn_floor` is not NULL when the four-tuple was in TIME-WAIT: our ISN must
 * lie above it (MAY-2). Returns a connection in SYN-RECEIVED to which the segment goes on: it was an ACK with a SYN
 * cookie of ours; NULL: the segment is done with. */
struct tcp_conn *handshake_listen(struct tcp *t, struct tcp_listener *l, struct tcp_segment *s,
                                  const tcp_seq *isn_floor);
/* A SYN came twice, and was answered by a cookie and by this connection. True: the segment has that cookie and is
 * the listener's; if it ends the handshake, this connection has gone. */
bool handshake_gives_way(struct tcp_conn *c, const struct tcp_segment *s);
/* A segment in SYN-SENT. */
void handshake_syn_sent(struct tcp_conn *c, struct tcp_segment *s);
/* An ACK in SYN-RECEIVED. False: it was not the one we wait for. */
bool handshake_complete(struct tcp_conn *c, const struct tcp_segment *s);
/* The peer sent its SYN again: our SYN-ACK was lost, or is late. */
void handshake_syn_again(struct tcp_conn *c, const struct tcp_segment *s);

#endif
