/* UDP: RFC 768 (header and checksum), RFC 1122 4.1.3.1 (a datagram to a closed port is answered with
 * "port unreachable"), 4.1.3.3 (ICMP errors go to the application), 4.1.3.4 (a checksum is sent, and one that
 * is there must be right). */
#include "stack/udp/udp.h"

#include <stdlib.h>

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"

#define UDP_HEADER 8U          /* bytes */
#define IP4_HEADER_BYTES 20U   /* of what we send: it has no options */
#define EPHEMERAL_FIRST 49152U /* RFC 6335 6 */
#define EPHEMERAL_COUNT 16384U

struct udp_header {
    uint16_t src_port, dst_port;
    uint16_t len;      /* bytes, header included */
    uint16_t checksum; /* 0: the sender computed none */
};

/* ---- which port ---- */

static struct udp_port *port_of_link(struct list *n)
{
    return CONTAINER_OF(n, struct udp_port, link);
}

static bool port_takes(const struct udp_port *p, const struct endpoint *local,
                       const struct endpoint *remote)
{
    const struct endpoint *own = &p->open.local;
    bool address = ip_is_any(own->addr) || ip_equal(own->addr, local->addr);
    bool everybody = p->peer.port == 0;
    bool peer = p->peer.port == remote->port && ip_equal(p->peer.addr, remote->addr);
    return own->port == local->port && address && (everybody || peer);
}

static struct udp_port *find_port(struct udp *u, const struct endpoint *local,
                                  const struct endpoint *remote)
{
    for (struct list *n = u->ports.next; n != &u->ports; n = n->next) {
        if (port_takes(port_of_link(n), local, remote)) {
            return port_of_link(n);
        }
    }
    return NULL;
}

/* ---- in ---- */

static bool udp_parse(struct rd *r, struct udp_header *out)
{
    out->src_port = rd_be16(r);
    out->dst_port = rd_be16(r);
    out->len = rd_be16(r);
    out->checksum = rd_be16(r);
    return !r->failed;
}

static bool udp_checksum_good(const struct ip_packet *p, const struct udp_header *h)
{
    if (h->checksum == 0 || p->buf->offload.csum != CSUM_UNKNOWN) {
        return true;
    }
    uint64_t sum = ip_pseudo_sum(p->src, p->dst, IP_UDP, h->len);
    return csum_finish(csum_add(sum, buf_data(p->buf), h->len)) == 0;
}

static void udp_take(struct udp *u, struct udp_port *port, struct ip_packet *p,
                     const struct udp_header *h)
{
    if (u->in_count == UDP_LINE) {
        trace_drop(u->recorder, DROP_UDP_INBOX_FULL, 0, p->buf->len);
        return;
    }
    struct udp_waiting_in *w = &u->inbox[u->in_count++];
    *w = (struct udp_waiting_in){
        .port = port,
        .payload = p->buf,
        .from = {.addr = p->src, .port = h->src_port},
        .to = {.addr = p->dst, .port = h->dst_port},
        .broadcast = p->broadcast,
        .tos = p->tos,
        .options = {p->header.data + IP4_HEADER_BYTES, p->header.len - IP4_HEADER_BYTES},
    };
    p->buf = NULL;
    buf_trim_back(w->payload, w->payload->len - h->len);
    buf_trim_front(w->payload, UDP_HEADER);
    TRACE(u->recorder, 0, udp_in, .from = w->from.addr, .from_port = h->src_port,
          .to_port = h->dst_port, .len = w->payload->len);
}

/* ip_transport.input */
static void udp_input(void *arg, struct ip_packet *p)
{
    struct udp *u = arg;
    struct udp_header h;
    struct rd r = rd_slice(buf_slice(p->buf));
    enum drop_reason why = DROP_UDP_NO_PORT;
    if (!udp_parse(&r, &h)) {
        why = DROP_UDP_TRUNCATED;
    } else if (h.len < UDP_HEADER || h.len > p->buf->len) {
        why = DROP_UDP_BAD_LENGTH;
    } else if (!udp_checksum_good(p, &h)) {
        why = DROP_UDP_BAD_CHECKSUM;
    } else {
        struct endpoint local = {.addr = p->dst, .port = h.dst_port};
        struct endpoint remote = {.addr = p->src, .port = h.src_port};
        struct udp_port *port = find_port(u, &local, &remote);
        if (port != NULL) {
            udp_take(u, port, p, &h);
            return;
        }
    }
    if (why == DROP_UDP_NO_PORT && p->buf->reach != BUF_OURS) {
        why = DROP_IP_ANOTHER_HOST;
    }
    trace_drop(u->recorder, why, 0, p->buf->len);
    if (why == DROP_UDP_NO_PORT) {
        ip_unreachable(u->ip, p, ICMP_CODE_PORT_UNREACHABLE);
    }
}

/* ip_transport.error */
static void udp_error(void *arg, const struct ip_error *e)
{
    struct udp *u = arg;
    struct rd r = rd_slice(e->quoted);
    struct endpoint local = {.addr = e->src, .port = rd_be16(&r)};
    struct endpoint remote = {.addr = e->dst, .port = rd_be16(&r)};
    struct udp_port *port = find_port(u, &local, &remote);
    if (port == NULL) {
        trace_drop(u->recorder, DROP_ICMP_UNMATCHED, 0, e->quoted.len);
    } else if (port->open.error != NULL) {
        port->open.error(port->open.arg, port, &remote, e->type, e->code);
    }
}

void udp_notify(struct udp *u)
{
    for (uint32_t i = 0; i < u->in_count; i++) {
        struct udp_waiting_in *w = &u->inbox[i];
        struct udp_datagram d = {.from = w->from,
                                 .to = w->to,
                                 .broadcast = w->broadcast,
                                 .tos = w->tos,
                                 .options = w->options,
                                 .payload = buf_slice(w->payload)};
        if (w->port != NULL) {
            w->port->open.receive(w->port->open.arg, w->port, &d);
        }
        buf_free(w->payload);
    }
    u->in_count = 0;
}

/* ---- out ---- */

/* The source address: the port's own, or that of the interface (RFC 1122 4.1.3.5). */
static bool choose_source(struct udp_port *p, struct ip_addr to, struct ip_addr *out)
{
    *out = p->open.local.addr;
    return !ip_is_any(*out) || ip_source_for(p->udp->ip, to, out);
}

enum udp_error udp_send(struct udp_port *p, const struct endpoint *to, struct slice payload)
{
    struct udp *u = p->udp;
    struct endpoint from = {.port = p->open.local.port};
    const struct ip_options *options = &p->open.options.ip;
    struct ip_addr via = ip_is_any(options->first_hop) ? to->addr : options->first_hop;
    uint32_t mtu = p->open.options.probe ? ip_link_mtu(u->ip, via) : ip_mtu(u->ip, via);
    if (to->port == 0 || ip_is_any(to->addr) || ip_is_multicast(to->addr) ||
        ip_is_broadcast(u->ip, to->addr)) {
        return UDP_ERR_ADDRESS;
    }
    if (mtu == 0 || !choose_source(p, via, &from.addr)) {
        return UDP_ERR_NO_ROUTE;
    }
    if (payload.len + UDP_HEADER + IP4_HEADER_BYTES + options->len > mtu) {
        return UDP_ERR_TOO_BIG;
    }
    struct buf *copy = NULL;
    if (u->out_count < UDP_LINE) {
        copy = buf_copy_of(u->ip->pools, payload.data, payload.len);
    }
    if (copy == NULL) {
        trace_drop(u->recorder, DROP_UDP_OUTBOX_FULL, 0, payload.len);
        return UDP_ERR_RESOURCES;
    }
    u->outbox[u->out_count++] = (struct udp_waiting_out){
        .payload = copy,
        .from = from,
        .to = *to,
        .options = p->open.options,
        .cause = u->recorder->cause,
    };
    return UDP_OK;
}

static void send_one(struct udp *u, const struct udp_waiting_out *w, nsec now)
{
    struct packet p;
    packet_init(&p);
    packet_add(&p, buf_slice(w->payload));
    uint16_t len = (uint16_t)(UDP_HEADER + w->payload->len);
    uint8_t *header = packet_push(&p, UDP_HEADER);
    struct wr out = wr_of(header, UDP_HEADER);
    wr_be16(&out, w->from.port);
    wr_be16(&out, w->to.port);
    wr_be16(&out, len);
    wr_be16(&out, 0); /* the checksum's place */
    uint64_t sum = ip_pseudo_sum(w->from.addr, w->to.addr, IP_UDP, len);
    sum = csum_add(csum_add(sum, header, UDP_HEADER), buf_data(w->payload), w->payload->len);
    uint16_t checksum = csum_finish(sum);
    struct wr check = wr_of(header + 6, 2);
    wr_be16(&check, checksum != 0 ? checksum : UINT16_MAX); /* RFC 768: zero would mean none */
    struct ip_how how = {
        .src = w->from.addr,
        .dst = w->to.addr,
        .protocol = IP_UDP,
        .ttl = w->options.ttl,
        .tos = w->options.tos,
        .options = &w->options.ip,
    };
    TRACE(u->recorder, 0, udp_out, .to = w->to.addr, .from_port = w->from.port,
          .to_port = w->to.port, .len = w->payload->len);
    ip_output(u->ip, &p, &how, now); /* who is refused hears of it by name; UDP promises nothing */
}

void udp_flush(struct udp *u, nsec now)
{
    struct cause cause = u->recorder->cause;
    for (uint32_t i = 0; i < u->out_count; i++) {
        u->recorder->cause = u->outbox[i].cause;
        send_one(u, &u->outbox[i], now);
        buf_free(u->outbox[i].payload);
    }
    u->out_count = 0;
    u->recorder->cause = cause;
}

/* ---- ports ---- */

static bool port_in_use(const struct udp *u, const struct endpoint *local)
{
    for (const struct list *n = u->ports.next; n != &u->ports; n = n->next) {
        const struct endpoint *own = &CONTAINER_OF(n, struct udp_port, link)->open.local;
        bool overlap =
            ip_is_any(own->addr) || ip_is_any(local->addr) || ip_equal(own->addr, local->addr);
        if (own->port == local->port && overlap) {
            return true;
        }
    }
    return false;
}

/* A free ephemeral port, from a random one on (RFC 6056 3.3.1); false: all are taken. */
static bool choose_port(struct udp *u, struct endpoint *local)
{
    uint32_t first = random_u32(u->ip->random) % EPHEMERAL_COUNT;
    for (uint32_t i = 0; i < EPHEMERAL_COUNT; i++) {
        local->port = (uint16_t)(EPHEMERAL_FIRST + (first + i) % EPHEMERAL_COUNT);
        if (!port_in_use(u, local)) {
            return true;
        }
    }
    return false;
}

enum udp_error udp_open(struct udp *u, const struct udp_open_args *args, struct udp_port **out)
{
    struct endpoint local = args->local;
    if (!ip_is_any(local.addr) && !ip_is_ours(u->ip, local.addr)) {
        return UDP_ERR_ADDRESS;
    }
    if (u->port_count == UDP_PORTS || (local.port == 0 && !choose_port(u, &local))) {
        return UDP_ERR_RESOURCES;
    }
    if (port_in_use(u, &local)) {
        return UDP_ERR_IN_USE;
    }
    struct udp_port *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return UDP_ERR_RESOURCES;
    }
    p->udp = u;
    p->open = *args;
    p->open.local = local;
    list_push_back(&u->ports, &p->link);
    u->port_count++;
    *out = p;
    return UDP_OK;
}

void udp_connect(struct udp_port *p, const struct endpoint *peer)
{
    p->peer = *peer;
}

void udp_close(struct udp_port *p)
{
    struct udp *u = p->udp;
    for (uint32_t i = 0; i < u->in_count; i++) {
        if (u->inbox[i].port == p) {
            u->inbox[i].port = NULL;
        }
    }
    list_remove(&p->link);
    u->port_count--;
    free(p);
}

/* ---- life ---- */

bool udp_init(struct udp *u, struct ip *ip, struct recorder *recorder)
{
    *u = (struct udp){.ip = ip, .recorder = recorder};
    list_init(&u->ports);
    struct ip_transport udp = {
        .protocol = IP_UDP, .input = udp_input, .error = udp_error, .arg = u};
    return ip_register(ip, &udp);
}

void udp_done(struct udp *u)
{
    for (uint32_t i = 0; i < u->in_count; i++) {
        buf_free(u->inbox[i].payload);
    }
    for (uint32_t i = 0; i < u->out_count; i++) {
        buf_free(u->outbox[i].payload);
    }
    u->in_count = 0;
    u->out_count = 0;
    while (!list_empty(&u->ports)) {
        udp_close(port_of_link(u->ports.next));
    }
}
