/* RFC 9293 3.6 (closing), 3.10.4 (CLOSE call), 3.10.5 (ABORT call), and the state changes of
 * 3.10.7.4 that FIN and its acknowledgment bring.
 *
 * A block is never freed inside input or an application's call: the notifier tells the application
 * and marks the block dead, and the flush sends what is still due (a last ACK, a reset) and frees it.
 */
#include "stack/tcp/close.h"

#include "stack/tcp/fast_open.h"
#include "stack/tcp/timers.h"
#include "stack/tcp/timewait.h"

bool close_fin_sent(const struct tcp_conn *c)
{
    return c->fin_queued && seq_gt(c->snd_nxt, sendq_end(&c->sendq));
}

/* Takes the block off the wire: no segment finds it, no timer runs, nothing is sent. */
static void detach(struct tcp_conn *c)
{
    demux_remove(c->tcp, &c->handle->entry);
    for (unsigned i = 0; i < TCP_TIMERS; i++) {
        timers_stop(c, (enum tcp_timer)i);
    }
    c->rest_at = NEVER;
    timers_done(c);
    sendq_done(&c->sendq);
    reassembly_done(&c->reassembly, &c->tcp->range_pool);
    recovery_done(c);
    c->detached = true;
    c->ack_due = false;
    c->syn_due = false;
    c->probe_due = false;
}

/* The end, for the application: told at once after a failure, else when all has been read. */
static void finish(struct tcp_conn *c, enum close_reason reason)
{
    TRACE(c->tcp->recorder, c->id, tcp_closed, .reason = (uint8_t)reason);
    c->reason = (uint8_t)reason;
    if (c->orphan || reason != CLOSE_NORMAL || c->rcv_queued == 0) {
        conn_tell(c, PENDING_CLOSED);
    }
}

void close_when_read(struct tcp_conn *c)
{
    if (c->detached && c->rcv_queued == 0 && !c->orphan) {
        conn_tell(c, PENDING_CLOSED);
    }
}

static void end_now(struct tcp_conn *c, enum close_reason reason)
{
    detach(c);
    conn_set_state(c, TCP_CLOSED);
    finish(c, reason);
}

static void end_in_timewait(struct tcp_conn *c, nsec now)
{
    conn_set_state(c, TCP_TIME_WAIT);
    demux_remove(c->tcp, &c->handle->entry);
    timewait_enter(c, now);
    bool ack_due = c->ack_due; /* the FIN that brought us here is still to be acknowledged */
    detach(c);
    c->ack_due = ack_due;
    finish(c, CLOSE_NORMAL);
}

void close_shutdown(struct tcp_conn *c)
{
    if (c->fin_queued || c->detached) {
        return;
    }
    switch (c->state) {
    case TCP_SYN_SENT: /* 3.10.4: the block is deleted */
        end_now(c, CLOSE_NORMAL);
        return;
    case TCP_SYN_RCVD: /* 3.10.4: waits until the connection is established */
        c->fin_queued = true;
        break;
    case TCP_ESTABLISHED:
        c->fin_queued = true;
        conn_set_state(c, TCP_FIN_WAIT_1);
        break;
    case TCP_CLOSE_WAIT:
        c->fin_queued = true;
        conn_set_state(c, TCP_LAST_ACK);
        break;
    default:
        return;
    }
    conn_mark_dirty(c);
}

/* FIN-WAIT-2 of a connection that nobody owns any more must end by itself. */
static void limit_fin_wait_2(struct tcp_conn *c, nsec now)
{
    if (c->orphan && c->state == TCP_FIN_WAIT_2) {
        timers_set(c, TCP_TIMER_FIN_WAIT, now + c->tcp->config.fin_wait_2);
    }
}

static void abort_now(struct tcp_conn *c, bool tell_peer)
{
    c->want_write = false;
    end_now(c, CLOSE_ABORTED);
    if (tell_peer) {
        c->rst_due = true;
        conn_mark_dirty(c);
    }
}

void close_orphan(struct tcp_conn *c)
{
    c->handle->stream.events = NULL;
    c->handle->stream.app = NULL;
    c->orphan = true;
    if (c->detached) {
        conn_tell(c, PENDING_CLOSED); /* it was only waiting for its reader */
        return;
    }
    if (c->rcv_queued > 0) { /* SHLD-3: the peer must learn that it is lost */
        abort_now(c, true);
        return;
    }
    close_shutdown(c);
    limit_fin_wait_2(c, c->tcp->now);
}

void close_abort(struct tcp_conn *c)
{
    c->handle->stream.events = NULL;
    c->handle->stream.app = NULL;
    c->orphan = true;
    if (c->detached) {
        conn_tell(c, PENDING_CLOSED);
        return;
    }
    /* 3.10.5: none in CLOSING and LAST-ACK, which the RFC enters only when the FIN goes out. */
    bool ending = c->state == TCP_CLOSING || c->state == TCP_LAST_ACK;
    abort_now(c, c->state >= TCP_SYN_RCVD && !(ending && close_fin_sent(c)));
}

void close_on_fin(struct tcp_conn *c, nsec now)
{
    switch (c->state) {
    case TCP_SYN_RCVD:
    case TCP_ESTABLISHED:
        conn_set_state(c, TCP_CLOSE_WAIT);
        break;
    case TCP_FIN_WAIT_1:
        /* our FIN is not acknowledged, or close_on_ack would have moved on */
        conn_set_state(c, TCP_CLOSING);
        break;
    case TCP_FIN_WAIT_2:
        end_in_timewait(c, now);
        break;
    default:
        break;
    }
}

void close_on_ack(struct tcp_conn *c, nsec now)
{
    if (!close_fin_sent(c) || !seq_eq(c->snd_una, c->snd_nxt)) {
        return;
    }
    switch (c->state) {
    case TCP_FIN_WAIT_1:
        conn_set_state(c, TCP_FIN_WAIT_2);
        limit_fin_wait_2(c, now);
        break;
    case TCP_CLOSING:
        end_in_timewait(c, now);
        break;
    case TCP_LAST_ACK:
        end_now(c, CLOSE_NORMAL);
        break;
    default:
        break;
    }
}

/* What a listener has made returns to LISTEN, and nobody is told; but for what its application knows of already. */
static bool returns_to_listen(const struct tcp_conn *c)
{
    return c->state == TCP_SYN_RCVD && c->passive && !c->early;
}

void close_by_reset(struct tcp_conn *c)
{
    if (returns_to_listen(c)) {
        close_half_open(c, CLOSE_RESET);
        return;
    }
    fast_open_reset(c);
    fast_open_unheard(c);
    bool refused = !c->passive && (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD);
    bool over = c->state == TCP_CLOSING || c->state == TCP_LAST_ACK;
    end_now(c, refused ? CLOSE_REFUSED : over ? CLOSE_NORMAL : CLOSE_RESET);
}

void close_by_timeout(struct tcp_conn *c)
{
    bool tell_peer = c->state >= TCP_SYN_RCVD;
    if (returns_to_listen(c)) {
        close_half_open(c, CLOSE_TIMEOUT);
        return;
    }
    end_now(c, CLOSE_TIMEOUT);
    if (tell_peer) {
        c->rst_due = true;
        conn_mark_dirty(c);
    }
}

void close_by_error(struct tcp_conn *c)
{
    if (returns_to_listen(c)) {
        close_half_open(c, CLOSE_UNREACHABLE);
        return;
    }
    fast_open_unheard(c);
    end_now(c, CLOSE_UNREACHABLE);
}

void close_half_open(struct tcp_conn *c, enum close_reason why)
{
    c->orphan = c->orphan || !c->early;
    end_now(c, why);
}
