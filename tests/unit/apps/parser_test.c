/* apps/http/parser.c and field.c: request heads, right and wrong, in any pieces. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/http/field.h"
#include "apps/http/parser.h"

#define HOST "Host: a\r\n"

static struct slice of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void same(struct slice s, const char *text)
{
    ck_assert_uint_eq(s.len, strlen(text));
    ck_assert_mem_eq(s.data, text, s.len);
}

/* Feeds everything, `run` bytes at a time; the bytes that were taken. */
static size_t feed(struct http_parser *p, struct slice in, size_t run)
{
    size_t taken = 0;
    http_parser_init(p);
    while (taken < in.len && p->state == HTTP_PARSE_MORE) {
        size_t n = size_min(run, in.len - taken);
        uint8_t *copy = malloc(n); /* on its own, so that reading beyond is seen */
        memcpy(copy, in.data + taken, n);
        taken += http_parser_feed(p, (struct slice){copy, n});
        free(copy);
    }
    return taken;
}

START_TEST(reads_a_request)
{
    const char *text = "GET /a/b?c=d HTTP/1.1\r\nHost: vitrine.test:8443\r\nUser-Agent: x\r\n"
                       "Accept:  text/html, */*;q=0.1 \t\r\nRange: bytes=0-9\r\n\r\n";
    size_t runs[] = {1, 2, 3, 7, 1000};
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        struct http_parser p;
        ck_assert_uint_eq(feed(&p, of(text), runs[i]), strlen(text));
        ck_assert_int_eq(p.state, HTTP_PARSE_DONE);
        ck_assert_int_eq(p.request.method, HTTP_GET);
        ck_assert_uint_eq(p.request.minor, 1);
        ck_assert(p.request.keep_alive);
        ck_assert(!p.request.chunked && !p.request.has_length && !p.request.expect_continue);
        same(http_span_of(&p, p.request.target), "/a/b?c=d");
        same(http_span_of(&p, p.request.host), "vitrine.test:8443");
        same(http_span_of(&p, p.request.accept), "text/html, */*;q=0.1");
        same(http_span_of(&p, p.request.range), "bytes=0-9");
        ck_assert_uint_eq(http_span_of(&p, p.request.if_range).len, 0);
        http_parser_done(&p);
    }
}
END_TEST

START_TEST(leaves_what_follows_the_head)
{
    struct http_parser p;
    const char *head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    char text[256];
    snprintf(text, sizeof text, "%shelloGET / HTTP/1.1\r\n", head);
    ck_assert_uint_eq(feed(&p, of(text), 1000), strlen(head));
    ck_assert_int_eq(p.state, HTTP_PARSE_DONE);
    ck_assert(p.request.has_length);
    ck_assert_uint_eq(p.request.length, 5);
    ck_assert_uint_eq(http_parser_feed(&p, of("more")), 0);
    http_parser_done(&p);
}
END_TEST

static const struct {
    const char *text;
    unsigned status; /* 0: good */
} cases[] = {
    {"GET / HTTP/1.1\r\n" HOST "\r\n", 0},
    {"\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0},
    {"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0},
    {"\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.0\r\n\r\n", 0},
    {"GET / HTTP/1.9\r\n" HOST "\r\n", 0},
    {"GET http://a/b HTTP/1.1\r\n" HOST "\r\n", 0},
    {"BREW / HTTP/1.1\r\n" HOST "\r\n", 0}, /* unknown, not malformed */
    /* the request line */
    {"GET / HTTP/1.1\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\r\n" HOST "\r\n", 400},
    {"GET /\r\n" HOST "\r\n", 400},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
    {" GET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"G(T / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / http/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/11\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.10\r\n" HOST "\r\n", 400},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"GET / HTTP/0.9\r\n" HOST "\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"\x16\x03\x01\x02\r\n", 400}, /* a TLS record */
    {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 501},
    /* fields */
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: 1\r\n 2\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Nonsense\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\x01z\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X:\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" HOST "X: \xe4\tz\r\n\r\n", 0},
    /* bodies */
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x10\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\n" HOST "Expect: a-pony\r\n\r\n", 417},
    {"POST / HTTP/1.0\r\nExpect: a-pony\r\n\r\n", 0},
};

START_TEST(judges_heads)
{
    size_t runs[] = {1, 5, 1000};
    for (size_t r = 0; r < COUNT_OF(runs); r++) {
        struct http_parser p;
        feed(&p, of(cases[_i].text), runs[r]);
        if (cases[_i].status == 0) {
            ck_assert_msg(p.state == HTTP_PARSE_DONE, "%s: %u %s", cases[_i].text, p.status, p.why);
        } else {
            ck_assert_msg(p.state == HTTP_PARSE_ERROR, "%s", cases[_i].text);
            ck_assert_msg(p.status == cases[_i].status, "%s: %u", cases[_i].text, p.status);
            ck_assert(p.why != NULL && p.why[0] != '\0');
        }
        http_parser_done(&p);
    }
}
END_TEST

static const struct {
    const char *line, *connection;
    bool keep_alive;
} lives[] = {
    {"GET / HTTP/1.1", "X: y", true},
    {"GET / HTTP/1.1", "Connection: close", false},
    {"GET / HTTP/1.1", "Connection: Keep-Alive, CLOSE", false},
    {"GET / HTTP/1.1", "Connection: te, upgrade", true},
    {"GET / HTTP/1.0", "X: y", false},
    {"GET / HTTP/1.0", "Connection: keep-alive", true},
    {"GET / HTTP/1.0", "Connection: keep-alive\r\nConnection: close", false},
};

START_TEST(knows_how_long_a_connection_lives)
{
    char text[256];
    struct http_parser p;
    snprintf(text, sizeof text, "%s\r\nHost: a\r\n%s\r\n\r\n", lives[_i].line,
             lives[_i].connection);
    feed(&p, of(text), 1000);
    ck_assert_int_eq(p.state, HTTP_PARSE_DONE);
    ck_assert_int_eq(p.request.keep_alive, lives[_i].keep_alive);
    http_parser_done(&p);
}
END_TEST

/* A head with a target of `target` bytes, and `fields` field lines of `length` bytes with their ends. */
static unsigned status_of(size_t target, unsigned fields, size_t length)
{
    size_t size = target + fields * length + 100;
    char *text = malloc(size), *at = text;
    at += sprintf(at, "GET /");
    memset(at, 'a', target - 1);
    at += target - 1;
    at += sprintf(at, " HTTP/1.0\r\n");
    for (unsigned i = 0; i < fields; i++) {
        memset(at, 'x', length);
        memcpy(at, "X:", 2);
        memcpy(at + length - 2, "\r\n", 2);
        at += length;
    }
    sprintf(at, "\r\n");
    struct http_parser p;
    feed(&p, of(text), 1000);
    unsigned status = p.state == HTTP_PARSE_DONE ? 0 : p.status;
    ck_assert_int_ne(p.state, HTTP_PARSE_MORE);
    http_parser_done(&p);
    free(text);
    return status;
}

START_TEST(keeps_limits)
{
    ck_assert_uint_eq(status_of(8192, 0, 0), 0);
    ck_assert_uint_eq(status_of(8193, 0, 0), 414);
    ck_assert_uint_eq(status_of(100000, 0, 0), 414);
    ck_assert_uint_eq(status_of(1, 100, 10), 0);
    ck_assert_uint_eq(status_of(1, 101, 10), 431);
    ck_assert_uint_eq(status_of(1, 1, 16382), 0); /* and the empty line: 16384 */
    ck_assert_uint_eq(status_of(1, 1, 16383), 431);
    ck_assert_uint_eq(status_of(8192, 16, 1020), 0);
}
END_TEST

START_TEST(an_endless_line_is_cut_off)
{
    struct http_parser p;
    http_parser_init(&p);
    size_t fed = 0;
    http_parser_feed(&p, of("GET /"));
    while (p.state == HTTP_PARSE_MORE) {
        fed += http_parser_feed(&p, of("aaaaaaaaaaaaaaaa"));
    }
    ck_assert_uint_eq(p.status, 414);
    ck_assert_uint_lt(fed, 8300);
    http_parser_done(&p);
}
END_TEST

START_TEST(lists_have_elements)
{
    struct rd r = rd_slice(of(" a ,, \"x,y\" , b"));
    struct slice item;
    ck_assert(http_field_next(&r, &item));
    same(item, "a");
    ck_assert(http_field_next(&r, &item));
    same(item, "\"x,y\"");
    ck_assert(http_field_next(&r, &item));
    same(item, "b");
    ck_assert(!http_field_next(&r, &item));
}
END_TEST

START_TEST(knows_what_a_client_accepts)
{
    ck_assert(http_accepts(of("text/html,application/xhtml+xml"), "text/html"));
    ck_assert(http_accepts(of("Text/HTML;level=1;q=0.5"), "text/html"));
    ck_assert(http_accepts(of("text/plain, application/json"), "application/json"));
    ck_assert(!http_accepts(of("*/*"), "text/html"));
    ck_assert(!http_accepts(of(""), "text/html"));
    ck_assert(!http_accepts(of("text/html;q=0"), "text/html"));
    ck_assert(!http_accepts(of("text/html; q=0.000"), "text/html"));
    ck_assert(http_accepts(of("text/html;q=0.001"), "text/html"));
    ck_assert(!http_accepts(of("text/htmlx"), "text/html"));
}
END_TEST

Suite *parser_suite(void);
Suite *parser_suite(void)
{
    Suite *s = suite_create("parser");
    TCase *t = tcase_create("parser");
    tcase_add_test(t, reads_a_request);
    tcase_add_test(t, leaves_what_follows_the_head);
    tcase_add_loop_test(t, judges_heads, 0, (int)COUNT_OF(cases));
    tcase_add_loop_test(t, knows_how_long_a_connection_lives, 0, (int)COUNT_OF(lives));
    tcase_add_test(t, keeps_limits);
    tcase_add_test(t, an_endless_line_is_cut_off);
    tcase_add_test(t, lists_have_elements);
    tcase_add_test(t, knows_what_a_client_accepts);
    suite_add_tcase(s, t);
    return s;
}
