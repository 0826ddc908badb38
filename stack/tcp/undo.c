#include "stack/tcp/undo.h"

#include "stack/tcp/conn.h"

void undo_begin(struct tcp_conn *c)
{
    struct tcp_undo *u = &c->recovery.undo;
    *u = (struct tcp_undo){
        .cwnd = c->cc.cwnd, .ssthresh = c->cc.ssthresh, .armed = !c->tcp->config.no_undo};
}

void undo_on_timeout(struct tcp_conn *c, bool alone)
{
    struct tcp_undo *u = &c->recovery.undo;
    u->frto = u->armed && alone && !c->tcp->config.no_frto ? FRTO_FIRST : FRTO_OFF;
}

void undo_marked(struct tcp_conn *c)
{
    c->recovery.undo.cwnd = 0;
    c->recovery.undo.ssthresh = 0;
}

void undo_resent(struct tcp_conn *c, tcp_seq start, tcp_seq end, nsec now)
{
    struct tcp_undo *u = &c->recovery.undo;
    if (!u->armed) {
        return;
    }
    if (!u->has_first) {
        u->has_first = true;
        u->first_ts = conn_ts_now(c, now);
        u->first_end = end;
        u->low = start;
        u->high = end;
    }
    u->low = seq_min(u->low, start);
    u->high = seq_max(u->high, end);
    u->resent += seq_span(start, end);
}

/* RFC 3522 3.2: the first ACK that covers the first retransmission echoes a timestamp from before it. */
static bool eifel(const struct tcp_conn *c, const struct tcp_segment *s, const struct tcp_ack *ack)
{
    const struct tcp_undo *u = &c->recovery.undo;
    return !c->tcp->config.no_eifel && u->has_first && c->ts_ok &&
           (s->opts & TCP_OPT_HAS_TS) != 0 && s->tsecr != 0 && ack->acked > 0 &&
           seq_lt(ack->old_una, u->first_end) && seq_ge(ack->ack, u->first_end) &&
           (int32_t)(s->tsecr - u->first_ts) < 0;
}

/* RFC 3708 3: nothing was sent again that had not been delivered before. A report of what did not go again tells of a copy
 * that the network made (A.4; RFC 2883 5.1), and not of that. */
static bool all_duplicates(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_undo *u = &c->recovery.undo;
    if (c->tcp->config.no_dsack_undo || !u->has_first || ack->dsack_len == 0 || u->resent == 0) {
        return false;
    }
    tcp_seq start = seq_sub(ack->dsack_end, ack->dsack_len);
    if (seq_lt(start, u->low) || seq_gt(ack->dsack_end, u->high)) {
        return false;
    }
    u->resent -= u32_min(u->resent, ack->dsack_len);
    return u->resent == 0;
}

/* RFC 5682 2.1 and 3.1, step 2: the first ACK. Without SACK one of a part of what went again decides; with it, that and
 * duplicates are waited out: until snd_una moves beyond it the first segment may be lost, and the rest late. */
static void frto_first(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_undo *u = &c->recovery.undo;
    bool covers_first = ack->acked > 0 && (!u->has_first || seq_ge(ack->ack, u->first_end));
    if (covers_first && seq_lt(ack->ack, c->recovery.recover)) {
        u->frto = FRTO_NEW; /* 2b */
    } else if (covers_first || !c->sack_ok) {
        u->frto = FRTO_OFF; /* 2a: a duplicate, a part, or all is acknowledged */
    }
}

/* Step 3: the second. True: octets arrived that went once only, before the timeout (3b). They are known one by one, so
 * repeated timeouts need not end the algorithm, as they do in step 1. */
static bool frto_second(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_undo *u = &c->recovery.undo;
    bool beyond = c->sack_ok && seq_gt(c->recovery.rack.fack, c->recovery.recover);
    if (ack->fresh > 0 && !beyond) {
        return true;
    }
    if (ack->acked == 0 || beyond) { /* 3a: the two new segments, and what is lost */
        if (u->frto == FRTO_SECOND) {
            recovery_set_cwnd(c, 3 * c->snd_mss);
        }
        u->frto = FRTO_OFF;
    }
    return false;
}

static bool frto(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_undo *u = &c->recovery.undo;
    if (u->frto == FRTO_OFF || (ack->acked == 0 && !ack->duplicate && ack->sacked == 0)) {
        return false;
    }
    if (u->frto != FRTO_FIRST) {
        return frto_second(c, ack);
    }
    frto_first(c, ack);
    return false;
}

/* RFC 4015 3: the window and the threshold are again what they were. */
static void restore(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_recovery *r = &c->recovery;
    struct tcp_undo *u = &r->undo;
    if (u->cwnd > 0) {
        c->cc.cwnd = u32_max(c->cc.cwnd, u->cwnd);
    } else { /* undo_marked: the episode ends as if it had been for a loss */
        recovery_set_cwnd(c, u32_min(c->cc.cwnd, u32_max(c->cc.ssthresh, c->snd_mss)));
    }
    c->cc.ssthresh = u32_max(c->cc.ssthresh, u->ssthresh);
    if (c->cc.ops->on_undo != NULL && u->cwnd > 0) {
        c->cc.ops->on_undo(&c->cc);
    }
    scoreboard_unmark_lost(&r->board, &c->tcp->sent_pool, ack->now);
    r->active = false;
    r->recover_set = false;
    r->lost_anew = false;
    r->must_send = false;
    r->duplicates = 0;
    c->backoff = 0;
    *u = (struct tcp_undo){0};
    TRACE(c->tcp->recorder, c->id, tcp_cwnd, .cwnd = c->cc.cwnd, .ssthresh = c->cc.ssthresh,
          .in_flight = recovery_in_flight(c), .why = CWND_UNDONE);
}

bool undo_on_ack(struct tcp_conn *c, const struct tcp_segment *s, const struct tcp_ack *ack)
{
    struct tcp_undo *u = &c->recovery.undo;
    if (!u->armed) {
        return false;
    }
    if (!eifel(c, s, ack) && !all_duplicates(c, ack) && !frto(c, ack)) {
        return false;
    }
    restore(c, ack);
    return true;
}

void undo_new_sent(struct tcp_conn *c, uint32_t sent)
{
    c->recovery.undo.frto = sent > 0 ? FRTO_SECOND : FRTO_OFF;
}
