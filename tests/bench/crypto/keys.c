/* What public keys and SHA-256 cost as a handshake asks mbedTLS for them: with its own arithmetic and with libcrypto's, which
 * take turns in each round; see keys.h. */
#include "tls/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mbedtls/ecdsa.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>
#include <psa/crypto.h>

#include "tests/bench/crypto/keys.h"
#include "tls/aead_engines.h"

#define ROUNDS 31
#define ROUND_NS 5e5 /* or one time */
#define CHOICES 2

static mbedtls_ecdsa_context signer;
static mbedtls_rsa_context rsa;
static uint8_t hash[32] = {1, 2, 3}, signature[MBEDTLS_ECDSA_MAX_LEN], text[1024];
static size_t signature_len;

/* A key share of our own, and what it makes with the peer's: here its own, which costs the same. */
static bool exchange(psa_ecc_family_t family, size_t bits)
{
    uint8_t share[65], shared[32];
    size_t len, shared_len;
    psa_key_id_t key;
    psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_usage_flags(&a, PSA_KEY_USAGE_DERIVE);
    psa_set_key_algorithm(&a, PSA_ALG_ECDH);
    psa_set_key_type(&a, PSA_KEY_TYPE_ECC_KEY_PAIR(family));
    psa_set_key_bits(&a, bits);
    return psa_generate_key(&a, &key) == PSA_SUCCESS &&
           psa_export_public_key(key, share, sizeof share, &len) == PSA_SUCCESS &&
           psa_raw_key_agreement(PSA_ALG_ECDH, key, share, len, shared, sizeof shared,
                                 &shared_len) == PSA_SUCCESS &&
           psa_destroy_key(key) == PSA_SUCCESS;
}

static bool x25519(void)
{
    return exchange(PSA_ECC_FAMILY_MONTGOMERY, 255);
}

static bool p256(void)
{
    return exchange(PSA_ECC_FAMILY_SECP_R1, 256);
}

static bool sign(void)
{
    return mbedtls_ecdsa_write_signature(&signer, MBEDTLS_MD_SHA256, hash, sizeof hash, signature,
                                         sizeof signature, &signature_len, tls_rng, NULL) == 0;
}

static bool verify(void)
{
    return mbedtls_ecdsa_read_signature(&signer, hash, sizeof hash, signature, signature_len) == 0;
}

static bool rsa_sign(void)
{
    uint8_t out[256];
    return mbedtls_rsa_rsassa_pss_sign(&rsa, tls_rng, NULL, MBEDTLS_MD_SHA256, sizeof hash, hash,
                                       out) == 0;
}

static bool sha256(void)
{
    uint8_t out[32];
    mbedtls_sha256_context c;
    mbedtls_sha256_init(&c);
    return mbedtls_sha256_starts(&c, 0) == 0 && mbedtls_sha256_update(&c, text, sizeof text) == 0 &&
           mbedtls_sha256_finish(&c, out) == 0;
}

static const struct {
    const char *name;
    bool (*once)(void);
} works[] = {
    {"X25519: a key share, and the secret", x25519},
    {"P-256: a key share, and the secret", p256},
    {"ECDSA P-256: sign", sign},
    {"ECDSA P-256: verify", verify},
    {"RSA-2048: sign (PSS)", rsa_sign},
    {"SHA-256 of 1,024 bytes", sha256},
};

static bool prepare(void)
{
    mbedtls_ecdsa_init(&signer);
    mbedtls_rsa_init(&rsa);
    return tls_rng_start() == 0 &&
           mbedtls_ecdsa_genkey(&signer, MBEDTLS_ECP_DP_SECP256R1, tls_rng, NULL) == 0 &&
           mbedtls_rsa_gen_key(&rsa, tls_rng, NULL, 2048, 65537) == 0 &&
           mbedtls_rsa_set_padding(&rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256) == 0 && sign();
}

static bool time_of(bool (*once)(void), unsigned times, double *ns)
{
    struct timespec from, to;
    bool good = true;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (unsigned i = 0; i < times; i++) {
        good = once() && good;
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    *ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / times;
    return good;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static bool row(size_t w, const struct arithmetic *const *choices, unsigned count)
{
    static double ns[CHOICES][ROUNDS];
    unsigned times[CHOICES];
    bool good = true;
    for (unsigned i = 0; i < count; i++) {
        arithmetic_in_use = choices[i];
        good = time_of(works[w].once, 3, &ns[i][0]) && good;
        times[i] = 1 + (unsigned)(ROUND_NS / ns[i][0]);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < count; i++) {
            arithmetic_in_use = choices[i];
            good = time_of(works[w].once, times[i], &ns[i][round]) && good;
        }
    }
    arithmetic_in_use = NULL;
    printf("| %s |", works[w].name);
    for (unsigned i = 0; i < count; i++) {
        qsort(ns[i], ROUNDS, sizeof(ns[i][0]), ascending);
        printf(" %.1f (%.1f to %.1f) |", ns[i][ROUNDS / 2] / 1e3, ns[i][ROUNDS / 4] / 1e3,
               ns[i][ROUNDS * 3 / 4] / 1e3);
    }
    printf("\n");
    fflush(stdout);
    return good;
}

bool keys_measure(void)
{
    const struct arithmetic *choices[CHOICES] = {NULL};
    unsigned count = 1;
#ifdef AEAD_LIBCRYPTO
    choices[count++] = &arithmetic_libcrypto;
#endif
    bool good = prepare();
    printf("\nMicroseconds of processor time, in handshakes: the median of %d rounds, and its "
           "quartiles.\n",
           ROUNDS);
    printf("\n| Work | mbedtls |%s\n|---|---:|%s\n", count > 1 ? " libcrypto |" : "",
           count > 1 ? "---:|" : "");
    for (size_t w = 0; good && w < COUNT_OF(works); w++) {
        good = row(w, choices, count);
    }
    if (!good) {
        fprintf(stderr, "bench-crypto: an operation with a public key failed\n");
    }
    mbedtls_ecdsa_free(&signer);
    mbedtls_rsa_free(&rsa);
    return good;
}
