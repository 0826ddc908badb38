/* The head of an answer (RFC 9112 4 to 6); see reply.h. */
#include "apps/http/reply.h"

#include <stdlib.h>
#include <string.h>

#include "apps/http/body.h"
#include "apps/http/field.h"

void http_reply_init(struct http_reply *r)
{
    *r = (struct http_reply){.state = HTTP_PARSE_MORE};
}

void http_reply_done(struct http_reply *r)
{
    free(r->head);
    r->head = NULL;
}

static void refuse(struct http_reply *r, const char *why)
{
    r->state = HTTP_PARSE_ERROR;
    r->why = why;
}

/* "HTTP/1.1 200 OK": version, three digits, and a reason that may be empty (RFC 9112 4). */
static void status_line(struct http_reply *r, struct slice line)
{
    struct rd in = rd_slice(line);
    struct slice version = rd_take(&in, 7);
    uint8_t minor = rd_u8(&in);
    uint8_t space = rd_u8(&in);
    if (in.failed || memcmp(version.data, "HTTP/1.", 7) != 0 || minor < '0' || minor > '9' ||
        space != ' ') {
        refuse(r, "the answer is no HTTP/1");
        return;
    }
    unsigned status = 0;
    for (int i = 0; i < 3; i++) {
        uint8_t digit = rd_u8(&in);
        if (digit < '0' || digit > '9') {
            refuse(r, "the status is no number of three digits");
            return;
        }
        status = status * 10 + digit - '0';
    }
    if (in.failed || status < 100 || (rd_left(&in) > 0 && rd_u8(&in) != ' ')) {
        refuse(r, "the status is no number of three digits");
        return;
    }
    r->minor = (uint8_t)(minor - '0');
    r->status = status;
    r->has_line = true;
}

/* RFC 9110 8.6: several are an error unless they agree. */
static void content_length(struct http_reply *r, struct slice value)
{
    uint64_t n;
    if (!http_field_number(value, &n) || (r->has_length && n != r->length)) {
        refuse(r, "Content-Length makes no sense");
        return;
    }
    r->has_length = true;
    r->length = n;
}

/* RFC 9112 6.1: chunked is the only coding that we know, and the last one of any list. */
static void transfer_encoding(struct http_reply *r, struct slice value)
{
    if (r->chunked || !http_same(value, "chunked")) {
        refuse(r, "the transfer coding is unknown");
        return;
    }
    r->chunked = true;
}

static void field_line(struct http_reply *r, struct slice line)
{
    const uint8_t *colon = line.len > 0 ? memchr(line.data, ':', line.len) : NULL;
    if (colon == NULL) {
        refuse(r, "a field line has no colon");
        return;
    }
    struct slice name = {line.data, (size_t)(colon - line.data)};
    struct slice value = http_field_trim((struct slice){colon + 1, line.len - name.len - 1});
    if (name.len == 0 || !http_field_is_token(name) || !http_field_is_value(value)) {
        refuse(r, "a field line is malformed");
    } else if (http_same(name, "content-length")) {
        content_length(r, value);
    } else if (http_same(name, "transfer-encoding")) {
        transfer_encoding(r, value);
    }
}

/* A line is whole, without its end. */
static void take_line(struct http_reply *r, struct slice line)
{
    if (!r->has_line) {
        status_line(r, line);
    } else if (line.len > 0) {
        field_line(r, line);
    } else {
        r->state = HTTP_PARSE_DONE;
    }
    if (r->state == HTTP_PARSE_DONE && r->chunked && r->has_length) {
        refuse(r,
               "Content-Length beside Transfer-Encoding"); /* RFC 9112 6.3: an attack, or worse */
    }
}

static bool keep(struct http_reply *r, uint8_t c)
{
    if (r->head == NULL) {
        r->head = malloc(HTTP_REPLY_MAX);
    }
    if (r->head == NULL || r->len == HTTP_REPLY_MAX) {
        refuse(r, r->head == NULL ? "no memory" : "the head is too long");
        return false;
    }
    r->head[r->len++] = (char)c;
    return true;
}

size_t http_reply_feed(struct http_reply *r, struct slice in)
{
    struct rd bytes = rd_slice(in);
    while (r->state == HTTP_PARSE_MORE && rd_left(&bytes) > 0) {
        uint8_t c = rd_u8(&bytes);
        if (!keep(r, c) || c != '\n') {
            continue;
        }
        size_t end = r->len - 1; /* RFC 9112 2.2: a recipient may take a bare LF as an end */
        if (end > r->line && r->head[end - 1] == '\r') {
            end--;
        }
        struct slice line = {(const uint8_t *)r->head + r->line, end - r->line};
        r->line = r->len;
        take_line(r, line);
    }
    return in.len - rd_left(&bytes);
}

uint64_t http_reply_length(const struct http_reply *r, bool head)
{
    if (head || r->status < 200 || r->status == 204 || r->status == 304) {
        return 0;
    }
    return r->has_length ? r->length : HTTP_BODY_TO_THE_END;
}
