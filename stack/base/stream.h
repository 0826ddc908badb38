/* A stream, as an application sees it: bytes in order, both ways. TCP and TLS both are one; an HTTP
 * server does not know which it has.
 *
 * Reading: `peek` shows the next received bytes in place, `consume` gives them back (and opens the
 * window). Writing: `reserve` gives room inside the send queue, `commit` says how much of it was
 * filled; `refer` queues bytes where they are. Nothing is sent inside these calls: the host's flush sends.
 *
 * Calls are allowed inside and outside event callbacks. After `closed` the stream must not be used.
 */
#ifndef VITRINE_BASE_STREAM_H
#define VITRINE_BASE_STREAM_H

#include "stack/base/types.h"

/* Why a stream ended. */
enum close_reason {
    CLOSE_NORMAL,       /* both sides have closed, or our abort was asked for by the application */
    CLOSE_RESET,        /* the peer sent RST */
    CLOSE_REFUSED,      /* the peer answered our SYN with RST */
    CLOSE_TIMEOUT,      /* nobody acknowledged our data, SYN, FIN, probes or keep-alives */
    CLOSE_UNREACHABLE,  /* a hard ICMP error (RFC 1122 4.2.3.9) */
    CLOSE_ABORTED,      /* our application aborted */
    CLOSE_NO_RESOURCES, /* a limit of ours was reached */
    CLOSE_TRUNCATED,    /* TLS: FIN without close_notify (RFC 8446 6.1) */
    CLOSE_TLS_ALERT,    /* TLS: the peer sent a fatal alert */
    CLOSE_TLS_FAILED,   /* TLS: we found a fault and sent a fatal alert */
    CLOSE_REASONS,
};

/* What a stream tells while it goes on (RFC 9293 3.9.1.8, ERROR_REPORT). */
enum stream_report {
    REPORT_ICMP,            /* a soft ICMP error; detail: its type * 256 + its code */
    REPORT_RETRANSMISSIONS, /* R1: the peer is silent; detail: timeouts or probes in a row */
    REPORT_URGENT,          /* the end of urgent data became known, or moved on; detail: 0 */
    STREAM_REPORTS,
};

struct stream;
struct slab;

struct stream_ops {
    /* The next received bytes, as many as lie in a row; empty when there are none now. */
    struct slice (*peek)(struct stream *s);
    /* Gives back the first n bytes of what was received; n <= what peek showed. */
    void (*consume)(struct stream *s, size_t n);
    /* Room for at least `min` bytes in a row, as much as is at hand, `*room` says how much. NULL when
     * there is less than `min` now: `writable` will come once there is. 1 <= min <= STREAM_RESERVE_MAX.
     * The room is valid until the next call on this stream. */
    uint8_t *(*reserve)(struct stream *s, size_t min, size_t *room);
    /* Queues the first n bytes of what reserve gave. */
    void (*commit)(struct stream *s, size_t n);
    /* Queues bytes that lie in a slab of the application's (stack/base/buf.h) by reference: nothing is copied, and
     * they must stay as they are until the slab's last reference is gone. Returns how many it took, the first of
     * them; 0: there is no room now, and `writable` will come. NULL: this stream wants the bytes themselves. */
    size_t (*refer)(struct stream *s, struct slice bytes, struct slab *lent);
    /* No more will be written: the peer sees the end once all is delivered. Reading goes on. */
    void (*shutdown)(struct stream *s);
    /* Ends at once, both ways, with no care for data in flight; `closed` does not follow. */
    void (*abort)(struct stream *s);
};

#define STREAM_RESERVE_MAX                                                                         \
    16640U /* bytes: one TLS record at its largest (RFC 8446 5.2: 2^14 + 256 + header) */
/* An application that may stand on TLS asks for no more than this: the plaintext of one record. The
 * content type, inside of the record in TLS 1.3, takes one of its 2^14 bytes (mbedTLS' limit). */
#define STREAM_PLAIN_MAX 16383U

struct stream_events {
    void (*opened)(struct stream *s);      /* ready for data; comes first, at most once */
    void (*readable)(struct stream *s);    /* peek shows more than it did */
    void (*writable)(struct stream *s);    /* a reserve that failed can succeed now */
    void (*peer_closed)(struct stream *s); /* no more will come; what came can still be read */
    /* Something to know; the stream goes on. May be NULL for who does not want it (SHLD-20). What
     * comes several times before it can be told is told once, with the latest detail. */
    void (*report)(struct stream *s, enum stream_report what, uint16_t detail);
    /* The stream is gone: its memory is the stack's again when this returns. */
    void (*closed)(struct stream *s, enum close_reason reason);
};

struct stream {
    const struct stream_ops *ops;
    const struct stream_events *events; /* may be NULL until the application sets it */
    void *app;                          /* the application's own */
};

static inline struct slice stream_peek(struct stream *s)
{
    return s->ops->peek(s);
}

static inline void stream_consume(struct stream *s, size_t n)
{
    s->ops->consume(s, n);
}

static inline uint8_t *stream_reserve(struct stream *s, size_t min, size_t *room)
{
    return s->ops->reserve(s, min, room);
}

static inline void stream_commit(struct stream *s, size_t n)
{
    s->ops->commit(s, n);
}

static inline bool stream_refers(const struct stream *s)
{
    return s->ops->refer != NULL;
}

static inline size_t stream_refer(struct stream *s, struct slice bytes, struct slab *lent)
{
    return s->ops->refer(s, bytes, lent);
}

static inline void stream_shutdown(struct stream *s)
{
    s->ops->shutdown(s);
}

static inline void stream_abort(struct stream *s)
{
    s->ops->abort(s);
}

#endif
