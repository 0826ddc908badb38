#include "tests/fuzz/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/trace/line.h"

#define ARP_LEN 28U

static uint32_t get32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* ---- frames out ---- */

/* RFC 826: the host asks for somebody, or answers. */
static void look_at_arp(struct net *n, const uint8_t *a, size_t len)
{
    FUZZ_CHECK(len >= ARP_LEN && a[7] <= 2 && memcmp(a + 8, our_mac.b, 6) == 0);
    if (a[7] == 1 && get32(a + 24) != get32(a + 14)) { /* and does not announce itself */
        n->asked = get32(a + 24);
    }
}

/* RFC 791: what every packet of ours must be. */
static void look_at_ip(struct net *n, const uint8_t *p, size_t len)
{
    FUZZ_CHECK(len >= FRAME_IP && len <= n->dev.mtu && p[0] >> 4 == 4);
    size_t header = (p[0] & 15U) * 4U;
    FUZZ_CHECK(header >= FRAME_IP && header <= len && (size_t)(p[2] << 8 | p[3]) == len);
    FUZZ_CHECK(plain_checksum(p, header, 0) == 0);
    FUZZ_CHECK(get32(p + 12) == OUR_IP && p[8] > 0);
    if (n->look != NULL) {
        n->look(n, p, len);
    }
}

static bool transmit(struct netdev *dev, const struct packet *p)
{
    struct net *n = CONTAINER_OF(dev, struct net, dev);
    static uint8_t frame[2048];
    if (n->refuse > 0) {
        n->refuse--;
        return false;
    }
    struct slice header = packet_header(p);
    FUZZ_CHECK(packet_len(p) <= sizeof frame && packet_len(p) >= FRAME_ETH);
    if (header.len > 0) {
        memcpy(frame, header.data, header.len);
    }
    size_t len = header.len;
    for (uint32_t i = 0; i < p->slices; i++) {
        memcpy(frame + len, p->payload[i].data, p->payload[i].len);
        len += p->payload[i].len;
    }
    FUZZ_CHECK(len == packet_len(p) && memcmp(frame + 6, our_mac.b, 6) == 0);
    n->sent++;
    if (frame[13] == 6) {
        look_at_arp(n, frame + FRAME_ETH, len - FRAME_ETH);
    } else {
        look_at_ip(n, frame + FRAME_ETH, len - FRAME_ETH);
    }
    return true;
}

/* ---- frames in ---- */

void net_release(struct net *n)
{
    n->hold = false;
    host_input(&n->host, n->iface, &n->held, n->now);
    net_flush(n);
}

bool net_frame(struct net *n, const uint8_t *frame, size_t len)
{
    struct buf *b = buf_copy_of(&n->host.pools, frame, len);
    if (b == NULL) {
        return false;
    }
    list_push_back(&n->held, &b->link);
    if (!n->hold) {
        net_release(n);
    }
    return true;
}

void net_ip(struct net *n, const struct ip4_spec *ip, const void *payload, size_t len)
{
    struct frame f = frame_ip4(ip, payload, len);
    (void)net_frame(n, f.b, f.len);
}

static struct frame arp_frame(uint16_t operation, struct mac from, uint32_t sender, uint32_t target)
{
    static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};
    struct frame f = frame_to_us(0x0806);
    uint8_t a[ARP_LEN] = {0};
    memcpy(a, fixed, sizeof fixed);
    put16(a + 6, operation);
    memcpy(a + 8, from.b, 6);
    put16(a + 14, (uint16_t)(sender >> 16));
    put16(a + 16, (uint16_t)sender);
    memcpy(a + 18, our_mac.b, 6);
    put16(a + 24, (uint16_t)(target >> 16));
    put16(a + 26, (uint16_t)target);
    frame_add(&f, a, sizeof a);
    memcpy(f.b + 6, from.b, 6);
    return f;
}

void net_arp(struct net *n, uint16_t operation, struct mac from, uint32_t sender, uint32_t target)
{
    struct frame f = arp_frame(operation, from, sender, target);
    (void)net_frame(n, f.b, f.len);
}

/* ---- time ---- */

/* The answer overtakes what is held. */
static void answer_arp(struct net *n, uint32_t who)
{
    struct frame f = arp_frame(2, peer_mac, who, OUR_IP);
    struct buf *b = buf_copy_of(&n->host.pools, f.b, f.len);
    if (b != NULL) {
        struct list frames;
        list_init(&frames);
        list_push_back(&frames, &b->link);
        host_input(&n->host, n->iface, &frames, n->now);
    }
}

void net_flush(struct net *n)
{
    host_flush(&n->host, n->now);
    while (n->asked != 0) {
        uint32_t who = n->asked;
        n->asked = 0;
        if (!n->deaf) {
            answer_arp(n, who);
            host_flush(&n->host, n->now);
        }
    }
    if (n->check != NULL && !n->hold) {
        n->check(n);
    }
}

bool net_step(struct net *n, nsec limit)
{
    nsec due = host_deadline(&n->host);
    bool more = due <= limit;
    if (more && ++n->steps > NET_STEPS) {
        return false;
    }
    n->now = nsec_max(n->now, more ? due : limit);
    host_advance(&n->host, n->now);
    net_flush(n);
    return more;
}

void net_run(struct net *n, nsec span)
{
    nsec limit = n->now + span;
    while (net_step(n, limit)) {
    }
}

/* ---- life ---- */

static void print_event(void *arg, const struct event *e)
{
    (void)arg;
    char line[EVENT_LINE_MAX];
    event_line(e, NET_START, line, sizeof line);
    fprintf(stderr, "%s\n", line);
}

void net_init(struct net *n, uint32_t mtu, const struct tcp_config *tcp)
{
    struct host_config config = {
        .seed = {7},
        .slabs = {.slabs = {512, 256, 64, 4}, .bufs = 1024},
        .tcp = *tcp,
        .recorder_events = 64,
    };
    n->now = NET_START;
    n->hold = n->deaf = false;
    n->refuse = n->steps = n->asked = 0;
    n->sent = 0;
    n->look = NULL;
    n->check = NULL;
    list_init(&n->held);
    n->dev = (struct netdev){.mac = our_mac, .mtu = mtu, .transmit = transmit};
    FUZZ_CHECK(host_init(&n->host, &config, n->now));
    n->listener = (struct listener){.on_event = print_event};
    if (getenv("VITRINE_TRACE") != NULL) {
        recorder_listen(&n->host.recorder, &n->listener);
    }
    n->iface = host_attach(&n->host, &n->dev, ip4_addr(OUR_IP), 24);
    FUZZ_CHECK(n->iface != NULL && host_default_route(&n->host, n->iface, ip4_addr(PEER_IP)));
    net_arp(n, 1, peer_mac, PEER_IP, OUR_IP);
}

static size_t neighbour_timers(const struct net *n)
{
    size_t armed = 0;
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        const struct neighbour *e = &n->iface->neighbours.entries[i];
        armed += e->in_use && timer_armed(&e->timer) ? 1 : 0;
    }
    return armed;
}

static void check_empty(const struct net *n)
{
    const struct tcp *t = &n->host.tcp;
    FUZZ_CHECK(t->handle_pool.in_use == 0 && t->conn_pool.in_use == 0);
    FUZZ_CHECK(t->rest_pool.in_use == 0 && t->timewait_pool.in_use == 0);
    FUZZ_CHECK(t->range_pool.in_use == 0 && t->sent_pool.in_use == 0 && t->connections.count == 0);
    FUZZ_CHECK(list_empty(&t->all) && list_empty(&t->dirty) && list_empty(&t->events));
    FUZZ_CHECK(list_empty(&t->starved) && list_empty(&t->timewaits));
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        FUZZ_CHECK(n->host.pools.slabs[i].in_use == 0);
    }
    FUZZ_CHECK(n->host.pools.bufs.in_use == 0 && n->host.ip.fragments.pool.in_use == 0);
    FUZZ_CHECK(n->host.wheel.armed == neighbour_timers(n));
}

void net_done(struct net *n)
{
    net_release(n);
    n->steps = 0;
    n->refuse = 0;
    net_run(n, NET_QUIET);
    FUZZ_CHECK(n->steps <= NET_STEPS);
    check_empty(n);
    host_done(&n->host);
    FUZZ_CHECK(n->host.wheel.armed == 0);
}
