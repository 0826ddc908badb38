/* SYN cookies (RFC 4987 3.6): a listener whose backlog is full keeps nothing of a SYN, and has the client bring it all
 * back. What it must know of the SYN stands in the SYN-ACK, where the client's ACK repeats it:
 *
 *   sequence number   12 and 17 bits: MAC   3: size of segment            comes back as SEG.ACK - 1
 *   TSval             26 bits: clock        1: SACK   1: ECN   4: shift   comes back as TSecr
 *
 * So a client with timestamps gets all that it would get otherwise, and one without them no window scale, no SACK
 * and no ECN of RFC 3168; that of RFC 9768 shows in the ACK itself (RFC 9768 5.1).
 *
 * The MAC covers both ends, the minute, all that is encoded, and in its second part the client's initial sequence
 * number as well. The ACK that ends the handshake and the data behind it, while it is the first, begin there. Where only
 * the second part is wrong, both were lost; the client sends them again.
 */
#ifndef VITRINE_TCP_COOKIE_H
#define VITRINE_TCP_COOKIE_H

#include "stack/tcp/segment.h"
#include "stack/tcp/tcp.h"

#define COOKIE_PERIOD                                                                              \
    (60 * NS_PER_SEC) /* the counter steps; that of now and the one before count */
#define COOKIE_LASTS (2 * COOKIE_PERIOD)

/* Makes of a client's SYN the one that a cookie can tell of. */
void cookie_reduce(const struct tcp *t, struct tcp_segment *syn);
/* The initial sequence number that tells of that SYN. */
tcp_seq cookie_isn(const struct tcp *t, const struct tcp_segment *syn, nsec now);
/* The TSval that tells of it: `clock`, or up to 64 ticks before. */
uint32_t cookie_stamp(const struct tcp_segment *syn, uint32_t clock);
enum cookie_verdict {
    COOKIE_BAD,   /* none of ours, or too old */
    COOKIE_AHEAD, /* good, but in a segment that does not begin right behind the SYN */
    COOKIE_GOOD,
};

/* The SYN that the cookie in a client's ACK tells of, as if it came just now. */
enum cookie_verdict cookie_read(const struct tcp *t, const struct tcp_segment *ack,
                                struct tcp_segment *syn);

#endif
