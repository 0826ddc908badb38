/* Tickets that were used for early data; see replay_guard.h. */
#include "tls/replay_guard.h"

#include <string.h>

#include "stack/base/cursor.h"

void replay_guard_init(struct replay_guard *g, nsec window)
{
    memset(g, 0, sizeof(*g));
    g->window = window;
}

enum replay_verdict replay_guard_take(struct replay_guard *g, nsec now, const uint8_t id[REPLAY_ID])
{
    /* An identifier is random, and a forged ticket does not come so far: no hash is needed. */
    struct rd r = rd_of(id, REPLAY_ID);
    struct replay_entry *set = g->entry[rd_be16(&r) & (REPLAY_SETS - 1)];
    struct replay_entry *room = NULL;
    for (unsigned i = 0; i < REPLAY_WAYS; i++) {
        if (set[i].until <= now) {
            room = &set[i];
        } else if (memcmp(set[i].id, id, REPLAY_ID) == 0) {
            return REPLAY_SEEN;
        }
    }
    if (room == NULL) {
        return REPLAY_FULL;
    }
    room->until = now + g->window;
    memcpy(room->id, id, REPLAY_ID);
    return REPLAY_FRESH;
}
