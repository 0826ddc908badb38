/* The arithmetic of handshakes: known answers of RFC 7748, RFC 5903, RFC 6979 and FIPS 180-2 by mbedTLS' own and by each engine's,
 * what must be refused, all against each other over random numbers, and whole handshakes that have the same bytes
 * whoever computes. */
#include "tls/internal.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>

#include "stack/base/random.h"
#include "tests/unit/tls/both.h"
#include "tests/unit/tls/hex.h"
#include "tests/unit/tls/tls_rig.h"
#include "tls/aead_engines.h"
#include "tls/ca.h"

Suite *arithmetic_suite(void);

#define CHOICES 2

/* mbedTLS' own first, then libcrypto's: NULL in a build without. */
static const struct arithmetic *choice(int i)
{
#ifdef AEAD_LIBCRYPTO
    return i == 0 ? NULL : &arithmetic_libcrypto;
#else
    (void)i;
    return NULL;
#endif
}

/* Who leaves mbedTLS' ciphers does not keep its arithmetic. */
START_TEST(engines_have_it)
{
    ck_assert_ptr_null(aead_mbedtls.arithmetic);
    for (unsigned i = 0; aead_engine(i) != &aead_mbedtls; i++) {
        ck_assert_ptr_eq(aead_engine(i)->arithmetic, choice(1));
    }
}
END_TEST

static struct random source;

static void seed(uint8_t first)
{
    const uint8_t bytes[32] = {first};
    random_init(&source, bytes);
}

static int random_bytes_(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    random_bytes(&source, out, len);
    return 0;
}

/* ---- on curves, as mbedTLS is asked for them ---- */

struct curve {
    mbedtls_ecp_group g;
    mbedtls_ecp_point p, r;
    mbedtls_mpi m;
};

static void curve_begin(struct curve *c, mbedtls_ecp_group_id id)
{
    mbedtls_ecp_group_init(&c->g);
    mbedtls_ecp_point_init(&c->p);
    mbedtls_ecp_point_init(&c->r);
    mbedtls_mpi_init(&c->m);
    ck_assert_int_eq(mbedtls_ecp_group_load(&c->g, id), 0);
}

static void curve_end(struct curve *c)
{
    mbedtls_ecp_group_free(&c->g);
    mbedtls_ecp_point_free(&c->p);
    mbedtls_ecp_point_free(&c->r);
    mbedtls_mpi_free(&c->m);
}

/* c->r = c->m * point, NULL being the base point: by the hook, as the engine or mbedTLS does it. */
static int multiply(struct curve *c, const struct arithmetic *a, const mbedtls_ecp_point *point)
{
    arithmetic_in_use = a;
    int ret =
        mbedtls_ecp_mul(&c->g, &c->r, &c->m, point != NULL ? point : &c->g.G, random_bytes_, NULL);
    arithmetic_in_use = NULL;
    return ret;
}

static void check_point(const struct curve *c, const char *hex)
{
    uint8_t expected[P256_POINT], got[P256_POINT];
    size_t len = hex_bytes(hex, expected, sizeof expected), got_len;
    ck_assert_int_eq(mbedtls_ecp_point_write_binary(&c->g, &c->r, MBEDTLS_ECP_PF_UNCOMPRESSED,
                                                    &got_len, got, sizeof got),
                     0);
    ck_assert_uint_eq(got_len, len);
    ck_assert_mem_eq(got, expected, len);
}

static void read_point(struct curve *c, const char *hex)
{
    uint8_t bytes[P256_POINT];
    size_t len = hex_bytes(hex, bytes, sizeof bytes);
    ck_assert_int_eq(mbedtls_ecp_point_read_binary(&c->g, &c->p, bytes, len), 0);
}

/* Clamped, as mbedTLS keeps them. */
static void read_x25519_scalar(struct curve *c, const uint8_t bytes[X25519_LEN])
{
    uint8_t clamped[X25519_LEN];
    memcpy(clamped, bytes, sizeof clamped);
    clamped[0] &= 248;
    clamped[31] = (uint8_t)((clamped[31] & 127) | 64);
    ck_assert_int_eq(mbedtls_mpi_read_binary_le(&c->m, clamped, sizeof clamped), 0);
}

/* RFC 7748 5.2 and 6.1; the second u has its highest bit set, which does not count. */
static const struct {
    const char *scalar, *u, *out;
} exchanges[] = {
    {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
     "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
     "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
    {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
     "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
     "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
     "0900000000000000000000000000000000000000000000000000000000000000",
     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"},
    {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
     "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
};

START_TEST(x25519_known)
{
    const struct arithmetic *a = choice(_i);
    for (size_t i = 0; i < COUNT_OF(exchanges); i++) {
        uint8_t scalar[X25519_LEN], u[X25519_LEN], out[X25519_LEN], expected[X25519_LEN];
        struct curve c;
        hex_bytes(exchanges[i].scalar, scalar, sizeof scalar);
        hex_bytes(exchanges[i].u, u, sizeof u);
        hex_bytes(exchanges[i].out, expected, sizeof expected);
        if (a != NULL) {
            ck_assert(a->x25519(scalar, u, out));
            ck_assert_mem_eq(out, expected, sizeof out);
        }
        curve_begin(&c, MBEDTLS_ECP_DP_CURVE25519);
        read_x25519_scalar(&c, scalar);
        read_point(&c, exchanges[i].u);
        ck_assert_int_eq(multiply(&c, a, &c.p), 0);
        check_point(&c, exchanges[i].out);
        curve_end(&c);
    }
}
END_TEST

/* RFC 7748 5.2: a thousand times, each result the next scalar, and each scalar the next u. */
START_TEST(x25519_iterated)
{
    const struct arithmetic *a = choice(1);
    uint8_t k[X25519_LEN] = {9}, u[X25519_LEN] = {9}, out[X25519_LEN], expected[X25519_LEN];
    for (int i = 0; a != NULL && i < 1000; i++) {
        ck_assert(a->x25519(k, u, out));
        memcpy(u, k, sizeof u);
        memcpy(k, out, sizeof k);
        if (i == 0) {
            hex_bytes("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079", expected,
                      sizeof expected);
            ck_assert_mem_eq(k, expected, sizeof k);
        }
    }
    hex_bytes("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", expected,
              sizeof expected);
    ck_assert(a == NULL || memcmp(k, expected, sizeof k) == 0);
}
END_TEST

/* RFC 7748 6.1: all points of small order, also written as numbers from the prime on, and with the bit that does not
 * count, lead to zero, which must be refused. */
START_TEST(x25519_small_order)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    const struct arithmetic *a = choice(_i);
    for (size_t i = 0; i < COUNT_OF(points); i++) {
        uint8_t scalar[X25519_LEN], u[X25519_LEN], out[X25519_LEN];
        struct curve c;
        hex_bytes(exchanges[0].scalar, scalar, sizeof scalar);
        hex_bytes(points[i], u, sizeof u);
        ck_assert(a == NULL || !a->x25519(scalar, u, out));
        curve_begin(&c, MBEDTLS_ECP_DP_CURVE25519);
        read_x25519_scalar(&c, scalar);
        read_point(&c, points[i]);
        ck_assert_int_eq(multiply(&c, a, &c.p), MBEDTLS_ERR_ECP_INVALID_KEY);
        curve_end(&c);
    }
}
END_TEST

/* Of P-256: scalar, point (NULL: the base point), product. */
#define POINT_A                                                                                    \
    "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c456f" \
    "a3e59ab1f45b33accf5f58389e0577b8990bb3"
#define POINT_B                                                                                    \
    "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13" \
    "c58d6aac23f046ada30f8353e74f33039872ab"
#define POINT_AB                                                                                   \
    "04d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de522bde0af0d8585b8def9c183b" \
    "5ae38f50235206a8674ecb5d98edb20eb153a2"
#define SCALAR_A "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433"
#define SCALAR_B "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53"
#define BASE                                                                                       \
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c" \
    "0f9e162bce33576b315ececbb6406837bf51f5"
#define BASE_NEGATED                                                                               \
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296b01cbd1c01e58065711814b583" \
    "f061e9d431cca994cea1313449bf97c840ae0a"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"
#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ORDER_LESS_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define SIGNER "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define SIGNER_POINT                                                                               \
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e956" \
    "28bc64f2f1b20c2d7e9f5177a3c294d4462299"

static const struct {
    const char *scalar, *point, *product;
} products[] = {
    {SCALAR_A, NULL, POINT_A}, /* RFC 5903 8.1 */
    {SCALAR_B, NULL, POINT_B},
    {SCALAR_A, POINT_B, POINT_AB},
    {SCALAR_B, POINT_A, POINT_AB},
    {SIGNER, NULL, SIGNER_POINT}, /* RFC 6979 A.2.5 */
    {ONE, NULL, BASE},            /* SEC 2 2.4.2 */
    {ONE, POINT_A, POINT_A},
    {ORDER_LESS_1, NULL, BASE_NEGATED},
    {ORDER_LESS_1, BASE_NEGATED, BASE},
};

START_TEST(p256_known)
{
    const struct arithmetic *a = choice(_i);
    for (size_t i = 0; i < COUNT_OF(products); i++) {
        uint8_t scalar[P256_SCALAR], point[P256_POINT], out[P256_POINT], expected[P256_POINT];
        const char *hex = products[i].point;
        struct curve c;
        hex_bytes(products[i].scalar, scalar, sizeof scalar);
        hex_bytes(hex != NULL ? hex : BASE, point, sizeof point);
        hex_bytes(products[i].product, expected, sizeof expected);
        if (a != NULL) {
            ck_assert(a->p256(scalar, hex != NULL ? point : NULL, out));
            ck_assert_mem_eq(out, expected, sizeof out);
        }
        curve_begin(&c, MBEDTLS_ECP_DP_SECP256R1);
        ck_assert_int_eq(mbedtls_mpi_read_binary(&c.m, scalar, sizeof scalar), 0);
        read_point(&c, hex != NULL ? hex : BASE);
        ck_assert_int_eq(multiply(&c, a, hex != NULL ? &c.p : NULL), 0);
        check_point(&c, products[i].product);
        curve_end(&c);
    }
}
END_TEST

/* SEC 1 3.2.2.1: coordinates below the prime that satisfy the equation. Of the last two the first is POINT_A with the
 * prime added to neither, but written as if compressed. */
START_TEST(p256_not_on_the_curve)
{
    static const char prime[] = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    const struct arithmetic *a = choice(_i);
    uint8_t scalar[P256_SCALAR], point[P256_POINT], out[P256_POINT];
    hex_bytes(SCALAR_A, scalar, sizeof scalar);
    for (size_t i = 0; i < 6; i++) {
        struct curve c;
        curve_begin(&c, MBEDTLS_ECP_DP_SECP256R1);
        hex_bytes(POINT_A, point, sizeof point);
        point[64] ^= i == 0; /* another y */
        point[1] ^= i == 1;  /* another x */
        if (i == 2) {        /* (0, 0), as which infinity is written where it must not be */
            memset(point + 1, 0, 64);
        } else if (i == 3) { /* x = p */
            hex_bytes(prime, point + 1, 32);
        } else if (i == 4) { /* y = p */
            hex_bytes(prime, point + 33, 32);
        } else if (i == 5) {
            memset(point + 1, 0xff, 64);
        }
        ck_assert(a == NULL || !a->p256(scalar, point, out));
        ck_assert_int_eq(mbedtls_mpi_read_binary(&c.m, scalar, sizeof scalar), 0);
        ck_assert_int_eq(mbedtls_ecp_point_read_binary(&c.g, &c.p, point, sizeof point), 0);
        ck_assert_int_eq(multiply(&c, a, &c.p), MBEDTLS_ERR_ECP_INVALID_KEY);
        curve_end(&c);
    }
    hex_bytes(POINT_A, point, sizeof point);
    for (unsigned first = 0; a != NULL && first < 256; first++) {
        point[0] = (uint8_t)first;
        ck_assert(a->p256(scalar, point, out) == (first == 4));
    }
}
END_TEST

/* A scalar is from 1 to the order - 1 (RFC 8422 5.10 by SEC 1 3.2.1), on X25519 it is clamped: whoever computes, mbedTLS
 * has the say. */
START_TEST(bad_scalars)
{
    const struct arithmetic *a = choice(_i);
    uint8_t order[P256_SCALAR];
    struct curve c;
    curve_begin(&c, MBEDTLS_ECP_DP_SECP256R1);
    ck_assert_int_eq(mbedtls_mpi_lset(&c.m, 0), 0);
    ck_assert_int_eq(multiply(&c, a, NULL), MBEDTLS_ERR_ECP_INVALID_KEY);
    ck_assert_int_eq(mbedtls_mpi_lset(&c.m, -1), 0);
    ck_assert_int_eq(multiply(&c, a, NULL), MBEDTLS_ERR_ECP_INVALID_KEY);
    hex_bytes(ORDER, order, sizeof order);
    ck_assert_int_eq(mbedtls_mpi_read_binary(&c.m, order, sizeof order), 0);
    ck_assert_int_eq(multiply(&c, a, NULL), MBEDTLS_ERR_ECP_INVALID_KEY);
    ck_assert_int_eq(mbedtls_mpi_shift_l(&c.m, 9), 0); /* longer than any buffer */
    ck_assert_int_eq(multiply(&c, a, NULL), MBEDTLS_ERR_ECP_INVALID_KEY);
    curve_end(&c);
    curve_begin(&c, MBEDTLS_ECP_DP_CURVE25519);
    ck_assert_int_eq(mbedtls_mpi_lset(&c.m, 8), 0);
    ck_assert_int_eq(multiply(&c, a, NULL), MBEDTLS_ERR_ECP_INVALID_KEY);
    curve_end(&c);
}
END_TEST

/* On each curve what the engine makes of random numbers is what mbedTLS makes of them; P-384 is mbedTLS' all the time. */
START_TEST(products_against_each_other)
{
    static const mbedtls_ecp_group_id curves[] = {
        MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP384R1};
    seed(41);
    for (int round = 0; round < 60; round++) {
        mbedtls_ecp_point own;
        struct curve c;
        curve_begin(&c, curves[round % 3]);
        mbedtls_ecp_point_init(&own);
        ck_assert_int_eq(mbedtls_ecp_gen_keypair(&c.g, &c.m, &c.p, random_bytes_, NULL), 0);
        ck_assert_int_eq(mbedtls_ecp_gen_privkey(&c.g, &c.m, random_bytes_, NULL), 0);
        ck_assert_int_eq(multiply(&c, NULL, &c.p), 0);
        ck_assert_int_eq(mbedtls_ecp_copy(&own, &c.r), 0);
        ck_assert_int_eq(multiply(&c, choice(1), &c.p), 0);
        ck_assert_int_eq(mbedtls_mpi_cmp_mpi(&own.X, &c.r.X), 0);
        ck_assert_int_eq(mbedtls_mpi_cmp_mpi(&own.Y, &c.r.Y), 0);
        ck_assert_int_eq(mbedtls_mpi_cmp_mpi(&own.Z, &c.r.Z), 0);
        mbedtls_ecp_point_free(&own);
        curve_end(&c);
    }
}
END_TEST

/* ---- ECDSA ---- */

struct signer {
    mbedtls_ecdsa_context key;
    uint8_t hash[64];
    size_t hash_len;
    mbedtls_md_type_t md;
};

static void signer_begin(struct signer *s)
{
    uint8_t d[P256_SCALAR], q[P256_POINT];
    mbedtls_ecdsa_init(&s->key);
    hex_bytes(SIGNER, d, sizeof d);
    hex_bytes(SIGNER_POINT, q, sizeof q);
    ck_assert_int_eq(mbedtls_ecp_group_load(&s->key.grp, MBEDTLS_ECP_DP_SECP256R1), 0);
    ck_assert_int_eq(mbedtls_mpi_read_binary(&s->key.d, d, sizeof d), 0);
    ck_assert_int_eq(mbedtls_ecp_point_read_binary(&s->key.grp, &s->key.Q, q, sizeof q), 0);
}

static void signer_hash(struct signer *s, unsigned bits, const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;
    s->hash_len = bits / 8;
    s->md = bits == 256 ? MBEDTLS_MD_SHA256 : bits == 384 ? MBEDTLS_MD_SHA384 : MBEDTLS_MD_SHA512;
    ck_assert_int_eq(bits == 256 ? mbedtls_sha256(bytes, strlen(text), s->hash, 0)
                                 : mbedtls_sha512(bytes, strlen(text), s->hash, bits == 384),
                     0);
}

/* RFC 6979 A.2.5 */
static const struct {
    unsigned bits;
    const char *text, *r, *s;
} signed_[] = {
    {256, "sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
    {384, "sample", "0eafea039b20e9b42309fb1d89e213057cbf973dc0cfc8f129edddc800ef7719",
     "4861f0491e6998b9455193e34e7b0d284ddd7149a74b95b9261f13abde940954"},
    {512, "sample", "8496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097678eb97f00",
     "2362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f96554f61fae3302fe"},
    {256, "test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
     "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"},
    {384, "test", "83910e8b48bb0c74244ebdf7f07a1c5413d61472bd941ef3920e623fbccebeb6",
     "8ddbec54cf8cd5874883841d712142a56a8d0f218f5003cb0296b6b509619f2c"},
    {512, "test", "461d93f31b6540894788fd206c07cfa0cc35f46fa3c91816fff1040ad1581a04",
     "39af9f15de0db8d97e72719c74820d304ce5226e32dedae67519e840d1194e55"},
};

START_TEST(ecdsa_known)
{
    const struct arithmetic *a = choice(_i);
    struct signer s;
    signer_begin(&s);
    for (size_t i = 0; i < COUNT_OF(signed_); i++) {
        uint8_t sig[MBEDTLS_ECDSA_MAX_LEN], number[2][P256_SCALAR], expected[2][P256_SCALAR];
        mbedtls_mpi r, t;
        size_t len;
        mbedtls_mpi_init(&r);
        mbedtls_mpi_init(&t);
        signer_hash(&s, signed_[i].bits, signed_[i].text);
        hex_bytes(signed_[i].r, expected[0], P256_SCALAR);
        hex_bytes(signed_[i].s, expected[1], P256_SCALAR);
        arithmetic_in_use = a;
        ck_assert_int_eq(mbedtls_ecdsa_sign_det_ext(&s.key.grp, &r, &t, &s.key.d, s.hash,
                                                    s.hash_len, s.md, random_bytes_, NULL),
                         0);
        ck_assert_int_eq(mbedtls_ecdsa_write_signature(&s.key, s.md, s.hash, s.hash_len, sig,
                                                       sizeof sig, &len, random_bytes_, NULL),
                         0);
        ck_assert_int_eq(mbedtls_ecdsa_read_signature(&s.key, s.hash, s.hash_len, sig, len), 0);
        s.hash[0] ^= 1;
        ck_assert_int_eq(mbedtls_ecdsa_read_signature(&s.key, s.hash, s.hash_len, sig, len),
                         MBEDTLS_ERR_ECP_VERIFY_FAILED);
        arithmetic_in_use = NULL;
        ck_assert_int_eq(mbedtls_mpi_write_binary(&r, number[0], P256_SCALAR), 0);
        ck_assert_int_eq(mbedtls_mpi_write_binary(&t, number[1], P256_SCALAR), 0);
        ck_assert_mem_eq(number, expected, sizeof number);
        mbedtls_mpi_free(&r);
        mbedtls_mpi_free(&t);
    }
    mbedtls_ecdsa_free(&s.key);
}
END_TEST

static int verify(struct signer *s, const struct arithmetic *a, const char *r_hex,
                  const char *s_hex)
{
    uint8_t bytes[40];
    mbedtls_mpi r, t;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&t);
    ck_assert_int_eq(mbedtls_mpi_read_binary(&r, bytes, hex_bytes(r_hex, bytes, sizeof bytes)), 0);
    ck_assert_int_eq(mbedtls_mpi_read_binary(&t, bytes, hex_bytes(s_hex, bytes, sizeof bytes)), 0);
    arithmetic_in_use = a;
    int ret = mbedtls_ecdsa_verify(&s->key.grp, s->hash, s->hash_len, &s->key.Q, &r, &t);
    arithmetic_in_use = NULL;
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&t);
    return ret;
}

/* FIPS 186-5 6.4.2: r and s are from 1 to the order - 1; that another number is the same modulo the order is no excuse. */
START_TEST(ecdsa_refused)
{
    const struct arithmetic *a = choice(_i);
    const char *good_r = signed_[0].r, *good_s = signed_[0].s;
    static const char *const out_of_range[] = {
        "00", ORDER, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "01efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        /* r + order, s + order */
        "01efd48b29acb6a8fe1140dd9cd45e81d65a138228fdc29816b706d96b4b125c67",
        "01f7cb1c932d657c42d436c7a1b6e29f65b0cffb8960c7928b417e75f2809df2f9"};
    static const char *const wrong[] = {ONE, ORDER_LESS_1, SIGNER};
    struct signer s;
    signer_begin(&s);
    signer_hash(&s, 256, "sample");
    ck_assert_int_eq(verify(&s, a, good_r, good_s), 0);
    ck_assert_int_eq(verify(&s, a, good_s, good_r), MBEDTLS_ERR_ECP_VERIFY_FAILED);
    for (size_t i = 0; i < COUNT_OF(out_of_range); i++) {
        ck_assert_int_eq(verify(&s, a, out_of_range[i], good_s), MBEDTLS_ERR_ECP_VERIFY_FAILED);
        ck_assert_int_eq(verify(&s, a, good_r, out_of_range[i]), MBEDTLS_ERR_ECP_VERIFY_FAILED);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        ck_assert_int_eq(verify(&s, a, wrong[i], good_s), MBEDTLS_ERR_ECP_VERIFY_FAILED);
        ck_assert_int_eq(verify(&s, a, good_r, wrong[i]), MBEDTLS_ERR_ECP_VERIFY_FAILED);
    }
    mbedtls_ecdsa_free(&s.key);
}
END_TEST

/* Signed by one and verified by the other, keys and hashes of all lengths at random; also a hash of zeros, with
 * which the first of the two scalars is none. */
START_TEST(ecdsa_against_each_other)
{
    seed(43);
    for (int round = 0; round < 24; round++) {
        const struct arithmetic *signs = choice(round % 2), *reads = choice(round % 2 ^ 1);
        uint8_t hash[64] = {0}, sig[2][MBEDTLS_ECDSA_MAX_LEN];
        size_t len[2], hash_len = round % 3 == 0 ? 32 : round % 3 == 1 ? 48 : 64;
        mbedtls_md_type_t md = round % 3 == 0   ? MBEDTLS_MD_SHA256
                               : round % 3 == 1 ? MBEDTLS_MD_SHA384
                                                : MBEDTLS_MD_SHA512;
        mbedtls_ecdsa_context key;
        mbedtls_ecdsa_init(&key);
        ck_assert_int_eq(mbedtls_ecdsa_genkey(&key, MBEDTLS_ECP_DP_SECP256R1, random_bytes_, NULL),
                         0);
        if (round > 2) {
            random_bytes(&source, hash, hash_len);
        }
        for (int i = 0; i < 2; i++) {
            arithmetic_in_use = i == 0 ? signs : reads;
            ck_assert_int_eq(mbedtls_ecdsa_write_signature(&key, md, hash, hash_len, sig[i],
                                                           sizeof sig[i], &len[i], random_bytes_,
                                                           NULL),
                             0);
        }
        ck_assert_uint_eq(len[0], len[1]);
        ck_assert_mem_eq(sig[0], sig[1], len[0]);
        ck_assert_int_eq(mbedtls_ecdsa_read_signature(&key, hash, hash_len, sig[0], len[0]), 0);
        sig[0][len[0] - 1] ^= 1;
        ck_assert_int_ne(mbedtls_ecdsa_read_signature(&key, hash, hash_len, sig[0], len[0]), 0);
        arithmetic_in_use = NULL;
        mbedtls_ecdsa_free(&key);
    }
}
END_TEST

START_TEST(sum_at_infinity)
{
    const struct arithmetic *a = choice(1);
    uint8_t scalar[P256_SCALAR], point[P256_POINT], out[P256_POINT], expected[P256_POINT];
    hex_bytes(SCALAR_A, scalar, sizeof scalar);
    hex_bytes(BASE_NEGATED, point, sizeof point);
    ck_assert(a == NULL || !a->p256_sum(scalar, scalar, point, out));
    hex_bytes(POINT_A, point, sizeof point); /* by zero the base, and once the point */
    hex_bytes(ONE, scalar, sizeof scalar);
    hex_bytes(POINT_A, expected, sizeof expected);
    const uint8_t zero[P256_SCALAR] = {0};
    if (a != NULL) {
        ck_assert(a->p256_sum(zero, scalar, point, out));
        ck_assert_mem_eq(out, expected, sizeof out);
    }
}
END_TEST

/* ---- numbers ---- */

START_TEST(inverses)
{
    const struct arithmetic *a = choice(1);
    uint8_t bytes[P256_SCALAR] = {0}, got[P256_SCALAR];
    mbedtls_mpi x, own, order;
    mbedtls_mpi_init(&x);
    mbedtls_mpi_init(&own);
    mbedtls_mpi_init(&order);
    ck_assert(a == NULL || !a->p256_inverse(bytes, got)); /* of zero there is none */
    hex_bytes(ORDER, bytes, sizeof bytes);
    ck_assert_int_eq(mbedtls_mpi_read_binary(&order, bytes, sizeof bytes), 0);
    seed(47);
    for (int round = 0; a != NULL && round < 200; round++) {
        random_bytes(&source, bytes, sizeof bytes);
        hex_bytes(round == 0 ? ONE : ORDER_LESS_1, bytes, round < 2 ? sizeof bytes : 0);
        ck_assert_int_eq(mbedtls_mpi_read_binary(&x, bytes, sizeof bytes), 0);
        if (mbedtls_mpi_cmp_mpi(&x, &order) >= 0) {
            continue;
        }
        ck_assert(a->p256_inverse(bytes, got));
        ck_assert_int_eq(mbedtls_mpi_inv_mod(&own, &x, &order), 0);
        ck_assert_int_eq(mbedtls_mpi_write_binary(&own, bytes, sizeof bytes), 0);
        ck_assert_mem_eq(got, bytes, sizeof got);
    }
    mbedtls_mpi_free(&x);
    mbedtls_mpi_free(&own);
    mbedtls_mpi_free(&order);
}
END_TEST

/* Lengths of RSA's primes and moduli, and odd ones; bases of zero, just below the modulus, and twice as long, as in RSA by the
 * Chinese remainder theorem. */
START_TEST(powers_against_each_other)
{
    static const size_t lengths[] = {1, 7, 31, 64, 128, 129, 192, 256, 384};
    seed(53);
    for (int round = 0; round < 36; round++) {
        size_t len = lengths[(size_t)round % COUNT_OF(lengths)];
        uint8_t bytes[400];
        mbedtls_mpi base, e, n, by[2];
        mbedtls_mpi *all[] = {&base, &e, &n, &by[0], &by[1]};
        for (size_t i = 0; i < COUNT_OF(all); i++) {
            mbedtls_mpi_init(all[i]);
        }
        random_bytes(&source, bytes, len);
        bytes[0] |= 128;
        bytes[len - 1] |= 1;
        ck_assert_int_eq(mbedtls_mpi_read_binary(&n, bytes, len), 0);
        random_bytes(&source, bytes, len);
        bytes[0] &= round < 9 ? 0 : 127;
        ck_assert_int_eq(mbedtls_mpi_read_binary(&base, bytes, len), 0);
        if (round % 4 == 0) {
            ck_assert_int_eq(mbedtls_mpi_sub_int(&base, &n, 1), 0);
        }
        if (round % 4 == 1) {
            ck_assert_int_eq(mbedtls_mpi_shift_l(&base, 8 * len - 3), 0);
        }
        random_bytes(&source, bytes, len);
        ck_assert_int_eq(mbedtls_mpi_read_binary(&e, bytes, round % 5 == 0 ? 0 : len), 0);
        for (int i = 0; i < 2; i++) {
            arithmetic_in_use = choice(i);
            ck_assert_int_eq(mbedtls_mpi_exp_mod(&by[i], &base, &e, &n, NULL), 0);
        }
        arithmetic_in_use = NULL;
        ck_assert_int_eq(mbedtls_mpi_cmp_mpi(&by[0], &by[1]), 0);
        for (size_t i = 0; i < COUNT_OF(all); i++) {
            mbedtls_mpi_free(all[i]);
        }
    }
}
END_TEST

static int power(int32_t base, int32_t e, int32_t modulus, int i, mbedtls_mpi *out)
{
    mbedtls_mpi a, b, n;
    mbedtls_mpi_init(&a);
    mbedtls_mpi_init(&b);
    mbedtls_mpi_init(&n);
    ck_assert_int_eq(mbedtls_mpi_lset(&a, base), 0);
    ck_assert_int_eq(mbedtls_mpi_lset(&b, e), 0);
    ck_assert_int_eq(mbedtls_mpi_lset(&n, modulus), 0);
    arithmetic_in_use = choice(i);
    int ret = mbedtls_mpi_exp_mod(out, &a, &b, &n, NULL);
    arithmetic_in_use = NULL;
    mbedtls_mpi_free(&a);
    mbedtls_mpi_free(&b);
    mbedtls_mpi_free(&n);
    return ret;
}

/* What is no modulus, or a negative base, is mbedTLS' to decide. */
START_TEST(powers_refused)
{
    const struct arithmetic *a = choice(_i);
    const uint8_t even[] = {0x81, 0x00}, odd[] = {0x81, 0x01}, e[] = {3}, zero[] = {0};
    uint8_t out[2];
    mbedtls_mpi x;
#define SLICE(x) ((struct slice){x, sizeof(x)})
    if (a != NULL) {
        ck_assert(!a->power(SLICE(e), SLICE(e), SLICE(even), out));
        ck_assert(a->power(SLICE(odd), SLICE(e), SLICE(odd), out));
        ck_assert(out[0] == 0 && out[1] == 0);
        ck_assert(!a->power(SLICE(e), SLICE(e), SLICE(zero), out));
        ck_assert(a->power(SLICE(even), SLICE(zero), SLICE(odd), out));
        ck_assert(out[0] == 0 && out[1] == 1);
    }
    mbedtls_mpi_init(&x);
    ck_assert_int_eq(power(3, 3, 34, _i, &x), MBEDTLS_ERR_MPI_BAD_INPUT_DATA);
    ck_assert_int_eq(power(3, 3, -35, _i, &x), MBEDTLS_ERR_MPI_BAD_INPUT_DATA);
    ck_assert_int_eq(power(3, -3, 35, _i, &x), MBEDTLS_ERR_MPI_BAD_INPUT_DATA);
    ck_assert_int_eq(power(7, 7, 5, _i, &x), 0); /* 823543 = 3 mod 5 */
    ck_assert_int_eq(mbedtls_mpi_cmp_int(&x, 3), 0);
    ck_assert_int_eq(power(-7, 3, 13, _i, &x), 0); /* -343 = 8 mod 13 */
    ck_assert_int_eq(mbedtls_mpi_cmp_int(&x, 8), 0);
    mbedtls_mpi_free(&x);
}
END_TEST

/* ---- SHA-256 ---- */

/* FIPS 180-2 B.1 to B.3, and of RFC 6234 8.5 the lengths on both sides of a block's end. */
START_TEST(sha256_known)
{
    static const struct {
        const char *text;
        unsigned times;
        const char *digest;
    } hashed[] = {
        {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
        {"0123456701234567012345670123456701234567012345670123456701234567", 10,
         "594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5"},
    };
    for (size_t i = 0; i < COUNT_OF(hashed); i++) {
        mbedtls_sha256_context c;
        uint8_t digest[32], expected[32];
        hex_bytes(hashed[i].digest, expected, sizeof expected);
        mbedtls_sha256_init(&c);
        ck_assert_int_eq(mbedtls_sha256_starts(&c, 0), 0);
        arithmetic_in_use = choice(_i);
        for (unsigned n = 0; n < hashed[i].times; n++) {
            ck_assert_int_eq(
                mbedtls_sha256_update(&c, (const uint8_t *)hashed[i].text, strlen(hashed[i].text)),
                0);
        }
        ck_assert_int_eq(mbedtls_sha256_finish(&c, digest), 0);
        arithmetic_in_use = NULL;
        ck_assert_mem_eq(digest, expected, sizeof digest);
    }
}
END_TEST

/* Texts of each length up to some blocks, cut anywhere, each part hashed by either; also SHA-224. */
START_TEST(sha256_against_each_other)
{
    seed(59);
    for (size_t len = 0; len < 330; len++) {
        uint8_t text[330], digest[32], expected[32] = {0};
        mbedtls_sha256_context c;
        int is224 = len % 5 == 0;
        random_bytes(&source, text, sizeof text);
        ck_assert_int_eq(mbedtls_sha256(text, len, expected, is224), 0);
        memset(digest, 0, sizeof digest);
        mbedtls_sha256_init(&c);
        ck_assert_int_eq(mbedtls_sha256_starts(&c, is224), 0);
        for (size_t done = 0; done < len;) {
            size_t part = size_min(random_below(&source, 150), len - done);
            arithmetic_in_use = choice((int)random_below(&source, 2));
            ck_assert_int_eq(mbedtls_sha256_update(&c, text + done, part), 0);
            done += part;
        }
        arithmetic_in_use = choice(len % 3 > 0);
        ck_assert_int_eq(mbedtls_sha256_finish(&c, digest), 0);
        arithmetic_in_use = NULL;
        ck_assert_mem_eq(digest, expected, sizeof digest);
    }
}
END_TEST

/* The length of a message is counted in 64 bits: 2^32 - 1 bytes and two more, of which the engine has seen only the last;
 * the state is then as good as any. */
START_TEST(sha256_long)
{
    uint8_t digest[2][32];
    for (int i = 0; i < 2; i++) {
        mbedtls_sha256_context c;
        mbedtls_sha256_init(&c);
        ck_assert_int_eq(mbedtls_sha256_starts(&c, 0), 0);
        c.total[0] = UINT32_MAX;
        memset(c.buffer, 7, sizeof c.buffer);
        arithmetic_in_use = choice(i);
        ck_assert_int_eq(mbedtls_sha256_update(&c, (const uint8_t *)"ab", 2), 0);
        ck_assert_uint_eq(c.total[0], 1);
        ck_assert_uint_eq(c.total[1], 1);
        ck_assert_int_eq(mbedtls_sha256_finish(&c, digest[i]), 0);
        arithmetic_in_use = NULL;
    }
    ck_assert_mem_eq(digest[0], digest[1], 32);
}
END_TEST

/* ---- in handshakes ---- */

static struct {
    unsigned p256, sum, inverse, x25519, power, sha256, refused;
} done;

static bool count(unsigned *which, bool good)
{
    *which += good;
    done.refused += !good;
    return good;
}

static bool count_p256(const uint8_t scalar[P256_SCALAR], const uint8_t *point,
                       uint8_t out[P256_POINT])
{
    return count(&done.p256, choice(1)->p256(scalar, point, out));
}

static bool count_sum(const uint8_t base_scalar[P256_SCALAR], const uint8_t scalar[P256_SCALAR],
                      const uint8_t point[P256_POINT], uint8_t out[P256_POINT])
{
    return count(&done.sum, choice(1)->p256_sum(base_scalar, scalar, point, out));
}

static bool count_inverse(const uint8_t x[P256_SCALAR], uint8_t out[P256_SCALAR])
{
    return count(&done.inverse, choice(1)->p256_inverse(x, out));
}

static bool count_x25519(const uint8_t scalar[X25519_LEN], const uint8_t u[X25519_LEN],
                         uint8_t out[X25519_LEN])
{
    return count(&done.x25519, choice(1)->x25519(scalar, u, out));
}

static bool count_power(struct slice base, struct slice exponent, struct slice modulus,
                        uint8_t *out)
{
    return count(&done.power, choice(1)->power(base, exponent, modulus, out));
}

static void count_sha256(uint32_t state[SHA256_WORDS], const uint8_t *blocks, size_t blocks_count)
{
    choice(1)->sha256(state, blocks, blocks_count);
    count(&done.sha256, true);
}

static const struct arithmetic counting = {
    .p256 = count_p256,
    .p256_sum = count_sum,
    .p256_inverse = count_inverse,
    .x25519 = count_x25519,
    .power = count_power,
    .sha256 = count_sha256,
};

/* Entropy and time of day that are the same in each run. */
static int64_t noon;

static int fixed_entropy(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    memset(out, 0x5a, len);
    return 0;
}

static int64_t fixed_seconds(void)
{
    return noon;
}

static int64_t fixed_milliseconds(void)
{
    return noon * 1000;
}

static const struct tls_system fixed = {
    .entropy = fixed_entropy,
    .seconds = fixed_seconds,
    .milliseconds = fixed_milliseconds,
};

/* All secrets of a run, as a key log has them. */
struct secrets {
    char text[4096];
    size_t len;
};

static void on_key_line(void *arg, const char *line, size_t len)
{
    struct secrets *s = arg;
    ck_assert_uint_le(s->len + len, sizeof s->text);
    memcpy(s->text + s->len, line, len);
    s->len += len;
}

static const struct shape {
    uint16_t version;
    const char *group, *certificate;
    bool mutual;
} shapes[] = {
    {TLS_1_3, "x25519", "server", false},        {TLS_1_3, "secp256r1", "server", true},
    {TLS_1_3, "secp384r1", "server", false},     {TLS_1_3, "x25519", "server-rsa", false},
    {TLS_1_2, "x25519", "server", true},         {TLS_1_2, "secp256r1", "server", false},
    {TLS_1_2, "secp256r1", "server-rsa", false},
};

static void connect_(const struct shape *shape, const struct aead_engine *e, struct secrets *out)
{
    static struct both b;
    /* In TLS 1.2 a key on P-256 wants the client to know the curve (RFC 8422 5.1.1). */
    bool p256 = strcmp(shape->group, "secp256r1") == 0;
    const char *const groups[] = {shape->group, p256 ? NULL : "secp256r1", NULL};
    struct tls_config config = {.min_version = shape->version,
                                .max_version = shape->version,
                                .groups = groups,
                                .engine = e};
    struct choice o = {.client = config,
                       .server = config,
                       .certificate = shape->certificate,
                       .client_certificate = shape->mutual ? "caller" : NULL};
    *out = (struct secrets){.len = 0};
    o.server.key_line = on_key_line;
    o.server.key_arg = out;
    o.server.trust = shape->mutual ? "ca.pem" : NULL;
    o.server.client_auth = shape->mutual ? TLS_CLIENT_AUTH_OPTIONAL : TLS_CLIENT_AUTH_NONE;
    ck_assert_int_eq(tls_use_system(&fixed), 0);
    both_connect(&b, o);
    ck_assert_uint_eq(b.client.opened, 1);
    ck_assert_uint_eq(b.server.opened, 1);
    both_done(&b);
    ck_assert_int_eq(tls_use_system(&tls_the_system), 0);
}

/* With the same randomness both engines lead to the same secrets, which depend on each byte of the handshake up to the
 * server's Finished: on keys, randoms and signature. */
START_TEST(handshakes_are_the_same)
{
    struct aead_engine with = aead_mbedtls;
    struct secrets own, engine, counted;
    struct ca_request caller = {.names = (const char *const[]){"caller.test", NULL},
                                .client = true};
    char error[256];
    /* Before randomness is fixed, which is spent on it. */
    ck_assert_msg(ca_issue(rig_dir(), "caller", &caller, error, sizeof error), "%s", error);
    noon = tls_machine_seconds();
    connect_(&shapes[_i], &with, &own);
    connect_(&shapes[_i], aead_engine(0), &engine);
    ck_assert_uint_gt(own.len, 100);
    ck_assert_uint_eq(own.len, engine.len);
    ck_assert_mem_eq(own.text, engine.text, own.len);
    if (choice(1) == NULL) {
        return;
    }
    memset(&done, 0, sizeof done);
    with.arithmetic = &counting;
    connect_(&shapes[_i], &with, &counted);
    ck_assert_mem_eq(own.text, counted.text, own.len);
    bool rsa = strstr(shapes[_i].certificate, "rsa") != NULL;
    unsigned signatures = (rsa ? 0U : 1U) + (shapes[_i].mutual ? 1U : 0U);
    unsigned exchange = strcmp(shapes[_i].group, "secp256r1") == 0 ? 4 : 0;
    ck_assert_uint_eq(done.p256, signatures + exchange);
    ck_assert_uint_eq(done.x25519, strcmp(shapes[_i].group, "x25519") == 0 ? 4 : 0);
    /* The CA's signature under each certificate, and the one of the handshake: each is read once. */
    ck_assert_uint_ge(done.sum, signatures + 1);
    ck_assert_uint_eq(done.inverse, signatures + done.sum);
    /* By each prime, and to blind and to look at the result, at which PKCS #1 v1.5 looks twice; the client verifies. */
    ck_assert_uint_eq(done.power, !rsa ? 0 : shapes[_i].version == TLS_1_3 ? 5 : 6);
    ck_assert_uint_eq(done.refused, 0);
    ck_assert_uint_gt(done.sha256, 50);
}
END_TEST

Suite *arithmetic_suite(void)
{
    Suite *s = suite_create("arithmetic");
    TCase *tc = tcase_create("arithmetic");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, engines_have_it);
    tcase_add_loop_test(tc, x25519_known, 0, CHOICES);
    tcase_add_test(tc, x25519_iterated);
    tcase_add_loop_test(tc, x25519_small_order, 0, CHOICES);
    tcase_add_loop_test(tc, p256_known, 0, CHOICES);
    tcase_add_loop_test(tc, p256_not_on_the_curve, 0, CHOICES);
    tcase_add_loop_test(tc, bad_scalars, 0, CHOICES);
    tcase_add_test(tc, products_against_each_other);
    tcase_add_loop_test(tc, ecdsa_known, 0, CHOICES);
    tcase_add_loop_test(tc, ecdsa_refused, 0, CHOICES);
    tcase_add_test(tc, ecdsa_against_each_other);
    tcase_add_test(tc, sum_at_infinity);
    tcase_add_test(tc, inverses);
    tcase_add_test(tc, powers_against_each_other);
    tcase_add_loop_test(tc, powers_refused, 0, CHOICES);
    tcase_add_loop_test(tc, sha256_known, 0, CHOICES);
    tcase_add_test(tc, sha256_against_each_other);
    tcase_add_test(tc, sha256_long);
    tcase_add_loop_test(tc, handshakes_are_the_same, 0, (int)COUNT_OF(shapes));
    suite_add_tcase(s, tc);
    return s;
}
