/* Many connections that ask for something small; see client.h. One thread, one epoll. */
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/client/client.h"

#define EVENTS 256
#define OPENING_MAX 64 /* connections of `hold` that are opened at the same time */
#define FINE 64U       /* steps of the histogram for each power of two: 1.6 % */
#define BUCKETS (64U * FINE)

enum state { CLOSED, CONNECTING, HANDSHAKE, WAITING, IDLE, ENDING };

struct conn {
    struct endpoint e;
    enum state state;
    int64_t asked; /* when the request was sent, or the connection begun */
    struct answer answer;
    bool answered;        /* at least once */
    SSL_SESSION *session; /* to go on with */
};

struct load {
    const struct options *o;
    SSL_CTX *context;
    struct conn *conns;
    int epoll;
    char request[512];
    size_t request_len;
    bool counting, repeat; /* repeat: an answer is followed by the next request */
    uint64_t answers, opened, resumed, failed;
    unsigned busy; /* connections that are not idle */
    uint64_t took[BUCKETS];
};

/* ---- how long answers took ---- */

static unsigned bucket_of(uint64_t ns)
{
    unsigned high = ns < FINE ? 0 : 63U - (unsigned)__builtin_clzll(ns) - 5U;
    return ns < FINE ? (unsigned)ns : high * FINE / 2 + (unsigned)(ns >> high);
}

static double bucket_us(unsigned b)
{
    unsigned high = b < FINE ? 0 : (b - FINE / 2) / (FINE / 2);
    uint64_t ns = b < FINE ? b : (uint64_t)(b - high * FINE / 2) << high;
    return (double)ns / 1e3;
}

static double percentile(const struct load *l, double share)
{
    uint64_t all = 0, sum = 0;
    for (unsigned b = 0; b < BUCKETS; b++) {
        all += l->took[b];
    }
    for (unsigned b = 0; b < BUCKETS; b++) {
        sum += l->took[b];
        if (sum > 0 && (double)sum >= share * (double)all) {
            return bucket_us(b);
        }
    }
    return 0;
}

/* ---- one connection ---- */

static void watch(struct load *l, struct conn *c, uint32_t events, int how)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(l->epoll, how, c->e.fd, &e) != 0) {
        die("epoll");
    }
}

static void begin(struct load *l, struct conn *c)
{
    c->e.fd = start_connection(l->o, false);
    c->state = CONNECTING;
    c->asked = now_ns();
    c->answer.head_len = 0;
    c->answer.in_body = false;
    l->busy++;
    watch(l, c, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

static void end(struct load *l, struct conn *c)
{
    if (c->e.ssl != NULL) {
        SSL_set_shutdown(c->e.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    close_endpoint(&c->e);
    l->busy -= c->state != IDLE ? 1 : 0;
    c->state = CLOSED;
}

static void fail(struct load *l, struct conn *c, const char *what)
{
    if (l->failed++ < 3) {
        fprintf(stderr, "bench-client: %s: %s\n", what, strerror(errno));
    }
    end(l, c);
}

static void ask(struct load *l, struct conn *c)
{
    if (!l->o->close) {
        c->asked = now_ns();
    }
    if (c->state == IDLE) {
        l->busy++;
    }
    c->state = WAITING;
    if (endpoint_write(&c->e, l->request, l->request_len) != (ssize_t)l->request_len) {
        fail(l, c, "request");
    }
}

static void opened(struct load *l, struct conn *c)
{
    l->opened++;
    watch(l, c, EPOLLIN, EPOLL_CTL_MOD);
    ask(l, c);
}

static void shake_hands(struct load *l, struct conn *c)
{
    int n = SSL_connect(c->e.ssl);
    int error = n == 1 ? SSL_ERROR_NONE : SSL_get_error(c->e.ssl, n);
    if (n == 1) {
        l->resumed += SSL_session_reused(c->e.ssl) ? 1 : 0;
        opened(l, c);
    } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        ERR_print_errors_fp(stderr);
        fail(l, c, "handshake");
    }
}

static void connected(struct load *l, struct conn *c)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->e.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        errno = error;
        fail(l, c, "connect");
    } else if (l->context == NULL) {
        opened(l, c);
    } else {
        c->e.ssl = SSL_new(l->context);
        SSL_set_fd(c->e.ssl, c->e.fd);
        SSL_set_app_data(c->e.ssl, c);
        if (l->o->resume && c->session != NULL) {
            SSL_set_session(c->e.ssl, c->session);
        }
        c->state = HANDSHAKE;
        watch(l, c, EPOLLIN, EPOLL_CTL_MOD);
        shake_hands(l, c);
    }
}

static void answered(struct load *l, struct conn *c)
{
    c->answered = true;
    if (l->counting) {
        l->answers++;
        l->took[bucket_of((uint64_t)(now_ns() - c->asked))]++;
    }
    if (l->o->close) {
        c->state = ENDING; /* the server ends first */
    } else if (l->repeat) {
        ask(l, c);
    } else {
        l->busy--;
        c->state = IDLE;
    }
}

static void read_some(struct load *l, struct conn *c)
{
    static char data[32 * 1024];
    for (;;) {
        errno = 0;
        ssize_t n = endpoint_read(&c->e, data, sizeof data);
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            if (c->state == ENDING) {
                end(l, c);
                if (l->repeat) {
                    begin(l, c);
                }
            } else {
                fail(l, c, "the connection ended");
            }
            return;
        }
        if (answer_take(&c->answer, data, (size_t)n)) {
            answered(l, c);
            if (c->state == CLOSED) {
                return;
            }
        }
        /* Less than there is room for: the socket is empty, and will say so when it is not. */
        if (c->e.ssl == NULL && (size_t)n < sizeof data && c->state != ENDING) {
            return;
        }
    }
}

static void advance(struct load *l, struct conn *c)
{
    switch (c->state) {
    case CONNECTING:
        connected(l, c);
        break;
    case HANDSHAKE:
        shake_hands(l, c);
        break;
    case WAITING:
    case IDLE: /* tickets */
    case ENDING:
        read_some(l, c);
        break;
    default:
        break;
    }
}

static int new_session(SSL *ssl, SSL_SESSION *session)
{
    struct conn *c = SSL_get_app_data(ssl);
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1;
}

/* ---- all of them ---- */

static void step(struct load *l)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(l->epoll, events, EVENTS, 100);
    for (int i = 0; i < n; i++) {
        advance(l, events[i].data.ptr);
    }
}

static void run_for(struct load *l, double seconds)
{
    int64_t until = now_ns() + (int64_t)(seconds * 1e9);
    while (now_ns() < until) {
        step(l);
    }
}

/* Until nobody waits for anything. */
static void settle(struct load *l)
{
    int64_t until = now_ns() + (int64_t)PATIENCE_S * 1000000000;
    while (l->busy > 0 && now_ns() < until) {
        step(l);
    }
    l->failed += l->busy;
}

static void load_init(struct load *l, const struct options *o)
{
    *l = (struct load){.o = o, .context = make_context(o), .epoll = epoll_create1(EPOLL_CLOEXEC)};
    l->conns = calloc(o->connections, sizeof *l->conns);
    if (l->conns == NULL || l->epoll < 0) {
        die("start");
    }
    if (l->context != NULL) {
        SSL_CTX_set_mode(l->context, SSL_MODE_RELEASE_BUFFERS);
    }
    if (o->resume && l->context != NULL) {
        SSL_CTX_set_session_cache_mode(l->context,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(l->context, new_session);
    }
    l->request_len =
        (size_t)snprintf(l->request, sizeof l->request, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n",
                         o->path, o->host, o->close ? "Connection: close\r\n" : "");
}

static void report(const struct load *l, double seconds)
{
    printf("{\"answers\": %llu, \"seconds\": %.4f, \"rate\": %.1f, \"p50_us\": %.1f, \"p99_us\": "
           "%.1f, \"opened\": %llu, \"resumed\": %llu, \"failed\": %llu}\n",
           (unsigned long long)l->answers, seconds, seconds > 0 ? (double)l->answers / seconds : 0,
           percentile(l, 0.5), percentile(l, 0.99), (unsigned long long)l->opened,
           (unsigned long long)l->resumed, (unsigned long long)l->failed);
    fflush(stdout);
}

/* Everybody has been answered once, and with --resume has a session to go on with: from here on only what is to be measured
 * happens. */
static bool under_way(const struct load *l)
{
    for (unsigned i = 0; i < l->o->connections; i++) {
        if (!l->conns[i].answered || (l->o->resume && l->conns[i].session == NULL)) {
            return false;
        }
    }
    return true;
}

static void start_all(struct load *l)
{
    int64_t until = now_ns() + (int64_t)PATIENCE_S * 1000000000;
    for (unsigned i = 0; i < l->o->connections && now_ns() < until; i++) {
        begin(l, &l->conns[i]);
        while (i >= OPENING_MAX && !l->conns[i - OPENING_MAX].answered && now_ns() < until) {
            step(l);
        }
    }
    while (!under_way(l) && now_ns() < until) {
        step(l);
    }
    if (!under_way(l)) {
        errno = ETIMEDOUT;
        die("not everybody was answered once");
    }
}

/* A tenth of the time, at most a quarter of a second, warms up and is not counted. */
int load_requests(const struct options *o)
{
    static struct load l;
    load_init(&l, o);
    l.repeat = true;
    start_all(&l);
    run_for(&l, o->seconds < 2.5 ? o->seconds / 10 : 0.25);
    int64_t began = now_ns();
    uint64_t before = l.opened, resumed = l.resumed;
    l.counting = true;
    run_for(&l, o->seconds);
    l.counting = false;
    l.opened -= before;
    l.resumed -= resumed;
    report(&l, (double)(now_ns() - began) / 1e9);
    return l.answers > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void open_all(struct load *l)
{
    int64_t until = now_ns() + (int64_t)PATIENCE_S * 1000000000;
    for (unsigned i = 0; i < l->o->connections && now_ns() < until;) {
        if (l->busy < OPENING_MAX) {
            begin(l, &l->conns[i++]);
            until = now_ns() + (int64_t)PATIENCE_S * 1000000000;
        } else {
            step(l);
        }
    }
    settle(l);
}

static void ask_all(struct load *l, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct conn *c = &l->conns[i];
        if (c->state == IDLE) {
            ask(l, c);
        }
        while (l->busy >= 4U * OPENING_MAX && !l->repeat) {
            step(l);
        }
    }
}

int load_hold(const struct options *o)
{
    static struct load l;
    char line[16];
    load_init(&l, o);
    int64_t began = now_ns();
    open_all(&l);
    report(&l, (double)(now_ns() - began) / 1e9);
    if (fgets(line, sizeof line, stdin) == NULL) {
        return EXIT_SUCCESS;
    }
    if (o->active > 0) {
        began = now_ns();
        l.repeat = l.counting = true;
        ask_all(&l, o->active);
        run_for(&l, o->seconds);
        l.repeat = l.counting = false;
        double took = (double)(now_ns() - began) / 1e9;
        settle(&l);
        report(&l, took);
    }
    l.answers = 0;
    l.counting = true;
    began = now_ns();
    ask_all(&l, o->connections);
    settle(&l);
    report(&l, (double)(now_ns() - began) / 1e9);
    return EXIT_SUCCESS;
}
