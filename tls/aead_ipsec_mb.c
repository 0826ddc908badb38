/* The engine of Intel's ipsec-mb, which has AES-GCM and ChaCha20-Poly1305 in the widest vector instructions that
 * x86-64 processors have (VAES, AVX-512); see aead.h.
 */
#include "tls/aead_engines.h"

#ifdef AEAD_IPSEC_MB

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/platform_util.h>

#define ALIGNMENT 64U /* bytes: of gcm_key_data */

/* What the library has for one length of AES keys. */
struct gcm_calls {
    aes_gcm_pre_t pre;
    aes_gcm_init_t begin;
    aes_gcm_enc_dec_update_t update[2];   /* decrypt, encrypt */
    aes_gcm_enc_dec_finalize_t finish[2]; /* the same */
};

struct aead {
    struct gcm_key_data gcm_key;
    const struct gcm_calls *gcm; /* NULL: it is ChaCha20-Poly1305 */
    uint8_t chacha_key[AEAD_KEY_MAX];
    union {
        struct gcm_context_data gcm;
        struct chacha20_poly1305_context_data chacha;
    } message; /* the one that is in work */
};

/* Made once in the life of the process, and only read from then on. */
static IMB_MGR *library;
static struct gcm_calls gcm_calls[2]; /* of AES-128, of AES-256 */
static bool ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin_library(void)
{
    library = alloc_mb_mgr(0);
    if (library == NULL) {
        return;
    }
    init_mb_mgr_auto(library, NULL);
    gcm_calls[0] = (struct gcm_calls){library->gcm128_pre,
                                      library->gcm128_init,
                                      {library->gcm128_dec_update, library->gcm128_enc_update},
                                      {library->gcm128_dec_finalize, library->gcm128_enc_finalize}};
    gcm_calls[1] = (struct gcm_calls){library->gcm256_pre,
                                      library->gcm256_init,
                                      {library->gcm256_dec_update, library->gcm256_enc_update},
                                      {library->gcm256_dec_finalize, library->gcm256_enc_finalize}};
    /* On a processor without AES instructions it computes in a way that is slow, and takes no care of caches. */
    ready = imb_get_errno(library) == 0 && (library->features & IMB_FEATURE_AESNI) != 0;
}

static bool usable(void)
{
    return pthread_once(&once, begin_library) == 0 && ready;
}

static struct aead *create(enum aead_algorithm a, const uint8_t *key)
{
    size_t size = (sizeof(struct aead) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct aead *k = usable() ? aligned_alloc(ALIGNMENT, size) : NULL;
    if (k == NULL) {
        return NULL;
    }
    k->gcm = a == AEAD_CHACHA20_POLY1305 ? NULL : &gcm_calls[a == AEAD_AES_256_GCM];
    if (k->gcm != NULL) {
        k->gcm->pre(key, &k->gcm_key);
    } else {
        memcpy(k->chacha_key, key, AEAD_KEY_MAX);
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

static bool begin(struct aead *k, bool sealing, const uint8_t *nonce, struct slice additional)
{
    (void)sealing;
    if (k->gcm != NULL) {
        k->gcm->begin(&k->gcm_key, &k->message.gcm, nonce, additional.data, additional.len);
    } else {
        library->chacha20_poly1305_init(k->chacha_key, &k->message.chacha, nonce, additional.data,
                                        additional.len);
    }
    return true;
}

static bool update(struct aead *k, bool sealing, struct slice part, uint8_t *out)
{
    if (k->gcm != NULL) {
        k->gcm->update[sealing](&k->gcm_key, &k->message.gcm, out, part.data, part.len);
        return true;
    }
    chacha_poly_enc_dec_update_t chacha =
        sealing ? library->chacha20_poly1305_enc_update : library->chacha20_poly1305_dec_update;
    chacha(k->chacha_key, &k->message.chacha, out, part.data, part.len);
    return true;
}

static bool finish(struct aead *k, bool sealing, uint8_t tag[AEAD_TAG])
{
    uint8_t right[AEAD_TAG];
    uint8_t *to = sealing ? tag : right;
    if (k->gcm != NULL) {
        k->gcm->finish[sealing](&k->gcm_key, &k->message.gcm, to, AEAD_TAG);
    } else {
        library->chacha20_poly1305_finalize(&k->message.chacha, to, AEAD_TAG);
    }
    return sealing || mbedtls_ct_memcmp(tag, right, AEAD_TAG) == 0;
}

const struct aead_engine aead_ipsec_mb = {
    .name = "ipsec-mb",
    .usable = usable,
#ifdef AEAD_LIBCRYPTO
    .arithmetic = &arithmetic_libcrypto, /* ipsec-mb has none */
#endif
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .update = update,
    .finish = finish,
};

#endif
