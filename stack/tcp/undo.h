/* A loss that was none: what congestion control did for it is undone (RFC 4015).
 *
 * Three witnesses, the quickest first: the timestamp that comes back is older than the first retransmission
 * (Eifel, RFC 3522); after a timeout, octets that were never sent again are delivered (F-RTO, RFC 5682); and
 * every retransmission is reported as a duplicate (D-SACK, RFC 2883, RFC 3708).
 */
#ifndef VITRINE_TCP_UNDO_H
#define VITRINE_TCP_UNDO_H

#include "stack/tcp/seq.h"

struct tcp_ack;
struct tcp_conn;
struct tcp_segment;

/* RFC 5682 2.1: where the algorithm stands. */
enum frto {
    FRTO_OFF,
    FRTO_FIRST,  /* the timer fired; waits for the first ACK */
    FRTO_NEW,    /* it moved snd_una: now new data goes, not a second retransmission */
    FRTO_SECOND, /* new data went; waits for the second ACK */
};

struct tcp_undo {
    uint32_t cwnd, ssthresh; /* bytes: before the episode */
    uint32_t resent;         /* bytes sent again, and not reported as duplicates yet */
    uint32_t first_ts;       /* TSval of the first retransmission */
    tcp_seq first_end;       /* and the sequence number behind it */
    tcp_seq low, high;       /* all that went again lies between these */
    bool armed : 1;          /* there is something to be undone */
    bool has_first : 1;      /* first_ts, first_end, low and high mean something */
    uint8_t frto;            /* enum frto */
};

/* A loss is to be answered by congestion control: remembers how things were. */
void undo_begin(struct tcp_conn *c);
/* The timer fired for the first time in a row: RFC 5682 2.1 and 3.1 step 1. `alone`: no recovery was going on. In
 * one, octets that were sent before the timer fired arrive whether it was spurious or not. */
void undo_on_timeout(struct tcp_conn *c, bool alone);
/* Old octets [start, end) went again. */
void undo_resent(struct tcp_conn *c, tcp_seq start, tcp_seq end, nsec now);
/* There was congestion all the same, a mark says (RFC 3168): the window stays reduced. */
void undo_marked(struct tcp_conn *c);
/* Judges by the ACK. True: the episode was spurious, and is undone. */
bool undo_on_ack(struct tcp_conn *c, const struct tcp_segment *s, const struct tcp_ack *ack);
/* New data may go before what counts as lost (RFC 5682 2.1 step 2b)? */
static inline bool undo_prefers_new(const struct tcp_undo *u)
{
    return u->frto == FRTO_NEW;
}
/* What came of it: `sent` octets of new data; none: F-RTO cannot decide. */
void undo_new_sent(struct tcp_conn *c, uint32_t sent);

#endif
