#include "stack/tcp/bbr_control.h"

#define DEFAULT_CWND_GAIN 200U
#define UP_CWND_GAIN 225U
#define PROBE_RTT_CWND_GAIN 50U
#define STARTUP_PACING_GAIN 277U
#define PACING_MARGIN_PERCENT 1U
#define HEADROOM_PERCENT 15U
#define RTT_UNKNOWN NS_PER_MS

static uint32_t pacing_gain(enum cc_state state)
{
    switch (state) {
    case CC_BBR_STARTUP:
        return STARTUP_PACING_GAIN;
    case CC_BBR_DRAIN:
        return 50;
    case CC_BBR_DOWN:
        return 90;
    case CC_BBR_UP:
        return 125;
    default:
        return 100;
    }
}

static uint32_t cwnd_gain(enum cc_state state)
{
    return state == CC_BBR_UP          ? UP_CWND_GAIN
           : state == CC_BBR_PROBE_RTT ? PROBE_RTT_CWND_GAIN
                                       : DEFAULT_CWND_GAIN;
}

static void set_rate(struct tcp_cc *cc, uint32_t gain)
{
    const struct cc_bbr_state *b = &cc->u.bbr;
    uint64_t rate = b->bw / 10000U * gain * (100U - PACING_MARGIN_PERCENT) +
                    b->bw % 10000U * gain * (100U - PACING_MARGIN_PERCENT) / 10000U;
    if (b->bw > 0 && (b->full_bw_reached || rate > cc->pacing_rate)) {
        cc->pacing_rate = rate > cc->mss ? rate : cc->mss; /* a segment a second at the least */
    }
}

void bbr_set_pacing_rate(struct tcp_cc *cc)
{
    set_rate(cc, pacing_gain((enum cc_state)cc->u.bbr.state));
}

void bbr_set_pacing_rate_to_bw(struct tcp_cc *cc)
{
    set_rate(cc, 100);
}

/* 5.6.2, before there is a sample: the initial window in a round trip. */
void bbr_init_pacing_rate(struct tcp_cc *cc, nsec srtt)
{
    nsec rtt = srtt > 0 ? srtt : RTT_UNKNOWN;
    uint64_t nominal = (uint64_t)cc_initial_window(cc->mss) * NS_PER_SEC / (uint64_t)rtt;
    cc->pacing_rate = nominal * STARTUP_PACING_GAIN / 100U + 1;
    cc->u.bbr.has_rtt = srtt > 0;
}

void bbr_save_cwnd(struct tcp_cc *cc)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    bool as_usual = !b->in_recovery && b->state != CC_BBR_PROBE_RTT;
    b->prior_cwnd = as_usual ? cc->cwnd : u32_max(b->prior_cwnd, cc->cwnd);
}

void bbr_restore_cwnd(struct tcp_cc *cc)
{
    cc->cwnd = u32_max(cc->cwnd, cc->u.bbr.prior_cwnd);
}

uint32_t bbr_with_headroom(const struct tcp_cc *cc)
{
    uint32_t all = cc->u.bbr.inflight_longterm;
    if (all == BBR_INFLIGHT_ANY) {
        return all;
    }
    uint32_t headroom = u32_max(cc->mss, (uint32_t)((uint64_t)all * HEADROOM_PERCENT / 100U));
    return u32_max(all - u32_min(all, headroom), bbr_min_pipe(cc));
}

uint32_t bbr_probe_rtt_cwnd(const struct tcp_cc *cc)
{
    return u32_max(bbr_bdp(cc, cc->u.bbr.bw, PROBE_RTT_CWND_GAIN), bbr_min_pipe(cc));
}

/* 5.6.4.7. */
static uint32_t cwnd_bound(const struct tcp_cc *cc)
{
    const struct cc_bbr_state *b = &cc->u.bbr;
    uint32_t cap = BBR_INFLIGHT_ANY;
    if (b->state == CC_BBR_PROBE_RTT || b->state == CC_BBR_CRUISE) {
        cap = bbr_with_headroom(cc);
    } else if (bbr_probes_bw(b)) {
        cap = b->inflight_longterm;
    }
    return u32_max(u32_min(cap, b->inflight_shortterm), bbr_min_pipe(cc));
}

/* 5.6.4.6. */
void bbr_set_cwnd(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    const struct cc_bbr_state *b = &cc->u.bbr;
    uint32_t max = bbr_inflight(cc, b->bw, cwnd_gain(b->state), bbr_extra_acked(b));
    uint32_t grown = cc->cwnd + u32_min(ack->delivered, UINT32_MAX - cc->cwnd);
    if (b->full_bw_reached) {
        cc->cwnd = u32_min(grown, max);
    } else if (cc->cwnd < max || b->delivered < cc_initial_window(cc->mss)) {
        cc->cwnd = grown;
    }
    cc->cwnd = u32_max(cc->cwnd, bbr_min_pipe(cc));
    if (b->state == CC_BBR_PROBE_RTT) {
        cc->cwnd = u32_min(cc->cwnd, bbr_probe_rtt_cwnd(cc));
    }
    cc->cwnd = u32_min(cc->cwnd, cwnd_bound(cc));
}
