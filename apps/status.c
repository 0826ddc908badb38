/* What a running service holds; see status.h. */
#include "apps/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "stack/tcp/conn.h"

#define STATUS_MAX (256U * 1024U) /* bytes of text */
#define STATUS_POOLS 16U

struct counts {
    unsigned by_state[TCP_STATES];
    unsigned by_search[PLPMTU_STATES]; /* for the path's MTU */
    unsigned connections, listeners;
};

static void count_connections(const struct tcp *t, struct counts *out)
{
    *out = (struct counts){0};
    for (struct list *n = t->all.next; n != &t->all; n = n->next) {
        struct tcp_conn room;
        const struct tcp_conn *c = rest_look(handle_of_link(n), &room);
        out->by_state[c->state < TCP_STATES ? c->state : 0]++;
        out->by_search[c->plpmtu.state < PLPMTU_STATES ? c->plpmtu.state : 0]++;
        out->connections++;
    }
    for (struct list *n = t->listeners.next; n != &t->listeners; n = n->next) {
        out->listeners++;
    }
}

static unsigned list_pools(const struct status *s, const struct pool *out[STATUS_POOLS])
{
    unsigned n = 0;
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        out[n++] = &s->host->pools.slabs[i];
    }
    out[n++] = &s->host->pools.bufs;
    out[n++] = &s->host->tcp.handle_pool;
    out[n++] = &s->host->tcp.conn_pool;
    out[n++] = &s->host->tcp.timewait_pool;
    out[n++] = &s->host->tcp.range_pool;
    out[n++] = &s->host->tcp.sent_pool;
    if (s->http != NULL) {
        out[n++] = &s->http->conn_pool;
        out[n++] = &s->http->exchange_pool;
    }
    if (s->echo != NULL) {
        out[n++] = &s->echo->pool;
    }
    return n;
}

static const char *const fast_open_sides[] = {"client", "server"};

/* ---- text ---- */

static void fast_open_text(const struct tcp *t, struct draft *out)
{
    for (unsigned side = 0; side < COUNT_OF(fast_open_sides); side++) {
        for (unsigned i = 0; i < FAST_OPENS; i++) {
            if (t->totals.fast_open[side][i] > 0) {
                draft_addf(out, "     Fast Open as a %s: %" PRIu64 " %s (RFC 7413)\n",
                           fast_open_sides[side], t->totals.fast_open[side][i],
                           fast_open_name((enum fast_open)i));
            }
        }
    }
}

void status_text(const struct status *s, struct draft *out)
{
    const struct tcp *t = &s->host->tcp;
    struct counts counts;
    count_connections(t, &counts);
    draft_addf(out, "tcp: %u connections", counts.connections);
    for (unsigned i = 0; i < TCP_STATES; i++) {
        if (counts.by_state[i] > 0) {
            draft_addf(out, ", %u %s", counts.by_state[i], tcp_state_name((enum tcp_state)i));
        }
    }
    draft_addf(out, "; %zu in TIME-WAIT; %u listeners; %zu timers armed\n", t->timewait_pool.in_use,
               counts.listeners, s->host->wheel.armed);
    draft_addf(out,
               "     %" PRIu64 " established so far, %" PRIu64 " segments in, %" PRIu64
               " out, %" PRIu64 " of them again\n",
               t->totals.established, t->totals.segments_in, t->totals.segments_out,
               t->totals.retransmitted);
    for (unsigned i = PLPMTU_DISABLED + 1; i < PLPMTU_STATES; i++) {
        if (counts.by_search[i] > 0) {
            draft_addf(out, "     path MTU of %u: %s (RFC 8899 5.2)\n", counts.by_search[i],
                       plpmtu_state_name((enum plpmtu_state)i));
        }
    }
    fast_open_text(t, out);
    if (s->http != NULL) {
        draft_addf(out, "http: %zu connections, %" PRIu64 " requests so far\n",
                   s->http->conn_pool.in_use, s->http->requests);
    }
    const struct pool *pools[STATUS_POOLS];
    unsigned n = list_pools(s, pools);
    for (unsigned i = 0; i < n; i++) {
        draft_addf(out, "pool %-14s %8zu in use, %8zu at most, of %8zu (%zu B each)\n",
                   pools[i]->name, pools[i]->in_use, pools[i]->peak, pools[i]->limit,
                   pools[i]->object_size);
    }
    for (unsigned i = 0; i < DROP_REASONS; i++) {
        if (s->host->recorder.drops[i] > 0) {
            draft_addf(out, "drop %-24s %8" PRIu64 "  %s (%s)\n", drop_name((enum drop_reason)i),
                       s->host->recorder.drops[i], drop_text((enum drop_reason)i),
                       drop_clause((enum drop_reason)i));
        }
    }
}

/* ---- JSON ---- */

static void fast_open_json(const struct tcp_totals *n, struct draft *out)
{
    draft_add(out, ",\"fast_open\":{");
    for (unsigned side = 0; side < COUNT_OF(fast_open_sides); side++) {
        draft_addf(out, "%s\"%s\":{", side == 0 ? "" : ",", fast_open_sides[side]);
        for (unsigned i = 0; i < FAST_OPENS; i++) {
            draft_addf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",",
                       fast_open_name((enum fast_open)i), n->fast_open[side][i]);
        }
        draft_add(out, "}");
    }
    draft_add(out, "}");
}

static void tcp_json(const struct tcp *t, struct draft *out)
{
    struct counts counts;
    count_connections(t, &counts);
    draft_addf(out, "\"tcp\":{\"connections\":%u,\"by_state\":{", counts.connections);
    for (unsigned i = 0; i < TCP_STATES; i++) {
        draft_addf(out, "%s\"%s\":%u", i == 0 ? "" : ",", tcp_state_name((enum tcp_state)i),
                   counts.by_state[i]);
    }
    draft_add(out, "},\"by_mtu_search\":{");
    for (unsigned i = 0; i < PLPMTU_STATES; i++) {
        draft_addf(out, "%s\"%s\":%u", i == 0 ? "" : ",", plpmtu_state_name((enum plpmtu_state)i),
                   counts.by_search[i]);
    }
    const struct tcp_totals *n = &t->totals;
    draft_addf(out, "},\"time_wait\":%zu,\"listeners\":%u,\"totals\":{", t->timewait_pool.in_use,
               counts.listeners);
    draft_addf(out, "\"opened_active\":%" PRIu64 ",\"opened_passive\":%" PRIu64, n->opened_active,
               n->opened_passive);
    draft_addf(out, ",\"established\":%" PRIu64 ",\"closed\":%" PRIu64, n->established, n->closed);
    draft_addf(out, ",\"segments_in\":%" PRIu64 ",\"segments_out\":%" PRIu64, n->segments_in,
               n->segments_out);
    draft_addf(out, ",\"retransmitted\":%" PRIu64 ",\"resets_out\":%" PRIu64, n->retransmitted,
               n->resets_out);
    draft_addf(out, ",\"cookies_out\":%" PRIu64 ",\"cookies_in\":%" PRIu64, n->cookies_out,
               n->cookies_in);
    draft_addf(out, ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64, n->bytes_in, n->bytes_out);
    fast_open_json(n, out);
    draft_add(out, "}}");
}

static void pools_json(const struct status *s, struct draft *out)
{
    const struct pool *pools[STATUS_POOLS];
    unsigned n = list_pools(s, pools);
    draft_add(out, ",\"pools\":{");
    for (unsigned i = 0; i < n; i++) {
        const struct pool *p = pools[i];
        draft_add(out, i == 0 ? "" : ",");
        draft_json(out, p->name);
        draft_addf(out,
                   ":{\"in_use\":%zu,\"peak\":%zu,\"limit\":%zu,\"object_bytes\":%zu,\"kept\":%zu,"
                   "\"refused\":%" PRIu64 "}",
                   p->in_use, p->peak, p->limit, p->object_size, p->kept, p->refused);
    }
    draft_add(out, "}");
}

static void http_json(const struct http_server *h, struct draft *out)
{
    draft_addf(out,
               ",\"http\":{\"connections\":%zu,\"requests\":%" PRIu64 ",\"timeouts\":%" PRIu64
               ",\"refused\":%" PRIu64 ",\"answers\":{",
               h->conn_pool.in_use, h->requests, h->timeouts, h->refused);
    for (unsigned i = 1; i < COUNT_OF(h->answers); i++) {
        draft_addf(out, "%s\"%uxx\":%" PRIu64, i == 1 ? "" : ",", i, h->answers[i]);
    }
    draft_add(out, "}}");
}

static void drops_json(const struct recorder *r, struct draft *out)
{
    const char *separator = "";
    draft_add(out, ",\"drops\":{");
    for (unsigned i = 0; i < DROP_REASONS; i++) {
        if (r->drops[i] > 0) {
            draft_addf(out, "%s\"%s\":%" PRIu64, separator, drop_name((enum drop_reason)i),
                       r->drops[i]);
            separator = ",";
        }
    }
    draft_add(out, "}");
}

void status_json(const struct status *s, struct draft *out)
{
    draft_add(out, "{");
    tcp_json(&s->host->tcp, out);
    draft_addf(out, ",\"timers_armed\":%zu,\"events\":%" PRIu64, s->host->wheel.armed,
               s->host->recorder.written);
    pools_json(s, out);
    if (s->http != NULL) {
        http_json(s->http, out);
    }
    drops_json(&s->host->recorder, out);
    draft_add(out, "}\n");
}

bool status_write(const struct status *s, const char *file)
{
    struct draft t;
    char name[4096];
    draft_init(&t, STATUS_MAX);
    status_json(s, &t);
    int n = snprintf(name, sizeof name, "%s.new", file);
    FILE *f = !t.failed && n > 0 && (size_t)n < sizeof name ? fopen(name, "w") : NULL;
    bool good = f != NULL && fwrite(t.data, 1, t.len, f) == t.len;
    good = f != NULL && fclose(f) == 0 && good;
    good = good && rename(name, file) == 0;
    if (f != NULL && !good) {
        int error = errno; /* which the caller tells */
        unlink(name);
        errno = error;
    }
    draft_done(&t);
    return good;
}
