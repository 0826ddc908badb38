/* A wire for tests, with a log of what arrives, and frames to send over it. */
#ifndef VITRINE_TESTS_WIRE_RIG_H
#define VITRINE_TESTS_WIRE_RIG_H

#include "stack/link/wire.h"
#include "tests/unit/link/frames.h"

#define WIRE_RIG_LOG 8192U

struct wire_arrival {
    nsec at;      /* when it was delivered */
    unsigned to;  /* the end */
    uint32_t tag; /* of a tagged frame */
    uint32_t len; /* bytes */
};

struct wire_rig {
    struct wire w;
    struct slab_pools pools; /* of the frames that are sent */
    struct wire_arrival log[WIRE_RIG_LOG];
    unsigned arrived;
    struct frame last; /* the bytes of the latest one that is not larger than a struct frame */
    struct offload last_offload;
    uint64_t sights[5]; /* by enum wire_event */
};

struct wire_config wire_rig_config(uint64_t seed); /* two ends, no nodes */
/* One way, from end 0, through these nodes; time begins at 0. */
void wire_rig_init(struct wire_rig *r, uint64_t seed, const struct wire_node_config *nodes,
                   unsigned count);
void wire_rig_init_with(struct wire_rig *r, const struct wire_config *config);
/* Nothing is left in flight, every frame is accounted for, and every buffer was given back. */
void wire_rig_done(struct wire_rig *r);
void wire_rig_expect_balance(const struct wire_rig *r);

/* A frame of an EtherType for experiments, `len` bytes with its header of 14, with a tag. */
bool wire_rig_send(struct wire_rig *r, unsigned end, uint32_t len, uint32_t tag);
bool wire_rig_send_frame(struct wire_rig *r, unsigned end, const struct frame *f);
/* Steps from deadline to deadline, up to `limit`; then the time is `limit`, unless it is NEVER. */
void wire_rig_run(struct wire_rig *r, nsec limit);

/* An IPv4 packet with a TCP segment in it, checksums right by plain_checksum. */
struct frame frame_tcp(uint8_t flags, uint32_t seq, uint32_t payload_len);
/* The TCP checksum that the segment in `f` should have. */
uint16_t plain_tcp_checksum(const struct frame *f);

#endif
