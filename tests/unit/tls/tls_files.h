/* Directories of tests, and the openssl command where there is one. */
#ifndef VITRINE_TESTS_TLS_TLS_FILES_H
#define VITRINE_TESTS_TLS_TLS_FILES_H

#include <stdbool.h>

/* Removes a directory and all that is in it. */
void files_remove(const char *dir);
/* Runs `openssl` in `dir` with the words of `arguments`, and looks for `expected` in what it says.
 * Also true where there is no openssl: it only confirms what other tests assert. */
bool openssl_says(const char *dir, const char *arguments, const char *expected);

#endif
