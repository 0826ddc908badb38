/* What a world is made of: plain data, drawn wholly from a seed (draw.c), printed for people (print.c)
 * and made smaller without being drawn anew (shrink.c). A test may also write one by hand.
 */
#ifndef VITRINE_SIM_PLAN_H
#define VITRINE_SIM_PLAN_H

#include <stdio.h>

#include "stack/host.h"
#include "stack/link/wire.h"

#define SIM_HOSTS 13U
#define SIM_WIRES 13U
#define SIM_FLOWS 32U
#define SIM_NODES 9U          /* of one way of a wire */
#define SIM_RULES 3U          /* and so many tampering rules */
#define SIM_SWITCH UINT8_MAX  /* stands at a wire's end instead of a host */
#define SIM_CLIENT 0U         /* the end of a flow that connects */
#define SIM_SERVER 1U         /* and the one that listens */
#define SIM_PORT 80U          /* where servers listen */
#define SIM_PORT_FIRST 40000U /* a client's port when it is not ephemeral */
#define SIM_HOUR (3600 * NS_PER_SEC)

/* What a world is mainly about. */
enum sim_kind {
    SIM_BULK,
    SIM_ASK,     /* request and response, many times */
    SIM_HALF,    /* one side is done long before the other */
    SIM_SLOW,    /* a reader that shuts the window */
    SIM_TRICKLE, /* small writes, now and then */
    SIM_ECHO,
    SIM_ABORT,
    SIM_STORM,  /* many connections at once */
    SIM_FAULT,  /* memory runs out, the device refuses */
    SIM_CROSS,  /* both sides open at once */
    SIM_ROUTER, /* a router lets no large packets through, and says so */
    SIM_HOLE,   /* a router lets no large packets through, and says nothing */
    SIM_WORST,  /* 20 % loss both ways, and what else there is */
    SIM_TAMPER, /* rules act on chosen segments */
    SIM_JUMP,   /* the clock jumps forward */
    SIM_DEAD,   /* the link dies in the middle */
    SIM_MESH,   /* three or four hosts, some with several interfaces */
    SIM_STAR,   /* many clients and one server around a switch */
    SIM_TLS,    /* TLS on top */
    SIM_KINDS,
};

/* One way of a wire. The rules, if any, come first and then the nodes. */
struct sim_way_plan {
    struct wire_node_config nodes[SIM_NODES];
    unsigned node_count;
    struct tamper_rule rules[SIM_RULES];
    unsigned rule_count;
    uint32_t refuse; /* of a million frames: the sender's device does not take it */
};

struct sim_wire_plan {
    uint8_t host[2]; /* at its ends; or SIM_SWITCH */
    uint32_t mtu;    /* of both devices, bytes */
    bool cuts[2];    /* the device at that end cuts super-segments and finishes checksums */
    bool joins[2];   /* and joins segments that arrive together */
    struct sim_way_plan way[2];
};

/* What an application does: one program, whose numbers make it a bulk sender, a client that asks
 * and waits, a server that answers, an echo, a trickle, a slow reader, or one that aborts. */
struct sim_app_plan {
    uint32_t total;     /* bytes to send before shutting down */
    uint32_t first;     /* of them may go before anything has come */
    uint32_t unit_in;   /* for each so many bytes received ... */
    uint32_t unit_out;  /* ... so many more may go. unit_in 0: no more ever */
    uint32_t write_max; /* bytes in one commit, at the most; 0: no limit */
    nsec write_gap;     /* from one commit to the next */
    uint32_t read_max;  /* bytes in one consume, at the most; 0: no limit */
    nsec read_gap;
    uint32_t urgent;    /* of 1000 commits: so many are marked urgent, with all that is queued */
    uint32_t abort_at;  /* aborts once it has sent and received so many bytes; 0: never */
    bool peer_first;    /* shuts down only after the peer has */
    bool lets_go;       /* tcp_close as soon as all is sent and read, instead of shutdown */
    bool lets_go_early; /* tcp_close as soon as all is sent: the peer sends nothing */
};

/* One connection, and the two applications at its ends. */
struct sim_flow_plan {
    bool absent;     /* taken out by the shrinker */
    uint8_t host[2]; /* client, server */
    uint8_t wire[2]; /* on which each of them speaks */
    struct sim_app_plan app[2];
    struct tcp_options options[2];
    nsec start;    /* after the world begins */
    uint16_t port; /* the client's; 0: ephemeral */
    bool echo;     /* the server sends what came */
    bool cross;    /* simultaneous open (RFC 9293 3.5, figure 8): nobody listens */
    bool tls;
    bool may_fail; /* it may end otherwise than in order */
};

/* Where a number of the first flow is about to wrap when the world begins. */
enum sim_wrap { SIM_WRAP_NONE, SIM_WRAP_ISN, SIM_WRAP_TIMESTAMP };

/* Which Fast Open cookies (RFC 7413) clients have when the world begins. */
enum sim_cookies { SIM_COOKIES_NONE, SIM_COOKIES_GOOD, SIM_COOKIES_WRONG };

struct sim_plan {
    uint64_t seed;
    enum sim_kind kind;
    unsigned hosts, wires, flows;
    struct host_config host[SIM_HOSTS]; /* their seeds are made from `seed` */
    struct sim_wire_plan wire[SIM_WIRES];
    struct sim_flow_plan flow[SIM_FLOWS];
    uint32_t backlog;           /* of the listeners */
    uint32_t fast_open_pending; /* … and their limit of early connections; 0: the default */
    enum sim_cookies cookies;
    nsec start; /* when time begins */
    enum sim_wrap wrap;
    unsigned wrap_side; /* the end of the first flow whose numbers wrap */
    uint32_t wrap_left; /* octets, or ticks of the timestamp clock, from there to the wrap */
    uint32_t faults;    /* of 1000 events: one of a host's next allocations fails */
    uint32_t fail_nth;  /* the nth allocation in this pool of host 0 fails; 0: none does */
    unsigned fail_pool; /* sim_pool() */
    nsec jump_at;       /* so long after the start the clock jumps ... */
    nsec jump;          /* ... by so much; 0: never */
    uint32_t liar;      /* of 1000 segments: one is followed by a lie (liar.c) */
};

void sim_draw(struct sim_plan *p, uint64_t seed);
const char *sim_kind_name(enum sim_kind kind);
void sim_print(FILE *out, const struct sim_plan *p);

/* ---- shrink.c: a world made smaller ---- */

/* Reductions have numbers, of which each means the same in every world: "flow 3 is taken out". */
unsigned sim_reductions(void);
/* false: there is nothing to take away here. */
bool sim_reduce(struct sim_plan *p, unsigned number);
void sim_reduction_text(unsigned number, char *out, size_t size);

/* ---- rewrite.c: rules that change segments, as middleboxes do ---- */
typedef bool sim_rewrite(void *arg, struct buf *frame, const struct frame_facts *facts);
sim_rewrite sim_strip_sack_ok, sim_strip_timestamps, sim_strip_wscale; /* from SYNs */
sim_rewrite sim_clamp_mss;                                             /* of SYNs, to 500 bytes */
sim_rewrite sim_clear_ecn, sim_mark_all;                               /* in IP's header */
sim_rewrite sim_break_checksum; /* so that the segment is refused */
/* Changes the first byte of payload and sets the checksum right: nobody can tell but the reader. */
sim_rewrite sim_forge_payload;
const char *sim_rewrite_name(sim_rewrite *f);

#endif
