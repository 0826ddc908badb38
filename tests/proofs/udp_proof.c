/* UDP (stack/udp/udp.c): datagrams that come in.
 *
 * Proven for every datagram of up to DATAGRAM bytes behind any IP header, two ports that are open in any way, and a line
 * with room for one more, or with none (udp_input_full):
 * - nothing outside of the datagram is read; what is too short, has a length that cannot be, a wrong checksum or no port
 *   is dropped by name, once, and only in the last case is the sender told (RFC 1122 4.1.3.1);
 * - what is taken waits for the port that is open at its address and for its sender, with the payload that the length
 *   in its header says, inside the buffer; the buffer is then the line's, else it is left to the caller;
 * - with the line full it is dropped by name;
 * - udp_error, for any quote of 8 bytes, tells a port that is open there, or drops by name.
 *
 * The source is included, so that a list node becomes a port by a choice among the two. Stubs: the checksum, the
 * trims of buf.h by their contracts, and the answer to who sent it.
 *
 * proof-sources: stack/base/cursor.c stack/base/addr.c
 * proof-unwind: 17
 * proof-checks: --unsigned-overflow-check --object-bits 10
 */
#include "stack/udp/udp.h"

#include "tests/proofs/proof.h"

#define DATAGRAM 12U
#define HEADER_MAX 60U

static struct udp_port ports[2];

static struct udp_port *the_port(const struct list *node)
{
    if (node == &ports[0].link) {
        return &ports[0];
    }
    PROVE(node == &ports[1].link, "a port, not the head");
    return &ports[1];
}

#undef CONTAINER_OF
#define CONTAINER_OF(ptr, type, member) ((type *)the_port(ptr))
#include "stack/udp/udp.c" /* NOLINT(bugprone-suspicious-include) */

static struct udp udp;
static struct ip host;
static struct recorder recorder;
static struct event ring;
static struct buf *buf;
static struct ip_packet packet;
static uint8_t header[HEADER_MAX];
static unsigned drops, answers, told;
static enum drop_reason dropped;

void trace_drop(struct recorder *r, enum drop_reason reason, uint32_t conn_id, size_t len)
{
    PROVE(r == &recorder && conn_id == 0 && len <= DATAGRAM, "a drop");
    drops++;
    dropped = reason;
}

void recorder_tell(struct recorder *r, const struct event *e)
{
    PROVE(r == NULL && e == NULL, "nobody listens");
}

uint64_t ip_pseudo_sum(struct ip_addr src, struct ip_addr dst, uint8_t protocol, size_t len)
{
    PROVE(ip_equal(src, packet.src) && ip_equal(dst, packet.dst) && protocol == IP_UDP, "its own");
    return len;
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

void buf_trim_front(struct buf *b, size_t n)
{
    PROVE(b == buf && n <= b->len, "no more than it has");
    b->off += (uint32_t)n;
    b->len -= (uint32_t)n;
}

void buf_trim_back(struct buf *b, size_t n)
{
    PROVE(b == buf && n <= b->len, "no more than it has");
    b->len -= (uint32_t)n;
}

void ip_unreachable(struct ip *ip, const struct ip_packet *about, uint8_t unreachable)
{
    PROVE(ip == &host && about == &packet && packet.buf == buf, "the whole packet is quoted");
    PROVE(unreachable == ICMP_CODE_PORT_UNREACHABLE, "there is no such port");
    answers++;
}

static void hear(void *arg, struct udp_port *p, const struct endpoint *to, uint8_t type,
                 uint8_t code)
{
    PROVE(arg == &udp && (p == &ports[0] || p == &ports[1]), "a port");
    PROVE(p->peer.port == 0 || p->peer.port == to->port, "that talks with it");
    PROVE(type == 3 && code == 1, "as it came");
    told++;
}

static struct ip_addr any_address(void)
{
    return nondet_bool() ? ip_any : ip4_addr(nondet_u32());
}

static void make_port(unsigned i)
{
    ports[i].udp = &udp;
    ports[i].open.local = (struct endpoint){any_address(), nondet_u16()};
    ports[i].open.error = nondet_bool() ? hear : NULL;
    ports[i].open.arg = &udp;
    ports[i].peer = (struct endpoint){any_address(), nondet_u16()};
    list_push_back(&udp.ports, &ports[i].link);
}

static void make(uint32_t waiting)
{
    recorder = (struct recorder){.ring = &ring, .mask = 0};
    udp.ip = &host;
    udp.recorder = &recorder;
    udp.in_count = waiting;
    list_init(&udp.ports);
    make_port(0);
    make_port(1);
    size_t len = any_size(DATAGRAM);
    struct slab *slab = any_object(sizeof(struct slab) + DATAGRAM);
    buf = any_object(sizeof *buf);
    *buf = (struct buf){.slab = slab, .off = (uint32_t)(DATAGRAM - len), .len = (uint32_t)len};
    buf->offload.csum = (uint8_t)any_size(CSUM_PARTIAL);
    size_t header_len = 20 + 4 * any_size(10);
    packet = (struct ip_packet){.buf = buf,
                                .header = {header + HEADER_MAX - header_len, header_len},
                                .src = ip4_addr(nondet_u32()),
                                .dst = ip4_addr(nondet_u32()),
                                .protocol = IP_UDP,
                                .broadcast = nondet_bool()};
}

static void forget(void)
{
    free(buf->slab);
    free(buf);
}

static inline void input(uint32_t waiting)
{
    make(waiting);
    uint32_t len = buf->len;
    udp_input(&udp, &packet);
    bool taken = packet.buf == NULL;
    PROVE(udp.in_count == waiting + taken && drops == !taken, "taken or dropped, once");
    PROVE(taken || packet.buf == buf, "left to the caller");
    PROVE(answers == (drops == 1 && dropped == DROP_UDP_NO_PORT), "told where there is no port");
    PROVE(taken || len >= 8 || dropped == DROP_UDP_TRUNCATED, "too short");
    PROVE(taken || waiting < UDP_LINE || dropped != DROP_UDP_BAD_LENGTH || len >= 8, "by name");
    if (taken) {
        const struct udp_waiting_in *w = &udp.inbox[UDP_LINE - 1];
        PROVE(w->payload == buf && buf->len + 8 <= len, "its payload");
        PROVE(buf->off >= DATAGRAM - len + 8 && buf->off + buf->len <= DATAGRAM, "inside");
        PROVE(w->port == &ports[0] || w->port == &ports[1], "a port");
        PROVE(port_takes(w->port, &w->to, &w->from), "that is open for it");
        PROVE(ip_equal(w->from.addr, packet.src) && ip_equal(w->to.addr, packet.dst), "its ends");
        PROVE(w->options.len + 20 == packet.header.len, "its options");
    }
    forget();
}

PROOF(udp_input)
{
    input(UDP_LINE - 1);
    REACHES_IF(packet.buf == NULL, "taken");
    REACHES_IF(answers == 1, "no port");
    REACHES_IF(dropped == DROP_UDP_BAD_LENGTH, "a length");
    REACHES_IF(dropped == DROP_UDP_BAD_CHECKSUM, "a checksum");
}

PROOF(udp_input_full)
{
    input(UDP_LINE);
    REACHES_IF(drops == 1 && dropped == DROP_UDP_INBOX_FULL, "no room");
}

PROOF(udp_error)
{
    make(0);
    uint8_t quoted[8];
    struct ip_error e = {.type = 3,
                         .code = 1,
                         .src = ip4_addr(nondet_u32()),
                         .dst = ip4_addr(nondet_u32()),
                         .quoted = {quoted, sizeof quoted}};
    udp_error(&udp, &e);
    PROVE(drops + told <= 1, "one thing");
    PROVE(drops == 0 || dropped == DROP_ICMP_UNMATCHED, "by name");
    REACHES_IF(told == 1, "told");
    REACHES_IF(drops == 1, "no port");
    forget();
}
