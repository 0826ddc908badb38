/* What `vitrine wire` can be told. */
#ifndef VITRINE_APPS_CABLE_OPTIONS_H
#define VITRINE_APPS_CABLE_OPTIONS_H

#include "apps/options.h"
#include "stack/link/wire.h"

/* What happens to the frames of one direction. A zero means that it does not. */
struct cable_way {
    uint64_t rate; /* bits a second */
    nsec delay, jitter;
    uint32_t loss;                         /* of a million, as all chances here */
    uint32_t burst_p, burst_r, burst_loss; /* Gilbert and Elliott; see struct wire_node_config */
    uint32_t reorder, duplicate, corrupt;  /* chances */
    nsec reorder_by, duplicate_by;         /* how much later */
    uint32_t queue;                        /* bytes */
    double queue_products;                 /* or so many bandwidth-delay products */
    uint32_t mark;                         /* bytes in the queue above which frames are marked */
    double mark_products;
};

struct cable_options {
    const char *tap[2];      /* names of the TAPs a and b */
    const char *netns[2];    /* the network namespace of each: a path; NULL: ours */
    struct cable_way way[2]; /* from a to b, and from b to a */
    uint32_t mtu;            /* bytes of IP packet; larger ones are lost. 0: no limit */
    uint64_t seed;
    bool has_seed;
    nsec lasts;        /* 0: until a signal */
    nsec every;        /* between reports; 0: none before the end */
    nsec tick;         /* frames that wait are let go at most once in so long */
    bool stats, json;  /* a report at the end; as JSON */
    bool single;       /* only single frames with finished checksums come out */
    char place[2][80]; /* what `netns` points at */
};

enum options_result cable_options_parse(int argc, char **argv, struct cable_options *out);

/* The nodes for one direction, in the order in which a frame meets them; *count of WIRE_NODES. */
void cable_nodes(const struct cable_options *o, unsigned way,
                 struct wire_node_config nodes[WIRE_NODES], unsigned *count);

#endif
