/* SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash that an outsider cannot predict.
 * Used for initial sequence numbers (RFC 6528) and for every table an outsider can fill.
 */
#ifndef VITRINE_BASE_SIPHASH_H
#define VITRINE_BASE_SIPHASH_H

#include "stack/base/types.h"

struct siphash_key {
    uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif
