/* What arrived beyond a hole (RFC 9293 3.10.7.4 "seventh", SHLD-31): ranges of bytes in sequence
 * order, kept by reference until the hole is filled. Their number is bounded, and whatever order a peer sends
 * in, a segment's place is found in logarithmic time.
 */
#ifndef VITRINE_TCP_REASSEMBLY_H
#define VITRINE_TCP_REASSEMBLY_H

#include "stack/base/buf.h"
#include "stack/base/list.h"
#include "stack/base/pool.h"
#include "stack/tcp/segment.h"
#include "stack/tcp/seq_tree.h"

/* Consecutive bytes; ranges neither touch nor overlap. */
struct tcp_range {
    struct list link;        /* in reassembly.ranges */
    struct list recent_link; /* in reassembly.recent */
    struct list bufs;
    struct seq_node node; /* in reassembly.tree */
    tcp_seq start, end;
};

struct reassembly {
    struct list ranges;   /* by sequence number */
    struct list recent;   /* the same, the latest grown first: so SACK tells them */
    struct seq_tree tree; /* the same, to be found by sequence number */
    uint32_t count;       /* ranges */
    uint32_t bytes;       /* in all ranges */
};

/* `dice`: anything that a peer cannot guess. */
void reassembly_init(struct reassembly *r, uint32_t dice);
void reassembly_done(struct reassembly *r, struct pool *ranges);
/* Keeps what of [start, start + buf->len) is not there yet; owns `buf`. What was there first stays.
 * Returns false when the range limit `max` or the pool forbids a new range: nothing was kept. */
bool reassembly_insert(struct reassembly *r, struct pool *ranges, uint32_t max, tcp_seq start,
                       struct buf *buf);
/* Takes off the ranges that begin at or before `next`, moves their bytes from `next` on to the end of
 * `out`, returns how many. A segment that fills a hole can lie over several ranges. */
uint32_t reassembly_take(struct reassembly *r, struct pool *ranges, tcp_seq next, struct list *out);
/* The lowest range that has octets of [start, end); NULL: none has. */
const struct tcp_range *reassembly_find(const struct reassembly *r, tcp_seq start, tcp_seq end);
/* The ranges as SACK blocks, the latest grown first (RFC 2018 4); returns how many, at most `max`. */
unsigned reassembly_sack(const struct reassembly *r, struct tcp_sack_block *out, unsigned max);

#endif
