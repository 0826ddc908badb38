#include "stack/tcp/cwv.h"

#include "stack/tcp/conn.h"
#include "stack/tcp/send.h"

static void decay(struct tcp_conn *c)
{
    struct tcp_cc *cc = &c->cc;
    uint32_t used = u32_max(c->cwv.used, cc_initial_window(cc->mss));
    if (used >= cc->cwnd) {
        return;
    }
    cc->ssthresh = u32_max(cc->ssthresh, cc->cwnd - cc->cwnd / 4);
    cc->cwnd = used + (cc->cwnd - used) / 2;
    recovery_trace_cwnd(c, CWND_UNUSED);
}

void cwv_flushed(struct tcp_conn *c, nsec now)
{
    struct tcp_cwv *v = &c->cwv;
    if (send_uses_window(c) || v->since == 0) {
        *v = (struct tcp_cwv){.since = now};
        return;
    }
    v->used = u32_max(v->used, recovery_in_flight(c));
    if (now - v->since < c->rtt.rto) {
        return;
    }
    bool off = c->tcp->config.no_window_validation || c->cc.ops->owns_window;
    if (!off && !c->recovery.recover_set) {
        decay(c);
    }
    *v = (struct tcp_cwv){.since = now};
}
