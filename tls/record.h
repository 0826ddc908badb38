/* One direction of record protection: a key, and the number of the next record under it. TLS 1.3 by RFC 8446 5.2 to
 * 5.4; TLS 1.2 with AES-GCM by RFC 5288 and with ChaCha20-Poly1305 by RFC 7905.
 *
 * It knows records one at a time and nothing of what is in them. The AEAD is an engine's (tls/aead.h), is made
 * when a record is there and can be given back when none is.
 */
#ifndef VITRINE_TLS_RECORD_H
#define VITRINE_TLS_RECORD_H

#include "tls/aead.h"
#include "tls/schedule.h"

#define RECORD_HEADER 5U
#define RECORD_TEXT_MAX 16384U /* bytes of plaintext (RFC 8446 5.1, RFC 5246 6.2.1) */

enum record_type {
    RECORD_CHANGE_CIPHER_SPEC = 20,
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    RECORD_APPLICATION_DATA = 23,
};

struct record_side {
    const struct aead_engine *engine;
    struct aead *aead; /* NULL: given back, or not made yet */
    uint64_t number;   /* of the next record */
    uint8_t key[AEAD_KEY_MAX], iv[AEAD_NONCE];
    uint8_t algorithm;    /* enum aead_algorithm */
    uint8_t iv_len;       /* bytes of the nonce that no record has in it: 12, or 4 */
    uint8_t explicit_len; /* and that each record has: 0, or 8 */
    bool old;             /* TLS 1.2 */
};

enum record_verdict {
    RECORD_GOOD,
    RECORD_FORGED,   /* not authentic, or too short to be: bad_record_mac */
    RECORD_OVERFLOW, /* longer than it may be: record_overflow */
    RECORD_UNTYPED,  /* nothing but zeros is in it (RFC 8446 5.4): unexpected_message */
    RECORD_NO_MEMORY,
};

/* Takes keys; the next record has this number. Keys that were there before are wiped. */
void record_keys(struct record_side *r, const struct aead_engine *engine, const struct tls_suite *s,
                 const struct tls_keys *keys, uint64_t number);
/* Gives the AEAD back; the keys stay. */
void record_rest(struct record_side *r);
/* Wipes all. */
void record_done(struct record_side *r);

/* Bytes in front of the plaintext: the header and what each record has of its nonce. */
size_t record_front(const struct record_side *r);
/* Bytes of a record with so much plaintext, all in all. */
size_t record_size(const struct record_side *r, size_t text_len);
/* Makes a record of `record_size` bytes. The plaintext, at most RECORD_TEXT_MAX, lies at its place already, behind
 * `record_front` bytes, or somewhere else. False: no memory, or the engine failed. */
bool record_seal(struct record_side *r, enum record_type type, uint8_t *record, struct slice text);

/* The longest payload that a header may announce. */
size_t record_payload_max(const struct record_side *r);
/* Opens one: `payload` is all that follows its header. The plaintext goes to `out`, which has room for as much as the
 * payload has, and may be where the payload is; `*text` says where in it, and `*type` of what type (in
 * TLS 1.3 the one inside). The number goes on only if it was good. */
enum record_verdict record_open(struct record_side *r, const uint8_t header[RECORD_HEADER],
                                struct slice payload, uint8_t *out, struct slice *text,
                                uint8_t *type);

#endif
