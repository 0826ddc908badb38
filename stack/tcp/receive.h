/* Received payload: delivery in order, the window that we offer, and when to acknowledge.
 */
#ifndef VITRINE_TCP_RECEIVE_H
#define VITRINE_TCP_RECEIVE_H

#include "stack/tcp/conn.h"

/* Seventh and eighth of RFC 9293 3.10.7.4: takes the payload and FIN of an acceptable segment. */
void receive_segment(struct tcp_conn *c, struct tcp_segment *s);
/* The states in which text is taken, and URG with it: in the others it would come after the peer's FIN. */
bool receive_takes_text(const struct tcp_conn *c);
/* The window to tell now, in bytes: a multiple of the scale that never moves the right edge left.
 * Remembers it as told. */
uint32_t receive_tell_window(struct tcp_conn *c);
/* The application has consumed: an ACK is due when the window may grow by enough (MUST-39). */
void receive_consumed(struct tcp_conn *c);
/* The first offer, for a SYN: unscaled (RFC 7323 2.2). What a Fast Open cookie let in counts already. */
uint16_t receive_syn_window(const struct tcp_conn *c);

#endif
