/* Any bytes into a session that protects its records by itself (tls/taken.c, tls/post_handshake.c), sealed under the right
 * keys or not, cut anywhere; keys change both ways. There is no handshake: the session begins with keys of our choice.
 *
 * First byte: the suite, and which of the engines in this build the session has; the peer's is mbedTLS. Second byte: the length
 * of the pieces that are delivered. Then steps, each a byte and what it needs. What the application reads must be what
 * was sealed, in order; what it writes must open.
 */
#include "tls/internal.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/tls/pipe_stream.h"

#define STEPS_MAX 300U
#define RECORD_MAX 20000U
#define TEXT_MAX (STEPS_MAX * 16386U)

#define ENGINES_MAX 4U

static struct tls_context *contexts[ENGINES_MAX]; /* one for each engine */
static const struct aead_engine *reference;       /* the peer's */

struct peer {
    struct pipe pipe; /* a: the session's, b: the peer's */
    struct recorder recorder;
    struct stream *app; /* NULL once closed */
    bool sleepy;        /* the application reads nothing */
    struct tls_schedule schedule;
    struct tls_value secret_to, secret_from;
    struct record_side to, from;
    uint8_t *said; /* application data that was sealed */
    size_t said_len, read_len;
    size_t written, heard; /* bytes of the application's */
};

static struct peer *of(struct stream *s)
{
    return s->app;
}

/* ---- the application ---- */

static void on_readable(struct stream *s)
{
    struct peer *p = of(s);
    while (!p->sleepy) {
        struct slice in = stream_peek(s);
        if (in.len == 0) {
            return;
        }
        FUZZ_CHECK(p->read_len + in.len <= p->said_len);
        FUZZ_CHECK(memcmp(p->said + p->read_len, in.data, in.len) == 0);
        size_t n = in.len > 7 ? in.len - in.len / 3 : in.len;
        p->read_len += n;
        stream_consume(s, n);
    }
}

static void on_event(struct stream *s)
{
    (void)s;
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    FUZZ_CHECK(of(s)->app == s && reason < CLOSE_REASONS);
    of(s)->app = NULL;
}

static const struct stream_events app_events = {
    .opened = on_event,
    .readable = on_readable,
    .writable = on_event,
    .peer_closed = on_event,
    .closed = on_closed,
};

static void app_writes(struct peer *p, size_t len)
{
    size_t room;
    uint8_t *to = p->app != NULL ? stream_reserve(p->app, 1, &room) : NULL;
    if (to != NULL) {
        size_t n = size_min(room, len);
        memset(to, 'a', n);
        stream_commit(p->app, n);
        p->written += n;
    }
}

/* ---- the peer ---- */

static void next_keys(struct peer *p, bool outgoing)
{
    struct tls_value *secret = outgoing ? &p->secret_to : &p->secret_from;
    struct tls_keys keys;
    tls_hkdf_expand_label(&p->schedule.suite, secret, "traffic upd", (struct slice){NULL, 0},
                          p->schedule.suite.hash_len, secret);
    tls_schedule_keys(&p->schedule, secret, outgoing, &keys);
    record_keys(outgoing ? &p->to : &p->from, reference, &p->schedule.suite, &keys, 0);
}

static void hear(struct stream *s)
{
    static uint8_t out[RECORD_MAX];
    struct peer *p = of(s);
    for (;;) {
        struct slice got = stream_peek(s), text;
        if (got.len < RECORD_HEADER) {
            return;
        }
        size_t len = (size_t)got.data[3] << 8U | got.data[4];
        uint8_t type;
        if (got.len < RECORD_HEADER + len) {
            return;
        }
        struct slice payload = {got.data + RECORD_HEADER, len};
        FUZZ_CHECK(record_open(&p->from, got.data, payload, out, &text, &type) == RECORD_GOOD);
        stream_consume(s, RECORD_HEADER + len);
        if (type == RECORD_HANDSHAKE) {
            FUZZ_CHECK(text.len == 5 && text.data[0] == TLS_KEY_UPDATE);
            next_keys(p, false);
        } else if (type == RECORD_APPLICATION_DATA) {
            p->heard += text.len;
        } else {
            FUZZ_CHECK(type == RECORD_ALERT && text.len == 2);
        }
    }
}

static void peer_closed(struct stream *s, enum close_reason reason)
{
    (void)s;
    (void)reason;
}

static const struct stream_events peer_events = {
    .opened = hear,
    .readable = hear,
    .writable = hear,
    .peer_closed = hear,
    .closed = peer_closed,
};

static bool say_raw(struct peer *p, const uint8_t *bytes, size_t len)
{
    size_t room;
    bool open = !p->pipe.b.closed && !p->pipe.b.shut && len > 0 && len <= STREAM_RESERVE_MAX;
    uint8_t *to = open ? stream_reserve(&p->pipe.b.stream, len, &room) : NULL;
    if (to != NULL) {
        memcpy(to, bytes, len);
        stream_commit(&p->pipe.b.stream, len);
    }
    return to != NULL;
}

static void copy(uint8_t *to, struct slice text)
{
    if (text.len > 0) {
        memcpy(to, text.data, text.len);
    }
}

/* A record of `type`, its text padded to `len` bytes with zeros (RFC 8446 5.4), and a bit of it wrong at `flip`, if not 0. */
static void say(struct peer *p, uint8_t type, struct slice text, size_t len, size_t flip)
{
    static uint8_t record[RECORD_MAX], inner[RECORD_MAX];
    bool padded = !p->schedule.suite.old && len > text.len;
    copy(inner, text);
    if (padded) {
        memset(inner + text.len, 0, len - text.len);
        inner[text.len] = type;
    } else {
        len = text.len;
    }
    FUZZ_CHECK(record_seal(&p->to, padded ? (enum record_type)0 : (enum record_type)type, record,
                           (struct slice){inner, len}));
    size_t size = record_size(&p->to, len);
    if (flip > 0) {
        record[flip % size] ^= 1U;
    }
    if (say_raw(p, record, size) && type == RECORD_APPLICATION_DATA && flip == 0) {
        FUZZ_CHECK(p->said_len + text.len <= TEXT_MAX);
        copy(p->said + p->said_len, text);
        p->said_len += text.len;
    }
}

/* ---- */

static void settle(struct peer *p)
{
    for (unsigned i = 0; pipe_step(&p->pipe); i++) {
        FUZZ_CHECK(i < 1000000);
        p->recorder.now += NS_PER_MS;
    }
}

static void update(struct peer *p, bool request)
{
    const uint8_t message[] = {TLS_KEY_UPDATE, 0, 0, 1, request};
    say(p, RECORD_HANDSHAKE, (struct slice){message, sizeof(message)}, 0, 0);
    if (!p->schedule.suite.old) {
        next_keys(p, true);
    }
}

static void step(struct peer *p, struct rd *in)
{
    enum { SEAL, SEAL_LONG, DAMAGE, RAW, UPDATE, WRITE, UPDATE_OURS, SHUTDOWN, FIN, SLEEP, LATER };
    uint8_t act = rd_u8(in), type = RECORD_APPLICATION_DATA;
    static const uint8_t zeros[RECORD_TEXT_MAX + 2];
    switch (act % 16) {
    case SEAL:
    case DAMAGE:
        type = rd_u8(in);
        type = type < 16 ? RECORD_CHANGE_CIPHER_SPEC + type % 5 : type;
        struct slice text = rd_take(in, size_min(rd_u8(in), rd_left(in)));
        say(p, type, text, rd_u8(in), act % 16 == DAMAGE ? 1U + rd_be16(in) : 0);
        break;
    case SEAL_LONG:
        say(p, type, (struct slice){zeros, rd_be16(in) % sizeof(zeros)}, 0, 0);
        break;
    case RAW:
        text = rd_take(in, size_min(rd_u8(in), rd_left(in)));
        say_raw(p, text.data, text.len);
        break;
    case UPDATE:
        update(p, (act & 16U) != 0);
        break;
    case WRITE:
        app_writes(p, rd_be16(in) + 1U);
        break;
    case UPDATE_OURS:
        if (p->app != NULL) {
            tls_update_keys(p->app, (act & 16U) != 0);
        }
        break;
    case SHUTDOWN:
        if (p->app != NULL) {
            stream_shutdown(p->app);
        }
        break;
    case FIN:
        if (!p->pipe.b.closed) {
            stream_shutdown(&p->pipe.b.stream);
        }
        break;
    case SLEEP:
        p->sleepy = !p->sleepy;
        if (p->app != NULL) {
            on_readable(p->app);
        }
        break;
    case LATER:
        p->recorder.now += 2 * NS_PER_SEC;
        break;
    default:
        settle(p);
        break;
    }
}

static void keys_of(struct peer *p, uint16_t suite)
{
    struct tls_keys keys;
    FUZZ_CHECK(tls_suite_find(suite, &p->schedule.suite));
    static const uint8_t fixed[48] = {1, 2, 3};
    size_t len = p->schedule.suite.old ? 48 : p->schedule.suite.hash_len;
    tls_value_set(&p->secret_to, fixed, len);
    tls_value_set(&p->secret_from, fixed, len);
    tls_schedule_keys(&p->schedule, &p->secret_to, true, &keys);
    record_keys(&p->to, reference, &p->schedule.suite, &keys, 0);
    tls_schedule_keys(&p->schedule, &p->secret_from, false, &keys);
    record_keys(&p->from, reference, &p->schedule.suite, &keys, 0);
}

/* A server's session as it is when mbedTLS has gone. */
static void session_of(struct peer *p, struct tls_context *context, uint16_t suite)
{
    p->app = tls_server(context, &p->pipe.a.stream, &p->recorder, 1, &app_events, p);
    FUZZ_CHECK(p->app != NULL);
    struct tls_session *t = tls_of_stream(p->app);
    struct tls_traffic *a = calloc(1, sizeof(*a));
    FUZZ_CHECK(a != NULL);
    keys_of(p, suite);
    a->suite = p->schedule.suite;
    a->secret_in = p->secret_to;
    a->secret_out = p->secret_from;
    a->in = p->to;
    a->out = p->from;
    a->in.engine = a->out.engine = context->engine;
    a->active = true;
    t->traffic = a;
    t->set_up = t->begun = t->established = t->open = true;
    t->lens.suite = suite;
    t->lens.version = a->suite.old ? TLS_1_2 : TLS_1_3;
    t->lens.in.ciphered = t->lens.out.ciphered = a->suite.old;
    tls_library_free(t);
}

/* The context with one of the engines, whichever there are. */
static struct tls_context *context_of(unsigned choice)
{
    unsigned count = 1; /* one there is always */
    while (count < ENGINES_MAX && aead_engine(count) != NULL) {
        count++;
    }
    struct tls_context **c = &contexts[choice % count];
    if (*c == NULL) {
        const struct tls_config config = {.engine = aead_engine(choice % count)};
        char error[256];
        *c = tls_context_new(&config, error, sizeof(error));
    }
    FUZZ_CHECK(*c != NULL);
    return *c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t suites[] = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9};
    struct rd in = rd_of(data, size);
    uint8_t first = rd_u8(&in);
    uint16_t suite = suites[first % COUNT_OF(suites)];
    struct tls_context *context = context_of(first / COUNT_OF(suites));
    size_t piece = rd_u8(&in);
    struct peer p = {.said = malloc(TEXT_MAX)};
    reference = aead_engine_named("mbedtls");
    FUZZ_CHECK(reference != NULL && p.said != NULL && recorder_init(&p.recorder, 64));
    p.recorder.now = NS_PER_SEC;
    pipe_init(&p.pipe, 65536, piece * 8);
    p.pipe.b.stream.events = &peer_events;
    p.pipe.b.stream.app = &p;
    session_of(&p, context, suite);
    for (unsigned i = 0; i < STEPS_MAX && rd_left(&in) > 0; i++) {
        step(&p, &in);
    }
    settle(&p);
    FUZZ_CHECK(p.heard <= p.written);
    if (p.app != NULL) {
        const struct tls_session *t = tls_of_stream(p.app);
        FUZZ_CHECK(p.sleepy || t->peer_shut || t->traffic->header_len > 0 ||
                   p.read_len == p.said_len);
        stream_abort(p.app);
    }
    tls_context_sweep(context, p.recorder.now + 2 * TLS_LINGER);
    FUZZ_CHECK(context->sessions == 0 && context->lingering_count == 0 &&
               context->awake_count == 0);
    record_done(&p.to);
    record_done(&p.from);
    recorder_done(&p.recorder);
    pipe_done(&p.pipe);
    free(p.said);
    return 0;
}
