/* The exchange of `vitrine get`: see get_exchange.h.
 */
#include "apps/get_exchange.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "apps/commands.h"
#include "apps/saved_session.h"

#define GOODBYE (2 * NS_PER_SEC) /* a server that has said all may take so long to close */

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

void get_exchange_finish(struct get *g, enum get_status status)
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

void get_exchange_fail(struct get *g, enum get_status status, const char *format, ...)
{
    va_list args;
    if (!g->over) {
        va_start(args, format);
        fprintf(stderr, "vitrine get: ");
        vfprintf(stderr, format, args);
        fprintf(stderr, "\n");
        va_end(args);
    }
    get_exchange_finish(g, status);
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
        get_exchange_fail(g, GET_NO_MEMORY, "no room for the request");
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
        get_exchange_fail(g, GET_STRANGE_ANSWER, "%s", r->why);
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
        get_exchange_fail(g, GET_HTTP_ERROR, "the server answers %u", r->status);
        return;
    }
    if (g->options.head && write(g->out.fd, r->head, r->len) < 0) {
        get_exchange_fail(g, GET_WRITE, "output: %s", strerror(errno));
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
            get_exchange_fail(g, GET_WRITE, "output: %s", strerror(errno));
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
        get_exchange_fail(g, GET_STRANGE_ANSWER, "the chunks of the body are malformed");
    }
    return !g->over;
}

void get_exchange_pump(struct get *g)
{
    struct slice in;
    while (g->stream != NULL && !g->over && (in = stream_peek(g->stream)).len > 0) {
        if (!g->in_body) {
            take_head(g, in);
        } else if (!take_body(g, in)) {
            return;
        }
        if (g->in_body && g->body.state == HTTP_BODY_DONE) {
            get_exchange_finish(g, GET_OK);
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
        get_exchange_finish(g, GET_OK);
    } else if (g->in_body) {
        get_exchange_fail(g, GET_PARTIAL, "the body was cut off after %llu bytes",
                          (unsigned long long)g->body.total);
    } else {
        get_exchange_fail(g, GET_NOTHING, "the server closed without an answer");
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
    get_exchange_pump(s->app);
}

static void on_peer_closed(struct stream *s)
{
    struct get *g = s->app;
    get_exchange_pump(g);
    if (!g->over) {
        take_end(g);
    }
}

static void tell_tls_failure(struct get *g, const struct tls_info *i, enum close_reason reason)
{
    if (i->certificate_fault[0] != '\0' && !g->options.tls.config.trust_anything) {
        get_exchange_fail(g, GET_CERTIFICATE, "the server's certificate (%s): %s",
                          i->certificate_subject, i->certificate_fault);
    } else {
        get_exchange_fail(g, GET_TLS, "the TLS handshake failed: %s%s%s", close_reason_name(reason),
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
        get_exchange_fail(g, GET_NO_CONNECTION, "%s port %u: %s", g->options.url.host,
                          g->options.url.port, close_reason_name(reason));
    } else if (reason == CLOSE_NORMAL) {
        keep_session(g, s);
        take_end(g);
    } else {
        get_exchange_fail(g, g->in_body && reason == CLOSE_TRUNCATED ? GET_PARTIAL : GET_RECEIVE,
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

/* ---- beginning, and the time that it may take ---- */

static void on_deadline(struct timer *t, nsec now)
{
    struct get *g = CONTAINER_OF(t, struct get, deadline);
    recorder_begin(&g->node.host.recorder, CAUSE_TIMER, now);
    if (!g->over) {
        get_exchange_fail(g, GET_TIMEOUT, "not done in the time that --max-time gives");
    } else if (g->stream != NULL) { /* it has everything, and does not close */
        stream_abort(g->stream);
        g->stream = NULL;
        loop_stop(&g->node.loop);
    }
}

void get_exchange_begin(struct get *g, struct ip_addr address)
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
    http_reply_init(&g->reply);
    timer_init(&g->deadline, on_deadline);
    host_enter(&g->node.host, loop_now());
    enum tcp_error refused = tcp_connect(&g->node.host.tcp, &args, &g->stream);
    if (refused != TCP_OK) {
        g->stream = NULL;
        node_connect_refused(&g->options.node, "get", refused);
        get_exchange_finish(g, GET_NO_CONNECTION);
        return;
    }
    tcp_get_info(g->stream, &info);
    g->conn_id = info.id;
    if (u->tls) {
        struct stream *tls =
            tls_client(g->tls, u->host, g->stream, &g->node.host.recorder, info.id, &get_events, g);
        if (tls == NULL) {
            get_exchange_fail(g, GET_NO_MEMORY, "no memory for TLS");
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
