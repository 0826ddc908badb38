/* What is left of a session after a fatal alert: the lower stream, until the peer has had the alert.
 *
 * The alert and our FIN are in the lower stream's queue (RFC 8446 6.2: both parties close at once).
 * Were the stream dropped while the peer still sends, the answer would be a reset, and that can
 * overtake the alert in the peer's socket. So what still comes is thrown away, within bounds: so many
 * bytes, so long, and so many at once.
 */
#include <stdlib.h>

#include "tls/internal.h"

#define LINGERING_MAX 1024U /* per context */

struct tls_linger {
    struct list link; /* in context->lingering */
    struct tls_context *context;
    struct stream *lower;
    size_t discarded; /* bytes */
    nsec until;
};

static void drop(struct tls_linger *l)
{
    list_remove(&l->link);
    l->context->lingering_count--;
    free(l);
}

static void on_readable(struct stream *lower)
{
    struct tls_linger *l = lower->app;
    struct slice s;
    while ((s = stream_peek(lower)).len > 0) {
        l->discarded += s.len;
        stream_consume(lower, s.len);
        if (l->discarded > TLS_LINGER_BYTES) {
            stream_abort(lower);
            drop(l);
            return;
        }
    }
}

static void on_nothing(struct stream *lower)
{
    (void)lower;
}

static void on_closed(struct stream *lower, enum close_reason reason)
{
    (void)reason;
    drop(lower->app);
}

static const struct stream_events events = {
    .opened = on_nothing,
    .readable = on_readable,
    .writable = on_nothing,
    .peer_closed = on_nothing,
    .closed = on_closed,
};

/* Aborts those whose time has come by `now`, and beyond them the oldest until `most` are left. */
static void trim(struct tls_context *c, nsec now, unsigned most)
{
    struct list due;
    list_init(&due);
    for (struct list *n = c->lingering.next; n != &c->lingering;) {
        struct tls_linger *l = CONTAINER_OF(n, struct tls_linger, link);
        n = n->next;
        if (l->until > now && c->lingering_count <= most) {
            break;
        }
        list_remove(&l->link);
        list_push_back(&due, &l->link);
        c->lingering_count--;
    }
    for (struct list *n; (n = list_pop_front(&due)) != NULL;) {
        struct tls_linger *l = CONTAINER_OF(n, struct tls_linger, link);
        stream_abort(l->lower);
        free(l);
    }
}

void tls_context_sweep(struct tls_context *c, nsec now)
{
    ticket_keys_turn(&c->tickets, now);
    trim(c, now, LINGERING_MAX);
}

void tls_linger_abort_all(struct tls_context *c)
{
    tls_context_sweep(c, NEVER);
}

void tls_linger(struct tls_context *c, struct stream *lower, nsec now)
{
    trim(c, now, LINGERING_MAX - 1);
    struct tls_linger *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        stream_abort(lower);
        return;
    }
    l->context = c;
    l->lower = lower;
    l->until = now + TLS_LINGER;
    list_push_back(&c->lingering, &l->link);
    c->lingering_count++;
    lower->events = &events;
    lower->app = l;
    on_readable(lower);
}
