/* ICMP (stack/ip/icmp.c): what comes from outside, and what is quoted in answers.
 *
 * Proven for every message of up to MESSAGE bytes (ECHO for an echo, ABOUT for what is complained about) behind any IP
 * header, one room after the other:
 * - icmp_input reads nothing outside; what is too short, has a wrong checksum, came to a broadcast address or is of an
 *   unknown type is dropped by name, once, and nothing else comes of it;
 * - icmp_error tells a transport only of a packet of ours, with 8 bytes or more of it that lie in the message and
 *   end it, and of an MTU only where there is one (RFC 1122 3.2.2.1, RFC 1191); all else is dropped by name, once;
 * - icmp_redirect learns a gateway only from the first hop to where the packet of ours went, on the link by which
 *   it came, in its prefix, and neither ourselves nor a broadcast (RFC 1122 3.2.2.2), and not at all if told so;
 * - icmp_echo turns the request into a reply in place, to who asked, from the address that was asked, and queues it;
 *   without a token, or with the line full, it is dropped by name; the message is kept, queued or freed, once;
 * - icmp_complain quotes the header and of the rest as much as fits into ICMP_ERROR_MAX bytes with the longest
 *   header, as it stands there, about packets that allow it (RFC 1122 3.2.2);
 * - limiter_take gives no more than there is, keeps no more than fits, and its clock does not go ahead.
 *
 * The source is included. Stubs: buf_new, buf_free and the checksum by their contracts, options by theirs
 * (options_proof.c has them), addresses, ways and transports of the host as any there can be.
 *
 * proof-sources: stack/base/cursor.c stack/base/addr.c stack/ip/ip4.c
 * proof-unwind: 17
 * proof-checks: --unsigned-overflow-check --object-bits 10
 */
#include "stack/ip/icmp.c" /* NOLINT(bugprone-suspicious-include) */

#include "tests/proofs/packet.h"
#include "tests/proofs/proof.h"

#define MESSAGE 80U /* bytes: more than an error with 40 bytes of options in what it quotes */
#define ECHO 16U
#define ABOUT 560U /* bytes: more than is quoted */
#define HEADER_MAX 60U

static struct ip host;
static struct recorder recorder;
static struct event ring;
static struct iface link, other_link;
static struct ip_transport transport;
static struct ip_options back;
static struct ip_packet packet;
static uint8_t header[HEADER_MAX];
static struct ip_addr ours, broadcast, first_hop;
static unsigned drops, heard, learned, freed;
static enum drop_reason dropped;
static uint8_t type, code;

void trace_drop(struct recorder *r, enum drop_reason reason, uint32_t conn_id, size_t len)
{
    PROVE(r == &recorder && conn_id == 0 && len <= ABOUT, "a drop");
    drops++;
    dropped = reason;
}

void recorder_tell(struct recorder *r, const struct event *e)
{
    PROVE(r == NULL && e == NULL, "nobody listens");
}

uint64_t csum_add(uint64_t sum, const void *data, size_t len)
{
    PROVE(READABLE(data, len), "inside");
    return sum + nondet_u16();
}

uint16_t csum_finish(uint64_t sum)
{
    (void)sum;
    return nondet_u16();
}

bool ip_is_ours(const struct ip *ip, struct ip_addr a)
{
    return ip == &host && ip_equal(a, ours);
}

bool ip_is_broadcast(const struct ip *ip, struct ip_addr a)
{
    return ip == &host && ip_equal(a, broadcast);
}

bool ip_way_to(const struct ip *ip, struct ip_addr dst, struct ip_way *out)
{
    PROVE(ip == &host && ip_is_v4(dst), "a destination");
    *out = (struct ip_way){
        .out = nondet_bool() ? &link : &other_link, .next_hop = first_hop, .direct = nondet_bool()};
    return nondet_bool();
}

static void hear(void *arg, const struct ip_error *e)
{
    PROVE(arg == &transport && ip_equal(e->src, ours) && ip_is_v4(e->dst), "of ours");
    PROVE(e->type == type && e->code == code && ip_equal(e->from, packet.src), "as it came");
    PROVE(e->mtu == 0 || (type == ICMP_UNREACHABLE && code == 4), "only where it means something");
    const uint8_t *end = buf_data(packet.buf) + packet.buf->len;
    PROVE(e->quoted.len >= 8 && e->quoted.len <= packet.buf->len, "enough to know it by");
    PROVE(e->quoted.data + e->quoted.len == end, "the end of the message");
    heard++;
}

const struct ip_transport *ip_transport_of(const struct ip *ip, uint8_t protocol)
{
    PROVE(ip == &host, "the host");
    if (nondet_bool()) {
        return NULL;
    }
    transport = (struct ip_transport){
        .protocol = protocol, .error = nondet_bool() ? hear : NULL, .arg = &transport};
    return &transport;
}

static struct slice any_part(struct slice of, size_t least)
{
    size_t len = any_size(of.len);
    size_t at = any_size(of.len);
    ASSUME(at + len <= of.len);
    return len >= least ? (struct slice){of.data + at, len} : (struct slice){NULL, 0};
}

bool ip_options_read(struct slice options, struct ip_options_seen *out)
{
    PROVE(options.len <= IP_OPTIONS_MAX &&
              (options.len == 0 || READABLE(options.data, options.len)),
          "a list");
    *out = (struct ip_options_seen){.route = any_part(options, 3),
                                    .record_route = any_part(options, 3),
                                    .timestamp = any_part(options, 4)};
    return nondet_bool();
}

bool ip_route_complete(struct slice route)
{
    PROVE(route.len >= 3 && READABLE(route.data, route.len), "a route");
    return nondet_bool();
}

struct ip_addr ip_route_end(struct slice route)
{
    PROVE(route.len >= 3 && READABLE(route.data, route.len), "a route");
    return nondet_bool() ? ip_any : ip4_addr(nondet_u32());
}

void ip_options_for_echo(const struct ip_options_seen *seen, const struct ip_options *way,
                         struct ip_addr self, uint32_t time, struct ip_options *out)
{
    PROVE(seen->timestamp.len == 0 || READABLE(seen->timestamp.data, seen->timestamp.len),
          "as they were read");
    PROVE(way == packet.back && ip_equal(self, packet.dst) && (time >> 31) == 1, "of this packet");
    *out = (struct ip_options){.len = (uint8_t)(4 * any_size(10))};
}

void destination_learn_gateway(struct destinations *d, struct ip_addr addr, struct ip_addr gateway,
                               nsec now)
{
    PROVE(d == &host.destinations && now == packet.now && ip_is_v4(addr), "once it is known");
    PROVE(!host.config.no_redirects && code <= 3, "heeded");
    PROVE(ip_equal(packet.src, first_hop), "who forwards what goes there");
    PROVE(!ip_equal(gateway, ours) && !ip_equal(gateway, broadcast), "another host");
    PROVE(ip_same_prefix(gateway, link.addr, link.prefix), "on the link");
    learned++;
}

static struct buf *made; /* by buf_new */

static void forget(struct buf *b)
{
    free(b->slab);
    free(b);
}

void buf_free(struct buf *b)
{
    PROVE(b != NULL && freed == 0, "once");
    freed++;
    if (b == made) {
        forget(b);
    }
}

/* A view of nothing, with `cap` bytes and no more. */
struct buf *buf_new(struct slab_pools *p, size_t headroom, size_t cap)
{
    PROVE(p == NULL && headroom == 0 && cap <= ICMP_ERROR_MAX, "small");
    if (nondet_bool()) {
        return NULL;
    }
    struct slab *slab = any_object(sizeof(struct slab) + cap);
    slab->cap = (uint32_t)cap;
    struct buf *b = any_object(sizeof *b);
    *b = (struct buf){.slab = slab};
    made = b;
    return b;
}

static struct ip_addr any_address(void)
{
    return ip4_addr(nondet_u32());
}

/* A host that may or may not answer, and a packet with a message of `len` bytes, which end with their memory. */
static void make(size_t cap, size_t len, unsigned waiting)
{
    recorder = (struct recorder){.ring = &ring, .mask = 0};
    host.recorder = &recorder;
    host.config.no_redirects = nondet_bool();
    host.icmp_waiting = waiting;
    host.echo_limiter = (struct icmp_limiter){.rate = 1, .burst = 1, .tokens = nondet_bool()};
    host.error_limiter = host.echo_limiter;
    ours = any_address();
    broadcast = any_address();
    first_hop = any_address();
    link.addr = any_address();
    link.prefix = (unsigned)any_size(32);
    struct slab *slab = any_object(sizeof(struct slab) + cap);
    struct buf *b = any_object(sizeof *b);
    *b = (struct buf){.slab = slab, .off = (uint32_t)(cap - len), .len = (uint32_t)len};
    size_t header_len = 20 + 4 * any_size(10);
    packet = (struct ip_packet){.buf = b,
                                .header = {header + HEADER_MAX - header_len, header_len},
                                .src = any_address(),
                                .dst = any_address(),
                                .protocol = IP_ICMP,
                                .tos = nondet_u8(),
                                .broadcast = nondet_bool(),
                                .back = nondet_bool() ? &back : NULL,
                                .in = &link};
    type = nondet_u8();
    code = nondet_u8();
}

/* Behind type, code and checksum, where icmp_input has read them. */
static struct rd behind_type(void)
{
    struct rd r = rd_slice(buf_slice(packet.buf));
    rd_skip(&r, 4);
    return r;
}

PROOF(icmp_error)
{
    make(MESSAGE, ICMP_HEADER + any_size(MESSAGE - ICMP_HEADER), 0);
    struct buf *b = packet.buf;
    struct rd r = behind_type();
    icmp_error(&host, &packet, &r, type, code);
    PROVE(heard + drops == 1, "told or dropped, once");
    PROVE(drops == 0 || dropped == DROP_ICMP_TRUNCATED || dropped == DROP_ICMP_UNMATCHED,
          "by name");
    PROVE(packet.buf == b && freed == 0, "left to the caller");
    REACHES_IF(heard == 1 && b->len == MESSAGE, "told");
    forget(b);
}

PROOF(icmp_redirect)
{
    make(MESSAGE, ICMP_HEADER + any_size(IP4_HEADER + 1), 0);
    struct buf *b = packet.buf;
    struct rd r = behind_type();
    icmp_redirect(&host, &packet, &r, code);
    PROVE(learned + drops == 1, "heeded or dropped, once");
    PROVE(drops == 0 || dropped == DROP_ICMP_TRUNCATED || dropped == DROP_ICMP_BAD_REDIRECT,
          "by name");
    PROVE(learned == 0 || b->len >= ICMP_HEADER + IP4_HEADER, "with a whole header");
    PROVE(packet.buf == b && freed == 0, "left to the caller");
    REACHES_IF(learned == 1, "heeded");
    forget(b);
}

static inline void echo(unsigned waiting)
{
    make(ECHO, ICMP_HEADER + any_size(ECHO - ICMP_HEADER), waiting);
    struct buf *b = packet.buf;
    bool token = host.echo_limiter.tokens > 0;
    bool room = waiting < ICMP_OUTBOX;
    size_t at = any_size(b->len - 1U);
    uint8_t was = buf_data(b)[at];
    icmp_echo(&host, &packet);
    PROVE(packet.buf == (token ? NULL : b), "taken, if at all");
    PROVE(freed == (token && !room), "freed where it is not queued");
    PROVE(drops == !(token && room), "dropped, once");
    PROVE(drops == 0 || dropped == (token ? DROP_ICMP_OUTBOX_FULL : DROP_ICMP_RATE_LIMITED),
          "by name");
    if (token && room) {
        const struct icmp_waiting *w = &host.icmp_outbox[ICMP_OUTBOX - 1];
        PROVE(w->message == b && host.icmp_waiting == ICMP_OUTBOX, "queued");
        PROVE(ip_equal(w->how.src, packet.dst) && ip_equal(w->how.dst, packet.src), "to who asked");
        PROVE(w->options.len % 4 == 0 && w->options.len <= IP_OPTIONS_MAX, "whole words");
        PROVE((w->how.tos & 3) == 0 && w->how.protocol == IP_ICMP, "not ECN-capable");
        PROVE(at < 4 || buf_data(b)[at] == was, "its data as they came");
        PROVE(buf_data(b)[0] == ICMP_ECHO_REPLY && buf_data(b)[1] == 0, "a reply");
    }
    forget(b);
}

PROOF(icmp_echo)
{
    echo(ICMP_OUTBOX - 1);
    REACHES_IF(drops == 0, "a reply");
}

PROOF(icmp_echo_full)
{
    echo(ICMP_OUTBOX);
    REACHES_IF(freed == 1, "none");
}

static inline void complain(unsigned waiting)
{
    make(ABOUT, any_size(ABOUT), waiting);
    struct buf *b = packet.buf;
    packet.protocol = nondet_u8();
    uint8_t first = b->len > 0 ? buf_data(b)[0] : 0;
    bool query = b->len > 0 && (first == ICMP_ECHO_REQUEST || first == ICMP_ECHO_REPLY);
    bool allowed = !packet.broadcast && (packet.protocol != IP_ICMP || query);
    bool room = waiting < ICMP_OUTBOX;
    uint32_t second = nondet_u32();
    icmp_complain(&host, &packet, type, code, second);
    bool queued = room && host.icmp_waiting == ICMP_OUTBOX;
    PROVE(allowed || (drops == 0 && !queued && freed == 0), "never about these");
    PROVE(!allowed || queued == (drops == 0), "queued, or dropped by name");
    PROVE(packet.buf == b, "left to the caller");
    if (queued) {
        struct buf *m = host.icmp_outbox[ICMP_OUTBOX - 1].message;
        size_t quoted = size_min(b->len, ICMP_ERROR_MAX - 28 - packet.header.len);
        PROVE(m->len == 8 + packet.header.len + quoted, "as much as fits");
        PROVE(m->len + 20 <= ICMP_ERROR_MAX, "no more than 576 bytes");
        PROVE(buf_data(m)[0] == type && buf_data(m)[1] == code, "what it says");
        size_t at = any_size(ABOUT - 1);
        PROVE(at >= quoted || buf_data(m)[8 + packet.header.len + at] == buf_data(b)[at],
              "as it came");
        forget(m);
    }
    forget(b);
}

PROOF(icmp_complain)
{
    complain(ICMP_OUTBOX - 1);
    REACHES_IF(host.icmp_waiting == ICMP_OUTBOX, "an error");
}

PROOF(icmp_complain_full)
{
    complain(ICMP_OUTBOX);
    REACHES_IF(freed == 1, "none");
}

/* Whatever the handlers do with a message, they are reached with a whole one that was sent to us. */
PROOF(icmp_input)
{
    make(ICMP_HEADER + 4, any_size(ICMP_HEADER + 4), ICMP_OUTBOX - 1);
    struct buf *b = packet.buf;
    icmp_input(&host, &packet);
    PROVE(drops + learned + heard <= 1, "one thing comes of it");
    PROVE(b->len >= ICMP_HEADER || (drops == 1 && dropped == DROP_ICMP_TRUNCATED), "too short");
    PROVE(!packet.broadcast || drops == 1, "never for a broadcast");
    PROVE(packet.buf == b || (freed == 1 && drops == 1) || host.icmp_waiting == ICMP_OUTBOX,
          "left to the caller, queued or freed");
    REACHES_IF(drops == 0, "an echo request");
    REACHES_IF(dropped == DROP_ICMP_UNKNOWN_TYPE, "another");
    forget(b);
}

PROOF(icmp_limiter)
{
    struct icmp_limiter l = {.rate = ICMP_ECHO_RATE, .burst = ICMP_ECHO_RATE};
    l.tokens = (uint32_t)any_size(l.burst);
    nsec now = (nsec)(nondet_u64() >> 2);
    l.refilled = (nsec)(nondet_u64() >> 2);
    ASSUME(l.refilled <= now);
    uint32_t before = l.tokens;
    bool good = limiter_take(&l, now);
    PROVE(l.tokens <= l.burst && l.refilled <= now, "no more than fits, not ahead");
    PROVE(good || (l.tokens == 0 && before == 0), "given as long as there is any");
    REACHES_IF(good && before == 0, "earned");
}
