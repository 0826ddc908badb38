/* --no-secrets: TCP alone on the tape. What is above it, TLS with its keys among it, is no part of the recording;
 * what it does with its streams is: each call, in its order, with the bytes that it writes (which TLS has
 * encrypted). A replay makes the same calls at the same moments, with nobody behind them.
 *
 * Whatever is above TCP runs only when it is called: by accept, by a stream's event, by a timer, by the
 * command's end. So the tape has the calls that it makes then, and a RETURN behind them. Its timers live in a wheel
 * of their own, and one timer of the host stands for all of them: when that is due is part of the RETURN.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/tape/room.h"
#include "stack/tcp/info.h"

#define BUCKETS 4096U
#define LISTENERS 16U

enum call { CALL_CONSUME, CALL_RESERVE, CALL_COMMIT, CALL_SHUTDOWN, CALL_ABORT };

/* A stream of TCP's, as long as somebody above holds it. */
struct held {
    struct list link;      /* in `streams.buckets`, by id */
    struct stream_ops ops; /* recording: in place of the stream's own */
    const struct stream_ops *below;
    const struct stream_events *above; /* recording: of whoever holds it; NULL: not set yet */
    struct stream *stream;
    uint32_t id;   /* of its connection */
    uint8_t *room; /* from the last reserve */
    size_t room_len;
};

struct doorway { /* a listener's accept */
    void (*accept)(void *arg, struct stream *s);
    void *arg;
};

static struct {
    bool on;
    struct list buckets[BUCKETS];
    struct doorway doors[LISTENERS];
    unsigned door_count;
    struct host *host;
    struct wheel wheel; /* recording: timers of what is above */
    struct timer timer; /* in the host's wheel, for them */
    nsec due;           /* when it fires; NEVER: not armed */
} streams;

static void on_timer(struct timer *t, nsec now);

static struct list *bucket_of(uint32_t id)
{
    return &streams.buckets[id % BUCKETS];
}

static void begin(struct host *h)
{
    streams.on = true;
    streams.host = h;
    streams.door_count = 0;
    streams.due = NEVER;
    for (unsigned i = 0; i < BUCKETS; i++) {
        list_init(&streams.buckets[i]);
    }
    wheel_init(&streams.wheel, h->now);
    timer_init(&streams.timer, on_timer);
}

static struct held *hold(struct stream *s)
{
    struct held *g = calloc(1, sizeof *g);
    struct tcp_info info;
    if (g != NULL) {
        tcp_get_info(s, &info);
        g->id = info.id;
        g->stream = s;
        g->below = s->ops;
        list_push_back(bucket_of(g->id), &g->link);
    }
    return g;
}

static void let_go(struct held *g)
{
    list_remove(&g->link);
    free(g);
}

static void set_timer(nsec due)
{
    if (due == NEVER) {
        timer_cancel(&streams.host->wheel, &streams.timer);
    } else {
        timer_arm(&streams.host->wheel, &streams.timer, due);
    }
    streams.due = due;
}

/* ---- recording: the calls ---- */

static struct held *held_of(struct stream *s)
{
    return CONTAINER_OF(s->ops, struct held, ops);
}

static const struct stream_events recording_events;

/* Whoever is above may have set other events by now; ours stay in front of them. */
static void stay_in_front(struct held *g)
{
    if (g->stream->events != &recording_events && g->stream->events != NULL) {
        g->above = g->stream->events;
        g->stream->events = &recording_events;
    }
}

static void put_call(const struct held *g, enum call call, uint64_t n, struct slice bytes)
{
    uint8_t head[1 + 2 * TAPE_VARINT_MAX];
    struct wr w = wr_of(head, sizeof head);
    wr_u8(&w, (uint8_t)call);
    wr_varint(&w, g->id);
    wr_varint(&w, n);
    tape_put(TAPE_CALL, (struct slice[]){{head, wr_len(&w)}, bytes}, 2);
}

static struct slice record_peek(struct stream *s)
{
    struct held *g = held_of(s);
    stay_in_front(g);
    return g->below->peek(s);
}

static void record_consume(struct stream *s, size_t n)
{
    struct held *g = held_of(s);
    put_call(g, CALL_CONSUME, n, (struct slice){0});
    g->below->consume(s, n);
}

static uint8_t *record_reserve(struct stream *s, size_t min, size_t *room)
{
    struct held *g = held_of(s);
    put_call(g, CALL_RESERVE, min, (struct slice){0});
    g->room = g->below->reserve(s, min, room);
    return g->room;
}

static void record_commit(struct stream *s, size_t n)
{
    struct held *g = held_of(s);
    put_call(g, CALL_COMMIT, n, (struct slice){g->room, n});
    g->below->commit(s, n);
}

static void record_shutdown(struct stream *s)
{
    struct held *g = held_of(s);
    put_call(g, CALL_SHUTDOWN, 0, (struct slice){0});
    g->below->shutdown(s);
}

static void record_abort(struct stream *s)
{
    struct held *g = held_of(s);
    put_call(g, CALL_ABORT, 0, (struct slice){0});
    s->ops = g->below;
    let_go(g);
    s->ops->abort(s);
}

/* ---- recording: who is called ---- */

/* What is above has done what it wanted to. */
static void put_return(void)
{
    uint8_t bytes[1 + TAPE_VARINT_MAX];
    struct wr w = wr_of(bytes, sizeof bytes);
    nsec due = wheel_deadline(&streams.wheel);
    if (due != streams.due) {
        wr_u8(&w, due == NEVER ? 0 : 1);
        wr_signed(&w, due == NEVER ? 0 : due - streams.host->now);
        set_timer(due);
    }
    tape_put_one(TAPE_RETURN, bytes, wr_len(&w));
}

/* The stream itself may be gone by then: aborted from inside. */
static void returned(uint32_t id, struct stream *s)
{
    for (struct list *n = bucket_of(id)->next; n != bucket_of(id); n = n->next) {
        struct held *g = CONTAINER_OF(n, struct held, link);
        if (g->id == id && g->stream == s) {
            stay_in_front(g);
            break;
        }
    }
    put_return();
}

static void pass_on(struct stream *s, void (*above)(struct stream *s))
{
    uint32_t id = held_of(s)->id;
    if (above != NULL) {
        above(s);
    }
    returned(id, s);
}

static void on_opened(struct stream *s)
{
    pass_on(s, held_of(s)->above->opened);
}

static void on_readable(struct stream *s)
{
    pass_on(s, held_of(s)->above->readable);
}

static void on_writable(struct stream *s)
{
    pass_on(s, held_of(s)->above->writable);
}

static void on_peer_closed(struct stream *s)
{
    pass_on(s, held_of(s)->above->peer_closed);
}

static void on_report(struct stream *s, enum stream_report what, uint16_t detail)
{
    struct held *g = held_of(s);
    uint32_t id = g->id;
    if (g->above->report != NULL) {
        g->above->report(s, what, detail);
    }
    returned(id, s);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct held *g = held_of(s);
    if (g->above->closed != NULL) {
        g->above->closed(s, reason);
    }
    s->ops = g->below;
    let_go(g);
    put_return();
}

static const struct stream_events recording_events = {
    .opened = on_opened,
    .readable = on_readable,
    .writable = on_writable,
    .peer_closed = on_peer_closed,
    .report = on_report,
    .closed = on_closed,
};

static void record_accept(void *arg, struct stream *s)
{
    static const struct stream_ops ops = {
        .peek = record_peek,
        .consume = record_consume,
        .reserve = record_reserve,
        .commit = record_commit,
        .shutdown = record_shutdown,
        .abort = record_abort,
    };
    const struct doorway *door = arg;
    struct held *g = hold(s);
    if (g == NULL) {
        tape_fail(-ENOMEM);
        door->accept(door->arg, s);
        return;
    }
    uint32_t id = g->id;
    g->ops = ops;
    s->ops = &g->ops;
    door->accept(door->arg, s);
    if (s->ops == &g->ops && s->events == NULL) {
        stream_abort(s); /* nobody took it */
    }
    returned(id, s);
}

/* ---- replaying ---- */

static struct held *held_by_id(uint32_t id)
{
    for (struct list *n = bucket_of(id)->next; n != bucket_of(id); n = n->next) {
        struct held *g = CONTAINER_OF(n, struct held, link);
        if (g->id == id) {
            return g;
        }
    }
    tape_leave(TAPE_DIFFERS, "connection %u was open then, and is not now", id);
}

static void commit(struct held *g, struct slice bytes)
{
    if (g->room == NULL || bytes.len > g->room_len) {
        tape_leave(TAPE_DIFFERS, "connection %u: there is no room for %zu bytes now", g->id,
                   bytes.len);
    }
    if (bytes.len > 0) {
        memcpy(g->room, bytes.data, bytes.len);
    }
    g->room = NULL;
    stream_commit(g->stream, bytes.len);
}

static void consume(struct held *g, uint64_t n)
{
    if (n > stream_peek(g->stream).len) {
        tape_leave(TAPE_DIFFERS, "connection %u has fewer bytes to read now", g->id);
    }
    stream_consume(g->stream, (size_t)n);
}

static void make_call(void)
{
    struct rd r = tape_take(TAPE_CALL);
    uint8_t call = rd_u8(&r);
    uint32_t id = (uint32_t)rd_varint(&r);
    uint64_t n = rd_varint(&r);
    struct slice bytes = rd_take(&r, call == CALL_COMMIT ? (size_t)n : 0);
    if (call > CALL_ABORT || (call == CALL_RESERVE && (n < 1 || n > STREAM_RESERVE_MAX))) {
        r.failed = true;
    }
    tape_taken(&r, TAPE_CALL);
    struct held *g = held_by_id(id);
    struct stream *s = g->stream;
    switch (call) {
    case CALL_CONSUME:
        consume(g, n);
        break;
    case CALL_RESERVE:
        g->room = stream_reserve(s, (size_t)n, &g->room_len);
        break;
    case CALL_COMMIT:
        commit(g, bytes);
        break;
    case CALL_SHUTDOWN:
        stream_shutdown(s);
        break;
    default:
        let_go(g);
        stream_abort(s);
    }
}

/* All that was done then, up to the return. */
static void act(void)
{
    while (tape_peek() == TAPE_CALL) {
        make_call();
    }
    struct rd r = tape_take(TAPE_RETURN);
    if (rd_left(&r) > 0) {
        bool armed = rd_u8(&r) == 1;
        int64_t in = rd_signed(&r);
        tape_taken(&r, TAPE_RETURN);
        if (in < -NS_PER_SEC || in > INT64_MAX - streams.host->now) {
            tape_leave(TAPE_BROKEN, "a timer is to fire in %lld ns", (long long)in);
        }
        set_timer(armed ? streams.host->now + in : NEVER);
    }
}

static void act_on(struct stream *s)
{
    (void)s;
    act();
}

static void act_on_report(struct stream *s, enum stream_report what, uint16_t detail)
{
    (void)s;
    (void)what;
    (void)detail;
    act();
}

static void act_on_closed(struct stream *s, enum close_reason reason)
{
    (void)reason;
    act();
    let_go(s->app);
}

static void replay_accept(void *arg, struct stream *s)
{
    static const struct stream_events events = {
        .opened = act_on,
        .readable = act_on,
        .writable = act_on,
        .peer_closed = act_on,
        .report = act_on_report,
        .closed = act_on_closed,
    };
    (void)arg;
    struct held *g = hold(s);
    if (g == NULL) {
        tape_leave(TAPE_BROKEN, "no memory for a connection");
    }
    s->events = &events;
    s->app = g;
    act();
}

/* ---- both ---- */

static void on_timer(struct timer *t, nsec now)
{
    (void)t;
    streams.due = NEVER;
    if (tape_is_replaying()) {
        recorder_begin(&streams.host->recorder, CAUSE_TIMER, now);
        act();
    } else {
        wheel_advance(&streams.wheel, now);
        put_return();
    }
}

struct wheel *tape_wheel(struct host *h)
{
    if (!tape_is_tcp_only()) {
        return &h->wheel;
    }
    begin(h);
    return &streams.wheel;
}

void tape_listen(struct tcp_listen_args *args)
{
    if (!streams.on || streams.door_count == LISTENERS) {
        return;
    }
    struct doorway *door = &streams.doors[streams.door_count++];
    *door = (struct doorway){.accept = args->accept, .arg = args->arg};
    args->accept = tape_is_replaying() ? replay_accept : record_accept;
    args->arg = door;
}

void tape_services_ended(void)
{
    if (streams.on && tape_is_replaying()) {
        act();
    } else if (streams.on) {
        put_return();
    }
}

void tape_streams_forget(void)
{
    for (unsigned i = 0; streams.on && i < BUCKETS; i++) {
        for (struct list *n; (n = list_pop_front(&streams.buckets[i])) != NULL;) {
            free(CONTAINER_OF(n, struct held, link));
        }
    }
    streams.on = false;
}
