/* What a frame costs to give to a TAP, and to take from it: by a system call each (writev, read), by io_uring in batches, and
 * by a call each to a TAP with IFF_NAPI. No stack: frames of one size and of a type that nobody listens to, which the kernel
 * drops at the end of its receive path; and datagrams that the kernel sends, which are read and forgotten.
 *
 *     scripts/lab build/bench-frames [ROUNDS]     prints frames a second: median, least and most of the rounds
 *
 * The ways take turns, so that a noisy machine is noisy for all.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64U
#define FRAMES 65536U
#define ROUNDS_MAX 31U
#define SILENT "10.9.0.77" /* an address behind the TAP that answers nothing */

static const unsigned sizes[] = {66, 350, 1514};
#define SIZES (sizeof sizes / sizeof sizes[0])

static unsigned char frames[BATCH][2048];
static struct iovec parts[BATCH][2];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int tap_open(const char *name, int flags)
{
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq r = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags)};
    strncpy(r.ifr_name, name, IFNAMSIZ - 1);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0) {
        die(name);
    }
    return fd;
}

/* To the kernel's own address on the TAP, so that they go all the way up to where the type is unknown. */
static void make_frames(const char *name)
{
    struct ifreq r = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    strncpy(r.ifr_name, name, IFNAMSIZ - 1);
    if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &r) < 0) {
        die("hardware address");
    }
    close(fd);
    for (unsigned i = 0; i < BATCH; i++) {
        memcpy(frames[i], r.ifr_hwaddr.sa_data, 6);
        memcpy(frames[i] + 6, "\x02\0\0\0\0\x01\x88\xb5", 8); /* IEEE 802 local experimental type */
    }
}

static double write_calls(int fd, unsigned size)
{
    double began = now();
    for (unsigned i = 0; i < FRAMES; i++) {
        parts[0][0] = (struct iovec){frames[0], 54};
        parts[0][1] = (struct iovec){frames[0] + 54, size - 54};
        if (writev(fd, parts[0], 2) != (ssize_t)size) {
            die("writev");
        }
    }
    return (double)FRAMES / (now() - began);
}

/* Hands over what was prepared, and waits for all of it. */
static unsigned complete(struct io_uring *ring, unsigned count, unsigned size)
{
    struct io_uring_cqe *c;
    unsigned head, n = 0;
    if (io_uring_submit_and_wait(ring, count) < 0) {
        die("io_uring");
    }
    io_uring_for_each_cqe(ring, head, c)
    {
        if (c->res != (int)size) {
            errno = c->res < 0 ? -c->res : EPROTO;
            die("io_uring frame");
        }
        n++;
    }
    io_uring_cq_advance(ring, n);
    return n;
}

static double write_ring(struct io_uring *ring, unsigned size)
{
    double began = now();
    for (unsigned i = 0; i < FRAMES; i += BATCH) {
        for (unsigned k = 0; k < BATCH; k++) {
            struct io_uring_sqe *e = io_uring_get_sqe(ring);
            parts[k][0] = (struct iovec){frames[k], 54};
            parts[k][1] = (struct iovec){frames[k] + 54, size - 54};
            io_uring_prep_writev(e, 0, parts[k], 2, 0);
            e->flags |= IOSQE_FIXED_FILE;
        }
        complete(ring, BATCH, size);
    }
    return (double)FRAMES / (now() - began);
}

static int sender(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    inet_pton(AF_INET, SILENT, &to.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        die("sender");
    }
    return fd;
}

/* Fills the TAP's queue with datagrams, not timed; gives how many. */
static unsigned filled(int fd, unsigned size)
{
    unsigned n = 0;
    while (n < 448 && send(fd, frames[0], size - 42, MSG_DONTWAIT) >= 0) {
        n++;
    }
    if (n == 0) {
        die("nothing can be sent");
    }
    return n;
}

static double read_calls(int tap, int from, unsigned size)
{
    double spent = 0;
    unsigned got = 0;
    while (got < FRAMES) {
        filled(from, size);
        double began = now();
        while (read(tap, frames[1], sizeof frames[1]) > 0) {
            got++;
        }
        spent += now() - began;
    }
    return got / spent;
}

static double read_ring(struct io_uring *ring, int from, unsigned size)
{
    double spent = 0;
    unsigned got = 0;
    while (got < FRAMES) {
        unsigned waiting = filled(from, size);
        double began = now();
        while (waiting > 0) {
            unsigned batch = waiting < BATCH ? waiting : BATCH;
            for (unsigned k = 0; k < batch; k++) {
                struct io_uring_sqe *e = io_uring_get_sqe(ring);
                io_uring_prep_read(e, 0, frames[k], sizeof frames[k], 0);
                e->flags |= IOSQE_FIXED_FILE;
            }
            got += complete(ring, batch, size);
            waiting -= batch;
        }
        spent += now() - began;
    }
    return got / spent;
}

/* Datagrams to this address leave by the TAP without asking for it first. */
static void know_neighbour(const char *name)
{
    struct arpreq r = {.arp_flags = ATF_COM | ATF_PERM};
    struct sockaddr_in *a = (struct sockaddr_in *)&r.arp_pa;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    a->sin_family = AF_INET;
    inet_pton(AF_INET, SILENT, &a->sin_addr);
    memcpy(r.arp_ha.sa_data, "\x02\0\0\0\0\x77", 6);
    strncpy(r.arp_dev, name, sizeof r.arp_dev - 1);
    if (fd < 0 || ioctl(fd, SIOCSARP, &r) < 0) {
        die("neighbour");
    }
    close(fd);
}

enum way { WRITE, WRITE_RING, WRITE_NAPI, READ, READ_RING, WAYS };
static const char *const way_names[WAYS] = {"writev", "writev by io_uring", "writev, IFF_NAPI",
                                            "read", "read by io_uring"};
static double seen[WAYS][SIZES][ROUNDS_MAX]; /* frames a second */

static void measure(unsigned s, unsigned round)
{
    struct io_uring ring;
    int tap = tap_open("vt0", 0), from = sender();
    if (io_uring_queue_init(BATCH, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) <
            0 ||
        io_uring_register_files(&ring, &tap, 1) < 0) {
        die("io_uring");
    }
    seen[WRITE][s][round] = write_calls(tap, sizes[s]);
    seen[WRITE_RING][s][round] = write_ring(&ring, sizes[s]);
    seen[READ][s][round] = read_calls(tap, from, sizes[s]);
    seen[READ_RING][s][round] = read_ring(&ring, from, sizes[s]);
    io_uring_unregister_files(&ring);
    io_uring_queue_exit(&ring);
    close(from);
    close(tap);
    tap = tap_open("vt0", IFF_NAPI);
    seen[WRITE_NAPI][s][round] = write_calls(tap, sizes[s]);
    close(tap);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 7;
    rounds = rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    make_frames("vt0");
    know_neighbour("vt0");
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned s = 0; s < SIZES; s++) {
            measure(s, round);
        }
    }
    printf("%-20s %5s  %9s\n", "", "bytes", "frames/s");
    for (unsigned s = 0; s < SIZES; s++) {
        for (unsigned way = 0; way < WAYS; way++) {
            double *v = seen[way][s];
            qsort(v, rounds, sizeof *v, by_value);
            printf("%-20s %5u  %9.0f  (%.0f to %.0f)\n", way_names[way], sizes[s], v[rounds / 2],
                   v[0], v[rounds - 1]);
        }
    }
    return 0;
}
