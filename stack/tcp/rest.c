#include "stack/tcp/rest.h"

#include <string.h>

#include "stack/tcp/close.h"
#include "stack/tcp/conn.h"
#include "stack/tcp/timers.h"
#include "stack/tcp/validate.h"

#define REST_AGAIN NS_PER_SEC /* while what others do is still counted */

/* ---- which connections may ---- */

static bool nothing_due(const struct tcp_conn *c)
{
    bool output = c->ack_due || c->syn_due || c->rst_due || c->probe_due || c->nudge ||
                  c->dsack.due || list_linked(&c->dirty_link);
    bool news = c->pending != 0 || c->want_write || list_linked(&c->events_link) ||
                list_linked(&c->starved_link);
    bool urgent = c->urgent_in || c->urgent_out || c->urgent_due;
    return !output && !news && !urgent;
}

static bool holds_nothing(const struct tcp_conn *c)
{
    return seq_eq(c->snd_una, c->snd_nxt) && list_empty(&c->sendq.chunks) &&
           list_empty(&c->rcv_queue) && c->reassembly.count == 0 && c->recovery.board.count == 0 &&
           !c->recovery.active && !c->plpmtu.probing && c->path_mtu.held == 0;
}

static bool no_timer_runs(const struct tcp_conn *c)
{
    for (unsigned i = 0; i < TCP_TIMERS; i++) {
        if (i != TCP_TIMER_KEEPALIVE && timers_running(c, (enum tcp_timer)i)) {
            return false;
        }
    }
    return c->backoff == 0 && c->probes == 0 && c->keepalives == 0;
}

static bool is_silent(const struct tcp_conn *c)
{
    bool open = c->state == TCP_ESTABLISHED && !c->half_open && !c->orphan && !c->fin_queued &&
                !c->fin_ahead;
    return open && nothing_due(c) && holds_nothing(c) && no_timer_runs(c);
}

void rest_later(struct tcp_conn *c, nsec now)
{
    if (!c->tcp->config.no_rest) {
        timers_rest(c, now + c->rtt.rto);
    }
}

/* ---- a block becomes a record ---- */

static bool has_more(const struct tcp_conn *c)
{
    bool options = c->listener == NULL || c->own_options;
    bool marks = c->ecn.mode != ECN_MODE_NONE || c->ecn.asked != ECN_MODE_NONE ||
                 c->ecn.ce_in != 0 || c->ecn.ect_in != 0;
    return options || marks || c->route != NULL || c->cc.ops->kept > REST_CC_BYTES;
}

static void keep_more(const struct tcp_conn *c, struct tcp_rest_more *m)
{
    *m = (struct tcp_rest_more){.options = c->options,
                                .cc = c->cc,
                                .rate = c->rate,
                                .ecn = c->ecn,
                                .accecn = c->accecn,
                                .route = c->route,
                                .keepalive_at = timers_keepalive_due(c)};
}

static void keep_story(const struct tcp_story *s, struct tcp_rest *r)
{
    r->syn_at = s->syn_at;
    r->syn_ack_at = s->syn_ack_at;
    r->ack_at = s->ack_at;
    r->syn_wnd = (uint16_t)s->syn_wnd; /* never scaled (RFC 7323 2.2) */
    r->syn_ack_wnd = (uint16_t)s->syn_ack_wnd;
    r->ack_wnd = s->ack_wnd;
    r->syn_bytes = (uint16_t)s->syn_bytes; /* of one packet */
    r->mss_in = s->mss_in;
    r->mss_out = s->mss_out;
    r->bytes_in = s->bytes_in;
    r->bytes_out = s->bytes_out;
    r->segments_in = s->segments_in;
    r->segments_out = s->segments_out;
    r->retransmitted = s->retransmitted;
    r->soft_error_type = s->soft_error_type;
    r->soft_error_code = s->soft_error_code;
    r->unanswered = s->unanswered;
}

static void keep_path(const struct tcp_conn *c, struct tcp_rest *r)
{
    r->srtt = c->rtt.srtt;
    r->rttvar = c->rtt.rttvar;
    r->rto = c->rtt.rto;
    r->rtt_min = c->rtt.min;
    r->rtt_fresh = c->rtt.fresh;
    r->cwnd = c->cc.cwnd;
    r->ssthresh = c->cc.ssthresh;
    r->dice = c->cc.dice;
    memcpy(r->cc_state, &c->cc.u, REST_CC_BYTES);
    r->delivery_rate = c->rate.latest;
    r->delivery_app_limited = c->rate.latest_app_limited;
    r->reo_wnd_mult = c->recovery.rack.reo_wnd_mult;
    r->reo_wnd_persist = c->recovery.rack.reo_wnd_persist;
    r->reordering_seen = c->recovery.rack.reordering_seen;
    r->mtu = c->mtu;
    r->packet_sent = c->path_mtu.sent;
    r->packet_acked = c->path_mtu.acked;
    r->may_fragment = c->path_mtu.may_fragment;
    r->search_at = c->plpmtu.next_at;
    r->search_high = c->plpmtu.high;
    r->search_size = c->plpmtu.size;
    r->search_state = c->plpmtu.state;
    r->probe_count = c->plpmtu.probe_count;
    r->receive_limit = c->autotune.limit;
    r->received_in_round = c->autotune.last;
    r->shortest = c->autotune.shortest;
    r->rcv_mss = c->delack.mss;
}

static void keep_sequence(const struct tcp_conn *c, struct tcp_rest *r)
{
    r->iss = c->iss;
    r->snd_nxt = c->snd_nxt;
    r->snd_wl1 = c->snd_wl1;
    r->snd_wl2 = c->snd_wl2;
    r->snd_wnd = c->snd_wnd;
    r->max_snd_wnd = c->max_snd_wnd;
    r->snd_wscale = c->snd_wscale;
    r->irs = c->irs;
    r->rcv_nxt = c->rcv_nxt;
    r->rcv_adv = c->rcv_adv;
    r->rcv_wscale = c->rcv_wscale;
    r->last_ack_sent = c->last_ack_sent;
    r->ts_recent = c->ts_recent;
    r->ts_recent_at = c->ts_recent_at;
}

static void keep(const struct tcp_conn *c, struct tcp_rest *r)
{
    *r = (struct tcp_rest){
        .listener = c->listener,
        .last_heard = c->last_heard,
        .last_sent = c->last_sent,
        .id = c->id,
        .passive = c->passive,
        .ts_ok = c->ts_ok,
        .sack_ok = c->sack_ok,
        .wscale_ok = c->wscale_ok,
        .early = c->early,
        .syn_fast_open = c->syn_fast_open,
        .route_given = c->route_given,
    };
    keep_sequence(c, r);
    keep_path(c, r);
    keep_story(&c->story, r);
}

/* The wheel has only what is left to be waited for. */
static void keep_timer(const struct tcp_conn *c)
{
    struct timer *timer = &c->handle->timer;
    nsec due = timers_keepalive_due(c);
    if (due != NEVER) {
        timer_arm(c->tcp->wheel, timer, due);
    } else {
        timer_cancel(c->tcp->wheel, timer);
    }
}

bool rest_begin(struct tcp_conn *c, nsec now)
{
    struct tcp *t = c->tcp;
    struct tcp_handle *h = c->handle;
    nsec quiet = nsec_max(c->last_heard, c->last_sent) + c->rtt.rto;
    c->rest_at = NEVER;
    if (!is_silent(
            c)) { /* what it waits for ends with a flush, or with the application's taking what came */
        return false;
    }
    if (now < quiet || validate_counts(c, now)) {
        c->rest_at = nsec_max(quiet, now + (now < quiet ? 0 : REST_AGAIN));
        return false;
    }
    struct tcp_rest_more *more = NULL;
    if (has_more(c)) {
        more = pool_get(&t->rest_pool);
        if (more == NULL) { /* then it keeps its block */
            return false;
        }
        keep_more(c, more);
    }
    keep_timer(c);
    keep(c, &h->rest);
    h->rest.more = more;
    h->conn = NULL;
    pool_put(&t->conn_pool, c);
    /* All is silent, which takes an RTO each time. So this comes five times a second at the most, and costs some 35 us then. */
    if (t->conn_pool.in_use == 0) {
        slab_pools_trim(t->pools);
        pool_trim(&t->conn_pool);
    }
    return true;
}

/* ---- a record becomes a block ---- */

static void restore_story(const struct tcp_rest *r, struct tcp_story *s)
{
    *s = (struct tcp_story){
        .syn_at = r->syn_at,
        .syn_ack_at = r->syn_ack_at,
        .ack_at = r->ack_at,
        .syn_wnd = r->syn_wnd,
        .syn_ack_wnd = r->syn_ack_wnd,
        .ack_wnd = r->ack_wnd,
        .syn_bytes = r->syn_bytes,
        .mss_in = r->mss_in,
        .mss_out = r->mss_out,
        .bytes_in = r->bytes_in,
        .bytes_out = r->bytes_out,
        .segments_in = r->segments_in,
        .segments_out = r->segments_out,
        .retransmitted = r->retransmitted,
        .soft_error_type = r->soft_error_type,
        .soft_error_code = r->soft_error_code,
        .unanswered = r->unanswered,
    };
}

/* It begins like one that is new, with what was learnt. */
static void restore_path(const struct tcp_rest *r, struct tcp_conn *c)
{
    c->rtt.srtt = r->srtt;
    c->rtt.rttvar = r->rttvar;
    c->rtt.rto = r->rto;
    c->rtt.min = r->rtt_min;
    c->rtt.fresh = r->rtt_fresh;
    cc_init(&c->cc, c->options.cc, c->snd_mss, false);
    c->cc.no_abe = c->tcp->config.no_abe;
    c->cc.no_ack_train = c->tcp->config.no_ack_train;
    c->cc.no_hystart = c->tcp->config.no_hystart;
    c->cc.no_byte_counting = c->tcp->config.no_byte_counting;
    c->cc.cwnd = r->cwnd;
    c->cc.ssthresh = r->ssthresh;
    c->cc.dice = r->dice;
    memcpy(&c->cc.u, r->cc_state, size_min(c->cc.ops->kept, REST_CC_BYTES));
    c->cwv.since = r->last_sent;
    c->rate.latest = r->delivery_rate;
    c->rate.latest_app_limited = r->delivery_app_limited;
    recovery_init(c, r->snd_nxt);
    c->recovery.rack.reo_wnd_mult = r->reo_wnd_mult;
    c->recovery.rack.reo_wnd_persist = r->reo_wnd_persist;
    c->recovery.rack.reordering_seen = r->reordering_seen;
    c->plpmtu.next_at = r->search_at;
    c->plpmtu.high = r->search_high;
    c->plpmtu.size = r->search_size;
    c->plpmtu.state = r->search_state;
    c->plpmtu.probe_count = r->probe_count;
    c->path_mtu.sent = r->packet_sent;
    c->path_mtu.acked = r->packet_acked;
    c->path_mtu.may_fragment = r->may_fragment;
    c->autotune.limit = r->receive_limit;
    c->autotune.last = r->received_in_round;
    c->autotune.shortest = r->shortest;
    c->autotune.round = r->shortest;
    delack_begin(c);
    c->delack.mss = r->rcv_mss;
    c->delack.text_at = r->last_heard;
}

static void restore_sequence(const struct tcp_rest *r, struct tcp_conn *c)
{
    c->iss = r->iss;
    c->snd_una = r->snd_nxt;
    c->snd_nxt = r->snd_nxt;
    c->round_end = r->snd_nxt;
    c->pushed_to = r->snd_nxt;
    c->snd_wl1 = r->snd_wl1;
    c->snd_wl2 = r->snd_wl2;
    c->snd_wnd = r->snd_wnd;
    c->max_snd_wnd = r->max_snd_wnd;
    c->snd_wscale = r->snd_wscale;
    sendq_init(&c->sendq, r->snd_nxt);
    c->irs = r->irs;
    c->rcv_nxt = r->rcv_nxt;
    c->rcv_adv = r->rcv_adv;
    c->rcv_wscale = r->rcv_wscale;
    c->last_ack_sent = r->last_ack_sent;
    c->ts_recent = r->ts_recent;
    c->ts_recent_at = r->ts_recent_at;
}

static void restore_more(const struct tcp_rest_more *m, struct tcp_conn *c)
{
    if (c->cc.ops->kept > REST_CC_BYTES) {
        c->cc = m->cc;
        c->rate = m->rate;
    }
    c->ecn = m->ecn;
    c->accecn = m->accecn;
    c->own_options = true;
}

static bool listens(const struct tcp_rest *r)
{
    return r->listener != NULL && !r->listener->gone;
}

/* Into a block of zeros. */
static void restore(const struct tcp_handle *h, struct tcp_conn *c)
{
    const struct tcp_rest *r = &h->rest;
    const struct tcp_rest_more *m = r->more;
    conn_init(c, (struct tcp_handle *)h, h->tcp, m != NULL ? &m->options : &r->listener->options,
              r->passive);
    c->state = TCP_ESTABLISHED;
    c->id = r->id;
    c->listener = listens(r) ? r->listener : NULL;
    c->last_heard = r->last_heard;
    c->last_sent = r->last_sent;
    c->ts_ok = r->ts_ok;
    c->sack_ok = r->sack_ok;
    c->wscale_ok = r->wscale_ok;
    c->early = r->early;
    c->syn_fast_open = r->syn_fast_open;
    c->route_given = r->route_given;
    c->route = m != NULL ? m->route : NULL;
    c->mtu = r->mtu;
    restore_story(r, &c->story);
    restore_sequence(r, c);
    conn_update_mss(c);
    restore_path(r, c);
    if (m != NULL) {
        restore_more(m, c);
    }
    c->due[TCP_TIMER_KEEPALIVE] = m != NULL ? m->keepalive_at : timers_keepalive_due(c);
}

static void leave_record(struct tcp_handle *h)
{
    struct tcp_rest *r = &h->rest;
    if (r->more != NULL) {
        pool_put(&h->tcp->rest_pool, r->more);
    }
    if (r->listener != NULL && r->listener->gone) {
        listener_left(r->listener);
    }
}

/* What the application has asked for meanwhile. */
static void pay(struct tcp_conn *c, uint8_t owed)
{
    if ((owed & OWED_ABORT) != 0) {
        close_abort(c);
    } else if ((owed & OWED_CLOSE) != 0) {
        close_orphan(c);
    } else if ((owed & OWED_SHUTDOWN) != 0) {
        close_shutdown(c);
    } else if ((owed & OWED_WRITABLE) != 0) {
        c->want_write = true;
        conn_tell(c, PENDING_WRITABLE);
    }
}

struct tcp_conn *rest_end(struct tcp_handle *h)
{
    struct tcp *t = h->tcp;
    struct tcp_conn *c = pool_get_zero(&t->conn_pool);
    if (c == NULL) {
        trace_drop(t->recorder, DROP_TCP_NO_MEMORY, h->rest.id, 0);
        return NULL;
    }
    uint8_t owed = h->rest.owed;
    restore(h, c);
    leave_record(h);
    h->conn = c;
    rest_later(c, t->now);
    pay(c, owed);
    return c;
}

const struct tcp_conn *rest_look(const struct tcp_handle *h, struct tcp_conn *room)
{
    if (h->conn != NULL) {
        return h->conn;
    }
    *room = (struct tcp_conn){0};
    restore(h, room);
    return room;
}

void rest_free(struct tcp_handle *h)
{
    struct tcp *t = h->tcp;
    if (h->rest.more != NULL && h->rest.more->route != NULL) {
        pool_put(&t->route_pool, h->rest.more->route);
    }
    if (listens(&h->rest)) {
        h->rest.listener->open--;
    }
    leave_record(h);
    demux_remove(t, &h->entry);
    timer_cancel(t->wheel, &h->timer);
    list_remove(&h->all_link);
    t->totals.closed++;
    pool_put(&t->handle_pool, h);
}

/* ---- no memory for a block ---- */

void rest_owe(struct tcp_handle *h, enum rest_owed what)
{
    h->rest.owed |= (uint8_t)what;
    timer_arm(h->tcp->wheel, &h->timer, h->tcp->now + REST_RETRY);
}
