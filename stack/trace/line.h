/* Events as lines for people, generated from events.def:
 *
 *   0.001204  conn 3  frame 12  tcp_state from=LISTEN to=SYN-RECEIVED
 */
#ifndef VITRINE_TRACE_LINE_H
#define VITRINE_TRACE_LINE_H

#include "stack/trace/trace.h"

#define EVENT_LINE_MAX 512 /* bytes that suffice for any event, with the NUL */

/* One event without a newline, its time in seconds after `since`; the bytes written without the
 * NUL. What does not fit is left out from the first field on that does not. */
size_t event_line(const struct event *e, nsec since, char *out, size_t cap);

/* Its fields alone, " from=LISTEN to=SYN-RECEIVED", in the same way. */
size_t event_fields_line(const struct event *e, char *out, size_t cap);

#define SPAN_TEXT_MAX 32
/* A span in the unit that suits it: "850 ns", "12.5 us", "1.234 ms", "2.500 s". */
const char *span_text(nsec span, char out[SPAN_TEXT_MAX]);

#endif
