/* A TLS session in a file; see saved_session.h. */
#include "apps/saved_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/private_file.h"

const char *saved_session_offer(const char *file, struct stream *s)
{
    FILE *f = fopen(file, "re");
    if (f == NULL) {
        return errno == ENOENT ? "it is not there yet" : strerror(errno);
    }
    const char *why = "out of memory";
    uint8_t *saved = malloc(TLS_SAVED_MAX);
    if (saved != NULL) {
        size_t len = fread(saved, 1, TLS_SAVED_MAX, f);
        why = tls_offer(s, saved, len);
        explicit_bzero(saved, len);
        free(saved);
    }
    fclose(f);
    return why;
}

const char *saved_session_keep(const char *file, const struct tls_session *t)
{
    const char *why = "out of memory";
    uint8_t *saved = malloc(TLS_SAVED_MAX);
    if (saved != NULL) {
        size_t len = tls_save(t, saved, TLS_SAVED_MAX);
        why = len == 0                                 ? "the server has given no ticket"
              : private_file_replace(file, saved, len) ? NULL
                                                       : strerror(errno);
        explicit_bzero(saved, len);
        free(saved);
    }
    return why;
}
