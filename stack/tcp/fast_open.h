/* TCP Fast Open (RFC 7413): data in the SYN, for clients that have proved their address once before.
 *
 *   the first time             SYN, cookie?               ->
 *                                                         <-   SYN ACK, cookie
 *   each time from then on     SYN, cookie, request       ->   the application has the request
 *                                                         <-   SYN ACK, of the request too
 *                                                         <-   the answer
 *                              ACK                        ->   the handshake is over
 *
 * The server keeps nothing: a cookie is a MAC of both addresses and of the hour, as good in the hour that follows. A client
 * may be a liar who has stolen one, so that what he can make the server do is bounded: a listener lets in so many at once
 * whose handshake is not over (5.1), and until it is, they get an initial window and no retransmission. A SYN with data
 * that comes twice may make two connections (2.1): only what may be done twice should be sent so.
 */
#ifndef VITRINE_TCP_FAST_OPEN_H
#define VITRINE_TCP_FAST_OPEN_H

#include "stack/tcp/conn.h"

#define FAST_OPEN_COOKIE_BYTES 8U            /* of ours */
#define FAST_OPEN_PERIOD (3600 * NS_PER_SEC) /* a cookie lasts as long, and up to twice */
#define FAST_OPEN_PENDING 64U                /* default of tcp_listen_args.fast_open_pending */
#define FAST_OPEN_RESETS                                                                           \
    (60 * NS_PER_SEC) /* a reset keeps its place for as long, and up to twice */

/* ---- the server (4.2) ---- */

/* The cookie that a client at `client` gets from `server`, one of our addresses. */
void fast_open_make_cookie(const struct tcp *t, struct ip_addr client, struct ip_addr server,
                           nsec now, struct fast_open_cookie *out);
/* `s` is the SYN that has made `c`. True: its cookie is good and there is room, so that its data is taken and the
 * application told now. */
bool fast_open_take_syn(struct tcp_conn *c, const struct tcp_segment *s);
/* The SYN-ACK brings the cookie that the client lacks. One that goes again does not (4.2.2). */
void fast_open_stamp_syn_ack(struct tcp_conn *c, struct tcp_segment *s, nsec now);
/* The handshake of an early connection is over, or will never be. */
void fast_open_settle(struct tcp_conn *c);
/* It is reset, perhaps by a host whose address another has used. That counts on for a while, or a thief could have
 * as many as he likes (5.1). */
void fast_open_reset(struct tcp_conn *c);

/* ---- the client (4.1.3, 4.2) ---- */

/* The first SYN: it gets a cookie, or the request for one. Returns the bytes of data that it may have. */
uint32_t fast_open_stamp_syn(struct tcp_conn *c, struct tcp_segment *s, nsec now);
/* It goes, and has `len` bytes of data. */
void fast_open_sent(struct tcp_conn *c, uint32_t len);
/* Nobody has answered it, or somebody refuses the connection: that may be because of its option or its data. Says nothing once
 * it has gone again without. */
void fast_open_unheard(struct tcp_conn *c);
/* `s` acknowledges our SYN, and as much of its data as was taken: what was not is lost. */
void fast_open_take_ack(struct tcp_conn *c, const struct tcp_segment *s);

#endif
