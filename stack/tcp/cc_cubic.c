/* CUBIC (RFC 9438) with HyStart++ (RFC 9406): the window grows by the time since the last loss, slowly near
 * where that happened and faster away from it, and never slower than Reno would.
 *
 * Whole numbers throughout, so that every machine computes the same: bytes and milliseconds.
 */
#include "stack/tcp/cc.h"

#define BETA_PERCENT 70U        /* RFC 9438 4.6 */
#define BETA_ECN_PERCENT 85U    /* RFC 8511 3.1 */
#define ALPHA_PER_MILLE 529U    /* 4.3: 3 (1 - beta) / (1 + beta) */
#define CONVERGENCE_PERCENT 85U /* 4.7: (1 + beta) / 2 */
#define T_MAX 100000            /* ms: beyond that the cube says all that it can */

static uint32_t percent_of(uint32_t bytes, uint32_t percent)
{
    return (uint32_t)((uint64_t)bytes * percent / 100U);
}

/* The whole part of the cube root. */
static uint64_t cube_root(uint64_t v)
{
    uint64_t root = 0;
    for (int shift = 63; shift >= 0; shift -= 3) {
        root *= 2;
        uint64_t step = 3 * root * (root + 1) + 1;
        if (v >> (unsigned)shift >= step) {
            v -= step << (unsigned)shift;
            root++;
        }
    }
    return root;
}

static void cubic_init(struct tcp_cc *cc)
{
    cc->u.cubic = (struct cc_cubic_state){0};
}

/* 4.2: K, the time from now until the window is w_max again: C (t - K)^3 segments, C = 0.4. */
static void begin_epoch(struct tcp_cc *cc, nsec now)
{
    struct cc_cubic_state *u = &cc->u.cubic;
    u->epoch = now;
    u->w_est = cc->cwnd;
    u->k = 0;
    if (u->w_max > cc->cwnd) {
        uint64_t segments_e9 = (uint64_t)(u->w_max - cc->cwnd) * UINT64_C(2500000000) / cc->mss;
        u->k = (int64_t)cube_root(segments_e9);
    } else {
        u->w_max = cc->cwnd;
    }
}

/* 4.1 equation 1, in bytes, `t` ms after the epoch began. */
static uint64_t w_cubic(const struct tcp_cc *cc, int64_t t)
{
    const struct cc_cubic_state *u = &cc->u.cubic;
    int64_t d = t - u->k;
    d = d > T_MAX ? T_MAX : d < -T_MAX ? -T_MAX : d;
    int64_t w = (int64_t)u->w_max + d * d * d / 1000 * 4 * cc->mss / 10000000;
    return w > 0 ? (uint64_t)w : 0;
}

/* 4.3: what Reno's window would be, with alpha in place of one segment a round trip. */
static void grow_estimate(struct tcp_cc *cc, uint32_t acked)
{
    struct cc_cubic_state *u = &cc->u.cubic;
    uint64_t alpha = u->w_est >= u->w_prior ? 1000U : ALPHA_PER_MILLE;
    uint64_t grown = (uint64_t)acked * cc->mss / cc->cwnd * alpha / 1000U;
    uint64_t rest = (uint64_t)acked * cc->mss % cc->cwnd * alpha / 1000U + u->w_est_rest;
    u->w_est += (uint32_t)(grown + rest / cc->cwnd);
    u->w_est_rest = rest % cc->cwnd;
}

static void grow(struct tcp_cc *cc, uint64_t by)
{
    cc->cwnd = by < UINT32_MAX - cc->cwnd ? cc->cwnd + (uint32_t)by : UINT32_MAX;
}

static void avoid_congestion(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    struct cc_cubic_state *u = &cc->u.cubic;
    if (u->epoch == 0) {
        begin_epoch(cc, ack->now);
    }
    grow_estimate(cc, ack->acked);
    int64_t t = (ack->now - u->epoch) / NS_PER_MS;
    uint64_t target = w_cubic(cc, t + ack->srtt / NS_PER_MS);
    uint64_t most = (uint64_t)cc->cwnd + cc->cwnd / 2; /* 4.2 */
    target = target < cc->cwnd ? cc->cwnd : target > most ? most : target;
    if (w_cubic(cc, t) < u->w_est && u->w_est > cc->cwnd) { /* 4.3: the Reno-friendly region */
        cc->cwnd = u->w_est;
        return;
    }
    uint64_t by = (target - cc->cwnd) * u32_min(ack->acked, cc->cwnd) + u->rest;
    u->rest = by % cc->cwnd;
    grow(cc, by / cc->cwnd);
}

/* RFC 9406 4.3: HyStart++ is for the first slow start; a later one ends at the ssthresh that was found. */
static void slow_start(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    bool done = false;
    uint32_t wanted = cc_slow_start_growth(cc, ack);
    if (cc->ssthresh != CC_SSTHRESH_START || cc->no_hystart) {
        grow(cc, wanted);
        return;
    }
    bool trains = !cc->no_ack_train && ack->in_bursts;
    grow(cc, hystart_on_ack(&cc->u.cubic.hystart, ack, wanted, trains, &done));
    if (done) {
        cc->ssthresh = u32_max(cc->cwnd, 2 * cc->mss);
    }
}

/* 4.2, 5.8: time in which the window was not used does not count. It began when the window last had a
 * chance to grow. */
static void stop_clock(struct tcp_cc *cc)
{
    struct cc_cubic_state *u = &cc->u.cubic;
    if (u->epoch != 0 && u->unused_since == 0) {
        u->unused_since = u->grown_at;
    }
}

static void run_clock(struct tcp_cc *cc, nsec now)
{
    struct cc_cubic_state *u = &cc->u.cubic;
    if (u->unused_since != 0) {
        u->epoch += now - u->unused_since;
        u->unused_since = 0;
    }
    u->grown_at = now;
}

static void cubic_on_idle(struct tcp_cc *cc, nsec now, nsec srtt)
{
    (void)now;
    (void)srtt;
    stop_clock(cc);
}

static void cubic_on_ack(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    if (!ack->cwnd_limited) {
        stop_clock(cc);
        return;
    }
    run_clock(cc, ack->now);
    if (cc->cwnd < cc->ssthresh) {
        slow_start(cc, ack);
    } else {
        avoid_congestion(cc, ack);
    }
}

static void remember_window(struct tcp_cc *cc)
{
    struct cc_cubic_state *u = &cc->u.cubic;
    u->before = (struct cc_cubic_before){
        .w_max = u->w_max, .w_prior = u->w_prior, .k = u->k, .epoch = u->epoch};
    u->w_prior = cc->cwnd;
    bool shrinking = cc->cwnd < u->w_max; /* 4.7: somebody else wants room */
    u->w_max = shrinking ? percent_of(cc->cwnd, CONVERGENCE_PERCENT) : cc->cwnd;
    u->epoch = 0;
    u->unused_since = 0;
    u->rest = 0;
    u->w_est_rest = 0;
    u->hystart = (struct tcp_hystart){0};
}

/* 4.6: what a reduction takes its share of. The window, where it was in use: an ACK that tells of a loss has taken some
 * of what is outstanding, and a part of a segment is never sent. Else only what is outstanding. */
static uint32_t in_use(const struct tcp_cc *cc, uint32_t flight)
{
    const struct cc_cubic_state *u = &cc->u.cubic;
    return u->epoch != 0 && u->unused_since == 0 ? cc->cwnd : flight;
}

static void cubic_on_loss(struct tcp_cc *cc, uint32_t flight)
{
    uint32_t used = in_use(cc, flight);
    remember_window(cc);
    cc->ssthresh = u32_max(percent_of(used, BETA_PERCENT), 2 * cc->mss);
}

static void cubic_on_mark(struct tcp_cc *cc, uint32_t flight)
{
    uint32_t percent = cc_mark_percent(cc, BETA_ECN_PERCENT, BETA_PERCENT);
    uint32_t used = in_use(cc, flight);
    remember_window(cc);
    cc->ssthresh = u32_max(percent_of(used, percent), 2 * cc->mss);
}

static void cubic_on_timeout(struct tcp_cc *cc, uint32_t flight, bool first)
{
    if (first) {
        remember_window(cc);
        cc->u.cubic.w_max = 0; /* 4.8: it begins anew from where slow start ends */
        cc->ssthresh = u32_max(percent_of(flight, BETA_PERCENT), 2 * cc->mss);
    }
    cc->cwnd = cc->mss;
}

static void cubic_on_undo(struct tcp_cc *cc)
{
    struct cc_cubic_state *u = &cc->u.cubic;
    u->w_max = u->before.w_max;
    u->w_prior = u->before.w_prior;
    u->k = u->before.k;
    u->epoch = u->before.epoch;
    u->w_est = cc->cwnd;
    stop_clock(cc); /* nor does the time that the episode took */
}

static void cubic_on_smaller(struct tcp_cc *cc, uint32_t mss, uint32_t before)
{
    struct cc_cubic_state *u = &cc->u.cubic;
    uint32_t *const windows[] = {&u->w_max, &u->w_prior, &u->w_est, &u->before.w_max,
                                 &u->before.w_prior};
    for (size_t i = 0; i < COUNT_OF(windows); i++) {
        *windows[i] = cc_scaled(*windows[i], mss, before);
    }
}

const struct tcp_cc_ops cc_cubic = {
    .name = "cubic",
    .kept = offsetof(struct cc_cubic_state,
                     w_est), /* 4.2: the epoch begins anew, towards the same w_max */
    .init = cubic_init,
    .on_ack = cubic_on_ack,
    .on_loss = cubic_on_loss,
    .on_mark = cubic_on_mark,
    .on_timeout = cubic_on_timeout,
    .on_undo = cubic_on_undo,
    .on_idle = cubic_on_idle,
    .on_smaller = cubic_on_smaller,
};
