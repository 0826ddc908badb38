#include "stack/tcp/fast_open.h"

#include <string.h>

#include "stack/base/cursor.h"
#include "stack/tcp/fast_open_paths.h"

static bool is_on(const struct tcp_conn *c)
{
    unsigned which = c->passive ? TCP_FAST_OPEN_SERVER : TCP_FAST_OPEN_CLIENT;
    return c->options.fast_open || ((unsigned)c->tcp->config.fast_open & which) != 0;
}

static void tell(const struct tcp_conn *c, enum fast_open what, uint32_t len)
{
    c->tcp->totals.fast_open[c->passive ? 1 : 0][what]++;
    TRACE(c->tcp->recorder, c->id, tcp_fast_open, .len = len, .what = (uint8_t)what);
}

/* ---- the server ---- */

/* RFC 7413 4.1.2: whose it is, and of when. The key is that of SYN cookies; what is hashed for those has other
 * lengths. */
static void make(const struct tcp *t, struct ip_addr client, struct ip_addr server, int64_t period,
                 struct fast_open_cookie *out)
{
    uint8_t bytes[40];
    struct wr w = wr_of(bytes, sizeof bytes);
    wr_bytes(&w, client.b, sizeof client.b);
    wr_bytes(&w, server.b, sizeof server.b);
    wr_be64(&w, (uint64_t)period);
    struct wr cookie = wr_of(out->bytes, sizeof out->bytes);
    wr_be64(&cookie, siphash(&t->cookie_key, bytes, sizeof bytes));
    out->len = FAST_OPEN_COOKIE_BYTES;
}

void fast_open_make_cookie(const struct tcp *t, struct ip_addr client, struct ip_addr server,
                           nsec now, struct fast_open_cookie *out)
{
    make(t, client, server, now / FAST_OPEN_PERIOD, out);
}

static bool is_of(const struct tcp *t, const struct tcp_segment *s, int64_t period)
{
    struct fast_open_cookie ours;
    make(t, s->src.addr, s->dst.addr, period, &ours);
    return s->fast_open.len == ours.len && memcmp(s->fast_open.bytes, ours.bytes, ours.len) == 0;
}

/* RFC 7413 5.1, PendingFastOpenRequests; and none while SYN cookies are out, since a client might answer the one that its
 * SYN got, and so open another connection. */
static bool is_full(struct tcp_listener *l, nsec now)
{
    struct tcp_fast_open_gate *g = &l->fast_open;
    if (now >= g->resets_until) {
        bool recent = now < g->resets_until + FAST_OPEN_RESETS;
        g->resets_before = recent ? g->resets : 0;
        g->resets = 0;
        g->resets_until = now + FAST_OPEN_RESETS;
    }
    return g->pending + g->resets + g->resets_before >= g->max || now < l->cookies_until;
}

bool fast_open_take_syn(struct tcp_conn *c, const struct tcp_segment *s)
{
    if (!is_on(c) || (s->opts & TCP_OPT_HAS_FAST_OPEN) == 0) {
        return false;
    }
    int64_t period = s->at / FAST_OPEN_PERIOD;
    bool fresh = is_of(c->tcp, s, period);
    bool good = fresh || is_of(c->tcp, s, period - 1);
    c->cookie_due = !fresh;
    if (!good) {
        if (s->fast_open.len > 0) {
            tell(c, FAST_OPEN_INVALID, s->len);
        }
        return false;
    }
    if (is_full(c->listener, s->at)) {
        tell(c, FAST_OPEN_FULL, s->len);
        return false;
    }
    c->listener->fast_open.pending++;
    c->early = true;
    tell(c, FAST_OPEN_ACCEPTED, s->len);
    return true;
}

void fast_open_stamp_syn_ack(struct tcp_conn *c, struct tcp_segment *s, nsec now)
{
    if (!c->cookie_due) {
        return;
    }
    c->cookie_due = false;
    s->opts |= TCP_OPT_HAS_FAST_OPEN;
    fast_open_make_cookie(c->tcp, s->dst.addr, s->src.addr, now, &s->fast_open);
    tell(c, FAST_OPEN_GIVEN, 0);
}

static bool is_pending(const struct tcp_conn *c)
{
    return c->early && c->half_open && c->listener != NULL;
}

void fast_open_settle(struct tcp_conn *c)
{
    if (is_pending(c)) {
        c->listener->fast_open.pending--;
    }
}

void fast_open_reset(struct tcp_conn *c)
{
    if (is_pending(c)) {
        c->listener->fast_open.resets++;
    }
}

/* ---- the client ---- */

/* Bytes that the peer may be sent in one segment, with these options and our source route beside them. */
static uint32_t room_in_syn(const struct tcp_conn *c, const struct tcp_segment *s, uint16_t mss)
{
    uint32_t options = segment_options_len(s) + (c->route != NULL ? c->route->len : 0U);
    uint32_t full = conn_full_mss(c, mss);
    return full > options ? full - options : 0;
}

uint32_t fast_open_stamp_syn(struct tcp_conn *c, struct tcp_segment *s, nsec now)
{
    const struct tcp_tuple *tuple = &c->handle->entry.tuple;
    uint16_t mss;
    if (!is_on(c)) {
        return 0;
    }
    if (fast_open_paused(c->tcp, tuple, now)) {
        tell(c, FAST_OPEN_PAUSED, 0);
        return 0;
    }
    c->syn_fast_open = true;
    s->opts |= TCP_OPT_HAS_FAST_OPEN;
    if (!fast_open_cookie_find(c->tcp, tuple->local.addr, tuple->remote.addr, &s->fast_open,
                               &mss)) {
        tell(c, FAST_OPEN_ASKED, 0);
        return 0;
    }
    return room_in_syn(c, s, mss);
}

void fast_open_sent(struct tcp_conn *c, uint32_t len)
{
    tell(c, FAST_OPEN_SENT, len);
}

static uint32_t sent_in_syn(const struct tcp_conn *c)
{
    return seq_span(seq_add(c->iss, 1), c->snd_nxt);
}

void fast_open_unheard(struct tcp_conn *c)
{
    if (c->state == TCP_SYN_SENT && c->syn_fast_open && c->backoff == 0) {
        fast_open_pause(c->tcp, &c->handle->entry.tuple, c->tcp->now);
        tell(c, FAST_OPEN_UNHEARD, sent_in_syn(c));
    }
}

/* No window was known when it went: the one that is now holds, which `again` says. */
static void lose_text(struct tcp_conn *c, tcp_seq from, uint32_t len)
{
    struct scoreboard *b = &c->recovery.board;
    TRACE(c->tcp->recorder, c->id, tcp_lost, .seq = from.v, .len = len, .how = LOSS_SYN);
    scoreboard_mark_all_lost(b, &c->tcp->sent_pool);
    for (struct tcp_sent *run = scoreboard_first(b); run != NULL; run = scoreboard_next(b, run)) {
        run->again = run->refused = true;
    }
}

/* RFC 7413 4.2.2: the cookie if there is one, and the MSS, which may be another than before. True: there is one. */
static bool learn(struct tcp_conn *c, const struct tcp_segment *s)
{
    const struct tcp_tuple *tuple = &c->handle->entry.tuple;
    bool given = (s->opts & TCP_OPT_HAS_FAST_OPEN) != 0 && s->fast_open.len > 0;
    struct fast_open_cookie known = s->fast_open;
    uint16_t mss;
    if (given ||
        fast_open_cookie_find(c->tcp, tuple->local.addr, tuple->remote.addr, &known, &mss)) {
        fast_open_cookie_keep(c->tcp, tuple->local.addr, tuple->remote.addr, &known,
                              c->story.mss_in);
    }
    if (given) {
        tell(c, FAST_OPEN_LEARNT, 0);
    }
    return given;
}

void fast_open_take_ack(struct tcp_conn *c, const struct tcp_segment *s)
{
    const struct tcp_tuple *tuple = &c->handle->entry.tuple;
    if (!c->syn_fast_open) {
        return;
    }
    uint32_t taken = seq_span(seq_add(c->iss, 1), s->ack);
    uint32_t left = seq_span(s->ack, c->snd_nxt);
    bool cookie = learn(c, s);
    if (taken > 0) {
        c->story.syn_bytes = taken;
        tell(c, FAST_OPEN_ACCEPTED, taken);
    }
    if (left > 0) {
        tell(c, FAST_OPEN_IGNORED, left);
        lose_text(c, s->ack, left);
    }
    if (taken > 0 || cookie) { /* a SYN without the option brings none: the first one got through */
        fast_open_resume(c->tcp, tuple);
    } else if (left > 0 && c->backoff == 0) { /* 4.1.3.1: and no better cookie either */
        fast_open_pause(c->tcp, tuple, s->at);
    }
}
