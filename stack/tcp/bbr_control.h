/* What BBR makes of its model (draft-ietf-ccwg-bbr-06 5.6): the pacing rate and the congestion window, by the
 * gains and bounds of the state that it is in. Gains are in percent.
 */
#ifndef VITRINE_TCP_BBR_CONTROL_H
#define VITRINE_TCP_BBR_CONTROL_H

#include "stack/tcp/bbr_model.h"

/* Before there is a sample: the initial window in a round trip; 0: none is known yet. */
void bbr_init_pacing_rate(struct tcp_cc *cc, nsec srtt);
/* By the gain of the state; and exactly the bandwidth. */
void bbr_set_pacing_rate(struct tcp_cc *cc);
void bbr_set_pacing_rate_to_bw(struct tcp_cc *cc);
void bbr_set_cwnd(struct tcp_cc *cc, const struct tcp_ack *ack);
/* The window that recovery and ProbeRTT come back to. */
void bbr_save_cwnd(struct tcp_cc *cc);
void bbr_restore_cwnd(struct tcp_cc *cc);
/* Bytes: inflight_longterm, with something left for others; and what ProbeRTT allows. */
uint32_t bbr_with_headroom(const struct tcp_cc *cc);
uint32_t bbr_probe_rtt_cwnd(const struct tcp_cc *cc);

/* In one of the four states of ProbeBW. */
static inline bool bbr_probes_bw(const struct cc_bbr_state *b)
{
    return b->state == CC_BBR_DOWN || b->state == CC_BBR_CRUISE || b->state == CC_BBR_REFILL ||
           b->state == CC_BBR_UP;
}

#endif
