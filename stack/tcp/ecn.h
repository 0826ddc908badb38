/* Explicit congestion notification (RFC 3168, RFC 8311): a router marks a packet instead of dropping it, the
 * receiver echoes the mark, and the sender reduces its window as if something had been lost.
 *
 *   SYN       ECE CWR            ->      the client asks
 *                       <-   ECE         SYN-ACK: the server agrees
 *   data      ECT(0)             ->      "may be marked"; new data only (RFC 3168 6.1.4 to 6.1.6)
 *                 a router sets CE
 *                       <-   ECE         in every segment, until
 *   new data  CWR                ->      the window is reduced, once for each window of data
 *
 * RFC 9768 (accecn.h) has the same flags say more; both are agreed on here, and what is ECN-capable and how the
 * window answers is the same for both.
 *
 * And what real networks need: a SYN that goes unanswered is sent again without asking, and a path that loses
 * what is ECN-capable, or marks all of it, gets none of it any more.
 */
#ifndef VITRINE_TCP_ECN_H
#define VITRINE_TCP_ECN_H

#include "stack/tcp/seq.h"
#include "stack/trace/names.h"

struct tcp_ack;
struct tcp_config;
struct tcp_conn;
struct tcp_segment;

struct tcp_ecn {
    uint8_t mode;  /* enum ecn_mode: what both ends have agreed on */
    uint8_t asked; /* enum ecn_mode: what a SYN of ours has asked for */
    uint8_t
        marked_rounds; /* windows in a row, from the first on, of which no ACK came without a mark */
    bool bare : 1;     /* a SYN of ours did not ask */
    bool no_ect : 1;   /* nothing goes out as ECN-capable */
    bool deaf : 1;     /* what the peer says of marks is not believed */
    bool echo : 1;     /* CE came, and no CWR since (RFC 3168 6.1.3) */
    bool cwr_due : 1;  /* the next new data says that the window was reduced (6.1.2) */
    bool ect_sent : 1;   /* something went out as ECN-capable … */
    bool ect_passed : 1; /* … and was delivered */
    bool clean : 1;      /* an ACK of new data came without a mark */
    bool reduced : 1;    /* the window was reduced, and nothing sent since is acknowledged */
    bool by_mark : 1;    /* … for a mark */
    tcp_seq reduced_end; /* snd_nxt then */
    uint64_t ce_in;      /* packets that came with CE */
    uint64_t ect_in;     /* and with ECT(0) or ECT(1) */
    uint64_t marked_out; /* packets of ours that came with CE, as far as the peer tells */
};

/* ---- the handshake ---- */

/* The flags of a SYN that asks for a mode, as segment_ace has them. */
uint8_t ecn_ask(enum ecn_mode mode);
/* What a host with these settings agrees to when that SYN asks. */
enum ecn_mode ecn_answer(const struct tcp_config *config, const struct tcp_segment *syn);
/* Sets the flags of our SYN or SYN-ACK. */
void ecn_stamp_syn(struct tcp_conn *c, struct tcp_segment *s);
/* Takes the flags of the peer's first SYN or SYN-ACK: the mode is settled. */
void ecn_take_syn(struct tcp_conn *c, const struct tcp_segment *s);
/* The peer's SYN comes again in SYN-RECEIVED. False: it asks for something else than before, and the connection must
 * be reset (RFC 9768 3.1.5). */
bool ecn_syn_again(struct tcp_conn *c, const struct tcp_segment *s);
/* A SYN comes too late for anything; it may be the SYN-ACK again, whose sender has not heard our ACK. */
void ecn_late_syn(struct tcp_conn *c, const struct tcp_segment *s);

/* ---- the receiver ---- */

/* An acceptable segment has come (RFC 3168 6.1.3). */
void ecn_receive(struct tcp_conn *c, const struct tcp_segment *s);

/* ---- the sender ---- */

/* Sets the flags of a segment that is neither SYN nor RST, and the codepoint of its packet. `fresh`: it carries
 * data for the first time. */
void ecn_stamp(struct tcp_conn *c, struct tcp_segment *s, bool fresh);
/* The next data has CWR set. */
bool ecn_says_cwr(const struct tcp_conn *c);
/* What an ACK says of marks, into `ack`. What it delivers is known already. */
void ecn_hear(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack);
/* The answer to it, after loss recovery has had its turn. True: the ACK does not open the window. */
bool ecn_react(struct tcp_conn *c, const struct tcp_ack *ack);
/* Loss was found or a timer fired, before the window is reduced for it. True: it is reduced already, for a
 * mark in the same window of data (RFC 3168 6.1.2). `anew`: what is lost was sent after the latest reduction. */
bool ecn_on_loss(struct tcp_conn *c, bool anew);
/* The path cannot be trusted: nothing goes out as ECN-capable any more, and if `deaf`, what the peer says of marks
 * is not believed either. What the peer wants to know it is told on (RFC 9768 3.1.5). */
void ecn_stop(struct tcp_conn *c, enum ecn_why why, bool deaf);

#endif
