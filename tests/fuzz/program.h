/* A program for one host, in bytes: frames of a peer, calls of an application, time, and trouble. What
 * a frame says is relative to the connection that it is for, and its checksums are made good, so that
 * most of what a fuzzer invents gets past the first checks.
 *
 * Four connections at most exist at a time, the slots: 0 and 1 are opened by the peer towards port 80,
 * 2 and 3 by us. Each step is one byte, the operation in its low four bits and the slot in the next
 * two, and then what the operation asks for (program_ops.c). Behind the end of the input come zeros.
 *
 * The byte of every stream, in both directions, is a function of its sequence number. So each byte that
 * the host delivers, and each that it sends, is checked wherever segments were cut, lost or overlapped.
 */
#ifndef VITRINE_FUZZ_PROGRAM_H
#define VITRINE_FUZZ_PROGRAM_H

#include "stack/tcp/conn.h"
#include "tests/fuzz/net.h"
#include "tests/sim/invariants.h"

#define PROGRAM_SLOTS 4U
#define PROGRAM_PASSIVE 2U /* slots below this are opened by the peer */
#define PROGRAM_PORT 80U
#define PROGRAM_PEER_PORT 40000U /* and up, a slot each */
#define PROGRAM_OUR_PORT 5000U   /* likewise, for those we open */
#define PROGRAM_APPS 8U
#define PROGRAM_OPS 300U /* steps of one input */

enum program_op {
    OP_SEGMENT, /* flags, places, options …, window, urgent pointer, length: see program_ops.c */
    OP_WRITE, /* length / 16; the top bit of the operation: urgent; the one below: cork on or off */
    OP_READ,  /* length / 16; 255: all */
    OP_SHUTDOWN,
    OP_CLOSE,
    OP_ABORT,
    OP_CONNECT,  /* options of the connection */
    OP_LISTEN,   /* options; again: no more */
    OP_DEADLINE, /* on to the next deadline, 1 to 4 times by the top bits */
    OP_TIME,     /* mantissa, exponent: mantissa * 2^exponent * 2^16 ns */
    OP_FAULT,    /* which pool, and which allocation fails */
    OP_ICMP,     /* type and code, what it quotes, MTU */
    OP_HOLD,     /* frames are held and arrive together, at the next OP_HOLD */
    OP_TROUBLE,  /* so many frames are refused by the device; the top bit: nobody answers ARP */
    OP_OPTIONS,  /* options of the connection */
    OP_HABIT,    /* what the application does inside its callbacks */
};

/* An application: what it does in the callbacks is its habit. */
struct program_app {
    struct stream *s; /* NULL: none */
    struct program *program;
    tcp_seq next;  /* of the next byte that it reads */
    bool begun;    /* `next` is known */
    uint8_t habit; /* of the callback; two bits each for opened, readable, writable, peer_closed */
};

struct program {
    struct net net; /* first, so that a net is a program */
    struct invariants invariants;
    struct tcp_listener *listener;
    struct program_app apps[PROGRAM_APPS];
    uint8_t habit;                   /* of the next application */
    uint32_t snd_nxt[PROGRAM_SLOTS]; /* ours, as last seen on the wire: when no block tells it */
};

/* What a slot's connection is at. Where there is none: what the peer may believe. */
struct program_view {
    struct tcp_tuple tuple;
    bool open; /* there is one, and not in TIME-WAIT */
    tcp_seq rcv_nxt, rcv_adv, irs, snd_una, snd_nxt, iss;
    uint32_t ts_recent, ts_now; /* the peer's latest, and our clock */
    bool ts_ok;
};

uint8_t program_byte(tcp_seq s); /* of every stream */
struct program_view program_view(struct program *p, unsigned slot);
struct program_app *program_app_of(struct program *p, unsigned slot); /* NULL: none */

void program_init(struct program *p);
/* One step. */
void program_step(struct program *p, struct rd *in);
/* All of it, up to PROGRAM_OPS steps. */
void program_run(struct program *p, struct rd *in);
/* The applications let go, half of them politely, and nothing may be left. */
void program_done(struct program *p);

#endif
