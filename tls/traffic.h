/* Record protection after the handshake, taken over from mbedTLS: traffic secrets, where they change, and the records
 * of both directions (RFC 8446 5, 4.6.3 and 7.2; for TLS 1.2 RFC 5246 6.2.3.3).
 *
 * A server's session has one of these from when its first traffic secret was exported. `active`: mbedTLS is gone.
 */
#ifndef VITRINE_TLS_TRAFFIC_H
#define VITRINE_TLS_TRAFFIC_H

#include "stack/base/list.h"
#include "tls/record.h"

struct tls_session;

/* What the keys of TLS 1.2 are made of (RFC 5246 6.3). */
struct tls_master {
    struct tls_value secret;
    uint8_t client_random[32], server_random[32];
};

struct tls_traffic {
    bool active;
    struct tls_suite suite;
    struct tls_value secret_in, secret_out; /* of TLS 1.3 */
    struct tls_master *master;              /* of TLS 1.2, until the keys are made; else NULL */
    struct record_side in, out;
    uint32_t updates_in, updates_out; /* how often these have changed; `vt tls` shows it */
    const char *alpn;                 /* of the context; NULL: none was agreed on */
    struct list awake;                /* among those of the context that have their AEADs at hand */
    /* The record that comes in. */
    uint8_t header[RECORD_HEADER];
    uint8_t header_len;
    uint8_t *buffer;   /* NULL: no record is open */
    size_t gathered;   /* bytes of its payload, if it comes in parts */
    struct slice text; /* in `buffer`: what the application has not consumed */
    /* The handshake message that comes in. */
    uint8_t message[5];    /* its header, and what a KeyUpdate says */
    uint8_t message_len;   /* bytes of them seen */
    uint32_t message_left; /* bytes of its body that are not looked at */
    uint32_t idle;         /* records in a row that brought no application data */
    /* The record that goes out. */
    uint8_t *room;       /* reserved below; NULL: none */
    size_t need;         /* bytes below that a reserve wanted in vain */
    uint32_t burst;      /* bytes of text since the stream was last silent */
    nsec sent;           /* when the last record was */
    bool update_owed;    /* a KeyUpdate is to be sent as soon as there is room */
    bool update_request; /* and asks for one */
};

#define TRAFFIC_IDLE_MAX 32U   /* records without application data in a row */
#define TRAFFIC_AWAKE_MAX 128U /* sessions of a context that keep their AEADs */

/* A secret was exported (the randoms are of 32 bytes); nothing for a context that leaves records to mbedTLS. */
void tls_traffic_secret(struct tls_session *t, int label, struct slice secret,
                        const uint8_t *client_random, const uint8_t *server_random);
/* The handshake is complete: mbedTLS hands over. False: not yet, or the session has ended. */
bool tls_take_over(struct tls_session *t);
void tls_traffic_free(struct tls_session *t);
bool tls_taken(const struct tls_session *t);

/* The peer's next records have new keys, or ours. */
void tls_traffic_update_in(struct tls_session *t);
/* Sends the KeyUpdate that is owed, if there is one and room for it. */
void tls_traffic_update_out(struct tls_session *t);
/* A handshake message, or a part of it, came in a record; `t` may have ended then. */
void tls_post_handshake(struct tls_session *t, struct slice text);

/* ---- what the stream does ---- */
void tls_traffic_read(struct tls_session *t); /* opens the next record of application data */
void tls_traffic_consume(struct tls_session *t, size_t n);
uint8_t *tls_traffic_reserve(struct tls_session *t, size_t min, size_t *room);
void tls_traffic_commit(struct tls_session *t, size_t n);
/* Seals bytes from where they lie, and keeps none of them; returns how many. */
size_t tls_traffic_refer(struct tls_session *t, struct slice bytes);
/* Sends a record of another type, whole; false: there is no room, or the session has failed. */
bool tls_traffic_send(struct tls_session *t, enum record_type type, const void *text, size_t len);

#endif
