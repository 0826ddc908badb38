/* What a segment that arrives may have taught a host. */
#include "tests/sim/observer_view.h"

#include <string.h>

#define MTU_FLOOR 576U /* RFC 5927 7.2: a host may refuse to believe in less */

static bool same_opts(const struct tcp_opts *a, const struct tcp_opts *b)
{
    return a->has_mss == b->has_mss && a->mss == b->mss && a->has_wscale == b->has_wscale &&
           a->wscale == b->wscale && a->sack_ok == b->sack_ok && a->has_ts == b->has_ts;
}

static void syn_arrived(struct view *v, const struct sight *s, enum sight_verdict verdict)
{
    struct syn n = {.seq = s->seq,
                    .ack = s->ack,
                    .has_ack = (s->flags & ACK) != 0,
                    .refusable = verdict != SIGHT_GOOD || (s->flags & (FIN | URG)) != 0,
                    .len = s->len,
                    .let_in = s->opts.cookie_len > 0,
                    .early = s->opts.cookie_len > 0 ? s->len : 0,
                    .wnd = s->wnd,
                    .aces = (uint8_t)(1U << s->ace),
                    .fields = (uint8_t)(1U << s->ecn),
                    .opts = s->opts};
    for (unsigned i = 0; i < v->syn_count; i++) {
        if (v->syns[i].seq == n.seq && v->syns[i].has_ack == n.has_ack) {
            n.aces |= v->syns[i].aces;
            n.fields |= v->syns[i].fields;
            n.let_in = n.let_in || v->syns[i].let_in;
            n.early = n.early > v->syns[i].early ? n.early : v->syns[i].early;
            n.wnd = n.wnd > v->syns[i].wnd ? n.wnd : v->syns[i].wnd;
            n.mixed = v->syns[i].mixed || !same_opts(&v->syns[i].opts, &n.opts);
            memcpy(n.tsvals, v->syns[i].tsvals, sizeof n.tsvals);
            n.tsval_count = v->syns[i].tsval_count;
            memmove(&v->syns[i], &v->syns[i + 1], (v->syn_count - i - 1) * sizeof n);
            v->syn_count--;
            break;
        }
    }
    if (s->opts.has_ts) {
        n.tsvals[n.tsval_count++ % SYN_STAMPS] = s->opts.tsval;
    }
    if (v->syn_count == SYNS) {
        memmove(&v->syns[0], &v->syns[1], (SYNS - 1) * sizeof n);
        v->syn_count--;
    }
    v->syns[v->syn_count++] = n;
}

/* No window that the host can have offered reaches so far, or all of it has been acknowledged: the segment is refused
 * (RFC 9293 3.10.7.4, first check). */
static bool far_away(const struct view *v, uint32_t end)
{
    if (!v->ack_sent || v->unsure || v->ranges.lost) {
        return false;
    }
    uint32_t shift = !v->offered.has_wscale ? 0 : v->offered.wscale > 14 ? 14 : v->offered.wscale;
    uint32_t widest = UINT32_C(65535) << shift;
    uint32_t taken = ranges_end(&v->ranges, v->acked); /* at most: RCV.NXT */
    return end - v->acked > taken - v->acked + widest;
}

/* The peer's FIN comes, it says, behind this octet. One that must be refused, as of somebody who guesses, pushes none
 * out that may have been taken. */
static void fin_arrived(struct view *v, const struct sight *s)
{
    uint32_t end = s->seq + sight_span(s);
    if (far_away(v, end)) {
        return;
    }
    bool covers = v->fin_sent && (s->flags & ACK) != 0 && s->ack == v->fin + 1;
    v->fins_cover = covers && (v->fins_cover || v->fin_count == 0);
    for (unsigned i = 0; i < v->fin_count && i < FINS; i++) {
        if (v->fins[i] == end) {
            return;
        }
    }
    v->fins[v->fin_count++ % FINS] = end;
}

void view_stamp(struct view *v, uint32_t tsval)
{
    if (!v->stamp_heard || before(v->stamp_max, tsval)) {
        v->stamp_max = tsval;
    }
    v->stamp_heard = true;
    for (unsigned i = 0; i < v->stamp_count; i++) {
        if (v->stamps[i].tsval == tsval) {
            return;
        }
    }
    if (v->stamp_count == STAMPS) {
        memmove(&v->stamps[0], &v->stamps[1], (STAMPS - 1) * sizeof v->stamps[0]);
        v->stamp_count--;
        v->stamps_lost = true;
    }
    v->stamps[v->stamp_count++].tsval = tsval;
}

/* RFC 7323 4.3: a timestamp may be echoed if its segment begins at or before Last.ACK.sent. */
static void stamp_arrived(const struct observer *o, struct view *v, const struct sight *s)
{
    if (!s->opts.has_ts) {
        return;
    }
    /* The latest ACK may have waited for an address in vain: then RCV.NXT is the bound. */
    uint32_t last = v->acked;
    if (host_held_back(o, s->host, s->now - ARP_PATIENCE, s->now)) {
        last = ranges_end(&v->ranges, v->acked);
    }
    if (v->ack_sent && (s->flags & SYN) == 0 && before(last, s->seq)) {
        if (!v->stamp_heard || before(v->stamp_max, s->opts.tsval)) {
            v->stamp_max = s->opts.tsval;
        }
        v->stamp_heard = true;
        return;
    }
    view_stamp(v, s->opts.tsval);
}

/* The shift of the windows that come in while it is not known whose SYN counts: no more than any of them
 * has offered. */
static uint32_t largest_shift(const struct view *v)
{
    uint32_t shift = view_shift_in(v);
    for (unsigned i = 0; i < v->syn_count && v->offered.has_wscale; i++) {
        const struct tcp_opts *o = &v->syns[i].opts;
        uint32_t its = o->has_wscale ? o->wscale : 0;
        shift = its > shift ? its : shift;
    }
    return shift > 14 ? 14 : shift;
}

/* Wherever RCV.NXT may be by now, the segment begins in the window: its ACK is heeded. What begins before it, or at the
 * right edge, may be refused as a whole (RFC 9293 3.10.7.4, first check). */
static bool surely_inside(const struct view *v, const struct sight *s)
{
    if (!v->ack_sent) {
        return true;
    }
    bool behind = v->ranges.lost || before(s->seq, ranges_end(&v->ranges, v->acked));
    return !behind && (s->seq == v->acked || before(s->seq, v->offered_edge));
}

/* An ACK of what the host has sent: the most that it may have been told. */
static void ack_arrived(struct view *v, const struct sight *s)
{
    bool counts = (s->flags & ACK) != 0 && (s->flags & RST) == 0 && v->begun &&
                  before(v->iss, s->ack) && !before(v->snd_max, s->ack);
    if (!counts) {
        return;
    }
    bool sure = surely_inside(v, s);
    v->una_sure = before(v->una, s->ack) ? sure : v->una_sure || (s->ack == v->una && sure);
    v->una = later_of(v->una, s->ack);
    if (s->wnd == 0 && s->ack == v->una) {
        v->shut_known = true;
        v->shut = s->ack;
    }
    uint32_t shift = (s->flags & SYN) != 0 ? 0 : view_shift_in(v);
    if ((s->flags & SYN) == 0 && (!v->peer_known || v->peer.mixed)) {
        shift = largest_shift(v);
    }
    uint32_t edge = s->ack + ((uint32_t)s->wnd << shift);
    v->edge = v->edge_known ? later_of(v->edge, edge) : edge;
    v->edge_known = true;
}

/* Whether a host in its right mind must take this segment: it is synchronized, nothing about the
 * segment is odd, and it lies in the window. */
static bool must_be_taken(const struct observer *o, const struct view *v, const struct sight *s,
                          enum sight_verdict verdict)
{
    uint8_t flags = s->flags & (uint8_t)~PSH;
    if (host_of(o, v->key.host)->forgets || verdict != SIGHT_GOOD || v->unsure || v->unknown ||
        !v->established || v->over != NULL || v->doubt || v->peer_fin_taken || v->fin_count > 0 ||
        v->peer.mixed || (flags != ACK && flags != (ACK | FIN))) {
        return false;
    }
    bool known = v->ack_sent && !before(s->ack, v->una) && !before(v->snd_max, s->ack);
    bool stamped = !view_timestamps(v) || (s->opts.has_ts && !before(s->opts.tsval, v->stamp_max));
    bool inside = !before(s->seq, v->acked) && !before(v->offered_edge, s->seq + s->len);
    return known && stamped && inside && s->len > 0;
}

static void owe(struct view *v, nsec now, const char *why)
{
    if (v->owed_now == 0) {
        v->owed_now = now;
        v->owed_why = why;
    }
}

/* RFC 9293 3.8.6.3 and RFC 5681 4.2: what the host owes for it. */
static void text_taken(const struct observer *o, struct view *v, const struct sight *s)
{
    if (before(v->rcv_low, s->seq)) {
        bool hole = before(ranges_end(&v->ranges, v->rcv_low), s->seq);
        if (hole && !v->ranges.lost) {
            owe(v, s->now, "at once: out of order");
        }
        return;
    }
    if (s->seq != v->rcv_low) {
        return;
    }
    v->rcv_low = s->seq + s->len;
    if (v->owed_since == 0) {
        v->owed_since = s->now;
    }
    /* SHLD-19. What is full is for the receiver to guess: neither what it has announced nor the largest
     * that it has seen leaves a doubt, nor that SACK blocks or counters took their part of the room. */
    uint32_t mss = v->offered.has_mss ? v->offered.mss : 536;
    v->largest = s->len > v->largest ? s->len : v->largest;
    bool full = s->len + s->options_len >= mss && s->len >= v->largest && s->opts.sacks == 0 &&
                !s->opts.has_counters;
    if (host_held_back(o, s->host, s->now - ARP_PATIENCE, s->now)) {
        v->full = 0; /* an ACK may have waited for an address in vain */
    } else if (full && ++v->full == 2) {
        owe(v, s->now, "for every second full segment");
    }
}

/* RFC 9293 3.10.7.4, RFC 5961 3.2: a reset exactly at RCV.NXT ends the connection. RCV.NXT is known when
 * nothing has arrived that was not acknowledged. */
static void reset_arrived(const struct observer *o, struct view *v, const struct sight *s,
                          enum sight_verdict verdict)
{
    bool known = v->ack_sent && !v->unsure && !v->ranges.lost && v->rcv_low == v->acked &&
                 ranges_end(&v->ranges, v->acked) == v->acked;
    bool plain = verdict == SIGHT_GOOD && (s->flags & (SYN | FIN | URG)) == 0 && s->len == 0;
    bool timewait = v->peer_fin_taken && v->fin_sent; /* RFC 1337 */
    if (known && plain && v->established && s->seq == v->acked && !timewait &&
        !host_of(o, v->key.host)->forgets) {
        v->over = "a reset came";
    }
    v->doubt = true;
    v->owed_since = 0;
    v->owed_now = 0;
}

/* A certain TIME-WAIT begins: the last that was missing was the ACK of the FIN. */
static void timewait_begins(struct observer *o, struct view *v, const struct sight *s,
                            enum sight_verdict verdict)
{
    bool stamped = !view_timestamps(v) || (s->opts.has_ts && !before(s->opts.tsval, v->stamp_max));
    bool plain = verdict == SIGHT_GOOD && (s->flags & (uint8_t)~PSH) == ACK && s->len == 0;
    if (v->timewait_at == 0 && plain && stamped && v->established && v->over == NULL &&
        v->peer_fin_taken && v->fin_first && s->ack == v->fin + 1 && before(v->una, s->ack) &&
        s->seq == v->acked && !v->peer.mixed && !v->unsure && !v->doubt &&
        !host_of(o, v->key.host)->forgets) {
        v->timewait_at = s->now;
        v->timewait_next = v->acked;
        v->last_stamp = v->stamp_max;
        v->syn_in_timewait = false;
    }
}

void view_too_big(struct view *v, uint32_t seq, uint32_t mtu, nsec now)
{
    v->quiet = false;
    v->probed = false; /* a host may send again at once */
    v->interval = 0;
    v->credit++;
    bool in_flight = !before(seq, v->una) && before(seq, v->snd_max); /* RFC 5927 4.1 */
    if (!v->established || v->over != NULL || !in_flight) {
        return;
    }
    mtu = mtu < MTU_FLOOR ? MTU_FLOOR : mtu;
    v->pmtu = v->pmtu == 0 || mtu < v->pmtu ? mtu : v->pmtu;
    v->pmtu_at = now;
}

static void remember(struct view *v, const struct sight *s)
{
    v->heard[v->heard_count++ % HEARD] =
        (struct heard){s->seq, sight_span(s), s->ack, s->flags, s->now};
    v->heard_at = s->now;
    v->quiet = false;
    v->probed = false;
    v->interval = 0;
    v->credit++;
    bool provokes_challenge = (s->flags & (RST | SYN)) != 0;
    v->challenge_only = provokes_challenge && (v->challenge_only || v->fresh);
    v->fresh = false;
    bool other_syn = (s->flags & SYN) != 0 && v->peer_known && s->seq != v->peer.seq;
    v->disturbed = v->disturbed || (s->flags & RST) != 0 || other_syn;
    v->syn_in_timewait = v->syn_in_timewait || (s->flags & SYN) != 0;
}

void view_arrived(struct observer *o, struct view *v, const struct sight *s,
                  enum sight_verdict verdict)
{
    remember(v, s);
    if ((s->flags & RST) != 0) {
        reset_arrived(o, v, s, verdict);
        return;
    }
    view_cookie_back(v, s);
    stamp_arrived(o, v, s);
    if ((s->flags & SYN) != 0) {
        syn_arrived(v, s, verdict);
    }
    bool taken = must_be_taken(o, v, s, verdict);
    timewait_begins(o, v, s, verdict);
    bool marked = ecn_arrived(o, v, s, verdict, taken);
    ack_arrived(v, s);
    ranges_common(&v->ranges, s->seq, sight_span(s), &v->twice);
    ranges_add(&v->ranges, s->seq, sight_span(s));
    if (taken) {
        text_taken(o, v, s);
    }
    if (marked) {
        owe(v, s->now, "at once: the first mark (RFC 9768 3.2.2.5.1)");
    }
    if (s->len > 0) {
        v->out_of_order = taken && before(ranges_end(&v->ranges, v->acked), s->seq);
        v->out_start = s->seq;
    }
    if ((s->flags & FIN) != 0) {
        fin_arrived(v, s);
    }
}
