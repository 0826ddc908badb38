/* The way into each state, by segments of a peer and calls of an application. */
#include "tests/conformance/grid/rig.h"

#define QUIET 0xffU /* no packet */

/* The host has answered with exactly one packet that has these flags (PSH does not count), or with none. */
static bool answered(struct rig *r, uint8_t flags)
{
    struct wire_packet p;
    if (flags == QUIET) {
        return world_sent(&r->world, 0) == NULL;
    }
    return rig_take(r, &p) && p.fault == NULL && (p.flags & ~0x08U) == flags &&
           world_sent(&r->world, 0) == NULL;
}

/* The peer's next segment: it acknowledges up to `ack`. */
static void say(struct rig *r, uint8_t flags, uint32_t ack, uint16_t len)
{
    struct rig_segment s = {.seq = r->rcv_nxt, .ack = ack, .flags = flags, .len = len};
    rig_inject(r, &s);
    if ((flags & A) != 0) {
        r->snd_una = ack;
        r->opening = false;
    }
}

static bool acknowledge(struct rig *r)
{
    say(r, A, r->snd_nxt, 0);
    return answered(r, QUIET);
}

static bool connect_out(struct rig *r)
{
    return rig_connect(r) && answered(r, S);
}

static bool syn_in(struct rig *r)
{
    say(r, S, 0, 0);
    return answered(r, S | A);
}

/* With one segment acknowledged, so that there are ACKs older than SND.UNA, and one in flight. */
static bool establish(struct rig *r)
{
    return rig_listen(r) && syn_in(r) && acknowledge(r) && r->stream != NULL &&
           rig_write(r, DATA_LEN) && answered(r, A) && acknowledge(r) && rig_write(r, DATA_LEN) &&
           answered(r, A);
}

static bool shut(struct rig *r)
{
    world_enter(&r->world);
    stream_shutdown(r->stream);
    world_settle(&r->world);
    return answered(r, F | A);
}

static bool fin_in(struct rig *r)
{
    say(r, F | A, r->snd_una, 0);
    return answered(r, A);
}

static bool to_fin_wait_1(struct rig *r)
{
    return establish(r) && acknowledge(r) && shut(r);
}

static bool to_fin_wait_2(struct rig *r)
{
    return to_fin_wait_1(r) && acknowledge(r);
}

static bool to_close_wait(struct rig *r)
{
    return establish(r) && fin_in(r);
}

static bool go(struct rig *r, unsigned state)
{
    switch (state) {
    case CLOSED:
        return true;
    case LISTEN:
        return rig_listen(r);
    case SYN_SENT:
        return connect_out(r);
    case SYN_RCVD:
        return rig_listen(r) && syn_in(r);
    case CROSSED:
        return connect_out(r) && syn_in(r);
    case ESTAB:
        return establish(r);
    case FIN_WAIT_1:
        return to_fin_wait_1(r);
    case FIN_WAIT_2:
        return to_fin_wait_2(r);
    case CLOSE_WAIT:
        return to_close_wait(r);
    case CLOSING:
        return to_fin_wait_1(r) && fin_in(r);
    case LAST_ACK:
        return to_close_wait(r) && acknowledge(r) && shut(r);
    default:
        return to_fin_wait_2(r) && fin_in(r);
    }
}

/* Two segments that nobody reads: the window is shut. */
static bool fill(struct rig *r)
{
    say(r, A, r->snd_una, RIG_FULL / 2);
    r->rcv_nxt += RIG_FULL / 2;
    say(r, A, r->snd_una, RIG_FULL / 2);
    struct wire_packet p;
    rig_wait(r, 100 * NS_PER_MS); /* for a delayed ACK */
    while (rig_take(r, &p)) {
    }
    return r->rcv_nxt == r->irs + 1 + RIG_FULL && r->edge == r->rcv_nxt;
}

static bool leave_hole(struct rig *r)
{
    struct rig_segment s = {.seq = r->rcv_nxt + 100, .ack = r->snd_una, .flags = A, .len = 100};
    rig_inject(r, &s);
    return answered(r, A);
}

static bool repeat_fin(struct rig *r)
{
    struct rig_segment s = {.seq = r->rcv_nxt - 1, .ack = r->snd_nxt, .flags = F | A};
    rig_wait(r, 100 * NS_PER_SEC);
    rig_inject(r, &s);
    return answered(r, A);
}

/* Twice the retransmission timeout of 200 ms would be the next one. */
static bool time_out(struct rig *r)
{
    rig_wait(r, 300 * NS_PER_MS);
    return answered(r, A);
}

bool setup_state(struct rig *r, unsigned state)
{
    if (!go(r, state)) {
        return false;
    }
    bool data = state == ESTAB || state == CLOSE_WAIT;
    if ((r->prepare & ACKED) != 0 && data && !acknowledge(r)) {
        return false;
    }
    if ((r->prepare & TIMED_OUT) != 0 && data && !time_out(r)) {
        return false;
    }
    if ((r->prepare & FULL) != 0 && !fill(r)) {
        return false;
    }
    if ((r->prepare & HOLE) != 0 && !leave_hole(r)) {
        return false;
    }
    if ((r->prepare & GONE) != 0) {
        world_enter(&r->world);
        tcp_close(r->stream);
        r->stream = NULL;
        world_settle(&r->world);
    }
    if ((r->prepare & FIN_LATE) != 0 && !repeat_fin(r)) {
        return false;
    }
    return world_sent(&r->world, 0) == NULL;
}
