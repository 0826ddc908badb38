/* What public keys and SHA-256 cost in a handshake, without an engine's arithmetic and with it. */
#ifndef VITRINE_TESTS_BENCH_CRYPTO_KEYS_H
#define VITRINE_TESTS_BENCH_CRYPTO_KEYS_H

#include <stdbool.h>

/* Prints a table. False: something failed, and it says what. */
bool keys_measure(void);

#endif
