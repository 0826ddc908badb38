/* RFC 9293 3.10.7.4, fifth check: the acceptable ACK at work. RFC 5681 2 for what a duplicate is,
 * RFC 6298 5.2 and 5.3 for the timer, RFC 7323 4.1 for the timestamp sample.
 */
#include "stack/tcp/ack.h"

#include "stack/tcp/conn.h"
#include "stack/tcp/send.h"
#include "stack/tcp/timers.h"
#include "stack/tcp/urgent.h"

#define TS_SAMPLE_MAX (3600 * NS_PER_SEC) /* an echo older than this is not one of ours */

/* RFC 9293 3.10.7.4: the window is taken from the latest segment only. One that acknowledges more
 * is later than any before, though it be a retransmission whose sequence number is low: were its
 * window not taken, the old one would be counted from the new snd_una, beyond what was offered. */
static bool is_latest(const struct tcp_conn *c, const struct tcp_segment *s)
{
    if (!seq_eq(s->ack, c->snd_una)) {
        return seq_gt(s->ack, c->snd_una);
    }
    return seq_lt(c->snd_wl1, s->seq) || (seq_eq(c->snd_wl1, s->seq) && seq_le(c->snd_wl2, s->ack));
}

static bool update_window(struct tcp_conn *c, const struct tcp_segment *s)
{
    if (!is_latest(c, s)) {
        return false;
    }
    uint32_t wnd = (uint32_t)s->wnd;
    if ((s->flags & TCP_SYN) == 0) { /* RFC 7323 2.2: never scaled in a SYN */
        wnd <<= c->snd_wscale;
    }
    bool changed = wnd != c->snd_wnd;
    if (changed && wnd == 0) {
        c->wnd_shut_at = s->at;
    }
    c->snd_wnd = wnd;
    c->max_snd_wnd = u32_max(c->max_snd_wnd, wnd);
    c->snd_wl1 = s->seq;
    c->snd_wl2 = s->ack;
    if (changed) {
        TRACE(c->tcp->recorder, c->id, tcp_window, .wnd = wnd);
    }
    return changed;
}

/* RFC 5681 2: (a) data outstanding, (b) no data, (c) no SYN or FIN, (d) the same ACK, (e) the same
 * window. */
static bool is_duplicate(const struct tcp_conn *c, const struct tcp_segment *s, bool window_changed)
{
    return seq_lt(c->snd_una, c->snd_nxt) && segment_span(s) == 0 && seq_eq(s->ack, c->snd_una) &&
           !window_changed;
}

static nsec timestamp_sample(const struct tcp_conn *c, const struct tcp_segment *s)
{
    if (!c->ts_ok || (s->opts & TCP_OPT_HAS_TS) == 0 || s->tsecr == 0) {
        return 0;
    }
    uint32_t ms = conn_ts_now(c, s->at) - s->tsecr;
    nsec sample = (nsec)ms * NS_PER_MS;
    if (sample > TS_SAMPLE_MAX || rtt_ambiguous(&c->rtt, sample, s->at)) {
        return 0;
    }
    return nsec_max(sample, NS_PER_MS / 2);
}

static nsec take_sample(struct tcp_conn *c, const struct tcp_segment *s)
{
    bool timed_here = c->rtt.timing;
    nsec sample = rtt_acked(&c->rtt, s->ack, s->at);
    if (sample == 0 && !timed_here) {
        sample = timestamp_sample(c, s); /* the clock could not tell which copy was meant */
    }
    if (sample != 0) {
        rtt_sample(&c->rtt, sample, c->tcp->config.rto_min, c->tcp->config.rto_max);
        TRACE(c->tcp->recorder, c->id, tcp_rtt, .sample = sample, .srtt = c->rtt.srtt,
              .rttvar = c->rtt.rttvar, .rto = c->rtt.rto);
    }
    return sample;
}

/* Bytes that the peer has now are given back. */
static void release_acked(struct tcp_conn *c, tcp_seq ack)
{
    c->story.bytes_out += sendq_acked(&c->sendq, ack);
}

static enum cwnd_why why_grown(const struct tcp_conn *c, uint32_t before)
{
    if (c->cc.ops->owns_window) {
        return CWND_MODEL;
    }
    return before < c->cc.ssthresh ? CWND_SLOW_START : CWND_AVOIDANCE;
}

static void tell_congestion_control(struct tcp_conn *c, struct tcp_ack *ack)
{
    uint32_t before = c->cc.cwnd;
    ack->in_flight = recovery_in_flight(c);
    ack->recovering = recovery_lasts(c);
    ack->selective = recovery_by_rack(c);
    c->cc.ops->on_ack(&c->cc, ack);
    if (c->cc.slow_on_purpose) {
        rate_app_limited(c);
    }
    if (c->cc.cwnd != before) {
        recovery_trace_cwnd(c, why_grown(c, before));
    }
}

/* Where it stands, if that has changed since the ACK came: losses and undoing may have done it too. */
static void trace_state(struct tcp_conn *c, enum cc_state before)
{
    enum cc_state now = cc_state_of(&c->cc);
    if (now != before && c->cc.ops->state != NULL) {
        TRACE(c->tcp->recorder, c->id, tcp_cc_state, .pacing_rate = c->cc.pacing_rate,
              .cwnd = c->cc.cwnd, .in_flight = recovery_in_flight(c), .from = (uint8_t)before,
              .to = (uint8_t)now);
    }
}

static void take_new_ack(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack)
{
    ack->acked = seq_span(c->snd_una, s->ack);
    c->snd_una = s->ack;
    ack->rtt = take_sample(c, s);
    release_acked(c, s->ack);
    path_mtu_acked(c);
    urgent_acked(c);
    if (ack->rtt == 0 && !timers_running(c, TCP_TIMER_PERSIST)) {
        /* RFC 6298 5.5: a doubled RTO stays until there is a new sample (Karn) */
        c->rtt.rto = rtt_backed_off(&c->rtt, c->backoff, c->tcp->config.rto_max);
    }
    if (c->syn_lost) { /* RFC 6298 5.7: whatever a timestamp has measured */
        c->rtt.rto = nsec_max(c->rtt.rto, RTO_AFTER_SYN_LOSS);
        c->syn_lost = false;
    }
    c->backoff = 0;
    c->unacked_since = s->at;
}

void ack_process(struct tcp_conn *c, const struct tcp_segment *s)
{
    uint32_t waiting = seq_eq(c->snd_una, c->snd_nxt) ? 0 : send_waiting(c);
    struct tcp_ack ack = {
        .now = s->at,
        .ack = s->ack,
        .old_una = c->snd_una,
        .nxt = c->snd_nxt,
        .flight = seq_span(c->snd_una, c->snd_nxt) + waiting,
        .waiting = waiting,
        .cwnd_limited = send_uses_window(c),
        .in_bursts = c->round_limited && c->pace.rate == 0,
        .after_timeout = c->recovery.recover_set && !c->recovery.active,
    };
    uint32_t old_wnd = c->snd_wnd;
    enum cc_state state = cc_state_of(&c->cc);
    ack.window_changed = update_window(c, s);
    ack.duplicate = is_duplicate(c, s, ack.window_changed);
    bool in_recovery = c->recovery.active;
    bool keep_timer = in_recovery && c->recovery.partial_seen; /* RFC 6582 3.2 step 3 */
    if (seq_gt(s->ack, c->snd_una)) {
        take_new_ack(c, s, &ack);
    }
    recovery_take(c, s, &ack);
    plpmtu_on_ack(c, ack.acked > 0, s->at);
    ecn_hear(c, s, &ack);
    recovery_on_ack(c, s, &ack);
    bool held = ecn_react(c, &ack); /* RFC 3168 6.1.2: an ECE does not open the window */
    bool grows = ack.acked > 0 && !in_recovery && !c->recovery.active && !ack.undone && !held;
    if (grows || c->cc.ops->owns_window) {
        tell_congestion_control(c, &ack);
    }
    trace_state(c, state);
    if (ack.acked > 0 && !(keep_timer && c->recovery.active)) {
        timers_stop(c, TCP_TIMER_RTO);
        timers_stop(c, TCP_TIMER_PROBE);
        if (recovery_awaits_ack(c)) {
            timers_acked(c, s->at); /* RFC 6298 5.3 */
        }
    }
    if (old_wnd == 0 && c->snd_wnd > 0) { /* the window opens: no more probing */
        c->backoff = 0;
        c->probes = 0;
        timers_stop(c, TCP_TIMER_PERSIST);
    }
    if (ack.acked > 0) {
        conn_tell_room(c);
    }
    conn_mark_dirty(c);
}
