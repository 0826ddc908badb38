/* io_uring on a TAP (io_uring(7)); see tap_ring.h.
 *
 * Small frames are copied into memory of the ring's: their own may be gone when the batch is written, and a copy of
 * two kilobytes costs a tenth of the system call that it saves. Larger ones carry so much that the call does not matter.
 */
#include "stack/link/tap_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#if __has_include(<liburing.h>)

#include <liburing.h>

struct tap_ring {
    struct io_uring ring;
    int fd;
    unsigned gathered;
    uint32_t len[TAP_RING_FRAMES];
    uint8_t frame[TAP_RING_FRAMES][TAP_RING_FRAME_MAX];
};

struct tap_ring *tap_ring_new(int fd)
{
    struct tap_ring *r = malloc(sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->fd = fd;
    r->gathered = 0;
    /* Completions are wanted when we ask for them and only by us, which spares the kernel an interruption of ours. */
    int result = io_uring_queue_init(TAP_RING_FRAMES, &r->ring,
                                     IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (result == -EINVAL) { /* Linux before 6.1 */
        result = io_uring_queue_init(TAP_RING_FRAMES, &r->ring, 0);
    }
    if (result == 0) {
        result = io_uring_register_files(&r->ring, &fd, 1);
        if (result < 0) {
            io_uring_queue_exit(&r->ring);
        }
    }
    if (result < 0) {
        free(r);
        errno = -result;
        return NULL;
    }
    return r;
}

void tap_ring_free(struct tap_ring *r)
{
    if (r != NULL) {
        io_uring_unregister_files(&r->ring); /* at once, so that closing the TAP closes it */
        io_uring_queue_exit(&r->ring);
        free(r);
    }
}

bool tap_ring_gather(struct tap_ring *r, const struct iovec *parts, int count)
{
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        len += parts[i].iov_len;
    }
    if (len > TAP_RING_FRAME_MAX || r->gathered == TAP_RING_FRAMES) {
        return false;
    }
    uint8_t *to = r->frame[r->gathered];
    r->len[r->gathered++] = (uint32_t)len;
    for (int i = 0; i < count; i++) {
        memcpy(to, parts[i].iov_base, parts[i].iov_len);
        to += parts[i].iov_len;
    }
    return true;
}

/* Hands `count` prepared requests over and waits for all. 0, or a negative errno. */
static int complete(struct tap_ring *r, unsigned count)
{
    int result;
    do {
        result = io_uring_submit_and_wait(&r->ring, count);
    } while (result == -EINTR);
    return result < 0 ? result : 0;
}

unsigned tap_ring_write(struct tap_ring *r)
{
    unsigned count = r->gathered;
    unsigned refused = 0;
    if (count == 0) {
        return 0;
    }
    r->gathered = 0;
    if (count == 1) { /* the same, without the ring's share */
        return write(r->fd, r->frame[0], r->len[0]) != (ssize_t)r->len[0];
    }
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_sqe *e = io_uring_get_sqe(&r->ring);
        io_uring_prep_write(e, 0, r->frame[i], r->len[i], 0);
        io_uring_sqe_set_flags(e, IOSQE_FIXED_FILE);
        io_uring_sqe_set_data64(e, i);
        e->rw_flags = RWF_NOWAIT; /* a full device refuses, and is not waited for */
    }
    if (complete(r, count) < 0) {
        return count;
    }
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_cqe *c;
        if (io_uring_peek_cqe(&r->ring, &c) < 0) {
            return refused + count - i;
        }
        refused += c->res != (int)r->len[io_uring_cqe_get_data64(c)];
        io_uring_cqe_seen(&r->ring, c);
    }
    return refused;
}

int tap_ring_read(struct tap_ring *r, uint8_t *const *buffers, unsigned count, size_t size,
                  uint32_t *len)
{
    int result = 0;
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_sqe *e = io_uring_get_sqe(&r->ring);
        io_uring_prep_read(e, 0, buffers[i], (unsigned)size, 0);
        io_uring_sqe_set_flags(e, IOSQE_FIXED_FILE);
        io_uring_sqe_set_data64(e, i);
        len[i] = 0;
        e->rw_flags = RWF_NOWAIT;
    }
    int failed = complete(r, count);
    if (failed < 0) {
        return failed;
    }
    int filled = 0;
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_cqe *c;
        if (io_uring_peek_cqe(&r->ring, &c) < 0) {
            return -EIO;
        }
        if (c->res > 0) {
            len[io_uring_cqe_get_data64(c)] = (uint32_t)c->res;
            filled++;
        } else if (c->res != -EAGAIN) {
            result = c->res < 0 ? c->res : -EIO;
        }
        io_uring_cqe_seen(&r->ring, c);
    }
    return filled > 0 ? filled : result;
}

#else

struct tap_ring {
    int none;
};

struct tap_ring *tap_ring_new(int fd)
{
    (void)fd;
    errno = ENOSYS;
    return NULL;
}

void tap_ring_free(struct tap_ring *r)
{
    (void)r;
}

bool tap_ring_gather(struct tap_ring *r, const struct iovec *parts, int count)
{
    (void)r, (void)parts, (void)count;
    return false;
}

unsigned tap_ring_write(struct tap_ring *r)
{
    (void)r;
    return 0;
}

int tap_ring_read(struct tap_ring *r, uint8_t *const *buffers, unsigned count, size_t size,
                  uint32_t *len)
{
    (void)r, (void)buffers, (void)count, (void)size, (void)len;
    return -ENOSYS;
}

#endif
