/* `vitrine wire`: joins two TAP devices by the simulator's wire (stack/link/wire), on the real clock.
 *
 * What comes on one TAP is stamped when it has been read, goes through the nodes of its direction, and comes out of the other
 * when it is due. The nodes reckon with the moments at which frames are due, not with those at which
 * we get round to them; so a rate stays exact however late we are.
 *
 * The TAPs are opened with offloads: a kernel's super-segments cross a cable without faults whole. Where
 * each frame has its own fate they are split, and what leaves together is joined again, as a network
 * card would do at either end.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "apps/cable_options.h"
#include "apps/cable_report.h"
#include "apps/commands.h"
#include "stack/base/cursor.h"
#include "stack/link/offload.h"
#include "stack/link/tap.h"

#define READ_AT_ONCE 16 /* frames between two looks at the clock */
#define READ_ROUNDS 4   /* before the other TAP has its turn */
#define FRAMES_MAX (1U << 20)
#define BYTES_MAX ((uint64_t)1 << 30)

struct cable;

struct cable_end {
    struct cable *cable;
    unsigned index;
    struct tap tap;
};

struct cable {
    struct cable_options options;
    struct cable_end end[2];
    struct cable_count count[2]; /* of what the end with that index sends */
    struct wire wire;
    struct slab_pools pools; /* of the frames, from reading to writing */
    bool split;              /* each frame has its own fate */
    int epoll_fd;
    nsec began;
    nsec advanced; /* when frames were last let go */
    nsec reported;
};

/* Set by signals, which are let in only while the loop waits. */
static volatile sig_atomic_t told_to_stop, told_to_report;

/* ---- frames ---- */

/* They arrived at `end`: out with them. */
static void write_out(void *arg, struct list *frames, nsec now)
{
    (void)now;
    struct cable_end *end = arg;
    struct cable_count *count = &end->cable->count[1 - end->index];
    while (!list_empty(frames)) {
        struct packet packet;
        struct list held;
        list_init(&held);
        if (end->cable->split && !end->cable->options.single) {
            offload_join(frames, &packet, &held);
        } else {
            struct buf *b = buf_of_link(list_pop_front(frames));
            packet_init(&packet);
            packet_add(&packet, buf_slice(b));
            packet.offload = b->offload;
            list_push_back(&held, &b->link);
        }
        bool taken = end->tap.dev.transmit(&end->tap.dev, &packet);
        count->writes++;
        count->not_taken += taken ? 0 : packet.slices;
        buf_free_queue(&held);
    }
}

static void read_frame(struct cable_end *end, struct buf *frame)
{
    struct cable *c = end->cable;
    struct list parts;
    list_init(&parts);
    bool whole = !c->split || frame->offload.gso_type == GSO_NONE;
    if (whole) {
        list_push_back(&parts, &frame->link);
    } else if (offload_split(frame, &c->pools, &parts)) {
        c->count[end->index].supers++;
    } else {
        c->count[end->index].broken++;
    }
    for (struct list *n = list_pop_front(&parts); n != NULL; n = list_pop_front(&parts)) {
        struct buf *b = buf_of_link(n);
        if (c->options.single && !frame_finish_checksum(b)) {
            c->count[end->index].broken++;
            buf_free(b);
            continue;
        }
        wire_send(&c->wire, end->index, b);
    }
}

/* 0, or a negative errno: the TAP is gone. */
static int read_in(struct cable_end *end)
{
    struct cable *c = end->cable;
    int got = READ_AT_ONCE;
    for (int i = 0; i < READ_ROUNDS && got == READ_AT_ONCE; i++) {
        struct list frames;
        list_init(&frames);
        got = tap_receive(&end->tap, &c->pools, &frames, READ_AT_ONCE);
        /* Only now: one that came while we were kept from running must not be due before its time. */
        wire_advance(&c->wire, loop_machine_now());
        for (struct list *n = list_pop_front(&frames); n != NULL; n = list_pop_front(&frames)) {
            read_frame(end, buf_of_link(n));
        }
    }
    c->count[end->index].no_buffer = end->tap.no_buffer;
    return got < 0 ? got : 0;
}

/* wire.watch: how punctual we are. */
static void look(void *arg, const struct wire_sight *s)
{
    struct cable *c = arg;
    if (s->what != WIRE_ARRIVED) {
        return;
    }
    struct cable_count *count = &c->count[s->from];
    nsec late = c->wire.now - s->at;
    unsigned class = 0;
    while (late >= cable_late_below[class]) {
        class ++;
    }
    count->late[class]++;
    count->late_most = nsec_max(count->late_most, late);
}

/* ---- time ---- */

static void report(const struct cable *c)
{
    const struct cable_report r = {.tap = {c->options.tap[0], c->options.tap[1]},
                                   .seed = c->options.seed,
                                   .lasted = loop_machine_now() - c->began,
                                   .wire = &c->wire,
                                   .count = c->count};
    if (c->options.json) {
        cable_report_json(stdout, &r);
    } else {
        cable_report_text(stdout, &r);
    }
}

/* When there is something to do next, frames apart. */
static nsec next_deadline(const struct cable *c)
{
    nsec due = wire_deadline(&c->wire);
    if (due != NEVER) { /* a little later with others, if the last were let go just now */
        due = nsec_max(due, c->advanced + c->options.tick);
    }
    if (c->options.lasts > 0) {
        due = nsec_min(due, c->began + c->options.lasts);
    }
    if (c->options.every > 0) {
        due = nsec_min(due, c->reported + c->options.every);
    }
    return due;
}

/* Waits for frames, the next deadline or a signal. The number of events, or a negative errno. */
static int wait_for(const struct cable *c, struct epoll_event events[2])
{
    sigset_t let_in;
    sigemptyset(&let_in);
    nsec due = next_deadline(c);
    nsec wait = due == NEVER ? NEVER : nsec_max(due - loop_machine_now(), 0);
    struct timespec t = {.tv_sec = (time_t)(wait / NS_PER_SEC),
                         .tv_nsec = (long)(wait % NS_PER_SEC)};
    int n = epoll_pwait2(c->epoll_fd, events, 2, wait == NEVER ? NULL : &t, &let_in);
    if (n < 0 && errno == ENOSYS) { /* Linux before 5.11: milliseconds, rounded down, so we spin */
        int ms = wait == NEVER ? -1 : (int)nsec_min(wait / NS_PER_MS, 1000000);
        n = epoll_pwait(c->epoll_fd, events, 2, ms, &let_in);
    }
    return n >= 0 ? n : errno == EINTR ? 0 : -errno;
}

static void report_when_due(struct cable *c)
{
    nsec now = loop_machine_now();
    if (told_to_report != 0 || (c->options.every > 0 && now >= c->reported + c->options.every)) {
        told_to_report = 0;
        c->reported = now;
        report(c);
    }
}

static int run(struct cable *c)
{
    while (told_to_stop == 0 &&
           (c->options.lasts == 0 || loop_machine_now() < c->began + c->options.lasts)) {
        struct epoll_event events[2];
        int n = wait_for(c, events);
        for (int i = 0; i < n; i++) {
            struct cable_end *end = &c->end[events[i].data.u32];
            int gone = read_in(end);
            if (gone < 0) {
                fprintf(stderr, "vitrine wire: the TAP %s is gone: %s\n", end->tap.name,
                        strerror(-gone));
                return EXIT_FAILURE;
            }
        }
        if (n < 0) {
            fprintf(stderr, "vitrine wire: %s\n", strerror(-n));
            return EXIT_FAILURE;
        }
        c->advanced = loop_machine_now();
        wire_advance(&c->wire, c->advanced);
        report_when_due(c);
    }
    return EXIT_SUCCESS;
}

/* ---- set-up ---- */

static void on_signal(int number)
{
    if (number == SIGUSR1) {
        told_to_report = 1;
    } else {
        told_to_stop = 1;
    }
}

static bool take_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t kept_out;
    sigemptyset(&kept_out);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        sigaddset(&kept_out, signals[i]);
        if (sigaction(signals[i], &action, NULL) != 0) {
            return false;
        }
    }
    return sigprocmask(SIG_BLOCK, &kept_out, NULL) == 0;
}

/* Into the network namespace at `path`. 0, or a negative errno. */
static int enter(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int result = fd < 0 || setns(fd, CLONE_NEWNET) != 0 ? -errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

/* tap_open in the end's own namespace; a TAP works from wherever its descriptor is. */
static int open_there(struct cable_end *end, const char *name, const char *netns)
{
    const uint32_t caps = NETDEV_CSUM | NETDEV_TSO4;
    if (netns == NULL) {
        return tap_open(&end->tap, name, caps, 0, end->index);
    }
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0) {
        return -errno;
    }
    int result = enter(netns);
    if (result < 0) {
        fprintf(stderr, "vitrine: the network namespace %s cannot be entered\n", netns);
    } else {
        result = tap_open(&end->tap, name, caps, 0, end->index);
        if (setns(home, CLONE_NEWNET) != 0) {
            result = -errno;
        }
    }
    close(home);
    return result;
}

static bool open_end(struct cable *c, unsigned i)
{
    struct cable_end *end = &c->end[i];
    const char *name = c->options.tap[i];
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    end->cable = c;
    end->index = i;
    int error = open_there(end, name, c->options.netns[i]);
    if (error == 0 && epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, end->tap.fd, &event) != 0) {
        error = -errno;
    }
    if (error != 0) {
        node_tap_refused(name, error);
        return false;
    }
    return true;
}

/* Whether a node treats each frame by itself, so that a super-segment would have one fate. */
static bool is_for_single_frames(const struct wire_way_config *way)
{
    bool single = way->refuse > 0;
    for (unsigned i = 0; i < way->count; i++) {
        single = single || way->nodes[i].kind != WIRE_DELAY;
    }
    return single;
}

static bool lay(struct cable *c)
{
    struct cable_options *o = &c->options;
    struct wire_node_config nodes[2][WIRE_NODES];
    struct wire_config config = {.max_frames = FRAMES_MAX, .max_bytes = BYTES_MAX};
    if (!o->has_seed) {
        uint8_t drawn[32];
        if (!loop_seed(drawn)) {
            fprintf(stderr, "vitrine: no randomness for a seed\n");
            return false;
        }
        struct rd r = rd_of(drawn, sizeof drawn);
        o->seed = rd_be64(&r);
    }
    struct wr w = wr_of(config.seed, sizeof config.seed);
    wr_be32(&w, (uint32_t)(o->seed >> 32));
    wr_be32(&w, (uint32_t)o->seed);
    c->split = o->single;
    for (unsigned i = 0; i < 2; i++) {
        cable_nodes(o, i, nodes[i], &config.way[i].count);
        config.way[i].nodes = nodes[i];
        c->split = c->split || is_for_single_frames(&config.way[i]);
    }
    if (!wire_init(&c->wire, &config, c->began)) {
        fprintf(stderr, "vitrine: no wire can be made of these settings\n");
        return false;
    }
    wire_connect(&c->wire, 0, NULL, write_out, &c->end[0]);
    wire_connect(&c->wire, 1, NULL, write_out, &c->end[1]);
    c->wire.watch = look;
    c->wire.watch_arg = c;
    return true;
}

static int join(struct cable *c)
{
    c->began = c->reported = loop_machine_now();
    if (!lay(c)) {
        return EXIT_FAILURE;
    }
    int status = EXIT_FAILURE;
    prctl(PR_SET_TIMERSLACK, 1UL); /* ns by which the kernel may wake us later than asked [50 us] */
    if (!take_signals()) {
        fprintf(stderr, "vitrine: signals cannot be watched: %s\n", strerror(errno));
    } else if (open_end(c, 0) && open_end(c, 1)) {
        printf("ready: %s to %s, seed %llu\n", c->options.tap[0], c->options.tap[1],
               (unsigned long long)c->options.seed);
        fflush(stdout);
        status = run(c);
        if (c->options.stats) {
            report(c);
        }
    }
    wire_done(&c->wire);
    return status;
}

int cmd_wire(int argc, char **argv)
{
    struct slab_limits limits = {.bufs = FRAMES_MAX};
    struct cable *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return EXIT_FAILURE;
    }
    enum options_result parsed = cable_options_parse(argc, argv, &c->options);
    if (parsed != OPTIONS_GOOD) {
        free(c);
        return parsed == OPTIONS_HELP ? EXIT_SUCCESS : 2;
    }
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        limits.slabs[i] = FRAMES_MAX;
    }
    slab_pools_init(&c->pools, &limits);
    c->end[0].tap.fd = c->end[1].tap.fd = -1;
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int status = EXIT_FAILURE;
    if (c->epoll_fd < 0) {
        fprintf(stderr, "vitrine: no event loop: %s\n", strerror(errno));
    } else {
        status = join(c);
        close(c->epoll_fd);
    }
    tap_close(&c->end[0].tap);
    tap_close(&c->end[1].tap);
    slab_pools_done(&c->pools);
    free(c);
    return status;
}
