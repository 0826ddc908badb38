/* See pcapng_file.h. */
#include "apps/pcapng_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/commands.h"

#define CLOSE_WAIT_MS 1000

/* ---- names ---- */

/* The n-th of a row: the number stands before the extension. */
static void name_of(const struct pcapng_file *f, uint32_t number, char out[PATH_MAX])
{
    const char *name = f->options.name;
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash != NULL ? slash : name, '.');
    int stem = dot != NULL ? (int)(dot - name) : (int)strlen(name);
    if (number == 0) {
        snprintf(out, PATH_MAX, "%s", name);
    } else {
        snprintf(out, PATH_MAX, "%.*s-%05u%s", stem, name, number, dot != NULL ? dot : "");
    }
}

/* ---- trouble ---- */

/* The service goes on without. A file keeps the whole blocks that it has. */
static void give_up(struct pcapng_file *f, const char *name, int error)
{
    fprintf(stderr, "vitrine: --pcapng %s: %s; no more frames are written\n", name,
            strerror(error));
    if (f->fd >= 0) {
        if (f->regular && ftruncate(f->fd, (off_t)f->in_file) != 0) {
            fprintf(stderr, "vitrine: --pcapng %s: its last block is cut short\n", name);
        }
        close(f->fd);
    }
    f->fd = -1;
    f->waiting = 0;
}

/* ---- writing ---- */

static void into_buffer(void *arg, const void *data, size_t len)
{
    struct pcapng_file *f = arg;
    memcpy(f->buffer + f->waiting, data, len); /* there is room: it was asked for before */
    f->waiting += len;
}

void pcapng_file_flush(struct pcapng_file *f)
{
    size_t done = 0;
    while (f->fd >= 0 && done < f->waiting) {
        ssize_t n = write(f->fd, f->buffer + done, f->waiting - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            break;
        } else if (n == 0 || errno != EINTR) {
            char name[PATH_MAX];
            name_of(f, f->number, name);
            give_up(f, name, n == 0 ? EIO : errno);
            return;
        }
    }
    f->in_file += done;
    f->waiting -= done;
    memmove(f->buffer, f->buffer + done, f->waiting);
}

static bool room_for(struct pcapng_file *f, size_t len)
{
    if (PCAPNG_FILE_BUFFER - f->waiting < len) {
        pcapng_file_flush(f);
    }
    return f->fd >= 0 && PCAPNG_FILE_BUFFER - f->waiting >= len;
}

/* ---- one file after the other ---- */

static bool open_file(struct pcapng_file *f)
{
    char name[PATH_MAX];
    struct stat s;
    name_of(f, f->number, name);
    /* It holds secrets: nobody else may read it. */
    f->fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (f->fd < 0 || fstat(f->fd, &s) != 0) {
        give_up(f, name, errno);
        return false;
    }
    f->regular = S_ISREG(s.st_mode);
    f->in_file = 0;
    f->frames = 0;
    if (!f->regular && fcntl(f->fd, F_SETFL, O_NONBLOCK) != 0) {
        give_up(f, name, errno);
        return false;
    }
    pcapng_section(&f->blocks, "vitrine " VITRINE_VERSION);
    pcapng_interface(&f->blocks, f->interface);
    return true;
}

static void next_file(struct pcapng_file *f)
{
    pcapng_file_flush(f);
    if (f->fd < 0) {
        return;
    }
    close(f->fd);
    f->fd = -1;
    f->number++;
    if (f->options.files > 0 && f->number > f->options.files) {
        char oldest[PATH_MAX];
        name_of(f, f->number - f->options.files, oldest);
        unlink(oldest); /* whoever has moved it away keeps it */
    }
    open_file(f);
}

static bool is_full(const struct pcapng_file *f, size_t more)
{
    return f->options.size > 0 && f->frames > 0 && f->in_file + f->waiting + more > f->options.size;
}

/* ---- what is written ---- */

bool pcapng_file_works(const struct pcapng_file *f)
{
    return f->fd >= 0;
}

void pcapng_file_missed(struct pcapng_file *f)
{
    f->missing++;
    f->left_out++;
}

void pcapng_file_frame(struct pcapng_file *f, const struct pcapng_frame *frame)
{
    struct pcapng_frame told = *frame;
    told.missing = f->missing;
    size_t size = pcapng_frame_size(&told);
    if (f->fd >= 0 && is_full(f, size)) {
        next_file(f);
    }
    if (f->fd < 0) {
        return;
    }
    if (!room_for(f, size)) {
        pcapng_file_missed(f);
        return;
    }
    pcapng_frame(&f->blocks, &told);
    f->missing = 0;
    f->frames++;
}

bool pcapng_file_secrets(struct pcapng_file *f, const char *lines, size_t len)
{
    if (!room_for(f, pcapng_secrets_size(len))) {
        return false;
    }
    pcapng_secrets(&f->blocks, lines, len);
    return true;
}

bool pcapng_file_open(struct pcapng_file *f, const struct pcapng_file_options *o,
                      const char *interface)
{
    *f = (struct pcapng_file){
        .blocks = {.write = into_buffer, .arg = f},
        .options = *o,
        .interface = interface,
        .fd = -1,
        .number = o->size > 0 ? 1 : 0,
        .buffer = malloc(PCAPNG_FILE_BUFFER),
    };
    if (f->buffer == NULL) {
        fprintf(stderr, "vitrine: --pcapng %s: no memory\n", o->name);
        return false;
    }
    signal(SIGPIPE, SIG_IGN); /* a reader that goes is an error like others */
    if (!open_file(f)) {
        free(f->buffer);
        f->buffer = NULL;
        return false;
    }
    pcapng_file_flush(f);
    return true;
}

void pcapng_file_close(struct pcapng_file *f)
{
    pcapng_file_flush(f);
    if (f->fd >= 0 && f->waiting > 0) {
        struct pollfd p = {.fd = f->fd, .events = POLLOUT};
        while (f->fd >= 0 && f->waiting > 0 && poll(&p, 1, CLOSE_WAIT_MS) == 1) {
            pcapng_file_flush(f);
        }
    }
    if (f->fd >= 0 && close(f->fd) != 0) {
        fprintf(stderr, "vitrine: --pcapng %s: %s\n", f->options.name, strerror(errno));
    }
    if (f->left_out > 0) {
        fprintf(stderr, "vitrine: --pcapng %s: %llu frames are missing in it\n", f->options.name,
                (unsigned long long)f->left_out);
    }
    f->fd = -1;
    free(f->buffer);
    f->buffer = NULL;
}
