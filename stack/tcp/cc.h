/* Congestion control: how much may be in flight. An algorithm is one file and one const vtable; its
 * state lives inside the connection. Units are bytes throughout.
 */
#ifndef VITRINE_TCP_CC_H
#define VITRINE_TCP_CC_H

#include "stack/base/types.h"
#include "stack/tcp/ack.h"
#include "stack/tcp/cc_bbr.h"
#include "stack/tcp/hystart.h"
#include "stack/trace/names.h"

#define CC_SSTHRESH_START UINT32_MAX /* RFC 5681 3.1: arbitrarily high, until there is a loss */

struct tcp_cc;

/* Octets that were sent together are taken for lost. */
struct cc_lost {
    nsec now;
    uint32_t bytes;
    uint32_t in_flight;  /* bytes that were, when they had been sent: themselves included */
    uint64_t since_sent; /* bytes lost since: themselves included */
    bool app_limited;    /* the application was the limit then */
    bool selective;      /* more than one loss in a round trip would be found */
};

struct tcp_cc_ops {
    const char *name;
    uint16_t kept; /* bytes of its part of `u`, from the first on, that outlive silence (rest.h) */
    bool paces;    /* it sets pacing_rate; else the window may (pace.h) */
    /* Nobody else sets cwnd: neither recovery (PRR, NewReno) nor idleness; and every ACK is told. */
    bool owns_window;
    /* A connection begins: its part of `u`, which is zero. May be NULL. */
    void (*init)(struct tcp_cc *cc);
    /* An ACK of new data outside of loss recovery; each ACK, if it owns the window. */
    void (*on_ack)(struct tcp_cc *cc, const struct tcp_ack *ack);
    /* Something is taken for lost; before on_loss, and after on_timeout. May be NULL. */
    void (*on_lost)(struct tcp_cc *cc, const struct cc_lost *lost);
    /* Recovery begins, with `flight` bytes outstanding: sets ssthresh. */
    void (*on_loss)(struct tcp_cc *cc, uint32_t flight);
    /* A congestion mark was echoed (RFC 3168), at most once for each window, with `flight` bytes outstanding:
     * sets ssthresh. NULL: marks are nothing to it. */
    void (*on_mark)(struct tcp_cc *cc, uint32_t flight);
    /* The retransmission timer fired with `flight` bytes outstanding; `first`: not a repeat. */
    void (*on_timeout)(struct tcp_cc *cc, uint32_t flight, bool first);
    /* The latest loss was none; cwnd and ssthresh are restored already. May be NULL. */
    void (*on_undo)(struct tcp_cc *cc);
    /* Something is about to be sent, and nothing is in flight. `srtt`: the round trip; 0: no sample yet. May be
     * NULL. */
    void (*on_idle)(struct tcp_cc *cc, nsec now, nsec srtt);
    /* Where it stands, for people. NULL: slow start below ssthresh, else congestion avoidance. */
    enum cc_state (*state)(const struct tcp_cc *cc);
    /* Segments have become smaller: of `mss` bytes, and of `before` before. cwnd and ssthresh are as many of them as they were
     * already; what it remembers of windows is to be, too. May be NULL. */
    void (*on_smaller)(struct tcp_cc *cc, uint32_t mss, uint32_t before);
};

struct cc_newreno_state {
    uint32_t acked; /* bytes acknowledged since cwnd last grew in congestion avoidance */
};

/* The names are RFC 9438's. */
struct cc_cubic_state {
    uint32_t w_max;          /* bytes: cwnd when it was last reduced; 0: not yet */
    uint32_t w_prior;        /* the same, before fast convergence */
    uint32_t w_est;          /* bytes: what Reno's window would be */
    uint64_t w_est_rest;     /* what is left of its growth, in 1 / cwnd of a byte */
    uint64_t rest;           /* and of cwnd's */
    int64_t k;               /* ms from the epoch until the window is w_max again */
    nsec epoch;              /* when congestion avoidance began; 0: it has not */
    nsec grown_at;           /* when the window last had a chance to grow in it */
    nsec unused_since;       /* since when the window has not been the limit; 0: it is */
    struct cc_cubic_before { /* the latest reduction, so that it can be undone */
        uint32_t w_max, w_prior;
        int64_t k;
        nsec epoch;
    } before;
    struct tcp_hystart hystart;
};

struct tcp_cc {
    const struct tcp_cc_ops *ops;
    uint32_t mss;          /* bytes: SMSS */
    uint32_t cwnd;         /* bytes */
    uint32_t ssthresh;     /* bytes */
    uint64_t pacing_rate;  /* bytes a second; 0: not paced */
    uint32_t dice;         /* state of the connection's generator of random waits */
    bool slow_on_purpose;  /* it sends less than it might: samples of the rate say little */
    bool no_ack_train;     /* HyStart++ hears of delay alone (RFC 9406), for study */
    bool no_hystart;       /* … nor of that: slow start ends by a loss or a mark */
    bool no_byte_counting; /* an ACK opens the window in slow start by a segment at the most */
    bool no_abe;           /* a mark counts like a loss (RFC 3168 6.1.2), for study */
    union {
        struct cc_newreno_state newreno;
        struct cc_cubic_state cubic;
        struct cc_bbr_state bbr;
    } u;
};

extern const struct tcp_cc_ops cc_newreno;
extern const struct tcp_cc_ops cc_cubic;
extern const struct tcp_cc_ops cc_bbr;

/* Initial window by RFC 6928 2; `syn_lost` makes it one segment (RFC 5681 3.1). */
void cc_init(struct tcp_cc *cc, const struct tcp_cc_ops *ops, uint32_t mss, bool syn_lost);
/* `bytes` in segments of `before` bytes, as so many of `mss`. */
static inline uint32_t cc_scaled(uint32_t bytes, uint32_t mss, uint32_t before)
{
    return (uint32_t)((uint64_t)bytes * mss / before);
}
/* Another algorithm takes over, with the window as it is. */
void cc_change(struct tcp_cc *cc, const struct tcp_cc_ops *ops);
uint32_t cc_initial_window(uint32_t mss);
/* Nothing was sent for longer than the RTO: begin again from the restart window (RFC 5681 4.1). */
void cc_idle_restart(struct tcp_cc *cc);
/* The percentage that a mark leaves of the flight: `gentle` in congestion avoidance (RFC 8511 3); in slow start,
 * whose overshoot is large, what a loss leaves. */
uint32_t cc_mark_percent(const struct tcp_cc *cc, uint32_t gentle, uint32_t loss);
/* Bytes by which an ACK opens the window in slow start (RFC 5681 3.1, RFC 3465). */
uint32_t cc_slow_start_growth(const struct tcp_cc *cc, const struct tcp_ack *ack);
/* Where it stands, for people. */
enum cc_state cc_state_of(const struct tcp_cc *cc);
/* The algorithm of that name; NULL: there is none. */
const struct tcp_cc_ops *cc_named(const char *name);

#endif
