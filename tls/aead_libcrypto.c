/* The engine of OpenSSL's libcrypto, which has AES-GCM and ChaCha20-Poly1305 in the vector instructions of many
 * processors; see aead.h.
 *
 * A library context of its own: no configuration file of the system is read, and what other users of libcrypto
 * in the process change does not reach it. None of this draws random numbers.
 */
#include "tls/aead_engines.h"

#ifdef AEAD_LIBCRYPTO

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

struct aead {
    EVP_CIPHER_CTX *ctx;
};

/* Found by name once in the life of the process: each search takes a lock and compares names. */
static EVP_CIPHER *ciphers[AEAD_ALGORITHMS];
static pthread_once_t ciphers_once = PTHREAD_ONCE_INIT;

static void find_ciphers(void)
{
    static const char *const names[AEAD_ALGORITHMS] = {
        [AEAD_AES_128_GCM] = "AES-128-GCM",
        [AEAD_AES_256_GCM] = "AES-256-GCM",
        [AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
    };
    OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
    for (size_t i = 0; i < AEAD_ALGORITHMS && library != NULL; i++) {
        ciphers[i] = EVP_CIPHER_fetch(library, names[i], NULL);
    }
}

static void destroy(struct aead *k)
{
    if (k == NULL) {
        return;
    }
    EVP_CIPHER_CTX_free(k->ctx); /* wipes what it has of the key */
    free(k);
}

static struct aead *create(enum aead_algorithm a, const uint8_t *key)
{
    if (pthread_once(&ciphers_once, find_ciphers) != 0 || ciphers[a] == NULL) {
        return NULL;
    }
    struct aead *k = calloc(1, sizeof(*k));
    if (k == NULL) {
        return NULL;
    }
    k->ctx = EVP_CIPHER_CTX_new();
    if (k->ctx == NULL || EVP_EncryptInit_ex2(k->ctx, ciphers[a], key, NULL, NULL) != 1) {
        destroy(k);
        return NULL;
    }
    return k;
}

/* EVP counts in int. Additional data is told apart by having no place for output. */
static bool update(struct aead *k, bool sealing, struct slice part, uint8_t *out)
{
    int made;
    (void)sealing; /* `begin` has said it */
    return part.len <= INT_MAX &&
           EVP_CipherUpdate(k->ctx, out, &made, part.data, (int)part.len) == 1 &&
           (size_t)made == part.len;
}

static bool begin(struct aead *k, bool sealing, const uint8_t *nonce, struct slice additional)
{
    return EVP_CipherInit_ex2(k->ctx, NULL, NULL, nonce, sealing, NULL) == 1 &&
           (additional.len == 0 || update(k, sealing, additional, NULL));
}

/* EVP makes the tag at the end, or compares the one that was set before it, in constant time. */
static bool finish(struct aead *k, bool sealing, uint8_t tag[AEAD_TAG])
{
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    int made;
    return (sealing || EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, tag) == 1) &&
           EVP_CipherFinal_ex(k->ctx, none, &made) == 1 && made == 0 &&
           (!sealing || EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, tag) == 1);
}

const struct aead_engine aead_libcrypto = {
    .name = "libcrypto",
    .arithmetic = &arithmetic_libcrypto,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .update = update,
    .finish = finish,
};

#endif
