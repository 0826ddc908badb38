/* Files below one directory, and no way out of it.
 *
 * A path is resolved by the kernel with RESOLVE_BENEATH (openat2), so that "..", absolute links and
 * links that lead out end at an error; where the kernel lacks it, component by component, following
 * no link at all. Only regular files are served; a directory stands for its index.html.
 */
#ifndef VITRINE_APPS_HTTP_FILES_H
#define VITRINE_APPS_HTTP_FILES_H

#include <sys/types.h>

#include "stack/base/types.h"

struct http_file {
    int fd;           /* -1: none */
    uint64_t size;    /* bytes */
    int64_t modified; /* seconds since 1970 */
    char etag[64];    /* with its quotes (RFC 9110 8.8.3) */
    const char *type; /* Content-Type */
    /* what tells this version from others, besides its size */
    uint64_t device, inode;
    uint32_t modified_ns; /* behind `modified` */
};

/* Opens the directory. A descriptor, or a negative errno. */
int http_root_open(const char *dir);
/* Opens the file that `path` (decoded, begins with "/") names below `root_fd`. false: there is none
 * that may be served. The caller closes `out->fd`. */
bool http_file_open(int root_fd, const char *path, struct http_file *out);

/* `path` still names that very version of that file: found out without opening it. false also where that can not be
 * known, as for a directory's index. */
bool http_file_same(int root_fd, const char *path, const struct http_file *f);

/* Where an HTTP server has its files from: the calls that it makes. */
struct http_files {
    bool (*open)(int root_fd, const char *path, struct http_file *out);
    /* As pread(2). */
    ssize_t (*read)(int fd, void *out, size_t len, uint64_t at);
    void (*close)(int fd);
    /* As http_file_same; NULL: files are opened to find out. */
    bool (*same)(int root_fd, const char *path, const struct http_file *f);
};

extern const struct http_files
    http_system_files; /* http_file_open, pread, close and http_file_same */

/* The Content-Type that goes with the ending of a path. */
const char *http_type_of(const char *path);

#endif
