/* Path MTU discovery by TCP itself (RFC 4821), for paths whose routers say nothing of what they drop. The states, and
 * the names of the constants, are those of RFC 8899 5.
 *
 * A black hole shows when a full segment times out again and again (R1, RFC 4821 7.7): packets fall to the base size,
 * which goes nearly everywhere, and if that is lost as well to the floor, which every router may divide. Once something
 * arrives the search goes up again by probes: segments of real data, larger than the others. A probe that is
 * lost alone is no sign of congestion, and goes again in segments that fit. What the search ends with holds for
 * ten minutes, as does what ICMP has told (path_mtu.h); then it is looked for anew.
 */
#ifndef VITRINE_TCP_PLPMTU_H
#define VITRINE_TCP_PLPMTU_H

#include "stack/tcp/seq.h"
#include "stack/trace/names.h"

struct tcp_conn;
struct tcp_sent;

#define PLPMTU_MAX_PROBES 3U /* of one size, one after the other (RFC 8899 5.1.2) */
#define PLPMTU_RAISE_TIMER (600 * NS_PER_SEC) /* RFC 8899 5.1.1 */
#define PLPMTU_PRECISION 8U /* bytes: what is closer than this is not looked for */

struct tcp_plpmtu {
    uint8_t state;       /* enum plpmtu_state */
    uint8_t probe_count; /* PROBE_COUNT: probes of `size` that were lost alone, in a row */
    uint16_t
        high; /* bytes of IP packet: search_high, the largest that may arrive. search_low is tcp_conn.mtu */
    uint16_t size;                  /* bytes of IP packet: PROBED_SIZE; 0: to be chosen */
    bool leaving;                   /* the probe is being sent: the device must not divide it */
    bool probing;                   /* a probe of that size is under way: */
    tcp_seq probe_start, probe_end; /* it carries these octets */
    nsec next_at; /* no probe before that; in SEARCH_COMPLETE, when the search begins anew */
};

/* The handshake has told what the peer takes. */
void plpmtu_begin(struct tcp_conn *c);
/* ICMP has made packets smaller, and that was believed. */
void plpmtu_told(struct tcp_conn *c);
/* ICMP says that a packet with the octet at `seq` was too large, and `mtu` is not: true if that was the probe. */
bool plpmtu_probe_refused(struct tcp_conn *c, uint32_t mtu, tcp_seq seq);

/* How many bytes larger than a full segment a probe would be that is to go next, when one may carry `budget` bytes
 * more at the most; 0: none. */
uint32_t plpmtu_wants(struct tcp_conn *c, uint32_t budget, nsec now);
/* It went: a packet of `size` bytes with the octets from `start` to `end`. */
void plpmtu_probed(struct tcp_conn *c, uint32_t size, tcp_seq start, tcp_seq end);

/* An ACK was taken by the scoreboard; `acked`: it moved snd_una. */
void plpmtu_on_ack(struct tcp_conn *c, bool acked, nsec now);
/* `run` is the probe, and nothing else: that it is lost says nothing of congestion (RFC 4821 7.6.2). */
bool plpmtu_is_probe(const struct tcp_conn *c, const struct tcp_sent *run);
/* Losses were found: true if all that is lost is the probe. It is to go again, and that is all. */
bool plpmtu_lost_alone(struct tcp_conn *c, nsec now);
/* Without SACK: what the third duplicate ACK asks for is the probe. It is marked lost. */
bool plpmtu_lost_first(struct tcp_conn *c, nsec now);
/* Octets from `start` to `end` go again for another reason: a probe with any of them tells nothing. */
void plpmtu_resent(struct tcp_conn *c, tcp_seq start, tcp_seq end);
/* The retransmission timer has fired, as often in a row as tcp_conn.backoff says. */
void plpmtu_on_timeout(struct tcp_conn *c, nsec now);

#endif
