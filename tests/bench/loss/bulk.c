/* bulk: one end of a bulk transfer, for tests/bench/loss.
 *
 *   bulk send    --listen|--connect ADDRESS PORT --for SECONDS [--cc NAME] [--trace FILE]
 *   bulk receive --listen|--connect ADDRESS PORT --for SECONDS
 *   bulk receive --stdin --for SECONDS
 *
 * The sender writes for as long as somebody reads. The receiver reads for so many seconds from the first
 * byte on, and then goes away; it prints, as one line of JSON, the bytes that came in that time and
 * in each tenth of a second of it. The sender prints what the kernel says of its connection (TCP_INFO),
 * and with --trace writes that 100 times a second: seconds, congestion window, ssthresh, bytes in
 * flight, smoothed round trip in microseconds, segments sent again so far.
 *
 * With --stdin the receiver stands behind a pipe, so that the same clock and the same sum serve a stack
 * in user space.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_MS 10
#define PATIENCE_MS 20000 /* without a byte from the other end, or a connection to it */
#define TENTHS 6000
#define ESTABLISHED 1 /* enum of the kernel; netinet/tcp.h has it, but not all of tcp_info */

static char buffer[256 * 1024];

struct options {
    bool sends, listens, from_stdin;
    const char *address, *cc, *trace;
    int port;
    double lasts;
};

static void die(const char *what)
{
    fprintf(stderr, "bulk: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Before the handshake, so that it serves from the first segment on. */
static void choose_cc(int fd, const char *name)
{
    char got[16] = "";
    socklen_t len = sizeof got;
    if (name == NULL) {
        return;
    }
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) != 0 ||
        getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, got, &len) != 0 || strcmp(got, name) != 0) {
        die(name);
    }
}

static int connected(const struct options *o)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, o->address, &at.sin_addr) != 1) {
        die("socket");
    }
    choose_cc(fd, o->cc);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (!o->listens) {
        if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
            die("connect");
        }
        return fd;
    }
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 1) != 0) {
        die("listen");
    }
    fprintf(stderr, "ready\n");
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int peer = poll(&p, 1, PATIENCE_MS) == 1 ? accept4(fd, NULL, NULL, SOCK_CLOEXEC) : -1;
    if (peer < 0) {
        die("accept");
    }
    close(fd);
    return peer;
}

/* ---- the sender ---- */

static struct tcp_info info_of(int fd)
{
    struct tcp_info i;
    socklen_t len = sizeof i;
    memset(&i, 0, sizeof i);
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len);
    return i;
}

/* In segments, as RFC 6675's pipe. */
static unsigned in_flight(const struct tcp_info *i)
{
    unsigned out = i->tcpi_unacked + i->tcpi_retrans;
    unsigned gone = i->tcpi_sacked + i->tcpi_lost;
    return out > gone ? out - gone : 0;
}

static void sample(FILE *trace, const struct tcp_info *i, double at)
{
    unsigned mss = i->tcpi_snd_mss;
    double ssthresh = i->tcpi_snd_ssthresh > 1000000 ? -1 : (double)i->tcpi_snd_ssthresh * mss;
    fprintf(trace, "%.4f\t%u\t%.0f\t%u\t%u\t%u\n", at, i->tcpi_snd_cwnd * mss, ssthresh,
            in_flight(i) * mss, i->tcpi_rtt, i->tcpi_total_retrans);
}

static void send_all(const struct options *o, int fd)
{
    FILE *trace = o->trace != NULL ? fopen(o->trace, "we") : NULL;
    double began = now(), sampled = 0;
    struct tcp_info i = info_of(fd);
    signal(SIGPIPE, SIG_IGN);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (now() - began < o->lasts + 10) {
        ssize_t n = send(fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            break; /* the receiver has had enough */
        }
        double at = now();
        if (at - sampled >= SAMPLE_MS / 1e3) {
            sampled = at;
            struct tcp_info latest = info_of(fd);
            if (latest.tcpi_state != ESTABLISHED) {
                break;
            }
            i = latest;
            if (trace != NULL) {
                sample(trace, &i, at - began);
            }
        }
        if (n < 0) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, SAMPLE_MS);
        }
    }
    if (trace != NULL) {
        fclose(trace);
    }
    printf("{\"segments\": %u, \"retransmitted\": %u, \"rtt_us\": %u, \"min_rtt_us\": %u, "
           "\"cwnd\": %u, \"mss\": %u}\n",
           i.tcpi_data_segs_out, i.tcpi_total_retrans, i.tcpi_rtt, i.tcpi_min_rtt,
           i.tcpi_snd_cwnd * i.tcpi_snd_mss, i.tcpi_snd_mss);
}

/* ---- the receiver ---- */

static void receive_all(const struct options *o, int fd)
{
    static uint64_t tenth[TENTHS];
    double began = 0;
    uint64_t bytes = 0, late = 0; /* and of them in the second half of the time */
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (;;) {
        double left = bytes == 0 ? PATIENCE_MS / 1e3 : began + o->lasts - now();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&p, 1, (int)(left * 1e3) + 1) < 0) {
            break;
        }
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            break;
        }
        double at = now();
        if (n < 0) {
            if (bytes == 0 && left <= 0) {
                break;
            }
            continue;
        }
        began = bytes == 0 ? at : began;
        if (at - began > o->lasts) {
            break;
        }
        bytes += (uint64_t)n;
        late += at - began >= o->lasts / 2 ? (uint64_t)n : 0;
        tenth[(int)((at - began) * 10) % TENTHS] += (uint64_t)n;
    }
    printf("{\"bytes\": %llu, \"late_bytes\": %llu, \"seconds\": %.3f, \"tenths\": [",
           (unsigned long long)bytes, (unsigned long long)late, o->lasts);
    for (int i = 0; i < (int)(o->lasts * 10) && i < TENTHS; i++) {
        printf("%s%llu", i > 0 ? ", " : "", (unsigned long long)tenth[i]);
    }
    printf("]}\n");
    fflush(stdout);
    if (bytes == 0) {
        fprintf(stderr, "bulk: nothing came\n");
        exit(1);
    }
}

static struct options parse(int argc, char **argv)
{
    static const struct option long_options[] = {{"listen", no_argument, NULL, 'l'},
                                                 {"connect", no_argument, NULL, 'n'},
                                                 {"stdin", no_argument, NULL, 'i'},
                                                 {"for", required_argument, NULL, 'f'},
                                                 {"cc", required_argument, NULL, 'c'},
                                                 {"trace", required_argument, NULL, 't'},
                                                 {NULL, 0, NULL, 0}};
    struct options o = {.lasts = 5};
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        o.listens = o.listens || option == 'l';
        o.from_stdin = o.from_stdin || option == 'i';
        o.lasts = option == 'f' ? strtod(optarg, NULL) : o.lasts;
        o.cc = option == 'c' ? optarg : o.cc;
        o.trace = option == 't' ? optarg : o.trace;
        if (option == '?') {
            exit(2);
        }
    }
    if (argc - optind != (o.from_stdin ? 1 : 3) || !(o.lasts > 0 && o.lasts * 10 <= TENTHS)) {
        fprintf(stderr, "usage: bulk send|receive [OPTION…] ADDRESS PORT\n");
        exit(2);
    }
    o.sends = strcmp(argv[optind], "send") == 0;
    if (!o.from_stdin) {
        o.address = argv[optind + 1];
        o.port = (int)strtol(argv[optind + 2], NULL, 10);
    }
    return o;
}

int main(int argc, char **argv)
{
    struct options o = parse(argc, argv);
    int fd = o.from_stdin ? STDIN_FILENO : connected(&o);
    if (o.sends) {
        send_all(&o, fd);
    } else {
        receive_all(&o, fd);
    }
    return 0;
}
