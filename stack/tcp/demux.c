/* Connection lookup, and the choice of an ephemeral port (RFC 6056 3.3.3, algorithm 3). */
#include "stack/tcp/demux.h"

#include <string.h>

#include "stack/base/cursor.h"

/* Between IPv4 addresses of what they have of their own: a third of the work for each frame. */
uint64_t demux_hash(const struct siphash_key *key, const struct tcp_tuple *tuple)
{
    const struct endpoint *local = &tuple->local, *remote = &tuple->remote;
    uint8_t bytes[36];
    struct wr w = wr_of(bytes, sizeof bytes);
    if (ip_is_v4(local->addr) && ip_is_v4(remote->addr)) {
        wr_be32(&w, ip4_value(local->addr));
        wr_be32(&w, ip4_value(remote->addr));
    } else {
        wr_bytes(&w, local->addr.b, sizeof local->addr.b);
        wr_bytes(&w, remote->addr.b, sizeof remote->addr.b);
    }
    wr_be16(&w, local->port);
    wr_be16(&w, remote->port);
    return siphash(key, bytes, wr_len(&w));
}

static bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && ip_equal(a->addr, b->addr);
}

struct tcp_entry *demux_find(const struct tcp *t, const struct tcp_tuple *tuple)
{
    uint32_t hash = (uint32_t)demux_hash(&t->demux_key, tuple);
    for (struct table_node *n = table_first(&t->connections, hash); n != NULL; n = table_next(n)) {
        struct tcp_entry *e = CONTAINER_OF(n, struct tcp_entry, node);
        if (endpoint_equal(&e->tuple.local, &tuple->local) &&
            endpoint_equal(&e->tuple.remote, &tuple->remote)) {
            return e;
        }
    }
    return NULL;
}

void demux_add(struct tcp *t, struct tcp_entry *e)
{
    table_insert(&t->connections, &e->node, (uint32_t)demux_hash(&t->demux_key, &e->tuple));
    e->present = true;
}

void demux_succeed(struct tcp *t, struct tcp_entry *e, const struct tcp_entry *before)
{
    e->tuple = before->tuple;
    table_insert(&t->connections, &e->node, before->node.hash);
    e->present = true;
}

void demux_remove(struct tcp *t, struct tcp_entry *e)
{
    if (e->present) {
        table_remove(&t->connections, &e->node);
        e->present = false;
    }
}

struct tcp_listener *demux_listener(const struct tcp *t, const struct endpoint *local)
{
    struct tcp_listener *any = NULL;
    for (struct list *n = t->listeners.next; n != &t->listeners; n = n->next) {
        struct tcp_listener *l = CONTAINER_OF(n, struct tcp_listener, link);
        if (l->local.port != local->port) {
            continue;
        }
        if (ip_equal(l->local.addr, local->addr)) {
            return l;
        }
        if (ip_is_any(l->local.addr)) {
            any = l;
        }
    }
    return any;
}

uint16_t demux_ephemeral_port(struct tcp *t, const struct tcp_tuple *want)
{
    struct tcp_tuple tuple = *want;
    tuple.local.port = 0;
    uint32_t span = (uint32_t)(t->config.port_last - t->config.port_first) + 1U;
    uint32_t offset = (uint32_t)demux_hash(&t->port_key, &tuple) + t->next_port;
    for (uint32_t i = 0; i < span; i++) {
        tuple.local.port = (uint16_t)(t->config.port_first + (offset + i) % span);
        if (demux_find(t, &tuple) == NULL) {
            t->next_port += i + 1U;
            return tuple.local.port;
        }
    }
    return 0;
}
