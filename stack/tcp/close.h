/* The ways in which a connection ends (RFC 9293 3.6, 3.10.4, 3.10.5), from either side.
 */
#ifndef VITRINE_TCP_CLOSE_H
#define VITRINE_TCP_CLOSE_H

#include "stack/tcp/conn.h"

/* The application writes no more: FIN follows what is queued (3.10.4 CLOSE). */
void close_shutdown(struct tcp_conn *c);
/* The application is gone as well: no more events; unread data makes a reset (SHLD-3). */
void close_orphan(struct tcp_conn *c);
/* ABORT (3.10.5): a reset goes out, the block goes. Of an application that does not ask for events. */
void close_abort(struct tcp_conn *c);

/* The peer's FIN was taken (eighth check). */
void close_on_fin(struct tcp_conn *c, nsec now);
/* An ACK was taken: if it covers our FIN, the state moves on (fifth check, second half). */
void close_on_ack(struct tcp_conn *c, nsec now);
/* An acceptable RST (second check). */
void close_by_reset(struct tcp_conn *c);
/* A limit in time was reached: R2, keep-alive, probes, FIN-WAIT-2. The peer is told by a reset. */
void close_by_timeout(struct tcp_conn *c);
/* A hard ICMP error. */
void close_by_error(struct tcp_conn *c);
/* The block of a listener goes without a word to the peer, and returns to LISTEN. Its application is told if it knows of
 * it already (RFC 7413). */
void close_half_open(struct tcp_conn *c, enum close_reason why);
/* Our FIN has been sent: snd_nxt lies behind it. */
bool close_fin_sent(const struct tcp_conn *c);
/* The application has read on: if the connection was only waiting for that, it ends. */
void close_when_read(struct tcp_conn *c);

#endif
