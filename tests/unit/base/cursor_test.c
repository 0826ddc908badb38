/* The cursor reads and writes in network order, and never past its end. */
#include "stack/base/cursor.h"

#include <check.h>
#include <string.h>

Suite *cursor_suite(void);

static const uint8_t counting[18] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};

START_TEST(reads_numbers_in_network_order)
{
    struct rd r = rd_of(counting, sizeof counting);
    ck_assert_uint_eq(rd_u8(&r), 0x01);
    ck_assert_uint_eq(rd_be16(&r), 0x0203);
    ck_assert_uint_eq(rd_be24(&r), 0x040506);
    ck_assert_uint_eq(rd_be32(&r), 0x0708090a);
    ck_assert_uint_eq(rd_be64(&r), UINT64_C(0x0b0c0d0e0f101112));
    ck_assert_uint_eq(rd_left(&r), 0);
    ck_assert(!r.failed);
}
END_TEST

START_TEST(reads_numbers_with_the_top_bit_set)
{
    static const uint8_t ones[18] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct rd r = rd_of(ones, sizeof ones);
    ck_assert_uint_eq(rd_u8(&r), UINT8_MAX);
    ck_assert_uint_eq(rd_be16(&r), UINT16_MAX);
    ck_assert_uint_eq(rd_be24(&r), 0xffffff);
    ck_assert_uint_eq(rd_be32(&r), UINT32_MAX);
    ck_assert_uint_eq(rd_be64(&r), UINT64_MAX);
}
END_TEST

/* What each kind of read needs, and that one byte less makes it fail. */
START_TEST(a_read_past_the_end_fails_and_gives_zero)
{
    static const size_t need[] = {1, 2, 3, 4, 8};
    size_t which = (size_t)_i;
    for (size_t len = 0; len <= need[which]; len++) {
        struct rd r = rd_of(counting, len);
        uint64_t v = 0;
        switch (need[which]) {
        case 1:
            v = rd_u8(&r);
            break;
        case 2:
            v = rd_be16(&r);
            break;
        case 3:
            v = rd_be24(&r);
            break;
        case 4:
            v = rd_be32(&r);
            break;
        default:
            v = rd_be64(&r);
            break;
        }
        ck_assert_int_eq(r.failed, len < need[which]);
        ck_assert_int_eq(v == 0, len < need[which]);
        ck_assert_uint_eq(rd_left(&r), 0);
    }
}
END_TEST

START_TEST(a_failed_cursor_stays_failed)
{
    struct rd r = rd_of(counting, 3);
    ck_assert_uint_eq(rd_be32(&r), 0);
    ck_assert_uint_eq(rd_u8(&r), 0);
    rd_skip(&r, 0);
    ck_assert(r.failed);
    ck_assert_uint_eq(rd_left(&r), 0);
    ck_assert_uint_eq(rd_take(&r, 0).len, 0);
    ck_assert_ptr_null(rd_take(&r, 0).data);
}
END_TEST

START_TEST(lengths_near_the_largest_do_not_wrap)
{
    struct rd r = rd_of(counting, sizeof counting);
    rd_skip(&r, SIZE_MAX);
    ck_assert(r.failed);
    r = rd_of(counting, sizeof counting);
    rd_skip(&r, 4);
    ck_assert_uint_eq(rd_take(&r, SIZE_MAX - 2).len, 0);
    ck_assert(r.failed);
}
END_TEST

START_TEST(copy_fills_with_zeros_when_it_fails)
{
    uint8_t out[4] = {9, 9, 9, 9};
    struct rd r = rd_of(counting, 7);
    rd_copy(&r, out, 4);
    ck_assert_mem_eq(out, counting, 4);
    rd_copy(&r, out, 4);
    ck_assert_mem_eq(out, "\0\0\0\0", 4);
    ck_assert(r.failed);
}
END_TEST

START_TEST(a_sub_cursor_ends_where_it_should)
{
    struct rd r = rd_of(counting, 10);
    struct rd sub = rd_sub(&r, 3);
    ck_assert_uint_eq(rd_left(&sub), 3);
    ck_assert_uint_eq(rd_be16(&sub), 0x0102);
    ck_assert_uint_eq(rd_be16(&sub), 0);
    ck_assert(sub.failed);
    ck_assert(!r.failed);
    ck_assert_uint_eq(rd_u8(&r), 4);

    struct rd beyond = rd_sub(&r, 7);
    ck_assert(beyond.failed);
    ck_assert(r.failed);
    ck_assert_uint_eq(rd_left(&beyond), 0);
}
END_TEST

START_TEST(take_gives_the_bytes_in_place)
{
    struct rd r = rd_slice((struct slice){counting, 6});
    rd_skip(&r, 2);
    struct slice s = rd_take(&r, 4);
    ck_assert_ptr_eq(s.data, counting + 2);
    ck_assert_uint_eq(s.len, 4);
    ck_assert(!r.failed);
}
END_TEST

START_TEST(an_empty_cursor_needs_no_memory)
{
    struct rd r = rd_of(NULL, 0);
    ck_assert_uint_eq(rd_left(&r), 0);
    rd_skip(&r, 0);
    ck_assert(!r.failed);
    ck_assert_uint_eq(rd_u8(&r), 0);
    ck_assert(r.failed);
}
END_TEST

START_TEST(writes_in_network_order)
{
    uint8_t out[20];
    struct wr w = wr_of(out, sizeof out);
    wr_u8(&w, 0x01);
    wr_be16(&w, 0x0203);
    wr_be32(&w, 0x04050607);
    wr_bytes(&w, "\x08\x09", 2);
    wr_fill(&w, 0xee, 3);
    wr_be64(&w, 0x1112131415161718);
    ck_assert_mem_eq(out,
                     "\x01\x02\x03\x04\x05\x06\x07\x08\x09\xee\xee\xee"
                     "\x11\x12\x13\x14\x15\x16\x17\x18",
                     20);
    ck_assert_uint_eq(wr_len(&w), 20);
    ck_assert(!w.failed);
}
END_TEST

/* Whatever is asked for, the byte behind the end is not touched, and nothing follows a failure. */
START_TEST(a_write_past_the_end_writes_nothing)
{
    for (size_t cap = 0; cap < 4; cap++) {
        uint8_t out[8];
        memset(out, 0x55, sizeof out);
        struct wr w = wr_of(out, cap);
        switch (_i) {
        case 0:
            wr_be32(&w, UINT32_MAX);
            break;
        case 1:
            wr_bytes(&w, counting, 4);
            break;
        case 2:
            wr_fill(&w, 0, SIZE_MAX);
            break;
        default:
            wr_fill(&w, 0x55, cap);
            wr_be16(&w, UINT16_MAX);
            break;
        }
        ck_assert(w.failed);
        wr_u8(&w, 0);
        for (size_t i = 0; i < sizeof out; i++) {
            ck_assert_uint_eq(out[i], 0x55);
        }
        ck_assert_uint_eq(wr_len(&w), _i == 3 ? cap : 0);
    }
}
END_TEST

Suite *cursor_suite(void)
{
    Suite *s = suite_create("cursor");
    TCase *read = tcase_create("read");
    tcase_add_test(read, reads_numbers_in_network_order);
    tcase_add_test(read, reads_numbers_with_the_top_bit_set);
    tcase_add_loop_test(read, a_read_past_the_end_fails_and_gives_zero, 0, 5);
    tcase_add_test(read, a_failed_cursor_stays_failed);
    tcase_add_test(read, lengths_near_the_largest_do_not_wrap);
    tcase_add_test(read, copy_fills_with_zeros_when_it_fails);
    tcase_add_test(read, a_sub_cursor_ends_where_it_should);
    tcase_add_test(read, take_gives_the_bytes_in_place);
    tcase_add_test(read, an_empty_cursor_needs_no_memory);
    suite_add_tcase(s, read);
    TCase *write = tcase_create("write");
    tcase_add_test(write, writes_in_network_order);
    tcase_add_loop_test(write, a_write_past_the_end_writes_nothing, 0, 4);
    suite_add_tcase(s, write);
    return s;
}
