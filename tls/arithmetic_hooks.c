/* Where an engine's arithmetic stands in for mbedTLS' own (arithmetic.h).
 *
 * mbedTLS has hooks for that, and each shuts something out: its MBEDTLS_…_ALT leave its own code out of the build, but who
 * steps through a handshake wants it; a driver of PSA serves TLS 1.3's key exchange and no signature unless all goes
 * through PSA; an alternative RSA key cannot make the signatures of TLS 1.3. So the linker does it (--wrap, in
 * the Makefile): where one part of mbedTLS calls another for one of the operations below, it calls us; we ask the engine
 * in use, and without one, or when it says no, the function of mbedTLS that was meant.
 *
 * Randomness that only hides from onlookers what is computed, and changes nothing in the result, comes from a generator of its own:
 * else the numbers that keys are made of would depend on the engine.
 */
#include "tls/internal.h"

#include <string.h>

#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>

_Thread_local const struct arithmetic *arithmetic_in_use;

/* ---- P-256 and X25519 ---- */

/* Coordinates below the prime, and no point at infinity, the engine sees to itself. */
static bool read_point(const mbedtls_ecp_group *g, const mbedtls_ecp_point *p, uint8_t *out,
                       size_t size)
{
    size_t len;
    return mbedtls_mpi_cmp_int(&p->Z, 1) == 0 &&
           mbedtls_ecp_point_write_binary(g, p, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, out, size) ==
               0 &&
           len == size;
}

static bool multiply_p256(const struct arithmetic *a, mbedtls_ecp_group *g, mbedtls_ecp_point *r,
                          const mbedtls_mpi *m, const mbedtls_ecp_point *p)
{
    uint8_t scalar[P256_SCALAR], point[P256_POINT];
    bool base = p == &g->G;
    bool good = mbedtls_mpi_write_binary(m, scalar, sizeof scalar) == 0 &&
                (base || read_point(g, p, point, sizeof point)) &&
                a->p256(scalar, base ? NULL : point, point) &&
                mbedtls_ecp_point_read_binary(g, r, point, sizeof point) == 0;
    mbedtls_platform_zeroize(scalar, sizeof scalar);
    mbedtls_platform_zeroize(point, sizeof point);
    return good;
}

/* mbedTLS counts with all 256 bits of a coordinate, RFC 7748 5 with 255: where that makes a difference it shall. */
static bool multiply_x25519(const struct arithmetic *a, mbedtls_ecp_group *g, mbedtls_ecp_point *r,
                            const mbedtls_mpi *m, const mbedtls_ecp_point *p)
{
    uint8_t scalar[X25519_LEN], u[X25519_LEN], shared[X25519_LEN];
    bool good = mbedtls_mpi_bitlen(&p->X) <= 255 &&
                mbedtls_mpi_write_binary_le(m, scalar, sizeof scalar) == 0 &&
                read_point(g, p, u, sizeof u) && a->x25519(scalar, u, shared) &&
                mbedtls_ecp_point_read_binary(g, r, shared, sizeof shared) == 0;
    mbedtls_platform_zeroize(scalar, sizeof scalar);
    mbedtls_platform_zeroize(shared, sizeof shared);
    return good;
}

static bool multiply(mbedtls_ecp_group *g, mbedtls_ecp_point *r, const mbedtls_mpi *m,
                     const mbedtls_ecp_point *p)
{
    const struct arithmetic *a = arithmetic_in_use;
    if (a == NULL || mbedtls_ecp_check_privkey(g, m) != 0) {
        return false;
    }
    if (g->id == MBEDTLS_ECP_DP_CURVE25519) {
        return multiply_x25519(a, g, r, m, p);
    }
    return g->id == MBEDTLS_ECP_DP_SECP256R1 && multiply_p256(a, g, r, m, p);
}

/* What verifies a signature: m * base point + n * q. */
static bool sum(mbedtls_ecp_group *g, mbedtls_ecp_point *r, const mbedtls_mpi *m,
                const mbedtls_ecp_point *p, const mbedtls_mpi *n, const mbedtls_ecp_point *q)
{
    const struct arithmetic *a = arithmetic_in_use;
    uint8_t base_scalar[P256_SCALAR], scalar[P256_SCALAR], point[P256_POINT];
    bool positive = mbedtls_mpi_cmp_int(m, 0) >= 0 && mbedtls_mpi_cmp_int(n, 0) >= 0;
    return a != NULL && g->id == MBEDTLS_ECP_DP_SECP256R1 && p == &g->G && positive &&
           mbedtls_mpi_write_binary(m, base_scalar, sizeof base_scalar) == 0 &&
           mbedtls_mpi_write_binary(n, scalar, sizeof scalar) == 0 &&
           read_point(g, q, point, sizeof point) &&
           a->p256_sum(base_scalar, scalar, point, point) &&
           mbedtls_ecp_point_read_binary(g, r, point, sizeof point) == 0;
}

/* `x` stays as it is when there is no memory: it may be what mbedTLS has to go on with. */
static bool store(mbedtls_mpi *x, const uint8_t *bytes, size_t len)
{
    mbedtls_mpi value;
    mbedtls_mpi_init(&value);
    bool good = mbedtls_mpi_read_binary(&value, bytes, len) == 0;
    if (good) {
        mbedtls_mpi_swap(x, &value);
    }
    mbedtls_mpi_free(&value);
    return good;
}

/* SEC 2 2.4.2: n */
static const uint8_t p256_order[P256_SCALAR] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

static bool invert(mbedtls_mpi *inverse, const mbedtls_mpi *x, const mbedtls_mpi *n)
{
    const struct arithmetic *a = arithmetic_in_use;
    uint8_t modulus[P256_SCALAR], bytes[P256_SCALAR];
    if (a == NULL || mbedtls_mpi_write_binary(n, modulus, sizeof modulus) != 0 ||
        memcmp(modulus, p256_order, sizeof modulus) != 0) {
        return false;
    }
    bool good = mbedtls_mpi_cmp_int(x, 0) > 0 && mbedtls_mpi_cmp_mpi(x, n) < 0 &&
                mbedtls_mpi_write_binary(x, bytes, sizeof bytes) == 0 &&
                a->p256_inverse(bytes, bytes) && store(inverse, bytes, sizeof bytes);
    mbedtls_platform_zeroize(bytes, sizeof bytes);
    return good;
}

/* ---- RSA ---- */

/* mbedTLS blinds exponents by a multiple of the prime - 1 that is 28 bytes longer. */
#define EXPONENT_MAX (POWER_MAX + 64U)

static bool power(mbedtls_mpi *x, const mbedtls_mpi *base, const mbedtls_mpi *e,
                  const mbedtls_mpi *n)
{
    const struct arithmetic *a = arithmetic_in_use;
    uint8_t bytes[POWER_MAX], exponent[EXPONENT_MAX], modulus[POWER_MAX];
    size_t base_len = mbedtls_mpi_size(base), exponent_len = mbedtls_mpi_size(e);
    size_t len = mbedtls_mpi_size(n);
    if (a == NULL || mbedtls_mpi_cmp_int(base, 0) < 0 || mbedtls_mpi_cmp_int(e, 0) < 0 ||
        mbedtls_mpi_cmp_int(n, 0) <= 0 || base_len > POWER_MAX || exponent_len > EXPONENT_MAX ||
        len > POWER_MAX) {
        return false;
    }
    bool good = mbedtls_mpi_write_binary(base, bytes, base_len) == 0 &&
                mbedtls_mpi_write_binary(e, exponent, exponent_len) == 0 &&
                mbedtls_mpi_write_binary(n, modulus, len) == 0 &&
                a->power((struct slice){bytes, base_len}, (struct slice){exponent, exponent_len},
                         (struct slice){modulus, len}, bytes) &&
                store(x, bytes, len);
    mbedtls_platform_zeroize(bytes, sizeof bytes);
    mbedtls_platform_zeroize(exponent, exponent_len);
    mbedtls_platform_zeroize(modulus, len);
    return good;
}

/* ---- SHA-256 ---- */

/* mbedTLS' context as it is: what one has begun the other can go on with. */
static void hash(const struct arithmetic *a, mbedtls_sha256_context *c, struct slice in)
{
    size_t held = c->total[0] % SHA256_BLOCK;
    uint64_t total = ((uint64_t)c->total[1] << 32U | c->total[0]) + in.len;
    struct rd r = rd_slice(in);
    c->total[0] = (uint32_t)total;
    c->total[1] = (uint32_t)(total >> 32U);
    if (held > 0) {
        struct slice part = rd_take(&r, size_min(SHA256_BLOCK - held, in.len));
        memcpy(c->buffer + held, part.data, part.len);
        if (held + part.len < SHA256_BLOCK) {
            return;
        }
        a->sha256(c->state, c->buffer, 1);
    }
    size_t count = rd_left(&r) / SHA256_BLOCK;
    a->sha256(c->state, rd_take(&r, count * SHA256_BLOCK).data, count);
    struct slice rest = rd_take(&r, rd_left(&r));
    if (rest.len > 0) {
        memcpy(c->buffer, rest.data, rest.len);
    }
}

/* FIPS 180-4 5.1.1: a bit, zeros, and the length of the message in bits, up to the end of a block. */
static void hash_end(const struct arithmetic *a, mbedtls_sha256_context *c, uint8_t *out)
{
    uint8_t padding[SHA256_BLOCK + 8] = {0x80};
    uint64_t bits = ((uint64_t)c->total[1] << 32U | c->total[0]) * 8;
    size_t held = c->total[0] % SHA256_BLOCK;
    size_t len = (held < SHA256_BLOCK - 8 ? SHA256_BLOCK : 2 * SHA256_BLOCK) - held;
    struct wr end = wr_of(padding + len - 8, 8);
    wr_be32(&end, (uint32_t)(bits >> 32U));
    wr_be32(&end, (uint32_t)bits);
    hash(a, c, (struct slice){padding, len});
    struct wr w = wr_of(out, c->is224 ? 28 : 32);
    for (size_t i = 0; i < SHA256_WORDS - (c->is224 ? 1 : 0); i++) {
        wr_be32(&w, c->state[i]);
    }
}

/* ---- what the linker puts in mbedTLS' way ---- */

/* Names that the linker gives. NOLINTBEGIN(bugprone-reserved-identifier,cert-*) */
#define WRAPPED(name, ...)                                                                         \
    int __real_##name(__VA_ARGS__);                                                                \
    int __wrap_##name(__VA_ARGS__);                                                                \
    int __wrap_##name(__VA_ARGS__)
/* Not in mbedTLS' headers, and so perhaps not in each 3.x: then it keeps that work to itself. */
#define WRAPPED_INTERNAL(name, ...)                                                                \
    __attribute__((weak)) int __real_##name(__VA_ARGS__);                                          \
    int __wrap_##name(__VA_ARGS__);                                                                \
    int __wrap_##name(__VA_ARGS__)

WRAPPED(mbedtls_ecp_mul, mbedtls_ecp_group *g, mbedtls_ecp_point *r, const mbedtls_mpi *m,
        const mbedtls_ecp_point *p, int (*rng)(void *, unsigned char *, size_t), void *rng_arg)
{
    (void)rng;
    (void)rng_arg;
    return multiply(g, r, m, p) ? 0 : __real_mbedtls_ecp_mul(g, r, m, p, tls_rng_blind, NULL);
}

WRAPPED(mbedtls_ecp_mul_restartable, mbedtls_ecp_group *g, mbedtls_ecp_point *r,
        const mbedtls_mpi *m, const mbedtls_ecp_point *p,
        int (*rng)(void *, unsigned char *, size_t), void *rng_arg,
        mbedtls_ecp_restart_ctx *restart)
{
    (void)rng;
    (void)rng_arg;
    return multiply(g, r, m, p)
               ? 0
               : __real_mbedtls_ecp_mul_restartable(g, r, m, p, tls_rng_blind, NULL, restart);
}

WRAPPED(mbedtls_ecp_muladd_restartable, mbedtls_ecp_group *g, mbedtls_ecp_point *r,
        const mbedtls_mpi *m, const mbedtls_ecp_point *p, const mbedtls_mpi *n,
        const mbedtls_ecp_point *q, mbedtls_ecp_restart_ctx *restart)
{
    return sum(g, r, m, p, n, q) ? 0
                                 : __real_mbedtls_ecp_muladd_restartable(g, r, m, p, n, q, restart);
}

WRAPPED(mbedtls_mpi_exp_mod, mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *e,
        const mbedtls_mpi *n, mbedtls_mpi *rr)
{
    return power(x, a, e, n) ? 0 : __real_mbedtls_mpi_exp_mod(x, a, e, n, rr);
}

WRAPPED_INTERNAL(mbedtls_mpi_exp_mod_unsafe, mbedtls_mpi *x, const mbedtls_mpi *a,
                 const mbedtls_mpi *e, const mbedtls_mpi *n, mbedtls_mpi *rr)
{
    return power(x, a, e, n) ? 0 : __real_mbedtls_mpi_exp_mod_unsafe(x, a, e, n, rr);
}

WRAPPED_INTERNAL(mbedtls_mpi_gcd_modinv_odd, mbedtls_mpi *gcd, mbedtls_mpi *inverse,
                 const mbedtls_mpi *a, const mbedtls_mpi *n)
{
    return gcd == NULL && inverse != NULL && invert(inverse, a, n)
               ? 0
               : __real_mbedtls_mpi_gcd_modinv_odd(gcd, inverse, a, n);
}

WRAPPED(mbedtls_sha256_update, mbedtls_sha256_context *c, const unsigned char *in, size_t len)
{
    if (arithmetic_in_use == NULL) {
        return __real_mbedtls_sha256_update(c, in, len);
    }
    hash(arithmetic_in_use, c, (struct slice){in, len});
    return 0;
}

WRAPPED(mbedtls_sha256_finish, mbedtls_sha256_context *c, unsigned char *out)
{
    if (arithmetic_in_use == NULL) {
        return __real_mbedtls_sha256_finish(c, out);
    }
    hash_end(arithmetic_in_use, c, out);
    mbedtls_sha256_free(c);
    return 0;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-*) */
