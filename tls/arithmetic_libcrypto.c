/* The arithmetic of OpenSSL's libcrypto, which has P-256, X25519, moduli of 1024 bits and SHA-256 in the instructions of many
 * processors; see arithmetic.h. Like aead_libcrypto.c it works in a library context of its own.
 */
/* SHA-256 from a state in the middle is only in an interface of before 3.0, which warns else. */
#define OPENSSL_API_COMPAT 10100
#include "tls/aead_engines.h"

#ifdef AEAD_LIBCRYPTO

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <openssl/sha.h>

/* Made once in the life of the process, and only read from then on. */
static OSSL_LIB_CTX *library;
static EC_GROUP *p256;
static BIGNUM *order_less_2;        /* of P-256 */
static BN_MONT_CTX *order_reducing; /* Montgomery's form modulo the order */
static bool ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin(void)
{
    library = OSSL_LIB_CTX_new();
    BN_CTX *work = library != NULL ? BN_CTX_new_ex(library) : NULL;
    p256 = work != NULL ? EC_GROUP_new_by_curve_name_ex(library, NULL, NID_X9_62_prime256v1) : NULL;
    order_less_2 = p256 != NULL ? BN_dup(EC_GROUP_get0_order(p256)) : NULL;
    order_reducing = BN_MONT_CTX_new();
    ready = order_less_2 != NULL && order_reducing != NULL &&
            BN_MONT_CTX_set(order_reducing, order_less_2, work) == 1 &&
            BN_sub_word(order_less_2, 2) == 1;
    BN_CTX_free(work);
}

static bool is_ready(void)
{
    return pthread_once(&once, begin) == 0 && ready;
}

/* What one operation works with, and wipes. */
struct work {
    BN_CTX *ctx;
    EC_POINT *in, *out;
    BIGNUM *a, *b, *c;
};

static bool work_begin(struct work *w)
{
    *w = (struct work){.ctx = is_ready() ? BN_CTX_new_ex(library) : NULL};
    if (w->ctx == NULL) {
        return false;
    }
    BN_CTX_start(w->ctx);
    w->a = BN_CTX_get(w->ctx);
    w->b = BN_CTX_get(w->ctx);
    w->c = BN_CTX_get(w->ctx); /* NULL if any before it is */
    return w->c != NULL;
}

static void work_end(struct work *w)
{
    EC_POINT_clear_free(w->in);
    EC_POINT_clear_free(w->out);
    if (w->ctx != NULL) {
        BN_CTX_end(w->ctx);
        BN_CTX_free(w->ctx); /* wipes its numbers */
    }
}

static bool read_number(BIGNUM *to, const uint8_t *bytes, size_t len)
{
    return len <= INT_MAX && BN_bin2bn(bytes, (int)len, to) != NULL;
}

/* OpenSSL would also take "hybrid" points, which begin with 6 or 7. */
static bool read_points(struct work *w, const uint8_t *point)
{
    w->in = EC_POINT_new(p256);
    w->out = EC_POINT_new(p256);
    return w->in != NULL && w->out != NULL &&
           (point == NULL || (point[0] == POINT_CONVERSION_UNCOMPRESSED &&
                              EC_POINT_oct2point(p256, w->in, point, P256_POINT, w->ctx) == 1));
}

/* The point at infinity is written as one byte. */
static bool write_point(struct work *w, uint8_t out[P256_POINT])
{
    return EC_POINT_point2oct(p256, w->out, POINT_CONVERSION_UNCOMPRESSED, out, P256_POINT,
                              w->ctx) == P256_POINT;
}

static bool multiply(const uint8_t scalar[P256_SCALAR], const uint8_t *point,
                     uint8_t out[P256_POINT])
{
    struct work w;
    bool good = work_begin(&w) && read_points(&w, point) && read_number(w.a, scalar, P256_SCALAR);
    if (good && point == NULL) {
        good = EC_POINT_mul(p256, w.out, w.a, NULL, NULL, w.ctx) == 1;
    } else if (good) {
        good = EC_POINT_mul(p256, w.out, NULL, w.in, w.a, w.ctx) == 1;
    }
    good = good && write_point(&w, out);
    work_end(&w);
    return good;
}

static bool sum(const uint8_t base_scalar[P256_SCALAR], const uint8_t scalar[P256_SCALAR],
                const uint8_t point[P256_POINT], uint8_t out[P256_POINT])
{
    struct work w;
    bool good = work_begin(&w) && read_points(&w, point) &&
                read_number(w.a, base_scalar, P256_SCALAR) &&
                read_number(w.b, scalar, P256_SCALAR) &&
                EC_POINT_mul(p256, w.out, w.a, w.in, w.b, w.ctx) == 1 && write_point(&w, out);
    work_end(&w);
    return good;
}

/* By Fermat: x to the power of the order - 2. What finds inverses by division shows x in its time. */
static bool inverse(const uint8_t x[P256_SCALAR], uint8_t out[P256_SCALAR])
{
    struct work w;
    bool good = work_begin(&w) && read_number(w.a, x, P256_SCALAR) && !BN_is_zero(w.a) &&
                BN_mod_exp_mont_consttime(w.b, w.a, order_less_2, EC_GROUP_get0_order(p256), w.ctx,
                                          order_reducing) == 1 &&
                BN_bn2binpad(w.b, out, P256_SCALAR) == P256_SCALAR;
    work_end(&w);
    return good;
}

static bool power(struct slice base, struct slice exponent, struct slice modulus, uint8_t *out)
{
    struct work w;
    bool good = work_begin(&w) && read_number(w.a, base.data, base.len) &&
                read_number(w.b, exponent.data, exponent.len) &&
                read_number(w.c, modulus.data, modulus.len) && BN_is_odd(w.c);
    if (good) {
        BN_set_flags(w.c, BN_FLG_CONSTTIME); /* it is one of RSA's primes */
    }
    good = good && BN_nnmod(w.a, w.a, w.c, w.ctx) == 1 &&
           BN_mod_exp_mont_consttime(w.a, w.a, w.b, w.c, w.ctx, NULL) == 1 &&
           BN_bn2binpad(w.a, out, (int)modulus.len) == (int)modulus.len;
    work_end(&w);
    return good;
}

/* A private key is read together with a public one, which else would be computed from it, at the price of an
 * exchange; an exchange does not look at it. */
static EVP_PKEY *read_x25519(EVP_PKEY_CTX *maker, const uint8_t *scalar, const uint8_t *u)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM parts[3], *part = parts;
    *part++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)u,
                                                X25519_LEN);
    if (scalar != NULL) {
        *part++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
                                                    (void *)(uintptr_t)scalar, X25519_LEN);
    }
    *part = OSSL_PARAM_construct_end();
    int kind = scalar != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    return EVP_PKEY_fromdata(maker, &key, kind, parts) == 1 ? key : NULL;
}

static bool exchange(EVP_PKEY *own, EVP_PKEY *peer, uint8_t out[X25519_LEN])
{
    size_t len = X25519_LEN;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(library, own, NULL);
    bool good = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
                EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, out, &len) == 1 &&
                len == X25519_LEN;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

static bool x25519(const uint8_t scalar[X25519_LEN], const uint8_t u[X25519_LEN],
                   uint8_t out[X25519_LEN])
{
    EVP_PKEY_CTX *maker = is_ready() ? EVP_PKEY_CTX_new_from_name(library, "X25519", NULL) : NULL;
    EVP_PKEY *own = NULL, *peer = NULL;
    if (maker != NULL && EVP_PKEY_fromdata_init(maker) == 1) {
        own = read_x25519(maker, scalar, u);
        peer = read_x25519(maker, NULL, u);
    }
    bool good = own != NULL && peer != NULL && exchange(own, peer, out);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    EVP_PKEY_CTX_free(maker);
    return good;
}

static void sha256(uint32_t state[SHA256_WORDS], const uint8_t *blocks, size_t count)
{
    SHA256_CTX s;
    _Static_assert(sizeof s.h == SHA256_WORDS * sizeof(uint32_t), "words of 32 bits");
    memcpy(s.h, state, sizeof s.h);
    for (size_t i = 0; i < count; i++) {
        SHA256_Transform(&s, blocks + i * SHA256_BLOCK);
    }
    memcpy(state, s.h, sizeof s.h);
    OPENSSL_cleanse(s.h, sizeof s.h);
}

const struct arithmetic arithmetic_libcrypto = {
    .name = "libcrypto",
    .p256 = multiply,
    .p256_sum = sum,
    .p256_inverse = inverse,
    .x25519 = x25519,
    .power = power,
    .sha256 = sha256,
};

#endif
