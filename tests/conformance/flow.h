/* Connections as a script counts them, against how they are on the wire.
 *
 * The script's numbers of the peer's side are the real ones. Ours are not known beforehand: the first
 * SYN that the host sends on a connection tells how far our sequence numbers lie from those of the script,
 * and each timestamp that it sends is remembered with the number that the script gives it. So is each Fast Open
 * cookie, for all connections.
 */
#ifndef VITRINE_CONFORMANCE_FLOW_H
#define VITRINE_CONFORMANCE_FLOW_H

#include "tests/conformance/script.h"
#include "tests/conformance/sockets.h"
#include "tests/conformance/wire.h"

#define FLOWS_MAX 64U
#define STAMPS 64U
#define COOKIES 16U
#define REMOTE_PORT_FIRST 40001U

struct stamp {
    uint32_t script, live;
};

struct cookie_pair {
    uint8_t len;
    uint8_t script[COOKIE_MAX], live[COOKIE_MAX];
};

struct cookies {
    struct cookie_pair list[COOKIES];
    unsigned count;
};

struct flow {
    uint16_t local_port, remote_port;
    bool local_known;      /* our SYN was seen: the two that follow are right */
    uint32_t local_offset; /* on the wire, less in the script */
    uint32_t local_isn;    /* in the script */
    bool remote_known;     /* the peer's SYN was sent */
    uint32_t remote_isn;
    uint32_t remote_mss; /* bytes, of the peer's SYN; 0: it named none */
    bool reborn;         /* the peer has sent another SYN: ours may be another too */
    struct stamp stamps[STAMPS];
    unsigned stamp_count; /* that there ever were; the ring has the latest */
    struct stamp first_stamp;
    struct cookies *cookies; /* of all flows */
};

struct flows {
    struct sockets *sockets;
    struct flow list[FLOWS_MAX];
    unsigned count;
    struct flow *current; /* of packets that do not name their ports */
    bool named;           /* a packet of the script has named its ports */
    uint16_t local_port;  /* of the latest listener */
    uint16_t next_remote_port;
    struct cookies cookies;
};

void flows_init(struct flows *f, struct sockets *s);
/* A socket listens, or connects: packets from now on are about it. */
void flows_listening(struct flows *f, uint16_t port);
void flows_connecting(struct flows *f, uint16_t local, uint16_t remote);
/* A datagram socket sends to `remote`: packets from now on are between the two. */
void flows_talking(struct flows *f, uint16_t local, uint16_t remote);
/* The flow of a packet of the script; NULL: there are too many. */
struct flow *flow_of(struct flows *f, const struct packet_line *k);

/* `k` as it stands on the wire. */
void flow_to_wire(const struct flow *w, const struct packet_line *k, struct packet_line *out);
void flow_note_syn(struct flow *w, const struct packet_line *k); /* the peer sends this SYN */
/* The host sent a SYN at `live` where the script says `script`. */
void flow_learn(struct flow *w, uint32_t script, uint32_t live);
/* The host sent a cookie of RFC 7413 where the script has another, or the same. False: it is not the one that it was
 * before, or there are too many. */
bool flow_same_cookie(struct flow *w, const struct option *script, const struct option *live);
void flow_note_stamp(struct flow *w, uint32_t script, uint32_t live);

#endif
