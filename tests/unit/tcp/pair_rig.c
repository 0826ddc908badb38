#include "tests/unit/tcp/pair_rig.h"

#include <string.h>

#include "stack/tcp/conn.h"

#define BEGIN (100 * NS_PER_SEC)
#define SENDER_ADDR ip4_addr(0x0a090001U)
#define READER_ADDR ip4_addr(0x0a090002U)

static void write_all(struct stream *s)
{
    struct pair *p = s->app;
    uint64_t total = p->config.total != 0 ? p->config.total : UINT64_MAX;
    while (p->written < total) {
        size_t room;
        uint8_t *at = stream_reserve(s, 1, &room);
        if (at == NULL) {
            return;
        }
        size_t n = total - p->written < room ? (size_t)(total - p->written) : room;
        memset(at, (int)(p->written >> 14U), n);
        stream_commit(s, n);
        p->written += n;
    }
}

void pair_read(struct pair *p)
{
    struct slice in;
    while (p->reader != NULL && p->read < p->read_limit && (in = stream_peek(p->reader)).len > 0) {
        size_t n = in.len < p->read_limit - p->read ? in.len : (size_t)(p->read_limit - p->read);
        stream_consume(p->reader, n);
        p->read += n;
    }
}

static void readable(struct stream *s)
{
    pair_read(s->app);
}

static void closed(struct stream *s, enum close_reason reason)
{
    struct pair *p = s->app;
    (void)reason;
    if (p->sender == s) {
        p->sender = NULL;
    } else {
        p->reader = NULL;
    }
}

static const struct stream_events sender_events = {
    .opened = write_all, .writable = write_all, .closed = closed};
static const struct stream_events reader_events = {.readable = readable, .closed = closed};

static void accepted(void *arg, struct stream *s)
{
    struct pair *p = arg;
    p->reader = s;
    s->events = &reader_events;
    s->app = p;
}

static void to_sender(void *arg, struct list *frames, nsec now)
{
    struct pair *p = arg;
    host_input(&p->host[0], p->iface[0], frames, now);
}

static void to_reader(void *arg, struct list *frames, nsec now)
{
    struct pair *p = arg;
    host_input(&p->host[1], p->iface[1], frames, now);
}

static void lay_wire(struct pair *p)
{
    const struct pair_config *k = &p->config;
    struct wire_node_config there[5] = {
        {.kind = WIRE_QUEUE, .queue = {.limit = k->queue}},
        {.kind = WIRE_RATE, .rate = {.bits_per_second = k->bits_per_second}},
        {.kind = WIRE_DELAY, .delay = {.base = k->one_way}},
        {.kind = WIRE_LOSS, .loss = {.chance = k->loss}},
        {.kind = WIRE_MTU, .mtu = {k->hole != 0 ? k->hole : UINT16_MAX}},
    };
    struct wire_node_config back = {.kind = WIRE_DELAY, .delay = {.base = k->one_way}};
    struct wire_config wire = {
        .seed = {7},
        .way = {{.nodes = there, .count = COUNT_OF(there)}, {.nodes = &back, .count = 1}},
        .mac = {{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}},
        .mtu = k->mtu};
    ck_assert(wire_init(&p->wire, &wire, p->now));
    wire_connect(&p->wire, 0, &p->host[0].pools, to_sender, p);
    wire_connect(&p->wire, 1, &p->host[1].pools, to_reader, p);
    p->iface[0] = host_attach(&p->host[0], &p->wire.end[0].dev, SENDER_ADDR, 24);
    p->iface[1] = host_attach(&p->host[1], &p->wire.end[1].dev, READER_ADDR, 24);
    ck_assert(p->iface[0] != NULL && p->iface[1] != NULL);
}

void pair_begin(struct pair *p, const struct pair_config *config)
{
    *p = (struct pair){.config = *config, .now = BEGIN, .read_limit = UINT64_MAX};
    const struct tcp_config *tcp[] = {&p->config.sender, &p->config.reader};
    for (unsigned i = 0; i < 2; i++) {
        struct host_config host = {.seed = {(uint8_t)(i + 1)}, .tcp = *tcp[i]};
        ck_assert(host_init(&p->host[i], &host, p->now));
    }
    lay_wire(p);
    struct tcp_listen_args listen = {.local = {READER_ADDR, PAIR_PORT},
                                     .options = config->reader_options,
                                     .accept = accepted,
                                     .arg = p};
    struct tcp_listener *l;
    ck_assert_int_eq(tcp_listen(&p->host[1].tcp, &listen, &l), TCP_OK);
    struct tcp_connect_args connect = {.remote = {READER_ADDR, PAIR_PORT},
                                       .options = config->sender_options,
                                       .events = &sender_events,
                                       .app = p};
    host_enter(&p->host[0], p->now);
    ck_assert_int_eq(tcp_connect(&p->host[0].tcp, &connect, &p->sender), TCP_OK);
    host_flush(&p->host[0], p->now);
}

static void look(struct pair *p)
{
    struct tcp_conn *c = p->sender != NULL ? tcp_of_stream(p->sender) : NULL;
    if (c == NULL || c->state != TCP_ESTABLISHED) {
        return;
    }
    uint32_t edge = seq_add(c->snd_una, c->snd_wnd).v;
    uint32_t unit = 1U << c->snd_wscale;
    if (p->edge != 0 && (int32_t)(edge + unit - p->edge) <= 0) {
        p->windows_shrunk++;
    }
    p->edge = edge;
    p->widest = u32_max(p->widest, c->snd_wnd);
    p->most_queued = u32_max(p->most_queued, c->sendq.len);
    tcp_seq end = sendq_end(&c->sendq);
    uint32_t unsent = seq_gt(end, c->snd_nxt) ? seq_span(c->snd_nxt, end) : 0;
    p->most_unsent = u32_max(p->most_unsent, unsent);
}

static nsec next_moment(struct pair *p)
{
    nsec next = wire_deadline(&p->wire);
    next = nsec_min(next, host_deadline(&p->host[0]));
    return nsec_min(next, host_deadline(&p->host[1]));
}

void pair_run_to(struct pair *p, nsec after_begin)
{
    nsec end = BEGIN + after_begin;
    for (;;) {
        for (unsigned i = 0; i < 2; i++) {
            host_flush(&p->host[i], p->now);
        }
        look(p);
        nsec next = nsec_max(next_moment(p), p->now);
        if (next > end) {
            break;
        }
        p->now = next;
        p->wire.now = next;
        if (wire_deadline(&p->wire) <= next) {
            wire_advance(&p->wire, next);
        }
        for (unsigned i = 0; i < 2; i++) {
            if (host_deadline(&p->host[i]) <= next) {
                host_advance(&p->host[i], next);
            }
        }
    }
    p->now = end;
    p->wire.now = end;
}

struct tcp_info pair_info(struct stream *s)
{
    struct tcp_info info = {0};
    tcp_get_info(s, &info);
    return info;
}

void pair_end(struct pair *p)
{
    nsec end = p->now - BEGIN;
    for (unsigned i = 0; i < 2; i++) {
        host_enter(&p->host[i], p->now);
    }
    struct stream *streams[] = {p->sender, p->reader};
    p->sender = p->reader = NULL;
    for (unsigned i = 0; i < 2; i++) {
        if (streams[i] != NULL) {
            stream_abort(streams[i]);
        }
    }
    pair_run_to(p, end + 10 * NS_PER_SEC);
    wire_done(&p->wire);
    for (unsigned i = 0; i < 2; i++) {
        struct host *h = &p->host[i];
        ck_assert_uint_eq(h->tcp.handle_pool.in_use, 0);
        ck_assert_uint_eq(h->tcp.conn_pool.in_use, 0);
        ck_assert_uint_eq(h->tcp.rest_pool.in_use, 0);
        ck_assert_uint_eq(h->tcp.range_pool.in_use, 0);
        ck_assert_uint_eq(h->tcp.sent_pool.in_use, 0);
        for (unsigned k = 0; k < SLAB_CLASSES; k++) {
            ck_assert_uint_eq(h->pools.slabs[k].in_use, 0);
        }
        host_done(h);
    }
}
