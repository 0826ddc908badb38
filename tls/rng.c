/* Randomness for TLS: CTR_DRBG seeded from the system's entropy, drawn in one place.
 *
 * TLS 1.3 also draws inside mbedTLS through PSA, which has a generator of its own with the same
 * source. For runs that repeat byte for byte both have one hook: MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG for
 * PSA, and `tls_rng` for everything else.
 */
#include "tls/internal.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <psa/crypto.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;
static bool started;

int tls_rng_start(void)
{
    static const unsigned char purpose[] = "vitrine tls";
    if (started) {
        return 0;
    }
    if (psa_crypto_init() != PSA_SUCCESS) {
        return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    }
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&drbg);
    int ret =
        mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, purpose, sizeof(purpose) - 1);
    started = ret == 0;
    return ret;
}

int tls_rng(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    while (len > 0) {
        size_t part = size_min(len, MBEDTLS_CTR_DRBG_MAX_REQUEST);
        int ret = mbedtls_ctr_drbg_random(&drbg, out, part);
        if (ret != 0) {
            return ret;
        }
        out += part;
        len -= part;
    }
    return 0;
}
