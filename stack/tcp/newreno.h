/* NewReno (RFC 6582): fast retransmit and fast recovery on duplicate ACKs, for peers without SACK, and for
 * study with it (tcp_config.no_rack). Limited transmit (RFC 3042) is the allowance that
 * send.c adds for the first two duplicates.
 */
#ifndef VITRINE_TCP_NEWRENO_H
#define VITRINE_TCP_NEWRENO_H

struct tcp_ack;
struct tcp_conn;

/* An ACK that moved snd_una, or a duplicate. */
void newreno_on_ack(struct tcp_conn *c, const struct tcp_ack *ack);

#endif
