/* Which tickets have been used for early data already (RFC 8446 8.1): each is good for that once. A table of
 * fixed size; an entry is kept for as long as the age check lets the same ClientHello pass (RFC 8446 8.3), and when
 * there is no room for one more, early data is refused, never let through. The clock is an argument.
 */
#ifndef VITRINE_TLS_REPLAY_GUARD_H
#define VITRINE_TLS_REPLAY_GUARD_H

#include "stack/base/types.h"

#define REPLAY_ID 12U     /* bytes: the nonce of a ticket, random and of our own making */
#define REPLAY_SETS 1024U /* a power of two */
#define REPLAY_WAYS 8U

struct replay_entry {
    nsec until; /* 0: free */
    uint8_t id[REPLAY_ID];
};

struct replay_guard {
    nsec window; /* how long an entry is kept */
    struct replay_entry entry[REPLAY_SETS][REPLAY_WAYS];
};

enum replay_verdict { REPLAY_FRESH, REPLAY_SEEN, REPLAY_FULL };

void replay_guard_init(struct replay_guard *g, nsec window);
/* Says whether a ticket was seen in the window before `now`, and remembers it if not. */
enum replay_verdict replay_guard_take(struct replay_guard *g, nsec now,
                                      const uint8_t id[REPLAY_ID]);

#endif
