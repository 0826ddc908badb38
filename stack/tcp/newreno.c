#include "stack/tcp/newreno.h"

#include "stack/tcp/conn.h"

#define DUPLICATES_FOR_LOSS 3U /* RFC 5681 3.2 */

/* The segment at snd_una is lost and goes again, whatever the congestion window says. */
static void mark_first_lost(struct tcp_conn *c, enum loss_how how, nsec now)
{
    struct tcp_recovery *r = &c->recovery;
    tcp_seq upto = seq_min(seq_add(c->snd_una, c->snd_mss), c->snd_nxt);
    for (tcp_seq at = c->snd_una; seq_lt(at, upto);) {
        struct tcp_sent *run = scoreboard_at(&r->board, at);
        if (run == NULL) {
            break;
        }
        if (run->state == SENT_OUT) {
            recovery_lose(c, run, seq_span(run->start, seq_min(run->end, upto)), now);
        }
        scoreboard_mark_lost(&r->board, &c->tcp->sent_pool, run, upto);
        at = scoreboard_at(&r->board, at)->end; /* it may have joined what was lost before */
    }
    r->must_send = true;
    TRACE(c->tcp->recorder, c->id, tcp_lost, .seq = c->snd_una.v, .len = recovery_pending(r),
          .how = (uint8_t)how);
}

/* Each duplicate stands for a segment that has left the network, and makes the window larger by it. Not with SACK: what
 * has arrived is in flight no more, and the window stays at ssthresh (RFC 6675 4, 5 (4.2)). */
static bool inflates(const struct tcp_conn *c)
{
    return !c->sack_ok;
}

/* RFC 6582 3.2 step 2. */
static void enter_recovery(struct tcp_conn *c, nsec now)
{
    struct tcp_recovery *r = &c->recovery;
    undo_begin(c);
    if (!ecn_on_loss(c, false)) {
        /* RFC 5681 3.2 (2): what limited transmit sent does not count */
        c->cc.ops->on_loss(&c->cc, seq_span(c->snd_una, r->first_duplicate));
    }
    r->active = true;
    r->partial_seen = false;
    r->recover = c->snd_nxt;
    r->recover_set = true;
    mark_first_lost(c, LOSS_DUPLICATE_ACKS, now);
    uint32_t arrived = inflates(c) ? DUPLICATES_FOR_LOSS * c->snd_mss : 0;
    recovery_set_cwnd(c, c->cc.ssthresh + arrived);
    recovery_trace_cwnd(c, CWND_FAST_RETRANSMIT);
}

/* RFC 5681 3.2, at the end: more duplicates than segments were out when the first of them came, and the two of limited
 * transmit, tell of none that has left the network. They are made up, or copies. */
static bool more_than_sent(const struct tcp_conn *c)
{
    const struct tcp_recovery *r = &c->recovery;
    uint32_t out = seq_span(c->snd_una, r->first_duplicate);
    return r->duplicates > out / c->snd_mss + DUPLICATES_FOR_LOSS;
}

static void on_duplicate(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_recovery *r = &c->recovery;
    if (r->duplicates == 0) {
        r->first_duplicate = seq_add(c->snd_nxt, ack->waiting);
    }
    if (r->duplicates < UINT16_MAX) {
        r->duplicates++;
    }
    if (r->active && (!inflates(c) || more_than_sent(c))) {
        return;
    }
    if (r->active) { /* step 3: each duplicate says that a segment has left the network */
        recovery_set_cwnd(c, c->cc.cwnd + u32_min(c->snd_mss, UINT32_MAX - c->cc.cwnd));
        recovery_trace_cwnd(c, CWND_RECOVERY);
        return;
    }
    bool covers_more = !r->recover_set || seq_gt(c->snd_una, r->recover);
    if (r->duplicates == DUPLICATES_FOR_LOSS && covers_more && !plpmtu_lost_first(c, ack->now)) {
        enter_recovery(c, ack->now);
    }
}

/* RFC 6582 3.2 step 3, full acknowledgment: option 1, which does not burst. */
static void leave_recovery(struct tcp_conn *c, const struct tcp_ack *ack)
{
    uint32_t flight = seq_span(c->snd_una, c->snd_nxt) + ack->waiting;
    recovery_set_cwnd(c, u32_min(c->cc.ssthresh, u32_max(flight, c->snd_mss) + c->snd_mss));
    c->recovery.active = false;
    recovery_trace_cwnd(c, CWND_RECOVERED);
}

/* RFC 6582 3.2 step 3, partial acknowledgment: the next segment is lost too. */
static void on_partial(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_recovery *r = &c->recovery;
    mark_first_lost(c, LOSS_PARTIAL_ACK, ack->now);
    r->partial_seen = true;
    if (!inflates(c)) {
        return;
    }
    uint32_t left = c->cc.cwnd - u32_min(c->cc.cwnd, ack->acked);
    if (ack->acked >= c->snd_mss) {
        left += c->snd_mss;
    }
    recovery_set_cwnd(c, u32_max(left, c->snd_mss));
    recovery_trace_cwnd(c, CWND_RECOVERY);
}

void newreno_on_ack(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_recovery *r = &c->recovery;
    if (ack->duplicate) {
        /* RFC 6675 2: with SACK only one that tells of octets which were not known to be there */
        if (!c->sack_ok || ack->sacked > 0) {
            on_duplicate(c, ack);
        }
        return;
    }
    if (ack->acked == 0) {
        return;
    }
    r->duplicates = 0;
    if (r->recover_set && seq_ge(c->snd_una, r->recover)) {
        if (r->active) {
            leave_recovery(c, ack);
        }
        if (seq_gt(c->snd_una, r->recover)) {
            r->recover_set = false; /* left behind; before it wraps around into the future */
        }
        return;
    }
    if (r->active) {
        on_partial(c, ack);
    }
}
