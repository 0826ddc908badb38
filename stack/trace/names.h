/* Numbers that stand in events, in the field's words: states, reasons, timers, flags.
 *
 * The enumerations that events carry live here, on the lowest floor that needs to name them, so
 * that the recorder, the terminal, JSON and gdb all use one list.
 */
#ifndef VITRINE_TRACE_NAMES_H
#define VITRINE_TRACE_NAMES_H

#include "stack/base/stream.h"
#include "stack/base/types.h"

/* RFC 9293 3.3.2. In this order a greater state is a later one in a connection's life. */
enum tcp_state {
    TCP_CLOSED,
    TCP_LISTEN,
    TCP_SYN_SENT,
    TCP_SYN_RCVD,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_LAST_ACK,
    TCP_TIME_WAIT,
    TCP_STATES,
};

enum tcp_flag {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
    TCP_ECE = 0x40,
    TCP_CWR = 0x80,
    TCP_AE = 0x100, /* the last of the reserved bits (RFC 9768 3.1.1) */
};

/* The last two bits of IP's traffic class (RFC 3168 5). */
enum ip_ecn {
    IP_ECN_NOT_ECT,
    IP_ECN_ECT1,
    IP_ECN_ECT0,
    IP_ECN_CE,
    IP_ECNS,
};
#define IP_ECN_MASK 3U

/* How both ends of a connection speak of marks. */
enum ecn_mode {
    ECN_MODE_NONE,
    ECN_MODE_CLASSIC,  /* RFC 3168 */
    ECN_MODE_ACCURATE, /* RFC 9768 */
    ECN_MODES,
};

/* What settled that, or why nothing more goes out as ECN-capable. */
enum ecn_why {
    ECN_WHY_AGREED,
    ECN_WHY_BARE_SYN, /* a SYN or SYN-ACK that does not speak of it went or came (RFC 3168 6.1.1) */
    ECN_WHY_BLACK_HOLE, /* all that was ECN-capable was lost */
    ECN_WHY_MANGLED, /* the path changes the field, or the flags, where it must not (RFC 9768 3.2.2.3) */
    ECN_WHY_ALL_MARKED, /* all that was ECN-capable was marked, window after window */
    ECN_WHYS,
};

/* Which options a segment carried, or a connection uses. */
enum tcp_opts {
    TCP_OPT_HAS_MSS = 0x01,
    TCP_OPT_HAS_WSCALE = 0x02,
    TCP_OPT_HAS_SACK_OK = 0x04,
    TCP_OPT_HAS_TS = 0x08,
    TCP_OPT_HAS_SACK = 0x10,
    TCP_OPT_HAS_ACCECN = 0x20,
    TCP_OPT_HAS_FAST_OPEN = 0x40,
};

/* What became of data in a SYN, or of its cookie (RFC 7413). */
enum fast_open {
    FAST_OPEN_ASKED,    /* our SYN asks for a cookie */
    FAST_OPEN_GIVEN,    /* our SYN-ACK brings one */
    FAST_OPEN_LEARNT,   /* the peer's did */
    FAST_OPEN_SENT,     /* our SYN has a cookie, and `len` bytes */
    FAST_OPEN_ACCEPTED, /* `len` bytes of a SYN were taken, by us or by the peer */
    FAST_OPEN_INVALID,  /* the client's cookie is none of ours, or too old */
    FAST_OPEN_FULL, /* the cookie is good, but too many wait for the end of such a handshake (5.1) */
    FAST_OPEN_IGNORED, /* the peer has not taken `len` bytes of our SYN */
    FAST_OPEN_UNHEARD, /* our SYN is not answered: it goes again without */
    FAST_OPEN_PAUSED,  /* one was refused or not answered lately: this SYN goes without (4.1.3.1) */
    FAST_OPENS,
};

enum tcp_timer {
    TCP_TIMER_RTO,       /* retransmission (RFC 6298) */
    TCP_TIMER_PERSIST,   /* zero-window probe (RFC 9293 3.8.6.1) */
    TCP_TIMER_DELACK,    /* delayed ACK (RFC 9293 3.8.6.3) */
    TCP_TIMER_KEEPALIVE, /* RFC 9293 3.8.4 */
    TCP_TIMER_FIN_WAIT,  /* FIN-WAIT-2 or an orphan that must end */
    TCP_TIMER_REORDER,   /* what RACK waits for is lost then (RFC 8985 6.2) */
    TCP_TIMER_PROBE,     /* tail-loss probe (RFC 8985 7) */
    TCP_TIMER_PACE,      /* the next quantum may go */
    TCP_TIMERS,
};

enum cwnd_why {
    CWND_INITIAL,
    CWND_SLOW_START,
    CWND_AVOIDANCE,
    CWND_FAST_RETRANSMIT,
    CWND_RECOVERY,  /* inflation and deflation inside fast recovery */
    CWND_RECOVERED, /* fast recovery ended */
    CWND_TIMEOUT,
    CWND_IDLE,
    CWND_UNDONE, /* the loss was none (RFC 4015) */
    CWND_UNUSED, /* it was larger than what was used of it for an RTO (RFC 2861) */
    CWND_MODEL,  /* what the model of the path asks for (BBR) */
    CWND_MARK,   /* the peer has seen a mark of congestion (RFC 3168) */
    CWND_WHYS,
};

/* Where congestion control stands. The names of BBR's states are those of its draft. */
enum cc_state {
    CC_SLOW_START,
    CC_AVOIDANCE,
    CC_BBR_STARTUP,
    CC_BBR_DRAIN,
    CC_BBR_DOWN,   /* ProbeBW: slower than the path, so that a queue drains */
    CC_BBR_CRUISE, /* as fast */
    CC_BBR_REFILL, /* as fast, without regard to losses of before */
    CC_BBR_UP,     /* faster: is there more? */
    CC_BBR_PROBE_RTT,
    CC_STATES,
};

enum loss_how {
    LOSS_DUPLICATE_ACKS,
    LOSS_PARTIAL_ACK,
    LOSS_TIMEOUT,
    LOSS_PROBE, /* a probe of the path's MTU (RFC 4821 7.6.2) */
    LOSS_RACK,  /* something sent later was delivered (RFC 8985) */
    LOSS_SYN,   /* the peer has not taken it from our SYN (RFC 7413 4.2.2) */
    LOSS_HOWS,
};

/* The search for the path's MTU (RFC 8899 5.2). */
enum plpmtu_state {
    PLPMTU_DISABLED, /* what the link takes and ICMP says holds */
    PLPMTU_BASE,     /* a black hole was found: packets are of the base size */
    PLPMTU_SEARCHING,
    PLPMTU_SEARCH_COMPLETE,
    PLPMTU_ERROR, /* the base size does not get through either */
    PLPMTU_STATES,
};

/* What an event about the path's MTU says. */
enum mtu_why {
    MTU_TOLD,       /* ICMP said so, and it was believed (RFC 1191) */
    MTU_HELD,       /* ICMP says so, and it waits for proof (RFC 5927 7.2) */
    MTU_BLACK_HOLE, /* what is larger than `mtu` vanishes, it seems (RFC 4821 7.7) */
    MTU_PROBE,      /* a larger packet is on its way */
    MTU_PROBE_LOST, /* it did not arrive, or ICMP refused it */
    MTU_RAISED,     /* it arrived */
    MTU_SEARCHED,   /* the search is over for now */
    MTU_WHYS,
};

enum neighbour_state {
    NEIGHBOUR_INCOMPLETE, /* asked for, no answer yet */
    NEIGHBOUR_REACHABLE,
    NEIGHBOUR_STALE, /* past its time; used while it is asked again */
    NEIGHBOUR_FAILED,
    NEIGHBOUR_STATES,
};

/* What proves to a TLS peer whom it talks to, and what the keys rest on (RFC 8446 2, RFC 5246 7.3). */
enum tls_proof {
    PROOF_CERTIFICATE,
    PROOF_TICKET, /* of an earlier session: this one resumes it */
    PROOF_PSK,    /* a pre-shared key from outside of TLS */
    PROOFS,
};

/* What became of early data (0-RTT, RFC 8446 2.3). */
enum tls_early {
    EARLY_NONE, /* the client sent none */
    EARLY_REJECTED,
    EARLY_ACCEPTED,
    EARLIES,
};

const char *tcp_state_name(enum tcp_state s); /* "SYN-RECEIVED" as in RFC 9293 */
const char *tcp_timer_name(enum tcp_timer t);
const char *close_reason_name(enum close_reason r); /* "reset by peer" */
const char *cwnd_why_name(enum cwnd_why w);
const char *cc_state_name(enum cc_state s); /* "ProbeBW_UP" */
const char *loss_how_name(enum loss_how h);
const char *plpmtu_state_name(enum plpmtu_state s); /* "SEARCHING" as in RFC 8899 */
const char *mtu_why_name(enum mtu_why w);
const char *ip_ecn_name(enum ip_ecn e); /* "ECT(0)" */
const char *ecn_mode_name(enum ecn_mode m);
const char *ecn_why_name(enum ecn_why w);
const char *fast_open_name(enum fast_open f); /* "cookie asked for" */
const char *neighbour_state_name(enum neighbour_state s);
const char *tls_early_name(enum tls_early e);
const char *tls_proof_name(enum tls_proof p); /* "ticket" */
#define TCP_FLAGS_TEXT_MAX 40
const char *tcp_flags_text(uint16_t flags, char out[TCP_FLAGS_TEXT_MAX]); /* "SYN ACK" */
#define TCP_OPTS_TEXT_MAX 40
const char *tcp_opts_text(uint8_t opts, char out[TCP_OPTS_TEXT_MAX]); /* "MSS WSCALE SACK-OK TS" */

#endif
