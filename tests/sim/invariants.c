/* What must hold in every control block after every event, and what a host holds for all of them. */
#include "tests/sim/invariants.h"

#include "stack/tcp/close.h"
#include "stack/tcp/send.h"
#include "stack/tcp/timers.h"

#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define HOLDS(v, condition)                                                                        \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (v)->fail((v)->arg, __FILE__ ":" STRING(__LINE__), #condition);                        \
        }                                                                                          \
    } while (0)

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

/* The scoreboard covers what is outstanding, less a SYN, without gaps, and its sums are right; what is in
 * flight lies in the order of sending. */
static void check_board(struct invariants *v, const struct tcp_conn *c)
{
    const struct scoreboard *b = &c->recovery.board;
    bool syn_out = seq_eq(c->snd_una, c->iss) && !seq_eq(c->snd_nxt, c->iss);
    tcp_seq at = syn_out ? seq_add(c->iss, 1) : c->snd_una;
    uint32_t count = 0;
    uint32_t sums[3] = {0};
    for (const struct tcp_sent *run = scoreboard_first(b); run != NULL;
         run = scoreboard_next(b, run)) {
        HOLDS(v, seq_eq(run->start, at) && seq_gt(run->end, at));
        HOLDS(v, scoreboard_at(b, at) == run);
        sums[run->state] += sent_len(run);
        at = run->end;
        count++;
    }
    HOLDS(v, seq_eq(at, c->snd_nxt) && count == b->count);
    HOLDS(v, sums[SENT_LOST] == b->lost_bytes && sums[SENT_SACKED] == b->sacked_bytes);
    nsec before = 0;
    for (const struct tcp_sent *run = scoreboard_oldest(b); run != NULL;
         run = scoreboard_younger(b, run)) {
        HOLDS(v, run->state == SENT_OUT && run->sent_at >= before);
        sums[SENT_OUT] -= sent_len(run);
        before = run->sent_at;
    }
    HOLDS(v, sums[SENT_OUT] == 0);
}

static void check_send_space(struct invariants *v, const struct tcp_conn *c)
{
    HOLDS(v, seq_le(c->snd_una, c->snd_nxt));
    if (c->detached) {
        return;
    }
    uint32_t chunks;
    uint32_t held = queue_len(&c->sendq.chunks, &chunks);
    HOLDS(v, held == c->sendq.len && chunks == c->sendq.chunk_count);
    bool syn_acked = c->state >= TCP_ESTABLISHED;
    bool fin_acked = syn_acked && seq_eq(c->snd_una, seq_add(sendq_end(&c->sendq), 1));
    tcp_seq start = syn_acked ? seq_sub(c->snd_una, fin_acked ? 1 : 0) : seq_add(c->iss, 1);
    HOLDS(v, seq_eq(c->sendq.start, start));
    HOLDS(v, !fin_acked || c->fin_queued);
    HOLDS(v, seq_le(c->snd_nxt, seq_add(sendq_end(&c->sendq), c->fin_queued ? 1 : 0)));
    check_board(v, c);
}

static void check_ranges(struct invariants *v, const struct tcp_conn *c)
{
    const struct reassembly *r = &c->reassembly;
    uint32_t count = 0;
    uint32_t bytes = 0;
    tcp_seq below = c->rcv_nxt; /* a range that touched it would have been delivered */
    for (struct list *n = r->ranges.next; n != &r->ranges; n = n->next) {
        const struct tcp_range *range = CONTAINER_OF(n, struct tcp_range, link);
        uint32_t bufs;
        HOLDS(v, seq_gt(range->start, below) && seq_gt(range->end, range->start));
        HOLDS(v, queue_len(&range->bufs, &bufs) == seq_span(range->start, range->end));
        below = range->end;
        bytes += seq_span(range->start, range->end);
        count++;
    }
    HOLDS(v, count == r->count && bytes == r->bytes);
    HOLDS(v, count <= c->tcp->config.reassembly_max);
    HOLDS(v, count == 0 || seq_le(below, c->rcv_adv));
}

static void check_receive_space(struct invariants *v, const struct tcp_conn *c)
{
    uint32_t bufs;
    HOLDS(v, queue_len(&c->rcv_queue, &bufs) == c->rcv_queued);
    if (c->state < TCP_SYN_RCVD || c->detached) {
        return;
    }
    HOLDS(v, seq_le(c->rcv_nxt, c->rcv_adv));
    check_ranges(v, c);
    uint32_t slack = c->autotune.max / 16; /* what the rounding of windows may give away */
    HOLDS(v, c->rcv_queued + c->reassembly.bytes <= c->autotune.max + slack);
}

/* What must be done is done, or a timer stands for it. */
static void check_waiting(struct invariants *v, const struct tcp_conn *c)
{
    HOLDS(v, !c->ack_due && !c->syn_due && !c->probe_due && !c->rst_due && !c->nudge);
    HOLDS(v, !list_linked(&c->dirty_link) && !c->dead);
    HOLDS(v, c->pending == (list_linked(&c->events_link) ? PENDING_WRITABLE : 0));
    nsec earliest = NEVER;
    for (unsigned i = 0; i < TCP_TIMERS; i++) {
        earliest = nsec_min(earliest, c->due[i]);
    }
    if (earliest != NEVER) {
        HOLDS(v,
              !c->detached && timer_armed(&c->handle->timer) && c->handle->timer.due <= earliest);
    }
    if (c->detached || c->state < TCP_SYN_SENT) {
        return;
    }
    bool rto = timers_running(c, TCP_TIMER_RTO);
    bool persist = timers_running(c, TCP_TIMER_PERSIST);
    bool paced = timers_running(c, TCP_TIMER_PACE);
    bool in_flight = recovery_awaits_ack(c);
    HOLDS(v, rto == in_flight);
    HOLDS(v, persist == (!in_flight && !paced && send_has_more(c)));
    HOLDS(v, !paced || (send_has_more(c) && c->pace.budget < c->snd_mss));
    if (c->state >= TCP_ESTABLISHED && !seq_eq(c->last_ack_sent, c->rcv_nxt)) {
        HOLDS(v, timers_running(c, TCP_TIMER_DELACK));
        HOLDS(v, c->due[TCP_TIMER_DELACK] <= v->now + c->tcp->config.delayed_ack);
    }
}

/* A FIN without payload takes no room. */
static uint32_t payload_in_flight(const struct tcp_conn *c)
{
    uint32_t in_flight = recovery_in_flight(c);
    return in_flight - (!c->detached && in_flight > 0 && close_fin_sent(c) ? 1 : 0);
}

/* More may be in flight than cwnd says only by limited transmit (RFC 3042), by the one segment that
 * a retransmission or a tail-loss probe (RFC 8985 7.3) forces, after cwnd has fallen, and when the loss was
 * none and what was taken for lost is in flight again. */
static void check_congestion(struct invariants *v, const struct tcp_conn *c,
                             const struct invariant_shadow *s)
{
    if (c->state < TCP_ESTABLISHED || c->detached) {
        return;
    }
    HOLDS(v, c->cc.cwnd >= c->snd_mss && c->cc.ssthresh >= 2U * c->snd_mss);
    uint32_t in_flight = payload_in_flight(c);
    uint64_t allowed = (uint64_t)c->cc.cwnd + 3U * c->snd_mss;
    bool sent_new = in_flight > s->in_flight && seq_gt(c->snd_nxt, s->snd_nxt);
    uint32_t forced = sent_new ? 0 : c->snd_mss;
    if (c->recovery.rack.probing || s->undone) {
        return;
    }
    HOLDS(v, in_flight <= s->in_flight + forced || in_flight <= allowed);
    HOLDS(v, c->story.retransmitted <= s->retransmitted + 1 || in_flight <= allowed);
    HOLDS(v, !sent_new || c->recovery.duplicates > 0 || in_flight <= c->cc.cwnd);
}

static void check_motion(struct invariants *v, const struct tcp_conn *c,
                         const struct invariant_shadow *s)
{
    HOLDS(v, seq_ge(c->snd_una, s->snd_una) && seq_ge(c->snd_nxt, s->snd_nxt));
    HOLDS(v, c->state < TCP_SYN_RCVD || s->rcv_nxt.v == 0 || seq_ge(c->rcv_nxt, s->rcv_nxt));
    HOLDS(v, c->state < TCP_SYN_RCVD || s->rcv_adv.v == 0 || seq_ge(c->rcv_adv, s->rcv_adv));
}

/* Nothing was sent beyond the rightmost edge that the peer's windows have reached (RFC 9293 3.8.6);
 * our SYN needs no window, nor does what went with it (RFC 7413). */
static void check_window(struct invariants *v, const struct tcp_conn *c, struct invariant_shadow *s)
{
    if (c->state == TCP_SYN_SENT) {
        s->syn_end = c->snd_nxt;
    }
    if (c->state < TCP_ESTABLISHED || c->detached) {
        return;
    }
    tcp_seq edge = seq_add(c->snd_una, c->snd_wnd);
    s->edge = s->has_edge ? seq_max(s->edge, edge) : edge;
    s->has_edge = true;
    HOLDS(v, seq_le(c->snd_nxt, s->edge) || seq_eq(c->snd_nxt, s->syn_end));
    HOLDS(v, c->snd_wnd <= c->max_snd_wnd);
}

static void check_conn(struct invariants *v, const struct tcp_conn *c)
{
    struct invariant_shadow *s = &v->shadows[c->id % INVARIANT_SHADOWS];
    if (s->id != c->id) {
        *s = (struct invariant_shadow){.id = c->id};
    }
    check_send_space(v, c);
    check_receive_space(v, c);
    check_waiting(v, c);
    check_window(v, c, s);
    if (s->seen) {
        check_motion(v, c, s);
        check_congestion(v, c, s);
    }
    s->seen = true;
    s->snd_una = c->snd_una;
    s->snd_nxt = c->snd_nxt;
    s->rcv_nxt = c->rcv_nxt;
    s->rcv_adv = c->rcv_adv;
    s->in_flight = payload_in_flight(c);
    s->undone = false;
    s->retransmitted = c->story.retransmitted;
}

/* ---- a host's accounts ---- */

struct account {
    size_t handles, conns, rests, bound, timewaits, ranges, runs, bufs, timers;
};

static void count_conn(const struct tcp_handle *h, struct account *a)
{
    uint32_t bufs;
    const struct tcp_conn *c = h->conn;
    a->handles++;
    a->bound += h->entry.present;
    a->timers += timer_armed(&h->timer);
    if (c == NULL) {
        a->rests += h->rest.more != NULL;
        return;
    }
    a->conns++;
    a->ranges += c->reassembly.count;
    a->runs += c->recovery.board.count;
    a->bufs += c->sendq.chunk_count;
    queue_len(&c->rcv_queue, &bufs);
    a->bufs += bufs;
    for (const struct list *n = c->reassembly.ranges.next; n != &c->reassembly.ranges;
         n = n->next) {
        queue_len(&CONTAINER_OF(n, struct tcp_range, link)->bufs, &bufs);
        a->bufs += bufs;
    }
}

static void count_neighbour(struct table_node *node, void *arg)
{
    struct account *a = arg;
    const struct neighbour *n = CONTAINER_OF(node, struct neighbour, node);
    a->bufs += n->waiting;
    a->timers += timer_armed(&n->timer);
}

static void count_iface(struct iface *f, struct account *a)
{
    uint32_t bufs;
    queue_len(&f->outbox, &bufs);
    a->bufs += bufs;
    table_each(&f->neighbours.table, count_neighbour, a);
}

static size_t list_count(const struct list *all)
{
    size_t count = 0;
    for (const struct list *n = all->next; n != all; n = n->next) {
        count++;
    }
    return count;
}

/* What IP keeps: fragments, and what was learned of destinations. */
static void count_ip(const struct ip *ip, struct account *a)
{
    for (const struct list *n = ip->fragments.by_age.next; n != &ip->fragments.by_age;
         n = n->next) {
        a->bufs += CONTAINER_OF(n, struct fragment_datagram, age)->buf != NULL;
    }
    a->timers += timer_armed(&ip->fragments.timer);
    a->timers += timer_armed(&ip->destinations.timer);
}

/* Every block, buffer and timer that is in use belongs to something that lives. */
static void check_accounts(struct invariants *v, struct host *h)
{
    struct account a = {.timewaits = list_count(&h->tcp.timewaits),
                        .timers = timer_armed(&h->tcp.timewait_timer)};
    for (const struct list *n = h->tcp.all.next; n != &h->tcp.all; n = n->next) {
        count_conn(handle_of_link(n), &a);
    }
    for (unsigned i = 0; i < h->iface_count; i++) {
        count_iface(&h->ifaces[i], &a);
    }
    count_ip(&h->ip, &a);
    HOLDS(v, h->tcp.handle_pool.in_use == a.handles);
    HOLDS(v, h->tcp.conn_pool.in_use == a.conns);
    HOLDS(v, h->tcp.rest_pool.in_use == a.rests);
    HOLDS(v, h->tcp.timewait_pool.in_use == a.timewaits);
    HOLDS(v, h->tcp.connections.count == a.bound + a.timewaits);
    HOLDS(v, h->tcp.range_pool.in_use == a.ranges);
    HOLDS(v, h->tcp.sent_pool.in_use == a.runs);
    HOLDS(v, h->pools.bufs.in_use == a.bufs + h->ip.icmp_waiting);
    HOLDS(v, h->wheel.armed == a.timers);
    HOLDS(v, a.timewaits == 0 || timer_armed(&h->tcp.timewait_timer));
    size_t slabs = 0;
    for (unsigned class = 0; class < SLAB_CLASSES; class ++) {
        slabs += h->pools.slabs[class].in_use;
    }
    HOLDS(v, slabs <= h->pools.bufs.in_use);
}

static void hear(void *arg, const struct event *e)
{
    struct invariants *v = arg;
    struct invariant_shadow *s = &v->shadows[e->conn % INVARIANT_SHADOWS];
    if (e->type == EV_tcp_cwnd && e->u.tcp_cwnd.why == CWND_UNDONE && s->id == e->conn) {
        s->undone = true;
    }
}

void invariants_begin(struct invariants *v)
{
    v->listener = (struct listener){.on_event = hear, .arg = v};
    recorder_listen(&v->host->recorder, &v->listener);
}

void invariants_check(struct invariants *v, nsec now)
{
    struct tcp *t = &v->host->tcp;
    v->now = now;
    HOLDS(v, list_empty(&t->dirty) && t->reply_count == 0);
    /* One flush does only so much; then it says that it must be called again, at once. */
    HOLDS(v, list_empty(&t->events) || host_deadline(v->host) <= now);
    for (struct list *n = t->all.next; n != &t->all; n = n->next) {
        struct tcp_conn room; /* what one at rest would be must be as good */
        check_conn(v, rest_look(handle_of_link(n), &room));
    }
    check_accounts(v, v->host);
}

void invariants_check_pools(const struct invariants *v)
{
    const struct host *h = v->host;
    for (unsigned class = 0; class < SLAB_CLASSES; class ++) {
        HOLDS(v, h->pools.slabs[class].in_use == 0);
    }
    HOLDS(v, h->pools.bufs.in_use == 0);
    HOLDS(v, h->tcp.handle_pool.in_use == 0);
    HOLDS(v, h->tcp.conn_pool.in_use == 0);
    HOLDS(v, h->tcp.rest_pool.in_use == 0);
    HOLDS(v, h->tcp.timewait_pool.in_use == 0);
    HOLDS(v, h->tcp.range_pool.in_use == 0);
    HOLDS(v, h->tcp.sent_pool.in_use == 0);
}

void invariants_check_empty(const struct invariants *v)
{
    const struct host *h = v->host;
    invariants_check_pools(v);
    HOLDS(v, h->tcp.reply_count == 0);
    HOLDS(v, h->tcp.connections.count == 0);
    HOLDS(v, list_empty(&h->tcp.dirty) && list_empty(&h->tcp.events));
    HOLDS(v, list_empty(&h->tcp.starved) && list_empty(&h->tcp.all));
}
