/* Round-trip time and the retransmission timeout (RFC 6298), with Karn's rule (MUST-18).
 *
 * One segment at a time is timed with the clock of the frames, to the nanosecond; the timestamps
 * option (RFC 7323 4) gives samples where retransmissions forbid that.
 */
#ifndef VITRINE_TCP_RTT_H
#define VITRINE_TCP_RTT_H

#include "stack/tcp/seq.h"

#define RTO_INITIAL (1 * NS_PER_SEC)        /* RFC 6298 2.1 */
#define RTO_AFTER_SYN_LOSS (3 * NS_PER_SEC) /* RFC 6298 5.7 */

struct tcp_rtt {
    nsec srtt;         /* smoothed; 0 = no sample yet */
    nsec rttvar;       /* mean deviation */
    nsec rto;          /* before back-off */
    nsec min;          /* the smallest sample; 0 = none */
    nsec timed_at;     /* when the timed segment left */
    nsec resent_at;    /* when something was last sent again; 0 = never */
    tcp_seq timed_end; /* acknowledged when this is */
    bool timing;       /* a segment is being timed */
    bool fresh;        /* there was a sample since the last tail-loss probe (RFC 8985 7.3) */
};

void rtt_init(struct tcp_rtt *r);
/* A new segment that ends at `end` left; it is timed if none is. */
void rtt_sent(struct tcp_rtt *r, tcp_seq end, nsec now);
/* Something was retransmitted: the acknowledgment will not tell for which copy it is. */
void rtt_retransmitted(struct tcp_rtt *r, nsec now);
/* An ACK of new data: the sample it gives, or 0. */
nsec rtt_acked(struct tcp_rtt *r, tcp_seq ack, nsec now);
/* Whether an ACK that echoes a timestamp from `sample` ago may answer something that was sent again since: the
 * first copy had come and only its ACK was lost, so that a receiver which keeps to RFC 7323 5.3 (R2 before R3)
 * echoes the first copy's. Such a sample tells of the timeout and not of the path: with a few of them the timeout
 * would reach its maximum and stay there. */
bool rtt_ambiguous(const struct tcp_rtt *r, nsec sample, nsec now);
/* A round trip that is no sample for the RTO; 0: none. */
void rtt_seen(struct tcp_rtt *r, nsec rtt);
/* Feeds one sample (RFC 6298 2.2, 2.3). */
void rtt_sample(struct tcp_rtt *r, nsec sample, nsec rto_min, nsec rto_max);
/* The timeout with `backoff` doublings (RFC 6298 5.5). */
nsec rtt_backed_off(const struct tcp_rtt *r, unsigned backoff, nsec rto_max);

#endif
