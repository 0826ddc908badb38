/* Field values and their parts: tokens, lists, numbers, hosts (RFC 9110 5.6, RFC 9112 5). */
#ifndef VITRINE_APPS_HTTP_FIELD_H
#define VITRINE_APPS_HTTP_FIELD_H

#include "stack/base/cursor.h"
#include "stack/base/types.h"

bool http_field_is_token(struct slice s); /* only token characters (RFC 9110 5.6.2) */
bool http_field_is_value(struct slice s); /* no control characters but HTAB (RFC 9110 5.5) */
/* uri-host [ ":" port ] (RFC 9110 7.2), by its characters; empty is allowed. */
bool http_field_is_host(struct slice s);
struct slice http_field_trim(struct slice s); /* without spaces and tabs at both ends */
/* 1*DIGIT and nothing else, below 2^63. */
bool http_field_number(struct slice s, uint64_t *out);
/* The next element of a comma-separated list (RFC 9110 5.6.1), trimmed; empty ones are skipped. A comma
 * inside quotes does not separate. false: no more. */
bool http_field_next(struct rd *list, struct slice *item);

#endif
