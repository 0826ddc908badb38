#include "stack/tcp/plpmtu.h"

#include "stack/tcp/conn.h"

#define R1_TIMEOUTS 3U /* RFC 4821 7.7: a full-stop timeout is RFC 9293's R1 */
#define TIMEOUT_DELAY                                                                              \
    5U /* times as long until the next probe, if a timeout found the last one lost (7.6.3) */

static void trace(const struct tcp_conn *c, uint32_t size, enum mtu_why why)
{
    TRACE(c->tcp->recorder, c->id, tcp_path_mtu, .mtu = c->mtu, .claimed = size,
          .why = (uint8_t)why);
}

static bool enabled(const struct tcp_conn *c)
{
    return c->tcp->config.mtu_probing != TCP_MTU_PROBING_OFF;
}

static uint32_t base_size(const struct tcp_conn *c)
{
    return c->tcp->config.base_mss + conn_ip_header(c) + TCP_HEADER_MIN;
}

static uint32_t floor_size(const struct tcp_conn *c)
{
    const struct tcp_config *config = &c->tcp->config;
    return u32_min(config->floor_mss, config->base_mss) + conn_ip_header(c) + TCP_HEADER_MIN;
}

/* Where a search begins, and what it may find. */
static void search(struct tcp_conn *c, uint32_t high)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    p->state = PLPMTU_SEARCHING;
    p->high = (uint16_t)high;
    p->size = (uint16_t)high; /* first of all, whether there is anything to be looked for */
    p->probe_count = 0;
    p->next_at = 0;
}

static void complete(struct tcp_conn *c, nsec now)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    p->state = PLPMTU_SEARCH_COMPLETE;
    p->next_at = now + PLPMTU_RAISE_TIMER;
    trace(c, c->mtu, MTU_SEARCHED);
    if (c->mtu < conn_packet_max(c)) { /* RFC 4821 5.2: others need not look for it */
        ip_learn_mtu(c->tcp->ip, c->handle->entry.tuple.remote.addr, c->mtu, now);
    }
}

void plpmtu_begin(struct tcp_conn *c)
{
    uint32_t max = conn_packet_max(c);
    if (c->tcp->config.mtu_probing == TCP_MTU_PROBING_ALWAYS && base_size(c) < c->mtu) {
        path_mtu_set(c, base_size(c));
        search(c, max);
    }
}

void plpmtu_told(struct tcp_conn *c)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    p->probing = false;
    if (enabled(c)) {
        p->state = PLPMTU_SEARCH_COMPLETE;
        p->high = c->mtu;
        p->next_at = c->tcp->now + PLPMTU_RAISE_TIMER;
    }
}

/* ---- sending ---- */

/* The next size to try: `high` first, then halves of what is left, as far as the windows go. 0: none. */
static uint32_t choose(const struct tcp_conn *c, uint32_t most)
{
    const struct tcp_plpmtu *p = &c->plpmtu;
    uint32_t size = p->size != 0 ? p->size : (c->mtu + p->high + 1U) / 2;
    if (size <= most) {
        return size;
    }
    while (size > most && size >= c->mtu + PLPMTU_PRECISION) {
        size = (c->mtu + size) / 2;
    }
    return size >= c->mtu + PLPMTU_PRECISION ? size : 0;
}

uint32_t plpmtu_wants(struct tcp_conn *c, uint32_t budget, nsec now)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    if ((p->state != PLPMTU_SEARCHING && p->state != PLPMTU_SEARCH_COMPLETE) || p->probing ||
        now < p->next_at || c->recovery.recover_set) {
        return 0;
    }
    uint32_t max = conn_packet_max(c);
    if (p->state == PLPMTU_SEARCH_COMPLETE && c->mtu < max) { /* PMTU_RAISE_TIMER */
        search(c, max);
    }
    p->high = (uint16_t)u32_min(p->high, max);
    p->size = (uint16_t)u32_min(p->size, max);
    if (p->state != PLPMTU_SEARCHING || c->mtu >= p->high) {
        return 0;
    }
    uint32_t size = choose(c, c->mtu + budget);
    return size != 0 ? size - c->mtu : 0;
}

void plpmtu_probed(struct tcp_conn *c, uint32_t size, tcp_seq start, tcp_seq end)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    p->probe_count = size == p->size ? p->probe_count : 0;
    p->size = (uint16_t)size;
    p->probing = true;
    p->probe_start = start;
    p->probe_end = end;
    trace(c, size, MTU_PROBE);
}

/* ---- what came of it ---- */

/* RFC 4821 7.6.1. */
static void arrived(struct tcp_conn *c, nsec now)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    path_mtu_set(c, p->size);
    c->cc.ssthresh = u32_max(c->cc.ssthresh, 2U * c->snd_mss); /* RFC 5681 3.1 */
    recovery_set_cwnd(c, u32_max(c->cc.cwnd, c->snd_mss));
    trace(c, p->size, MTU_RAISED);
    p->probing = false;
    p->probe_count = 0;
    p->size = 0;
    if (p->high < c->mtu + PLPMTU_PRECISION) {
        complete(c, now);
    }
}

/* RFC 4821 7.6.2: it was lost alone. A loss that congestion control does not hear of must be rarer than those it does,
 * which take about as many round trips as the window has segments. */
static void failed(struct tcp_conn *c, unsigned times, nsec now)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    nsec rounds = 1 + c->cc.cwnd / c->snd_mss;
    trace(c, p->size, MTU_PROBE_LOST);
    p->probing = false;
    p->next_at = now + rounds * c->rtt.srtt * times;
    if (++p->probe_count < PLPMTU_MAX_PROBES) {
        return;
    }
    p->high = (uint16_t)(p->size - 1U);
    p->probe_count = 0;
    p->size = 0;
    if (p->high < c->mtu + PLPMTU_PRECISION) {
        complete(c, now);
    }
}

/* RFC 4821 7.6.4: lost, or sent again, together with others: it tells nothing. */
static void inconclusive(struct tcp_conn *c)
{
    c->plpmtu.probing = false;
}

static struct tcp_sent *probe_run(const struct tcp_conn *c)
{
    return scoreboard_at(&c->recovery.board, c->plpmtu.probe_start);
}

void plpmtu_on_ack(struct tcp_conn *c, bool acked, nsec now)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    if (p->probing) {
        const struct tcp_sent *run = probe_run(c);
        bool sacked = run != NULL && run->state == SENT_SACKED && seq_ge(run->end, p->probe_end) &&
                      seq_le(run->start, p->probe_start);
        if (sacked || seq_ge(c->snd_una, p->probe_end)) {
            arrived(c, now);
        }
    }
    if (acked && (p->state == PLPMTU_BASE || p->state == PLPMTU_ERROR)) {
        search(c, p->high);
    }
}

bool plpmtu_is_probe(const struct tcp_conn *c, const struct tcp_sent *run)
{
    const struct tcp_plpmtu *p = &c->plpmtu;
    return p->probing && seq_eq(run->start, p->probe_start) && seq_eq(run->end, p->probe_end);
}

bool plpmtu_lost_alone(struct tcp_conn *c, nsec now)
{
    const struct tcp_sent *run = c->plpmtu.probing ? probe_run(c) : NULL;
    if (run == NULL || run->state != SENT_LOST) {
        return false;
    }
    if (!plpmtu_is_probe(c, run) || c->recovery.board.lost_bytes != sent_len(run)) {
        inconclusive(c);
        return false;
    }
    failed(c, 1, now);
    return true;
}

/* The probe's octets wait to be sent again, at once. */
static void lose(struct tcp_conn *c)
{
    const struct tcp_plpmtu *p = &c->plpmtu;
    struct scoreboard *b = &c->recovery.board;
    struct tcp_sent *run = probe_run(c);
    if (run != NULL && seq_lt(run->start, p->probe_start)) {
        run = scoreboard_cut(b, &c->tcp->sent_pool, run, p->probe_start);
    }
    if (run != NULL) {
        uint32_t n = scoreboard_mark_lost(b, &c->tcp->sent_pool, run, p->probe_end);
        TRACE(c->tcp->recorder, c->id, tcp_lost, .seq = p->probe_start.v, .len = n,
              .how = LOSS_PROBE);
        c->recovery.must_send = true;
    }
    conn_mark_dirty(c);
}

bool plpmtu_lost_first(struct tcp_conn *c, nsec now)
{
    if (!c->plpmtu.probing || !seq_eq(c->snd_una, c->plpmtu.probe_start)) {
        return false;
    }
    lose(c);
    failed(c, 1, now);
    return true;
}

/* RFC 4821 7.6.2, RFC 8899 4.6.2: so large a packet does not fit, and what would is known. The message may come when the
 * probe has been found lost already; the size would be tried again. */
bool plpmtu_probe_refused(struct tcp_conn *c, uint32_t mtu, tcp_seq seq)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    uint32_t size = p->size != 0 ? p->size : p->high + 1U;
    bool about_it = (p->probing || p->state == PLPMTU_SEARCHING) && seq_ge(seq, p->probe_start) &&
                    seq_lt(seq, p->probe_end);
    if (!about_it || mtu >= size || mtu < c->mtu) {
        return false;
    }
    if (p->probing) {
        lose(c);
        trace(c, size, MTU_PROBE_LOST);
    }
    p->probing = false;
    p->probe_count = 0;
    p->high = (uint16_t)mtu;
    p->size = (uint16_t)mtu;
    if (mtu < c->mtu + PLPMTU_PRECISION) {
        complete(c, c->tcp->now);
    }
    return true;
}

void plpmtu_resent(struct tcp_conn *c, tcp_seq start, tcp_seq end)
{
    const struct tcp_plpmtu *p = &c->plpmtu;
    if (p->probing && seq_lt(start, p->probe_end) && seq_gt(end, p->probe_start)) {
        inconclusive(c);
    }
}

/* ---- the black hole ---- */

/* RFC 4821 7.7: a packet of `stuck` bytes does not get through, and smaller ones should. */
static void fall(struct tcp_conn *c, uint32_t stuck)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    uint32_t before = conn_packet_full(c);
    bool base_lost = c->backoff >= R1_TIMEOUTS + PLPMTU_MAX_PROBES;
    /* What was sent behind it has arrived, a full segment at least: it is only unlucky. Until that is long ago. */
    if (c->recovery.board.sacked_bytes >= c->snd_mss && !base_lost) {
        return;
    }
    if (stuck > base_size(c)) {
        p->state = PLPMTU_BASE;
        p->high = (uint16_t)before;
        path_mtu_set(c, base_size(c));
    } else if (base_lost && stuck > floor_size(c)) {
        p->high = p->state == PLPMTU_BASE ? p->high : (uint16_t)before;
        p->state = PLPMTU_ERROR;
        path_mtu_set(c, floor_size(c));
    } else {
        return;
    }
    trace(c, stuck, MTU_BLACK_HOLE);
}

void plpmtu_on_timeout(struct tcp_conn *c, nsec now)
{
    struct tcp_plpmtu *p = &c->plpmtu;
    const struct tcp_sent *first = scoreboard_first(&c->recovery.board);
    if (p->probing && seq_eq(c->snd_una, p->probe_start)) {
        failed(c, TIMEOUT_DELAY, now);
    } else if (p->probing) {
        inconclusive(c);
    }
    if (enabled(c) && c->backoff >= R1_TIMEOUTS && first != NULL) {
        uint32_t text = u32_min(sent_len(first), c->snd_mss);
        fall(c, conn_packet_full(c) - c->snd_mss + text);
    }
}
