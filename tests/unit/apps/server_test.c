/* apps/http/server.c, answer.c and transfer.c on a mock stream: answers, pipelining, backpressure,
 * bodies, deadlines and endings. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/apps/http_rig.h"

#define HOST "Host: vitrine.test\r\n"

/* One question and its answer, which must be all there is. */
static struct rig_answer ask(const char *text)
{
    size_t at = web.mock.out_len;
    http_rig_ask(text);
    struct rig_answer a = http_rig_next(&at, strncmp(text, "HEAD ", 5) == 0);
    ck_assert_uint_eq(at, web.mock.out_len);
    return a;
}

static void content_is(const struct rig_answer *a, const char *text)
{
    ck_assert_uint_eq(a->length, strlen(text));
    ck_assert_mem_eq(a->content, text, a->length);
}

/* ---- answers ---- */

START_TEST(answers_a_page)
{
    http_rig_connect();
    http_rig_ask("GET / HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_str_eq(web.mock.out, "HTTP/1.1 200 OK\r\n"
                                   "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                   "Server: vitrine/0.1.0\r\n"
                                   "Content-Type: text/plain; charset=utf-8\r\n"
                                   "X-Content-Type-Options: nosniff\r\n"
                                   "Content-Length: 9\r\n"
                                   "Cache-Control: no-store\r\n"
                                   "Vary: Accept\r\n\r\n"
                                   "the page\n");
    ck_assert(!web.mock.shut);
    struct rig_answer a = ask("GET /?json HTTP/1.1\r\n" HOST "\r\n");
    content_is(&a, "{}");
    a = ask("GET / HTTP/1.1\r\n" HOST "Accept: application/json\r\n\r\n");
    ck_assert(http_rig_has(&a, "Content-Type: application/json"));
    a = ask("GET http://vitrine.test/ HTTP/1.1\r\n" HOST "\r\n");
    content_is(&a, "the page\n");
}
END_TEST

START_TEST(tells_of_requests_and_answers)
{
    http_rig_connect();
    http_rig_ask("HEAD /this/target/is/much/longer/than/the/event/has/room/for HTTP/1.1\r\n" HOST
                 "\r\n");
    uint64_t n = web.recorder.written;
    const struct event *q = &web.recorder.ring[(n - 2) & web.recorder.mask];
    const struct event *r = &web.recorder.ring[(n - 1) & web.recorder.mask];
    ck_assert_int_eq(q->type, EV_http_request);
    ck_assert_uint_eq(q->conn, 7);
    ck_assert_uint_eq(q->u.http_request.method, HTTP_HEAD);
    ck_assert_str_eq(q->u.http_request.target, "/this/target/is/much/longer/than/the/");
    ck_assert_int_eq(r->type, EV_http_response);
    ck_assert_uint_eq(r->u.http_response.status, 404);
}
END_TEST

START_TEST(head_has_no_content)
{
    http_rig_connect();
    struct rig_answer a = ask("HEAD / HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(a.status, 200);
    ck_assert(http_rig_has(&a, "Content-Length: 9"));
    a = ask("HEAD /big.bin HTTP/1.1\r\n" HOST "Range: bytes=0-1\r\n\r\n");
    ck_assert_uint_eq(a.status, 200); /* RFC 9110 14.2: Range means something for GET only */
    ck_assert(http_rig_has(&a, "Content-Length: 300000"));
    a = ask("HEAD /missing HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(a.status, 404);
    a = ask("GET / HTTP/1.1\r\n" HOST "\r\n"); /* the connection is still in step */
    content_is(&a, "the page\n");
}
END_TEST

START_TEST(answers_files)
{
    http_rig_connect();
    struct rig_answer a = ask("GET /a.txt HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(a.status, 200);
    ck_assert(http_rig_has(&a, "Content-Type: text/plain; charset=utf-8"));
    ck_assert(http_rig_has(&a, "Accept-Ranges: bytes"));
    content_is(&a, "0123456789");
    a = ask("GET /none.txt HTTP/1.1\r\n" HOST "\r\n");
    ck_assert(http_rig_has(&a, "Content-Length: 0"));
    a = ask("GET /../a.txt HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(a.status, 404);
    a = ask("GET /%2e%2e/a.txt HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(a.status, 404);
    a = ask("GET /a%2etxt HTTP/1.1\r\n" HOST "\r\n");
    content_is(&a, "0123456789");
}
END_TEST

static int64_t set_second;

static int64_t set_clock(void)
{
    return set_second;
}

/* Files that are older than the clock are kept, with the head of the latest answer. */
START_TEST(the_head_of_a_file_is_of_its_moment_and_its_connection)
{
    web.server.config.clock = set_clock;
    http_rig_connect();
    for (unsigned i = 0; i < 3; i++) {            /* the first two are of the same second */
        set_second = INT64_C(4102444800) + i / 2; /* 2100-01-01 */
        struct rig_answer a = ask("GET /a.txt HTTP/1.1\r\n" HOST "\r\n");
        ck_assert(http_rig_has(&a, i < 2 ? "Date: Fri, 01 Jan 2100 00:00:00 GMT"
                                         : "Date: Fri, 01 Jan 2100 00:00:01 GMT"));
        ck_assert(http_rig_has(&a, "Content-Type: text/plain; charset=utf-8"));
        ck_assert(!http_rig_has(&a, "Connection: close"));
        content_is(&a, "0123456789");
    }
    struct rig_answer a = ask("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    ck_assert(http_rig_has(&a, "Connection: keep-alive"));
    a = ask("HEAD /a.txt HTTP/1.1\r\n" HOST "\r\n");
    ck_assert(!http_rig_has(&a, "Connection: keep-alive"));
    ck_assert(http_rig_has(&a, "Content-Length: 10"));
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(!web.mock.shut);
        a = ask("GET /a.txt HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        ck_assert(http_rig_has(&a, "Connection: close"));
        content_is(&a, "0123456789");
        ck_assert(web.mock.shut);
        http_rig_hang_up();
        http_rig_connect();
    }
    a = ask("GET /a.txt HTTP/1.1\r\n" HOST "\r\n");
    ck_assert(!http_rig_has(&a, "Connection: close"));
}
END_TEST

static bool early_now;

static bool is_early(struct stream *s)
{
    (void)s;
    return early_now;
}

/* RFC 8470 5.2: what may be a replay is answered only when it is safe; its first byte decides. */
START_TEST(early_data_must_be_safe)
{
    web.server.config.early = is_early;
    early_now = true;
    http_rig_connect();
    struct rig_answer a = ask("GET /a.txt HTTP/1.1\r\n" HOST "\r\n");
    content_is(&a, "0123456789");
    a = ask("HEAD /a.txt HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(a.status, 200);
    http_rig_ask("POST /echo HTT");
    early_now = false; /* the rest is not, and that does not help */
    a = ask("P/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
    ck_assert_uint_eq(a.status, 425);
    ck_assert(http_rig_has(&a, "Connection: close"));
    http_rig_hang_up();
    http_rig_connect();
    a = ask("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
    content_is(&a, "x");
}
END_TEST

START_TEST(answers_ranges)
{
    http_rig_connect();
    struct rig_answer a = ask("GET /a.txt HTTP/1.1\r\n" HOST "Range: bytes=2-4\r\n\r\n");
    ck_assert_uint_eq(a.status, 206);
    ck_assert(http_rig_has(&a, "Content-Range: bytes 2-4/10"));
    content_is(&a, "234");
    a = ask("GET /a.txt HTTP/1.1\r\n" HOST "Range: bytes=-3\r\n\r\n");
    ck_assert(http_rig_has(&a, "Content-Range: bytes 7-9/10"));
    content_is(&a, "789");
    a = ask("GET /a.txt HTTP/1.1\r\n" HOST "Range: bytes=0-1,3-4\r\n\r\n");
    ck_assert_uint_eq(a.status, 200);
    content_is(&a, "0123456789");
    a = ask("GET /a.txt HTTP/1.1\r\n" HOST "Range: bytes=10-\r\n\r\n");
    ck_assert_uint_eq(a.status, 416);
    ck_assert(http_rig_has(&a, "Content-Range: bytes */10"));
    a = ask("GET /a.txt HTTP/1.1\r\n" HOST "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n\r\n");
    ck_assert_uint_eq(a.status, 200);
}
END_TEST

/* The value of a field of the latest answer. */
static void field_of(const struct rig_answer *a, const char *name, char out[128])
{
    char text[64];
    int n = snprintf(text, sizeof text, "\r\n%s: ", name);
    const char *at = memmem(a->head, a->head_len, text, (size_t)n);
    ck_assert_ptr_nonnull(at);
    size_t len = strcspn(at + n, "\r");
    ck_assert_uint_lt(len, 128);
    memcpy(out, at + n, len);
    out[len] = '\0';
}

START_TEST(answers_conditions)
{
    char etag[128], modified[128], text[512];
    http_rig_connect();
    struct rig_answer a = ask("GET /a.txt HTTP/1.1\r\n" HOST "\r\n");
    field_of(&a, "ETag", etag);
    field_of(&a, "Last-Modified", modified);
    snprintf(text, sizeof text, "GET /a.txt HTTP/1.1\r\n" HOST "If-None-Match: \"x\", W/%s\r\n\r\n",
             etag);
    a = ask(text);
    ck_assert_uint_eq(a.status, 304);
    ck_assert_uint_eq(a.length, 0);
    snprintf(text, sizeof text, "GET /a.txt HTTP/1.1\r\n" HOST "If-Modified-Since: %s\r\n\r\n",
             modified);
    a = ask(text);
    ck_assert_uint_eq(a.status, 304);
    snprintf(text, sizeof text,
             "GET /a.txt HTTP/1.1\r\n" HOST "If-None-Match: \"x\"\r\nIf-Modified-Since: %s\r\n\r\n",
             modified);
    a = ask(text); /* RFC 9110 13.2.2: the entity tag decides */
    ck_assert_uint_eq(a.status, 200);
    snprintf(text, sizeof text,
             "GET /a.txt HTTP/1.1\r\n" HOST "Range: bytes=0-0\r\nIf-Range: %s\r\n\r\n", etag);
    a = ask(text);
    ck_assert_uint_eq(a.status, 206);
    content_is(&a, "0");
}
END_TEST

/* ---- refusals ---- */

static const struct {
    const char *text;
    unsigned status;
    const char *line; /* that the head must have, or NULL */
    bool close;
} refusals[] = {
    {"GET /missing HTTP/1.1\r\n" HOST "\r\n", 404, NULL, false},
    {"DELETE / HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: GET, HEAD", false},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: GET, HEAD", false},
    {"CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: GET, HEAD", false},
    {"GET /echo HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: POST, PUT", false},
    {"GET /discard HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: POST, PUT", false},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 405, "Allow: GET, HEAD", false},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 9000000\r\n\r\n", 405, NULL, true},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n", 405, NULL,
     true},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 1048577\r\n\r\n", 413, NULL, true},
    {"BREW / HTTP/1.1\r\n" HOST "\r\n", 501, NULL, true},
    {"POST /echo HTTP/1.1\r\n" HOST "Early-Data: 1\r\nContent-Length: 0\r\n\r\n", 425, NULL, true},
    {"GET / HTTP/3.0\r\n" HOST "\r\n", 505, NULL, true},
    {"GET / HTTP/1.1\r\n\r\n", 400, NULL, true},
    {"GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400, NULL, true},
    {"GET * HTTP/1.1\r\n" HOST "\r\n", 400, NULL, true},
    {"\x16\x03\x01\r\n", 400, NULL, true},
    {"POST /echo HTTP/1.1\r\n" HOST "Expect: a-pony\r\n\r\n", 417, NULL, true},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501, NULL, true},
};

START_TEST(refuses)
{
    http_rig_connect();
    struct rig_answer a = ask(refusals[_i].text);
    ck_assert_msg(a.status == refusals[_i].status, "%s: %u", refusals[_i].text, a.status);
    ck_assert(refusals[_i].line == NULL || http_rig_has(&a, refusals[_i].line));
    ck_assert_int_eq(http_rig_has(&a, "Connection: close"), refusals[_i].close);
    ck_assert_int_eq(web.mock.shut, refusals[_i].close);
    ck_assert(!web.mock.aborted);
    ck_assert(a.length > 4 && strtoul(a.content, NULL, 10) == a.status); /* it says why */
}
END_TEST

START_TEST(refuses_what_is_too_long)
{
    char *text = malloc(30000);
    http_rig_connect();
    sprintf(text, "GET /%08200d HTTP/1.1\r\n" HOST "\r\n", 0);
    http_rig_ask(text);
    ck_assert_int_eq(strncmp(web.mock.out, "HTTP/1.1 414 ", 13), 0);
    http_rig_hang_up();
    http_rig_connect();
    sprintf(text, "GET / HTTP/1.1\r\n" HOST "X: %020000d\r\n\r\n", 0);
    http_rig_ask(text);
    ck_assert_int_eq(strncmp(web.mock.out, "HTTP/1.1 431 ", 13), 0);
    free(text);
}
END_TEST

START_TEST(a_refused_connection_lingers)
{
    char junk[1000];
    memset(junk, 'x', sizeof junk);
    http_rig_connect();
    http_rig_ask("nonsense\r\n");
    ck_assert(web.mock.shut);
    size_t said = web.mock.out_len;
    for (int i = 0; i < 100; i++) { /* the client goes on: it is read, so that no reset is due */
        mock_give(&web.mock, junk, sizeof junk);
    }
    ck_assert_uint_eq(web.mock.in_len, 0);
    ck_assert(!web.mock.aborted);
    ck_assert_uint_eq(web.mock.out_len, said);
    for (int i = 0; i < 200; i++) { /* but not for ever */
        mock_give(&web.mock, junk, sizeof junk);
    }
    ck_assert(web.mock.aborted);
}
END_TEST

START_TEST(lingering_ends)
{
    http_rig_connect();
    http_rig_ask("nonsense\r\n");
    http_rig_advance(4 * NS_PER_SEC);
    ck_assert(!web.mock.aborted);
    http_rig_advance(2 * NS_PER_SEC);
    ck_assert(web.mock.aborted);
}
END_TEST

START_TEST(lingering_waits_for_a_slow_reader)
{
    http_rig_connect();
    web.unsent = 100000;
    http_rig_ask("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    for (int i = 0; i < 60; i++) {
        web.unsent -= 1000;
        http_rig_advance(6 * NS_PER_SEC);
        ck_assert(!web.mock.aborted);
    }
    for (int i = 0; i < 12; i++) { /* now it takes no more */
        http_rig_advance(6 * NS_PER_SEC);
    }
    ck_assert(web.mock.aborted);
}
END_TEST

/* ---- connections ---- */

static uint64_t begins[8]; /* where each answer is said to begin */
static unsigned begun;

static void note_answer(void *arg, const struct event *e)
{
    (void)arg;
    if (e->type == EV_http_response) {
        ck_assert_uint_lt(begun, COUNT_OF(begins));
        begins[begun++] = e->u.http_response.at;
    }
}

START_TEST(answers_say_where_they_begin)
{
    struct listener l = {.on_event = note_answer};
    begun = 0;
    http_rig_connect();
    recorder_listen(&web.recorder, &l);
    http_rig_ask("GET /big.bin HTTP/1.1\r\n" HOST "\r\nHEAD / HTTP/1.1\r\n" HOST "\r\n"
                 "POST /echo HTTP/1.1\r\n" HOST
                 "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    http_rig_ask("xyGET / HTTP/1.1\r\n" HOST "\r\n");
    recorder_unlisten(&web.recorder, &l);
    ck_assert_uint_eq(begun, 5); /* 100 (Continue) is one */
    for (unsigned i = 0; i < begun; i++) {
        ck_assert_uint_le(begins[i] + 9, web.mock.out_len);
        ck_assert_mem_eq(web.mock.out + begins[i], "HTTP/1.1 ", 9);
        ck_assert(i == 0 ? begins[i] == 0 : begins[i] > begins[i - 1]);
    }
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    http_rig_connect();
    http_rig_ask("GET /a.txt HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n"
                 "HEAD /a.txt HTTP/1.1\r\n" HOST "\r\nGET /a.txt HTTP/1.1\r\n" HOST
                 "Range: bytes=9-\r\n\r\nGET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                 "GET /never HTTP/1.1\r\n" HOST "\r\n");
    size_t at = 0;
    struct rig_answer a = http_rig_next(&at, false);
    content_is(&a, "0123456789");
    a = http_rig_next(&at, false);
    content_is(&a, "the page\n");
    a = http_rig_next(&at, true);
    ck_assert(http_rig_has(&a, "Content-Length: 10"));
    a = http_rig_next(&at, false);
    content_is(&a, "9");
    a = http_rig_next(&at, false);
    content_is(&a, "the page\n");
    ck_assert(http_rig_has(&a, "Connection: close"));
    ck_assert_uint_eq(at, web.mock.out_len);
    ck_assert(web.mock.shut);
    ck_assert_uint_eq(web.server.requests, 5);
}
END_TEST

START_TEST(takes_requests_byte_by_byte)
{
    const char *text = "GET /a.txt HTTP/1.1\r\n" HOST "\r\nPOST /echo HTTP/1.1\r\n" HOST
                       "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                       "GET / HTTP/1.1\r\n" HOST "\r\n";
    http_rig_connect();
    for (const char *c = text; *c != '\0'; c++) {
        mock_give(&web.mock, c, 1);
    }
    size_t at = 0;
    struct rig_answer a = http_rig_next(&at, false);
    content_is(&a, "0123456789");
    a = http_rig_next(&at, false);
    content_is(&a, "abcde");
    http_rig_answer_done(&a);
    a = http_rig_next(&at, false);
    content_is(&a, "the page\n");
}
END_TEST

START_TEST(http_1_0_closes_unless_asked)
{
    http_rig_connect();
    struct rig_answer a = ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    ck_assert(http_rig_has(&a, "Connection: keep-alive"));
    ck_assert(!web.mock.shut);
    a = ask("GET / HTTP/1.0\r\n\r\n");
    ck_assert(http_rig_has(&a, "Connection: close"));
    ck_assert(web.mock.shut);
}
END_TEST

START_TEST(a_half_closed_client_gets_its_answer)
{
    http_rig_connect();
    mock_give_text(&web.mock, "GET /big.bin HTTP/1.1\r\n" HOST "\r\n");
    mock_end(&web.mock);
    ck_assert(!web.mock.shut);
    http_rig_drain();
    ck_assert(web.mock.shut);
    size_t at = 0;
    struct rig_answer a = http_rig_next(&at, false);
    ck_assert_uint_eq(a.length, RIG_BIG);
    ck_assert_mem_eq(a.content, web.big, RIG_BIG);
}
END_TEST

START_TEST(a_client_that_leaves_gets_nothing)
{
    http_rig_connect();
    mock_give_text(&web.mock, "GET / HT");
    mock_end(&web.mock);
    ck_assert(web.mock.shut);
    ck_assert_uint_eq(web.mock.out_len, 0);
}
END_TEST

START_TEST(connections_have_a_limit)
{
    struct http_conn *a = http_conn_new(&web.server, 1), *b = http_conn_new(&web.server, 2);
    ck_assert(a != NULL && b != NULL);
    ck_assert_ptr_null(http_conn_new(&web.server, 3));
    ck_assert_uint_eq(web.server.refused, 1);
    http_conn_drop(a);
    http_conn_drop(b);
    http_rig_connect();
}
END_TEST

START_TEST(the_end_of_the_server_aborts_connections)
{
    http_rig_connect();
    mock_give_text(&web.mock, "GET /big.bin HTTP/1.1\r\n" HOST "\r\n");
    http_server_done(&web.server);
    ck_assert(web.mock.aborted);
}
END_TEST

/* ---- backpressure ---- */

START_TEST(a_file_goes_out_as_fast_as_it_is_taken)
{
    http_rig_connect();
    mock_give_text(&web.mock, "GET /big.bin HTTP/1.1\r\n" HOST "\r\n");
    while (web.mock.out_len < RIG_BIG) {
        ck_assert_uint_le(web.mock.out_len - web.mock.taken, RIG_QUEUE);
        ck_assert_uint_gt(web.mock.out_len - web.mock.taken, 0);
        mock_take(&web.mock, 1777);
    }
    http_rig_drain();
    size_t at = 0;
    struct rig_answer a = http_rig_next(&at, false);
    ck_assert_uint_eq(a.length, RIG_BIG);
    ck_assert_mem_eq(a.content, web.big, RIG_BIG);
    a = ask("GET / HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(a.status, 200);
}
END_TEST

START_TEST(input_waits_while_output_does)
{
    http_rig_connect();
    mock_give_text(&web.mock, "GET /big.bin HTTP/1.1\r\n" HOST "\r\n");
    size_t consumed = web.mock.consumed;
    mock_give_text(&web.mock, "GET / HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(web.mock.consumed, consumed);
    http_rig_drain();
    ck_assert_uint_eq(web.mock.in_len, 0);
    size_t at = 0;
    http_rig_next(&at, false);
    struct rig_answer a = http_rig_next(&at, false);
    content_is(&a, "the page\n");
}
END_TEST

START_TEST(a_file_that_shrinks_ends_the_connection)
{
    char path[128];
    snprintf(path, sizeof path, "%s/big.bin", web.root);
    http_rig_connect();
    mock_give_text(&web.mock, "GET /big.bin HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_int_eq(truncate(path, 1000), 0);
    http_rig_drain();
    ck_assert(web.mock.aborted);
}
END_TEST

/* ---- bodies ---- */

START_TEST(echoes_a_body)
{
    http_rig_connect();
    struct rig_answer a = ask("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
    ck_assert_uint_eq(a.status, 200);
    ck_assert(http_rig_has(&a, "Content-Length: 5"));
    content_is(&a, "hello");
    a = ask("PUT /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n");
    content_is(&a, "hello!");
    http_rig_answer_done(&a);
    a = ask("POST /echo HTTP/1.1\r\n" HOST "\r\n");
    ck_assert(http_rig_has(&a, "Content-Length: 0"));
    a = ask("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    ck_assert_uint_eq(a.length, 0);
    http_rig_answer_done(&a);
    a = ask("GET / HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(a.status, 200);
}
END_TEST

/* The big file's bytes as a body, in pieces, while the peer takes little at a time. */
static void upload(const char *head, bool chunked)
{
    http_rig_connect();
    mock_give_text(&web.mock, head);
    size_t given = 0, piece = 5000;
    while (given < RIG_BIG) {
        size_t n = size_min(piece, RIG_BIG - given);
        char size[16];
        if (chunked) {
            snprintf(size, sizeof size, "%zx\r\n", n);
            mock_give_text(&web.mock, size);
        }
        mock_give(&web.mock, web.big + given, n);
        if (chunked) {
            mock_give_text(&web.mock, "\r\n");
        }
        given += n;
        ck_assert_uint_le(web.mock.out_len - web.mock.taken, RIG_QUEUE);
        mock_take(&web.mock, 4000);
    }
    if (chunked) {
        mock_give_text(&web.mock, "0\r\n\r\n");
    }
    http_rig_drain();
    size_t at = 0;
    struct rig_answer a = http_rig_next(&at, false);
    ck_assert_uint_eq(a.length, RIG_BIG);
    ck_assert_mem_eq(a.content, web.big, RIG_BIG);
    http_rig_answer_done(&a);
    ck_assert_uint_eq(web.mock.in_len, 0);
}

START_TEST(echoes_a_large_body)
{
    upload("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 300000\r\n\r\n", false);
    http_rig_hang_up();
    upload("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", true);
}
END_TEST

START_TEST(says_100_continue_to_who_waits)
{
    http_rig_connect();
    http_rig_ask("POST /echo HTTP/1.1\r\n" HOST
                 "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_str_eq(web.mock.out, "HTTP/1.1 100 Continue\r\n\r\n");
    size_t at = web.mock.out_len;
    http_rig_ask("ok");
    struct rig_answer a = http_rig_next(&at, false);
    ck_assert_uint_eq(a.status, 200);
    content_is(&a, "ok");
    a = ask("POST /echo HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok");
    ck_assert_uint_eq(a.status, 200); /* HTTP/1.0 cannot wait */
}
END_TEST

/* More than an unwanted body may have, and the next request is found behind it. RFC 9110 8.6: no length with 204. */
START_TEST(takes_a_large_body_and_forgets_it)
{
    static const char piece[100000];
    http_rig_connect();
    mock_give_text(&web.mock, "POST /discard HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n");
    for (int i = 0; i < 50; i++) {
        ck_assert_uint_eq(web.mock.out_len, 0);
        mock_give(&web.mock, piece, sizeof piece);
        ck_assert_uint_eq(web.mock.in_len, 0);
    }
    ck_assert_int_eq(strncmp(web.mock.out, "HTTP/1.1 204 No Content\r\n", 25), 0);
    ck_assert_ptr_null(strstr(web.mock.out, "Content-Length"));
    size_t at = web.mock.out_len;
    http_rig_ask("PUT /discard HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                 "5\r\nhello\r\n");
    ck_assert_uint_eq(web.mock.out_len, at);
    http_rig_ask("0\r\n\r\n");
    ck_assert_int_eq(strncmp(web.mock.out + at, "HTTP/1.1 204 No Content\r\n", 25), 0);
    at = web.mock.out_len;
    http_rig_ask("PUT /discard HTTP/1.1\r\n" HOST
                 "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_str_eq(web.mock.out + at, "HTTP/1.1 100 Continue\r\n\r\n");
    at = web.mock.out_len;
    http_rig_ask("ok");
    ck_assert_int_eq(strncmp(web.mock.out + at, "HTTP/1.1 204 No Content\r\n", 25), 0);
    struct rig_answer a = ask("GET / HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(a.status, 200);
}
END_TEST

/* A body that ends too early, or is not framed as it must be, gets no success. */
START_TEST(a_body_to_forget_that_breaks_off)
{
    http_rig_connect();
    http_rig_ask("POST /discard HTTP/1.1\r\n" HOST
                 "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n");
    ck_assert(web.mock.aborted);
    ck_assert_uint_eq(web.mock.out_len, 0);
    http_rig_connect();
    http_rig_ask("POST /discard HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
    mock_end(&web.mock);
    ck_assert(web.mock.aborted);
    ck_assert_uint_eq(web.mock.out_len, 0);
}
END_TEST

START_TEST(reads_away_bodies_that_nobody_wants)
{
    http_rig_connect();
    http_rig_ask("GET / HTTP/1.1\r\n" HOST "Content-Length: 20\r\n\r\nGET /x HTTP/");
    ck_assert_uint_eq(web.mock.out_len, 0);
    http_rig_ask("1.1\r\n\r\nPOST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                 "4\r\nGET \r\n0\r\n\r\nGET /a.txt HTTP/1.1\r\n" HOST "\r\n");
    size_t at = 0;
    struct rig_answer a = http_rig_next(&at, false);
    /* Twelve bytes and "1.1\r\n\r\nP" were the body: what follows is "OST / ...", no known method. */
    content_is(&a, "the page\n");
    a = http_rig_next(&at, false);
    ck_assert_uint_eq(a.status, 501);
}
END_TEST

START_TEST(stays_in_step_behind_an_unwanted_body)
{
    http_rig_connect();
    http_rig_ask("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                 "4\r\nGET \r\n0\r\n\r\nGET /a.txt HTTP/1.1\r\n" HOST "\r\n");
    size_t at = 0;
    struct rig_answer a = http_rig_next(&at, false);
    ck_assert_uint_eq(a.status, 405);
    a = http_rig_next(&at, false);
    content_is(&a, "0123456789");
}
END_TEST

START_TEST(an_endless_unwanted_body_is_413)
{
    char chunk[4096 + 8];
    int n = sprintf(chunk, "1000\r\n");
    memset(chunk + n, 'x', 4096);
    memcpy(chunk + n + 4096, "\r\n", 2);
    http_rig_connect();
    mock_give_text(&web.mock, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 256; i++) {
        mock_give(&web.mock, chunk, (size_t)n + 4096 + 2);
        ck_assert_uint_eq(web.mock.out_len, 0);
    }
    mock_give(&web.mock, chunk, (size_t)n + 4096 + 2);
    ck_assert_int_eq(strncmp(web.mock.out, "HTTP/1.1 413 ", 13), 0);
    ck_assert(web.mock.shut);
}
END_TEST

START_TEST(a_broken_chunk_is_400_or_the_end)
{
    http_rig_connect();
    http_rig_ask("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n");
    ck_assert_int_eq(strncmp(web.mock.out, "HTTP/1.1 400 ", 13), 0);
    http_rig_hang_up();
    http_rig_connect(); /* the echo has begun to answer: it can only break off */
    http_rig_ask("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n");
    ck_assert(web.mock.aborted);
}
END_TEST

START_TEST(a_body_that_ends_early_ends_the_connection)
{
    http_rig_connect();
    mock_give_text(&web.mock, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
    mock_end(&web.mock);
    ck_assert(web.mock.aborted);
}
END_TEST

/* ---- deadlines ---- */

START_TEST(idle_connections_end_quietly)
{
    http_rig_connect();
    ask("GET / HTTP/1.1\r\n" HOST "\r\n");
    http_rig_advance(59 * NS_PER_SEC);
    ck_assert(!web.mock.shut);
    ask("GET / HTTP/1.1\r\n" HOST "\r\n"); /* begins the time anew */
    size_t said = web.mock.out_len;
    http_rig_advance(59 * NS_PER_SEC);
    ck_assert(!web.mock.shut);
    http_rig_advance(2 * NS_PER_SEC);
    ck_assert(web.mock.shut && !web.mock.aborted);
    ck_assert_uint_eq(web.mock.out_len, said);
}
END_TEST

START_TEST(an_idle_connection_may_still_be_taking_its_answer)
{
    http_rig_connect();
    ask("GET / HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 5; i++) {
        web.unsent = 1000 - (uint64_t)i;
        http_rig_advance(61 * NS_PER_SEC);
        ck_assert(!web.mock.shut);
    }
    web.unsent = 0;
    http_rig_advance(61 * NS_PER_SEC);
    ck_assert(web.mock.shut);
}
END_TEST

START_TEST(a_head_must_come_in_time)
{
    http_rig_connect();
    http_rig_advance(50 * NS_PER_SEC);
    mock_give_text(&web.mock, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 29; i++) { /* a byte a second does not help */
        http_rig_advance(NS_PER_SEC);
        mock_give_text(&web.mock, "H");
        ck_assert(!web.mock.shut);
    }
    http_rig_advance(2 * NS_PER_SEC);
    ck_assert_int_eq(strncmp(web.mock.out, "HTTP/1.1 408 ", 13), 0);
    ck_assert(web.mock.shut);
}
END_TEST

START_TEST(a_body_must_move)
{
    http_rig_connect();
    mock_give_text(&web.mock, "GET / HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        http_rig_advance(50 * NS_PER_SEC);
        mock_give_text(&web.mock, "x");
        ck_assert(!web.mock.shut);
    }
    http_rig_advance(61 * NS_PER_SEC);
    ck_assert_int_eq(strncmp(web.mock.out, "HTTP/1.1 408 ", 13), 0);
}
END_TEST

START_TEST(an_answer_must_move)
{
    http_rig_connect();
    mock_give_text(&web.mock, "GET /big.bin HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 5; i++) {
        http_rig_advance(50 * NS_PER_SEC);
        mock_take(&web.mock, 4000);
        ck_assert(!web.mock.aborted);
    }
    http_rig_advance(61 * NS_PER_SEC);
    ck_assert(web.mock.aborted);
}
END_TEST

START_TEST(a_stream_must_open)
{
    struct http_conn *c = http_conn_new(&web.server, 1);
    http_conn_attach(c, &web.mock.stream);
    http_rig_advance(29 * NS_PER_SEC);
    ck_assert(!web.mock.aborted);
    http_rig_advance(2 * NS_PER_SEC);
    ck_assert(web.mock.aborted);
}
END_TEST

Suite *server_suite(void);
Suite *server_suite(void)
{
    Suite *s = suite_create("server");
    TCase *t = tcase_create("http");
    tcase_add_checked_fixture(t, http_rig_set_up, http_rig_tear_down);
    tcase_add_test(t, answers_a_page);
    tcase_add_test(t, tells_of_requests_and_answers);
    tcase_add_test(t, answers_say_where_they_begin);
    tcase_add_test(t, head_has_no_content);
    tcase_add_test(t, answers_files);
    tcase_add_test(t, the_head_of_a_file_is_of_its_moment_and_its_connection);
    tcase_add_test(t, answers_ranges);
    tcase_add_test(t, early_data_must_be_safe);
    tcase_add_test(t, answers_conditions);
    tcase_add_loop_test(t, refuses, 0, (int)COUNT_OF(refusals));
    tcase_add_test(t, refuses_what_is_too_long);
    tcase_add_test(t, a_refused_connection_lingers);
    tcase_add_test(t, lingering_ends);
    tcase_add_test(t, lingering_waits_for_a_slow_reader);
    tcase_add_test(t, pipelined_requests_are_answered_in_order);
    tcase_add_test(t, takes_requests_byte_by_byte);
    tcase_add_test(t, http_1_0_closes_unless_asked);
    tcase_add_test(t, a_half_closed_client_gets_its_answer);
    tcase_add_test(t, a_client_that_leaves_gets_nothing);
    tcase_add_test(t, connections_have_a_limit);
    tcase_add_test(t, the_end_of_the_server_aborts_connections);
    tcase_add_test(t, a_file_goes_out_as_fast_as_it_is_taken);
    tcase_add_test(t, input_waits_while_output_does);
    tcase_add_test(t, a_file_that_shrinks_ends_the_connection);
    tcase_add_test(t, echoes_a_body);
    tcase_add_test(t, echoes_a_large_body);
    tcase_add_test(t, says_100_continue_to_who_waits);
    tcase_add_test(t, takes_a_large_body_and_forgets_it);
    tcase_add_test(t, a_body_to_forget_that_breaks_off);
    tcase_add_test(t, reads_away_bodies_that_nobody_wants);
    tcase_add_test(t, stays_in_step_behind_an_unwanted_body);
    tcase_add_test(t, an_endless_unwanted_body_is_413);
    tcase_add_test(t, a_broken_chunk_is_400_or_the_end);
    tcase_add_test(t, a_body_that_ends_early_ends_the_connection);
    tcase_add_test(t, idle_connections_end_quietly);
    tcase_add_test(t, an_idle_connection_may_still_be_taking_its_answer);
    tcase_add_test(t, a_head_must_come_in_time);
    tcase_add_test(t, a_body_must_move);
    tcase_add_test(t, an_answer_must_move);
    tcase_add_test(t, a_stream_must_open);
    suite_add_tcase(s, t);
    return s;
}
