/* A snapshot of a connection, for people and programs: what `GET /`, `tcp_info` of other systems
 * and the debugger's views are made of.
 */
#ifndef VITRINE_TCP_INFO_H
#define VITRINE_TCP_INFO_H

#include "stack/tcp/tcp.h"

struct tcp_info {
    uint32_t id;
    enum tcp_state state;
    struct endpoint local, remote;
    bool passive; /* opened by a listener */
    /* the handshake, as it was */
    uint32_t iss, irs; /* our and the peer's initial sequence number */
    nsec syn_at;       /* first SYN sent or received */
    nsec syn_ack_at;   /* SYN-ACK sent (last time) or received */
    nsec ack_at;       /* third segment received or sent: established; 0 = not yet */
    uint32_t syn_wnd, syn_ack_wnd,
        ack_wnd;        /* window fields of the three segments, scaled, in bytes */
    uint32_t syn_bytes; /* payload that came or went with the SYN, and was taken (RFC 7413) */
    uint16_t mss_in;    /* MSS option that the peer sent; 0 = none */
    uint16_t mss_out;   /* MSS option that we sent */
    uint16_t snd_mss;   /* bytes of payload in a full segment that we send now */
    bool wscale_ok, ts_ok, sack_ok;
    uint8_t snd_wscale, rcv_wscale; /* shift of the windows we receive, and of those we send */
    /* now */
    uint32_t snd_una, snd_nxt, snd_wnd, rcv_nxt, rcv_wnd;
    uint32_t cwnd, ssthresh;         /* bytes */
    uint32_t in_flight;              /* bytes */
    const char *cc;                  /* the algorithm's name; NULL before there is one */
    enum cc_state cc_state;          /* where it stands */
    uint64_t pacing_rate;            /* bytes a second; 0: not paced */
    uint64_t delivery_rate;          /* bytes a second, of the latest sample; 0: none yet */
    bool delivery_app_limited;       /* the application was the limit then */
    uint64_t bbr_bw;                 /* bytes a second; BBR only */
    nsec bbr_min_rtt;                /* 0: no sample yet, or not BBR */
    uint32_t send_queued;            /* bytes committed and not yet acknowledged */
    uint32_t receive_queued;         /* bytes received and not yet consumed */
    uint32_t send_limit;             /* bytes that the send queue may hold now */
    uint32_t receive_limit;          /* bytes of the receive buffer now */
    uint32_t out_of_order;           /* bytes held beyond a hole */
    nsec srtt, rttvar, rto, rtt_min; /* srtt 0: no sample yet */
    bool recovering;                 /* in fast recovery (RFC 6582) */
    bool after_timeout;              /* what a timeout took for lost is not all acknowledged yet */
    uint16_t duplicates;             /* duplicate ACKs in a row */
    uint8_t backoff;                 /* timeouts in a row */
    uint8_t probes;                  /* zero-window probes since the peer was last heard */
    uint16_t mtu;                    /* bytes of IP packet on the path */
    enum plpmtu_state mtu_search;    /* whether more is looked for (RFC 8899 5.2) */
    uint16_t mtu_high;  /* bytes of IP packet: what the search may find; 0: there was none */
    uint16_t mtu_probe; /* bytes of IP packet: the probe under way; 0: none is */
    uint32_t rcv_mss;   /* bytes: payload of a full segment of the peer's, as far as can be told */
    uint32_t lost;      /* bytes taken for lost and not sent again yet */
    uint32_t sacked;    /* bytes that the peer has beyond a hole */
    uint32_t unsent;    /* bytes committed and not sent yet */
    uint32_t urgent_unsent; /* bytes up to the end of our urgent data, not yet sent */
    uint32_t urgent_unread; /* bytes up to the end of the peer's, not yet consumed */
    uint8_t ecn_mode;       /* enum ecn_mode: how congestion is marked */
    bool ecn_reduced;       /* the window is reduced for a mark, and that not answered yet */
    uint64_t ect_in, ce_in; /* packets that came with ECT, and with CE */
    /* bytes by codepoint (RFC 9768): CE, ECT(0), ECT(1); of ours, as the peer tells, modulo 2^32 */
    uint32_t in_ce_bytes, in_e0_bytes, in_e1_bytes;
    uint32_t out_ce_bytes, out_e0_bytes, out_e1_bytes;
    uint64_t marked_out;     /* packets of ours that came marked, as far as the peer tells */
    uint8_t soft_error_type; /* the latest soft ICMP error; 0 with code 0: none */
    uint8_t soft_error_code;
    uint64_t bytes_in, bytes_out; /* payload delivered, and payload acknowledged */
    uint64_t segments_in, segments_out, retransmitted;
};

void tcp_get_info(struct stream *s, struct tcp_info *out);
uint32_t tcp_get_id(struct stream *s); /* the id alone */

#endif
