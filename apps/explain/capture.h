/* The frames of a world as a pcapng file, for Wireshark and tshark. */
#ifndef VITRINE_APPS_EXPLAIN_CAPTURE_H
#define VITRINE_APPS_EXPLAIN_CAPTURE_H

#include "apps/explain/world.h"

/* `file` NULL: nothing to do. false: a sentence in `error`. */
bool capture_write(const char *file, const struct world *w, char *error, size_t error_size);

#endif
