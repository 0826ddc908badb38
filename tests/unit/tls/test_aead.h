/* An engine (tls/aead.h) that is there whatever the build has. */
#ifndef VITRINE_TESTS_TLS_TEST_AEAD_H
#define VITRINE_TESTS_TLS_TEST_AEAD_H

#include "tls/aead.h"

extern const struct aead_engine test_aead;

#endif
