/* `vitrine get`: one URL, by our own TCP and TLS as a client (RFC 9110, RFC 9112).
 *
 * The way of it: the name becomes an address, tcp_connect opens, tls_client wraps it for https, `opened` sends the
 * request, `readable` reads the head and then the body, which goes to the output as fast as that takes it; what
 * it does not take stays in TCP's receive queue and closes the window. How it ends is one number (get_options.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "apps/commands.h"
#include "apps/descriptor.h"
#include "apps/get_options.h"
#include "apps/http/body.h"
#include "apps/http/reply.h"
#include "apps/node.h"
#include "apps/saved_cookies.h"
#include "apps/saved_session.h"
#include "apps/terminal.h"
#include "apps/tls_detail.h"

#define HOSTS_FILE "/etc/hosts"
#define GOODBYE (2 * NS_PER_SEC) /* a server that has said all may take so long to close */

struct get {
    struct get_options options;
    struct node node;
    struct tls_context *tls;
    struct stream *stream; /* NULL once gone */
    uint32_t conn_id;
    bool asked;        /* the request was sent, before `opened` */
    bool opened, over; /* `over`: the status is known, only the goodbyes are left */
    struct http_reply reply;
    struct http_body body;
    bool in_body;
    struct timer deadline;
    struct terminal terminal;
    struct event_file events;
    struct tls_detail detail;
    struct descriptor out;
    int epoll_fd, signal_fd;
    enum get_status status;
};

/* The server's newest ticket has come with its answer, or before. */
static void keep_session(const struct get *g, struct stream *s)
{
    const char *file = g->options.session;
    const struct tls_session *t = tls_of_stream(s);
    if (file == NULL || t == NULL || !g->opened) {
        return;
    }
    const char *why = saved_session_keep(file, t);
    if (why != NULL) {
        fprintf(stderr, "vitrine get: --session %s is not written: %s\n", file, why);
    }
}

/* The first word on how it ended is the last: later ones follow from it. */
static void finish(struct get *g, enum get_status status)
{
    if (g->over) {
        return;
    }
    g->over = true;
    g->status = status;
    descriptor_wait(&g->out, 0);
    if (g->stream == NULL) {
        loop_stop(&g->node.loop);
        return;
    }
    if (status == GET_OK || status == GET_HTTP_ERROR) {
        keep_session(g, g->stream);
        stream_shutdown(g->stream);
        timer_arm(&g->node.host.wheel, &g->deadline, g->node.host.recorder.now + GOODBYE);
        return;
    }
    stream_abort(g->stream);
    g->stream = NULL;
    loop_stop(&g->node.loop);
}

__attribute__((format(printf, 3, 4))) static void fail(struct get *g, enum get_status status,
                                                       const char *format, ...)
{
    va_list args;
    if (!g->over) {
        va_start(args, format);
        fprintf(stderr, "vitrine get: ");
        vfprintf(stderr, format, args);
        fprintf(stderr, "\n");
        va_end(args);
    }
    finish(g, status);
}

/* ---- what people see with -v ---- */

static void show_tls(struct get *g)
{
    struct tls_session *t = tls_of_stream(g->stream);
    struct tls_info i;
    if (t == NULL || !g->options.verbose) {
        return;
    }
    tls_get_info(t, &i);
    fprintf(stderr, "* %s, %s, %s%s%s\n", tls_version_name(i.version), i.suite_name, i.group_name,
            i.alpn[0] != '\0' ? ", ALPN " : "", i.alpn);
    if (i.proof != PROOF_CERTIFICATE) {
        fprintf(stderr,
                i.resumed ? "* resumed: an earlier session's secret proves both sides\n"
                          : "* pre-shared key '%s': it proves both sides\n",
                i.psk_identity);
        return;
    }
    fprintf(stderr,
            "* certificate: %s\n*   issued by   %s\n*   for         %s\n*   valid       %s to %s\n"
            "*   key         %s, %u bits; it signed this handshake: %s\n*   verdict     %s\n",
            i.certificate_subject, i.certificate_issuer, i.certificate_san,
            i.certificate_not_before, i.certificate_not_after, i.key_type, i.key_bits,
            i.signature_algorithm, i.certificate_fault[0] != '\0' ? i.certificate_fault : "good");
}

static void show_head(const char *head, size_t len, const char *mark)
{
    while (len > 0) {
        const char *end = memchr(head, '\n', len);
        size_t line = end != NULL ? (size_t)(end - head) + 1 : len;
        size_t text = line;
        while (text > 0 && (head[text - 1] == '\n' || head[text - 1] == '\r')) {
            text--;
        }
        fprintf(stderr, "%s%.*s\n", mark, (int)text, head);
        head += line;
        len -= line;
    }
}

/* What is in the file costs no more than a full handshake when it is of no use. */
static void offer_session(struct get *g)
{
    const char *file = g->options.session;
    const char *why = file != NULL ? saved_session_offer(file, g->stream) : NULL;
    if (file != NULL && g->options.verbose) {
        fprintf(stderr, "* session of %s: %s\n", file, why != NULL ? why : "offered");
    }
}

/* ---- the request ---- */

#define REQUEST_MAX                                                                                \
    (sizeof(((struct url *)NULL)->target) + sizeof(((struct url *)NULL)->host) + 128)

/* `to` has REQUEST_MAX bytes. */
static size_t write_request(const struct get *g, char *to)
{
    const struct url *u = &g->options.url;
    char port[8] = "";
    if (u->port != (u->tls ? 443 : 80)) {
        snprintf(port, sizeof port, ":%u", u->port);
    }
    int n = snprintf(to, REQUEST_MAX,
                     "%s %s HTTP/1.1\r\nHost: %s%s\r\nUser-Agent: vitrine/%s\r\nAccept: */*\r\n"
                     "Connection: close\r\n\r\n",
                     g->options.head ? "HEAD" : "GET", u->target, u->host, port, VITRINE_VERSION);
    if (g->options.verbose) {
        show_head(to, (size_t)n, "> ");
    }
    return (size_t)n;
}

static void send_request(struct get *g)
{
    size_t room;
    uint8_t *to = stream_reserve(g->stream, REQUEST_MAX, &room);
    if (to == NULL) {
        fail(g, GET_NO_MEMORY, "no room for the request");
        return;
    }
    stream_commit(g->stream, write_request(g, (char *)to));
}

/* What there is to send goes before TCP's SYN does (RFC 7413). */
static void send_with_syn(struct get *g)
{
    if (tls_of_stream(g->stream) != NULL) {
        tls_begin(g->stream);
    } else {
        g->asked = true;
        send_request(g);
    }
}

/* With the first flight, if the session allows it. */
static void send_early(struct get *g)
{
    char request[REQUEST_MAX];
    if (!g->options.tls.config.early_data) {
        return;
    }
    fprintf(stderr, "vitrine get: warning: --early-data: whoever records this request can send it "
                    "again, and the server may answer each copy (RFC 8446 8)\n");
    tls_send_early(g->stream, request, write_request(g, request));
}

/* What the server has of it: then the request is not sent again. */
static bool was_early(const struct get *g)
{
    const struct tls_session *t = tls_of_stream(g->stream);
    struct tls_info i = {.early = EARLY_NONE};
    if (t != NULL) {
        tls_get_info(t, &i);
    }
    if (g->options.verbose && g->options.tls.config.early_data) {
        fprintf(stderr, "* early data: %s\n",
                i.early == EARLY_NONE ? "not sent: no session that allows it"
                                      : tls_early_name(i.early));
    }
    return i.early == EARLY_ACCEPTED;
}

/* ---- the answer ---- */

static void take_head(struct get *g, struct slice in)
{
    struct http_reply *r = &g->reply;
    stream_consume(g->stream, http_reply_feed(r, in));
    if (r->state == HTTP_PARSE_ERROR) {
        fail(g, GET_STRANGE_ANSWER, "%s", r->why);
        return;
    }
    if (r->state != HTTP_PARSE_DONE) {
        return;
    }
    if (g->options.verbose) {
        show_head(r->head, r->len, "< ");
    }
    if (r->status < 200) { /* an interim answer: the real one follows (RFC 9110 15.2) */
        http_reply_done(r);
        http_reply_init(r);
        return;
    }
    if (g->options.fail && r->status >= 400) {
        fail(g, GET_HTTP_ERROR, "the server answers %u", r->status);
        return;
    }
    if (g->options.head && write(g->out.fd, r->head, r->len) < 0) {
        fail(g, GET_WRITE, "output: %s", strerror(errno));
        return;
    }
    bool chunked = r->chunked && !g->options.head;
    http_body_init(&g->body, chunked, http_reply_length(r, g->options.head));
    g->in_body = true;
}

/* Puts out what it can of a run of data. Returns how much; less than all: later, or never. */
static size_t put_out(struct get *g, struct slice data)
{
    size_t done = 0;
    while (done < data.len) {
        ssize_t n = write(g->out.fd, data.data + done, data.len - done);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN) {
            descriptor_wait(&g->out, EPOLLOUT);
            return done;
        } else if (errno != EINTR) {
            fail(g, GET_WRITE, "output: %s", strerror(errno));
            return done;
        }
    }
    descriptor_wait(&g->out, 0);
    return done;
}

/* Takes framing and data up to the end of the first run; false: no more for now. */
static bool take_body(struct get *g, struct slice in)
{
    size_t used;
    struct http_body before = g->body;
    struct slice data = http_body_next(&g->body, in, &used);
    size_t done = put_out(g, data);
    if (g->over) {
        return false;
    }
    if (done < data.len) { /* as if only so much had come */
        in.len = used - (data.len - done);
        g->body = before;
        http_body_next(&g->body, in, &used);
        stream_consume(g->stream, used);
        return false;
    }
    stream_consume(g->stream, used);
    if (g->body.state == HTTP_BODY_ERROR) {
        fail(g, GET_STRANGE_ANSWER, "the chunks of the body are malformed");
    }
    return !g->over;
}

static void pump(struct get *g)
{
    struct slice in;
    while (g->stream != NULL && !g->over && (in = stream_peek(g->stream)).len > 0) {
        if (!g->in_body) {
            take_head(g, in);
        } else if (!take_body(g, in)) {
            return;
        }
        if (g->in_body && g->body.state == HTTP_BODY_DONE) {
            finish(g, GET_OK);
        }
    }
}

/* The server has said all that it will. */
static void take_end(struct get *g)
{
    bool to_the_end = g->in_body && !g->body.chunked && g->body.left == HTTP_BODY_TO_THE_END;
    if (g->stream != NULL && stream_peek(g->stream).len > 0) {
        return; /* the output is slow */
    }
    if (to_the_end) {
        finish(g, GET_OK);
    } else if (g->in_body) {
        fail(g, GET_PARTIAL, "the body was cut off after %llu bytes",
             (unsigned long long)g->body.total);
    } else {
        fail(g, GET_NOTHING, "the server closed without an answer");
    }
}

/* ---- events of the stream ---- */

static void on_opened(struct stream *s)
{
    struct get *g = s->app;
    g->opened = true;
    show_tls(g);
    if (!was_early(g) && !g->asked) {
        send_request(g);
    }
}

static void on_readable(struct stream *s)
{
    pump(s->app);
}

static void on_peer_closed(struct stream *s)
{
    struct get *g = s->app;
    pump(g);
    if (!g->over) {
        take_end(g);
    }
}

static void tell_tls_failure(struct get *g, const struct tls_info *i, enum close_reason reason)
{
    if (i->certificate_fault[0] != '\0' && !g->options.tls.config.trust_anything) {
        fail(g, GET_CERTIFICATE, "the server's certificate (%s): %s", i->certificate_subject,
             i->certificate_fault);
    } else {
        fail(g, GET_TLS, "the TLS handshake failed: %s%s%s", close_reason_name(reason),
             i->alert[0] != '\0' ? ": " : "", i->alert);
    }
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct get *g = s->app;
    struct tls_session *t = tls_of_stream(s);
    struct tls_info i = {.alert = ""};
    bool of_tls = reason == CLOSE_TLS_FAILED || reason == CLOSE_TLS_ALERT;
    if (t != NULL) {
        tls_get_info(t, &i);
    }
    g->stream = NULL;
    if (g->over) {
        loop_stop(&g->node.loop);
    } else if (!g->opened && t != NULL && of_tls) {
        tell_tls_failure(g, &i, reason);
    } else if (!g->opened) {
        fail(g, GET_NO_CONNECTION, "%s port %u: %s", g->options.url.host, g->options.url.port,
             close_reason_name(reason));
    } else if (reason == CLOSE_NORMAL) {
        keep_session(g, s);
        take_end(g);
    } else {
        fail(g, g->in_body && reason == CLOSE_TRUNCATED ? GET_PARTIAL : GET_RECEIVE,
             "the connection is lost: %s%s%s", close_reason_name(reason),
             i.alert[0] != '\0' ? ": " : "", i.alert);
    }
}

static const struct stream_events get_events = {
    .opened = on_opened,
    .readable = on_readable,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

/* ---- other events ---- */

static void on_output(void *arg)
{
    struct get *g = arg;
    struct epoll_event ready;
    if (epoll_wait(g->epoll_fd, &ready, 1, 0) > 0) {
        descriptor_wait(&g->out, 0);
        pump(g);
    }
}

static void on_signal(void *arg)
{
    fail(arg, GET_RECEIVE, "interrupted");
}

static void on_deadline(struct timer *t, nsec now)
{
    struct get *g = CONTAINER_OF(t, struct get, deadline);
    recorder_begin(&g->node.host.recorder, CAUSE_TIMER, now);
    if (!g->over) {
        fail(g, GET_TIMEOUT, "not done in the time that --max-time gives");
    } else if (g->stream != NULL) { /* it has everything, and does not close */
        stream_abort(g->stream);
        g->stream = NULL;
        loop_stop(&g->node.loop);
    }
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
        fail(g, GET_TRUST, "%s", error);
        return false;
    }
    if (!tls_options_add_certificates(&o->tls, g->tls, error, sizeof error)) {
        fail(g, GET_OWN_CERTIFICATE, "%s", error);
        return false;
    }
    return true;
}

static void open_connection(struct get *g, struct ip_addr address)
{
    const struct url *u = &g->options.url;
    struct tcp_connect_args args = {
        .local = {g->options.node.address, 0},
        .remote = {address, u->port},
        .options = g->options.node.each,
        .events = u->tls ? NULL : &get_events,
        .app = g,
    };
    struct tcp_info info;
    args.options.fast_open = g->options.fast_open != NULL;
    host_enter(&g->node.host, loop_now());
    enum tcp_error refused = tcp_connect(&g->node.host.tcp, &args, &g->stream);
    if (refused != TCP_OK) {
        g->stream = NULL;
        node_connect_refused(&g->options.node, "get", refused);
        finish(g, GET_NO_CONNECTION);
        return;
    }
    tcp_get_info(g->stream, &info);
    g->conn_id = info.id;
    if (u->tls) {
        struct stream *tls =
            tls_client(g->tls, u->host, g->stream, &g->node.host.recorder, info.id, &get_events, g);
        if (tls == NULL) {
            fail(g, GET_NO_MEMORY, "no memory for TLS");
            return;
        }
        g->stream = tls;
        offer_session(g);
        send_early(g);
    }
    if (g->options.fast_open != NULL) {
        send_with_syn(g);
    }
    if (g->options.max_time > 0) {
        timer_arm(&g->node.host.wheel, &g->deadline,
                  g->node.host.recorder.now + g->options.max_time);
    }
}

static bool open_output(struct get *g)
{
    const char *name = g->options.output;
    int fd = STDOUT_FILENO;
    if (name != NULL) {
        fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    if (fd < 0) {
        fail(g, GET_WRITE, "%s: %s", name, strerror(errno));
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
        finish(g, GET_NO_MEMORY);
        return;
    }
    if (g->options.verbose) {
        terminal_open(&g->terminal, STDERR_FILENO, r);
    }
    tls_detail_open(&g->detail, &g->options.tls, g->tls, &g->terminal, &g->events, r);
    const char *cookies = g->options.fast_open;
    if (cookies != NULL && !saved_cookies_read(cookies, &g->node.host.tcp)) {
        finish(g, GET_USAGE);
        return;
    }
    if (open_output(g)) {
        open_connection(g, address);
        int error = g->over ? 0 : loop_run(&g->node.loop);
        if (error != 0) {
            fail(g, GET_RECEIVE, "the TAP is gone: %s", strerror(-error));
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
        fail(g, GET_NO_HOST, "%s: not in %s; --resolve NAME:ADDRESS tells it", o->url.host,
             HOSTS_FILE);
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
    timer_init(&g->deadline, on_deadline);
    http_reply_init(&g->reply);
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
