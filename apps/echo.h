/* The echo service (RFC 862), the discard service (RFC 863) and the character generator (RFC 864) on streams.
 *
 * Echo gives back what comes, as fast as the peer takes it and no faster, and ends when the peer has
 * ended and has everything. Discard reads and forgets. The character generator sends lines of text without
 * end, as fast as the peer takes them. All end a connection that is idle for long.
 */
#ifndef VITRINE_APPS_ECHO_H
#define VITRINE_APPS_ECHO_H

#include "stack/base/buf.h"
#include "stack/base/list.h"
#include "stack/base/pool.h"
#include "stack/base/stream.h"
#include "stack/base/timer.h"
#include "stack/trace/trace.h"

struct echo_service {
    struct wheel *wheel;
    struct recorder *recorder; /* for the time */
    nsec idle_timeout;         /* without a byte moving */
    struct list connections;
    struct pool pool;
    struct slab *text; /* what the character generator sends; NULL: nobody has asked for it */
};

void echo_init(struct echo_service *e, struct wheel *wheel, struct recorder *recorder,
               size_t max_connections, nsec idle_timeout);
void echo_done(struct echo_service *e); /* aborts what is left */
/* Takes a new stream over; refuses it by an abort at the limit. */
void echo_accept(struct echo_service *e, struct stream *s);
void discard_accept(struct echo_service *e, struct stream *s);
void chargen_accept(struct echo_service *e, struct stream *s);

#endif
