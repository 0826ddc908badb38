/* RFC 9293 3.8.6 leaves the size of buffers open; RFC 7323 2.3 wants the shift chosen for the largest. */
#include "stack/tcp/autotune.h"

#include "stack/tcp/conn.h"

#define FIRST_SEGMENTS 10U /* the first window takes so many: an initial window (RFC 6928) */
#define QUEUE_TIME                                                                                 \
    (10 * NS_PER_MS) /* by so much a round may be longer than the path: a queue's part */

void autotune_init(struct tcp_conn *c)
{
    const struct tcp_config *config = &c->tcp->config;
    struct tcp_autotune *a = &c->autotune;
    if (c->options.receive_buffer != 0) {
        a->first = c->options.receive_buffer;
        a->max = a->first;
    } else {
        a->max = config->receive_buffer_max;
        a->first = u32_max(config->receive_buffer, FIRST_SEGMENTS * (uint32_t)c->story.mss_out);
        a->first = u32_min(a->first, a->max);
    }
    a->limit = a->first;
}

static bool is_fixed(const struct tcp_autotune *a)
{
    return a->first == a->max;
}

void autotune_told(struct tcp_conn *c, tcp_seq edge)
{
    struct tcp_autotune *a = &c->autotune;
    nsec now = c->tcp->now;
    uint32_t ts = conn_ts_now(c, now);
    bool first = ts != a->told_ts; /* else its echo may be that of the segment before */
    a->told_ts = ts;
    bool keeps_up = c->rcv_queued <= a->limit / 4; /* else the sender waits for the application */
    if (is_fixed(a) || a->round_at != 0 || !keeps_up || (c->ts_ok && !first)) {
        return;
    }
    a->round_at = now;
    a->round_edge = edge;
    a->round_ts = ts;
}

static bool ends_round(const struct tcp_conn *c, const struct tcp_segment *s)
{
    const struct tcp_autotune *a = &c->autotune;
    bool echoed = c->ts_ok && (s->opts & TCP_OPT_HAS_TS) != 0 && s->tsecr != 0 &&
                  (int32_t)(s->tsecr - a->round_ts) >= 0;
    return a->round_at != 0 && (echoed || seq_gt(segment_end(s), a->round_edge));
}

void autotune_arrived(struct tcp_conn *c, const struct tcp_segment *s)
{
    struct tcp_autotune *a = &c->autotune;
    a->arrived += s->len;
    if (!ends_round(c, s)) {
        return;
    }
    a->round = nsec_max(s->at - a->round_at, 1);
    a->round_at = 0;
    a->shortest = a->shortest == 0 ? a->round : nsec_min(a->shortest, a->round);
    if (c->rtt.min != 0) {
        a->shortest = nsec_min(a->shortest, c->rtt.min);
    }
}

static bool memory_scarce(const struct tcp_conn *c)
{
    const struct slab_pools *pools = c->tcp->pools;
    return pool_scarce(&pools->slabs[SLAB_FRAME]) || pool_scarce(&pools->slabs[SLAB_SUPER]) ||
           pool_scarce(&pools->bufs);
}

/* Twice what goes through in one round trip of the path, for the window moves on with its ACKs; and twice by how
 * much that has grown, for a sender in slow start doubles it while its text and our answer are on their way. */
static uint64_t wanted_window(struct tcp_autotune *a, nsec span)
{
    uint64_t all =
        u32_min(a->arrived, a->consumed); /* a hole that was filled lets go much at once */
    nsec path = nsec_max(a->shortest, a->round - QUEUE_TIME);
    uint64_t through = all * (uint64_t)path / (uint64_t)nsec_max(span, path);
    uint64_t growth = through > a->last ? through - a->last : 0;
    a->last = (uint32_t)through;
    uint64_t modest = 4 * all < AUTOTUNE_MODEST ? 4 * all : AUTOTUNE_MODEST;
    uint64_t wanted = 2 * (through + 2 * growth);
    return wanted > modest ? wanted : modest;
}

static void grow(struct tcp_conn *c, nsec span)
{
    struct tcp_autotune *a = &c->autotune;
    uint64_t wanted = wanted_window(a, span);
    uint32_t limit = a->limit;
    if (memory_scarce(c)) {
        limit = u32_max(a->first, limit / 2); /* what was offered stays offered (SHLD-14) */
    } else if (wanted > limit) {
        limit = wanted < a->max ? (uint32_t)wanted : a->max;
    }
    if (limit != a->limit) {
        a->limit = limit;
        TRACE(c->tcp->recorder, c->id, tcp_receive_buffer, .limit = limit, .rtt = a->round);
    }
}

void autotune_consumed(struct tcp_conn *c, uint32_t n, nsec now)
{
    struct tcp_autotune *a = &c->autotune;
    a->consumed += n;
    if (is_fixed(a) || a->round == 0) {
        return;
    }
    nsec span = now - a->since;
    if (a->since != 0 && span < a->round) {
        return;
    }
    if (a->since != 0) {
        grow(c, span);
    }
    a->since = now;
    a->arrived = 0;
    a->consumed = 0;
}

uint32_t autotune_send_limit(const struct tcp_conn *c)
{
    const struct tcp_config *config = &c->tcp->config;
    if (c->options.send_buffer != 0) {
        return c->options.send_buffer;
    }
    uint32_t least = config->send_buffer;
    if (pool_half_used(&c->tcp->pools->slabs[SLAB_RECORD])) {
        return least;
    }
    uint32_t flight = u32_min(c->cc.cwnd, c->max_snd_wnd);
    uint32_t wanted = flight < UINT32_MAX / 2 ? 2 * flight : UINT32_MAX;
    return u32_min(u32_max(wanted, least), config->send_buffer_max);
}
