/* SipHash (stack/base/siphash.c) reads exactly its bytes, for every length up to BYTES.
 *
 * proof-sources: stack/base/siphash.c
 * proof-unwind: 5
 * proof-wraps: sip_round
 */
#include "stack/base/siphash.h"
#include "tests/proofs/proof.h"

#define BYTES 23U

PROOF(siphash_memory)
{
    uint8_t bytes[BYTES];
    size_t len = any_size(BYTES);
    struct siphash_key key = {nondet_u64(), nondet_u64()};
    (void)siphash(&key, bytes + (BYTES - len), len);
    REACHES_IF(len == BYTES, "two whole words and seven bytes");
}
