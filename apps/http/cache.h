/* Files that were read, kept in memory and shared by all connections, so that an answer's bytes are sent from
 * where they lie.
 *
 * A file is read in pieces, each when it is first needed. A piece does not change any more: unlike a mapping of
 * the file it stays what it is when somebody truncates the file (a mapping raises SIGBUS) or writes into it (a
 * retransmission would differ from what it repeats). What the file has become is found out when it is asked for
 * next: a version is known by its inode, size and time of modification, and is checked once in each moment in which
 * requests come, so that none gets what was no longer so when it arrived. A file that was written to in the last
 * seconds is kept for nobody else: its time of modification may not tell it from the next version.
 *
 * A large file is kept when it is asked for again. The first time its pieces go once they are sent, and their memory is
 * used for the next ones: to fill new memory costs more than the copy.
 *
 * Limits: files and bytes; pieces that a connection still sends count. When all of it is in use, or there is no
 * memory, `http_cache_run` gives nothing and the caller reads for itself.
 */
#ifndef VITRINE_APPS_HTTP_CACHE_H
#define VITRINE_APPS_HTTP_CACHE_H

#include "apps/http/files.h"
#include "stack/base/buf.h"
#include "stack/base/list.h"

#define HTTP_CACHE_PIECE (256U * 1024U)      /* bytes */
#define HTTP_CACHE_BYTES ((size_t)5 << 28)   /* of all pieces, unless told otherwise: 1.25 GiB */
#define HTTP_CACHE_FILES 4096U               /* versions that are kept without anybody using them */
#define HTTP_CACHE_LARGE ((uint64_t)1 << 20) /* bytes of a file that is kept the second time only */
#define HTTP_CACHE_SPARE 16U                 /* pieces without content, for the next ones */
#define HTTP_CACHE_HEAD 496U                 /* bytes of an answer's head that are kept */
#define HTTP_CACHE_BUCKETS 1024U
#define HTTP_CACHE_UNUSED (60 * NS_PER_SEC) /* after which a piece is given back */
#define HTTP_CACHE_SETTLED INT64_C(2)       /* seconds after which a file may be shared */

/* The head of an answer with a whole file, as it was last written: it changes with Date, once a second. */
struct http_head {
    int64_t second; /* since 1970 */
    uint32_t len;   /* bytes; 0: none was kept */
    char text[HTTP_CACHE_HEAD];
};

/* One version of a file. */
struct http_cached {
    struct list node;   /* in cache->files, while `current` */
    uint32_t hash;      /* of its path */
    struct list recent; /* in cache->recent_files, while `current` */
    struct list pieces;
    struct http_file file; /* its descriptor is open while somebody uses it and may have to read */
    nsec checked;          /* when the file was last seen to be this version */
    uint32_t users;        /* http_cache_open without http_cache_close */
    bool again;            /* it was asked for more than once */
    bool current;          /* who asks next gets it */
    struct http_head heads[2]; /* of connections that stay, and that close */
    char fields[192]; /* ETag, Last-Modified, Accept-Ranges of an answer, with their line ends */
    char path[];
};

struct http_cache {
    const struct http_files *calls;
    int root_fd;
    size_t max_bytes, bytes;                /* of pieces, those included that are only being sent */
    uint32_t file_count;                    /* in `files` */
    struct list files[HTTP_CACHE_BUCKETS];  /* struct http_cached by path */
    struct list pieces[HTTP_CACHE_BUCKETS]; /* by version and place */
    struct list recent_files, recent_pieces; /* the latest used first */
    struct list spare; /* pieces whose memory is used again; they do not count in `bytes` */
    uint32_t spare_count;
    struct list lent; /* pieces that are no more in `pieces`, but still sent */
};

void http_cache_init(struct http_cache *k, const struct http_files *calls, int root_fd,
                     size_t max_bytes);
/* Every user must have closed. What streams still refer to lives on until they let go. */
void http_cache_done(struct http_cache *k);
/* The file at a path as it is now (`now`: of this moment; `wall`: seconds since 1970), to be given back by
 * http_cache_close; NULL: there is none. */
struct http_cached *http_cache_open(struct http_cache *k, const char *path, nsec now, int64_t wall);
/* Its pieces stay for others. */
static inline bool http_cache_keeps(const struct http_cached *f)
{
    return f->again || f->file.size <= HTTP_CACHE_LARGE;
}

void http_cache_close(struct http_cache *k, struct http_cached *f);
/* Bytes from `at` on that lie in a row, and the slab that they lie in. Empty: there is no room for them, see
 * http_cache_read; or there are none. Valid until the next call. */
struct slice http_cache_run(struct http_cache *k, struct http_cached *f, uint64_t at, nsec now,
                            struct slab **slab);
/* Copies bytes from `at` on, up to `len`, past the cache; <= 0: there are none any more. */
ssize_t http_cache_read(struct http_cache *k, struct http_cached *f, void *out, size_t len,
                        uint64_t at);
/* Gives back what nobody has used for HTTP_CACHE_UNUSED. */
void http_cache_sweep(struct http_cache *k, nsec now);

#endif
