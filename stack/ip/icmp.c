/* ICMP for IPv4: echo (RFC 792, RFC 1122 3.2.2.6), errors that come in (RFC 1122 3.2.2.1, RFC 1191),
 * "destination unreachable" going out (RFC 1122 3.2.2, RFC 1812 4.3.2.3), and the rate limits
 * (RFC 1812 4.3.2.8). Source quench is ignored (RFC 6633). */
#include "stack/ip/icmp.h"

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"
#include "stack/ip/ip4.h"
#include "stack/ip/route.h"

#define ICMP_QUOTE_MIN 8U         /* bytes of the quoted transport header (RFC 792) */
#define ICMP_REDIRECT_CODE_MAX 3U /* network, host, and each with its type of service */
#define TOS_ECN 0x03U             /* RFC 3168 5 */

/* ---- out ---- */

static bool limiter_take(struct icmp_limiter *l, nsec now)
{
    nsec elapsed = now - l->refilled;
    if (elapsed >= NS_PER_SEC) {
        elapsed = NS_PER_SEC; /* keeps the product small; a second fills any bucket */
        l->refilled = now - elapsed;
    }
    nsec earned = elapsed * l->rate / NS_PER_SEC;
    if (earned > 0) {
        l->tokens = u32_min(l->burst, l->tokens + (uint32_t)earned);
        l->refilled += earned * NS_PER_SEC / l->rate;
    }
    if (l->tokens == 0) {
        return false;
    }
    l->tokens--;
    return true;
}

/* Takes ownership of `message`. Input never sends, so it waits for the flush. */
static void icmp_queue(struct ip *ip, struct buf *message, const struct ip_how *how)
{
    if (ip->icmp_waiting == ICMP_OUTBOX) {
        trace_drop(ip->recorder, DROP_ICMP_OUTBOX_FULL, 0, message->len);
        buf_free(message);
        return;
    }
    struct icmp_waiting *waiting = &ip->icmp_outbox[ip->icmp_waiting++];
    *waiting = (struct icmp_waiting){.message = message, .how = *how, .cause = ip->recorder->cause};
    if (how->options != NULL) {
        waiting->options = *how->options;
    }
}

/* Writes the checksum of a whole message, whose checksum field is zero. */
static void icmp_finish(struct buf *message)
{
    uint16_t checksum = csum_finish(csum_add(0, buf_data(message), message->len));
    struct wr w = wr_of(buf_data(message) + 2, 2);
    wr_be16(&w, checksum);
}

void icmp_flush(struct ip *ip, nsec now)
{
    struct cause cause = ip->recorder->cause;
    for (unsigned i = 0; i < ip->icmp_waiting; i++) {
        struct icmp_waiting *waiting = &ip->icmp_outbox[i];
        struct rd r = rd_slice(buf_slice(waiting->message));
        uint8_t type = rd_u8(&r);
        uint8_t code = rd_u8(&r);
        struct packet p;
        packet_init(&p);
        packet_add(&p, buf_slice(waiting->message));
        ip->recorder->cause = waiting->cause;
        TRACE(ip->recorder, 0, icmp_out, .to = waiting->how.dst, .type = type, .code = code);
        waiting->how.options = &waiting->options;
        ip_output(ip, &p, &waiting->how, now);
        buf_free(waiting->message);
    }
    ip->icmp_waiting = 0;
    ip->recorder->cause = cause;
}

/* An ICMP message that asks something; of all others no error may be made, since they might be
 * errors themselves (RFC 1122 3.2.2). */
static bool icmp_is_query(struct slice message)
{
    struct rd r = rd_slice(message);
    uint8_t type = rd_u8(&r);
    return !r.failed && (type == ICMP_ECHO_REQUEST || type == ICMP_ECHO_REPLY);
}

/* RFC 1122 3.2.2: about which packets no error may be sent. Fragments other than the first and
 * sources that are not one host do not come this far. */
static bool icmp_may_complain(const struct ip_packet *about)
{
    return !about->broadcast &&
           (about->protocol != IP_ICMP || icmp_is_query(buf_slice(about->buf)));
}

void ip_unreachable(struct ip *ip, const struct ip_packet *about, uint8_t code)
{
    icmp_complain(ip, about, ICMP_UNREACHABLE, code, 0);
}

void icmp_complain(struct ip *ip, const struct ip_packet *about, uint8_t type, uint8_t code,
                   uint32_t second)
{
    if (!icmp_may_complain(about)) {
        return;
    }
    if (!limiter_take(&ip->error_limiter, about->now)) {
        trace_drop(ip->recorder, DROP_ICMP_RATE_LIMITED, 0, about->buf->len);
        return;
    }
    /* The header and as much of the rest as fits (RFC 1812 4.3.2.3). */
    size_t quote_max = ICMP_ERROR_MAX - IP4_HEADER - ICMP_HEADER;
    size_t rest = size_min(about->buf->len, quote_max - about->header.len);
    size_t len = ICMP_HEADER + about->header.len + rest;
    struct buf *message = buf_new(ip->pools, 0, len);
    if (message == NULL) {
        trace_drop(ip->recorder, DROP_ETH_NO_BUFFER, 0, len);
        return;
    }
    struct wr w = wr_of(buf_data(message), len);
    wr_u8(&w, type);
    wr_u8(&w, code);
    wr_be16(&w, 0); /* the checksum's place */
    wr_be32(&w, second);
    wr_bytes(&w, about->header.data, about->header.len);
    wr_bytes(&w, buf_data(about->buf), rest);
    message->len = (uint32_t)wr_len(&w);
    icmp_finish(message);
    struct ip_how how = {
        .src = about->dst,
        .dst = about->src,
        .protocol = IP_ICMP,
        .ttl = IP_DEFAULT_TTL,
        .options = about->back, /* RFC 1812 4.3.2.6 */
    };
    icmp_queue(ip, message, &how);
}

/* ---- in ---- */

/* Milliseconds of a clock that does not start at midnight UT, which the top bit says (RFC 791 3.1,
 * "Internet Timestamp"). */
static uint32_t icmp_time(nsec now)
{
    return (uint32_t)(now / NS_PER_MS) | 0x80000000U;
}

/* The reply is the request with another type, sent from the address that was asked (RFC 1122
 * 3.2.2.6), so it is made in place. */
static void icmp_echo(struct ip *ip, struct ip_packet *p)
{
    if (!limiter_take(&ip->echo_limiter, p->now)) {
        trace_drop(ip->recorder, DROP_ICMP_RATE_LIMITED, 0, p->buf->len);
        return;
    }
    struct buf *message = p->buf;
    p->buf = NULL;
    struct ip_options_seen seen;
    struct ip_options options;
    struct rd header = rd_slice(p->header);
    rd_skip(&header, IP4_HEADER);
    ip_options_read(rd_take(&header, rd_left(&header)), &seen);
    ip_options_for_echo(&seen, p->back, p->dst, icmp_time(p->now), &options);
    struct wr w = wr_of(buf_data(message), message->len);
    wr_u8(&w, ICMP_ECHO_REPLY);
    wr_fill(&w, 0, 3); /* code, checksum */
    icmp_finish(message);
    struct ip_how how = {
        .src = p->dst,
        .dst = p->src,
        .protocol = IP_ICMP,
        .ttl = IP_DEFAULT_TTL,
        .tos = p->tos & (uint8_t)~TOS_ECN, /* RFC 1349 5.1 */
        .divide = true,                    /* RFC 1122 3.2.2.6: all of the data comes back */
        .options = &options,
    };
    icmp_queue(ip, message, &how);
}

/* Where the quoted packet was going in the end: a source route on its way has another destination. */
static struct ip_addr icmp_quoted_dst(const struct ip4_header *quoted, struct slice options)
{
    struct ip_options_seen seen;
    bool on_its_way =
        ip_options_read(options, &seen) && seen.route.len != 0 && !ip_route_complete(seen.route);
    struct ip_addr end = on_its_way ? ip_route_end(seen.route) : ip_any;
    return ip_is_any(end) ? quoted->dst : end;
}

/* An error about a packet of ours, behind the type, code and checksum (RFC 1122 3.2.2.1). */
static void icmp_error(struct ip *ip, const struct ip_packet *p, struct rd *r, uint8_t type,
                       uint8_t code)
{
    rd_skip(r, 2);
    uint16_t mtu = rd_be16(r); /* RFC 1191 4: only in a "fragmentation needed" */
    struct ip4_header quoted;
    struct slice options = {NULL, 0};
    bool whole = ip4_parse(r, &quoted);
    if (whole && quoted.header_len > IP4_HEADER) {
        options = rd_take(r, quoted.header_len - IP4_HEADER);
    }
    if (!whole || rd_left(r) < ICMP_QUOTE_MIN) {
        trace_drop(ip->recorder, DROP_ICMP_TRUNCATED, 0, p->buf->len);
        return;
    }
    const struct ip_transport *t = ip_transport_of(ip, quoted.protocol);
    if (quoted.version != 4 || quoted.header_len < IP4_HEADER || quoted.fragment_offset != 0 ||
        !ip_is_ours(ip, quoted.src) || t == NULL || t->error == NULL) {
        trace_drop(ip->recorder, DROP_ICMP_UNMATCHED, 0, p->buf->len);
        return;
    }
    bool too_big = type == ICMP_UNREACHABLE && code == ICMP_CODE_FRAGMENTATION_NEEDED;
    struct ip_error e = {
        .type = type,
        .code = code,
        .mtu = too_big ? mtu : 0,
        .from = p->src,
        .src = quoted.src,
        .dst = icmp_quoted_dst(&quoted, options),
        .quoted = rd_take(r, rd_left(r)),
        .now = p->now,
    };
    t->error(t->arg, &e);
}

/* RFC 1122 3.2.2.2: only the first hop to a destination may name another, and only one on its own link.
 * For hosts and networks alike, the destination quoted is what it holds for. */
static bool icmp_redirect_good(const struct ip *ip, const struct ip_packet *p, uint8_t code,
                               const struct ip4_header *quoted, struct ip_addr gateway)
{
    struct ip_way way;
    bool reachable = ip_same_prefix(gateway, p->in->addr, p->in->prefix) &&
                     !ip_is_ours(ip, gateway) && !ip_is_broadcast(ip, gateway) &&
                     !ip_is_multicast(gateway);
    bool ours = quoted->version == 4 && ip_is_ours(ip, quoted->src) &&
                ip_transport_of(ip, quoted->protocol) != NULL;
    return !ip->config.no_redirects && code <= ICMP_REDIRECT_CODE_MAX && reachable && ours &&
           ip_way_to(ip, quoted->dst, &way) && !way.direct && way.out == p->in &&
           ip_equal(way.next_hop, p->src);
}

static void icmp_redirect(struct ip *ip, const struct ip_packet *p, struct rd *r, uint8_t code)
{
    struct ip_addr gateway = ip4_addr(rd_be32(r));
    struct ip4_header quoted;
    if (!ip4_parse(r, &quoted)) {
        trace_drop(ip->recorder, DROP_ICMP_TRUNCATED, 0, p->buf->len);
        return;
    }
    if (!icmp_redirect_good(ip, p, code, &quoted, gateway)) {
        trace_drop(ip->recorder, DROP_ICMP_BAD_REDIRECT, 0, p->buf->len);
        return;
    }
    destination_learn_gateway(&ip->destinations, quoted.dst, gateway, p->now);
}

/* ip_transport.input */
static void icmp_input(void *arg, struct ip_packet *p)
{
    struct ip *ip = arg;
    struct rd r = rd_slice(buf_slice(p->buf));
    uint8_t type = rd_u8(&r);
    uint8_t code = rd_u8(&r);
    rd_skip(&r, 2); /* the checksum is verified over the whole message */
    enum drop_reason why;
    if (p->buf->len < ICMP_HEADER) {
        why = DROP_ICMP_TRUNCATED;
    } else if (csum_finish(csum_add(0, buf_data(p->buf), p->buf->len)) != 0) {
        why = DROP_ICMP_BAD_CHECKSUM;
    } else if (p->broadcast) {
        why = DROP_ICMP_BROADCAST;
    } else {
        TRACE(ip->recorder, 0, icmp_in, .from = p->src, .type = type, .code = code);
        switch (type) {
        case ICMP_ECHO_REQUEST:
            if (p->buf->reach == BUF_SENT_ON) {
                why = DROP_IP_ANOTHER_HOST;
                break;
            }
            icmp_echo(ip, p);
            return;
        case ICMP_REDIRECT:
            icmp_redirect(ip, p, &r, code);
            return;
        case ICMP_UNREACHABLE:
        case ICMP_TIME_EXCEEDED:
        case ICMP_PARAMETER_PROBLEM:
            icmp_error(ip, p, &r, type, code);
            return;
        default:
            why = DROP_ICMP_UNKNOWN_TYPE;
        }
    }
    trace_drop(ip->recorder, why, 0, p->buf->len);
}

/* ---- life ---- */

void icmp_init(struct ip *ip)
{
    ip->error_limiter = (struct icmp_limiter){
        .rate = ICMP_ERROR_RATE, .burst = ICMP_ERROR_RATE, .tokens = ICMP_ERROR_RATE};
    ip->echo_limiter = (struct icmp_limiter){
        .rate = ICMP_ECHO_RATE, .burst = ICMP_ECHO_RATE, .tokens = ICMP_ECHO_RATE};
    struct ip_transport icmp = {.protocol = IP_ICMP, .input = icmp_input, .arg = ip};
    ip_register(ip, &icmp);
}

void icmp_done(struct ip *ip)
{
    for (unsigned i = 0; i < ip->icmp_waiting; i++) {
        buf_free(ip->icmp_outbox[i].message);
    }
    ip->icmp_waiting = 0;
}
