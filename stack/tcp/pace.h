/* Pacing: what the windows allow goes out evenly over the round trip, a quantum at a time, and not all at once
 * (draft-ietf-ccwg-bbr 5.6.2, 5.6.3). It holds for data, new and again; not for what carries none, and not for
 * what a timer makes go: a probe, the first retransmission after a timeout.
 *
 * The rate is congestion control's (cc.pacing_rate). An algorithm that has only a window may be paced too
 * (tcp_options.pace): twice the window each round trip in slow start, since it doubles in one, and 1.2 times
 * in congestion avoidance, so that it is still the window that limits.
 *
 * A timer comes when the wheel's tick does, and the loop may be busy: what waited meanwhile, for a millisecond at
 * the most, is made up for, so that the average is the rate and no more. Idleness earns nothing.
 */
#ifndef VITRINE_TCP_PACE_H
#define VITRINE_TCP_PACE_H

#include "stack/base/types.h"

struct tcp_conn;

struct tcp_pace {
    nsec next_at;    /* when what has gone is paid for at the rate, and the next quantum may go */
    uint64_t rate;   /* bytes a second, of the present flush; 0: not paced */
    uint32_t budget; /* bytes that it may still send; UINT32_MAX: it is not paced */
    bool waiting;    /* something has waited for next_at since */
    bool held;       /* the present flush sends nothing … */
    nsec held_until; /* … before, at whatever rate (pace_hold) */
};

/* The most that may go at once at `rate` bytes a second: what a millisecond takes, but two segments of `mss`
 * at least and 64 KiB at the most. */
uint32_t pace_quantum(uint64_t rate, uint32_t mss);
/* Do `len` bytes make a quantum at the rate of the window, whether that paces or not? */
bool pace_is_quantum(const struct tcp_conn *c, uint32_t len);
/* Nothing goes before `until`, but what the retransmission timer sends. */
void pace_hold(struct tcp_conn *c, nsec until);
/* A flush begins. */
void pace_begin(struct tcp_conn *c, nsec now);
/* May a segment with `len` bytes of data go now? If not, the timer will tell when. */
bool pace_lets(struct tcp_conn *c, uint32_t len);
/* Bytes that may go at once. */
uint32_t pace_budget(const struct tcp_conn *c);
/* It went. */
void pace_sent(struct tcp_conn *c, uint32_t len);

#endif
