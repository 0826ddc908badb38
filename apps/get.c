/* `vitrine get`: one URL, by our own TCP and TLS as a client.
 *
 * The command around its one exchange (get_exchange.h): the name becomes an address, credentials, the TAP, the output
 * and the signals are made ready, and the loop runs until the exchange is over. How it ends is one number
 * (get_options.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "apps/commands.h"
#include "apps/get_exchange.h"
#include "apps/saved_cookies.h"

#define HOSTS_FILE "/etc/hosts"

/* ---- events beside those of the stream ---- */

static void on_output(void *arg)
{
    struct get *g = arg;
    struct epoll_event ready;
    if (epoll_wait(g->epoll_fd, &ready, 1, 0) > 0) {
        descriptor_wait(&g->out, 0);
        get_exchange_pump(g);
    }
}

static void on_signal(void *arg)
{
    get_exchange_fail(arg, GET_RECEIVE, "interrupted");
}

/* ---- the command ---- */

static bool make_tls(struct get *g)
{
    const struct get_options *o = &g->options;
    char error[256];
    if (!o->url.tls) {
        return true;
    }
    struct tls_config config = o->tls.config;
    config.key_line = capture_key_line;
    config.key_arg = &g->node.capture;
    g->tls = tls_context_new(&config, error, sizeof error);
    if (g->tls == NULL) {
        get_exchange_fail(g, GET_TRUST, "%s", error);
        return false;
    }
    if (!tls_options_add_certificates(&o->tls, g->tls, error, sizeof error)) {
        get_exchange_fail(g, GET_OWN_CERTIFICATE, "%s", error);
        return false;
    }
    return true;
}

static bool open_output(struct get *g)
{
    const char *name = g->options.output;
    int fd = STDOUT_FILENO;
    if (name != NULL) {
        fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    if (fd < 0) {
        get_exchange_fail(g, GET_WRITE, "%s: %s", name, strerror(errno));
        return false;
    }
    descriptor_open(&g->out, g->epoll_fd, fd);
    return true;
}

static void run(struct get *g, struct ip_addr address)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct recorder *r = &g->node.host.recorder;
    if (!event_file_open(&g->events, g->options.events, r) ||
        loop_watch(&g->node.loop, g->epoll_fd, on_output, g) != 0 ||
        !node_watch_signals(&g->node, signals, COUNT_OF(signals), &g->signal_fd, on_signal, g)) {
        get_exchange_finish(g, GET_NO_MEMORY);
        return;
    }
    if (g->options.verbose) {
        terminal_open(&g->terminal, STDERR_FILENO, r);
    }
    tls_detail_open(&g->detail, &g->options.tls, g->tls, &g->terminal, &g->events, r);
    const char *cookies = g->options.fast_open;
    if (cookies != NULL && !saved_cookies_read(cookies, &g->node.host.tcp)) {
        get_exchange_finish(g, GET_USAGE);
        return;
    }
    if (open_output(g)) {
        get_exchange_begin(g, address);
        int error = g->over ? 0 : loop_run(&g->node.loop);
        if (error != 0) {
            get_exchange_fail(g, GET_RECEIVE, "the TAP is gone: %s", strerror(-error));
        }
        descriptor_close(&g->out);
        if (cookies != NULL) {
            (void)saved_cookies_write(cookies, &g->node.host.tcp, g->node.host.recorder.now);
        }
        if (g->options.output != NULL && close(g->out.fd) != 0 && g->status == GET_OK) {
            g->status = GET_WRITE;
        }
    }
}

static void get(struct get *g)
{
    struct ip_addr address;
    const struct get_options *o = &g->options;
    tls_detail_announce(&o->tls, stderr);
    if (!hosts_find(o->url.host, o->resolve, o->resolves, HOSTS_FILE, &address)) {
        get_exchange_fail(g, GET_NO_HOST, "%s: not in %s; --resolve NAME:ADDRESS tells it",
                          o->url.host, HOSTS_FILE);
        return;
    }
    if (!make_tls(g)) {
        return;
    }
    if (!node_open(&g->node, &o->node)) {
        g->status = GET_NO_CONNECTION;
        return;
    }
    run(g, address);
    host_flush(&g->node.host, loop_now()); /* the last words, before what lingers for them goes */
    tls_options_tell_keylog(&o->tls, g->tls);
    tls_context_free(g->tls);
    g->tls = NULL;
    node_close(&g->node);
    terminal_close(&g->terminal);
    tls_detail_close(&g->detail);
    event_file_close(&g->events);
}

int cmd_get(int argc, char **argv)
{
    bool help;
    struct get *g = calloc(1, sizeof *g);
    if (g == NULL) {
        fprintf(stderr, "vitrine get: no memory\n");
        return GET_NO_MEMORY;
    }
    g->status = get_options_parse(argc, argv, &g->options, &help);
    g->signal_fd = -1;
    g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (g->status == GET_OK && !help) {
        get(g);
    }
    tls_context_free(g->tls);
    http_reply_done(&g->reply);
    close(g->epoll_fd);
    if (g->signal_fd >= 0) {
        close(g->signal_fd);
    }
    int status = (int)g->status;
    tls_options_done(&g->options.tls);
    free(g);
    return status;
}
