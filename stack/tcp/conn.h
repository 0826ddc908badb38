/* The control block of a connection (RFC 9293 3.3.1) and its life: made, moved from state to state,
 * taken apart.
 *
 * The names are the RFC's. What an established, busy connection touches comes first; what only the
 * handshake and people need stands in `struct tcp_story` at the end.
 */
#ifndef VITRINE_TCP_CONN_H
#define VITRINE_TCP_CONN_H

#include "stack/tcp/accecn.h"
#include "stack/tcp/autotune.h"
#include "stack/tcp/cc.h"
#include "stack/tcp/cwv.h"
#include "stack/tcp/delack.h"
#include "stack/tcp/demux.h"
#include "stack/tcp/ecn.h"
#include "stack/tcp/pace.h"
#include "stack/tcp/path_mtu.h"
#include "stack/tcp/plpmtu.h"
#include "stack/tcp/dsack.h"
#include "stack/tcp/rate.h"
#include "stack/tcp/reassembly.h"
#include "stack/tcp/recovery.h"
#include "stack/tcp/rest.h"
#include "stack/tcp/rtt.h"
#include "stack/tcp/segment.h"
#include "stack/tcp/sendq.h"
#include "stack/tcp/seq.h"
#include "stack/tcp/tcp.h"

/* What the application has still to be told; told in this order. */
enum tcp_pending {
    PENDING_ACCEPT = 0x01,
    PENDING_OPENED = 0x02,
    PENDING_REPORT = 0x04,
    PENDING_READABLE = 0x08,
    PENDING_WRITABLE = 0x10,
    PENDING_PEER_CLOSED = 0x20,
    PENDING_CLOSED = 0x40,
};

/* What is remembered for people. */
struct tcp_story {
    nsec syn_at, syn_ack_at, ack_at;        /* the three segments of the handshake; 0 = not yet */
    uint32_t syn_wnd, syn_ack_wnd, ack_wnd; /* their windows, in bytes */
    uint32_t syn_bytes;       /* payload that came or went with the SYN, and was taken (RFC 7413) */
    uint16_t mss_in, mss_out; /* MSS options of the handshake; 0 = none came */
    uint64_t bytes_in, bytes_out; /* payload delivered, payload acknowledged */
    uint64_t segments_in, segments_out, retransmitted;
    uint8_t soft_error_type, soft_error_code; /* the latest ICMP error (MUST-47); 0, 0 = none */
    uint8_t
        unanswered; /* timeouts or probes in a row when R1 was last reached (MUST-20); 0 = never */
};

/* What others hold of a connection: it stays where it is as long as there is one. */
struct tcp_handle {
    struct stream stream;   /* first, so that a stream of ours is a handle */
    struct tcp_entry entry; /* in tcp->connections */
    struct list all_link;   /* in tcp->all */
    struct timer timer;     /* armed for the earliest of the connection's deadlines */
    struct tcp *tcp;
    struct tcp_conn *conn; /* NULL: it is at rest (rest.h) */
    struct tcp_rest rest;  /* while it is */
};

struct tcp_conn {
    struct tcp_handle *handle;
    struct tcp *tcp;
    struct list dirty_link;   /* in tcp->dirty: has something to send */
    struct list events_link;  /* in tcp->events: has something to tell */
    struct list starved_link; /* in tcp->starved: a reserve found no slab */

    uint8_t state;   /* enum tcp_state */
    uint8_t pending; /* enum tcp_pending */
    uint8_t reason;  /* enum close_reason, once pending has CLOSED */
    uint8_t reports; /* bits 1 << enum stream_report, while pending has REPORT */

    bool passive : 1;       /* opened by a listener (MUST-11) */
    bool half_open : 1;     /* counted in its listener's half_open */
    bool orphan : 1;        /* the application is gone (tcp_close, abort) */
    bool ts_ok : 1;         /* timestamps in use (RFC 7323) */
    bool sack_ok : 1;       /* the peer takes SACK blocks (RFC 2018) */
    bool wscale_ok : 1;     /* windows are scaled (RFC 7323) */
    bool syn_due : 1;       /* SYN or SYN-ACK must go out */
    bool ack_due : 1;       /* an ACK must go out now */
    bool rst_due : 1;       /* a reset must go out, then the block goes */
    bool probe_due : 1;     /* a segment that provokes an ACK must go out */
    bool nudge : 1;         /* send less than the silly-window rules ask for (override timeout) */
    bool fin_queued : 1;    /* the application has shut down: FIN follows the queue */
    bool fin_received : 1;  /* rcv_nxt is behind the peer's FIN */
    bool fin_ahead : 1;     /* the peer's FIN was seen, at fin_ahead_seq, beyond a hole */
    bool want_write : 1;    /* a reserve failed: tell when there is room */
    bool syn_lost : 1;      /* our SYN timed out, and its ACK is being handled (RFC 6298 5.7) */
    bool cwnd_limited : 1;  /* the congestion window was what stopped the last flush */
    bool round_limited : 1; /* … or another of this round trip */
    bool detached : 1;      /* over on the wire; lives on until the application has read all */
    bool dead : 1;          /* the application has been told; the flush frees it */
    bool urgent_out : 1;    /* snd_up means something: it is ahead of snd_una */
    bool urgent_due : 1;    /* the peer has not been told of snd_up yet */
    bool urgent_in : 1;     /* rcv_up means something: it is ahead of what was read */
    bool route_given : 1;   /* the application gave `route`: it stays (MUST-52) */
    bool early : 1; /* let in by a Fast Open cookie: the application has known it since the SYN */
    bool own_options : 1;   /* they are not its listener's, or it has none */
    bool cookie_due : 1;    /* our SYN-ACK brings a Fast Open cookie */
    bool syn_fast_open : 1; /* our first SYN had one, or asked for it */

    /* send sequence space */
    tcp_seq snd_una, snd_nxt, snd_wl1, snd_wl2, iss;
    tcp_seq round_end;     /* the round trip of round_flight and round_limited ends with its ACK */
    uint32_t round_flight; /* bytes: the most in flight in it */
    tcp_seq pushed_to;     /* behind the latest octet that went with PSH */
    tcp_seq snd_up;        /* behind the last urgent octet (SND.UP, MUST-62) */
    uint32_t snd_wnd;      /* bytes */
    uint32_t max_snd_wnd;  /* the largest snd_wnd so far (RFC 9293 3.8.6.2.1, RFC 5961 5.2) */
    uint16_t snd_mss;      /* payload bytes of a full segment, options counted off (Eff.snd.MSS) */
    uint16_t mtu;          /* bytes of IP packet on the path */
    struct tcp_path_mtu path_mtu; /* what the path was seen to take, and what ICMP says */
    struct tcp_plpmtu plpmtu;     /* what is found out without it */
    uint8_t snd_wscale, rcv_wscale;
    uint8_t caps; /* enum netdev_cap: what the device on the way does */
    nsec big_at;  /* but what NETDEV_BIG is for not before then: it was refused */

    /* receive sequence space */
    tcp_seq rcv_nxt, irs;
    tcp_seq rcv_adv;       /* right edge of the window as last told; never moves left (SHLD-14) */
    tcp_seq last_ack_sent; /* RFC 7323 4.3 */
    tcp_seq fin_ahead_seq;
    tcp_seq rcv_up;        /* behind the peer's last urgent octet (RCV.UP) */
    uint32_t rcv_queued;   /* bytes in rcv_queue */
    struct list rcv_queue; /* bufs, in order, not yet consumed */
    struct reassembly reassembly;
    struct tcp_autotune autotune;
    struct tcp_delack delack;
    struct tcp_dsack dsack; /* what came twice, and is to be reported */

    /* timestamps (RFC 7323) */
    uint32_t ts_recent; /* the peer's, to be echoed */
    nsec ts_recent_at;  /* when that was set; PAWS forgets it after 24 days */
    uint32_t ts_offset; /* added to our clock */

    struct sendq sendq;
    struct tcp_recovery recovery;
    struct tcp_rtt rtt;
    struct tcp_rate rate;
    struct tcp_cc cc;
    struct tcp_ecn ecn;
    struct tcp_accecn accecn;
    struct tcp_pace pace;
    struct tcp_cwv cwv;

    /* timers: one in the wheel, armed for the earliest of these */
    nsec due[TCP_TIMERS];    /* NEVER = not running */
    nsec rest_at;            /* when it may have been silent for long enough to rest */
    nsec last_heard;         /* when an acceptable segment last came */
    nsec last_sent;          /* when data was last sent, for idle restart */
    nsec rto_at;             /* when the next retransmission is due, while RTO runs */
    nsec probe_at;           /* when the next probe is due, while PERSIST runs */
    nsec wnd_shut_at;        /* when snd_wnd last became 0 */
    nsec unacked_since;      /* since when the oldest unacknowledged byte waits */
    nsec last_refusal_acked; /* when an unacceptable segment without data was last answered */
    nsec challenge_since; /* when the current interval of challenge ACKs began; 0: there was none */
    uint32_t challenge_used; /* of them in it */
    uint16_t want_min;       /* bytes that the reserve which failed asked for, while want_write */
    uint8_t backoff;         /* consecutive timeouts; the RTO doubles with each */
    uint8_t probes;          /* zero-window probes since the peer was last heard */
    uint8_t keepalives;      /* unanswered keep-alive probes */

    uint32_t id;        /* in events; from 1 */
    struct cause cause; /* what last made it dirty: whatever the flush sends follows from that */
    struct cause news;  /* what last gave it something to tell: what the application does follows */
    struct tcp_listener *listener; /* that made it, while it listens */
    struct ip_options *route;      /* the source route of all its segments; NULL: none */
    struct tcp_options options;
    struct tcp_story story;
};

extern const struct stream_ops tcp_stream_ops; /* stream.c */

static inline struct tcp_handle *handle_of_stream(struct stream *s)
{
    return CONTAINER_OF(s, struct tcp_handle, stream);
}

/* The block behind a handle, made again if it is at rest. NULL: there is no memory for it (dropped by name). */
static inline struct tcp_conn *conn_awake(struct tcp_handle *h)
{
    return h->conn != NULL ? h->conn : rest_end(h);
}

static inline struct tcp_conn *conn_of_stream(struct stream *s)
{
    return conn_awake(handle_of_stream(s));
}

static inline struct tcp_handle *handle_of_link(const struct list *n) /* of tcp->all */
{
    return CONTAINER_OF(n, struct tcp_handle, all_link);
}

static inline struct tcp_handle *handle_of_entry(struct tcp_entry *e) /* none of TIME-WAIT */
{
    return CONTAINER_OF(e, struct tcp_handle, entry);
}

/* A block of zeros gets its defaults, in state CLOSED: known to nobody, and holding nothing. Its handle has the
 * addresses already. */
void conn_init(struct tcp_conn *c, struct tcp_handle *handle, struct tcp *t,
               const struct tcp_options *options, bool passive);
/* A new block in state CLOSED with its defaults, on no table; NULL at the limit (dropped by name). */
struct tcp_conn *conn_new(struct tcp *t, const struct tcp_tuple *tuple,
                          const struct tcp_options *options, bool passive);
void conn_free(struct tcp_conn *c);
/* One of those that were at rest when their listener went is so no more: with the last of them its memory goes. */
void listener_left(struct tcp_listener *l);
/* Sends by this source route from now on. False: no memory, and nothing has changed. */
bool conn_set_route(struct tcp_conn *c, const struct ip_options *route);
/* A segment that is believed came by a source route: a passive connection answers by its reverse
 * (MUST-53, SHLD-24). */
void conn_take_route(struct tcp_conn *c, const struct tcp_segment *s);

void conn_set_state(struct tcp_conn *c, enum tcp_state to);
void conn_mark_dirty(struct tcp_conn *c);                  /* the flush will visit it */
void conn_tell(struct tcp_conn *c, enum tcp_pending what); /* the notifier will visit it */
/* The notifier will call stream_events.report, unless the application does not want it (SHLD-20). */
void conn_report(struct tcp_conn *c, enum stream_report what);
void conn_trace_drop(struct tcp_conn *c, enum drop_reason why, size_t len);
/* The segment at hand stands all checks of RFC 9293 3.10.7 up to the one of this number, in the state that `c` has. */
void conn_trace_passed(struct tcp_conn *c, uint8_t check);

/* Bytes of the send queue that have not been sent. */
static inline uint32_t conn_unsent(const struct tcp_conn *c)
{
    tcp_seq end = sendq_end(&c->sendq);
    return seq_lt(c->snd_nxt, end) ? seq_span(c->snd_nxt, end) : 0;
}
/* The send queue has room for `min` bytes in a row, as far as its own limit goes. */
bool conn_has_room(const struct tcp_conn *c, size_t min);
/* An application that waits for room is told when there is enough. */
void conn_tell_room(struct tcp_conn *c);

/* Takes the options and MSS of the peer's SYN or SYN-ACK (RFC 9293 3.7.1, RFC 7323, RFC 2018). */
void conn_take_syn_options(struct tcp_conn *c, const struct tcp_segment *s);
/* Recomputes snd_mss from the peer's MSS, the path's MTU and our options (MUST-16). */
void conn_update_mss(struct tcp_conn *c);

/* Bytes of an IP header without options. */
uint32_t conn_ip_header(const struct tcp_conn *c);
/* Payload of a full segment without options, for a peer that has announced `peer` bytes; 0: nothing. */
uint32_t conn_full_mss(const struct tcp_conn *c, uint32_t peer);
/* Bytes of IP packet: a full segment's now, and the most that the link, the peer and the application let one be. */
uint32_t conn_packet_full(const struct tcp_conn *c);
uint32_t conn_packet_max(const struct tcp_conn *c);

/* Our timestamp clock: milliseconds plus the connection's offset (RFC 7323 5.4). */
uint32_t conn_ts_now(const struct tcp_conn *c, nsec now);

#endif
