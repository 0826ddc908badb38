#include "tests/unit/tcp/bottleneck.h"

#include <check.h>

#define REORDERING 3U

void bottleneck_init(struct bottleneck *b, const struct tcp_cc_ops *ops, uint32_t mss,
                     uint64_t rate, nsec rtt, uint64_t buffer)
{
    *b = (struct bottleneck){.rate = rate,
                             .rtt = rtt,
                             .buffer = buffer,
                             .now = NS_PER_SEC,
                             .app_from = NS_PER_SEC,
                             .dice = 12345};
    cc_init(&b->cc, ops, mss, false);
    b->cc.dice = 99;
}

static struct flight_packet *packet_of(struct bottleneck *b, uint64_t number)
{
    return &b->packet[number % BOTTLENECK_PACKETS];
}

static bool throw_loss(struct bottleneck *b)
{
    b->dice = b->dice * 1664525U + 1013904223U;
    return (b->dice >> 12U) % 1000000U < b->loss;
}

/* Through the queue, or over its edge. */
static void enqueue(struct bottleneck *b, struct flight_packet *p)
{
    nsec start = nsec_max(b->now, b->free_at);
    uint64_t queued = (uint64_t)(start - b->now) * b->rate / NS_PER_SEC;
    nsec through = (nsec)((uint64_t)b->cc.mss * NS_PER_SEC / b->rate);
    p->dropped = queued > b->buffer || throw_loss(b);
    p->ack_at = start + through + b->rtt;
    if (p->dropped) {
        b->dropped++;
        p->ack_at = start + b->rtt;
        return;
    }
    b->free_at = start + through;
}

static bool app_has(const struct bottleneck *b)
{
    return b->app_rate == 0 ||
           b->app_sent + b->cc.mss <= (uint64_t)(b->now - b->app_from) * b->app_rate / NS_PER_SEC;
}

static void send_one(struct bottleneck *b)
{
    struct flight_packet *p = packet_of(b, b->tail);
    ck_assert_uint_lt(b->tail - b->head, BOTTLENECK_PACKETS);
    if (b->in_flight == 0) {
        b->first_sent_at = b->delivered_at = b->now;
        if (b->cc.ops->on_idle != NULL && b->app_limited != 0) {
            b->cc.ops->on_idle(&b->cc, b->now, 0);
        }
    }
    *p = (struct flight_packet){.sent_at = b->now,
                                .delivered_at = b->delivered_at,
                                .first_sent_at = b->first_sent_at,
                                .delivered = b->delivered,
                                .lost = b->lost,
                                .app_limited = b->app_limited != 0};
    b->tail++;
    b->in_flight += b->cc.mss;
    b->app_sent += b->cc.mss;
    b->sent += b->cc.mss;
    p->in_flight = (uint32_t)b->in_flight;
    enqueue(b, p);
    if (b->cc.pacing_rate > 0) {
        b->next_send_at = nsec_max(b->next_send_at, b->now) +
                          (nsec)((uint64_t)b->cc.mss * NS_PER_SEC / b->cc.pacing_rate);
    }
}

static void send_all(struct bottleneck *b)
{
    b->cwnd_limited = false;
    while (b->next_send_at <= b->now || b->cc.pacing_rate == 0) {
        if (b->in_flight + b->cc.mss > b->cc.cwnd) {
            b->cwnd_limited = true;
            return;
        }
        if (!app_has(b)) {
            uint64_t mark = b->delivered + b->in_flight;
            b->app_limited = mark > 0 ? mark : 1;
            return;
        }
        send_one(b);
    }
}

static void mark_lost(struct bottleneck *b, const struct flight_packet *p)
{
    b->lost += b->cc.mss;
    b->in_flight -= b->cc.mss;
    struct cc_lost lost = {.now = b->now,
                           .bytes = b->cc.mss,
                           .in_flight = p->in_flight,
                           .since_sent = b->lost - p->lost,
                           .app_limited = p->app_limited,
                           .selective = true};
    if (b->cc.ops->on_lost != NULL) {
        b->cc.ops->on_lost(&b->cc, &lost);
    }
    if (!b->recovering) {
        b->recovering = true;
        b->recover = b->tail;
        b->cc.ops->on_loss(&b->cc, (uint32_t)(b->in_flight + b->cc.mss));
        if (!b->cc.ops->owns_window) {
            b->cc.cwnd = b->cc.ssthresh;
        }
    }
}

static void sample(struct bottleneck *b, const struct flight_packet *p, struct tcp_ack *ack)
{
    nsec send_span = p->sent_at - p->first_sent_at;
    nsec ack_span = b->now - p->delivered_at;
    nsec interval = nsec_max(send_span, ack_span);
    ack->rate_has = true;
    ack->rate_prior = p->delivered;
    ack->rate_bytes = (uint32_t)(b->delivered - p->delivered);
    ack->rate_in_flight = p->in_flight;
    ack->rate_lost = b->lost - p->lost;
    ack->app_limited = p->app_limited;
    if (interval >= b->least_rtt && interval > 0) {
        ack->rate = (uint64_t)ack->rate_bytes * NS_PER_SEC / (uint64_t)interval;
    }
}

static void take_ack(struct bottleneck *b, uint64_t number)
{
    struct flight_packet *p = packet_of(b, number);
    bool was_limited = b->cwnd_limited;
    b->delivered += b->cc.mss;
    b->delivered_at = b->now;
    b->in_flight -= b->cc.mss;
    b->first_sent_at = p->sent_at;
    if (b->app_limited != 0 && b->delivered > b->app_limited) {
        b->app_limited = 0;
    }
    b->latest_rtt = b->now - p->sent_at;
    b->least_rtt = b->least_rtt == 0 ? b->latest_rtt : nsec_min(b->least_rtt, b->latest_rtt);
    for (; b->marked + REORDERING <= number; b->marked++) {
        if (packet_of(b, b->marked)->dropped) {
            mark_lost(b, packet_of(b, b->marked));
        }
    }
    b->recovering = b->recovering && number < b->recover;
    struct tcp_ack ack = {.now = b->now,
                          .acked = b->cc.mss,
                          .delivered = b->cc.mss,
                          .ack_rtt = b->latest_rtt,
                          .srtt = b->latest_rtt,
                          .total = b->delivered,
                          .in_flight = (uint32_t)b->in_flight,
                          .cwnd_limited = was_limited,
                          .recovering = b->recovering,
                          .selective = true};
    sample(b, p, &ack);
    if (b->cc.ops->owns_window || !b->recovering) {
        b->cc.ops->on_ack(&b->cc, &ack);
    }
    if (b->cc.slow_on_purpose) {
        b->app_limited = b->delivered + b->in_flight;
    }
    b->inflight_sum += b->in_flight;
    b->inflight_count++;
}

/* The first packet whose fate is still to come; dropped ones have none of their own. */
static uint64_t next_ack(struct bottleneck *b)
{
    while (b->head < b->tail && packet_of(b, b->head)->dropped) {
        b->head++;
    }
    return b->head;
}

void bottleneck_timeout(struct bottleneck *b)
{
    b->cc.ops->on_timeout(&b->cc, (uint32_t)b->in_flight, true);
    b->recovering = true;
    b->recover = b->tail;
    b->lost += b->in_flight;
    b->in_flight = 0;
    b->marked = b->head = b->tail;
}

void bottleneck_run(struct bottleneck *b, nsec span)
{
    nsec end = b->now + span;
    for (;;) {
        send_all(b);
        uint64_t number = next_ack(b);
        nsec at = number < b->tail ? packet_of(b, number)->ack_at : NEVER;
        if (b->cc.pacing_rate > 0 && b->in_flight + b->cc.mss <= b->cc.cwnd &&
            b->next_send_at > b->now) {
            at = nsec_min(at, b->next_send_at);
        }
        if (b->app_rate > 0 && !app_has(b)) {
            at = nsec_min(at, b->now + NS_PER_MS);
        }
        if (at == NEVER && b->in_flight > 0) { /* the tail was lost */
            bottleneck_timeout(b);
            continue;
        }
        if (at > end) {
            b->now = end;
            return;
        }
        b->now = nsec_max(at, b->now);
        if (number < b->tail && packet_of(b, number)->ack_at <= b->now) {
            b->head++;
            take_ack(b, number);
        }
    }
}

uint64_t bottleneck_goodput(struct bottleneck *b, nsec span)
{
    uint64_t before = b->delivered;
    bottleneck_run(b, span);
    return (b->delivered - before) * NS_PER_SEC / (uint64_t)span;
}
