/* Passive open (RFC 9293 3.10.1): a listener is a bounded door, not a connection. */
#include "stack/tcp/close.h"
#include "stack/tcp/conn.h"
#include "stack/tcp/fast_open.h"

#include <stdlib.h>

#define BACKLOG_DEFAULT 256U

static bool address_usable(const struct tcp *t, struct ip_addr a)
{
    return ip_is_any(a) || ip_is_ours(t->ip, a);
}

static bool in_use(const struct tcp *t, const struct endpoint *local)
{
    for (struct list *n = t->listeners.next; n != &t->listeners; n = n->next) {
        const struct tcp_listener *l = CONTAINER_OF(n, struct tcp_listener, link);
        if (l->local.port == local->port && ip_equal(l->local.addr, local->addr)) {
            return true;
        }
    }
    return false;
}

enum tcp_error tcp_listen(struct tcp *t, const struct tcp_listen_args *args,
                          struct tcp_listener **out)
{
    if (args->local.port == 0 || args->accept == NULL || !address_usable(t, args->local.addr)) {
        return TCP_ERR_ADDRESS;
    }
    if (in_use(t, &args->local)) {
        return TCP_ERR_IN_USE;
    }
    struct tcp_listener *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return TCP_ERR_RESOURCES;
    }
    l->local = args->local;
    l->backlog = args->backlog != 0 ? args->backlog : BACKLOG_DEFAULT;
    l->max_open = args->max_open;
    l->fast_open.max = args->fast_open_pending != 0 ? args->fast_open_pending : FAST_OPEN_PENDING;
    l->options = args->options;
    l->accept = args->accept;
    l->arg = args->arg;
    list_push_back(&t->listeners, &l->link);
    if (out != NULL) {
        *out = l;
    }
    return TCP_OK;
}

void tcp_unlisten(struct tcp *t, struct tcp_listener *l)
{
    struct list *next;
    for (struct list *n = t->all.next; n != &t->all; n = next) {
        next = n->next;
        struct tcp_conn *c = handle_of_link(n)->conn;
        if (c == NULL || c->listener != l) {
            continue;
        }
        c->listener = NULL;
        l->open--;
        bool half_open = c->state == TCP_SYN_RCVD && !c->early;
        if (half_open || (c->pending & PENDING_ACCEPT) != 0) {
            close_abort(c);
        }
    }
    list_remove(&l->link);
    l->gone = true;
    if (l->open == 0) {
        free(l);
    }
}

void listener_left(struct tcp_listener *l)
{
    l->open--;
    if (l->open == 0) {
        free(l);
    }
}
