/* RFC 9293 3.10.7: what a segment does. It reads like the RFC: find the connection, then the
 * numbered checks in order, each a function that gives a verdict. Nothing here sends: what is due is
 * marked, and the flush sends it.
 */
#include "stack/tcp/input.h"

#include "stack/base/cursor.h"
#include "stack/tcp/close.h"
#include "stack/tcp/handshake.h"
#include "stack/tcp/receive.h"
#include "stack/tcp/reply.h"
#include "stack/tcp/timewait.h"
#include "stack/tcp/urgent.h"
#include "stack/tcp/validate.h"

/* 3.10.7.4: any state but CLOSED, LISTEN and SYN-SENT. */
static void other_states(struct tcp_conn *c, struct tcp_segment *s)
{
    if (validate_timestamp(c, s) != PASS || /* RFC 7323 5.3: PAWS comes before the first */
        validate_sequence(c, s) != PASS ||  /* first: sequence number */
        validate_rst(c, s) != PASS ||       /* second: RST */
                                            /* third: security, not used */
        validate_syn(c, s) != PASS ||       /* fourth: SYN */
        validate_ack(c, s) != PASS) {       /* fifth: ACK, may it be believed? */
        return;
    }
    if (c->state != TCP_SYN_RCVD) {
        conn_trace_passed(c, 5);
    } else if (!handshake_complete(c, s)) {
        return;
    }
    c->last_heard = s->at;
    c->keepalives = 0;
    c->probes = 0;
    validate_remember_timestamp(c, s);
    conn_take_route(c, s);
    ecn_receive(c, s);
    ack_process(c, s); /* fifth: ACK, what it does */
    close_on_ack(c, s->at);
    if (c->detached) {
        return;
    }
    urgent_receive(c, s);  /* sixth: URG */
    receive_segment(c, s); /* seventh: text; eighth: FIN */
}

static void connection_input(struct tcp_conn *c, struct tcp_segment *s)
{
    uint32_t shift = (s->flags & TCP_SYN) != 0 ? 0 : c->snd_wscale;
    segment_trace_in(c->tcp->recorder, c->id, s, (uint32_t)s->wnd << shift);
    c->story.segments_in++;
    if (c->state == TCP_SYN_SENT) {
        handshake_syn_sent(c, s);
    } else {
        other_states(c, s);
    }
}

/* 3.10.7.1: CLOSED, that is, there is no connection. */
static void closed_input(struct tcp *t, const struct tcp_segment *s)
{
    bool rst = (s->flags & TCP_RST) != 0;
    segment_trace_stray(t->recorder, 0, s);
    trace_drop(t->recorder, rst ? DROP_TCP_RST_NO_CONNECTION : DROP_TCP_NO_LISTENER, 0, s->len);
    reply_reset(t, s);
}

static void listener_input(struct tcp *t, struct tcp_segment *s, const tcp_seq *isn_floor)
{
    struct tcp_listener *l = demux_listener(t, &s->dst);
    if (l == NULL) {
        closed_input(t, s);
    } else {
        struct tcp_conn *c = handshake_listen(t, l, s, isn_floor);
        if (c != NULL) {
            connection_input(c, s);
        }
    }
}

static void dispatch(struct tcp *t, struct tcp_segment *s)
{
    struct tcp_tuple tuple = {.local = s->dst, .remote = s->src};
    struct tcp_entry *e = demux_find(t, &tuple);
    if (e == NULL && s->payload->reach != BUF_OURS) { /* a fragment, that may be another host's */
        trace_drop(t->recorder, DROP_IP_ANOTHER_HOST, 0, s->len);
        return;
    }
    if (e == NULL) {
        listener_input(t, s, NULL);
        return;
    }
    if (!e->timewait) {
        struct tcp_conn *c = conn_awake(handle_of_entry(e));
        if (c == NULL || c->detached) { /* what it owed its application may have ended it */
            return;
        }
        if (handshake_gives_way(c, s)) {
            listener_input(t, s, NULL);
        } else {
            connection_input(c, s);
        }
        return;
    }
    tcp_seq isn_floor;
    if (timewait_input(t, CONTAINER_OF(e, struct tcp_timewait, entry), s, &isn_floor)) {
        listener_input(t, s, &isn_floor);
    }
}

void input_segment(void *arg, struct ip_packet *p)
{
    struct tcp *t = arg;
    struct tcp_segment s;
    enum drop_reason why;
    t->now = p->now;
    t->totals.segments_in++;
    if (p->broadcast) { /* MUST-57 */
        trace_drop(t->recorder, DROP_TCP_BAD_ADDRESS, 0, p->buf->len);
        return;
    }
    if (!segment_parse(p, &s, &why)) {
        trace_drop(t->recorder, why, 0, p->buf->len);
        return;
    }
    if (s.src.port == 0 || s.dst.port == 0) {
        trace_drop(t->recorder, DROP_TCP_BAD_PORT, 0, s.len);
        return;
    }
    dispatch(t, &s);
    p->buf = s.payload; /* NULL when a queue has taken it */
}

/* ---- ICMP errors (MUST-54 to MUST-56, RFC 1122 4.2.3.9, RFC 5927) ---- */

enum {
    ICMP_UNREACHABLE = 3,
    ICMP_SOURCE_QUENCH = 4,
    CODE_PROTOCOL = 2,
    CODE_PORT = 3,
    CODE_TOO_BIG = 4,
};

static void soft_error(struct tcp_conn *c, const struct ip_error *e)
{
    c->story.soft_error_type = e->type;
    c->story.soft_error_code = e->code;
    TRACE(c->tcp->recorder, c->id, tcp_soft_error, .type = e->type, .code = e->code);
    conn_report(c, REPORT_ICMP); /* MUST-47, SHLD-25 */
}

static void connection_error(struct tcp_conn *c, const struct ip_error *e, tcp_seq seq)
{
    bool opening = c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD;
    bool hard = e->type == ICMP_UNREACHABLE && (e->code == CODE_PROTOCOL || e->code == CODE_PORT);
    if (e->type == ICMP_UNREACHABLE && e->code == CODE_TOO_BIG) {
        path_mtu_too_big(c, e->mtu, seq);
    } else if (hard && opening) { /* SHLD-26; in synchronized states soft, by RFC 5927 5.2 */
        close_by_error(c);
    } else {
        soft_error(c, e);
    }
}

void input_error(void *arg, const struct ip_error *e)
{
    struct tcp *t = arg;
    t->now = e->now;
    struct rd r = rd_slice(e->quoted);
    struct tcp_tuple tuple = {.local.addr = e->src, .remote.addr = e->dst};
    tuple.local.port = rd_be16(&r);
    tuple.remote.port = rd_be16(&r);
    tcp_seq seq = seq_of(rd_be32(&r));
    struct tcp_entry *entry = r.failed ? NULL : demux_find(t, &tuple);
    if (entry == NULL || entry->timewait) {
        trace_drop(t->recorder, DROP_ICMP_UNMATCHED, 0, e->quoted.len);
        return;
    }
    struct tcp_conn *c = conn_awake(handle_of_entry(entry));
    if (c == NULL || c->detached) {
        return;
    }
    if (e->type == ICMP_SOURCE_QUENCH) {
        return; /* MUST-55: silently */
    }
    if (seq_lt(seq, c->snd_una) || seq_ge(seq, c->snd_nxt)) { /* RFC 5927 4.1 */
        conn_trace_drop(c, DROP_TCP_ICMP_OUTSIDE_WINDOW, e->quoted.len);
        return;
    }
    connection_error(c, e, seq);
}
