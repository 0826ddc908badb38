#include "apps/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Another name first, so that nobody ever sees a part of it, or reads it before it is ours alone. */
bool private_file_replace(const char *file, const void *data, size_t len)
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
