/* One segment of a connection, from the control block to IP: its header and options, its bytes of the send queue, what
 * an offload has to know of it, and what is written down of its leaving. What goes, and how much, is decided before
 * (send.c).
 *
 * RFC 9293 3.1; RFC 7323 3.2 for timestamps, RFC 2018 for SACK blocks, RFC 7413 for a SYN with data.
 */
#ifndef VITRINE_TCP_TRANSMIT_H
#define VITRINE_TCP_TRANSMIT_H

#include "stack/tcp/conn.h"

/* Bytes of payload that every device with NETDEV_TSO4 takes in one packet: an IPv4 packet without the longest headers.
 * After more was refused, no more than this goes until `big_at`. */
#define TRANSMIT_SUPER_MAX (65535U - 60U - 60U)

/* Payload bytes that one segment may carry now, beside its options. */
uint32_t transmit_room(const struct tcp_conn *c);
/* `len` bytes of the queue from `seq` on, with PSH and FIN as `flags` say. One packet must take them (sendq_fit); of
 * more than transmit_room it is a super-segment, unless they are a probe of the path's MTU (plpmtu.leaving). */
void transmit_text(struct tcp_conn *c, tcp_seq seq, uint32_t len, uint8_t flags, nsec now,
                   bool retransmission);
/* A segment without data: an ACK, and with an old `seq` a probe of the window. */
void transmit_empty(struct tcp_conn *c, tcp_seq seq, nsec now);
/* The SYN or SYN-ACK; the first time with data, if it may have some. */
void transmit_syn(struct tcp_conn *c, nsec now);
void transmit_rst(struct tcp_conn *c, nsec now);
/* The SYN, or in SYN-RECEIVED the SYN-ACK, of a connection; without the flags of ECN. */
struct tcp_segment transmit_make_syn(const struct tcp_conn *c, nsec now);

#endif
