/* Accurate ECN (RFC 9768): the receiver counts the marks that come and tells the count, so that the sender knows
 * how many there were and not only that there were some.
 *
 *   SYN       AE CWR ECE         ->      the client asks; a server of RFC 3168 sees its own ECE and CWR
 *                       <-   010 … 110   SYN-ACK: agreed, and with which codepoint the SYN came
 *   ACK       010 … 110          ->      with which the SYN-ACK came; a segment of its own
 *   data      ACE = 3 bits       <->     from then on the three flags count packets with CE, modulo 8
 *             option 172 or 174  <->     and an option counts bytes by codepoint, where there is room for it
 *
 * An endpoint tells what it sees and judges nothing; whoever sent the packets has to make sense of it: whether the
 * counter has gone round unseen, and whether the path changes the field or the flags.
 */
#ifndef VITRINE_TCP_ACCECN_H
#define VITRINE_TCP_ACCECN_H

#include "stack/tcp/seq.h"
#include "stack/trace/names.h"

struct tcp_ack;
struct tcp_conn;
struct tcp_segment;

/* The counters of bytes, in the order of kind 172. */
enum accecn_counter { ACCECN_E0, ACCECN_CE, ACCECN_E1, ACCECN_COUNTERS };

struct tcp_accecn {
    uint32_t cep;                    /* packets that came with CE; begins at 5 (RFC 9768 3.2.1) */
    uint32_t bytes[ACCECN_COUNTERS]; /* payload that came, by codepoint, modulo 2^32 */
    uint32_t peer_cep; /* the peer's counters of what we have sent, as far as it has told … */
    uint32_t peer_bytes[ACCECN_COUNTERS];
    uint32_t since_option; /* marked packets that the peer has told since its option last came */
    uint32_t average;      /* packets that one ACK delivers, in eighths; 0: none yet */
    uint16_t least;        /* payload bytes of the smallest segment that was sent; 0: none yet */
    uint8_t peer_syn;      /* enum ip_ecn: with which the peer's latest SYN or SYN-ACK came */
    uint8_t ce_unacked;    /* packets with CE since an ACK last went */
    uint8_t seen;          /* a bit for each counter that has ever changed … */
    uint8_t untold;        /* … and since an option last went */
    bool latest_ce : 1;    /* the latest packet came with CE */
    bool syn_ack_ce : 1;   /* a SYN-ACK did, and is counted */
    bool syn_marked : 1;   /* our SYN did, the peer says: congestion like that of a lost one */
    bool client : 1;    /* a SYN-ACK agreed; else a SYN did, of a server or a simultaneous open */
    bool of_acks : 1;   /* what makes an ACK due is marks on ACKs, and nothing else */
    bool third_due : 1; /* the ACK that tells how the SYN-ACK came must go, by itself */
    bool
        try_option : 1; /* the first data carries an option, to see whether it gets through (3.2.3.2.1) */
    bool option_sent : 1;    /* data or a SYN-ACK went with one … */
    bool option_passed : 1;  /* … and was delivered */
    bool no_option : 1;      /* what carries one is lost: none goes any more (3.2.3.2.2) */
    bool options_come : 1;   /* the peer's get through (3.2.3.2.3) */
    bool ignore_options : 1; /* the path writes into them (3.2.3.2.4) */
    bool heard : 1;          /* the first ACE after the handshake has come (3.2.2.4) */
};

/* ---- arithmetic (RFC 9768 A.1, A.2): for tests too ---- */

/* The three flags that tell with which codepoint a SYN or SYN-ACK came (tables 2 and 3), and back: IP_ECNS: none
 * of the four. */
uint8_t accecn_handshake_code(enum ip_ecn came);
enum ip_ecn accecn_handshake_meaning(uint8_t code);
/* The least by which a counter of bytes has grown, from its 24 bits (A.1). */
uint32_t accecn_byte_delta(uint32_t counter, uint32_t field);
/* The least by which the peer's counter has grown, from its 3 bits. */
uint32_t accecn_delta(uint32_t counter, uint8_t ace);
/* The most that it may have, if `packets` full segments are newly delivered (A.2.1). */
uint32_t accecn_safest(uint32_t delta, uint32_t packets);
/* Which of the two it is, when `bytes` are newly counted as marked (A.2.2). */
uint32_t accecn_likely(uint32_t delta, uint32_t safest, uint32_t bytes, uint32_t mss);

/* ---- the handshake ---- */

/* Both ends speak it; `came`: the codepoint of the peer's SYN or SYN-ACK. */
void accecn_begin(struct tcp_conn *c, enum ip_ecn came);
/* The flags and the option of our SYN-ACK. False: it goes without, after two that were not answered. */
bool accecn_stamp_syn_ack(struct tcp_conn *c, struct tcp_segment *s);
/* The SYN-ACK that agrees: what it says of our SYN. */
void accecn_take_syn_ack(struct tcp_conn *c, const struct tcp_segment *s);
/* It comes again. */
void accecn_syn_ack_again(struct tcp_conn *c, const struct tcp_segment *s);

/* ---- the receiver ---- */
void accecn_receive(struct tcp_conn *c, const struct tcp_segment *s);
/* Adds the option if something has to be told and there is room (3.2.3.3). `text`: the segment carries data. */
void accecn_add_option(const struct tcp_conn *c, struct tcp_segment *s, bool text);
/* Sets ACE. */
void accecn_stamp(struct tcp_conn *c, struct tcp_segment *s);
/* The segment has gone out. */
void accecn_sent(struct tcp_conn *c, const struct tcp_segment *s);
/* The three flags of an ACK that is sent later, without the connection. */
static inline uint8_t accecn_ace(const struct tcp_accecn *a)
{
    return a->cep & 7U;
}

/* ---- the sender ---- */

/* What an ACK says of marks, into `ack`. */
void accecn_hear(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack);
/* Loss was found: perhaps the option is what the path does not like (3.2.3.2.2). */
void accecn_on_loss(struct tcp_conn *c);

#endif
