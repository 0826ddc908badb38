/* The list of engines; see aead.h. */
#include "tls/aead.h"

#include <string.h>

#include "tls/aead_engines.h"

/* The fastest first. */
static const struct aead_engine *const engines[] = {
#ifdef AEAD_IPSEC_MB
    &aead_ipsec_mb,
#endif
#ifdef AEAD_LIBCRYPTO
    &aead_libcrypto,
#endif
    &aead_mbedtls,
};

const struct aead_engine *aead_engine(unsigned nth)
{
    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        bool usable = engines[i]->usable == NULL || engines[i]->usable();
        if (usable && nth-- == 0) {
            return engines[i];
        }
    }
    return NULL;
}

const struct aead_engine *aead_engine_named(const char *name)
{
    const struct aead_engine *e;
    for (unsigned i = 0; (e = aead_engine(i)) != NULL; i++) {
        if (strcmp(e->name, name) == 0) {
            return e;
        }
    }
    return NULL;
}
