/* Whether everybody gets on, and what came out in the end. */
#include <stdio.h>

#include "stack/tcp/cookie.h"
#include "tests/sim/world.h"

/* Nobody waits for longer, however bad the wire: a retransmission a minute, and the worst weather
 * lets 120 of them fail in a row less than once in 10^11. */
#define PATIENCE (2 * SIM_HOUR)
#define WORLD_LIMIT (24 * SIM_HOUR)
#define WATCH_PERIOD (60 * NS_PER_SEC)

void sim_forgive(struct sim_world *w)
{
    w->watchdog_at = w->now;
    for (unsigned i = 0; i < w->plan.flows; i++) {
        w->app[i][0].moved_at = w->app[i][1].moved_at = w->now;
    }
}

/* The connection of an application; NULL: it has none, or TLS is in between. */
static const struct tcp_conn *conn_of(const struct sim_app *a)
{
    if (a->stream == NULL || a->world->plan.flow[a->flow].tls) {
        return NULL;
    }
    return tcp_of_stream(a->stream);
}

static double ms_until(const struct sim_world *w, nsec due)
{
    return due == NEVER ? -1 : (double)(due - w->now) / 1e6;
}

/* Who waits for what. */
static void describe(const struct sim_app *a, char *out, size_t size)
{
    const struct sim_world *w = a->world;
    int n =
        snprintf(out, size, "%s (host %u) sent %u of %u, got %u of %u",
                 a->side == SIM_CLIENT ? "client" : "server", w->plan.flow[a->flow].host[a->side],
                 a->sent, a->plan.total, a->received, a->expect);
    const struct tcp_conn *c = conn_of(a);
    if (c == NULL || n < 0 || (size_t)n >= size) {
        return;
    }
    snprintf(out + n, size - (size_t)n,
             " [conn %u %s, queued %u, in flight %u, snd_wnd %u, cwnd %u, ms to rto %.0f persist "
             "%.0f]",
             c->id, tcp_state_name((enum tcp_state)c->state), c->sendq.len, recovery_in_flight(c),
             c->snd_wnd, c->cc.cwnd, ms_until(w, c->due[TCP_TIMER_RTO]),
             ms_until(w, c->due[TCP_TIMER_PERSIST]));
}

static bool waits(const struct sim_app *a)
{
    return a->due == NEVER && a->stream != NULL && !sim_app_over(a);
}

/* What one end has acknowledged has come to the other. */
static void watch_acked(struct sim_world *w, const struct sim_app *a, const struct sim_app *b)
{
    const struct tcp_conn *from = conn_of(a);
    const struct tcp_conn *to = conn_of(b);
    if (from != NULL && to != NULL && from->state >= TCP_ESTABLISHED &&
        to->state >= TCP_ESTABLISHED && seq_eq(to->irs, from->iss)) {
        SIM_CHECK(w, seq_le(from->snd_una, to->rcv_nxt));
    }
}

static void watch_flow(struct sim_world *w, unsigned i)
{
    const struct sim_app *c = &w->app[i][SIM_CLIENT];
    const struct sim_app *s = &w->app[i][SIM_SERVER];
    nsec moved = nsec_max(c->moved_at, s->moved_at);
    bool busy = c->due != NEVER || s->due != NEVER;
    if (!busy && (waits(c) || waits(s)) && w->now - moved > PATIENCE) {
        char client[SIM_TEXT / 2 - 20];
        char server[SIM_TEXT / 2 - 20];
        describe(c, client, sizeof client);
        describe(s, server, sizeof server);
        sim_fail(w, "watchdog: no progress", "flow %u: %s; %s", i, client, server);
    }
}

void sim_watch_progress(struct sim_world *w)
{
    for (unsigned i = 0; i < w->plan.flows; i++) {
        watch_acked(w, &w->app[i][0], &w->app[i][1]);
        watch_acked(w, &w->app[i][1], &w->app[i][0]);
    }
    if (w->events > SIM_EVENTS) {
        sim_fail(w, "watchdog: events", "the ends never stop talking");
    }
    if (w->now - w->began > WORLD_LIMIT + w->plan.jump) {
        sim_fail(w, "watchdog: time", "the world does not end");
    }
    if (w->now < w->watchdog_at) {
        return;
    }
    w->watchdog_at = w->now + WATCH_PERIOD;
    for (unsigned i = 0; i < w->plan.flows; i++) {
        if (!w->plan.flow[i].absent) {
            watch_flow(w, i);
        }
    }
}

/* ---- in the end ---- */

static void expect_orderly(struct sim_world *w, const struct sim_app *a)
{
    bool whole = a->sent == a->plan.total && a->received == a->expect;
    bool ended = a->let_go || (a->closed && a->peer_closed && a->reason == CLOSE_NORMAL);
    if (!a->opened || !whole || !ended) {
        char text[SIM_TEXT / 2];
        describe(a, text, sizeof text);
        sim_fail(w, "judge: not in order", "flow %u: %s; %sopened, %sclosed (reason %d)", a->flow,
                 text, a->opened ? "" : "not ", a->closed ? "" : "not ", (int)a->reason);
    }
}

static void expect_ended(struct sim_world *w, const struct sim_app *a)
{
    if (a->opened && !sim_app_over(a)) {
        char text[SIM_TEXT / 2];
        describe(a, text, sizeof text);
        sim_fail(w, "judge: not over", "flow %u: %s", a->flow, text);
    }
}

/* After an abort the other end learns of it, by a reset or by silence. */
static void judge_aborter(struct sim_world *w, const struct sim_app *a, const struct sim_app *peer)
{
    SIM_CHECK(w, !a->aborted || !peer->aborted);
    expect_ended(w, a);
    if (!a->aborted && a->opened && !peer->aborted) {
        expect_orderly(w, a);
    }
}

/* A cookie counts for one or two minutes (RFC 4987 3.6). Where the client's first data, and the ACK on it, were lost
 * for longer, the server knows of no connection and says so, and nobody ever had one there. */
static bool cookie_ran_out(const struct sim_world *w, const struct sim_app *client,
                           const struct sim_app *server)
{
    const struct sim_host *h = &w->host[w->plan.flow[server->flow].host[SIM_SERVER]];
    return h->host.tcp.totals.cookies_out > 0 && !server->opened && client->received == 0 &&
           h->denied - client->connected_at > COOKIE_PERIOD;
}

void sim_judge(struct sim_world *w)
{
    for (unsigned i = 0; i < w->plan.flows; i++) {
        const struct sim_flow_plan *f = &w->plan.flow[i];
        const struct sim_app *c = &w->app[i][SIM_CLIENT];
        const struct sim_app *s = &w->app[i][SIM_SERVER];
        if (f->absent) {
            continue;
        }
        if (f->may_fail || cookie_ran_out(w, c, s)) {
            expect_ended(w, c);
            expect_ended(w, s);
        } else if (f->app[0].abort_at > 0 || f->app[1].abort_at > 0) {
            judge_aborter(w, c, s);
            judge_aborter(w, s, c);
        } else {
            expect_orderly(w, c);
            expect_orderly(w, s);
        }
    }
}
