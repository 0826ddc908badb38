/* What a handshake message says: its bytes become named fields, for people and for programs.
 *
 * Pure: no state, nothing but the bytes and what was agreed before them. All messages of
 * TLS 1.3 (RFC 8446 4) and TLS 1.2 (RFC 5246 7.4), with the extensions that are met in the field. Field names
 * are those of the RFCs' presentation language.
 */
#ifndef VITRINE_TLS_MESSAGE_H
#define VITRINE_TLS_MESSAGE_H

#include "stack/base/types.h"
#include "tls/tls.h"

#define TLS_FIELD_NUMBERS 64U /* of a list; of what is longer, `more` counts the rest */
#define TLS_FIELD_TEXT 4096U  /* bytes of a value's text with its NUL; longer ones end in "…" */
#define TLS_SUMMARY_MAX 256U

/* A message that went by, whole, with what was known then. */
struct tls_message_view {
    bool outgoing;      /* we sent it */
    bool by_client;     /* the client of the connection sent it */
    bool encrypted;     /* its record was protected */
    uint8_t type;       /* enum tls_message; TLS_CHANGE_CIPHER_SPEC has one byte and no header */
    uint16_t version;   /* agreed, enum tls_version; 0: not yet */
    uint16_t suite;     /* agreed; 0: not yet */
    struct slice bytes; /* with its header of 4 bytes; empty: it could not be read */
    /* What was checked about it, in words: "" or "good: …" or "bad: …". Of a Certificate it is the chain's
     * verdict, of a CertificateVerify and ServerKeyExchange the signature's, of a Finished that of verify_data. */
    const char *verdict;
};

/* One fact. What it points at lives for the call in which it is told. */
struct tls_field {
    unsigned depth;   /* 0: of the message; n + 1: a part of the latest field of depth n */
    const char *name; /* "cipher_suites"; extensions have their IANA names */
    const char *value; /* "TLS_AES_128_GCM_SHA256, …"; bytes as hex; "" when its parts say it all */
    const char *note; /* a word of explanation, or "" */
    const uint32_t *
        numbers; /* what stands on the wire behind the value, when it is a number or a list of them */
    size_t count;       /* of `numbers`: 0, 1, or up to TLS_FIELD_NUMBERS */
    size_t more;        /* how many numbers are left out */
    struct slice bytes; /* where it stands in the message; empty: nowhere */
};

typedef void tls_field_fn(void *arg, const struct tls_field *f);

/* Tells each field in the order of the message. A message that is malformed is told up to there, and ends with a
 * field "malformed"; false then. */
bool tls_message_fields(const struct tls_message_view *m, tls_field_fn *told, void *arg);

/* The first field of that name, at any depth: its value into `out`, NUL-terminated, cut to `size`. false: there
 * is none, and `out` is "". */
bool tls_message_find(const struct tls_message_view *m, const char *name, char *out, size_t size);

/* One line of what matters in it: "server_name vitrine.test; TLS 1.3, TLS 1.2; 31 suites; x25519; h2, http/1.1".
 * "" when there is nothing to say. Returns `out`. */
const char *tls_message_summary(const struct tls_message_view *m, char out[TLS_SUMMARY_MAX]);

#endif
