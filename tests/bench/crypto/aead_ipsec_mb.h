/* Intel's ipsec-mb as an engine, to compare with: tls/aead.h by its functions for one message at a time. */
#ifndef VITRINE_TESTS_BENCH_AEAD_IPSEC_MB_H
#define VITRINE_TESTS_BENCH_AEAD_IPSEC_MB_H

#include "tls/aead.h"

/* NULL: its header was not there, or it does not serve this processor. */
const struct aead_engine *aead_ipsec_mb(void);

#endif
