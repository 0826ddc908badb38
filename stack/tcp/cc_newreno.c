/* NewReno's window: slow start and congestion avoidance of RFC 5681 3.1, marks by RFC 8511. Fast recovery
 * itself is in newreno.c and prr.c.
 */
#include "stack/tcp/cc.h"

#define BETA_PERCENT 50U     /* RFC 5681 equation 4 */
#define BETA_ECN_PERCENT 80U /* RFC 8511 3 */

static uint32_t half_of(const struct tcp_cc *cc, uint32_t flight)
{
    return u32_max(flight / 2, 2 * cc->mss); /* RFC 5681 equation 4 */
}

static void newreno_on_ack(struct tcp_cc *cc, const struct tcp_ack *ack)
{
    if (!ack->cwnd_limited) {
        return; /* a window that was not used has not been tested (RFC 7661) */
    }
    if (cc->cwnd < cc->ssthresh) {
        uint32_t grow = cc_slow_start_growth(cc, ack);
        cc->cwnd += u32_min(grow, UINT32_MAX - cc->cwnd);
        return;
    }
    cc->u.newreno.acked += u32_min(ack->acked, UINT32_MAX - cc->u.newreno.acked);
    if (cc->u.newreno.acked >= cc->cwnd) {
        cc->u.newreno.acked -= cc->cwnd;
        cc->cwnd += u32_min(cc->mss, UINT32_MAX - cc->cwnd);
    }
}

static void newreno_on_loss(struct tcp_cc *cc, uint32_t flight)
{
    cc->ssthresh = half_of(cc, flight);
    cc->u.newreno.acked = 0;
}

static void newreno_on_mark(struct tcp_cc *cc, uint32_t flight)
{
    uint32_t percent = cc_mark_percent(cc, BETA_ECN_PERCENT, BETA_PERCENT);
    cc->ssthresh = u32_max((uint32_t)((uint64_t)flight * percent / 100U), 2 * cc->mss);
    cc->u.newreno.acked = 0;
}

static void newreno_on_timeout(struct tcp_cc *cc, uint32_t flight, bool first)
{
    if (first) {
        cc->ssthresh = half_of(cc, flight);
    }
    cc->cwnd = cc->mss; /* the loss window */
    cc->u.newreno.acked = 0;
}

const struct tcp_cc_ops cc_newreno = {
    .name = "newreno",
    .kept = sizeof(struct cc_newreno_state),
    .on_ack = newreno_on_ack,
    .on_loss = newreno_on_loss,
    .on_mark = newreno_on_mark,
    .on_timeout = newreno_on_timeout,
};
