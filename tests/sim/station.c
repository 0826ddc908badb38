/* What lies between the hosts of a world: their devices, the wires, a switch, and a router that answers what is too big.
 * Every frame that leaves a host or arrives at one is hashed, captured, and shown to the observer here.
 */
#include <stdio.h>
#include <string.h>

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"
#include "tests/sim/device.h"
#include "tests/sim/world.h"

#define SUBNET UINT32_C(0x0a090000) /* 10.9.WIRE.END; behind a switch all are in 10.9.0 */
#define ROUTER_HOST 254U            /* the router on a wire is 10.9.WIRE.254 */

static void hash_number(struct sim_world *w, uint64_t v)
{
    w->hash = (w->hash ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    w->hash ^= w->hash >> 29U;
}

static void note_frame(struct sim_world *w, const struct sim_station *s, bool out,
                       struct slice frame)
{
    hash_number(w, (uint64_t)w->now);
    hash_number(w, (uint64_t)(s - w->station) << 33U | (uint64_t)out << 32U | frame.len);
    size_t i = 0;
    for (; i + 8 <= frame.len; i += 8) {
        uint64_t v;
        memcpy(&v, frame.data + i, 8);
        hash_number(w, v);
    }
    for (; i < frame.len; i++) {
        hash_number(w, frame.data[i]);
    }
    if (w->capture != NULL) {
        pcapng_frame(w->capture, &(struct pcapng_frame){.interface = (unsigned)s->capture,
                                                        .out = out,
                                                        .at = w->now,
                                                        .data = &frame,
                                                        .slices = 1});
    }
}

static struct sim_station *station_at(struct sim_world *w, unsigned wire, unsigned end)
{
    for (unsigned i = 0; i < w->stations; i++) {
        if (w->station[i].wire == wire && w->station[i].end == end) {
            return &w->station[i];
        }
    }
    return NULL;
}

static const struct mac router_mac = {{2, 0, 0, 0, 0, ROUTER_HOST}};

/* What a router on the way from `from` says about a packet that is too big (RFC 792, RFC 1191 4). */
static void too_big(struct sim_world *w, struct sim_station *from, const struct buf *packet,
                    uint32_t mtu)
{
    enum { QUOTED = 28, LEN = 14 + 20 + 8 + QUOTED };
    struct wire *wire = &w->wire[from->wire];
    struct frame_facts facts;
    frame_look(buf_slice(packet), &facts);
    struct buf *b = buf_new(&wire->pools, 0, LEN);
    if (b == NULL || !facts.is_ip || facts.ip_len < QUOTED || facts.ip_header != 20) {
        buf_free(b);
        return;
    }
    b->len = LEN;
    const uint8_t *quoted = buf_data(packet) + facts.ip;
    struct wr out = wr_of(buf_data(b), LEN);
    wr_bytes(&out, buf_data(packet) + 6, 6);
    wr_bytes(&out, router_mac.b, 6);
    wr_be16(&out, ETHERTYPE_IPV4);
    uint8_t *ip = out.pos;
    wr_be16(&out, 0x4500);
    wr_be16(&out, LEN - 14);
    wr_be32(&out, 0);
    wr_be16(&out, 64 << 8 | IP_ICMP);
    wr_be16(&out, 0);
    wr_be32(&out, SUBNET + (from->wire << 8U) + ROUTER_HOST);
    wr_bytes(&out, quoted + 12, 4);
    struct wr check = wr_of(ip + 10, 2);
    wr_be16(&check, csum_finish(csum_add(0, ip, 20)));
    uint8_t *icmp = out.pos;
    wr_be16(&out, 3 << 8 | 4);
    wr_be32(&out, 0);
    wr_be16(&out, (uint16_t)mtu);
    wr_bytes(&out, quoted, QUOTED);
    check = wr_of(icmp + 2, 2);
    wr_be16(&check, csum_finish(csum_add(0, icmp, 8 + QUOTED)));
    wire_send(wire, 1 - from->end, b);
}

/* wire.watch */
static void see(void *arg, const struct wire_sight *s)
{
    struct sim_station *any = arg; /* end 0 of the wire */
    struct sim_world *w = any->world;
    struct slice frame = buf_slice(s->frame->buf);
    struct sim_station *from = station_at(w, any->wire, s->from);
    struct sim_station *to = station_at(w, any->wire, 1 - s->from);
    if (s->what == WIRE_ARRIVED && to->host != SIM_SWITCH) {
        note_frame(w, to, false, frame);
        observer_arrived(w->observer, to->host, frame.data, frame.len, w->now);
    } else if (s->what == WIRE_DROPPED && s->node != NULL && s->node->config.kind == WIRE_MTU &&
               w->plan.kind != SIM_HOLE) {
        too_big(w, from, s->frame->buf, s->node->config.mtu.mtu);
    }
}

/* One frame on the wire: what the wire refuses was emitted all the same. */
static bool emit(struct sim_station *s, struct buf *b)
{
    struct sim_world *w = s->world;
    w->frames++;
    w->bytes += b->len;
    note_frame(w, s, true, buf_slice(b));
    observer_emitted(w->observer, s->host, buf_data(b), b->len, w->now);
    struct wire *wire = &w->wire[s->wire];
    struct buf *lie = sim_lie(w, b, &wire->pools);
    bool taken = wire_send(wire, s->end, b);
    if (lie != NULL) {
        wire_send(wire, s->end, lie);
    }
    return taken;
}

/* netdev.transmit */
static bool transmit(struct netdev *dev, const struct packet *packet)
{
    struct sim_station *s = CONTAINER_OF(dev, struct sim_station, dev);
    struct sim_world *w = s->world;
    struct wire *wire = &w->wire[s->wire];
    struct buf *b = packet_to_buf(packet, &wire->pools);
    if (b == NULL) {
        return false;
    }
    struct list frames;
    list_init(&frames);
    if (b->offload.csum == CSUM_PARTIAL && s->dev.caps == 0) {
        sim_fail(w, "device", "a checksum is left to a device that finishes none");
    }
    w->cut += b->offload.gso_type != GSO_NONE;
    const char *fault = sim_device_cut(b, &wire->pools, &frames);
    if (fault != NULL) {
        sim_fail(w, "device", "%s", fault);
    }
    bool taken = true;
    for (struct list *n = list_pop_front(&frames); n != NULL; n = list_pop_front(&frames)) {
        taken = emit(s, buf_of_link(n)) && taken;
    }
    return taken;
}

/* wire_end.deliver, of a host's interface */
static void to_host(void *arg, struct list *frames, nsec now)
{
    struct sim_station *s = arg;
    struct sim_host *h = &s->world->host[s->host];
    h->touched = true;
    struct list joined;
    list_init(&joined);
    if (s->world->plan.wire[s->wire].joins[s->end]) {
        s->world->joined += sim_device_join(frames, &h->host.pools, &joined);
        frames = &joined;
    }
    host_input(&h->host, s->iface, frames, now);
}

static void switch_to(struct sim_world *w, const struct sim_station *port, struct slice frame)
{
    struct wire *wire = &w->wire[port->wire];
    struct buf *b = buf_copy_of(&wire->pools, frame.data, frame.len);
    if (b != NULL) {
        wire_send(wire, port->end, b);
    }
}

/* wire_end.deliver, of a port of the switch: to where the address is, or to all other ports */
static void to_switch(void *arg, struct list *frames, nsec now)
{
    struct sim_station *in = arg;
    struct sim_world *w = in->world;
    (void)now;
    for (struct list *n = list_pop_front(frames); n != NULL; n = list_pop_front(frames)) {
        struct buf *b = buf_of_link(n);
        for (unsigned i = 0; i < w->stations; i++) {
            struct sim_station *port = &w->station[i];
            if (port->host != SIM_SWITCH || port == in) {
                continue;
            }
            struct mac there = w->wire[port->wire].end[1 - port->end].dev.mac;
            if ((buf_data(b)[0] & 1U) != 0 || memcmp(buf_data(b), there.b, 6) == 0) {
                switch_to(w, port, buf_slice(b));
            }
        }
        buf_free(b);
    }
}

/* ---- life ---- */

/* An interface of a host, or a port of the switch. */
static bool station_begin(struct sim_world *w, unsigned wire, unsigned end)
{
    unsigned host = w->plan.wire[wire].host[end];
    if (w->stations == SIM_STATIONS || (host != SIM_SWITCH && host >= w->plan.hosts)) {
        return false;
    }
    struct sim_station *s = &w->station[w->stations++];
    *s = (struct sim_station){.world = w, .wire = wire, .end = end, .host = host};
    struct wire *cable = &w->wire[wire];
    if (host == SIM_SWITCH) {
        wire_connect(cable, end, NULL, to_switch, s);
        return true;
    }
    bool switched = w->plan.wire[wire].host[1 - end] == SIM_SWITCH;
    s->addr = ip4_addr(SUBNET + (switched ? 1 + host : (wire << 8U) + 1 + end));
    wire_connect(cable, end, &w->host[host].host.pools, to_host, s);
    s->dev = cable->end[end].dev;
    s->dev.transmit = transmit;
    s->dev.caps = w->plan.wire[wire].cuts[end] ? NETDEV_CSUM | NETDEV_TSO4 : 0;
    s->iface = host_attach(&w->host[host].host, &s->dev, s->addr, 24);
    if (w->capture != NULL) {
        char name[32];
        snprintf(name, sizeof name, "host%u-wire%u", host, wire);
        s->capture = pcapng_interface(w->capture, name);
    }
    return s->iface != NULL;
}

/* The rules, then the nodes. */
static struct wire_way_config way_of(const struct sim_way_plan *plan,
                                     struct wire_node_config nodes[SIM_NODES + 1])
{
    unsigned count = 0;
    if (plan->rule_count > 0) {
        nodes[count] = (struct wire_node_config){.kind = WIRE_TAMPER};
        nodes[count].tamper.rules = plan->rules;
        nodes[count].tamper.count = plan->rule_count;
        count++;
    }
    for (unsigned i = 0; i < plan->node_count; i++) {
        nodes[count++] = plan->nodes[i];
    }
    return (struct wire_way_config){.nodes = nodes, .count = count, .refuse = plan->refuse};
}

bool sim_wire_begin(struct sim_world *w, unsigned i)
{
    const struct sim_wire_plan *plan = &w->plan.wire[i];
    struct wire_node_config nodes[2][SIM_NODES + 1];
    struct wire_config config = {.mtu = plan->mtu};
    struct lcg g = {.state = ~(w->plan.seed * SIM_WIRES + i)};
    lcg_next(&g);
    lcg_fill(&g, config.seed, sizeof config.seed);
    for (unsigned end = 0; end < 2; end++) {
        config.way[end] = way_of(&plan->way[end], nodes[end]);
        config.mac[end] = (struct mac){{2, 0, 0, (uint8_t)(i + 1), (uint8_t)end, plan->host[end]}};
    }
    if (!wire_init(&w->wire[i], &config, w->now)) {
        return false;
    }
    bool good = station_begin(w, i, 0) && station_begin(w, i, 1);
    w->wire[i].watch = see;
    w->wire[i].watch_arg = &w->station[w->stations - 2];
    return good;
}
