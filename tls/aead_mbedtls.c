/* The engine of mbedTLS: its AES-GCM (NIST SP 800-38D) and ChaCha20-Poly1305 (RFC 8439), straight; see aead.h. */
#include "tls/aead_engines.h"

#include <stdlib.h>
#include <string.h>

#include <mbedtls/chachapoly.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>

#include "stack/base/cursor.h"

struct aead {
    bool chacha;
    union {
        mbedtls_gcm_context gcm;
        mbedtls_chachapoly_context chachapoly;
    } u;
};

static void destroy(struct aead *k)
{
    if (k == NULL) {
        return;
    }
    if (k->chacha) {
        mbedtls_chachapoly_free(&k->u.chachapoly);
    } else {
        mbedtls_gcm_free(&k->u.gcm);
    }
    mbedtls_platform_zeroize(k, sizeof(*k));
    free(k);
}

static struct aead *create(enum aead_algorithm a, const uint8_t *key)
{
    struct aead *k = calloc(1, sizeof(*k));
    int ret;
    if (k == NULL) {
        return NULL;
    }
    k->chacha = a == AEAD_CHACHA20_POLY1305;
    if (k->chacha) {
        mbedtls_chachapoly_init(&k->u.chachapoly);
        ret = mbedtls_chachapoly_setkey(&k->u.chachapoly, key);
    } else {
        mbedtls_gcm_init(&k->u.gcm);
        ret = mbedtls_gcm_setkey(&k->u.gcm, MBEDTLS_CIPHER_ID_AES, key,
                                 a == AEAD_AES_128_GCM ? 128 : 256);
    }
    if (ret != 0) {
        destroy(k);
        return NULL;
    }
    return k;
}

static bool begin(struct aead *k, bool sealing, const uint8_t *nonce, struct slice additional)
{
    if (k->chacha) {
        mbedtls_chachapoly_context *c = &k->u.chachapoly;
        mbedtls_chachapoly_mode_t mode =
            sealing ? MBEDTLS_CHACHAPOLY_ENCRYPT : MBEDTLS_CHACHAPOLY_DECRYPT;
        return mbedtls_chachapoly_starts(c, nonce, mode) == 0 &&
               mbedtls_chachapoly_update_aad(c, additional.data, additional.len) == 0;
    }
    int mode = sealing ? MBEDTLS_GCM_ENCRYPT : MBEDTLS_GCM_DECRYPT;
    return mbedtls_gcm_starts(&k->u.gcm, mode, nonce, AEAD_NONCE) == 0 &&
           mbedtls_gcm_update_ad(&k->u.gcm, additional.data, additional.len) == 0;
}

static bool update(struct aead *k, struct slice part, uint8_t *out)
{
    size_t made;
    if (part.len == 0) {
        return true;
    }
    if (k->chacha) {
        return mbedtls_chachapoly_update(&k->u.chachapoly, part.len, part.data, out) == 0;
    }
    return mbedtls_gcm_update(&k->u.gcm, part.data, part.len, out, part.len, &made) == 0 &&
           made == part.len;
}

static bool finish(struct aead *k, uint8_t tag[AEAD_TAG])
{
    size_t made;
    if (k->chacha) {
        return mbedtls_chachapoly_finish(&k->u.chachapoly, tag) == 0;
    }
    return mbedtls_gcm_finish(&k->u.gcm, NULL, 0, &made, tag, AEAD_TAG) == 0;
}

static bool seal(struct aead *k, const uint8_t nonce[AEAD_NONCE], struct slice additional,
                 const struct slice *parts, unsigned count, uint8_t *out)
{
    size_t done = 0;
    if (!begin(k, true, nonce, additional)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!update(k, parts[i], out + done)) {
            return false;
        }
        done += parts[i].len;
    }
    return finish(k, out + done);
}

/* Decrypts, gathers the tag that was sent in `sent`, and makes the one that is right. */
static bool decrypt(struct aead *k, const struct slice *parts, unsigned count, size_t text_len,
                    uint8_t *out, uint8_t sent[AEAD_TAG], uint8_t right[AEAD_TAG])
{
    size_t done = 0;
    struct wr tag = wr_of(sent, AEAD_TAG);
    for (unsigned i = 0; i < count; i++) {
        struct rd r = rd_slice(parts[i]);
        struct slice text = rd_take(&r, size_min(parts[i].len, text_len - done));
        struct slice rest = rd_take(&r, rd_left(&r));
        if (!update(k, text, out + done)) {
            return false;
        }
        done += text.len;
        wr_bytes(&tag, rest.data, rest.len);
    }
    return finish(k, right);
}

static bool open_parts(struct aead *k, const uint8_t nonce[AEAD_NONCE], struct slice additional,
                       const struct slice *parts, unsigned count, uint8_t *out)
{
    uint8_t sent[AEAD_TAG], right[AEAD_TAG];
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        len += parts[i].len;
    }
    if (len < AEAD_TAG) {
        return false;
    }
    len -= AEAD_TAG;
    bool good = begin(k, false, nonce, additional) &&
                decrypt(k, parts, count, len, out, sent, right) &&
                mbedtls_ct_memcmp(sent, right, AEAD_TAG) == 0;
    if (!good) {
        mbedtls_platform_zeroize(out, len);
    }
    return good;
}

const struct aead_engine aead_mbedtls = {
    .name = "mbedtls",
    .create = create,
    .destroy = destroy,
    .seal = seal,
    .open = open_parts,
};
