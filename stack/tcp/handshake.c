/* The three-way handshake.
 *
 *   client                                                server
 *   SYN-SENT      SYN      seq=x                    ->    LISTEN -> SYN-RECEIVED    handshake_listen
 *   ESTABLISHED   SYN ACK  seq=y ack=x+1            <-                              (transmit.c writes it)
 *                 ACK      seq=x+1 ack=y+1          ->    ESTABLISHED             handshake_complete
 *
 * x and y are the initial sequence numbers (isn.c). Each side learns the other's, and each proves by
 * its ACK that it does: no one who cannot see the answer can complete it.
 */
#include "stack/tcp/handshake.h"

#include "stack/tcp/close.h"
#include "stack/tcp/cookie.h"
#include "stack/tcp/fast_open.h"
#include "stack/tcp/isn.h"
#include "stack/tcp/receive.h"
#include "stack/tcp/reply.h"
#include "stack/tcp/timers.h"
#include "stack/tcp/transmit.h"

static void start_sending(struct tcp_conn *c, tcp_seq iss)
{
    c->iss = iss;
    c->snd_una = iss;
    c->snd_nxt = iss;
    c->round_end = iss;
    c->pushed_to = seq_add(iss, 1);
    sendq_init(&c->sendq, seq_add(iss, 1));
    recovery_init(c, seq_add(iss, 1));
    c->syn_due = true;
    conn_mark_dirty(c);
}

/* The peer's SYN: its sequence number is where its bytes begin. */
static void start_receiving(struct tcp_conn *c, const struct tcp_segment *s)
{
    c->irs = s->seq;
    c->rcv_nxt = seq_add(s->seq, 1);
    c->last_ack_sent = c->irs; /* nothing is acknowledged yet */
    c->rcv_adv = seq_add(c->rcv_nxt, receive_syn_window(c));
    conn_take_syn_options(c, s);
    ecn_take_syn(c, s);
}

void handshake_connect(struct tcp_conn *c, nsec now)
{
    conn_set_state(c, TCP_SYN_SENT);
    conn_update_mss(c);
    start_sending(c, isn_choose(c->tcp, &c->handle->entry.tuple, now));
}

static void refuse(struct tcp *t, const struct tcp_segment *s, enum drop_reason why)
{
    segment_trace_stray(t->recorder, 0, s);
    trace_drop(t->recorder, why, 0, s->len);
}

static bool all_open(const struct tcp_listener *l)
{
    return l->max_open != 0 && l->open >= l->max_open;
}

/* A new connection of a listener; NULL: dropped by name. */
static struct tcp_conn *new_passive(struct tcp *t, struct tcp_listener *l,
                                    const struct tcp_segment *s)
{
    struct tcp_tuple tuple = {.local = s->dst, .remote = s->src};
    struct tcp_conn *c = conn_new(t, &tuple, &l->options, true);
    if (c == NULL) {
        return NULL;
    }
    c->state = TCP_LISTEN; /* the listener's, of which this is the copy */
    c->listener = l;
    l->open++;
    t->totals.opened_passive++;
    demux_add(t, &c->handle->entry);
    return c;
}

static void take_syn(struct tcp_conn *c, const struct tcp_segment *s, tcp_seq iss)
{
    c->story.syn_at = s->at;
    c->story.syn_wnd = s->wnd;
    c->last_heard = s->at;
    conn_take_route(c, s); /* MUST-53 */
    start_receiving(c, s);
    start_sending(c, iss);
    conn_set_state(c, TCP_SYN_RCVD);
}

/* RFC 5681 3.1, RFC 6298 5.7: a lost SYN is a sign of congestion, and of a longer path than thought. */
static void start_congestion_control(struct tcp_conn *c)
{
    c->syn_lost = c->backoff > 0;
    c->backoff = 0;
    cc_init(&c->cc, c->options.cc, c->snd_mss, c->syn_lost || c->accecn.syn_marked);
    c->cc.no_abe = c->tcp->config.no_abe;
    c->cc.no_ack_train = c->tcp->config.no_ack_train;
    c->cc.no_hystart = c->tcp->config.no_hystart;
    c->cc.no_byte_counting = c->tcp->config.no_byte_counting;
    c->cc.dice = c->id * 2654435761U + c->ts_offset;
    TRACE(c->tcp->recorder, c->id, tcp_cwnd, .cwnd = c->cc.cwnd, .ssthresh = c->cc.ssthresh,
          .in_flight = 0, .why = CWND_INITIAL);
}

/* RFC 7413 4.2.2: the application gets what is in the SYN, and may answer as far as the initial window goes. The peer's
 * is that of the SYN, never scaled. */
static void open_early(struct tcp_conn *c, struct tcp_segment *s)
{
    c->snd_wl1 = s->seq;
    c->snd_wl2 = c->iss;
    c->snd_wnd = s->wnd;
    c->max_snd_wnd = s->wnd;
    start_congestion_control(c);
    delack_begin(c);
    conn_tell(c, PENDING_ACCEPT);
    conn_tell(c, PENDING_OPENED);
    s->flags &= (uint8_t)~TCP_SYN;
    s->seq = seq_add(s->seq, 1);
    receive_segment(c, s);
    c->story.syn_bytes = seq_span(seq_add(c->irs, 1), c->rcv_nxt);
}

static void open_half(struct tcp *t, struct tcp_listener *l, struct tcp_segment *s,
                      const tcp_seq *isn_floor)
{
    struct tcp_conn *c = new_passive(t, l, s);
    if (c == NULL) {
        return;
    }
    c->half_open = true;
    l->half_open++;
    segment_trace_in(t->recorder, c->id, s, s->wnd);
    c->story.segments_in++;
    conn_trace_passed(c, 3);
    tcp_seq iss = isn_choose(t, &c->handle->entry.tuple, s->at);
    if (isn_floor != NULL && seq_le(iss, *isn_floor)) {
        iss = seq_add(*isn_floor, UINT16_MAX);
    }
    take_syn(c, s, iss);
    if (fast_open_take_syn(c, s)) {
        open_early(c, s);
    } else if (s->len > 0) {
        conn_trace_drop(c, DROP_TCP_SYN_DATA, s->len);
    }
}

/* ---- SYN cookies (cookie.h) ---- */

/* The SYN-ACK of a connection that is forgotten at once. */
static void answer_by_cookie(struct tcp *t, struct tcp_listener *l, const struct tcp_segment *s)
{
    struct tcp_segment syn = *s;
    struct tcp_handle handle = {.entry.tuple = {.local = s->dst, .remote = s->src}};
    struct tcp_conn c = {0};
    cookie_reduce(t, &syn);
    conn_init(&c, &handle, t, &l->options, true);
    start_receiving(&c, &syn);
    c.iss = cookie_isn(t, &syn, s->at);
    c.state = TCP_SYN_RCVD;
    struct tcp_reply r = {
        .segment = transmit_make_syn(&c, s->at), .ttl = c.options.ttl, .tos = c.options.tos};
    ecn_stamp_syn(&c, &r.segment);
    r.segment.tsval = cookie_stamp(&syn, r.segment.tsval);
    if (s->back != NULL) {
        r.route = *s->back;
    }
    segment_trace_stray(t->recorder, 0, s);
    if (s->len > 0) {
        trace_drop(t->recorder, DROP_TCP_SYN_DATA, 0, s->len);
    }
    reply_queue(t, &r);
    l->cookies_until = s->at + COOKIE_LASTS;
    t->totals.cookies_out++;
}

/* The connection that an ACK with a cookie of ours ends the handshake of; NULL: dropped by name. */
static struct tcp_conn *open_by_cookie(struct tcp *t, struct tcp_listener *l,
                                       const struct tcp_segment *s)
{
    struct tcp_segment syn;
    enum cookie_verdict verdict = cookie_read(t, s, &syn);
    if (verdict == COOKIE_AHEAD) {
        refuse(t, s, DROP_TCP_COOKIE_AHEAD);
        return NULL;
    }
    if (verdict == COOKIE_BAD) {
        refuse(t, s, DROP_TCP_BAD_COOKIE);
        reply_reset(t, s);
        return NULL;
    }
    if (all_open(l)) {
        refuse(t, s, DROP_TCP_BACKLOG_FULL);
        return NULL;
    }
    struct tcp_conn *c = new_passive(t, l, s);
    if (c == NULL) {
        return NULL;
    }
    take_syn(c, &syn, seq_sub(s->ack, 1));
    c->syn_due = false;
    c->snd_nxt = s->ack;
    c->last_ack_sent = c->rcv_nxt;
    c->story.syn_ack_at = s->at;       /* nobody knows when it was */
    rtt_retransmitted(&c->rtt, s->at); /* nor does the timestamp that comes back tell */
    t->totals.cookies_in++;
    TRACE(t->recorder, c->id, tcp_cookie, .mss = syn.mss, .wscale = syn.wscale, .opts = syn.opts);
    return c;
}

/* RFC 9293 3.10.7.2, third. */
static void listen_syn(struct tcp *t, struct tcp_listener *l, struct tcp_segment *s,
                       const tcp_seq *isn_floor)
{
    enum tcp_cookie_policy policy = t->config.syn_cookies;
    bool full = l->half_open >= l->backlog;
    /* a cookie cannot lie above a number, as it must for a pair of ends that was in TIME-WAIT */
    bool cookie =
        isn_floor == NULL && (policy == TCP_COOKIES_ALWAYS || (full && policy == TCP_COOKIES_AUTO));
    if (all_open(l) || (full && !cookie)) {
        refuse(t, s, DROP_TCP_BACKLOG_FULL);
    } else if (cookie) {
        answer_by_cookie(t, l, s);
    } else {
        open_half(t, l, s, isn_floor);
    }
}

static bool may_have_cookie(const struct tcp_listener *l, const struct tcp_segment *s)
{
    return (s->flags & (TCP_ACK | TCP_SYN | TCP_RST)) == TCP_ACK && s->at < l->cookies_until;
}

bool handshake_gives_way(struct tcp_conn *c, const struct tcp_segment *s)
{
    tcp_seq end = c->early ? c->snd_nxt : seq_add(c->iss, 1);
    if (c->state != TCP_SYN_RCVD || c->listener == NULL ||
        (seq_gt(s->ack, c->iss) && seq_le(s->ack, end)) || !may_have_cookie(c->listener, s)) {
        return false;
    }
    struct tcp_segment syn;
    enum cookie_verdict verdict = cookie_read(c->tcp, s, &syn);
    if (verdict == COOKIE_GOOD) {
        close_half_open(c, CLOSE_RESET);
    }
    return verdict != COOKIE_BAD;
}

struct tcp_conn *handshake_listen(struct tcp *t, struct tcp_listener *l, struct tcp_segment *s,
                                  const tcp_seq *isn_floor)
{
    if ((s->flags & TCP_RST) != 0) { /* first: there is nothing that it could reset */
        refuse(t, s, DROP_TCP_RST_NO_CONNECTION);
    } else if (may_have_cookie(l, s)) {
        return open_by_cookie(t, l, s);
    } else if ((s->flags & TCP_ACK) != 0) { /* second: it acknowledges nothing of ours */
        refuse(t, s, DROP_TCP_ACK_UNACCEPTABLE);
        reply_reset(t, s);
    } else if ((s->flags & TCP_SYN) == 0 || (s->flags & TCP_FIN) != 0) { /* fourth */
        refuse(t, s, DROP_TCP_BAD_FLAGS);
    } else {
        listen_syn(t, l, s, isn_floor); /* third */
    }
    return NULL;
}

void handshake_syn_again(struct tcp_conn *c, const struct tcp_segment *s)
{
    if (!ecn_syn_again(c, s)) {
        reply_reset(c->tcp, s);
        close_half_open(c, CLOSE_RESET);
        return;
    }
    c->syn_due = true;
    conn_mark_dirty(c);
}

static void trace_established(struct tcp_conn *c)
{
    const struct tcp_story *story = &c->story;
    uint8_t opts =
        (uint8_t)((c->ts_ok ? TCP_OPT_HAS_TS : 0) | (c->sack_ok ? TCP_OPT_HAS_SACK_OK : 0) |
                  (c->wscale_ok ? TCP_OPT_HAS_WSCALE : 0) |
                  (story->mss_in != 0 ? TCP_OPT_HAS_MSS : 0));
    nsec rtt = c->passive ? story->ack_at - story->syn_ack_at : story->syn_ack_at - story->syn_at;
    TRACE(c->tcp->recorder, c->id, tcp_established, .took = story->ack_at - story->syn_at,
          .rtt = rtt, .snd_mss = c->snd_mss, .snd_wscale = c->snd_wscale,
          .rcv_wscale = c->rcv_wscale, .opts = opts);
}

static void establish(struct tcp_conn *c, const struct tcp_segment *s)
{
    c->tcp->totals.established++;
    c->story.ack_at = s->at;
    fast_open_take_ack(c, s);
    c->syn_due = false; /* a copy of the peer's SYN may have come just before the ACK of ours */
    /* … or its SYN itself, in the same batch: then our SYN-ACK never went, and its SYN waits for an ACK. */
    c->ack_due = c->ack_due || !seq_eq(c->last_ack_sent, c->rcv_nxt);
    if (!c->early || c->backoff > 0) {
        start_congestion_control(c);
        delack_begin(c);
    }
    conn_set_state(c, c->fin_queued ? TCP_FIN_WAIT_1 : TCP_ESTABLISHED);
    fast_open_settle(c);
    if (c->listener != NULL && c->half_open) {
        c->listener->half_open--;
    }
    c->half_open = false;
    trace_established(c);
    if (!c->early) {
        conn_tell(c, c->passive ? PENDING_ACCEPT | PENDING_OPENED : PENDING_OPENED);
    }
    timers_keepalive(c, s->at);
}

bool handshake_complete(struct tcp_conn *c, const struct tcp_segment *s)
{
    if (seq_le(s->ack, c->snd_una) || seq_gt(s->ack, c->snd_nxt)) {
        conn_trace_drop(c, DROP_TCP_ACK_UNACCEPTABLE, s->len);
        reply_reset(c->tcp, s);
        return false;
    }
    conn_trace_passed(c, 5);
    c->snd_wl1 = seq_sub(s->seq, 1); /* so that this segment's window counts as newer */
    c->story.ack_wnd = (uint32_t)s->wnd << c->snd_wscale;
    establish(c, s);
    return true;
}

/* RFC 9293 3.10.7.3, first and second. False: the segment is done with. */
static bool syn_sent_checks(struct tcp_conn *c, const struct tcp_segment *s)
{
    bool has_ack = (s->flags & TCP_ACK) != 0;
    bool rst = (s->flags & TCP_RST) != 0;
    if (has_ack && (seq_le(s->ack, c->iss) || seq_gt(s->ack, c->snd_nxt))) {
        conn_trace_drop(c, rst ? DROP_TCP_RST_BAD_ACK : DROP_TCP_ACK_UNACCEPTABLE, s->len);
        reply_reset(c->tcp, s);
        return false;
    }
    if (rst && has_ack) {
        conn_trace_passed(c, 2);
        close_by_reset(c);
        return false;
    }
    if (rst) {
        conn_trace_drop(c, DROP_TCP_RST_BAD_ACK, s->len);
        return false;
    }
    return true;
}

void handshake_syn_sent(struct tcp_conn *c, struct tcp_segment *s)
{
    if (!syn_sent_checks(c, s)) {
        return;
    }
    if ((s->flags & TCP_SYN) == 0) { /* fifth */
        conn_trace_drop(c, DROP_TCP_BAD_FLAGS, s->len);
        return;
    }
    conn_trace_passed(c, 4);
    c->last_heard = s->at;
    start_receiving(c, s);
    if ((s->flags & TCP_ACK) == 0) { /* simultaneous open (MUST-10) */
        if (s->len > 0) {
            conn_trace_drop(c, DROP_TCP_SYN_DATA, s->len);
        }
        c->syn_due = true;
        conn_set_state(c, TCP_SYN_RCVD);
        conn_mark_dirty(c);
        return;
    }
    c->story.syn_ack_at = s->at;
    c->story.syn_ack_wnd = s->wnd;
    c->snd_wl1 = seq_sub(s->seq, 1);
    c->ack_due = true;
    establish(c, s);
    ack_process(c, s);
    s->flags &= (uint8_t)~TCP_SYN; /* text and FIN behind it go on to the sixth check */
    s->seq = seq_add(s->seq, 1);
    receive_segment(c, s);
}
