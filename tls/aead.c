/* The list of engines; see aead.h. */
#include "tls/aead.h"

#include <string.h>

#include "tls/aead_engines.h"

const struct aead_engine *const aead_engines[] = {
#ifdef AEAD_LIBCRYPTO
    &aead_libcrypto,
#endif
    &aead_mbedtls,
    NULL,
};

const struct aead_engine *aead_engine_named(const char *name)
{
    for (size_t i = 0; aead_engines[i] != NULL; i++) {
        if (strcmp(aead_engines[i]->name, name) == 0) {
            return aead_engines[i];
        }
    }
    return NULL;
}
