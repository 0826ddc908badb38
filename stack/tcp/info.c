#include "stack/tcp/info.h"

#include "stack/tcp/conn.h"
#include "stack/tcp/urgent.h"

static void story_info(const struct tcp_conn *c, struct tcp_info *out)
{
    const struct tcp_story *s = &c->story;
    out->syn_at = s->syn_at;
    out->syn_ack_at = s->syn_ack_at;
    out->ack_at = s->ack_at;
    out->syn_wnd = s->syn_wnd;
    out->syn_ack_wnd = s->syn_ack_wnd;
    out->ack_wnd = s->ack_wnd;
    out->syn_bytes = s->syn_bytes;
    out->mss_in = s->mss_in;
    out->mss_out = s->mss_out;
    out->bytes_in = s->bytes_in;
    out->bytes_out = s->bytes_out;
    out->segments_in = s->segments_in;
    out->segments_out = s->segments_out;
    out->retransmitted = s->retransmitted;
    out->soft_error_type = s->soft_error_type;
    out->soft_error_code = s->soft_error_code;
}

static void congestion_info(const struct tcp_conn *c, struct tcp_info *out)
{
    out->cwnd = c->cc.cwnd;
    out->ssthresh = c->cc.ssthresh;
    out->pacing_rate = c->pace.rate;
    out->delivery_rate = c->rate.latest;
    out->delivery_app_limited = c->rate.latest_app_limited;
    if (c->cc.ops != NULL) {
        out->cc = c->cc.ops->name;
        out->cc_state = cc_state_of(&c->cc);
    }
    if (c->cc.ops == &cc_bbr) {
        out->bbr_bw = c->cc.u.bbr.bw;
        out->bbr_min_rtt = c->cc.u.bbr.min_rtt;
    }
}

static void recovery_info(const struct tcp_conn *c, struct tcp_info *out)
{
    const struct tcp_recovery *r = &c->recovery;
    out->recovering = r->active;
    out->after_timeout = r->recover_set && !r->active && seq_lt(c->snd_una, r->recover);
    out->duplicates = r->duplicates;
    out->backoff = c->backoff;
    out->probes = c->probes;
    out->lost = recovery_pending(r);
    out->sacked = r->board.sacked_bytes;
    out->unsent = conn_unsent(c);
}

static void mtu_info(const struct tcp_conn *c, struct tcp_info *out)
{
    const struct tcp_plpmtu *p = &c->plpmtu;
    out->mtu = c->mtu;
    out->mtu_search = (enum plpmtu_state)p->state;
    out->mtu_high = p->high;
    out->mtu_probe = p->probing ? p->size : 0;
}

static void ecn_info(const struct tcp_conn *c, struct tcp_info *out)
{
    const struct tcp_ecn *e = &c->ecn;
    out->ecn_mode = e->mode;
    out->ecn_reduced = e->reduced && e->by_mark && seq_le(c->snd_una, e->reduced_end);
    out->ect_in = e->ect_in;
    out->ce_in = e->ce_in;
    out->marked_out = e->marked_out;
    if (e->mode != ECN_MODE_ACCURATE) {
        return;
    }
    const struct tcp_accecn *a = &c->accecn; /* the counters of ECT begin at 1 (RFC 9768 3.2.1) */
    out->in_ce_bytes = a->bytes[ACCECN_CE];
    out->in_e0_bytes = a->bytes[ACCECN_E0] - 1U;
    out->in_e1_bytes = a->bytes[ACCECN_E1] - 1U;
    out->out_ce_bytes = a->peer_bytes[ACCECN_CE];
    out->out_e0_bytes = a->peer_bytes[ACCECN_E0] - 1U;
    out->out_e1_bytes = a->peer_bytes[ACCECN_E1] - 1U;
}

uint32_t tcp_get_id(struct stream *s)
{
    const struct tcp_handle *h = handle_of_stream(s);
    return h->conn != NULL ? h->conn->id : h->rest.id;
}

void tcp_get_info(struct stream *s, struct tcp_info *out)
{
    struct tcp_conn room;
    const struct tcp_conn *c = rest_look(handle_of_stream(s), &room);
    *out = (struct tcp_info){
        .id = c->id,
        .state = (enum tcp_state)c->state,
        .local = c->handle->entry.tuple.local,
        .remote = c->handle->entry.tuple.remote,
        .passive = c->passive,
        .iss = c->iss.v,
        .irs = c->irs.v,
        .snd_mss = c->snd_mss,
        .wscale_ok = c->wscale_ok,
        .ts_ok = c->ts_ok,
        .sack_ok = c->sack_ok,
        .snd_wscale = c->snd_wscale,
        .rcv_wscale = c->rcv_wscale,
        .snd_una = c->snd_una.v,
        .snd_nxt = c->snd_nxt.v,
        .snd_wnd = c->snd_wnd,
        .rcv_nxt = c->rcv_nxt.v,
        .rcv_wnd = seq_gt(c->rcv_adv, c->rcv_nxt) ? seq_span(c->rcv_nxt, c->rcv_adv) : 0,
        .in_flight = recovery_in_flight(c),
        .send_queued = c->sendq.len,
        .receive_queued = c->rcv_queued,
        .send_limit = autotune_send_limit(c),
        .receive_limit = c->autotune.limit,
        .out_of_order = c->reassembly.bytes,
        .srtt = c->rtt.srtt,
        .rttvar = c->rtt.rttvar,
        .rto = rtt_backed_off(&c->rtt, c->backoff, c->tcp->config.rto_max),
        .rtt_min = c->rtt.min,
        .rcv_mss = c->delack.mss,
        .urgent_unsent = urgent_unsent(c),
        .urgent_unread = urgent_unread(c),
    };
    mtu_info(c, out);
    story_info(c, out);
    congestion_info(c, out);
    recovery_info(c, out);
    ecn_info(c, out);
}
