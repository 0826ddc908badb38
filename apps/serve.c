/* `vitrine serve`: wires host, TCP, TLS, HTTP and the views on them together, and runs until a signal.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/banner.h"
#include "apps/commands.h"
#include "apps/crew.h"
#include "apps/http/files.h"
#include "apps/options.h"
#include "apps/page.h"
#include "apps/status.h"
#include "apps/tape/tape.h"
#include "apps/terminal.h"
#include "apps/tls_detail.h"
#include "tls/ca.h"

#define ECHO_CONNECTIONS 1024U
#define ECHO_IDLE (300 * NS_PER_SEC)
#define LISTENERS 5U
#define BACKLOG 512U

struct serve {
    struct serve_options options;
    struct crew *crew;      /* NULL: there is one thread */
    unsigned index;         /* which of its members this is */
    void *others[CREW_MAX]; /* the first one's: struct serve */
    struct node node;
    struct http_server http;
    struct echo_service echo;
    struct tls_context *tls; /* NULL: no TLS port */
    struct tcp_listener *listeners[LISTENERS];
    unsigned listener_count;
    struct wheel *wheel; /* for the timers of all these */
    struct timer sweep;  /* of TLS streams that linger after an alert, and of files in memory */
    struct terminal terminal;
    struct event_file event_file;
    struct tls_detail detail;
    int root_fd, signal_fd;
    char certificate[4096]; /* the file that is the default */
    char certificate_key[4096];
    bool development; /* it is the development CA's */
};

/* ---- HTTP over TCP and over TLS ---- */

static struct stream *tcp_below(struct stream *s)
{
    struct tls_session *tls = tls_of_stream(s);
    return tls != NULL ? tls_lower(tls) : s;
}

static uint64_t unsent(struct stream *s)
{
    struct stream *tcp = tcp_below(s);
    struct tcp_info info = {0};
    if (tcp != NULL) {
        tcp_get_info(tcp, &info);
    }
    return info.send_queued;
}

static bool is_query(const struct http_page *page, const char *word)
{
    return http_same(page->query, word);
}

/* GET /: the story of this connection, in the form that the client likes. */
static bool story_page(void *arg, struct stream *s, struct http_page *page)
{
    struct serve *v = arg;
    struct story story;
    if (strcmp(page->path, "/") != 0) {
        return false;
    }
    story_collect(s, v->node.host.recorder.now, &story);
    bool text = is_query(page, "text");
    if (is_query(page, "json") || (!text && http_accepts(page->accept, "application/json"))) {
        page->type = "application/json";
        story_json(&story, page->text);
    } else if (!text && http_accepts(page->accept, "text/html")) {
        page->type = "text/html; charset=utf-8";
        story_html(&story, page->text);
    } else {
        story_text(&story, page->text);
    }
    return true;
}

static bool is_early(struct stream *s)
{
    const struct tls_session *tls = tls_of_stream(s);
    return tls != NULL && tls_next_is_early(tls);
}

static void keep_sweeping(struct serve *v)
{
    if (!timer_armed(&v->sweep)) {
        timer_arm(v->wheel, &v->sweep, v->node.host.recorder.now + TLS_LINGER);
    }
}

static void accept_plain(void *arg, struct stream *s)
{
    struct serve *v = arg;
    struct http_conn *c = http_conn_new(&v->http, tcp_get_id(s));
    if (c == NULL) {
        stream_abort(s);
        return;
    }
    http_conn_attach(c, s);
    keep_sweeping(v);
}

static void accept_tls(void *arg, struct stream *s)
{
    struct serve *v = arg;
    uint32_t id = tcp_get_id(s);
    struct http_conn *c = http_conn_new(&v->http, id);
    if (c == NULL) {
        stream_abort(s);
        return;
    }
    struct stream *tls = tls_server(v->tls, s, &v->node.host.recorder, id, &http_stream_events, c);
    if (tls == NULL) {
        http_conn_drop(c);
        stream_abort(s);
        return;
    }
    http_conn_attach(c, tls);
    keep_sweeping(v);
}

/* Runs as long as there are connections, and until what they have left is given back. */
static void on_sweep(struct timer *t, nsec now)
{
    struct serve *v = CONTAINER_OF(t, struct serve, sweep);
    recorder_begin(&v->node.host.recorder, CAUSE_TIMER, now);
    if (v->tls != NULL) {
        tls_context_sweep(v->tls, now);
    }
    http_server_sweep(&v->http, now);
    if (v->node.host.tcp.handle_pool.in_use > 0 || v->http.cache.bytes > 0) {
        timer_arm(v->wheel, t, now + TLS_LINGER);
    }
}

static void accept_echo(void *arg, struct stream *s)
{
    echo_accept(&((struct serve *)arg)->echo, s);
}

static void accept_discard(void *arg, struct stream *s)
{
    discard_accept(&((struct serve *)arg)->echo, s);
}

static void accept_chargen(void *arg, struct stream *s)
{
    chargen_accept(&((struct serve *)arg)->echo, s);
}

/* ---- setting up ---- */

/* The development CA's certificate becomes the first of the options. */
static bool name_development_certificate(struct serve *v, char *error, size_t error_size)
{
    char address[IP_TEXT_MAX];
    const char *names[] = {SERVER_NAME, "localhost", NULL};
    const char *ips[] = {ip_text(v->options.node.address, address), NULL};
    const char *dir = v->options.ca_dir, *kind = v->options.rsa ? "server-rsa" : "server";
    if (!tape_is_replaying() && !ca_ensure(dir, names, ips, error, error_size)) {
        return false;
    }
    int a = snprintf(v->certificate, sizeof v->certificate, "%s/%s.pem", dir, kind);
    int b = snprintf(v->certificate_key, sizeof v->certificate_key, "%s/%s.key", dir, kind);
    if (a < 0 || b < 0 || (size_t)a >= sizeof v->certificate ||
        (size_t)b >= sizeof v->certificate_key) {
        snprintf(error, error_size, "the name of --ca-dir is too long");
        return false;
    }
    v->options.tls.certificates = 1;
    v->options.tls.certificate[0].chain = v->certificate;
    v->options.tls.certificate[0].key = v->certificate_key;
    return true;
}

/* In a replay the files are not those of now. */
static void tape_certificates(struct tls_options *o)
{
    o->config.trust = tape_pem(o->config.trust);
    for (unsigned i = 0; i < o->certificates; i++) {
        o->certificate[i].chain = tape_pem(o->certificate[i].chain);
        o->certificate[i].key = tape_pem(o->certificate[i].key);
    }
}

static bool make_context(struct serve *v, char *error, size_t error_size)
{
    struct tls_options *o = &v->options.tls;
    v->development = o->certificates == 0;
    if (!v->development) {
        snprintf(v->certificate, sizeof v->certificate, "%s", o->certificate[0].chain);
    } else if (!name_development_certificate(v, error, error_size)) {
        return false;
    }
    if (tape_tls() != 0) {
        snprintf(error, error_size, "no randomness for TLS");
        return false;
    }
    tape_certificates(o);
    o->config.key_line = capture_key_line;
    o->config.key_arg = &v->node.capture;
    o->config.ticket_secret = v->crew != NULL ? v->crew->ticket_secret : NULL;
    v->tls = tls_context_new(&o->config, error, error_size);
    return v->tls != NULL && tls_options_add_certificates(o, v->tls, error, error_size);
}

static bool open_tls(struct serve *v)
{
    char error[512];
    bool needed = v->options.port != 0 && !(tape_is_replaying() && tape_is_tcp_only());
    bool good = !needed || make_context(v, error, sizeof error);
    if (!good) {
        fprintf(stderr, "vitrine: %s\n", error);
    }
    return good;
}

static bool open_root(struct serve *v)
{
    v->root_fd = -1;
    if (v->options.root == NULL || tape_is_replaying()) {
        return true;
    }
    v->root_fd = http_root_open(v->options.root);
    if (v->root_fd < 0) {
        fprintf(stderr, "vitrine: --root %s: %s\n", v->options.root, strerror(-v->root_fd));
    }
    return v->root_fd >= 0;
}

static bool listen_on(struct serve *v, uint16_t port, size_t max_open,
                      void (*accept)(void *arg, struct stream *s))
{
    if (port == 0) {
        return true;
    }
    struct tcp_listen_args args = {
        .local = {.addr = v->options.node.address, .port = port},
        .backlog = BACKLOG,
        .max_open = (uint32_t)max_open,
        .options = v->options.node.each,
        .accept = accept,
        .arg = v,
    };
    tape_listen(&args);
    enum tcp_error error = tcp_listen(&v->node.host.tcp, &args, &v->listeners[v->listener_count]);
    if (error != TCP_OK) {
        fprintf(stderr, "vitrine: port %u: %s\n", port, tcp_error_text(error));
        return false;
    }
    v->listener_count++;
    return true;
}

static bool listen_all(struct serve *v)
{
    const struct serve_options *o = &v->options;
    host_enter(&v->node.host, loop_now());
    return listen_on(v, o->port, o->max_connections, accept_tls) &&
           listen_on(v, o->plain_port, o->max_connections, accept_plain) &&
           listen_on(v, o->echo_port, ECHO_CONNECTIONS, accept_echo) &&
           listen_on(v, o->discard_port, ECHO_CONNECTIONS, accept_discard) &&
           listen_on(v, o->chargen_port, ECHO_CONNECTIONS, accept_chargen);
}

static void start_services(struct serve *v)
{
    struct host *h = &v->node.host;
    v->wheel = tape_wheel(h);
    struct http_server_config config = {
        .wheel = v->wheel,
        .recorder = &h->recorder,
        .root_fd = v->root_fd,
        .max_connections = 2 * v->options.max_connections,
        .idle_timeout = v->options.idle_timeout,
        .page = story_page,
        .page_arg = v,
        .unsent = unsent,
        .early = is_early,
        .clock = tape_wall_clock,
        .files = tape_http_files(),
        .cache_bytes = HTTP_CACHE_BYTES / v->options.threads,
    };
    http_server_init(&v->http, &config);
    echo_init(&v->echo, v->wheel, &h->recorder, 3 * ECHO_CONNECTIONS, ECHO_IDLE);
    timer_init(&v->sweep, on_sweep);
}

static void stop_services(struct serve *v)
{
    struct host *h = &v->node.host;
    host_enter(h, loop_now());
    while (v->listener_count > 0) {
        tcp_unlisten(&h->tcp, v->listeners[--v->listener_count]);
    }
    http_server_done(&v->http);
    echo_done(&v->echo);
    timer_cancel(v->wheel, &v->sweep);
    if (v->tls != NULL) {
        tls_options_tell_keylog(&v->options.tls, v->tls);
        tls_context_free(v->tls);
        v->tls = NULL;
    }
    tls_options_done(&v->options.tls);
    tape_services_ended();
}

/* ---- what is going on ---- */

static void print_status(const struct serve *v)
{
    struct draft t;
    draft_init(&t, 64 * 1024);
    if (v->crew != NULL) {
        draft_addf(&t, "thread %u\n", v->index + 1);
    }
    status_text(&(struct status){&v->node.host, &v->http, &v->echo}, &t);
    if (!t.failed) {
        fputs(t.data, stdout);
        fflush(stdout);
    }
    draft_done(&t);
}

static void report(struct serve *v)
{
    char file[4096];
    event_file_flush(&v->event_file);
    if (v->options.status == NULL) {
        print_status(v);
        return;
    }
    /* That of the first thread has the name, those of the others end in -2 and so on. */
    if (v->index == 0) {
        snprintf(file, sizeof file, "%s", v->options.status);
    } else {
        snprintf(file, sizeof file, "%s-%u", v->options.status, v->index + 1);
    }
    if (!status_write(&(struct status){&v->node.host, &v->http, &v->echo}, file)) {
        fprintf(stderr, "vitrine: --status %s: %s\n", file, strerror(errno));
    }
}

static void on_signal(void *arg)
{
    struct serve *v = arg;
    for (int number; (number = tape_signal(v->signal_fd)) != 0;) {
        if (v->crew != NULL && v->index == 0) {
            crew_tell(v->crew, (uint8_t)number);
        }
        if (number != SIGUSR1) {
            loop_stop(&v->node.loop);
        } else if (!tape_is_replaying()) {
            report(v);
        }
    }
}

/* ---- running ---- */

/* The first thread has the process's signals, and tells the others. */
static bool watch_signals(struct serve *v)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    if (v->index == 0) {
        return node_watch_signals(&v->node, signals, COUNT_OF(signals), &v->signal_fd, on_signal,
                                  v);
    }
    v->signal_fd = crew_orders(v->crew, v->index);
    return v->signal_fd >= 0 && loop_watch(&v->node.loop, v->signal_fd, on_signal, v) == 0;
}

static void *serve_other(void *arg);

static bool start(struct serve *v)
{
    struct recorder *r = &v->node.host.recorder;
    if ((v->crew != NULL && !crew_join(v->crew, v->index, &v->node)) || !open_tls(v) ||
        !event_file_open(&v->event_file, v->options.events, r) || !watch_signals(v)) {
        return false;
    }
    tls_detail_open(&v->detail, &v->options.tls, v->tls, &v->terminal, &v->event_file, r);
    if (!listen_all(v)) {
        return false;
    }
    if (v->crew != NULL) {
        crew_started(v->crew, v->index, true);
        return v->index > 0 || crew_start(v->crew, serve_other, v->others);
    }
    if (!v->options.quiet && !v->options.node.narrate) {
        terminal_open(&v->terminal, STDOUT_FILENO, r);
    }
    return true;
}

static void close_all(struct serve *v)
{
    stop_services(v);
    node_close(&v->node);
    if (v->crew != NULL) {
        crew_leave(v->crew, v->index);
    }
    terminal_close(&v->terminal);
    tls_detail_close(&v->detail);
    event_file_close(&v->event_file);
    if (v->root_fd >= 0) {
        close(v->root_fd);
    }
    if (v->signal_fd >= 0) {
        close(v->signal_fd);
    }
}

static int serve(struct serve *v)
{
    v->signal_fd = -1;
    if (!node_open(&v->node, &v->options.node)) {
        return EXIT_FAILURE;
    }
    bool rooted = open_root(v);
    start_services(v);
    int status = EXIT_FAILURE;
    if (rooted && start(v)) {
        if (v->index == 0 && !tape_is_replaying()) {
            banner_print(
                &(struct banner){&v->options, v->node.tap.dev.mac, v->certificate, v->development});
        }
        int error = loop_run(&v->node.loop);
        if (error != 0) {
            fprintf(stderr, "vitrine: the TAP %s is gone: %s\n", v->options.node.tap,
                    strerror(-error));
        } else {
            status = EXIT_SUCCESS;
        }
        if (v->options.stats) {
            print_status(v);
        }
    }
    close_all(v);
    return status;
}

/* ---- several threads ---- */

static void *serve_other(void *arg)
{
    struct serve *v = arg;
    if (serve(v) != EXIT_SUCCESS) {
        crew_started(v->crew, v->index, false); /* of no use once all have started */
        kill(getpid(), SIGTERM);
    }
    return NULL;
}

/* What a replay does not do again: whatever leaves the process. */
static void keep_to_yourself(struct serve_options *o)
{
    o->quiet = true;
    o->stats = false;
    o->events = NULL;
    o->node.narrate = false;
    o->node.pcapng = (struct pcapng_file_options){.name = NULL};
    o->tls.config.keylog = NULL;
    o->tls.handshake = false;
    o->tls.reveal = false;
}

/* A key on the command line would be among the recorded arguments. */
static bool keeps_its_word(const struct tape_options *o, int argc, char **argv)
{
    for (int i = 1; i < argc && o->file != NULL && o->no_secrets; i++) {
        if (strcmp(argv[i], "--psk") == 0 || strncmp(argv[i], "--psk=", 6) == 0) {
            fprintf(stderr, "vitrine: --no-secrets records the arguments, and --psk has a key in "
                            "them: --psk-file has not\n");
            return false;
        }
    }
    return true;
}

static int serve_taped(struct serve *v, int argc, char **argv)
{
    if (tape_is_replaying()) {
        keep_to_yourself(&v->options);
    }
    tls_detail_announce(&v->options.tls, stdout);
    v->options.tape.tls = v->options.port != 0;
    if (!tape_is_replaying() && !(keeps_its_word(&v->options.tape, argc, argv) &&
                                  tape_record(&v->options.tape, argc, argv))) {
        return EXIT_FAILURE;
    }
    int status = serve(v);
    tape_end_recording();
    return status;
}

static void free_crew(struct serve *v)
{
    crew_free(v->crew);
    for (unsigned i = 1; i < CREW_MAX; i++) {
        free(v->others[i]);
    }
}

/* A `struct serve` for each of the other threads, with options of its own. */
static bool make_crew(struct serve *v, int argc, char **argv)
{
    v->crew = crew_new(v->options.threads);
    v->options.node.queue = true;
    for (unsigned i = 1; v->crew != NULL && i < v->options.threads; i++) {
        struct serve *other = calloc(1, sizeof *other);
        if (other == NULL || serve_options_parse(argc, argv, &other->options) != OPTIONS_GOOD) {
            free(other);
            return false;
        }
        other->options.node.queue = true;
        other->crew = v->crew;
        other->index = i;
        v->others[i] = other;
    }
    return v->crew != NULL;
}

static int serve_good(struct serve *v, int argc, char **argv)
{
    if (v->options.threads == 1) {
        return serve_taped(v, argc, argv);
    }
    int status = make_crew(v, argc, argv) ? serve_taped(v, argc, argv) : EXIT_FAILURE;
    free_crew(v);
    return status;
}

int cmd_serve(int argc, char **argv)
{
    struct serve *v = calloc(1, sizeof *v);
    if (v == NULL) {
        fprintf(stderr, "vitrine: no memory\n");
        return EXIT_FAILURE;
    }
    int status = 2;
    switch (serve_options_parse(argc, argv, &v->options)) {
    case OPTIONS_GOOD:
        status = serve_good(v, argc, argv);
        break;
    case OPTIONS_HELP:
        status = EXIT_SUCCESS;
        break;
    case OPTIONS_BAD:
    default:
        break;
    }
    free(v);
    return status;
}
