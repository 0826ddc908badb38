/* BBR, version 3 (draft-ietf-ccwg-bbr-06): the window and the pacing rate follow a model of the path, how fast it
 * delivers and how long that takes, and not each loss. The model is in bbr_model.c, what follows from
 * it in each state in bbr_control.c; here are the states (5.3).
 *
 * Random waits come from the connection's own generator, so that a run repeats. Inside
 * of loss recovery the window is the model's as well: this version of the draft has no packet conservation.
 * Marks of ECN count as losses (3.7).
 */
#include "stack/tcp/bbr_control.h"

#define STARTUP_FULL_LOSS_COUNT 6U
#define PROBE_RTT_DURATION (200 * NS_PER_MS)
#define PROBE_WAIT_BASE (2 * NS_PER_SEC)
#define PROBE_WAIT_SPREAD_MS 1000U
#define RENO_ROUNDS_MAX 63U
#define DRAIN_ROUNDS_MAX 3U

static uint32_t throw_dice(struct tcp_cc *cc, uint32_t bound)
{
    uint32_t x = cc->dice != 0 ? cc->dice : 1; /* xorshift (Marsaglia 2003) */
    x ^= x << 13U;
    x ^= x >> 17U;
    x ^= x << 5U;
    cc->dice = x;
    return (uint32_t)((uint64_t)x * bound >> 32U);
}

/* ---- entering states ---- */

static void enter_startup(struct cc_bbr_state *b)
{
    b->state = CC_BBR_STARTUP;
}

static void enter_drain(struct cc_bbr_state *b)
{
    b->state = CC_BBR_DRAIN;
    b->drain_start_round = b->round_count;
}

static void start_down(struct tcp_cc *cc, nsec now)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    bbr_reset_congestion_signals(b);
    b->probe_up_acked_per_inc = BBR_INFLIGHT_ANY;
    b->rounds_since_probe_up = throw_dice(cc, 2);
    b->bw_probe_wait = PROBE_WAIT_BASE + throw_dice(cc, PROBE_WAIT_SPREAD_MS) * NS_PER_MS;
    b->cycle_stamp = now;
    b->ack_phase = BBR_ACKS_PROBE_STOPPING;
    bbr_start_round(b);
    b->state = CC_BBR_DOWN;
}

static void start_refill(struct cc_bbr_state *b)
{
    bbr_reset_short_term(b);
    b->bw_probe_up_rounds = 0;
    b->bw_probe_up_acked = 0;
    b->prev_probe_precautionary = false;
    b->ack_phase = BBR_ACKS_REFILLING;
    bbr_start_round(b);
    b->state = CC_BBR_REFILL;
}

/* The slope doubles each round trip. */
static void raise_slope(struct tcp_cc *cc)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    uint32_t growth = UINT32_C(1) << b->bw_probe_up_rounds;
    b->bw_probe_up_rounds = b->bw_probe_up_rounds < 30 ? (uint8_t)(b->bw_probe_up_rounds + 1) : 30;
    b->probe_up_acked_per_inc = u32_max(cc->cwnd / growth, cc->mss);
}

static void start_up(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    b->ack_phase = BBR_ACKS_PROBE_STARTING;
    bbr_start_round(b);
    bbr_reset_full_bw(b);
    b->full_bw = ack->rate;
    b->state = CC_BBR_UP;
    raise_slope(cc);
}

/* ---- losses while probing (5.5.10.2) ---- */

static void save_for_undo(struct cc_bbr_state *b)
{
    b->undo_state = CC_STATES;
    b->undo = (struct cc_bbr_undo){.bw_shortterm = b->bw_shortterm,
                                   .inflight_shortterm = b->inflight_shortterm,
                                   .inflight_longterm = b->inflight_longterm};
}

/* The probe put more in flight than the path takes. `at`: how much was still fine. */
static void handle_too_high(struct tcp_cc *cc, uint32_t at, bool app_limited, nsec now)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    b->prev_probe_too_high = true;
    b->is_bw_probe_sample = false; /* once a probe */
    if (!app_limited) {
        uint64_t least = (uint64_t)bbr_target_inflight(cc) * BBR_BETA_PERCENT / 100U;
        b->inflight_longterm = u32_max(at, (uint32_t)least);
    }
    if (b->state == CC_BBR_UP) {
        b->undo_state = CC_BBR_UP;
        start_down(cc, now);
    }
}

/* SaveStateUponLoss, NoteLoss: what is saved is from before the episode. */
static void take_notice(struct tcp_cc *cc)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (!b->saved) {
        save_for_undo(b);
        b->saved = true;
    }
    bbr_save_cwnd(cc);
    bbr_note_loss(cc);
}

static void bbr_on_lost(struct tcp_cc *cc, const struct cc_lost *lost)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    take_notice(cc);
    b->loss_events = b->loss_events < UINT8_MAX ? (uint8_t)(b->loss_events + 1) : UINT8_MAX;
    if (b->is_bw_probe_sample &&
        bbr_is_too_high(lost->since_sent, lost->in_flight, lost->selective)) {
        handle_too_high(cc, bbr_inflight_at_loss(lost), lost->app_limited, lost->now);
    }
}

/* A mark is a loss without one: of what is in flight, too much. */
static void bbr_on_mark(struct tcp_cc *cc, uint32_t flight)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    bbr_note_loss(cc);
    if (b->is_bw_probe_sample) {
        handle_too_high(cc, flight, false, b->now);
    }
}

/* Recovery begins; what is lost has been told one by one. */
static void bbr_on_loss(struct tcp_cc *cc, uint32_t flight)
{
    (void)flight;
    take_notice(cc);
    cc->u.bbr.in_recovery = true;
}

/* 5.6.4.4: one segment may go. */
static void bbr_on_timeout(struct tcp_cc *cc, uint32_t flight, bool first)
{
    (void)first;
    bbr_on_loss(cc, flight);
    cc->cwnd = cc->mss;
}

/* 5.5.11.2. */
static void bbr_on_undo(struct tcp_cc *cc)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    bbr_restore_cwnd(cc);
    b->in_recovery = b->saved = false;
    b->is_loss_in_round = false;
    bbr_reset_full_bw(b);
    b->bw_shortterm =
        b->bw_shortterm > b->undo.bw_shortterm ? b->bw_shortterm : b->undo.bw_shortterm;
    b->inflight_shortterm = u32_max(b->inflight_shortterm, b->undo.inflight_shortterm);
    b->inflight_longterm = u32_max(b->inflight_longterm, b->undo.inflight_longterm);
    bool elsewhere = b->state != b->undo_state && b->state != CC_BBR_PROBE_RTT;
    if (b->undo_state == CC_BBR_STARTUP && b->state != CC_BBR_STARTUP) {
        b->full_bw_reached = false;
    }
    if (b->undo_state == CC_BBR_STARTUP && elsewhere) {
        enter_startup(b);
    } else if (b->undo_state == CC_BBR_UP && elsewhere) {
        start_refill(b);
    }
    b->undo_state = CC_STATES;
}

/* ---- Startup and Drain (5.3.1, 5.3.2) ---- */

/* 5.3.1.3: a round trip of recovery, in which more than 2 % and at least six ranges were lost. */
static void check_startup_loss(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    bool round = b->loss_round_start && b->in_recovery;
    bool many = b->loss_events >= STARTUP_FULL_LOSS_COUNT || !ack->selective;
    if (!b->full_bw_reached && round && many && b->loss_events > 0 &&
        bbr_is_too_high(ack->rate_lost, ack->rate_in_flight, ack->selective)) {
        b->undo_state = CC_BBR_STARTUP;
        b->full_bw_reached = true;
        b->inflight_longterm = u32_max(bbr_bdp(cc, bbr_max_bw(b), 100), b->inflight_latest);
    }
    if (b->loss_round_start) {
        b->loss_events = 0;
    }
}

static void check_startup_done(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    check_startup_loss(cc, ack);
    if (b->state == CC_BBR_STARTUP && b->full_bw_reached) {
        enter_drain(b);
    }
}

static void check_drain_done(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (b->state == CC_BBR_DRAIN && (ack->in_flight <= bbr_inflight(cc, b->bw, 100, 0) ||
                                     b->round_count > b->drain_start_round + DRAIN_ROUNDS_MAX)) {
        start_down(cc, ack->now);
    }
}

/* ---- ProbeBW (5.3.3) ---- */

static bool start_probe_if_time(struct tcp_cc *cc, nsec now)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    uint32_t reno_rounds = u32_min(bbr_target_inflight(cc) / cc->mss, RENO_ROUNDS_MAX);
    bool time = now > b->cycle_stamp + b->bw_probe_wait || b->rounds_since_probe_up >= reno_rounds;
    if (time) {
        start_refill(b);
    }
    return time;
}

static bool time_to_cruise(const struct tcp_cc *cc, const struct tcp_ack *ack)
{
    return ack->in_flight <= bbr_with_headroom(cc) &&
           ack->in_flight <= bbr_inflight(cc, bbr_max_bw(&cc->u.bbr), 100, 0);
}

static bool time_to_go_down(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (b->prev_probe_too_high && ack->in_flight >= b->inflight_longterm) {
        b->prev_probe_precautionary = true;
        return true;
    }
    if (ack->cwnd_limited && cc->cwnd >= b->inflight_longterm) {
        bbr_reset_full_bw(b); /* it is the bound that limits */
        b->full_bw = ack->rate;
        return false;
    }
    return b->full_bw_now;
}

static void probe_longterm_upward(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (!ack->cwnd_limited || cc->cwnd < b->inflight_longterm) {
        return;
    }
    b->bw_probe_up_acked += ack->delivered;
    if (b->bw_probe_up_acked >= b->probe_up_acked_per_inc) {
        uint32_t steps = b->bw_probe_up_acked / b->probe_up_acked_per_inc;
        b->bw_probe_up_acked -= steps * b->probe_up_acked_per_inc;
        uint64_t grown = b->inflight_longterm + (uint64_t)steps * cc->mss;
        b->inflight_longterm = grown < BBR_INFLIGHT_ANY ? (uint32_t)grown : BBR_INFLIGHT_ANY;
    }
    if (b->round_start) {
        raise_slope(cc);
    }
}

/* The ACKs of a probe have all come. True: the next probe begins at once, for this one was cut short. */
static bool probe_is_over(struct cc_bbr_state *b, const struct tcp_ack *ack)
{
    b->is_bw_probe_sample = false;
    b->ack_phase = BBR_ACKS_INIT;
    if (bbr_probes_bw(b) && !ack->app_limited) {
        bbr_advance_max_bw_filter(b);
    }
    if (bbr_probes_bw(b) && b->prev_probe_precautionary && !b->prev_probe_too_high) {
        start_refill(b);
        return true;
    }
    return false;
}

/* True: it has decided on a state. */
static bool adapt_longterm(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (b->ack_phase == BBR_ACKS_PROBE_STARTING && b->round_start) {
        b->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
    }
    if (b->ack_phase == BBR_ACKS_PROBE_STOPPING && b->round_start && probe_is_over(b, ack)) {
        return true;
    }
    if (bbr_is_too_high(ack->rate_lost, ack->rate_in_flight, ack->selective) ||
        b->inflight_longterm == BBR_INFLIGHT_ANY) {
        return false;
    }
    b->inflight_longterm = u32_max(b->inflight_longterm, ack->rate_in_flight);
    if (b->state == CC_BBR_UP) {
        probe_longterm_upward(cc, ack);
    }
    return false;
}

static void update_cycle(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (!b->full_bw_reached || adapt_longterm(cc, ack)) {
        return;
    }
    switch (b->state) {
    case CC_BBR_DOWN:
        if (!start_probe_if_time(cc, ack->now) && time_to_cruise(cc, ack)) {
            b->state = CC_BBR_CRUISE;
        }
        break;
    case CC_BBR_CRUISE:
        (void)start_probe_if_time(cc, ack->now);
        break;
    case CC_BBR_REFILL:
        if (b->round_start) {
            b->is_bw_probe_sample = true;
            start_up(cc, ack);
        }
        break;
    case CC_BBR_UP:
        if (time_to_go_down(cc, ack)) {
            b->prev_probe_too_high = false; /* not yet */
            start_down(cc, ack->now);
        }
        break;
    default:
        break;
    }
}

/* ---- ProbeRTT (5.3.4) ---- */

static void check_probe_rtt_done(struct tcp_cc *cc, nsec now)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (b->probe_rtt_done_stamp == 0 || now <= b->probe_rtt_done_stamp) {
        return;
    }
    b->probe_rtt_min_stamp = now; /* the next one in five seconds */
    bbr_restore_cwnd(cc);
    bbr_reset_short_term(b);
    if (b->full_bw_reached) {
        start_down(cc, now);
        b->state = CC_BBR_CRUISE;
    } else {
        enter_startup(b);
    }
}

static void handle_probe_rtt(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (b->probe_rtt_done_stamp == 0) {
        if (ack->in_flight <= bbr_probe_rtt_cwnd(cc)) {
            b->probe_rtt_done_stamp = ack->now + PROBE_RTT_DURATION;
            b->probe_rtt_round_done = false;
            bbr_start_round(b);
        }
        return;
    }
    b->probe_rtt_round_done = b->probe_rtt_round_done || b->round_start;
    if (b->probe_rtt_round_done) {
        check_probe_rtt_done(cc, ack->now);
    }
}

static void check_probe_rtt(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (b->state != CC_BBR_PROBE_RTT && b->probe_rtt_expired && !b->idle_restart) {
        bbr_save_cwnd(cc);
        b->state = CC_BBR_PROBE_RTT;
        b->probe_rtt_done_stamp = 0;
        b->ack_phase = BBR_ACKS_PROBE_STOPPING;
        bbr_start_round(b);
    }
    if (b->state == CC_BBR_PROBE_RTT) {
        handle_probe_rtt(cc, ack);
    }
    if (ack->rate_bytes > 0) {
        b->idle_restart = false;
    }
    cc->slow_on_purpose = b->state == CC_BBR_PROBE_RTT;
}

/* ---- the operations ---- */

static void bbr_init(struct tcp_cc *cc)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    *b = (struct cc_bbr_state){.state = CC_BBR_STARTUP,
                               .undo_state = CC_STATES,
                               .inflight_longterm = BBR_INFLIGHT_ANY,
                               .probe_up_acked_per_inc = BBR_INFLIGHT_ANY};
    bbr_reset_short_term(b);
    cc->ssthresh = CC_SSTHRESH_START;
    bbr_init_pacing_rate(cc, 0);
}

static void begin(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    b->begun = true;
    b->min_rtt_stamp = ack->now;
    b->probe_rtt_min_stamp = ack->now;
    b->extra_acked_start = ack->now;
}

static void bbr_on_ack(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (!ack->rate_has) {
        return; /* nothing was delivered */
    }
    if (!b->begun) {
        begin(cc, ack);
    }
    if (!b->has_rtt && ack->srtt > 0) {
        bbr_init_pacing_rate(cc, ack->srtt);
    }
    bbr_learn(cc, ack);
    check_startup_done(cc, ack);
    check_drain_done(cc, ack);
    update_cycle(cc, ack);
    bbr_learn_rtt(b, ack);
    check_probe_rtt(cc, ack);
    bbr_conclude(b, ack);
    if (b->in_recovery && !ack->recovering) {
        b->in_recovery = false;
        bbr_restore_cwnd(cc);
    }
    b->saved = b->saved && ack->recovering;
    bbr_set_pacing_rate(cc);
    bbr_set_cwnd(cc, ack);
}

/* 5.4.1. */
static void bbr_on_idle(struct tcp_cc *cc, nsec now, nsec srtt)
{
    struct cc_bbr_state *b = &cc->u.bbr;
    if (!b->has_rtt && srtt > 0) {
        bbr_init_pacing_rate(cc, srtt);
    }
    if (!b->begun) {
        return;
    }
    b->idle_restart = true;
    b->extra_acked_start = now;
    if (bbr_probes_bw(b)) {
        bbr_set_pacing_rate_to_bw(cc);
    } else if (b->state == CC_BBR_PROBE_RTT) {
        check_probe_rtt_done(cc, now);
    }
}

static enum cc_state bbr_state(const struct tcp_cc *cc)
{
    return (enum cc_state)cc->u.bbr.state;
}

const struct tcp_cc_ops cc_bbr = {
    .name = "bbr",
    .kept = sizeof(struct cc_bbr_state),
    .paces = true,
    .owns_window = true,
    .init = bbr_init,
    .on_ack = bbr_on_ack,
    .on_lost = bbr_on_lost,
    .on_loss = bbr_on_loss,
    .on_mark = bbr_on_mark,
    .on_timeout = bbr_on_timeout,
    .on_undo = bbr_on_undo,
    .on_idle = bbr_on_idle,
    .state = bbr_state,
};
