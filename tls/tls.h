/* TLS over a stream: an mbedTLS session whose bytes come from and go to a lower stream (TCP), and
 * which is itself a stream for the application.
 *
 * A `struct tls_context` holds what many sessions share: certificates by name, ticket keys, ALPN,
 * versions. Made once; nothing on the path reads files.
 */
#ifndef VITRINE_TLS_TLS_H
#define VITRINE_TLS_TLS_H

#include "stack/base/stream.h"
#include "stack/trace/names.h"
#include "stack/trace/trace.h"
#include "tls/aead.h"
#include "tls/psk.h"

struct tls_context;
struct tls_session;

enum tls_version { TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

/* Whether a server asks its clients for a certificate. A bad one always ends the handshake. */
enum tls_client_auth {
    TLS_CLIENT_AUTH_NONE,
    TLS_CLIENT_AUTH_OPTIONAL, /* who has none is served as well */
    TLS_CLIENT_AUTH_REQUIRED,
};

struct tls_config {
    bool client; /* sessions of this context open (tls_client) instead of answering (tls_server) */
    uint16_t min_version, max_version; /* enum tls_version; 0: TLS 1.2 and TLS 1.3 */
    const char *const *alpn;           /* NULL-terminated, in order of preference; NULL: none */
    const char *keylog; /* file to append NSS key log lines to (SSLKEYLOGFILE), or NULL */
    /* Is told each of these lines, with its newline, when the secret is there; or NULL. */
    void (*key_line)(void *arg, const char *line, size_t len);
    void *key_arg;
    bool no_tickets;
    /* With which a server's sessions protect their records by themselves after the handshake (tls/traffic.h), and mbedTLS
     * is gone then. NULL: mbedTLS protects them to the end, as it does with `library_records`. */
    const struct aead_engine *engine;
    bool library_records;
    /* Records of text that a server's sessions protect under one key of TLS 1.3, before a KeyUpdate (RFC 8446 5.5). 0: 2^24 with
     * AES-GCM, and no end with ChaCha20-Poly1305. More than that is not safe. */
    uint32_t key_records;
    uint32_t ticket_lifetime; /* seconds; 0: 86400 */
    /* 32 bytes, or NULL. Servers with the same of it, and the same clock, open each other's tickets. */
    const uint8_t *ticket_secret;
    const char *const *groups; /* NULL: x25519, secp256r1, secp384r1 */
    /* PEM file of the root certificates that the other side's must lead to. A client's: NULL is the
     * system's. A server's: needed when it asks for certificates. */
    const char *trust;
    bool
        trust_anything; /* a client's: what is wrong with the certificate is told, and ends nothing */
    enum tls_client_auth client_auth; /* a server's */
    /* A client may send early data (tls_send_early). A server takes it, once for each ticket, TLS_EARLY_MAX bytes at the most. Off, because whoever
     * has seen it can send it again (RFC 8446 8). */
    bool early_data;
    /* Pre-shared keys, only with TLS 1.3 and a fresh key exchange (psk_dhe_ke): a server takes any of
     * them, a client offers the first. They must live as long as the context. NULL: none. */
    const struct tls_psks *psks;
};

/* Which secret a `tls_secret` event is about (RFC 8446 7.1; RFC 5246 8.1 for TLS 1.2). */
enum tls_secret {
    TLS_SECRET_MASTER, /* TLS 1.2 */
    TLS_SECRET_CLIENT_HANDSHAKE,
    TLS_SECRET_SERVER_HANDSHAKE,
    TLS_SECRET_CLIENT_TRAFFIC,
    TLS_SECRET_SERVER_TRAFFIC,
    TLS_SECRETS,
};

/* Types in `tls_message` events are those of RFC 8446 4 and RFC 5246 7.4, and two of our own making:
 * a HelloRetryRequest, on the wire a ServerHello (RFC 8446 4.1.4), has the number that drafts gave
 * it; a ChangeCipherSpec, a record of its own and no handshake message, has a free one. `len` counts
 * the message with its 4-byte header, whatever records it came in; 0: it cannot be known. */
enum tls_message {
    TLS_HELLO_REQUEST = 0,
    TLS_CLIENT_HELLO = 1,
    TLS_SERVER_HELLO = 2,
    TLS_NEW_SESSION_TICKET = 4,
    TLS_END_OF_EARLY_DATA = 5,
    TLS_HELLO_RETRY_REQUEST = 6,
    TLS_ENCRYPTED_EXTENSIONS = 8,
    TLS_CERTIFICATE = 11,
    TLS_SERVER_KEY_EXCHANGE = 12,
    TLS_CERTIFICATE_REQUEST = 13,
    TLS_SERVER_HELLO_DONE = 14,
    TLS_CERTIFICATE_VERIFY = 15,
    TLS_CLIENT_KEY_EXCHANGE = 16,
    TLS_FINISHED = 20,
    TLS_CERTIFICATE_STATUS = 22,
    TLS_KEY_UPDATE = 24,
    TLS_CHANGE_CIPHER_SPEC = 255,
};

/* What became of the handshake, for people. Text fields are "" when there is nothing. */
struct tls_info {
    bool established;
    uint16_t version;                /* enum tls_version */
    uint16_t suite;                  /* IANA number */
    const char *suite_name;          /* "TLS_AES_128_GCM_SHA256" */
    const char *group_name;          /* "x25519" */
    const char *signature_algorithm; /* of the server's CertificateVerify or ServerKeyExchange */
    const char *alpn;
    const char *sni;
    bool client; /* we are the one that asks */
    bool resumed;
    enum tls_proof proof;
    enum tls_early early;
    const char *psk_identity; /* of the pre-shared key that was used */
    const char *alert;        /* the fatal one that ended it, sent or received: "unknown_ca" */
    bool certificate_asked;   /* the server wants to know who the client is */
    /* Of a client: what is wrong with the server's certificate, as "it has expired; its name is
     * another one"; "": nothing, or none was seen. */
    const char *certificate_fault;
    nsec started;  /* first byte of the ClientHello */
    nsec finished; /* both Finished messages done; 0 = not yet */
    uint32_t handshake_bytes_in,
        handshake_bytes_out; /* TLS records of the handshake, with headers */
    /* the server's certificate; all "" when the session was resumed: then there was none */
    const char *certificate_subject, *certificate_issuer, *certificate_san;
    const char *certificate_not_before, *certificate_not_after; /* "2026-01-31 12:00:00" UTC */
    const char *key_type;                                       /* "EC P-256", "RSA" */
    unsigned key_bits;
    const char *public_key_hex; /* DER SubjectPublicKeyInfo's key bits: EC point, or RSA modulus */
    const char *fingerprint_sha256; /* of the certificate, hex */
    /* The client's certificate; all "" when none was shown. */
    const char *client_subject, *client_issuer, *client_san;
    const char *client_not_before, *client_not_after;
    const char *client_fingerprint_sha256;
    /* Of a server: what is wrong with the client's certificate, in words as above. */
    const char *client_fault;
};

/* What TLS takes from outside, its files apart. */
struct tls_system {
    /* Fills `out` with entropy for our generator; 0, or an mbedTLS error. */
    int (*entropy)(void *unused, unsigned char *out, size_t len);
    int64_t (*seconds)(void); /* since 1970: the time of day, for certificates and ticket keys */
    int64_t (*milliseconds)(void); /* of a clock that only goes forward: the age of tickets */
};

extern const struct tls_system tls_the_system; /* the machine's own */

/* From now on these are used, and the generator begins anew. For programs that record what TLS takes, or give
 * it again; before the context is made. 0, or an mbedTLS error. */
int tls_use_system(const struct tls_system *s);

/* NULL, and a sentence in `error`, when something cannot be had. */
struct tls_context *tls_context_new(const struct tls_config *config, char *error,
                                    size_t error_size);
void tls_context_free(
    struct tls_context *c); /* every session must have ended; lingering ones are aborted */
/* Have all lines of the key log been written? 0, or the errno of the first that was not. */
int tls_context_keylog_error(const struct tls_context *c);
/* A certificate chain and its key, PEM files (EC P-256, EC P-384 or RSA of 2048 bits and more). A client
 * shows the first one to a server that asks for it (RFC 8446 4.4.2, RFC 5246 7.4.6). A server has one or more: the
 * first one added is the default; others are chosen by SNI: the names are the certificate's DNS SANs
 * (wildcards by RFC 6125 6.4.3). Of several that fit a name, the first one wins whose key the client
 * can verify: so an EC and an RSA certificate may stand for the same name. */
bool tls_context_add_certificate(struct tls_context *c, const char *chain_file,
                                 const char *key_file, char *error, size_t error_size);

/* Wraps `lower` for the server side: takes over its events and app. The session's stream is
 * announced by `opened` when the handshake is complete; a failed handshake ends with `closed`.
 * `conn_id` names the connection in events; the time is recorder->now.
 * NULL: no memory (the lower stream is untouched). */
struct stream *tls_server(struct tls_context *c, struct stream *lower, struct recorder *recorder,
                          uint32_t conn_id, const struct stream_events *events, void *app);
/* The same for the client side, over a stream that is being opened or is open: `name` is who is wanted, a
 * host name (then it is also what the ClientHello says, RFC 6066 3) or an address. The server's
 * certificate must lead to a trusted root, be valid now, and be made out to `name` (RFC 9525). When it is not,
 * `closed` comes with CLOSE_TLS_FAILED, and tls_get_info tells in it what was wrong. */
struct stream *tls_client(struct tls_context *c, const char *name, struct stream *lower,
                          struct recorder *recorder, uint32_t conn_id,
                          const struct stream_events *events, void *app);
/* Begins the handshake of a stream of tls_client that is still being opened: its first flight is queued below, and goes with
 * TCP's SYN if that carries data (RFC 7413). Else it begins when the lower stream is open. */
void tls_begin(struct stream *s);
/* A client's session as bytes that are secret, to come back to it from here or from another process: once it has a ticket,
 * which in TLS 1.3 comes after the handshake. Returns how many bytes, 0: there is no ticket, or no room. */
#define TLS_SAVED_MAX 16384U
size_t tls_save(const struct tls_session *t, uint8_t *out, size_t cap);
/* Offers a saved session on a stream of tls_client that has not begun. Returns NULL, or why not: as "it was
 * with another server". Whether the server takes it, tls_info's `resumed` tells. */
const char *tls_offer(struct stream *s, const uint8_t *saved, size_t len);
/* Sends application data with the first flight, if the session that was offered allows so much (0-RTT). It is
 * safe only for what may happen twice (RFC 8446 8, RFC 8470 2): whoever records it can send it again. Before the
 * stream has begun, on a context with `early_data`; false: no memory, or too much. When the stream is open, tls_info's
 * `early` tells whether the server has it; if not, it must be sent again. */
bool tls_send_early(struct stream *s, const void *data, size_t len);
#define TLS_EARLY_MAX 16384U /* bytes of early data */
/* What the application reads next has come as early data (RFC 8470 3). */
bool tls_next_is_early(const struct tls_session *t);
struct tls_session *tls_of_stream(struct stream *s); /* NULL when the stream is not TLS */
struct stream *tls_above(struct stream *lower);      /* the session's on it; NULL: none is */
void tls_get_info(const struct tls_session *t,
                  struct tls_info *out); /* text lives as long as the session */
/* Sends a KeyUpdate (RFC 8446 4.6.3), now or as soon as there is room, and with `request` asks for the peer's. False: this
 * session cannot (TLS 1.2, records left to mbedTLS, closed). */
bool tls_update_keys(struct stream *s, bool request);
struct stream *tls_lower(const struct tls_session *t);
/* Wipes keys of tickets whose time is over, and aborts lower streams that wait for longer than TLS_LINGER for the peer's FIN after a fatal alert.
 * Each failing session does the same, so this is for a driver that wants them gone when all is quiet. */
#define TLS_LINGER (5 * NS_PER_SEC)
void tls_context_sweep(struct tls_context *c, nsec now);

/* Names for numbers in events. */
const char *tls_message_name(uint8_t type); /* "ClientHello" */
const char *tls_alert_name(uint8_t description);
const char *tls_version_name(uint16_t version); /* "TLS 1.3" */
const char *tls_group_name(uint16_t group);
const char *tls_suite_name(uint16_t suite);      /* "TLS_AES_128_GCM_SHA256" */
const char *tls_signature_name(uint16_t scheme); /* "ecdsa_secp256r1_sha256" */
const char *tls_secret_name(enum tls_secret s);  /* as in a key log: "CLIENT_TRAFFIC_SECRET_0" */
const char *tls_state_name(uint16_t state);      /* of mbedTLS' machine: "CLIENT_HELLO" */
#define TLS_FAULTS_TEXT_MAX 256
/* What is wrong with a certificate: "it has expired; no trusted root has signed it"; "" for 0. `client`:
 * whose it is. */
const char *tls_faults_text(uint32_t faults, bool client, char out[TLS_FAULTS_TEXT_MAX]);

#endif
