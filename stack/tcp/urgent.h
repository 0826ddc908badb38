/* Urgent data (RFC 9293 3.8.5, RFC 6093): a mark in the stream up to which the sender wants the reader to
 * hurry. The bytes stay where they are; only the news of them runs ahead.
 *
 * Both pointers name the octet behind the last urgent one (MUST-62). They are kept as sequence numbers
 * while they are ahead of what was acknowledged or read, and forgotten then, so that an old one never comes
 * back when the numbers wrap.
 */
#ifndef VITRINE_TCP_URGENT_H
#define VITRINE_TCP_URGENT_H

#include "stack/tcp/conn.h"

/* ---- sending ---- */

/* Everything that is queued is urgent: SND.UP. */
void urgent_mark(struct tcp_conn *c);
/* URG and the pointer on a segment that begins before SND.UP. */
void urgent_stamp(struct tcp_conn *c, struct tcp_segment *s);
/* snd_una has moved. */
void urgent_acked(struct tcp_conn *c);
/* Bytes up to SND.UP that have not been sent. */
uint32_t urgent_unsent(const struct tcp_conn *c);
/* The windows hold the urgent data back, and the peer does not know of it: an empty segment at
 * urgent_notice_seq tells it. */
bool urgent_notice_due(const struct tcp_conn *c);
tcp_seq urgent_notice_seq(const struct tcp_conn *c);

/* ---- receiving ---- */

/* RFC 9293 3.10.7.4, sixth check. */
void urgent_receive(struct tcp_conn *c, const struct tcp_segment *s);
/* The application has read some. */
void urgent_consumed(struct tcp_conn *c);
/* All was received, up to rcv_nxt: nothing behind it can be urgent. */
void urgent_end_of_stream(struct tcp_conn *c);
/* Bytes from the next one to be read up to RCV.UP; 0: none is urgent. */
uint32_t urgent_unread(const struct tcp_conn *c);

#endif
