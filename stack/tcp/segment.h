/* Segments: from wire bytes to a struct and back (RFC 9293 3.1, 3.2; RFC 7323 2.2, 3.2; RFC 2018).
 */
#ifndef VITRINE_TCP_SEGMENT_H
#define VITRINE_TCP_SEGMENT_H

#include "stack/ip/ip.h"
#include "stack/tcp/seq.h"
#include "stack/trace/names.h"
#include "stack/trace/trace.h"

#define TCP_HEADER_MIN 20U      /* bytes */
#define TCP_OPTIONS_MAX 40U     /* bytes */
#define TCP_SACK_BLOCKS 4U      /* as many as fit into the options */
#define TCP_TS_BYTES 12U        /* the timestamps option with its two NOPs (RFC 7323 appendix A) */
#define TCP_WSCALE_MAX 14U      /* RFC 7323 2.3 */
#define FAST_OPEN_COOKIE_MIN 4U /* bytes (RFC 7413 4.1.1) */
#define FAST_OPEN_COOKIE_MAX 16U

struct tcp_sack_block {
    tcp_seq start, end; /* received: start <= byte < end */
};

/* A cookie of RFC 7413. */
struct fast_open_cookie {
    uint8_t len; /* bytes, an even number; 0: a request for one */
    uint8_t bytes[FAST_OPEN_COOKIE_MAX];
};

struct tcp_segment {
    struct endpoint src, dst;
    tcp_seq seq, ack;
    uint8_t flags;      /* enum tcp_flag */
    bool ae;            /* the flag before CWR (RFC 9768 3.1.1) */
    uint8_t ecn;        /* enum ip_ecn: of its packet */
    uint8_t opts;       /* enum tcp_opts: which of the options below are there */
    uint8_t wscale;     /* shift count, not above TCP_WSCALE_MAX */
    uint8_t wscale_in;  /* as the option had it; only of what was parsed */
    uint8_t sack_count; /* of `sack` */
    uint16_t wnd;       /* as on the wire, unscaled */
    uint16_t urgent;    /* urgent pointer */
    uint16_t mss;       /* bytes */
    uint32_t tsval, tsecr;
    struct fast_open_cookie fast_open; /* of a SYN */
    struct tcp_sack_block sack[TCP_SACK_BLOCKS];
    /* the counters of RFC 9768 3.2.3 in the order of kind 172, 24 bits each; of an option of kind 174 the last
     * comes first. So many of them are there */
    uint32_t accecn[3];
    uint8_t accecn_fields;
    bool accecn_order1; /* kind 174 */
    uint32_t len;       /* payload bytes */
    struct buf
        *payload; /* received: a view of exactly `len` bytes. The holder may take it (NULL it) */
    nsec at;      /* received: ingress time */
    const struct ip_options *back; /* received: the way back along its source route; NULL: none */
};

/* Octets of sequence space that it occupies: payload, SYN and FIN (SEG.LEN). */
uint32_t segment_span(const struct tcp_segment *s);
/* The sequence number behind its last octet. */
tcp_seq segment_end(const struct tcp_segment *s);

/* The three flags of ECN as one number: AE, CWR, ECE (RFC 9768 3.2.2). */
static inline uint8_t segment_ace(const struct tcp_segment *s)
{
    return (uint8_t)((s->ae ? 4U : 0U) | s->flags >> 6U);
}

static inline void segment_set_ace(struct tcp_segment *s, uint8_t ace)
{
    s->ae = (ace & 4U) != 0;
    s->flags = (uint8_t)((s->flags & 0x3fU) | (ace & 3U) << 6U);
}

/* The option has the counter that stands at this place in kind 172. */
static inline bool segment_accecn_has(const struct tcp_segment *s, unsigned which)
{
    return (s->accecn_order1 ? 2U - which : which) < s->accecn_fields;
}

/* Reads the segment in `p->buf` and trims that buf to the payload. False: refused for `*why`. */
bool segment_parse(struct ip_packet *p, struct tcp_segment *out, enum drop_reason *why);

/* Bytes that the options of `s` take on the wire, padding included. */
uint32_t segment_options_len(const struct tcp_segment *s);
/* Pushes header and options of `s` in front of the payload that `p` already has, with the finished
 * checksum (MUST-2). */
void segment_write(const struct tcp_segment *s, struct packet *p);

/* Emits EV_tcp_in / EV_tcp_out; `wnd` is the window in bytes, scaled. */
/* One that no control block takes; `conn` is that of a TIME-WAIT, or 0. */
void segment_trace_stray(struct recorder *r, uint32_t conn, const struct tcp_segment *s);
void segment_trace_in(struct recorder *r, uint32_t conn, const struct tcp_segment *s, uint32_t wnd);
void segment_trace_out(struct recorder *r, uint32_t conn, const struct tcp_segment *s, uint32_t wnd,
                       bool retransmission);

#endif
