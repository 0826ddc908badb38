/* RFC 3168 6.1: the handshake (6.1.1), the sender (6.1.2), the receiver (6.1.3), and what is not
 * ECN-capable (6.1.4 to 6.1.6). RFC 9768 3.1: the handshake that agrees on more.
 */
#include "stack/tcp/ecn.h"

#include "stack/tcp/conn.h"
#include "stack/tcp/timers.h"

/* AE, CWR, ECE of SYN and SYN-ACK. */
#define ASK_CLASSIC 3U
#define ASK_ACCURATE 7U
#define AGREE_CLASSIC 1U
#define CLASSIC_TRIES 1U  /* SYNs that ask, when none is answered (RFC 3168 6.1.1.1) */
#define ACCURATE_TRIES 2U /* RFC 9768 3.1.4.1 */
#define MARKED_ROUNDS                                                                              \
    4U /* RFC 9768 3.2.2.3: so many windows with every packet marked are no congestion */

static void settle(struct tcp_conn *c, enum ecn_mode mode, enum ecn_why why)
{
    c->ecn.mode = (uint8_t)mode;
    if (mode != ECN_MODE_NONE) {
        TRACE(c->tcp->recorder, c->id, tcp_ecn, .mode = c->ecn.mode, .why = (uint8_t)why);
    }
}

void ecn_stop(struct tcp_conn *c, enum ecn_why why, bool deaf)
{
    struct tcp_ecn *e = &c->ecn;
    if (!e->no_ect && e->mode != ECN_MODE_NONE) {
        TRACE(c->tcp->recorder, c->id, tcp_ecn, .mode = e->mode, .why = (uint8_t)why);
    }
    e->no_ect = true;
    e->deaf = e->deaf || deaf;
}

/* ---- the handshake ---- */

static enum ecn_mode asks_for(const struct tcp_config *config)
{
    switch (config->ecn) {
    case TCP_ECN_ASK:
        return ECN_MODE_ACCURATE;
    case TCP_ECN_ASK_CLASSIC:
    case TCP_ECN_ACCEPT_ASK_CLASSIC:
        return ECN_MODE_CLASSIC;
    default:
        return ECN_MODE_NONE;
    }
}

uint8_t ecn_ask(enum ecn_mode mode)
{
    return mode == ECN_MODE_ACCURATE ? ASK_ACCURATE : mode == ECN_MODE_CLASSIC ? ASK_CLASSIC : 0;
}

/* The best that is accepted. */
static enum ecn_mode accepts(const struct tcp_config *config)
{
    switch (config->ecn) {
    case TCP_ECN_ACCEPT_CLASSIC:
    case TCP_ECN_ASK_CLASSIC:
        return ECN_MODE_CLASSIC;
    case TCP_ECN_ACCEPT:
    case TCP_ECN_ACCEPT_ASK_CLASSIC:
    case TCP_ECN_ASK:
        return ECN_MODE_ACCURATE;
    default:
        return ECN_MODE_NONE;
    }
}

/* RFC 3168 6.1.1.1, RFC 9768 3.1.4.1: something on the way may lose SYNs that ask. `backoff` counts those that went
 * unanswered. */
static bool still_asks(const struct tcp_conn *c, enum ecn_mode mode)
{
    unsigned tries = mode == ECN_MODE_ACCURATE ? ACCURATE_TRIES : CLASSIC_TRIES;
    return c->tcp->config.no_ecn_fallback || c->backoff < tries;
}

static void stamp_syn(struct tcp_conn *c, struct tcp_segment *s)
{
    struct tcp_ecn *e = &c->ecn;
    enum ecn_mode mode = asks_for(&c->tcp->config);
    if (mode != ECN_MODE_NONE && still_asks(c, mode)) {
        e->asked = (uint8_t)mode;
        segment_set_ace(s, ecn_ask(mode));
    } else if (mode != ECN_MODE_NONE) {
        e->bare = true;
    }
}

static void stamp_syn_ack(struct tcp_conn *c, struct tcp_segment *s)
{
    if (c->ecn.mode == ECN_MODE_CLASSIC) {
        segment_set_ace(s, AGREE_CLASSIC);
    } else if (c->ecn.mode == ECN_MODE_ACCURATE && !accecn_stamp_syn_ack(c, s)) {
        ecn_stop(c, ECN_WHY_BARE_SYN, false); /* RFC 9768 3.1.5 */
    }
}

void ecn_stamp_syn(struct tcp_conn *c, struct tcp_segment *s)
{
    if ((s->flags & TCP_ACK) != 0) {
        stamp_syn_ack(c, s);
    } else {
        stamp_syn(c, s);
    }
}

/* What a SYN asks for. An ECN-setup SYN of RFC 3168 is not ECN-capable itself: if it comes so, the field was changed
 * on the way, and marks cannot be trusted. RFC 9768 3.1.3: combinations that are not known ask for the new. */
static enum ecn_mode asked_by(const struct tcp_segment *s)
{
    uint8_t ace = segment_ace(s);
    if (ace == ASK_CLASSIC) {
        return s->ecn == IP_ECN_NOT_ECT ? ECN_MODE_CLASSIC : ECN_MODE_NONE;
    }
    return ace == 0 ? ECN_MODE_NONE : ECN_MODE_ACCURATE;
}

/* A host that speaks RFC 3168 only does not see AE. */
enum ecn_mode ecn_answer(const struct tcp_config *config, const struct tcp_segment *s)
{
    enum ecn_mode best = accepts(config);
    enum ecn_mode asked = asked_by(s);
    if (asked == ECN_MODE_ACCURATE && best == ECN_MODE_CLASSIC) {
        return (segment_ace(s) & ASK_CLASSIC) == ASK_CLASSIC ? ECN_MODE_CLASSIC : ECN_MODE_NONE;
    }
    return best == ECN_MODE_NONE ? ECN_MODE_NONE : asked;
}

static void take_syn(struct tcp_conn *c, const struct tcp_segment *s)
{
    enum ecn_mode mode = ecn_answer(&c->tcp->config, s);
    if (!c->passive &&
        mode >
            c->ecn
                .asked) { /* simultaneous open: the peer answers what we have asked for, no more */
        mode = (enum ecn_mode)c->ecn.asked;
    }
    if (mode == ECN_MODE_ACCURATE) {
        accecn_begin(c, (enum ip_ecn)s->ecn);
    }
    settle(c, mode, ECN_WHY_AGREED);
}

/* RFC 9768 table 2, RFC 3168 6.1.1. Some hosts answer with whatever flags the SYN had, and know nothing of ECN. */
static enum ecn_mode agreed_by(const struct tcp_conn *c, uint8_t ace)
{
    if (c->ecn.asked == ECN_MODE_CLASSIC) {
        return (ace & ASK_CLASSIC) == AGREE_CLASSIC ? ECN_MODE_CLASSIC : ECN_MODE_NONE;
    }
    if (c->ecn.asked == ECN_MODE_NONE || ace == 0 || ace == ASK_ACCURATE) {
        return ECN_MODE_NONE;
    }
    return ace == AGREE_CLASSIC ? ECN_MODE_CLASSIC : ECN_MODE_ACCURATE;
}

static void take_syn_ack(struct tcp_conn *c, const struct tcp_segment *s)
{
    enum ecn_mode mode = agreed_by(c, segment_ace(s));
    settle(c, mode, ECN_WHY_AGREED);
    if (mode == ECN_MODE_ACCURATE) {
        accecn_begin(c, (enum ip_ecn)s->ecn);
        accecn_take_syn_ack(c, s);
    } else if (mode == ECN_MODE_CLASSIC && c->ecn.bare) { /* RFC 3168 6.1.1, whatever is answered */
        ecn_stop(c, ECN_WHY_BARE_SYN, false);
    }
}

void ecn_take_syn(struct tcp_conn *c, const struct tcp_segment *s)
{
    if ((s->flags & TCP_ACK) != 0) {
        take_syn_ack(c, s);
    } else {
        take_syn(c, s);
    }
}

/* RFC 3168 6.1.1, RFC 9768 3.1.5: a server that has received a SYN that does not ask sends nothing ECN-capable. Its
 * SYN-ACK tells of the latest SYN. */
bool ecn_syn_again(struct tcp_conn *c, const struct tcp_segment *s)
{
    struct tcp_ecn *e = &c->ecn;
    uint8_t ace = segment_ace(s);
    if (e->mode == ECN_MODE_NONE) {
        return true;
    }
    if (ace == 0) {
        ecn_stop(c, ECN_WHY_BARE_SYN, false);
    }
    if (e->mode == ECN_MODE_ACCURATE) {
        c->accecn.peer_syn = s->ecn;
        return ace != ASK_CLASSIC;
    }
    bool less =
        !c->passive; /* of a simultaneous open, where it was agreed on by what we have asked for */
    return ace == 0 || ace == ASK_CLASSIC || less || accepts(&c->tcp->config) == ECN_MODE_CLASSIC;
}

void ecn_late_syn(struct tcp_conn *c, const struct tcp_segment *s)
{
    bool syn_ack =
        (s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) && seq_eq(s->seq, c->irs);
    if (syn_ack && c->accecn.client && agreed_by(c, segment_ace(s)) == ECN_MODE_ACCURATE) {
        accecn_syn_ack_again(c, s);
    }
}

/* ---- the receiver ---- */

static void count(struct tcp_conn *c, const struct tcp_segment *s)
{
    c->ecn.ce_in += s->ecn == IP_ECN_CE ? 1U : 0U;
    c->ecn.ect_in += s->ecn == IP_ECN_ECT0 || s->ecn == IP_ECN_ECT1 ? 1U : 0U;
    if (s->ecn == IP_ECN_CE) {
        TRACE(c->tcp->recorder, c->id, tcp_ce, .seq = s->seq.v, .len = s->len);
    }
}

/* CWR first: a mark on the same packet is a new one. Both are acknowledged at once: the window of whoever
 * reduces may be a single segment, and whoever does not know yet should soon. */
static void receive_classic(struct tcp_conn *c, const struct tcp_segment *s)
{
    struct tcp_ecn *e = &c->ecn;
    if (s->len == 0) {
        return; /* 6.1.4: nothing else is ECN-capable */
    }
    bool before = e->echo;
    e->echo = (e->echo && (s->flags & TCP_CWR) == 0) || s->ecn == IP_ECN_CE;
    if (e->echo != before || (s->flags & TCP_CWR) != 0) {
        c->ack_due = true;
        conn_mark_dirty(c);
    }
}

void ecn_receive(struct tcp_conn *c, const struct tcp_segment *s)
{
    if (c->ecn.mode == ECN_MODE_NONE) {
        return;
    }
    count(c, s);
    if (c->ecn.mode == ECN_MODE_ACCURATE) {
        accecn_receive(c, s);
    } else {
        receive_classic(c, s);
    }
}

/* ---- the sender ---- */

bool ecn_says_cwr(const struct tcp_conn *c)
{
    return c->ecn.mode == ECN_MODE_ACCURATE
               ? (accecn_ace(&c->accecn) & 2U) != 0 /* AE, CWR, ECE (RFC 9768 3.1) */
               : c->ecn.cwr_due;
}

static void stamp_classic(struct tcp_conn *c, struct tcp_segment *s, bool fresh)
{
    struct tcp_ecn *e = &c->ecn;
    s->flags |= e->echo ? TCP_ECE : 0;
    if (fresh && e->cwr_due) {
        s->flags |= TCP_CWR;
        e->cwr_due = false;
    }
}

/* Whoever does not answer to marks must not ask for them. */
void ecn_stamp(struct tcp_conn *c, struct tcp_segment *s, bool fresh)
{
    struct tcp_ecn *e = &c->ecn;
    if (e->mode == ECN_MODE_ACCURATE) {
        accecn_stamp(c, s);
    } else if (e->mode == ECN_MODE_CLASSIC) {
        stamp_classic(c, s, fresh);
    }
    if (fresh && e->mode != ECN_MODE_NONE && !e->no_ect && c->cc.ops->on_mark != NULL) {
        s->ecn = IP_ECN_ECT0;
        e->ect_sent = true;
    }
}

/* Whether what went out ECN-capable arrives, and whether all of it is marked. */
static void judge_path(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_ecn *e = &c->ecn;
    bool passed = e->ect_sent && ack->ack_rtt > 0;
    uint32_t packets = (ack->delivered + c->snd_mss - 1U) / c->snd_mss;
    e->ect_passed = e->ect_passed || passed;
    e->clean = e->clean || (passed && ack->marked < packets);
}

static void hear_classic(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack)
{
    struct tcp_ecn *e = &c->ecn;
    ack->ece = (s->flags & TCP_ECE) != 0 && !seq_lt(s->ack, ack->old_una);
    if (ack->ece) { /* which of them was marked is not said */
        ack->marked = (ack->delivered + c->snd_mss - 1U) / c->snd_mss;
        e->marked_out += ack->marked;
        TRACE(c->tcp->recorder, c->id, tcp_marked, .packets = ack->marked, .bytes = ack->delivered,
              .total = e->marked_out);
    }
}

void ecn_hear(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack)
{
    struct tcp_ecn *e = &c->ecn;
    if (e->reduced && seq_gt(c->snd_una, e->reduced_end)) {
        e->reduced = false;
    }
    if (e->mode == ECN_MODE_NONE || e->deaf || (s->flags & TCP_SYN) != 0) {
        return;
    }
    if (e->mode == ECN_MODE_ACCURATE) {
        accecn_hear(c, s, ack);
    } else {
        hear_classic(c, s, ack);
    }
    judge_path(c, ack);
}

static void note_reduced(struct tcp_conn *c, bool by_mark)
{
    struct tcp_ecn *e = &c->ecn;
    e->reduced = true;
    e->by_mark = by_mark;
    e->reduced_end = c->snd_nxt;
    e->cwr_due = e->mode == ECN_MODE_CLASSIC;
}

/* RFC 9768 3.2.2.3: something on the path sets CE on whatever passes. */
static bool all_marked(struct tcp_conn *c)
{
    struct tcp_ecn *e = &c->ecn;
    if (e->clean || ++e->marked_rounds < MARKED_ROUNDS) {
        return false;
    }
    ecn_stop(c, ECN_WHY_ALL_MARKED, true);
    return true;
}

/* RFC 3168 6.1.2: a window of one segment cannot become smaller. Its rate can, by the retransmission timer, which begins
 * anew: no sooner does another segment go. */
static void wait_for_timer(struct tcp_conn *c, nsec now)
{
    if (timers_running(c, TCP_TIMER_RTO)) {
        timers_restart_rto(c, now);
    }
    pace_hold(c, now + c->rtt.rto);
}

bool ecn_react(struct tcp_conn *c, const struct tcp_ack *ack)
{
    struct tcp_ecn *e = &c->ecn;
    if (!ack->ece || e->deaf || c->cc.ops->on_mark == NULL) {
        return false;
    }
    if (e->reduced) {
        undo_marked(c); /* there is congestion, whatever that loss was */
        return true;
    }
    if (all_marked(c)) {
        return false;
    }
    if (c->cc.cwnd <= c->snd_mss && !c->cc.ops->owns_window) {
        wait_for_timer(c, ack->now);
    }
    c->cc.ops->on_mark(&c->cc, u32_min(ack->flight, c->cc.cwnd));
    recovery_set_cwnd(c, u32_min(c->cc.cwnd, c->cc.ssthresh));
    note_reduced(c, true);
    recovery_trace_cwnd(c, CWND_MARK);
    return true;
}

/* Nothing that was ECN-capable has ever been delivered, and now it is lost: it may be lost because of that, or
 * because of its option. */
static void suspect_path(struct tcp_conn *c)
{
    if (c->tcp->config.no_ecn_fallback) {
        return;
    }
    if (c->ecn.ect_sent && !c->ecn.ect_passed) {
        ecn_stop(c, ECN_WHY_BLACK_HOLE, false);
    }
    if (c->ecn.mode == ECN_MODE_ACCURATE) {
        accecn_on_loss(c);
    }
}

bool ecn_on_loss(struct tcp_conn *c, bool anew)
{
    struct tcp_ecn *e = &c->ecn;
    const struct tcp_sent *lost = scoreboard_first_lost(&c->recovery.board);
    tcp_seq first = lost != NULL ? lost->start : c->snd_una;
    bool same_window = !anew && e->reduced && e->by_mark && seq_lt(first, e->reduced_end);
    suspect_path(c);
    if (!same_window) {
        note_reduced(c, false);
    }
    return same_window;
}
