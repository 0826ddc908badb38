/* lwIP's network interface on a TAP: a frame for each read and write, as its own tapif has it; see peer.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <net/if.h>
#include <netif/ethernet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/bench/peers/lwip/peer.h"

#define FRAME 1514
#define BATCH 64
#define PARTS 8

static struct netif interface;

int tap_open(const char *name)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0) {
        die(name);
    }
    return fd;
}

static err_t output(struct netif *n, struct pbuf *p)
{
    struct iovec parts[PARTS];
    int count = 0;
    for (; p != NULL && count < PARTS; p = p->next) {
        parts[count++] = (struct iovec){p->payload, p->len};
    }
    return writev((int)(intptr_t)n->state, parts, count) > 0 ? ERR_OK : ERR_IF;
}

static err_t set_up(struct netif *n)
{
    static const uint8_t address[6] = {2, 0, 0, 0, 0, 0x1f};
    memcpy(n->name, "tp", 2);
    memcpy(n->hwaddr, address, sizeof address);
    n->hwaddr_len = sizeof address;
    n->mtu = 1500;
    n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    n->output = etharp_output;
    n->linkoutput = output;
    return ERR_OK;
}

void tap_attach(int fd, const char *address)
{
    ip4_addr_t own, mask, none;
    own.addr = inet_addr(address);
    mask.addr = htonl(0xffffff00U);
    none.addr = 0;
    if (netif_add(&interface, &own, &mask, &none, (void *)(intptr_t)fd, set_up, ethernet_input) ==
        NULL) {
        die("netif_add");
    }
    netif_set_default(&interface);
    netif_set_up(&interface);
}

void tap_read(int fd)
{
    for (int i = 0; i < BATCH; i++) {
        struct pbuf *p = pbuf_alloc(PBUF_RAW, FRAME, PBUF_RAM);
        if (p == NULL) {
            errno = ENOMEM;
            die("a buffer for a frame");
        }
        ssize_t n = read(fd, p->payload, FRAME);
        if (n <= 0) {
            pbuf_free(p);
            return;
        }
        pbuf_realloc(p, (u16_t)n);
        if (interface.input(p, &interface) != ERR_OK) {
            pbuf_free(p);
        }
    }
}
