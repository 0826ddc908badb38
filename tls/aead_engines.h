/* The engines of authenticated encryption by themselves; see aead.h, whose aead_engines[] lists those of this build. */
#ifndef VITRINE_TLS_AEAD_ENGINES_H
#define VITRINE_TLS_AEAD_ENGINES_H

#include "tls/aead.h"

/* OpenSSL's libcrypto from 3.0 on, where its headers are; a build without them has mbedTLS alone. */
#if defined(__has_include) && !defined(__CPROVER__)
#if __has_include(<openssl/opensslv.h>) && __has_include(<openssl/evp.h>)
#include <openssl/opensslv.h>
#if defined(OPENSSL_VERSION_MAJOR) && OPENSSL_VERSION_MAJOR >= 3
#define AEAD_LIBCRYPTO
extern const struct aead_engine aead_libcrypto;
#endif
#endif
#endif

extern const struct aead_engine aead_mbedtls;

#endif
