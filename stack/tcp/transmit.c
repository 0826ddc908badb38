/* Output, the second half: a segment of ours is written and goes to IP. See transmit.h.
 */
#include "stack/tcp/transmit.h"

#include "stack/tcp/fast_open.h"
#include "stack/tcp/receive.h"
#include "stack/tcp/timers.h"
#include "stack/tcp/urgent.h"

#define SACK_BLOCKS_WITH_TS 3U
#define SACK_BLOCKS_ALONE 4U
#define BIG_PAUSE (10 * NS_PER_SEC) /* after a packet beyond TRANSMIT_SUPER_MAX was refused */

/* RFC 9768 3.2.2.1: the ACK that tells how the SYN-ACK came has none; 3.2.2.5.1: nor has an ACK of ACKs, so that it is
 * not taken for a duplicate. */
static void add_sack_blocks(const struct tcp_conn *c, struct tcp_segment *s)
{
    bool none = c->accecn.third_due || (c->accecn.of_acks && !c->dsack.due);
    if (c->sack_ok && !none && (c->reassembly.count > 0 || c->dsack.due)) {
        unsigned max = c->ts_ok ? SACK_BLOCKS_WITH_TS : SACK_BLOCKS_ALONE;
        s->sack_count = (uint8_t)dsack_blocks(c, s->sack, max);
        s->opts |= TCP_OPT_HAS_SACK;
    }
}

/* RFC 7323 3.2: once agreed on, on every segment, a RST too. */
static void add_timestamps(const struct tcp_conn *c, struct tcp_segment *s, nsec now)
{
    if (c->ts_ok) {
        s->opts |= TCP_OPT_HAS_TS;
        s->tsval = conn_ts_now(c, now);
        s->tsecr = c->ts_recent;
    }
}

/* `text`: it carries data, for the first time. */
static void add_options(const struct tcp_conn *c, struct tcp_segment *s, nsec now, bool text)
{
    add_timestamps(c, s, now);
    add_sack_blocks(c, s);
    accecn_add_option(c, s, text); /* it takes the room that they leave */
}

/* What every segment but SYN and RST has: the ACK, the window, the options. */
static struct tcp_segment new_segment(struct tcp_conn *c, tcp_seq seq, nsec now, bool text)
{
    struct tcp_segment s = {
        .src = c->handle->entry.tuple.local,
        .dst = c->handle->entry.tuple.remote,
        .seq = seq,
        .ack = c->rcv_nxt,
        .flags = TCP_ACK,
        .wnd = (uint16_t)(receive_tell_window(c) >> c->rcv_wscale),
    };
    add_options(c, &s, now, text);
    urgent_stamp(c, &s);
    return s;
}

/* Bytes of IP packet that come of it; the largest, when the device makes several. */
static uint32_t packet_size(const struct tcp_conn *c, const struct packet *p)
{
    size_t text = p->offload.gso_size != 0 ? p->offload.gso_size : p->payload_len;
    size_t headers = packet_len(p) - p->payload_len + (c->route != NULL ? c->route->len : 0U);
    return (uint32_t)(headers + text) + conn_ip_header(c);
}

static void transmit(struct tcp_conn *c, struct tcp_segment *s, struct packet *p, nsec now,
                     bool retransmission)
{
    struct tcp *t = c->tcp;
    if ((s->flags & TCP_SYN) != 0) {
        ecn_stamp_syn(c, s);
    } else if ((s->flags & TCP_RST) == 0) {
        ecn_stamp(c, s, s->len > 0 && !retransmission);
    }
    struct ip_how how = {.src = s->src.addr,
                         .dst = s->dst.addr,
                         .protocol = IP_TCP,
                         .ttl = c->options.ttl,
                         .tos = (uint8_t)((c->options.tos & ~IP_ECN_MASK) | s->ecn),
                         .may_fragment = c->path_mtu.may_fragment,
                         .options = c->route};
    p->offload.csum = (c->caps & NETDEV_CSUM) != 0 ? CSUM_PARTIAL : CSUM_UNKNOWN;
    segment_write(s, p);
    if (s->len > 0) {
        path_mtu_sent(c, packet_size(c, p), seq_add(s->seq, s->len));
    }
    uint32_t shift = (s->flags & TCP_SYN) != 0 ? 0 : c->rcv_wscale;
    uint32_t wnd = (uint32_t)s->wnd << shift;
    segment_trace_out(t->recorder, c->id, s, wnd, retransmission);
    if (!c->passive && c->story.ack_wnd == 0 && c->story.ack_at != 0) {
        c->story.ack_wnd = wnd; /* the third segment of our handshake */
    }
    c->story.segments_out++;
    t->totals.segments_out++;
    if (retransmission) {
        c->story.retransmitted++;
        t->totals.retransmitted++;
        rtt_retransmitted(&c->rtt, now);
    }
    /* A packet that is refused counts as lost on the way. Of so much in one piece that may be why: the kernel lacks memory for it
     * (ENOBUFS, EMSGSIZE), or it cannot wait for a neighbour. Both pass, so it is tried again after a while. */
    if (ip_output(t->ip, p, &how, now) == IP_REFUSED && p->payload_len > TRANSMIT_SUPER_MAX) {
        c->big_at = now + BIG_PAUSE;
    }
    if ((s->flags & TCP_ACK) != 0) {
        accecn_sent(c, s);
        c->ack_due = false;
        c->dsack.due = false;
        c->delack.unacked = 0;
        c->last_ack_sent = c->rcv_nxt;
        timers_stop(c, TCP_TIMER_DELACK);
    }
}

struct tcp_segment transmit_make_syn(const struct tcp_conn *c, nsec now)
{
    const struct tcp_config *config = &c->tcp->config;
    bool answer = c->state == TCP_SYN_RCVD;
    struct tcp_segment s = {
        .src = c->handle->entry.tuple.local,
        .dst = c->handle->entry.tuple.remote,
        .seq = c->iss,
        .flags = answer ? TCP_SYN | TCP_ACK : TCP_SYN,
        .ack = answer ? c->rcv_nxt : seq_of(0),
        .wnd = receive_syn_window(c),
        .opts = TCP_OPT_HAS_MSS,
        .mss = c->story.mss_out,
        .wscale = c->rcv_wscale,
        .tsval = conn_ts_now(c, now),
        .tsecr = answer ? c->ts_recent : 0,
    };
    bool wscale = answer ? c->wscale_ok : !config->no_window_scale;
    bool ts = answer ? c->ts_ok : !config->no_timestamps;
    bool sack = answer ? c->sack_ok : !config->no_sack;
    s.opts |= (uint8_t)((wscale ? TCP_OPT_HAS_WSCALE : 0) | (ts ? TCP_OPT_HAS_TS : 0) |
                        (sack ? TCP_OPT_HAS_SACK_OK : 0));
    return s;
}

/* RFC 7413 4.2.2: what is queued already, up to `room` bytes. */
static void add_syn_text(struct tcp_conn *c, struct tcp_segment *s, struct packet *p, uint32_t room,
                         nsec now)
{
    uint32_t len = sendq_fit(&c->sendq, c->snd_nxt, u32_min(conn_unsent(c), room));
    tcp_seq end = seq_add(c->snd_nxt, len);
    struct sent_stamp stamp = rate_stamp(c, len, now);
    if (len > 0 && scoreboard_sent(&c->recovery.board, &c->tcp->sent_pool, c->tcp->config.sent_max,
                                   c->snd_nxt, end, &stamp)) {
        s->len = sendq_slices(&c->sendq, c->snd_nxt, len, p);
        c->snd_nxt = end;
        c->tcp->totals.bytes_out += len;
    }
    fast_open_sent(c, s->len);
}

void transmit_syn(struct tcp_conn *c, nsec now)
{
    struct tcp_segment s = transmit_make_syn(c, now);
    bool first = seq_eq(c->snd_nxt, c->iss);
    tcp_seq end = seq_add(c->iss, 1);
    struct packet p;
    packet_init(&p);
    c->syn_due = false;
    if (first) {
        c->snd_nxt = end;
    }
    if ((s.flags & TCP_ACK) != 0) {
        c->story.syn_ack_at = now;
        c->story.syn_ack_wnd = s.wnd;
        c->rcv_adv = seq_max(c->rcv_adv, seq_add(c->rcv_nxt, s.wnd));
        fast_open_stamp_syn_ack(c, &s, now);
    } else if (first) {
        c->story.syn_at = now;
        c->story.syn_wnd = s.wnd;
        uint32_t room = fast_open_stamp_syn(c, &s, now);
        if (room > 0 && urgent_unsent(c) == 0) { /* a SYN points to no urgent data */
            add_syn_text(c, &s, &p, room, now);
        }
    }
    transmit(c, &s, &p, now, !first);
    if (first) {
        rtt_sent(&c->rtt, end, now);
    }
}

void transmit_empty(struct tcp_conn *c, tcp_seq seq, nsec now)
{
    struct tcp_segment s = new_segment(c, seq, now, false);
    struct packet p;
    packet_init(&p);
    transmit(c, &s, &p, now, false);
}

void transmit_rst(struct tcp_conn *c, nsec now)
{
    struct tcp_segment s = {
        .src = c->handle->entry.tuple.local,
        .dst = c->handle->entry.tuple.remote,
        .seq = c->snd_nxt,
        .ack = c->rcv_nxt,
        .flags = TCP_RST | TCP_ACK,
    };
    add_timestamps(c, &s, now);
    struct packet p;
    packet_init(&p);
    c->rst_due = false;
    c->tcp->totals.resets_out++;
    transmit(c, &s, &p, now, false);
}

/* Payload bytes that one segment may carry beside its options: SACK blocks and what is told of marks take their part
 * (MUST-16). */
static uint32_t room_beside(const struct tcp_conn *c, const struct tcp_segment *s)
{
    uint32_t others = segment_options_len(s) - (c->ts_ok ? TCP_TS_BYTES : 0U);
    return c->snd_mss - u32_min(others, c->snd_mss - 1U);
}

uint32_t transmit_room(const struct tcp_conn *c)
{
    struct tcp_segment s = {0};
    add_options(c, &s, 0, true);
    return room_beside(c, &s);
}

void transmit_text(struct tcp_conn *c, tcp_seq seq, uint32_t len, uint8_t flags, nsec now,
                   bool retransmission)
{
    struct tcp_segment s = new_segment(c, seq, now, !retransmission);
    struct packet p;
    packet_init(&p);
    s.len = sendq_slices(&c->sendq, seq, len, &p);
    uint32_t room = room_beside(c, &s);
    if (s.len > room && !c->plpmtu.leaving) {
        p.offload.gso_type = GSO_TCP4;
        p.offload.gso_size = (uint16_t)room;
    }
    s.flags |= flags;
    transmit(c, &s, &p, now, retransmission);
}
