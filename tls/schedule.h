/* The key schedule, done once more by ourselves: RFC 8446 7.1 to 7.3 and 4.4.4 for TLS 1.3; RFC 5246 5, 6.3 and 8.1
 * with RFC 7627 for TLS 1.2. What the TLS library derived by itself is compared where it tells.
 *
 * Pure: no bytes of a connection are seen here, only hashes of its transcript. HMAC and hashes are mbedTLS'.
 */
#ifndef VITRINE_TLS_SCHEDULE_H
#define VITRINE_TLS_SCHEDULE_H

#include "tls/watch.h"

#define TLS_HASH_MAX 48U        /* bytes: SHA-384 */
#define TLS_VALUE_MAX 64U       /* of a secret, key or IV; an (EC)DHE secret of secp384r1 has 48 */
#define TLS_VERIFY_DATA_1_2 12U /* bytes (RFC 5246 7.4.9) */

/* What a cipher suite fixes. */
struct tls_suite {
    uint16_t number;
    bool sha384; /* else SHA-256 */
    bool chacha; /* ChaCha20-Poly1305, else AES-GCM */
    bool old;    /* of TLS 1.2 */
    uint8_t hash_len, key_len;
    uint8_t iv_len; /* made by the schedule: 12, or 4 of which GCM in TLS 1.2 makes a nonce */
    uint8_t explicit_nonce; /* bytes of the nonce that stand in each record */
};

/* false: none of the nine that we have. */
bool tls_suite_find(uint16_t number, struct tls_suite *out);

/* A secret; `len` 0: not known. */
struct tls_value {
    uint8_t data[TLS_VALUE_MAX];
    uint8_t len;
};

struct slice tls_value_slice(const struct tls_value *v);
bool tls_value_set(struct tls_value *v, const void *data, size_t len); /* false: too long */

/* ---- the functions of the RFCs; `out->len` is 0 when something is wrong or not known ---- */
void tls_hash(const struct tls_suite *s, struct slice data, struct tls_value *out);
void tls_hmac(const struct tls_suite *s, struct slice key, struct slice data,
              struct tls_value *out);
void tls_hkdf_extract(const struct tls_suite *s, struct slice salt, struct slice ikm,
                      struct tls_value *out);
void tls_hkdf_expand_label(const struct tls_suite *s, const struct tls_value *secret,
                           const char *label, struct slice context, size_t len,
                           struct tls_value *out);
/* PRF(secret, label, seed) of RFC 5246 5; `seed` may have 64 bytes, `len` 128; false: too long. */
bool tls_prf(const struct tls_suite *s, const struct tls_value *secret, const char *label,
             struct slice seed, uint8_t *out, size_t len);

/* ---- a connection's ---- */
struct tls_keys {
    struct tls_value key, iv;
};

typedef void tls_step_fn(void *arg, const struct tls_step *s); /* `value` is always there */

struct tls_schedule {
    struct tls_suite suite;
    tls_step_fn *told;
    void *arg;
    uint8_t client_random[32], server_random[32];
    /* What the library told: those of enum tls_secret; of its own debug text the Handshake Secret or the pre-master
     * secret; the pre-shared key. */
    struct tls_value exported[TLS_SECRETS];
    struct tls_value library_handshake, shared, psk;
    bool psk_used;     /* the server took one */
    bool psk_external; /* it comes from outside, and not from a ticket */
    /* That the ClientHello had for this key, and the hash of the transcript that it is over. */
    struct tls_value binder, binder_hash;
    /* Made here. */
    struct tls_value early, handshake, master, exporter, resumption;
    struct tls_value made[TLS_SECRETS];
};

/* Each tells its steps. `hash` is that of the transcript up to … */
void tls_schedule_handshake(struct tls_schedule *s, struct slice hash); /* … the ServerHello */
void tls_schedule_application(struct tls_schedule *s,
                              struct slice hash); /* … the server's Finished */
void tls_schedule_resumption(struct tls_schedule *s,
                             struct slice hash); /* … the client's Finished */
void tls_schedule_ticket(struct tls_schedule *s, struct slice nonce); /* of a NewSessionTicket */
/* TLS 1.2. `hash` up to the ClientKeyExchange when both sides use extended_master_secret, else empty. */
void tls_schedule_1_2(struct tls_schedule *s, struct slice hash, bool resumed);

/* What a Finished must have in it: `hash` is that of the transcript before it. `out->len` 0: it cannot be told. */
void tls_schedule_finished(const struct tls_schedule *s, bool by_client, struct slice hash,
                           struct tls_value *out);
/* The keys that protect records under a secret of TLS 1.3; or, of TLS 1.2, under the master secret. */
void tls_schedule_keys(const struct tls_schedule *s, const struct tls_value *secret, bool by_client,
                       struct tls_keys *out);

#endif
