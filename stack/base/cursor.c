/* The cursor: bounds-checked reading and writing of bytes in network order (RFC 791, appendix B).
 * A failed cursor stays failed and stands at its end, so nothing after the fault can be misread.
 */
#include "stack/base/cursor.h"

#include <string.h>

struct rd rd_of(const void *data, size_t len)
{
    const uint8_t *p = data;
    return (struct rd){.pos = p, .end = len == 0 ? p : p + len};
}

struct rd rd_slice(struct slice s)
{
    return rd_of(s.data, s.len);
}

/* The next `len` bytes in place, or NULL with the cursor failed. */
static const uint8_t *rd_step(struct rd *r, size_t len)
{
    if (r->failed || len > (size_t)(r->end - r->pos)) {
        r->failed = true;
        r->pos = r->end;
        return NULL;
    }
    const uint8_t *p = r->pos;
    r->pos = len == 0 ? p : p + len;
    return p;
}

uint8_t rd_u8(struct rd *r)
{
    const uint8_t *p = rd_step(r, 1);
    return p == NULL ? 0 : p[0];
}

uint16_t rd_be16(struct rd *r)
{
    const uint8_t *p = rd_step(r, 2);
    return p == NULL ? 0 : (uint16_t)((uint32_t)p[0] << 8 | p[1]);
}

uint32_t rd_be24(struct rd *r)
{
    const uint8_t *p = rd_step(r, 3);
    return p == NULL ? 0 : (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

uint32_t rd_be32(struct rd *r)
{
    const uint8_t *p = rd_step(r, 4);
    if (p == NULL) {
        return 0;
    }
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t rd_be64(struct rd *r)
{
    if (rd_left(r) < 8) {
        (void)rd_step(r, 8);
        return 0;
    }
    uint64_t high = rd_be32(r);
    return high << 32 | rd_be32(r);
}

void rd_copy(struct rd *r, void *dst, size_t len)
{
    if (len == 0) {
        return;
    }
    const uint8_t *p = rd_step(r, len);
    if (p == NULL) {
        memset(dst, 0, len);
        return;
    }
    memcpy(dst, p, len);
}

void rd_skip(struct rd *r, size_t len)
{
    (void)rd_step(r, len);
}

struct rd rd_sub(struct rd *r, size_t len)
{
    const uint8_t *p = rd_step(r, len);
    if (r->failed) {
        return (struct rd){.pos = r->end, .end = r->end, .failed = true};
    }
    return rd_of(p, len);
}

struct slice rd_take(struct rd *r, size_t len)
{
    const uint8_t *p = rd_step(r, len);
    return r->failed ? (struct slice){NULL, 0} : (struct slice){p, len};
}

size_t rd_left(const struct rd *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->pos);
}

struct wr wr_of(void *data, size_t cap)
{
    uint8_t *p = data;
    return (struct wr){.start = p, .pos = p, .end = cap == 0 ? p : p + cap};
}

/* Room for `len` bytes, or NULL with the cursor failed: nothing is written from then on. */
static uint8_t *wr_step(struct wr *w, size_t len)
{
    if (w->failed || len > (size_t)(w->end - w->pos)) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->pos;
    w->pos = len == 0 ? p : p + len;
    return p;
}

void wr_u8(struct wr *w, uint8_t v)
{
    uint8_t *p = wr_step(w, 1);
    if (p != NULL) {
        p[0] = v;
    }
}

void wr_be16(struct wr *w, uint16_t v)
{
    uint8_t *p = wr_step(w, 2);
    if (p != NULL) {
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
    }
}

void wr_be32(struct wr *w, uint32_t v)
{
    uint8_t *p = wr_step(w, 4);
    if (p != NULL) {
        p[0] = (uint8_t)(v >> 24);
        p[1] = (uint8_t)(v >> 16);
        p[2] = (uint8_t)(v >> 8);
        p[3] = (uint8_t)v;
    }
}

void wr_be64(struct wr *w, uint64_t v)
{
    uint8_t *p = wr_step(w, 8);
    for (unsigned i = 0; p != NULL && i < 8; i++) {
        p[i] = (uint8_t)(v >> (56 - 8 * i));
    }
}

void wr_bytes(struct wr *w, const void *src, size_t len)
{
    uint8_t *p = wr_step(w, len);
    if (p != NULL && len > 0) {
        memcpy(p, src, len);
    }
}

void wr_fill(struct wr *w, uint8_t v, size_t len)
{
    uint8_t *p = wr_step(w, len);
    if (p != NULL && len > 0) {
        memset(p, v, len);
    }
}

size_t wr_len(const struct wr *w)
{
    return (size_t)(w->pos - w->start);
}
