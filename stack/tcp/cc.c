/* What the algorithms of congestion control share: the initial window (RFC 6928), slow start's growth
 * (RFC 5681 3.1), restart after idle (RFC 5681 4.1), how much a congestion mark takes (RFC 8511).
 */
#include "stack/tcp/cc.h"

#include <string.h>

/* One ACK may open the window by so much in slow start: by 8 segments (RFC 9406 4.3), or by what a receiver that
 * joins frames acknowledges at once, 64 KiB. Less would make slow start slower than doubling there, and save little:
 * what such an ACK covers goes out in one burst anyway. */
#define SLOW_START_SEGMENTS 8U
#define SLOW_START_BYTES (64U * 1024U)

static const struct tcp_cc_ops *const algorithms[] = {&cc_cubic, &cc_newreno, &cc_bbr};

const struct tcp_cc_ops *cc_named(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(algorithms); i++) {
        if (strcmp(algorithms[i]->name, name) == 0) {
            return algorithms[i];
        }
    }
    return NULL;
}

uint32_t cc_initial_window(uint32_t mss)
{
    return u32_min(10 * mss, u32_max(2 * mss, 14600));
}

void cc_init(struct tcp_cc *cc, const struct tcp_cc_ops *ops, uint32_t mss, bool syn_lost)
{
    *cc = (struct tcp_cc){.ops = ops, .mss = mss, .ssthresh = CC_SSTHRESH_START};
    cc->cwnd = syn_lost ? mss : cc_initial_window(mss);
    if (ops->init != NULL) {
        ops->init(cc);
    }
}

void cc_change(struct tcp_cc *cc, const struct tcp_cc_ops *ops)
{
    struct tcp_cc old = *cc;
    *cc = (struct tcp_cc){.ops = ops,
                          .mss = old.mss,
                          .cwnd = old.cwnd,
                          .ssthresh = old.ssthresh,
                          .dice = old.dice,
                          .no_ack_train = old.no_ack_train,
                          .no_hystart = old.no_hystart,
                          .no_byte_counting = old.no_byte_counting,
                          .no_abe = old.no_abe};
    if (ops->init != NULL) {
        ops->init(cc);
    }
}

void cc_idle_restart(struct tcp_cc *cc)
{
    cc->cwnd = u32_min(cc->cwnd, cc_initial_window(cc->mss));
}

enum cc_state cc_state_of(const struct tcp_cc *cc)
{
    if (cc->ops->state != NULL) {
        return cc->ops->state(cc);
    }
    return cc->cwnd < cc->ssthresh ? CC_SLOW_START : CC_AVOIDANCE;
}

uint32_t cc_mark_percent(const struct tcp_cc *cc, uint32_t gentle, uint32_t loss)
{
    bool avoidance = cc->cwnd >= cc->ssthresh;
    return avoidance && !cc->no_abe ? gentle : loss;
}

uint32_t cc_slow_start_growth(const struct tcp_cc *cc, const struct tcp_ack *ack)
{
    /* After a timeout one ACK may cover much that arrived long ago (RFC 3465 2.3) */
    bool one = ack->after_timeout || cc->no_byte_counting;
    uint32_t most = one ? cc->mss : u32_max(SLOW_START_SEGMENTS * cc->mss, SLOW_START_BYTES);
    return u32_min(ack->acked, most);
}
