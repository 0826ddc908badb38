/* The application of the TCP rig, and how a test opens, uses and closes its connections. */
#include <string.h>

#include "tests/unit/tcp/tcp_rig.h"

static void note(struct stream *s, char letter)
{
    struct app *a = s->app;
    ck_assert_ptr_eq(a->s, s); /* nothing is told after the end */
    ck_assert_uint_lt(a->log_len + 1, sizeof(a->log));
    if (letter != 'r' || a->log_len == 0 || a->log[a->log_len - 1] != 'r') {
        a->log[a->log_len++] = letter;
    }
    if (letter == a->abort_in) {
        a->s = NULL;
        stream_abort(s);
    } else if (letter == a->close_in) {
        a->s = NULL;
        tcp_close(s);
    } else if (letter == a->stop_in) {
        stream_shutdown(s);
    }
}

static void take_in(struct app *a, size_t max)
{
    while (max > 0) {
        struct slice next = stream_peek(a->s);
        size_t n = size_min(next.len, max);
        if (n == 0) {
            return;
        }
        ck_assert_uint_le(a->in_len + n, sizeof(a->in));
        memcpy(a->in + a->in_len, next.data, n);
        a->in_len += n;
        max -= n;
        stream_consume(a->s, n);
    }
}

static void on_opened(struct stream *s)
{
    note(s, 'o');
}

static void on_readable(struct stream *s)
{
    struct app *a = s->app;
    ck_assert_uint_gt(stream_peek(s).len, 0);
    note(s, 'r');
    if (a->s != NULL && !a->lazy) {
        take_in(a, SIZE_MAX);
    }
}

static void on_writable(struct stream *s)
{
    note(s, 'w');
}

static void on_peer_closed(struct stream *s)
{
    note(s, 'p');
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct app *a = s->app;
    note(s, 'c');
    a->reason = reason;
    a->s = NULL;
}

const struct stream_events app_events = {
    .opened = on_opened,
    .readable = on_readable,
    .writable = on_writable,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

static struct app *new_app(void)
{
    ck_assert_uint_lt(rig.app_count, RIG_APPS);
    struct app *a = &rig.apps[rig.app_count++];
    a->abort_in = rig.abort_in;
    a->close_in = rig.close_in;
    a->lazy = rig.lazy;
    return a;
}

static void on_accept(void *arg, struct stream *s)
{
    ck_assert_ptr_eq(arg, &rig);
    if (rig.refuse) {
        return;
    }
    struct app *a = new_app();
    a->s = s;
    s->events = &app_events;
    s->app = a;
    note(s, 'a');
}

void rig_listen_with(uint32_t backlog, uint32_t max_open, const struct tcp_options *options)
{
    struct tcp_listen_args args = {.local = {.addr = ip_any, .port = SERVER_PORT},
                                   .backlog = backlog,
                                   .max_open = max_open,
                                   .accept = on_accept,
                                   .arg = &rig};
    if (options != NULL) {
        args.options = *options;
    }
    ck_assert_int_eq(tcp_listen(&rig.host.tcp, &args, &rig.listener), TCP_OK);
}

void rig_listen(const struct tcp_options *options)
{
    rig_listen_with(0, 0, options);
}

struct wire half_open(struct peer *p)
{
    if (rig.listener == NULL) {
        rig_listen(NULL);
    }
    peer_send(p, TCP_SYN, 0, 0);
    return expect(p, TCP_SYN | TCP_ACK, 0, 1, 0);
}

struct app *open_passive(struct peer *p)
{
    return open_with_rtt(p, 0);
}

struct app *open_with_rtt(struct peer *p, nsec rtt)
{
    struct wire answer = half_open(p);
    run_for(rtt);
    p->ts = p->offer.ts && answer.has_ts;
    unsigned before = rig.app_count;
    peer_send(p, TCP_ACK, 1, 1);
    ck_assert_uint_eq(rig.app_count, before + 1);
    return &rig.apps[before];
}

struct app *app_connect(struct peer *p, const struct tcp_options *options)
{
    return app_connect_with(p, options, 0);
}

struct app *app_connect_with(struct peer *p, const struct tcp_options *options, size_t len)
{
    struct app *a = new_app();
    struct tcp_connect_args args = {
        .remote = {.addr = ip4_addr(PEER_IP), .port = p->port}, .events = &app_events, .app = a};
    if (options != NULL) {
        args.options = *options;
    }
    host_enter(&rig.host, rig.now);
    ck_assert_int_eq(tcp_connect(&rig.host.tcp, &args, &a->s), TCP_OK);
    p->our_port = info_of(a).local.port;
    ck_assert_uint_eq(app_queue(a, len), len);
    rig_flush();
    return a;
}

struct app *open_active(struct peer *p)
{
    struct app *a = app_connect(p, NULL);
    struct wire syn = expect(p, TCP_SYN, 0, 0, 0);
    p->ts = p->offer.ts && syn.has_ts;
    peer_send(p, TCP_SYN | TCP_ACK, 0, 1);
    expect(p, TCP_ACK, 1, 1, 0);
    expect_log(a, "o");
    return a;
}

struct app *open_in_state(struct peer *p, enum tcp_state state, uint32_t *seq, uint32_t *nxt)
{
    struct app *a = open_passive(p);
    bool peer_first = state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK;
    *seq = 1;
    *nxt = 1;
    if (peer_first) {
        peer_send(p, TCP_ACK | TCP_FIN, (*seq)++, 1);
        expect(p, TCP_ACK, 1, *seq, 0);
    }
    if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT) {
        app_shutdown(a);
        expect(p, TCP_ACK | TCP_FIN, (*nxt)++, *seq, 0);
    }
    if (state == TCP_FIN_WAIT_2) {
        peer_send(p, TCP_ACK, 1, 2);
    }
    if (state == TCP_CLOSING) {
        peer_send(p, TCP_ACK | TCP_FIN, (*seq)++, 1);
        expect(p, TCP_ACK, *nxt, *seq, 0);
    }
    expect_nothing();
    ck_assert_int_eq(state_of(a), state);
    return a;
}

size_t app_queue(struct app *a, size_t len)
{
    host_enter(&rig.host, rig.now);
    size_t done = 0;
    while (done < len) {
        size_t room;
        uint8_t *at = stream_reserve(a->s, 1, &room);
        if (at == NULL) {
            break;
        }
        size_t n = size_min(room, len - done);
        for (size_t i = 0; i < n; i++) {
            at[i] = pattern(a->written + i);
        }
        stream_commit(a->s, n);
        a->written += n;
        done += n;
    }
    return done;
}

void app_write(struct app *a, size_t len)
{
    ck_assert_uint_eq(app_queue(a, len), len);
    rig_flush();
}

void app_read(struct app *a, size_t max)
{
    host_enter(&rig.host, rig.now);
    take_in(a, max);
    rig_flush();
}

void app_shutdown(struct app *a)
{
    host_enter(&rig.host, rig.now);
    stream_shutdown(a->s);
    rig_flush();
}

void app_abort(struct app *a)
{
    host_enter(&rig.host, rig.now);
    struct stream *s = a->s;
    a->s = NULL;
    stream_abort(s);
    rig_flush();
}

void app_close(struct app *a)
{
    host_enter(&rig.host, rig.now);
    struct stream *s = a->s;
    a->s = NULL;
    tcp_close(s);
    rig_flush();
}

void expect_log_at(const struct app *a, const char *want, int line)
{
    ck_assert_msg(strcmp(a->log, want) == 0, "line %d: the application was told \"%s\", not \"%s\"",
                  line, a->log, want);
}

void expect_in_at(const struct app *a, size_t len, int line)
{
    ck_assert_msg(a->in_len == len, "line %d: %zu bytes came in, not %zu", line, a->in_len, len);
    for (size_t i = 0; i < len; i++) {
        ck_assert_msg(a->in[i] == pattern(i), "line %d: byte %zu is wrong", line, i);
    }
}

struct tcp_info info_of(const struct app *a)
{
    struct tcp_info info;
    ck_assert_ptr_nonnull(a->s);
    tcp_get_info(a->s, &info);
    return info;
}

enum tcp_state state_of(const struct app *a)
{
    return info_of(a).state;
}
