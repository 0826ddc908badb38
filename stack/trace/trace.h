/* What the stack says about itself.
 *
 * events.def lists every event once, drops.def every reason for a refusal. From them come the
 * structs below, the flight recorder (an always-on ring of the latest events), names and JSON.
 *
 * Every event carries its cause: the frame, timer or application call that led to it. When nobody
 * listens, an event costs a store into the ring and one predictable branch.
 */
#ifndef VITRINE_TRACE_TRACE_H
#define VITRINE_TRACE_TRACE_H

#include "stack/base/addr.h"
#include "stack/base/list.h"
#include "stack/base/types.h"
#include "stack/trace/probe.h"

enum drop_reason {
#define DROP(name, text, clause) DROP_##name,
#include "stack/trace/drops.def"
#undef DROP
    DROP_REASONS,
};

enum event_type {
#define EVENT(name, text, fields) EV_##name,
#include "stack/trace/events.def"
#undef EVENT
    EVENT_TYPES,
};

#define U8(name, unit) uint8_t name;
#define U16(name, unit) uint16_t name;
#define U32(name, unit) uint32_t name;
#define U64(name, unit) uint64_t name;
#define NS(name, unit) nsec name;
#define IP(name, unit) struct ip_addr name;
#define TEXT(name, size) char name[size];
#define EVENT(name, text, fields)                                                                  \
    struct ev_##name {                                                                             \
        fields                                                                                     \
    };
#include "stack/trace/events.def"
#undef EVENT
#undef U8
#undef U16
#undef U32
#undef U64
#undef NS
#undef IP
#undef TEXT

/* What led to an event. */
enum cause_kind {
    CAUSE_NONE,
    CAUSE_FRAME, /* number: frames received by the host so far, this one included */
    CAUSE_TIMER, /* number: timers fired so far */
    CAUSE_APP,   /* number: application calls so far */
};

struct cause {
    uint64_t kind : 8; /* enum cause_kind */
    uint64_t number : 56;
};

struct event {
    nsec at; /* ingress time of the frame, or the time of the timer or call */
    struct cause cause;
    uint32_t conn; /* connection id, from 1; 0 = none */
    uint16_t type; /* enum event_type */
    union {
#define EVENT(name, text, fields) struct ev_##name name;
#include "stack/trace/events.def"
#undef EVENT
    } u;
};

/* A listener sees every event as it happens. It must not call into the stack. */
struct listener {
    struct list link;
    void (*on_event)(void *arg, const struct event *e);
    /* A flush is over: what the causes so far led to at once has all been told. May be NULL. */
    void (*on_settled)(void *arg);
    /* Something in words about the latest event, from one who knows more of it than a record holds. May be NULL. */
    void (*on_remark)(void *arg, const char *text);
    void *arg;
};

struct recorder {
    struct event *ring; /* the latest `mask + 1` events */
    uint32_t mask;      /* ring size - 1; the size is a power of two */
    bool listening;     /* someone is on `listeners` */
    uint64_t written;   /* events so far; the next goes to ring[written & mask] */
    nsec now;           /* set by the host on entry */
    struct cause cause; /* set by the host on entry */
    uint64_t causes[4]; /* how many of each kind there have been */
    uint64_t sent;      /* frames given to devices so far */
    struct list listeners;
    uint64_t drops[DROP_REASONS]; /* how often each reason occurred */
};

/* `ring_size` is a number of events, a power of two; false: it is not, or out of memory. */
bool recorder_init(struct recorder *r, uint32_t ring_size);
void recorder_done(struct recorder *r);
void recorder_listen(struct recorder *r, struct listener *l);
void recorder_unlisten(struct recorder *r, struct listener *l);
/* A new cause begins: whatever is emitted from now on follows from it. */
void recorder_begin(struct recorder *r, enum cause_kind kind, nsec now);
void recorder_tell(struct recorder *r, const struct event *e); /* calls the listeners */
void recorder_remark(struct recorder *r, const char *text);
bool recorder_wants_remarks(const struct recorder *r); /* some listener does */
void recorder_settle(struct recorder *r);              /* … and tells them of a flush's end */
/* The latest events, at most `max` of them, oldest first; how many there are. */
size_t recorder_last(const struct recorder *r, const struct event **out, size_t max);

static inline struct event *recorder_next(struct recorder *r, uint32_t conn, enum event_type type)
{
    struct event *e = &r->ring[r->written++ & r->mask];
    e->at = r->now;
    e->cause = r->cause;
    e->conn = conn;
    e->type = (uint16_t)type;
    return e;
}

/* TRACE(recorder, connection id, event name, .field = value, ...). With VITRINE_NO_TRACE (make VARIANT=notrace) an
 * event is nothing: the measure of what events cost. */
#ifdef VITRINE_NO_TRACE
#define TRACING false
#else
#define TRACING true
#endif
#define TRACE(r, conn_id, name, ...)                                                               \
    do {                                                                                           \
        if (!TRACING) {                                                                            \
            break;                                                                                 \
        }                                                                                          \
        struct event *trace_event_ = recorder_next((r), (conn_id), EV_##name);                     \
        trace_event_->u.name = (struct ev_##name){__VA_ARGS__};                                    \
        TRACE_PROBE(name, conn_id, trace_event_);                                                  \
        if ((r)->listening) {                                                                      \
            recorder_tell((r), trace_event_);                                                      \
        }                                                                                          \
    } while (0)

/* Counts and records a refusal; `conn_id` 0 when no connection is known, `len` the bytes refused. */
void trace_drop(struct recorder *r, enum drop_reason reason, uint32_t conn_id, size_t len);

const char *drop_name(enum drop_reason reason); /* "TCP_PAWS" */
const char *drop_text(enum drop_reason reason); /* the sentence */
/* "RFC 7323 5.3", "RFC 9293 3.10.7.4, first check"; "our own limit" where no standard asks for it. */
const char *drop_clause(enum drop_reason reason);
const char *event_name(enum event_type type); /* "tcp_state" */
const char *event_text(enum event_type type);

#endif
