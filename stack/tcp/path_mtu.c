#include "stack/tcp/path_mtu.h"

#include "stack/tcp/conn.h"

#define MAXSEGRTO 1U /* RFC 5927 7.2 */

static void trace(const struct tcp_conn *c, uint32_t claimed, enum mtu_why why)
{
    TRACE(c->tcp->recorder, c->id, tcp_path_mtu, .mtu = c->mtu, .claimed = claimed,
          .why = (uint8_t)why);
}

void path_mtu_sent(struct tcp_conn *c, uint32_t size, tcp_seq end)
{
    struct tcp_path_mtu *m = &c->path_mtu;
    if (size > m->sent) {
        m->sent = size;
        m->sent_end = end;
    }
}

/* The peer has the octet at `seq`, cumulatively or beyond a hole. */
static bool arrived(const struct tcp_conn *c, tcp_seq seq)
{
    if (seq_lt(seq, c->snd_una)) {
        return true;
    }
    const struct tcp_sent *run = scoreboard_at(&c->recovery.board, seq);
    return run != NULL && run->state == SENT_SACKED;
}

/* RFC 5927 7.2: progress shows that the message was none of a router's, or of a path that is left. */
static bool disproved(struct tcp_conn *c)
{
    if (c->path_mtu.held == 0 || !arrived(c, c->path_mtu.held_seq)) {
        return false;
    }
    conn_trace_drop(c, DROP_TCP_ICMP_DISPROVED, c->path_mtu.held);
    c->path_mtu.held = 0;
    return true;
}

void path_mtu_acked(struct tcp_conn *c)
{
    struct tcp_path_mtu *m = &c->path_mtu;
    if (m->sent > m->acked && seq_ge(c->snd_una, m->sent_end)) {
        m->acked = m->sent;
    }
    (void)disproved(c);
}

/* RFC 4821 4: not more segments than before, when they become smaller; nor by what is remembered, for the next ACK of new data
 * (cc.h) or when a loss is undone (undo.h). */
static void keep_segments(struct tcp_conn *c, uint32_t before)
{
    struct tcp_undo *u = &c->recovery.undo;
    uint32_t mss = c->snd_mss;
    if (mss >= before || c->cc.ops == NULL) { /* NULL: the first window is yet to come */
        return;
    }
    recovery_set_cwnd(c, cc_scaled(c->cc.cwnd, mss, before));
    u->cwnd = cc_scaled(u->cwnd, mss, before);
    if (c->cc.ssthresh != CC_SSTHRESH_START) {
        c->cc.ssthresh = cc_scaled(c->cc.ssthresh, mss, before);
    }
    if (u->ssthresh != CC_SSTHRESH_START) {
        u->ssthresh = cc_scaled(u->ssthresh, mss, before);
    }
    if (c->cc.ops->on_smaller != NULL) {
        c->cc.ops->on_smaller(&c->cc, mss, before);
    }
}

void path_mtu_set(struct tcp_conn *c, uint32_t mtu)
{
    struct tcp_path_mtu *m = &c->path_mtu;
    uint32_t mss_before = c->snd_mss;
    if (mtu < c->mtu) {
        m->sent = 0; /* of the new kind nothing was sent */
        m->acked = u32_min(m->acked, mtu);
    }
    c->mtu = (uint16_t)mtu;
    m->may_fragment = mtu <= PATH_MTU_FLOOR_V4; /* it may take still less */
    conn_update_mss(c);
    keep_segments(c, mss_before);
}

/* RFC 1191: what was too big goes again in smaller pieces, and so does all that follows. */
static void narrow(struct tcp_conn *c, uint32_t mtu)
{
    path_mtu_set(c, mtu);
    plpmtu_told(c);
    c->path_mtu.held = 0;
    ip_learn_mtu(c->tcp->ip, c->handle->entry.tuple.remote.addr, mtu, c->tcp->now);
    recovery_all_lost(c);
    c->recovery.must_send = true;
    c->syn_due = c->syn_due || c->state == TCP_SYN_SENT; /* without its data (RFC 7413) */
    conn_mark_dirty(c);
    trace(c, mtu, MTU_TOLD);
}

void path_mtu_on_timeout(struct tcp_conn *c)
{
    if (c->path_mtu.held != 0 && !disproved(c) && c->path_mtu.held < c->mtu) {
        narrow(c, c->path_mtu.held);
    }
}

void path_mtu_too_big(struct tcp_conn *c, uint32_t claimed, tcp_seq seq)
{
    struct tcp_path_mtu *m = &c->path_mtu;
    uint32_t mtu = u32_max(claimed, PATH_MTU_FLOOR_V4);
    if (plpmtu_probe_refused(c, mtu, seq)) {
        return;
    }
    /* no packet of ours can have been too big for that */
    if (mtu >= m->sent || mtu >= c->mtu || arrived(c, seq)) {
        conn_trace_drop(c, DROP_TCP_ICMP_NOT_NARROWER, claimed);
        return;
    }
    if (mtu < m->acked && c->backoff < MAXSEGRTO) {
        m->held = (uint16_t)mtu;
        m->held_seq = seq;
        trace(c, mtu, MTU_HELD);
        return;
    }
    narrow(c, mtu);
}
