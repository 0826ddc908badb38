/* Applications of a world: what a plan says that the two ends of a connection do.
 *
 * Every byte depends on its place in its stream and on the stream, so that a byte lost, doubled or
 * moved is seen when it is read.
 */
#ifndef VITRINE_SIM_APP_H
#define VITRINE_SIM_APP_H

#include "stack/tcp/conn.h"
#include "tests/sim/plan.h"
#include "tests/unit/base/lcg.h"

struct sim_world;

struct sim_app {
    struct sim_world *world;
    unsigned flow, side; /* SIM_CLIENT, SIM_SERVER */
    struct sim_app_plan plan;
    struct lcg lcg;
    uint64_t key_out, key_in; /* what the bytes of either way look like */
    uint32_t expect;          /* bytes that the peer sends in all */
    uint32_t sent, received;
    uint32_t urgent_end; /* where the latest data that it marked urgent ends; 0: none */
    bool urgent_heard;   /* it was told of the peer's */
    nsec due;            /* when it wants to run; NEVER: not now */
    nsec moved_at;       /* when it last got on: a byte, or an event */
    nsec next_write, next_read;
    struct stream *stream; /* NULL: not open yet, or over */
    bool opened, peer_closed, shut, closed, let_go, aborted;
    enum close_reason reason;
    nsec connected_at;           /* client: when it asked for its connection */
    struct ip_addr addr, remote; /* its own, and where it connects to */
    uint16_t port;               /* its own when it connects; 0: ephemeral */
    uint16_t remote_port;        /* where it connects to; 0: it waits to be connected to */
};

void sim_app_init(struct sim_world *w, unsigned flow, unsigned side);
void sim_app_run(struct sim_app *a);
/* Takes its stream; the server's accept found that it belongs to this app. */
void sim_app_take(struct sim_app *a, struct stream *s);
bool sim_app_over(const struct sim_app *a);

#endif
