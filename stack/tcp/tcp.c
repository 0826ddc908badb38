/* One host's TCP: set up, opened, driven by the host, taken apart. */
#include "stack/tcp/tcp.h"

#include <stdlib.h>

#include "stack/tcp/conn.h"
#include "stack/tcp/fast_open_paths.h"
#include "stack/tcp/handshake.h"
#include "stack/tcp/input.h"
#include "stack/tcp/reply.h"
#include "stack/tcp/send.h"
#include "stack/tcp/timewait.h"

#define REFILLS 64U /* times in one flush that applications are asked for more */
#define RANGES_PER_HOST 65536U
#define BUFFER_FIRST (64U * 1024U)       /* bytes */
#define BUFFER_MAX (16U * 1024U * 1024U) /* 1 Gbit/s times 100 ms is 12.5 MB */
#define BUFFER_FIXED (512U * 1024U)      /* without autotuning */
#define ROUTES_PER_HOST 4096U
#define SENT_RUNS_PER_HOST 262144U

static void default_u32(uint32_t *v, uint32_t value)
{
    *v = *v != 0 ? *v : value;
}

static void default_ns(nsec *v, nsec value)
{
    *v = *v != 0 ? *v : value;
}

/* A size that is given without a maximum holds. */
static void fill_buffer(uint32_t *first, uint32_t *max, bool fixed)
{
    if (fixed) {
        default_u32(first, BUFFER_FIXED);
        *max = *first;
    }
    default_u32(max, *first != 0 ? *first : BUFFER_MAX);
    default_u32(first, u32_min(BUFFER_FIRST, *max));
    *max = u32_max(*max, *first);
}

static void fill_defaults(struct tcp_config *c)
{
    default_u32(&c->max_connections, 65536);
    default_u32(&c->max_timewait, 16384);
    fill_buffer(&c->send_buffer, &c->send_buffer_max, c->no_autotune);
    fill_buffer(&c->receive_buffer, &c->receive_buffer_max, c->no_autotune);
    default_u32(&c->reassembly_max, 8192);
    default_u32(&c->sent_max, 65536);
    c->cc = c->cc != NULL ? c->cc : &cc_cubic;
    c->ecn = c->ecn != TCP_ECN_DEFAULT ? c->ecn : TCP_ECN_ACCEPT;
    c->mtu_probing =
        c->mtu_probing != TCP_MTU_PROBING_DEFAULT ? c->mtu_probing : TCP_MTU_PROBING_BLACK_HOLE;
    default_u32(&c->base_mss, 1024);
    default_u32(&c->floor_mss, PATH_MTU_FLOOR_V4 - 40U);
    default_u32(&c->challenge_acks, 1000);
    default_u32(&c->challenge_acks_conn, 4);
    default_ns(&c->challenge_interval, NS_PER_SEC);
    default_ns(&c->msl, 120 * NS_PER_SEC);
    default_ns(&c->rto_min, 200 * NS_PER_MS);
    default_ns(&c->rto_max, 60 * NS_PER_SEC);
    default_ns(&c->delayed_ack, 40 * NS_PER_MS);
    default_ns(&c->fin_wait_2, 60 * NS_PER_SEC);
    if (c->port_first == 0 || c->port_last < c->port_first) {
        c->port_first = 49152;
        c->port_last = 65535;
    }
}

static void init_lists(struct tcp *t)
{
    list_init(&t->listeners);
    list_init(&t->all);
    list_init(&t->dirty);
    list_init(&t->events);
    list_init(&t->starved);
}

bool tcp_init(struct tcp *t, const struct tcp_config *config, struct recorder *recorder,
              struct slab_pools *pools, struct wheel *wheel, struct ip *ip, struct random *random,
              nsec now)
{
    *t = (struct tcp){.config = *config,
                      .recorder = recorder,
                      .pools = pools,
                      .wheel = wheel,
                      .ip = ip,
                      .random = random,
                      .now = now};
    fill_defaults(&t->config);
    init_lists(t);
    random_bytes(random, &t->demux_key, sizeof t->demux_key);
    random_bytes(random, &t->isn_key, sizeof t->isn_key);
    random_bytes(random, &t->port_key, sizeof t->port_key);
    random_bytes(random, &t->cookie_key, sizeof t->cookie_key);
    pool_init_packed(&t->handle_pool, "tcp_handle", sizeof(struct tcp_handle),
                     t->config.max_connections);
    pool_init_packed(&t->conn_pool, "tcp_conn", sizeof(struct tcp_conn), t->config.max_connections);
    pool_init_packed(&t->rest_pool, "tcp_rest", sizeof(struct tcp_rest_more),
                     t->config.max_connections);
    pool_init(&t->route_pool, "tcp_route", sizeof(struct ip_options), ROUTES_PER_HOST);
    pool_init(&t->range_pool, "tcp_range", sizeof(struct tcp_range), RANGES_PER_HOST);
    pool_init(&t->sent_pool, "tcp_sent", sizeof(struct tcp_sent), SENT_RUNS_PER_HOST);
    fast_open_paths_init(t);
    timewait_init(t);
    t->replies = calloc(TCP_REPLIES, sizeof *t->replies);
    if (t->replies == NULL || !table_init(&t->connections)) {
        free(t->replies);
        return false;
    }
    struct ip_transport transport = {
        .protocol = IP_TCP, .input = input_segment, .error = input_error, .arg = t};
    return ip_register(ip, &transport);
}

void tcp_done(struct tcp *t)
{
    while (!list_empty(&t->all)) {
        struct tcp_handle *h = handle_of_link(t->all.next);
        if (h->conn != NULL) {
            conn_free(h->conn);
        } else {
            rest_free(h);
        }
    }
    struct list *next;
    for (struct list *n = t->listeners.next; n != &t->listeners; n = next) {
        next = n->next;
        free(CONTAINER_OF(n, struct tcp_listener, link));
    }
    timewait_done(t);
    fast_open_paths_done(t);
    pool_done(&t->handle_pool);
    pool_done(&t->conn_pool);
    pool_done(&t->rest_pool);
    pool_done(&t->range_pool);
    pool_done(&t->route_pool);
    pool_done(&t->sent_pool);
    table_done(&t->connections);
    free(t->replies);
}

void tcp_enter(struct tcp *t, nsec now)
{
    t->now = now;
}

/* ---- telling applications ---- */

/* A passive connection is new to its application. */
static void tell_accept(struct tcp_conn *c)
{
    if (c->listener != NULL) {
        c->listener->accept(c->listener->arg, &c->handle->stream);
    }
    if (c->handle->stream.events == NULL && !c->orphan) {
        c->handle->stream.ops->abort(&c->handle->stream); /* nobody took it */
    }
}

static void tell(struct tcp_conn *c, void (*callback)(struct stream *s))
{
    if (!c->orphan && callback != NULL) {
        callback(&c->handle->stream);
    }
}

static uint16_t report_detail(const struct tcp_conn *c, enum stream_report what)
{
    switch (what) {
    case REPORT_ICMP:
        return (uint16_t)(c->story.soft_error_type << 8U | c->story.soft_error_code);
    case REPORT_RETRANSMISSIONS:
        return c->story.unanswered;
    default:
        return 0;
    }
}

/* RFC 9293 3.9.1.8 (MUST-47). Urgent data that is over by now, because the FIN came, is no news. */
static void tell_reports(struct tcp_conn *c)
{
    uint8_t reports = c->reports;
    c->reports = 0;
    for (unsigned i = 0; i < STREAM_REPORTS; i++) {
        enum stream_report what = (enum stream_report)i;
        bool listens = !c->orphan && c->handle->stream.events != NULL &&
                       c->handle->stream.events->report != NULL;
        bool over = what == REPORT_URGENT && !c->urgent_in;
        if ((reports & 1U << i) != 0 && listens && !over) {
            c->handle->stream.events->report(&c->handle->stream, what, report_detail(c, what));
        }
    }
}

static void tell_closed(struct tcp_conn *c)
{
    bool told =
        !c->orphan && c->handle->stream.events != NULL && c->handle->stream.events->closed != NULL;
    if (told) {
        c->handle->stream.events->closed(&c->handle->stream, (enum close_reason)c->reason);
    }
    c->orphan = true;
    c->dead = true;
    conn_mark_dirty(c);
}

static void notify(struct tcp_conn *c)
{
    uint8_t what = c->pending;
    c->pending = 0;
    if ((what & PENDING_ACCEPT) != 0) {
        tell_accept(c);
    }
    if ((what & PENDING_OPENED) != 0 && !c->orphan) {
        tell(c, c->handle->stream.events->opened);
    }
    if ((what & PENDING_REPORT) != 0) {
        tell_reports(c);
    }
    if ((what & PENDING_READABLE) != 0 && !c->orphan && c->rcv_queued > 0) {
        tell(c, c->handle->stream.events->readable);
    }
    if ((what & PENDING_WRITABLE) != 0 && !c->orphan && c->want_write) {
        c->want_write = false;
        tell(c, c->handle->stream.events->writable);
        if (!c->detached) {
            rest_later(c, c->tcp->now); /* perhaps nothing is written, and nothing flushed */
        }
    }
    if ((what & PENDING_PEER_CLOSED) != 0 && !c->orphan) {
        tell(c, c->handle->stream.events->peer_closed);
    }
    if ((what & PENDING_CLOSED) != 0 && !c->dead) {
        tell_closed(c);
    }
}

void tcp_notify(struct tcp *t)
{
    struct cause cause = t->recorder->cause;
    struct list *n;
    while ((n = list_pop_front(&t->events)) != NULL) {
        struct tcp_conn *c = CONTAINER_OF(n, struct tcp_conn, events_link);
        t->recorder->cause = c->news;
        notify(c);
    }
    t->recorder->cause = cause;
}

/* There may be slabs again for those who found none. */
static void wake_starved(struct tcp *t)
{
    const struct pool *records = &t->pools->slabs[SLAB_RECORD];
    struct list *n;
    while (!pool_scarce(records) && (n = list_pop_front(&t->starved)) != NULL) {
        conn_tell(CONTAINER_OF(n, struct tcp_conn, starved_link), PENDING_WRITABLE);
    }
}

static void flush_dirty(struct tcp *t, nsec now)
{
    struct list work;
    list_move_all(&t->dirty, &work);
    struct list *n;
    while ((n = list_pop_front(&work)) != NULL) {
        struct tcp_conn *c = CONTAINER_OF(n, struct tcp_conn, dirty_link);
        t->recorder->cause = c->cause;
        send_flush(c, now);
        if (c->dead) {
            conn_free(c);
        }
    }
}

void tcp_hold(struct tcp *t, bool on)
{
    t->hold = on;
}

static void tell_hold(struct tcp *t, nsec now)
{
    t->held = t->hold;
    recorder_begin(t->recorder, CAUSE_APP, now);
    for (struct list *n = t->all.next; n != &t->all; n = n->next) {
        struct tcp_conn *c = conn_awake(handle_of_link(n));
        if (c != NULL && c->state >= TCP_ESTABLISHED && !c->fin_received) {
            c->ack_due = true;
            conn_mark_dirty(c);
        }
    }
}

void tcp_flush(struct tcp *t, nsec now)
{
    t->now = now;
    if (t->hold != t->held) {
        tell_hold(t, now);
    }
    wake_starved(t);
    tcp_notify(t);
    flush_dirty(t, now);
    /* What was sent may have made room for those who keep little unsent (notsent_lowat). Who writes a little
     * at a time goes on in the next flush, so that what came in meanwhile has its turn. */
    for (unsigned i = 0; i < REFILLS && !list_empty(&t->events); i++) {
        tcp_notify(t);
        flush_dirty(t, now);
    }
    reply_flush(t, now);
}

bool tcp_unfinished(const struct tcp *t)
{
    return !list_empty(&t->events);
}

/* ---- active open (RFC 9293 3.10.1) ---- */

static bool remote_valid(const struct tcp *t, const struct endpoint *remote)
{
    return remote->port != 0 && !ip_is_any(remote->addr) && !ip_is_multicast(remote->addr) &&
           !ip_is_broadcast(t->ip, remote->addr); /* MUST-46 */
}

/* `via` is where the first packet goes: the remote address, or where the source route begins. */
static enum tcp_error choose_local(struct tcp *t, struct tcp_tuple *tuple, struct ip_addr via)
{
    if (ip_is_any(tuple->local.addr)) { /* MUST-44 */
        if (!ip_source_for(t->ip, via, &tuple->local.addr)) {
            return TCP_ERR_NO_ROUTE;
        }
    } else if (!ip_is_ours(t->ip, tuple->local.addr)) {
        return TCP_ERR_ADDRESS;
    }
    if (tuple->local.port == 0) {
        tuple->local.port = demux_ephemeral_port(t, tuple);
        return tuple->local.port != 0 ? TCP_OK : TCP_ERR_RESOURCES;
    }
    return demux_find(t, tuple) == NULL ? TCP_OK : TCP_ERR_IN_USE;
}

/* For an application that asks for none. */
static const struct stream_events no_events = {0};

enum tcp_error tcp_connect(struct tcp *t, const struct tcp_connect_args *args, struct stream **out)
{
    if (!remote_valid(t, &args->remote)) {
        return TCP_ERR_ADDRESS;
    }
    struct ip_options route;
    if (args->route != NULL && !ip_route_write(args->route, args->remote.addr, &route)) {
        return TCP_ERR_ADDRESS;
    }
    struct ip_addr via = args->route != NULL ? route.first_hop : args->remote.addr;
    struct tcp_tuple tuple = {.local = args->local, .remote = args->remote};
    enum tcp_error e = choose_local(t, &tuple, via);
    if (e != TCP_OK) {
        return e;
    }
    if (ip_mtu(t->ip, via) == 0) {
        return TCP_ERR_NO_ROUTE;
    }
    struct tcp_conn *c = conn_new(t, &tuple, &args->options, false);
    if (c == NULL) {
        return TCP_ERR_RESOURCES;
    }
    if (args->route != NULL) { /* MUST-51 */
        c->route_given = conn_set_route(c, &route);
        if (!c->route_given) {
            conn_free(c);
            return TCP_ERR_RESOURCES;
        }
    }
    c->handle->stream.events = args->events != NULL ? args->events : &no_events;
    c->handle->stream.app = args->app;
    t->totals.opened_active++;
    demux_add(t, &c->handle->entry);
    handshake_connect(c, t->now);
    *out = &c->handle->stream;
    return TCP_OK;
}

const char *tcp_error_text(enum tcp_error e)
{
    static const char *const texts[] = {
        [TCP_OK] = "no error",
        [TCP_ERR_ADDRESS] = "that address or port cannot be used",
        [TCP_ERR_IN_USE] = "that address and port are in use",
        [TCP_ERR_NO_ROUTE] = "no route to that address",
        [TCP_ERR_RESOURCES] = "a limit of the host was reached",
    };
    return (size_t)e < COUNT_OF(texts) ? texts[e] : "?";
}
