/* A TLS session in a file; see saved_session.h. */
#include "apps/saved_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Another name first, so that nobody ever sees a part of it, or reads it before it is ours alone. */
static bool replace(const char *file, const uint8_t *data, size_t len)
{
    char part[4096];
    int n = snprintf(part, sizeof part, "%s.XXXXXX", file);
    if (n < 0 || (size_t)n >= sizeof part) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = mkostemp(part, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        return false;
    }
    bool written = write(fd, data, len) == (ssize_t)len;
    bool good = close(fd) == 0 && written && rename(part, file) == 0;
    if (!good) {
        int error = errno;
        unlink(part);
        errno = error;
    }
    return good;
}

const char *saved_session_keep(const char *file, const struct tls_session *t)
{
    const char *why = "out of memory";
    uint8_t *saved = malloc(TLS_SAVED_MAX);
    if (saved != NULL) {
        size_t len = tls_save(t, saved, TLS_SAVED_MAX);
        why = len == 0                    ? "the server has given no ticket"
              : replace(file, saved, len) ? NULL
                                          : strerror(errno);
        explicit_bzero(saved, len);
        free(saved);
    }
    return why;
}
