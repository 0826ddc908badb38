/* apps/tape/format.c and writer.c: recordings as bytes, whole, damaged, cut off, and not ended. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/tape/writer.h"
#include "tests/unit/apps/tree.h"

#define RECORDS 5U

static uint8_t bytes[8192];
static size_t length;
static size_t begins[RECORDS + 1]; /* where each record begins; the last: the end */
static char why[256];

static const struct tape_header header = {
    .version = TAPE_VERSION, .flags = TAPE_NO_SECRETS, .build = "a build"};

/* Five records of different kinds, of 0, 1, 200, 3 and 1 bytes. */
static void make(void)
{
    static const size_t lengths[RECORDS] = {0, 1, 200, 3, 1};
    static const enum tape_type types[RECORDS] = {TAPE_WAIT, TAPE_TIME, TAPE_FRAME_IN,
                                                  TAPE_FRAME_OUT, TAPE_END};
    uint8_t content[200];
    struct tape_chain chain;
    struct wr w = wr_of(bytes, sizeof bytes);
    for (unsigned i = 0; i < sizeof content; i++) {
        content[i] = (uint8_t)(i + 1);
    }
    content[0] = 0;
    tape_write_header(&w, &chain, &header);
    for (unsigned i = 0; i < RECORDS; i++) {
        size_t half = lengths[i] / 2;
        struct slice parts[] = {{content, half}, {content + half, lengths[i] - half}};
        begins[i] = wr_len(&w);
        tape_write_record(&w, &chain, types[i], parts, 2);
    }
    ck_assert(!w.failed);
    length = begins[RECORDS] = wr_len(&w);
}

/* Reads all that can be read: how many records there are, and what ends them. */
static unsigned read_all(size_t len, enum tape_found *end)
{
    struct tape_reader r;
    struct tape_record record;
    unsigned n = 0;
    ck_assert(tape_open(&r, (struct slice){bytes, len}, why, sizeof why));
    while ((*end = tape_next(&r, &record)) == TAPE_FOUND_RECORD) {
        n++;
    }
    ck_assert_uint_eq(r.at, begins[n]);
    return n;
}

START_TEST(what_was_written_is_read)
{
    struct tape_reader r;
    struct tape_record record;
    make();
    ck_assert(tape_open(&r, (struct slice){bytes, length}, why, sizeof why));
    ck_assert_str_eq(r.header.build, "a build");
    ck_assert_uint_eq(r.header.flags, TAPE_NO_SECRETS);
    ck_assert(!r.header.big_endian);
    ck_assert_int_eq(tape_next(&r, &record), TAPE_FOUND_RECORD);
    ck_assert_int_eq(record.type, TAPE_WAIT);
    ck_assert_uint_eq(record.content.len, 0);
    ck_assert_int_eq(tape_next(&r, &record), TAPE_FOUND_RECORD);
    ck_assert_int_eq(record.type, TAPE_TIME);
    ck_assert_int_eq(tape_next(&r, &record), TAPE_FOUND_RECORD);
    ck_assert_int_eq(record.type, TAPE_FRAME_IN);
    ck_assert_uint_eq(record.content.len, 200);
    for (unsigned i = 1; i < 200; i++) {
        ck_assert_uint_eq(record.content.data[i], i + 1);
    }
    ck_assert_int_eq(tape_next(&r, &record), TAPE_FOUND_RECORD);
    ck_assert_int_eq(tape_next(&r, &record), TAPE_FOUND_END);
    ck_assert_int_eq(tape_next(&r, &record), TAPE_FOUND_END); /* and again */
}
END_TEST

/* DWARF 5, appendix C: the examples of LEB128; zigzag as Protocol Buffers' documentation has it. */
START_TEST(numbers)
{
    static const struct {
        uint64_t v;
        const char *hex;
    } cases[] = {{2, "02"},     {127, "7f"},     {128, "8001"},
                 {129, "8101"}, {12857, "b964"}, {UINT64_MAX, "ffffffffffffffffff01"}};
    static const int64_t signeds[] = {0, -1, 1, -2, 2147483647, INT64_MIN, INT64_MAX};
    static const uint64_t zigzag[] = {0, 1, 2, 3, 4294967294, UINT64_MAX, UINT64_MAX - 1};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t out[TAPE_VARINT_MAX];
        char hex[2 * TAPE_VARINT_MAX + 1] = "";
        struct wr w = wr_of(out, sizeof out);
        wr_varint(&w, cases[i].v);
        for (size_t k = 0; k < wr_len(&w); k++) {
            snprintf(hex + 2 * k, 3, "%02x", out[k]);
        }
        ck_assert_str_eq(hex, cases[i].hex);
        struct rd r = rd_of(out, wr_len(&w));
        ck_assert_uint_eq(rd_varint(&r), cases[i].v);
        ck_assert(!r.failed && rd_left(&r) == 0);
    }
    for (size_t i = 0; i < COUNT_OF(signeds); i++) {
        uint8_t out[TAPE_VARINT_MAX];
        struct wr w = wr_of(out, sizeof out);
        wr_signed(&w, signeds[i]);
        struct rd r = rd_of(out, wr_len(&w)), again = r;
        ck_assert_uint_eq(rd_varint(&r), zigzag[i]);
        ck_assert_int_eq(rd_signed(&again), signeds[i]);
    }
}
END_TEST

START_TEST(numbers_that_are_none)
{
    static const struct {
        uint8_t b[11];
        size_t len;
    } cases[] = {
        {{0x80}, 1},                                                     /* goes on, and ends */
        {{0x80, 0x00}, 2},                                               /* longer than needed */
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}, 10}, /* above 64 bits */
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0}, 11},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rd r = rd_of(cases[i].b, cases[i].len);
        ck_assert_uint_eq(rd_varint(&r), 0);
        ck_assert(r.failed);
    }
}
END_TEST

/* Every bit of every byte: what is before the damage is read, the damaged record and what follows is not. */
START_TEST(a_damaged_byte_is_seen_at_its_record)
{
    make();
    for (size_t at = begins[0]; at < length; at++) {
        unsigned record = 0;
        while (at >= begins[record + 1]) {
            record++;
        }
        for (unsigned bit = 0; bit < 8; bit++) {
            enum tape_found end;
            bytes[at] ^= (uint8_t)(1U << bit);
            ck_assert_uint_eq(read_all(length, &end), record);
            ck_assert(end == TAPE_FOUND_DAMAGE || end == TAPE_FOUND_CUT);
            bytes[at] ^= (uint8_t)(1U << bit);
        }
    }
}
END_TEST

START_TEST(a_damaged_header_is_refused)
{
    struct tape_reader r;
    make();
    for (size_t at = 0; at < begins[0]; at++) {
        bytes[at] ^= 0x10;
        ck_assert(!tape_open(&r, (struct slice){bytes, length}, why, sizeof why));
        ck_assert_str_ne(why, "");
        bytes[at] ^= 0x10;
        ck_assert(!tape_open(&r, (struct slice){bytes, at}, why, sizeof why));
    }
}
END_TEST

START_TEST(a_file_that_is_cut_is_read_up_to_there)
{
    make();
    for (size_t len = begins[0]; len < length; len++) {
        enum tape_found end;
        unsigned record = 0;
        while (len >= begins[record + 1]) {
            record++;
        }
        ck_assert_uint_eq(read_all(len, &end), record);
        ck_assert_int_eq(end, TAPE_FOUND_CUT);
    }
}
END_TEST

START_TEST(a_record_lost_or_moved_is_damage)
{
    enum tape_found end;
    make();
    size_t second = begins[2] - begins[1];
    memmove(bytes + begins[1], bytes + begins[2], length - begins[2]);
    ck_assert_uint_eq(read_all(length - second, &end), 1);
    ck_assert_int_eq(end, TAPE_FOUND_DAMAGE);
}
END_TEST

START_TEST(zeros_at_the_end_are_a_recording_that_was_not_ended)
{
    enum tape_found end;
    make();
    memset(bytes + begins[3], 0, sizeof bytes - begins[3]);
    ck_assert_uint_eq(read_all(sizeof bytes, &end), 3);
    ck_assert_int_eq(end, TAPE_FOUND_PADDING);
    bytes[sizeof bytes - 1] = 1;
    ck_assert_uint_eq(read_all(sizeof bytes, &end), 3);
    ck_assert_int_eq(end, TAPE_FOUND_DAMAGE);
}
END_TEST

/* ---- the writer ---- */

static char dir[64], file[96];

static void set_up(void)
{
    tree_make(dir, sizeof dir);
    snprintf(file, sizeof file, "%s/tape", dir);
}

static void tear_down(void)
{
    tree_remove(dir);
}

static uint8_t *load(size_t *size)
{
    struct stat st;
    FILE *f = fopen(file, "re");
    ck_assert(f != NULL && fstat(fileno(f), &st) == 0);
    uint8_t *all = malloc((size_t)st.st_size + 1);
    ck_assert(all != NULL);
    *size = fread(all, 1, (size_t)st.st_size, f);
    fclose(f);
    return all;
}

/* More than two windows of the file, and each record is where it was put. */
START_TEST(a_long_recording_is_written_and_read)
{
    static uint8_t content[100000];
    struct tape_writer w;
    struct tape_reader r;
    struct tape_record record;
    struct stat st;
    size_t size;
    ck_assert_int_eq(tape_writer_open(&w, file, UINT64_MAX, &header), 0);
    for (unsigned i = 0; i < 100; i++) {
        memset(content, (int)i, sizeof content);
        struct slice part = {content, sizeof content - i};
        ck_assert_int_eq(tape_writer_put(&w, TAPE_FRAME_IN, &part, 1), 0);
    }
    tape_writer_close(&w, TAPE_END_DONE);
    ck_assert(stat(file, &st) == 0 && (st.st_mode & 0777) == 0600);
    uint8_t *all = load(&size);
    ck_assert_uint_eq(size, w.at);
    ck_assert(tape_open(&r, (struct slice){all, size}, why, sizeof why));
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_int_eq(tape_next(&r, &record), TAPE_FOUND_RECORD);
        ck_assert_uint_eq(record.content.len, sizeof content - i);
        ck_assert_uint_eq(record.content.data[0], i);
        ck_assert_uint_eq(record.content.data[record.content.len - 1], i);
    }
    ck_assert_int_eq(tape_next(&r, &record), TAPE_FOUND_END);
    ck_assert_uint_eq(record.content.data[0], TAPE_END_DONE);
    free(all);
}
END_TEST

START_TEST(the_limit_holds_and_the_end_fits_below_it)
{
    static const uint8_t content[1000];
    struct tape_writer w;
    struct tape_reader r;
    struct tape_record record;
    struct slice part = {content, sizeof content};
    size_t size;
    unsigned n = 0;
    int result;
    ck_assert_int_eq(tape_writer_open(&w, file, 20000, &header), 0);
    while ((result = tape_writer_put(&w, TAPE_FRAME_IN, &part, 1)) == 0) {
        n++;
    }
    ck_assert_int_eq(result, -EFBIG);
    tape_writer_close(&w, TAPE_END_LIMIT);
    uint8_t *all = load(&size);
    ck_assert_uint_le(size, 20000);
    ck_assert_uint_gt(size, 18000);
    ck_assert(tape_open(&r, (struct slice){all, size}, why, sizeof why));
    for (; n > 0; n--) {
        ck_assert_int_eq(tape_next(&r, &record), TAPE_FOUND_RECORD);
    }
    ck_assert_int_eq(tape_next(&r, &record), TAPE_FOUND_END);
    ck_assert_uint_eq(record.content.data[0], TAPE_END_LIMIT);
    free(all);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    struct tape_writer w;
    ck_assert_int_eq(tape_writer_open(&w, "/dev/null", UINT64_MAX, &header), -EINVAL);
    ck_assert_int_eq(tape_writer_open(&w, dir, UINT64_MAX, &header), -EISDIR);
}
END_TEST

Suite *tape_format_suite(void);
Suite *tape_format_suite(void)
{
    Suite *s = suite_create("tape_format");
    TCase *format = tcase_create("format");
    tcase_add_test(format, what_was_written_is_read);
    tcase_add_test(format, numbers);
    tcase_add_test(format, numbers_that_are_none);
    tcase_add_test(format, a_damaged_byte_is_seen_at_its_record);
    tcase_add_test(format, a_damaged_header_is_refused);
    tcase_add_test(format, a_file_that_is_cut_is_read_up_to_there);
    tcase_add_test(format, a_record_lost_or_moved_is_damage);
    tcase_add_test(format, zeros_at_the_end_are_a_recording_that_was_not_ended);
    suite_add_tcase(s, format);
    TCase *writer = tcase_create("writer");
    tcase_add_checked_fixture(writer, set_up, tear_down);
    tcase_add_test(writer, a_long_recording_is_written_and_read);
    tcase_add_test(writer, the_limit_holds_and_the_end_fits_below_it);
    tcase_add_test(writer, what_is_no_file_is_refused);
    suite_add_tcase(s, writer);
    return s;
}
