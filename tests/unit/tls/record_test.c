/* Record protection: a record of RFC 8448 3 made and opened, every suite of both versions against the opener that the
 * watchers of a session have (tls/protection.h, mbedTLS' AEADs), and what must not be taken. */
#include "tls/record.h"

#include <check.h>
#include <string.h>

#include "tests/unit/tls/hex.h"
#include "tls/aead_engines.h"
#include "tls/protection.h"

Suite *record_suite(void);

/* RFC 8448 3: the client's application data, bytes 0 to 49, the first record under its application keys. */
static const char client_record[] =
    "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20"
    "441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";

static const uint16_t suites[] = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9};

static struct record_side side_of(uint16_t number, struct tls_suite *suite, struct tls_keys *keys)
{
    struct record_side r = {.engine = NULL};
    ck_assert(tls_suite_find(number, suite));
    keys->key.len = suite->key_len;
    keys->iv.len = suite->iv_len;
    record_keys(&r, &aead_mbedtls, suite, keys, 0);
    return r;
}

static struct record_side rfc8448(void)
{
    struct tls_suite suite;
    struct tls_keys keys = {.key = {.len = 0}};
    hex_bytes("17422dda596ed5d9acd890e3c63f5051", keys.key.data, 16);
    hex_bytes("5b78923dee08579033e523d9", keys.iv.data, 12);
    return side_of(0x1301, &suite, &keys);
}

/* What lies at its place behind the header. */
static struct slice in_place(const struct record_side *r, const uint8_t *record, size_t len)
{
    return (struct slice){record + record_front(r), len};
}

START_TEST(known_record)
{
    struct record_side r = rfc8448();
    uint8_t want[128], record[128];
    size_t len = hex_bytes(client_record, want, sizeof(want));
    ck_assert_uint_eq(record_size(&r, 50), len);
    for (uint8_t i = 0; i < 50; i++) {
        record[record_front(&r) + i] = i;
    }
    ck_assert(record_seal(&r, RECORD_APPLICATION_DATA, record, in_place(&r, record, 50)));
    ck_assert_mem_eq(record, want, len);
    ck_assert_uint_eq(r.number, 1);
    record_done(&r);
    r = rfc8448(); /* and from somewhere else */
    static const uint8_t text[50] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                     13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
                                     26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
                                     39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49};
    memset(record, 0xee, sizeof(record));
    ck_assert(record_seal(&r, RECORD_APPLICATION_DATA, record, (struct slice){text, 50}));
    ck_assert_mem_eq(record, want, len);
    ck_assert_uint_eq(record[len], 0xee);
    record_done(&r);
}
END_TEST

START_TEST(known_record_opened)
{
    struct record_side r = rfc8448();
    uint8_t record[128], out[128], type = 0;
    struct slice text;
    size_t len = hex_bytes(client_record, record, sizeof(record));
    for (size_t bit = 40; bit < 8 * len; bit++) { /* a forged one leaves the number as it was */
        record[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_int_eq(
            record_open(&r, record, (struct slice){record + 5, len - 5}, out, &text, &type),
            RECORD_FORGED);
        record[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t n = 0; n < len - 5; n++) {
        ck_assert_int_eq(record_open(&r, record, (struct slice){record + 5, n}, out, &text, &type),
                         RECORD_FORGED);
    }
    ck_assert_int_eq(
        record_open(&r, record, (struct slice){record + 5, len - 5}, out, &text, &type),
        RECORD_GOOD);
    ck_assert_uint_eq(type, 23);
    ck_assert_uint_eq(text.len, 50);
    for (uint8_t i = 0; i < 50; i++) {
        ck_assert_uint_eq(text.data[i], i);
    }
    ck_assert_int_eq(
        record_open(&r, record, (struct slice){record + 5, len - 5}, out, &text, &type),
        RECORD_FORGED); /* the second has another nonce */
    record_done(&r);
}
END_TEST

/* Each record that is made is opened by the other opener, and by ours where it lies; also after a rest. */
START_TEST(all_suites)
{
    struct tls_suite suite;
    struct tls_keys keys;
    static const size_t lengths[] = {0, 1, 15, 16, 17, 1400, 16383, 16384};
    static uint8_t record[17000], other[17000];
    for (size_t i = 0; i < sizeof(keys.key.data); i++) {
        keys.key.data[i] = (uint8_t)(7 * i + 1);
        keys.iv.data[i] = (uint8_t)(11 * i + 3);
    }
    struct record_side out = side_of(suites[_i], &suite, &keys);
    struct record_side in = side_of(suites[_i], &suite, &keys);
    for (size_t n = 0; n < COUNT_OF(lengths); n++) {
        size_t len = lengths[n], front = record_front(&out), size = record_size(&out, len);
        struct slice text, payload = {record + 5, size - 5};
        uint8_t type = 0;
        memset(record + front, (int)n + 1, len);
        ck_assert(record_seal(&out, RECORD_APPLICATION_DATA, record, in_place(&out, record, len)));
        ck_assert_uint_eq(tls_open_record(&suite, &keys, n, record, payload, other, &type), len);
        ck_assert_uint_eq(type, 23);
        ck_assert_int_eq(record_open(&in, record, payload, record + 5, &text, &type), RECORD_GOOD);
        ck_assert_uint_eq(type, 23);
        ck_assert_uint_eq(text.len, len);
        ck_assert_ptr_eq(text.data, record + front);
        if (len > 0) {
            ck_assert_mem_eq(text.data, other, len);
            ck_assert_uint_eq(text.data[len - 1], n + 1);
        }
        record_rest(&out);
        record_rest(&in);
    }
    record_done(&out);
    record_done(&in);
}
END_TEST

/* RFC 8446 5.4: what is only padding has no type; 5.2: no more than 2^14 bytes and the type are inside. */
START_TEST(inside)
{
    static uint8_t record[17000], out[17000];
    struct record_side maker = rfc8448(), r = rfc8448();
    uint8_t type;
    struct slice text;
    memset(record, 0, sizeof(record));
    /* A type of 0 is a zero more: its record has nothing else in it. */
    ck_assert(record_seal(&maker, (enum record_type)0, record, in_place(&maker, record, 10)));
    struct slice payload = {record + 5, record_size(&maker, 10) - 5};
    ck_assert_int_eq(record_open(&r, record, payload, out, &text, &type), RECORD_UNTYPED);
    memset(record, 0, 64); /* padded: 4 bytes, the type, zeros */
    memcpy(record + 5, "abcd\x17", 5);
    ck_assert(record_seal(&maker, (enum record_type)0, record, in_place(&maker, record, 10)));
    ck_assert_int_eq(record_open(&r, record, payload, out, &text, &type), RECORD_GOOD);
    ck_assert_uint_eq(type, 23);
    ck_assert_uint_eq(text.len, 4);
    ck_assert_mem_eq(text.data, "abcd", 4);
    ck_assert(
        record_seal(&maker, RECORD_APPLICATION_DATA, record, in_place(&maker, record, 16385)));
    payload.len = record_size(&maker, 16385) - 5;
    ck_assert_int_eq(record_open(&r, record, payload, out, &text, &type), RECORD_OVERFLOW);
    payload.len = 16384 + 257;
    ck_assert_int_eq(record_open(&r, record, payload, out, &text, &type), RECORD_OVERFLOW);
    record_done(&maker);
    record_done(&r);
}
END_TEST

Suite *record_suite(void)
{
    Suite *s = suite_create("record");
    TCase *t = tcase_create("record");
    tcase_add_test(t, known_record);
    tcase_add_test(t, known_record_opened);
    tcase_add_loop_test(t, all_suites, 0, (int)COUNT_OF(suites));
    tcase_add_test(t, inside);
    suite_add_tcase(s, t);
    return s;
}
