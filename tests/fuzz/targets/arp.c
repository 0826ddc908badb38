/* ARP and the neighbour cache (RFC 826, RFC 1122 2.3.2): packets of many neighbours, made good or
 * spoiled, echo requests whose answers need an unknown neighbour, and time.
 *
 * A step: what (1), which neighbour (2), and what the kind of step asks for.
 */
#include "tests/fuzz/net.h"

#include <string.h>

#define STEPS 60U
#define LINK 0x0a090000U /* 10.9.0.0/24 */

static struct mac mac_of(uint8_t b)
{
    struct mac m = {{0x02, 0, 0, 0, 1, b}};
    if (b == 0xff) {
        return mac_broadcast;
    }
    m.b[0] = b == 0xfe ? 0x03 : 0x02; /* a group address is nobody's */
    return m;
}

/* Any ARP packet: a good one of which one byte is another. */
static void spoiled(struct net *n, struct rd *in)
{
    uint8_t a[64] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 9, 0, 9};
    struct frame f = frame_to_us(0x0806);
    memcpy(a + 24, (uint8_t[]){10, 9, 0, 2}, 4);
    a[rd_u8(in) % 28U] = rd_u8(in);
    frame_add(&f, a, rd_u8(in) % sizeof a);
    f.b[rd_u8(in) % FRAME_ETH] ^= rd_u8(in);
    (void)net_frame(n, f.b, f.len);
}

static void echo(struct net *n, uint32_t from)
{
    uint8_t m[12] = {8};
    put16(m + 2, plain_checksum(m, sizeof m, 0));
    struct ip4_spec ip = ip4_spec_to_us(IP_ICMP);
    ip.src = from;
    net_ip(n, &ip, m, sizeof m);
}

/* Each neighbour is on one of the lists, and findable. */
static void check(const struct net *n)
{
    const struct neighbours *t = &n->iface->neighbours;
    size_t used = 0;
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        const struct neighbour *e = &t->entries[i];
        FUZZ_CHECK(e->waiting <= NEIGHBOUR_QUEUE && (e->waiting == 0) == list_empty(&e->queue));
        FUZZ_CHECK(e->in_use || (e->waiting == 0 && !timer_armed(&e->timer)));
        used += e->in_use ? 1 : 0;
        if (e->in_use) {
            FUZZ_CHECK(neighbour_find(t, e->addr) == e && e->tries <= NEIGHBOUR_TRIES);
            FUZZ_CHECK(!neighbour_known(e) || !mac_is_group(e->mac));
        }
    }
    FUZZ_CHECK(used == t->table.count);
    FUZZ_CHECK(n->iface->arp_waiting == 0 && list_empty(&n->iface->outbox));
}

static void step(struct net *n, struct rd *in)
{
    uint8_t what = rd_u8(in);
    uint16_t who = rd_be16(in);
    uint32_t addr = LINK + who % 0x110U; /* and some beyond the link */
    n->deaf = (what & 0x80U) != 0;
    switch (what & 7U) {
    case 0:
        net_arp(n, 1, mac_of((uint8_t)(who >> 8)), addr, rd_u8(in) == 1 ? LINK : OUR_IP);
        return;
    case 1:
        net_arp(n, 2, mac_of((uint8_t)(who >> 8)), addr, OUR_IP);
        return;
    case 2:
        net_arp(n, 1, mac_of((uint8_t)(who >> 8)), addr, addr); /* announces itself */
        return;
    case 3:
        echo(n, addr);
        return;
    case 4:
        spoiled(n, in);
        return;
    case 5:
        n->hold = true;
        for (uint32_t i = 0; i < 64; i++) { /* a scan fills the cache */
            net_arp(n, 1, mac_of(7), 0x0a090000U + ((who + i) & 0xffU), OUR_IP);
        }
        net_release(n);
        return;
    case 6:
        n->refuse = who & 7U;
        n->host.pools.slabs[SLAB_SMALL].fail_at = who >> 8 & 3U;
        return;
    default:
        net_run(n, (nsec)who << (16 + what / 16 % 8));
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct net n;
    static const struct tcp_config config = {.max_connections = 1};
    struct rd in = rd_of(data, size);
    net_init(&n, 1500, &config);
    for (unsigned i = 0; i < STEPS && rd_left(&in) > 0; i++) {
        step(&n, &in);
        check(&n);
    }
    net_done(&n);
    return 0;
}
