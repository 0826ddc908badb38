/* Opening protected records with keys of the schedule: RFC 8446 5.2, RFC 5288 for AES-GCM and RFC 7905 for
 * ChaCha20-Poly1305 in TLS 1.2. The AEADs are mbedTLS'. */
#ifndef VITRINE_TLS_PROTECTION_H
#define VITRINE_TLS_PROTECTION_H

#include "tls/schedule.h"

#define TLS_AEAD_TAG 16U

/* Opens one record: `header` has its 5 bytes, `payload` what follows them, `number` counts records under these keys from
 * 0. The plaintext goes to `out`, which has room for as much as the payload has. Returns its length, and in `*type` the
 * content type (of TLS 1.3 the one inside); 0: these are not its keys, or it is empty. */
size_t tls_open_record(const struct tls_suite *s, const struct tls_keys *keys, uint64_t number,
                       const uint8_t header[5], struct slice payload, uint8_t *out, uint8_t *type);

#endif
