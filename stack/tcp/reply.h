/* Segments that belong to no control block: resets for what matches no connection (RFC 9293 3.5.2),
 * the ACKs of TIME-WAIT, and SYN-ACKs whose connection is a cookie (cookie.h). Input queues them, the flush sends
 * them; the queue is bounded.
 */
#ifndef VITRINE_TCP_REPLY_H
#define VITRINE_TCP_REPLY_H

#include "stack/tcp/segment.h"
#include "stack/tcp/tcp.h"

#define TCP_REPLIES 256U /* waiting for one flush */

struct tcp_reply {
    struct tcp_segment segment; /* without payload */
    uint32_t conn;              /* id for events; 0 = none */
    struct cause cause;         /* set by reply_queue */
    uint8_t ttl, tos;           /* 0: the default */
    struct ip_options route;    /* len 0: none */
};

void reply_queue(struct tcp *t, const struct tcp_reply *r);
/* The reset that answers `s` (RFC 9293 3.5.2 group 1): none for a RST. */
void reply_reset(struct tcp *t, const struct tcp_segment *s);
void reply_flush(struct tcp *t, nsec now);

#endif
