/* Randomness for TLS: CTR_DRBG seeded from the system's entropy, drawn in one place. TLS 1.3 also draws
 * inside mbedTLS through PSA, and is given the same generator (MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG): so what its
 * entropy source gives is all the randomness that there is, but for what blinds arithmetic (tls_rng_blind).
 */
#include "tls/internal.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <psa/crypto.h>

/* Of each thread its own. */
static _Thread_local mbedtls_entropy_context entropy;
static _Thread_local mbedtls_ctr_drbg_context drbg;
static _Thread_local bool gathering; /* `entropy` is ready */
static _Thread_local bool seeded;    /* `drbg` is */
static _Thread_local bool started;
static _Thread_local mbedtls_ctr_drbg_context blinding;
static _Thread_local bool blinding_seeded;

static int machine_entropy(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    if (!gathering) {
        mbedtls_entropy_init(&entropy);
        gathering = true;
    }
    return mbedtls_entropy_func(&entropy, out, len);
}

const struct tls_system tls_the_system = {
    .entropy = machine_entropy,
    .seconds = tls_machine_seconds,
    .milliseconds = tls_machine_milliseconds,
};

const struct tls_system *tls_system_now = &tls_the_system;

static int seed(void)
{
    static const unsigned char purpose[] = "vitrine tls";
    mbedtls_ctr_drbg_free(&drbg);
    mbedtls_ctr_drbg_init(&drbg);
    int ret =
        mbedtls_ctr_drbg_seed(&drbg, tls_system_now->entropy, NULL, purpose, sizeof(purpose) - 1);
    seeded = ret == 0;
    return ret;
}

int tls_use_system(const struct tls_system *s)
{
    tls_system_now = s;
    return seed();
}

int tls_rng_start(void)
{
    if (started) {
        return 0;
    }
    tls_clock_start();
    if (psa_crypto_init() != PSA_SUCCESS) {
        return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    }
    int ret = seeded ? 0 : seed();
    started = ret == 0;
    return ret;
}

static int draw(mbedtls_ctr_drbg_context *from, unsigned char *out, size_t len)
{
    while (len > 0) {
        size_t part = size_min(len, MBEDTLS_CTR_DRBG_MAX_REQUEST);
        int ret = mbedtls_ctr_drbg_random(from, out, part);
        if (ret != 0) {
            return ret;
        }
        out += part;
        len -= part;
    }
    return 0;
}

int tls_rng(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    return draw(&drbg, out, len);
}

/* The machine's entropy, whatever tls_use_system has chosen: what is drawn here leaves no trace in what we send. */
int tls_rng_blind(void *unused, unsigned char *out, size_t len)
{
    static const unsigned char purpose[] = "vitrine tls, blinding";
    (void)unused;
    if (!blinding_seeded) {
        mbedtls_ctr_drbg_init(&blinding);
        int ret =
            mbedtls_ctr_drbg_seed(&blinding, machine_entropy, NULL, purpose, sizeof(purpose) - 1);
        if (ret != 0) {
            mbedtls_ctr_drbg_free(&blinding);
            return ret;
        }
        blinding_seeded = true;
    }
    return draw(&blinding, out, len);
}

/* What PSA asks; it may do so before anything of ours has begun. */
psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
                                             uint8_t *output, size_t output_size,
                                             size_t *output_length)
{
    (void)context;
    if ((!seeded && seed() != 0) || tls_rng(NULL, output, output_size) != 0) {
        return PSA_ERROR_INSUFFICIENT_ENTROPY;
    }
    *output_length = output_size;
    return PSA_SUCCESS;
}
