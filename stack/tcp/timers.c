/* What happens when time passes: retransmission timeout (RFC 6298 5), zero-window probes and the
 * silly-window override (RFC 9293 3.8.6), delayed ACK (3.8.6.3), keep-alive (3.8.4), and the limits
 * after which a connection is given up (3.8.3).
 */
#include "stack/tcp/timers.h"

#include "stack/tcp/close.h"
#include "stack/tcp/fast_open.h"
#include "stack/tcp/send.h"

#define USER_TIMEOUT_DEFAULT (900 * NS_PER_SEC) /* R2: about 15 minutes; SHLD-11 asks for 100 s */
#define SYN_TIMEOUT_DEFAULT (190 * NS_PER_SEC)  /* R2 of a SYN: MUST-23 asks for 3 minutes */
#define R1_TIMEOUTS 3U                          /* SHLD-10 */
#define KEEPALIVE_IDLE_DEFAULT (7200 * NS_PER_SEC)
#define KEEPALIVE_INTERVAL_DEFAULT (75 * NS_PER_SEC)
#define KEEPALIVE_PROBES_DEFAULT 9U
#define RRTHRESH 4U /* segments (RFC 7765 4) */

static nsec earliest(const struct tcp_conn *c)
{
    nsec due = NEVER;
    for (unsigned i = 0; i < TCP_TIMERS; i++) {
        due = nsec_min(due, c->due[i]);
    }
    return due;
}

void timers_set(struct tcp_conn *c, enum tcp_timer which, nsec due)
{
    c->due[which] = due;
    if (!timer_armed(&c->handle->timer) || due < c->handle->timer.due) {
        timer_arm(c->tcp->wheel, &c->handle->timer, due);
    }
}

void timers_rest(struct tcp_conn *c, nsec at)
{
    struct timer *timer = &c->handle->timer;
    c->rest_at = at;
    if (!timer_armed(timer) || at < timer->due) {
        timer_arm(c->tcp->wheel, timer, at);
    }
}

void timers_stop(struct tcp_conn *c, enum tcp_timer which)
{
    c->due[which] = NEVER; /* the wheel finds out when it comes by */
}

static void announce(struct tcp_conn *c, enum tcp_timer which, nsec in)
{
    TRACE(c->tcp->recorder, c->id, tcp_timer_armed, .timer = (uint8_t)which, .in = in);
}

static nsec backed_off(const struct tcp_conn *c)
{
    return rtt_backed_off(&c->rtt, c->backoff, c->tcp->config.rto_max);
}

static nsec user_timeout(const struct tcp_conn *c)
{
    if (c->options.user_timeout != 0) {
        return c->options.user_timeout;
    }
    bool opening = c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD;
    return opening ? SYN_TIMEOUT_DEFAULT : USER_TIMEOUT_DEFAULT;
}

/* R2 after `from` (MUST-20, MUST-21); NEVER for a user timeout without end. */
static nsec give_up_at(const struct tcp_conn *c, nsec from)
{
    nsec limit = user_timeout(c);
    return limit >= NEVER - from ? NEVER : from + limit;
}

/* A retransmission at `due`, or the end before it, however far apart the timeouts are. */
static void set_rto(struct tcp_conn *c, nsec due)
{
    c->rto_at = due;
    timers_set(c, TCP_TIMER_RTO, nsec_min(due, give_up_at(c, c->unacked_since)));
}

void timers_user_timeout(struct tcp_conn *c)
{
    if (timers_running(c, TCP_TIMER_RTO)) {
        set_rto(c, c->rto_at);
    }
}

void timers_restart_rto(struct tcp_conn *c, nsec now)
{
    nsec rto = backed_off(c);
    if (!timers_running(c, TCP_TIMER_RTO)) {
        announce(c, TCP_TIMER_RTO, rto);
    }
    set_rto(c, now + rto);
}

/* RFC 7765 4: with fewer than four segments outstanding, and nothing more to send, there will be no three
 * duplicates: what is left of the timeout counts from when the earliest of them left. With RACK a probe asks
 * after them before that (RFC 8985 7), so this is off unless asked for. */
void timers_acked(struct tcp_conn *c, nsec now)
{
    const struct tcp_sent *first = scoreboard_oldest(&c->recovery.board);
    bool few = recovery_in_flight(c) < RRTHRESH * c->snd_mss && !send_has_more(c);
    timers_restart_rto(c, now);
    if (c->tcp->config.rto_restart && few && first != NULL) {
        set_rto(c, nsec_max(first->sent_at + backed_off(c), now + 1));
    }
}

/* R1 (MUST-20, SHLD-9, SHLD-10): the way to the peer may be dead, so the next hop has to prove that it is
 * there, and the application is told. The connection goes on. */
static void report_trouble(struct tcp_conn *c, uint8_t unanswered, nsec now)
{
    if (unanswered != R1_TIMEOUTS) {
        return;
    }
    TRACE(c->tcp->recorder, c->id, tcp_soft_error, .type = 0, .code = 0);
    ip_doubt(c->tcp->ip, c->handle->entry.tuple.remote.addr, now);
    c->story.unanswered = unanswered;
    conn_report(c, REPORT_RETRANSMISSIONS);
}

/* When a peer that is silent is given up: it counts from the latest sign of life, but not from before
 * there was anything to probe for. */
static nsec silence_ends(const struct tcp_conn *c)
{
    return give_up_at(c, nsec_max(c->last_heard, c->unacked_since));
}

/* The next probe after the backed-off RTO. A peer that is silent already may have to be given up before. */
static void next_probe(struct tcp_conn *c, nsec now)
{
    nsec give_up = silence_ends(c);
    if (c->orphan) {
        give_up = nsec_min(give_up, c->unacked_since + c->tcp->config.fin_wait_2);
    }
    bool before = c->probes > 0 && give_up > now;
    c->probe_at = now + backed_off(c);
    timers_set(c, TCP_TIMER_PERSIST, before ? nsec_min(c->probe_at, give_up) : c->probe_at);
}

/* The window is shut: what is outstanding cannot be taken by the peer now. It counts as lost, and is
 * sent again when the window opens; until then there are probes (MUST-35, MUST-37), the first when it
 * has been shut for one RTO (SHLD-29). */
static void probe_instead(struct tcp_conn *c, nsec now)
{
    recovery_all_lost(c);
    rtt_retransmitted(&c->rtt, now);
    timers_stop(c, TCP_TIMER_RTO);
    c->probe_at = nsec_max(now, c->wnd_shut_at + c->rtt.rto);
    timers_set(c, TCP_TIMER_PERSIST, c->probe_at);
}

/* RFC 7413 4.2.2: what went behind a SYN-ACK that is not answered waits for the end of the handshake, and a client tries
 * without. */
static void resend_syn(struct tcp_conn *c)
{
    c->syn_due = true;
    if (c->early && scoreboard_first(&c->recovery.board) != NULL) {
        recovery_all_lost(c);
    }
}

static void fire_rto(struct tcp_conn *c, nsec now)
{
    if (now >= give_up_at(c, c->unacked_since)) {
        close_by_timeout(c);
        return;
    }
    bool opening = c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD;
    if (!opening && c->snd_wnd == 0 &&
        c->backoff > 0) { /* a first retransmission goes (RFC 7323 2.4) */
        probe_instead(c, now);
        return;
    }
    bool first = c->backoff == 0;
    fast_open_unheard(c);
    if (c->backoff < UINT8_MAX) {
        c->backoff++; /* RFC 6298 5.5 */
    }
    report_trouble(c, c->backoff, now);
    rtt_retransmitted(&c->rtt, now);
    if (opening) {
        resend_syn(c);
    } else {
        recovery_on_timeout(c, now, first);
        path_mtu_on_timeout(c);
        plpmtu_on_timeout(c, now);
    }
    timers_restart_rto(c, now); /* RFC 6298 5.6 */
    conn_mark_dirty(c);
}

/* A peer that answers probes may keep its window shut for ever (MUST-37); one that is silent, or
 * that holds up a connection whose application has gone, may not. */
static bool probing_hopeless(const struct tcp_conn *c, nsec now)
{
    if (c->probes > 0 && now >= silence_ends(c)) {
        return true;
    }
    return c->orphan && now - c->unacked_since >= c->tcp->config.fin_wait_2;
}

static void fire_persist(struct tcp_conn *c, nsec now)
{
    if (probing_hopeless(c, now)) {
        close_by_timeout(c);
        return;
    }
    if (now < c->probe_at) { /* it would have been time to give up, but the peer was heard */
        timers_set(c, TCP_TIMER_PERSIST, c->probe_at);
        return;
    }
    if (c->snd_wnd == 0) {
        c->probe_due = true;
        c->urgent_due = c->urgent_out; /* the notice may have been lost: nothing acknowledges it */
        c->probes = c->probes < UINT8_MAX ? (uint8_t)(c->probes + 1) : UINT8_MAX;
        c->backoff = c->backoff < UINT8_MAX ? (uint8_t)(c->backoff + 1) : UINT8_MAX; /* SHLD-30 */
        report_trouble(c, c->probes, now);
    } else {
        c->nudge = true; /* RFC 9293 3.8.6.2.1 (4): the override timeout */
    }
    next_probe(c, now);
    conn_mark_dirty(c);
}

static void fire_delack(struct tcp_conn *c, nsec now)
{
    (void)now;
    c->ack_due = true;
    conn_mark_dirty(c);
}

static nsec keepalive_idle(const struct tcp_conn *c)
{
    return c->options.keepalive_idle != 0 ? c->options.keepalive_idle : KEEPALIVE_IDLE_DEFAULT;
}

nsec timers_keepalive_due(const struct tcp_conn *c)
{
    if (!c->options.keepalive) {
        return NEVER;
    }
    nsec due = c->last_heard + keepalive_idle(c);
    return timers_running(c, TCP_TIMER_KEEPALIVE) ? nsec_max(due, c->due[TCP_TIMER_KEEPALIVE])
                                                  : due;
}

void timers_keepalive(struct tcp_conn *c, nsec now)
{
    bool synchronized = c->state >= TCP_ESTABLISHED && c->state < TCP_TIME_WAIT;
    if (c->options.keepalive && synchronized && !c->detached) {
        timers_set(c, TCP_TIMER_KEEPALIVE, nsec_max(c->last_heard, now) + keepalive_idle(c));
    } else {
        timers_stop(c, TCP_TIMER_KEEPALIVE);
    }
}

static void fire_keepalive(struct tcp_conn *c, nsec now)
{
    nsec idle_until = c->last_heard + keepalive_idle(c);
    bool outstanding = !seq_eq(c->snd_una, c->snd_nxt);
    if (c->keepalives == 0 && (now < idle_until || outstanding)) { /* MUST-26 */
        timers_set(c, TCP_TIMER_KEEPALIVE, nsec_max(idle_until, now + NS_PER_SEC));
        return;
    }
    uint32_t limit = c->options.keepalive_probes;
    if (c->keepalives >= (limit != 0 ? limit : KEEPALIVE_PROBES_DEFAULT)) {
        close_by_timeout(c);
        return;
    }
    c->keepalives++; /* MUST-29: one lost answer means nothing */
    c->probe_due = true;
    nsec interval = c->options.keepalive_interval;
    timers_set(c, TCP_TIMER_KEEPALIVE,
               now + (interval != 0 ? interval : KEEPALIVE_INTERVAL_DEFAULT));
    conn_mark_dirty(c);
}

static void fire_fin_wait(struct tcp_conn *c, nsec now)
{
    (void)now;
    close_by_timeout(c);
}

/* RFC 8985 7.3: the flush sends the probe, if the reason for it still holds. */
static void fire_probe(struct tcp_conn *c, nsec now)
{
    (void)now;
    c->recovery.rack.probe_due = rack_wants_probe(c);
    conn_mark_dirty(c);
}

static void fire_pace(struct tcp_conn *c, nsec now)
{
    (void)now;
    conn_mark_dirty(c);
}

typedef void (*fire_fn)(struct tcp_conn *c, nsec now);

static const fire_fn fire_functions[TCP_TIMERS] = {
    [TCP_TIMER_RTO] = fire_rto,           [TCP_TIMER_PERSIST] = fire_persist,
    [TCP_TIMER_DELACK] = fire_delack,     [TCP_TIMER_KEEPALIVE] = fire_keepalive,
    [TCP_TIMER_FIN_WAIT] = fire_fin_wait, [TCP_TIMER_REORDER] = recovery_on_reorder_timer,
    [TCP_TIMER_PROBE] = fire_probe,       [TCP_TIMER_PACE] = fire_pace,
};

static void fire(struct timer *timer, nsec now)
{
    struct tcp_handle *h = CONTAINER_OF(timer, struct tcp_handle, timer);
    h->tcp->now = now;
    struct tcp_conn *c = conn_awake(h);
    if (c == NULL) {
        timer_arm(h->tcp->wheel, timer, now + REST_RETRY);
        return;
    }
    if (earliest(c) <= now) {
        recorder_begin(c->tcp->recorder, CAUSE_TIMER, now);
    }
    for (unsigned i = 0; i < TCP_TIMERS; i++) {
        if (c->due[i] > now) {
            continue;
        }
        c->due[i] = NEVER;
        TRACE(c->tcp->recorder, c->id, tcp_timer_fired, .timer = (uint8_t)i, .shots = c->backoff);
        fire_functions[i](c, now);
    }
    if (c->rest_at <= now && rest_begin(c, now)) {
        return;
    }
    nsec next = nsec_min(earliest(c), c->rest_at);
    if (next != NEVER) {
        timer_arm(c->tcp->wheel, &c->handle->timer, next);
    }
}

void timers_attach(struct tcp_handle *h)
{
    timer_init(&h->timer, fire);
}

void timers_init(struct tcp_conn *c)
{
    for (unsigned i = 0; i < TCP_TIMERS; i++) {
        c->due[i] = NEVER;
    }
    c->rest_at = NEVER;
}

void timers_done(struct tcp_conn *c)
{
    timer_cancel(c->tcp->wheel, &c->handle->timer);
}

/* RFC 8985 7.2: the probe comes before the timeout, or takes its place. */
static void schedule_probe(struct tcp_conn *c, nsec now)
{
    bool wanted = recovery_by_rack(c) && !c->tcp->config.no_probe && rack_wants_probe(c) &&
                  c->state >= TCP_ESTABLISHED;
    if (!wanted) {
        timers_stop(c, TCP_TIMER_PROBE);
        return;
    }
    if (timers_running(c, TCP_TIMER_PROBE)) {
        return;
    }
    nsec due = nsec_min(now + rack_probe_timeout(c), c->due[TCP_TIMER_RTO]);
    timers_set(c, TCP_TIMER_PROBE, due);
    c->recovery.rack.probe_as_rto = c->due[TCP_TIMER_RTO] <= due;
    if (c->recovery.rack.probe_as_rto) {
        set_rto(c, due + backed_off(c));
    }
}

void timers_after_send(struct tcp_conn *c, nsec now)
{
    if (recovery_awaits_ack(c)) {
        timers_stop(c, TCP_TIMER_PERSIST);
        if (!timers_running(c, TCP_TIMER_RTO)) { /* RFC 6298 5.1 */
            c->unacked_since = now;
            timers_restart_rto(c, now);
        }
        schedule_probe(c, now);
        return;
    }
    timers_stop(c, TCP_TIMER_RTO); /* RFC 6298 5.2 */
    timers_stop(c, TCP_TIMER_PROBE);
    if (!send_has_more(c) || timers_running(c, TCP_TIMER_PACE)) {
        timers_stop(c, TCP_TIMER_PERSIST);
        return;
    }
    if (!timers_running(c, TCP_TIMER_PERSIST)) { /* SHLD-29: the first probe after one RTO */
        c->unacked_since = now;
        announce(c, TCP_TIMER_PERSIST, backed_off(c));
        next_probe(c, now);
    }
}
