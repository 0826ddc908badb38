/* The same session with records that we protect and with records that mbedTLS protects, and the same peer on both: what
 * the application reads, what the peer hears and how it ends must be the same, byte for byte. Where the two differ on
 * purpose stands in `differences`, with the clause that asks for it.
 */
#include <check.h>
#include <string.h>

#include "stack/base/random.h"
#include "tests/unit/tls/twins.h"

Suite *records_suite(void);

static const int suites[] = {
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
};

/* ---- what happens to both ---- */

enum act {
    TEXT,     /* the peer sends `len` bytes, with `padding` */
    EMPTY,    /* … none */
    WRITE,    /* the server sends `len` bytes */
    DELIVER,  /* what was sent arrives */
    UPDATE,   /* ours alone: the peer changes its keys */
    ASK,      /* … and asks for the same */
    OUR_TURN, /* … the server does, and asks for the same, which it gets */
    WARNING,  /* an alert that ends nothing */
    HELLO,    /* TLS 1.2: a ClientHello, which is refused with no more than a warning */
    /* With one of these a run ends, if it does not end by itself. */
    CLOSE_NOTIFY,
    CLOSE_BOTH,  /* the server answers it */
    CLOSE_FIRST, /* the server's comes first */
    FIN,         /* without close_notify: a truncation */
    ABORT,       /* by the server's application */
    FATAL,       /* an alert */
    FLIPPED,     /* a bit of the record, at `at` */
    SKIPPED,     /* a record is missing */
    REPEATED,    /* a record comes twice */
    SHORTENED,   /* … without its last bytes, and says so */
    CUT,         /* the stream ends inside a record */
    LONG_HEADER, /* more than any record has */
    TINY,        /* too short to be authentic */
    WRONG_TYPE,  /* of a `type` that may not follow a handshake, sealed */
    MESSAGE,     /* a handshake message that may not follow it */
    UNPROTECTED, /* of `type`, in plaintext */
    ACTS,
};

struct step {
    enum act act;
    uint8_t type; /* of a record or alert */
    size_t len, padding, at;
};

static uint8_t pattern_text[RECORD_MAX];

static void server_writes(struct twin *w, size_t len)
{
    size_t room;
    struct stream *s = w->rig.app.stream;
    for (size_t done_ = 0; s != NULL && done_ < len;) {
        uint8_t *at = stream_reserve(s, 1, &room);
        if (at == NULL) {
            return;
        }
        size_t n = size_min(room, len - done_);
        memcpy(at, pattern_text + done_, n);
        stream_commit(s, n);
        done_ += n;
    }
}

static void update_keys(struct twin *w, uint8_t request)
{
    const uint8_t message[] = {TLS_KEY_UPDATE, 0, 0, 1, request};
    if (w == &twins[OURS] && !twin_is_old(w)) {
        twin_say(w, RECORD_HANDSHAKE, message, sizeof(message), 0);
        twin_next_keys(w, true);
    }
}

/* A record of text that something is wrong with. */
static void say_damaged(struct twin *w, const struct step *s)
{
    static uint8_t record[RECORD_MAX];
    size_t size = twin_make_record(w, RECORD_APPLICATION_DATA, (struct slice){pattern_text, s->len},
                                   s->padding, record);
    switch (s->act) {
    case FLIPPED:
        record[RECORD_HEADER + s->at % (size - RECORD_HEADER)] ^= (uint8_t)(1U << s->type % 8);
        break;
    case SHORTENED:
        size -= 1 + s->at % size_min(s->len + 1, 16);
        record[3] = (uint8_t)((size - RECORD_HEADER) >> 8U);
        record[4] = (uint8_t)(size - RECORD_HEADER);
        break;
    case CUT:
        size = 1 + s->at % (size - 1);
        break;
    case SKIPPED:
        size = twin_make_record(w, RECORD_APPLICATION_DATA, (struct slice){pattern_text, s->len}, 0,
                                record);
        break;
    default:
        twin_say_raw(w, record, size);
        break;
    }
    twin_say_raw(w, record, size);
}

static void say_unprotected(struct twin *w, uint8_t type, size_t len)
{
    uint8_t record[64] = {type, 3, 3, (uint8_t)(len >> 8U), (uint8_t)len, 1};
    twin_say_raw(w, record, size_min(RECORD_HEADER + len, sizeof(record)));
}

/* A handshake message of `len` bytes in two records. */
static void say_message(struct twin *w, uint8_t type, size_t len)
{
    uint8_t text[4 + 255] = {type, 0, 0, (uint8_t)len};
    memcpy(text + 4, pattern_text, len);
    size_t first = 4 + len / 2;
    twin_say(w, RECORD_HANDSHAKE, text, first, 0);
    twin_say(w, RECORD_HANDSHAKE, text + first, 4 + len - first, 0);
}

static void closing(struct twin *w, enum act act)
{
    struct stream *s = w->rig.app.stream;
    if (act == CLOSE_FIRST && s != NULL) {
        stream_shutdown(s);
        rig_run(&w->rig);
    }
    twin_say(w, RECORD_ALERT, "\1\0", 2, 0);
    twin_say(w, RECORD_APPLICATION_DATA, "too late", 8, 0); /* RFC 8446 6.1: ignored */
    rig_run(&w->rig);
    if (act != CLOSE_NOTIFY && !w->rig.pipe.b.closed) {
        server_writes(w, 10);
        stream_shutdown(&w->rig.pipe.b.stream);
        if (act == CLOSE_BOTH && w->rig.app.stream != NULL) {
            stream_shutdown(w->rig.app.stream);
        }
    }
}

static void do_step(struct twin *w, const struct step *s)
{
    struct stream *app = w->rig.app.stream;
    switch (s->act) {
    case TEXT:
    case EMPTY:
        twin_say(w, RECORD_APPLICATION_DATA, pattern_text, s->len, s->padding);
        break;
    case WRITE:
        server_writes(w, s->len);
        break;
    case DELIVER:
        rig_run(&w->rig);
        break;
    case WARNING:
    case FATAL: {
        const uint8_t alert[] = {s->act == FATAL ? 2 : 1, s->type};
        twin_say(w, RECORD_ALERT, alert, sizeof(alert), s->padding);
        break;
    }
    case HELLO:
    case MESSAGE:
        say_message(w, s->type, s->len);
        break;
    case UPDATE:
    case ASK:
        update_keys(w, s->act == ASK);
        break;
    case OUR_TURN:
        if (w == &twins[OURS] && app != NULL && tls_update_keys(app, true)) {
            update_keys(w, 0);
        }
        break;
    case CLOSE_NOTIFY:
    case CLOSE_BOTH:
    case CLOSE_FIRST:
        closing(w, s->act);
        break;
    case FIN:
        stream_shutdown(&w->rig.pipe.b.stream);
        break;
    case ABORT:
        if (app != NULL) {
            stream_abort(app);
            w->rig.app.stream = NULL;
        }
        break;
    case LONG_HEADER:
    case TINY:
    case UNPROTECTED:
        say_unprotected(w, s->type, s->len);
        break;
    case WRONG_TYPE:
        twin_say(w, s->type, pattern_text, s->len, s->padding);
        break;
    default:
        say_damaged(w, s);
        if (s->act == CUT) {
            stream_shutdown(&w->rig.pipe.b.stream);
        }
        break;
    }
}

/* ---- random runs ---- */

/* Sizes around which something changes are as likely as all others. */
static size_t random_len(struct random *r, size_t most)
{
    static const uint16_t edges[] = {1, 2, 255, 256, 1371, 1372, 4095, 16382, 16383, 16384};
    size_t n = random_below(r, 3) == 0 ? edges[random_below(r, COUNT_OF(edges))]
                                       : 1 + random_below(r, random_below(r, 2) ? 200 : 16384);
    return size_min(n, most);
}

static void choose_type(struct random *r, bool old, struct step *s)
{
    /* RFC 8446 6.2; user_canceled, and in TLS 1.2 no_renegotiation and unknown ones */
    static const uint8_t fatal[] = {10, 20, 22, 40, 42, 47, 48, 50, 51, 80, 109, 116, 120};
    static const uint8_t warnings[] = {90, 100, 7};
    static const uint8_t messages[] = {TLS_NEW_SESSION_TICKET, TLS_CERTIFICATE, TLS_FINISHED, 254};
    static const uint8_t types[] = {RECORD_APPLICATION_DATA, 24, 0, 255, RECORD_ALERT,
                                    RECORD_HANDSHAKE};
    switch (s->act) {
    case FATAL:
        s->type = fatal[random_below(r, COUNT_OF(fatal))];
        break;
    case WARNING:
        s->type = warnings[old ? random_below(r, COUNT_OF(warnings)) : 0];
        break;
    case HELLO:
        s->type = TLS_CLIENT_HELLO;
        break;
    case MESSAGE:
        s->type = messages[random_below(r, COUNT_OF(messages))];
        break;
    case UNPROTECTED:
        s->type = types[random_below(r, old ? 6 : 4)];
        break;
    case WRONG_TYPE:
        s->type = (uint8_t)(24 + random_below(r, 200));
        break;
    default:
        s->type = (uint8_t)random_u32(r);
        break;
    }
}

static struct step random_step(struct random *r, const struct twin *w, enum act act)
{
    bool old = twin_is_old(w);
    struct step s = {.act = act == HELLO && !old ? TEXT : act, .at = random_u32(r) >> 1U};
    choose_type(r, old, &s);
    s.len = s.act == EMPTY ? 0 : random_len(r, 16384);
    s.padding = !old && random_below(r, 3) == 0 ? random_below(r, 256) : 0;
    s.padding = size_min(s.padding, 16384 - s.len);
    if (act == LONG_HEADER) {
        s.type = RECORD_APPLICATION_DATA;
        s.len = RECORD_TEXT_MAX + (old ? 2049 : 257) + random_below(r, 40000);
    } else if (act == TINY) {
        s.type = RECORD_APPLICATION_DATA;
        s.len = 1 + random_below(r, old && !w->schedule.suite.chacha ? 23 : 15);
    } else if (act == UNPROTECTED) {
        s.len = 1 + random_below(r, 50);
    } else if (s.act == HELLO || act == MESSAGE) {
        s.len = 2 + random_below(r, 250);
    }
    return s;
}

static void check_same(int suite, uint32_t seed, size_t step)
{
    const struct twin *a = &twins[OURS], *b = &twins[THEIRS];
    const struct rig_app *x = &a->rig.app, *y = &b->rig.app;
#define SAME(what) ck_assert_msg(what, "%s: suite %x, seed %u, step %zu", #what, suite, seed, step)
    SAME(x->got_len == y->got_len);
    SAME(memcmp(x->got, y->got, x->got_len) == 0);
    SAME(a->heard_len == b->heard_len);
    SAME(memcmp(a->heard, b->heard, a->heard_len) == 0);
    SAME(a->said_len == b->said_len);
    SAME(memcmp(a->said, b->said, a->said_len) == 0);
    SAME(x->peer_closed == y->peer_closed);
    SAME(x->closed == y->closed);
    SAME(x->closed == 0 || x->reason == y->reason);
    SAME(a->rig.pipe.a.shut == b->rig.pipe.a.shut);
    SAME(a->rig.pipe.a.aborted == b->rig.pipe.a.aborted);
    SAME(a->rig.pipe.a.closed == b->rig.pipe.a.closed);
#undef SAME
}

static void do_both(struct step s, int suite, uint32_t seed, size_t n)
{
    for (size_t i = 0; i < COUNT_OF(twins); i++) {
        do_step(&twins[i], &s);
    }
    if (s.act == DELIVER || s.act >= CLOSE_NOTIFY) {
        rig_run(&twins[OURS].rig);
        rig_run(&twins[THEIRS].rig);
        check_same(suite, seed, n);
    }
}

static void random_run(int suite, uint32_t seed)
{
    struct random r;
    uint8_t start[32] = {(uint8_t)suite, (uint8_t)(suite >> 8), (uint8_t)seed,
                         (uint8_t)(seed >> 8U)};
    unsigned engines = 1;
    random_init(&r, start);
    random_bytes(&r, pattern_text, sizeof(pattern_text));
    while (aead_engine(engines) != NULL) {
        engines++;
    }
    size_t chunk = random_below(&r, 3) == 0 ? 0 : random_len(&r, 3000);
    twins_connect(suite, chunk, aead_engine(seed % engines));
    size_t steps = random_below(&r, 24), n = 0;
    unsigned updates = 0;
    for (unsigned pending = 0, empty = 0, asked = 0; n < steps; n++) {
        enum act act = random_below(&r, 4) == 0 ? TEXT : (enum act)random_below(&r, CLOSE_NOTIFY);
        act = ++pending > 12 ? DELIVER : act == EMPTY && empty == 3 ? TEXT : act;
        pending = act == DELIVER ? 0 : pending;
        empty = act == TEXT ? 0 : empty + (act == EMPTY);
        asked += !twin_is_old(&twins[OURS]) && (act == ASK || act == OUR_TURN);
        do_both(random_step(&r, &twins[OURS], act), suite, seed, n);
        if (act == DELIVER) { /* one answer may be for several requests */
            ck_assert_uint_ge(twins[OURS].updates - updates, asked > 0);
            ck_assert_uint_le(twins[OURS].updates - updates, asked);
            updates = twins[OURS].updates;
            asked = 0;
        }
    }
    enum act last = CLOSE_NOTIFY + random_below(&r, ACTS - CLOSE_NOTIFY);
    do_both(random_step(&r, &twins[OURS], last), suite, seed, n);
    twins_done();
}

#define SEEDS 40

START_TEST(random_runs)
{
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        random_run(suites[_i], seed);
    }
}
END_TEST

/* ---- where they differ on purpose ---- */

#define NEW 0 /* of `suites` */
#define OLD 3
#define GOES_ON 255

struct difference {
    int suite;
    struct step step;
    unsigned times;
    uint8_t ours, theirs; /* the alert with which it ends; 0: none is sent; or GOES_ON */
};

static const struct difference differences[] = {
    /* RFC 8446 4.6.3: a KeyUpdate must be understood */
    {NEW, {.act = MESSAGE, .type = TLS_KEY_UPDATE, .len = 1}, 1, GOES_ON, 10},
    /* RFC 8446 5.1, 5.2, RFC 5246 6.2.3: more than 2^14 bytes are record_overflow */
    {NEW, {.act = TEXT, .len = 16385}, 1, 22, 50},
    {NEW, {.act = TEXT, .len = 16600}, 1, 22, 80},
    {OLD, {.act = TEXT, .len = 16385}, 1, 22, 50},
    /* RFC 8446 5.1, RFC 5246 6.2.1: empty ones are allowed; mbedTLS bears three in a row, we TRAFFIC_IDLE_MAX */
    {NEW, {.act = EMPTY}, 4, GOES_ON, 20},
    {OLD, {.act = EMPTY}, 4, GOES_ON, 20},
    /* RFC 8446 5.2, RFC 5246 7.2.2: what cannot be authentic is bad_record_mac */
    {NEW, {.act = TINY, .type = 23}, 1, 20, 50},
    {OLD, {.act = TINY, .type = 23}, 1, 20, 50},
    /* RFC 8446 5, 5.2: after Finished only application_data is outside, and no ChangeCipherSpec is passed over */
    {NEW, {.act = UNPROTECTED, .type = 20, .len = 1}, 1, 10, GOES_ON},
    {NEW, {.act = UNPROTECTED, .type = 20, .len = 2}, 1, 10, 50},
    {NEW, {.act = UNPROTECTED, .type = 21, .len = 2}, 1, 10, 20},
    {NEW, {.act = UNPROTECTED, .type = 22, .len = 5}, 1, 10, 20},
    /* RFC 5246 7.1: nor in TLS 1.2, where none follows the first */
    {OLD, {.act = UNPROTECTED, .type = 20, .len = 1}, 1, 10, 20},
    {OLD, {.act = WRONG_TYPE, .type = 20, .len = 1}, 1, 10, 50},
    /* RFC 8446 5: inside of a record it was never allowed */
    {NEW, {.act = WRONG_TYPE, .type = 20, .len = 1}, 1, 10, 50},
    /* RFC 8446 6, 6.2: whatever its level, an error alert ends the connection */
    {NEW, {.act = WARNING, .type = 80}, 1, 0, GOES_ON},
    /* RFC 8446 5.4: neither nothing but zeros, nor an empty alert or message */
    {NEW, {.act = WRONG_TYPE, .type = 0}, 1, 10, 50},
    {NEW, {.act = WRONG_TYPE, .type = 21}, 1, 10, 50},
    {NEW, {.act = WRONG_TYPE, .type = 22}, 1, 10, 50},
    /* RFC 5246 6.2.1 */
    {OLD, {.act = WRONG_TYPE, .type = 21}, 1, 10, 50},
    {OLD, {.act = WRONG_TYPE, .type = 22}, 1, 10, 50},
    /* RFC 8446 5.1: alerts are not cut and not joined; here they agree */
    {NEW, {.act = WRONG_TYPE, .type = 21, .len = 1}, 1, 50, 50},
    {NEW, {.act = WRONG_TYPE, .type = 21, .len = 3}, 1, 50, 50},
    {OLD, {.act = WRONG_TYPE, .type = 21, .len = 1}, 1, 50, 50},
    {OLD, {.act = WRONG_TYPE, .type = 21, .len = 3}, 1, 50, 50},
};

static void check_outcome(struct twin *w, uint8_t expected)
{
    const struct rig_app *a = &w->rig.app;
    const uint8_t alert[] = {RECORD_ALERT, 2, expected};
    if (expected == GOES_ON) {
        size_t before = a->got_len;
        twin_say(w, RECORD_APPLICATION_DATA, "on", 2, 0);
        rig_run(&w->rig);
        ck_assert_uint_eq(a->closed, 0);
        ck_assert_uint_eq(a->got_len, before + 2);
    } else {
        ck_assert_uint_eq(a->closed, 1);
        ck_assert_int_eq(a->reason, expected == 0 ? CLOSE_TLS_ALERT : CLOSE_TLS_FAILED);
        ck_assert_uint_eq(w->said_len, expected == 0 ? 0 : sizeof(alert));
        ck_assert_mem_eq(w->said, alert, w->said_len);
    }
}

START_TEST(different)
{
    const struct difference *d = &differences[_i];
    twins_connect(suites[d->suite], 0, aead_engine(0));
    for (size_t i = 0; i < COUNT_OF(twins); i++) {
        for (unsigned n = 0; n < d->times; n++) {
            do_step(&twins[i], &d->step);
        }
        if (d->step.type == TLS_KEY_UPDATE) {
            twin_next_keys(&twins[i], true);
        }
        rig_run(&twins[i].rig);
        check_outcome(&twins[i], i == OURS ? d->ours : d->theirs);
    }
    twins_done();
}
END_TEST

/* A renegotiation that is refused is no fault, and what is one after it has its own alert, also in the same delivery. */
START_TEST(refused_and_faulty)
{
    const struct step hello = {.act = HELLO, .type = TLS_CLIENT_HELLO, .len = 40};
    const struct step wrong = {.act = WRONG_TYPE, .type = 99, .len = 1};
    const uint8_t said[] = {RECORD_ALERT, 1, 100, RECORD_ALERT, 2, 10};
    twins_connect(suites[OLD], 0, aead_engine(0));
    for (size_t i = 0; i < COUNT_OF(twins); i++) {
        struct twin *w = &twins[i];
        do_step(w, &hello);
        do_step(w, &wrong);
        rig_run(&w->rig);
        ck_assert_uint_eq(w->said_len, sizeof(said));
        ck_assert_mem_eq(w->said, said, sizeof(said));
        rig_check_alert(&w->rig, 0, true, 1, 100);
        rig_check_alert(&w->rig, 1, true, 2, 10);
    }
    twins_done();
}
END_TEST

static void setup_certificates(void)
{
    rig_dir();
}

Suite *records_suite(void)
{
    Suite *s = suite_create("records");
    TCase *t = tcase_create("records");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, setup_certificates, NULL);
    tcase_add_loop_test(t, random_runs, 0, (int)COUNT_OF(suites));
    tcase_add_loop_test(t, different, 0, (int)COUNT_OF(differences));
    tcase_add_test(t, refused_and_faulty);
    suite_add_tcase(s, t);
    return s;
}
