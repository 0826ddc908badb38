/* Two hosts and nothing between them; see driver.h. */
#include <string.h>

#include "tests/bench/instructions/driver.h"

#define ROUND (20 * NS_PER_US) /* from one side's turn to the other's */
#define SERVER ip4_addr(0x0a090002U)
#define CLIENT ip4_addr(0x0a090001U)
#define HEADERS_MAX 94U /* bytes of a frame without data: Ethernet, IP, TCP with all options */

bool end_take(struct end *e, const struct packet *frame)
{
    struct buf *b = packet_to_buf(frame, e->to);
    if (b == NULL) {
        die("no buffer for a frame");
    }
    e->segments += b->len > HEADERS_MAX ? 1 : 0;
    list_push_back(&e->frames, &b->link);
    return true;
}

static bool client_transmit(struct netdev *dev, const struct packet *frame)
{
    return end_take(CONTAINER_OF(dev, struct end, dev), frame);
}

static struct iface *attach(struct host *h, struct end *e, struct host *other, uint8_t number,
                            struct ip_addr address)
{
    e->dev.mac = (struct mac){{2, 0, 0, 0, 0, number}};
    e->dev.mtu = 1500;
    e->to = &other->pools;
    list_init(&e->frames);
    return host_attach(h, &e->dev, address, 24);
}

void cable_begin(struct cable *c, const char *dir, bool true_frames)
{
    struct host_config config = {.seed = {1}, .tcp = {.msl = NS_PER_SEC}};
    uint32_t caps = true_frames ? 0 : NETDEV_CSUM | NETDEV_TSO4;
    c->now = NS_PER_SEC;
    if (!host_init(&c->server, &config, c->now) || !host_init(&c->client, &config, c->now)) {
        die("no memory");
    }
    c->from_server.dev = (struct netdev){.caps = caps, .transmit = server_transmit};
    c->from_client.dev = (struct netdev){.caps = caps, .transmit = client_transmit};
    c->server_iface = attach(&c->server, &c->from_server, &c->client, 2, SERVER);
    c->client_iface = attach(&c->client, &c->from_client, &c->server, 1, CLIENT);
    server_begin(&c->server, dir);
}

static void take_all(struct list *to, struct list *from)
{
    list_init(to);
    for (struct list *node; (node = list_pop_front(from)) != NULL;) {
        list_push_back(to, node);
    }
}

void cable_run(struct cable *c, const bool *done)
{
    struct list frames;
    while (!*done) {
        take_all(&frames, &c->from_client.frames);
        if (!list_empty(&frames) || host_deadline(&c->server) <= c->now) {
            server_turn(&c->server, c->server_iface, &frames, c->now);
        }
        take_all(&frames, &c->from_server.frames);
        host_input(&c->client, c->client_iface, &frames, c->now);
        host_advance(&c->client, c->now);
        host_flush(&c->client, c->now);
        if (list_empty(&c->from_client.frames)) {
            nsec next = nsec_min(host_deadline(&c->server), host_deadline(&c->client));
            if (next == NEVER) {
                die("nothing is left to happen");
            }
            c->now = nsec_max(next, c->now + ROUND);
        } else {
            c->now += ROUND;
        }
    }
}
