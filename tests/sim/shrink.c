/* Reductions: each takes one thing away from a plan, and keeps the rest as it was. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/plan.h"

#define WAYS (2U * SIM_WIRES)

static struct sim_way_plan *way_at(struct sim_plan *p, unsigned i)
{
    return i / 2 < p->wires ? &p->wire[i / 2].way[i % 2] : NULL;
}

static struct sim_flow_plan *flow_at(struct sim_plan *p, unsigned i)
{
    return i < p->flows && !p->flow[i].absent ? &p->flow[i] : NULL;
}

static bool no_flow(struct sim_plan *p, unsigned i)
{
    struct sim_flow_plan *f = flow_at(p, i);
    if (f != NULL) {
        f->absent = true;
    }
    return f != NULL;
}

/* The last host and its wire, where no flow needs them: in a star only, since the rings of meshes are
 * numbered through. */
static bool no_last_host(struct sim_plan *p, unsigned i)
{
    (void)i;
    if (p->hosts < 3 || p->wires != p->hosts || p->wire[p->wires - 1].host[1] != SIM_SWITCH) {
        return false;
    }
    for (unsigned f = 0; f < p->flows; f++) {
        if (p->flow[f].host[0] == p->hosts - 1 || p->flow[f].host[1] == p->hosts - 1) {
            if (!p->flow[f].absent || f + 1 != p->flows) {
                return false;
            }
            p->flows--;
        }
    }
    p->hosts--;
    p->wires--;
    return true;
}

/* A queue goes with its rate. */
static bool no_node(struct sim_plan *p, unsigned i)
{
    struct sim_way_plan *way = way_at(p, i / SIM_NODES);
    unsigned at = i % SIM_NODES;
    if (way == NULL || at >= way->node_count) {
        return false;
    }
    unsigned gone = way->nodes[at].kind == WIRE_QUEUE ? 2 : 1;
    if (way->nodes[at].kind == WIRE_RATE && at > 0) {
        at--;
        gone = 2;
    }
    way->node_count -= gone;
    memmove(&way->nodes[at], &way->nodes[at + gone], (way->node_count - at) * sizeof way->nodes[0]);
    return true;
}

static bool no_rule(struct sim_plan *p, unsigned i)
{
    struct sim_way_plan *way = way_at(p, i / SIM_RULES);
    unsigned at = i % SIM_RULES;
    if (way == NULL || at >= way->rule_count) {
        return false;
    }
    way->rule_count--;
    memmove(&way->rules[at], &way->rules[at + 1], (way->rule_count - at) * sizeof way->rules[0]);
    return true;
}

static bool no_refusal(struct sim_plan *p, unsigned i)
{
    struct sim_way_plan *way = way_at(p, i);
    bool had = way != NULL && way->refuse > 0;
    if (had) {
        way->refuse = 0;
    }
    return had;
}

static bool plain_mtu(struct sim_plan *p, unsigned i)
{
    bool odd = i < p->wires && p->wire[i].mtu != 1500;
    if (odd) {
        p->wire[i].mtu = 1500;
    }
    return odd;
}

static bool plain_devices(struct sim_plan *p, unsigned i)
{
    if (i >= p->wires) {
        return false;
    }
    struct sim_wire_plan *wire = &p->wire[i];
    bool had = wire->cuts[0] || wire->cuts[1] || wire->joins[0] || wire->joins[1];
    for (unsigned end = 0; end < 2; end++) {
        wire->cuts[end] = wire->joins[end] = false;
    }
    return had;
}

/* Half of the bytes, or of the rounds of a client that asks. */
static bool half_size(struct sim_plan *p, unsigned i)
{
    struct sim_flow_plan *f = flow_at(p, i);
    if (f == NULL) {
        return false;
    }
    struct sim_app_plan *c = &f->app[SIM_CLIENT];
    struct sim_app_plan *s = &f->app[SIM_SERVER];
    if (c->unit_in > 0) {
        uint32_t rounds = c->total / u32_max(c->first, 1) / 2;
        if (rounds == 0) {
            return false;
        }
        c->total = rounds * c->first;
        s->total = rounds * s->unit_out;
        return true;
    }
    if (c->total + s->total < 2) {
        return false;
    }
    c->total /= 2;
    s->total /= 2;
    c->first = u32_min(c->first, c->total);
    s->first = u32_min(s->first, s->total);
    return true;
}

static bool no_manners(struct sim_plan *p, unsigned i)
{
    struct sim_flow_plan *f = flow_at(p, i / 2);
    if (f == NULL) {
        return false;
    }
    struct sim_app_plan *a = &f->app[i % 2];
    bool had =
        a->write_gap > 0 || a->read_gap > 0 || a->write_max > 0 || a->read_max > 0 || a->urgent > 0;
    a->write_gap = a->read_gap = 0;
    a->write_max = a->read_max = a->urgent = 0;
    return had;
}

static bool plain_end(struct sim_plan *p, unsigned i)
{
    struct sim_flow_plan *f = flow_at(p, i / 2);
    if (f == NULL) {
        return false;
    }
    struct sim_app_plan *a = &f->app[i % 2];
    bool had = a->lets_go || a->lets_go_early || a->abort_at > 0;
    a->lets_go = a->lets_go_early = false;
    a->abort_at = 0;
    return had;
}

static bool plain_options(struct sim_plan *p, unsigned i)
{
    struct sim_flow_plan *f = flow_at(p, i / 2);
    if (f == NULL || f->may_fail) {
        return false; /* those need their time limits */
    }
    const struct tcp_options plain = {.user_timeout = 4 * SIM_HOUR};
    struct tcp_options *o = &f->options[i % 2];
    bool had = o->no_delay || o->cork || o->quick_ack || o->mss > 0 || o->keepalive ||
               o->send_buffer > 0 || o->receive_buffer > 0 || o->notsent_lowat > 0 ||
               o->user_timeout != plain.user_timeout || o->cc != NULL || o->pace ||
               o->max_pacing_rate > 0;
    *o = plain;
    return had;
}

static bool no_start(struct sim_plan *p, unsigned i)
{
    struct sim_flow_plan *f = flow_at(p, i);
    bool had = f != NULL && f->start > 0;
    if (had) {
        f->start = 0;
    }
    return had;
}

static bool plain_memory(struct sim_plan *p, unsigned i)
{
    if (i >= p->hosts) {
        return false;
    }
    struct host_config *h = &p->host[i];
    bool had = h->slabs.bufs > 0 || h->tcp.max_connections > 0 || h->tcp.max_timewait > 0;
    h->slabs = (struct slab_limits){.bufs = 0};
    h->tcp.max_connections = h->tcp.max_timewait = 0;
    return had;
}

static bool plain_buffers(struct sim_plan *p, unsigned i)
{
    if (i >= p->hosts) {
        return false;
    }
    struct tcp_config *t = &p->host[i].tcp;
    bool had = t->send_buffer > 0 || t->receive_buffer > 0 || t->reassembly_max > 0;
    t->send_buffer = t->receive_buffer = t->reassembly_max = 0;
    t->send_buffer_max = t->receive_buffer_max = 0;
    return had;
}

static bool plain_host(struct sim_plan *p, unsigned i)
{
    if (i >= p->hosts) {
        return false;
    }
    struct tcp_config *t = &p->host[i].tcp;
    bool had = t->no_timestamps || t->no_window_scale || t->no_sack || t->no_dsack ||
               t->no_quick_acks || t->no_autotune || t->delayed_ack > 0 || t->rto_min > 0 ||
               t->ecn != TCP_ECN_OFF || t->no_abe || t->syn_cookies != TCP_COOKIES_NEVER ||
               t->fast_open != TCP_FAST_OPEN_OFF;
    t->syn_cookies = TCP_COOKIES_NEVER;
    t->mtu_probing = TCP_MTU_PROBING_DEFAULT;
    t->fast_open = TCP_FAST_OPEN_OFF;
    t->ecn = TCP_ECN_OFF;
    t->no_abe = t->no_accecn_option = false;
    t->no_timestamps = t->no_window_scale = t->no_sack = t->no_dsack = false;
    t->no_quick_acks = t->no_autotune = false;
    t->delayed_ack = t->rto_min = 0;
    return had;
}

static bool no_faults(struct sim_plan *p, unsigned i)
{
    (void)i;
    bool had = p->faults > 0;
    p->faults = 0;
    return had;
}

static bool no_fail_nth(struct sim_plan *p, unsigned i)
{
    (void)i;
    bool had = p->fail_nth > 0;
    p->fail_nth = 0;
    return had;
}

static bool no_liar(struct sim_plan *p, unsigned i)
{
    (void)i;
    bool had = p->liar > 0;
    p->liar = 0;
    return had;
}

static bool no_jump(struct sim_plan *p, unsigned i)
{
    (void)i;
    bool had = p->jump > 0;
    p->jump = 0;
    return had;
}

static bool no_wrap(struct sim_plan *p, unsigned i)
{
    (void)i;
    bool had = p->wrap != SIM_WRAP_NONE;
    p->wrap = SIM_WRAP_NONE;
    return had;
}

/* What takes most away comes first: the shrinker tries in this order. */
static const struct {
    const char *text; /* with the number of the thing in its group */
    unsigned count;   /* things that a plan may have of these */
    bool (*reduce)(struct sim_plan *p, unsigned i);
} groups[] = {
    {"flow %u is taken out", SIM_FLOWS, no_flow},
    {"the last host of the star leaves", 1, no_last_host},
    {"flow %u sends half", SIM_FLOWS, half_size},
    {"rule %u (3 for each way of each wire) goes", WAYS *SIM_RULES, no_rule},
    {"node %u (9 for each way of each wire) goes", WAYS *SIM_NODES, no_node},
    {"way %u refuses nothing", WAYS, no_refusal},
    {"no allocation fails by chance", 1, no_faults},
    {"no nth allocation fails", 1, no_fail_nth},
    {"the clock does not jump", 1, no_jump},
    {"nobody lies", 1, no_liar},
    {"no number is about to wrap", 1, no_wrap},
    {"host %u has memory enough", SIM_HOSTS, plain_memory},
    {"host %u has plain buffers", SIM_HOSTS, plain_buffers},
    {"host %u has all options and plain times", SIM_HOSTS, plain_host},
    {"end %u (2 for each flow) reads and writes at once", 2 * SIM_FLOWS, no_manners},
    {"end %u (2 for each flow) closes plainly", 2 * SIM_FLOWS, plain_end},
    {"end %u (2 for each flow) has plain options", 2 * SIM_FLOWS, plain_options},
    {"flow %u starts at once", SIM_FLOWS, no_start},
    {"wire %u has an MTU of 1500", SIM_WIRES, plain_mtu},
    {"wire %u has devices that cut and join nothing", SIM_WIRES, plain_devices},
};

unsigned sim_reductions(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < COUNT_OF(groups); i++) {
        count += groups[i].count;
    }
    return count;
}

/* The group of a reduction; `*number` becomes the number in it. */
static unsigned group_of(unsigned *number)
{
    unsigned group = 0;
    while (group + 1 < COUNT_OF(groups) && *number >= groups[group].count) {
        *number -= groups[group++].count;
    }
    return group;
}

bool sim_reduce(struct sim_plan *p, unsigned number)
{
    if (number >= sim_reductions()) {
        return false;
    }
    unsigned group = group_of(&number);
    return groups[group].reduce(p, number);
}

void sim_reduction_text(unsigned number, char *out, size_t size)
{
    unsigned group = group_of(&number);
    const char *text = groups[group].text;
    const char *place = strstr(text, "%u");
    if (place == NULL) {
        snprintf(out, size, "%s", text);
    } else {
        snprintf(out, size, "%.*s%u%s", (int)(place - text), text, number, place + 2);
    }
}
