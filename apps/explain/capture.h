/* The frames of a world as a pcapng file, for Wireshark and tshark. */
#ifndef VITRINE_APPS_EXPLAIN_CAPTURE_H
#define VITRINE_APPS_EXPLAIN_CAPTURE_H

#include "apps/explain/world.h"

/* `file` NULL: nothing to do. `keylog`: a file of NSS key log lines that goes in as well, in front of the frames, so
 * that TLS is decrypted without further ado; NULL: none. false: a sentence in `error`. */
bool capture_write(const char *file, const struct world *w, const char *keylog, char *error,
                   size_t error_size);

/* Appends the lines of a key log to `file`; NULL: nothing to do. */
bool capture_keys(const char *file, const char *keylog, char *error, size_t error_size);

#endif
