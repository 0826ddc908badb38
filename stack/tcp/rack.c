#include "stack/tcp/rack.h"

#include "stack/tcp/timers.h"

#define REO_WND_PERSIST 16U             /* 6.2 step 4 */
#define DUP_THRESH 3U                   /* segments */
#define MAX_ACK_DELAY (200 * NS_PER_MS) /* 7.2: TLP.max_ack_delay */

void rack_init(struct tcp_rack *r, tcp_seq start)
{
    *r = (struct tcp_rack){.fack = start};
}

/* The order in which segments were sent (6.2, RACK_sent_after). */
static bool sent_after(nsec at, tcp_seq end, const struct tcp_rack *r)
{
    return at > r->xmit_at || (at == r->xmit_at && seq_gt(end, r->end));
}

/* 6.2 step 2: was it the retransmission that was delivered, or the original after all? */
static bool ambiguous(const struct tcp_conn *c, const struct tcp_segment *s,
                      const struct tcp_sent *run)
{
    if (!run->again) {
        return false;
    }
    if (c->ts_ok && (s->opts & TCP_OPT_HAS_TS) != 0 &&
        (int32_t)(s->tsecr - conn_ts_now(c, run->sent_at)) < 0) {
        return true;
    }
    return s->at - run->sent_at < c->rtt.min;
}

void rack_delivered(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack,
                    const struct tcp_sent *run, tcp_seq upto)
{
    struct tcp_rack *r = &c->recovery.rack;
    if (seq_gt(upto, r->fack)) {
        r->fack = upto;
    } else if (!run->again) {
        r->reordering_seen = true; /* step 3 */
    }
    if (ambiguous(c, s, run)) {
        return;
    }
    if (run->sent_at >= ack->rack_sent_at) { /* in the order in which they were sent */
        ack->rack_sent_at = run->sent_at;
        r->rtt = nsec_max(s->at - run->sent_at, 1);
    }
    if (sent_after(run->sent_at, upto, r)) {
        r->xmit_at = run->sent_at;
        r->end = upto;
    }
}

void rack_learn(struct tcp_conn *c, const struct tcp_ack *ack, bool overtaken)
{
    struct tcp_rack *r = &c->recovery.rack;
    if (r->in_dsack_round && seq_ge(c->snd_una, r->dsack_round)) {
        r->in_dsack_round = false;
    }
    r->reordering_seen = r->reordering_seen || overtaken;
    if ((ack->dsack_len > 0 || overtaken) && !r->in_dsack_round) {
        r->in_dsack_round = true;
        r->dsack_round = c->snd_nxt;
        r->reo_wnd_mult = r->reo_wnd_mult < UINT8_MAX ? (uint8_t)(r->reo_wnd_mult + 1) : UINT8_MAX;
        r->reo_wnd_persist = REO_WND_PERSIST;
    }
}

void rack_recovered(struct tcp_conn *c)
{
    struct tcp_rack *r = &c->recovery.rack;
    if (r->reo_wnd_persist > 0 && --r->reo_wnd_persist == 0) {
        r->reo_wnd_mult = 0;
    }
}

/* 6.2 step 4, RACK_update_reo_wnd. */
static nsec reo_wnd(const struct tcp_conn *c)
{
    const struct tcp_rack *r = &c->recovery.rack;
    const struct tcp_recovery *v = &c->recovery;
    bool many = v->board.sacked_bytes >= DUP_THRESH * c->snd_mss;
    if (!r->reordering_seen && (v->active || v->recover_set || many)) {
        return 0;
    }
    nsec quarter = c->rtt.min / 4;
    return nsec_min((1 + r->reo_wnd_mult) * quarter, c->rtt.srtt);
}

static uint32_t mark(struct tcp_conn *c, struct tcp_sent *run, nsec now)
{
    recovery_lose(c, run, sent_len(run), now);
    tcp_seq start = run->start; /* the run may become one with its neighbours */
    uint32_t n = scoreboard_mark_lost(&c->recovery.board, &c->tcp->sent_pool, run, run->end);
    TRACE(c->tcp->recorder, c->id, tcp_lost, .seq = start.v, .len = n, .how = LOSS_RACK);
    return n;
}

uint32_t rack_detect_loss(struct tcp_conn *c, nsec now)
{
    const struct tcp_rack *r = &c->recovery.rack;
    struct scoreboard *b = &c->recovery.board;
    nsec patience = r->rtt + reo_wnd(c);
    uint32_t lost = 0;
    timers_stop(c, TCP_TIMER_REORDER);
    struct tcp_sent *next;
    for (struct tcp_sent *run = scoreboard_oldest(b); run != NULL; run = next) {
        next = scoreboard_younger(b, run);
        if (run->sent_at > r->xmit_at || (run->sent_at == r->xmit_at && seq_ge(run->end, r->end))) {
            break;
        }
        if (run->sent_at + patience > now) {
            timers_set(c, TCP_TIMER_REORDER, run->sent_at + patience);
            break;
        }
        lost += mark(c, run, now);
    }
    return lost;
}

/* Until something is delivered RACK.rtt is not known; the handshake has shown how long a round trip is. */
static nsec round_trip(const struct tcp_conn *c)
{
    nsec rtt = c->recovery.rack.rtt;
    return rtt != 0 ? rtt : c->rtt.srtt;
}

uint32_t rack_mark_timed_out(struct tcp_conn *c, nsec now)
{
    struct scoreboard *b = &c->recovery.board;
    uint32_t lost = 0;
    timers_stop(c, TCP_TIMER_REORDER);
    struct tcp_sent *first = scoreboard_first(b);
    if (first != NULL && first->state == SENT_SACKED) {
        scoreboard_mark_all_lost(b,
                                 &c->tcp->sent_pool); /* the peer has dropped what it had SACKed */
        return b->lost_bytes;
    }
    if (first != NULL && first->state == SENT_OUT) {
        tcp_seq upto = seq_min(first->end, seq_add(first->start, c->snd_mss));
        recovery_lose(c, first, seq_span(first->start, upto), now);
        lost += scoreboard_mark_lost(b, &c->tcp->sent_pool, first, upto);
    }
    struct tcp_sent *next;
    for (struct tcp_sent *run = scoreboard_oldest(b); run != NULL; run = next) {
        next = scoreboard_younger(b, run);
        if (run->sent_at + round_trip(c) + reo_wnd(c) > now) {
            break;
        }
        lost += mark(c, run, now);
    }
    return lost;
}

/* ---- the tail-loss probe (7) ---- */

bool rack_wants_probe(const struct tcp_conn *c)
{
    const struct tcp_recovery *v = &c->recovery;
    return !v->active && !v->recover_set && !v->rack.probing && c->rtt.fresh &&
           v->board.sacked_bytes == 0 && v->board.lost_bytes == 0 &&
           scoreboard_last(&v->board) != NULL;
}

nsec rack_probe_timeout(const struct tcp_conn *c)
{
    bool one = recovery_in_flight(c) <= c->snd_mss;
    return 2 * c->rtt.srtt + (one ? MAX_ACK_DELAY : 0);
}

void rack_probe_sent(struct tcp_conn *c, bool again)
{
    struct tcp_rack *r = &c->recovery.rack;
    c->rtt.fresh =
        false; /* 7.3: the next probe waits for a sample, which shows a path that became longer */
    r->probing = true;
    r->probe_again = again;
    r->probe_end = c->snd_nxt;
}

bool rack_probe_answered(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_rack *r = &c->recovery.rack;
    if (!r->probing || seq_lt(ack->ack, r->probe_end)) {
        return false;
    }
    if (!r->probe_again) {
        r->probing = false;
        return false;
    }
    if (ack->dsack_len > 0 && seq_eq(ack->dsack_end, r->probe_end)) {
        r->probing = false; /* both copies came: nothing was lost */
        return false;
    }
    if (seq_gt(ack->ack, r->probe_end)) {
        r->probing = false; /* only one of the copies came */
        return true;
    }
    if (ack->duplicate && ack->sacked == 0) {
        r->probing = false; /* 7.4.2: a peer without D-SACK says so */
    }
    return false;
}
