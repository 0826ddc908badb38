/* Events as JSON (RFC 8259), one object each, generated from events.def:
 *
 *   {"at":1204,"cause":{"kind":"frame","number":12},"conn":3,"event":"tcp_state","from":"LISTEN",
 *    "to":"SYN-RECEIVED"}
 *
 * Times are in nanoseconds. What names.h has words for is a string, other numbers are numbers.
 */
#ifndef VITRINE_TRACE_JSON_H
#define VITRINE_TRACE_JSON_H

#include "stack/trace/trace.h"

#define EVENT_JSON_MAX 512 /* bytes that suffice for any event, with the NUL */

/* One event without a newline; the bytes written without the NUL, or 0 when `cap` is too small. */
size_t event_json(const struct event *e, char *out, size_t cap);

#endif
