#include "stack/tcp/prr.h"

#include "stack/tcp/conn.h"

/* Bytes that may go now, beside `flight` in the network (RFC 9937 6.2). */
static uint64_t send_quota(const struct tcp_conn *c, uint64_t flight, uint32_t delivered,
                           bool progress)
{
    const struct tcp_prr *p = &c->recovery.prr;
    uint64_t ssthresh = c->cc.ssthresh;
    if (flight > ssthresh) {
        uint64_t all = u32_max(p->flight, 1);
        uint64_t due = (p->delivered * ssthresh + all - 1) / all;
        return due > p->out ? due - p->out : 0;
    }
    uint64_t quota = p->delivered > p->out ? p->delivered - p->out : 0;
    quota = quota > delivered ? quota : delivered; /* conservative reduction bound */
    if (progress) {
        quota += c->snd_mss; /* slow-start reduction bound, while no more is found lost */
    }
    return quota < ssthresh - flight ? quota : ssthresh - flight;
}

static void set_window(struct tcp_conn *c, uint32_t delivered, bool progress)
{
    struct tcp_prr *p = &c->recovery.prr;
    p->delivered += delivered;
    uint64_t flight = (uint64_t)recovery_in_flight(c) + p->waiting;
    uint64_t quota = send_quota(c, flight, delivered, progress);
    if (p->out == 0 && quota < c->snd_mss) {
        quota = c->snd_mss; /* the fast retransmit itself, which must not wait for another ACK */
    }
    uint64_t cwnd = flight + quota;
    recovery_set_cwnd(c, u32_max(cwnd < UINT32_MAX ? (uint32_t)cwnd : UINT32_MAX, c->snd_mss));
}

void prr_begin(struct tcp_conn *c, const struct tcp_ack *ack)
{
    /* RecoverFS: what was in the network before the ACK, lost octets too */
    uint32_t flight = seq_span(c->snd_una, c->snd_nxt) - c->recovery.board.sacked_bytes;
    c->recovery.prr = (struct tcp_prr){.flight = flight};
    if (ack != NULL) {
        c->recovery.prr.flight += ack->delivered + ack->waiting;
        c->recovery.prr.waiting = ack->waiting;
    }
    if (c->tcp->config.no_prr) { /* RFC 6675 5 steps 4.2 and 4.3 */
        recovery_set_cwnd(c, c->cc.ssthresh);
        c->recovery.must_send = true;
        return;
    }
    set_window(c, ack != NULL ? ack->delivered : 0, false);
}

void prr_on_ack(struct tcp_conn *c, const struct tcp_ack *ack)
{
    if (ack->delivered > 0 && !c->tcp->config.no_prr) {
        set_window(c, ack->delivered, ack->acked > 0 && ack->lost == 0);
    }
}

/* What was waiting belongs to the window in which the loss was found. */
void prr_sent(struct tcp_conn *c, uint32_t bytes, bool again)
{
    struct tcp_prr *p = &c->recovery.prr;
    uint32_t waited = again ? 0 : u32_min(bytes, p->waiting);
    p->waiting -= waited;
    p->out += bytes - waited;
    if (waited > 0) {
        c->recovery.recover = seq_add(c->snd_nxt, waited);
    }
}
