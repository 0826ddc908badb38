#include "tests/conformance/flow.h"

#include <string.h>

enum { FLAG_SYN = 0x02, FLAG_ACK = 0x10 };

void flows_init(struct flows *f, struct sockets *s)
{
    *f = (struct flows){
        .sockets = s, .local_port = DEFAULT_PORT, .next_remote_port = REMOTE_PORT_FIRST};
}

static struct flow *flow_new(struct flows *f, uint16_t local, uint16_t remote)
{
    if (f->count == FLOWS_MAX) {
        return NULL;
    }
    struct flow *w = &f->list[f->count++];
    *w = (struct flow){.local_port = local, .remote_port = remote, .cookies = &f->cookies};
    return w;
}

static struct flow *flow_find(struct flows *f, uint16_t local, uint16_t remote)
{
    for (unsigned i = f->count; i > 0; i--) {
        struct flow *w = &f->list[i - 1];
        if (w->local_port == local && w->remote_port == remote) {
            return w;
        }
    }
    return flow_new(f, local, remote);
}

void flows_listening(struct flows *f, uint16_t port)
{
    f->local_port = port;
    f->current = NULL;
}

void flows_connecting(struct flows *f, uint16_t local, uint16_t remote)
{
    f->current = flow_new(f, local, remote);
}

void flows_talking(struct flows *f, uint16_t local, uint16_t remote)
{
    f->current = flow_find(f, local, remote);
}

struct flow *flow_of(struct flows *f, const struct packet_line *k)
{
    if (k->src_port >= 0) {
        f->named = true;
        uint16_t local = (uint16_t)(k->inbound ? k->dst_port : k->src_port);
        uint16_t remote = (uint16_t)(k->inbound ? k->src_port : k->dst_port);
        struct flow *w = flow_find(f, local, remote);
        f->current = f->current != NULL ? f->current : w;
        return w;
    }
    if (f->current == NULL) {
        f->current = flow_new(f, f->local_port, f->next_remote_port++);
    }
    return f->current;
}

/* ---- sequence numbers ---- */

void flow_note_syn(struct flow *w, const struct packet_line *k)
{
    if ((k->flags & FLAG_SYN) == 0) {
        return;
    }
    if (w->remote_known && w->remote_isn != k->seq && (k->flags & FLAG_ACK) == 0) {
        w->reborn = true;
    }
    w->remote_known = true;
    w->remote_isn = k->seq;
    for (unsigned i = 0; i < k->option_count; i++) {
        w->remote_mss = k->options[i].kind == OPT_MSS ? k->options[i].value : w->remote_mss;
    }
}

void flow_learn(struct flow *w, uint32_t script, uint32_t live)
{
    if (!w->local_known || w->reborn) {
        w->local_known = true;
        w->reborn = false;
        w->local_isn = script;
        w->local_offset = live - script;
    }
}

/* ---- cookies ---- */

static bool same(const uint8_t *a, const uint8_t *b, uint8_t len)
{
    return memcmp(a, b, len) == 0;
}

/* The pair in which either of them stands; NULL: none. */
static struct cookie_pair *find_cookie(struct cookies *all, const uint8_t *script,
                                       const uint8_t *live, uint8_t len)
{
    for (unsigned i = 0; i < all->count; i++) {
        struct cookie_pair *p = &all->list[i];
        if (p->len == len && ((script != NULL && same(p->script, script, len)) ||
                              (live != NULL && same(p->live, live, len)))) {
            return p;
        }
    }
    return NULL;
}

static bool note_cookie(struct cookies *all, const uint8_t *script, const uint8_t *live,
                        uint8_t len)
{
    if (all->count == COOKIES) {
        return false;
    }
    struct cookie_pair *p = &all->list[all->count++];
    p->len = len;
    memcpy(p->script, script, len);
    memcpy(p->live, live, len);
    return true;
}

bool flow_same_cookie(struct flow *w, const struct option *script, const struct option *live)
{
    uint8_t len = script->count;
    const struct cookie_pair *p = find_cookie(w->cookies, script->cookie, live->cookie, len);
    if (p == NULL) {
        return note_cookie(w->cookies, script->cookie, live->cookie, len);
    }
    return same(p->script, script->cookie, len) && same(p->live, live->cookie, len);
}

/* The peer sends what the script says, unless that is how the script calls a cookie of the host. */
static void live_cookie(struct cookies *all, struct option *o)
{
    const struct cookie_pair *p = find_cookie(all, o->cookie, NULL, o->count);
    if (p != NULL) {
        memcpy(o->cookie, p->live, o->count);
    } else {
        (void)note_cookie(all, o->cookie, o->cookie, o->count);
    }
}

/* ---- timestamps ---- */

void flow_note_stamp(struct flow *w, uint32_t script, uint32_t live)
{
    struct stamp s = {.script = script, .live = live};
    if (w->stamp_count == 0) {
        w->first_stamp = s;
    }
    w->stamps[w->stamp_count++ % STAMPS] = s;
}

/* What the host sent when the script says `echo`; what was never seen is as far from the first
 * timestamp as it is in the script. */
static uint32_t live_stamp(const struct flow *w, uint32_t echo)
{
    unsigned held = w->stamp_count < STAMPS ? w->stamp_count : STAMPS;
    for (unsigned i = 1; i <= held; i++) {
        const struct stamp *s = &w->stamps[(w->stamp_count - i) % STAMPS];
        if (s->script == echo) {
            return s->live;
        }
    }
    if (echo == 0 || held == 0) {
        return echo;
    }
    return w->first_stamp.live + (echo - w->first_stamp.script);
}

void flow_to_wire(const struct flow *w, const struct packet_line *k, struct packet_line *out)
{
    *out = *k;
    uint32_t offset = w->local_known ? w->local_offset : 0;
    out->ack = k->ack + offset;
    for (unsigned i = 0; i < k->option_count; i++) {
        struct option *o = &out->options[i];
        if (o->kind == OPT_TS) {
            o->echo = live_stamp(w, o->echo);
        }
        if (o->kind == OPT_FO && o->count > 0) {
            live_cookie(w->cookies, o);
        }
        for (unsigned b = 0; o->kind == OPT_SACK && b < o->count; b++) {
            o->sack[b][0] += offset;
            o->sack[b][1] += offset;
        }
    }
}
