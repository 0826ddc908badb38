/* HyStart++ (RFC 9406): leaves slow start when round trips grow, before the queue overflows, by way of a
 * cautious phase (CSS) that goes back to slow start if the growth was noise.
 */
#ifndef VITRINE_TCP_HYSTART_H
#define VITRINE_TCP_HYSTART_H

#include "stack/tcp/ack.h"

struct tcp_hystart {
    tcp_seq round_end;  /* windowEnd: snd_nxt when the round began */
    nsec last_min;      /* the least round trip of the round before; 0: none */
    nsec min;           /* and of this one */
    nsec baseline;      /* cssBaselineMinRtt; 0: not in CSS */
    uint8_t samples;    /* of this round */
    uint8_t css_rounds; /* rounds in CSS so far */
    bool begun : 1;     /* round_end means something */
};

/* An ACK in slow start that would grow the window by `grow` bytes: returns by how many it may.
 * `*done`: slow start is over, and ssthresh becomes cwnd. */
uint32_t hystart_on_ack(struct tcp_hystart *h, const struct tcp_ack *ack, uint32_t grow,
                        bool *done);

#endif
