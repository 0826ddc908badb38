#include "stack/tcp/recovery.h"

#include "stack/tcp/conn.h"
#include "stack/tcp/newreno.h"
#include "stack/tcp/sack.h"

void recovery_init(struct tcp_conn *c, tcp_seq start)
{
    struct tcp_recovery *r = &c->recovery;
    *r = (struct tcp_recovery){0};
    scoreboard_init(&r->board, c->id * 2654435761U + c->ts_offset);
    rack_init(&r->rack, start);
}

void recovery_done(struct tcp_conn *c)
{
    scoreboard_done(&c->recovery.board, &c->tcp->sent_pool);
}

bool recovery_by_rack(const struct tcp_conn *c)
{
    return c->sack_ok && !c->tcp->config.no_rack;
}

uint32_t recovery_pending(const struct tcp_recovery *r)
{
    return r->board.lost_bytes;
}

uint32_t recovery_in_flight(const struct tcp_conn *c)
{
    const struct scoreboard *b = &c->recovery.board;
    return seq_span(c->snd_una, c->snd_nxt) - b->lost_bytes - b->sacked_bytes;
}

/* FlightSize as congestion control may count it (RFC 5681 3.1 equation 4): what is outstanding, but not what went
 * beyond the window for SACKed octets and by limited transmit (3.2 (2)). While a hole stays open, that grows to
 * many windows. */
static uint32_t flight_size(const struct tcp_conn *c)
{
    return u32_min(seq_span(c->snd_una, c->snd_nxt), c->cc.cwnd);
}

bool recovery_awaits_ack(const struct tcp_conn *c)
{
    return recovery_in_flight(c) > 0 || c->recovery.board.sacked_bytes > 0;
}

void recovery_trace_cwnd(struct tcp_conn *c, enum cwnd_why why)
{
    TRACE(c->tcp->recorder, c->id, tcp_cwnd, .cwnd = c->cc.cwnd, .ssthresh = c->cc.ssthresh,
          .in_flight = recovery_in_flight(c), .why = (uint8_t)why);
}

void recovery_set_cwnd(struct tcp_conn *c, uint32_t cwnd)
{
    if (!c->cc.ops->owns_window) {
        c->cc.cwnd = cwnd;
    }
}

bool recovery_lasts(const struct tcp_conn *c)
{
    const struct tcp_recovery *r = &c->recovery;
    return r->recover_set && seq_lt(c->snd_una, r->recover);
}

/* RFC 5681 4.3: losses in one window of data are one sign of congestion. Another is the loss of what was sent since that
 * was answered: for the first time, or again (RFC 8985 3.4). */
static bool is_anew(const struct tcp_conn *c, const struct tcp_sent *run)
{
    const struct tcp_recovery *r = &c->recovery;
    bool again = run->sent_at >= r->reduced_at && (!r->active || c->tcp->config.reduce_again);
    return !c->cc.ops->owns_window && (run->again ? again : seq_ge(run->start, r->recover));
}

void recovery_lose(struct tcp_conn *c, const struct tcp_sent *run, uint32_t n, nsec now)
{
    if (plpmtu_is_probe(c, run)) {
        return;
    }
    c->recovery.lost_anew = c->recovery.lost_anew || is_anew(c, run);
    c->rate.lost += n;
    if (c->cc.ops->on_lost == NULL) {
        return;
    }
    uint32_t behind = sent_len(run) - u32_min(n, sent_len(run)); /* the rest of it left later */
    struct cc_lost lost = {.now = now,
                           .bytes = n,
                           .in_flight = run->in_flight - u32_min(run->in_flight, behind),
                           .since_sent = c->rate.lost - run->lost,
                           .app_limited = run->app_limited,
                           .selective = recovery_by_rack(c)};
    c->cc.ops->on_lost(&c->cc, &lost);
}

/* ---- what an ACK delivers ---- */

struct taking {
    struct tcp_conn *c;
    const struct tcp_segment *s;
    struct tcp_ack *ack;
};

/* What was outstanding when the latest loss was found, or the timer fired, and not what went since. */
static bool is_old(const struct tcp_conn *c, tcp_seq upto)
{
    return c->recovery.recover_set && seq_le(upto, c->recovery.recover);
}

static void delivered(void *arg, const struct tcp_sent *run, tcp_seq upto)
{
    struct taking *t = arg;
    uint32_t n = seq_span(run->start, upto);
    t->ack->delivered += n;
    if (!run->again) {
        nsec rtt = nsec_max(t->ack->now - run->sent_at, 1);
        t->ack->fresh += is_old(t->c, upto) ? n : 0;
        t->ack->ack_rtt = t->ack->ack_rtt == 0 ? rtt : nsec_min(t->ack->ack_rtt, rtt);
    }
    rate_delivered(t->c, run, n, t->ack);
    rack_delivered(t->c, t->s, t->ack, run, upto);
}

void recovery_take(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack)
{
    struct taking t = {.c = c, .s = s, .ack = ack};
    scoreboard_acked(&c->recovery.board, &c->tcp->sent_pool, c->snd_una, delivered, &t);
    sack_take(c, s, ack, delivered, &t);
    rtt_seen(&c->rtt, ack->ack_rtt);
    ack->srtt = c->rtt.srtt;
    rate_sample(c, ack);
}

/* ---- the episode, with RACK ---- */

/* Congestion control has answered. What is sent from now on has not been answered for. */
static void answered(struct tcp_recovery *r, nsec now)
{
    r->reduced_at = now;
    r->lost_anew = false;
}

/* RFC 9937 6.4: the window ends where congestion control wants it. */
static void leave_episode(struct tcp_conn *c)
{
    struct tcp_recovery *r = &c->recovery;
    if (r->active) {
        recovery_set_cwnd(c, u32_max(c->cc.ssthresh, c->snd_mss));
        recovery_trace_cwnd(c, CWND_RECOVERED);
    }
    r->active = false;
    r->recover_set = false;
    r->lost_anew = false;
    rack_recovered(c);
}

/* Within a fast recovery losses of new data wait for its end, as RFC 6675 5 (A) has it. */
static bool begins_episode(const struct tcp_conn *c)
{
    const struct tcp_recovery *r = &c->recovery;
    return !r->recover_set || (r->lost_anew && (!r->active || c->tcp->config.reduce_again));
}

static void enter_recovery(struct tcp_conn *c, const struct tcp_ack *ack, nsec now)
{
    struct tcp_recovery *r = &c->recovery;
    bool again = r->recover_set;
    if (again) { /* that one ends with what was sent in it being lost */
        leave_episode(c);
    }
    undo_begin(c);
    if (!ecn_on_loss(c, again)) {
        uint32_t flight = ack != NULL ? u32_min(ack->flight, c->cc.cwnd) : flight_size(c);
        c->cc.ops->on_loss(&c->cc, flight);
    }
    r->active = true;
    r->recover = c->snd_nxt;
    r->recover_set = true;
    r->rack.probing = false; /* RFC 8985 7.1: it has had its answer, and its reduction */
    answered(r, now);
    prr_begin(c, ack);
    recovery_trace_cwnd(c, CWND_FAST_RETRANSMIT);
}

static void rack_on_ack(struct tcp_conn *c, struct tcp_ack *ack)
{
    struct tcp_recovery *r = &c->recovery;
    bool over = r->recover_set && seq_ge(c->snd_una, r->recover);
    bool next = over && r->lost_anew && !seq_eq(c->snd_una, c->snd_nxt);
    if (over) {
        leave_episode(c);
    }
    bool probe_repaired = rack_probe_answered(c, ack);
    ack->lost = rack_detect_loss(c, ack->now);
    if (ack->lost > 0 && !r->recover_set && plpmtu_lost_alone(c, ack->now)) {
        ack->lost = 0; /* RFC 4821 7.6.2: no sign of congestion */
    }
    if (next || (ack->lost > 0 && begins_episode(c))) {
        enter_recovery(c, ack, ack->now);
    } else if (probe_repaired && !r->recover_set) { /* RFC 8985 7.4.2: a loss, but none to repair */
        if (!ecn_on_loss(c, false)) {
            c->cc.ops->on_loss(&c->cc, u32_min(ack->flight, c->cc.cwnd));
        }
        recovery_set_cwnd(c, c->cc.ssthresh);
        recovery_trace_cwnd(c, CWND_FAST_RETRANSMIT);
    } else if (r->active) {
        prr_on_ack(c, ack);
        recovery_trace_cwnd(c, CWND_RECOVERY);
    }
}

void recovery_on_ack(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack)
{
    bool repairing = c->recovery.active;
    ack->undone = undo_on_ack(c, s, ack);
    rack_learn(c, ack, ack->undone && repairing);
    if (ack->undone) {
        return;
    }
    if (recovery_by_rack(c)) {
        rack_on_ack(c, ack);
    } else {
        newreno_on_ack(c, ack);
    }
}

void recovery_on_reorder_timer(struct tcp_conn *c, nsec now)
{
    struct tcp_recovery *r = &c->recovery;
    uint32_t lost = rack_detect_loss(c, now);
    bool alone = lost > 0 && !r->recover_set && plpmtu_lost_alone(c, now);
    if (lost > 0 && !alone && begins_episode(c)) {
        enter_recovery(c, NULL, now);
    }
    conn_mark_dirty(c);
}

/* ---- the timer ---- */

/* Without RACK the timer takes everything for lost. */
static void lose_all(struct tcp_conn *c, nsec now)
{
    const struct scoreboard *b = &c->recovery.board;
    for (const struct tcp_sent *run = scoreboard_oldest(b); run != NULL;
         run = scoreboard_younger(b, run)) {
        recovery_lose(c, run, sent_len(run), now);
    }
}

void recovery_on_timeout(struct tcp_conn *c, nsec now, bool first)
{
    struct tcp_recovery *r = &c->recovery;
    if (first && !r->recover_set) {
        undo_begin(c);
    }
    if (first) {
        undo_on_timeout(c, !r->recover_set);
    }
    bool reduced = first && ecn_on_loss(c, false);
    c->cc.ops->on_timeout(&c->cc, flight_size(c), first && !reduced);
    r->rack.probing = false;
    if (recovery_by_rack(c)) {
        uint32_t lost = rack_mark_timed_out(c, now);
        TRACE(c->tcp->recorder, c->id, tcp_lost, .seq = c->snd_una.v, .len = lost,
              .how = LOSS_TIMEOUT);
        r->active = false;
        r->recover = c->snd_nxt;
        r->recover_set = true;
    } else {
        lose_all(c, now);
        recovery_all_lost(c);
    }
    r->must_send = true;
    answered(r, now);
    recovery_trace_cwnd(c, CWND_TIMEOUT);
}

void recovery_all_lost(struct tcp_conn *c)
{
    struct tcp_recovery *r = &c->recovery;
    r->active = false;
    r->duplicates = 0;
    r->recover = c->snd_nxt; /* RFC 6582 3.2 step 4: no fast retransmit for what is sent again */
    r->recover_set = true;
    scoreboard_mark_all_lost(&r->board, &c->tcp->sent_pool);
    TRACE(c->tcp->recorder, c->id, tcp_lost, .seq = c->snd_una.v, .len = recovery_pending(r),
          .how = LOSS_TIMEOUT);
}
