/* pcapng: one section, one interface, the keys as a decryption secrets block, one enhanced packet block a frame, in this machine's byte order. */
#include "apps/explain/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SECTION 0x0a0d0d0aU
#define BLOCK_INTERFACE 1U
#define BLOCK_PACKET 6U
#define BLOCK_SECRETS 10U
#define SECRETS_TLS 0x544c534bU /* a key log */
#define BYTE_ORDER_MAGIC 0x1a2b3c4dU
#define LINKTYPE_ETHERNET 1U
#define KEYLOG_MAX 16384U /* bytes: a connection has less than 2,000 */
#define TSRESOL_NS 9U     /* option if_tsresol: 10^-9 s */

static void words(FILE *f, const uint32_t *w, size_t n)
{
    fwrite(w, sizeof *w, n, f);
}

static void frame(FILE *f, const struct world_frame *w, uint64_t at)
{
    static const uint8_t zeros[3];
    uint32_t padding = (4 - w->len % 4) % 4, len = 32 + w->len + padding;
    const uint32_t head[] = {BLOCK_PACKET, len,    0,     (uint32_t)(at >> 32U),
                             (uint32_t)at, w->len, w->len};
    words(f, head, COUNT_OF(head));
    fwrite(w->data, 1, w->len, f);
    fwrite(zeros, 1, padding, f);
    words(f, &len, 1);
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

static void secrets(FILE *f, const char *keylog)
{
    static const uint8_t zeros[3];
    size_t n;
    const char *text = read_keys(keylog, &n);
    uint32_t padding = (uint32_t)(4 - n % 4) % 4, len = 20 + (uint32_t)n + padding;
    const uint32_t head[] = {BLOCK_SECRETS, len, SECRETS_TLS, (uint32_t)n};
    words(f, head, COUNT_OF(head));
    fwrite(text, 1, n, f);
    fwrite(zeros, 1, padding, f);
    words(f, &len, 1);
}

static bool write_all(FILE *f, const struct world *w, const char *keylog)
{
    const uint32_t section[] = {BLOCK_SECTION, 28, BYTE_ORDER_MAGIC, 1, UINT32_MAX, UINT32_MAX, 28};
    const uint16_t resolution[] = {9, 1, TSRESOL_NS, 0};
    const uint32_t interface[] = {BLOCK_INTERFACE, 32, LINKTYPE_ETHERNET, 0},
                   interface_end[] = {0, 32};
    words(f, section, COUNT_OF(section));
    words(f, interface, COUNT_OF(interface));
    fwrite(resolution, 1, sizeof resolution, f);
    words(f, interface_end, COUNT_OF(interface_end));
    if (keylog != NULL) {
        secrets(f, keylog);
    }
    for (size_t i = 0; i < w->frame_count; i++) {
        frame(f, &w->frames[i], (uint64_t)(w->frames[i].sent - w->began));
    }
    return ferror(f) == 0;
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
        good = write_all(f, w, keylog);
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
