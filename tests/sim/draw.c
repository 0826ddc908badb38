/* Whole transfers between two hosts over a bad cable, in many small worlds made from seeds.
 *
 * VITRINE_SEED    the first seed [1]
 * VITRINE_WORLDS  how many worlds [3600; 1200 with the address sanitizer]
 * VITRINE_TRACE   set: every event of every world is printed
 * VITRINE_REPORT  set: the measured rates are printed
 *
 * A world's kind is its seed modulo the number of kinds, and everything else in it follows from the
 * seed too: a failure names the seed, with which it repeats.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "stack/tcp/isn.h"
#include "stack/tcp/timewait.h"
#include "tests/unit/tcp/pair_app.h"

#define LINKS_MAX 32U
#define FAULT_LINKS_MAX 10U
#define HOUR (3600 * NS_PER_SEC)
#define WORLD_LIMIT (12 * HOUR) /* nothing takes as long, however bad the cable */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif
#define WORLDS_DEFAULT (SANITIZED ? 1200U : 3600U)

enum kind {
    KIND_BULK,
    KIND_ASK,     /* request and response, many times */
    KIND_HALF,    /* one side is done long before the other */
    KIND_SLOW,    /* a reader that shuts the window */
    KIND_TRICKLE, /* small writes, now and then */
    KIND_ECHO,
    KIND_ABORT,
    KIND_MANY,   /* connections at once */
    KIND_FAULT,  /* memory runs out, the device refuses */
    KIND_CROSS,  /* both sides open at once */
    KIND_ROUTER, /* a router lets no large packets through */
    KIND_WORST,  /* 20 % loss both ways, and what else there is */
    KINDS,
};

Suite *transfer_suite(void);

struct world {
    struct pair pair;
    enum kind kind;
    struct pair_app client[LINKS_MAX], server[LINKS_MAX];
    unsigned links;
};

static uint32_t below(struct lcg *g, uint32_t bound)
{
    return lcg_below(g, bound);
}

/* ---- making a world ---- */

static nsec some_delay(struct lcg *g)
{
    static const nsec delays[] = {0, 10 * NS_PER_US, NS_PER_MS, 30 * NS_PER_MS, 300 * NS_PER_MS};
    return delays[below(g, COUNT_OF(delays))];
}

static struct pair_wire some_wire(struct lcg *g, enum kind kind)
{
    static const uint32_t rare[] = {0, 0, 5, 20, 50};
    static const uint64_t rates[] = {0, 0, 1000000, 20000000, 1000000000};
    static const uint32_t queues[] = {0, 16000, 64000};
    struct pair_wire w = {
        .loss = kind == KIND_WORST ? 200 : rare[below(g, COUNT_OF(rare))],
        .duplicate = rare[below(g, COUNT_OF(rare))],
        .corrupt = rare[below(g, COUNT_OF(rare))],
        .refuse = kind == KIND_FAULT ? rare[below(g, COUNT_OF(rare))] : 0,
        .delay = some_delay(g),
        .rate = rates[below(g, COUNT_OF(rates))],
        .queue = queues[below(g, COUNT_OF(queues))],
    };
    static const uint32_t jitters[] = {0, 0, 1, 3};
    if (kind == KIND_ROUTER) {
        w.mtu = 576 + below(g, 1200);
    }
    w.jitter = w.delay * jitters[below(g, COUNT_OF(jitters))];
    return w;
}

static struct host_config some_host(struct lcg *g, enum kind kind)
{
    static const uint32_t send[] = {0, 0, 3000, 20000, 100000};
    static const uint32_t receive[] = {0, 0, 1500, 4000, 30000, 65535, 200000};
    struct host_config h = {0};
    h.tcp.send_buffer = send[below(g, COUNT_OF(send))];
    h.tcp.receive_buffer = receive[below(g, COUNT_OF(receive))];
    h.tcp.reassembly_max = below(g, 3) == 0 ? 1 + below(g, 4) : 0;
    h.tcp.msl = NS_PER_SEC;
    h.tcp.fin_wait_2 = HOUR;
    h.tcp.delayed_ack = below(g, 4) == 0 ? 200 * NS_PER_MS : 0;
    h.tcp.no_timestamps = below(g, 4) == 0;
    h.tcp.no_window_scale = below(g, 4) == 0;
    h.tcp.no_sack = below(g, 4) == 0;
    if (kind == KIND_SLOW) {
        h.tcp.receive_buffer = 1000 + below(g, 20000);
    }
    if (kind == KIND_FAULT) {
        for (unsigned i = 0; i < SLAB_CLASSES; i++) {
            h.slabs.slabs[i] =
                i == SLAB_RECORD ? 2 + below(g, 10) : NEIGHBOUR_QUEUE + 4 + below(g, 40);
            h.slabs.bufs += h.slabs.slabs[i];
        }
        h.tcp.max_connections = 5;
        h.tcp.max_timewait = 1 + below(g, 4);
    }
    return h;
}

static struct pair_config some_config(uint64_t seed, struct lcg *g, enum kind kind)
{
    static const uint32_t mtus[] = {0, 0, 0, 576, 200, 9000};
    struct pair_config config = {
        .seed = seed,
        .mtu = mtus[below(g, COUNT_OF(mtus))],
        .wire = {some_wire(g, kind), some_wire(g, kind)},
        .host = {some_host(g, kind), some_host(g, kind)},
        .start = (nsec)below(g, 1000000) * NS_PER_US,
        .batch = below(g, 3) == 0 ? 100 * NS_PER_US : 0,
        .faults = kind == KIND_FAULT ? below(g, 3) * 20 : 0,
    };
    return config;
}

static struct pair_plan some_plan(struct lcg *g)
{
    struct pair_plan plan = {.write_max = 1 + below(g, 20000), .read_max = 1 + below(g, 30000)};
    return plan;
}

/* What each kind has its two applications do. */
static void plan_link(struct lcg *g, enum kind kind, struct pair_plan *c, struct pair_plan *s)
{
    uint32_t unit = 1 + below(g, 3000);
    uint32_t answer = 1 + below(g, 20000);
    uint32_t rounds = 1 + below(g, 12);
    *c = some_plan(g);
    *s = some_plan(g);
    switch (kind) {
    case KIND_ASK:
        *c = (struct pair_plan){.first = unit, .unit_in = answer, .unit_out = unit};
        *s = (struct pair_plan){.unit_in = unit, .unit_out = answer, .peer_first = true};
        c->total = rounds * unit;
        s->total = rounds * answer;
        c->write_max = s->write_max = c->read_max = s->read_max = 1 + below(g, 30000);
        break;
    case KIND_HALF:
        c->total = c->first = below(g, 3000);
        s->total = s->first = below(g, 60000);
        s->write_gap = below(g, 20) * NS_PER_MS;
        break;
    case KIND_SLOW:
        c->total = c->first = below(g, 60000);
        s->read_max = 1 + below(g, 3000);
        s->read_gap = (1 + below(g, 200)) * NS_PER_MS;
        break;
    case KIND_TRICKLE:
        c->total = c->first = below(g, 600);
        s->total = s->first = below(g, 600);
        c->write_max = 1 + below(g, 30);
        s->write_max = 1 + below(g, 30);
        c->write_gap = below(g, 100) * NS_PER_MS;
        s->write_gap = below(g, 100) * NS_PER_MS;
        break;
    case KIND_ECHO:
        c->total = c->first = s->total = below(g, 60000);
        s->unit_in = 1;
        s->unit_out = 1;
        s->peer_first = true;
        break;
    default:
        c->total = below(g, kind == KIND_BULK ? 200000 : 25000);
        c->total -=
            below(g, 3) == 0 ? c->total % 1448 : 0; /* the last segment is full, FIN alone */
        c->first = c->total;
        s->total = s->first = below(g, 2) == 0 ? 0 : below(g, 50000);
        break;
    }
    if (kind == KIND_ABORT) {
        struct pair_plan *who = below(g, 2) == 0 ? c : s;
        who->abort_at = 1 + below(g, c->total + s->total + 1);
    }
    c->lets_go = below(g, 4) == 0 && !s->peer_first && kind != KIND_HALF;
    s->lets_go = below(g, 4) == 0 && !c->lets_go;
    c->lets_go_early = s->total == 0 && below(g, 2) == 0;
}

static void accept(void *arg, struct stream *s)
{
    struct world *w = arg;
    uint16_t port = tcp_of_stream(s)->entry.tuple.remote.port;
    unsigned latest = LINKS_MAX; /* an ephemeral port can be used again */
    for (unsigned i = 0; i < w->links; i++) {
        nsec since = latest < LINKS_MAX ? w->client[latest].connected_at : 0;
        if (w->client[i].port == port && w->client[i].connected_at >= since) {
            latest = i;
        }
    }
    PAIR_CHECK(&w->pair, latest < LINKS_MAX);
    pair_app_take(&w->server[latest], s);
}

static struct tcp_options some_options(struct lcg *g, enum kind kind)
{
    struct tcp_options o = {.no_delay = below(g, 2) == 0, .user_timeout = 4 * HOUR};
    if (kind == KIND_ABORT) { /* a reset that is lost must not keep the other end for ever */
        o.keepalive = true;
        o.keepalive_idle = 10 * NS_PER_SEC;
        o.keepalive_interval = 5 * NS_PER_SEC;
        o.user_timeout = HOUR;
    }
    return o;
}

/* Moves the clock to where an ISN or a timestamp of the first connection is about to wrap. */
static void bring_wrap_near(struct world *w, struct lcg *g)
{
    unsigned side = below(g, 2);
    struct pair *p = &w->pair;
    struct tcp *t = &p->side[side].host.tcp;
    struct tcp_tuple tuple = {.local = {pair_address(side), w->client[0].port},
                              .remote = {pair_address(1 - side), PAIR_PORT}};
    if (side == PAIR_SERVER) {
        tuple.local.port = PAIR_PORT;
        tuple.remote.port = w->client[0].port;
    }
    uint32_t left = below(g, 30000);
    uint32_t ticks;
    if (below(g, 3) != 0) {
        ticks = 0U - left - isn_choose(t, &tuple, p->now).v;
        p->now += (nsec)ticks * ISN_TICK;
    } else {
        uint32_t offset = (uint32_t)(demux_hash(&t->isn_key, &tuple) >> 32U);
        ticks = 0U - left % 500 - offset - (uint32_t)(p->now / NS_PER_MS);
        p->now += (nsec)ticks * NS_PER_MS;
    }
}

/* Simultaneous open (RFC 9293 3.5, figure 8): each side connects to where the other connects from. */
static void cross(struct world *w)
{
    struct pair_app *a = &w->client[0];
    struct pair_app *b = &w->server[0];
    a->port = b->remote_port = 40000;
    b->port = a->remote_port = PAIR_PORT;
    b->options = a->options;
    b->task.due = a->task.due;
}

static void world_init(struct world *w, uint64_t seed)
{
    struct lcg g = {.state = seed * UINT64_C(0x2545f4914f6cdd1d) + 7};
    below(&g, 1);
    w->kind = (enum kind)(seed % KINDS);
    struct pair_config config = some_config(seed, &g, w->kind);
    pair_init(&w->pair, &config);
    w->links = 1;
    if (w->kind == KIND_MANY || w->kind == KIND_FAULT) {
        w->links = 2 + below(&g, (w->kind == KIND_MANY ? LINKS_MAX : FAULT_LINKS_MAX) - 1);
    }
    struct tcp_options options = some_options(&g, w->kind);
    for (unsigned i = 0; i < w->links; i++) {
        struct pair_plan c, s;
        plan_link(&g, w->kind, &c, &s);
        pair_app_init(&w->client[i], &w->pair, PAIR_CLIENT, &c);
        pair_app_init(&w->server[i], &w->pair, PAIR_SERVER, &s);
        pair_app_join(&w->client[i], &w->server[i], seed * LINKS_MAX + i, w->kind == KIND_ECHO);
        w->client[i].options = options;
    }
    struct tcp_listen_args listen = {.local = {ip_any, PAIR_PORT},
                                     .backlog = 1 + below(&g, 40),
                                     .options = options,
                                     .accept = accept,
                                     .arg = w};
    if (below(&g, 2) == 0) {
        w->client[0].port = 40000;
        bring_wrap_near(w, &g);
    }
    for (unsigned i = 0; i < w->links; i++) {
        w->client[i].task.due = w->pair.now + below(&g, 3) * (nsec)below(&g, 50) * NS_PER_MS;
    }
    if (w->kind == KIND_CROSS) {
        cross(w);
        return;
    }
    ck_assert_int_eq(tcp_listen(&w->pair.side[PAIR_SERVER].host.tcp, &listen, NULL), TCP_OK);
}

/* ---- what must come out ---- */

static void expect_orderly(struct world *w, const struct pair_app *a)
{
    struct pair *p = &w->pair;
    PAIR_CHECK(p, a->opened);
    PAIR_CHECK(p, a->sent == a->plan.total && a->received == a->expect);
    PAIR_CHECK(p, a->closed || a->let_go);
    PAIR_CHECK(p, a->let_go || (a->peer_closed && a->reason == CLOSE_NORMAL));
}

/* After an abort the other end learns of it, by a reset or by silence. */
static void expect_ended(struct world *w, const struct pair_app *a, const struct pair_app *peer)
{
    struct pair *p = &w->pair;
    PAIR_CHECK(p, !a->aborted || !peer->aborted);
    if (a->aborted || !a->opened) {
        return;
    }
    PAIR_CHECK(p, a->closed || a->let_go);
    if (!peer->aborted) {
        expect_orderly(w, a);
    }
}

static void expect_ends(struct world *w)
{
    for (unsigned i = 0; i < w->links; i++) {
        const struct pair_app *c = &w->client[i];
        const struct pair_app *s = &w->server[i];
        if (w->kind == KIND_ABORT) {
            expect_ended(w, c, s);
            expect_ended(w, s, c);
        } else {
            expect_orderly(w, c);
            expect_orderly(w, s);
        }
    }
}

static void run_world(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, seed);
    if (!pair_settle(&w->pair, w->pair.now + WORLD_LIMIT)) {
        pair_fail(&w->pair, __FILE__, __LINE__, "something waits for ever");
    }
    expect_ends(w);
    pair_expect_empty(&w->pair);
    pair_done(&w->pair);
    free(w);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

START_TEST(worlds_of_one_kind)
{
    uint64_t seed = number_from("VITRINE_SEED", 1);
    uint64_t end = seed + number_from("VITRINE_WORLDS", WORLDS_DEFAULT);
    for (; seed < end; seed++) {
        if (seed % KINDS == (uint64_t)_i) {
            run_world(seed);
        }
    }
}
END_TEST

/* Whatever is going on, a host can be taken apart, and nothing is left. */
START_TEST(hosts_may_end_at_any_moment)
{
    struct lcg g = {.state = 3};
    for (uint64_t seed = 1; seed <= 40 * KINDS; seed++) {
        struct world *w = calloc(1, sizeof *w);
        ck_assert_ptr_nonnull(w);
        world_init(w, seed);
        for (uint32_t steps = below(&g, 400); steps > 0; steps--) {
            pair_step(&w->pair, w->pair.now + WORLD_LIMIT);
        }
        pair_done(&w->pair);
        free(w);
    }
}
END_TEST

/* ---- single runs ---- */

struct run {
    struct pair pair;
    struct pair_app client, server;
};

static void accept_run(void *arg, struct stream *s)
{
    struct run *r = arg;
    pair_app_take(&r->server, s);
}

static struct run *run_new(const struct pair_config *config, const struct pair_plan *client,
                           const struct pair_plan *server, const struct tcp_options *options)
{
    struct run *r = calloc(1, sizeof *r);
    ck_assert_ptr_nonnull(r);
    pair_init(&r->pair, config);
    pair_app_init(&r->client, &r->pair, PAIR_CLIENT, client);
    pair_app_init(&r->server, &r->pair, PAIR_SERVER, server);
    pair_app_join(&r->client, &r->server, config->seed, false);
    r->client.options = *options;
    struct tcp_listen_args listen = {
        .local = {ip_any, PAIR_PORT}, .options = *options, .accept = accept_run, .arg = r};
    ck_assert_int_eq(tcp_listen(&r->pair.side[PAIR_SERVER].host.tcp, &listen, NULL), TCP_OK);
    r->client.task.due = r->pair.now;
    return r;
}

static void run_end(struct run *r)
{
    PAIR_CHECK(&r->pair, pair_settle(&r->pair, r->pair.now + WORLD_LIMIT));
    pair_expect_empty(&r->pair);
    pair_done(&r->pair);
    free(r);
}

static void report(const char *what, double rate)
{
    if (getenv("VITRINE_REPORT") != NULL) {
        fprintf(stderr, "1 Gbit/s, round trip 1 ms, %s: %.1f Mbit/s\n", what, rate / 1e6);
    }
}

/* Bits of payload a second from one host to the other, over 1 Gbit/s with a round trip of 1 ms. */
static double bulk_rate(uint32_t bytes, uint32_t loss, uint64_t *resent)
{
    struct pair_config config = {.seed = 1, .start = NS_PER_SEC};
    for (unsigned i = 0; i < 2; i++) {
        config.wire[i] = (struct pair_wire){.delay = 500 * NS_PER_US, .rate = 1000000000};
        config.host[i].tcp.msl = NS_PER_SEC;
    }
    config.wire[PAIR_CLIENT].loss = loss;
    struct pair_plan sender = {.total = bytes, .first = bytes, .write_max = 16384};
    struct pair_plan reader = {.read_max = 65536, .peer_first = true};
    struct tcp_options options = {0};
    struct run *r = run_new(&config, &sender, &reader, &options);
    while (r->server.received < bytes) {
        PAIR_CHECK(&r->pair, pair_step(&r->pair, WORLD_LIMIT));
    }
    double seconds = (double)(r->pair.now - config.start) / 1e9;
    *resent = r->pair.side[PAIR_CLIENT].host.tcp.totals.retransmitted;
    run_end(r);
    return (double)bytes * 8 / seconds;
}

/* The most that frames of 1514 bytes with 1448 of payload allow is 956 Mbit/s. */
START_TEST(bulk_fills_a_gigabit)
{
    uint64_t resent;
    double rate = bulk_rate(50000000, 0, &resent);
    ck_assert_uint_eq(resent, 0);
    ck_assert_double_gt(rate, 900e6);
    report("no loss", rate);
}
END_TEST

/* One segment per timeout of 200 ms would be 58 kbit/s. */
START_TEST(bulk_survives_one_percent_loss)
{
    uint64_t resent;
    double rate = bulk_rate(20000000, 10, &resent);
    ck_assert_uint_gt(resent, 50);
    ck_assert_double_gt(rate, 20e6);
    report("1 % loss", rate);
}
END_TEST

Suite *transfer_suite(void)
{
    Suite *s = suite_create("transfer");
    TCase *worlds = tcase_create("worlds");
    tcase_set_timeout(worlds, 3600);
    tcase_add_loop_test(worlds, worlds_of_one_kind, 0, KINDS);
    tcase_add_test(worlds, hosts_may_end_at_any_moment);
    suite_add_tcase(s, worlds);
    TCase *rates = tcase_create("rates");
    tcase_set_timeout(rates, 600);
    tcase_add_test(rates, bulk_fills_a_gigabit);
    tcase_add_test(rates, bulk_survives_one_percent_loss);
    suite_add_tcase(s, rates);
    return s;
}
