/* A server that protects its records by itself, and a peer that says what the test says, under the right keys: what RFC
 * 8446 4.6.3, 5 and 6 allow, and the alert for each thing that they do not. tests/unit/tls/session_test.c has
 * the same stream with mbedTLS at the other end.
 */
#include "tls/internal.h"

#include <check.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "tls/aead_engines.h"
#include "tests/unit/tls/tls_rig.h"

Suite *taken_suite(void);

static struct rig rig;
static struct record_side to, from; /* the peer's */
static struct tls_value secret_to, secret_from;

static const uint8_t update[] = {24, 0, 0, 1, 0};
static const uint8_t update_please[] = {24, 0, 0, 1, 1};

static struct tls_traffic *traffic(void)
{
    return tls_of_stream(rig.app.stream)->traffic;
}

static void connect_(mbedtls_ssl_protocol_version version)
{
    rig_establish(&rig, (struct rig_options){.server = {.engine = &aead_mbedtls},
                                             .version = version,
                                             .suite = version == MBEDTLS_SSL_VERSION_TLS1_3
                                                          ? MBEDTLS_TLS1_3_AES_128_GCM_SHA256
                                                          : 0,
                                             .capacity = PIPE_QUEUE_MAX});
    ck_assert_uint_eq(rig.app.opened, 1);
    struct tls_traffic *a = traffic();
    ck_assert(a->active);
    to = a->in;
    from = a->out;
    to.aead = from.aead = NULL;
    secret_to = a->secret_in;
    secret_from = a->secret_out;
    rig.client_error = 1; /* the client that made the handshake is still from here on */
}

static void done(void)
{
    record_done(&to);
    record_done(&from);
    rig_done(&rig);
}

static void say_raw(const uint8_t *bytes, size_t len)
{
    size_t room;
    uint8_t *at = stream_reserve(&rig.pipe.b.stream, len, &room);
    ck_assert_ptr_nonnull(at);
    memcpy(at, bytes, len);
    stream_commit(&rig.pipe.b.stream, len);
}

static void say(uint8_t type, const void *text, size_t len)
{
    static uint8_t record[17000];
    ck_assert(record_seal(&to, (enum record_type)type, record, (struct slice){text, len}));
    say_raw(record, record_size(&to, len));
}

/* The next record that came: its type, and its text in `out`. */
static uint8_t hear(uint8_t out[17000], size_t *len)
{
    struct slice s = stream_peek(&rig.pipe.b.stream), text;
    uint8_t type = 0;
    ck_assert_uint_gt(s.len, RECORD_HEADER);
    size_t size = (size_t)s.data[3] << 8 | s.data[4];
    struct slice payload = {s.data + RECORD_HEADER, size};
    ck_assert_int_eq(record_open(&from, s.data, payload, out, &text, &type), RECORD_GOOD);
    memmove(out, text.data, text.len);
    *len = text.len;
    stream_consume(&rig.pipe.b.stream, RECORD_HEADER + size);
    return type;
}

static void check_heard(uint8_t type, const void *text, size_t len)
{
    static uint8_t out[17000];
    size_t got;
    ck_assert_uint_eq(hear(out, &got), type);
    ck_assert_uint_eq(got, len);
    ck_assert_mem_eq(out, text, len);
}

/* RFC 8446 7.2 */
static void next_keys(struct record_side *r, struct tls_value *secret)
{
    struct tls_schedule s = {.suite = traffic()->suite};
    struct tls_keys keys;
    tls_hkdf_expand_label(&s.suite, secret, "traffic upd", (struct slice){NULL, 0},
                          s.suite.hash_len, secret);
    tls_schedule_keys(&s, secret, true, &keys);
    record_keys(r, &aead_mbedtls, &s.suite, &keys, 0);
}

static void answer(const char *text)
{
    size_t room;
    uint8_t *at = stream_reserve(rig.app.stream, strlen(text), &room);
    ck_assert_ptr_nonnull(at);
    memcpy(at, text, strlen(text));
    stream_commit(rig.app.stream, strlen(text));
}

static void check_refused(uint8_t alert)
{
    const uint8_t text[] = {2, alert};
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TLS_FAILED);
    rig_check_alert(&rig, 0, true, 2, alert);
    check_heard(21, text, 2);
    done();
}

/* ---- keys ---- */

/* mbedTLS is gone, and the numbers go on: tickets, or Finished, were sent under these keys. */
START_TEST(both_ways)
{
    connect_(rig_version(_i));
    ck_assert_ptr_null(tls_of_stream(rig.app.stream)->ssl);
    ck_assert_uint_eq(to.number, _i & 1 ? 1 : 0);
    ck_assert_uint_eq(from.number, 1);
    say(23, "question", 8);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.got_len, 8);
    ck_assert_mem_eq(rig.app.got, "question", 8);
    answer("an answer");
    rig_run(&rig);
    check_heard(23, "an answer", 9);
    ck_assert_uint_eq(rig_event(&rig, EV_tls_record, 0)->u.tls_record.number, 1);
    ck_assert_ptr_null(traffic()->buffer);
    stream_shutdown(rig.app.stream);
    rig_run(&rig);
    check_heard(21, "\x01\x00", 2);
    done();
}
END_TEST

/* RFC 8446 4.6.3: what follows a KeyUpdate is under the next keys, and one that asks is answered before more is sent. */
START_TEST(key_update)
{
    connect_(MBEDTLS_SSL_VERSION_TLS1_3);
    for (int i = 0; i < 3; i++) {
        rig.app.got_len = 0;
        say(22, update_please, sizeof(update_please));
        next_keys(&to, &secret_to);
        say(23, "new", 3);
        rig_run(&rig);
        ck_assert_mem_eq(rig.app.got, "new", 3);
        answer("newer");
        rig_run(&rig);
        check_heard(22, update, sizeof(update));
        next_keys(&from, &secret_from);
        check_heard(23, "newer", 5);
    }
    ck_assert(tls_update_keys(rig.app.stream, true));
    answer("last");
    rig_run(&rig);
    check_heard(22, update_please, sizeof(update_please));
    next_keys(&from, &secret_from);
    check_heard(23, "last", 4);
    ck_assert_uint_eq(rig_events(&rig, EV_tls_alert), 0);
    done();
}
END_TEST

/* A message in parts is one message; the update without a request is not answered. */
START_TEST(key_update_in_parts)
{
    connect_(MBEDTLS_SSL_VERSION_TLS1_3);
    rig.pipe.a.chunk = 3;
    for (size_t i = 0; i < sizeof(update); i++) {
        say(22, update + i, 1);
    }
    next_keys(&to, &secret_to);
    say(23, "new", 3);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.got_len, 3);
    ck_assert_uint_eq(stream_peek(&rig.pipe.b.stream).len, 0);
    done();
}
END_TEST

/* RFC 8446 5.5: before a key of AES-GCM has protected too much. */
START_TEST(key_limit)
{
    connect_(MBEDTLS_SSL_VERSION_TLS1_3);
    traffic()->out.number = from.number = 0xffffff;
    answer("the last");
    answer("the first");
    rig_run(&rig);
    check_heard(23, "the last", 8);
    check_heard(22, update, sizeof(update));
    next_keys(&from, &secret_from);
    check_heard(23, "the first", 9);
    done();
}
END_TEST

/* ---- what is refused ---- */

struct refused {
    uint8_t type;
    const char *text;
    size_t len;
    uint8_t then; /* type of an application data or other record behind it; 0: none */
    uint8_t alert;
};

static const struct refused refused[] = {
    {22, "\x18\0\0\1\2", 5, 0, 47},     /* no such request_update */
    {22, "\x18\0\0\2\0\0", 6, 0, 50},   /* a KeyUpdate of two bytes */
    {22, "\x18\0\0\1\0\x18", 6, 0, 10}, /* 5.1: more behind it, under the old keys */
    {22, "\x04\0\0\1\0", 5, 0, 10},     /* 4.6.1: a client makes no tickets */
    {22, "\x01\0\0\1\0", 5, 0, 10},     /* 4.1.2: no ClientHello after the first flight */
    {22, "\x0b\0\0\1\0", 5, 0, 10},     /* 4.6.2: nobody asked for a certificate */
    {22, "\x18\0\0", 3, 23, 10},        /* 5.1: a message with something in between */
    {22, "\x18\0\0", 3, 21, 10},        /* */
    {22, "", 0, 0, 10},                 /* 5.1: empty */
    {21, "", 0, 0, 10},                 /* */
    {21, "\2", 1, 0, 50},               /* an alert in parts */
    {21, "\1\0\0", 3, 0, 50},           /* */
    {20, "\1", 1, 0, 10},               /* D.4: not protected, and not after the handshake */
    {24, "\1", 1, 0, 10},               /* no such type */
    {0, "\0\0", 2, 0, 10},              /* 5.4: nothing but zeros */
};

START_TEST(refusals)
{
    const struct refused *r = &refused[_i];
    connect_(MBEDTLS_SSL_VERSION_TLS1_3);
    say(r->type, r->text, r->len);
    if (r->then != 0) {
        say(r->then, "\1\0", 2);
    }
    check_refused(r->alert);
}
END_TEST

/* RFC 8446 5.1, 5.2: after the handshake only application_data is outside, and at most 2^14 + 256 bytes long. In TLS 1.2 no
 * ChangeCipherSpec follows the first, and at most 2^14 + 2048. */
START_TEST(bad_headers)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool old;
        uint8_t alert;
    } bad[] = {
        {"\x14\3\3\0\1\1", 6, false, 10},     {"\x14\3\3\0\1\1", 6, true, 10},
        {"\x15\3\3\0\2\2\x50", 7, false, 10}, {"\x16\3\3\0\5\x18\0\0\1\0", 10, false, 10},
        {"\x18\3\3\0\1\1", 6, true, 10},      {"\x17\3\3\x41\1", 5, false, 22},
        {"\x17\3\3\x48\1", 5, true, 22},      {"\x17\3\3\0\1\1", 6, false, 20},
        {"\x17\3\3\0\0", 5, false, 20},       {"\x15\3\3\0\2\2\x50", 7, true, 20},
    };
    if (_i >= (int)COUNT_OF(bad)) {
        return;
    }
    connect_(bad[_i].old ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3);
    say_raw((const uint8_t *)bad[_i].bytes, bad[_i].len);
    check_refused(bad[_i].alert);
}
END_TEST

START_TEST(too_long_inside)
{
    static uint8_t text[16385];
    connect_(rig_version(_i));
    say(23, text, sizeof(text));
    check_refused(22);
}
END_TEST

START_TEST(forged)
{
    connect_(rig_version(_i));
    to.number++;
    say(23, "not the next", 12);
    check_refused(20);
}
END_TEST

/* What brings nothing is bounded: empty records, and changes of keys. */
START_TEST(floods)
{
    connect_(rig_version(_i));
    for (unsigned i = 0; i < 2 * TRAFFIC_IDLE_MAX; i++) {
        if (i == TRAFFIC_IDLE_MAX) {
            say(23, "data", 4);
        }
        say(23, "", 0);
    }
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.got_len, 4);
    ck_assert_uint_eq(rig.app.closed, 0);
    say(23, "", 0);
    check_refused(10);
}
END_TEST

START_TEST(key_update_flood)
{
    connect_(MBEDTLS_SSL_VERSION_TLS1_3);
    for (unsigned i = 0; i < TRAFFIC_IDLE_MAX; i++) {
        say(22, update, sizeof(update));
        next_keys(&to, &secret_to);
    }
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.closed, 0);
    say(22, update, sizeof(update));
    check_refused(10);
}
END_TEST

/* ---- alerts ---- */

/* RFC 8446 6: whatever its level, all but two end the connection; user_canceled is followed by close_notify. */
START_TEST(alerts)
{
    connect_(MBEDTLS_SSL_VERSION_TLS1_3);
    say(21, "\1\x5a", 2);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.closed, 0);
    say(21, "\1\x50", 2);
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TLS_ALERT);
    done();
}
END_TEST

START_TEST(close_notify)
{
    connect_(rig_version(_i));
    say(21, "\1\0", 2);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.peer_closed, 1);
    answer("still");
    rig_run(&rig);
    check_heard(23, "still", 5);
    done();
}
END_TEST

/* ---- sizes ---- */

static size_t next_room(void)
{
    static uint8_t out[17000];
    size_t room, len;
    uint8_t *at = stream_reserve(rig.app.stream, 1, &room);
    ck_assert_ptr_nonnull(at);
    memset(at, 'x', room);
    stream_commit(rig.app.stream, room);
    rig_run(&rig);
    ck_assert_uint_eq(hear(out, &len), 23);
    ck_assert_uint_eq(len, room);
    return room;
}

/* A segment each while the window opens, then full ones; and again after a second of silence. */
START_TEST(sizes)
{
    connect_(rig_version(_i));
    for (int i = 0; i < 2; i++) {
        size_t small = 0, room;
        while ((room = next_room()) < STREAM_PLAIN_MAX) {
            ck_assert_uint_le(room + 29, 1400 + 7);
            small += room;
        }
        ck_assert_uint_ge(small, 32768);
        ck_assert_uint_le(small, 32768 + 1400);
        ck_assert_uint_eq(next_room(), STREAM_PLAIN_MAX);
        rig.recorder.now += 2 * NS_PER_SEC;
    }
    size_t room; /* who needs more has it */
    ck_assert_ptr_nonnull(stream_reserve(rig.app.stream, 9000, &room));
    ck_assert_uint_ge(room, 9000);
    done();
}
END_TEST

/* ---- by reference ---- */

/* What lies in memory of the application is sealed from there, in records of the same sizes as what is written,
 * until the stream below is full; and mbedTLS, which has no such way, does not offer it. */
START_TEST(referred)
{
    static uint8_t file[700000], got[700000], record[17000];
    connect_(rig_version(_i));
    ck_assert(stream_refers(rig.app.stream));
    for (size_t i = 0; i < sizeof(file); i++) {
        file[i] = (uint8_t)(i * 7 + i / 251);
    }
    size_t took = 0, heard = 0, len;
    while (took < sizeof(file)) {
        size_t n =
            stream_refer(rig.app.stream, (struct slice){file + took, sizeof(file) - took}, NULL);
        ck_assert_uint_gt(n, 0);
        took += n;
        rig_run(&rig);
        while (heard < took) {
            ck_assert_uint_eq(hear(record, &len), 23);
            memcpy(got + heard, record, len);
            heard += len;
        }
        ck_assert_uint_eq(heard, took);
    }
    ck_assert_mem_eq(got, file, sizeof(file));
    stream_shutdown(rig.app.stream);
    ck_assert_uint_eq(stream_refer(rig.app.stream, (struct slice){file, 1}, NULL), 0);
    done();
}
END_TEST

/* ---- silence ---- */

static void question_and_answer(void)
{
    rig.app.got_len = 0;
    say(23, "question", 8);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.got_len, 8);
    answer("an answer");
    rig_run(&rig);
    check_heard(23, "an answer", 9);
}

/* What the ciphers need goes back when enough others are at work, and is made again for the next record. */
START_TEST(ciphers_rest)
{
    static struct rig other;
    connect_(rig_version(_i));
    question_and_answer();
    ck_assert(traffic()->in.aead != NULL && traffic()->out.aead != NULL);
    rig_establish(&other, (struct rig_options){.share = &rig});
    ck_assert_uint_eq(rig.context->awake_count, 1);
    rig.context->awake_count = TRAFFIC_AWAKE_MAX; /* the others do nothing else here */
    rig_client_write(&other, "now I", 5);
    rig_run(&other);
    ck_assert_uint_eq(other.app.got_len, 5);
    ck_assert(traffic()->in.aead == NULL && traffic()->out.aead == NULL);
    ck_assert_uint_eq(rig.context->awake_count, TRAFFIC_AWAKE_MAX);
    question_and_answer();
    rig_done(&other);
    rig.context->awake_count = 0;
    list_remove(&traffic()->awake);
    done();
}
END_TEST

/* Bytes of the heap, as the C library counts them; 0: it does not, because a sanitizer has taken its place. */
static size_t heap(void)
{
    return mallinfo2().uordblks;
}

/* What is freed after this counts as free: the C library's caches of freed blocks are full. */
static void fill_caches(void)
{
    void *blocks[65][8];
    for (size_t i = 0; i < 65; i++) {
        for (size_t j = 0; j < 8; j++) {
            blocks[i][j] = malloc(i * 16 + 8);
        }
    }
    for (size_t i = 0; i < 65; i++) {
        for (size_t j = 0; j < 8; j++) {
            free(blocks[i][j]);
        }
    }
}

/* A session that waits for the next request holds two small structs, and with the stack's and HTTP's part of a connection stays
 * below the 2 KiB that an idle one may cost. */
START_TEST(little_is_held)
{
    connect_(rig_version(_i));
    question_and_answer();
    record_rest(&traffic()->in);
    record_rest(&traffic()->out);
    ck_assert_ptr_null(traffic()->buffer);
    fill_caches();
    size_t before = heap();
    stream_abort(rig.app.stream);
    rig.app.stream = NULL;
    size_t held = before - heap();
    ck_assert_uint_le(held, 1024);
    ck_assert(before == 0 || held >= sizeof(struct tls_session));
    done();
}
END_TEST

static void setup_certificates(void)
{
    rig_dir();
}

Suite *taken_suite(void)
{
    Suite *s = suite_create("taken");
    TCase *t = tcase_create("taken");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, setup_certificates, NULL);
    tcase_add_loop_test(t, both_ways, 0, 2);
    tcase_add_test(t, key_update);
    tcase_add_test(t, key_update_in_parts);
    tcase_add_test(t, key_limit);
    tcase_add_loop_test(t, refusals, 0, (int)COUNT_OF(refused));
    tcase_add_loop_test(t, bad_headers, 0, 10);
    tcase_add_loop_test(t, too_long_inside, 0, 2);
    tcase_add_loop_test(t, forged, 0, 2);
    tcase_add_loop_test(t, floods, 0, 2);
    tcase_add_test(t, key_update_flood);
    tcase_add_test(t, alerts);
    tcase_add_loop_test(t, close_notify, 0, 2);
    tcase_add_loop_test(t, sizes, 0, 2);
    tcase_add_loop_test(t, referred, 0, 2);
    tcase_add_loop_test(t, ciphers_rest, 0, 2);
    tcase_add_loop_test(t, little_is_held, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
