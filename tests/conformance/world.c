#include "stack/tcp/cc.h"
#include "tests/conformance/world.h"

#include <stdlib.h>
#include <string.h>

#define HEADER 14U /* Ethernet */
#define ARP_LEN 28U
#define FRAME_MAX (HEADER + UINT16_MAX)

static const uint8_t gateway_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t our_mac[6] = {0x02, 0, 0, 0, 0, 0x02};

static struct world *world_of(struct netdev *dev)
{
    return CONTAINER_OF(dev, struct world, dev);
}

static void queue_packet(struct world *w, const uint8_t *bytes, size_t len)
{
    if (w->count == WORLD_QUEUE) {
        w->lost++;
        return;
    }
    struct sent_packet *s = &w->queue[(w->first + w->count) % WORLD_QUEUE];
    *s = (struct sent_packet){.at = w->now, .len = len, .bytes = malloc(len + 1)};
    if (s->bytes == NULL) {
        w->lost++;
        return;
    }
    memcpy(s->bytes, bytes, len);
    w->count++;
}

/* An ARP request of the host (RFC 826): who is asked for. */
static void note_arp(struct world *w, const uint8_t *frame, size_t len)
{
    bool request = len >= HEADER + ARP_LEN && frame[HEADER + 7] == 1;
    if (request && w->asked_count < WORLD_ARP) {
        const uint8_t *a = frame + HEADER + 24;
        uint32_t value =
            (uint32_t)a[0] << 24U | (uint32_t)a[1] << 16U | (uint32_t)a[2] << 8U | a[3];
        w->asked[w->asked_count++] = ip4_addr(value);
    }
}

static bool transmit(struct netdev *dev, const struct packet *p)
{
    struct world *w = world_of(dev);
    static uint8_t frame[FRAME_MAX];
    size_t len = 0;
    struct slice header = packet_header(p);
    if (header.len + p->payload_len > sizeof frame) {
        return false;
    }
    memcpy(frame, header.data, header.len);
    len = header.len;
    for (uint32_t i = 0; i < p->slices; i++) {
        memcpy(frame + len, p->payload[i].data, p->payload[i].len);
        len += p->payload[i].len;
    }
    if (len >= HEADER && frame[12] == 0x08 && frame[13] == 0x06) {
        note_arp(w, frame, len);
    } else if (len > HEADER) {
        queue_packet(w, frame + HEADER, len - HEADER);
    }
    return true;
}

/* `size`: the frame stands for several segments of so many bytes of payload; 0: it is one. */
static void input_frame(struct world *w, const uint8_t *frame, size_t len, uint32_t size)
{
    struct buf *b = buf_copy_of(&w->host.pools, frame, len);
    if (b == NULL) {
        return;
    }
    if (size > 0) {
        b->offload.gso_type = GSO_TCP4;
        b->offload.gso_size = (uint16_t)size;
    }
    struct list frames;
    list_init(&frames);
    list_push_back(&frames, &b->link);
    host_input(&w->host, w->iface, &frames, w->now);
}

static void put_addr(uint8_t *out, struct ip_addr a)
{
    uint32_t v = ip4_value(a);
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(v >> (24U - 8U * i));
    }
}

/* The gateway's answer; every address on the link is its own. */
static void answer_arp(struct world *w, struct ip_addr asked)
{
    uint8_t f[HEADER + ARP_LEN] = {0};
    static const uint8_t fixed[8] = {0, 1, 8, 0, 6, 4, 0, 2};
    memcpy(f, our_mac, 6);
    memcpy(f + 6, gateway_mac, 6);
    f[12] = 0x08;
    f[13] = 0x06;
    memcpy(f + HEADER, fixed, sizeof fixed);
    memcpy(f + HEADER + 8, gateway_mac, 6);
    put_addr(f + HEADER + 14, asked);
    memcpy(f + HEADER + 18, our_mac, 6);
    put_addr(f + HEADER + 24, w->config.local);
    input_frame(w, f, sizeof f, 0);
}

void world_settle(struct world *w)
{
    host_flush(&w->host, w->now);
    while (w->asked_count > 0) {
        struct ip_addr asked = w->asked[--w->asked_count];
        answer_arp(w, asked);
        host_flush(&w->host, w->now);
    }
}

bool world_step(struct world *w, nsec until)
{
    nsec due = host_deadline(&w->host);
    if (due > until) {
        w->now = nsec_max(w->now, until);
        return true;
    }
    w->now = nsec_max(w->now, due);
    host_advance(&w->host, w->now);
    world_settle(w);
    return false;
}

void world_inject(struct world *w, const uint8_t *ip_packet, size_t len, uint32_t size)
{
    static uint8_t frame[FRAME_MAX];
    if (len > sizeof frame - HEADER) {
        return;
    }
    memcpy(frame, our_mac, 6);
    memcpy(frame + 6, gateway_mac, 6);
    frame[12] = 0x08;
    frame[13] = 0x00;
    memcpy(frame + HEADER, ip_packet, len);
    input_frame(w, frame, HEADER + len, size);
    world_settle(w);
}

void world_enter(struct world *w)
{
    host_enter(&w->host, w->now);
}

const struct sent_packet *world_sent(const struct world *w, unsigned nth)
{
    return nth < w->count ? &w->queue[(w->first + nth) % WORLD_QUEUE] : NULL;
}

void world_drop_sent(struct world *w)
{
    if (w->count > 0) {
        free(w->queue[w->first].bytes);
        w->first = (w->first + 1) % WORLD_QUEUE;
        w->count--;
    }
}

bool world_init(struct world *w, const struct world_config *config)
{
    /* Scripts count in Reno's windows unless they ask for another. */
    struct host_config host = {
        .recorder_events = 1024, .tcp.cc = &cc_newreno, .tcp.ecn = TCP_ECN_ACCEPT_CLASSIC};
    *w = (struct world){.config = *config, .now = WORLD_START};
    memcpy(host.seed, "conformance scripts", 19);
    w->queue = calloc(WORLD_QUEUE, sizeof *w->queue);
    if (w->queue == NULL || !host_init(&w->host, &host, w->now)) {
        free(w->queue);
        return false;
    }
    memcpy(w->dev.mac.b, our_mac, 6);
    w->dev.mtu = config->mtu;
    w->dev.transmit = transmit;
    w->iface = host_attach(&w->host, &w->dev, config->local, config->prefix);
    if (ip_equal(w->config.gateway, config->local)) { /* the next hop is a host of its own */
        w->config.gateway = ip4_addr(ip4_value(config->local) ^ 3U);
    }
    if (w->iface == NULL || !host_default_route(&w->host, w->iface, w->config.gateway)) {
        world_done(w);
        return false;
    }
    return true;
}

void world_done(struct world *w)
{
    host_done(&w->host);
    while (w->count > 0) {
        world_drop_sent(w);
    }
    free(w->queue);
}
