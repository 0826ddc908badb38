/* One bulk transfer between two hosts of ours in memory, in MTU-sized segments: nothing but the stack and a
 * cable without delay, so that what the recorder costs is seen at its largest. Over a TAP each frame costs a system call as
 * well.
 *
 *   bench-recorder MEGABYTES    prints nanoseconds of this process' time for each megabyte
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stack/host.h"
#include "stack/link/wire.h"

#define PORT 80U
#define SENDER ip4_addr(0x0a090001U)
#define READER ip4_addr(0x0a090002U)
#define ONE_WAY (20 * NS_PER_US)

struct bench {
    struct host host[2];
    struct iface *iface[2];
    struct wire wire;
    nsec now;
    uint64_t total, written, read; /* bytes */
};

static void writable(struct stream *s)
{
    struct bench *b = s->app;
    size_t room;
    uint8_t *at;
    while (b->written < b->total && (at = stream_reserve(s, 1, &room)) != NULL) {
        memset(at, 'v', room);
        stream_commit(s, room);
        b->written += room;
    }
}

static void readable(struct stream *s)
{
    struct bench *b = s->app;
    struct slice in;
    while ((in = stream_peek(s)).len > 0) {
        b->read += in.len;
        stream_consume(s, in.len);
    }
}

static const struct stream_events sender_events = {.opened = writable, .writable = writable};
static const struct stream_events reader_events = {.readable = readable};

static void accepted(void *arg, struct stream *s)
{
    s->events = &reader_events;
    s->app = arg;
}

static void to_sender(void *arg, struct list *frames, nsec now)
{
    struct bench *b = arg;
    host_input(&b->host[0], b->iface[0], frames, now);
}

static void to_reader(void *arg, struct list *frames, nsec now)
{
    struct bench *b = arg;
    host_input(&b->host[1], b->iface[1], frames, now);
}

static bool begin(struct bench *b)
{
    struct wire_node_config delay = {.kind = WIRE_DELAY, .delay = {.base = ONE_WAY}};
    struct wire_config wire = {.seed = {7},
                               .way = {{&delay, 1, 0}, {&delay, 1, 0}},
                               .mac = {{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}},
                               .mtu = 1500};
    for (unsigned i = 0; i < 2; i++) {
        struct host_config config = {.seed = {(uint8_t)(i + 1)}};
        if (!host_init(&b->host[i], &config, b->now)) {
            return false;
        }
    }
    if (!wire_init(&b->wire, &wire, b->now)) {
        return false;
    }
    wire_connect(&b->wire, 0, &b->host[0].pools, to_sender, b);
    wire_connect(&b->wire, 1, &b->host[1].pools, to_reader, b);
    b->iface[0] = host_attach(&b->host[0], &b->wire.end[0].dev, SENDER, 24);
    b->iface[1] = host_attach(&b->host[1], &b->wire.end[1].dev, READER, 24);
    struct tcp_listen_args listen = {.local = {READER, PORT}, .accept = accepted, .arg = b};
    struct tcp_connect_args connect = {
        .remote = {READER, PORT}, .events = &sender_events, .app = b};
    struct tcp_listener *l;
    struct stream *s;
    return tcp_listen(&b->host[1].tcp, &listen, &l) == TCP_OK &&
           tcp_connect(&b->host[0].tcp, &connect, &s) == TCP_OK;
}

static void run(struct bench *b)
{
    while (b->read < b->total) {
        host_flush(&b->host[0], b->now);
        host_flush(&b->host[1], b->now);
        nsec next = wire_deadline(&b->wire);
        next = nsec_min(next, host_deadline(&b->host[0]));
        next = nsec_min(next, host_deadline(&b->host[1]));
        b->now = nsec_max(next, b->now);
        b->wire.now = b->now;
        wire_advance(&b->wire, b->now);
        host_advance(&b->host[0], b->now);
        host_advance(&b->host[1], b->now);
    }
}

static nsec own_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (nsec)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

int main(int argc, char **argv)
{
    static struct bench b;
    uint64_t megabytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    if (megabytes == 0) {
        fprintf(stderr, "usage: bench-recorder MEGABYTES\n");
        return 2;
    }
    b.now = NS_PER_SEC;
    b.total = megabytes * 1000000;
    if (!begin(&b)) {
        fprintf(stderr, "bench-recorder: no memory\n");
        return EXIT_FAILURE;
    }
    nsec before = own_time();
    run(&b);
    printf("%lld\n", (long long)(own_time() - before) / (long long)megabytes);
    return EXIT_SUCCESS;
}
