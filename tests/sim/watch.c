/* The oracles of the pair rig: what may be seen on the wire, and what must hold in a control block
 * after every event.
 */
#include <check.h>

#include "stack/base/cursor.h"
#include "stack/tcp/close.h"
#include "stack/tcp/send.h"
#include "stack/tcp/timers.h"
#include "tests/unit/tcp/pair_rig.h"

/* ---- the wire ---- */

struct seen {
    uint16_t sport, dport;
    tcp_seq seq, ack;
    uint8_t flags;
    uint16_t wnd, mss;
    uint8_t wscale;
    bool has_wscale, has_mss;
    uint32_t options, len; /* bytes of options and of payload */
};

static void see_options(struct rd r, struct seen *s)
{
    while (rd_left(&r) > 0) {
        uint8_t kind = rd_u8(&r);
        if (kind == 0) {
            return;
        }
        if (kind == 1) {
            continue;
        }
        struct rd body = rd_sub(&r, rd_u8(&r) - 2U);
        if (kind == 2) {
            s->has_mss = true;
            s->mss = rd_be16(&body);
        } else if (kind == 3) {
            s->has_wscale = true;
            s->wscale = rd_u8(&body);
        }
    }
}

/* Reads a frame with a parser of its own; false: it is no TCP segment. */
static bool see(struct pair *p, const struct pair_frame *f, struct seen *s)
{
    *s = (struct seen){0};
    struct rd r = rd_of(f->bytes, f->len);
    rd_skip(&r, 12);
    if (rd_be16(&r) != 0x0800 || f->bytes[14 + 9] != IP_TCP) {
        return false;
    }
    uint32_t ip_header = (rd_u8(&r) & 15U) * 4U;
    rd_skip(&r, 1);
    uint32_t total = rd_be16(&r);
    rd_skip(&r, ip_header - 4);
    s->sport = rd_be16(&r);
    s->dport = rd_be16(&r);
    s->seq = seq_of(rd_be32(&r));
    s->ack = seq_of(rd_be32(&r));
    uint32_t header = (uint32_t)(rd_u8(&r) >> 4U) * 4U;
    s->flags = rd_u8(&r);
    s->wnd = rd_be16(&r);
    rd_skip(&r, 4);
    s->options = header - 20;
    see_options(rd_sub(&r, s->options), s);
    s->len = (uint32_t)rd_left(&r);
    PAIR_CHECK(p, !r.failed);
    PAIR_CHECK(p, total == f->len - 14 && total <= p->side[0].dev.mtu);
    return true;
}

static struct pair_flow *flow_of(struct pair *p, unsigned side, const struct seen *s)
{
    uint16_t ours = s->sport;
    uint16_t port[2] = {side == 0 ? ours : s->dport, side == 0 ? s->dport : ours};
    for (unsigned i = 0; i < p->flow_count; i++) {
        struct pair_flow *f = &p->flows[i];
        if (f->port[0] == port[0] && f->port[1] == port[1]) {
            return f;
        }
    }
    ck_assert_uint_lt(p->flow_count, PAIR_FLOWS);
    struct pair_flow *f = &p->flows[p->flow_count++];
    *f = (struct pair_flow){.port = {port[0], port[1]}};
    return f;
}

static uint32_t window_unit(const struct pair_flow *f, unsigned side)
{
    bool both = f->has_wscale[0] && f->has_wscale[1];
    return UINT32_C(1) << (both ? f->wscale[side] : 0);
}

static tcp_seq right_edge(const struct pair_flow *f, unsigned from, const struct seen *s)
{
    uint32_t unit = (s->flags & TCP_SYN) != 0 ? 1 : window_unit(f, from);
    return seq_add(s->ack, s->wnd * unit);
}

/* A SYN that came late makes another connection of the same ports. */
static void watch_syn(struct pair_flow *f, unsigned side, const struct seen *s)
{
    if (f->sent_ack[side] && !seq_eq(s->seq, f->iss[side])) {
        f->sent_ack[side] = false;
        f->told[1 - side] = false;
    }
    f->iss[side] = s->seq;
    f->has_wscale[side] = s->has_wscale;
    f->wscale[side] = s->wscale;
    f->mss[side] = s->has_mss ? s->mss : 536;
}

/* The ACK never goes back, and the window's edge at most by what the scale cannot express
 * (RFC 7323 2.4); behind the peer's FIN no window means anything. */
static void watch_offer(struct pair *p, struct pair_flow *f, unsigned side, const struct seen *s)
{
    tcp_seq edge = right_edge(f, side, s);
    bool over = (s->flags & TCP_SYN) != 0 || /* which cannot tell more than 64 KiB */
                (f->fin_sent[1 - side] && seq_gt(s->ack, f->fin[1 - side]));
    if (f->sent_ack[side]) {
        PAIR_CHECK(p, seq_ge(s->ack, f->ack[side]));
        PAIR_CHECK(p, over || seq_gt(seq_add(edge, window_unit(f, side)), f->offered[side]));
        edge = seq_max(edge, f->offered[side]);
    }
    f->sent_ack[side] = true;
    f->ack[side] = s->ack;
    f->offered[side] = edge;
}

void pair_watch_sent(struct pair *p, unsigned side, const struct pair_frame *frame)
{
    struct seen s;
    if (!see(p, frame, &s) || (s.flags & TCP_RST) != 0) {
        return;
    }
    struct pair_flow *f = flow_of(p, side, &s);
    if ((s.flags & TCP_SYN) != 0) {
        PAIR_CHECK(p, s.len == 0);
        watch_syn(f, side, &s);
    }
    if ((s.flags & TCP_ACK) != 0) {
        watch_offer(p, f, side, &s);
    }
    bool fin = (s.flags & TCP_FIN) != 0;
    if (s.len > 0 || fin) {
        tcp_seq end = seq_add(s.seq, s.len + (fin ? 1 : 0));
        PAIR_CHECK(p, (s.flags & TCP_ACK) != 0); /* MUST: every segment but the first SYN */
        PAIR_CHECK(p, f->told[side] && seq_le(end, f->edge[side]));
        PAIR_CHECK(p, s.len + s.options <= u32_max(f->mss[1 - side], 48)); /* MUST-16 */
        p->data_frames++;
    }
    if (fin) {
        f->fin_sent[side] = true;
        f->fin[side] = seq_add(s.seq, s.len);
    }
}

void pair_watch_arrived(struct pair *p, unsigned side, const struct pair_frame *frame)
{
    struct seen s;
    if (!see(p, frame, &s) || (s.flags & TCP_ACK) == 0 || (s.flags & TCP_RST) != 0) {
        return;
    }
    struct pair_flow *f = flow_of(p, 1 - side, &s);
    tcp_seq edge = right_edge(f, 1 - side, &s);
    f->edge[side] = f->told[side] ? seq_max(f->edge[side], edge) : edge;
    f->told[side] = true;
}

/* ---- the control block ---- */

static uint32_t queue_len(const struct list *queue, uint32_t *count)
{
    uint32_t len = 0;
    *count = 0;
    for (struct list *n = queue->next; n != queue; n = n->next) {
        len += buf_of_link(n)->len;
        (*count)++;
    }
    return len;
}

static void check_send_space(struct pair *p, const struct tcp_conn *c)
{
    PAIR_CHECK(p, seq_le(c->snd_una, c->snd_nxt));
    if (c->detached) {
        return;
    }
    uint32_t chunks;
    uint32_t held = queue_len(&c->sendq.chunks, &chunks);
    PAIR_CHECK(p, held == c->sendq.len && chunks == c->sendq.chunk_count);
    bool syn_acked = c->state >= TCP_ESTABLISHED;
    bool fin_acked = syn_acked && seq_eq(c->snd_una, seq_add(sendq_end(&c->sendq), 1));
    tcp_seq start = syn_acked ? seq_sub(c->snd_una, fin_acked ? 1 : 0) : seq_add(c->iss, 1);
    PAIR_CHECK(p, seq_eq(c->sendq.start, start));
    PAIR_CHECK(p, !fin_acked || c->fin_queued);
    PAIR_CHECK(p, seq_le(c->snd_nxt, seq_add(sendq_end(&c->sendq), c->fin_queued ? 1 : 0)));
    const struct tcp_recovery *r = &c->recovery;
    if (recovery_pending(r) > 0) {
        PAIR_CHECK(p, seq_le(c->snd_una, r->rtx_next) && seq_lt(r->rtx_next, r->rtx_end));
        PAIR_CHECK(p, seq_le(r->rtx_end, c->snd_nxt));
    }
}

static void check_ranges(struct pair *p, const struct tcp_conn *c)
{
    const struct reassembly *r = &c->reassembly;
    uint32_t count = 0;
    uint32_t bytes = 0;
    tcp_seq below = c->rcv_nxt; /* a range that touched it would have been delivered */
    for (struct list *n = r->ranges.next; n != &r->ranges; n = n->next) {
        const struct tcp_range *range = CONTAINER_OF(n, struct tcp_range, link);
        uint32_t bufs;
        PAIR_CHECK(p, seq_gt(range->start, below) && seq_gt(range->end, range->start));
        PAIR_CHECK(p, queue_len(&range->bufs, &bufs) == seq_span(range->start, range->end));
        below = range->end;
        bytes += seq_span(range->start, range->end);
        count++;
    }
    PAIR_CHECK(p, count == r->count && bytes == r->bytes);
    PAIR_CHECK(p, count <= c->tcp->config.reassembly_max);
    PAIR_CHECK(p, count == 0 || seq_le(below, c->rcv_adv));
}

static void check_receive_space(struct pair *p, const struct tcp_conn *c)
{
    uint32_t bufs;
    PAIR_CHECK(p, queue_len(&c->rcv_queue, &bufs) == c->rcv_queued);
    if (c->state < TCP_SYN_RCVD || c->detached) {
        return;
    }
    PAIR_CHECK(p, seq_le(c->rcv_nxt, c->rcv_adv));
    check_ranges(p, c);
    uint32_t slack =
        c->options.receive_buffer / 16; /* what the rounding of windows may give away */
    PAIR_CHECK(p, c->rcv_queued + c->reassembly.bytes <= c->options.receive_buffer + slack);
}

/* What must be done is done, or a timer stands for it. */
static void check_waiting(struct pair *p, const struct tcp_conn *c)
{
    PAIR_CHECK(p, !c->ack_due && !c->syn_due && !c->probe_due && !c->rst_due && !c->nudge);
    PAIR_CHECK(p, !list_linked(&c->dirty_link) && !list_linked(&c->events_link) && !c->dead);
    nsec earliest = NEVER;
    for (unsigned i = 0; i < TCP_TIMERS; i++) {
        earliest = nsec_min(earliest, c->due[i]);
    }
    if (earliest != NEVER) {
        PAIR_CHECK(p, !c->detached && timer_armed(&c->timer) && c->timer.due <= earliest);
    }
    if (c->detached || c->state < TCP_SYN_SENT) {
        return;
    }
    bool rto = timers_running(c, TCP_TIMER_RTO);
    bool persist = timers_running(c, TCP_TIMER_PERSIST);
    bool in_flight = recovery_in_flight(c) > 0;
    PAIR_CHECK(p, rto == in_flight);
    PAIR_CHECK(p, persist == (!in_flight && send_has_more(c)));
    if (c->state >= TCP_ESTABLISHED && !seq_eq(c->last_ack_sent, c->rcv_nxt)) {
        PAIR_CHECK(p, timers_running(c, TCP_TIMER_DELACK));
        PAIR_CHECK(p, c->due[TCP_TIMER_DELACK] <= p->now + c->tcp->config.delayed_ack);
    }
}

/* A FIN without payload takes no room. */
static uint32_t payload_in_flight(const struct tcp_conn *c)
{
    uint32_t in_flight = recovery_in_flight(c);
    return in_flight - (!c->detached && in_flight > 0 && close_fin_sent(c) ? 1 : 0);
}

/* More may be in flight than cwnd says only by limited transmit (RFC 3042), by the one segment that
 * a retransmission forces, and after cwnd has fallen. */
static void check_congestion(struct pair *p, const struct tcp_conn *c, const struct pair_shadow *s)
{
    if (c->state < TCP_ESTABLISHED || c->detached) {
        return;
    }
    PAIR_CHECK(p, c->cc.cwnd >= c->snd_mss && c->cc.ssthresh >= 2U * c->snd_mss);
    uint32_t in_flight = payload_in_flight(c);
    uint64_t allowed = (uint64_t)c->cc.cwnd + 3U * c->snd_mss;
    bool sent_new = in_flight > s->in_flight && seq_gt(c->snd_nxt, s->snd_nxt);
    uint32_t forced = sent_new ? 0 : c->snd_mss;
    PAIR_CHECK(p, in_flight <= s->in_flight + forced || in_flight <= allowed);
    PAIR_CHECK(p, c->story.retransmitted <= s->retransmitted + 1 || in_flight <= allowed);
    PAIR_CHECK(p, !sent_new || c->recovery.duplicates > 0 || in_flight <= c->cc.cwnd);
}

static void check_motion(struct pair *p, const struct tcp_conn *c, const struct pair_shadow *s)
{
    PAIR_CHECK(p, seq_ge(c->snd_una, s->snd_una) && seq_ge(c->snd_nxt, s->snd_nxt));
    PAIR_CHECK(p, c->state < TCP_SYN_RCVD || s->rcv_nxt.v == 0 || seq_ge(c->rcv_nxt, s->rcv_nxt));
    PAIR_CHECK(p, c->state < TCP_SYN_RCVD || s->rcv_adv.v == 0 || seq_ge(c->rcv_adv, s->rcv_adv));
}

static void check_conn(struct pair *p, struct pair_side *side, const struct tcp_conn *c)
{
    struct pair_shadow *s = &side->shadows[c->id % PAIR_SHADOWS];
    check_send_space(p, c);
    check_receive_space(p, c);
    check_waiting(p, c);
    if (s->id == c->id) {
        check_motion(p, c, s);
        check_congestion(p, c, s);
    }
    *s = (struct pair_shadow){.id = c->id,
                              .snd_una = c->snd_una,
                              .snd_nxt = c->snd_nxt,
                              .rcv_nxt = c->rcv_nxt,
                              .rcv_adv = c->rcv_adv,
                              .in_flight = payload_in_flight(c),
                              .retransmitted = c->story.retransmitted};
}

void pair_watch_event(struct pair *p)
{
    for (unsigned i = 0; i < 2; i++) {
        struct tcp *t = &p->side[i].host.tcp;
        PAIR_CHECK(p, list_empty(&t->dirty) && list_empty(&t->events) && t->reply_count == 0);
        for (struct list *n = t->all.next; n != &t->all; n = n->next) {
            check_conn(p, &p->side[i], CONTAINER_OF(n, struct tcp_conn, all_link));
        }
    }
}
