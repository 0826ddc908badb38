/* RFC 9293 3.10.7.4 seventh (segment text) and eighth (FIN), 3.8.6.2.2 (receiver's silly-window
 * avoidance), 3.8.6.3 (delayed ACK), 3.8.6 (the window never shrinks, SHLD-14).
 */
#include "stack/tcp/receive.h"

#include "stack/tcp/close.h"
#include "stack/tcp/urgent.h"

#define ROUNDING_SLACK 16U /* the part of the buffer by which rounding may exceed it */

static void deliver(struct tcp_conn *c, struct buf *b)
{
    uint32_t n = b->len;
    c->rcv_nxt = seq_add(c->rcv_nxt, n);
    c->delack.unacked += n;
    c->rcv_queued += n;
    c->story.bytes_in += n;
    c->tcp->totals.bytes_in += n;
    struct list *queue = &c->rcv_queue;
    if (list_empty(queue) || !buf_join(buf_of_link(queue->prev), buf_slice(b))) {
        list_push_back(queue, &b->link);
    } else {
        buf_free(b);
    }
    conn_tell(c, PENDING_READABLE);
}

static void deliver_from_ranges(struct tcp_conn *c)
{
    struct list ready;
    list_init(&ready);
    if (reassembly_take(&c->reassembly, &c->tcp->range_pool, c->rcv_nxt, &ready) == 0) {
        return;
    }
    struct list *node;
    while ((node = list_pop_front(&ready)) != NULL) {
        deliver(c, buf_of_link(node));
    }
}

/* Cuts off what was received before and what lies beyond the window. */
static void trim_to_window(struct tcp_conn *c, struct tcp_segment *s)
{
    if (seq_lt(s->seq, c->rcv_nxt)) {
        uint32_t old = u32_min(seq_span(s->seq, c->rcv_nxt), s->len);
        buf_trim_front(s->payload, old);
        s->len -= old;
        s->seq = seq_add(s->seq, old);
    }
    tcp_seq end = seq_add(s->seq, s->len);
    if (seq_gt(end, c->rcv_adv)) {
        uint32_t beyond = u32_min(seq_span(c->rcv_adv, end), s->len);
        conn_trace_drop(c, DROP_TCP_BEYOND_WINDOW, beyond);
        buf_trim_back(s->payload, beyond);
        s->len -= beyond;
        s->flags &= (uint8_t)~TCP_FIN; /* it comes after what was cut off */
        c->ack_due = true;
    }
}

/* What lies beyond a hole must not take the last buffers: the bytes that fill holes need them, and
 * nothing else would ever free them. */
static bool buffers_scarce(const struct buf *b)
{
    const struct slab_pools *pools = b->slab->pools;
    return pool_scarce(&pools->slabs[b->slab->class]) || pool_scarce(&pools->bufs);
}

/* Ranges that may be kept beyond holes: what a window of whole segments can come to, every other one lost. More
 * would be tiny ones, which hold a slab each. */
static uint32_t ranges_max(const struct tcp_conn *c)
{
    static const uint32_t at_least = 256, bytes_a_range = 1024;
    uint32_t window = seq_span(c->rcv_nxt, c->rcv_adv);
    return u32_min(c->tcp->config.reassembly_max, at_least + window / bytes_a_range);
}

static void queue_out_of_order(struct tcp_conn *c, struct tcp_segment *s)
{
    struct buf *b = s->payload;
    if (buffers_scarce(b)) {
        conn_trace_drop(c, DROP_TCP_NO_BUFFER, s->len);
        c->ack_due = true;
        return;
    }
    s->payload = NULL;
    TRACE(c->tcp->recorder, c->id, tcp_queued, .seq = s->seq.v, .len = s->len);
    if (!reassembly_insert(&c->reassembly, &c->tcp->range_pool, ranges_max(c), s->seq, b)) {
        conn_trace_drop(c, DROP_TCP_REASSEMBLY_FULL, s->len);
    }
    c->ack_due = true; /* RFC 5681 4.2: at once, so that the sender sees the hole */
}

/* An application that leaves its text unread must not take the last buffers either. What it holds may be a TLS record
 * whose end it waits for, so that much is always taken. */
static bool hoards(const struct tcp_conn *c, const struct buf *b)
{
    return c->rcv_queued >= SLAB_RECORD_BYTES && buffers_scarce(b);
}

static void receive_text(struct tcp_conn *c, struct tcp_segment *s)
{
    dsack_look(c, s);
    uint32_t len = s->len;
    if (len > 0) {
        delack_measure(c, s);
    }
    trim_to_window(c, s);
    if (s->len == 0) {
        return;
    }
    autotune_arrived(c, s);
    if (seq_gt(s->seq, c->rcv_nxt)) {
        queue_out_of_order(c, s);
        return;
    }
    if (hoards(c, s->payload)) {
        conn_trace_drop(c, DROP_TCP_NO_BUFFER, s->len);
        s->flags &= (uint8_t)~TCP_FIN; /* it comes after what was refused */
        c->ack_due = true;
        return;
    }
    struct buf *b = s->payload;
    s->payload = NULL;
    bool hole = c->reassembly.count > 0;
    deliver(c, b);
    deliver_from_ranges(c);
    if (hole) {
        c->ack_due = true; /* RFC 5681 4.2: also when it fills a hole */
    }
    delack_schedule(c, len, s->at);
}

/* RFC 9293 3.10.7.4 eighth. */
static void receive_fin(struct tcp_conn *c, nsec now)
{
    urgent_end_of_stream(c);
    c->rcv_nxt = seq_add(c->rcv_nxt, 1);
    c->rcv_adv = seq_max(c->rcv_adv, c->rcv_nxt);
    c->fin_received = true;
    c->fin_ahead = false;
    c->ack_due = true;
    reassembly_done(&c->reassembly, &c->tcp->range_pool);
    conn_tell(c, PENDING_PEER_CLOSED);
    close_on_fin(c, now);
}

static void note_fin(struct tcp_conn *c, const struct tcp_segment *s)
{
    c->fin_ahead = true;
    c->fin_ahead_seq = seq_add(s->seq, s->len);
}

bool receive_takes_text(const struct tcp_conn *c)
{
    return c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 ||
           c->state == TCP_FIN_WAIT_2 || (c->state == TCP_SYN_RCVD && c->early);
}

void receive_segment(struct tcp_conn *c, struct tcp_segment *s)
{
    if (segment_span(s) == 0) {
        return;
    }
    conn_mark_dirty(c);
    if (!receive_takes_text(c)) {
        conn_trace_drop(c, DROP_TCP_DATA_AFTER_FIN, s->len);
        c->ack_due = true;
        return;
    }
    if (s->len > 0 && c->orphan) { /* SHLD-3: nobody will ever read it */
        conn_trace_drop(c, DROP_TCP_DATA_AFTER_CLOSE, s->len);
        close_abort(c);
        return;
    }
    if (c->fin_ahead && seq_gt(seq_add(s->seq, s->len), c->fin_ahead_seq)) {
        uint32_t beyond = seq_span(c->fin_ahead_seq, seq_add(s->seq, s->len));
        conn_trace_drop(c, DROP_TCP_DATA_AFTER_FIN, beyond);
        c->ack_due = true;
        return;
    }
    receive_text(c, s);
    if ((s->flags & TCP_FIN) != 0) {
        note_fin(c, s);
    }
    if (c->fin_ahead && seq_eq(c->fin_ahead_seq, c->rcv_nxt)) {
        receive_fin(c, s->at);
    } else if ((s->flags & TCP_FIN) != 0) {
        c->ack_due = true;
    }
}

uint16_t receive_syn_window(const struct tcp_conn *c)
{
    return (uint16_t)u32_min(c->autotune.limit - u32_min(c->rcv_queued, c->autotune.limit),
                             UINT16_MAX);
}

/* The widest window that there ever is: the buffer, or what 16 scaled bits can say. */
static uint32_t window_max(const struct tcp_conn *c)
{
    return u32_min(c->autotune.limit, (uint32_t)UINT16_MAX << c->rcv_wscale);
}

/* Bytes that may be offered; what is held beyond a hole lies inside the window anyway. */
static uint32_t window_free(const struct tcp_conn *c)
{
    uint32_t buffer = c->autotune.limit;
    return u32_min(buffer - u32_min(c->rcv_queued, buffer), window_max(c));
}

/* Where the window could end: it is told in units. */
static tcp_seq edge_of(const struct tcp_conn *c, uint32_t room)
{
    return seq_add(c->rcv_nxt, room & ~((UINT32_C(1) << c->rcv_wscale) - 1));
}

/* RFC 9293 3.8.6.2.2: the edge moves by a full segment or half the buffer, or not at all. */
static bool worth_telling(const struct tcp_conn *c, tcp_seq edge)
{
    int32_t gain = seq_diff(edge, c->rcv_adv);
    uint32_t step = u32_min(window_max(c) / 2, c->story.mss_out);
    return gain > 0 && (uint32_t)gain >= step;
}

/* A scaled window is told in units, and rcv_nxt seldom lies on one. Rounding up keeps the edge where it
 * was, but each time lets the peer send a little more; so only while that stays small beside the
 * buffer. Then the edge may seem to move left by less than a unit (RFC 7323 2.4); rcv_adv does not. */
uint32_t receive_tell_window(struct tcp_conn *c)
{
    if (c->tcp->held) {
        return 0; /* tcp_hold; rcv_adv stays, so what is on its way is taken */
    }
    autotune_told(c, c->rcv_adv);
    uint32_t room = window_free(c);
    tcp_seq edge = edge_of(c, room);
    if (c->fin_received || !worth_telling(c, edge)) { /* behind a FIN nothing comes */
        edge = c->rcv_adv;
    }
    uint32_t wnd = seq_gt(edge, c->rcv_nxt) ? seq_span(c->rcv_nxt, edge) : 0;
    uint32_t unit = UINT32_C(1) << c->rcv_wscale;
    uint32_t told = wnd & ~(unit - 1);
    uint32_t up = (wnd + unit - 1) & ~(unit - 1);
    bool takes_back = seq_lt(seq_add(c->rcv_nxt, told), c->rcv_adv);
    if (takes_back && up <= room + c->autotune.limit / ROUNDING_SLACK) {
        told = up;
    }
    c->rcv_adv = seq_max(c->rcv_adv, seq_add(c->rcv_nxt, told));
    return told;
}

void receive_consumed(struct tcp_conn *c)
{
    tcp_seq edge = edge_of(c, window_free(c));
    uint32_t open = seq_gt(c->rcv_adv, c->rcv_nxt) ? seq_span(c->rcv_nxt, c->rcv_adv) : 0;
    int32_t gain = seq_diff(edge, c->rcv_adv);
    bool was_tight = open < window_max(c) / 2;
    if (!c->fin_received && !c->tcp->held && worth_telling(c, edge) &&
        (was_tight || (uint32_t)gain >= window_max(c) / 2)) {
        c->ack_due = true;
        conn_mark_dirty(c);
    }
}
