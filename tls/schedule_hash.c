/* The functions that the key schedules are made of: HKDF (RFC 5869) with the labels of RFC 8446 7.1, and the PRF of
 * RFC 5246 5. */
#include "tls/schedule.h"

#include <string.h>

#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>

#include "stack/base/cursor.h"

bool tls_suite_find(uint16_t number, struct tls_suite *out)
{
    static const struct tls_suite suites[] = {
        {0x1301, false, false, false, 32, 16, 12, 0}, {0x1302, true, false, false, 48, 32, 12, 0},
        {0x1303, false, true, false, 32, 32, 12, 0},  {0xc02b, false, false, true, 32, 16, 4, 8},
        {0xc02f, false, false, true, 32, 16, 4, 8},   {0xc02c, true, false, true, 48, 32, 4, 8},
        {0xc030, true, false, true, 48, 32, 4, 8},    {0xcca8, false, true, true, 32, 32, 12, 0},
        {0xcca9, false, true, true, 32, 32, 12, 0},
    };
    for (size_t i = 0; i < COUNT_OF(suites); i++) {
        if (suites[i].number == number) {
            *out = suites[i];
            return true;
        }
    }
    return false;
}

struct slice tls_value_slice(const struct tls_value *v)
{
    return (struct slice){v->data, v->len};
}

bool tls_value_set(struct tls_value *v, const void *data, size_t len)
{
    v->len = 0;
    if (len > sizeof(v->data)) {
        return false;
    }
    memcpy(v->data, data, len);
    v->len = (uint8_t)len;
    return true;
}

static const mbedtls_md_info_t *hash_of(const struct tls_suite *s)
{
    return mbedtls_md_info_from_type(s->sha384 ? MBEDTLS_MD_SHA384 : MBEDTLS_MD_SHA256);
}

void tls_hash(const struct tls_suite *s, struct slice data, struct tls_value *out)
{
    out->len = mbedtls_md(hash_of(s), data.data, data.len, out->data) == 0 ? s->hash_len : 0;
}

void tls_hmac(const struct tls_suite *s, struct slice key, struct slice data, struct tls_value *out)
{
    int ret = mbedtls_md_hmac(hash_of(s), key.data, key.len, data.data, data.len, out->data);
    out->len = ret == 0 ? s->hash_len : 0;
}

/* An empty salt or input is a string of zeros as long as the hash (RFC 8446 7.1). */
void tls_hkdf_extract(const struct tls_suite *s, struct slice salt, struct slice ikm,
                      struct tls_value *out)
{
    static const uint8_t zeros[TLS_HASH_MAX];
    struct slice none = {zeros, s->hash_len};
    salt = salt.len > 0 ? salt : none;
    ikm = ikm.len > 0 ? ikm : none;
    int ret = mbedtls_hkdf_extract(hash_of(s), salt.data, salt.len, ikm.data, ikm.len, out->data);
    out->len = ret == 0 ? s->hash_len : 0;
}

void tls_hkdf_expand_label(const struct tls_suite *s, const struct tls_value *secret,
                           const char *label, struct slice context, size_t len,
                           struct tls_value *out)
{
    static const char prefix[] = "tls13 ";
    uint8_t info[2 + 1 + 6 + 32 + 1 + TLS_VALUE_MAX];
    struct wr w = wr_of(info, sizeof(info));
    struct tls_value from = *secret; /* `out` may be the same */
    size_t label_len = strlen(label);
    wr_be16(&w, (uint16_t)len);
    wr_u8(&w, (uint8_t)(sizeof(prefix) - 1 + label_len));
    wr_bytes(&w, prefix, sizeof(prefix) - 1);
    wr_bytes(&w, label, label_len);
    wr_u8(&w, (uint8_t)context.len);
    wr_bytes(&w, context.data, context.len);
    out->len = 0;
    if (!w.failed && from.len > 0 && len <= sizeof(out->data) &&
        mbedtls_hkdf_expand(hash_of(s), from.data, from.len, info, wr_len(&w), out->data, len) ==
            0) {
        out->len = (uint8_t)len;
    }
    mbedtls_platform_zeroize(&from, sizeof(from));
}

/* P_hash: A(0) = seed, A(i) = HMAC(secret, A(i-1)), and HMAC(secret, A(i) + seed) after one another. */
bool tls_prf(const struct tls_suite *s, const struct tls_value *secret, const char *label,
             struct slice seed, uint8_t *out, size_t len)
{
    uint8_t text[TLS_HASH_MAX + 32 + 2 * TLS_VALUE_MAX];
    uint8_t *behind = text + s->hash_len; /* A(i) stands before label and seed */
    struct wr w = wr_of(behind, sizeof(text) - s->hash_len);
    struct tls_value a, block = {.len = 0};
    size_t done = 0;
    wr_bytes(&w, label, strlen(label));
    wr_bytes(&w, seed.data, seed.len);
    if (w.failed || secret->len == 0) {
        return false;
    }
    tls_hmac(s, tls_value_slice(secret), (struct slice){behind, wr_len(&w)}, &a);
    while (done < len && a.len > 0) {
        memcpy(text, a.data, a.len);
        tls_hmac(s, tls_value_slice(secret), (struct slice){text, a.len + wr_len(&w)}, &block);
        if (block.len == 0) {
            break;
        }
        size_t n = size_min(len - done, block.len);
        memcpy(out + done, block.data, n);
        done += n;
        tls_hmac(s, tls_value_slice(secret), tls_value_slice(&a), &a);
    }
    mbedtls_platform_zeroize(&block, sizeof(block));
    return done == len;
}
