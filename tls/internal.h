/* What the rooms of tls/ share with each other, and with nobody else.
 *
 * Some fields of mbedTLS' session are read here although they are private to it: the state, the
 * length of the handshake message in hand, the place of the decrypted record and that of the next
 * one to write. Nothing else would tell them; they are the same in every release of mbedTLS 3.6.
 */
#ifndef VITRINE_TLS_INTERNAL_H
#define VITRINE_TLS_INTERNAL_H

#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "stack/base/cursor.h"
#include "stack/base/list.h"
#include "tls/sight.h"
#include "tls/replay_guard.h"
#include "tls/ticket_keys.h"
#include "tls/traffic.h"

/* ---- rng.c ---- */
/* Prepares mbedTLS' cryptography and our generator, once; 0 or an mbedTLS error. */
int tls_rng_start(void);
/* The one place from which tls/ draws randomness, in the form that mbedTLS asks for. */
int tls_rng(void *unused, unsigned char *out, size_t len);
/* The same for randomness of which nothing shows in a result: what blinds a computation from onlookers. */
int tls_rng_blind(void *unused, unsigned char *out, size_t len);

/* ---- clock.c ---- */
extern const struct tls_system *tls_system_now; /* whatever tls_use_system has chosen */
void tls_clock_start(void);
int64_t tls_machine_seconds(void);
int64_t tls_machine_milliseconds(void);

/* ---- certificate.c ---- */
enum tls_key_kind { TLS_KEY_P256, TLS_KEY_P384, TLS_KEY_RSA };

struct tls_certificate {
    struct list link; /* in context->certificates, in the order of adding */
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
    enum tls_key_kind kind;
    unsigned key_bits;
    char *subject, *issuer, *san, *public_key_hex;
    char not_before[32], not_after[32]; /* "2026-01-31 12:00:00" UTC */
    char fingerprint[65];               /* SHA-256, hex */
};

/* What a ClientHello says that the choice of a certificate depends on. */
struct tls_offer {
    struct slice sni;            /* host name, empty when there is none */
    bool early_data;             /* some follows */
    bool ecdsa_p256, ecdsa_p384; /* signature schemes */
    bool rsa_pss, rsa_pkcs1;
    bool suite_ecdsa, suite_rsa; /* TLS 1.2 suites that sign with such a key */
};

/* The facts of a certificate that a peer has shown, without a key. NULL: no memory. */
struct tls_certificate *tls_certificate_seen(const mbedtls_x509_crt *crt);
struct tls_certificate *tls_certificate_load(const char *chain_file, const char *key_file,
                                             char *error, size_t error_size);
void tls_certificate_free(struct tls_certificate *c); /* NULL: nothing */
bool tls_certificate_matches(const struct tls_certificate *c, struct slice name);
bool tls_certificate_has_ip(const struct tls_certificate *c, struct slice ip);
/* NULL only when the list is empty. */
struct tls_certificate *tls_certificate_choose(const struct list *certificates,
                                               const struct tls_offer *offer, uint16_t version);
/* One sentence for what mbedTLS said: "<what>: <its words>". */
void tls_error(char *error, size_t error_size, const char *what, int code);
/* Is it a file, and no directory? What is not there is for whoever reads it. false: a sentence in `error`. */
bool tls_file_is_one(const char *file, char *error, size_t error_size);
/* Of a PEM file from which mbedTLS did not get what was `wanted`: that it cannot be opened, is encrypted, or holds none. */
void tls_file_error(char *error, size_t error_size, const char *file, const char *wanted, int code);

/* ---- context.c ---- */
#define TLS_GROUPS_MAX 8
#define TLS_SPARE_MAX 64 /* pairs of record buffers that a context keeps for the next session */

struct tls_records {
    unsigned char *in, *out;
};

struct tls_context {
    bool client;
    mbedtls_ssl_config ssl;
    mbedtls_x509_crt trusted; /* the roots of the other side's certificates */
    enum tls_client_auth client_auth;
    struct ticket_keys tickets;
    struct replay_guard *guard;  /* a server that takes early data; else NULL */
    const struct tls_psks *psks; /* NULL: none */
    bool trust_verified;         /* a client's: a server that cannot be verified is refused */
    struct tls_session
        *stepping; /* whose machine is at work: mbedTLS' callbacks about tickets do not say */
    struct list certificates;
    char **alpn;                         /* NULL-terminated copy, or NULL */
    uint16_t groups[TLS_GROUPS_MAX + 1]; /* IANA numbers, 0-terminated */
    int keylog_fd;                       /* -1: none */
    int keylog_error; /* errno of the first line that could not be written; 0: all were */
    void (*key_line)(void *arg, const char *line, size_t len); /* NULL: nobody */
    void *key_arg;
    unsigned sessions; /* now alive */
    const struct aead_engine
        *engine;          /* of sessions that take their records over; NULL: none does */
    uint32_t key_records; /* tls_config */
    const struct arithmetic *arithmetic; /* for mbedTLS while it works; NULL: its own */
    struct list awake; /* struct tls_traffic: those with AEADs at hand, idle for longest first */
    unsigned awake_count;
    struct list lingering; /* struct tls_linger, oldest first */
    unsigned lingering_count;
    struct list watchers;          /* struct tls_watcher */
    struct tls_session *overheard; /* whose step it is that debug text tells of */
    struct tls_records spare[TLS_SPARE_MAX];
    unsigned spare_count;
};

void tls_keylog_line(struct tls_context *c, const char *label, const uint8_t random[32],
                     const uint8_t *secret, size_t secret_len);

/* ---- lens.c ---- */
/* One direction of the record layer as it goes by (RFC 8446 5.1). */
struct tls_lens_side {
    uint8_t header[5];      /* of the current record */
    uint8_t header_len;     /* bytes of it seen */
    uint16_t record_len;    /* payload bytes of the current record */
    uint16_t record_left;   /* of them not yet seen */
    uint8_t message[4];     /* header of the current plaintext handshake message */
    uint8_t message_header; /* bytes of it seen */
    uint32_t message_left;  /* bytes of its body not yet seen */
    uint8_t alert_level;    /* first byte of a plaintext alert, until the second comes */
    bool ciphered;          /* TLS 1.2: a ChangeCipherSpec has gone by */
};

struct tls_lens {
    struct tls_lens_side in, out;
    uint16_t version;       /* of the ServerHello; 0 = not yet */
    uint16_t suite;         /* of the ServerHello */
    uint16_t group;         /* IANA number; 0 = none was used, or not yet */
    uint16_t signature;     /* scheme with which we signed; 0 = we did not */
    int stepping;           /* mbedTLS state in which the current step began */
    int writer;             /* mbedTLS state that wrote what lies in its output buffer; -1: none */
    bool certificate_seen;  /* the server's: so the session is not resumed */
    bool certificate_asked; /* the server's CertificateRequest has gone by */
    bool client_shown;      /* the client has sent a CertificateVerify */
    uint16_t psk_index;     /* of the ServerHello: which of the pre-shared keys that were offered */
    bool bad_type;          /* the peer sent a record of a type that does not exist */
    bool too_long;          /* the peer sent a record longer than RFC 8446 5.2 allows */
    bool fatal_in;          /* a fatal alert came in plaintext, during the handshake */
    uint8_t fatal;          /* its description, of either */
    bool fatal_out;         /* a fatal alert was sent */
    bool alert_unnamed;     /* an encrypted alert was sent whose description is not known yet */
};

/* Bytes that were taken from, and given to, the lower stream. */
void tls_lens_in(struct tls_session *t, const uint8_t *data, size_t len);
void tls_lens_out(struct tls_session *t, const uint8_t *data, size_t len);
/* The machine took a step that began in state `before` and gave `ret`. */
void tls_lens_step(struct tls_session *t, int before, int ret);
/* A client has read a NewSessionTicket after the handshake (RFC 8446 4.6.1). */
void tls_lens_ticket(struct tls_session *t);
/* A message after the handshake was sent or read (RFC 8446 4.6); `len` with its header. */
void tls_lens_post_handshake(struct tls_session *t, bool outgoing, uint8_t type, uint32_t len);
/* An encrypted alert that mbedTLS sent turns out to be this one, fatal. */
void tls_lens_name_alert(struct tls_session *t, uint8_t description);
void tls_lens_alert(struct tls_session *t, bool outgoing, uint8_t level, uint8_t description);
/* Reads a ClientHello's body; false: malformed. */
bool tls_lens_client_hello(struct slice body, struct tls_offer *out);

/* ---- session.c ---- */
#define TLS_RECORD_POINTERS 10 /* of mbedTLS, into its two record buffers */

struct tls_session {
    struct stream stream; /* what the application holds */
    struct tls_context *context;
    struct stream *lower; /* NULL once it is gone */
    struct recorder *recorder;
    uint32_t conn_id;
    mbedtls_ssl_context *ssl;    /* NULL once `traffic` is active */
    struct tls_traffic *traffic; /* NULL: mbedTLS protects the records, to the end */
    struct tls_lens lens;
    struct tls_sight *sight;                   /* NULL: nobody watches */
    const struct tls_certificate *certificate; /* the server's; NULL = not chosen, not seen yet */
    char *sni;                                 /* as sent, made printable; NULL: none */
    const struct tls_psk *psk;                 /* whose identity the client has said; NULL: none */
    struct tls_certificate *from_ticket;       /* a client's, before it is clear that it counts */
    mbedtls_ssl_session *offered;              /* a client's, when `offers`; else NULL */
    enum tls_proof proof;
    enum tls_early early;
    uint8_t ticket_id[REPLAY_ID]; /* of the ticket that was opened last */
    uint8_t *early_data;          /* what came of it; NULL: nothing, or all is read */
    size_t early_len, early_read; /* bytes */
    nsec first;                   /* when the session that a ticket is of began */
    struct tls_peer *peer;        /* NULL: a server that asks for no certificate */
    nsec started;                 /* first byte of the ClientHello */
    nsec finished;                /* both Finished messages done */
    uint32_t bytes_in, bytes_out; /* of the handshake's records */
    uint32_t discarded;           /* bytes that came after close_notify */
    uint64_t given;               /* bytes that the lower stream has been given */
    uint64_t said;                /* bytes of application data that went into records */
    size_t unsent;                /* plaintext bytes of the record in mbedTLS' hands; 0 = none */
    unsigned depth;               /* events of the lower stream that are being handled */
    enum close_reason reason;     /* when `ended` */
    uint8_t alert_level, alert;   /* what is being sent while `alerting` */
    uint8_t offsets[TLS_RECORD_POINTERS]; /* bytes from the buffer's start, while it is lent back */
    uint8_t in_counter[8];                /* number of the next incoming record, at that time */
    bool alerting;
    bool offers, offered_verified; /* a saved session; its server had been verified */
    bool set_up;                   /* mbedTLS' part is made: the client has sent something */
    bool begun;                    /* a byte has come */
    bool established;              /* both Finished messages are done */
    bool starved;                  /* the read callback found nothing */
    bool at_eof;                   /* the read callback met the peer's FIN */
    bool lower_eof;                /* the lower stream has said peer_closed */
    bool open;                     /* the application was told `opened` */
    bool want_room;                /* the application's reserve failed */
    bool want_shutdown;            /* the application's shutdown waits for room */
    bool shut;      /* nothing more goes out: close_notify or a fatal alert, and the FIN */
    bool peer_shut; /* close_notify came */
    bool peer_told; /* and the application knows */
    bool ended;     /* nothing goes in or out any more */
    bool aborted;   /* by the application, inside an event */
};

/* mbedTLS is gone; what it had of keys is wiped. */
void tls_library_free(struct tls_session *t);

/* ---- alert.c ---- */
/* Sends an alert, if the lower stream has room for it. */
void tls_send_alert(struct tls_session *t, uint8_t level, uint8_t description);
/* Our direction ends: close_notify, and the FIN of the lower stream behind it. */
void tls_close_notify(struct tls_session *t);
/* The session ends for what mbedTLS returned: with an alert to the peer, unless it sent us one. */
void tls_fail(struct tls_session *t, int ret);
/* The session ends for what we found ourselves, with this alert to the peer. */
void tls_refuse(struct tls_session *t, uint8_t description);
/* Nothing goes in or out from here; our side of the lower stream is closed. */
void tls_end(struct tls_session *t, enum close_reason reason);

/* ---- verify.c ---- */
/* Who is at the other end, and what came of looking at its certificate. */
struct tls_peer {
    uint8_t ip[4]; /* the address that a client wants, instead of a host name */
    bool is_ip;
    uint32_t faults;                      /* MBEDTLS_X509_BADCERT_… of the whole chain */
    struct tls_certificate *got;          /* what it has shown; NULL: nothing yet */
    char fault_text[TLS_FAULTS_TEXT_MAX]; /* `faults` in words */
};

/* Before the first step of a handshake; 0 or an mbedTLS error. */
int tls_verify_set_up(struct tls_session *t);
/* The other side's Certificate has been looked at: what mbedTLS found after the chain, what the key is for. */
void tls_verify_done(struct tls_session *t);
/* A server's word on its client's certificate: the alert that ends the handshake, or 0. */
uint8_t tls_verify_client(struct tls_session *t);
void tls_verify_free(struct tls_peer *p);

/* ---- ticket.c ---- */
/* A server seals and opens tickets. `lifetime`: seconds, 0 for the usual. */
void tls_tickets_start(struct tls_context *c, uint32_t lifetime);
/* A client offers its saved session no more. */
void tls_offer_free(struct tls_session *t);
/* A session goes on a ticket: the client is the one that it names. */
void tls_ticket_used(struct tls_session *t);

/* ---- early.c ---- */
bool tls_early_start(struct tls_context *c, bool on); /* false: no memory */
/* A ClientHello announces early data on a ticket that is good. */
void tls_early_judge(struct tls_session *t);
/* mbedTLS has decrypted some; 0 or an error that ends the handshake. */
int tls_early_take(struct tls_session *t);
/* A client's ClientHello is out: its early data follows. */
void tls_early_write(struct tls_session *t);
struct slice tls_early_unread(const struct tls_session *t);
void tls_early_consume(struct tls_session *t, size_t n);
void tls_early_free(struct tls_session *t);

/* ---- tls_handshake.c ---- */
/* Goes on as far as possible; true when there is nothing more to do. */
bool tls_handshake(struct tls_session *t);

/* ---- records.c ---- */
/* Gives the record buffers back when nothing in them matters. */
void tls_records_rest(struct tls_session *t);
/* Before mbedTLS reads or writes; false: no memory. */
bool tls_records_take(struct tls_session *t);
void tls_records_done(struct tls_context *c);

/* ---- linger.c ---- */
#define TLS_LINGER_BYTES 65536U /* what a peer may still send after a fatal alert */

/* Waits on a lower stream, after its session is gone, until the peer has had our last alert. */
void tls_linger(struct tls_context *c, struct stream *lower, nsec now);
void tls_linger_abort_all(struct tls_context *c);

#endif
