/* The head of an HTTP/1.1 request: request line and fields, byte by byte as they come.
 * RFC 9112 (2 to 7, 9), RFC 9110 (5, 7.2, 8.6, 9, 10.1.1).
 *
 * Strict where leniency helps an attacker more than a person: lines end with CRLF, one space
 * between the parts of the request line, no folded fields, one Content-Length, no Content-Length
 * beside Transfer-Encoding. What is refused is refused with a status and a sentence that says why.
 */
#ifndef VITRINE_APPS_HTTP_PARSER_H
#define VITRINE_APPS_HTTP_PARSER_H

#include <string.h>

#include "stack/base/types.h"

enum http_method {
    HTTP_UNKNOWN, /* a method that we do not know: 501 */
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_CONNECT,
    HTTP_OPTIONS,
    HTTP_TRACE,
    HTTP_PATCH,
    HTTP_METHODS,
};

#define HTTP_TARGET_MAX 8192U        /* bytes; more is 414 */
#define HTTP_FIELDS_BYTES_MAX 16384U /* all field lines together, with their ends; more is 431 */
#define HTTP_FIELDS_MAX 100U         /* field lines; more is 431 */
#define HTTP_METHOD_MAX 32U          /* bytes; a longer method is 501 */
#define HTTP_EMPTY_LINES_MAX 2U      /* skipped before a request line (RFC 9112 2.2) */

/* A part of the head: bytes `at` up to `at + len` of the parser's buffer. len 0: absent or empty. */
struct http_span {
    uint16_t at, len;
};

/* What the request says, once its head is complete. */
struct http_request {
    enum http_method method;
    uint8_t minor;   /* HTTP/1.minor */
    bool keep_alive; /* RFC 9112 9.3 */
    bool chunked;    /* the body comes in chunks */
    bool has_length;
    bool expect_continue;
    bool has_host, has_range;
    bool early;      /* Early-Data: 1, by an intermediary (RFC 8470 5.1) */
    uint64_t length; /* Content-Length, bytes */
    struct http_span target, host, range, if_range, if_modified_since, if_none_match, accept;
};

enum http_parse {
    HTTP_PARSE_MORE, /* needs more bytes */
    HTTP_PARSE_DONE, /* the head is complete */
    HTTP_PARSE_ERROR /* `status` and `why` say what to answer; the connection must end then */
};

struct http_parser {
    enum http_parse state;
    unsigned status;    /* of an error, 400 to 505 */
    const char *why;    /* a sentence for the answer */
    char *head;         /* the head so far, without the ends of its lines */
    size_t len, cap;    /* bytes in `head`, and its size */
    size_t line;        /* where the current line begins */
    size_t field_bytes; /* of field lines so far, with their ends */
    unsigned fields;    /* field lines so far */
    unsigned empty_lines;
    bool in_fields; /* the request line is done */
    bool cr;        /* the last byte was a CR */
    bool connection_close, connection_keep_alive;
    struct http_request request;
};

void http_parser_init(struct http_parser *p);
void http_parser_done(struct http_parser *p); /* frees the head */
/* Takes bytes up to the end of the head; returns how many it took. Bytes behind the head belong to
 * the body or to the next request. After an error nothing more is taken. */
size_t http_parser_feed(struct http_parser *p, struct slice in);
/* Whether any byte of a request has come (empty lines do not count). */
bool http_parser_begun(const struct http_parser *p);
/* A part of the head as text: valid until http_parser_done. */
struct slice http_span_of(const struct http_parser *p, struct http_span s);

const char *http_method_name(enum http_method m); /* "GET"; "?" for an unknown one */
/* Whether an Accept field (RFC 9110 12.5.1) names `type` ("text/html") with a weight above zero.
 * Wildcards do not count: who sends them has no wish. */
bool http_accepts(struct slice accept, const char *type);
/* ASCII without regard to case, against a lower-case word (of the same length). */
bool http_same_letters(struct slice s, const char *word);
static inline bool http_same(struct slice s, const char *word)
{
    return s.len == strlen(word) && http_same_letters(s, word);
}

#endif
