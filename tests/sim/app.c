/* What the applications do with their streams. */
#include "tests/unit/tcp/pair_app.h"

#include <check.h>

#define RETRY (10 * NS_PER_SEC)
#define STARVED_RETRY (50 * NS_PER_MS) /* a made-to-fail allocation is not followed by `writable` */

static uint8_t byte_at(uint64_t key, uint32_t place)
{
    uint64_t v = (key ^ place) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint8_t)(v >> 56U ^ v >> 37U);
}

static void run_at(struct pair_app *a, nsec due)
{
    a->task.due = nsec_min(a->task.due, due);
}

static nsec some_of(struct pair_app *a, nsec gap)
{
    return gap / 2 + (nsec)((uint64_t)gap * lcg_below(&a->pair->lcg, 1000) / 1000);
}

/* Consumes what is there; with a gap, one piece. True: it took something. */
static bool read_some(struct pair_app *a)
{
    nsec now = a->pair->now;
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
        size_t n = size_min(s.len, 1 + lcg_below(&a->pair->lcg, a->plan.read_max));
        for (size_t i = 0; i < n; i++) {
            if (s.data[i] != byte_at(a->key_in, a->received + (uint32_t)i)) {
                pair_fail(a->pair, __FILE__, __LINE__, "side %u: byte %u of the stream is wrong",
                          a->side, a->received + (uint32_t)i);
            }
        }
        stream_consume(a->stream, n);
        a->received += (uint32_t)n;
        took = true;
        PAIR_CHECK(a->pair, a->received <= a->expect);
        if (a->plan.read_gap > 0) {
            a->next_read = now + some_of(a, a->plan.read_gap);
        }
    }
}

static uint32_t allowance(const struct pair_app *a)
{
    uint64_t n = a->plan.first;
    if (a->plan.unit_in > 0) {
        n += (uint64_t)(a->received / a->plan.unit_in) * a->plan.unit_out;
    }
    return n < a->plan.total ? (uint32_t)n : a->plan.total;
}

static bool write_some(struct pair_app *a)
{
    nsec now = a->pair->now;
    bool wrote = false;
    while (a->sent < allowance(a)) {
        if (now < a->next_write) {
            run_at(a, a->next_write);
            return wrote;
        }
        uint32_t want = 1 + lcg_below(&a->pair->lcg, a->plan.write_max);
        want = u32_min(want, allowance(a) - a->sent);
        uint32_t min = lcg_below(&a->pair->lcg, 2) == 0 ? 1 : u32_min(want, STREAM_RESERVE_MAX);
        size_t room;
        uint8_t *at = stream_reserve(a->stream, min, &room);
        if (at == NULL) {
            if (a->pair->faults > 0) {
                run_at(a, now + STARVED_RETRY);
            }
            return wrote;
        }
        PAIR_CHECK(a->pair, room >= min);
        uint32_t n = u32_min(want, (uint32_t)room);
        for (uint32_t i = 0; i < n; i++) {
            at[i] = byte_at(a->key_out, a->sent + i);
        }
        stream_commit(a->stream, n);
        a->sent += n;
        wrote = true;
        if (a->plan.write_gap > 0) {
            a->next_write = now + some_of(a, a->plan.write_gap);
        }
    }
    return wrote;
}

static void let_go(struct pair_app *a)
{
    tcp_close(a->stream);
    a->stream = NULL;
    a->let_go = true;
}

static void close_when_done(struct pair_app *a)
{
    const struct pair_plan *plan = &a->plan;
    if (plan->abort_at > 0 && a->sent + a->received >= plan->abort_at) {
        stream_abort(a->stream);
        a->stream = NULL;
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

static void pump(struct pair_app *a)
{
    bool more = true;
    while (more && a->stream != NULL) {
        more = read_some(a);
        more = write_some(a) || more;
        close_when_done(a);
    }
}

/* ---- events ---- */

static void on_opened(struct stream *s)
{
    struct pair_app *a = s->app;
    PAIR_CHECK(a->pair, !a->opened && !a->closed);
    a->opened = true;
    pump(a);
}

static void on_data(struct stream *s)
{
    struct pair_app *a = s->app;
    PAIR_CHECK(a->pair, a->opened && !a->closed);
    pump(a);
}

static void on_peer_closed(struct stream *s)
{
    struct pair_app *a = s->app;
    PAIR_CHECK(a->pair, a->opened && !a->peer_closed && !a->closed);
    a->peer_closed = true;
    pump(a);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct pair_app *a = s->app;
    PAIR_CHECK(a->pair, !a->closed && a->stream == s);
    a->closed = true;
    a->reason = reason;
    a->stream = NULL;
}

const struct stream_events pair_app_events = {
    .opened = on_opened,
    .readable = on_data,
    .writable = on_data,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

/* ---- life ---- */

void pair_app_connect(struct pair_app *a)
{
    struct tcp_connect_args args = {
        .local.port = a->port,
        .remote = {pair_address(1 - a->side), a->remote_port},
        .options = a->options,
        .events = &pair_app_events,
        .app = a,
    };
    struct tcp *t = &a->pair->side[a->side].host.tcp;
    if (tcp_connect(t, &args, &a->stream) != TCP_OK) {
        run_at(a, a->pair->now + RETRY);
        return;
    }
    a->connected_at = a->pair->now;
    a->port = tcp_of_stream(a->stream)->entry.tuple.local.port;
}

static void run(struct pair_task *t, nsec now)
{
    struct pair_app *a = CONTAINER_OF(t, struct pair_app, task);
    (void)now;
    if (a->stream != NULL) {
        pump(a);
    } else if (a->remote_port != 0 && !pair_app_over(a)) {
        pair_app_connect(a);
    }
}

void pair_app_init(struct pair_app *a, struct pair *p, unsigned side, const struct pair_plan *plan)
{
    *a = (struct pair_app){
        .task = {.due = NEVER, .side = side, .run = run}, .pair = p, .side = side, .plan = *plan};
    pair_add_task(p, &a->task);
}

void pair_app_join(struct pair_app *client, struct pair_app *server, uint64_t key, bool echo)
{
    client->key_out = key * 2;
    client->key_in = echo ? key * 2 : key * 2 + 1;
    server->key_out = client->key_in;
    server->key_in = client->key_out;
    client->remote_port = PAIR_PORT;
    client->expect = server->plan.total;
    server->expect = client->plan.total;
}

void pair_app_take(struct pair_app *a, struct stream *s)
{
    PAIR_CHECK(a->pair, a->stream == NULL && !a->opened);
    a->stream = s;
    s->app = a;
    s->events = &pair_app_events;
}

bool pair_app_over(const struct pair_app *a)
{
    return a->closed || a->let_go || a->aborted;
}
