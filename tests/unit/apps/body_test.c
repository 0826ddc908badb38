/* apps/http/body.c: bodies with a length and in chunks (RFC 9112 7.1). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "apps/http/body.h"

/* Reads `text` as a body, `run` bytes at a time. The data in `out`; the bytes taken. */
static size_t read_body(struct http_body *b, const char *text, size_t run, char *out)
{
    size_t taken = 0, len = strlen(text);
    out[0] = '\0';
    while (taken < len && b->state != HTTP_BODY_DONE && b->state != HTTP_BODY_ERROR) {
        size_t n = size_min(run, len - taken), used;
        struct slice data =
            http_body_next(b, (struct slice){(const uint8_t *)text + taken, n}, &used);
        ck_assert_uint_le(used, n);
        ck_assert(used > 0);
        strncat(out, (const char *)data.data, data.len);
        taken += used;
    }
    return taken;
}

static const struct {
    const char *text, *data; /* data NULL: refused */
    const char *rest;        /* bytes behind the body */
} cases[] = {
    {"5\r\nhello\r\n0\r\n\r\n", "hello", ""},
    {"5\r\nhello\r\n0\r\n\r\nGET /", "hello", "GET /"},
    {"0\r\n\r\n", "", ""},
    {"000\r\n\r\n", "", ""},
    {"a\r\n0123456789\r\n3;x=\"y\"\r\nabc\r\n0\r\n\r\n", "0123456789abc", ""},
    {"A \r\n0123456789\r\n0\r\n\r\n", "0123456789", ""},
    {"1\r\nx\r\n0\r\nTrailer: y\r\nMore: z\r\n\r\n!", "x", "!"},
    {"\r\n", NULL, ""},
    {"x\r\n", NULL, ""},
    {"-1\r\n", NULL, ""},
    {"0x1\r\n", NULL, ""},
    {"5\nhello", NULL, ""},
    {"5\rhello", NULL, ""},
    {"2\r\nabc\r\n", NULL, ""},
    {"2\r\nab\n0", NULL, ""},
    {"1234567890123456\r\n", NULL, ""}, /* would overflow one day */
    {";\r\n", NULL, ""},
    {"0\r\nA\nB\r\n\r\n", NULL, ""},
    {"0\r\nA\rB\r\n\r\n", NULL, ""},
};

START_TEST(reads_chunks)
{
    size_t runs[] = {1, 2, 3, 100};
    for (size_t r = 0; r < COUNT_OF(runs); r++) {
        char out[256];
        struct http_body b;
        http_body_init(&b, true, 0);
        size_t taken = read_body(&b, cases[_i].text, runs[r], out);
        if (cases[_i].data == NULL) {
            ck_assert_msg(b.state == HTTP_BODY_ERROR, "%s", cases[_i].text);
        } else {
            ck_assert_msg(b.state == HTTP_BODY_DONE, "%s", cases[_i].text);
            ck_assert_str_eq(out, cases[_i].data);
            ck_assert_str_eq(cases[_i].text + taken, cases[_i].rest);
            ck_assert_uint_eq(b.total, strlen(cases[_i].data));
        }
    }
}
END_TEST

START_TEST(reads_a_length)
{
    char out[64];
    struct http_body b;
    http_body_init(&b, false, 5);
    ck_assert_uint_eq(read_body(&b, "hello world", 2, out), 5);
    ck_assert_int_eq(b.state, HTTP_BODY_DONE);
    ck_assert_str_eq(out, "hello");
    http_body_init(&b, false, 0);
    ck_assert_int_eq(b.state, HTTP_BODY_DONE);
}
END_TEST

START_TEST(limits_lines_and_trailers)
{
    char text[20000];
    char out[16];
    struct http_body b;
    http_body_init(&b, true, 0);
    memset(text, 'x', sizeof text);
    memcpy(text, "1;", 2);
    text[300] = '\0';
    read_body(&b, text, 1000, out);
    ck_assert_int_eq(b.state, HTTP_BODY_ERROR);
    http_body_init(&b, true, 0);
    memset(text, 'x', sizeof text);
    memcpy(text, "0\r\n", 3);
    text[sizeof text - 1] = '\0';
    ck_assert_uint_lt(read_body(&b, text, 1000, out), 8200);
    ck_assert_int_eq(b.state, HTTP_BODY_ERROR);
}
END_TEST

Suite *body_suite(void);
Suite *body_suite(void)
{
    Suite *s = suite_create("body");
    TCase *t = tcase_create("body");
    tcase_add_loop_test(t, reads_chunks, 0, (int)COUNT_OF(cases));
    tcase_add_test(t, reads_a_length);
    tcase_add_test(t, limits_lines_and_trailers);
    suite_add_tcase(s, t);
    return s;
}
