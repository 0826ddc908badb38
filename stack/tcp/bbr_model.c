#include "stack/tcp/bbr_model.h"

#include "stack/tcp/pace.h"
#include "stack/tcp/rate.h"

#define MIN_RTT_FILTER_LEN (10 * NS_PER_SEC)
#define PROBE_RTT_INTERVAL (5 * NS_PER_SEC)
#define FULL_BW_ROUNDS 3U
#define EXTRA_ACKED_ROUNDS 5U /* two slots of it: ten rounds at the most */
#define OFFLOAD_QUANTA 3U     /* 5.5.8.1 */
#define LONG_TIME (1000 * NS_PER_SEC)

/* ---- resets ---- */

void bbr_reset_short_term(struct cc_bbr_state *b)
{
    b->bw_shortterm = BBR_BW_ANY;
    b->inflight_shortterm = BBR_INFLIGHT_ANY;
}

void bbr_reset_congestion_signals(struct cc_bbr_state *b)
{
    b->is_loss_in_round = false;
    b->bw_latest = 0;
    b->inflight_latest = 0;
}

void bbr_reset_full_bw(struct cc_bbr_state *b)
{
    b->full_bw = 0;
    b->full_bw_count = 0;
    b->full_bw_now = false;
}

void bbr_start_round(struct cc_bbr_state *b)
{
    b->next_round_delivered = b->delivered;
}

/* ---- volumes ---- */

static uint64_t u64_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint32_t clip(uint64_t bytes)
{
    return bytes < BBR_INFLIGHT_ANY ? (uint32_t)bytes : BBR_INFLIGHT_ANY - 1;
}

uint32_t bbr_min_pipe(const struct tcp_cc *cc)
{
    return BBR_MIN_PIPE_SEGMENTS * cc->mss;
}

uint32_t bbr_bdp(const struct tcp_cc *cc, uint64_t bw, uint32_t percent)
{
    const struct cc_bbr_state *b = &cc->u.bbr;
    if (b->min_rtt == 0) {
        return cc_initial_window(cc->mss);
    }
    return clip(rate_bytes(bw, b->min_rtt) * percent / 100U);
}

uint32_t bbr_inflight(const struct tcp_cc *cc, uint64_t bw, uint32_t percent, uint32_t extra)
{
    uint32_t budget = OFFLOAD_QUANTA * pace_quantum(cc->pacing_rate, cc->mss);
    uint64_t cap = (uint64_t)bbr_bdp(cc, bw, percent) + extra;
    cap = u64_max(u64_max(cap, budget), bbr_min_pipe(cc));
    return clip(cc->u.bbr.state == CC_BBR_UP ? cap + 2 * cc->mss : cap);
}

uint32_t bbr_target_inflight(const struct tcp_cc *cc)
{
    return u32_min(bbr_bdp(cc, cc->u.bbr.bw, 100), cc->cwnd);
}

/* ---- rounds and bandwidth (5.5.1 to 5.5.6) ---- */

uint64_t bbr_max_bw(const struct cc_bbr_state *b)
{
    return u64_max(b->bw_slot[0], b->bw_slot[1]);
}

/* The filter's time is in cycles of probing. One in which nothing was measured does not count. */
void bbr_advance_max_bw_filter(struct cc_bbr_state *b)
{
    if (b->bw_slot[1] != 0) {
        b->bw_slot[0] = b->bw_slot[1];
        b->bw_slot[1] = 0;
    }
}

static void update_round(struct cc_bbr_state *b, const struct tcp_ack *ack)
{
    b->round_start = ack->rate_prior >= b->next_round_delivered;
    if (b->round_start) {
        bbr_start_round(b);
        b->round_count++;
        b->rounds_since_probe_up++;
    }
}

static void update_max_bw(struct cc_bbr_state *b, const struct tcp_ack *ack)
{
    update_round(b, ack);
    if (ack->rate > 0 && (ack->rate >= bbr_max_bw(b) || !ack->app_limited)) {
        b->bw_slot[1] = u64_max(b->bw_slot[1], ack->rate);
    }
}

/* ---- the latest delivery, and what losses make of it (5.5.10.3) ---- */

static void update_latest(struct cc_bbr_state *b, const struct tcp_ack *ack)
{
    b->bw_latest = u64_max(b->bw_latest, ack->rate);
    b->inflight_latest = u32_max(b->inflight_latest, ack->rate_bytes);
    b->loss_round_start = ack->rate_prior >= b->loss_round_delivered;
    if (b->loss_round_start) {
        b->loss_round_delivered = b->delivered;
    }
}

static bool is_probing(const struct cc_bbr_state *b)
{
    return b->state == CC_BBR_STARTUP || b->state == CC_BBR_REFILL || b->state == CC_BBR_UP;
}

/* Once a round: down to what was delivered in it, but not below beta. */
static void adapt_lower_bounds(struct tcp_cc *cc)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (is_probing(b) || !b->is_loss_in_round) {
        return;
    }
    uint64_t bw = b->bw_shortterm == BBR_BW_ANY ? bbr_max_bw(b) : b->bw_shortterm;
    uint32_t inflight =
        b->inflight_shortterm == BBR_INFLIGHT_ANY ? cc->cwnd : b->inflight_shortterm;
    b->bw_shortterm = u64_max(b->bw_latest, bw / 100U * BBR_BETA_PERCENT);
    b->inflight_shortterm =
        u32_max(b->inflight_latest, clip((uint64_t)inflight * BBR_BETA_PERCENT / 100U));
}

void bbr_note_loss(struct tcp_cc *cc)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (!b->is_loss_in_round) {
        b->loss_round_delivered = b->delivered;
    }
    b->is_loss_in_round = true;
}

bool bbr_is_too_high(uint64_t lost, uint32_t in_flight, bool selective)
{
    return lost * 100U > (uint64_t)in_flight * BBR_LOSS_THRESH_PERCENT || (lost > 0 && !selective);
}

uint32_t bbr_inflight_at_loss(const struct cc_lost *lost)
{
    uint64_t before = lost->in_flight - u32_min(lost->bytes, lost->in_flight);
    uint64_t lost_before = lost->since_sent - lost->bytes;
    uint64_t allowed = before * BBR_LOSS_THRESH_PERCENT / 100U;
    uint64_t prefix = allowed > lost_before
                          ? (allowed - lost_before) * 100U / (100U - BBR_LOSS_THRESH_PERCENT)
                          : 0;
    return clip(before + prefix);
}

/* ---- aggregation (5.5.9) ---- */

uint32_t bbr_extra_acked(const struct cc_bbr_state *b)
{
    return u32_max(b->extra_acked[0], b->extra_acked[1]);
}

static void move_extra_filter(struct cc_bbr_state *b)
{
    uint8_t rounds = b->full_bw_reached ? EXTRA_ACKED_ROUNDS : 1;
    if (b->round_start && ++b->extra_acked_rounds >= rounds) {
        b->extra_acked_rounds = 0;
        b->extra_acked[0] = b->extra_acked[1];
        b->extra_acked[1] = 0;
    }
}

static void update_aggregation(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    move_extra_filter(b);
    uint64_t expected = rate_bytes(b->bw, nsec_min(ack->now - b->extra_acked_start, LONG_TIME));
    if (b->extra_acked_delivered <= expected) { /* a new episode */
        b->extra_acked_delivered = 0;
        b->extra_acked_start = ack->now;
        expected = 0;
    }
    b->extra_acked_delivered += ack->delivered;
    uint64_t extra = b->extra_acked_delivered - expected;
    b->extra_acked[1] = u32_max(b->extra_acked[1], extra < cc->cwnd ? (uint32_t)extra : cc->cwnd);
}

/* ---- is the pipe full? (5.3.1.2) ---- */

static void check_full_bw(struct cc_bbr_state *b, const struct tcp_ack *ack)
{
    if (b->full_bw_now || !b->round_start || ack->app_limited || ack->rate == 0) {
        return;
    }
    if (ack->rate >= b->full_bw + b->full_bw / 4U) {
        bbr_reset_full_bw(b);
        b->full_bw = ack->rate;
        return;
    }
    b->full_bw_count++;
    b->full_bw_now = b->full_bw_count >= FULL_BW_ROUNDS;
    b->full_bw_reached = b->full_bw_reached || b->full_bw_now;
}

/* ---- an ACK ---- */

void bbr_learn(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    b->now = ack->now;
    b->delivered = ack->total;
    update_latest(b, ack);
    update_max_bw(b, ack);
    if (b->loss_round_start) {
        adapt_lower_bounds(cc);
        b->is_loss_in_round = false;
    }
    update_aggregation(cc, ack);
    check_full_bw(b, ack);
}

/* 5.3.4.3. */
void bbr_learn_rtt(struct cc_bbr_state *b, const struct tcp_ack *ack)
{
    nsec rtt = ack->ack_rtt; /* 0: none */
    b->probe_rtt_expired = ack->now > b->probe_rtt_min_stamp + PROBE_RTT_INTERVAL;
    bool less = b->probe_rtt_min_delay == 0 || rtt < b->probe_rtt_min_delay;
    if (rtt != 0 && (less || b->probe_rtt_expired)) {
        b->probe_rtt_min_delay = rtt;
        b->probe_rtt_min_stamp = ack->now;
    }
    bool expired = ack->now > b->min_rtt_stamp + MIN_RTT_FILTER_LEN;
    bool better = b->min_rtt == 0 || b->probe_rtt_min_delay < b->min_rtt;
    if (b->probe_rtt_min_delay != 0 && (better || expired)) {
        b->min_rtt = b->probe_rtt_min_delay;
        b->min_rtt_stamp = b->probe_rtt_min_stamp;
    }
}

void bbr_conclude(struct cc_bbr_state *b, const struct tcp_ack *ack)
{
    if (b->loss_round_start) {
        b->bw_latest = ack->rate;
        b->inflight_latest = ack->rate_bytes;
    }
    uint64_t max = bbr_max_bw(b);
    b->bw = max < b->bw_shortterm ? max : b->bw_shortterm;
}
