/* NewReno's window: slow start and congestion avoidance of RFC 5681 3.1, the initial window of
 * RFC 6928, restart after idle of RFC 5681 4.1. Fast recovery itself is in recovery.c.
 */
#include "stack/tcp/cc.h"

/* One ACK may open the window by this many segments in slow start. RFC 3465 allows 2 where every
 * other segment is acknowledged; receivers with offload acknowledge up to 64 KiB at once. */
#define SLOW_START_SEGMENTS 8U
#define SSTHRESH_START UINT32_MAX /* RFC 5681 3.1: arbitrarily high */

uint32_t cc_initial_window(uint32_t mss)
{
    return u32_min(10 * mss, u32_max(2 * mss, 14600));
}

void cc_init(struct tcp_cc *cc, const struct tcp_cc_ops *ops, uint32_t mss, bool syn_lost)
{
    *cc = (struct tcp_cc){.ops = ops, .mss = mss, .ssthresh = SSTHRESH_START};
    cc->cwnd = syn_lost ? mss : cc_initial_window(mss);
}

void cc_idle_restart(struct tcp_cc *cc)
{
    cc->cwnd = u32_min(cc->cwnd, cc_initial_window(cc->mss));
}

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
        /* After a timeout one ACK may cover much that arrived long ago (RFC 3465 2.3) */
        uint32_t segments = ack->after_timeout ? 1 : SLOW_START_SEGMENTS;
        uint32_t grow = u32_min(ack->acked, segments * cc->mss);
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
    .on_ack = newreno_on_ack,
    .on_loss = newreno_on_loss,
    .on_timeout = newreno_on_timeout,
};
