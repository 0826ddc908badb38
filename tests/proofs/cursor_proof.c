/* The cursor (stack/base/cursor.c) reads and writes only what it was given, and a failure is for good.
 *
 * Proven for one call with any arguments on a cursor in any state that a cursor can have, over up to
 * BYTES bytes; the state after it is such a state again, so it holds for any number of calls:
 * - a read stays inside the object and gives the bytes that are there, the first the most significant;
 * - what does not fit fails, gives zero and moves the cursor to its end, and so does all that follows;
 * - a sub-cursor is a part of the object; rd_left counts exactly what is left;
 * - a writer writes at its place, only there, and nothing once it has failed.
 * Assumed: no object is larger than half the address space, as C has it.
 *
 * proof-sources: stack/base/cursor.c
 * proof-unwind: 11
 * proof-checks: --unsigned-overflow-check --pointer-overflow-check
 */
#include "stack/base/cursor.h"
#include "tests/proofs/proof.h"

#define BYTES 10U

/* `len` bytes at `p` as a number. */
static uint64_t number_at(const uint8_t *p, size_t len)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++) {
        v = v * 256 + p[i];
    }
    return v;
}

/* One call that gives a number of `len` bytes. */
static uint64_t read_number(struct rd *r, size_t len)
{
    switch (len) {
    case 1:
        return rd_u8(r);
    case 2:
        return rd_be16(r);
    case 3:
        return rd_be24(r);
    case 4:
        return rd_be32(r);
    default:
        return rd_be64(r);
    }
}

static void read_and_check_number(struct rd *r)
{
    size_t len = any_size(4) + 1;
    len = len == 5 ? 8 : len;
    struct rd before = *r;
    uint64_t v = read_number(r, len);
    if (len <= rd_left(&before)) {
        PROVE(v == number_at(before.pos, len), "the number that stands there");
        PROVE(!r->failed && r->pos == before.pos + len, "steps past it");
        REACHES_IF(len == 8, "a number of eight bytes");
    } else {
        PROVE(v == 0 && r->failed, "nothing from behind the end");
    }
}

static void read_and_check_bytes(struct rd *r)
{
    uint8_t copy[4] = {1, 2, 3, 4};
    size_t len = any_size(sizeof copy);
    size_t i = any_size(sizeof copy - 1);
    struct rd before = *r;
    rd_copy(r, copy, len);
    if (i >= len) {
        PROVE(copy[i] == i + 1, "no more than asked for");
    } else if (len <= rd_left(&before)) {
        PROVE(copy[i] == before.pos[i], "the bytes that stand there");
    } else {
        PROVE(copy[i] == 0 && r->failed, "zeros when there are fewer");
    }
}

static void read_and_check_part(struct rd *r)
{
    size_t len = nondet_size();
    struct rd before = *r;
    bool fits = !before.failed && len <= rd_left(&before);
    if (nondet_bool()) {
        struct rd part = rd_sub(r, len);
        PROVE(part.failed == !fits && rd_left(&part) == (fits ? len : 0), "a part of that length");
        PROVE(part.pos == (fits ? before.pos : before.end), "from where the cursor stood");
    } else if (nondet_bool()) {
        struct slice part = rd_take(r, len);
        PROVE(part.len == (fits ? len : 0), "a slice of that length");
        PROVE(!fits || part.data == before.pos, "from where the cursor stood");
    } else {
        rd_skip(r, len);
    }
    PROVE(r->failed == !fits, "fails exactly when there is less");
    REACHES_IF(len > PTRDIFF_MAX, "a length that would wrap a pointer");
}

/* A cursor in any state over the last bytes of an object. */
static struct rd any_rd(const uint8_t bytes[BYTES])
{
    size_t start = any_size(BYTES);
    size_t len = BYTES - start;
    struct rd r =
        nondet_bool() ? rd_of(bytes + start, len) : rd_slice((struct slice){bytes + start, len});
    PROVE(!r.failed && rd_left(&r) == len && r.pos == bytes + start, "all is to be read");
    r.failed = nondet_bool();
    r.pos = r.failed ? r.end : r.pos;
    return r;
}

static void check_rd(const struct rd *r, const struct rd *before)
{
    PROVE(r->end == before->end && r->pos >= before->pos && r->pos <= r->end, "inside the object");
    PROVE(!r->failed || r->pos == r->end, "a failed cursor is at its end");
    PROVE(rd_left(r) == (r->failed ? 0 : (size_t)(r->end - r->pos)), "counts what is left");
    PROVE(r->failed || !before->failed, "a failure is for good");
    REACHES_IF(!r->failed && rd_left(r) == 0 && rd_left(before) != 0, "the last byte read");
    REACHES_IF(r->failed && !before->failed, "a failure");
}

PROOF(cursor_read_number)
{
    uint8_t bytes[BYTES];
    struct rd r = any_rd(bytes);
    struct rd before = r;
    read_and_check_number(&r);
    check_rd(&r, &before);
}

PROOF(cursor_read_bytes)
{
    uint8_t bytes[BYTES];
    struct rd r = any_rd(bytes);
    struct rd before = r;
    read_and_check_bytes(&r);
    check_rd(&r, &before);
}

PROOF(cursor_read_part)
{
    uint8_t bytes[BYTES];
    struct rd r = any_rd(bytes);
    struct rd before = r;
    read_and_check_part(&r);
    check_rd(&r, &before);
}

/* One call of any kind; returns how many bytes it is to write. */
static size_t write_something(struct wr *w, uint8_t *first)
{
    uint8_t source[3] = {nondet_u8(), nondet_u8(), nondet_u8()};
    uint32_t v = nondet_u32();
    size_t len;
    switch (any_size(4)) {
    case 0:
        *first = (uint8_t)v;
        wr_u8(w, (uint8_t)v);
        return 1;
    case 1:
        *first = (uint8_t)(v >> 8);
        wr_be16(w, (uint16_t)v);
        return 2;
    case 2:
        *first = (uint8_t)(v >> 24);
        wr_be32(w, v);
        return 4;
    case 3:
        *first = source[0];
        len = any_size(sizeof source);
        wr_bytes(w, source, len);
        return len;
    default:
        *first = (uint8_t)v;
        len = nondet_size();
        wr_fill(w, (uint8_t)v, len);
        return len;
    }
}

PROOF(cursor_write)
{
    uint8_t bytes[BYTES];
    size_t start = any_size(BYTES);
    size_t cap = BYTES - start;
    struct wr w = wr_of(bytes + start, cap);
    PROVE(wr_len(&w) == 0 && !w.failed, "nothing is written");
    size_t at = any_size(cap);
    w.pos = w.start + at;
    w.failed = nondet_bool();

    struct wr before = w;
    size_t watched = any_size(BYTES - 1);
    uint8_t was = bytes[watched];
    uint8_t first;
    size_t len = write_something(&w, &first);
    bool fits = !before.failed && len <= cap - at;
    PROVE(w.failed == !fits, "fails exactly when there is less room, and for good");
    PROVE(wr_len(&w) == (fits ? at + len : at), "counts what was written");
    PROVE(w.start == before.start && w.end == before.end, "its room stays");
    if (!fits || watched < start + at || watched >= start + at + len) {
        PROVE(bytes[watched] == was, "writes nowhere else");
    }
    PROVE(!fits || len == 0 || bytes[start + at] == first, "writes at its place");
    REACHES_IF(len > PTRDIFF_MAX, "a length that would wrap a pointer");
    REACHES_IF(fits && wr_len(&w) == BYTES, "all the room used");
}
