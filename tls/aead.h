/* Authenticated encryption with one key (RFC 5116), by the engine that was chosen: mbedTLS' own code, which
 * is portable and the one to step through, or a library that is made for speed.
 *
 * A `struct aead` is made for one key and used for one direction. It holds what the engine derives from the key (AES
 * round keys, powers of H), so it is not small; who falls silent frees it and makes it anew from the key.
 * All algorithms have nonces of 12 bytes and tags of 16 (RFC 8446 5.3, RFC 5288, RFC 7905).
 */
#ifndef VITRINE_TLS_AEAD_H
#define VITRINE_TLS_AEAD_H

#include "stack/base/types.h"
#include "tls/arithmetic.h"

#define AEAD_TAG 16U
#define AEAD_NONCE 12U
#define AEAD_KEY_MAX 32U

enum aead_algorithm { AEAD_AES_128_GCM, AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305, AEAD_ALGORITHMS };

struct aead; /* an engine's */

struct aead_engine {
    const char *name;                    /* "mbedtls", "libcrypto", "ipsec-mb" */
    bool (*usable)(void);                /* by this processor; NULL: by any */
    const struct arithmetic *arithmetic; /* for handshakes; NULL: mbedTLS' own */
    /* `key`: 16 bytes for AES-128, else 32. NULL: no memory, or the engine does not have it. */
    struct aead *(*create)(enum aead_algorithm a, const uint8_t *key);
    void (*destroy)(struct aead *k); /* wipes it; NULL: nothing */
    /* A message, in three steps. Additional data is short; `out` of `update` is where the part lies, or does not
     * overlap it. False: the engine failed. */
    bool (*begin)(struct aead *k, bool sealing, const uint8_t nonce[AEAD_NONCE],
                  struct slice additional);
    bool (*update)(struct aead *k, bool sealing, struct slice part,
                   uint8_t *out); /* part.len > 0 */
    /* Sealing: makes the tag. Else: whether `tag` is the right one, in constant time. */
    bool (*finish)(struct aead *k, bool sealing, uint8_t tag[AEAD_TAG]);
};

/* The parts, one after the other, encrypted to `out`, then the tag: the sum of their lengths + AEAD_TAG bytes.
 * A part may lie where its ciphertext goes; else it must not overlap `out`. False: the engine failed. */
bool aead_seal(const struct aead_engine *e, struct aead *k, const uint8_t nonce[AEAD_NONCE],
               struct slice additional, const struct slice *parts, unsigned count, uint8_t *out);
/* The parts are ciphertext and tag, cut anywhere. `out`, of the ciphertext's length, may be where the only part
 * lies, or must not overlap any. False: not authentic, and `out` holds nothing of the plaintext. */
bool aead_open(const struct aead_engine *e, struct aead *k, const uint8_t nonce[AEAD_NONCE],
               struct slice additional, const struct slice *parts, unsigned count, uint8_t *out);

/* Those of this build that this processor can use, from 0 on, which is the default; NULL: there are no more. */
const struct aead_engine *aead_engine(unsigned nth);
const struct aead_engine *aead_engine_named(const char *name); /* NULL: none of them */

#endif
