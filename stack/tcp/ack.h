/* What one incoming ACK did: made once, read by recovery, congestion control and round-trip timing,
 * which keep no copies of their own.
 */
#ifndef VITRINE_TCP_ACK_H
#define VITRINE_TCP_ACK_H

#include "stack/tcp/seq.h"

struct tcp_conn;
struct tcp_segment;

struct tcp_ack {
    nsec now;           /* ingress time */
    tcp_seq ack;        /* SEG.ACK */
    tcp_seq old_una;    /* snd_una before it */
    uint32_t acked;     /* octets of sequence space newly acknowledged; 0: none */
    uint32_t sacked;    /* octets newly SACKed */
    uint32_t delivered; /* octets that the peer is now known to have: cumulatively or by SACK */
    uint32_t fresh;     /* of them, those that were sent once only, before recovery.recover */
    uint32_t lost;      /* octets newly marked lost */
    uint32_t dsack_len; /* octets that the peer reports as a duplicate (RFC 2883); 0: none */
    tcp_seq dsack_end;  /* the sequence number behind them */
    uint32_t flight;    /* bytes outstanding before it, with those that are waiting */
    uint32_t waiting;   /* bytes that the ACKs before it in the batch have let out (send_waiting) */
    uint32_t in_flight; /* bytes in the network after it */
    uint64_t total;     /* bytes delivered so far */
    nsec rtt;           /* the round-trip sample that it gave for the RTO; 0: none */
    nsec ack_rtt;       /* from the latest sent of what it delivers, that was sent once; 0: none */
    nsec srtt;          /* smoothed, with that */
    tcp_seq nxt;        /* snd_nxt */
    uint32_t marked;    /* packets of ours that came marked, so far unknown (ecn.h) */
    bool ece;           /* it speaks of marks of congestion */
    bool duplicate;     /* a duplicate ACK by RFC 5681 2 */
    bool window_changed; /* it moved snd_wnd */
    bool cwnd_limited;   /* the congestion window was what held the sender back, or may soon */
    bool in_bursts;      /* it was, and nothing was paced: data goes out as fast as ACKs come */
    bool undone;         /* it showed that the latest loss was none */
    bool recovering;     /* losses are being repaired still, or again */
    bool selective;      /* more than one loss in a round trip would be found */
    bool after_timeout;  /* what it acknowledges was outstanding when the timer fired */
    /* the delivery rate (rate.h) */
    bool rate_has;           /* something was delivered that carried a stamp */
    bool app_limited;        /* the sample was taken while the application was the limit */
    uint64_t rate;           /* bytes a second; 0: no sample */
    uint32_t rate_bytes;     /* bytes delivered since the latest sent of it was sent */
    uint64_t rate_lost;      /* and lost since */
    uint32_t rate_in_flight; /* bytes in the network when it had been sent */
    nsec rate_sent_at;       /* when the latest sent of it was */
    tcp_seq rate_end;        /* and where that ends */
    uint64_t rate_prior;     /* bytes that had been delivered then */
    nsec rate_since;         /* when the latest of those had been */
    nsec rack_sent_at;   /* when the latest sent of it was, without what RACK leaves out (rack.h) */
    nsec rate_send_span; /* over which the flight that it was part of was sent */
};

/* Takes an acceptable ACK (RFC 9293 3.10.7.4 "fifth"): moves snd_una, gives back the send queue,
 * updates the window, then tells round-trip timing, recovery and congestion control. */
void ack_process(struct tcp_conn *c, const struct tcp_segment *s);

#endif
