/* The cursor: the only way in which bytes from outside are read, and headers are written.
 *
 * A read past the end returns 0 and makes the cursor `failed` for good, so a parser reads all its
 * fields and asks once, at the end. Numbers on the wire are big-endian. What every frame needs stands here, so that it
 * costs no call.
 */
#ifndef VITRINE_BASE_CURSOR_H
#define VITRINE_BASE_CURSOR_H

#include <string.h>

#include "stack/base/types.h"

struct rd {
    const uint8_t *pos;
    const uint8_t *end;
    bool failed;
};

static inline struct rd rd_of(const void *data, size_t len)
{
    const uint8_t *p = data;
    /* cppcheck-suppress nullPointerArithmetic ; not where there is nothing */
    return (struct rd){.pos = p, .end = len == 0 ? p : p + len};
}

static inline struct rd rd_slice(struct slice s)
{
    return rd_of(s.data, s.len);
}

/* Whether `len` bytes are left; if not, the cursor has failed. */
static inline bool rd_has(struct rd *r, size_t len)
{
    if (r->failed || len > (size_t)(r->end - r->pos)) {
        r->failed = true;
        r->pos = r->end;
        return false;
    }
    return true;
}

static inline uint8_t rd_u8(struct rd *r)
{
    return rd_has(r, 1) ? *r->pos++ : 0;
}

static inline uint16_t rd_be16(struct rd *r)
{
    if (!rd_has(r, 2)) {
        return 0;
    }
    const uint8_t *p = r->pos;
    r->pos += 2;
    return (uint16_t)((uint32_t)p[0] << 8 | p[1]);
}

uint32_t rd_be24(struct rd *r);

static inline uint32_t rd_be32(struct rd *r)
{
    if (!rd_has(r, 4)) {
        return 0;
    }
    const uint8_t *p = r->pos;
    r->pos += 4;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t rd_be64(struct rd *r);
void rd_copy(struct rd *r, void *dst, size_t len); /* zero-fills `dst` when it fails */

static inline void rd_skip(struct rd *r, size_t len)
{
    if (rd_has(r, len) && len > 0) {
        r->pos += len;
    }
}

struct rd rd_sub(struct rd *r, size_t len); /* the next `len` bytes as a cursor; steps past them */

/* The next `len` bytes in place; empty on failure. */
static inline struct slice rd_take(struct rd *r, size_t len)
{
    if (!rd_has(r, len)) {
        return (struct slice){NULL, 0};
    }
    struct slice s = {r->pos, len};
    rd_skip(r, len);
    return s;
}

/* Bytes not yet read; 0 once failed. */
static inline size_t rd_left(const struct rd *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->pos);
}

struct wr {
    uint8_t *start;
    uint8_t *pos;
    uint8_t *end;
    bool failed;
};

static inline struct wr wr_of(void *data, size_t cap)
{
    uint8_t *p = data;
    /* cppcheck-suppress nullPointerArithmetic ; not where there is no room */
    return (struct wr){.start = p, .pos = p, .end = cap == 0 ? p : p + cap};
}

/* Whether there is room for `len` bytes; if not, the cursor has failed: nothing is written from then on. */
static inline bool wr_has(struct wr *w, size_t len)
{
    w->failed = w->failed || len > (size_t)(w->end - w->pos);
    return !w->failed;
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
    if (wr_has(w, 1)) {
        *w->pos++ = v;
    }
}

static inline void wr_be16(struct wr *w, uint16_t v)
{
    if (wr_has(w, 2)) {
        w->pos[0] = (uint8_t)(v >> 8);
        w->pos[1] = (uint8_t)v;
        w->pos += 2;
    }
}

static inline void wr_be32(struct wr *w, uint32_t v)
{
    if (wr_has(w, 4)) {
        w->pos[0] = (uint8_t)(v >> 24);
        w->pos[1] = (uint8_t)(v >> 16);
        w->pos[2] = (uint8_t)(v >> 8);
        w->pos[3] = (uint8_t)v;
        w->pos += 4;
    }
}

void wr_be64(struct wr *w, uint64_t v);

static inline void wr_bytes(struct wr *w, const void *src, size_t len)
{
    if (wr_has(w, len) && len > 0) {
        memcpy(w->pos, src, len);
        w->pos += len;
    }
}

void wr_fill(struct wr *w, uint8_t v, size_t len);

/* Bytes written so far. */
static inline size_t wr_len(const struct wr *w)
{
    return (size_t)(w->pos - w->start);
}

#endif
