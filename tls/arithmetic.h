/* The costly arithmetic of handshakes, by the engine that was chosen.
 *
 * Key exchange, signatures and the key schedule stay mbedTLS' own: how keys are drawn and checked, RFC 6979, PKCS #1, blinding,
 * HMAC and HKDF, the order of it all. Nearly all of their time goes into a few operations, though, and these an engine can take over.
 * For each result only one value is right, and no engine draws randomness: so a handshake has the same bytes with each
 * engine, and what was recorded with one replays with the other (arithmetic_hooks.c).
 */
#ifndef VITRINE_TLS_ARITHMETIC_H
#define VITRINE_TLS_ARITHMETIC_H

#include "stack/base/types.h"

#define P256_SCALAR 32U /* bytes, big-endian */
#define P256_POINT 65U  /* bytes: 4, x, y (SEC 1 2.3.3, uncompressed) */
#define X25519_LEN 32U  /* bytes of a scalar or a u-coordinate, little-endian (RFC 7748 5) */
#define POWER_MAX 1024U /* bytes of a modulus, big-endian */
#define SHA256_WORDS 8U
#define SHA256_BLOCK 64U

/* All but the last return false, with nothing in `out` to rely on, when the engine cannot or the input is bad: then mbedTLS does
 * the same by itself, or says what is wrong. Secret are the scalars of `p256` and `x25519`, what `p256_inverse` is asked
 * for, and base, exponent and modulus of `power`: their values do not show in the time it takes. */
struct arithmetic {
    const char *name; /* "libcrypto" */
    /* scalar * point; `point` NULL: the base point. The scalar is from 1 to the order - 1. False: not on the curve. */
    bool (*p256)(const uint8_t scalar[P256_SCALAR], const uint8_t *point, uint8_t out[P256_POINT]);
    /* base_scalar * base point + scalar * point, of public numbers. False: the sum is the point at infinity. */
    bool (*p256_sum)(const uint8_t base_scalar[P256_SCALAR], const uint8_t scalar[P256_SCALAR],
                     const uint8_t point[P256_POINT], uint8_t out[P256_POINT]);
    /* 1 / x modulo the order of P-256, x from 1 to the order - 1. */
    bool (*p256_inverse)(const uint8_t x[P256_SCALAR], uint8_t out[P256_SCALAR]);
    /* X25519(scalar, u). False: the result is zero, the point being of small order (RFC 7748 6.1). */
    bool (*x25519)(const uint8_t scalar[X25519_LEN], const uint8_t u[X25519_LEN],
                   uint8_t out[X25519_LEN]);
    /* base ^ exponent modulo an odd modulus; `out` has as many bytes as the modulus. */
    bool (*power)(struct slice base, struct slice exponent, struct slice modulus, uint8_t *out);
    /* The words of SHA-256's state after so many more blocks (FIPS 180-4 6.2.2). This one cannot fail. */
    void (*sha256)(uint32_t state[SHA256_WORDS], const uint8_t *blocks, size_t count);
};

/* Which one mbedTLS is given while it works in this thread; NULL: its own. */
extern _Thread_local const struct arithmetic *arithmetic_in_use;

#endif
