/* A plan as text for people: only what differs from the plainest world. */
#include <inttypes.h>

#include "stack/tcp/cc.h"
#include "tests/sim/plan.h"

static double ms(nsec span)
{
    return (double)span / 1e6;
}

static double percent(uint32_t of_a_million)
{
    return (double)of_a_million / 1e4;
}

static void print_node(FILE *out, const struct wire_node_config *n)
{
    switch (n->kind) {
    case WIRE_RATE:
        fprintf(out, " rate %" PRIu64 " bit/s", n->rate.bits_per_second);
        break;
    case WIRE_QUEUE:
        fprintf(out, " queue %u B, marks above %u B", n->queue.limit, n->queue.mark);
        break;
    case WIRE_DELAY:
        fprintf(out, " delay %.3f ms + %.3f ms%s", ms(n->delay.base), ms(n->delay.jitter),
                n->delay.keep_order ? " in order" : "");
        break;
    case WIRE_LOSS:
        fprintf(out, " loss %.1f %%", percent(n->loss.chance));
        break;
    case WIRE_BURST:
        fprintf(out, " bursts p %.1f %% r %.1f %% loss %.1f %% / %.1f %%", percent(n->burst.p),
                percent(n->burst.r), percent(n->burst.loss_good), percent(n->burst.loss_bad));
        break;
    case WIRE_REORDER:
        fprintf(out, " reorder %.1f %% by %.3f ms", percent(n->reorder.chance),
                ms(n->reorder.delay));
        break;
    case WIRE_DUPLICATE:
        fprintf(out, " duplicate %.1f %% after %.3f ms", percent(n->duplicate.chance),
                ms(n->duplicate.delay));
        break;
    case WIRE_CORRUPT:
        fprintf(out, " corrupt %u bits of %.1f %%", n->corrupt.bits, percent(n->corrupt.chance));
        break;
    case WIRE_MTU:
        fprintf(out, " router with MTU %u", n->mtu.mtu);
        break;
    case WIRE_BATCH:
        fprintf(out, " batches of %.3f ms", ms(n->batch.period));
        break;
    case WIRE_TAMPER:
        break;
    }
    fputc(';', out);
}

static void print_rule(FILE *out, const struct tamper_rule *r)
{
    fputs("  rule:", out);
    if (r->flags_mask != 0) {
        fprintf(out, " flags & 0x%02x == 0x%02x", r->flags_mask, r->flags_value);
    }
    if (r->by_seq) {
        fprintf(out, " seq %u..%u", r->seq_from, r->seq_to);
    }
    if (r->by_len) {
        fprintf(out, " len %u..%u", r->len_min, r->len_max);
    }
    fprintf(out, " from match %u on", u32_max(r->nth, 1));
    if (r->times > 0) {
        fprintf(out, ", %u times", r->times);
    }
    switch (r->action) {
    case TAMPER_DROP:
        fputs(": drop\n", out);
        break;
    case TAMPER_DELAY:
        fprintf(out, ": delay by %.3f ms\n", ms(r->delay));
        break;
    case TAMPER_DUPLICATE:
        fprintf(out, ": again after %.3f ms\n", ms(r->delay));
        break;
    case TAMPER_REWRITE:
        fprintf(out, ": %s\n", sim_rewrite_name(r->rewrite));
        break;
    }
}

static void print_end(FILE *out, uint8_t host)
{
    if (host == SIM_SWITCH) {
        fputs("switch", out);
    } else {
        fprintf(out, "host %u", host);
    }
}

static void print_wire(FILE *out, unsigned number, const struct sim_wire_plan *wire)
{
    fprintf(out, "wire %u: ", number);
    print_end(out, wire->host[0]);
    fputs(" - ", out);
    print_end(out, wire->host[1]);
    fprintf(out, ", MTU %u\n", wire->mtu);
    for (unsigned end = 0; end < 2; end++) {
        const struct sim_way_plan *way = &wire->way[end];
        fputs("  from ", out);
        print_end(out, wire->host[end]);
        fprintf(out, ":%s%s", wire->cuts[end] ? " device cuts super-segments;" : "",
                wire->joins[end] ? " device joins what arrives;" : "");
        for (unsigned i = 0; i < way->node_count; i++) {
            print_node(out, &way->nodes[i]);
        }
        if (way->refuse > 0) {
            fprintf(out, " device refuses %.1f %%;", percent(way->refuse));
        }
        fputc('\n', out);
        for (unsigned i = 0; i < way->rule_count; i++) {
            print_rule(out, &way->rules[i]);
        }
    }
}

static void print_number(FILE *out, const char *name, uint64_t value)
{
    if (value != 0) {
        fprintf(out, " %s %" PRIu64, name, value);
    }
}

static void print_flag(FILE *out, const char *name, bool set)
{
    if (set) {
        fprintf(out, " %s", name);
    }
}

static void print_host(FILE *out, unsigned number, const struct host_config *h)
{
    const struct tcp_config *t = &h->tcp;
    fprintf(out, "host %u:", number);
    print_number(out, "send buffer", t->send_buffer);
    print_number(out, "receive buffer", t->receive_buffer);
    print_number(out, "send buffer at most", t->send_buffer_max);
    print_number(out, "receive buffer at most", t->receive_buffer_max);
    print_number(out, "ranges", t->reassembly_max);
    print_number(out, "delayed ACK ns", (uint64_t)t->delayed_ack);
    print_number(out, "least RTO ns", (uint64_t)t->rto_min);
    print_number(out, "connections", t->max_connections);
    print_number(out, "TIME-WAITs", t->max_timewait);
    print_number(out, "small slabs", h->slabs.slabs[SLAB_SMALL]);
    print_number(out, "frame slabs", h->slabs.slabs[SLAB_FRAME]);
    print_number(out, "record slabs", h->slabs.slabs[SLAB_RECORD]);
    print_flag(out, "no timestamps", t->no_timestamps);
    print_flag(out, "no window scale", t->no_window_scale);
    print_flag(out, "no SACK", t->no_sack);
    print_flag(out, "no pacing", t->no_pacing);
    print_flag(out, "no window validation", t->no_window_validation);
    print_flag(out, "no rest", t->no_rest);
    print_flag(out, "RTO restart", t->rto_restart);
    print_flag(out, "no D-SACK", t->no_dsack);
    print_flag(out, "no quick ACKs", t->no_quick_acks);
    print_flag(out, "no autotuning", t->no_autotune);
    print_number(out, "ECN policy", t->ecn);
    print_number(out, "SYN cookie policy", t->syn_cookies);
    print_number(out, "MTU probing", t->mtu_probing);
    print_number(out, "Fast Open policy", t->fast_open);
    print_flag(out, "no ABE", t->no_abe);
    print_flag(out, "no AccECN option", t->no_accecn_option);
    fputc('\n', out);
}

static void print_app(FILE *out, const char *name, const struct sim_app_plan *a)
{
    fprintf(out, "  %s: sends %u, %u at once", name, a->total, a->first);
    if (a->unit_in > 0) {
        fprintf(out, ", %u more for each %u received", a->unit_out, a->unit_in);
    }
    print_number(out, "write_max", a->write_max);
    print_number(out, "write_gap ns", (uint64_t)a->write_gap);
    print_number(out, "read_max", a->read_max);
    print_number(out, "read_gap ns", (uint64_t)a->read_gap);
    print_number(out, "urgent of 1000", a->urgent);
    print_number(out, "aborts at", a->abort_at);
    print_flag(out, "after the peer", a->peer_first);
    print_flag(out, "lets go", a->lets_go);
    print_flag(out, "lets go early", a->lets_go_early);
    fputc('\n', out);
}

static void print_options(FILE *out, const char *name, const struct tcp_options *o)
{
    fprintf(out, "  %s's options:", name);
    print_flag(out, "no delay", o->no_delay);
    print_flag(out, "cork", o->cork);
    print_flag(out, "quick ACK", o->quick_ack);
    print_number(out, "MSS", o->mss);
    print_flag(out, "keep-alive", o->keepalive);
    print_number(out, "user timeout ns", (uint64_t)o->user_timeout);
    print_number(out, "send buffer", o->send_buffer);
    print_number(out, "receive buffer", o->receive_buffer);
    print_flag(out, o->cc != NULL ? o->cc->name : "", o->cc != NULL);
    print_flag(out, "paced", o->pace);
    print_number(out, "bytes a second at most", o->max_pacing_rate);
    print_number(out, "unsent at most", o->notsent_lowat);
    fputc('\n', out);
}

static void print_flow(FILE *out, unsigned number, const struct sim_flow_plan *f)
{
    fprintf(out, "flow %u: host %u -> host %u", number, f->host[0], f->host[1]);
    print_number(out, "port", f->port);
    print_number(out, "starts at ns", (uint64_t)f->start);
    print_flag(out, "simultaneous open", f->cross);
    print_flag(out, "TLS", f->tls);
    print_flag(out, "may fail", f->may_fail);
    fputc('\n', out);
    print_app(out, "client", &f->app[SIM_CLIENT]);
    print_app(out, "server", &f->app[SIM_SERVER]);
    print_options(out, "client", &f->options[SIM_CLIENT]);
    print_options(out, "server", &f->options[SIM_SERVER]);
}

void sim_print(FILE *out, const struct sim_plan *p)
{
    static const char *const wraps[] = {"", "ISN", "timestamp"};
    static const char *const cookies[] = {"", ", Fast Open cookies known",
                                          ", wrong Fast Open cookies known"};
    fprintf(out, "world %" PRIu64 " (%s): %u hosts, %u wires, begins at %.6f ms, backlog %u%s\n",
            p->seed, sim_kind_name(p->kind), p->hosts, p->wires, ms(p->start), p->backlog,
            cookies[p->cookies]);
    if (p->wrap != SIM_WRAP_NONE) {
        fprintf(out, "the %s of flow 0's %s wraps %u steps later\n", wraps[p->wrap],
                p->wrap_side == SIM_CLIENT ? "client" : "server", p->wrap_left);
    }
    if (p->faults > 0) {
        fprintf(out, "in %u of 1000 events an allocation is made to fail\n", p->faults);
    }
    if (p->fail_nth > 0) {
        fprintf(out, "allocation %u in pool %u of host 0 fails\n", p->fail_nth, p->fail_pool);
    }
    if (p->liar > 0) {
        fprintf(out, "a liar beside %u of 1000 segments\n", p->liar);
    }
    if (p->jump > 0) {
        fprintf(out, "the clock jumps by %.0f ms after %.0f ms\n", ms(p->jump), ms(p->jump_at));
    }
    for (unsigned i = 0; i < p->hosts; i++) {
        print_host(out, i, &p->host[i]);
    }
    for (unsigned i = 0; i < p->wires; i++) {
        print_wire(out, i, &p->wire[i]);
    }
    for (unsigned i = 0; i < p->flows; i++) {
        if (!p->flow[i].absent) {
            print_flow(out, i, &p->flow[i]);
        }
    }
}
