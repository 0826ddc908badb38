/* RFC 9293 SHLD-18, SHLD-19, MUST-40; RFC 5681 4.2. How large a full segment is, only its sender knows: options,
 * SACK blocks above all, make some of them shorter, and a path may become narrower.
 */
#include "stack/tcp/delack.h"

#include "stack/tcp/conn.h"
#include "stack/tcp/timers.h"

#define MSS_GUESS 536U /* before anything has come (MUST-15) */
#define MSS_LEAST 48U  /* lower no guess goes: a stream of single bytes is none of full segments */
#define QUICK_SEGMENTS                                                                             \
    10U /* what fills an initial or a restart window (RFC 6928 2, RFC 5681 4.1) */

void delack_begin(struct tcp_conn *c)
{
    c->delack.mss = u32_min(MSS_GUESS, c->story.mss_out);
    c->delack.quick = c->tcp->config.no_quick_acks ? 0 : QUICK_SEGMENTS;
}

/* Bytes by which options may shorten a full segment. */
static uint32_t slack(const struct tcp_delack *d)
{
    return u32_min(TCP_OPTIONS_MAX, d->mss / 8);
}

/* Payload bytes of a segment as it was on the wire: a device may have put several together. */
static uint32_t wire_size(const struct tcp_segment *s)
{
    const struct offload *o = &s->payload->offload;
    return o->gso_type != GSO_NONE ? u32_min(o->gso_size, s->len) : s->len;
}

/* A larger one than any before is full. So are two in a row of one length when they are not the end of what the
 * peer had to send: then its segments have become smaller. */
void delack_measure(struct tcp_conn *c, const struct tcp_segment *s)
{
    struct tcp_delack *d = &c->delack;
    uint32_t len = u32_min(wire_size(s), c->story.mss_out);
    bool pushed = (s->flags & (TCP_PSH | TCP_FIN)) != 0;
    if (len >= d->mss) {
        d->mss = len;
    } else if (len == d->last_len && !pushed) {
        d->mss = u32_max(len, MSS_LEAST);
    }
    d->last_len = len;
    bool idle = d->text_at != 0 && s->at - d->text_at > c->rtt.rto;
    if (idle && !c->tcp->config.no_quick_acks) {
        d->quick = QUICK_SEGMENTS;
    }
    d->text_at = s->at;
}

void delack_schedule(struct tcp_conn *c, uint32_t len, nsec now)
{
    struct tcp_delack *d = &c->delack;
    uint32_t full = d->mss - slack(d);
    bool quick = d->quick > 0 && len >= full;
    if (quick) {
        d->quick -= u32_min(d->quick, u32_max(len / u32_max(d->mss, 1), 1));
    }
    if (quick || d->unacked >= 2 * full || c->options.quick_ack) {
        c->ack_due = true;
    } else if (!timers_running(c, TCP_TIMER_DELACK)) {
        timers_set(c, TCP_TIMER_DELACK, now + c->tcp->config.delayed_ack);
    }
}
