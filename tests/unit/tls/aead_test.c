/* The engines of authenticated encryption: known answers of the GCM specification and of RFC 8439, every way to forge a
 * message, every way to cut one, and all engines against each other. What is expected of records stands in
 * record_test.c. */
#include "tls/aead.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/random.h"
#include "tests/unit/tls/hex.h"
#include "tls/aead_engines.h"

Suite *aead_suite(void);

#define TEXT_MAX 70000U
#define PARTS_MAX 8U

/* P of the specification's test cases, and its ciphertexts under the two keys of test cases 3 and 15. */
#define GCM_TEXT_60                                                                                \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6" \
    "b525b16aedf5aa0de657ba637b39"
#define GCM_SEALED_128                                                                             \
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84" \
    "aa051ba30b396a0aac973d58e091"
#define GCM_SEALED_256                                                                             \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b105682" \
    "8838c5f61e6393ba7a0abcc9f662"
#define ZERO_16 "00000000000000000000000000000000"
#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_IV "cafebabefacedbaddecaf888"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"

static const struct known {
    enum aead_algorithm algorithm;
    const char *key, *nonce, *additional, *text, *sealed;
} known[] = {
    /* McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B: test cases 1 to 4 and 13 to 16. */
    {AEAD_AES_128_GCM, ZERO_16, "000000000000000000000000", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {AEAD_AES_128_GCM, ZERO_16, "000000000000000000000000", "", ZERO_16,
     "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
    {AEAD_AES_128_GCM, GCM_KEY, GCM_IV, "", GCM_TEXT_60 "1aafd255",
     GCM_SEALED_128 "473f59854d5c2af327cd64a62cf35abd2ba6fab4"},
    {AEAD_AES_128_GCM, GCM_KEY, GCM_IV, GCM_AAD, GCM_TEXT_60,
     GCM_SEALED_128 "5bc94fbc3221a5db94fae95ae7121a47"},
    {AEAD_AES_256_GCM, ZERO_16 ZERO_16, "000000000000000000000000", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {AEAD_AES_256_GCM, ZERO_16 ZERO_16, "000000000000000000000000", "", ZERO_16,
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {AEAD_AES_256_GCM, GCM_KEY GCM_KEY, GCM_IV, "", GCM_TEXT_60 "1aafd255",
     GCM_SEALED_256 "898015adb094dac5d93471bdec1a502270e3cc6c"},
    {AEAD_AES_256_GCM, GCM_KEY GCM_KEY, GCM_IV, GCM_AAD, GCM_TEXT_60,
     GCM_SEALED_256 "76fc6ece0f4e1768cddf8853bb2d551b"},
    /* RFC 8439 2.8.2 */
    {AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620492"
     "0"
     "636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c20737"
     "5"
     "6e73637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da927"
     "2"
     "8b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b483"
     "1"
     "d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"},
};

/* A message and what it is sealed to, with room to spare for neither. */
struct message {
    enum aead_algorithm algorithm;
    uint8_t key[AEAD_KEY_MAX], nonce[AEAD_NONCE], additional[1100];
    size_t additional_len, len; /* bytes; `len` of the text */
    uint8_t text[TEXT_MAX], sealed[TEXT_MAX + AEAD_TAG];
};

static struct message m;                     /* the one that a test is about */
static uint8_t out[TEXT_MAX + AEAD_TAG + 1]; /* what an engine makes of it */

static const struct aead_engine *engine_of(int test)
{
    return aead_engine((unsigned)test);
}

static int engine_count(void)
{
    int n = 0;
    while (engine_of(n) != NULL) {
        n++;
    }
    return n;
}

static struct slice additional_data(void)
{
    return (struct slice){m.additional, m.additional_len};
}

static void take_known(const struct known *k)
{
    m.algorithm = k->algorithm;
    hex_bytes(k->key, m.key, sizeof(m.key));
    hex_bytes(k->nonce, m.nonce, sizeof(m.nonce));
    m.additional_len = hex_bytes(k->additional, m.additional, sizeof(m.additional));
    m.len = hex_bytes(k->text, m.text, sizeof(m.text));
    ck_assert_uint_eq(hex_bytes(k->sealed, m.sealed, sizeof(m.sealed)), m.len + AEAD_TAG);
}

/* Any message of such lengths, sealed by mbedTLS, which the known answers hold. */
static void take_random(struct random *r, enum aead_algorithm a, size_t len, size_t additional_len)
{
    m.algorithm = a;
    m.len = len;
    m.additional_len = additional_len;
    random_bytes(r, m.key, sizeof(m.key));
    random_bytes(r, m.nonce, sizeof(m.nonce));
    random_bytes(r, m.additional, additional_len);
    random_bytes(r, m.text, len);
    struct aead *k = aead_mbedtls.create(a, m.key);
    struct slice part = {m.text, len};
    ck_assert_ptr_nonnull(k);
    ck_assert(aead_seal(&aead_mbedtls, k, m.nonce, additional_data(), &part, 1, m.sealed));
    aead_mbedtls.destroy(k);
}

static struct random seeded(uint8_t seed)
{
    struct random r;
    uint8_t bytes[32] = {seed};
    random_init(&r, bytes);
    return r;
}

static struct aead *made(const struct aead_engine *e)
{
    struct aead *k = e->create(m.algorithm, m.key);
    ck_assert_ptr_nonnull(k);
    return k;
}

/* Cuts `len` bytes at `data` where `cuts`, ascending, say. */
static unsigned cut(const uint8_t *data, size_t len, const size_t *cuts, unsigned cut_count,
                    struct slice parts[PARTS_MAX])
{
    size_t from = 0;
    for (unsigned i = 0; i <= cut_count; i++) {
        size_t to = i < cut_count ? cuts[i] : len;
        parts[i] = (struct slice){data + from, to - from};
        from = to;
    }
    return cut_count + 1;
}

static void check_seals(const struct aead_engine *e, struct aead *k, const struct slice *parts,
                        unsigned count)
{
    out[m.len + AEAD_TAG] = 0x5a;
    ck_assert(aead_seal(e, k, m.nonce, additional_data(), parts, count, out));
    ck_assert_mem_eq(out, m.sealed, m.len + AEAD_TAG);
    ck_assert_uint_eq(out[m.len + AEAD_TAG], 0x5a);
}

static void check_opens(const struct aead_engine *e, struct aead *k, const struct slice *parts,
                        unsigned count, uint8_t *to)
{
    ck_assert(aead_open(e, k, m.nonce, additional_data(), parts, count, to));
    ck_assert(m.len == 0 || memcmp(to, m.text, m.len) == 0);
}

/* Not authentic, and nothing is left where the text would be. */
static void check_refused(const struct aead_engine *e, struct aead *k, struct slice sealed)
{
    memset(out, 0x5a, m.len + AEAD_TAG);
    ck_assert(!aead_open(e, k, m.nonce, additional_data(), &sealed, 1, out));
    for (size_t i = 0; sealed.len >= AEAD_TAG && i < sealed.len - AEAD_TAG; i++) {
        ck_assert_uint_eq(out[i], 0);
    }
}

static void check_message(const struct aead_engine *e)
{
    struct aead *k = made(e);
    struct slice text = {m.text, m.len}, sealed = {m.sealed, m.len + AEAD_TAG}, at = {out, m.len};
    check_seals(e, k, &text, 1);
    check_opens(e, k, &sealed, 1, out);
    check_seals(e, k, &at, 1); /* in place: `out` has the text now */
    at.len += AEAD_TAG;
    check_opens(e, k, &at, 1, out);
    e->destroy(k);
}

START_TEST(known_answers)
{
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        take_known(&known[i]);
        check_message(engine_of(_i));
    }
}
END_TEST

static void flip(uint8_t *bytes, size_t bit)
{
    bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
}

START_TEST(forged)
{
    const struct aead_engine *e = engine_of(_i);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        take_known(&known[i]);
        struct aead *k = made(e);
        struct slice sealed = {m.sealed, m.len + AEAD_TAG};
        struct {
            uint8_t *bytes;
            size_t len;
        } fields[] = {
            {m.sealed, sealed.len}, {m.additional, m.additional_len}, {m.nonce, AEAD_NONCE}};
        for (size_t f = 0; f < COUNT_OF(fields); f++) {
            for (size_t bit = 0; bit < 8 * fields[f].len; bit++) {
                flip(fields[f].bytes, bit);
                check_refused(e, k, sealed);
                flip(fields[f].bytes, bit);
            }
        }
        check_opens(e, k, &sealed, 1, out); /* what was refused leaves no trace */
        e->destroy(k);
    }
}
END_TEST

/* Bits of the tag that are wrong together: neither a sum nor a difference of bytes may make up for it. */
START_TEST(forged_tags)
{
    const struct aead_engine *e = engine_of(_i);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        take_known(&known[i]);
        struct aead *k = made(e);
        struct slice sealed = {m.sealed, m.len + AEAD_TAG};
        uint8_t right[AEAD_TAG], *tag = m.sealed + m.len;
        memcpy(right, tag, AEAD_TAG);
        for (unsigned pattern = 0; pattern < 5; pattern++) {
            for (size_t b = 0; b < AEAD_TAG; b++) {
                const uint8_t wrong[] = {0, 0xff, (uint8_t)~right[b], right[b] ^ 0x80,
                                         right[AEAD_TAG - 1 - b]};
                tag[b] = wrong[pattern];
            }
            check_refused(e, k, sealed);
        }
        memcpy(tag, right, AEAD_TAG);
        check_opens(e, k, &sealed, 1, out);
        e->destroy(k);
    }
}
END_TEST

START_TEST(truncated)
{
    const struct aead_engine *e = engine_of(_i);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        take_known(&known[i]);
        struct aead *k = made(e);
        for (size_t len = 0; len < m.len + AEAD_TAG; len++) {
            check_refused(e, k, (struct slice){m.sealed, len});
        }
        ck_assert(!aead_open(e, k, m.nonce, additional_data(), NULL, 0, out));
        m.sealed[m.len + AEAD_TAG] = 0;
        check_refused(e, k, (struct slice){m.sealed, m.len + AEAD_TAG + 1});
        e->destroy(k);
    }
}
END_TEST

START_TEST(other_key)
{
    const struct aead_engine *e = engine_of(_i);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        take_known(&known[i]);
        size_t key_len = m.algorithm == AEAD_AES_128_GCM ? 16 : 32;
        for (size_t b = 0; b < key_len; b++) {
            m.key[b] ^= 1;
            struct aead *k = made(e);
            check_refused(e, k, (struct slice){m.sealed, m.len + AEAD_TAG});
            e->destroy(k);
            m.key[b] ^= 1;
        }
    }
}
END_TEST

/* Two cuts at every pair of places, the same place included: an empty part is nothing. */
START_TEST(cuts)
{
    const struct aead_engine *e = engine_of(_i);
    struct random r = seeded(1);
    struct slice parts[PARTS_MAX];
    for (enum aead_algorithm a = 0; a < AEAD_ALGORITHMS; a++) {
        take_random(&r, a, 83, 13);
        struct aead *k = made(e);
        size_t sealed_len = m.len + AEAD_TAG;
        for (size_t i = 0; i <= sealed_len; i++) {
            for (size_t j = i; j <= sealed_len; j++) {
                const size_t places[] = {i, j};
                unsigned n = cut(m.sealed, sealed_len, places, 2, parts);
                check_opens(e, k, parts, n, out);
                if (j <= m.len) {
                    n = cut(m.text, m.len, places, 2, parts);
                    check_seals(e, k, parts, n);
                    /* each where its ciphertext goes */
                    memcpy(out, m.text, m.len);
                    n = cut(out, m.len, places, 2, parts);
                    check_seals(e, k, parts, n);
                }
            }
        }
        e->destroy(k);
    }
}
END_TEST

/* Parts that lie one behind the other, as slabs do; a forged one is found however it is cut. */
START_TEST(forged_in_parts)
{
    const struct aead_engine *e = engine_of(_i);
    struct random r = seeded(2);
    struct slice parts[PARTS_MAX];
    for (enum aead_algorithm a = 0; a < AEAD_ALGORITHMS; a++) {
        take_random(&r, a, 40, 5);
        struct aead *k = made(e);
        size_t sealed_len = m.len + AEAD_TAG;
        for (size_t i = 0; i <= sealed_len; i++) {
            flip(m.sealed, 8 * (sealed_len - 1));
            unsigned n = cut(m.sealed, sealed_len, &i, 1, parts);
            memset(out, 0x5a, sealed_len);
            ck_assert(!aead_open(e, k, m.nonce, additional_data(), parts, n, out));
            for (size_t b = 0; b < m.len; b++) {
                ck_assert_uint_eq(out[b], 0);
            }
            ck_assert_uint_eq(out[m.len], 0x5a); /* it holds the text, and no more */
            flip(m.sealed, 8 * (sealed_len - 1));
        }
        e->destroy(k);
    }
}
END_TEST

START_TEST(lengths)
{
    static const size_t around[] = {127,   128,   129,   255,   256,   257,     1023,  1024,
                                    1025,  4095,  4096,  4097,  16367, 16368,   16369, 16383,
                                    16384, 16385, 16640, 65535, 65536, TEXT_MAX};
    struct random r = seeded(3);
    for (enum aead_algorithm a = 0; a < AEAD_ALGORITHMS; a++) {
        for (size_t len = 0; len <= 64; len++) {
            take_random(&r, a, len, len % 3 == 0 ? 0 : 5);
            check_message(engine_of(_i));
        }
        for (size_t i = 0; i < COUNT_OF(around); i++) {
            take_random(&r, a, around[i], 13);
            check_message(engine_of(_i));
        }
        for (size_t len = 0; len <= 64; len++) {
            take_random(&r, a, 20, len);
            check_message(engine_of(_i));
        }
        take_random(&r, a, 20, sizeof(m.additional));
        check_message(engine_of(_i));
        take_random(&r, a, 0, sizeof(m.additional));
        check_message(engine_of(_i));
    }
}
END_TEST

static int ascending(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

static unsigned cut_anywhere(struct random *r, const uint8_t *data, size_t len,
                             struct slice parts[PARTS_MAX])
{
    size_t places[PARTS_MAX];
    unsigned n = random_below(r, PARTS_MAX);
    for (unsigned i = 0; i < n; i++) {
        places[i] = random_below(r, (uint32_t)len + 1);
    }
    qsort(places, n, sizeof(places[0]), ascending);
    return cut(data, len, places, n, parts);
}

/* What one engine seals is what mbedTLS seals, and each opens it, whatever the message and the cuts. One key
 * serves many messages. */
START_TEST(against_each_other)
{
    const struct aead_engine *e = engine_of(_i);
    struct random r = seeded(4);
    struct slice parts[PARTS_MAX];
    for (unsigned round = 0; round < 900; round++) {
        size_t len = random_below(&r, round % 8 == 0 ? 16641 : 600);
        take_random(&r, (enum aead_algorithm)(round % AEAD_ALGORITHMS), len, random_below(&r, 40));
        struct aead *k = made(e);
        for (unsigned again = 0; again < 3; again++) {
            unsigned n = cut_anywhere(&r, m.text, m.len, parts);
            check_seals(e, k, parts, n);
            n = cut_anywhere(&r, m.sealed, m.len + AEAD_TAG, parts);
            check_opens(e, k, parts, n, out);
        }
        size_t bit = random_below(&r, (uint32_t)(8 * (m.len + AEAD_TAG)));
        flip(m.sealed, bit);
        check_refused(e, k, (struct slice){m.sealed, m.len + AEAD_TAG});
        flip(m.sealed, bit);
        struct slice text = {m.text, m.len};
        check_seals(e, k, &text, 1);
        e->destroy(k);
    }
}
END_TEST

/* Keys of the same engine do not know of each other. */
START_TEST(many_keys)
{
    const struct aead_engine *e = engine_of(_i);
    struct random r = seeded(5);
    for (enum aead_algorithm a = 0; a < AEAD_ALGORITHMS; a++) {
        take_random(&r, a, 100, 5);
        struct aead *first = made(e);
        struct message *kept = malloc(sizeof(*kept));
        ck_assert_ptr_nonnull(kept);
        *kept = m;
        take_random(&r, a, 100, 5);
        struct aead *second = made(e);
        struct slice sealed = {m.sealed, m.len + AEAD_TAG};
        check_refused(e, first, sealed);
        check_opens(e, second, &sealed, 1, out);
        e->destroy(second);
        m = *kept;
        check_opens(e, first, &sealed, 1, out);
        e->destroy(first);
        free(kept);
    }
    e->destroy(NULL);
}
END_TEST

START_TEST(names)
{
    const struct aead_engine *e, *last = NULL;
    for (int i = 0; (e = engine_of(i)) != NULL; i++) {
        ck_assert_ptr_eq(aead_engine_named(e->name), e);
        last = e;
    }
    ck_assert_ptr_eq(last, &aead_mbedtls); /* which every build has */
    ck_assert_ptr_eq(aead_engine_named("mbedtls"), &aead_mbedtls);
    ck_assert_ptr_null(aead_engine_named("mbed"));
    ck_assert_ptr_null(aead_engine_named(""));
#ifdef AEAD_LIBCRYPTO
    ck_assert_ptr_eq(aead_engine_named("libcrypto"), &aead_libcrypto);
#else
    ck_assert_ptr_null(aead_engine_named("libcrypto"));
#endif
}
END_TEST

Suite *aead_suite(void)
{
    Suite *s = suite_create("aead");
    TCase *tc = tcase_create("core");
    int n = engine_count();
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, known_answers, 0, n);
    tcase_add_loop_test(tc, forged, 0, n);
    tcase_add_loop_test(tc, forged_tags, 0, n);
    tcase_add_loop_test(tc, truncated, 0, n);
    tcase_add_loop_test(tc, other_key, 0, n);
    tcase_add_loop_test(tc, cuts, 0, n);
    tcase_add_loop_test(tc, forged_in_parts, 0, n);
    tcase_add_loop_test(tc, lengths, 0, n);
    tcase_add_loop_test(tc, against_each_other, 0, n);
    tcase_add_loop_test(tc, many_keys, 0, n);
    tcase_add_test(tc, names);
    suite_add_tcase(s, tc);
    return s;
}
