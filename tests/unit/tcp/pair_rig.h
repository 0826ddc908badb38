/* Two hosts of ours on one wire, under virtual time: a sender that writes whenever it may, and a reader. For what only
 * shows over round trips: how windows and buffers follow a path.
 */
#ifndef VITRINE_TESTS_PAIR_RIG_H
#define VITRINE_TESTS_PAIR_RIG_H

#include <check.h>

#include "stack/host.h"
#include "stack/link/wire.h"
#include "stack/tcp/info.h"

#define PAIR_PORT 80U

struct pair_config {
    uint64_t bits_per_second;
    nsec one_way;   /* of propagation */
    uint32_t queue; /* bytes in front of the rate; 0: no limit */
    uint32_t loss;  /* frames of a million, of those that carry data */
    uint32_t mtu;
    uint32_t hole; /* bytes of IP packet: what is larger is lost on the way there; 0: nothing */
    struct tcp_config sender, reader;
    struct tcp_options sender_options, reader_options;
    uint64_t total; /* bytes to be written; 0: without end */
};

struct pair {
    struct pair_config config;
    struct host host[2]; /* 0 sends, 1 reads */
    struct iface *iface[2];
    struct wire wire;
    nsec now;
    struct stream *sender, *reader;
    uint64_t written, read;  /* bytes */
    uint64_t read_limit;     /* the reader stops when it has read so many */
    uint32_t widest;         /* bytes: the widest window that the sender was offered */
    uint32_t most_queued;    /* bytes: the longest send queue */
    uint32_t most_unsent;    /* bytes: the most of it that was not sent */
    uint64_t windows_shrunk; /* times that the right edge went left, by more than rounding */
    uint32_t edge;           /* the right edge as the sender knows it */
};

void pair_begin(struct pair *p, const struct pair_config *config);
void pair_run_to(struct pair *p, nsec after_begin);
/* The reader reads what there is, up to its limit. */
void pair_read(struct pair *p);
struct tcp_info pair_info(struct stream *s);
/* Ends both, and asserts that no memory is missing. */
void pair_end(struct pair *p);

#endif
