#include "tests/unit/tcp/bbr_rig.h"

struct bbr_rig bbr;
static struct cc_bbr_state *const u = &bbr.cc.u.bbr;

void bbr_rig_set_up(void)
{
    bbr = (struct bbr_rig){.cc = {.dice = 99}, .now = NS_PER_SEC};
    cc_init(&bbr.cc, &cc_bbr, MSS, false);
}

struct tcp_ack next_round(uint64_t rate)
{
    bbr.now += RTT;
    bbr.total += MSS;
    return (struct tcp_ack){.now = bbr.now,
                            .acked = MSS,
                            .delivered = MSS,
                            .total = bbr.total,
                            .rate_has = true,
                            .rate = rate,
                            .rate_prior = bbr.total - MSS,
                            .rate_bytes = BDP,
                            .rate_in_flight = BDP / 2,
                            .in_flight = BDP + BDP / 2,
                            .ack_rtt = RTT,
                            .srtt = RTT,
                            .selective = true};
}

struct tcp_ack same_round(uint64_t rate)
{
    struct tcp_ack ack = next_round(rate);
    ack.rate_prior = 0;
    return ack;
}

void take(struct tcp_ack ack)
{
    bbr.cc.ops->on_ack(&bbr.cc, &ack);
}

void take_round(uint64_t rate)
{
    take(next_round(rate));
}

void take_app_limited(uint64_t rate)
{
    struct tcp_ack ack = next_round(rate);
    ack.app_limited = true;
    take(ack);
}

void know(enum cc_state state, uint32_t cwnd)
{
    take_round(RATE);
    u->full_bw_reached = true;
    u->state = (uint8_t)state;
    u->rounds_since_probe_up = 0;
    u->cycle_stamp = bbr.now;
    u->bw_probe_wait = 2 * NS_PER_SEC;
    bbr.cc.cwnd = cwnd;
    bbr_reset_congestion_signals(u);
}

void lose(unsigned ranges)
{
    for (unsigned i = 0; i < ranges; i++) {
        struct cc_lost lost = {.now = bbr.now,
                               .bytes = MSS,
                               .in_flight = BDP,
                               .since_sent = (uint64_t)MSS * (i + 1),
                               .selective = true};
        bbr.cc.ops->on_lost(&bbr.cc, &lost);
    }
}
