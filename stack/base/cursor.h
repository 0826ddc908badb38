/* The cursor: the only way in which bytes from outside are read, and headers are written.
 *
 * A read past the end returns 0 and makes the cursor `failed` for good, so a parser reads all its
 * fields and asks once, at the end. Numbers on the wire are big-endian.
 */
#ifndef VITRINE_BASE_CURSOR_H
#define VITRINE_BASE_CURSOR_H

#include "stack/base/types.h"

struct rd {
    const uint8_t *pos;
    const uint8_t *end;
    bool failed;
};

struct rd rd_of(const void *data, size_t len);
struct rd rd_slice(struct slice s);
uint8_t rd_u8(struct rd *r);
uint16_t rd_be16(struct rd *r);
uint32_t rd_be24(struct rd *r);
uint32_t rd_be32(struct rd *r);
uint64_t rd_be64(struct rd *r);
void rd_copy(struct rd *r, void *dst, size_t len); /* zero-fills `dst` when it fails */
void rd_skip(struct rd *r, size_t len);
struct rd rd_sub(struct rd *r, size_t len); /* the next `len` bytes as a cursor; steps past them */
/* The next `len` bytes in place; empty on failure. */
struct slice rd_take(struct rd *r, size_t len);
size_t rd_left(const struct rd *r); /* bytes not yet read; 0 once failed */

struct wr {
    uint8_t *start;
    uint8_t *pos;
    uint8_t *end;
    bool failed;
};

struct wr wr_of(void *data, size_t cap);
void wr_u8(struct wr *w, uint8_t v);
void wr_be16(struct wr *w, uint16_t v);
void wr_be32(struct wr *w, uint32_t v);
void wr_be64(struct wr *w, uint64_t v);
void wr_bytes(struct wr *w, const void *src, size_t len);
void wr_fill(struct wr *w, uint8_t v, size_t len);
size_t wr_len(const struct wr *w); /* bytes written so far */

#endif
