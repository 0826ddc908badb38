/* One direction of record protection; see record.h. */
#include "tls/record.h"

#include <string.h>

#include <mbedtls/platform_util.h>

#include "stack/base/cursor.h"

#define AAD_MAX 13U
#define EXPANSION_MAX 256U      /* RFC 8446 5.2 */
#define EXPANSION_MAX_OLD 2048U /* RFC 5246 6.2.3 */

static enum aead_algorithm algorithm_of(const struct tls_suite *s)
{
    if (s->chacha) {
        return AEAD_CHACHA20_POLY1305;
    }
    return s->key_len == 16 ? AEAD_AES_128_GCM : AEAD_AES_256_GCM;
}

void record_keys(struct record_side *r, const struct aead_engine *engine, const struct tls_suite *s,
                 const struct tls_keys *keys, uint64_t number)
{
    record_done(r);
    r->engine = engine;
    r->number = number;
    memcpy(r->key, keys->key.data, s->key_len);
    memcpy(r->iv, keys->iv.data, s->iv_len);
    r->algorithm = (uint8_t)algorithm_of(s);
    r->iv_len = s->iv_len;
    r->explicit_len = s->explicit_nonce;
    r->old = s->old;
}

void record_rest(struct record_side *r)
{
    if (r->aead != NULL) {
        r->engine->destroy(r->aead);
        r->aead = NULL;
    }
}

void record_done(struct record_side *r)
{
    record_rest(r);
    mbedtls_platform_zeroize(r, sizeof(*r));
}

static bool awake(struct record_side *r)
{
    if (r->aead == NULL) {
        r->aead = r->engine->create((enum aead_algorithm)r->algorithm, r->key);
    }
    return r->aead != NULL;
}

size_t record_front(const struct record_side *r)
{
    return RECORD_HEADER + r->explicit_len;
}

/* In TLS 1.3 the type stands behind the text (RFC 8446 5.2). */
static size_t inner_size(const struct record_side *r, size_t text_len)
{
    return r->old ? text_len : text_len + 1;
}

size_t record_size(const struct record_side *r, size_t text_len)
{
    return record_front(r) + inner_size(r, text_len) + AEAD_TAG;
}

size_t record_payload_max(const struct record_side *r)
{
    return RECORD_TEXT_MAX + (r->old ? EXPANSION_MAX_OLD : EXPANSION_MAX);
}

static void put_number(uint8_t out[8], uint64_t number)
{
    struct wr w = wr_of(out, 8);
    wr_be64(&w, number);
}

/* RFC 8446 5.3, RFC 7905 2: the IV and the record's number; RFC 5288 3: four bytes, and eight of the record. */
static void make_nonce(const struct record_side *r, const uint8_t *explicit_part,
                       uint8_t out[AEAD_NONCE])
{
    memcpy(out, r->iv, r->iv_len);
    if (r->explicit_len > 0) {
        memcpy(out + r->iv_len, explicit_part, r->explicit_len);
        return;
    }
    uint8_t counter[8];
    put_number(counter, r->number);
    for (size_t i = 0; i < sizeof(counter); i++) {
        out[AEAD_NONCE - 8 + i] ^= counter[i];
    }
}

/* What is only authenticated: the header (RFC 8446 5.2); or number, type, version and length of the plaintext (RFC
 * 5246 6.2.3.3). */
static struct slice make_aad(const struct record_side *r, const uint8_t header[RECORD_HEADER],
                             size_t text_len, uint8_t out[AAD_MAX])
{
    struct wr w = wr_of(out, AAD_MAX);
    if (r->old) {
        uint8_t counter[8];
        put_number(counter, r->number);
        wr_bytes(&w, counter, sizeof(counter));
        wr_bytes(&w, header, 3);
        wr_be16(&w, (uint16_t)text_len);
    } else {
        wr_bytes(&w, header, RECORD_HEADER);
    }
    return (struct slice){out, wr_len(&w)};
}

bool record_seal(struct record_side *r, enum record_type type, uint8_t *record, struct slice text)
{
    uint8_t nonce[AEAD_NONCE], aad[AAD_MAX];
    if (!awake(r)) {
        return false;
    }
    size_t inner = inner_size(r, text.len);
    struct wr w = wr_of(record, RECORD_HEADER);
    wr_u8(&w, r->old ? (uint8_t)type : RECORD_APPLICATION_DATA);
    wr_be16(&w, 0x0303);
    wr_be16(&w, (uint16_t)(r->explicit_len + inner + AEAD_TAG));
    if (r->explicit_len > 0) { /* RFC 5288 3: the number is never the same under one key */
        put_number(record + RECORD_HEADER, r->number);
    }
    make_nonce(r, record + RECORD_HEADER, nonce);
    const uint8_t inner_type = (uint8_t)type;
    const struct slice parts[] = {text, {&inner_type, inner - text.len}};
    if (!aead_seal(r->engine, r->aead, nonce, make_aad(r, record, text.len, aad), parts,
                   COUNT_OF(parts), record + record_front(r))) {
        return false;
    }
    r->number++;
    return true;
}

/* RFC 8446 5.4: zeros behind the type are padding. */
static enum record_verdict unpad(struct slice *text, uint8_t *type)
{
    size_t len = text->len;
    if (len > RECORD_TEXT_MAX + 1) {
        return RECORD_OVERFLOW;
    }
    while (len > 0 && text->data[len - 1] == 0) {
        len--;
    }
    if (len == 0) {
        return RECORD_UNTYPED;
    }
    *type = text->data[len - 1];
    text->len = len - 1;
    return RECORD_GOOD;
}

enum record_verdict record_open(struct record_side *r, const uint8_t header[RECORD_HEADER],
                                struct slice payload, uint8_t *out, struct slice *text,
                                uint8_t *type)
{
    uint8_t nonce[AEAD_NONCE], aad[AAD_MAX];
    if (payload.len > record_payload_max(r)) {
        return RECORD_OVERFLOW;
    }
    if (payload.len < r->explicit_len + AEAD_TAG) {
        return RECORD_FORGED;
    }
    if (!awake(r)) {
        return RECORD_NO_MEMORY;
    }
    size_t skip = payload.data == out ? r->explicit_len : 0; /* in place means where it lies */
    struct slice sealed = {payload.data + r->explicit_len, payload.len - r->explicit_len};
    *text = (struct slice){out + skip, sealed.len - AEAD_TAG};
    make_nonce(r, payload.data, nonce);
    if (!aead_open(r->engine, r->aead, nonce, make_aad(r, header, text->len, aad), &sealed, 1,
                   out + skip)) {
        return RECORD_FORGED;
    }
    r->number++;
    *type = header[0];
    if (r->old) {
        return text->len > RECORD_TEXT_MAX ? RECORD_OVERFLOW : RECORD_GOOD;
    }
    return unpad(text, type);
}
