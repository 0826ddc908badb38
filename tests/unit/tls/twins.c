/* A session with records that we protect, one with records that mbedTLS protects, and a peer; see twins.h. */
#include "tests/unit/tls/twins.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct twin twins[2];

bool twin_is_old(const struct twin *w)
{
    return w->schedule.suite.old;
}

/* ---- the peer ---- */

static void on_secret(void *arg, mbedtls_ssl_key_export_type type, const unsigned char *secret,
                      size_t len, const unsigned char client_random[32],
                      const unsigned char server_random[32], mbedtls_tls_prf_types prf)
{
    struct twin *w = arg;
    (void)prf;
    memcpy(w->schedule.client_random, client_random, 32);
    memcpy(w->schedule.server_random, server_random, 32);
    if (type != MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET) {
        tls_value_set(&w->out, secret, len);
    }
    if (type != MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET) {
        tls_value_set(&w->in, secret, len);
    }
}

static void make_keys(struct twin *w, bool outgoing, uint64_t number)
{
    struct tls_keys keys;
    tls_schedule_keys(&w->schedule, outgoing ? &w->out : &w->in, outgoing, &keys);
    record_keys(outgoing ? &w->to : &w->from, aead_engine(0), &w->schedule.suite, &keys, number);
}

void twin_next_keys(struct twin *w, bool outgoing)
{
    struct tls_value *secret = outgoing ? &w->out : &w->in;
    tls_hkdf_expand_label(&w->schedule.suite, secret, "traffic upd", (struct slice){NULL, 0},
                          w->schedule.suite.hash_len, secret);
    make_keys(w, outgoing, 0);
}

static uint64_t number_of(const unsigned char *counter)
{
    struct rd r = rd_of(counter, 8);
    return rd_be64(&r);
}

void twin_say_raw(struct twin *w, const uint8_t *bytes, size_t len)
{
    struct pipe_end *e = &w->rig.pipe.b;
    for (size_t said = 0; said < len && !e->closed && !e->shut;) {
        size_t room, n = size_min(len - said, STREAM_RESERVE_MAX);
        uint8_t *at = stream_reserve(&e->stream, n, &room);
        ck_assert_ptr_nonnull(at);
        memcpy(at, bytes + said, n);
        stream_commit(&e->stream, n);
        said += n;
    }
}

/* A record with so many zeros behind it (RFC 8446 5.4); its bytes stay in `record`. */
size_t twin_make_record(struct twin *w, uint8_t type, struct slice text, size_t padding,
                        uint8_t record[RECORD_MAX])
{
    uint8_t *at = record + record_front(&w->to);
    if (text.len > 0) {
        memcpy(at, text.data, text.len);
    }
    size_t len = text.len;
    if (padding > 0 && !twin_is_old(w)) {
        at[len] = type;
        memset(at + len + 1, 0, padding - 1);
        len += padding;
        type = 0;
    }
    ck_assert(record_seal(&w->to, (enum record_type)type, record, (struct slice){at, len}));
    return record_size(&w->to, len);
}

void twin_say(struct twin *w, uint8_t type, const void *text, size_t len, size_t padding)
{
    static uint8_t record[RECORD_MAX];
    size_t size = twin_make_record(w, type, (struct slice){text, len}, padding, record);
    twin_say_raw(w, record, size);
}

static void take(struct twin *w, uint8_t type, struct slice text)
{
    if (type == RECORD_APPLICATION_DATA) {
        memcpy(w->heard + w->heard_len, text.data, text.len);
        w->heard_len += text.len;
    } else if (type == RECORD_HANDSHAKE && !twin_is_old(w) && text.data[0] == TLS_KEY_UPDATE) {
        w->updates++;
        twin_next_keys(w, false);
    } else {
        ck_assert_uint_le(w->said_len + 1 + text.len, SAID_MAX);
        w->said[w->said_len++] = type;
        memcpy(w->said + w->said_len, text.data, text.len);
        w->said_len += text.len;
    }
}

/* Opens all that came. */
static void hear(struct twin *w)
{
    static uint8_t out[RECORD_MAX];
    struct stream *s = &w->rig.pipe.b.stream;
    while (!w->rig.pipe.b.closed) {
        struct slice got = stream_peek(s), text;
        size_t len = got.len > RECORD_HEADER ? (size_t)got.data[3] << 8U | got.data[4] : SIZE_MAX;
        uint8_t type;
        if (got.len < RECORD_HEADER || got.len - RECORD_HEADER < len) {
            break;
        }
        struct slice payload = {got.data + RECORD_HEADER, len};
        ck_assert_int_eq(record_open(&w->from, got.data, payload, out, &text, &type), RECORD_GOOD);
        take(w, type, text);
        stream_consume(s, RECORD_HEADER + len);
    }
}

static void on_event(struct stream *s)
{
    struct twin *w = CONTAINER_OF((struct rig *)s->app, struct twin, rig);
    hear(w);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    (void)s;
    (void)reason;
}

static const struct stream_events peer = {
    .opened = on_event,
    .readable = on_event,
    .writable = on_event,
    .peer_closed = on_event,
    .closed = on_closed,
};

static void connect_twin(struct twin *w, int suite, size_t chunk, const struct aead_engine *engine)
{
    uint16_t number = (uint16_t)suite;
    memset(w, 0, sizeof(*w));
    ck_assert(tls_suite_find(number, &w->schedule.suite));
    struct rig_options o = {
        .server = {.engine = engine, .library_records = engine == NULL},
        .suite = suite,
        .version = twin_is_old(w) ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3,
        .capacity = PIPE_QUEUE_MAX,
    };
    rig_init(&w->rig, &o);
    mbedtls_ssl_set_export_keys_cb(&w->rig.ssl, on_secret, w);
    rig_run(&w->rig);
    ck_assert_uint_eq(w->rig.app.opened, 1);
    ck_assert_int_eq(tls_taken(tls_of_stream(w->rig.app.stream)), engine != NULL);
    make_keys(w, true, number_of(w->rig.ssl.cur_out_ctr));
    make_keys(w, false, number_of(w->rig.ssl.in_ctr));
    w->heard = malloc(PIPE_QUEUE_MAX);
    ck_assert_ptr_nonnull(w->heard);
    w->rig.client_error = 1; /* the client that made the handshake is still from here on */
    w->rig.pipe.b.stream.events = &peer;
    w->rig.pipe.a.chunk = chunk;
}

void twins_connect(int suite, size_t chunk, const struct aead_engine *engine)
{
    connect_twin(&twins[OURS], suite, chunk, engine);
    connect_twin(&twins[THEIRS], suite, chunk, NULL);
}

void twins_done(void)
{
    for (size_t i = 0; i < COUNT_OF(twins); i++) {
        record_done(&twins[i].to);
        record_done(&twins[i].from);
        free(twins[i].heard);
        rig_done(&twins[i].rig);
    }
}
