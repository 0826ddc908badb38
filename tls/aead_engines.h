/* The engines of authenticated encryption by themselves; see aead.h. */
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
extern const struct arithmetic arithmetic_libcrypto;
#endif
#endif
#endif

/* Intel's ipsec-mb, for x86-64, where its header is. */
#if defined(__has_include) && !defined(__CPROVER__) && defined(__x86_64__)
#if __has_include(<intel-ipsec-mb.h>)
#define AEAD_IPSEC_MB
extern const struct aead_engine aead_ipsec_mb;
#endif
#endif

extern const struct aead_engine aead_mbedtls;

#endif
