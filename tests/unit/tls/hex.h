/* Bytes written as hex, for tests of TLS. */
#ifndef VITRINE_TESTS_TLS_HEX_H
#define VITRINE_TESTS_TLS_HEX_H

#include <stdint.h>
#include <string.h>

static inline unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* How many bytes it were; at most `max`. */
static inline size_t hex_bytes(const char *hex, uint8_t *out, size_t max)
{
    size_t n = strlen(hex) / 2;
    n = n < max ? n : max;
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    }
    return n;
}

#endif
