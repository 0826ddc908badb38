/* The life of a control block. */
#include "stack/tcp/conn.h"

#include "stack/tcp/fast_open.h"
#include "stack/tcp/timers.h"

#define MSS_DEFAULT_V4 536U  /* MUST-15 */
#define MSS_DEFAULT_V6 1220U /* MUST-15 */
#define MSS_MIN 48U          /* below this an outsider could make us send mostly headers */
#define MSS_LEFT 8U          /* what the options leave at least, of a floor like that */
#define IP_HEADER_V4 20U     /* bytes, without options */
#define IP_HEADER_V6 40U
#define TS_CLOCK_TICK NS_PER_MS /* RFC 7323 5.4: between 1 ms and 1 s */

static void init_links(struct tcp_conn *c, uint32_t dice)
{
    c->dirty_link = (struct list){0};
    c->events_link = (struct list){0};
    list_init(&c->rcv_queue);
    reassembly_init(&c->reassembly, dice);
    sendq_init(&c->sendq, seq_of(0));
    recovery_init(c, seq_of(0));
    rtt_init(&c->rtt);
    timers_init(c);
}

static void init_options(struct tcp_conn *c, const struct tcp_options *options)
{
    const struct tcp_config *config = &c->tcp->config;
    c->options = *options;
    if (c->options.ttl == 0) {
        c->options.ttl = IP_DEFAULT_TTL;
    }
    if (c->options.cc == NULL) {
        c->options.cc = config->cc;
    }
}

/* The smallest shift with which the largest receive buffer can be told (RFC 7323 2.3). */
static uint8_t window_shift(uint32_t buffer)
{
    uint8_t shift = 0;
    while (shift < TCP_WSCALE_MAX && (buffer >> shift) > UINT16_MAX) {
        shift++;
    }
    return shift;
}

static bool is_v4(const struct tcp_conn *c)
{
    return ip_is_v4(c->handle->entry.tuple.remote.addr);
}

uint32_t conn_ip_header(const struct tcp_conn *c)
{
    return is_v4(c) ? IP_HEADER_V4 : IP_HEADER_V6;
}

/* What the path's MTU leaves for payload when there are no options, as far as the application lets it. An ICMP
 * message makes it no smaller than MSS_MIN, but a link of ours that takes less does (RFC 791: 68 bytes). */
static uint32_t path_mss(const struct tcp_conn *c, uint32_t mtu)
{
    uint32_t headers = conn_ip_header(c) + TCP_HEADER_MIN;
    uint32_t link = ip_link_mtu(c->tcp->ip, c->handle->entry.tuple.remote.addr);
    uint32_t least = u32_min(headers + MSS_MIN, u32_max(link, headers + MSS_LEFT));
    uint32_t mss = u32_max(mtu, least) - headers;
    return c->options.mss != 0 ? u32_min(mss, u32_max(c->options.mss, MSS_MIN)) : mss;
}

void conn_init(struct tcp_conn *c, struct tcp_handle *handle, struct tcp *t,
               const struct tcp_options *options, bool passive)
{
    const struct tcp_tuple *tuple = &handle->entry.tuple;
    c->handle = handle;
    c->tcp = t;
    c->state = TCP_CLOSED;
    c->passive = passive;
    uint64_t secret = demux_hash(&t->isn_key, tuple);
    init_links(c, (uint32_t)secret);
    init_options(c, options);
    c->ts_offset = (uint32_t)(secret >> 32U);
    c->mtu = (uint16_t)u32_min(ip_link_mtu(t->ip, tuple->remote.addr), UINT16_MAX);
    c->story.mss_out = (uint16_t)path_mss(c, c->mtu); /* RFC 6691: options are not counted off */
    autotune_init(c);
    c->rcv_wscale = window_shift(c->autotune.max);
    c->mtu = (uint16_t)u32_min(ip_mtu(t->ip, tuple->remote.addr), c->mtu);
    c->last_heard = t->now;
}

/* With a block of zeros; NULL at a limit. */
static struct tcp_handle *new_handle(struct tcp *t, const struct tcp_tuple *tuple)
{
    struct tcp_handle *h = pool_get(&t->handle_pool);
    struct tcp_conn *c = h != NULL ? pool_get_zero(&t->conn_pool) : NULL;
    if (c == NULL) {
        if (h != NULL) {
            pool_put(&t->handle_pool, h);
        }
        return NULL;
    }
    *h = (struct tcp_handle){
        .stream.ops = &tcp_stream_ops, .entry.tuple = *tuple, .tcp = t, .conn = c};
    timers_attach(h);
    return h;
}

struct tcp_conn *conn_new(struct tcp *t, const struct tcp_tuple *tuple,
                          const struct tcp_options *options, bool passive)
{
    struct tcp_handle *handle = new_handle(t, tuple);
    if (handle == NULL) {
        trace_drop(t->recorder, DROP_TCP_NO_MEMORY, 0, 0);
        return NULL;
    }
    struct tcp_conn *c = handle->conn;
    conn_init(c, handle, t, options, passive);
    c->id = ++t->last_id;
    list_push_back(&t->all, &handle->all_link);
    TRACE(t->recorder, c->id, tcp_open, .local = tuple->local.addr, .remote = tuple->remote.addr,
          .local_port = tuple->local.port, .remote_port = tuple->remote.port, .passive = passive);
    return c;
}

static void leave_listener(struct tcp_conn *c)
{
    if (c->listener != NULL) {
        c->listener->open--;
        fast_open_settle(c);
        c->listener->half_open -= c->half_open ? 1 : 0;
        c->listener = NULL;
    }
}

void conn_free(struct tcp_conn *c)
{
    struct tcp *t = c->tcp;
    leave_listener(c);
    demux_remove(t, &c->handle->entry);
    timers_done(c);
    if (list_linked(&c->dirty_link)) {
        list_remove(&c->dirty_link);
    }
    if (list_linked(&c->events_link)) {
        list_remove(&c->events_link);
    }
    if (list_linked(&c->starved_link)) {
        list_remove(&c->starved_link);
    }
    list_remove(&c->handle->all_link);
    sendq_done(&c->sendq);
    buf_free_queue(&c->rcv_queue);
    reassembly_done(&c->reassembly, &t->range_pool);
    if (c->route != NULL) {
        pool_put(&t->route_pool, c->route);
    }
    recovery_done(c);
    t->totals.closed++;
    pool_put(&t->handle_pool, c->handle);
    pool_put(&t->conn_pool, c);
}

bool conn_set_route(struct tcp_conn *c, const struct ip_options *route)
{
    struct tcp *t = c->tcp;
    if (c->route == NULL) {
        c->route = pool_get(&t->route_pool);
    }
    if (c->route == NULL) {
        conn_trace_drop(c, DROP_TCP_NO_MEMORY, 0);
        return false;
    }
    *c->route = *route;
    c->mtu = (uint16_t)u32_min(ip_mtu(t->ip, route->first_hop), c->mtu);
    return true;
}

void conn_take_route(struct tcp_conn *c, const struct tcp_segment *s)
{
    if (s->back == NULL || !c->passive || c->route_given ||
        (c->route != NULL && ip_options_equal(c->route, s->back))) {
        return;
    }
    if (conn_set_route(c, s->back)) {
        conn_update_mss(c);
    }
}

void conn_set_state(struct tcp_conn *c, enum tcp_state to)
{
    TRACE(c->tcp->recorder, c->id, tcp_state, .from = c->state, .to = (uint8_t)to);
    c->state = (uint8_t)to;
}

void conn_mark_dirty(struct tcp_conn *c)
{
    c->cause = c->tcp->recorder->cause;
    if (!list_linked(&c->dirty_link)) {
        list_push_back(&c->tcp->dirty, &c->dirty_link);
    }
}

void conn_tell(struct tcp_conn *c, enum tcp_pending what)
{
    c->pending |= (uint8_t)what;
    c->news = c->tcp->recorder->cause;
    if (!list_linked(&c->events_link)) {
        list_push_back(&c->tcp->events, &c->events_link);
    }
}

void conn_report(struct tcp_conn *c, enum stream_report what)
{
    if (!c->options.no_reports) {
        c->reports |= (uint8_t)(1U << what);
        conn_tell(c, PENDING_REPORT);
    }
}

void conn_trace_drop(struct tcp_conn *c, enum drop_reason why, size_t len)
{
    trace_drop(c->tcp->recorder, why, c->id, len);
}

void conn_trace_passed(struct tcp_conn *c, uint8_t check)
{
    uint32_t wnd = seq_gt(c->rcv_adv, c->rcv_nxt) ? seq_span(c->rcv_nxt, c->rcv_adv) : 0;
    TRACE(c->tcp->recorder, c->id, tcp_passed, .rcv_nxt = c->rcv_nxt.v, .rcv_wnd = wnd,
          .snd_una = c->snd_una.v, .snd_nxt = c->snd_nxt.v, .state = c->state, .check = check);
}

bool conn_has_room(const struct tcp_conn *c, size_t min)
{
    uint32_t limit = autotune_send_limit(c);
    uint32_t held = c->sendq.len;
    uint32_t chunks_max = 2 + 2 * (limit / SLAB_RECORD_BYTES); /* half-filled slabs count as well */
    size_t space = limit > held ? limit - held : 0;
    /* An empty queue takes any record, however small the buffer that was asked for. */
    return held == 0 ||
           (space > 0 && space >= min && c->sendq.chunk_count < chunks_max &&
            (c->options.notsent_lowat == 0 || conn_unsent(c) < c->options.notsent_lowat));
}

void conn_tell_room(struct tcp_conn *c)
{
    if (c->want_write && conn_has_room(c, c->want_min)) {
        conn_tell(c, PENDING_WRITABLE);
    }
}

/* Payload of a full segment without options, for a peer that takes `peer` bytes on a path that takes `mtu`. */
static uint32_t mss_for(const struct tcp_conn *c, uint32_t peer, uint32_t mtu)
{
    if (peer == 0) {
        peer = is_v4(c) ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;
    }
    return u32_min(u32_max(peer, MSS_MIN), path_mss(c, mtu));
}

uint32_t conn_full_mss(const struct tcp_conn *c, uint32_t peer)
{
    return mss_for(c, peer, c->mtu);
}

static uint32_t full_mss(const struct tcp_conn *c, uint32_t mtu)
{
    return mss_for(c, c->story.mss_in, mtu);
}

uint32_t conn_packet_full(const struct tcp_conn *c)
{
    return full_mss(c, c->mtu) + conn_ip_header(c) + TCP_HEADER_MIN;
}

uint32_t conn_packet_max(const struct tcp_conn *c)
{
    uint32_t link = ip_link_mtu(c->tcp->ip, c->handle->entry.tuple.remote.addr);
    return full_mss(c, u32_min(link, UINT16_MAX)) + conn_ip_header(c) + TCP_HEADER_MIN;
}

void conn_update_mss(struct tcp_conn *c)
{
    c->caps = (uint8_t)ip_caps(c->tcp->ip, c->handle->entry.tuple.remote.addr);
    uint32_t mss = full_mss(c, c->mtu);
    uint32_t options = (c->route != NULL ? c->route->len : 0U) + (c->ts_ok ? TCP_TS_BYTES : 0);
    c->snd_mss = (uint16_t)(mss > options + MSS_LEFT ? mss - options : MSS_LEFT);
    c->cc.mss = c->snd_mss;
}

void conn_take_syn_options(struct tcp_conn *c, const struct tcp_segment *s)
{
    const struct tcp_config *config = &c->tcp->config;
    c->story.mss_in = (s->opts & TCP_OPT_HAS_MSS) != 0 ? (uint16_t)u32_max(s->mss, 1) : 0;
    c->ts_ok = !config->no_timestamps && (s->opts & TCP_OPT_HAS_TS) != 0;
    c->sack_ok = !config->no_sack && (s->opts & TCP_OPT_HAS_SACK_OK) != 0;
    c->wscale_ok = !config->no_window_scale && (s->opts & TCP_OPT_HAS_WSCALE) != 0;
    c->snd_wscale = c->wscale_ok ? s->wscale : 0;
    if (c->wscale_ok && s->wscale_in != s->wscale) { /* RFC 7323 2.3 */
        TRACE(c->tcp->recorder, c->id, tcp_bad_wscale, .shift = s->wscale_in);
    }
    if (!c->wscale_ok) {
        c->rcv_wscale = 0; /* both sides or none (RFC 7323 2.2) */
    }
    if (c->ts_ok) {
        c->ts_recent = s->tsval;
        c->ts_recent_at = s->at;
    }
    plpmtu_begin(c);
    conn_update_mss(c);
}

uint32_t conn_ts_now(const struct tcp_conn *c, nsec now)
{
    return (uint32_t)(now / TS_CLOCK_TICK) + c->ts_offset;
}
