/* Files that HTTP serves, on the tape. Each version of a file (its entity tag tells them apart) is kept
 * once, however often it is served: what has been read from its beginning on is not written again. Bytes
 * that are read further on, or from a file that has changed since it was opened, are kept as they come. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/tape/room.h"

#define BUCKETS 1024U
#define NO_VERSION UINT32_MAX
#define READ_MAX 16384U /* bytes of one record: a recording that is cut off loses no more */
#define FD_MAX 65536    /* of a recording, when it is replayed: descriptors are numbers there */

enum kept {
    KEPT_HERE,   /* the bytes are in this record */
    KEPT_BEFORE, /* those of the version that were recorded before, and the rest in this record */
};

/* A run of a version's bytes in the recording that is replayed. */
struct piece {
    uint64_t at; /* in the file */
    struct slice bytes;
};

struct version {
    char etag[sizeof((struct http_file *)NULL)->etag];
    uint32_t next;  /* in its bucket */
    uint64_t known; /* bytes, from the file's beginning, that the recording has */
    struct piece *pieces;
    size_t piece_count, piece_room;
};

/* An open descriptor. */
struct opened {
    uint32_t version;
    uint64_t size;
    struct timespec modified;
};

static struct {
    struct version *versions;
    size_t room;
    uint32_t count;
    uint32_t buckets[BUCKETS]; /* index + 1; 0: empty */
    struct opened *opened;     /* by descriptor */
    size_t opened_count;
} files;

/* ---- what both ways know ---- */

/* An array that has room for `need` things of `each` bytes; NULL: no memory, and it is as it was. */
static void *grown(void *at, size_t *room, size_t need, size_t each)
{
    size_t more = *room != 0 ? *room : 16;
    while (more < need) {
        more *= 2;
    }
    void *bigger = more > *room ? realloc(at, more * each) : at;
    if (bigger != NULL) {
        *room = more;
    }
    return bigger;
}

static uint32_t bucket_of(const char *etag)
{
    uint32_t h = 0;
    for (; *etag != '\0'; etag++) {
        h = h * 31 + (uint8_t)*etag;
    }
    return h % BUCKETS;
}

/* The version with that tag, a new one if it has not been seen; NO_VERSION: no memory. */
static uint32_t version_of(const char *etag)
{
    uint32_t *bucket = &files.buckets[bucket_of(etag)];
    for (uint32_t i = *bucket; i != 0; i = files.versions[i - 1].next) {
        if (strcmp(files.versions[i - 1].etag, etag) == 0) {
            return i - 1;
        }
    }
    struct version *versions =
        grown(files.versions, &files.room, (size_t)files.count + 1, sizeof *versions);
    if (versions == NULL) {
        return NO_VERSION;
    }
    files.versions = versions;
    struct version *v = &files.versions[files.count++];
    *v = (struct version){.next = *bucket};
    strncpy(v->etag, etag, sizeof v->etag - 1);
    *bucket = files.count;
    return files.count - 1;
}

static void remember(int fd, struct opened o)
{
    struct opened *opened = grown(files.opened, &files.opened_count, (size_t)fd + 1, sizeof o);
    if (opened != NULL) {
        files.opened = opened;
        files.opened[fd] = o;
    }
}

static struct opened *opened_as(int fd)
{
    return (size_t)fd < files.opened_count ? &files.opened[fd] : NULL;
}

void tape_files_forget(void)
{
    for (uint32_t i = 0; i < files.count; i++) {
        free(files.versions[i].pieces);
    }
    free(files.versions);
    free(files.opened);
    memset(&files, 0, sizeof files);
}

/* ---- recording ---- */

static void put_open(bool found, const struct http_file *f)
{
    uint8_t head[4 * TAPE_VARINT_MAX];
    struct wr w = wr_of(head, sizeof head);
    wr_u8(&w, found ? 1 : 0);
    if (!found) {
        tape_put_one(TAPE_FILE_OPEN, head, wr_len(&w));
        return;
    }
    wr_varint(&w, (uint64_t)f->fd);
    wr_varint(&w, f->size);
    wr_signed(&w, f->modified);
    struct slice parts[] = {
        {head, wr_len(&w)},
        {(const uint8_t *)f->etag, strlen(f->etag) + 1},
        {(const uint8_t *)f->type, strlen(f->type) + 1},
    };
    tape_put(TAPE_FILE_OPEN, parts, COUNT_OF(parts));
}

static bool record_open(int root_fd, const char *path, struct http_file *out)
{
    struct stat st;
    bool found = http_system_files.open(root_fd, path, out);
    put_open(found, out);
    if (found) {
        bool known = fstat(out->fd, &st) == 0 && (uint64_t)st.st_size == out->size;
        remember(out->fd, (struct opened){.version = known ? version_of(out->etag) : NO_VERSION,
                                          .size = out->size,
                                          .modified = st.st_mtim});
    }
    return found;
}

/* The version that the descriptor's bytes are still of. */
static struct version *version_now(int fd)
{
    const struct opened *o = opened_as(fd);
    struct stat st;
    if (o == NULL || o->version == NO_VERSION || fstat(fd, &st) != 0 ||
        (uint64_t)st.st_size != o->size || st.st_mtim.tv_sec != o->modified.tv_sec ||
        st.st_mtim.tv_nsec != o->modified.tv_nsec) {
        return NULL;
    }
    return &files.versions[o->version];
}

static ssize_t record_read(int fd, void *out, size_t len, uint64_t at)
{
    uint8_t head[TAPE_VARINT_MAX + 1];
    struct wr w = wr_of(head, sizeof head);
    ssize_t got = http_system_files.read(fd, out, size_min(len, READ_MAX), at);
    wr_signed(&w, got >= 0 ? got : -errno);
    if (got <= 0 || tape_mode() != TAPE_RECORDS_NOW) {
        tape_put_one(TAPE_FILE_READ, head, wr_len(&w));
        return got;
    }
    struct version *v = version_now(fd);
    struct slice rest = {out, (size_t)got};
    bool follows = v != NULL && at <= v->known;
    wr_u8(&w, follows ? KEPT_BEFORE : KEPT_HERE);
    if (follows) {
        size_t before = v->known - at < rest.len ? (size_t)(v->known - at) : rest.len;
        rest.data += before;
        rest.len -= before;
        v->known += rest.len;
    }
    tape_put(TAPE_FILE_READ, (struct slice[]){{head, wr_len(&w)}, rest}, 2);
    return got;
}

static void record_close(int fd)
{
    http_system_files.close(fd);
}

/* ---- replaying ---- */

static const char *take_text(struct rd *r)
{
    size_t len = strnlen((const char *)r->pos, rd_left(r));
    if (len == rd_left(r)) {
        r->failed = true;
        return "";
    }
    return (const char *)rd_take(r, len + 1).data;
}

static bool replay_open(int root_fd, const char *path, struct http_file *out)
{
    (void)root_fd;
    (void)path;
    struct rd r = tape_take(TAPE_FILE_OPEN);
    bool found = rd_u8(&r) == 1;
    *out = (struct http_file){.fd = -1};
    if (found) {
        uint64_t fd = rd_varint(&r);
        out->size = rd_varint(&r);
        out->modified = rd_signed(&r);
        strncpy(out->etag, take_text(&r), sizeof out->etag - 1);
        out->type = take_text(&r); /* it lies in the recording, and stays */
        r.failed = r.failed || fd >= FD_MAX;
        out->fd = (int)fd;
    }
    tape_taken(&r, TAPE_FILE_OPEN);
    if (found) {
        remember(out->fd, (struct opened){.version = version_of(out->etag)});
    }
    return found;
}

static void add_piece(struct version *v, struct slice bytes)
{
    if (bytes.len == 0) {
        return;
    }
    struct piece *pieces = grown(v->pieces, &v->piece_room, v->piece_count + 1, sizeof *pieces);
    if (pieces == NULL) {
        tape_leave(TAPE_BROKEN, "no memory for the files of the recording");
    }
    v->pieces = pieces;
    v->pieces[v->piece_count++] = (struct piece){.at = v->known, .bytes = bytes};
    v->known += bytes.len;
}

/* Copies `len` bytes from `at` on, all of them below v->known. */
static void copy_known(const struct version *v, uint8_t *out, size_t len, uint64_t at)
{
    size_t low = 0, high = v->piece_count; /* pieces[low] begins at `at` or before */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (v->pieces[middle].at <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    for (; len > 0; low++) {
        const struct piece *p = &v->pieces[low];
        size_t skip = (size_t)(at - p->at);
        size_t n = size_min(len, p->bytes.len - skip);
        memcpy(out, p->bytes.data + skip, n);
        out += n;
        at += n;
        len -= n;
    }
}

/* The version of a descriptor, if the recording has its bytes up to `at`. */
static struct version *version_for(int fd, uint64_t at)
{
    const struct opened *o = opened_as(fd);
    struct version *v = o != NULL && o->version < files.count ? &files.versions[o->version] : NULL;
    return v != NULL && at <= v->known ? v : NULL;
}

static ssize_t replay_read(int fd, void *out, size_t len, uint64_t at)
{
    struct rd r = tape_take(TAPE_FILE_READ);
    int64_t got = rd_signed(&r);
    if (got <= 0) {
        tape_taken(&r, TAPE_FILE_READ);
        errno = (int)-got;
        return got < 0 ? -1 : 0;
    }
    if ((uint64_t)got > len) {
        tape_leave(TAPE_DIFFERS, "a file gave more bytes than there is room for now");
    }
    bool here = rd_u8(&r) == KEPT_HERE;
    struct slice rest = {r.pos, rd_left(&r)};
    uint64_t before = 0; /* bytes that were recorded earlier */
    struct version *v = here ? NULL : version_for(fd, at);
    if (v != NULL) {
        before = v->known - at < (uint64_t)got ? v->known - at : (uint64_t)got;
    }
    r.failed = r.failed || (!here && v == NULL) || rest.len + before != (uint64_t)got;
    rd_skip(&r, rest.len);
    tape_taken(&r, TAPE_FILE_READ);
    if (v != NULL) {
        add_piece(v, rest);
        copy_known(v, out, (size_t)got, at);
    } else {
        memcpy(out, rest.data, rest.len);
    }
    return (ssize_t)got;
}

static void replay_close(int fd)
{
    (void)fd;
}

const struct http_files *tape_http_files(void)
{
    static const struct http_files recording = {
        .open = record_open,
        .read = record_read,
        .close = record_close,
    };
    static const struct http_files replaying = {
        .open = replay_open,
        .read = replay_read,
        .close = replay_close,
    };
    if (tape_is_tcp_only()) {
        return NULL;
    }
    switch (tape_mode()) {
    case TAPE_RECORDS_NOW:
        return &recording;
    case TAPE_REPLAYS_NOW:
        return &replaying;
    default:
        return NULL;
    }
}
