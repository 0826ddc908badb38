/* From a segment's four-tuple to its connection: a hash table keyed with a secret, so that nobody
 * outside can make it slow.
 */
#ifndef VITRINE_TCP_DEMUX_H
#define VITRINE_TCP_DEMUX_H

#include "stack/tcp/tcp.h"

struct tcp_tuple {
    struct endpoint local, remote;
};

/* What the table holds: a connection, or the little that TIME-WAIT needs. */
struct tcp_entry {
    struct table_node node;
    struct tcp_tuple tuple;
    bool timewait; /* it is in a struct tcp_timewait, not in a struct tcp_conn */
    bool present;  /* it is in the table */
};

struct tcp_entry *demux_find(const struct tcp *t, const struct tcp_tuple *tuple);
void demux_add(struct tcp *t, struct tcp_entry *e);
/* `e` comes in for one that was in, with its tuple. */
void demux_succeed(struct tcp *t, struct tcp_entry *e, const struct tcp_entry *before);
void demux_remove(struct tcp *t, struct tcp_entry *e); /* no effect when it is not in */
/* The listener for a local endpoint: one for that very address before one for any. */
struct tcp_listener *demux_listener(const struct tcp *t, const struct endpoint *local);
/* The keyed hash of a four-tuple, for tables, ISNs and ports, each with its own key. */
uint64_t demux_hash(const struct siphash_key *key, const struct tcp_tuple *tuple);
/* A free local port towards `remote` (RFC 6056 3.3.3); 0: none left. */
uint16_t demux_ephemeral_port(struct tcp *t, const struct tcp_tuple *want);

#endif
