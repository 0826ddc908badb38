/* What a session keeps while somebody watches it (tls/watch.h): records that are not whole yet, messages that no event
 * has told of yet, the transcript, and the key schedule. */
#ifndef VITRINE_TLS_SIGHT_H
#define VITRINE_TLS_SIGHT_H

#include "tls/protection.h"

struct tls_session;

#define TLS_SIGHT_TEXT_MAX                                                                         \
    (256U * 1024U) /* bytes of messages in one direction, and of a transcript */

/* Bytes in memory of their own. */
struct tls_text {
    uint8_t *data;
    size_t len, cap;
};

/* Under which keys a side of TLS 1.3 sends (RFC 8446 7.1). */
enum tls_epoch { TLS_EPOCH_HANDSHAKE, TLS_EPOCH_APPLICATION };

struct tls_sight_side {
    struct tls_text record; /* the part of a record that has come */
    struct tls_text text;   /* handshake messages, from the first that was not told */
    size_t walked;          /* bytes of `text` that were looked through for a change of keys */
    enum tls_epoch epoch;
    struct tls_value secret; /* that these keys are of; len 0: not taken yet */
    struct tls_keys keys;
    uint64_t number; /* of the next record under these keys */
    bool encrypted;  /* what lies in `text` came encrypted */
};

struct tls_sight {
    struct tls_sight_side in, out;
    struct tls_text plain; /* of the record in hand */
    struct tls_text transcript;
    struct tls_schedule schedule;
    uint16_t version, suite; /* of the ServerHello; 0: not yet */
    /* Lengths of the transcript behind these messages; 0: not yet. */
    size_t hello_end, exchange_end, server_end, client_end;
    size_t offer_start, offer_end; /* of the last ClientHello */
    bool extended;                 /* TLS 1.2: extended_master_secret was agreed on */
    bool resumed;                  /* TLS 1.2: keys changed without a ClientKeyExchange */
    bool handshake_made, application_made, resumption_made;
    bool lost;        /* out of memory, or too much of it: what follows is told without bytes */
    bool step_failed; /* mbedTLS found a fault in the message that is told */
    /* What mbedTLS' debug text is saying. */
    struct tls_value *hearing;
    size_t still_to_hear; /* bytes */
};

/* NULL: no memory; the session goes on unseen. */
struct tls_sight *tls_sight_new(struct tls_session *t);
void tls_sight_free(struct tls_sight *s);

/* Payload of the record in hand went by; `whole`: its last byte is in `part`. */
void tls_sight_payload(struct tls_session *t, bool outgoing, struct slice part, bool whole);
/* The event of a message was told. */
void tls_sight_told(struct tls_session *t, bool outgoing, uint8_t type, bool encrypted);
/* mbedTLS' machine took a step that began in state `before`, and went well. */
void tls_sight_step(struct tls_session *t, int before);
/* A secret was exported. */
void tls_sight_secret(struct tls_session *t, enum tls_secret which, struct slice secret);
/* The session ends: what no event told of is told now. */
void tls_sight_end(struct tls_session *t);

/* ---- sight_schedule.c ---- */
/* A message joins the transcript; what can be derived by now is. */
void tls_sight_transcribe(struct tls_session *t, const struct tls_message_view *m, bool by_client);
void tls_sight_advance(struct tls_session *t);
/* "good…", "bad…" or "" on a message that goes by. */
const char *tls_sight_verdict(struct tls_session *t, const struct tls_message_view *m, char *out,
                              size_t size);
bool tls_text_add(struct tls_text *text, struct slice bytes);

/* ---- overheard.c ---- */
/* Before and after a step of mbedTLS' machine. */
void tls_overhear_begin(struct tls_session *t);
void tls_overhear_end(struct tls_session *t);
/* For mbedtls_ssl_conf_dbg; `arg` is the context. */
void tls_overhear(void *arg, int level, const char *file, int line, const char *text);

#endif
