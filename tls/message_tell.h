/* How the readers of messages tell fields; only for tls/message*.c. */
#ifndef VITRINE_TLS_MESSAGE_TELL_H
#define VITRINE_TLS_MESSAGE_TELL_H

#include "stack/base/cursor.h"
#include "tls/message.h"

struct teller {
    const struct tls_message_view *m;
    tls_field_fn *told;
    void *arg;
    unsigned depth;         /* of the field that is told next */
    const char *faulty;     /* the first thing that was malformed; NULL: nothing so far */
    uint8_t kind;           /* enum tls_message: whose extensions these are */
    uint16_t version;       /* of the connection; 0: not known */
    struct tls_field field; /* in the making */
    uint32_t numbers[TLS_FIELD_NUMBERS];
    char text[TLS_FIELD_TEXT];
    size_t len;  /* of `text` */
    bool is_cut; /* it has its "…" */
};

/* Names of numbers: "" for those that have none. */
typedef const char *tell_name_fn(uint16_t number);

/* ---- a field in one call ---- */
void tell_text(struct teller *t, const char *name, const char *value, struct slice bytes);
void tell_hex(struct teller *t, const char *name, struct slice bytes);
/* "29 (x25519)" is told as "x25519"; without a name as "0x001d". */
void tell_named(struct teller *t, const char *name, uint16_t number, tell_name_fn *names,
                struct slice bytes);
void tell_count(struct teller *t, const char *name, uint32_t number, const char *unit,
                struct slice bytes);
/* What follows in the message beneath a field of this name. */
void tell_parts(struct teller *t, const char *name, struct slice bytes);
/* A list of numbers of `width` bytes each, that fills the cursor. */
void tell_numbers(struct teller *t, const char *name, struct rd *list, unsigned width,
                  tell_name_fn *names);

/* ---- or piece by piece ---- */
void tell_begin(struct teller *t, const char *name, struct slice bytes);
void tell_add(struct teller *t, const char *text);
/* Text of a peer: what is not printable ASCII becomes '?'. */
void tell_add_string(struct teller *t, struct slice text);
void tell_add_hex(struct teller *t, struct slice bytes);
void tell_add_number(struct teller *t, uint32_t number);
void tell_end(struct teller *t);

/* Remembers the first fault. */
void tell_fault(struct teller *t, const char *what);
/* All that is left of a cursor, in place. */
struct slice tell_rest(const struct rd *r);

/* ---- the readers ---- */
void tell_client_hello(struct teller *t, struct rd *r);
void tell_server_hello(struct teller *t, struct rd *r);
void tell_extensions(struct teller *t, struct rd *r);
uint16_t tell_server_version(struct slice body); /* of a ServerHello: what it chose; 0: malformed */
bool tell_is_retry(struct slice body);           /* a ServerHello that is a HelloRetryRequest */
/* A Certificate's list, of TLS 1.3 with extensions behind each. */
void tell_certificates(struct teller *t, struct rd *r);
void tell_distinguished_names(struct teller *t, struct rd *r);

#endif
