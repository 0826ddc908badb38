/* bench-ceiling TAP ADDRESS: what a TAP with virtio-net headers can carry at all, one thread at the other end of it.
 *
 * No TCP: one connection at a time on port 19 (segments of 256 KiB leave as fast as the peer's window opens; of 64 KiB where the kernel
 * is older than Linux 6.3, which takes an IPv4 header that does not tell so much) and on port 9 (all that comes is acknowledged at once). Nothing is copied, looked up, timed, checked or kept for sending again: a lossless TAP and one
 * well-behaved peer are taken for granted. Frames are made in place once, and only numbers change in them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CHARGEN 19
#define MSS                                                                                        \
    1448U /* 1500 less two headers and the timestamps that nobody has asked for, as everybody else */
#define PAYLOAD_OLD (45U * MSS) /* of a super-segment: below 64 KiB */
#define PAYLOAD (180U * MSS)    /* and below 256 KiB */
#define WINDOW_SCALE 7U
#define WINDOW                                                                                     \
    (1024U * 1024) /* that we offer: what the TAP's queue can hold, and more than the way does */
#define BATCH 16   /* frames written between two looks at what came */

#define ETHERNET 14U
#define IP4 20U
#define TCP 20U
#define HEADERS (ETHERNET + IP4 + TCP)

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct blaster {
    int fd;
    uint32_t address; /* ours */
    uint8_t peer[6];
    uint32_t peer_address;
    uint16_t peer_port, port;
    uint32_t snd_nxt, snd_una, rcv_nxt;
    uint32_t window; /* the peer's, bytes */
    unsigned peer_scale;
    bool open;
};

static const uint8_t own_mac[6] = {2, 0xce, 0, 0, 0, 1};
static uint8_t payload[PAYLOAD];
static uint32_t payload_most = PAYLOAD;
static uint8_t in[sizeof(struct virtio_net_hdr_v1) + 65536 + ETHERNET];

static void die(const char *what)
{
    fprintf(stderr, "bench-ceiling: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void put16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
    put16(at, v >> 16);
    put16(at + 2, v & 0xffff);
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static uint32_t sum16(const uint8_t *at, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i += 2) {
        sum += get16(at + i);
    }
    return sum;
}

static uint32_t fold(uint32_t sum)
{
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static int open_tap(const char *name)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int header = sizeof(struct virtio_net_hdr_v1);
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) != 0 ||
        ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) != 0) {
        die(name);
    }
    return fd;
}

/* false: the TAP is full. */
static bool write_frame(struct blaster *b, struct virtio_net_hdr_v1 *v, uint8_t *head,
                        size_t head_len, size_t payload_len)
{
    struct iovec parts[3] = {{v, sizeof *v}, {head, head_len}, {payload, payload_len}};
    ssize_t n = writev(b->fd, parts, payload_len > 0 ? 3 : 2);
    if (n < 0 && errno != EAGAIN) {
        die("write");
    }
    return n > 0;
}

static void answer_arp(struct blaster *b, const uint8_t *frame)
{
    uint8_t reply[42];
    struct virtio_net_hdr_v1 v = {0};
    if (get16(frame + 20) != 1 || get32(frame + 38) != b->address) {
        return;
    }
    memcpy(reply, frame + 6, 6);
    memcpy(reply + 6, own_mac, 6);
    memcpy(reply + 12, frame + 12, 8);
    put16(reply + 20, 2);
    memcpy(reply + 22, own_mac, 6);
    put32(reply + 28, b->address);
    memcpy(reply + 32, frame + 22, 10);
    write_frame(b, &v, reply, sizeof reply, 0);
}

/* One segment; the kernel finishes its checksum and cuts it. */
static bool send_segment(struct blaster *b, unsigned flags, size_t len)
{
    static const uint8_t syn_options[8] = {2, 4, 1460 >> 8, 1460 & 0xff, 1, 3, 3, WINDOW_SCALE};
    uint8_t f[HEADERS + sizeof syn_options] = {0};
    size_t tcp = TCP + (flags & SYN ? sizeof syn_options : 0);
    uint8_t *ip = f + ETHERNET, *t = ip + IP4;
    struct virtio_net_hdr_v1 v = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = ETHERNET + IP4, .csum_offset = 16};
    memcpy(f, b->peer, 6);
    memcpy(f + 6, own_mac, 6);
    put16(f + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, IP4 + tcp + len <= 0xffff ? (uint32_t)(IP4 + tcp + len) : 0);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, b->address);
    put32(ip + 16, b->peer_address);
    put16(ip + 10, 0xffff & ~fold(sum16(ip, IP4)));
    put16(t, b->port);
    put16(t + 2, b->peer_port);
    put32(t + 4, b->snd_nxt);
    put32(t + 8, b->rcv_nxt);
    t[12] = (uint8_t)(tcp / 4 << 4);
    t[13] = (uint8_t)flags;
    put16(t + 14, flags & SYN ? 0xffff : WINDOW >> WINDOW_SCALE);
    put16(t + 16, fold(sum16(ip + 12, 8) + 6 + (uint32_t)(tcp + len)));
    if (flags & SYN) {
        memcpy(t + TCP, syn_options, sizeof syn_options);
    }
    if (len > MSS) {
        v.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        v.gso_size = MSS;
        v.hdr_len = (uint16_t)(ETHERNET + IP4 + tcp);
    }
    if (!write_frame(b, &v, f, ETHERNET + IP4 + tcp, len)) {
        return false;
    }
    b->snd_nxt += (uint32_t)len + (flags & (SYN | FIN) ? 1 : 0);
    return true;
}

/* The peer's window scale, from the options of its SYN. */
static unsigned scale_of(const uint8_t *t, size_t header)
{
    for (size_t i = TCP; i < header && t[i] != 0;) {
        if (t[i] == 3) {
            return t[i + 2];
        }
        i += t[i] == 1 || t[i + 1] == 0 ? 1 : t[i + 1];
    }
    return 0;
}

static void accept_peer(struct blaster *b, const uint8_t *frame, const uint8_t *t, size_t header)
{
    memcpy(b->peer, frame + 6, 6);
    b->peer_address = get32(frame + ETHERNET + 12);
    b->peer_port = (uint16_t)get16(t);
    b->port = (uint16_t)get16(t + 2);
    b->rcv_nxt = get32(t + 4) + 1;
    b->snd_nxt = b->snd_una = get32(t + 4) * 2654435761U;
    b->peer_scale = scale_of(t, header);
    b->open = false;
    send_segment(b, SYN | ACK, 0);
}

/* true: something is to be acknowledged. */
static bool take_segment(struct blaster *b, const uint8_t *frame)
{
    const uint8_t *ip = frame + ETHERNET, *t = ip + IP4;
    size_t header = (size_t)(t[12] >> 4) * 4;
    size_t total = get16(ip + 2), len = total - IP4 - header;
    unsigned flags = t[13];
    if (get32(ip + 16) != b->address || ip[9] != 6) {
        return false;
    }
    if (flags & SYN) {
        accept_peer(b, frame, t, header);
        return false;
    }
    if (get16(t) != b->peer_port || get32(ip + 12) != b->peer_address) {
        return false;
    }
    if (flags & (RST | FIN)) {
        b->open = false;
        b->rcv_nxt += (uint32_t)len + 1;
        if (flags & FIN) {
            send_segment(b, RST | ACK, 0); /* enough for one who only wanted to measure */
        }
        return false;
    }
    b->open = true;
    b->snd_una = get32(t + 8);
    b->window = get16(t + 14) << b->peer_scale;
    if (len > 0 && get32(t + 4) == b->rcv_nxt) {
        b->rcv_nxt += (uint32_t)len;
        return true;
    }
    return len > 0;
}

/* Reads up to BATCH frames. */
static void take_in(struct blaster *b)
{
    const uint8_t *frame = in + sizeof(struct virtio_net_hdr_v1);
    bool owing = false;
    for (int i = 0; i < BATCH; i++) {
        ssize_t n = read(b->fd, in, sizeof in);
        if (n < 0) {
            if (errno != EAGAIN) {
                die("read");
            }
            break;
        }
        size_t len = (size_t)n - sizeof(struct virtio_net_hdr_v1);
        if (len >= 42 && get16(frame + 12) == 0x0806) {
            answer_arp(b, frame);
        } else if (len >= HEADERS && get16(frame + 12) == 0x0800 && frame[ETHERNET] == 0x45) {
            owing = take_segment(b, frame) || owing;
        }
    }
    if (owing) {
        send_segment(b, ACK, 0);
    }
}

/* As much as the window lets, up to BATCH; less than a whole super-segment only when nothing else is under way. true: more could
 * go. */
static bool put_out(struct blaster *b)
{
    for (int i = 0; i < BATCH; i++) {
        uint32_t under_way = b->snd_nxt - b->snd_una;
        uint32_t room = b->window > under_way ? b->window - under_way : 0;
        uint32_t len = room < payload_most ? room / MSS * MSS : payload_most;
        if (len == 0 || (len < payload_most && under_way > 0)) {
            return false;
        }
        if (!send_segment(b, ACK, len)) {
            return true;
        }
    }
    return true;
}

/* Linux 6.3 and later. */
static bool takes_big(void)
{
    struct utsname system;
    if (uname(&system) != 0) {
        return false;
    }
    char *dot;
    unsigned long major = strtoul(system.release, &dot, 10);
    return major > 6 || (major == 6 && *dot == '.' && strtoul(dot + 1, NULL, 10) >= 3);
}

int main(int argc, char **argv)
{
    static struct blaster b;
    struct in_addr address;
    if (argc != 3 || inet_pton(AF_INET, argv[2], &address) != 1) {
        fprintf(stderr, "usage: bench-ceiling TAP ADDRESS\n");
        return 2;
    }
    b.fd = open_tap(argv[1]);
    b.address = ntohl(address.s_addr);
    memset(payload, 'v', sizeof payload);
    if (!takes_big()) {
        payload_most = PAYLOAD_OLD;
    }
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        bool more = b.open && b.port == CHARGEN && put_out(&b);
        struct pollfd p = {.fd = b.fd, .events = POLLIN};
        if (!more && poll(&p, 1, -1) < 0) {
            die("poll");
        }
        take_in(&b);
    }
}
