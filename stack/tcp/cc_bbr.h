/* What BBR keeps for a connection (draft-ietf-ccwg-bbr-06). The names are the draft's, without "BBR."; what
 * may be infinite there is the greatest number here. cc_bbr.c is the state machine, bbr_model.c the model of
 * the path, bbr_control.c what follows from it.
 */
#ifndef VITRINE_TCP_CC_BBR_H
#define VITRINE_TCP_CC_BBR_H

#include "stack/base/types.h"

#define BBR_INFLIGHT_ANY UINT32_MAX /* no bound */
#define BBR_BW_ANY UINT64_MAX
#define BBR_SLOTS 2U /* of a filter that remembers the present window and the one before */

/* What the ACKs that come now tell of (5.3.3.9). */
enum bbr_ack_phase {
    BBR_ACKS_INIT,           /* nothing in particular */
    BBR_ACKS_REFILLING,      /* the pipe is being refilled */
    BBR_ACKS_PROBE_STARTING, /* probing has begun, and no ACK is of it yet */
    BBR_ACKS_PROBE_FEEDBACK, /* they are of the probe */
    BBR_ACKS_PROBE_STOPPING, /* it is over, and they still are */
};

struct cc_bbr_state {
    uint8_t state;              /* enum cc_state */
    uint8_t ack_phase;          /* enum bbr_ack_phase */
    uint8_t undo_state;         /* enum cc_state that a loss ended; CC_STATES: none */
    uint8_t full_bw_count;      /* rounds without much growth */
    uint8_t bw_probe_up_rounds; /* in ProbeBW_UP: inflight_longterm grows by 2^this segments */
    uint8_t loss_events;        /* ranges lost in the present loss round */
    uint8_t extra_acked_rounds; /* since its filter moved on */
    bool begun : 1;             /* an ACK has come: the moments below mean something */
    bool has_rtt : 1;           /* the first pacing rate was made of a round trip */
    bool round_start : 1;       /* this ACK begins a round */
    bool loss_round_start : 1;
    bool full_bw_now : 1;     /* the pipe is full, says the present probe */
    bool full_bw_reached : 1; /* it was so once */
    bool is_loss_in_round : 1;
    bool is_bw_probe_sample : 1; /* ACKs and losses tell of a probe that was not answered yet */
    bool prev_probe_too_high : 1;
    bool prev_probe_precautionary : 1;
    bool idle_restart : 1;
    bool probe_rtt_round_done : 1;
    bool probe_rtt_expired : 1;
    bool saved : 1;       /* `undo` is from before the present losses */
    bool in_recovery : 1; /* of losses; prior_cwnd is from before */

    uint64_t delivered; /* C.delivered, bytes */
    uint64_t
        next_round_delivered; /* the round ends when so much was delivered before a packet left */
    uint64_t loss_round_delivered;
    uint32_t round_count, rounds_since_probe_up, drain_start_round;

    /* bytes a second */
    uint64_t bw_slot[BBR_SLOTS]; /* the most of the previous and of the present cycle */
    uint64_t bw, bw_latest, bw_shortterm, full_bw;
    /* bytes */
    uint32_t inflight_latest, inflight_shortterm, inflight_longterm;
    uint32_t prior_cwnd;
    uint32_t extra_acked[BBR_SLOTS];
    uint64_t extra_acked_delivered;
    uint32_t bw_probe_up_acked, probe_up_acked_per_inc;
    struct cc_bbr_undo { /* what a loss may have changed for nothing */
        uint64_t bw_shortterm;
        uint32_t inflight_shortterm, inflight_longterm;
    } undo;
    /* moments and spans */
    nsec now;                    /* of the latest ACK */
    nsec min_rtt, min_rtt_stamp; /* 0: no sample yet */
    nsec probe_rtt_min_delay, probe_rtt_min_stamp;
    nsec probe_rtt_done_stamp; /* 0: not yet as low as that */
    nsec extra_acked_start;
    nsec cycle_stamp, bw_probe_wait;
};

#endif
