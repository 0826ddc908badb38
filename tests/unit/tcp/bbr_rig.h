/* BBR alone, told of ACKs one by one. The path is one of 2,500,000 bytes a second and 40 ms: its BDP is 100,000 bytes,
 * and 0.99 of the rate 2,475,000. What tests expect is computed by hand from draft-ietf-ccwg-bbr-06.
 */
#ifndef VITRINE_TESTS_BBR_RIG_H
#define VITRINE_TESTS_BBR_RIG_H

#include "stack/tcp/bbr_model.h"

#define MSS 1000U
#define MS(n) ((nsec)(n)*NS_PER_MS)
#define RATE UINT64_C(2500000)
#define RTT MS(40)
#define BDP 100000U

struct bbr_rig {
    struct tcp_cc cc;
    nsec now;
    uint64_t total; /* bytes delivered */
};

extern struct bbr_rig bbr;

void bbr_rig_set_up(void);
/* An ACK of one segment, a round trip after the one before: a packet-timed round, and a loss round, begins. */
struct tcp_ack next_round(uint64_t rate);
/* One in the middle of a round. */
struct tcp_ack same_round(uint64_t rate);
void take(struct tcp_ack ack);
void take_round(uint64_t rate);
void take_app_limited(uint64_t rate); /* a round as well */
/* The path is known, the pipe full, and the state this. */
void know(enum cc_state state, uint32_t cwnd);
/* So many ranges of a segment, of 100,000 bytes in flight. */
void lose(unsigned ranges);

#endif
