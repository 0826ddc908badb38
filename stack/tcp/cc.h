/* Congestion control: how much may be in flight. An algorithm is one file and one const vtable; its
 * state lives inside the connection. Units are bytes throughout.
 */
#ifndef VITRINE_TCP_CC_H
#define VITRINE_TCP_CC_H

#include "stack/base/types.h"
#include "stack/tcp/ack.h"

struct tcp_cc;

struct tcp_cc_ops {
    const char *name;
    /* An ACK of new data outside of loss recovery. */
    void (*on_ack)(struct tcp_cc *cc, const struct tcp_ack *ack);
    /* Loss was found by duplicate ACKs with `flight` bytes outstanding: sets ssthresh. */
    void (*on_loss)(struct tcp_cc *cc, uint32_t flight);
    /* The retransmission timer fired with `flight` bytes outstanding; `first`: not a repeat. */
    void (*on_timeout)(struct tcp_cc *cc, uint32_t flight, bool first);
    /* The latest loss was none; cwnd and ssthresh are restored already. May be NULL. */
    void (*on_undo)(struct tcp_cc *cc);
};

struct tcp_cc {
    const struct tcp_cc_ops *ops;
    uint32_t mss;      /* bytes: SMSS */
    uint32_t cwnd;     /* bytes */
    uint32_t ssthresh; /* bytes */
    union {
        struct {
            uint32_t acked; /* bytes acknowledged since cwnd last grew in congestion avoidance */
        } newreno;
    } u;
};

extern const struct tcp_cc_ops cc_newreno;

/* Initial window by RFC 6928 2; `syn_lost` makes it one segment (RFC 5681 3.1). */
void cc_init(struct tcp_cc *cc, const struct tcp_cc_ops *ops, uint32_t mss, bool syn_lost);
/* Another algorithm takes over, with the window as it is. */
void cc_change(struct tcp_cc *cc, const struct tcp_cc_ops *ops);
uint32_t cc_initial_window(uint32_t mss);
/* Nothing was sent for longer than the RTO: begin again from the restart window (RFC 5681 4.1). */
void cc_idle_restart(struct tcp_cc *cc);

#endif
