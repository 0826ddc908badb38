/* A recording on its way to the disk; see writer.h. */
#include "apps/tape/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW (4U * 1024U * 1024U) /* bytes mapped at a time */
#define PAGE UINT64_C(4096)         /* a window begins at a multiple of it; of any page size, too */
#define END_BYTES (TAPE_OVERHEAD + 1U) /* kept free for the last record */

_Static_assert(WINDOW >= TAPE_CONTENT_MAX + TAPE_OVERHEAD + END_BYTES + 65536,
               "a record fits into a window, wherever in its first pages it begins");

static void unmap(struct tape_writer *w)
{
    if (w->window != NULL) {
        munmap(w->window, WINDOW);
        w->window = NULL;
    }
}

/* Maps the window in which the next record begins. */
static int move_window(struct tape_writer *w)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t begin = w->at - w->at % (page > PAGE ? page : PAGE);
    int error = posix_fallocate(w->fd, (off_t)begin, WINDOW);
    if (error != 0) {
        return -error;
    }
    void *at = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, (off_t)begin);
    if (at == MAP_FAILED) {
        return -errno;
    }
    unmap(w); /* not before: should the new one fail, the END still goes into this one */
    w->window = at;
    w->window_at = begin;
    return 0;
}

/* `need` bytes at the place of the next record, and room for the END behind them. */
static int make_room(struct tape_writer *w, size_t need, struct wr *out)
{
    uint64_t end = w->at + need + END_BYTES;
    if (end > w->limit) {
        return -EFBIG;
    }
    if (w->window == NULL || end > w->window_at + WINDOW) {
        int result = move_window(w);
        if (result < 0) {
            return result;
        }
    }
    *out = wr_of(w->window + (w->at - w->window_at), (size_t)(w->window_at + WINDOW - w->at));
    return 0;
}

static int open_file(const char *file)
{
    int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    struct stat st;
    if (fd < 0) {
        return -errno;
    }
    int error = 0;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        error = -EINVAL; /* a pipe cannot be mapped */
    } else if (fchmod(fd, 0600) != 0) {
        error = -errno;
    }
    if (error != 0) {
        close(fd);
    }
    return error != 0 ? error : fd;
}

int tape_writer_open(struct tape_writer *w, const char *file, uint64_t limit,
                     const struct tape_header *header)
{
    struct wr out;
    *w = (struct tape_writer){.limit = limit};
    w->fd = open_file(file);
    if (w->fd < 0) {
        return w->fd;
    }
    int result = make_room(w, TAPE_HEADER_MAX, &out);
    if (result < 0) {
        close(w->fd);
        w->fd = -1;
        return result;
    }
    tape_write_header(&out, &w->chain, header);
    w->at += wr_len(&out);
    return 0;
}

int tape_writer_put(struct tape_writer *w, enum tape_type type, const struct slice *parts,
                    size_t count)
{
    struct wr out;
    size_t need = TAPE_OVERHEAD;
    for (size_t i = 0; i < count; i++) {
        need += parts[i].len;
    }
    int result = make_room(w, need, &out);
    if (result == 0) {
        tape_write_record(&out, &w->chain, type, parts, count);
        w->at += wr_len(&out);
    }
    return result;
}

void tape_writer_close(struct tape_writer *w, enum tape_end how)
{
    uint8_t reason = (uint8_t)how;
    if (w->fd < 0) {
        return;
    }
    if (w->window != NULL) { /* the room was kept */
        struct wr out = wr_of(w->window + (w->at - w->window_at), END_BYTES);
        tape_write_record(&out, &w->chain, TAPE_END, &(struct slice){&reason, 1}, 1);
        w->at += wr_len(&out);
    }
    unmap(w);
    /* Should this fail, zeros stay behind the end, and a reader knows them. */
    if (ftruncate(w->fd, (off_t)w->at) != 0 || close(w->fd) != 0) {
        w->at = 0;
    }
    w->fd = -1;
}
