/* What a running service holds: connections by state, timers, memory, refusals. For people as text,
 * for programs as JSON. */
#ifndef VITRINE_APPS_STATUS_H
#define VITRINE_APPS_STATUS_H

#include "apps/echo.h"
#include "apps/http/server.h"
#include "apps/draft.h"
#include "stack/host.h"

struct status {
    const struct host *host;
    const struct http_server *http;  /* may be NULL */
    const struct echo_service *echo; /* may be NULL */
};

void status_text(const struct status *s, struct draft *out);
void status_json(const struct status *s, struct draft *out);
/* Replaces `file` by the JSON in one step (rename), so that a reader never sees half of it. false:
 * errno says why. */
bool status_write(const struct status *s, const char *file);

#endif
