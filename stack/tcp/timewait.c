/* RFC 9293 3.10.7.4 for the state TIME-WAIT, RFC 6191 (new connections out of it), RFC 1337 (resets
 * do not end it early).
 */
#include "stack/tcp/timewait.h"

#include "stack/tcp/receive.h"
#include "stack/tcp/reply.h"

#define ANSWER_INTERVAL (500 * NS_PER_MS) /* so that two ends in TIME-WAIT do not talk for ever */

static struct tcp_timewait *timewait_of(struct list *node)
{
    return CONTAINER_OF(node, struct tcp_timewait, link);
}

static void forget(struct tcp *t, struct tcp_timewait *w)
{
    demux_remove(t, &w->entry);
    list_remove(&w->link);
    if (w->route != NULL) {
        pool_put(&t->route_pool, w->route);
    }
    pool_put(&t->timewait_pool, w);
}

static void arm(struct tcp *t)
{
    if (list_empty(&t->timewaits)) {
        timer_cancel(t->wheel, &t->timewait_timer);
    } else {
        timer_arm(t->wheel, &t->timewait_timer, timewait_of(t->timewaits.next)->ends);
    }
}

static void fire(struct timer *timer, nsec now)
{
    struct tcp *t = CONTAINER_OF(timer, struct tcp, timewait_timer);
    t->now = now;
    recorder_begin(t->recorder, CAUSE_TIMER, now);
    while (!list_empty(&t->timewaits) && timewait_of(t->timewaits.next)->ends <= now) {
        struct tcp_timewait *w = timewait_of(t->timewaits.next);
        TRACE(t->recorder, w->id, tcp_state, .from = TCP_TIME_WAIT, .to = TCP_CLOSED);
        forget(t, w);
    }
    arm(t);
}

void timewait_init(struct tcp *t)
{
    list_init(&t->timewaits);
    timer_init(&t->timewait_timer, fire);
    pool_init(&t->timewait_pool, "tcp_timewait", sizeof(struct tcp_timewait),
              t->config.max_timewait);
}

void timewait_done(struct tcp *t)
{
    while (!list_empty(&t->timewaits)) {
        forget(t, timewait_of(t->timewaits.next));
    }
    arm(t);
    pool_done(&t->timewait_pool);
}

static struct tcp_timewait *new_record(struct tcp *t)
{
    struct tcp_timewait *w = pool_get_zero(&t->timewait_pool);
    if (w == NULL && !list_empty(&t->timewaits)) {
        trace_drop(t->recorder, DROP_TCP_TIMEWAIT_FULL, timewait_of(t->timewaits.next)->id, 0);
        forget(t, timewait_of(t->timewaits.next));
        w = pool_get_zero(&t->timewait_pool);
    }
    return w;
}

void timewait_enter(struct tcp_conn *c, nsec now)
{
    struct tcp *t = c->tcp;
    struct tcp_timewait *w = new_record(t);
    if (w == NULL) {
        return; /* the connection ends without its quiet time */
    }
    w->entry.timewait = true;
    w->ends = now + 2 * t->config.msl;
    w->snd_nxt = c->snd_nxt;
    w->rcv_nxt = c->rcv_nxt;
    w->ts_recent = c->ts_recent;
    w->ts_offset = c->ts_offset;
    w->ts_ok = c->ts_ok;
    w->id = c->id;
    w->ttl = c->options.ttl;
    w->tos = c->options.tos;
    w->ace = c->ecn.mode == ECN_MODE_ACCURATE ? accecn_ace(&c->accecn) : 0;
    w->route = c->route != NULL ? pool_get(&t->route_pool) : NULL;
    if (w->route != NULL) {
        *w->route = *c->route; /* MUST-53: every segment, those of TIME-WAIT too */
    }
    w->wnd = (uint16_t)(receive_tell_window(c) >> c->rcv_wscale); /* as its last ACK will */
    demux_succeed(t, &w->entry, &c->handle->entry);
    list_push_back(&t->timewaits, &w->link);
    arm(t);
}

static void answer(struct tcp *t, struct tcp_timewait *w, const struct tcp_segment *s)
{
    if (w->last_ack != 0 && s->at - w->last_ack < ANSWER_INTERVAL && segment_span(s) == 0) {
        return;
    }
    w->last_ack = s->at;
    struct tcp_reply r = {
        .segment =
            {
                .src = w->entry.tuple.local,
                .dst = w->entry.tuple.remote,
                .seq = w->snd_nxt,
                .ack = w->rcv_nxt,
                .flags = TCP_ACK,
                .wnd = w->wnd,
                .opts = w->ts_ok ? TCP_OPT_HAS_TS : 0,
                .tsval = (uint32_t)(s->at / NS_PER_MS) + w->ts_offset,
                .tsecr = w->ts_recent,
            },
        .ttl = w->ttl,
        .tos = w->tos,
        .conn = w->id,
    };
    segment_set_ace(&r.segment, w->ace);
    if (w->route != NULL) {
        r.route = *w->route;
    }
    reply_queue(t, &r);
}

/* RFC 6191 2 and RFC 9293 MAY-2: a later timestamp, or a later sequence number, tells the new
 * incarnation from the old. */
static bool may_reopen(const struct tcp *t, const struct tcp_timewait *w,
                       const struct tcp_segment *s)
{
    if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN ||
        demux_listener(t, &s->dst) == NULL) {
        return false;
    }
    bool later = seq_gt(s->seq, w->rcv_nxt);
    bool stamped = !t->config.no_timestamps && (s->opts & TCP_OPT_HAS_TS) != 0;
    if (!stamped) {
        return later;
    }
    if (!w->ts_ok) {
        return true; /* the old incarnation's segments would lack the timestamp */
    }
    int32_t newer = (int32_t)(s->tsval - w->ts_recent);
    return newer > 0 || (newer == 0 && later);
}

/* RFC 7323 3.2: without the timestamp that was agreed on; RFC 9293 3.10.7.4 fifth: without an ACK. */
static bool silently_dropped(struct tcp *t, const struct tcp_timewait *w,
                             const struct tcp_segment *s)
{
    if ((s->flags & (TCP_RST | TCP_SYN)) != 0) {
        return false;
    }
    if (w->ts_ok && (s->opts & TCP_OPT_HAS_TS) == 0) {
        trace_drop(t->recorder, DROP_TCP_NO_TIMESTAMP, w->id, s->len);
        return true;
    }
    if ((s->flags & TCP_ACK) == 0) {
        trace_drop(t->recorder, DROP_TCP_NO_ACK, w->id, s->len);
        return true;
    }
    return false;
}

/* PAWS (RFC 7323 5.3): an old duplicate; a FIN among them says nothing of the peer of now. */
static bool is_old(const struct tcp_timewait *w, const struct tcp_segment *s)
{
    return w->ts_ok && (s->opts & TCP_OPT_HAS_TS) != 0 && (s->flags & TCP_RST) == 0 &&
           (int32_t)(s->tsval - w->ts_recent) < 0;
}

bool timewait_input(struct tcp *t, struct tcp_timewait *w, const struct tcp_segment *s,
                    tcp_seq *isn_floor)
{
    if (may_reopen(t, w, s)) {
        *isn_floor = w->snd_nxt;
        forget(t, w);
        arm(t);
        return true;
    }
    segment_trace_stray(t->recorder, w->id, s);
    if (silently_dropped(t, w, s)) {
        return false;
    }
    if (is_old(w, s)) { /* RFC 7323 5.3 R1: answered, and no more */
        trace_drop(t->recorder, DROP_TCP_PAWS, w->id, s->len);
        answer(t, w, s);
        return false;
    }
    trace_drop(t->recorder, DROP_TCP_TIMEWAIT_SEGMENT, w->id, s->len);
    if ((s->flags & TCP_RST) != 0) {
        return false; /* RFC 1337: ignored */
    }
    if ((s->flags & TCP_FIN) != 0 && seq_eq(segment_end(s), w->rcv_nxt)) {
        w->ends = s->at + 2 * t->config.msl; /* a retransmitted FIN restarts the wait */
        list_remove(&w->link);
        list_push_back(&t->timewaits, &w->link);
        arm(t);
    }
    answer(t, w, s);
    return false;
}
