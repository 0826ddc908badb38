/* The sender's range of what is lost (stack/tcp/recovery.c) stays inside what is outstanding.
 *
 * The invariant: snd_una <= rtx_next <= rtx_end <= snd_nxt; `recover`, while it means something, and the
 * mark of the first duplicate, while there is one, lie in [snd_una, snd_nxt]. Proven for every state in
 * which it holds, with up to 2^31 - 1 bytes outstanding from START on, across the wrap, and any ACK (at
 * any other place all is alike: seq_transitive proves that the order moves along):
 * - it holds after recovery_on_ack and recovery_all_lost, so after any number of them;
 * - what is in flight is never more than what is outstanding, and cwnd never 0 in recovery;
 * - nothing overflows.
 * Assumed: ack_process has moved snd_una by `acked`, which is no more than was outstanding, and a
 * duplicate acknowledges nothing; congestion control leaves ssthresh below 2^30 and an MSS is not 0.
 * Stub: the congestion control's on_loss gives any such ssthresh.
 *
 * proof-sources: stack/tcp/recovery.c
 * proof-unwind: 2
 * proof-checks: --unsigned-overflow-check
 * proof-wraps: seq_add seq_sub seq_diff seq_span
 */
#include "stack/tcp/recovery.h"

#include "stack/tcp/conn.h"
#include "tests/proofs/packet.h"

#define HALF (UINT32_C(1) << 31)
#define START (UINT32_MAX - 9999)
#define WINDOW_MAX (UINT32_C(1) << 30)

static void any_loss(struct tcp_cc *cc, uint32_t flight)
{
    PROVE(flight < HALF, "a number of bytes");
    cc->ssthresh = any_below(WINDOW_MAX);
}

static const struct tcp_cc_ops ops = {.name = "any", .on_loss = any_loss};

struct tcp_conn nondet_conn(void);

static bool inside(const struct tcp_conn *c, tcp_seq s)
{
    return seq_span(c->snd_una, s) <= seq_span(c->snd_una, c->snd_nxt);
}

static bool holds(const struct tcp_conn *c)
{
    const struct tcp_recovery *r = &c->recovery;
    return seq_span(c->snd_una, c->snd_nxt) < HALF && inside(c, r->rtx_next) &&
           inside(c, r->rtx_end) && seq_le(r->rtx_next, r->rtx_end) &&
           (!r->recover_set || inside(c, r->recover)) &&
           (r->duplicates == 0 || inside(c, r->first_duplicate)) && (!r->active || r->recover_set);
}

/* Any connection in which the invariant holds; `tcp` needs only a recorder. */
static void make(struct tcp_conn *c, struct tcp *tcp, struct recorder *recorder)
{
    tcp->recorder = recorder;
    c->tcp = tcp;
    c->cc.ops = &ops;
    ASSUME(c->snd_mss > 0 && c->cc.ssthresh < WINDOW_MAX);
    c->snd_una = seq_of(START);
    uint32_t outstanding = any_below(HALF);
    uint32_t end = (uint32_t)any_size(outstanding);
    c->snd_nxt = seq_add(c->snd_una, outstanding);
    c->recovery.rtx_end = seq_add(c->snd_una, end);
    c->recovery.rtx_next = seq_add(c->snd_una, (uint32_t)any_size(end));
    if (c->recovery.recover_set) {
        c->recovery.recover = seq_add(c->snd_una, (uint32_t)any_size(outstanding));
    }
    if (c->recovery.duplicates > 0) {
        c->recovery.first_duplicate = seq_add(c->snd_una, (uint32_t)any_size(outstanding));
    }
    ASSUME(!c->recovery.active || c->recovery.recover_set);
    PROVE(holds(c), "any state in which it holds");
    PROVE(recovery_in_flight(c) <= outstanding, "no more than outstanding");
}

PROOF(recovery_duplicate)
{
    struct event ring;
    struct recorder recorder;
    proof_recorder_init(&recorder, &ring);
    struct tcp tcp;
    struct tcp_conn c = nondet_conn();
    make(&c, &tcp, &recorder);
    struct tcp_ack ack = {.duplicate = true, .old_una = c.snd_una};
    bool was_active = c.recovery.active;
    recovery_on_ack(&c, &ack);
    PROVE(holds(&c), "the invariant");
    REACHES_IF(c.recovery.active && !was_active, "fast retransmit");
}

PROOF(recovery_ack)
{
    struct event ring;
    struct recorder recorder;
    proof_recorder_init(&recorder, &ring);
    struct tcp tcp;
    struct tcp_conn c = nondet_conn();
    make(&c, &tcp, &recorder);
    struct tcp_ack ack = {.old_una = c.snd_una, .acked = nondet_u32()};
    ASSUME(ack.acked <= seq_span(c.snd_una, c.snd_nxt));
    c.snd_una = seq_add(c.snd_una, ack.acked);
    bool was_active = c.recovery.active;
    recovery_on_ack(&c, &ack);
    PROVE(holds(&c), "the invariant");
    PROVE(ack.acked == 0 || !c.recovery.active || c.cc.cwnd > 0, "room for a segment");
    REACHES_IF(!c.recovery.active && was_active, "the end of recovery");
    REACHES_IF(c.recovery.active && ack.acked > 0 && c.snd_nxt.v < c.snd_una.v, "a partial ACK");
}

PROOF(recovery_all_lost)
{
    struct event ring;
    struct recorder recorder;
    proof_recorder_init(&recorder, &ring);
    struct tcp tcp;
    struct tcp_conn c = nondet_conn();
    make(&c, &tcp, &recorder);
    recovery_all_lost(&c);
    PROVE(holds(&c), "the invariant");
    PROVE(recovery_in_flight(&c) == 0, "nothing is in flight");
    PROVE(recovery_pending(&c.recovery) == seq_span(c.snd_una, c.snd_nxt), "all is to go again");
    recovery_init(&c.recovery, c.snd_una);
    PROVE(holds(&c) && recovery_pending(&c.recovery) == 0, "a new connection");
    REACHES("a timeout");
}
