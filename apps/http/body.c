/* The body of a message (RFC 9112 6 and 7.1); see body.h. */
#include "apps/http/body.h"

#include "stack/base/cursor.h"

void http_body_init(struct http_body *b, bool chunked, uint64_t length)
{
    *b = (struct http_body){.chunked = chunked, .left = chunked ? 0 : length};
    if (chunked) {
        b->state = HTTP_BODY_SIZE;
    } else {
        b->state = length > 0 ? HTTP_BODY_DATA : HTTP_BODY_DONE;
    }
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* The end of a chunk-size line: a chunk of size zero is the last (RFC 9112 7.1). */
static enum http_body_state size_done(struct http_body *b)
{
    if (b->digits == 0) {
        return HTTP_BODY_ERROR;
    }
    b->digits = 0;
    b->line = 0;
    b->extension = false;
    return b->left > 0 ? HTTP_BODY_DATA : HTTP_BODY_TRAILER;
}

static enum http_body_state size_byte(struct http_body *b, uint8_t c)
{
    if (++b->line > HTTP_CHUNK_LINE_MAX) {
        return HTTP_BODY_ERROR;
    }
    if (b->cr || c == '\n') {
        bool ended = b->cr && c == '\n';
        b->cr = false;
        return ended ? size_done(b) : HTTP_BODY_ERROR;
    }
    if (c == '\r') {
        b->cr = true;
        return HTTP_BODY_SIZE;
    }
    int digit = hex_digit(c);
    if (b->extension || digit < 0) {
        bool begins = c == ';' || c == ' ' || c == '\t'; /* bad whitespace is tolerated (7.1.1) */
        bool visible = c == '\t' || (c >= 0x20 && c != 0x7f);
        bool good = b->digits > 0 && (b->extension ? visible : begins);
        b->extension = true;
        return good ? HTTP_BODY_SIZE : HTTP_BODY_ERROR;
    }
    if (++b->digits > 15) {
        return HTTP_BODY_ERROR; /* RFC 9112 7.1: no overflow of the chunk size */
    }
    b->left = b->left * 16 + (uint64_t)digit;
    return HTTP_BODY_SIZE;
}

static enum http_body_state data_end_byte(struct http_body *b, uint8_t c)
{
    if (!b->cr && c == '\r') {
        b->cr = true;
        return HTTP_BODY_DATA_END;
    }
    bool ended = b->cr && c == '\n';
    b->cr = false;
    return ended ? HTTP_BODY_SIZE : HTTP_BODY_ERROR;
}

/* Trailer fields are read and forgotten (RFC 9112 7.1.2); an empty line ends them. */
static enum http_body_state trailer_byte(struct http_body *b, uint8_t c)
{
    if (++b->trailers > HTTP_TRAILERS_MAX) {
        return HTTP_BODY_ERROR;
    }
    if (b->cr) {
        b->cr = false;
        if (c != '\n') {
            return HTTP_BODY_ERROR;
        }
        bool empty = b->line == 0;
        b->line = 0;
        return empty ? HTTP_BODY_DONE : HTTP_BODY_TRAILER;
    }
    if (c == '\r') {
        b->cr = true;
        return HTTP_BODY_TRAILER;
    }
    b->line++;
    return c == '\n' || c == 0 ? HTTP_BODY_ERROR : HTTP_BODY_TRAILER;
}

static enum http_body_state framing_byte(struct http_body *b, uint8_t c)
{
    switch (b->state) {
    case HTTP_BODY_SIZE:
        return size_byte(b, c);
    case HTTP_BODY_DATA_END:
        return data_end_byte(b, c);
    case HTTP_BODY_TRAILER:
        return trailer_byte(b, c);
    default:
        return b->state;
    }
}

struct slice http_body_next(struct http_body *b, struct slice in, size_t *used)
{
    struct rd r = rd_slice(in);
    struct slice data = {in.data, 0};
    while (b->state < HTTP_BODY_DONE && b->state != HTTP_BODY_DATA && rd_left(&r) > 0) {
        b->state = framing_byte(b, rd_u8(&r));
    }
    if (b->state == HTTP_BODY_DATA && rd_left(&r) > 0) {
        size_t left = rd_left(&r);
        data = rd_take(&r, b->left < left ? (size_t)b->left : left);
        b->left -= b->left == HTTP_BODY_TO_THE_END ? 0 : data.len;
        b->total += data.len;
        if (b->left == 0) {
            b->state = b->chunked ? HTTP_BODY_DATA_END : HTTP_BODY_DONE;
        }
    }
    *used = in.len - rd_left(&r);
    return data;
}
