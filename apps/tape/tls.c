/* What TLS takes from outside, on the tape: entropy for its generator, its clocks, and the files of
 * certificates and keys. These are secrets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "apps/tape/room.h"
#include "tls/tls.h"

#define LENT_MAX 64U /* files given to TLS in a replay */

static struct {
    int64_t milliseconds; /* the last reading */
    bool in_use;
    unsigned count;
    int fd[LENT_MAX];
    char name[LENT_MAX][32];
} lent;

/* ---- entropy and clocks ---- */

static int entropy(void *unused, unsigned char *out, size_t len)
{
    if (tape_mode() == TAPE_REPLAYS_NOW) {
        struct rd r = tape_take(TAPE_ENTROPY);
        rd_copy(&r, out, len);
        tape_taken(&r, TAPE_ENTROPY);
        return 0;
    }
    int result = tls_the_system.entropy(unused, out, len);
    if (result == 0) {
        tape_put_one(TAPE_ENTROPY, out, len);
    }
    return result;
}

static int64_t milliseconds(void)
{
    if (tape_mode() == TAPE_REPLAYS_NOW) {
        struct rd r = tape_take(TAPE_MILLISECONDS);
        lent.milliseconds += rd_signed(&r);
        tape_taken(&r, TAPE_MILLISECONDS);
        return lent.milliseconds;
    }
    int64_t now = tls_the_system.milliseconds();
    uint8_t bytes[TAPE_VARINT_MAX];
    struct wr w = wr_of(bytes, sizeof bytes);
    wr_signed(&w, now - lent.milliseconds);
    lent.milliseconds = now;
    tape_put_one(TAPE_MILLISECONDS, bytes, wr_len(&w));
    return now;
}

int tape_tls(void)
{
    static const struct tls_system taped = {
        .entropy = entropy, .seconds = tape_wall_clock, .milliseconds = milliseconds};
    if (tape_mode() == TAPE_OFF || tape_is_tcp_only()) {
        return 0;
    }
    lent.in_use = true;
    return tls_use_system(&taped);
}

/* ---- certificates and keys ---- */

/* The whole file; NULL: it cannot be had, or is too long. The caller frees it. */
static uint8_t *load(const char *file, size_t *len)
{
    FILE *f = fopen(file, "re");
    uint8_t *all = malloc(TAPE_CONTENT_MAX);
    *len = f != NULL && all != NULL ? fread(all, 1, TAPE_CONTENT_MAX, f) : 0;
    if (f == NULL || ferror(f) != 0 || *len == TAPE_CONTENT_MAX) {
        free(all);
        all = NULL;
    }
    if (f != NULL) {
        fclose(f);
    }
    return all;
}

static void record_pem(const char *file)
{
    size_t len;
    uint8_t *all = load(file, &len);
    tape_put_one(TAPE_PEM, all, all != NULL ? len : 0);
    free(all);
}

/* A file without a name that has the recorded content; what mbedTLS opens is its descriptor's name. */
static const char *lend(struct slice content)
{
    if (lent.count == LENT_MAX) {
        tape_leave(TAPE_BROKEN, "the recording has more than %u certificates and keys", LENT_MAX);
    }
    int fd = memfd_create("pem", MFD_CLOEXEC);
    if (fd < 0 || write(fd, content.data, content.len) != (ssize_t)content.len) {
        tape_leave(TAPE_BROKEN, "a certificate's file cannot be made: %s", strerror(errno));
    }
    lent.fd[lent.count] = fd;
    snprintf(lent.name[lent.count], sizeof lent.name[0], "/proc/self/fd/%d", fd);
    return lent.name[lent.count++];
}

const char *tape_pem(const char *file)
{
    if (file == NULL || tape_is_tcp_only()) {
        return file;
    }
    if (tape_mode() == TAPE_RECORDS_NOW) {
        record_pem(file);
    } else if (tape_mode() == TAPE_REPLAYS_NOW) {
        struct rd r = tape_take(TAPE_PEM);
        return lend(rd_take(&r, rd_left(&r)));
    }
    return file;
}

void tape_tls_forget(void)
{
    while (lent.count > 0) {
        close(lent.fd[--lent.count]);
    }
    if (lent.in_use) {
        lent.in_use = false;
        lent.milliseconds = 0;
        (void)tls_use_system(&tls_the_system); /* should it fail, drawing fails as well */
    }
}
