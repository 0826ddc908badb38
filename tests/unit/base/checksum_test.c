/* The Internet checksum against the example of RFC 1071, a header from the wire, and a sum that is
 * taken the slow way.
 */
#include "stack/base/checksum.h"

#include "tests/unit/base/lcg.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *checksum_suite(void);

/* Word by word, folded at every step. */
static uint16_t slow_checksum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i += 2) {
        sum += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0U);
        if (sum > 0xffff) {
            sum -= 0xffff;
        }
    }
    return (uint16_t)~sum;
}

/* RFC 1071 3: the sum of these bytes is ddf2. */
START_TEST(the_example_of_the_rfc)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    ck_assert_uint_eq(csum_finish(csum_add(0, bytes, sizeof bytes)), 0xffff - 0xddf2);
}
END_TEST

/* A UDP packet's IPv4 header whose checksum field holds b861. */
START_TEST(a_header_from_the_wire)
{
    uint8_t h[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                   0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
    ck_assert_uint_eq(csum_finish(csum_add(0, h, sizeof h)), 0);
    h[10] = 0;
    h[11] = 0;
    ck_assert_uint_eq(csum_finish(csum_add(0, h, sizeof h)), 0xb861);
}
END_TEST

START_TEST(nothing_and_zeros_give_all_ones)
{
    static const uint8_t zeros[64];
    ck_assert_uint_eq(csum_finish(0), 0xffff);
    ck_assert_uint_eq(csum_finish(csum_add(0, NULL, 0)), 0xffff);
    ck_assert_uint_eq(csum_finish(csum_add(0, zeros, sizeof zeros)), 0xffff);
}
END_TEST

START_TEST(any_length_at_any_alignment)
{
    uint8_t bytes[700];
    struct lcg g = {1};
    lcg_fill(&g, bytes, sizeof bytes);
    for (size_t at = 0; at < 33; at++) {
        for (size_t len = 0; len <= 650; len++) {
            ck_assert_uint_eq(csum_finish(csum_add(0, bytes + at, len)),
                              slow_checksum(bytes + at, len));
        }
    }
}
END_TEST

/* Every addition carries. */
START_TEST(carries_are_not_lost)
{
    size_t most = 70000;
    uint8_t *ones = malloc(most);
    ck_assert_ptr_nonnull(ones);
    memset(ones, 0xff, most);
    for (size_t len = 1; len <= most; len = len * 3 + 1) {
        ck_assert_uint_eq(csum_finish(csum_add(UINT64_MAX, ones, len)), slow_checksum(ones, len));
    }
    struct lcg g = {2};
    lcg_fill(&g, ones, most);
    ck_assert_uint_eq(csum_finish(csum_add(0, ones, most)), slow_checksum(ones, most));
    free(ones);
}
END_TEST

/* All words of 8 bytes out of 00, 01 and ff: carries that beget carries when the sum is folded. */
START_TEST(folding_carries_to_the_end)
{
    static const uint8_t digits[] = {0x00, 0x01, 0xff};
    for (unsigned n = 0; n < 6561; n++) {
        uint8_t bytes[8];
        unsigned rest = n;
        for (size_t i = 0; i < sizeof bytes; i++, rest /= 3) {
            bytes[i] = digits[rest % 3];
        }
        ck_assert_uint_eq(csum_finish(csum_add(0, bytes, sizeof bytes)),
                          slow_checksum(bytes, sizeof bytes));
    }
}
END_TEST

START_TEST(parts_of_even_length_in_sequence)
{
    uint8_t bytes[99];
    struct lcg g = {3};
    lcg_fill(&g, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= 98; cut += 2) {
        uint64_t sum = csum_add(csum_add(0, bytes, cut), bytes + cut, sizeof bytes - cut);
        ck_assert_uint_eq(csum_finish(sum), slow_checksum(bytes, sizeof bytes));
    }
}
END_TEST

START_TEST(slices_cut_anywhere)
{
    uint8_t bytes[79];
    struct lcg g = {4};
    lcg_fill(&g, bytes, sizeof bytes);
    for (size_t i = 0; i <= sizeof bytes; i++) {
        for (size_t j = i; j <= sizeof bytes; j++) {
            struct slice s[] = {{bytes, i}, {bytes + i, j - i}, {bytes + j, sizeof bytes - j}};
            ck_assert_uint_eq(csum_finish(csum_add_slices(0, s, 3)),
                              slow_checksum(bytes, sizeof bytes));
        }
    }
}
END_TEST

START_TEST(slices_of_one_byte_each)
{
    uint8_t bytes[41];
    struct slice s[41];
    struct lcg g = {5};
    lcg_fill(&g, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        s[i] = (struct slice){bytes + i, 1};
    }
    ck_assert_uint_eq(csum_finish(csum_add_slices(0, s, 41)), slow_checksum(bytes, sizeof bytes));
}
END_TEST

/* The pseudo-header (RFC 9293 3.1) as numbers and as bytes. */
START_TEST(numbers_count_like_their_bytes)
{
    static const uint8_t bytes[] = {0x0a, 0x09, 0x00, 0x02, 0xfe, 0xdc,
                                    0xba, 0x98, 0x00, 0x06, 0xff, 0xff};
    uint64_t sum = csum_add_be32(0, 0x0a090002);
    sum = csum_add_be32(sum, 0xfedcba98);
    sum = csum_add_be16(sum, 6);
    sum = csum_add_be16(sum, 0xffff);
    ck_assert_uint_eq(csum_finish(sum), slow_checksum(bytes, sizeof bytes));
    uint64_t mixed = csum_add(csum_add_be32(0, 0x0a090002), bytes + 4, 8);
    ck_assert_uint_eq(csum_finish(mixed), slow_checksum(bytes, sizeof bytes));
}
END_TEST

Suite *checksum_suite(void)
{
    Suite *s = suite_create("checksum");
    TCase *c = tcase_create("checksum");
    tcase_add_test(c, the_example_of_the_rfc);
    tcase_add_test(c, a_header_from_the_wire);
    tcase_add_test(c, nothing_and_zeros_give_all_ones);
    tcase_add_test(c, any_length_at_any_alignment);
    tcase_add_test(c, carries_are_not_lost);
    tcase_add_test(c, folding_carries_to_the_end);
    tcase_add_test(c, parts_of_even_length_in_sequence);
    tcase_add_test(c, slices_cut_anywhere);
    tcase_add_test(c, slices_of_one_byte_each);
    tcase_add_test(c, numbers_count_like_their_bytes);
    suite_add_tcase(s, c);
    return s;
}
