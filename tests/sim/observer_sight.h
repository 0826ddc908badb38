/* A frame, read: for the observer alone, with a parser of its own. */
#ifndef VITRINE_TESTS_SIM_OBSERVER_SIGHT_H
#define VITRINE_TESTS_SIM_OBSERVER_SIGHT_H

#include "stack/base/types.h"

enum { ETHER_HEADER = 14, ETHER_IP4 = 0x0800, ETHER_ARP = 0x0806 };
enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum ace { ACE_ECE = 1, ACE_CWR = 2, ACE_AE = 4 };
enum flag { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10, URG = 0x20 };

#define SIGHT_SACKS 4U

/* The options of a TCP header. */
struct tcp_opts {
    bool has_mss, has_wscale, sack_ok, has_ts;
    uint16_t mss;
    uint8_t wscale;
    uint32_t tsval, tsecr;
    unsigned sacks;
    uint32_t sack[SIGHT_SACKS][2]; /* left edge, right edge */
    bool has_cookie;               /* RFC 7413 4.1.1 */
    unsigned cookie_len;           /* bytes of it; 0: it asks for one */
    bool has_counters;             /* RFC 9768 3.2.3 */
    bool order1;                   /* kind 174 */
    unsigned counters;
    uint32_t counter[3]; /* ECT(0), CE, ECT(1): in the order of kind 172 */
};

enum sight_verdict {
    SIGHT_GOOD,
    SIGHT_ODD, /* malformed in a way that a receiver may forgive */
    SIGHT_BAD, /* a receiver must not take it */
};

struct sight {
    unsigned host;
    nsec now;
    uint16_t ether_type;
    const uint8_t *ether_src; /* 6 bytes */

    /* IPv4 */
    uint32_t src, dst;
    uint32_t ip_len; /* bytes, as the header says */
    uint8_t protocol, ttl;
    uint8_t ecn; /* the last two bits of the second byte (RFC 3168 5) */
    bool ip_options, dont_fragment, fragment;
    const uint8_t *packet; /* its IP header */
    const uint8_t *body;   /* what IP carries */
    size_t body_len;

    /* TCP */
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint8_t flags;    /* without those of ECN, */
    uint8_t ace;      /* which are here: AE, CWR, ECE */
    uint8_t reserved; /* the three bits that must be zero */
    uint16_t wnd;
    uint16_t urgent;      /* the pointer */
    uint32_t options_len; /* bytes, with padding */
    uint32_t len;         /* bytes of payload */
    const uint8_t *payload;
    struct tcp_opts opts;

    /* the first thing that is wrong; NULL: nothing */
    const char *rule, *fault;
};

/* Reads the Ethernet and IPv4 headers. */
enum sight_verdict sight_frame(struct sight *s, const uint8_t *frame, size_t len);
/* Reads the TCP segment that sight_frame found. */
enum sight_verdict sight_tcp(struct sight *s);
/* RFC 1071 in the plainest way; 0xffff for bytes that carry a right checksum. */
uint32_t sight_sum(uint32_t sum, const uint8_t *p, size_t len);
uint32_t sight_pseudo_sum(const struct sight *s); /* RFC 9293 3.1, RFC 768 */

/* Octets of sequence space (RFC 9293 3.4). */
static inline uint32_t sight_span(const struct sight *s)
{
    return s->len + ((s->flags & SYN) != 0 ? 1U : 0U) + ((s->flags & FIN) != 0 ? 1U : 0U);
}

/* Numbers that wrap (RFC 9293 3.4, RFC 7323 5.2). */
static inline bool before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static inline uint32_t later_of(uint32_t a, uint32_t b)
{
    return before(a, b) ? b : a;
}

#endif
