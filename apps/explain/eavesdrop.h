/* What an eavesdropper on the wire makes of its frames: both directions as byte streams, and the TLS records in them.
 * No key is used here, and nothing that a host knows.
 */
#ifndef VITRINE_APPS_EXPLAIN_EAVESDROP_H
#define VITRINE_APPS_EXPLAIN_EAVESDROP_H

#include "apps/explain/world.h"
#include "stack/base/cursor.h"

enum record_type {
    RECORD_CHANGE_CIPHER_SPEC = 20,
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    RECORD_DATA = 23,
};

struct eavesdropper {
    uint8_t *stream[2]; /* of what the client, and the server sent */
    size_t len[2];
};

/* A record's header, and what it carries (RFC 8446 5.1). */
struct record {
    uint8_t type; /* enum record_type */
    uint16_t version;
    struct slice whole, fragment;
};

/* The wire loses nothing and keeps the order, so the payloads in a row are the stream. false: no memory. */
bool eavesdrop(const struct world *w, struct eavesdropper *out);
void eavesdropper_done(struct eavesdropper *e);
/* The next record of a stream. false: there are no more. */
bool record_next(struct rd *stream, struct record *out);
const char *record_name(uint8_t type); /* "application_data" */

#endif
