/* Loss recovery: from what is found lost to what is sent again, and what the congestion window does
 * meanwhile.
 *
 * Who finds losses: RACK-TLP with SACK (rack.c), NewReno without (newreno.c), the timer when all else is
 * silent (RFC 5681 3.1). What is lost is marked in the scoreboard, and send.c sends it again. While a
 * recovery lasts the window follows PRR (prr.c) or NewReno; undo.c takes back what proves to be for nothing.
 */
#ifndef VITRINE_TCP_RECOVERY_H
#define VITRINE_TCP_RECOVERY_H

#include "stack/tcp/prr.h"
#include "stack/tcp/rack.h"
#include "stack/tcp/undo.h"
#include "stack/trace/names.h"

struct tcp_ack;
struct tcp_conn;
struct tcp_segment;

struct tcp_recovery {
    struct scoreboard board; /* what is outstanding */
    struct tcp_rack rack;
    struct tcp_prr prr;
    struct tcp_undo undo;
    tcp_seq recover; /* snd_nxt, with what waited, when recovery or the last timeout began */
    tcp_seq first_duplicate; /* NewReno: end of what was let out at the first duplicate */
    uint16_t duplicates;     /* duplicate ACKs in a row */
    bool active;             /* in fast recovery */
    bool recover_set;        /* `recover` means something */
    bool partial_seen;       /* RFC 6582 3.2 step 3: the timer was restarted once */
    bool must_send;          /* the next retransmission goes whatever cwnd says */
    bool lost_anew;          /* something that was sent after reduced_at is lost */
    nsec reduced_at;         /* when losses, or the timer, were answered last */
};

void recovery_init(struct tcp_conn *c, tcp_seq start);
void recovery_done(struct tcp_conn *c);
/* RACK finds the losses; else NewReno does. */
bool recovery_by_rack(const struct tcp_conn *c);
/* snd_una has moved by `ack->acked`: what the segment newly acknowledges and SACKs goes to the scoreboard. */
void recovery_take(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack);
/* An ACK is taken: losses, the episode's end, the window inside of it. */
void recovery_on_ack(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack);
/* The reordering timer of RACK: what was late by its time is lost. */
void recovery_on_reorder_timer(struct tcp_conn *c, nsec now);
/* The retransmission timer; `first`: not a repeat. */
void recovery_on_timeout(struct tcp_conn *c, nsec now, bool first);
/* Everything outstanding counts as lost, and no one is to blame: a shut window, a narrower path. */
void recovery_all_lost(struct tcp_conn *c);

/* Bytes waiting for retransmission. */
uint32_t recovery_pending(const struct tcp_recovery *r);
/* Bytes taken to be in the network: outstanding, not lost, not SACKed. */
uint32_t recovery_in_flight(const struct tcp_conn *c);
/* Something is outstanding that an ACK must come for: in the network, or SACKed beyond a hole. */
bool recovery_awaits_ack(const struct tcp_conn *c);
/* [start, upto) of a run in flight, `n` octets, is about to be taken for lost: congestion control is told. */
void recovery_lose(struct tcp_conn *c, const struct tcp_sent *run, uint32_t n, nsec now);
/* What recovery wants the window to be; an algorithm that owns it is not asked. */
void recovery_set_cwnd(struct tcp_conn *c, uint32_t cwnd);
/* What was outstanding when losses were found, or the timer fired, is not all acknowledged. */
bool recovery_lasts(const struct tcp_conn *c);
void recovery_trace_cwnd(struct tcp_conn *c, enum cwnd_why why);

#endif
