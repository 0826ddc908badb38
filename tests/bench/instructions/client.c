/* Who asks: HTTP on a stream of the other host, over OpenSSL where the plan has a cipher; see driver.h. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/client/answer.h"
#include "tests/bench/instructions/driver.h"

static struct {
    struct cable *cable;
    const struct plan *plan;
    bool *done;
    unsigned left, opened;
    struct stream *tcp;
    SSL_CTX *context;
    SSL *ssl;
    SSL_SESSION *session;
    BIO *in, *out;
    bool shut;
    char request[256];
    size_t request_len, request_at;
    uint64_t body_at,
        read; /* bytes of the upload that were written; bytes that came without HTTP */
    struct answer answer;
    char piece[16384];
} me;

static void begin_connection(void);

/* ---- TLS ---- */

static int new_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(me.session);
    me.session = session;
    return 1;
}

static void make_context(void)
{
    me.context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(me.context, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(me.context, me.plan->cipher);
    SSL_CTX_set1_groups_list(me.context, "X25519");
    SSL_CTX_set_session_cache_mode(me.context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(me.context, new_session);
}

static void begin_tls(void)
{
    if (me.ssl != NULL) { /* not a bad end, which would spoil the session */
        SSL_set_shutdown(me.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(me.ssl);
    }
    me.ssl = SSL_new(me.context);
    me.in = BIO_new(BIO_s_mem());
    me.out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(me.in, -1);
    SSL_set_bio(me.ssl, me.in, me.out);
    SSL_set_connect_state(me.ssl);
    if (me.plan->resume && me.session != NULL) {
        SSL_set_session(me.ssl, me.session);
    }
}

static void check_tls(void)
{
    bool first = me.opened == 1;
    if (SSL_is_init_finished(me.ssl) &&
        !!SSL_session_reused(me.ssl) != (me.plan->resume && !first)) {
        die("a session was resumed, or was not");
    }
}

/* ---- bytes both ways ---- */

/* 0: nothing more came. */
static size_t read_some(char *out, size_t cap)
{
    struct slice in = stream_peek(me.tcp);
    if (me.ssl == NULL) {
        size_t n = size_min(in.len, cap);
        memcpy(out, in.data, n);
        stream_consume(me.tcp, n);
        return n;
    }
    for (; in.len > 0; in = stream_peek(me.tcp)) {
        BIO_write(me.in, in.data, (int)in.len);
        stream_consume(me.tcp, in.len);
    }
    int n = SSL_read(me.ssl, out, (int)cap);
    check_tls();
    return n > 0 ? (size_t)n : 0;
}

static bool drain(void)
{
    size_t room;
    for (size_t waiting; me.ssl != NULL && (waiting = BIO_ctrl_pending(me.out)) > 0;) {
        uint8_t *to = stream_reserve(me.tcp, 1, &room);
        if (to == NULL) {
            return false;
        }
        int n = BIO_read(me.out, to, (int)size_min(room, waiting));
        stream_commit(me.tcp, (size_t)n);
    }
    return true;
}

/* How many of them were taken. */
static size_t write_some(const char *data, size_t len)
{
    size_t room;
    if (me.ssl != NULL) {
        int n = drain() ? SSL_write(me.ssl, data, (int)len) : 0;
        drain();
        return n > 0 ? (size_t)n : 0;
    }
    uint8_t *to = stream_reserve(me.tcp, 1, &room);
    size_t n = to == NULL ? 0 : size_min(room, len);
    if (n > 0) {
        memcpy(to, data, n);
        stream_commit(me.tcp, n);
    }
    return n;
}

/* ---- the conversation ---- */

static void ask(void)
{
    me.request_at = 0;
    me.body_at = 0;
}

static void write_request(void)
{
    size_t n;
    while (me.request_at < me.request_len &&
           (n = write_some(me.request + me.request_at, me.request_len - me.request_at)) > 0) {
        me.request_at += n;
    }
    while (me.request_at == me.request_len && me.body_at < me.plan->upload) {
        uint64_t left = me.plan->upload - me.body_at;
        n = write_some(me.piece, left < sizeof me.piece ? (size_t)left : sizeof me.piece);
        if (n == 0) {
            return;
        }
        me.body_at += n;
    }
}

static void answered(void)
{
    me.left--;
    if (!me.plan->each_alone) {
        *me.done = me.left == 0;
        ask();
    }
}

static void pump(struct stream *s)
{
    (void)s;
    size_t n;
    bool more = true;
    while (more && !*me.done) {
        write_request();
        more = false;
        while (!*me.done && (n = read_some(me.piece, sizeof me.piece)) > 0) {
            me.read += n;
            if (me.plan->path != NULL && answer_take(&me.answer, me.piece, n)) {
                answered();
                more = !me.plan->each_alone;
            } else if (me.plan->path == NULL && me.read >= me.plan->download) {
                *me.done = true;
            }
        }
        drain();
    }
    if (me.plan->path == NULL && me.plan->upload > 0 && me.body_at == me.plan->upload && !me.shut) {
        me.shut = true;
        stream_shutdown(me.tcp); /* discard ends when it has everything */
    }
}

static void on_peer_closed(struct stream *s)
{
    pump(s);
    if (me.plan->path == NULL) {
        *me.done = true;
    } else {
        stream_shutdown(s);
    }
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    (void)s;
    if (*me.done) {
        return;
    }
    if (!me.plan->each_alone || reason != CLOSE_NORMAL) {
        die("the connection ended");
    }
    *me.done = me.left == 0;
    if (!*me.done) {
        begin_connection();
    }
}

static const struct stream_events events = {
    .opened = pump,
    .readable = pump,
    .writable = pump,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

static void begin_connection(void)
{
    struct tcp_connect_args args = {.remote = {ip4_addr(0x0a090002U), me.plan->port},
                                    .options = {.no_delay = true},
                                    .events = &events};
    ask();
    me.opened++;
    if (me.plan->cipher != NULL) {
        begin_tls();
    }
    if (tcp_connect(&me.cable->client.tcp, &args, &me.tcp) != TCP_OK) {
        die("connect");
    }
}

void client_begin(struct cable *c, const struct plan *p, bool *done)
{
    me.cable = c;
    me.plan = p;
    me.done = done;
    me.left = p->times;
    if (p->path != NULL) {
        int n =
            p->upload > 0
                ? snprintf(me.request, sizeof me.request,
                           "POST %s HTTP/1.1\r\nHost: vitrine.test\r\nContent-Length: %llu\r\n\r\n",
                           p->path, (unsigned long long)p->upload)
                : snprintf(me.request, sizeof me.request,
                           "GET %s HTTP/1.1\r\nHost: vitrine.test\r\n%s\r\n", p->path,
                           p->each_alone ? "Connection: close\r\n" : "");
        me.request_len = (size_t)n;
    }
    if (p->cipher != NULL) {
        make_context();
    }
    begin_connection();
}
