/* Runs one cell and compares what came of it: segments, state, what the application saw, refusals, and memory. */
#include <stdarg.h>
#include <string.h>

#include "stack/tcp/info.h"
#include "tests/conformance/grid/rig.h"

#define PSH 0x08U

/* What was so before the event. */
struct before {
    uint32_t iss, snd_una, snd_nxt, rcv_nxt, irs;
    uint64_t drops[DROP_REASONS];
    unsigned state;
};

__attribute__((format(printf, 2, 3))) static void fault_add(struct grid_fault *f, const char *form,
                                                            ...)
{
    size_t len = strlen(f->text);
    va_list args;
    va_start(args, form);
    if (len > 0 && len + 2 < sizeof f->text) {
        memcpy(f->text + len, "; ", 3);
        len += 2;
    }
    vsnprintf(f->text + len, sizeof f->text - len, form, args);
    va_end(args);
}

/* ---- segments ---- */

struct wanted {
    uint8_t flags;
    uint32_t seq, ack;
    bool ack_optional;
    uint32_t len_min, len_max;
};

static uint32_t end_of(const struct rig_segment *s)
{
    return s->seq + s->len + ((s->flags & S) != 0 ? 1U : 0U) + ((s->flags & F) != 0 ? 1U : 0U);
}

/* grid.h says the same in the RFC's notation. */
static struct wanted wanted_of(const struct grid_row *cell, const struct grid_event *e,
                               const struct before *b, const struct rig_segment *s)
{
    struct wanted w = {.flags = A, .seq = b->snd_nxt, .ack = b->rcv_nxt};
    switch (cell->answer) {
    case ACK_ALL:
        w.ack = end_of(s) + e->more;
        break;
    case SYN:
        w.flags = S;
        w.seq = b->state == SYN_SENT ? b->iss : 0;
        break;
    case SYN_ACK:
        w.flags = S | A;
        w.seq = b->iss;
        w.ack = (e->how == SEGMENT ? s->seq : b->irs) + 1;
        break;
    case RST_AT_ACK:
        w.flags = R;
        w.seq = s->ack;
        break;
    case RST_ACK:
        w.flags = R | A;
        w.seq = 0;
        w.ack = end_of(s);
        break;
    case RST:
        w.flags = R;
        w.ack_optional = true;
        break;
    case FIN:
        w.flags = F | A;
        break;
    case FIN_AGAIN:
        w.flags = F | A;
        w.seq = b->snd_una;
        break;
    case DATA:
        w.len_min = w.len_max = 500;
        break;
    case DATA_AGAIN:
        w.seq = b->snd_una;
        w.len_min = 1;
        w.len_max = e->how == ICMP ? e->mtu - 40U : DATA_LEN;
        break;
    case PROBE:
        w.seq = b->snd_nxt - 1;
        break;
    default:
        break;
    }
    return w;
}

/* A first SYN of the host has a number that only the host knows. */
static bool number_is_free(const struct grid_row *cell, const struct before *b)
{
    bool first = cell->answer == SYN && b->state != SYN_SENT;
    return first || (cell->answer == SYN_ACK && (b->state & OPENING) == 0 && b->state != SYN_SENT);
}

static const char *describe(const struct wire_packet *p, const struct before *b, char out[120])
{
    snprintf(out, 120, "<SEQ=SND.NXT%+d><ACK=RCV.NXT%+d><CTL=%s%s%s%s> %zu bytes",
             (int32_t)(p->seq - b->snd_nxt), (int32_t)(p->ack - b->rcv_nxt),
             (p->flags & S) != 0 ? "S" : "", (p->flags & F) != 0 ? "F" : "",
             (p->flags & R) != 0 ? "R" : "", (p->flags & A) != 0 ? "." : "", p->len);
    return out;
}

static void judge_packet(const struct wire_packet *p, const struct wanted *w, bool free_number,
                         const struct before *b, struct grid_fault *f)
{
    char text[120];
    uint8_t flags = (uint8_t)(p->flags & ~PSH);
    bool ack_good = (flags & A) == 0 || p->ack == w->ack;
    if (w->ack_optional) {
        flags &= (uint8_t)~A;
    }
    if (p->fault != NULL) {
        fault_add(f, "sent a packet that is no good: %s", p->fault);
    } else if (p->protocol != 6 || flags != w->flags || !ack_good ||
               (p->seq != w->seq && !free_number) || p->len < w->len_min || p->len > w->len_max) {
        fault_add(f, "sent %s", describe(p, b, text));
    }
}

/* For an end by timeout: what was sent before it is only what was sent before. */
static bool is_again(const struct grid_event *e, const struct wire_packet *p,
                     const struct before *b)
{
    return e->twice && p->fault == NULL && (p->flags & R) == 0 &&
           (int32_t)(p->seq - b->snd_nxt) < 0;
}

/* A retransmission that no longer fits one segment may take several: they follow each other. */
static bool is_next_part(const struct grid_row *cell, const struct wire_packet *p,
                         const struct wanted *w, uint32_t *next)
{
    bool part = cell->answer == DATA_AGAIN && p->fault == NULL && p->seq == *next &&
                (p->flags & ~PSH) == A && p->len <= w->len_max;
    *next += part ? (uint32_t)p->len : 0;
    return part;
}

static void judge_sent(struct rig *r, const struct grid_event *e, const struct grid_row *cell,
                       const struct before *b, const struct rig_segment *s, struct grid_fault *f)
{
    char text[120];
    struct wanted w = wanted_of(cell, e, b, s);
    unsigned count = 0;
    uint32_t next = 0;
    struct wire_packet p;
    while (rig_take(r, &p)) {
        if (is_again(e, &p, b) || (count == 1 && is_next_part(cell, &p, &w, &next))) {
            continue;
        }
        if (count++ == 0 && cell->answer != NOTHING) {
            judge_packet(&p, &w, number_is_free(cell, b), b, f);
            next = p.seq + (uint32_t)p.len;
        } else {
            fault_add(f, "also sent %s", describe(&p, b, text));
        }
    }
    if (count == 0 && cell->answer != NOTHING) {
        fault_add(f, "sent nothing");
    }
}

/* ---- state ---- */

static enum tcp_state state_of(unsigned state)
{
    switch (state) {
    case CLOSED:
        return TCP_CLOSED;
    case LISTEN:
        return TCP_LISTEN;
    case SYN_SENT:
        return TCP_SYN_SENT;
    case SYN_RCVD:
    case CROSSED:
        return TCP_SYN_RCVD;
    case ESTAB:
        return TCP_ESTABLISHED;
    case FIN_WAIT_1:
        return TCP_FIN_WAIT_1;
    case FIN_WAIT_2:
        return TCP_FIN_WAIT_2;
    case CLOSE_WAIT:
        return TCP_CLOSE_WAIT;
    case CLOSING:
        return TCP_CLOSING;
    case LAST_ACK:
        return TCP_LAST_ACK;
    default:
        return TCP_TIME_WAIT;
    }
}

/* The state by the host's events, by tcp_info, and by what it keeps of the connection. */
static void judge_state(struct rig *r, unsigned want, struct grid_fault *f)
{
    const struct tcp *t = &r->world.host.tcp;
    enum tcp_state state = r->state;
    if (want == LISTEN && state == TCP_CLOSED && r->tcp_listener != NULL) {
        state = TCP_LISTEN; /* the block is gone, the listener is not */
    }
    if (state != state_of(want)) {
        fault_add(f, "the state is %s", tcp_state_name(state));
    }
    size_t open = want == CLOSED || want == LISTEN || want == TIME_WAIT ? 0 : 1;
    size_t records = want == TIME_WAIT ? 1 : 0;
    if (t->handle_pool.in_use != open || t->timewait_pool.in_use != records) {
        fault_add(f, "%zu connections, %zu TIME-WAIT records", t->handle_pool.in_use,
                  t->timewait_pool.in_use);
    }
    if (r->stream != NULL) {
        struct tcp_info info;
        tcp_get_info(r->stream, &info);
        if (info.state != state_of(want)) {
            fault_add(f, "tcp_info says %s", tcp_state_name(info.state));
        }
    }
}

/* ---- the application, and refusals ---- */

static void judge_application(const struct rig *r, const struct grid_event *e,
                              const struct grid_row *cell, struct grid_fault *f)
{
    if (r->sees != cell->sees) {
        fault_add(f, "the application sees 0x%x, not 0x%x", r->sees, cell->sees);
    }
    uint32_t reads = (cell->sees & READS) != 0 ? e->reads : 0;
    if (r->bytes != reads) {
        fault_add(f, "%u bytes were read, not %u", r->bytes, reads);
    }
    if (r->garbled) {
        fault_add(f, "bytes were read that the peer did not send");
    }
}

static void judge_drops(const struct rig *r, const struct grid_row *cell, const struct before *b,
                        struct grid_fault *f)
{
    for (unsigned i = 0; i < DROP_REASONS; i++) {
        uint64_t count = r->world.host.recorder.drops[i] - b->drops[i];
        if (count != ((int)i == cell->drop ? 1U : 0U)) {
            fault_add(f, "%s refused %u times", drop_name((enum drop_reason)i), (unsigned)count);
        }
    }
}

/* ---- memory ---- */

static void expect_empty(const struct pool *p, struct grid_fault *f)
{
    if (p->in_use != 0) {
        fault_add(f, "%zu of %s are not given back", p->in_use, p->name);
    }
}

/* All is taken down: nothing of the connection may be left. */
static void judge_memory(struct rig *r, struct grid_fault *f)
{
    struct host *h = &r->world.host;
    world_enter(&r->world);
    if (r->stream != NULL) {
        stream_abort(r->stream);
        r->stream = NULL;
    }
    if (r->tcp_listener != NULL) {
        tcp_unlisten(&h->tcp, r->tcp_listener);
        r->tcp_listener = NULL;
    }
    world_settle(&r->world);
    rig_wait(r, 2 * h->tcp.config.msl + NS_PER_SEC);
    expect_empty(&h->tcp.handle_pool, f);
    expect_empty(&h->tcp.conn_pool, f);
    expect_empty(&h->tcp.rest_pool, f);
    expect_empty(&h->tcp.timewait_pool, f);
    expect_empty(&h->tcp.range_pool, f);
    expect_empty(&h->pools.bufs, f);
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        expect_empty(&h->pools.slabs[i], f);
    }
    if (h->tcp.connections.count != 0) {
        fault_add(f, "%u connections are still in the table", h->tcp.connections.count);
    }
}

void grid_run(const struct grid_event *e, unsigned state, const struct grid_row *cell,
              struct grid_fault *fault)
{
    fault->text[0] = '\0';
    struct rig r;
    if (!rig_init(&r, e->prepare)) {
        fault_add(fault, "out of memory");
        return;
    }
    if (setup_state(&r, state)) {
        struct before b = {.iss = r.iss,
                           .snd_una = r.snd_una,
                           .snd_nxt = r.snd_nxt,
                           .rcv_nxt = r.rcv_nxt,
                           .irs = r.irs,
                           .state = state};
        judge_state(&r, state, fault);
        memcpy(b.drops, r.world.host.recorder.drops, sizeof b.drops);
        r.sees = NONE;
        r.bytes = 0;
        r.next = b.rcv_nxt - b.irs - ((state & (CLOSED | LISTEN | SYN_SENT)) != 0 ? 0U : 1U);
        struct rig_segment s;
        event_happen(&r, e, &s);
        judge_sent(&r, e, cell, &b, &s, fault);
        judge_state(&r, cell->after == SAME ? state : cell->after, fault);
        judge_application(&r, e, cell, fault);
        judge_drops(&r, cell, &b, fault);
    } else {
        fault_add(fault, "the state was not reached");
    }
    judge_memory(&r, fault);
    rig_done(&r);
}
