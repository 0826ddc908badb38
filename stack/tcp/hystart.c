#include "stack/tcp/hystart.h"

/* RFC 9406 4.3 */
#define MIN_RTT_THRESH (4 * NS_PER_MS)
#define MAX_RTT_THRESH (16 * NS_PER_MS)
#define MIN_RTT_DIVISOR 8
#define N_RTT_SAMPLE 8U
#define CSS_GROWTH_DIVISOR 4U
#define CSS_ROUNDS 5U

/* The train, like the delay, says nothing where the ends take longer than the path. */
#define MIN_TRAIN MIN_RTT_THRESH

static void begin_round(struct tcp_hystart *h, const struct tcp_ack *ack)
{
    h->begun = true;
    h->round_end = ack->nxt;
    h->last_min = h->min;
    h->min = 0;
    h->samples = 0;
}

static void take_sample(struct tcp_hystart *h, nsec rtt)
{
    if (rtt == 0) {
        return;
    }
    h->min = h->min == 0 ? rtt : nsec_min(h->min, rtt);
    h->samples = h->samples < UINT8_MAX ? (uint8_t)(h->samples + 1) : UINT8_MAX;
}

static bool grew(const struct tcp_hystart *h)
{
    nsec thresh = nsec_max(MIN_RTT_THRESH, nsec_min(h->last_min / MIN_RTT_DIVISOR, MAX_RTT_THRESH));
    return h->samples >= N_RTT_SAMPLE && h->last_min != 0 && h->min >= h->last_min + thresh;
}

/* The least of the last two rounds; 0: there was no sample yet. */
static nsec least_rtt(const struct tcp_hystart *h)
{
    if (h->last_min == 0 || h->min == 0) {
        return nsec_max(h->last_min, h->min);
    }
    return nsec_min(h->last_min, h->min);
}

/* For how long ACKs have come without a pause. A window below the path's leaves one in each round trip. */
static nsec train_span(struct tcp_hystart *h, nsec now)
{
    if (now - h->train_to > least_rtt(h) / MIN_RTT_DIVISOR) {
        h->train_from = now;
    }
    h->train_to = now;
    return now - h->train_from;
}

static void begin_css(struct tcp_hystart *h, nsec baseline, bool by_train)
{
    h->baseline = baseline;
    h->css_rounds = 0;
    h->by_train = by_train;
}

uint32_t hystart_on_ack(struct tcp_hystart *h, const struct tcp_ack *ack, uint32_t grow,
                        bool trains, bool *done)
{
    bool new_round = !h->begun || seq_ge(ack->ack, h->round_end);
    if (new_round) {
        begin_round(h, ack);
    }
    take_sample(h, ack->ack_rtt);
    nsec base = least_rtt(h);
    nsec span = 0;
    if (trains && base != 0) {
        span = train_span(h, ack->now);
    } else {
        h->train_to = 0; /* the next train begins anew */
    }
    if (h->baseline == 0) {
        if (grew(h)) {
            begin_css(h, h->min, false);
        } else if (span >= nsec_max(base / 2, MIN_TRAIN)) {
            begin_css(h, base, true);
        }
        return grow;
    }
    if (!h->by_train && h->samples >= N_RTT_SAMPLE && h->min < h->baseline) {
        h->baseline = 0; /* it was noise: from the next ACK on this is slow start again */
    } else if ((new_round && ++h->css_rounds >= CSS_ROUNDS) || span >= nsec_max(base, MIN_TRAIN)) {
        *done = true;
    }
    return grow / CSS_GROWTH_DIVISOR;
}
