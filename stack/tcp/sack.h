/* SACK blocks that arrive (RFC 2018 8, RFC 6675), D-SACK among them (RFC 2883 4, 5): checked, and
 * written into the scoreboard.
 */
#ifndef VITRINE_TCP_SACK_H
#define VITRINE_TCP_SACK_H

#include "stack/tcp/scoreboard.h"

struct tcp_ack;
struct tcp_conn;
struct tcp_segment;

/* Takes the blocks of `s`, when snd_una is already where it puts it: fills sacked, dsack_len and dsack_end of
 * `ack`, and tells of what is newly delivered. */
void sack_take(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack,
               sent_delivered told, void *arg);

#endif
