/* Loss recovery: what counts as lost, and is to be sent again. NewReno (RFC 6582) on duplicate ACKs,
 * and go-back-N after a timeout (RFC 5681 3.1).
 *
 * What is lost and waits for retransmission is the one range [rtx_next, rtx_end) of sequence space;
 * it lies between snd_una and snd_nxt, and is empty when all is well.
 */
#ifndef VITRINE_TCP_RECOVERY_H
#define VITRINE_TCP_RECOVERY_H

#include "stack/tcp/seq.h"

struct tcp_ack;
struct tcp_conn;

struct tcp_recovery {
    tcp_seq rtx_next, rtx_end; /* lost and not sent again yet */
    tcp_seq rtx_max;           /* what lies below has been sent again already */
    tcp_seq recover;           /* snd_nxt when recovery, or the last timeout, began */
    tcp_seq first_duplicate;   /* snd_nxt when the first duplicate ACK in a row came */
    uint16_t duplicates;       /* duplicate ACKs in a row */
    bool active;               /* in fast recovery */
    bool recover_set;          /* `recover` means something */
    bool partial_seen;         /* RFC 6582 3.2 step 3: the timer was restarted once */
    bool must_send;            /* the next retransmission goes whatever cwnd says */
};

void recovery_init(struct tcp_recovery *r, tcp_seq start);
/* An ACK that moved snd_una, or a duplicate. */
void recovery_on_ack(struct tcp_conn *c, const struct tcp_ack *ack);
/* Everything outstanding counts as lost: after a timeout, or a shut window. */
void recovery_all_lost(struct tcp_conn *c);
/* Bytes waiting for retransmission. */
uint32_t recovery_pending(const struct tcp_recovery *r);
/* Bytes taken to be in the network: outstanding and not lost. */
uint32_t recovery_in_flight(const struct tcp_conn *c);

#endif
