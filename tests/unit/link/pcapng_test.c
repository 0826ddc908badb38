/* stack/link/pcapng.c: the blocks, read back by the draft's own figures. That tshark reads them too is shown by
 * tests/e2e/pcapng.sh. */
#include "stack/link/pcapng.h"

#include <check.h>
#include <string.h>

static uint8_t file[400000];
static size_t file_len;

static void into_file(void *arg, const void *data, size_t len)
{
    (void)arg;
    ck_assert_uint_le(file_len + len, sizeof file);
    memcpy(file + file_len, data, len);
    file_len += len;
}

static struct pcapng p;

static void set_up(void)
{
    file_len = 0;
    p = (struct pcapng){.write = into_file};
}

static uint32_t get32(size_t at)
{
    uint32_t v;
    memcpy(&v, file + at, sizeof v);
    return v;
}

static uint16_t get16(size_t at)
{
    uint16_t v;
    memcpy(&v, file + at, sizeof v);
    return v;
}

/* A block at `at` of this type, its length told on both sides (draft 3.1); returns where it ends. */
static size_t block(size_t at, uint32_t type)
{
    ck_assert_uint_eq(get32(at), type);
    uint32_t len = get32(at + 4);
    ck_assert_uint_eq(len % 4, 0);
    ck_assert_uint_le(at + len, file_len);
    ck_assert_uint_eq(get32(at + len - 4), len);
    return at + len;
}

/* The n-th option of that code among those from `at` on (draft 3.5); NULL: there is none. */
static const uint8_t *option(size_t at, size_t end, uint16_t code, unsigned n, uint16_t *len)
{
    while (at + 4 <= end) {
        *len = get16(at + 2);
        if (get16(at) == 0) {
            ck_assert_uint_eq(*len, 0);
            ck_assert_uint_eq(at + 4, end);
            return NULL;
        }
        if (get16(at) == code && n-- == 0) {
            return file + at + 4;
        }
        at += 4U + (*len + 3U) / 4 * 4;
    }
    ck_abort_msg("options without an end");
    return NULL;
}

static void option_is(size_t at, size_t end, uint16_t code, unsigned n, const void *want,
                      size_t want_len)
{
    uint16_t len;
    const uint8_t *value = option(at, end, code, n, &len);
    ck_assert_ptr_nonnull(value);
    ck_assert_uint_eq(len, want_len);
    ck_assert_mem_eq(value, want, want_len);
}

START_TEST(a_section_and_its_interfaces)
{
    pcapng_section(&p, "vitrine");
    ck_assert_int_eq(pcapng_interface(&p, "vt0"), 0);
    ck_assert_int_eq(pcapng_interface(&p, NULL), 1);
    size_t end = block(0, 0x0a0d0d0a);
    ck_assert_uint_eq(get32(8), 0x1a2b3c4d);
    ck_assert_uint_eq(get16(12), 1); /* version 1.0 */
    ck_assert_uint_eq(get16(14), 0);
    option_is(24, end - 4, 4, 0, "vitrine", 7);
    size_t second = block(end, 1);
    ck_assert_uint_eq(get16(end + 8), 1); /* Ethernet */
    option_is(end + 16, second - 4, 2, 0, "vt0", 3);
    option_is(end + 16, second - 4, 9, 0, "\x09", 1); /* nanoseconds */
    ck_assert_uint_eq(block(second, 1), file_len);
}
END_TEST

START_TEST(a_frame_with_its_remarks)
{
    for (size_t n = 0; n < 6; n++) { /* every padding */
        struct slice parts[] = {{(const uint8_t *)"abcdefgh", n}, {(const uint8_t *)"xyz", 3}};
        struct pcapng_frame f = {.interface = 3,
                                 .out = n % 2 != 0,
                                 .at = INT64_C(0x123456789a) + (nsec)n,
                                 .data = parts,
                                 .slices = 2,
                                 .comments = {"what it led to", n > 2 ? "and before" : NULL},
                                 .missing = n > 3 ? 77 : 0};
        file_len = 0;
        pcapng_frame(&p, &f);
        ck_assert_uint_eq(pcapng_frame_size(&f), file_len);
        size_t end = block(0, 6);
        ck_assert_uint_eq(end, file_len);
        ck_assert_uint_eq(get32(8), 3);
        ck_assert_uint_eq(get32(12), 0x12);
        ck_assert_uint_eq(get32(16), 0x3456789a + n);
        ck_assert_uint_eq(get32(20), n + 3);
        ck_assert_uint_eq(get32(24), n + 3);
        ck_assert_mem_eq(file + 28, "abcdefgh", n);
        ck_assert_mem_eq(file + 28 + n, "xyz", 3);
        size_t options = 28 + (n + 3 + 3) / 4 * 4;
        uint16_t len;
        uint64_t missing = 77;
        option_is(options, end - 4, 1, 0, f.comments[0], strlen(f.comments[0]));
        ck_assert((option(options, end - 4, 1, 1, &len) != NULL) == (n > 2));
        ck_assert_uint_eq(option(options, end - 4, 2, 0, &len)[0], f.out ? 2 : 1);
        ck_assert((option(options, end - 4, 4, 0, &len) != NULL) == (n > 3));
        if (n > 3) {
            option_is(options, end - 4, 4, 0, &missing, sizeof missing);
        }
    }
}
END_TEST

START_TEST(a_remark_is_cut_where_its_length_ends)
{
    static char remark[100000];
    struct slice data = {(const uint8_t *)"x", 1};
    struct pcapng_frame f = {.data = &data, .slices = 1, .comments = {remark, NULL}};
    memset(remark, 'r', sizeof remark - 1);
    pcapng_frame(&p, &f);
    ck_assert_uint_eq(block(0, 6), file_len);
    uint16_t len;
    ck_assert_ptr_nonnull(option(32, file_len - 4, 1, 0, &len));
    ck_assert_uint_eq(len, 65535);
}
END_TEST

START_TEST(secrets)
{
    for (size_t n = 1; n < 6; n++) {
        file_len = 0;
        pcapng_secrets(&p, "CLIENT", n);
        ck_assert_uint_eq(pcapng_secrets_size(n), file_len);
        ck_assert_uint_eq(block(0, 10), file_len);
        ck_assert_uint_eq(get32(8), 0x544c534b); /* TLS key log */
        ck_assert_uint_eq(get32(12), n);
        ck_assert_mem_eq(file + 16, "CLIENT", n);
    }
}
END_TEST

Suite *pcapng_suite(void);
Suite *pcapng_suite(void)
{
    Suite *s = suite_create("pcapng");
    TCase *t = tcase_create("pcapng");
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, a_section_and_its_interfaces);
    tcase_add_test(t, a_frame_with_its_remarks);
    tcase_add_test(t, a_remark_is_cut_where_its_length_ends);
    tcase_add_test(t, secrets);
    suite_add_tcase(s, t);
    return s;
}
