/* The head of an HTTP/1.1 request (RFC 9112 2 to 7); see parser.h. */
#include "apps/http/parser.h"

#include <stdlib.h>
#include <string.h>

#include "apps/http/field.h"

#define REQUEST_LINE_MAX (HTTP_METHOD_MAX + HTTP_TARGET_MAX + sizeof " HTTP/1.1")
#define HEAD_FIRST 512U /* bytes at first; most heads fit */
#define HEAD_MAX (HTTP_METHOD_MAX + HTTP_TARGET_MAX + 16U + HTTP_FIELDS_BYTES_MAX)

static const char *const method_names[HTTP_METHODS] = {
    [HTTP_UNKNOWN] = "?",       [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",
    [HTTP_POST] = "POST",       [HTTP_PUT] = "PUT",         [HTTP_DELETE] = "DELETE",
    [HTTP_CONNECT] = "CONNECT", [HTTP_OPTIONS] = "OPTIONS", [HTTP_TRACE] = "TRACE",
    [HTTP_PATCH] = "PATCH",
};

const char *http_method_name(enum http_method m)
{
    return (unsigned)m < HTTP_METHODS ? method_names[m] : "?";
}

void http_parser_init(struct http_parser *p)
{
    *p = (struct http_parser){.state = HTTP_PARSE_MORE};
}

void http_parser_done(struct http_parser *p)
{
    free(p->head);
    http_parser_init(p);
}

bool http_parser_begun(const struct http_parser *p)
{
    return p->len > 0 || p->in_fields;
}

struct slice http_span_of(const struct http_parser *p, struct http_span s)
{
    if (s.len == 0) {
        return (struct slice){(const uint8_t *)"", 0};
    }
    return (struct slice){(const uint8_t *)p->head + s.at, s.len};
}

static bool fail(struct http_parser *p, unsigned status, const char *why)
{
    p->state = HTTP_PARSE_ERROR;
    p->status = status;
    p->why = why;
    return false;
}

/* Appends one byte of a line. */
static bool keep(struct http_parser *p, struct slice bytes)
{
    while (p->cap - p->len < bytes.len) {
        size_t cap = p->cap == 0 ? HEAD_FIRST : size_min(2 * p->cap, HEAD_MAX);
        char *head = cap > p->cap ? realloc(p->head, cap) : NULL;
        if (head == NULL) {
            return fail(p, 503, "no memory for the request's head");
        }
        p->head = head;
        p->cap = cap;
    }
    if (bytes.len > 0) {
        memcpy(p->head + p->len, bytes.data, bytes.len);
    }
    p->len += bytes.len;
    return true;
}

static struct http_span span_of(const struct http_parser *p, struct slice s)
{
    size_t at = s.len == 0 ? 0 : (size_t)(s.data - (const uint8_t *)p->head);
    return (struct http_span){(uint16_t)at, (uint16_t)s.len};
}

/* ---- the request line (RFC 9112 3) ---- */

static bool take_method(struct http_parser *p, struct slice word)
{
    if (word.len == 0 || !http_field_is_token(word)) {
        return fail(p, 400, "the request line does not begin with a method (RFC 9112 3.1)");
    }
    p->request.method = HTTP_UNKNOWN;
    for (unsigned m = HTTP_GET; m < HTTP_METHODS && p->request.method == HTTP_UNKNOWN; m++) {
        if (strlen(method_names[m]) == word.len &&
            memcmp(method_names[m], word.data, word.len) == 0) {
            p->request.method = (enum http_method)m;
        }
    }
    return true;
}

static bool take_target(struct http_parser *p, struct slice word)
{
    if (word.len > HTTP_TARGET_MAX) {
        return fail(p, 414, "the request target is longer than 8192 bytes");
    }
    if (word.len == 0) {
        return fail(p, 400, "the request line has no target (RFC 9112 3)");
    }
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] <= 0x20 || word.data[i] >= 0x7f) {
            return fail(p, 400, "the request target has a byte that is not visible ASCII");
        }
    }
    p->request.target = span_of(p, word);
    return true;
}

static bool take_version(struct http_parser *p, struct slice word)
{
    struct rd r = rd_slice(word);
    uint8_t name[5];
    rd_copy(&r, name, sizeof name);
    uint8_t major = rd_u8(&r);
    uint8_t dot = rd_u8(&r);
    uint8_t minor = rd_u8(&r);
    if (r.failed || rd_left(&r) != 0 || memcmp(name, "HTTP/", 5) != 0 || major < '0' ||
        major > '9' || dot != '.' || minor < '0' || minor > '9') {
        return fail(p, 400, "the request line does not end with HTTP/1.1 (RFC 9112 2.3)");
    }
    if (major != '1') {
        return fail(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    p->request.minor = minor == '0' ? 0 : 1; /* RFC 9110 2.5: a higher minor is read as ours */
    return true;
}

static bool take_request_line(struct http_parser *p, struct slice line)
{
    const uint8_t *space = memchr(line.data, ' ', line.len);
    if (space == NULL) {
        return fail(p, 400, "the request line has no spaces (RFC 9112 3)");
    }
    struct rd r = rd_slice(line);
    struct slice method = rd_take(&r, (size_t)(space - line.data));
    rd_skip(&r, 1);
    size_t rest = rd_left(&r);
    const uint8_t *last = rest > 0 ? memchr(r.pos, ' ', rest) : NULL;
    if (last == NULL) {
        return fail(p, 400, "the request line has no HTTP version (RFC 9112 3)");
    }
    struct slice target = rd_take(&r, (size_t)(last - r.pos));
    rd_skip(&r, 1);
    struct slice version = rd_take(&r, rd_left(&r));
    return take_method(p, method) && take_version(p, version) && take_target(p, target);
}

/* ---- the fields that matter here (RFC 9110 5, RFC 9112 5) ---- */

static bool take_host(struct http_parser *p, struct slice value)
{
    if (p->request.has_host) {
        return fail(p, 400, "more than one Host field (RFC 9112 3.2)");
    }
    if (!http_field_is_host(value)) {
        return fail(p, 400, "the Host field is not a host with an optional port (RFC 9110 7.2)");
    }
    p->request.has_host = true;
    p->request.host = span_of(p, value);
    return true;
}

static bool take_content_length(struct http_parser *p, struct slice value)
{
    if (p->request.has_length) {
        return fail(p, 400, "more than one Content-Length field (RFC 9112 6.3)");
    }
    if (!http_field_number(value, &p->request.length)) {
        return fail(p, 400, "the Content-Length is not a number of bytes (RFC 9110 8.6)");
    }
    p->request.has_length = true;
    return true;
}

static bool take_transfer_encoding(struct http_parser *p, struct slice value)
{
    if (p->request.chunked) {
        return fail(p, 400, "more than one Transfer-Encoding (RFC 9112 6.1)");
    }
    if (!http_same(value, "chunked")) {
        return fail(p, 501, "the only transfer coding spoken here is chunked (RFC 9112 6.1)");
    }
    p->request.chunked = true;
    return true;
}

static bool take_connection(struct http_parser *p, struct slice value)
{
    struct rd r = rd_slice(value);
    struct slice item;
    while (http_field_next(&r, &item)) {
        if (http_same(item, "close")) {
            p->connection_close = true;
        } else if (http_same(item, "keep-alive")) {
            p->connection_keep_alive = true;
        }
    }
    return true;
}

static bool take_expect(struct http_parser *p, struct slice value)
{
    if (p->request.minor == 0) {
        return true; /* RFC 9110 10.1.1: ignored in an HTTP/1.0 request */
    }
    if (!http_same(value, "100-continue")) {
        return fail(p, 417, "the only expectation met here is 100-continue (RFC 9110 10.1.1)");
    }
    p->request.expect_continue = true;
    return true;
}

static bool take_early_data(struct http_parser *p, struct slice value)
{
    (void)value; /* RFC 8470 5.1: only 1 is valid, and anything else counts as 1 */
    p->request.early = true;
    return true;
}

static bool take_range(struct http_parser *p, struct slice value)
{
    p->request.has_range = true;
    p->request.range = span_of(p, value);
    return true;
}

/* Fields of which only the text is kept; of several the last one. */
static struct http_span *kept_field(struct http_request *r, struct slice name)
{
    if (http_same(name, "accept")) {
        return &r->accept;
    }
    if (http_same(name, "if-range")) {
        return &r->if_range;
    }
    if (http_same(name, "if-modified-since")) {
        return &r->if_modified_since;
    }
    if (http_same(name, "if-none-match")) {
        return &r->if_none_match;
    }
    return NULL;
}

#define NAMED(text) text, sizeof(text) - 1

static bool take_field(struct http_parser *p, struct slice name, struct slice value)
{
    static const struct {
        const char *name;
        size_t len;
        bool (*take)(struct http_parser *p, struct slice value);
    } known[] = {
        {NAMED("host"), take_host},
        {NAMED("content-length"), take_content_length},
        {NAMED("transfer-encoding"), take_transfer_encoding},
        {NAMED("connection"), take_connection},
        {NAMED("expect"), take_expect},
        {NAMED("range"), take_range},
        {NAMED("early-data"), take_early_data},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (name.len == known[i].len && http_same_letters(name, known[i].name)) {
            return known[i].take(p, value);
        }
    }
    struct http_span *kept = kept_field(&p->request, name);
    if (kept != NULL) {
        *kept = span_of(p, value);
    }
    return true;
}

static bool take_field_line(struct http_parser *p, struct slice line)
{
    if (++p->fields > HTTP_FIELDS_MAX) {
        return fail(p, 431, "more than 100 field lines");
    }
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return fail(p, 400, "a folded field line (RFC 9112 5.2)");
    }
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (colon == NULL) {
        return fail(p, 400, "a field line without a colon (RFC 9112 5)");
    }
    struct rd r = rd_slice(line);
    struct slice name = rd_take(&r, (size_t)(colon - line.data));
    rd_skip(&r, 1);
    struct slice value = http_field_trim(rd_take(&r, rd_left(&r)));
    if (name.len == 0 || !http_field_is_token(name)) {
        return fail(p, 400,
                    "a field name that is no token, or a space before its colon (RFC 9112 5.1)");
    }
    if (!http_field_is_value(value)) {
        return fail(p, 400, "a control character in a field value (RFC 9110 5.5)");
    }
    return take_field(p, name, value);
}

/* The empty line: what only the whole head can tell (RFC 9112 3.2, 6.3, 9.3). */
static bool finish(struct http_parser *p)
{
    struct http_request *r = &p->request;
    if (r->minor >= 1 && !r->has_host) {
        return fail(p, 400, "an HTTP/1.1 request needs a Host field (RFC 9112 3.2)");
    }
    if (r->chunked && r->has_length) {
        return fail(p, 400, "both Transfer-Encoding and Content-Length (RFC 9112 6.1)");
    }
    if (r->chunked && r->minor == 0) {
        return fail(p, 400, "Transfer-Encoding in an HTTP/1.0 request (RFC 9112 6.1)");
    }
    r->keep_alive = !p->connection_close && (r->minor >= 1 || p->connection_keep_alive);
    p->state = HTTP_PARSE_DONE;
    return true;
}

/* ---- bytes to lines ---- */

static void end_line(struct http_parser *p)
{
    struct slice line = {(const uint8_t *)"", 0};
    if (p->len > p->line) {
        line = (struct slice){(const uint8_t *)p->head + p->line, p->len - p->line};
    }
    if (p->in_fields) {
        if (line.len == 0) {
            finish(p);
        } else {
            take_field_line(p, line);
        }
    } else if (line.len == 0) {
        if (++p->empty_lines > HTTP_EMPTY_LINES_MAX) {
            fail(p, 400, "empty lines where a request should be (RFC 9112 2.2)");
        }
    } else {
        p->in_fields = take_request_line(p, line);
    }
    p->line = p->len;
}

/* Limits that hold before a line is complete. */
static bool within_limits(struct http_parser *p)
{
    if (p->in_fields) {
        if (++p->field_bytes > HTTP_FIELDS_BYTES_MAX) {
            return fail(p, 431, "field lines of more than 16384 bytes");
        }
        return true;
    }
    size_t n = p->len - p->line;
    if (n == HTTP_METHOD_MAX + 1 && memchr(p->head + p->line, ' ', n) == NULL) {
        return fail(p, 501, "a method longer than any that is known here (RFC 9112 3)");
    }
    if (n > REQUEST_LINE_MAX) {
        return fail(p, 414, "the request target is longer than 8192 bytes");
    }
    return true;
}

static void take_byte(struct http_parser *p, uint8_t c)
{
    if (!within_limits(p)) {
        return;
    }
    if (p->cr) {
        p->cr = false;
        if (c != '\n') {
            fail(p, 400, "a bare CR (RFC 9112 2.2)");
            return;
        }
        end_line(p);
    } else if (c == '\r') {
        p->cr = true;
    } else if (c == '\n') {
        fail(p, 400, "a line that ends without CR (RFC 9112 2.2)");
    } else {
        keep(p, (struct slice){&c, 1});
    }
}

/* Bytes of the line at hand that can be taken before within_limits must be asked again. */
static size_t run_max(const struct http_parser *p)
{
    size_t n = p->len - p->line;
    if (p->in_fields) {
        return HTTP_FIELDS_BYTES_MAX - p->field_bytes;
    }
    if (n <= HTTP_METHOD_MAX) {
        return HTTP_METHOD_MAX + 1 - n;
    }
    return n == HTTP_METHOD_MAX + 1 || n > REQUEST_LINE_MAX ? 0 : REQUEST_LINE_MAX + 1 - n;
}

/* Bytes of a line at once, up to its end; the end, and what limits refuse, is taken byte by byte. */
static void take_run(struct http_parser *p, struct rd *in)
{
    struct slice run = {in->pos, size_min(rd_left(in), run_max(p))};
    const uint8_t *end = run.len > 0 ? memchr(run.data, '\r', run.len) : NULL;
    run.len = end != NULL ? (size_t)(end - run.data) : run.len;
    end = run.len > 0 ? memchr(run.data, '\n', run.len) : NULL;
    run.len = end != NULL ? (size_t)(end - run.data) : run.len;
    if (run.len > 0 && keep(p, rd_take(in, run.len)) && p->in_fields) {
        p->field_bytes += run.len;
    }
}

size_t http_parser_feed(struct http_parser *p, struct slice in)
{
    struct rd r = rd_slice(in);
    while (p->state == HTTP_PARSE_MORE && rd_left(&r) > 0) {
        if (!p->cr) {
            take_run(p, &r);
        }
        if (p->state == HTTP_PARSE_MORE && rd_left(&r) > 0) {
            take_byte(p, rd_u8(&r));
        }
    }
    return in.len - rd_left(&r);
}
