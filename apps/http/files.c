/* Files below one directory; see files.h. */
#include "apps/http/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* O_NONBLOCK: opening a FIFO must not wait for its other end. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

int http_root_open(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

/* Where openat2 is missing: every component by itself, no links followed. */
static int open_by_components(int root_fd, const char *path)
{
    int dir = dup(root_fd);
    char name[256];
    while (dir >= 0) {
        size_t n = strcspn(path, "/");
        bool last = path[n] == '\0';
        if (n >= sizeof name || (n == 1 && path[0] == '.') ||
            (n == 2 && memcmp(path, "..", 2) == 0)) {
            close(dir);
            return -1;
        }
        memcpy(name, path, n);
        name[n] = '\0';
        path += n + (last ? 0 : 1);
        if (n == 0 && !last) {
            continue; /* an empty component, as in "a//b" */
        }
        int flags = OPEN_FLAGS | O_NOFOLLOW | (last ? 0 : O_DIRECTORY);
        int next = openat(dir, n == 0 ? "." : name, flags);
        close(dir);
        if (last) {
            return next;
        }
        dir = next;
    }
    return -1;
}

static int open_beneath(int root_fd, const char *path)
{
    struct open_how how = {
        .flags = OPEN_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    const char *relative = path + strspn(path, "/");
    if (*relative == '\0') {
        relative = ".";
    }
    for (int tries = 0; tries < 3; tries++) {
        long fd = syscall(SYS_openat2, root_fd, relative, &how, sizeof how);
        if (fd >= 0) {
            return (int)fd;
        }
        if (errno == ENOSYS || errno == EPERM) { /* old kernel, or a sandbox that forbids it */
            return open_by_components(root_fd, relative);
        }
        if (errno != EAGAIN) { /* EAGAIN: a rename went on meanwhile */
            break;
        }
    }
    return -1;
}

/* The index of a directory that is open as `dir`; closes `dir`. */
static int open_index(int dir)
{
    struct open_how how = {
        .flags = OPEN_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long fd = syscall(SYS_openat2, dir, "index.html", &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        fd = openat(dir, "index.html", OPEN_FLAGS | O_NOFOLLOW);
    }
    close(dir);
    return (int)fd;
}

bool http_file_open(int root_fd, const char *path, struct http_file *out)
{
    struct stat st;
    int fd = root_fd >= 0 ? open_beneath(root_fd, path) : -1;
    if (fd < 0) {
        return false;
    }
    const char *named = path;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        named = "index.html";
        fd = open_index(fd);
        if (fd < 0) {
            return false;
        }
    } else if (path[strlen(path) - 1] == '/') {
        close(fd); /* "file/" is no name of a file */
        return false;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0) {
        close(fd);
        return false;
    }
    out->fd = fd;
    out->size = (uint64_t)st.st_size;
    out->modified = (int64_t)st.st_mtim.tv_sec;
    out->type = http_type_of(named);
    out->device = (uint64_t)st.st_dev;
    out->inode = (uint64_t)st.st_ino;
    out->modified_ns = (uint32_t)st.st_mtim.tv_nsec;
    snprintf(out->etag, sizeof out->etag, "\"%llx-%llx-%llx\"", (unsigned long long)st.st_ino,
             (unsigned long long)st.st_size,
             (unsigned long long)st.st_mtim.tv_sec * 1000000000ULL +
                 (unsigned long long)st.st_mtim.tv_nsec);
    return true;
}

bool http_file_same(int root_fd, const char *path, const struct http_file *f)
{
    struct stat st;
    return fstatat(root_fd, path + strspn(path, "/"), &st, 0) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_ino == f->inode && (uint64_t)st.st_dev == f->device &&
           (uint64_t)st.st_size == f->size && (int64_t)st.st_mtim.tv_sec == f->modified &&
           (uint32_t)st.st_mtim.tv_nsec == f->modified_ns;
}

static ssize_t system_read(int fd, void *out, size_t len, uint64_t at)
{
    return pread(fd, out, len, (off_t)at);
}

static void system_close(int fd)
{
    close(fd);
}

const struct http_files http_system_files = {
    .open = http_file_open,
    .read = system_read,
    .close = system_close,
    .same = http_file_same,
};

const char *http_type_of(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {"html", "text/html; charset=utf-8"},
        {"htm", "text/html; charset=utf-8"},
        {"txt", "text/plain; charset=utf-8"},
        {"md", "text/markdown; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"csv", "text/csv; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"mjs", "text/javascript; charset=utf-8"},
        {"json", "application/json"},
        {"xml", "application/xml"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"webp", "image/webp"},
        {"ico", "image/x-icon"},
        {"pdf", "application/pdf"},
        {"wasm", "application/wasm"},
        {"gz", "application/gzip"},
        {"zip", "application/zip"},
        {"mp3", "audio/mpeg"},
        {"mp4", "video/mp4"},
        {"webm", "video/webm"},
        {"woff2", "font/woff2"},
        {"pem", "application/x-pem-file"},
    };
    const char *name = strrchr(path, '/');
    const char *dot = strrchr(name != NULL ? name : path, '.');
    for (size_t i = 0; dot != NULL && i < COUNT_OF(types); i++) {
        if (strcasecmp(dot + 1, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}
