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

#include "stack/base/cursor.h"

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
static bool update(struct aead *k, struct slice part, uint8_t *out)
{
    int made;
    if (part.len == 0) {
        return true;
    }
    return part.len <= INT_MAX &&
           EVP_CipherUpdate(k->ctx, out, &made, part.data, (int)part.len) == 1 &&
           (size_t)made == part.len;
}

static bool begin(struct aead *k, bool sealing, const uint8_t *nonce, struct slice additional)
{
    return EVP_CipherInit_ex2(k->ctx, NULL, NULL, nonce, sealing, NULL) == 1 &&
           update(k, additional, NULL);
}

/* Makes the tag, or compares the one that was set, in constant time. */
static bool finish(struct aead *k)
{
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    int made;
    return EVP_CipherFinal_ex(k->ctx, none, &made) == 1 && made == 0;
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
    return finish(k) &&
           EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, out + done) == 1;
}

/* Decrypts, and compares the tag that stands behind the text. */
static bool decrypt(struct aead *k, const struct slice *parts, unsigned count, size_t text_len,
                    uint8_t *out)
{
    uint8_t sent[AEAD_TAG];
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
    return EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, sent) == 1 && finish(k);
}

static bool open_parts(struct aead *k, const uint8_t nonce[AEAD_NONCE], struct slice additional,
                       const struct slice *parts, unsigned count, uint8_t *out)
{
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        len += parts[i].len;
    }
    if (len < AEAD_TAG) {
        return false;
    }
    len -= AEAD_TAG;
    bool good = begin(k, false, nonce, additional) && decrypt(k, parts, count, len, out);
    if (!good) {
        OPENSSL_cleanse(out, len);
    }
    return good;
}

const struct aead_engine aead_libcrypto = {
    .name = "libcrypto",
    .arithmetic = &arithmetic_libcrypto,
    .create = create,
    .destroy = destroy,
    .seal = seal,
    .open = open_parts,
};

#endif
