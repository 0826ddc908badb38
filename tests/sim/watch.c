/* After every event: the invariants of each host that was at work (invariants.h), and each connection in
 * the state that its events told.
 */
#include "tests/sim/world.h"

static void check_state(struct sim_world *w, const struct sim_host *h, const struct tcp_conn *c)
{
    const struct sim_shadow *s = &h->shadows[c->id % SIM_SHADOWS];
    uint8_t state = s->id == c->id ? s->state : TCP_CLOSED;
    SIM_CHECK(w, state == c->state || c->detached); /* whose TIME-WAIT may have ended */
}

void sim_watch_event(struct sim_world *w)
{
    for (unsigned i = 0; i < w->plan.hosts; i++) {
        struct sim_host *h = &w->host[i];
        if (!h->touched) {
            continue;
        }
        h->touched = false;
        struct tcp *t = &h->host.tcp;
        for (struct list *n = t->all.next; n != &t->all; n = n->next) {
            struct tcp_conn room;
            check_state(w, h, rest_look(handle_of_link(n), &room));
        }
        invariants_check(&h->invariants, w->now);
    }
}

void sim_watch_pools(struct sim_world *w, unsigned host)
{
    invariants_check_pools(&w->host[host].invariants);
}

void sim_watch_empty(struct sim_world *w)
{
    for (unsigned i = 0; i < w->plan.hosts; i++) {
        invariants_check_empty(&w->host[i].invariants);
        SIM_CHECK(w, w->host[i].host.wheel.armed == 0);
    }
}
