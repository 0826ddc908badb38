/* The checks that a segment must pass before it may change a connection: RFC 9293 3.10.7.4, first
 * to fifth, with RFC 7323's PAWS and RFC 5961's defences. Each gives a verdict.
 */
#ifndef VITRINE_TCP_VALIDATE_H
#define VITRINE_TCP_VALIDATE_H

#include "stack/tcp/conn.h"

enum verdict {
    PASS,
    DROPPED, /* refused by name; an ACK may have been marked due. Nothing more is to be done */
};

/* Before the first: timestamps (RFC 7323 5.3). */
enum verdict validate_timestamp(struct tcp_conn *c, const struct tcp_segment *s);
/* First: the sequence number. */
enum verdict validate_sequence(struct tcp_conn *c, struct tcp_segment *s);
/* Second: RST. A good one ends the connection. */
enum verdict validate_rst(struct tcp_conn *c, const struct tcp_segment *s);
/* Fourth: SYN. (The third, security, is not used: RFC 9293 appendix A.1.) */
enum verdict validate_syn(struct tcp_conn *c, const struct tcp_segment *s);
/* Fifth, its first half: whether the ACK field may be believed. */
enum verdict validate_ack(struct tcp_conn *c, const struct tcp_segment *s);

/* Answers of either kind are being counted for a limit: the connection remembers how many there were. */
bool validate_counts(const struct tcp_conn *c, nsec now);
/* RFC 7323 4.3: remembers the timestamp to echo. After the checks. */
void validate_remember_timestamp(struct tcp_conn *c, const struct tcp_segment *s);

#endif
