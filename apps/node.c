/* One host on one TAP with its loop; see node.h. */
#include "apps/node.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/tape/tape.h"

void node_tap_refused(const char *name, int error)
{
    fprintf(stderr, "vitrine: the TAP %s cannot be opened: %s\n", name, strerror(-error));
    if (error == -EBUSY) {
        fprintf(stderr, "         another process has it open\n");
    } else if (error == -ENOTUNIQ) {
        fprintf(stderr,
                "         it has a single queue: ip tuntap add dev %s mode tap multi_queue\n",
                name);
    } else if (error == -EPERM) {
        fprintf(
            stderr,
            "         make it for your user, as root: ip tuntap add dev %s mode tap user NAME\n",
            name);
    } else if (error == -EACCES) {
        fprintf(stderr, "         /dev/net/tun is open to root only on this machine\n");
    } else if (error == -ENOENT) {
        fprintf(stderr, "         there is no /dev/net/tun (modprobe tun)\n");
    } else if (error == -EINVAL) {
        fprintf(stderr, "         an interface of that name is no TAP device\n");
    }
}

void node_connect_refused(const struct node_options *o, const char *command, enum tcp_error error)
{
    char address[IP_TEXT_MAX];
    fprintf(stderr, "vitrine %s: %s\n", command, tcp_error_text(error));
    if (error == TCP_ERR_NO_ROUTE && ip_is_any(o->gateway)) {
        fprintf(stderr,
                "         our network is that of %s/%u (--address), and there is no --gateway\n",
                ip_text(o->address, address), o->prefix);
    }
}

static bool start_host(struct node *n, const struct node_options *o)
{
    struct host_config config = {.tcp = o->tcp};
    if (!loop_seed(config.seed) || !host_init(&n->host, &config, loop_now())) {
        fprintf(stderr, "vitrine: no memory, or no randomness, for a host\n");
        return false;
    }
    tape_host(&n->host);
    return true;
}

static bool attach(struct node *n, const struct node_options *o)
{
    n->iface = host_attach(&n->host, &n->tap.dev, o->address, o->prefix);
    if (n->iface == NULL ||
        (!ip_is_any(o->gateway) && !host_default_route(&n->host, n->iface, o->gateway))) {
        fprintf(stderr, "vitrine: no place for the interface or its route\n");
        return false;
    }
    int error = loop_init(&n->loop, &n->host);
    if (error != 0) {
        fprintf(stderr, "vitrine: no event loop: %s\n", strerror(-error));
        return false;
    }
    error = loop_add_tap(&n->loop, &n->tap, n->iface);
    if (error != 0) {
        fprintf(stderr, "vitrine: the TAP cannot be watched: %s\n", strerror(-error));
        loop_done(&n->loop);
        return false;
    }
    n->loop.busy_poll = o->busy_poll;
    iface_announce(n->iface); /* RFC 5227 2.3: neighbours that knew us at another link address */
    return true;
}

/* --narrate and --pcapng: how a node shows itself while it runs. */
static bool open_views(struct node *n, const struct node_options *o)
{
    struct recorder *r = &n->host.recorder;
    if (o->narrate && !narration_open(&n->narration, o->narrate_fd, r)) {
        fprintf(stderr, "vitrine: no memory for --narrate\n");
        return false;
    }
    return o->pcapng.name == NULL || capture_open(&n->capture, &o->pcapng, n->iface, o->tap, r);
}

static int open_tap(struct node *n, const struct node_options *o)
{
    uint64_t seed = ip4_value(o->address);
    uint32_t queue = o->queue ? TAP_QUEUE : 0;
    int error = -EINVAL;
    if (o->wire == NODE_OFFLOAD) {
        error = tape_tap_open(&n->tap, o->tap, NETDEV_CSUM | NETDEV_TSO4, queue, seed);
    } else if (o->wire == NODE_BIG) {
        error = tape_tap_open(&n->tap, o->tap, NETDEV_CSUM | NETDEV_TSO4 | NETDEV_BIG, queue, seed);
        if (error == 0 && (n->tap.dev.caps & NETDEV_BIG) == 0) {
            fprintf(stderr, "vitrine: super-segments of more than 64 KiB need Linux 6.4\n");
        }
    } else if (o->wire == NODE_COALESCED) {
        error = tape_tap_open(&n->tap, o->tap, 0, queue | TAP_NAPI, seed);
        if (error == 0 && !n->tap.napi_thread && !tape_is_replaying()) {
            fprintf(stderr,
                    "vitrine: the kernel joins frames in our own time, which is slow: for a thread "
                    "of its own\n         write 1 to /sys/class/net/%s/threaded\n",
                    o->tap);
        }
    }
    if (error != -EINVAL) {
        return error;
    }
    if (o->wire != NODE_TRUE_FRAMES) {
        fprintf(stderr, "vitrine: this kernel's TAP has none of that: true frames it is\n");
    }
    return tape_tap_open(&n->tap, o->tap, 0, queue, seed);
}

/* A recording is of calls, one for each frame. */
static void batch(struct tap *t)
{
    int error = tap_batch(t);
    if (error != 0 && error != -EBUSY) {
        fprintf(stderr, "vitrine: no io_uring for batches of frames (%s): a system call for each\n",
                strerror(-error));
    }
}

bool node_open(struct node *n, const struct node_options *o)
{
    *n = (struct node){0};
    /* The link address follows from ours, so that neighbours still know us after a restart. */
    int error = open_tap(n, o);
    if (error != 0) {
        node_tap_refused(o->tap, error);
        return false;
    }
    if (n->tap.down) {
        fprintf(stderr,
                "vitrine: %s is down, and nothing comes or goes: ip link set %s up; and for the "
                "kernel's side ip address add A/BITS dev %s\n",
                o->tap, o->tap, o->tap);
    }
    if (o->batches) {
        batch(&n->tap);
    }
    if (o->has_mac) {
        n->tap.dev.mac = o->mac;
    }
    if (!start_host(n, o)) {
        tap_close(&n->tap);
        return false;
    }
    if (!attach(n, o)) {
        tap_close(&n->tap);
        host_done(&n->host);
        return false;
    }
    if (!open_views(n, o)) {
        node_close(n);
        return false;
    }
    return true;
}

static volatile sig_atomic_t signal_pipe = -1; /* the end that the handler writes to */

static void forget_signals(void)
{
    int fd = signal_pipe;
    signal_pipe = -1;
    if (fd >= 0) {
        close(fd);
    }
}

void node_close(struct node *n)
{
    if (n->has_signals) {
        forget_signals();
    }
    host_flush(&n->host, loop_now());
    tap_flush(&n->tap);
    capture_close(&n->capture);
    loop_done(&n->loop);
    tap_close(&n->tap);
    host_done(&n->host);
    narration_close(&n->narration);
}

static void on_signal(int number)
{
    int before = errno;
    unsigned char byte = (unsigned char)number;
    if (signal_pipe >= 0 && write(signal_pipe, &byte, 1) != 1) {
        byte = 0; /* the pipe is full of signals: there is enough to do */
    }
    errno = before;
}

bool node_watch_signals(struct node *n, const int *signals, size_t count, int *fd,
                        void (*ready)(void *arg), void *arg)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int ends[2];
    sigfillset(&action.sa_mask);
    signal(SIGPIPE, SIG_IGN);
    *fd = -1;
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0) {
        *fd = ends[0];
        signal_pipe = ends[1];
        n->has_signals = true;
    }
    bool good = *fd >= 0 && loop_watch(&n->loop, *fd, ready, arg) == 0;
    /* In a replay the recorded ones come, and those of now do what they do to any process. */
    for (size_t i = 0; i < count && good && !tape_is_replaying(); i++) {
        good = sigaction(signals[i], &action, NULL) == 0;
    }
    if (!good) {
        fprintf(stderr, "vitrine: signals cannot be watched: %s\n", strerror(errno));
    }
    return good;
}
