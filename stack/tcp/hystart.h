/* HyStart++ (RFC 9406): leaves slow start when round trips grow, before the queue overflows, by way of a
 * cautious phase (CSS) that goes back to slow start if the growth was noise.
 *
 * The least round trip of a round tells of the queue two rounds ago, since when the window has become four times as
 * large. So where a queue holds one bandwidth-delay product it is full before CSS begins. What tells at once is the ACK
 * train of the older HyStart (Ha and Rhee, 2011, 4.1): a window that is sent in bursts comes back in a train of ACKs as
 * long as the bottleneck takes for it. Of half a round trip: the window, which has doubled since, is about the path's;
 * CSS begins. Of a whole one: the bottleneck never rests, and slow start is over. This is beyond RFC 9406, on the
 * careful side of it; who is paced, or sends less than its window, has no bursts: for those the train says nothing.
 */
#ifndef VITRINE_TCP_HYSTART_H
#define VITRINE_TCP_HYSTART_H

#include "stack/tcp/ack.h"

struct tcp_hystart {
    tcp_seq round_end;  /* windowEnd: snd_nxt when the round began */
    nsec last_min;      /* the least round trip of the round before; 0: none */
    nsec min;           /* and of this one */
    nsec baseline;      /* cssBaselineMinRtt; 0: not in CSS */
    nsec train_from;    /* when the ACK train began: ACKs with no pause between them ... */
    nsec train_to;      /* ... and when its latest came */
    uint8_t samples;    /* of this round */
    uint8_t css_rounds; /* rounds in CSS so far */
    bool begun : 1;     /* round_end means something */
    bool by_train : 1; /* CSS began because of the train: no round trip can show that to be noise */
};

/* An ACK in slow start that would grow the window by `grow` bytes: returns by how many it may. `trains`: those of
 * its kind tell how long the bottleneck is busy. `*done`: slow start is over, and ssthresh becomes cwnd. */
uint32_t hystart_on_ack(struct tcp_hystart *h, const struct tcp_ack *ack, uint32_t grow,
                        bool trains, bool *done);

#endif
