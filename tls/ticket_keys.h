/* The keys that seal tickets: AES-256-GCM, one for so long, its predecessor for as long again so that what it
 * sealed can be opened, then wiped (RFC 5077 5.5, RFC 8446 8.1). Nothing here but keys and times: the clock is an
 * argument.
 *
 * A ticket is name[8] | nonce[12] | sealed( issued[8] | plaintext ) | tag[16]; the name is authenticated too.
 */
#ifndef VITRINE_TLS_TICKET_KEYS_H
#define VITRINE_TLS_TICKET_KEYS_H

#include <mbedtls/gcm.h>

#include "stack/base/types.h"

#define TICKET_NAME 8U
#define TICKET_NONCE 12U
#define TICKET_TAG 16U
#define TICKET_ISSUED 8U
#define TICKET_HEAD (TICKET_NAME + TICKET_NONCE + TICKET_ISSUED) /* where the plaintext lies */
#define TICKET_OVERHEAD (TICKET_HEAD + TICKET_TAG)

struct ticket_key {
    bool live;
    nsec made;
    uint8_t name[TICKET_NAME];
    mbedtls_gcm_context gcm;
};

struct ticket_keys {
    struct ticket_key key[2];
    unsigned newest; /* which of them seals */
    nsec lifetime;   /* of a ticket, and how long a key seals */
    int (*rng)(void *arg, unsigned char *out, size_t len);
    const uint8_t
        *secret; /* TICKET_SECRET bytes from which keys are derived; NULL: they are drawn */
};

#define TICKET_SECRET 32U

enum ticket_verdict {
    TICKET_GOOD,
    TICKET_STRANGE, /* its key is gone, or never was ours */
    TICKET_FORGED,
    TICKET_OLD, /* beyond its lifetime, or from the future */
};

/* `rng` gives 0, or an error that ticket_keys_seal returns. */
void ticket_keys_init(struct ticket_keys *k, nsec lifetime,
                      int (*rng)(void *arg, unsigned char *out, size_t len));
/* From now on the keys follow from a secret and the time (RFC 5077 5.5: "a shared key" of several servers), so that who has
 * both the same opens the same tickets. `secret` must live as long as `k`. */
void ticket_keys_share(struct ticket_keys *k, const uint8_t secret[TICKET_SECRET]);
void ticket_keys_done(struct ticket_keys *k); /* wipes them */
/* Wipes the keys that no ticket needs at `now`. Sealing and opening do it as well. */
void ticket_keys_turn(struct ticket_keys *k, nsec now);
/* Seals `len` bytes of plaintext at ticket + TICKET_HEAD in place; there must be TICKET_TAG bytes behind them.
 * 0 or an error of the generator. */
int ticket_keys_seal(struct ticket_keys *k, nsec now, uint8_t *ticket, size_t len);
/* Opens a ticket in place; `*plain` is its plaintext, `*issued` when it was sealed. */
enum ticket_verdict ticket_keys_open(struct ticket_keys *k, nsec now, uint8_t *ticket, size_t len,
                                     struct slice *plain, nsec *issued);

#endif
