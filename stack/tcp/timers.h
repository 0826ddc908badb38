/* The timers of a connection. Each is a deadline in the control block; one timer in the host's wheel
 * is armed for the earliest, and moved only when a deadline comes before it.
 */
#ifndef VITRINE_TCP_TIMERS_H
#define VITRINE_TCP_TIMERS_H

#include "stack/tcp/conn.h"

void timers_attach(struct tcp_handle *h); /* its timer in the wheel is the connection's */
void timers_init(struct tcp_conn *c);     /* none is running */
void timers_done(struct tcp_conn *c);
void timers_set(struct tcp_conn *c, enum tcp_timer which, nsec due);
void timers_stop(struct tcp_conn *c, enum tcp_timer which);
static inline bool timers_running(const struct tcp_conn *c, enum tcp_timer which)
{
    return c->due[which] != NEVER;
}

/* When the connection may rest; the wheel wakes it for that. */
void timers_rest(struct tcp_conn *c, nsec at);

/* (Re)starts the retransmission timer for now + RTO, with its back-off. */
void timers_restart_rto(struct tcp_conn *c, nsec now);
/* The same after an ACK of new data, which may leave the earliest of the rest less time (RFC 7765). */
void timers_acked(struct tcp_conn *c, nsec now);
/* The user timeout (R2) was changed: it counts at once. */
void timers_user_timeout(struct tcp_conn *c);
/* After output: the timers that what is outstanding and what is held back ask for. */
void timers_after_send(struct tcp_conn *c, nsec now);
/* When a connection that nothing comes from is asked whether it is there; NEVER: it is not. Its interval counts from when it was
 * last heard of, or keep-alive was switched on, whichever is later. */
nsec timers_keepalive_due(const struct tcp_conn *c);
/* The keep-alive timer, after the options or the state changed. */
void timers_keepalive(struct tcp_conn *c, nsec now);

#endif
