/* RFC 6582 (NewReno): fast retransmit, fast recovery, partial ACKs; limited transmit (RFC 3042) is
 * the allowance that send.c adds for the first two duplicates.
 */
#include "stack/tcp/recovery.h"

#include "stack/tcp/conn.h"

#define DUPLICATES_FOR_LOSS 3U /* RFC 5681 3.2 */

void recovery_init(struct tcp_recovery *r, tcp_seq start)
{
    *r = (struct tcp_recovery){.rtx_next = start, .rtx_end = start, .rtx_max = start};
}

uint32_t recovery_pending(const struct tcp_recovery *r)
{
    return seq_span(r->rtx_next, r->rtx_end);
}

uint32_t recovery_in_flight(const struct tcp_conn *c)
{
    return seq_span(c->snd_una, c->snd_nxt) - recovery_pending(&c->recovery);
}

static void trace_cwnd(struct tcp_conn *c, enum cwnd_why why)
{
    TRACE(c->tcp->recorder, c->id, tcp_cwnd, .cwnd = c->cc.cwnd, .ssthresh = c->cc.ssthresh,
          .in_flight = recovery_in_flight(c), .why = (uint8_t)why);
}

/* The segment at snd_una is lost and goes again, whatever the congestion window says. */
static void mark_first_lost(struct tcp_conn *c, enum loss_how how)
{
    struct tcp_recovery *r = &c->recovery;
    r->rtx_next = c->snd_una;
    r->rtx_end = seq_min(seq_add(c->snd_una, c->snd_mss), c->snd_nxt);
    r->must_send = true;
    TRACE(c->tcp->recorder, c->id, tcp_lost, .seq = c->snd_una.v, .len = recovery_pending(r),
          .how = (uint8_t)how);
}

/* RFC 6582 3.2 step 2. */
static void enter_recovery(struct tcp_conn *c)
{
    struct tcp_recovery *r = &c->recovery;
    /* RFC 5681 3.2 (2): what limited transmit sent does not count */
    c->cc.ops->on_loss(&c->cc, seq_span(c->snd_una, r->first_duplicate));
    r->active = true;
    r->partial_seen = false;
    r->recover = c->snd_nxt;
    r->recover_set = true;
    mark_first_lost(c, LOSS_DUPLICATE_ACKS);
    c->cc.cwnd = c->cc.ssthresh + DUPLICATES_FOR_LOSS * c->snd_mss;
    trace_cwnd(c, CWND_FAST_RETRANSMIT);
}

static void on_duplicate(struct tcp_conn *c)
{
    struct tcp_recovery *r = &c->recovery;
    if (r->duplicates == 0) {
        r->first_duplicate = c->snd_nxt;
    }
    if (r->duplicates < UINT16_MAX) {
        r->duplicates++;
    }
    if (r->active) { /* step 3: each duplicate says that a segment has left the network */
        c->cc.cwnd += u32_min(c->snd_mss, UINT32_MAX - c->cc.cwnd);
        trace_cwnd(c, CWND_RECOVERY);
        return;
    }
    bool covers_more = !r->recover_set || seq_gt(c->snd_una, r->recover);
    if (r->duplicates == DUPLICATES_FOR_LOSS && covers_more) {
        enter_recovery(c);
    }
}

/* RFC 6582 3.2 step 3, full acknowledgment: option 1, which does not burst. */
static void leave_recovery(struct tcp_conn *c)
{
    uint32_t flight = seq_span(c->snd_una, c->snd_nxt);
    c->cc.cwnd = u32_min(c->cc.ssthresh, u32_max(flight, c->snd_mss) + c->snd_mss);
    c->recovery.active = false;
    trace_cwnd(c, CWND_RECOVERED);
}

/* RFC 6582 3.2 step 3, partial acknowledgment: the next segment is lost too. */
static void on_partial(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_recovery *r = &c->recovery;
    mark_first_lost(c, LOSS_PARTIAL_ACK);
    uint32_t left = c->cc.cwnd - u32_min(c->cc.cwnd, ack->acked);
    if (ack->acked >= c->snd_mss) {
        left += c->snd_mss;
    }
    c->cc.cwnd = u32_max(left, c->snd_mss);
    r->partial_seen = true;
    trace_cwnd(c, CWND_RECOVERY);
}

/* What the ACK covers need not be sent again. */
static void trim_pending(struct tcp_conn *c)
{
    struct tcp_recovery *r = &c->recovery;
    r->rtx_next = seq_max(r->rtx_next, c->snd_una);
    r->rtx_end = seq_max(r->rtx_end, r->rtx_next);
    r->rtx_max = seq_max(r->rtx_max, c->snd_una);
}

void recovery_on_ack(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_recovery *r = &c->recovery;
    if (ack->duplicate) {
        on_duplicate(c);
        return;
    }
    if (ack->acked == 0) {
        return;
    }
    r->duplicates = 0;
    trim_pending(c);
    if (r->recover_set && seq_ge(c->snd_una, r->recover)) {
        if (r->active) {
            leave_recovery(c);
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

void recovery_all_lost(struct tcp_conn *c)
{
    struct tcp_recovery *r = &c->recovery;
    r->active = false;
    r->duplicates = 0;
    r->recover = c->snd_nxt; /* RFC 6582 3.2 step 4: no fast retransmit for what is sent again */
    r->recover_set = true;
    r->rtx_next = c->snd_una;
    r->rtx_end = c->snd_nxt;
    TRACE(c->tcp->recorder, c->id, tcp_lost, .seq = c->snd_una.v, .len = recovery_pending(r),
          .how = LOSS_TIMEOUT);
}
