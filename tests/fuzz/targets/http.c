/* Requests of HTTP/1.1 (RFC 9112): head, target, fields, and the body's framing. The same bytes are
 * fed at once and in pieces, whose lengths the first bytes of the input give: what comes out must not
 * depend on how they were cut.
 */
#include "apps/http/body.h"
#include "apps/http/date.h"
#include "apps/http/field.h"
#include "apps/http/range.h"
#include "apps/http/target.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define CUTS 8U

struct reading {
    struct http_parser parser;
    struct http_body body;
    size_t used;   /* bytes of the input */
    uint8_t *data; /* of the body */
    size_t len;
};

static void read_body(struct reading *r, struct slice in)
{
    while (r->body.state != HTTP_BODY_DONE && r->body.state != HTTP_BODY_ERROR) {
        size_t used = 0;
        struct slice part = http_body_next(&r->body, in, &used);
        FUZZ_CHECK(used <= in.len && part.len <= used);
        FUZZ_CHECK(part.len == 0 ||
                   (part.data >= in.data && part.data + part.len <= in.data + used));
        if (part.len > 0) {
            memcpy(r->data + r->len, part.data, part.len);
            r->len += part.len;
        }
        r->used += used;
        in = (struct slice){in.data + used, in.len - used};
        if (part.len == 0) {
            return;
        }
    }
}

/* A piece that lies in memory of its own. */
static void feed(struct reading *r, const uint8_t *data, size_t len)
{
    uint8_t *piece = fuzz_copy(data, len);
    size_t used = 0;
    if (r->parser.state == HTTP_PARSE_MORE) {
        used = http_parser_feed(&r->parser, (struct slice){piece, len});
        FUZZ_CHECK(used <= len && (used == len || r->parser.state != HTTP_PARSE_MORE));
        r->used += used;
        if (r->parser.state == HTTP_PARSE_DONE) {
            http_body_init(&r->body, r->parser.request.chunked, r->parser.request.length);
        }
    }
    if (r->parser.state == HTTP_PARSE_DONE) {
        read_body(r, (struct slice){piece + used, len - used});
    }
    free(piece);
}

static struct reading begin(size_t size)
{
    struct reading r = {.data = malloc(size + 1)};
    FUZZ_CHECK(r.data != NULL);
    http_parser_init(&r.parser);
    return r;
}

static void end(struct reading *r)
{
    http_parser_done(&r->parser);
    free(r->data);
}

static void check_span(const struct http_parser *p, struct http_span s)
{
    FUZZ_CHECK((size_t)s.at + s.len <= p->len);
}

static void look_at_fields(const struct http_parser *p)
{
    const struct http_request *q = &p->request;
    static struct http_target target;
    struct slice text = http_span_of(p, q->target);
    if (http_target_parse(text, &target) == HTTP_TARGET_GOOD) {
        FUZZ_CHECK(target.path[0] == '/' && strlen(target.path) == target.path_len);
        FUZZ_CHECK(strstr(target.path, "/../") == NULL);
    }
    uint64_t first = 0;
    uint64_t length = 0;
    if (http_range_of(http_span_of(p, q->range), 1000, &first, &length) == HTTP_RANGE_PART) {
        FUZZ_CHECK(length > 0 && first < 1000 && length <= 1000 - first);
    }
    int64_t seconds;
    char date[HTTP_DATE_MAX];
    struct slice since = http_span_of(p, q->if_modified_since);
    if (http_date_parse(since, &seconds)) {
        /* The name of the day is a matter of form; nobody has to count it out. */
        FUZZ_CHECK(since.len == HTTP_DATE_MAX - 1);
        FUZZ_CHECK(memcmp(http_date(seconds, date) + 4, since.data + 4, since.len - 4) == 0);
    }
    struct rd list = rd_slice(http_span_of(p, q->if_none_match));
    struct slice item;
    while (http_field_next(&list, &item)) {
        FUZZ_CHECK(item.len > 0);
    }
    (void)http_accepts(http_span_of(p, q->accept), "text/html");
}

static void check_request(const struct http_parser *p)
{
    const struct http_request *q = &p->request;
    const struct http_span spans[] = {
        q->target,        q->host,  q->range, q->if_range, q->if_modified_since,
        q->if_none_match, q->accept};
    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        check_span(p, spans[i]);
    }
    FUZZ_CHECK(!q->chunked || !q->has_length); /* RFC 9112 6.1: never both */
    FUZZ_CHECK(q->minor == 0 || q->has_host);  /* RFC 9112 3.2 */
    look_at_fields(p);
}

static bool same_request(const struct http_request *a, const struct http_request *b)
{
    return a->method == b->method && a->minor == b->minor && a->keep_alive == b->keep_alive &&
           a->chunked == b->chunked && a->has_length == b->has_length &&
           a->expect_continue == b->expect_continue && a->has_host == b->has_host &&
           a->has_range == b->has_range && a->length == b->length && a->target.at == b->target.at &&
           a->target.len == b->target.len && a->range.at == b->range.at &&
           a->range.len == b->range.len;
}

static void check_same(const struct reading *a, const struct reading *b)
{
    FUZZ_CHECK(a->parser.state == b->parser.state && a->used == b->used);
    FUZZ_CHECK(a->parser.status == b->parser.status && a->parser.why == b->parser.why);
    FUZZ_CHECK(a->parser.len == b->parser.len);
    FUZZ_CHECK(a->parser.len == 0 || memcmp(a->parser.head, b->parser.head, a->parser.len) == 0);
    if (a->parser.state == HTTP_PARSE_DONE) {
        FUZZ_CHECK(same_request(&a->parser.request, &b->parser.request));
        FUZZ_CHECK(a->body.state == b->body.state && a->body.total == b->body.total);
        FUZZ_CHECK(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CUTS) {
        return -1;
    }
    const uint8_t *text = data + CUTS;
    size_t len = size - CUTS;
    struct reading whole = begin(len);
    struct reading cut = begin(len);
    feed(&whole, text, len);
    for (size_t at = 0, i = 0; at < len; i++) {
        size_t n = size_min(len - at, 1U + data[i % CUTS]);
        feed(&cut, text + at, n);
        at += n;
    }
    check_same(&whole, &cut);
    FUZZ_CHECK((whole.parser.status != 0) == (whole.parser.state == HTTP_PARSE_ERROR));
    if (whole.parser.state == HTTP_PARSE_DONE) {
        check_request(&whole.parser);
    }
    end(&whole);
    end(&cut);
    return 0;
}
