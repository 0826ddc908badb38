/* SipHash-2-4 against the paper's vector (appendix A, 15 bytes) and, for other lengths, the values of
 * `openssl mac -macopt size:8 SIPHASH` for the same key and input.
 */
#include "stack/base/siphash.h"

#include <check.h>

Suite *siphash_suite(void);

/* 00 01 .. 0f, as two little-endian halves */
static const struct siphash_key paper_key = {UINT64_C(0x0706050403020100),
                                             UINT64_C(0x0f0e0d0c0b0a0908)};

/* The hash of the bytes 0, 1, 2, .. */
static uint64_t of_counting(size_t len)
{
    uint8_t in[300];
    for (size_t i = 0; i < len; i++) {
        in[i] = (uint8_t)i;
    }
    return siphash(&paper_key, in, len);
}

START_TEST(the_vector_of_the_paper)
{
    ck_assert_uint_eq(of_counting(15), UINT64_C(0xa129ca6149be45e5));
}
END_TEST

START_TEST(every_length_of_the_last_word)
{
    static const uint64_t want[] = {
        UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0x74f839c593dc67fd), UINT64_C(0x0d6c8009d9a94f5a),
        UINT64_C(0x85676696d7fb7e2d), UINT64_C(0xcf2794e0277187b7), UINT64_C(0x18765564cd99a68d),
        UINT64_C(0xcbc9466e58fee3ce), UINT64_C(0xab0200f58b01d137), UINT64_C(0x93f5f5799a932462),
        UINT64_C(0x9e0082df0ba9e4b0), UINT64_C(0x7a5dbbc594ddb9f3), UINT64_C(0xf4b32f46226bada7),
        UINT64_C(0x751e8fbc860ee5fb), UINT64_C(0x14ea5627c0843d90), UINT64_C(0xf723ca908e7af2ee),
        UINT64_C(0xa129ca6149be45e5), UINT64_C(0x3f2acc7f57c29bdb),
    };
    for (size_t len = 0; len < COUNT_OF(want); len++) {
        ck_assert_uint_eq(of_counting(len), want[len]);
    }
}
END_TEST

START_TEST(long_inputs)
{
    ck_assert_uint_eq(of_counting(63), UINT64_C(0x958a324ceb064572));
    ck_assert_uint_eq(of_counting(300), UINT64_C(0x4b0b710db6117839)); /* the length wraps at 256 */
}
END_TEST

START_TEST(the_key_matters)
{
    struct siphash_key other = paper_key;
    other.k1 ^= UINT64_C(1) << 63;
    ck_assert_uint_ne(siphash(&other, "", 0), siphash(&paper_key, "", 0));
    other = paper_key;
    other.k0 ^= 1;
    ck_assert_uint_ne(siphash(&other, "", 0), siphash(&paper_key, "", 0));
}
END_TEST

Suite *siphash_suite(void)
{
    Suite *s = suite_create("siphash");
    TCase *c = tcase_create("siphash");
    tcase_add_test(c, the_vector_of_the_paper);
    tcase_add_test(c, every_length_of_the_last_word);
    tcase_add_test(c, long_inputs);
    tcase_add_test(c, the_key_matters);
    suite_add_tcase(s, c);
    return s;
}
