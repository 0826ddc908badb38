/* The frames of a world for Wireshark; see capture.h. */
#include "apps/explain/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stack/link/pcapng.h"

#define KEYLOG_MAX 16384U /* bytes: a connection has less than 2,000 */

static void write_block(void *arg, const void *data, size_t len)
{
    fwrite(data, 1, len, arg);
}

/* All of a key log; *len 0: it cannot be read. */
static const char *read_keys(const char *keylog, size_t *len)
{
    static char text[KEYLOG_MAX];
    FILE *from = fopen(keylog, "rbe");
    *len = 0;
    if (from != NULL) {
        *len = fread(text, 1, sizeof text, from);
        fclose(from);
    }
    return text;
}

/* As the wire between the two saw them: what the client sends goes out. */
static void write_all(FILE *f, const struct world *w, const char *keylog)
{
    struct pcapng p = {.write = write_block, .arg = f};
    pcapng_section(&p, "vitrine explain");
    pcapng_interface(&p, "wire");
    if (keylog != NULL) {
        size_t len;
        const char *lines = read_keys(keylog, &len);
        pcapng_secrets(&p, lines, len);
    }
    for (size_t i = 0; i < w->frame_count; i++) {
        const struct world_frame *frame = &w->frames[i];
        struct slice data = {frame->data, frame->len};
        pcapng_frame(&p, &(struct pcapng_frame){.out = frame->from == WORLD_CLIENT,
                                                .at = frame->sent - w->began,
                                                .data = &data,
                                                .slices = 1});
    }
}

bool capture_write(const char *file, const struct world *w, const char *keylog, char *error,
                   size_t error_size)
{
    if (file == NULL) {
        return true;
    }
    FILE *f = fopen(file, "wbe");
    bool good = f != NULL;
    if (good) {
        write_all(f, w, keylog);
        good = ferror(f) == 0;
        good = fclose(f) == 0 && good;
    }
    if (!good) {
        snprintf(error, error_size, "%s: %s", file, strerror(errno));
    }
    return good;
}

bool capture_keys(const char *file, const char *keylog, char *error, size_t error_size)
{
    size_t n;
    if (file == NULL) {
        return true;
    }
    const char *text = read_keys(keylog, &n);
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, text, n) == (ssize_t)n;
    good = fd >= 0 && close(fd) == 0 && good;
    if (!good) {
        snprintf(error, error_size, "%s: %s", file, strerror(errno));
    }
    return good;
}
