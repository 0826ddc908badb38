#include "stack/tcp/rate.h"

#include "stack/tcp/conn.h"

uint64_t rate_bytes(uint64_t rate, nsec span)
{
    uint64_t seconds = (uint64_t)(span / NS_PER_SEC);
    uint64_t rest = (uint64_t)(span % NS_PER_SEC);
    return rate * seconds + rate / 1000U * rest / 1000000U + rate % 1000U * rest / NS_PER_SEC;
}

nsec rate_time(uint64_t rate, uint32_t bytes)
{
    return (nsec)((uint64_t)bytes * NS_PER_SEC / rate);
}

struct sent_stamp rate_stamp(struct tcp_conn *c, uint32_t span, nsec now)
{
    struct tcp_rate *r = &c->rate;
    if (recovery_in_flight(c) == 0) { /* a new flight begins */
        r->first_sent_at = now;
        r->delivered_at = now;
    }
    return (struct sent_stamp){.sent_at = now,
                               .delivered_at = r->delivered_at,
                               .first_sent_at = r->first_sent_at,
                               .delivered = r->delivered,
                               .lost = r->lost,
                               .in_flight = recovery_in_flight(c) + span,
                               .app_limited = r->app_limited != 0};
}

void rate_app_limited(struct tcp_conn *c)
{
    uint64_t mark = c->rate.delivered + recovery_in_flight(c);
    c->rate.app_limited = mark != 0 ? mark : 1;
}

/* Of what one ACK delivers, was `run` sent last? */
static bool is_newest(const struct tcp_ack *ack, const struct tcp_sent *run)
{
    return !ack->rate_has || run->sent_at > ack->rate_sent_at ||
           (run->sent_at == ack->rate_sent_at && seq_gt(run->end, ack->rate_end));
}

void rate_delivered(struct tcp_conn *c, const struct tcp_sent *run, uint32_t n, struct tcp_ack *ack)
{
    struct tcp_rate *r = &c->rate;
    r->delivered += n;
    r->delivered_at = ack->now;
    if (r->app_limited != 0 && r->delivered > r->app_limited) {
        r->app_limited = 0;
    }
    if (is_newest(ack, run)) {
        ack->rate_has = true;
        ack->rate_sent_at = run->sent_at;
        ack->rate_end = run->end;
        ack->rate_in_flight = run->in_flight;
        ack->rate_lost = r->lost - run->lost;
        ack->rate_prior = run->delivered;
        ack->rate_since = run->delivered_at;
        ack->rate_send_span = run->sent_at - run->first_sent_at;
        ack->app_limited = run->app_limited;
        r->first_sent_at = run->sent_at;
    }
}

void rate_sample(struct tcp_conn *c, struct tcp_ack *ack)
{
    struct tcp_rate *r = &c->rate;
    ack->total = r->delivered;
    if (!ack->rate_has) {
        return;
    }
    uint64_t bytes = r->delivered - ack->rate_prior;
    ack->rate_bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    nsec interval = nsec_max(ack->rate_send_span, ack->now - ack->rate_since);
    if (interval <= 0 || (c->rtt.min != 0 && interval < c->rtt.min)) {
        return; /* what was sent again tells nothing */
    }
    ack->rate = bytes * (uint64_t)NS_PER_SEC / (uint64_t)interval;
    r->latest = ack->rate;
    r->latest_app_limited = ack->app_limited;
}
