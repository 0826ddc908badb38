/* Lets an event happen. */
#include "tests/conformance/grid/rig.h"

#define SEND_LEN 500U

static uint32_t number(const struct rig *r, enum grid_base from, int32_t off)
{
    const uint32_t bases[] = {
        [ZERO] = 0,
        [RCV_NXT] = r->rcv_nxt,
        [RCV_EDGE] = r->edge,
        [IRS] = r->irs,
        [SND_UNA] = r->snd_una,
        [SND_NXT] = r->snd_nxt,
        [ACK_OK] = r->opening ? r->snd_nxt : r->snd_una,
    };
    return bases[from] + (uint32_t)off;
}

static void unlisten(struct rig *r)
{
    tcp_unlisten(&r->world.host.tcp, r->tcp_listener);
    r->tcp_listener = NULL;
    r->state = r->state == TCP_LISTEN ? TCP_CLOSED : r->state;
}

static void call(struct rig *r, enum grid_call which)
{
    bool good = true;
    world_enter(&r->world);
    switch (which) {
    case CALL_OPEN:
        good = rig_connect(r);
        break;
    case CALL_LISTEN:
        good = rig_listen(r);
        break;
    case CALL_SEND:
        good = rig_write(r, SEND_LEN);
        break;
    case CALL_CLOSE:
        if (r->stream != NULL) {
            stream_shutdown(r->stream);
        } else {
            unlisten(r);
        }
        break;
    case CALL_ABORT:
        if (r->stream != NULL) {
            stream_abort(r->stream);
            r->stream = NULL;
        } else {
            unlisten(r);
        }
        break;
    }
    r->sees |= good ? 0U : FAILS;
    world_settle(&r->world);
}

static void pass_time(struct rig *r, const struct grid_event *e)
{
    nsec until = r->world.now + e->span;
    enum tcp_state before = r->state;
    while (!world_step(&r->world, until)) {
        bool happened = world_sent(&r->world, 0) != NULL || r->state != before;
        if (e->until_sent && happened) {
            return;
        }
    }
}

void event_happen(struct rig *r, const struct grid_event *e, struct rig_segment *s)
{
    *s = (struct rig_segment){
        .seq = number(r, e->seq_from, e->seq_off),
        .ack = number(r, e->ack_from, e->ack_off),
        .flags = e->flags,
        .len = e->len,
        .urg = e->urg,
        .quirk = e->quirk,
    };
    switch (e->how) {
    case SEGMENT:
        rig_inject(r, s);
        break;
    case ICMP:
        rig_inject_icmp(r, e, s->seq);
        break;
    case CALL:
        call(r, e->call);
        break;
    case TIME:
        pass_time(r, e);
        return;
    }
    rig_wait(r, 100 * NS_PER_MS); /* for a delayed ACK; less than any retransmission timeout */
}
