/* Output: SYN, retransmissions, new data, FIN, probes, and the ACK that none of them carried; which of them is due, and
 * how much of it may go. RFC 9293 3.7.4 (Nagle), 3.8.6.2.1 (sender's silly-window avoidance), 3.8.6.1 (probes);
 * RFC 5681 and RFC 3042 for how much.
 */
#include "stack/tcp/send.h"

#include "stack/tcp/close.h"
#include "stack/tcp/timers.h"
#include "stack/tcp/transmit.h"
#include "stack/tcp/urgent.h"

#define BIG_MAX (NETDEV_BIG_BYTES - PACKET_HEADER_MAX) /* TRANSMIT_SUPER_MAX of NETDEV_BIG */
#define SEGMENTS_BEHIND_PROBE 3U /* full ones: what tells of a loss (RFC 5681 3.2) */

/* RFC 7413 4.2.2: an early connection before the end of its handshake too, but not when its SYN-ACK must go again. */
static bool carries_data(const struct tcp_conn *c)
{
    bool early = c->state == TCP_SYN_RCVD && c->early && c->backoff == 0;
    return !c->detached && (early || (c->state >= TCP_ESTABLISHED && c->state <= TCP_LAST_ACK));
}

/* Octets of a SYN that is not acknowledged yet. */
static uint32_t syn_out(const struct tcp_conn *c)
{
    return c->state == TCP_SYN_RCVD ? 1 : 0;
}

/* No text is outstanding. */
static bool is_idle(const struct tcp_conn *c)
{
    return seq_eq(seq_add(c->snd_una, syn_out(c)), c->snd_nxt);
}

static bool fin_unsent(const struct tcp_conn *c)
{
    return c->fin_queued && !close_fin_sent(c);
}

bool send_has_more(const struct tcp_conn *c)
{
    return carries_data(c) &&
           (recovery_pending(&c->recovery) > 0 || conn_unsent(c) > 0 || fin_unsent(c));
}

/* Whether data up to `end` asks the receiver to pass it on. All that is queued does (MUST-61); and so does every quantum
 * of what is new (RFC 9293 3.9.1.2 leaves that to the sender), as it does from Linux. A receiver that joins frames hands
 * on at PSH what it has: without it a whole window would come to its TCP at once, be acknowledged at once, and leave a
 * buffer so full that Linux does not open its window. */
static bool pushes(const struct tcp_conn *c, tcp_seq end, bool retransmission)
{
    if (seq_eq(end, sendq_end(&c->sendq))) {
        return true;
    }
    bool quanta = !retransmission && !c->tcp->config.no_push_quanta;
    return quanta && pace_is_quantum(c, seq_span(c->pushed_to, end));
}

/* Sends `len` bytes of the queue from `seq` on, which one packet takes, and FIN behind them if asked. */
static void send_text(struct tcp_conn *c, tcp_seq seq, uint32_t len, bool fin, nsec now,
                      bool retransmission)
{
    uint8_t flags = fin ? TCP_FIN : 0;
    tcp_seq end = seq_add(seq, len);
    if (len > 0 && pushes(c, end, retransmission)) {
        flags |= TCP_PSH;
        c->pushed_to = seq_max(c->pushed_to, end);
    }
    transmit_text(c, seq, len, flags, now, retransmission);
    c->last_sent = now;
    pace_sent(c, len);
    if (c->recovery.active) {
        prr_sent(c, len + (fin ? 1U : 0U), retransmission);
    }
}

/* Payload bytes that may go in one packet: whole segments of `room` bytes, for a device that cuts them apart. What
 * would be right in the first of them only goes by itself: a pointer, CWR, a report of a duplicate (RFC 2883 4). */
static uint32_t packet_room(const struct tcp_conn *c, uint32_t room, nsec now)
{
    if ((c->caps & NETDEV_TSO4) == 0 || urgent_unsent(c) > 0 || c->dsack.due || ecn_says_cwr(c)) {
        return room;
    }
    uint32_t most = (c->caps & NETDEV_BIG) != 0 && now >= c->big_at ? BIG_MAX : TRANSMIT_SUPER_MAX;
    return u32_max(u32_min(most, pace_budget(c)) / room, 1) * room;
}

/* Bytes of the peer's window that are not used yet; none when it has shrunk below what is out
 * (MUST-34, SHLD-15). */
static uint32_t usable_window(const struct tcp_conn *c)
{
    int32_t usable = seq_diff(seq_add(c->snd_una, c->snd_wnd), c->snd_nxt);
    return usable > 0 ? (uint32_t)usable : 0;
}

/* In full segments. What is paced waits for its time, and not for the flush. */
uint32_t send_waiting(const struct tcp_conn *c)
{
    uint32_t in_flight = recovery_in_flight(c);
    if (!list_linked(&c->dirty_link) || !carries_data(c) || c->pace.rate != 0 || c->pace.held ||
        in_flight >= c->cc.cwnd) {
        return 0;
    }
    uint32_t waiting = u32_min(u32_min(conn_unsent(c), usable_window(c)), c->cc.cwnd - in_flight);
    return waiting - waiting % c->snd_mss;
}

static uint32_t congestion_room(const struct tcp_conn *c)
{
    uint32_t window = c->cc.cwnd;
    if (!c->recovery.active && !c->sack_ok && !c->tcp->config.no_limited_transmit) {
        /* RFC 3042: one more segment for each of the first two duplicates. With SACK what they SACK is in flight no more. */
        window += u32_min(c->recovery.duplicates, 2) * c->snd_mss;
    }
    uint32_t in_flight = recovery_in_flight(c) - syn_out(c); /* RFC 6928 2: of data */
    return window > in_flight ? window - in_flight : 0;
}

/* RFC 9293 3.8.6.2.1 and 3.7.4: whether less than a full segment may go. */
static bool small_may_go(const struct tcp_conn *c, uint32_t n, uint32_t room, uint32_t queued,
                         uint32_t usable)
{
    bool idle = is_idle(c) && n < room; /* else the full ones are ahead of it */
    if (c->nudge) {
        return true; /* (4) the override timeout */
    }
    if (c->options.cork && !c->fin_queued) {
        return false; /* the application will have more */
    }
    if (n == queued && (idle || c->options.no_delay || c->fin_queued || urgent_unsent(c))) {
        return true; /* (2) all that is queued; the application is in a hurry with urgent data */
    }
    return idle && n == usable && n >= c->max_snd_wnd / 2; /* (3) half of the window */
}

/* Payload bytes that may go in the next new segment; 0: none now. */
static uint32_t next_length(struct tcp_conn *c, nsec now)
{
    uint32_t queued = conn_unsent(c);
    if (queued == 0) {
        return 0;
    }
    uint32_t usable = usable_window(c);
    uint32_t room = transmit_room(c);
    uint32_t wanted = u32_min(u32_min(queued, usable), packet_room(c, room, now));
    uint32_t congestion = congestion_room(c);
    if (wanted > congestion) {
        c->cwnd_limited = true;
        wanted = congestion;
    }
    uint32_t small = wanted % room;
    return small == 0 || small_may_go(c, wanted, room, queued, usable) ? wanted : wanted - small;
}

static bool fin_may_go(const struct tcp_conn *c, uint32_t len)
{
    return fin_unsent(c) && len == conn_unsent(c) && usable_window(c) > len;
}

/* Sends one new segment of up to `len` bytes; returns the octets of sequence space that went. */
static uint32_t send_one_new(struct tcp_conn *c, uint32_t len, nsec now)
{
    uint32_t text = sendq_fit(&c->sendq, c->snd_nxt, len);
    if (text < len &&
        text > c->snd_mss) { /* more slices than a packet has: whole segments of them */
        text -= text % transmit_room(c);
    }
    bool fin = fin_may_go(c, text);
    tcp_seq end = seq_add(c->snd_nxt, text + (fin ? 1 : 0));
    struct sent_stamp stamp = rate_stamp(c, seq_span(c->snd_nxt, end), now);
    if (seq_eq(end, c->snd_nxt) ||
        !scoreboard_sent(&c->recovery.board, &c->tcp->sent_pool, c->tcp->config.sent_max,
                         c->snd_nxt, end, &stamp)) {
        return 0;
    }
    send_text(c, c->snd_nxt, text, fin, now, false);
    uint32_t span = seq_span(c->snd_nxt, end);
    c->snd_nxt = end;
    c->tcp->totals.bytes_out += text;
    rtt_sent(&c->rtt, seq_min(end, seq_add(seq_sub(end, span), c->snd_mss)), now);
    if (!c->recovery.rack.probe_as_rto) { /* the timeout is not put off by new data */
        timers_stop(c, TCP_TIMER_PROBE);  /* it waits from the latest segment on */
    }
    return span;
}

/* Nothing is in flight. */
static void begin_flight(struct tcp_conn *c, nsec now)
{
    bool idle = !c->round_limited; /* else all that was out is acknowledged in one batch */
    if (idle && conn_unsent(c) > 0 && c->cc.ops->on_idle != NULL) {
        c->cc.ops->on_idle(&c->cc, now, c->rtt.srtt);
    }
    bool long_idle = c->last_sent != 0 && now - c->last_sent > c->rtt.rto;
    if (long_idle && !c->cc.ops->owns_window && !c->tcp->config.no_idle_restart) {
        cc_idle_restart(&c->cc);
    }
}

/* Payload bytes beyond a full segment that a probe of the path's MTU may have: when it is lost, segments behind it must
 * show that (RFC 4821 7.4). */
static uint32_t probe_budget(const struct tcp_conn *c)
{
    uint32_t most = u32_min(u32_min(conn_unsent(c), usable_window(c)), c->cc.cwnd);
    uint32_t behind =
        recovery_by_rack(c) ? 1 : SEGMENTS_BEHIND_PROBE; /* a tail-loss probe tells too */
    uint32_t others = (1U + behind) * transmit_room(c);
    return most > others ? most - others : 0;
}

/* Sends a probe if one is due. True: nothing else may go now, so that the congestion window has room for it. */
static bool probe_path_mtu(struct tcp_conn *c, nsec now)
{
    uint32_t more = plpmtu_wants(c, probe_budget(c), now);
    if (more == 0) {
        return false;
    }
    uint32_t room = transmit_room(c);
    tcp_seq start = c->snd_nxt;
    if (room + more > congestion_room(c)) {
        c->cwnd_limited = true;
        return true;
    }
    if (!pace_lets(c, room)) { /* what it has beyond that is paid for later */
        return true;
    }
    c->plpmtu.leaving = true;
    uint32_t span = send_one_new(c, room + more, now);
    c->plpmtu.leaving = false;
    if (span > room) {
        plpmtu_probed(c, conn_packet_full(c) + span - room, start, c->snd_nxt);
    }
    return false;
}

/* Sends what is new, `max` octets and the rest of the last segment at the most; returns how many went. */
static uint32_t send_new(struct tcp_conn *c, uint32_t max, nsec now)
{
    if (is_idle(c)) {
        begin_flight(c, now);
    }
    if (probe_path_mtu(c, now)) {
        return 0;
    }
    uint32_t sent = 0;
    uint32_t span;
    do {
        uint32_t len = next_length(c, now);
        span = pace_lets(c, len) ? send_one_new(c, len, now) : 0;
        sent += span;
    } while (span > 0 && sent < max);
    if (conn_unsent(c) == 0 && congestion_room(c) > 0) {
        rate_app_limited(c);
    }
    return sent;
}

/* Sends the beginning of a run again, `len` octets at the most. False: it could not be noted. */
static bool send_again(struct tcp_conn *c, struct tcp_sent *run, uint32_t len, nsec now)
{
    tcp_seq start = run->start;
    tcp_seq end = seq_min(run->end, seq_add(start, len));
    tcp_seq text_end = seq_min(end, sendq_end(&c->sendq));
    uint32_t text = seq_gt(text_end, start) ? seq_span(start, text_end) : 0;
    uint32_t fit = sendq_fit(&c->sendq, start, text);
    bool fin = fit == text && seq_gt(end, text_end);
    uint32_t span = fit + (fin ? 1 : 0);
    struct sent_stamp stamp = rate_stamp(c, span, now);
    if (!scoreboard_sent_again(&c->recovery.board, &c->tcp->sent_pool, run, span, &stamp)) {
        return false;
    }
    undo_resent(c, start, seq_add(start, span), now);
    plpmtu_resent(c, start, seq_add(start, span));
    send_text(c, start, fit, fin, now, true);
    return true;
}

/* Octets of a lost run that may go again now. RFC 7323 2.4: the first time without regard to the window, which
 * may have shrunk, or seem to (MAY-7); later only what lies in it. When it is shut, the one that must go. */
static uint32_t resend_window(const struct tcp_conn *c, const struct tcp_sent *run)
{
    if (!run->again && (c->snd_wnd > 0 || c->recovery.must_send)) {
        return UINT32_MAX;
    }
    int32_t left = seq_diff(seq_add(c->snd_una, c->snd_wnd), run->start);
    return left > 0 ? (uint32_t)left : 0;
}

/* Sends again what recovery has marked lost, as far as the congestion window allows. */
static void send_lost(struct tcp_conn *c, nsec now)
{
    struct tcp_recovery *r = &c->recovery;
    struct tcp_sent *run;
    uint32_t window;
    while ((run = scoreboard_first_lost(&r->board)) != NULL &&
           (window = resend_window(c, run)) > 0) {
        uint32_t len = u32_min(u32_min(sent_len(run), transmit_room(c)), window);
        if (!r->must_send && recovery_in_flight(c) + len > c->cc.cwnd) {
            c->cwnd_limited = true;
            return;
        }
        if (!r->must_send && !pace_lets(c, len)) {
            return;
        }
        bool first = seq_eq(run->start, c->snd_una);
        if (!send_again(c, run, len, now)) {
            return;
        }
        /* RFC 6675 6: SACKs may keep the ACK clock going for longer than an RTO. Without, RFC 6582 3.2 step 3 holds (ack.c). */
        if (first && r->active && recovery_by_rack(c)) {
            timers_restart_rto(c, now);
        }
        r->must_send = false;
    }
}

/* RFC 8985 7.3: one segment of new data if there is some and the peer's window takes it, else the last one
 * again; cwnd is not asked. */
static void send_probe(struct tcp_conn *c, nsec now)
{
    struct scoreboard *b = &c->recovery.board;
    c->recovery.rack.probe_due = false;
    if (!rack_wants_probe(c)) {
        return;
    }
    uint32_t fresh = u32_min(u32_min(conn_unsent(c), usable_window(c)), transmit_room(c));
    bool again = send_one_new(c, fresh, now) == 0;
    struct tcp_sent *last = scoreboard_last(b);
    if (again && sent_len(last) > transmit_room(c)) {
        last = scoreboard_cut(b, &c->tcp->sent_pool, last, seq_sub(last->end, transmit_room(c)));
    }
    if (again && (last == NULL || !send_again(c, last, transmit_room(c), now))) {
        return;
    }
    rack_probe_sent(c, again);
    timers_restart_rto(c, now);
}

static void send_data(struct tcp_conn *c, nsec now)
{
    c->cwnd_limited = false;
    pace_begin(c, now);
    if (c->recovery.rack.probe_due) {
        send_probe(c, now);
    }
    if (undo_prefers_new(&c->recovery.undo)) { /* RFC 5682 2.1 step 2b: two segments */
        uint32_t sent = send_new(c, 2U * c->snd_mss, now);
        undo_new_sent(c, sent);
        if (sent > 0) {
            return;
        }
    }
    send_lost(c, now);
    if (recovery_pending(&c->recovery) == 0) {
        send_new(c, UINT32_MAX, now);
    }
}

/* How far the congestion window is used is measured over a round trip (RFC 7661 4.2): the most that was in flight,
 * and whether the window stopped a flush, count until all that was out then is acknowledged. */
static void note_use(struct tcp_conn *c)
{
    uint32_t flight = recovery_in_flight(c);
    bool over = seq_ge(c->snd_una, c->round_end);
    if (over || c->cwnd_limited || flight > c->round_flight) {
        c->round_flight = over ? flight : u32_max(flight, c->round_flight);
        c->round_limited = c->cwnd_limited || (!over && c->round_limited);
        c->round_end = c->snd_nxt;
    }
}

bool send_uses_window(const struct tcp_conn *c)
{
    bool slow_start = c->cc.cwnd < c->cc.ssthresh && !c->cc.ops->owns_window;
    return c->round_limited || (slow_start && c->cc.cwnd / 2 < c->round_flight);
}

void send_flush(struct tcp_conn *c, nsec now)
{
    if (c->rst_due) {
        transmit_rst(c, now);
        return;
    }
    if (c->syn_due) {
        transmit_syn(c, now);
    }
    if (c->accecn.third_due && !c->detached) { /* RFC 9768 3.2.2.1: by itself, before any data */
        transmit_empty(c, c->snd_nxt, now);
    }
    if (carries_data(c)) {
        send_data(c, now);
        note_use(c);
        cwv_flushed(c, now);
    }
    c->nudge = false; /* it was for this flush, even if what is lost came first */
    if (c->probe_due) {
        c->probe_due = false;
        transmit_empty(c, seq_sub(c->snd_una, 1), now);
    }
    if (carries_data(c) && urgent_notice_due(c)) {
        transmit_empty(c, urgent_notice_seq(c), now);
    }
    if (c->ack_due) {
        transmit_empty(c, c->snd_nxt, now);
    }
    if (!c->detached) {
        timers_after_send(c, now);
        rest_later(c, now);
        if (c->options.notsent_lowat != 0) {
            conn_tell_room(c);
        }
    }
}
