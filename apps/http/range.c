/* Byte ranges (RFC 9110 14); see range.h. */
#include "apps/http/range.h"

#include <string.h>

#include "apps/http/field.h"
#include "apps/http/parser.h"

/* "-n": the last n bytes. */
static enum http_range suffix(uint64_t n, uint64_t size, uint64_t *first, uint64_t *length)
{
    if (n == 0 || size == 0) {
        return HTTP_RANGE_UNSATISFIED;
    }
    *length = n < size ? n : size;
    *first = size - *length;
    return HTTP_RANGE_PART;
}

enum http_range http_range_of(struct slice field, uint64_t size, uint64_t *first, uint64_t *length)
{
    struct rd r = rd_slice(field);
    struct slice unit = rd_take(&r, size_min(6, field.len));
    struct slice set = http_field_trim(rd_take(&r, rd_left(&r)));
    const uint8_t *dash = set.len > 0 ? memchr(set.data, '-', set.len) : NULL;
    if (!http_same(unit, "bytes=") || dash == NULL || memchr(set.data, ',', set.len) != NULL) {
        return HTTP_RANGE_WHOLE;
    }
    struct slice from = {set.data, (size_t)(dash - set.data)};
    struct slice to = {dash + 1, set.len - from.len - 1};
    uint64_t a, b = UINT64_MAX;
    if (to.len > 0 && !http_field_number(to, &b)) {
        return HTTP_RANGE_WHOLE;
    }
    if (from.len == 0) {
        return to.len > 0 ? suffix(b, size, first, length) : HTTP_RANGE_WHOLE;
    }
    if (!http_field_number(from, &a) || b < a) {
        return HTTP_RANGE_WHOLE; /* RFC 9110 14.1.2: invalid, so it is ignored */
    }
    if (a >= size) {
        return HTTP_RANGE_UNSATISFIED;
    }
    *first = a;
    *length = b < size - 1 ? b - a + 1 : size - a;
    return HTTP_RANGE_PART;
}
