/* Recordings as bytes; see format.h. */
#include "apps/tape/format.h"

#include <stdio.h>
#include <string.h>

#include "stack/base/siphash.h"

#define CHECK_BYTES 4U

static const uint8_t magic[8] = "VITRINE\x1a";

const char *tape_type_text(enum tape_type type)
{
    static const char *const texts[] = {
#define TAPE(name, text) text,
        TAPE_RECORDS
#undef TAPE
    };
    return (unsigned)type < COUNT_OF(texts) ? texts[type] : "?";
}

/* ---- numbers ---- */

void wr_varint(struct wr *w, uint64_t v)
{
    for (; v > 0x7f; v >>= 7) {
        wr_u8(w, (uint8_t)(v | 0x80));
    }
    wr_u8(w, (uint8_t)v);
}

uint64_t rd_varint(struct rd *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = rd_u8(r);
        if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0)) {
            r->failed = true;
        }
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            break;
        }
    }
    return r->failed ? 0 : v;
}

void wr_signed(struct wr *w, int64_t v)
{
    wr_varint(w, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

int64_t rd_signed(struct rd *r)
{
    uint64_t v = rd_varint(r);
    return (int64_t)(v >> 1 ^ ((v & 1) != 0 ? UINT64_MAX : 0));
}

/* ---- checks ---- */

/* The check of what lies from `start` to `end`, which becomes the chain's last. */
static uint32_t chain_check(struct tape_chain *chain, const uint8_t *start, size_t len)
{
    struct siphash_key key = {.k0 = chain->number, .k1 = chain->check};
    chain->check = (uint32_t)siphash(&key, start, len);
    chain->number++;
    return chain->check;
}

/* ---- writing ---- */

void tape_write_header(struct wr *w, struct tape_chain *chain, const struct tape_header *h)
{
    const uint8_t *start = w->pos;
    size_t build = strlen(h->build);
    *chain = (struct tape_chain){0};
    wr_bytes(w, magic, sizeof magic);
    wr_be16(w, h->version);
    wr_u8(w, h->big_endian ? 2 : 1);
    wr_u8(w, h->flags);
    wr_be16(w, (uint16_t)build);
    wr_bytes(w, h->build, build);
    wr_be32(w, chain_check(chain, start, (size_t)(w->pos - start)));
}

void tape_write_record(struct wr *w, struct tape_chain *chain, enum tape_type type,
                       const struct slice *parts, size_t count)
{
    const uint8_t *start = w->pos;
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += parts[i].len;
    }
    wr_u8(w, (uint8_t)type);
    wr_varint(w, len);
    for (size_t i = 0; i < count; i++) {
        wr_bytes(w, parts[i].data, parts[i].len);
    }
    wr_be32(w, chain_check(chain, start, (size_t)(w->pos - start)));
}

/* ---- reading ---- */

bool tape_open(struct tape_reader *r, struct slice file, char *why, size_t why_size)
{
    *r = (struct tape_reader){.file = file};
    struct rd in = rd_slice(file);
    struct slice start = rd_take(&in, sizeof magic);
    if (in.failed || memcmp(start.data, magic, sizeof magic) != 0) {
        snprintf(why, why_size, "this is no recording of vitrine");
        return false;
    }
    struct tape_header *h = &r->header;
    h->version = rd_be16(&in);
    if (!in.failed && h->version != TAPE_VERSION) {
        snprintf(why, why_size, "a recording of version %u; this program reads version %u",
                 h->version, TAPE_VERSION);
        return false;
    }
    uint8_t order = rd_u8(&in);
    h->big_endian = order == 2;
    h->flags = rd_u8(&in);
    struct slice build = rd_take(&in, rd_be16(&in));
    size_t checked = (size_t)(in.pos - file.data);
    uint32_t check = rd_be32(&in);
    if (in.failed || build.len > TAPE_BUILD_MAX || order < 1 || order > 2 ||
        check != chain_check(&r->chain, file.data, checked)) {
        snprintf(why, why_size, "the header of the recording is damaged");
        return false;
    }
    if (build.len > 0) {
        memcpy(h->build, build.data, build.len);
    }
    r->at = (size_t)(in.pos - file.data);
    return true;
}

static bool only_zeros(const uint8_t *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (from[i] != 0) {
            return false;
        }
    }
    return true;
}

enum tape_found tape_next(struct tape_reader *r, struct tape_record *out)
{
    const uint8_t *start = r->file.data + r->at;
    size_t left = r->file.len - r->at;
    struct rd in = rd_of(start, left);
    *out = (struct tape_record){0};
    if (left > 0 && start[0] == TAPE_NOTHING) {
        return only_zeros(start, left) ? TAPE_FOUND_PADDING : TAPE_FOUND_DAMAGE;
    }
    uint8_t type = rd_u8(&in);
    uint64_t len = rd_varint(&in);
    if ((!in.failed && len > TAPE_CONTENT_MAX) || (left > 0 && type >= TAPE_TYPES)) {
        return TAPE_FOUND_DAMAGE;
    }
    struct slice content = rd_take(&in, (size_t)len);
    size_t checked = (size_t)(in.pos - start);
    uint32_t check = rd_be32(&in);
    if (in.failed) {
        return TAPE_FOUND_CUT;
    }
    struct tape_chain chain = r->chain;
    if (check != chain_check(&chain, start, checked)) {
        return TAPE_FOUND_DAMAGE;
    }
    *out = (struct tape_record){.type = (enum tape_type)type, .content = content};
    if (type == TAPE_END) {
        return TAPE_FOUND_END;
    }
    r->chain = chain;
    r->at += checked + CHECK_BYTES;
    return TAPE_FOUND_RECORD;
}
