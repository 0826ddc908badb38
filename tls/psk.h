/* External pre-shared keys (RFC 8446 2.2, 4.2.11; RFC 9257): "IDENTITY:HEX", and lists of them. */
#ifndef VITRINE_TLS_PSK_H
#define VITRINE_TLS_PSK_H

#include "stack/base/types.h"

#define TLS_PSK_IDENTITY_MAX 128U /* bytes */
#define TLS_PSK_KEY_MIN 16U       /* RFC 9257 6: a key has at least 128 bits */
#define TLS_PSK_KEY_MAX 48U       /* mbedTLS' limit */
#define TLS_PSKS_MAX 1024U        /* of one list */

struct tls_psk {
    char identity[TLS_PSK_IDENTITY_MAX + 1]; /* printable */
    uint8_t key[TLS_PSK_KEY_MAX];
    uint8_t key_len;
};

struct tls_psks {
    struct tls_psk *psk;
    size_t count;
};

/* The key is what follows the last colon. false: a sentence in `*why`. */
bool tls_psk_parse(struct slice text, struct tls_psk *out, const char **why);
/* Adds one; false when its identity is in the list, or the list is full (`*why`). */
bool tls_psks_add(struct tls_psks *list, const struct tls_psk *psk, const char **why);
/* Adds each line of a file; empty lines and those that begin with '#' are skipped. false: a sentence with the
 * line's number in `error`, which never shows a key. */
bool tls_psks_read(struct tls_psks *list, const char *file, char *error, size_t error_size);
/* NULL: there is none of that name. */
const struct tls_psk *tls_psks_find(const struct tls_psks *list, struct slice identity);
void tls_psks_done(struct tls_psks *list); /* wipes them */

#endif
