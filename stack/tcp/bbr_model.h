/* BBR's model of the path (draft-ietf-ccwg-bbr-06 5.5): how fast, how far, how much may be in flight; and the
 * bounds that losses put on that, for the moment and for longer.
 */
#ifndef VITRINE_TCP_BBR_MODEL_H
#define VITRINE_TCP_BBR_MODEL_H

#include "stack/tcp/cc.h"

#define BBR_BETA_PERCENT 70U
#define BBR_LOSS_THRESH_PERCENT 2U
#define BBR_MIN_PIPE_SEGMENTS 4U

void bbr_reset_short_term(struct cc_bbr_state *b);
void bbr_reset_congestion_signals(struct cc_bbr_state *b);
void bbr_reset_full_bw(struct cc_bbr_state *b);
void bbr_start_round(struct cc_bbr_state *b);
uint64_t bbr_max_bw(const struct cc_bbr_state *b);
void bbr_advance_max_bw_filter(struct cc_bbr_state *b);
uint32_t bbr_extra_acked(const struct cc_bbr_state *b);

/* Bytes: `percent` of what `bw` brings in the least round trip; the initial window while there is none. */
uint32_t bbr_bdp(const struct tcp_cc *cc, uint64_t bw, uint32_t percent);
/* The same, but enough for what waits in the ends' offload (5.6.4.2). */
uint32_t bbr_inflight(const struct tcp_cc *cc, uint64_t bw, uint32_t percent, uint32_t extra);
uint32_t bbr_target_inflight(const struct tcp_cc *cc);
uint32_t bbr_min_pipe(const struct tcp_cc *cc);

/* An ACK, first half: rounds, bandwidth, what losses ask for, aggregation, whether the pipe is full. */
void bbr_learn(struct tcp_cc *cc, const struct tcp_ack *ack);
/* Later: the least round trip. */
void bbr_learn_rtt(struct cc_bbr_state *b, const struct tcp_ack *ack);
/* At the end: the present bandwidth. */
void bbr_conclude(struct cc_bbr_state *b, const struct tcp_ack *ack);

/* Something was lost (NoteLoss). */
void bbr_note_loss(struct tcp_cc *cc);
/* More is lost than a probe may cost; `in_flight`: when it was sent. */
bool bbr_is_too_high(uint64_t lost, uint32_t in_flight, bool selective);
/* How much of what was in flight was still fine (InflightAtLoss). */
uint32_t bbr_inflight_at_loss(const struct cc_lost *lost);

#endif
