/* A session with records that we protect and one with records that mbedTLS protects, and a peer that says the same to both.
 *
 * The peer is a client of mbedTLS for the handshake. Then it is still, and records are made here under the keys that it
 * exports: so also such as no client would send.
 */
#ifndef VITRINE_TESTS_TLS_TWINS_H
#define VITRINE_TESTS_TLS_TWINS_H

#include "tls/internal.h"

#include "tests/unit/tls/tls_rig.h"

#define RECORD_MAX 20000U
#define SAID_MAX 64U

enum { OURS, THEIRS };

struct twin {
    struct rig rig;
    struct tls_schedule schedule; /* what the client has exported */
    struct tls_value in, out;     /* secrets of what comes from the server, and goes to it */
    struct record_side to, from;
    uint8_t *heard; /* application data that came */
    size_t heard_len;
    uint8_t said[SAID_MAX]; /* type and text of other records that came, but for KeyUpdates */
    size_t said_len;
    unsigned updates; /* KeyUpdates that came */
};

extern struct twin twins[2];

bool twin_is_old(const struct twin *w); /* TLS 1.2 */
/* Both, with this suite, and so many bytes per delivery (0: all); ours with this engine. */
void twins_connect(int suite, size_t chunk, const struct aead_engine *engine);
void twins_done(void);
void twin_say_raw(struct twin *w, const uint8_t *bytes, size_t len);
/* The next record, with so many zeros behind its text (RFC 8446 5.4); returns its size. */
size_t twin_make_record(struct twin *w, uint8_t type, struct slice text, size_t padding,
                        uint8_t record[RECORD_MAX]);
void twin_say(struct twin *w, uint8_t type, const void *text, size_t len, size_t padding);
/* The peer's next keys, of what it sends or of what it gets (RFC 8446 7.2). */
void twin_next_keys(struct twin *w, bool outgoing);

#endif
