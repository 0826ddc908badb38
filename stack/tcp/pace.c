#include "stack/tcp/pace.h"

#include "stack/tcp/timers.h"

#define QUANTUM_TIME NS_PER_MS
#define QUANTUM_MAX 65536U
#define QUANTUM_SEGMENTS 2U
#define CREDIT NS_PER_MS /* of time by which a timer was late */
#define SLOW_START_PERCENT 200U
#define AVOIDANCE_PERCENT 120U

uint32_t pace_quantum(uint64_t rate, uint32_t mss)
{
    uint64_t bytes = rate_bytes(rate, QUANTUM_TIME);
    uint32_t most = bytes < QUANTUM_MAX ? (uint32_t)bytes : QUANTUM_MAX;
    return u32_max(most, QUANTUM_SEGMENTS * mss);
}

bool pace_is_quantum(const struct tcp_conn *c, uint32_t len)
{
    if (len < QUANTUM_SEGMENTS * c->snd_mss || c->rtt.srtt == 0) {
        return false;
    }
    return len >= QUANTUM_MAX ||
           (uint64_t)len * (uint64_t)c->rtt.srtt >= (uint64_t)c->cc.cwnd * QUANTUM_TIME;
}

/* The rate of an algorithm that has none of its own; a segment a second at the least. A round trip that was measured
 * across a leap of the clock is hours, and would hold back what is due for as long. */
static uint64_t rate_of_window(const struct tcp_conn *c)
{
    if (!c->options.pace || c->rtt.srtt == 0) {
        return 0;
    }
    uint64_t percent = c->cc.cwnd < c->cc.ssthresh ? SLOW_START_PERCENT : AVOIDANCE_PERCENT;
    uint64_t rate = (uint64_t)c->cc.cwnd * NS_PER_SEC / (uint64_t)c->rtt.srtt;
    rate = rate / 100U * percent;
    return rate > c->snd_mss ? rate : c->snd_mss;
}

static uint64_t rate_now(struct tcp_conn *c)
{
    uint64_t max = c->options.max_pacing_rate;
    if (c->tcp->config.no_pacing) {
        return 0;
    }
    if (!c->cc.ops->paces) {
        c->cc.pacing_rate = rate_of_window(c);
    }
    uint64_t rate = c->cc.pacing_rate;
    return rate == 0 || (max != 0 && max < rate) ? max : rate;
}

void pace_hold(struct tcp_conn *c, nsec until)
{
    c->pace.held_until = until;
}

void pace_begin(struct tcp_conn *c, nsec now)
{
    struct tcp_pace *p = &c->pace;
    timers_stop(c, TCP_TIMER_PACE);
    p->rate = rate_now(c);
    p->held = now < p->held_until;
    if (p->held) {
        p->budget = 0;
        return;
    }
    if (p->rate == 0) {
        p->budget = UINT32_MAX;
        p->next_at = 0;
        return;
    }
    uint32_t quantum = pace_quantum(p->rate, c->snd_mss);
    if (p->next_at > now) { /* what is owed at a rate of before is not owed for longer than now */
        p->next_at = nsec_min(p->next_at, now + rate_time(p->rate, quantum));
        p->budget = 0;
        return;
    }
    nsec missed = p->waiting ? nsec_min(now - p->next_at, CREDIT) : 0;
    p->next_at = now - missed;
    p->waiting = false;
    p->budget = quantum + (uint32_t)rate_bytes(p->rate, missed);
}

bool pace_lets(struct tcp_conn *c, uint32_t len)
{
    struct tcp_pace *p = &c->pace;
    if (len <= p->budget) {
        return true;
    }
    p->waiting = true;
    timers_set(c, TCP_TIMER_PACE, p->held ? p->held_until : p->next_at);
    return false;
}

uint32_t pace_budget(const struct tcp_conn *c)
{
    return c->pace.budget;
}

void pace_sent(struct tcp_conn *c, uint32_t len)
{
    struct tcp_pace *p = &c->pace;
    if (p->rate != 0) {
        p->next_at += rate_time(p->rate, len);
        p->budget -= u32_min(p->budget, len);
    }
}
