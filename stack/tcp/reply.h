/* Segments that belong to no control block: resets for what matches no connection (RFC 9293 3.5.2),
 * and the ACKs of TIME-WAIT. Input queues them, the flush sends them; the queue is bounded.
 */
#ifndef VITRINE_TCP_REPLY_H
#define VITRINE_TCP_REPLY_H

#include "stack/tcp/segment.h"
#include "stack/tcp/tcp.h"

#define TCP_REPLIES 256U /* waiting for one flush */

struct tcp_reply {
    struct endpoint src, dst;
    tcp_seq seq, ack;
    uint32_t tsval, tsecr;
    uint32_t conn;      /* id for events; 0 = none */
    struct cause cause; /* set by reply_queue */
    uint16_t wnd;
    uint8_t flags;
    uint8_t ace;      /* AE, CWR, ECE (RFC 9768 3.2.2) */
    uint8_t ttl, tos; /* 0: the default */
    bool has_ts;
    struct ip_options route; /* len 0: none */
};

void reply_queue(struct tcp *t, const struct tcp_reply *r);
/* The reset that answers `s` (RFC 9293 3.5.2 group 1): none for a RST. */
void reply_reset(struct tcp *t, const struct tcp_segment *s);
void reply_flush(struct tcp *t, nsec now);

#endif
