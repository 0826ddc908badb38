/* One host under virtual time, one connection of it, the peer's side of the wire, and an application that notes what it
 * is told. What the rig knows of sequence numbers it knows from the wire alone.
 */
#ifndef VITRINE_GRID_RIG_H
#define VITRINE_GRID_RIG_H

#include "tests/conformance/grid/grid.h"
#include "tests/conformance/wire.h"
#include "tests/conformance/world.h"

#define RIG_PORT 80U
#define RIG_PEER_PORT 4000U
#define RIG_PEER_ISS UINT32_C(0xfffffff0) /* the numbers wrap in the first bytes */
#define RIG_PEER_WINDOW 65535U
#define RIG_FULL 2000U /* receive buffer that `FULL` fills, bytes */

struct rig {
    struct world world;
    unsigned prepare; /* enum grid_prepare */
    struct tcp_listener *tcp_listener;
    struct stream *stream; /* NULL: none yet, or it has ended */
    struct listener ear;   /* on the host's events */
    enum tcp_state state;  /* after the latest transition */

    /* on the wire */
    uint32_t iss, snd_una, snd_nxt; /* the host's */
    uint32_t irs, rcv_nxt, edge;    /* the peer's, as the host has told that it sees them */
    uint32_t ts_echo;               /* the host's latest timestamp */
    bool opening;                   /* the host's SYN is not acknowledged */

    /* the application */
    unsigned sees;  /* enum grid_sees */
    uint32_t bytes; /* that it has read since the event */
    uint32_t next;  /* number of the next byte: 0 is the first of the stream */
    bool garbled;   /* it has read what the peer did not send */
};

/* A segment of the peer. */
struct rig_segment {
    uint32_t seq, ack;
    uint8_t flags; /* enum grid_flag */
    uint16_t len, urg;
    enum grid_quirk quirk;
};

bool rig_init(struct rig *r, unsigned prepare);
void rig_done(struct rig *r);
bool rig_listen(struct rig *r);
bool rig_connect(struct rig *r);
bool rig_write(struct rig *r, size_t len); /* false: the stream does not take it */
void rig_inject(struct rig *r, const struct rig_segment *s);
/* An ICMP error about a segment of the host. */
void rig_inject_icmp(struct rig *r, const struct grid_event *e, uint32_t quoted_seq);
/* The oldest packet that the host sent, read and taken away; what it says of numbers is noted. false: none. */
bool rig_take(struct rig *r, struct wire_packet *out);
/* Time passes. */
void rig_wait(struct rig *r, nsec span);
/* Brings a new rig into a state; false: the exchange went another way. */
bool setup_state(struct rig *r, unsigned state);
/* Lets the event happen; `s` is the segment that came, if it is one. */
void event_happen(struct rig *r, const struct grid_event *e, struct rig_segment *s);

#endif
