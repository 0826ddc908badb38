/* Two hosts, a wire, and a clock: runs a cell. */
#include <stdlib.h>
#include <string.h>

#include "stack/host.h"
#include "stack/link/frame_facts.h"
#include "stack/tcp/cc.h"
#include "stack/tcp/conn.h"
#include "stack/tcp/info.h"
#include "stack/trace/line.h"
#include "tests/simgrid/cell.h"
#include "tests/unit/base/lcg.h"

#define PORT 80U
#define BEGIN NS_PER_SEC /* time does not begin at 0, which means "not yet" in places */
#define STARTS_WITHIN (100 * NS_PER_MS) /* of the flows of a cell */
#define FRAMES (1U << 20U)              /* limit of every pool: nothing here runs dry */
#define PATTERN 65521U                  /* bytes, a prime: no shift by whole segments goes unseen */
#define BUFFER_MIN (1U << 20U)
#define OVERHEAD 24U                      /* bytes that Ethernet adds to a frame on the medium */
#define TOTAL_WITHIN (50000 * NS_PER_SEC) /* a transfer that has not ended by then hangs */

struct rig;

/* One end of a flow. */
struct end {
    struct rig *rig;
    struct stream *stream; /* NULL: not open yet, or over */
    uint64_t place;        /* bytes written, or read, so far */
    uint64_t delivered;    /* of a receiver that is over: bytes that came */
    nsec start;            /* of a sender: when it connects; NEVER: it has */
    unsigned flow;
};

struct rig {
    const struct grid_cell *cell;
    struct grid_outcome *out;
    struct host host[2];
    struct iface *iface[2];
    struct wire wire;
    struct wire_node *rate; /* of the way of data */
    struct listener listener;
    nsec now;
    struct end sender[GRID_FLOWS], receiver[GRID_FLOWS];
    unsigned over; /* ends */
    bool print;    /* every event of the senders' host */
    uint8_t pattern[2 * PATTERN];
};

/* ---- applications ---- */

static void fill(struct end *e)
{
    uint32_t total = e->rig->cell->total;
    for (;;) {
        size_t room;
        uint8_t *at = stream_reserve(e->stream, 1, &room);
        if (at == NULL) {
            return;
        }
        size_t n = size_min(room, PATTERN);
        if (total > 0) {
            n = size_min(n, total - e->place);
        }
        if (n == 0) {
            stream_shutdown(e->stream);
            return;
        }
        memcpy(at, e->rig->pattern + e->place % PATTERN, n);
        stream_commit(e->stream, n);
        e->place += n;
    }
}

static void on_room(struct stream *s)
{
    fill(s->app);
}

static void on_bytes(struct stream *s)
{
    struct end *e = s->app;
    for (;;) {
        struct slice in = stream_peek(s);
        if (in.len == 0) {
            return;
        }
        size_t n = size_min(in.len, PATTERN);
        if (memcmp(in.data, e->rig->pattern + e->place % PATTERN, n) != 0) {
            e->rig->out->intact = false;
        }
        e->place += n;
        stream_consume(s, n);
    }
}

static void nothing(struct stream *s)
{
    (void)s;
}

static void on_peer_closed(struct stream *s)
{
    struct end *e = s->app;
    on_bytes(s);
    e->rig->out->took = e->rig->now - BEGIN;
    stream_shutdown(s);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct end *e = s->app;
    if (reason != CLOSE_NORMAL) {
        e->rig->out->intact = false;
    }
    e->delivered = e->place;
    e->stream = NULL;
    e->rig->over++;
}

static const struct stream_events sender_events = {.opened = on_room,
                                                   .readable = nothing,
                                                   .writable = on_room,
                                                   .peer_closed = nothing,
                                                   .closed = on_closed};
static const struct stream_events receiver_events = {.opened = on_bytes,
                                                     .readable = on_bytes,
                                                     .writable = nothing,
                                                     .peer_closed = on_peer_closed,
                                                     .closed = on_closed};

/* tcp_listener.accept. A client's port says which flow it is. */
static void on_accept(void *arg, struct stream *s)
{
    struct rig *r = arg;
    uint16_t port = handle_of_stream(s)->entry.tuple.remote.port;
    for (unsigned i = 0; i < r->cell->flows; i++) {
        struct stream *there = r->sender[i].stream;
        if (there != NULL && handle_of_stream(there)->entry.tuple.local.port == port) {
            r->receiver[i].stream = s;
            s->app = &r->receiver[i];
            s->events = &receiver_events;
            return;
        }
    }
    stream_abort(s);
}

static uint32_t buffer_of(const struct grid_cell *c)
{
    uint64_t flight = c->rate / 8 * (uint64_t)c->rtt / (uint64_t)NS_PER_SEC + c->queue;
    return u32_max((uint32_t)(2 * flight), BUFFER_MIN);
}

static void connect_flow(struct rig *r, unsigned i)
{
    const struct grid_cell *c = r->cell;
    struct tcp_connect_args args = {
        .remote = {ip4_addr(0x0a090002), PORT}, .events = &sender_events, .app = &r->sender[i]};
    args.options.cc = cc_named(c->cc[i % c->mixed]);
    args.options.user_timeout = NEVER;
    host_enter(&r->host[0], r->now);
    if (tcp_connect(&r->host[0].tcp, &args, &r->sender[i].stream) != TCP_OK) {
        r->out->ran = false;
    }
    r->sender[i].start = NEVER;
}

/* ---- what is seen ---- */

static void on_event(void *arg, const struct event *e)
{
    struct rig *r = arg;
    if (r->print) {
        char text[EVENT_LINE_MAX];
        event_line(e, BEGIN, text, sizeof text);
        fprintf(stderr, "%s\n", text);
    }
    if (e->type != EV_tcp_cwnd) {
        return;
    }
    switch (e->u.tcp_cwnd.why) {
    case CWND_TIMEOUT:
        r->out->timeouts++;
        break;
    case CWND_FAST_RETRANSMIT:
        r->out->recoveries++;
        break;
    case CWND_UNDONE:
        r->out->undone++;
        break;
    default:
        break;
    }
}

/* wire.watch: data that enter the queue, and data that come out in the end */
static void on_sight(void *arg, const struct wire_sight *s)
{
    struct rig *r = arg;
    if (s->from != 0) {
        return;
    }
    if (s->what == WIRE_SENT) {
        r->out->queued += r->rate->held;
        r->out->queue_frames++;
    } else if (s->what == WIRE_ARRIVED) {
        struct frame_facts f;
        frame_look(buf_slice(s->frame->buf), &f);
        r->out->arrived += f.is_tcp ? f.len : 0;
    }
}

/* wire_end.deliver */
static void to_first(void *arg, struct list *frames, nsec now)
{
    struct rig *r = arg;
    host_input(&r->host[0], r->iface[0], frames, now);
}

static void to_second(void *arg, struct list *frames, nsec now)
{
    struct rig *r = arg;
    host_input(&r->host[1], r->iface[1], frames, now);
}

/* ---- the link ---- */

static unsigned data_way(const struct grid_cell *c, struct wire_node_config *n)
{
    unsigned count = 0;
    n[count++] = (struct wire_node_config){.kind = WIRE_QUEUE, .queue = {c->queue, c->mark}};
    n[count++] = (struct wire_node_config){.kind = WIRE_RATE, .rate = {c->rate, OVERHEAD}};
    n[count++] = (struct wire_node_config){.kind = WIRE_DELAY, .delay = {.base = c->rtt / 2}};
    if (c->loss > 0) {
        n[count++] = (struct wire_node_config){.kind = WIRE_LOSS, .loss = {c->loss}};
    }
    if (c->burst_p > 0) {
        n[count++] = (struct wire_node_config){
            .kind = WIRE_BURST,
            .burst = {.p = c->burst_p, .r = c->burst_r, .loss_bad = WIRE_MILLION}};
    }
    if (c->reorder > 0) {
        n[count++] =
            (struct wire_node_config){.kind = WIRE_REORDER, .reorder = {c->reorder, c->late}};
    }
    return count;
}

static unsigned ack_way(const struct grid_cell *c, struct wire_node_config *n)
{
    unsigned count = 0;
    n[count++] = (struct wire_node_config){.kind = WIRE_RATE, .rate = {c->rate, OVERHEAD}};
    n[count++] =
        (struct wire_node_config){.kind = WIRE_DELAY, .delay = {.base = c->rtt - c->rtt / 2}};
    if (c->ack_loss > 0) {
        n[count++] = (struct wire_node_config){.kind = WIRE_LOSS, .loss = {c->ack_loss}};
    }
    return count;
}

static bool wire_begin(struct rig *r, struct lcg *g)
{
    struct wire_node_config nodes[2][WIRE_NODES];
    struct wire_config config = {
        .way = {{.nodes = nodes[0], .count = data_way(r->cell, nodes[0])},
                {.nodes = nodes[1], .count = ack_way(r->cell, nodes[1])}},
        .mac = {{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}},
        .caps = NETDEV_CSUM, /* nothing is corrupted here, and checksums cost most of the time */
        .max_frames = FRAMES,
        .max_bytes = UINT64_MAX / 2,
    };
    lcg_fill(g, config.seed, sizeof config.seed);
    if (!wire_init(&r->wire, &config, BEGIN)) {
        return false;
    }
    r->rate = &r->wire.end[0].nodes[1];
    r->wire.watch = on_sight;
    r->wire.watch_arg = r;
    /* what arrives is the wire's own buffer: one copy less */
    wire_connect(&r->wire, 0, NULL, to_first, r);
    wire_connect(&r->wire, 1, NULL, to_second, r);
    return true;
}

static bool host_begin(struct rig *r, struct lcg *g, unsigned i)
{
    struct host_config config = {.recorder_events = 64};
    lcg_fill(g, config.seed, sizeof config.seed);
    for (unsigned k = 0; k < SLAB_CLASSES; k++) {
        config.slabs.slabs[k] = FRAMES;
    }
    config.slabs.bufs = FRAMES;
    config.tcp.send_buffer = config.tcp.receive_buffer = buffer_of(r->cell);
    config.tcp.no_timestamps = r->cell->no_timestamps;
    config.tcp.ecn = r->cell->mark > 0 ? TCP_ECN_ASK : TCP_ECN_OFF;
    if (!host_init(&r->host[i], &config, BEGIN)) {
        return false;
    }
    struct netdev *dev = &r->wire.end[i].dev;
    r->iface[i] = host_attach(&r->host[i], dev, ip4_addr(0x0a090001 + i), 24);
    return r->iface[i] != NULL;
}

static bool rig_begin(struct rig *r)
{
    struct lcg g = {.state = r->cell->seed};
    lcg_next(&g);
    lcg_fill(&g, r->pattern, PATTERN);
    memcpy(r->pattern + PATTERN, r->pattern, PATTERN);
    if (!wire_begin(r, &g) || !host_begin(r, &g, 0) || !host_begin(r, &g, 1)) {
        return false;
    }
    r->print = getenv("VITRINE_TRACE") != NULL;
    r->listener = (struct listener){.on_event = on_event, .arg = r};
    recorder_listen(&r->host[0].recorder, &r->listener);
    struct tcp_listen_args args = {
        .local = {ip_any, PORT}, .accept = on_accept, .arg = r, .options.user_timeout = NEVER};
    for (unsigned i = 0; i < r->cell->flows; i++) {
        nsec within = r->cell->flows > 1 ? STARTS_WITHIN : 1;
        r->sender[i] = (struct end){.rig = r, .flow = i};
        r->sender[i].start = BEGIN + (nsec)lcg_below(&g, (uint32_t)within);
        r->receiver[i] = (struct end){.rig = r, .flow = i, .start = NEVER};
    }
    return tcp_listen(&r->host[1].tcp, &args, NULL) == TCP_OK;
}

/* ---- time ---- */

static nsec next_start(const struct rig *r)
{
    nsec next = NEVER;
    for (unsigned i = 0; i < r->cell->flows; i++) {
        next = nsec_min(next, r->sender[i].start);
    }
    return next;
}

static void start_flows(struct rig *r)
{
    for (unsigned i = 0; i < r->cell->flows; i++) {
        if (r->sender[i].start <= r->now) {
            connect_flow(r, i);
        }
    }
}

static void run_until(struct rig *r, nsec stop)
{
    nsec starts = next_start(r);
    while (r->cell->total == 0 || r->over < 2 * r->cell->flows) {
        nsec host = nsec_min(host_deadline(&r->host[0]), host_deadline(&r->host[1]));
        nsec next = nsec_min(nsec_min(host, wire_deadline(&r->wire)), starts);
        if (next > stop) {
            break;
        }
        r->now = nsec_max(r->now, next);
        wire_advance(&r->wire, r->now);
        host_advance(&r->host[0], r->now);
        host_advance(&r->host[1], r->now);
        if (starts <= r->now) {
            start_flows(r);
            starts = next_start(r);
        }
        host_flush(&r->host[0], r->now);
        host_flush(&r->host[1], r->now);
    }
}

/* What a receiver has of its flow. `*held`: with what lies beyond holes. */
static uint64_t received(const struct end *e, uint64_t *held)
{
    struct tcp_info info;
    if (e->stream == NULL) {
        *held = e->delivered;
        return e->delivered;
    }
    tcp_get_info(e->stream, &info);
    *held = info.bytes_in + info.out_of_order;
    return info.bytes_in;
}

static void measure(struct rig *r)
{
    struct grid_outcome *o = r->out;
    uint64_t unique = 0;
    for (unsigned i = 0; i < r->cell->flows; i++) {
        uint64_t held;
        o->received[i] = received(&r->receiver[i], &held);
        unique += held;
        if (r->cell->total > 0 &&
            (o->received[i] != r->cell->total || r->receiver[i].place != r->cell->total)) {
            o->intact = false;
        }
    }
    o->duplicate = o->arrived - unique;
    o->refused = r->host[1].recorder.drops[DROP_TCP_PAWS];
    o->sent = r->host[0].tcp.totals.segments_out;
    o->again = r->host[0].tcp.totals.retransmitted;
    struct wire_stats s = wire_stats(&r->wire, 0);
    o->dropped = s.queue_full;
    o->lost = s.lost;
    o->marked = s.marked;
    if (r->cell->total == 0) {
        o->took = r->cell->lasts;
    }
}

void grid_run(const struct grid_cell *cell, struct grid_outcome *out)
{
    struct rig *r = calloc(1, sizeof *r);
    *out = (struct grid_outcome){.ran = r != NULL, .intact = true};
    if (r == NULL) {
        return;
    }
    r->cell = cell;
    r->out = out;
    if (!rig_begin(r)) {
        out->ran = false;
        free(r);
        return;
    }
    run_until(r, BEGIN + (cell->total > 0 ? TOTAL_WITHIN : cell->lasts));
    measure(r);
    host_done(&r->host[0]);
    host_done(&r->host[1]);
    wire_done(&r->wire);
    free(r);
}
