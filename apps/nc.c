/* `vitrine nc`: an active open (RFC 9293 3.10.1) from our own TCP. Standard input goes to the peer and
 * the peer's bytes to standard output, both without blocking and with backpressure; the end of the
 * input closes our half.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "apps/commands.h"
#include "apps/descriptor.h"
#include "apps/node.h"
#include "apps/saved_cookies.h"
#include "apps/terminal.h"

struct nc {
    struct node node;
    struct stream *stream; /* NULL once closed */
    int epoll_fd;          /* of `in` and `out`; the loop watches it */
    int signal_fd;
    struct descriptor in, out;
    bool opened, in_done, peer_closed, shut, failed;
    enum close_reason reason;
    struct event_file event_file;
};

/* What the command line says. */
struct nc_options {
    struct node_options node;
    uint16_t source_port;
    const char *events;    /* file for JSON lines; NULL: none */
    const char *fast_open; /* file of cookies; NULL: no Fast Open */
    bool stats;
};

static const char usage_text[] =
    "usage: vitrine nc --tap NAME [OPTION…] ADDRESS PORT\n\n"
    "Opens a TCP connection from the TAP device NAME, by our own TCP. Standard input goes there, "
    "what\n"
    "comes back goes to standard output. Exit status 0: both sides have closed in order.\n\n"
    "  --source-port N       our port [any]\n"
    "  --fast-open FILE      the input goes with the SYN as far as it is there, if the file has "
    "the\n"
    "                        server's cookie; the one that comes is left there. It may be "
    "delivered\n"
    "                        twice\n"
    "  --events FILE         every event as a line of JSON\n"
    "  --stats               what was sent and received, at the end, as a line of JSON on "
    "stderr\n\n";

static void fail(struct nc *nc, const char *what)
{
    fprintf(stderr, "vitrine nc: %s: %s\n", what, strerror(errno));
    nc->failed = true;
    if (nc->stream != NULL) {
        stream_abort(nc->stream);
        nc->stream = NULL;
    }
    loop_stop(&nc->node.loop);
}

/* Our half ends once it is open: before that there would be nothing to close. */
static void shut(struct nc *nc)
{
    nc->in_done = true;
    descriptor_wait(&nc->in, 0);
    if (nc->opened && !nc->shut) {
        nc->shut = true;
        stream_shutdown(nc->stream);
    }
}

/* Standard input, as far as it has bytes and the send queue has room. */
static void pump_in(struct nc *nc)
{
    while (nc->stream != NULL && !nc->in_done) {
        size_t room;
        uint8_t *out = stream_reserve(nc->stream, 1, &room);
        if (out == NULL) {
            descriptor_wait(&nc->in, 0); /* until `writable` */
            return;
        }
        ssize_t n = read(nc->in.fd, out, room);
        if (n > 0) {
            stream_commit(nc->stream, (size_t)n);
        } else if (n == 0) {
            shut(nc);
        } else if (errno == EAGAIN) {
            descriptor_wait(&nc->in, EPOLLIN);
            return;
        } else if (errno != EINTR) {
            fail(nc, "standard input");
        }
    }
}

/* What came, as far as standard output takes it. */
static void pump_out(struct nc *nc)
{
    while (nc->stream != NULL) {
        struct slice in = stream_peek(nc->stream);
        if (in.len == 0) {
            descriptor_wait(&nc->out, 0); /* until `readable` */
            if (nc->peer_closed) {
                shut(nc); /* nobody is left to talk to */
            }
            return;
        }
        ssize_t n = write(nc->out.fd, in.data, in.len);
        if (n > 0) {
            stream_consume(nc->stream, (size_t)n);
        } else if (n < 0 && errno == EAGAIN) {
            descriptor_wait(&nc->out, EPOLLOUT);
            return;
        } else if (n < 0 && errno != EINTR) {
            fail(nc, "standard output");
        }
    }
}

static void on_descriptors(void *arg)
{
    struct nc *nc = arg;
    struct epoll_event ready[2];
    int n = epoll_wait(nc->epoll_fd, ready, 2, 0);
    for (int i = 0; i < n; i++) {
        if (ready[i].data.fd == nc->in.fd) {
            pump_in(nc);
        } else {
            pump_out(nc);
        }
    }
}

static void on_signal(void *arg)
{
    struct nc *nc = arg;
    fprintf(stderr, "vitrine nc: interrupted\n");
    nc->failed = true;
    if (nc->stream != NULL) {
        stream_abort(nc->stream);
        nc->stream = NULL;
    }
    loop_stop(&nc->node.loop);
}

/* ---- events of the stream ---- */

static void on_opened(struct stream *s)
{
    struct nc *nc = s->app;
    nc->opened = true;
    if (nc->in_done) {
        shut(nc);
    }
    pump_in(nc);
}

static void on_in_room(struct stream *s)
{
    pump_in(s->app);
}

static void on_readable(struct stream *s)
{
    pump_out(s->app);
}

static void on_peer_closed(struct stream *s)
{
    struct nc *nc = s->app;
    nc->peer_closed = true;
    pump_out(nc);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct nc *nc = s->app;
    nc->stream = NULL;
    nc->reason = reason;
    nc->failed = nc->failed || reason != CLOSE_NORMAL;
    if (reason != CLOSE_NORMAL) {
        fprintf(stderr, "vitrine nc: %s\n", close_reason_name(reason));
    }
    loop_stop(&nc->node.loop);
}

static const struct stream_events nc_events = {
    .opened = on_opened,
    .readable = on_readable,
    .writable = on_in_room,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

/* ---- the command ---- */

enum { OPT_SOURCE_PORT = 256, OPT_EVENTS, OPT_FAST_OPEN, OPT_STATS, OPT_HELP };

static const struct option long_options[] = {
    NODE_LONG_OPTIONS,
    {"source-port", required_argument, NULL, OPT_SOURCE_PORT},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"fast-open", required_argument, NULL, OPT_FAST_OPEN},
    {"stats", no_argument, NULL, OPT_STATS},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static enum options_result take_option(int option, struct nc_options *o)
{
    if (node_has_option(option)) {
        return node_take_option(option, optarg, &o->node);
    }
    switch (option) {
    case OPT_SOURCE_PORT:
        return option_port("source-port", optarg, &o->source_port) ? OPTIONS_GOOD : OPTIONS_BAD;
    case OPT_EVENTS:
        o->events = optarg;
        return OPTIONS_GOOD;
    case OPT_FAST_OPEN:
        o->fast_open = optarg;
        return OPTIONS_GOOD;
    case OPT_STATS:
        o->stats = true;
        return OPTIONS_GOOD;
    case OPT_HELP:
        printf("%s%s", usage_text, node_usage);
        return OPTIONS_HELP;
    default:
        fprintf(stderr, "vitrine: vitrine nc --help lists the options\n");
        return OPTIONS_BAD;
    }
}

/* The host had one connection, so its totals are that one's. */
static void print_stats(const struct nc *nc)
{
    const struct tcp_totals *t = &nc->node.host.tcp.totals;
    fprintf(stderr,
            "{\"bytes_in\": %llu, \"bytes_out\": %llu, \"segments_in\": %llu, \"segments\": %llu, "
            "\"retransmitted\": %llu}\n",
            (unsigned long long)t->bytes_in, (unsigned long long)t->bytes_out,
            (unsigned long long)t->segments_in, (unsigned long long)t->segments_out,
            (unsigned long long)t->retransmitted);
}

static int run(struct nc *nc, const struct node_options *o, const struct tcp_connect_args *args)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    int error = loop_watch(&nc->node.loop, nc->epoll_fd, on_descriptors, nc);
    if (error != 0 ||
        !node_watch_signals(&nc->node, signals, COUNT_OF(signals), &nc->signal_fd, on_signal, nc)) {
        return EXIT_FAILURE;
    }
    host_enter(&nc->node.host, loop_now());
    enum tcp_error refused = tcp_connect(&nc->node.host.tcp, args, &nc->stream);
    if (refused != TCP_OK) {
        node_connect_refused(o, "nc", refused);
        return EXIT_FAILURE;
    }
    descriptor_open(&nc->in, nc->epoll_fd, STDIN_FILENO);
    descriptor_open(&nc->out, nc->epoll_fd, STDOUT_FILENO);
    if (args->options.fast_open) { /* before the SYN leaves */
        pump_in(nc);
    }
    error = loop_run(&nc->node.loop);
    descriptor_close(&nc->in);
    descriptor_close(&nc->out);
    if (error != 0) {
        fprintf(stderr, "vitrine nc: the TAP is gone: %s\n", strerror(-error));
    }
    return error == 0 && !nc->failed ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int talk(const struct nc_options *o, struct endpoint remote)
{
    struct nc *nc = calloc(1, sizeof *nc);
    if (nc == NULL || !node_open(&nc->node, &o->node)) {
        free(nc);
        return EXIT_FAILURE;
    }
    nc->signal_fd = -1;
    nc->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int status = EXIT_FAILURE;
    const char *cookies = o->fast_open;
    struct tcp_options options = o->node.each;
    options.fast_open = cookies != NULL;
    if (cookies != NULL && !saved_cookies_read(cookies, &nc->node.host.tcp)) {
        status = 2;
    } else if (event_file_open(&nc->event_file, o->events, &nc->node.host.recorder)) {
        status = run(nc, &o->node,
                     &(struct tcp_connect_args){.local = {o->node.address, o->source_port},
                                                .remote = remote,
                                                .options = options,
                                                .events = &nc_events,
                                                .app = nc});
        event_file_close(&nc->event_file);
        if (cookies != NULL) {
            (void)saved_cookies_write(cookies, &nc->node.host.tcp, nc->node.host.recorder.now);
        }
    }
    if (o->stats) {
        print_stats(nc);
    }
    close(nc->epoll_fd);
    if (nc->signal_fd >= 0) {
        close(nc->signal_fd);
    }
    node_close(&nc->node);
    free(nc);
    return status;
}

int cmd_nc(int argc, char **argv)
{
    struct nc_options options = {.source_port = 0};
    struct endpoint remote;
    int option;
    node_defaults(&options.node);
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        enum options_result r = take_option(option, &options);
        if (r != OPTIONS_GOOD) {
            return r == OPTIONS_HELP ? EXIT_SUCCESS : 2;
        }
    }
    if (argc - optind != 2) {
        fprintf(stderr, "vitrine: an ADDRESS and a PORT are needed; vitrine nc --help says more\n");
        return 2;
    }
    if (!node_options_agree(&options.node) ||
        !option_address("ADDRESS", argv[optind], &remote.addr) ||
        !option_port("PORT", argv[optind + 1], &remote.port)) {
        return 2;
    }
    return talk(&options, remote);
}
