/* The files of a CA's directory. */
#include "tls/ca_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool ca_path(char out[CA_PATH_MAX], const char *dir, const char *name, const char *end, char *error,
             size_t error_size)
{
    int n = snprintf(out, CA_PATH_MAX, "%s/%s%s", dir, name, end);
    if (n < 0 || (size_t)n >= CA_PATH_MAX) {
        snprintf(error, error_size, "%.64s...: path too long", dir);
        return false;
    }
    return true;
}

bool ca_file_exists(const char *dir, const char *name, const char *end)
{
    char path[CA_PATH_MAX], ignored[128];
    return ca_path(path, dir, name, end, ignored, sizeof(ignored)) && access(path, F_OK) == 0;
}

static bool write_all(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t n = write(fd, text, left);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        text += n;
        left -= (size_t)n;
    }
    return fsync(fd) == 0;
}

bool ca_file_write(const char *dir, const char *name, const char *end, const char *text,
                   mode_t mode, char *error, size_t error_size)
{
    char path[CA_PATH_MAX], part[CA_PATH_MAX], hidden[300];
    snprintf(hidden, sizeof(hidden), ".%.200s.%ld", name, (long)getpid());
    if (!ca_path(path, dir, name, end, error, error_size) ||
        !ca_path(part, dir, hidden, end, error, error_size)) {
        return false;
    }
    unlink(part); /* a process with our number left it */
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        snprintf(error, error_size, "%s: %s", part, strerror(errno));
        return false;
    }
    /* fchmod: the mask of the process must neither open a key nor hide a certificate. */
    bool ok = fchmod(fd, mode) == 0 && write_all(fd, text);
    ok = close(fd) == 0 && ok;
    ok = ok && rename(part, path) == 0;
    if (!ok) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        unlink(part);
    }
    return ok;
}

static bool make_directory(const char *dir, char *error, size_t error_size)
{
    char path[CA_PATH_MAX];
    if (!ca_path(path, dir, "", "", error, error_size)) {
        return false;
    }
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p != '/') {
            continue;
        }
        *p = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            snprintf(error, error_size, "%s: %s", path, strerror(errno));
            return false;
        }
        *p = '/';
    }
    return true;
}

int ca_lock(const char *dir, bool make, char *error, size_t error_size)
{
    char path[CA_PATH_MAX];
    if ((make && !make_directory(dir, error, error_size)) ||
        !ca_path(path, dir, ".lock", "", error, error_size)) {
        return -1;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

void ca_unlock(int lock)
{
    close(lock);
}
