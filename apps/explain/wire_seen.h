/* What went over the wire, in a document: a payload that can be read, a TLS record that cannot, and the layers of a
 * frame.
 */
#ifndef VITRINE_APPS_EXPLAIN_WIRE_SEEN_H
#define VITRINE_APPS_EXPLAIN_WIRE_SEEN_H

#include "apps/explain/doc.h"
#include "apps/explain/eavesdrop.h"

/* Text, line by line, with its bytes. */
void wire_text(struct doc *d, struct slice text, const char *caption);
/* A record of encrypted data; `version` (enum tls_version) says what stands in it. */
void wire_record(struct doc *d, const struct record *r, uint16_t version, const char *caption);
/* The record in which the client's request went: the first encrypted one that has room for it. false: none. */
bool wire_request(const struct eavesdropper *e, struct record *out);
/* A frame with a record in it, each header by its layer. */
void wire_layers(struct doc *d, const struct world_frame *f, const char *caption);

#endif
