/* RACK-TLP (RFC 8985): a segment is lost when one that was sent sufficiently later has been delivered; and
 * when the tail of what was sent goes unanswered, a probe asks after it before the timeout would.
 *
 * The names are the RFC's. It needs SACK; without, NewReno finds the losses (newreno.c).
 */
#ifndef VITRINE_TCP_RACK_H
#define VITRINE_TCP_RACK_H

#include "stack/tcp/scoreboard.h"

struct tcp_ack;
struct tcp_conn;
struct tcp_segment;

struct tcp_rack {
    nsec
        xmit_at; /* RACK.xmit_ts: when the latest sent of what is delivered was sent; 0: none yet */
    tcp_seq end; /* RACK.end_seq: where that ends */
    nsec rtt;    /* RACK.rtt: the round trip of the latest sent of what the latest ACK delivered */
    tcp_seq fack;         /* RACK.fack: behind the highest octet that is delivered */
    tcp_seq dsack_round;  /* snd_nxt when the latest D-SACK widened the window; once a round */
    tcp_seq probe_end;    /* TLP.end_seq: snd_nxt when the probe left */
    uint8_t reo_wnd_mult; /* quarters of the least round trip that a segment may be late; 0 as 1 */
    uint8_t reo_wnd_persist; /* recoveries for which a wider window is kept */
    bool reordering_seen : 1;
    bool in_dsack_round : 1;
    bool probing : 1;      /* a probe is out */
    bool probe_again : 1;  /* TLP.is_retrans: it carried old data */
    bool probe_due : 1;    /* the flush must send it */
    bool probe_as_rto : 1; /* the probe's timer took the place of the retransmission timer */
};

void rack_init(struct tcp_rack *r, tcp_seq start);
/* Octets [run->start, upto) of `run` are delivered (6.2 steps 1 to 3). */
void rack_delivered(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack,
                    const struct tcp_sent *run, tcp_seq upto);
/* 6.2 step 4: the reordering window learns from D-SACKs; and from a fast recovery that was undone (`overtaken`),
 * which shows the same, and reordering too, though nothing that went once only came late: what is late by more than
 * the window always goes twice. */
void rack_learn(struct tcp_conn *c, const struct tcp_ack *ack, bool overtaken);
/* A recovery ended. */
void rack_recovered(struct tcp_conn *c);
/* 6.2 step 5: marks what is lost by now, and sets the timer for what may be soon. Returns octets. */
uint32_t rack_detect_loss(struct tcp_conn *c, nsec now);
/* 6.3: after a timeout. Returns octets. */
uint32_t rack_mark_timed_out(struct tcp_conn *c, nsec now);

/* 7.2: a probe would make sense now; when it is due, from now. */
bool rack_wants_probe(const struct tcp_conn *c);
nsec rack_probe_timeout(const struct tcp_conn *c);
/* A probe left; it carried old data. */
void rack_probe_sent(struct tcp_conn *c, bool again);
/* 7.4: what the ACK tells of the probe. True: it repaired a loss, which congestion control must hear of. */
bool rack_probe_answered(struct tcp_conn *c, const struct tcp_ack *ack);

#endif
