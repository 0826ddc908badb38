/* Whether a packet that the host sent is the one that the script expects. */
#ifndef VITRINE_CONFORMANCE_MATCH_H
#define VITRINE_CONFORMANCE_MATCH_H

#include "tests/conformance/flow.h"

#define MATCH_TEXT 512U /* bytes of a reason or description */

struct match_rules {
    bool any_window;     /* windows and their scale are not looked at */
    bool any_push;       /* PSH of a segment with data is not looked at */
    uint32_t stamp_tick; /* microseconds of a tick of the script's timestamps; 0: not checked */
    uint32_t tolerance_stamps; /* ticks */
};

/* true: it is. Else `why` says what differs. Padding between options and their order do not
 * count: RFC 9293 3.1 leaves both to the sender. */
bool match_packet(struct flow *w, const struct sockets *s, const struct packet_line *k,
                  const struct wire_packet *got, const struct match_rules *rules,
                  char why[MATCH_TEXT]);

/* show.c: a packet of the host in the language of scripts, numbers relative where the flow is known. */
void show_packet(const struct flow *w, const struct wire_packet *got, char out[MATCH_TEXT]);

#endif
