/* The cursor: bounds-checked reading and writing of bytes in network order (RFC 791, appendix B).
 * A failed cursor stays failed and stands at its end, so nothing after the fault can be misread.
 */
#include "stack/base/cursor.h"

uint32_t rd_be24(struct rd *r)
{
    struct slice s = rd_take(r, 3);
    return r->failed ? 0 : (uint32_t)s.data[0] << 16 | (uint32_t)s.data[1] << 8 | s.data[2];
}

uint64_t rd_be64(struct rd *r)
{
    if (!rd_has(r, 8)) {
        return 0;
    }
    uint64_t high = rd_be32(r);
    return high << 32 | rd_be32(r);
}

void rd_copy(struct rd *r, void *dst, size_t len)
{
    struct slice s = rd_take(r, len);
    if (len > 0 && r->failed) {
        memset(dst, 0, len);
    } else if (len > 0) {
        memcpy(dst, s.data, len);
    }
}

struct rd rd_sub(struct rd *r, size_t len)
{
    struct slice s = rd_take(r, len);
    if (r->failed) {
        return (struct rd){.pos = r->end, .end = r->end, .failed = true};
    }
    return rd_slice(s);
}

void wr_be64(struct wr *w, uint64_t v)
{
    if (wr_has(w, 8)) {
        wr_be32(w, (uint32_t)(v >> 32));
        wr_be32(w, (uint32_t)v);
    }
}

void wr_fill(struct wr *w, uint8_t v, size_t len)
{
    if (wr_has(w, len) && len > 0) {
        memset(w->pos, v, len);
        w->pos += len;
    }
}
