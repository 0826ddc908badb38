/* apps/http/reply.c: heads of answers (RFC 9112 4 to 6). */
#include <check.h>
#include <string.h>

#include "apps/http/body.h"
#include "apps/http/reply.h"

static struct http_reply r;

/* In pieces of `piece` bytes; returns how many were taken. */
static size_t feed(const char *text, size_t piece)
{
    size_t len = strlen(text);
    size_t taken = 0;
    http_reply_init(&r);
    while (taken < len && r.state == HTTP_PARSE_MORE) {
        size_t n = size_min(piece, len - taken);
        taken += http_reply_feed(&r, (struct slice){(const uint8_t *)text + taken, n});
    }
    return taken;
}

static const struct {
    const char *text;
    unsigned status;
    bool chunked;
    uint64_t length; /* of the body, to a GET */
} good[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", 200, false, 12},
    {"HTTP/1.1 200 \r\ncontent-length:12  \r\n\r\n", 200, false, 12},
    {"HTTP/1.0 404\r\n\r\n", 404, false, HTTP_BODY_TO_THE_END},
    {"HTTP/1.1 200 OK\nContent-Length: 3\n\n", 200, false, 3},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 200, false, 3},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", 200, true, HTTP_BODY_TO_THE_END},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, false, 0},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n", 304, false, 0},
    {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 103, false, 0},
};

START_TEST(takes)
{
    for (size_t piece = 1; piece < 80; piece += 13) {
        size_t len = strlen(good[_i].text);
        ck_assert_uint_eq(feed(good[_i].text, piece), len);
        ck_assert_int_eq(r.state, HTTP_PARSE_DONE);
        ck_assert_uint_eq(r.status, good[_i].status);
        ck_assert_int_eq(r.chunked, good[_i].chunked);
        ck_assert_uint_eq(http_reply_length(&r, false), good[_i].length);
        ck_assert_uint_eq(http_reply_length(&r, true), 0);
        ck_assert_uint_eq(r.len, len);
        ck_assert_mem_eq(r.head, good[_i].text, len);
        http_reply_done(&r);
    }
}
END_TEST

START_TEST(leaves_the_body)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
    ck_assert_uint_eq(feed(text, sizeof text), strlen(text) - 4);
    http_reply_done(&r);
}
END_TEST

static const char *const bad[] = {
    "HTTP/2 200 OK\r\n\r\n",
    "HTTP/1.x 200 OK\r\n\r\n",
    "SSH-2.0-OpenSSH_9.9\r\n",
    "\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 099 OK\r\n\r\n",
    "HTTP/1.1 200OK\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
    "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
    "HTTP/1.1 200 OK\r\nName : blank\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
};

START_TEST(refuses)
{
    for (size_t piece = 1; piece < 80; piece += 13) {
        feed(bad[_i], piece);
        ck_assert_msg(r.state == HTTP_PARSE_ERROR, "took %s", bad[_i]);
        ck_assert_ptr_nonnull(r.why);
        http_reply_done(&r);
    }
}
END_TEST

START_TEST(has_a_limit)
{
    static const char line[] = "X: 0123456789012345678901234567890123456789\r\n";
    size_t fed = feed("HTTP/1.1 200 OK\r\n", 100);
    for (int i = 0; i < 5000 && r.state == HTTP_PARSE_MORE; i++) {
        fed += http_reply_feed(&r, (struct slice){(const uint8_t *)line, strlen(line)});
    }
    ck_assert_int_eq(r.state, HTTP_PARSE_ERROR);
    ck_assert_uint_le(fed, HTTP_REPLY_MAX + 1);
    http_reply_done(&r);
}
END_TEST

START_TEST(a_body_to_the_end)
{
    struct http_body b;
    size_t used;
    http_body_init(&b, false, HTTP_BODY_TO_THE_END);
    for (unsigned i = 1; i <= 3; i++) {
        struct slice data = http_body_next(&b, (struct slice){(const uint8_t *)"12345", 5}, &used);
        ck_assert_uint_eq(data.len, 5);
        ck_assert_uint_eq(used, 5);
        ck_assert_uint_eq(b.total, 5 * i);
        ck_assert_int_eq(b.state, HTTP_BODY_DATA);
    }
}
END_TEST

Suite *http_reply_suite(void);
Suite *http_reply_suite(void)
{
    Suite *s = suite_create("http_reply");
    TCase *t = tcase_create("http_reply");
    tcase_add_loop_test(t, takes, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_test(t, leaves_the_body);
    tcase_add_loop_test(t, refuses, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(t, has_a_limit);
    tcase_add_test(t, a_body_to_the_end);
    suite_add_tcase(s, t);
    return s;
}
