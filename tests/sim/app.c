/* What the applications do with their streams. */
#include "tests/sim/tls_end.h"
#include "tests/sim/world.h"

#define RETRY (10 * NS_PER_SEC)
#define STARVED_RETRY (50 * NS_PER_MS) /* a made-to-fail allocation is not followed by `writable` */

static uint8_t byte_at(uint64_t key, uint32_t place)
{
    uint64_t v = (key ^ place) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint8_t)(v >> 56U ^ v >> 37U);
}

static void run_at(struct sim_app *a, nsec due)
{
    a->due = nsec_min(a->due, due);
}

static nsec some_of(struct sim_app *a, nsec gap)
{
    return gap / 2 + (nsec)((uint64_t)gap * lcg_below(&a->lcg, 1000) / 1000);
}

static bool right_bytes(struct sim_app *a, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] != byte_at(a->key_in, a->received + (uint32_t)i)) {
            sim_fail(a->world, "stream: bytes", "flow %u, %s: byte %u of the stream is wrong",
                     a->flow, a->side == SIM_CLIENT ? "client" : "server",
                     a->received + (uint32_t)i);
            return false;
        }
    }
    return true;
}

/* Consumes what is there; with a gap, one piece. True: it took something. */
static bool read_some(struct sim_app *a)
{
    nsec now = a->world->now;
    bool took = false;
    for (;;) {
        struct slice s = stream_peek(a->stream);
        if (s.len == 0) {
            return took;
        }
        if (now < a->next_read) {
            run_at(a, a->next_read);
            return took;
        }
        size_t n = s.len;
        if (a->plan.read_max > 0) {
            n = size_min(n, 1 + lcg_below(&a->lcg, a->plan.read_max));
        }
        if (!right_bytes(a, s.data, n)) {
            return false;
        }
        stream_consume(a->stream, n);
        a->received += (uint32_t)n;
        a->moved_at = now;
        took = true;
        if (a->received > a->expect) {
            sim_fail(a->world, "stream: more than was sent", "flow %u: %u bytes of %u", a->flow,
                     a->received, a->expect);
            return false;
        }
        if (a->plan.read_gap > 0) {
            a->next_read = now + some_of(a, a->plan.read_gap);
        }
    }
}

static uint32_t allowance(const struct sim_app *a)
{
    uint64_t n = a->plan.first;
    if (a->plan.unit_in > 0) {
        n += (uint64_t)(a->received / a->plan.unit_in) * a->plan.unit_out;
    }
    return n < a->plan.total ? (uint32_t)n : a->plan.total;
}

static const struct sim_flow_plan *flow_of(const struct sim_app *a)
{
    return &a->world->plan.flow[a->flow];
}

static bool write_some(struct sim_app *a)
{
    nsec now = a->world->now;
    bool wrote = false;
    while (a->sent < allowance(a)) {
        if (now < a->next_write) {
            run_at(a, a->next_write);
            return wrote;
        }
        uint32_t want = allowance(a) - a->sent;
        if (a->plan.write_max > 0) {
            want = u32_min(want, 1 + lcg_below(&a->lcg, a->plan.write_max));
        }
        uint32_t most = flow_of(a)->tls ? STREAM_PLAIN_MAX : STREAM_RESERVE_MAX;
        uint32_t min = lcg_below(&a->lcg, 2) == 0 ? 1 : u32_min(want, most);
        size_t room;
        uint8_t *at = stream_reserve(a->stream, min, &room);
        if (at == NULL) {
            if (a->world->plan.faults > 0) {
                run_at(a, now + STARVED_RETRY);
            }
            return wrote;
        }
        SIM_CHECK(a->world, room >= min);
        uint32_t n = u32_min(want, (uint32_t)room);
        for (uint32_t i = 0; i < n; i++) {
            at[i] = byte_at(a->key_out, a->sent + i);
        }
        stream_commit(a->stream, n);
        a->sent += n;
        if (a->plan.urgent > 0 && lcg_below(&a->lcg, 1000) < a->plan.urgent) {
            tcp_mark_urgent(a->stream);
            a->urgent_end = a->sent;
        }
        a->moved_at = now;
        wrote = true;
        if (a->plan.write_gap > 0) {
            a->next_write = now + some_of(a, a->plan.write_gap);
        }
    }
    return wrote;
}

static void let_go(struct sim_app *a)
{
    tcp_close(a->stream);
    a->stream = NULL;
    a->let_go = true;
}

static void close_when_done(struct sim_app *a)
{
    const struct sim_app_plan *plan = &a->plan;
    if (plan->abort_at > 0 && a->sent + a->received >= plan->abort_at) {
        struct stream *s = a->stream;
        a->stream = NULL;
        stream_abort(s);
        a->aborted = true;
        return;
    }
    bool sent = a->sent == plan->total;
    bool all_read = a->peer_closed && a->received == a->expect;
    if (plan->lets_go_early ? sent : plan->lets_go && sent && all_read) {
        let_go(a);
        return;
    }
    bool wait = plan->lets_go || (plan->peer_first && !all_read);
    if (sent && !wait && !a->shut) {
        a->shut = true;
        stream_shutdown(a->stream);
    }
}

static void pump(struct sim_app *a)
{
    bool more = true;
    if (!a->opened) { /* what is committed now goes with the SYN, or once that is answered */
        (void)write_some(a);
        return;
    }
    while (more && a->stream != NULL && !a->world->failure.set) {
        more = read_some(a);
        more = write_some(a) || more;
        close_when_done(a);
    }
}

static struct sim_app *peer_of(const struct sim_app *a)
{
    return &a->world->app[a->flow][1 - a->side];
}

/* RFC 9293 3.8.5: what is said to be urgent ends at the latest where the peer's last mark is. */
static void watch_urgent(struct sim_app *a)
{
    if (!flow_of(a)->tls && a->stream != NULL) {
        uint32_t unread = tcp_urgent_unread(a->stream);
        a->urgent_heard =
            a->urgent_heard || unread > 0; /* it may ask before it is told (MUST-33) */
        SIM_CHECK(a->world, unread == 0 || a->received + unread <= peer_of(a)->urgent_end);
    }
}

/* ---- events ---- */

static void on_opened(struct stream *s)
{
    struct sim_app *a = s->app;
    SIM_CHECK(a->world, !a->opened && !a->closed);
    a->opened = true;
    a->moved_at = a->world->now;
    watch_urgent(a);
    pump(a);
}

static void on_data(struct stream *s)
{
    struct sim_app *a = s->app;
    SIM_CHECK(a->world, a->opened && !a->closed);
    watch_urgent(a);
    pump(a);
    watch_urgent(a);
}

/* It may have asked for room before it was open. */
static bool writes_early(const struct sim_app *a)
{
    const struct host *h = &a->world->host[flow_of(a)->host[a->side]].host;
    return a->remote_port != 0 && !flow_of(a)->tls &&
           ((unsigned)h->tcp.config.fast_open & TCP_FAST_OPEN_CLIENT) != 0;
}

static void on_writable(struct stream *s)
{
    struct sim_app *a = s->app;
    if (a->opened || !writes_early(a)) {
        on_data(s);
    } else {
        SIM_CHECK(a->world, !a->closed);
        pump(a);
    }
}

/* Of urgent data the application hears before it has read them (MUST-32), unless it asks sooner. */
static void on_report(struct stream *s, enum stream_report what, uint16_t detail)
{
    struct sim_app *a = s->app;
    (void)detail;
    if (what == REPORT_URGENT) {
        SIM_CHECK(a->world, peer_of(a)->urgent_end > 0);
        a->urgent_heard = true;
    }
}

static void on_peer_closed(struct stream *s)
{
    struct sim_app *a = s->app;
    SIM_CHECK(a->world, a->opened && !a->peer_closed && !a->closed);
    SIM_CHECK(a->world, peer_of(a)->urgent_end == 0 || a->urgent_heard);
    a->peer_closed = true;
    a->moved_at = a->world->now;
    pump(a);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct sim_app *a = s->app;
    SIM_CHECK(a->world, !a->closed && a->stream == s);
    a->closed = true;
    a->reason = reason;
    a->stream = NULL;
}

static const struct stream_events app_events = {
    .opened = on_opened,
    .readable = on_data,
    .writable = on_writable,
    .peer_closed = on_peer_closed,
    .report = on_report,
    .closed = on_closed,
};

/* ---- life ---- */

static void connect(struct sim_app *a)
{
    bool tls = flow_of(a)->tls;
    struct tcp_connect_args args = {
        .local = {a->addr, a->port},
        .remote = {a->remote, a->remote_port},
        .options = flow_of(a)->options[a->side],
        .events = &app_events,
        .app = a,
    };
    struct host *h = sim_app_host(a->world, a);
    struct stream *s;
    if (tcp_connect(&h->tcp, &args, &s) != TCP_OK) {
        run_at(a, a->world->now + RETRY); /* when a limit forbids it now */
        return;
    }
    a->connected_at = a->moved_at = a->world->now;
    a->port = handle_of_stream(s)->entry.tuple.local.port;
    a->stream = tls ? sim_tls_client(s, &app_events, a) : s;
    SIM_CHECK(a->world, a->stream != NULL);
    if (writes_early(a)) {
        pump(a);
    }
}

void sim_app_run(struct sim_app *a)
{
    if (a->stream != NULL) {
        pump(a);
        if (flow_of(a)->tls && a->side == SIM_CLIENT) {
            sim_tls_client_run(a->stream);
        }
    } else if (a->remote_port != 0 && !sim_app_over(a)) {
        connect(a);
    }
}

/* What the ends of a flow call each other. */
static void join(struct sim_world *w, struct sim_app *a)
{
    const struct sim_flow_plan *f = &w->plan.flow[a->flow];
    uint64_t key = (w->plan.seed * SIM_FLOWS + a->flow) * 2;
    uint64_t down = f->echo ? key : key + 1;
    bool client = a->side == SIM_CLIENT;
    a->key_out = client ? key : down;
    a->key_in = client ? down : key;
    a->expect = f->app[1 - a->side].total;
    unsigned peer = 1 - a->side;
    a->addr = sim_station_of(w, f->wire[a->side], f->host[a->side])->addr;
    a->remote = sim_station_of(w, f->wire[peer], f->host[peer])->addr;
    if (client) {
        a->port = f->port;
        a->remote_port = SIM_PORT;
    } else if (f->cross) { /* each connects to where the other connects from */
        a->port = SIM_PORT;
        a->remote_port = f->port;
    }
}

void sim_app_init(struct sim_world *w, unsigned flow, unsigned side)
{
    struct sim_app *a = &w->app[flow][side];
    const struct sim_flow_plan *f = &w->plan.flow[flow];
    *a = (struct sim_app){.world = w,
                          .flow = flow,
                          .side = side,
                          .due = NEVER,
                          .moved_at = w->now,
                          .plan = f->app[side]};
    a->lcg.state = (w->plan.seed * SIM_FLOWS + flow) * 2 + side;
    lcg_next(&a->lcg);
    join(w, a);
    if (a->remote_port != 0) {
        a->due = w->now + f->start;
    }
}

void sim_app_take(struct sim_app *a, struct stream *s)
{
    SIM_CHECK(a->world, a->stream == NULL && !a->opened);
    if (flow_of(a)->tls) {
        struct host *h = sim_app_host(a->world, a);
        a->stream = sim_tls_server(s, &h->recorder, tcp_of_stream(s)->id, &app_events, a);
        SIM_CHECK(a->world, a->stream != NULL);
        return;
    }
    a->stream = s;
    s->app = a;
    s->events = &app_events;
}

bool sim_app_over(const struct sim_app *a)
{
    return a->closed || a->let_go || a->aborted;
}
