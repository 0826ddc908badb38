/* Files in memory; see cache.h. */
#include "apps/http/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/http/date.h"

#define LOOK_AT 16U    /* pieces that are looked at for one that nobody is sending */
#define CACHE_LINE 64U /* bytes */

struct http_piece {
    struct list node;         /* in cache->pieces, while `of` is set */
    struct list recent;       /* in cache->recent_pieces, or cache->lent */
    struct list sibling;      /* in of->pieces */
    struct http_cache *cache; /* NULL: it is gone */
    struct http_cached *of;   /* NULL: nobody else will want it */
    uint64_t index;           /* place in the file, in pieces */
    nsec used;
    struct slab slab;
};

/* The content begins with a cache line: from there it is copied faster. */
#define PIECE_HEAD (offsetof(struct http_piece, slab) + offsetof(struct slab, bytes))
#define PIECE_PAD ((CACHE_LINE - PIECE_HEAD % CACHE_LINE) % CACHE_LINE)
_Static_assert(PIECE_PAD % _Alignof(struct http_piece) == 0, "the head stays aligned");

/* FNV-1a, 32 bits (Fowler, Noll, Vo; RFC 9923 2): without a secret, since only names of files of ours are kept. */
static uint32_t hash_of_path(const char *path)
{
    uint32_t hash = 0x811c9dc5U;
    for (; *path != '\0'; path++) {
        hash = (hash ^ (uint8_t)*path) * 0x01000193U;
    }
    return hash;
}

void http_cache_init(struct http_cache *k, const struct http_files *calls, int root_fd,
                     size_t max_bytes)
{
    *k = (struct http_cache){.calls = calls, .root_fd = root_fd, .max_bytes = max_bytes};
    list_init(&k->recent_files);
    list_init(&k->recent_pieces);
    list_init(&k->lent);
    list_init(&k->spare);
    for (size_t i = 0; i < HTTP_CACHE_BUCKETS; i++) {
        list_init(&k->files[i]);
        list_init(&k->pieces[i]);
    }
}

/* ---- pieces ---- */

static struct http_piece *piece_allocate(size_t len)
{
    size_t size = PIECE_PAD + PIECE_HEAD + len;
    uint8_t *memory = aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    return memory != NULL ? (struct http_piece *)(void *)(memory + PIECE_PAD) : NULL;
}

static void piece_free(struct http_piece *p)
{
    free((uint8_t *)p - PIECE_PAD);
}

static size_t piece_size(const struct http_piece *p)
{
    return sizeof *p + p->slab.cap;
}

static void piece_released(struct slab *s)
{
    struct http_piece *p = CONTAINER_OF(s, struct http_piece, slab);
    struct http_cache *k = p->cache;
    if (k != NULL) {
        k->bytes -= piece_size(p);
        list_remove(&p->recent);
    }
    if (k != NULL && p->slab.cap == HTTP_CACHE_PIECE && k->spare_count < HTTP_CACHE_SPARE) {
        list_push_front(&k->spare, &p->recent);
        k->spare_count++;
    } else {
        piece_free(p);
    }
}

static void free_spare(struct http_cache *k)
{
    struct list *n;
    while ((n = list_pop_front(&k->spare)) != NULL) {
        piece_free(CONTAINER_OF(n, struct http_piece, recent));
    }
    k->spare_count = 0;
}

/* Out of the cache; it lives on for those who still send it. */
static void drop_piece(struct http_cache *k, struct http_piece *p)
{
    list_remove(&p->node);
    list_remove(&p->sibling);
    p->of = NULL;
    list_remove(&p->recent);
    list_push_back(&k->lent, &p->recent);
    slab_release(&p->slab);
}

static void drop_pieces(struct http_cache *k, struct http_cached *f)
{
    while (!list_empty(&f->pieces)) {
        drop_piece(k, CONTAINER_OF(f->pieces.next, struct http_piece, sibling));
    }
}

static struct list *pieces_like(struct http_cache *k, const struct http_cached *f, uint64_t index)
{
    return &k->pieces[(f->hash + index) % HTTP_CACHE_BUCKETS];
}

static struct http_piece *find_piece(struct http_cache *k, const struct http_cached *f,
                                     uint64_t index)
{
    struct list *bucket = pieces_like(k, f, index);
    for (struct list *n = bucket->next; n != bucket; n = n->next) {
        struct http_piece *p = CONTAINER_OF(n, struct http_piece, node);
        if (p->of == f && p->index == index) {
            return p;
        }
    }
    return NULL;
}

static struct http_piece *least_recent(const struct http_cache *k)
{
    return CONTAINER_OF(k->recent_pieces.prev, struct http_piece, recent);
}

/* Drops what has not been used for longest, except what is being sent: that would free nothing. */
static bool make_room(struct http_cache *k, size_t size)
{
    for (unsigned looked = 0; k->bytes + size > k->max_bytes; looked++) {
        if (looked == LOOK_AT || list_empty(&k->recent_pieces)) {
            return false;
        }
        struct http_piece *p = least_recent(k);
        if (p->slab.refs == 1) {
            drop_piece(k, p);
            looked = 0;
        } else {
            list_remove(&p->recent);
            list_push_front(&k->recent_pieces, &p->recent);
        }
    }
    return true;
}

/* Memory for a piece of `len` bytes; NULL: there is none. */
static struct http_piece *new_piece(struct http_cache *k, size_t len)
{
    size_t size = sizeof(struct http_piece) + len;
    if (!make_room(k, size)) {
        return NULL;
    }
    struct list *spare = len == HTTP_CACHE_PIECE ? list_pop_front(&k->spare) : NULL;
    if (spare != NULL) {
        k->spare_count--;
        return CONTAINER_OF(spare, struct http_piece, recent);
    }
    return piece_allocate(len);
}

/* The descriptor to read from: opened again when it has been closed meanwhile, if it is still that version. */
static bool can_read(struct http_cache *k, struct http_cached *f)
{
    struct http_file now;
    if (f->file.fd >= 0) {
        return true;
    }
    if (!k->calls->open(k->root_fd, f->path, &now)) {
        return false;
    }
    if (strcmp(now.etag, f->file.etag) != 0) {
        k->calls->close(now.fd);
        return false;
    }
    f->file.fd = now.fd;
    return true;
}

ssize_t http_cache_read(struct http_cache *k, struct http_cached *f, void *out, size_t len,
                        uint64_t at)
{
    return can_read(k, f) ? k->calls->read(f->file.fd, out, len, at) : -1;
}

/* Reads a piece whole; false: the file is shorter than it was. */
static bool fill_piece(struct http_cache *k, struct http_cached *f, struct http_piece *p)
{
    for (size_t at = 0; at < p->slab.cap;) {
        ssize_t got = http_cache_read(k, f, p->slab.bytes + at, p->slab.cap - at,
                                      p->index * HTTP_CACHE_PIECE + at);
        if (got <= 0) {
            return false;
        }
        at += (size_t)got;
    }
    return true;
}

static struct http_piece *load_piece(struct http_cache *k, struct http_cached *f, uint64_t index)
{
    uint64_t left = f->file.size - index * HTTP_CACHE_PIECE;
    size_t len = left < HTTP_CACHE_PIECE ? (size_t)left : HTTP_CACHE_PIECE;
    if (!http_cache_keeps(f)) {
        drop_pieces(k, f); /* what is sent already */
    }
    struct http_piece *p = new_piece(k, len);
    if (p == NULL) {
        return NULL;
    }
    *p = (struct http_piece){.cache = k, .of = f, .index = index};
    p->slab.refs = 1;
    p->slab.cap = (uint32_t)len;
    p->slab.release = piece_released;
    if (!fill_piece(k, f, p)) {
        piece_free(p);
        return NULL;
    }
    k->bytes += piece_size(p);
    list_push_front(pieces_like(k, f, index), &p->node);
    list_push_back(&f->pieces, &p->sibling);
    list_push_front(&k->recent_pieces, &p->recent);
    return p;
}

struct slice http_cache_run(struct http_cache *k, struct http_cached *f, uint64_t at, nsec now,
                            struct slab **slab)
{
    if (at >= f->file.size) {
        return (struct slice){0};
    }
    struct http_piece *p = find_piece(k, f, at / HTTP_CACHE_PIECE);
    if (p == NULL) {
        p = load_piece(k, f, at / HTTP_CACHE_PIECE);
    } else if (k->recent_pieces.next != &p->recent) {
        list_remove(&p->recent);
        list_push_front(&k->recent_pieces, &p->recent);
    }
    if (p == NULL) {
        return (struct slice){0};
    }
    p->used = now;
    *slab = &p->slab;
    size_t skip = (size_t)(at % HTTP_CACHE_PIECE);
    return (struct slice){p->slab.bytes + skip, p->slab.cap - skip};
}

/* ---- files ---- */

static void close_descriptor(struct http_cache *k, struct http_cached *f)
{
    if (f->file.fd >= 0) {
        k->calls->close(f->file.fd);
        f->file.fd = -1;
    }
}

static void free_file(struct http_cache *k, struct http_cached *f)
{
    drop_pieces(k, f);
    close_descriptor(k, f);
    free(f);
}

/* Who asks next gets another; it goes when its users have closed it. */
static void retire(struct http_cache *k, struct http_cached *f)
{
    list_remove(&f->node);
    k->file_count--;
    list_remove(&f->recent);
    f->current = false;
    if (f->users == 0) {
        free_file(k, f);
    }
}

static struct http_cached *find_file(struct http_cache *k, const char *path, uint32_t hash)
{
    struct list *bucket = &k->files[hash % HTTP_CACHE_BUCKETS];
    for (struct list *n = bucket->next; n != bucket; n = n->next) {
        struct http_cached *f = CONTAINER_OF(n, struct http_cached, node);
        if (f->hash == hash && strcmp(f->path, path) == 0) {
            return f;
        }
    }
    return NULL;
}

static void use(struct http_cache *k, struct http_cached *f)
{
    f->users++;
    if (f->current) {
        list_remove(&f->recent);
        list_push_front(&k->recent_files, &f->recent);
    }
}

/* A version that was not known, with its open descriptor; NULL: no memory. */
static struct http_cached *new_file(const char *path, uint32_t hash, const struct http_file *file)
{
    size_t len = strlen(path) + 1;
    struct http_cached *f = malloc(sizeof *f + len);
    if (f == NULL) {
        return NULL;
    }
    *f = (struct http_cached){.file = *file, .hash = hash};
    list_init(&f->pieces);
    memcpy(f->path, path, len);
    char modified[HTTP_DATE_MAX];
    snprintf(f->fields, sizeof f->fields,
             "ETag: %s\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n", file->etag,
             http_date(file->modified, modified));
    return f;
}

static void share_file(struct http_cache *k, struct http_cached *f)
{
    if (k->file_count >= HTTP_CACHE_FILES) {
        retire(k, CONTAINER_OF(k->recent_files.prev, struct http_cached, recent));
    }
    f->current = true;
    k->file_count++;
    list_push_front(&k->files[f->hash % HTTP_CACHE_BUCKETS], &f->node);
    list_push_front(&k->recent_files, &f->recent);
}

/* The version that is kept is still what the path names. */
static bool still_is(const struct http_cached *f, const struct http_file *now)
{
    return f != NULL && strcmp(f->file.etag, now->etag) == 0;
}

struct http_cached *http_cache_open(struct http_cache *k, const char *path, nsec now, int64_t wall)
{
    uint32_t hash = hash_of_path(path);
    struct http_cached *f = find_file(k, path, hash);
    struct http_file file;
    if (f != NULL && (f->checked == now ||
                      (k->calls->same != NULL && k->calls->same(k->root_fd, path, &f->file)))) {
        f->checked = now;
        f->again = true;
        use(k, f);
        return f;
    }
    bool found = k->calls->open(k->root_fd, path, &file);
    bool same = found && still_is(f, &file);
    if (f != NULL && !same) {
        retire(k, f);
    }
    if (!found) {
        return NULL;
    }
    if (!same) {
        f = new_file(path, hash, &file);
        if (f == NULL) {
            k->calls->close(file.fd);
            return NULL;
        }
        if (file.modified + HTTP_CACHE_SETTLED <= wall) {
            share_file(k, f);
        }
    } else if (f->file.fd >= 0) {
        k->calls->close(file.fd);
    } else {
        f->file.fd = file.fd;
    }
    f->checked = now;
    f->again = same;
    use(k, f);
    return f;
}

void http_cache_close(struct http_cache *k, struct http_cached *f)
{
    f->users--;
    if (f->users > 0) {
        return;
    }
    if (f->current && !http_cache_keeps(f)) {
        drop_pieces(k, f);
    }
    if (f->current) {
        close_descriptor(k, f);
    } else {
        free_file(k, f);
    }
}

void http_cache_sweep(struct http_cache *k, nsec now)
{
    while (!list_empty(&k->recent_pieces) && least_recent(k)->used + HTTP_CACHE_UNUSED <= now) {
        drop_piece(k, least_recent(k));
    }
    if (list_empty(&k->recent_pieces)) {
        free_spare(k);
    }
}

void http_cache_done(struct http_cache *k)
{
    while (!list_empty(&k->recent_files)) {
        retire(k, CONTAINER_OF(k->recent_files.next, struct http_cached, recent));
    }
    while (!list_empty(&k->lent)) {
        struct http_piece *p = CONTAINER_OF(list_pop_front(&k->lent), struct http_piece, recent);
        p->cache = NULL;
    }
    free_spare(k);
}
