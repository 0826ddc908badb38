/* RFC 6298: sections 2 (computing RTO), 3 (samples), 5.5 (back-off). */
#include "stack/tcp/rtt.h"

void rtt_init(struct tcp_rtt *r)
{
    *r = (struct tcp_rtt){.rto = RTO_INITIAL};
}

void rtt_sent(struct tcp_rtt *r, tcp_seq end, nsec now)
{
    if (!r->timing) {
        r->timing = true;
        r->timed_end = end;
        r->timed_at = now;
    }
}

void rtt_retransmitted(struct tcp_rtt *r, nsec now)
{
    r->timing = false;
    r->resent_at = now;
}

bool rtt_ambiguous(const struct tcp_rtt *r, nsec sample, nsec now)
{
    nsec since = now - r->resent_at;
    bool before = sample >= since + NS_PER_MS; /* the clock of timestamps has ticks of 1 ms */
    return r->resent_at != 0 && before && since >= r->min;
}

nsec rtt_acked(struct tcp_rtt *r, tcp_seq ack, nsec now)
{
    if (!r->timing || seq_lt(ack, r->timed_end)) {
        return 0;
    }
    r->timing = false;
    return nsec_max(now - r->timed_at, 1);
}

void rtt_seen(struct tcp_rtt *r, nsec rtt)
{
    if (rtt != 0) {
        r->min = r->min == 0 ? rtt : nsec_min(r->min, rtt);
    }
}

void rtt_sample(struct tcp_rtt *r, nsec sample, nsec rto_min, nsec rto_max)
{
    if (r->srtt == 0) { /* 2.2 */
        r->srtt = sample;
        r->rttvar = sample / 2;
    } else { /* 2.3: beta = 1/4, alpha = 1/8 */
        nsec error = r->srtt > sample ? r->srtt - sample : sample - r->srtt;
        r->rttvar += (error - r->rttvar) / 4;
        r->srtt += (sample - r->srtt) / 8;
    }
    rtt_seen(r, sample);
    r->fresh = true;
    /* 2.3 with the minimum of 2.4 as the floor of the variance term: a steady path whose round trip
     * is near the minimum keeps a margin for the peer's delayed ACK. */
    r->rto = nsec_min(r->srtt + nsec_max(4 * r->rttvar, rto_min), rto_max);
}

nsec rtt_backed_off(const struct tcp_rtt *r, unsigned backoff, nsec rto_max)
{
    nsec rto = r->rto;
    for (unsigned i = 0; i < backoff && rto < rto_max; i++) {
        rto *= 2;
    }
    return nsec_min(rto, rto_max);
}
