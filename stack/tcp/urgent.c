/* Urgent data, both ways: RFC 9293 3.8.5, 3.9.1.2 (SEND with the urgent flag), 3.10.7.4 (sixth check);
 * MUST-30 to MUST-33, MUST-62.
 */
#include "stack/tcp/urgent.h"

#include "stack/tcp/receive.h"

/* ---- sending ---- */

uint32_t urgent_unsent(const struct tcp_conn *c)
{
    return c->urgent_out && seq_lt(c->snd_nxt, c->snd_up) ? seq_span(c->snd_nxt, c->snd_up) : 0;
}

void urgent_mark(struct tcp_conn *c)
{
    c->snd_up = sendq_end(&c->sendq);
    c->urgent_out = true;
    c->urgent_due = true;
    TRACE(c->tcp->recorder, c->id, tcp_urgent, .up = c->snd_up.v, .ahead = urgent_unsent(c),
          .outgoing = true);
    conn_mark_dirty(c);
}

/* An end that lies too far ahead for 16 bits is told as far as they reach: so much is urgent in any
 * case, and each segment that follows says more. */
void urgent_stamp(struct tcp_conn *c, struct tcp_segment *s)
{
    if (!c->urgent_out || seq_ge(s->seq, c->snd_up)) {
        return;
    }
    s->flags |= TCP_URG;
    s->urgent = (uint16_t)u32_min(seq_span(s->seq, c->snd_up), UINT16_MAX);
    if (seq_ge(s->seq, c->snd_una)) { /* a probe lies before: the peer does not look at its URG */
        c->urgent_due = false;
    }
}

void urgent_acked(struct tcp_conn *c)
{
    if (c->urgent_out && seq_ge(c->snd_una, c->snd_up)) {
        c->urgent_out = false;
        c->urgent_due = false;
    }
}

/* A peer whose window is shut takes only a segment that stands at its RCV.NXT: that is SND.UNA, even
 * when it has taken back window that was already used. */
tcp_seq urgent_notice_seq(const struct tcp_conn *c)
{
    return c->snd_wnd == 0 ? c->snd_una : c->snd_nxt;
}

bool urgent_notice_due(const struct tcp_conn *c)
{
    return c->urgent_due && c->urgent_out && seq_lt(urgent_notice_seq(c), c->snd_up);
}

/* ---- receiving ---- */

/* The sequence number of the next byte that the application will read. */
static tcp_seq read_next(const struct tcp_conn *c)
{
    return seq_sub(c->rcv_nxt, c->rcv_queued + (c->fin_received ? 1U : 0U));
}

uint32_t urgent_unread(const struct tcp_conn *c)
{
    return c->urgent_in ? seq_span(read_next(c), c->rcv_up) : 0;
}

/* The application hears of each step forward (MUST-32), not only of the first as 3.10.7.4 has it. The
 * segment was found acceptable, so that its pointer reaches at most 65535 beyond the window; it may well
 * be ahead of all that has arrived (MUST-31). */
void urgent_receive(struct tcp_conn *c, const struct tcp_segment *s)
{
    if ((s->flags & TCP_URG) == 0 || !receive_takes_text(c) || c->orphan) {
        return;
    }
    tcp_seq up = seq_add(s->seq, s->urgent);
    if (c->fin_ahead && seq_gt(up, c->fin_ahead_seq)) {
        up = c->fin_ahead_seq;
    }
    if (seq_le(up, read_next(c)) || (c->urgent_in && seq_le(up, c->rcv_up))) {
        return;
    }
    c->urgent_in = true;
    c->rcv_up = up;
    TRACE(c->tcp->recorder, c->id, tcp_urgent, .up = up.v, .ahead = urgent_unread(c),
          .outgoing = false);
    conn_report(c, REPORT_URGENT);
}

void urgent_consumed(struct tcp_conn *c)
{
    if (c->urgent_in && seq_ge(read_next(c), c->rcv_up)) {
        c->urgent_in = false;
    }
}

void urgent_end_of_stream(struct tcp_conn *c)
{
    if (c->urgent_in && seq_gt(c->rcv_up, c->rcv_nxt)) {
        c->rcv_up = c->rcv_nxt;
    }
    urgent_consumed(c);
}
