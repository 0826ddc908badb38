/* The generator against the ChaCha20 vectors of RFC 8439 A.1; where the counter passes 32 bits,
 * against `openssl enc -chacha20`, whose second counter word is the first of the nonce.
 */
#include "stack/base/random.h"

#include <check.h>
#include <string.h>

Suite *random_suite(void);

static const uint8_t zero_seed[32];

/* Vectors 1 and 2: key 0, counters 0 and 1. */
static const uint8_t zero_stream[128] = {
    0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28,
    0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7,
    0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37,
    0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86,
    0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08, 0x0d,
    0xcb, 0x0f, 0x29, 0xa0, 0x48, 0xe3, 0x65, 0x69, 0x12, 0xc6, 0x53, 0x3e, 0x32, 0xee, 0x7a, 0xed,
    0x29, 0xb7, 0x21, 0x76, 0x9c, 0xe6, 0x4e, 0x43, 0xd5, 0x71, 0x33, 0xb0, 0x74, 0xd8, 0x39, 0xd5,
    0x31, 0xed, 0x1f, 0x28, 0x51, 0x0a, 0xfb, 0x45, 0xac, 0xe1, 0x0a, 0x1f, 0x4b, 0x79, 0x4d, 0x6f,
};

START_TEST(a_zero_seed)
{
    struct random r;
    uint8_t out[128];
    random_init(&r, zero_seed);
    random_bytes(&r, out, sizeof out);
    ck_assert_mem_eq(out, zero_stream, sizeof out);
}
END_TEST

/* Vector 4: the second byte of the key is ff, counter 2. */
START_TEST(another_seed)
{
    static const uint8_t seed[32] = {0x00, 0xff};
    static const uint8_t want[] = {
        0x72, 0xd5, 0x4d, 0xfb, 0xf1, 0x2e, 0xc4, 0x4b, 0x36, 0x26, 0x92, 0xdf, 0x94,
        0x13, 0x7f, 0x32, 0x8f, 0xea, 0x8d, 0xa7, 0x39, 0x90, 0x26, 0x5e, 0xc1, 0xbb,
        0xbe, 0xa1, 0xae, 0x9a, 0xf0, 0xca, 0x13, 0xb2, 0x5a, 0xa2, 0x6c, 0xb4, 0xa6,
        0x48, 0xcb, 0x9b, 0x9d, 0x1b, 0xe6, 0x5b, 0x2c, 0x09, 0x24, 0xa6, 0x6c, 0x54,
        0xd5, 0x45, 0xec, 0x1b, 0x73, 0x74, 0xf4, 0x87, 0x2e, 0x99, 0xf0, 0x96,
    };
    struct random r;
    uint8_t out[64];
    random_init(&r, seed);
    for (int block = 0; block < 3; block++) {
        random_bytes(&r, out, sizeof out);
    }
    ck_assert_mem_eq(out, want, sizeof want);
}
END_TEST

START_TEST(the_counter_has_64_bits)
{
    static const uint8_t want[] = {0xd8, 0x38, 0xfb, 0x09, 0x53, 0x6e, 0x2e, 0x3a,
                                   0x10, 0xe8, 0xf2, 0x3f, 0x48, 0x62, 0x73, 0xa6};
    uint8_t seed[32];
    for (size_t i = 0; i < sizeof seed; i++) {
        seed[i] = (uint8_t)i;
    }
    struct random r;
    uint8_t out[sizeof want];
    random_init(&r, seed);
    r.counter = UINT64_C(1) << 32;
    random_bytes(&r, out, sizeof out);
    ck_assert_mem_eq(out, want, sizeof want);
}
END_TEST

START_TEST(pieces_of_any_size_make_the_same_stream)
{
    for (size_t piece = 1; piece <= 70; piece++) {
        struct random r;
        uint8_t out[128];
        random_init(&r, zero_seed);
        for (size_t at = 0; at < sizeof out; at += piece) {
            random_bytes(&r, out + at, size_min(piece, sizeof out - at));
        }
        ck_assert_mem_eq(out, zero_stream, sizeof out);
    }
}
END_TEST

START_TEST(numbers_are_the_stream_little_endian)
{
    struct random r;
    random_init(&r, zero_seed);
    ck_assert_uint_eq(random_u32(&r), 0xade0b876);
    ck_assert_uint_eq(random_u64(&r), UINT64_C(0xe56a5d40903df1a0));
}
END_TEST

/* 6000 of each are expected, the standard deviation is 73. */
START_TEST(below_is_uniform)
{
    struct random r;
    unsigned seen[10] = {0};
    random_init(&r, zero_seed);
    for (int i = 0; i < 60000; i++) {
        uint32_t v = random_below(&r, 10);
        ck_assert_uint_lt(v, 10);
        seen[v]++;
    }
    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        ck_assert_uint_gt(seen[i], 6000 - 400);
        ck_assert_uint_lt(seen[i], 6000 + 400);
    }
}
END_TEST

/* Of a bound just above 2^31 a plain remainder would make the lower half twice as likely. */
START_TEST(below_is_uniform_for_large_bounds)
{
    struct random r;
    uint32_t bound = 0xc0000000;
    unsigned low = 0;
    random_init(&r, zero_seed);
    for (int i = 0; i < 40000; i++) {
        uint32_t v = random_below(&r, bound);
        ck_assert_uint_lt(v, bound);
        low += v < 0x40000000;
    }
    ck_assert_uint_gt(low, 40000 / 3 - 400); /* standard deviation 94; a remainder gives 20000 */
    ck_assert_uint_lt(low, 40000 / 3 + 400);
    ck_assert_uint_eq(random_below(&r, 1), 0);
}
END_TEST

Suite *random_suite(void)
{
    Suite *s = suite_create("random");
    TCase *c = tcase_create("random");
    tcase_add_test(c, a_zero_seed);
    tcase_add_test(c, another_seed);
    tcase_add_test(c, the_counter_has_64_bits);
    tcase_add_test(c, pieces_of_any_size_make_the_same_stream);
    tcase_add_test(c, numbers_are_the_stream_little_endian);
    tcase_add_test(c, below_is_uniform);
    tcase_add_test(c, below_is_uniform_for_large_bounds);
    suite_add_tcase(s, c);
    return s;
}
