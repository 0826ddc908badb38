/* A world from a seed. Whatever is drawn here must be such that all ends well, or the flow says
 * `may_fail`: the oracles forgive nothing.
 */
#include "stack/tcp/cc.h"
#include "tests/sim/draw.h"

const char *sim_kind_name(enum sim_kind kind)
{
    static const char *const names[SIM_KINDS] = {
        [SIM_BULK] = "bulk",   [SIM_ASK] = "ask",         [SIM_HALF] = "half",
        [SIM_SLOW] = "slow",   [SIM_TRICKLE] = "trickle", [SIM_ECHO] = "echo",
        [SIM_ABORT] = "abort", [SIM_STORM] = "storm",     [SIM_FAULT] = "fault",
        [SIM_CROSS] = "cross", [SIM_ROUTER] = "router",   [SIM_HOLE] = "hole",
        [SIM_WORST] = "worst", [SIM_TAMPER] = "tamper",   [SIM_JUMP] = "jump",
        [SIM_DEAD] = "dead",   [SIM_MESH] = "mesh",       [SIM_STAR] = "star",
        [SIM_TLS] = "tls",
    };
    return kind < SIM_KINDS ? names[kind] : "?";
}

/* Of 128 worlds: TLS costs the most time. */
static enum sim_kind some_kind(struct lcg *g)
{
    static const uint8_t weights[SIM_KINDS] = {
        [SIM_BULK] = 8,   [SIM_ASK] = 8,   [SIM_HALF] = 7,  [SIM_SLOW] = 8,   [SIM_TRICKLE] = 5,
        [SIM_ECHO] = 5,   [SIM_ABORT] = 8, [SIM_STORM] = 7, [SIM_FAULT] = 9,  [SIM_CROSS] = 6,
        [SIM_ROUTER] = 7, [SIM_HOLE] = 5,  [SIM_WORST] = 8, [SIM_TAMPER] = 9, [SIM_JUMP] = 6,
        [SIM_DEAD] = 6,   [SIM_MESH] = 8,  [SIM_STAR] = 6,  [SIM_TLS] = 2,
    };
    uint32_t at = below(g, 128);
    for (unsigned i = 0; i < SIM_KINDS; i++) {
        if (at < weights[i]) {
            return (enum sim_kind)i;
        }
        at -= weights[i];
    }
    return SIM_BULK;
}

/* ---- hosts ---- */

static void limit_memory(struct lcg *g, struct host_config *h)
{
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        h->slabs.slabs[i] =
            i == SLAB_RECORD ? 2 + below(g, 10) : NEIGHBOUR_QUEUE + 4 + below(g, 40);
        h->slabs.bufs += h->slabs.slabs[i];
    }
    h->tcp.max_connections = 5;
    h->tcp.max_timewait = 1 + below(g, 4);
}

/* Most ask, so that routers have something to mark. */
static enum tcp_ecn_policy some_ecn(struct lcg *g)
{
    static const enum tcp_ecn_policy all[] = {
        TCP_ECN_OFF,    TCP_ECN_ACCEPT_CLASSIC,     TCP_ECN_ASK_CLASSIC, TCP_ECN_ASK_CLASSIC,
        TCP_ECN_ACCEPT, TCP_ECN_ACCEPT_ASK_CLASSIC, TCP_ECN_ASK,         TCP_ECN_ASK};
    return all[below(g, COUNT_OF(all))];
}

static void draw_host(struct lcg *g, enum sim_kind kind, struct host_config *h)
{
    static const uint32_t send[] = {0, 0, 3000, 20000, 100000};
    static const uint32_t receive[] = {0, 0, 1500, 4000, 30000, 65535, 200000};
    *h = (struct host_config){0};
    h->tcp.send_buffer = send[below(g, COUNT_OF(send))];
    h->tcp.receive_buffer = receive[below(g, COUNT_OF(receive))];
    h->tcp.reassembly_max = one_in(g, 3) ? 1 + below(g, 4) : 0;
    h->tcp.msl = NS_PER_SEC;
    h->tcp.fin_wait_2 = SIM_HOUR;
    h->tcp.delayed_ack = one_in(g, 4) ? 200 * NS_PER_MS : 0;
    h->tcp.rto_min = one_in(g, 8) ? NS_PER_SEC : 0;
    h->tcp.no_timestamps = one_in(g, 4);
    h->tcp.no_window_scale = one_in(g, 4);
    h->tcp.no_sack = one_in(g, 4);
    h->tcp.no_quick_acks = one_in(g, 4);
    h->tcp.no_autotune = one_in(g, 8);
    h->tcp.no_dsack = one_in(g, 4);
    if (one_in(g, 4)) {
        h->tcp.receive_buffer_max = h->tcp.receive_buffer * (1 + below(g, 16));
        h->tcp.send_buffer_max = h->tcp.send_buffer * (1 + below(g, 16));
    }
    h->tcp.ecn = some_ecn(g);
    h->tcp.no_abe = one_in(g, 8);
    h->tcp.no_accecn_option = one_in(g, 4);
    if (kind == SIM_SLOW) {
        h->tcp.receive_buffer = 1000 + below(g, 20000);
    }
    if (kind == SIM_FAULT) {
        limit_memory(g, h);
    }
}

/* ---- applications ---- */

static struct tcp_options some_options(struct lcg *g, enum sim_kind kind)
{
    static const uint32_t buffers[] = {0, 0, 0, 2000, 10000, 300000};
    static const uint16_t sizes[] = {0, 0, 0, 0, 100, 536, 1000};
    struct tcp_options o = {.no_delay = one_in(g, 2), .user_timeout = 4 * SIM_HOUR};
    if (kind == SIM_ABORT || kind == SIM_DEAD || kind == SIM_JUMP ||
        (kind == SIM_BULK && one_in(g, 4))) {
        o.keepalive = true; /* a reset that is lost must not keep the other end for ever */
        o.keepalive_idle = 10 * NS_PER_SEC;
        o.keepalive_interval = 5 * NS_PER_SEC;
        /* So many are never lost in a row, not even where a burst lasts from one to the next. */
        o.keepalive_probes = kind == SIM_DEAD ? 0 : 120;
    }
    o.mss = sizes[below(g, COUNT_OF(sizes))];
    o.cork = one_in(g, 10);
    o.quick_ack = one_in(g, 10);
    if (kind == SIM_ABORT) {
        o.user_timeout = SIM_HOUR;
    }
    if (kind == SIM_DEAD) {
        o.user_timeout = one_in(g, 2) ? 30 * NS_PER_SEC : 0;
    }
    o.notsent_lowat = one_in(g, 4) ? 1 + below(g, 20000) : 0;
    if (kind != SIM_SLOW) {
        o.send_buffer = buffers[below(g, COUNT_OF(buffers))];
        o.receive_buffer = buffers[below(g, COUNT_OF(buffers))];
    }
    return o;
}

static void plan_ask(struct lcg *g, struct sim_app_plan *c, struct sim_app_plan *s)
{
    uint32_t unit = 1 + below(g, 3000);
    uint32_t answer = 1 + below(g, 20000);
    uint32_t rounds = 1 + below(g, 12);
    *c = (struct sim_app_plan){.first = unit, .unit_in = answer, .unit_out = unit};
    *s = (struct sim_app_plan){.unit_in = unit, .unit_out = answer, .peer_first = true};
    c->total = rounds * unit;
    s->total = rounds * answer;
    c->write_max = s->write_max = c->read_max = s->read_max = 1 + below(g, 30000);
}

static void plan_trickle(struct lcg *g, struct sim_app_plan *c, struct sim_app_plan *s)
{
    c->total = c->first = below(g, 600);
    s->total = s->first = below(g, 600);
    c->write_max = 1 + below(g, 30);
    s->write_max = 1 + below(g, 30);
    c->write_gap = below(g, 100) * NS_PER_MS;
    s->write_gap = below(g, 100) * NS_PER_MS;
}

static void plan_bulk(struct lcg *g, enum sim_kind kind, struct sim_app_plan *c,
                      struct sim_app_plan *s)
{
    c->total = below(g, kind == SIM_BULK ? 200000 : 25000);
    c->total -= one_in(g, 3) ? c->total % 1448 : 0; /* the last segment is full, FIN alone */
    c->first = c->total;
    s->total = s->first = one_in(g, 2) ? 0 : below(g, 50000);
}

/* What each kind has its two applications do. */
/* An orphan waits an hour for its peer's FIN, and then resets. */
static bool reads_soon(const struct sim_app_plan *reader, uint32_t total)
{
    uint64_t reads = 1 + 2 * (uint64_t)total / (1 + reader->read_max);
    return reads * (uint64_t)reader->read_gap < SIM_HOUR / 2;
}

static void draw_apps(struct lcg *g, enum sim_kind kind, struct sim_flow_plan *f)
{
    struct sim_app_plan *c = &f->app[SIM_CLIENT];
    struct sim_app_plan *s = &f->app[SIM_SERVER];
    *c = (struct sim_app_plan){.write_max = 1 + below(g, 20000), .read_max = 1 + below(g, 30000)};
    *s = (struct sim_app_plan){.write_max = 1 + below(g, 20000), .read_max = 1 + below(g, 30000)};
    switch (kind) {
    case SIM_ASK:
        plan_ask(g, c, s);
        break;
    case SIM_HALF:
        c->total = c->first = below(g, 3000);
        s->total = s->first = below(g, 60000);
        s->write_gap = below(g, 20) * NS_PER_MS;
        break;
    case SIM_SLOW:
        c->total = c->first = below(g, 60000);
        s->read_max = 1 + below(g, 3000);
        s->read_gap = (1 + below(g, 200)) * NS_PER_MS;
        break;
    case SIM_TRICKLE:
        plan_trickle(g, c, s);
        break;
    case SIM_ECHO:
        c->total = c->first = s->total = below(g, 60000);
        s->unit_in = s->unit_out = 1;
        s->peer_first = f->echo = true;
        break;
    default:
        plan_bulk(g, kind, c, s);
        break;
    }
    if (kind == SIM_ABORT) {
        struct sim_app_plan *who = one_in(g, 2) ? c : s;
        who->abort_at = 1 + below(g, c->total + s->total + 1);
    }
    if (f->tls) {
        return; /* tcp_close would leave its session behind */
    }
    c->urgent = one_in(g, 8) ? 1 + below(g, 300) : 0;
    s->urgent = one_in(g, 8) ? 1 + below(g, 300) : 0;
    c->lets_go = one_in(g, 4) && !s->peer_first && kind != SIM_HALF;
    s->lets_go = one_in(g, 4) && !c->lets_go;
    c->lets_go_early = s->total == 0 && one_in(g, 2) && reads_soon(s, c->total);
}

/* What the flows of a world with many do: all kinds of things. */
static enum sim_kind kind_of_flow(struct lcg *g, enum sim_kind kind)
{
    static const enum sim_kind mixed[] = {SIM_BULK, SIM_ASK,     SIM_HALF,
                                          SIM_SLOW, SIM_TRICKLE, SIM_ECHO};
    bool many = kind == SIM_MESH || kind == SIM_STAR || kind == SIM_JUMP || kind == SIM_TAMPER ||
                kind == SIM_DEAD || kind == SIM_TLS;
    return many ? mixed[below(g, COUNT_OF(mixed))] : kind;
}

static void draw_flow(struct lcg *g, struct sim_plan *p, unsigned client, unsigned server,
                      unsigned client_wire, unsigned server_wire)
{
    struct sim_flow_plan *f = &p->flow[p->flows++];
    *f = (struct sim_flow_plan){.host = {(uint8_t)client, (uint8_t)server},
                                .wire = {(uint8_t)client_wire, (uint8_t)server_wire}};
    f->tls = p->kind == SIM_TLS;
    f->cross = p->kind == SIM_CROSS;
    f->may_fail = p->kind == SIM_DEAD || (p->kind == SIM_JUMP && p->jump > 60 * NS_PER_SEC);
    draw_apps(g, kind_of_flow(g, p->kind), f);
    struct tcp_options o = some_options(g, p->kind);
    f->options[SIM_CLIENT] = o;
    f->options[SIM_SERVER] = p->flows > 1 ? p->flow[0].options[SIM_SERVER] : o;
    f->start = below(g, 3) * (nsec)below(g, 50) * NS_PER_MS;
}

/* ---- who is joined to whom ---- */

static void draw_pair(struct lcg *g, struct sim_plan *p)
{
    static const unsigned most[SIM_KINDS] = {
        [SIM_STORM] = SIM_FLOWS, [SIM_FAULT] = 10, [SIM_DEAD] = 4, [SIM_TLS] = 2};
    p->hosts = 2;
    p->wires = 1;
    draw_wire(g, p->kind, 0, 1, &p->wire[0]);
    unsigned flows = most[p->kind] > 0 ? 1 + below(g, most[p->kind]) : 1;
    while (p->flows < flows) {
        draw_flow(g, p, 0, 1, 0, 0);
    }
}

/* A ring of three or four hosts, perhaps with a diagonal; flows between those who share a wire. */
static void draw_mesh(struct lcg *g, struct sim_plan *p)
{
    p->hosts = 3 + below(g, 2);
    for (unsigned i = 0; i < p->hosts; i++) {
        draw_wire(g, p->kind, (uint8_t)i, (uint8_t)((i + 1) % p->hosts), &p->wire[p->wires++]);
    }
    if (p->hosts == 4 && one_in(g, 2)) {
        draw_wire(g, p->kind, 0, 2, &p->wire[p->wires++]);
    }
    for (uint32_t n = 1 + below(g, 8); n > 0; n--) {
        unsigned wire = below(g, p->wires);
        unsigned client = below(g, 2);
        draw_flow(g, p, p->wire[wire].host[client], p->wire[wire].host[1 - client], wire, wire);
    }
}

/* Host 0 serves; each host has a wire to the switch. All have the same MTU, as a LAN must. */
static void draw_star(struct lcg *g, struct sim_plan *p)
{
    p->hosts = 3 + below(g, SIM_HOSTS - 2);
    for (unsigned i = 0; i < p->hosts; i++) {
        draw_wire(g, p->kind, (uint8_t)i, SIM_SWITCH, &p->wire[p->wires++]);
        p->wire[i].mtu = p->wire[0].mtu;
    }
    for (unsigned i = 1; i < p->hosts; i++) {
        for (uint32_t n = 1 + below(g, 2); n > 0 && p->flows < SIM_FLOWS; n--) {
            draw_flow(g, p, i, 0, i, 0);
        }
    }
}

static void draw_special(struct lcg *g, struct sim_plan *p)
{
    if (p->kind == SIM_TAMPER || one_in(g, 8)) {
        draw_wire_tampering(g, &p->wire[below(g, p->wires)]);
    }
    if (p->kind == SIM_DEAD) {
        p->wire[0].way[0].rule_count = p->wire[0].way[1].rule_count = 0;
        draw_wire_death(g, &p->wire[0]);
    }
    if (p->kind == SIM_FAULT) {
        p->faults = below(g, 3) * 20;
        p->fail_nth = one_in(g, 2) ? 1 + below(g, 60) : 0;
        p->fail_pool = below(g, 7);
    }
    if (one_in(g, 2) || p->kind == SIM_CROSS) {
        p->flow[0].port = SIM_PORT_FIRST;
    }
    if (p->flow[0].port != 0 && one_in(g, 2)) {
        p->wrap = one_in(g, 3) ? SIM_WRAP_TIMESTAMP : SIM_WRAP_ISN;
        p->wrap_side = below(g, 2);
        p->wrap_left = below(g, p->wrap == SIM_WRAP_ISN ? 30000 : 500);
    }
    if (p->kind == SIM_CROSS) {
        p->flow[0].options[SIM_SERVER] = p->flow[0].options[SIM_CLIENT];
    }
}

/* How the ends of flows control congestion, and whether they are paced. */
static void draw_congestion(struct lcg *g, struct sim_plan *p)
{
    static const struct tcp_cc_ops *const algorithms[] = {NULL, &cc_cubic, &cc_newreno, &cc_bbr};
    static const uint64_t rates[] = {100000, 2000000, 100000000};
    for (unsigned i = 0; i < p->flows; i++) {
        for (unsigned end = 0; end < 2; end++) {
            struct tcp_options *o = &p->flow[i].options[end];
            o->cc = algorithms[below(g, COUNT_OF(algorithms))];
            o->pace = one_in(g, 4);
            o->max_pacing_rate = one_in(g, 8) ? rates[below(g, COUNT_OF(rates))] : 0;
        }
    }
    for (unsigned i = 0; i < p->hosts; i++) {
        p->host[i].tcp.no_pacing = one_in(g, 16);
        p->host[i].tcp.no_window_validation = one_in(g, 8);
        p->host[i].tcp.rto_restart = one_in(g, 4);
        p->host[i].tcp.no_rest = one_in(g, 8);
    }
}

/* What a cookie cannot do (RFC 4987 3.6): a client that has nothing to say before the server does must get its ACK
 * through, for nobody sends a SYN-ACK or an ACK again. */
static bool cookies_do(const struct sim_app_plan *client)
{
    return client->total > 0 && client->first > 0;
}

static void draw_cookies(struct lcg *g, struct sim_plan *p)
{
    static const enum tcp_cookie_policy all[] = {TCP_COOKIES_AUTO, TCP_COOKIES_AUTO,
                                                 TCP_COOKIES_ALWAYS, TCP_COOKIES_NEVER};
    for (unsigned i = 0; i < p->hosts; i++) {
        p->host[i].tcp.syn_cookies = all[below(g, COUNT_OF(all))];
    }
    for (unsigned i = 0; i < p->flows; i++) {
        if (!cookies_do(&p->flow[i].app[SIM_CLIENT])) {
            p->host[p->flow[i].host[SIM_SERVER]].tcp.syn_cookies = TCP_COOKIES_NEVER;
        }
    }
}

/* Most look for the path's MTU only in black holes, which is the default. */
static void draw_probing(struct lcg *g, struct sim_plan *p)
{
    for (unsigned i = 0; i < p->hosts; i++) {
        p->host[i].tcp.mtu_probing =
            one_in(g, 4) ? TCP_MTU_PROBING_ALWAYS : TCP_MTU_PROBING_DEFAULT;
    }
}

/* In every third world some hosts put data into their SYNs, or take it from there; most have a cookie from the start. */
static void draw_fast_open(struct lcg *g, struct sim_plan *p)
{
    static const enum sim_cookies known[] = {SIM_COOKIES_GOOD, SIM_COOKIES_GOOD, SIM_COOKIES_GOOD,
                                             SIM_COOKIES_NONE, SIM_COOKIES_WRONG};
    if (!one_in(g, 3)) {
        return;
    }
    p->cookies = known[below(g, COUNT_OF(known))];
    p->fast_open_pending = one_in(g, 4) ? 1 + below(g, 3) : 0;
    for (unsigned i = 0; i < p->hosts; i++) {
        p->host[i].tcp.fast_open =
            one_in(g, 4) ? (enum tcp_fast_open_policy)below(g, 3) : TCP_FAST_OPEN_BOTH;
    }
}

/* In every other world some devices cut what hosts send in one piece, and join what arrives. */
static void draw_devices(struct lcg *g, struct sim_plan *p)
{
    bool some = one_in(g, 2);
    for (unsigned i = 0; some && i < p->wires; i++) {
        for (unsigned end = 0; end < 2; end++) {
            bool host = p->wire[i].host[end] != SIM_SWITCH;
            p->wire[i].cuts[end] = host && !one_in(g, 4);
            p->wire[i].joins[end] = host && one_in(g, 2);
        }
    }
}

void sim_draw(struct sim_plan *p, uint64_t seed)
{
    static const nsec jumps[] = {NS_PER_SEC, 60 * NS_PER_SEC, SIM_HOUR, 3 * SIM_HOUR};
    struct lcg g = {.state = seed * UINT64_C(0x2545f4914f6cdd1d) + 7};
    below(&g, 1);
    *p = (struct sim_plan){.seed = seed, .kind = some_kind(&g)};
    p->start = (1 + (nsec)below(&g, 1000000)) * NS_PER_US;
    p->backlog = 1 + below(&g, 40);
    if (p->kind == SIM_JUMP) {
        p->jump_at = below(&g, 2000) * NS_PER_MS;
        p->jump = jumps[below(&g, COUNT_OF(jumps))];
    }
    if (p->kind == SIM_MESH) {
        draw_mesh(&g, p);
    } else if (p->kind == SIM_STAR) {
        draw_star(&g, p);
    } else {
        draw_pair(&g, p);
    }
    for (unsigned i = 0; i < p->hosts; i++) {
        draw_host(&g, p->kind, &p->host[i]);
    }
    draw_special(&g, p);
    draw_congestion(&g, p);
    draw_cookies(&g, p);
    draw_probing(&g, p);
    draw_devices(&g, p);
    draw_fast_open(&g, p);
    p->liar = one_in(&g, 8) ? 1 + below(&g, 300) : 0;
}
