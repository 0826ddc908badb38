/* A TLS session in a file, to come back to it from another process: bytes that are as secret as a key. */
#ifndef VITRINE_APPS_SAVED_SESSION_H
#define VITRINE_APPS_SAVED_SESSION_H

#include "tls/tls.h"

/* Offers what is in the file on a stream that has not begun. Returns NULL, or why not. */
const char *saved_session_offer(const char *file, struct stream *s);
/* Replaces the file, for its owner only. Returns NULL, or why not. */
const char *saved_session_keep(const char *file, const struct tls_session *t);

#endif
