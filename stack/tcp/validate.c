/* RFC 9293 3.10.7.4, the first to the fifth check, in order. */
#include "stack/tcp/validate.h"

#include "stack/tcp/close.h"
#include "stack/tcp/handshake.h"

#define PAWS_FORGET (24 * 86400 * NS_PER_SEC) /* RFC 7323 5.5 */
#define REFUSAL_ACK_INTERVAL (500 * NS_PER_MS)

/* Of one connection, whoever writes its segments (RFC 5961 10). */
static bool conn_may_challenge(struct tcp_conn *c)
{
    const struct tcp_config *config = &c->tcp->config;
    if (c->challenge_since == 0 || c->tcp->now - c->challenge_since >= config->challenge_interval) {
        c->challenge_since = c->tcp->now;
        c->challenge_used = 0;
    }
    return c->challenge_used < config->challenge_acks_conn;
}

bool validate_counts(const struct tcp_conn *c, nsec now)
{
    bool challenges =
        c->challenge_since != 0 && now - c->challenge_since < c->tcp->config.challenge_interval;
    bool refusals =
        c->last_refusal_acked != 0 && now - c->last_refusal_acked < REFUSAL_ACK_INTERVAL;
    return challenges || refusals;
}

/* Of the host. Were it a fixed number in intervals of a fixed length, then whoever uses it up on connections of his own
 * could tell by what is missing whether his guess about another connection was answered (CVE-2016-5696). */
static bool host_may_challenge(struct tcp *t)
{
    uint32_t limit = t->config.challenge_acks;
    if (t->now >= t->challenge_until) {
        nsec longer = t->config.challenge_interval / 2 * random_below(t->random, 1024) / 1024;
        t->challenge_until = t->now + t->config.challenge_interval + longer;
        t->challenge_left = limit - random_below(t->random, limit / 2 + 1);
    }
    if (t->challenge_left == 0) {
        return false;
    }
    t->challenge_left--;
    return true;
}

/* Marks a challenge ACK due, if the rates of the connection and of the host allow one (RFC 5961 10). */
static void challenge(struct tcp_conn *c)
{
    if (!conn_may_challenge(c)) {
        conn_trace_drop(c, DROP_TCP_CHALLENGE_LIMITED_CONN, 0);
    } else if (!host_may_challenge(c->tcp)) {
        conn_trace_drop(c, DROP_TCP_CHALLENGE_LIMITED, 0);
    } else {
        c->challenge_used++;
        c->ack_due = true;
        conn_mark_dirty(c);
    }
}

/* An unacceptable segment is answered with an ACK. One that carries nothing is answered only now and
 * then: two ends that each find the other's ACK unacceptable would go on for ever. */
static void acknowledge_refused(struct tcp_conn *c, const struct tcp_segment *s)
{
    dsack_look(c, s); /* RFC 2883 4.3: whatever it is refused for */
    if (segment_span(s) == 0) {
        if (c->last_refusal_acked != 0 && s->at - c->last_refusal_acked < REFUSAL_ACK_INTERVAL) {
            conn_trace_drop(c, DROP_TCP_CHALLENGE_LIMITED_CONN, 0);
            return;
        }
        c->last_refusal_acked = s->at;
    }
    c->ack_due = true;
    conn_mark_dirty(c);
}

enum verdict validate_timestamp(struct tcp_conn *c, const struct tcp_segment *s)
{
    if (!c->ts_ok || (s->flags & TCP_RST) != 0) { /* RFC 7323 5.3: not for RST */
        return PASS;
    }
    if ((s->opts & TCP_OPT_HAS_TS) == 0) {
        /* RFC 7323 3.2 has it dropped. Not so the ACK that ends a handshake: senders in the field
         * leave the option out there, and its ISNs vouch for it. */
        if (c->state == TCP_SYN_RCVD) {
            return PASS;
        }
        conn_trace_drop(c, DROP_TCP_NO_TIMESTAMP, s->len);
        return DROPPED;
    }
    bool older = (int32_t)(s->tsval - c->ts_recent) < 0;
    if (!older || s->at - c->ts_recent_at > PAWS_FORGET) {
        return PASS;
    }
    conn_trace_drop(c, DROP_TCP_PAWS, s->len);
    acknowledge_refused(c, s);
    return DROPPED;
}

void validate_remember_timestamp(struct tcp_conn *c, const struct tcp_segment *s)
{
    if (c->ts_ok && (s->opts & TCP_OPT_HAS_TS) != 0 && seq_le(s->seq, c->last_ack_sent) &&
        (int32_t)(s->tsval - c->ts_recent) >= 0) {
        c->ts_recent = s->tsval;
        c->ts_recent_at = s->at;
    }
}

static bool in_window(const struct tcp_conn *c, tcp_seq seq)
{
    return seq_ge(seq, c->rcv_nxt) && seq_lt(seq, c->rcv_adv);
}

/* An ACK from a peer that has filled our window. Table 6 has it refused; then two ends that have both filled the other's,
 * and lost the beginning, would never hear that it has arrived. Linux and the BSDs take it as well. */
static bool is_ack_at_edge(const struct tcp_conn *c, const struct tcp_segment *s)
{
    return (s->flags & (TCP_ACK | TCP_RST | TCP_URG)) == TCP_ACK && seq_eq(s->seq, c->rcv_adv);
}

/* RFC 9293 3.4, table 6. */
static bool acceptable(const struct tcp_conn *c, const struct tcp_segment *s)
{
    bool window_zero = seq_eq(c->rcv_adv, c->rcv_nxt);
    uint32_t span = segment_span(s);
    if (span == 0) {
        return in_window(c, s->seq) || seq_eq(s->seq, c->rcv_nxt) || is_ack_at_edge(c, s);
    }
    if (window_zero) {
        return false;
    }
    return in_window(c, s->seq) || in_window(c, seq_sub(segment_end(s), 1));
}

/* RFC 9293 3.10.7.4: with a shut window nothing is acceptable, but ACK, RST and URG of the segment
 * that comes next still count (MUST-66). Its data does not: the probe is answered. */
static bool strip_probe(struct tcp_conn *c, struct tcp_segment *s)
{
    if (!seq_eq(c->rcv_adv, c->rcv_nxt) || !seq_eq(s->seq, c->rcv_nxt)) {
        return false;
    }
    conn_trace_drop(c, DROP_TCP_BEYOND_WINDOW, s->len);
    buf_trim_back(s->payload, s->len);
    s->len = 0;
    s->flags &= (uint8_t)~TCP_FIN;
    c->ack_due = true;
    conn_mark_dirty(c);
    return true;
}

/* Simultaneous open (MUST-10, RFC 9293 3.5 figure 8): the peer's SYN comes again with the ACK of ours. Its
 * SYN is known, and so is what its flags of ECN agree on (beside a SYN they report no mark); the rest is the segment that
 * ends the handshake. */
static void strip_crossed_syn(struct tcp_conn *c, struct tcp_segment *s)
{
    bool crossed = c->state == TCP_SYN_RCVD && !c->passive &&
                   (s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
                   seq_eq(s->seq, c->irs) && seq_gt(s->ack, c->iss) && seq_le(s->ack, c->snd_nxt);
    if (crossed) {
        s->flags &= (uint8_t) ~(TCP_SYN | TCP_ECE | TCP_CWR);
        s->ae = false;
        s->seq = seq_add(s->seq, 1);
        c->ack_due = true;
        conn_mark_dirty(c);
    }
}

/* The SYN that made this connection comes again, perhaps with data that lies in the window. */
static bool is_first_syn(const struct tcp_conn *c, const struct tcp_segment *s)
{
    return c->state == TCP_SYN_RCVD && (s->flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_SYN &&
           seq_eq(s->seq, c->irs);
}

enum verdict validate_sequence(struct tcp_conn *c, struct tcp_segment *s)
{
    strip_crossed_syn(c, s);
    if (is_first_syn(c, s)) {
        conn_trace_drop(c, DROP_TCP_DUPLICATE, s->len);
        handshake_syn_again(c, s);
        return DROPPED;
    }
    if (acceptable(c, s) || strip_probe(c, s)) {
        return PASS;
    }
    if ((s->flags & TCP_RST) != 0) {
        conn_trace_drop(c, DROP_TCP_RST_OUTSIDE_WINDOW, s->len);
        return DROPPED;
    }
    bool old = segment_span(s) > 0 && seq_le(segment_end(s), c->rcv_nxt);
    conn_trace_drop(c, old ? DROP_TCP_DUPLICATE : DROP_TCP_OUTSIDE_WINDOW, s->len);
    ecn_late_syn(c, s);
    acknowledge_refused(c, s);
    return DROPPED;
}

enum verdict validate_rst(struct tcp_conn *c, const struct tcp_segment *s)
{
    if ((s->flags & TCP_RST) == 0) {
        return PASS;
    }
    if (!seq_eq(s->seq, c->rcv_nxt)) { /* RFC 5961 3.2 */
        conn_trace_drop(c, DROP_TCP_RST_CHALLENGED, s->len);
        challenge(c);
        return DROPPED;
    }
    conn_trace_passed(c, 2);
    close_by_reset(c);
    return DROPPED;
}

enum verdict validate_syn(struct tcp_conn *c, const struct tcp_segment *s)
{
    if ((s->flags & TCP_SYN) == 0) {
        return PASS;
    }
    conn_trace_drop(c, DROP_TCP_SYN_CHALLENGED, s->len);
    if (c->state == TCP_SYN_RCVD && c->passive && !c->early) { /* back to LISTEN */
        close_half_open(c, CLOSE_RESET);
        return DROPPED;
    }
    challenge(c); /* RFC 5961 4.2 */
    return DROPPED;
}

enum verdict validate_ack(struct tcp_conn *c, const struct tcp_segment *s)
{
    if ((s->flags & TCP_ACK) == 0) {
        conn_trace_drop(c, DROP_TCP_NO_ACK, s->len);
        return DROPPED;
    }
    if (c->state == TCP_SYN_RCVD) {
        return PASS; /* handshake_complete judges it */
    }
    if (seq_gt(s->ack, c->snd_nxt)) {
        conn_trace_drop(c, DROP_TCP_ACK_UNSENT, s->len);
        challenge(c);
        return DROPPED;
    }
    /* RFC 5961 5.2 (MAY-12): an ACK may be old, but not older than the window is wide */
    if (seq_lt(s->ack, seq_sub(c->snd_una, c->max_snd_wnd))) {
        conn_trace_drop(c, DROP_TCP_ACK_TOO_OLD, s->len);
        challenge(c);
        return DROPPED;
    }
    return PASS;
}
