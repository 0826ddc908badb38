/* What goes out next, and how much of it: the one place that decides that a segment is born (transmit.c writes it).
 * Called by the flush, once for each connection that has something to say.
 */
#ifndef VITRINE_TCP_SEND_H
#define VITRINE_TCP_SEND_H

#include "stack/tcp/conn.h"

void send_flush(struct tcp_conn *c, nsec now);
/* Enough of the congestion window is used for it to grow: it stopped the sender in this round trip, or in slow
 * start more than half of it was in flight (RFC 7661 4.2). */
bool send_uses_window(const struct tcp_conn *c);
/* Bytes that the ACKs of this batch have let out, and that go with the flush: for a sender that answers each ACK they
 * are in flight already. */
uint32_t send_waiting(const struct tcp_conn *c);
/* There is something that has not been sent, or that must be sent again. */
bool send_has_more(const struct tcp_conn *c);

#endif
