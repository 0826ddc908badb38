/* An observer, one host that it watches, a peer, and frames made by hand. */
#ifndef VITRINE_TESTS_OBSERVER_RIG_H
#define VITRINE_TESTS_OBSERVER_RIG_H

#include <check.h>

#include "tests/sim/observer.h"

#define HOST_ADDR 0x0a000001U
#define PEER_ADDR 0x0a000002U
#define HOST_PORT 1000U
#define PEER_PORT 80U
#define ISS 5000U /* of the host */
#define IRS 9000U /* of the peer */
#define WND 10000U
#define MS(n) ((nsec)(NS_PER_MS * (n)))
#define RULES_MAX 64U

enum { F = 1, S = 2, R = 4, P = 8, A = 16 };

/* A segment; numbers are the wire's. */
struct seg {
    uint8_t flags;
    uint32_t seq, ack;
    uint32_t len; /* bytes of payload, which follow from their numbers */
    uint16_t wnd;
    unsigned opts_len;
    uint8_t opts[40];
    uint8_t twist;      /* added to every byte of payload */
    uint8_t reserved;   /* the bits behind the data offset, AE left out */
    uint8_t ace;        /* AE, CWR, ECE */
    uint8_t ecn;        /* the last two bits of IP's second byte */
    int offset;         /* added to the data offset, in words */
    bool bad_checksum;  /* of TCP */
    bool ip_checksum;   /* of IP, bad too */
    int ip_len;         /* added to the total length */
    uint32_t src;       /* 0: the sender's */
    bool fragment;      /* more fragments follow */
    uint8_t ttl;        /* 0: 64 */
    uint16_t peer_port; /* 0: PEER_PORT */
    bool ttl_zero;
};

struct watch {
    struct observer *o;
    struct observer_config config;
    nsec now;
    char rules[RULES_MAX][64]; /* that were broken */
    char text[512];            /* of the latest */
    unsigned count;
};

void watch_init(struct watch *r, const struct observer_host *host); /* NULL: nothing special */
void watch_done(struct watch *r); /* nothing was said that was not expected */
/* Exactly this rule was broken since the last call, once. `rule`: the beginning of its name. */
void expect(struct watch *r, const char *rule);
void expect_silence(struct watch *r);
void pass(struct watch *r, nsec span);

struct seg seg(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len);
struct seg with(struct seg s, unsigned len, const uint8_t *bytes); /* options as they are */
struct seg with_mss(struct seg s, uint16_t mss);
struct seg with_wscale(struct seg s, uint8_t shift);
struct seg with_sack_ok(struct seg s);
struct seg with_ts(struct seg s, uint32_t tsval, uint32_t tsecr);
struct seg with_sack(struct seg s, unsigned n, const uint32_t edges[]);
void out(struct watch *r, struct seg s); /* the host sends it */
void in(struct watch *r, struct seg s);  /* the peer's comes to the host */
size_t frame_of_seg(uint8_t *out, const struct seg *s, bool from_host);
/* An IP packet of any kind. */
size_t frame_of_ip(uint8_t *out, uint8_t protocol, uint32_t src, uint32_t dst, const uint8_t *body,
                   size_t len);
uint16_t ones(const uint8_t *p, size_t len); /* the checksum to write */

/* Handshakes, the host as the client and as the server: its bytes begin at ISS + 1, the peer's at IRS + 1.
 * MSS 1000 both ways. */
void client(struct watch *r);
void server(struct watch *r);
void client_ts(struct watch *r); /* timestamps: the host's 100, the peer's 700; SACK permitted */

#endif
