/* A world from its plan: hosts, flows and a clock; the frames between them are in station.c. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp/fast_open.h"
#include "stack/tcp/fast_open_paths.h"
#include "stack/tcp/isn.h"
#include "stack/trace/line.h"
#include "tests/sim/tls_end.h"

#define OBSERVER_PERIOD (20 * NS_PER_MS)
#define OBSERVER_VIEWS (8 * SIM_FLOWS) /* ends of connections: ports may be used again */

void sim_fail(struct sim_world *w, const char *rule, const char *form, ...)
{
    struct sim_failure *f = &w->failure;
    if (f->set) {
        return;
    }
    f->set = true;
    f->at = w->now;
    f->event = w->events;
    snprintf(f->rule, sizeof f->rule, "%s", rule);
    va_list args;
    va_start(args, form);
    vsnprintf(f->text, sizeof f->text, form, args);
    va_end(args);
}

bool sim_chance(struct sim_world *w, uint32_t per_mille)
{
    return per_mille != 0 && lcg_below(&w->lcg, 1000) < per_mille;
}

struct pool *sim_pool(struct host *h, unsigned number)
{
    struct pool *pools[SIM_POOLS] = {&h->pools.slabs[SLAB_SMALL],
                                     &h->pools.slabs[SLAB_FRAME],
                                     &h->pools.slabs[SLAB_RECORD],
                                     &h->pools.bufs,
                                     &h->tcp.handle_pool,
                                     &h->tcp.conn_pool,
                                     &h->tcp.rest_pool,
                                     &h->tcp.timewait_pool,
                                     &h->tcp.range_pool};
    return pools[number % SIM_POOLS];
}

struct sim_station *sim_station_of(struct sim_world *w, unsigned wire, unsigned host)
{
    for (unsigned i = 0; i < w->stations; i++) {
        if (w->station[i].wire == wire && w->station[i].host == host) {
            return &w->station[i];
        }
    }
    sim_fail(w, "plan", "host %u has no interface on wire %u", host, wire);
    return &w->station[0];
}

struct host *sim_app_host(struct sim_world *w, const struct sim_app *a)
{
    struct sim_host *h = &w->host[w->plan.flow[a->flow].host[a->side]];
    h->touched = true;
    return &h->host;
}

/* ---- time ---- */

static nsec next_event(const struct sim_world *w)
{
    nsec next = w->jump_due;
    for (unsigned i = 0; i < w->plan.hosts; i++) {
        next = nsec_min(next, host_deadline(&w->host[i].host));
    }
    for (unsigned i = 0; i < w->plan.wires; i++) {
        next = nsec_min(next, wire_deadline(&w->wire[i]));
    }
    for (unsigned i = 0; i < w->plan.flows; i++) {
        next = nsec_min(next, nsec_min(w->app[i][0].due, w->app[i][1].due));
    }
    return next;
}

static void run_apps(struct sim_world *w)
{
    for (unsigned i = 0; i < 2 * w->plan.flows; i++) {
        struct sim_app *a = &w->app[i / 2][i % 2];
        if (a->due <= w->now) {
            a->due = NEVER;
            host_enter(sim_app_host(w, a), w->now);
            sim_app_run(a);
        }
    }
}

static void inject_fault(struct sim_world *w)
{
    struct host *h = &w->host[lcg_below(&w->lcg, w->plan.hosts)].host;
    sim_pool(h, lcg_below(&w->lcg, SIM_POOLS))->fail_at = 1 + lcg_below(&w->lcg, 8);
}

static void ask_observer(struct sim_world *w)
{
    if (w->now >= w->observer_at) {
        w->observer_at = w->now + OBSERVER_PERIOD;
        observer_tick(w->observer, w->now);
    }
}

bool sim_world_step(struct sim_world *w)
{
    nsec next = next_event(w);
    if (next == NEVER || w->failure.set) {
        return false;
    }
    w->now = nsec_max(w->now, next);
    w->events++;
    if (w->jump_due <= w->now) {
        w->jump_due = NEVER;
        w->now += w->plan.jump;
        sim_forgive(w);
    }
    if (sim_chance(w, w->plan.faults)) {
        inject_fault(w);
    }
    for (unsigned i = 0; i < w->plan.wires; i++) {
        w->wire[i].now = w->now;
    }
    for (unsigned i = 0; i < w->plan.wires; i++) {
        if (wire_deadline(&w->wire[i]) <= w->now) {
            wire_advance(&w->wire[i], w->now);
        }
    }
    for (unsigned i = 0; i < w->plan.hosts; i++) {
        struct sim_host *h = &w->host[i];
        if (host_deadline(&h->host) <= w->now) {
            h->touched = true;
            host_advance(&h->host, w->now);
        }
    }
    run_apps(w);
    for (unsigned i = 0; i < w->plan.hosts; i++) {
        if (w->host[i].touched) {
            host_flush(&w->host[i].host, w->now);
        }
    }
    sim_watch_event(w);
    sim_watch_progress(w);
    ask_observer(w);
    return !w->failure.set;
}

bool sim_world_run(struct sim_world *w)
{
    while (sim_world_step(w)) {
    }
    observer_tick(w->observer, w->now);
    if (!w->failure.set) {
        sim_judge(w);
        sim_watch_empty(w);
    }
    return !w->failure.set;
}

/* ---- life ---- */

static void on_event(void *arg, const struct event *e)
{
    struct sim_host *h = arg;
    if (e->type == EV_tcp_state) {
        sim_watch_state(h, e);
    } else if (e->type == EV_neighbour && e->u.neighbour.state == NEIGHBOUR_FAILED) {
        h->world->held_frames = true;
    } else if (e->type == EV_drop && (e->u.drop.reason == DROP_ARP_QUEUE_FULL ||
                                      e->u.drop.reason == DROP_ARP_UNREACHABLE)) {
        h->world->held_frames = true;
    } else if (e->type == EV_tcp_out && e->conn == 0 && (e->u.tcp_out.flags & TCP_RST) != 0) {
        h->denied = h->world->now;
    }
}

static void print_event(void *arg, const struct event *e)
{
    struct sim_host *h = arg;
    char line[EVENT_LINE_MAX];
    event_line(e, 0, line, sizeof line);
    fprintf(stderr, "host %u  %s\n", h->index, line);
    on_event(arg, e);
}

static void broken(void *arg, const char *rule, const char *text)
{
    sim_fail(arg, rule, "%s", text);
}

static bool host_begin(struct sim_world *w, unsigned i)
{
    struct sim_host *h = &w->host[i];
    struct host_config config = w->plan.host[i];
    struct lcg g = {.state = w->plan.seed * SIM_HOSTS + i};
    lcg_next(&g);
    lcg_fill(&g, config.seed, sizeof config.seed);
    config.recorder_events = 64;
    h->world = w;
    h->index = i;
    h->invariants = (struct invariants){.host = &h->host, .fail = broken, .arg = w};
    if (!host_init(&h->host, &config, w->now)) {
        return false;
    }
    invariants_begin(&h->invariants);
    bool print = getenv("VITRINE_TRACE") != NULL;
    h->listener = (struct listener){.on_event = print ? print_event : on_event, .arg = h};
    recorder_listen(&h->host.recorder, &h->listener);
    return true;
}

/* Moves the clock to where an ISN or a timestamp of the first connection is about to wrap. */
static void bring_wrap_near(struct sim_world *w)
{
    const struct sim_flow_plan *f = &w->plan.flow[0];
    unsigned side = w->plan.wrap_side;
    struct tcp *t = &w->host[f->host[side]].host.tcp;
    struct endpoint end[2] = {
        {sim_station_of(w, f->wire[0], f->host[0])->addr, f->port},
        {sim_station_of(w, f->wire[1], f->host[1])->addr, SIM_PORT},
    };
    struct tcp_tuple tuple = {.local = end[side], .remote = end[1 - side]};
    if (w->plan.wrap == SIM_WRAP_ISN) {
        uint32_t ticks = 0U - w->plan.wrap_left - isn_choose(t, &tuple, w->now).v;
        w->now += (nsec)ticks * ISN_TICK;
    } else if (w->plan.wrap == SIM_WRAP_TIMESTAMP) {
        uint32_t offset = (uint32_t)(demux_hash(&t->isn_key, &tuple) >> 32U);
        uint32_t ticks = 0U - w->plan.wrap_left - offset - (uint32_t)(w->now / NS_PER_MS);
        w->now += (nsec)ticks * NS_PER_MS;
    }
}

static bool is_early(const struct sim_world *w, unsigned host, enum tcp_fast_open_policy which)
{
    return ((unsigned)w->plan.host[host].tcp.fast_open & (unsigned)which) != 0;
}

/* The client of a flow has been at the server's before the world began, or says so. */
static void give_cookie(struct sim_world *w, const struct sim_flow_plan *f)
{
    struct tcp *t = &w->host[f->host[SIM_CLIENT]].host.tcp;
    struct ip_addr client = sim_station_of(w, f->wire[SIM_CLIENT], f->host[SIM_CLIENT])->addr;
    struct ip_addr server = sim_station_of(w, f->wire[SIM_SERVER], f->host[SIM_SERVER])->addr;
    struct fast_open_cookie c;
    fast_open_make_cookie(&w->host[f->host[SIM_SERVER]].host.tcp, client, server, w->now, &c);
    c.bytes[0] ^= w->plan.cookies == SIM_COOKIES_WRONG ? 1 : 0;
    fast_open_cookie_keep(t, client, server, &c, 1220);
}

static bool cookies_of(const struct sim_world *w, unsigned host)
{
    return w->host[host].host.tcp.config.syn_cookies != TCP_COOKIES_NEVER;
}

/* tcp_listener.accept: the flow whose client connected latest from that address and port, since an
 * ephemeral port can be used again. */
static void accept(void *arg, struct stream *s)
{
    struct sim_host *h = arg;
    struct sim_world *w = h->world;
    struct endpoint peer = handle_of_stream(s)->entry.tuple.remote;
    struct sim_app *latest = NULL;
    for (unsigned i = 0; i < w->plan.flows; i++) {
        const struct sim_app *c = &w->app[i][SIM_CLIENT];
        bool ours = w->plan.flow[i].host[SIM_SERVER] == h->index && c->port == peer.port &&
                    ip_equal(c->addr, peer.addr) && c->connected_at != 0;
        if (ours && (latest == NULL || c->connected_at >= w->app[latest->flow][0].connected_at)) {
            latest = &w->app[i][SIM_SERVER];
        }
    }
    SIM_CHECK(w, latest != NULL);
    /* a copy of the ACK that ended the handshake outlives the connection, and its cookie is still good; so may a copy of
     * a SYN with data (RFC 7413 2.1) */
    bool copies = cookies_of(w, h->index) || is_early(w, h->index, TCP_FAST_OPEN_SERVER);
    bool again = latest != NULL && latest->opened && copies;
    if (latest == NULL || again) {
        stream_abort(s);
        return;
    }
    sim_app_take(latest, s);
}

static bool listens(const struct sim_world *w, unsigned host)
{
    for (unsigned i = 0; i < w->plan.flows; i++) {
        const struct sim_flow_plan *f = &w->plan.flow[i];
        if (f->host[SIM_SERVER] == host && !f->cross && !f->absent) {
            return true;
        }
    }
    return false;
}

static void flows_begin(struct sim_world *w)
{
    for (unsigned i = 0; i < w->plan.flows; i++) {
        for (unsigned side = 0; side < 2; side++) {
            sim_app_init(w, i, side);
            w->app[i][side].due = w->plan.flow[i].absent ? NEVER : w->app[i][side].due;
        }
        if (w->plan.cookies != SIM_COOKIES_NONE) {
            give_cookie(w, &w->plan.flow[i]);
        }
    }
    for (unsigned i = 0; i < w->plan.hosts; i++) {
        struct tcp_listen_args args = {.local = {ip_any, SIM_PORT},
                                       .backlog = w->plan.backlog,
                                       .fast_open_pending = w->plan.fast_open_pending,
                                       .options = w->plan.flow[0].options[SIM_SERVER],
                                       .accept = accept,
                                       .arg = &w->host[i]};
        if (listens(w, i)) {
            SIM_CHECK(w, tcp_listen(&w->host[i].host.tcp, &args, NULL) == TCP_OK);
        }
    }
}

static void on_violation(void *arg, const char *rule, const char *text)
{
    struct sim_world *w = arg;
    char name[SIM_RULE];
    if (w->held_frames) {
        return; /* what it was not shown could be the reason */
    }
    snprintf(name, sizeof name, "observer: %s", rule);
    sim_fail(w, name, "%s", text);
}

/* Whether a host may say less than it wants to, or later, or forget: memory or its device may fail it, its
 * clock jumps, or it gives connections up early. */
static bool is_hindered(const struct sim_plan *p, unsigned host)
{
    bool hindered = p->faults > 0 || p->fail_nth > 0 || p->jump > 0 || p->host[host].slabs.bufs > 0;
    for (unsigned i = 0; i < p->flows; i++) {
        const struct sim_flow_plan *f = &p->flow[i]; /* ABORT may end without a word (3.10.5) */
        bool aborts = f->app[0].abort_at > 0 || f->app[1].abort_at > 0;
        hindered = hindered || f->may_fail || aborts;
    }
    for (unsigned i = 0; i < 2 * p->wires; i++) {
        const struct sim_wire_plan *wire = &p->wire[i / 2];
        hindered = hindered || (wire->host[i % 2] == host && wire->way[i % 2].refuse > 0);
    }
    return hindered;
}

/* The largest receive buffer that any connection of the host may have. */
static uint32_t largest_window(const struct sim_world *w, unsigned host)
{
    uint32_t max = w->host[host].host.tcp.config.receive_buffer_max;
    for (unsigned i = 0; i < w->plan.flows; i++) {
        for (unsigned side = 0; side < 2; side++) {
            max = u32_max(max, w->plan.flow[i].options[side].receive_buffer);
        }
    }
    return max;
}

/* AE, CWR, ECE of a SYN. */
static uint8_t asks_by(enum tcp_ecn_policy policy)
{
    bool classic = policy == TCP_ECN_ASK_CLASSIC || policy == TCP_ECN_ACCEPT_ASK_CLASSIC;
    return policy == TCP_ECN_ASK ? 7 : classic ? 3 : 0;
}

static void observed(const struct sim_world *w, unsigned host, struct observer_host *o)
{
    const struct tcp_config *t = &w->host[host].host.tcp.config;
    *o = (struct observer_host){.delayed_ack = t->delayed_ack,
                                .msl = w->plan.host[host].tcp.max_timewait > 0 ? 0 : t->msl,
                                .rto_min = t->rto_min,
                                /* a jump makes a timer late, and the next one is not */
                                .rto_max = w->plan.jump > 0 ? 1 : t->rto_max,
                                .no_ecn = t->ecn == TCP_ECN_OFF,
                                .no_accecn = t->ecn < TCP_ECN_ACCEPT,
                                .ecn_asks = asks_by(t->ecn),
                                .syn_cookies = cookies_of(w, host),
                                .syn_data_out = is_early(w, host, TCP_FAST_OPEN_CLIENT),
                                .syn_data_in = is_early(w, host, TCP_FAST_OPEN_SERVER),
                                .probes = !t->no_probe && !t->no_rack && !t->no_sack,
                                .no_timestamps = t->no_timestamps,
                                .no_window_scale = t->no_window_scale,
                                .no_sack = t->no_sack,
                                .no_dsack = t->no_dsack,
                                .window_max = largest_window(w, host),
                                .forgets = is_hindered(&w->plan, host)};
    for (unsigned i = 0; i < w->stations; i++) {
        const struct sim_station *s = &w->station[i];
        if (s->host == host && o->addr_count < OBSERVER_ADDRESSES) {
            o->addr[o->addr_count++] = ip4_value(s->addr);
            o->mtu = u32_max(o->mtu, s->iface->dev->mtu);
        }
    }
}

static bool observer_begin(struct sim_world *w)
{
    struct observer_config config = {.host_count = w->plan.hosts,
                                     .max_views = OBSERVER_VIEWS,
                                     .violation = on_violation,
                                     .arg = w};
    for (unsigned i = 0; i < w->plan.hosts; i++) {
        observed(w, i, &config.host[i]);
    }
    w->observer_at = w->now;
    w->observer = observer_new(&config);
    return w->observer != NULL;
}

bool sim_world_init(struct sim_world *w, const struct sim_plan *plan, struct pcapng *capture)
{
    memset(w, 0, sizeof *w);
    w->plan = *plan;
    w->capture = capture;
    w->now = plan->start;
    w->hash = plan->seed;
    w->lcg.state = plan->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    sim_tls_begin(plan->seed);
    for (unsigned i = 0; i < plan->hosts; i++) {
        if (!host_begin(w, i)) {
            return false;
        }
    }
    for (unsigned i = 0; i < plan->wires; i++) {
        if (!sim_wire_begin(w, i)) {
            return false;
        }
    }
    bring_wrap_near(w);
    if (!observer_begin(w)) {
        return false;
    }
    w->began = w->watchdog_at = w->now;
    w->liar = (struct lcg){plan->seed ^ plan->liar};
    w->jump_due = plan->jump > 0 ? w->now + plan->jump_at : NEVER;
    flows_begin(w);
    if (plan->fail_nth > 0) {
        sim_pool(&w->host[0].host, plan->fail_pool)->fail_at = plan->fail_nth;
    }
    return true;
}

/* sent + copied = delivered + dropped + no_buffer + in flight, on every way */
static void watch_wire(struct sim_world *w, const struct wire *wire)
{
    for (unsigned end = 0; end < 2; end++) {
        struct wire_stats s = wire_stats(wire, end);
        SIM_CHECK(w, s.sent + s.copied ==
                         s.delivered + s.dropped + s.no_buffer + wire->end[end].in_flight);
    }
}

void sim_world_done(struct sim_world *w)
{
    for (unsigned i = 0; i < 2 * w->plan.flows; i++) {
        struct sim_app *a = &w->app[i / 2][i % 2];
        if (w->plan.flow[i / 2].tls && a->stream != NULL) {
            stream_abort(a->stream); /* its session is not the host's to free */
        }
    }
    sim_tls_end();
    for (unsigned i = 0; i < w->plan.wires; i++) {
        watch_wire(w, &w->wire[i]);
        wire_done(&w->wire[i]);
    }
    for (unsigned i = 0; i < w->plan.hosts; i++) {
        host_done(&w->host[i].host);
        sim_watch_pools(w, i); /* whatever was going on */
    }
    observer_free(w->observer);
}
