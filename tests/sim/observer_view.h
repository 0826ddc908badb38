/* What the observer remembers of one end of a connection, and the rules' meeting place. */
#ifndef VITRINE_TESTS_SIM_OBSERVER_VIEW_H
#define VITRINE_TESTS_SIM_OBSERVER_VIEW_H

#include "stack/base/list.h"
#include "tests/sim/observer.h"
#include "tests/sim/observer_ranges.h"
#include "tests/sim/observer_sight.h"

#define SYNS 8U       /* SYNs of the peer that are remembered */
#define BAKED 8U      /* SYN cookies of the host */
#define SYN_STAMPS 8U /* timestamps of its copies */
#define HEARD 256U    /* latest segments, which a reset may answer */
#define STAMPS 256U   /* latest timestamps, which may be echoed */
#define FINS 4U       /* ends of the peer's stream that were claimed */
#define ECHOES 64U    /* latest echo requests of a host */
#define RING_MIN 4096U
#define RING_MAX (1U << 20U)           /* octets sent that are kept for comparison */
#define ARP_PATIENCE (20 * NS_PER_SEC) /* nothing waits longer for an address */
#define PMTU_LASTS (300 * NS_PER_SEC)  /* RFC 1191 6.3: a path may be tried again after 5 minutes */

/* A SYN of the peer, and what it offered. */
struct syn {
    uint32_t seq, ack;
    bool has_ack;
    bool mixed;                  /* came again with other options */
    bool refusable;              /* a receiver need not take it */
    uint32_t len;                /* octets of data behind it */
    bool let_in;                 /* a copy of it had a Fast Open cookie, */
    uint32_t early;              /* and so many octets, which that may have let in (RFC 7413) */
    uint16_t wnd;                /* the widest of its copies */
    uint8_t aces;                /* a bit for each value of AE, CWR, ECE that copies came with */
    uint8_t fields;              /* and of the two bits in IP's header */
    struct tcp_opts opts;        /* of the latest copy */
    uint32_t tsvals[SYN_STAMPS]; /* of every copy */
    unsigned tsval_count;
};

/* A SYN-ACK that a host has sent and may have forgotten. */
struct baked {
    uint32_t iss;
    nsec at;
    struct tcp_opts offered;
    struct syn peer;
    uint8_t answered; /* as in ecn_view */
};

struct heard {
    uint32_t seq, span, ack;
    uint8_t flags;
    nsec at;
};

struct stamp {
    uint32_t tsval;
};

/* Explicit congestion notification. */
struct ecn_view {
    uint8_t asked;    /* AE, CWR, ECE of a SYN of the host; 0: none asked */
    bool bare;        /* one did not ask */
    uint8_t answered; /* a bit for each value of them in a SYN-ACK of the host */
    /* RFC 3168 */
    bool ce_possible; /* data with CE came, and no CWR that must have been taken since */
    bool echo_owed;   /* data with CE came that must have been taken, and no CWR since */
    bool cwr_owed;    /* ECE came that must have been taken, for what went after the latest CWR */
    bool cwr_sent;
    uint32_t cwr_seq; /* of the latest */
    /* RFC 9768: what must have been counted, and what may have been */
    uint32_t packets[2];  /* with CE */
    uint32_t bytes[3][2]; /* ECT(0), CE, ECT(1) */
    uint32_t syn_acks;    /* that came, and whose codepoint may still be told */
    bool latest_plain;    /* the latest packet was taken for certain, and without CE */
};

struct key {
    unsigned host;
    uint32_t local, remote; /* IPv4 addresses, host order */
    uint16_t local_port, remote_port;
};

struct view {
    struct key key;
    struct view *chain; /* in its bucket */
    struct list lru;    /* in observer->views, the idlest first */
    bool unknown;       /* began before it was watched: silent until its next SYN */
    bool unsure;        /* what arrived cannot be told: fragments */

    /* the incarnation */
    bool begun;          /* the host has sent a SYN */
    bool syn_alone;      /* ... without ACK */
    bool syn_ack;        /* ... with ACK */
    bool cookie;         /* ... that may be a SYN cookie's */
    bool doubt;          /* a reset came that may have ended it */
    bool established;    /* for certain synchronized */
    nsec established_at; /* when that was seen */
    const char *over;    /* why nothing may follow but resets and a SYN; NULL: it may */
    nsec begun_at;
    struct tcp_opts offered; /* by the host's latest SYN */
    bool peer_known;         /* irs and peer are */
    struct syn peer;

    /* what may still begin, or has: the peer's SYNs, the latest last */
    struct syn syns[SYNS];
    unsigned syn_count;
    struct baked baked[BAKED]; /* the latest cookies before that of now, in a ring */
    unsigned baked_count;

    /* send sequence space */
    uint32_t iss;
    uint32_t syn_text; /* octets in the SYN of the host (RFC 7413) */
    uint32_t snd_max;  /* behind the highest octet sent */
    uint32_t una;      /* the most that the peer may be taken to have acknowledged */
    bool una_sure;     /* it is: what said so lay in the window, else it is refused with its ACK */
    bool shut_known;
    uint32_t shut; /* the latest octet before which a window has been shut */
    bool edge_known;
    uint32_t edge; /* the farthest right edge that the peer has offered */
    bool fin_sent;
    uint32_t fin;  /* its sequence number */
    uint32_t pmtu; /* bytes; 0: no router has complained */
    nsec pmtu_at;
    uint8_t *ring; /* octets [ring_low, snd_max), at their number modulo ring_cap */
    uint32_t ring_cap, ring_low;

    /* receive sequence space */
    bool ack_sent;
    uint32_t acked; /* the latest ACK number sent */
    uint32_t offered_edge;
    struct ranges ranges;
    uint32_t fins[FINS]; /* numbers behind the peer's FIN */
    unsigned fin_count;
    uint32_t rcv_low; /* RCV.NXT is at least that */
    nsec owed_since;  /* an ACK is owed for text taken at this moment; 0: none */
    nsec owed_now;    /* at once, for what came at this moment; 0: no */
    const char *owed_why;
    uint32_t largest;   /* bytes of payload in one segment so far */
    unsigned full;      /* full-sized segments taken since the last ACK */
    bool out_of_order;  /* the latest text that came since the last ACK left a hole: it began ... */
    uint32_t out_start; /* ... here */
    struct ranges twice;  /* what has come again since the last ACK */
    uint32_t credit;      /* ACKs that arrivals may have provoked */
    uint32_t urgent_told; /* where urgent data end, as last told */
    bool urgent_sent;     /* urgent_told means something */

    /* timestamps */
    bool stamp_sent, echo_sent, stamp_heard;
    bool stamp_coarse; /* tsval may be up to 64 ticks in the past: it was of a cookie */
    uint32_t tsval;    /* the latest sent */
    nsec tsval_at;
    uint32_t tsecr; /* the latest echoed */
    nsec tsecr_at;
    uint32_t stamp_max; /* the latest that arrived */
    struct stamp stamps[STAMPS];
    unsigned stamp_count;
    bool stamps_lost;

    /* retransmission */
    bool quiet;  /* `lead` was sent at `lead_at` and nothing has arrived since */
    bool timed;  /* its timer began then */
    bool probed; /* a tail loss probe went since something last arrived */
    uint32_t lead;
    nsec lead_at;
    nsec interval; /* from the transmission before, when a timer made both; 0: not known */

    struct ecn_view ecn;

    /* the end of it */
    bool peer_fin_taken;    /* the host has acknowledged the peer's FIN */
    bool fin_first;         /* its own FIN went before that */
    nsec timewait_at;       /* 0: not for certain in TIME-WAIT */
    uint32_t timewait_next; /* RCV.NXT then */
    uint32_t last_stamp;    /* TSval of the peer then */
    bool fin_judged;
    bool fins_cover;     /* every FIN of the peer that came acknowledged that of the host */
    bool fresh;          /* nothing has arrived since it last sent */
    bool challenge_only; /* ... or nothing but RST and SYN */
    bool disturbed;      /* something came that may have ended a half-open connection */
    bool syn_in_timewait;

    /* over all incarnations: the latest initial sequence number that the clock alone has given */
    bool isn_known;
    uint32_t isn;
    nsec isn_at;

    nsec heard_at;
    uint32_t heard_count; /* that there ever were; the ring has the latest */
    struct heard heard[HEARD];
};

struct echo {
    uint32_t from, sum; /* the asker, the message's sum without type, code and checksum */
    size_t len;
};

struct host_view {
    nsec icmp_at;  /* when an ICMP message last came */
    nsec asked_at; /* when it last asked all for an address: what waits for it may never go */
    nsec arp_at;   /* when ARP last came: what waited for an address goes out late then */
    nsec challenge_since;
    uint32_t challenges;
    struct echo echoes[ECHOES];
    uint32_t echo_count;
};

struct observer {
    struct observer_config config;
    struct host_view host[OBSERVER_HOSTS];
    struct view **buckets;
    uint32_t bucket_count, view_count;
    struct list views;
    bool evicted; /* a view may be of a connection whose beginning was forgotten */
    nsec due;     /* the earliest moment at which an ACK that is owed is late */
    uint64_t violations, judged;
};

/* Reports that `s` breaks `rule`; `form` says what was expected. */
__attribute__((format(printf, 4, 5))) void violate(struct observer *o, const struct sight *s,
                                                   const char *rule, const char *form, ...);

static inline const struct observer_host *host_of(const struct observer *o, unsigned host)
{
    return &o->config.host[host];
}

/* Since `since` the host may have made segments that never came as far as its device. */
bool host_held_back(const struct observer *o, unsigned host, nsec since, nsec now);
bool observer_is_ours(const struct observer *o, unsigned host, uint32_t addr);
/* The options that both ends have agreed on. */
bool view_timestamps(const struct view *v);
uint32_t view_shift_out(const struct view *v);   /* of the windows that the host offers */
uint32_t view_shift_in(const struct view *v);    /* of those that it is offered */
void view_stamp(struct view *v, uint32_t tsval); /* may be echoed */
void view_forget(struct view *v);                /* what belongs to one incarnation */
/* The host may have taken the connection before the end of its handshake (RFC 7413 4.2.2). */
bool view_early(const struct observer *o, const struct view *v);

/* An ACK comes that ends the handshake of a SYN cookie, of which the host knows nothing any more. */
void view_cookie_back(struct view *v, const struct sight *s);

/* ---- frames that are no TCP ---- */
void packet_emitted(struct observer *o, const struct sight *s);
void packet_arrived(struct observer *o, const struct sight *s);

/* ---- a TCP segment arrived ---- */
void view_arrived(struct observer *o, struct view *v, const struct sight *s,
                  enum sight_verdict verdict);
/* Before it is noted otherwise; `taken`: it carries text, and must have been taken. */
/* True: an ACK is owed at once. */
bool ecn_arrived(const struct observer *o, struct view *v, const struct sight *s,
                 enum sight_verdict verdict, bool taken);
void view_too_big(struct view *v, uint32_t seq, uint32_t mtu, nsec now);

/* ---- a TCP segment was emitted: the rules, in their order ---- */
void judge_format(struct observer *o, const struct sight *s);
/* false: nothing more can be said of this segment. */
bool judge_handshake(struct observer *o, struct view *v, const struct sight *s);
void judge_reset(struct observer *o, struct view *v, const struct sight *s);
void judge_text(struct observer *o, struct view *v, const struct sight *s);
void judge_timing(struct observer *o, struct view *v, const struct sight *s);
void judge_ecn(struct observer *o, struct view *v, const struct sight *s);
void judge_stamps(struct observer *o, struct view *v, const struct sight *s);
void judge_ack(struct observer *o, struct view *v, const struct sight *s);
void judge_sack(struct observer *o, struct view *v, const struct sight *s);
void judge_end(struct observer *o, struct view *v, const struct sight *s);
/* Whether an ACK of this end is late at `now`; else when it would be. */
nsec judge_silence(struct observer *o, struct view *v, nsec now);

#endif
