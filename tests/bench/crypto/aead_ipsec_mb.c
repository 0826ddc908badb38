/* Intel's ipsec-mb as an engine; see aead_ipsec_mb.h. */
#include "tests/bench/crypto/aead_ipsec_mb.h"

#if __has_include(<intel-ipsec-mb.h>)

#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/platform_util.h>

#include "stack/base/cursor.h"

struct aead {
    struct gcm_key_data gcm; /* aligned to 64 bytes */
    union {
        struct gcm_context_data gcm;
        struct chacha20_poly1305_context_data chacha;
    } u;
    enum aead_algorithm algorithm;
    uint8_t key[AEAD_KEY_MAX];
};

static IMB_MGR *mgr;

static struct aead *create(enum aead_algorithm a, const uint8_t *key)
{
    struct aead *k = aligned_alloc(64, (sizeof(*k) + 63) / 64 * 64);
    if (k == NULL) {
        return NULL;
    }
    k->algorithm = a;
    switch (a) {
    case AEAD_AES_128_GCM:
        IMB_AES128_GCM_PRE(mgr, key, &k->gcm);
        break;
    case AEAD_AES_256_GCM:
        IMB_AES256_GCM_PRE(mgr, key, &k->gcm);
        break;
    default:
        memcpy(k->key, key, AEAD_KEY_MAX);
    }
    return k;
}

static void destroy(struct aead *k)
{
    if (k != NULL) {
        mbedtls_platform_zeroize(k, sizeof(*k));
        free(k);
    }
}

static void begin(struct aead *k, const uint8_t *nonce, struct slice aad)
{
    switch (k->algorithm) {
    case AEAD_AES_128_GCM:
        IMB_AES128_GCM_INIT(mgr, &k->gcm, &k->u.gcm, nonce, aad.data, aad.len);
        break;
    case AEAD_AES_256_GCM:
        IMB_AES256_GCM_INIT(mgr, &k->gcm, &k->u.gcm, nonce, aad.data, aad.len);
        break;
    default:
        IMB_CHACHA20_POLY1305_INIT(mgr, k->key, &k->u.chacha, nonce, aad.data, aad.len);
    }
}

static void update(struct aead *k, bool sealing, struct slice in, uint8_t *out)
{
    if (k->algorithm == AEAD_AES_128_GCM && sealing) {
        IMB_AES128_GCM_ENC_UPDATE(mgr, &k->gcm, &k->u.gcm, out, in.data, in.len);
    } else if (k->algorithm == AEAD_AES_128_GCM) {
        IMB_AES128_GCM_DEC_UPDATE(mgr, &k->gcm, &k->u.gcm, out, in.data, in.len);
    } else if (k->algorithm == AEAD_AES_256_GCM && sealing) {
        IMB_AES256_GCM_ENC_UPDATE(mgr, &k->gcm, &k->u.gcm, out, in.data, in.len);
    } else if (k->algorithm == AEAD_AES_256_GCM) {
        IMB_AES256_GCM_DEC_UPDATE(mgr, &k->gcm, &k->u.gcm, out, in.data, in.len);
    } else if (sealing) {
        IMB_CHACHA20_POLY1305_ENC_UPDATE(mgr, k->key, &k->u.chacha, out, in.data, in.len);
    } else {
        IMB_CHACHA20_POLY1305_DEC_UPDATE(mgr, k->key, &k->u.chacha, out, in.data, in.len);
    }
}

static void finish(struct aead *k, bool sealing, uint8_t *tag)
{
    if (k->algorithm == AEAD_AES_128_GCM && sealing) {
        IMB_AES128_GCM_ENC_FINALIZE(mgr, &k->gcm, &k->u.gcm, tag, AEAD_TAG);
    } else if (k->algorithm == AEAD_AES_128_GCM) {
        IMB_AES128_GCM_DEC_FINALIZE(mgr, &k->gcm, &k->u.gcm, tag, AEAD_TAG);
    } else if (k->algorithm == AEAD_AES_256_GCM && sealing) {
        IMB_AES256_GCM_ENC_FINALIZE(mgr, &k->gcm, &k->u.gcm, tag, AEAD_TAG);
    } else if (k->algorithm == AEAD_AES_256_GCM) {
        IMB_AES256_GCM_DEC_FINALIZE(mgr, &k->gcm, &k->u.gcm, tag, AEAD_TAG);
    } else if (sealing) {
        IMB_CHACHA20_POLY1305_ENC_FINALIZE(mgr, &k->u.chacha, tag, AEAD_TAG);
    } else {
        IMB_CHACHA20_POLY1305_DEC_FINALIZE(mgr, &k->u.chacha, tag, AEAD_TAG);
    }
}

static bool seal(struct aead *k, const uint8_t nonce[AEAD_NONCE], struct slice additional,
                 const struct slice *parts, unsigned count, uint8_t *out)
{
    size_t done = 0;
    begin(k, nonce, additional);
    for (unsigned i = 0; i < count; i++) {
        update(k, true, parts[i], out + done);
        done += parts[i].len;
    }
    finish(k, true, out + done);
    return true;
}

static bool open_parts(struct aead *k, const uint8_t nonce[AEAD_NONCE], struct slice additional,
                       const struct slice *parts, unsigned count, uint8_t *out)
{
    uint8_t sent[AEAD_TAG], right[AEAD_TAG];
    size_t len = 0, done = 0;
    struct wr tag = wr_of(sent, AEAD_TAG);
    for (unsigned i = 0; i < count; i++) {
        len += parts[i].len;
    }
    if (len < AEAD_TAG) {
        return false;
    }
    len -= AEAD_TAG;
    begin(k, nonce, additional);
    for (unsigned i = 0; i < count; i++) {
        struct rd r = rd_slice(parts[i]);
        struct slice text = rd_take(&r, size_min(parts[i].len, len - done));
        struct slice rest = rd_take(&r, rd_left(&r));
        update(k, false, text, out + done);
        done += text.len;
        wr_bytes(&tag, rest.data, rest.len);
    }
    finish(k, false, right);
    bool good = mbedtls_ct_memcmp(sent, right, AEAD_TAG) == 0;
    if (!good) {
        mbedtls_platform_zeroize(out, len);
    }
    return good;
}

const struct aead_engine *aead_ipsec_mb(void)
{
    static const struct aead_engine engine = {
        .name = "ipsec-mb",
        .create = create,
        .destroy = destroy,
        .seal = seal,
        .open = open_parts,
    };
    if (mgr == NULL && (mgr = alloc_mb_mgr(0)) != NULL) {
        init_mb_mgr_auto(mgr, NULL);
    }
    return mgr != NULL && imb_get_errno(mgr) == 0 ? &engine : NULL;
}

#else

const struct aead_engine *aead_ipsec_mb(void)
{
    return NULL;
}

#endif
