/* The engine of mbedTLS: its AES-GCM (NIST SP 800-38D) and ChaCha20-Poly1305 (RFC 8439), straight; see aead.h. */
#include "tls/aead_engines.h"

#include <stdlib.h>
#include <string.h>

#include <mbedtls/chachapoly.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>

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

static bool update(struct aead *k, bool sealing, struct slice part, uint8_t *out)
{
    size_t made;
    (void)sealing; /* `begin` has said it */
    if (k->chacha) {
        return mbedtls_chachapoly_update(&k->u.chachapoly, part.len, part.data, out) == 0;
    }
    return mbedtls_gcm_update(&k->u.gcm, part.data, part.len, out, part.len, &made) == 0 &&
           made == part.len;
}

static bool finish(struct aead *k, bool sealing, uint8_t tag[AEAD_TAG])
{
    uint8_t right[AEAD_TAG];
    size_t made;
    uint8_t *to = sealing ? tag : right;
    int ret = k->chacha ? mbedtls_chachapoly_finish(&k->u.chachapoly, to)
                        : mbedtls_gcm_finish(&k->u.gcm, NULL, 0, &made, to, AEAD_TAG);
    return ret == 0 && (sealing || mbedtls_ct_memcmp(tag, right, AEAD_TAG) == 0);
}

const struct aead_engine aead_mbedtls = {
    .name = "mbedtls",
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .update = update,
    .finish = finish,
};
