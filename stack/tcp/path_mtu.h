/* What ICMP says of the path: a router had to drop a packet of ours because the next hop takes less (RFC 1191,
 * "fragmentation needed"). Anybody on the Internet may write such a message, so it is believed by RFC 5927 7.2 only:
 * its claim must be less than what was sent, and while the connection makes progress it waits. At once it counts only
 * for sizes that the peer has acknowledged nothing of yet.
 *
 * The names of the RFC: maxsizesent is `sent`, maxsizeacked is `acked`, nsegrto is tcp_conn.backoff, and MAXSEGRTO
 * is 1.
 */
#ifndef VITRINE_TCP_PATH_MTU_H
#define VITRINE_TCP_PATH_MTU_H

#include "stack/tcp/seq.h"

struct tcp_conn;

/* No path is taken to be narrower on the word of an outsider (RFC 5927 7.2; RFC 791: what each host takes). One that
 * really is gets packets of this size that routers may divide. */
#define PATH_MTU_FLOOR_V4 576U

struct tcp_path_mtu {
    uint32_t sent;     /* bytes of IP packet: the largest that was sent, of its kind */
    uint32_t acked;    /* bytes of IP packet: the largest that was acknowledged */
    tcp_seq sent_end;  /* behind the first packet of size `sent`, while `sent` is above `acked` */
    uint16_t held;     /* bytes of IP packet: what a message claims that waits; 0: none does */
    tcp_seq held_seq;  /* the sequence number that it quotes */
    bool may_fragment; /* it may take less than the floor: our packets have no DF */
};

/* Packets are `mtu` bytes at the most from now on. */
void path_mtu_set(struct tcp_conn *c, uint32_t mtu);
/* A packet of `size` bytes, IP header included, leaves with data up to `end`. */
void path_mtu_sent(struct tcp_conn *c, uint32_t size, tcp_seq end);
/* snd_una has moved. */
void path_mtu_acked(struct tcp_conn *c);
/* The retransmission timer has fired: a message that waited about what is still missing is acted on. */
void path_mtu_on_timeout(struct tcp_conn *c);
/* "Fragmentation needed": `claimed` bytes of IP packet are said to be what the next hop takes (0: by a router that does
 * not say, RFC 1191 5), about a segment of ours at `seq`, which is outstanding. */
void path_mtu_too_big(struct tcp_conn *c, uint32_t claimed, tcp_seq seq);

#endif
