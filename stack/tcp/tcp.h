/* TCP, for applications and for the host: opening, listening, options of a connection, and the
 * four calls by which a host drives it. RFC 9293 throughout; each room names its own clauses.
 */
#ifndef VITRINE_TCP_TCP_H
#define VITRINE_TCP_TCP_H

#include "stack/base/addr.h"
#include "stack/base/list.h"
#include "stack/base/pool.h"
#include "stack/base/random.h"
#include "stack/base/siphash.h"
#include "stack/base/stream.h"
#include "stack/base/table.h"
#include "stack/base/timer.h"
#include "stack/ip/ip.h"
#include "stack/trace/names.h"
#include "stack/trace/trace.h"

struct tcp_conn;
struct tcp_cc_ops;

/* Which marks of congestion a host asks for when it connects, and accepts when it is asked. */
enum tcp_ecn_policy {
    TCP_ECN_DEFAULT,
    TCP_ECN_OFF,
    TCP_ECN_ACCEPT_CLASSIC,     /* RFC 3168 when asked; asks for nothing */
    TCP_ECN_ASK_CLASSIC,        /* RFC 3168 both ways */
    TCP_ECN_ACCEPT,             /* RFC 9768 or RFC 3168 when asked; asks for nothing */
    TCP_ECN_ACCEPT_ASK_CLASSIC, /* … and asks for RFC 3168 */
    TCP_ECN_ASK,                /* … and asks for RFC 9768, which a peer may answer by RFC 3168 */
};

/* When a listener answers a SYN by a cookie and keeps nothing of it (RFC 4987 3.6). */
enum tcp_cookie_policy {
    TCP_COOKIES_AUTO,  /* when its backlog is full */
    TCP_COOKIES_NEVER, /* such a SYN is dropped */
    TCP_COOKIES_ALWAYS,
};

/* Who puts data into a SYN, or takes it from there (RFC 7413, fast_open.h): bits. */
enum tcp_fast_open_policy {
    TCP_FAST_OPEN_OFF = 0,
    TCP_FAST_OPEN_CLIENT = 1, /* every connection that we open */
    TCP_FAST_OPEN_SERVER = 2, /* every listener */
    TCP_FAST_OPEN_BOTH = 3,
};

/* When the path's MTU is looked for by probes (plpmtu.h). */
enum tcp_mtu_probing {
    TCP_MTU_PROBING_DEFAULT,
    TCP_MTU_PROBING_OFF,
    TCP_MTU_PROBING_BLACK_HOLE, /* where one was found, and when what ICMP has told is ten minutes old */
    TCP_MTU_PROBING_ALWAYS, /* from the base size up, on every connection */
};

/* Settings of a host's TCP. A zero means the default in brackets. */
struct tcp_config {
    uint32_t max_connections; /* control blocks [65536] */
    uint32_t max_timewait;    /* TIME-WAIT records; the oldest is recycled [16384] */
    /* Per connection; they grow with what the path takes (autotune.h). A first size without a maximum holds. */
    uint32_t send_buffer;        /* bytes queued, at first [64 KiB] */
    uint32_t send_buffer_max;    /* [16 MiB, or send_buffer where that is given] */
    uint32_t receive_buffer;     /* bytes offered, at first [64 KiB, or ten segments] */
    uint32_t receive_buffer_max; /* [16 MiB, or receive_buffer where that is given] */
    uint32_t reassembly_max;     /* ranges beyond holes, window allowing [8192] */
    uint32_t sent_max;           /* runs of a connection's scoreboard [65536] */
    nsec msl;                    /* maximum segment lifetime; TIME-WAIT lasts 2 of it [120 s] */
    nsec rto_min;                /* RFC 6298 2.4 [200 ms, as deployed stacks; the RFC says 1 s] */
    nsec rto_max;                /* RFC 6298 2.5 [60 s] */
    nsec delayed_ack;            /* RFC 9293 MUST-40: below 500 ms [40 ms] */
    nsec fin_wait_2;             /* a closed application waits so long for the peer's FIN [60 s] */
    /* Challenge ACKs in each interval (RFC 5961 10): of the host, which is at times only half of it, so that nobody can
     * tell from his own how many others got [1000]; and of each connection [4] */
    uint32_t challenge_acks, challenge_acks_conn;
    nsec challenge_interval; /* [1 s]; the host's is at times half longer */
    uint16_t port_first;     /* ephemeral ports (RFC 6335) [49152] */
    uint16_t port_last;      /* [65535] */

    const struct tcp_cc_ops *cc;         /* congestion control [cc_cubic] */
    enum tcp_ecn_policy ecn;             /* explicit congestion notification [TCP_ECN_ACCEPT] */
    enum tcp_cookie_policy syn_cookies;  /* [TCP_COOKIES_AUTO] */
    enum tcp_fast_open_policy fast_open; /* also where tcp_options.fast_open does not say so
                                            [TCP_FAST_OPEN_OFF] */
    enum tcp_mtu_probing mtu_probing;    /* [TCP_MTU_PROBING_BLACK_HOLE] */
    /* Payload bytes of a segment, without options: one that goes everywhere, BASE_PLPMTU of RFC 8899 5.1.2 [1024]; and
     * the least that is tried when that is lost too, MIN_PLPMTU [536] */
    uint32_t base_mss, floor_mss;

    bool no_timestamps, no_window_scale, no_sack; /* options not offered, for study */
    bool no_autotune;   /* buffers keep their first size, 512 KiB by default, for study */
    bool no_quick_acks; /* none at once for the first full segments (delack.h), for study */
    bool no_dsack;      /* duplicates are not reported (RFC 2883), for study */
    bool no_rack;       /* losses found by NewReno though there is SACK, for study */
    bool no_probe;      /* no tail-loss probes (RFC 8985 7), for study */
    bool no_undo;       /* spurious retransmissions are not undone (RFC 4015), for study */
    bool no_eifel, no_frto, no_dsack_undo; /* … or not by one of the three witnesses (undo.h) */
    bool no_prr; /* recovery begins with its last window (RFC 6675 5, not RFC 9937), for study */
    bool reduce_again;        /* a lost retransmission lowers the window once more (RFC 5681 4.3) */
    bool no_limited_transmit; /* duplicates let nothing new out (RFC 3042), for study */
    bool no_idle_restart;     /* the congestion window outlives silence (RFC 5681 4.1), for study */
    bool no_window_validation; /* a window that is not used stays (RFC 2861), for study */
    bool rto_restart;          /* RFC 7765: the timer of few segments counts from when they left */
    bool no_push_quanta;       /* PSH only where the queue ends (MUST-61), for study */
    bool no_pacing;    /* data goes as the windows allow, whatever the rate (pace.h), for study */
    bool no_ack_train; /* slow start heeds delay alone (RFC 9406), for study */
    bool no_hystart;   /* … or nothing but losses and marks (RFC 5681 3.1) */
    /* An ACK opens the window by one segment (RFC 5681 2, not RFC 3465), for study. */
    bool no_byte_counting;
    bool no_abe; /* a mark takes as much as a loss (RFC 3168 6.1.2, not RFC 8511), for study */
    bool no_accecn_option; /* RFC 9768 without its option, by three bits alone, for study */
    bool no_rest;          /* silent connections keep their control blocks (rest.h), for study */
    bool no_ecn_fallback;  /* ECN is kept on a path that seems to lose it, for study */
};

/* Settings of one connection; inherited from its listener. A zero means the default in brackets. */
struct tcp_options {
    bool no_delay;  /* Nagle off (RFC 9293 MUST-17) */
    bool cork;      /* less than a full segment waits for more, or for the override timeout */
    bool quick_ack; /* every segment is acknowledged at once: no delayed ACK */
    /* RFC 7413. A listener gives cookies, and takes data from the SYN of whoever has one: the application is told of the
     * connection before the handshake is over, which may fail still. A connection that we open asks for a cookie, or
     * sends with it what is committed before the SYN leaves, as far as one segment takes it: it may be delivered twice,
     * to two connections. */
    bool fast_open;
    bool no_reports;           /* stream_events.report is not called (RFC 9293 SHLD-20) */
    bool keepalive;            /* RFC 9293 MUST-25: off unless asked for */
    nsec keepalive_idle;       /* of silence; counts anew from when one of these two is set [2 h] */
    nsec keepalive_interval;   /* [75 s] */
    uint32_t keepalive_probes; /* unanswered ones before the end [9] */
    /* R2 (RFC 9293 MUST-21): unacknowledged for so long ends the connection; NEVER: without end
     * [about 15 min; 190 s for a SYN] */
    nsec user_timeout;
    uint32_t send_buffer;    /* bytes, and no autotuning [the host's] */
    uint32_t receive_buffer; /* bytes, and no autotuning [the host's] */
    uint32_t
        notsent_lowat; /* bytes: no more may be committed while so many are unsent [no limit] */
    uint16_t mss;      /* bytes of a segment, either way, at most [what the path takes] */
    uint8_t ttl;       /* [64] */
    uint8_t tos;       /* DSCP in its upper six bits; the others do not count [0] */

    const struct tcp_cc_ops *cc; /* congestion control, when the connection begins [the host's] */
    bool pace; /* an algorithm without a rate of its own is paced by its window (pace.h) */
    uint64_t max_pacing_rate; /* bytes a second of data that go out at the most [no limit] */
};

/* How many of a listener's connections were let in by a Fast Open cookie and have not ended their handshake. */
struct tcp_fast_open_gate {
    uint32_t max, pending;
    uint32_t resets,
        resets_before; /* of them, ended by a reset in the current minute, and before */
    nsec resets_until; /* when that minute ends */
};

struct tcp_listener {
    struct list link;      /* in tcp->listeners */
    struct endpoint local; /* addr ip_any: every address of ours */
    uint32_t backlog;      /* connections in SYN-RECEIVED at once, and not more */
    nsec cookies_until;    /* a SYN cookie of its may come back until then; 0: none is out */
    uint32_t half_open;    /* of them now */
    uint32_t max_open;     /* connections of this listener at once, 0 = no limit of its own */
    uint32_t open;         /* of them now */
    bool gone;             /* it listens no more: some of its connections are at rest (rest.h) */
    struct tcp_fast_open_gate fast_open;
    struct tcp_options options;
    /* A handshake is complete, or need not be waited for (RFC 7413). Set stream->events and stream->app here; `opened` follows. */
    void (*accept)(void *arg, struct stream *s);
    void *arg;
};

struct tcp_listen_args {
    struct endpoint local;
    uint32_t backlog;           /* half-open at once, before there are cookies; 0: 256 */
    uint32_t max_open;          /* 0: no limit */
    uint32_t fast_open_pending; /* let in by a cookie of RFC 7413 at once; 0: 64 */
    struct tcp_options options;
    void (*accept)(void *arg, struct stream *s);
    void *arg;
};

struct tcp_connect_args {
    struct endpoint local; /* addr ip_any: chosen by route (MUST-44); port 0: ephemeral */
    struct endpoint remote;
    struct tcp_options options;
    const struct ip_source_route
        *route; /* the way to it (MUST-51); NULL: the usual. The peer answers
                                          * along it, which only `ip_config.source_routes` lets in */
    const struct stream_events *events;
    void *app;
};

enum tcp_error {
    TCP_OK,
    TCP_ERR_ADDRESS,   /* invalid local or remote address or port (MUST-46) */
    TCP_ERR_IN_USE,    /* a listener or connection is already there */
    TCP_ERR_NO_ROUTE,  /* no route to the remote address */
    TCP_ERR_RESOURCES, /* a limit was reached */
};

/* A segment that belongs to no connection, waiting for the flush. */
struct tcp_reply;

struct tcp {
    struct tcp_config config;
    struct recorder *recorder;
    struct slab_pools *pools;
    struct wheel *wheel;
    struct ip *ip;
    struct random *random;
    struct siphash_key demux_key;  /* for the connection table */
    struct siphash_key isn_key;    /* RFC 6528 */
    struct siphash_key port_key;   /* RFC 6056 */
    struct siphash_key cookie_key; /* RFC 4987 */
    struct table connections;      /* by 4-tuple: struct tcp_conn and struct tcp_timewait */
    struct list listeners;
    struct list all;       /* every control block, in the order of opening */
    struct list dirty;     /* control blocks that have something to send */
    struct list events;    /* control blocks that have something to tell their application */
    struct list starved;   /* control blocks whose reserve found no slab */
    struct list timewaits; /* oldest first */
    struct timer timewait_timer;
    struct pool handle_pool; /* what others hold of connections … */
    struct pool conn_pool;   /* … and their control blocks */
    struct pool rest_pool;   /* what only some connections have while they rest (rest.h) */
    struct pool timewait_pool;
    struct pool range_pool;      /* out-of-order ranges */
    struct pool route_pool;      /* source routes of connections: struct ip_options */
    struct pool sent_pool;       /* runs of what is outstanding */
    struct list fast_open_paths; /* what a client remembers (fast_open_paths.h) */
    struct pool fast_open_pool;
    struct tcp_reply *replies; /* to send: a ring */
    uint32_t reply_count;
    uint32_t last_id;        /* connection ids given out so far */
    uint32_t next_port;      /* rises with each ephemeral port (RFC 6056) */
    uint32_t challenge_left; /* challenge ACKs that may still go in the current interval */
    nsec challenge_until;    /* when that ends */
    nsec now;                /* of the current call from the host */
    bool hold, held;         /* tcp_hold: as wished, and as the peers have been told */
    struct tcp_totals {
        uint64_t opened_active, opened_passive, established, closed;
        uint64_t cookies_out, cookies_in; /* SYNs answered by one; connections made of one */
        uint64_t segments_in, segments_out, retransmitted, resets_out;
        uint64_t bytes_in, bytes_out; /* payload, first transmissions and deliveries */
        /* What became of data in SYNs and of cookies (enum fast_open): as the client, and as the server. */
        uint64_t fast_open[2][FAST_OPENS];
    } totals;
};

/* ---- for the host ---- */
bool tcp_init(struct tcp *t, const struct tcp_config *config, struct recorder *recorder,
              struct slab_pools *pools, struct wheel *wheel, struct ip *ip, struct random *random,
              nsec now);
void tcp_done(struct tcp *t);
void tcp_enter(struct tcp *t, nsec now); /* time of the calls that follow */
void tcp_notify(struct tcp *t);          /* runs the application callbacks that are due */
void tcp_flush(struct tcp *t, nsec now); /* the one place from which segments go out */
/* From the next flush on every peer is told a window of zero, or no longer: for who wants to look around for a while, as in a
 * debugger (`vt hold`). It takes back what was offered (SHLD-14 advises against it, MUST-34 has peers bear it); what
 * arrives within the old window is taken all the same. A peer that has something to send goes on asking (RFC 9293 3.8.6.1). */
void tcp_hold(struct tcp *t, bool on);
bool tcp_unfinished(const struct tcp *t); /* there is more to tell and to send: flush again */

/* ---- for applications ---- */
enum tcp_error tcp_listen(struct tcp *t, const struct tcp_listen_args *args,
                          struct tcp_listener **out);
/* Ends listening; connections that are still in their handshake are reset, others go on. */
void tcp_unlisten(struct tcp *t, struct tcp_listener *l);
enum tcp_error tcp_connect(struct tcp *t, const struct tcp_connect_args *args, struct stream **out);
struct tcp_conn *tcp_of_stream(struct stream *s);
/* False: it is at rest, and there is no memory for its block; nothing has changed. */
bool tcp_set_options(struct stream *s, const struct tcp_options *options);
/* The application is done with the stream, both ways (RFC 9293 3.6.1): what is queued is still
 * delivered; unread or later data makes a reset (SHLD-3). No events follow. */
void tcp_close(struct stream *s);
/* Urgent data (RFC 9293 3.8.5, RFC 6093): all that is committed so far is urgent. To be called before
 * the flush, right after the commit; nothing happens when nothing is queued. It is delivered in its
 * place like any other data. New applications should not use it (SHLD-13). */
void tcp_mark_urgent(struct stream *s);
/* Bytes from the next unread one to the end of the urgent data; 0: none is urgent (MUST-33). Some of them
 * may not have arrived yet. */
uint32_t tcp_urgent_unread(struct stream *s);
const char *tcp_error_text(enum tcp_error e);

#endif
