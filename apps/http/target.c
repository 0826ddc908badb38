/* The request target (RFC 9112 3.2, RFC 3986); see target.h. */
#include "apps/http/target.h"

#include <string.h>

#include "stack/base/cursor.h"

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

/* Steps over "http://authority" of an absolute-form target. false: neither form. */
static bool skip_authority(struct rd *r)
{
    static const char *const schemes[] = {"http://", "https://"};
    if (rd_left(r) > 0 && *r->pos == '/') {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (rd_left(r) <= n || !http_same((struct slice){r->pos, n}, schemes[i])) {
            continue;
        }
        rd_skip(r, n);
        size_t authority = 0;
        while (rd_left(r) > 0 && *r->pos != '/' && *r->pos != '?') {
            rd_skip(r, 1);
            authority++;
        }
        return authority > 0;
    }
    return false;
}

/* One character of the path, decoded (RFC 3986 2.1). */
static enum http_target_fault decode(struct rd *r, char *out)
{
    uint8_t c = rd_u8(r);
    if (c == '#') {
        return HTTP_TARGET_MALFORMED; /* a fragment never travels (RFC 9110 7.1) */
    }
    if (c != '%') {
        *out = (char)c;
        return HTTP_TARGET_GOOD;
    }
    int high = hex_digit(rd_u8(r));
    int low = hex_digit(rd_u8(r));
    if (r->failed || high < 0 || low < 0) {
        return HTTP_TARGET_MALFORMED;
    }
    int value = high * 16 + low;
    if (value == 0 || value == '/') {
        return HTTP_TARGET_NOWHERE; /* no file name has these */
    }
    *out = (char)value;
    return HTTP_TARGET_GOOD;
}

/* Whether a segment of the decoded path is "." or "..". */
static bool has_dot_segment(const char *path)
{
    const char *segment = path + 1;
    for (;;) {
        size_t n = strcspn(segment, "/");
        if ((n == 1 && segment[0] == '.') || (n == 2 && segment[0] == '.' && segment[1] == '.')) {
            return true;
        }
        if (segment[n] == '\0') {
            return false;
        }
        segment += n + 1;
    }
}

enum http_target_fault http_target_parse(struct slice target, struct http_target *out)
{
    struct rd r = rd_slice(target);
    out->path_len = 0;
    out->query = (struct slice){target.data, 0};
    if (!skip_authority(&r)) {
        return HTTP_TARGET_MALFORMED;
    }
    enum http_target_fault worst = HTTP_TARGET_GOOD;
    while (rd_left(&r) > 0 && *r.pos != '?') {
        char c = '?';
        enum http_target_fault fault = decode(&r, &c);
        if (fault == HTTP_TARGET_MALFORMED || out->path_len > HTTP_TARGET_MAX) {
            return HTTP_TARGET_MALFORMED;
        }
        worst = fault == HTTP_TARGET_GOOD ? worst : fault;
        out->path[out->path_len++] = c;
    }
    if (out->path_len == 0) {
        out->path[out->path_len++] = '/'; /* RFC 9110 4.2.3: an empty path is "/" */
    }
    out->path[out->path_len] = '\0';
    if (rd_left(&r) > 0) {
        rd_skip(&r, 1);
        out->query = rd_take(&r, rd_left(&r));
    }
    return worst == HTTP_TARGET_GOOD && has_dot_segment(out->path) ? HTTP_TARGET_NOWHERE : worst;
}
