/* Proportional rate reduction (RFC 9937): while losses are repaired, what goes out follows what is
 * delivered, so that the window comes down to ssthresh evenly over the round trip.
 */
#ifndef VITRINE_TCP_PRR_H
#define VITRINE_TCP_PRR_H

#include "stack/base/types.h"

struct tcp_ack;
struct tcp_conn;

struct tcp_prr {
    uint64_t delivered; /* bytes, since recovery began */
    uint64_t out;       /* bytes sent since */
    uint32_t flight; /* RecoverFS: bytes that were outstanding then, with those that were waiting */
    uint32_t waiting; /* bytes that count as sent before, and go with the next flush (send.h) */
};

/* Recovery begins; ssthresh is set. `ack` is the one that showed it; NULL: a timer did. */
void prr_begin(struct tcp_conn *c, const struct tcp_ack *ack);
/* An ACK in recovery: sets cwnd. */
void prr_on_ack(struct tcp_conn *c, const struct tcp_ack *ack);
/* `bytes` go out, from snd_nxt on or `again`. */
void prr_sent(struct tcp_conn *c, uint32_t bytes, bool again);

#endif
