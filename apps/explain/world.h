/* Where a lesson happens: two hosts of ours, an in-memory wire between them, virtual time. No device, no root,
 * and the clock stands still while they compute, so that times are those of the wire alone.
 *
 * Kept for the chapters: each frame as it was on the wire, and each event of both hosts.
 */
#ifndef VITRINE_APPS_EXPLAIN_WORLD_H
#define VITRINE_APPS_EXPLAIN_WORLD_H

#include "stack/host.h"
#include "stack/link/wire.h"
#include "stack/tcp/info.h"

enum world_end_name { WORLD_CLIENT, WORLD_SERVER };

#define WORLD_DELAY (10 * NS_PER_MS) /* of the wire, each way */

struct world_frame {
    nsec sent; /* its arrival is WORLD_DELAY later */
    unsigned from;
    uint8_t *data;
    uint32_t len;
    /* Of a TCP segment: where its parts are. */
    uint32_t ip, tcp, payload, payload_len; /* bytes from the start */
};

struct world_event {
    unsigned end;
    struct event event;
};

struct world;

struct world_end {
    struct world *world;
    unsigned index;
    struct host host;
    struct iface *iface;
    struct ip_addr addr;
    struct listener listener;
};

struct world {
    struct wire wire;
    struct world_end end[2];
    nsec began, now;
    struct world_frame *frames;
    size_t frame_count, frame_cap;
    struct world_event *events;
    size_t event_count, event_cap;
    bool failed; /* no memory */
};

/* Room for one more in a growing array whose elements have `size` bytes; NULL: no memory, and nothing has changed. */
void *array_more(void *array, size_t count, size_t *cap, size_t size);

/* Both hosts' secrets and ports come from `seed`; `now` is the clock that both begin with. `attack`: what somebody in between
 * does to what the server sends; NULL: nobody is there. It must live as long as the world. NULL: no memory. */
struct world *world_new(const uint8_t seed[32], nsec now, const struct tamper_rule *attack);
void world_free(struct world *w);
/* Goes on until nothing is on its way or due before `until`. false: no memory. */
bool world_run(struct world *w, nsec until);

#endif
