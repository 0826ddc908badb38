/* Every change of state must lie in the diagram of RFC 9293 3.3.2, figure 5.
 *
 * Abort, reset and time limits lead to CLOSED from anywhere (3.10.5, 3.10.7.4, 3.8.3). A connection
 * that was opened passively returns from SYN-RECEIVED to LISTEN by its block going away: the listener
 * was never anything else.
 */
#include "tests/sim/world.h"

struct edge {
    uint8_t from, to; /* enum tcp_state */
};

/* What an event brings about, and what is sent then, is for others to judge. */
static const struct edge diagram[] = {
    {TCP_CLOSED, TCP_LISTEN},          /* passive OPEN */
    {TCP_CLOSED, TCP_SYN_SENT},        /* active OPEN */
    {TCP_LISTEN, TCP_SYN_RCVD},        /* rcv SYN */
    {TCP_LISTEN, TCP_SYN_SENT},        /* SEND */
    {TCP_SYN_SENT, TCP_SYN_RCVD},      /* rcv SYN: simultaneous open */
    {TCP_SYN_SENT, TCP_ESTABLISHED},   /* rcv SYN,ACK */
    {TCP_SYN_RCVD, TCP_ESTABLISHED},   /* rcv ACK of SYN */
    {TCP_SYN_RCVD, TCP_FIN_WAIT_1},    /* CLOSE */
    {TCP_ESTABLISHED, TCP_FIN_WAIT_1}, /* CLOSE */
    {TCP_ESTABLISHED, TCP_CLOSE_WAIT}, /* rcv FIN */
    {TCP_FIN_WAIT_1, TCP_FIN_WAIT_2},  /* rcv ACK of FIN */
    {TCP_FIN_WAIT_1, TCP_CLOSING},     /* rcv FIN */
    {TCP_FIN_WAIT_1, TCP_TIME_WAIT},   /* rcv FIN and ACK of FIN at once (note 2) */
    {TCP_FIN_WAIT_2, TCP_TIME_WAIT},   /* rcv FIN */
    {TCP_CLOSING, TCP_TIME_WAIT},      /* rcv ACK of FIN */
    {TCP_CLOSE_WAIT, TCP_LAST_ACK},    /* CLOSE */
    {TCP_LAST_ACK, TCP_CLOSED},        /* rcv ACK of FIN */
    {TCP_TIME_WAIT, TCP_CLOSED},       /* timeout of 2 MSL */
};

bool sim_diagram_has(enum tcp_state from, enum tcp_state to)
{
    for (unsigned i = 0; i < COUNT_OF(diagram); i++) {
        if (diagram[i].from == from && diagram[i].to == to) {
            return true;
        }
    }
    return to == TCP_CLOSED && from != TCP_CLOSED; /* abort, reset, or a limit in time */
}

static const struct tcp_conn *conn_with(const struct tcp *t, uint32_t id, struct tcp_conn *room)
{
    for (const struct list *n = t->all.prev; n != &t->all; n = n->prev) {
        const struct tcp_conn *c = rest_look(handle_of_link(n), room);
        if (c->id == id) {
            return c;
        }
    }
    return NULL;
}

void sim_watch_state(struct sim_host *h, const struct event *e)
{
    struct sim_world *w = h->world;
    struct tcp_conn room;
    const struct tcp_conn *c = conn_with(&h->host.tcp, e->conn, &room);
    struct sim_shadow *s = &h->shadows[e->conn % SIM_SHADOWS];
    uint8_t from = e->u.tcp_state.from;
    uint8_t to = e->u.tcp_state.to;
    if (s->id != e->conn) { /* a listener's connections begin in LISTEN, others in CLOSED */
        *s = (struct sim_shadow){.id = e->conn,
                                 .state = c != NULL && c->passive ? TCP_LISTEN : TCP_CLOSED};
    }
    if (c == NULL && from != TCP_TIME_WAIT) { /* of which only a record is left */
        sim_fail(w, "diagram: no connection", "host %u: conn %u goes from %s to %s", h->index,
                 e->conn, tcp_state_name((enum tcp_state)from), tcp_state_name((enum tcp_state)to));
    }
    if (from != s->state) {
        sim_fail(w, "diagram: another state than before", "host %u, conn %u: from %s, was in %s",
                 h->index, e->conn, tcp_state_name((enum tcp_state)from),
                 tcp_state_name((enum tcp_state)s->state));
    }
    if (!sim_diagram_has((enum tcp_state)from, (enum tcp_state)to)) {
        sim_fail(w, "diagram: no such change", "host %u, conn %u: from %s to %s", h->index, e->conn,
                 tcp_state_name((enum tcp_state)from), tcp_state_name((enum tcp_state)to));
    }
    s->state = to;
}
