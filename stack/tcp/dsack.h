/* D-SACK (RFC 2883): the receiver reports what came twice, in the first SACK block of the next segment, so that
 * the sender learns of each needless retransmission.
 */
#ifndef VITRINE_TCP_DSACK_H
#define VITRINE_TCP_DSACK_H

#include "stack/tcp/segment.h"

struct tcp_conn;

struct tcp_dsack {
    struct tcp_sack_block block; /* what came twice, while `due` */
    bool due;                    /* the next segment reports it: once (RFC 2883 4 (2)) */
};

/* A segment came, and nothing of it was taken yet: remembers the first piece of it that was there before. */
void dsack_look(struct tcp_conn *c, const struct tcp_segment *s);
/* The blocks that a segment of ours carries now: the duplicate first, then what lies beyond holes. Returns how
 * many, at most `max`. */
unsigned dsack_blocks(const struct tcp_conn *c, struct tcp_sack_block *out, unsigned max);

#endif
