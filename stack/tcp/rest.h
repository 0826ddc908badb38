/* A connection at rest: one that has been silent for a whole RTO holds no control block.
 *
 * What others hold of it, its handle, stays where it is and has a compact record for that time: who the two ends
 * are, where they stand in sequence space, what was agreed on, what was learnt of the path, and the totals for people. What
 * is left out is what silence makes void: after an RTO without anything sent, the congestion window begins anew
 * (RFC 5681 4.1), and so do the clock of CUBIC (RFC 9438 5.8), HyStart++, the samples of the delivery rate and of the
 * receive buffer's round trip. Nothing is in flight then, so there is no recovery to remember.
 *
 * Whatever comes, a segment, a timer or a call of the application, gives it a block again before it is looked at
 * (conn_awake); nobody else can tell the difference. When no memory is left for that, a segment is dropped by name, as the
 * wire might have dropped it, and what the application has asked for is done as soon as there is some.
 */
#ifndef VITRINE_TCP_REST_H
#define VITRINE_TCP_REST_H

#include "stack/tcp/accecn.h"
#include "stack/tcp/cc.h"
#include "stack/tcp/ecn.h"
#include "stack/tcp/rate.h"
#include "stack/tcp/seq.h"
#include "stack/tcp/tcp.h"

struct tcp_conn;
struct tcp_handle;

#define REST_RETRY (100 * NS_PER_MS) /* without memory */
#define REST_CC_BYTES 8U             /* of an algorithm's own state (tcp_cc_ops.kept) */

/* What an application has asked for, while there was no memory for a block. */
enum rest_owed {
    OWED_WRITABLE = 0x01, /* it is to be told when it can write */
    OWED_SHUTDOWN = 0x02,
    OWED_CLOSE = 0x04,
    OWED_ABORT = 0x08,
};

/* What only some connections have: options of their own, marks of congestion, a source route, an algorithm with a
 * model of the path. */
struct tcp_rest_more {
    struct tcp_options options;
    struct tcp_cc cc;
    struct tcp_rate rate;
    struct tcp_ecn ecn;
    struct tcp_accecn accecn;
    struct ip_options *route;
    nsec keepalive_at; /* which counts from the call that has switched it on, for all we know */
};

/* The fields are those of struct tcp_conn and its parts, by the same names. */
struct tcp_rest {
    struct tcp_listener *listener; /* that made it; it may listen no more (tcp_listener.gone) */
    struct tcp_rest_more *more;    /* NULL: it has none of that, and its listener's options */
    nsec last_heard, last_sent, ts_recent_at;
    nsec srtt, rttvar, rto, rtt_min;
    nsec search_at; /* plpmtu.next_at */
    nsec shortest;  /* of autotune */
    uint64_t delivery_rate;
    nsec syn_at, syn_ack_at, ack_at;
    uint64_t bytes_in, bytes_out, segments_in, segments_out, retransmitted;
    uint32_t id;
    tcp_seq iss, snd_nxt, snd_wl1, snd_wl2;
    tcp_seq irs, rcv_nxt, rcv_adv, last_ack_sent;
    uint32_t snd_wnd, max_snd_wnd, ack_wnd;
    uint32_t ts_recent;
    uint32_t cwnd, ssthresh, dice;
    uint32_t cc_state[REST_CC_BYTES / 4];
    uint32_t packet_sent, packet_acked;        /* of path_mtu */
    uint32_t receive_limit, received_in_round; /* limit and last of autotune */
    uint32_t rcv_mss;                          /* of delack */
    uint16_t mtu, search_high, search_size;
    uint16_t syn_wnd, syn_ack_wnd, syn_bytes, mss_in, mss_out;
    uint8_t snd_wscale, rcv_wscale;
    uint8_t search_state, probe_count;
    uint8_t soft_error_type, soft_error_code, unanswered;
    uint8_t reo_wnd_mult, reo_wnd_persist;
    uint8_t owed; /* enum rest_owed */
    bool passive : 1;
    bool ts_ok : 1;
    bool sack_ok : 1;
    bool wscale_ok : 1;
    bool early : 1;
    bool syn_fast_open : 1;
    bool route_given : 1;
    bool may_fragment : 1;
    bool reordering_seen : 1;
    bool delivery_app_limited : 1;
    bool rtt_fresh : 1;
};

/* Something happened on the connection: it may rest an RTO later, if nothing else does until then. */
void rest_later(struct tcp_conn *c, nsec now);
/* Lets it rest, if it may. True: the block is gone, and `c` with it. */
bool rest_begin(struct tcp_conn *c, nsec now);
/* A block for one at rest, from what is kept. NULL: there is no memory for it, and nothing has changed. */
struct tcp_conn *rest_end(struct tcp_handle *h);
/* The application of one at rest wants something for which there is no block: it is done later. */
void rest_owe(struct tcp_handle *h, enum rest_owed what);
/* What stands in the block, or would: it is made in `room`, for reading only. */
const struct tcp_conn *rest_look(const struct tcp_handle *h, struct tcp_conn *room);
/* Takes one at rest apart, with its handle. */
void rest_free(struct tcp_handle *h);

#endif
