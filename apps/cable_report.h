/* What a cable did (`vitrine wire --stats`), as text or as a line of JSON. */
#ifndef VITRINE_APPS_CABLE_REPORT_H
#define VITRINE_APPS_CABLE_REPORT_H

#include <stdio.h>

#include "stack/link/wire.h"

#define CABLE_LATE 6U /* classes of lateness; cable_late_below says of how much */

/* Of one direction, beside what the wire counts itself. */
struct cable_count {
    uint64_t supers;           /* super-segments that were split */
    uint64_t broken;           /* and that could not be: lost */
    uint64_t no_buffer;        /* frames read and lost, because no buffer was left */
    uint64_t writes;           /* to the far TAP; one may carry several frames */
    uint64_t not_taken;        /* frames that the far TAP refused */
    uint64_t late[CABLE_LATE]; /* frames by how much later than due they were let go */
    nsec late_most;
};

extern const nsec cable_late_below[CABLE_LATE]; /* the last is NEVER */

struct cable_report {
    const char *tap[2];
    uint64_t seed;
    nsec lasted; /* so far */
    const struct wire *wire;
    const struct cable_count *count; /* of both directions */
};

void cable_report_text(FILE *out, const struct cable_report *r);
void cable_report_json(FILE *out, const struct cable_report *r);

#endif
