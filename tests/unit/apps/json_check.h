/* A strict reader of JSON (RFC 8259), for tests only: is this one whole value, and what does it say? */
#ifndef VITRINE_TESTS_JSON_CHECK_H
#define VITRINE_TESTS_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* One value and nothing but white space around it. */
bool json_valid(const char *text, size_t len);
/* The text of the value at a path of member names and array indexes, "tcp.handshake.0.seq"; strings
 * with their quotes. Empty when there is none. Undefined for invalid JSON. */
const char *json_at(const char *text, size_t len, const char *path, char *out, size_t size);

#endif
