/* A handshake message in a document: its bytes, each with the field that it belongs to. */
#ifndef VITRINE_APPS_EXPLAIN_MESSAGE_SEEN_H
#define VITRINE_APPS_EXPLAIN_MESSAGE_SEEN_H

#include "apps/explain/doc.h"
#include "tls/message.h"

void message_bytes(struct doc *d, const struct tls_message_view *m, const char *caption);

#endif
