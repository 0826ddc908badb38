/* Any bytes into a TLS server's session (tls/session.c), in pieces, over a stream in memory; what comes
 * out is read and forgotten. The application echoes, shuts down or aborts, as the first byte says.
 *
 * First byte: the application; second: the length of the pieces; third: what the peer does at the end.
 * mbedTLS' randomness is the same in each process.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/entropy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tls_identity.h"
#include "tests/unit/tls/pipe_stream.h"
#include "tls/internal.h"

#define PIECES_MAX 400U

static struct tls_context *context;

/* mbedTLS' own source would be the system's. */
int mbedtls_platform_entropy_poll(void *data, unsigned char *output, size_t len, size_t *olen);
int mbedtls_platform_entropy_poll(void *data, unsigned char *output, size_t len, size_t *olen)
{
    static uint8_t next;
    (void)data;
    for (size_t i = 0; i < len; i++) {
        output[i] = next++;
    }
    *olen = len;
    return 0;
}

struct app {
    struct stream *s; /* NULL once closed */
    uint8_t habit;
};

static void serve(struct stream *s)
{
    struct app *a = s->app;
    for (struct slice in = stream_peek(s); in.len > 0; in = stream_peek(s)) {
        size_t room = 0;
        uint8_t *to = stream_reserve(s, 1, &room);
        if (to == NULL) {
            return;
        }
        size_t n = size_min(room, in.len);
        memcpy(to, in.data, n);
        stream_commit(s, n);
        stream_consume(s, n);
    }
    if ((a->habit & 1U) != 0) {
        stream_shutdown(s);
    }
}

static void on_peer_closed(struct stream *s)
{
    stream_shutdown(s);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct app *a = s->app;
    FUZZ_CHECK(a->s == s && reason < CLOSE_REASONS);
    a->s = NULL;
}

static const struct stream_events app_events = {
    .opened = serve,
    .readable = serve,
    .writable = serve,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

static void peer_reads(struct stream *s)
{
    struct slice in = stream_peek(s);
    if (in.len > 0) {
        stream_consume(s, in.len);
    }
}

static void peer_closed(struct stream *s, enum close_reason reason)
{
    (void)s;
    (void)reason;
}

static const struct stream_events peer_events = {
    .opened = peer_reads,
    .readable = peer_reads,
    .writable = peer_reads,
    .peer_closed = peer_reads,
    .closed = peer_closed,
};

static const char *file_of(const char *text, char *path, size_t size)
{
    int fd = memfd_create("identity", 0);
    FUZZ_CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    snprintf(path, size, "/proc/self/fd/%d", fd);
    return path;
}

static void context_init(void)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    static const struct tls_config config = {.alpn = alpn};
    char error[256], chain[32], key[32];
    context = tls_context_new(&config, error, sizeof error);
    FUZZ_CHECK(context != NULL);
    FUZZ_CHECK(tls_context_add_certificate(
        context, file_of(tls_identity_chain, chain, sizeof chain),
        file_of(tls_identity_key, key, sizeof key), error, sizeof error));
}

/* Everything that can move moves. */
static void settle(struct pipe *p, struct recorder *recorder)
{
    for (unsigned i = 0; pipe_step(p); i++) {
        FUZZ_CHECK(i < 10000);
        recorder->now += NS_PER_MS;
    }
}

static void peer_says(struct pipe *p, struct recorder *recorder, struct rd *in, size_t piece)
{
    for (unsigned i = 0; i < PIECES_MAX && rd_left(in) > 0 && !p->b.closed; i++) {
        size_t room = 0;
        struct slice say = rd_take(in, size_min(piece, rd_left(in)));
        uint8_t *to = stream_reserve(&p->b.stream, say.len, &room);
        if (to == NULL) {
            return;
        }
        memcpy(to, say.data, say.len);
        stream_commit(&p->b.stream, say.len);
        settle(p, recorder);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd in = rd_of(data, size);
    struct app a = {.habit = rd_u8(&in)};
    size_t piece = 1U + rd_u8(&in) * 8U;
    uint8_t last = rd_u8(&in);
    struct pipe p;
    struct recorder recorder;
    if (context == NULL) {
        context_init();
    }
    FUZZ_CHECK(recorder_init(&recorder, 64));
    recorder.now = NS_PER_SEC;
    pipe_init(&p, 65536, 0);
    p.b.stream.events = &peer_events;
    a.s = tls_server(context, &p.a.stream, &recorder, 1, &app_events, &a);
    FUZZ_CHECK(a.s != NULL);
    peer_says(&p, &recorder, &in, piece);
    if (last == 0 && !p.b.closed) {
        stream_shutdown(&p.b.stream);
    } else if (last == 1 && !p.a.closed && !p.a.aborted) {
        pipe_reset(&p.a);
    }
    settle(&p, &recorder);
    if (a.s != NULL) {
        stream_abort(a.s);
    }
    tls_context_sweep(context, recorder.now + 2 * TLS_LINGER);
    FUZZ_CHECK(context->sessions == 0 && context->lingering_count == 0);
    recorder_done(&recorder);
    pipe_done(&p);
    return 0;
}
