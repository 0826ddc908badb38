/* The ladder of an exchange, drawn from the events of both hosts: an arrow where something left, a note where a
 * state changed.
 */
#ifndef VITRINE_APPS_EXPLAIN_RUNGS_H
#define VITRINE_APPS_EXPLAIN_RUNGS_H

#include "apps/explain/doc.h"
#include "apps/explain/exchange.h"

enum rungs_of {
    RUNGS_SEGMENTS = 1, /* every segment, and TCP's states */
    RUNGS_MESSAGES = 2, /* TLS messages and alerts */
    RUNGS_SECRETS = 4,  /* which secrets are installed, and when */
};

/* What happened from `from` to `to` (moments of the world); times count from the client's call. */
void rungs_draw(struct doc *d, const struct exchange *x, unsigned of, nsec from, nsec to);

#endif
