/* What goes out next: the one place where the segments of a connection are born. Called by the
 * flush, once for each connection that has something to say.
 */
#ifndef VITRINE_TCP_SEND_H
#define VITRINE_TCP_SEND_H

#include "stack/tcp/conn.h"

void send_flush(struct tcp_conn *c, nsec now);
/* There is something that has not been sent, or that must be sent again. */
bool send_has_more(const struct tcp_conn *c);

#endif
