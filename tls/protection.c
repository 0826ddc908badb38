/* Opening protected records; see protection.h. */
#include "tls/protection.h"

#include <string.h>

#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>

#include "stack/base/cursor.h"

#define NONCE 12U

static void put_number(uint8_t out[8], uint64_t number)
{
    struct wr w = wr_of(out, 8);
    wr_be32(&w, (uint32_t)(number >> 32));
    wr_be32(&w, (uint32_t)number);
}

/* RFC 8446 5.3, RFC 7905 2: the IV and the record's number; RFC 5288 3: four bytes, and eight of the record. */
static void make_nonce(const struct tls_suite *s, const struct tls_keys *keys, uint64_t number,
                       struct slice explicit_part, uint8_t out[NONCE])
{
    memcpy(out, keys->iv.data, s->iv_len);
    if (s->explicit_nonce > 0) {
        memcpy(out + s->iv_len, explicit_part.data, s->explicit_nonce);
        return;
    }
    uint8_t counter[8];
    put_number(counter, number);
    for (size_t i = 0; i < sizeof(counter); i++) {
        out[NONCE - 8 + i] ^= counter[i];
    }
}

/* The data that is only authenticated. */
static size_t make_aad(const struct tls_suite *s, uint64_t number, const uint8_t header[5],
                       size_t plain_len, uint8_t out[13])
{
    struct wr w = wr_of(out, 13);
    if (!s->old) {
        wr_bytes(&w, header, 5);
        return wr_len(&w);
    }
    uint8_t counter[8];
    put_number(counter, number);
    wr_bytes(&w, counter, sizeof(counter));
    wr_bytes(&w, header, 3);
    wr_be16(&w, (uint16_t)plain_len);
    return wr_len(&w);
}

static bool open_gcm(const struct tls_keys *keys, const uint8_t nonce[NONCE], struct slice aad,
                     struct slice text, const uint8_t *tag, uint8_t *out)
{
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    bool good =
        mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, keys->key.data, 8U * keys->key.len) == 0 &&
        mbedtls_gcm_auth_decrypt(&gcm, text.len, nonce, NONCE, aad.data, aad.len, tag, TLS_AEAD_TAG,
                                 text.data, out) == 0;
    mbedtls_gcm_free(&gcm);
    return good;
}

static bool open_chacha(const struct tls_keys *keys, const uint8_t nonce[NONCE], struct slice aad,
                        struct slice text, const uint8_t *tag, uint8_t *out)
{
    mbedtls_chachapoly_context chacha;
    mbedtls_chachapoly_init(&chacha);
    bool good = mbedtls_chachapoly_setkey(&chacha, keys->key.data) == 0 &&
                mbedtls_chachapoly_auth_decrypt(&chacha, text.len, nonce, aad.data, aad.len, tag,
                                                text.data, out) == 0;
    mbedtls_chachapoly_free(&chacha);
    return good;
}

size_t tls_open_record(const struct tls_suite *s, const struct tls_keys *keys, uint64_t number,
                       const uint8_t header[5], struct slice payload, uint8_t *out, uint8_t *type)
{
    uint8_t nonce[NONCE], aad[13];
    struct rd r = rd_slice(payload);
    struct slice explicit_part = rd_take(&r, s->explicit_nonce);
    if (r.failed || keys->key.len != s->key_len || keys->iv.len != s->iv_len ||
        rd_left(&r) < TLS_AEAD_TAG) {
        return 0;
    }
    struct slice text = rd_take(&r, rd_left(&r) - TLS_AEAD_TAG);
    struct slice tag = rd_take(&r, TLS_AEAD_TAG);
    make_nonce(s, keys, number, explicit_part, nonce);
    struct slice data = {aad, make_aad(s, number, header, text.len, aad)};
    if (!(s->chacha ? open_chacha : open_gcm)(keys, nonce, data, text, tag.data, out)) {
        return 0;
    }
    size_t len = text.len;
    *type = header[0];
    if (!s->old) { /* RFC 8446 5.4: zeros behind the type are padding */
        while (len > 0 && out[len - 1] == 0) {
            len--;
        }
        *type = len > 0 ? out[--len] : 0;
    }
    return len;
}
