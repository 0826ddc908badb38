/* Where the events go; see terminal.h. */
#include "apps/terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stack/trace/json.h"

/* Room for a line (shorter than PIPE_BUF) now. */
static bool takes_a_line(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* `arg` is a struct lines_out. */
static void put_line(void *arg, const char *line, size_t len)
{
    struct lines_out *t = arg;
    if (!takes_a_line(t->fd)) {
        t->lost++;
        return;
    }
    if (t->lost > 0) {
        char label[64];
        int n = snprintf(label, sizeof label, "      … %llu lines lost: the terminal is too slow\n",
                         (unsigned long long)t->lost);
        t->lost = 0;
        write_all(t->fd, label, (size_t)n);
    }
    if (!write_all(t->fd, line, len)) {
        t->lost++;
    }
}

void terminal_open(struct terminal *t, int fd, struct recorder *r)
{
    const char *no_colour = getenv("NO_COLOR"); /* no-color.org */
    bool colour = isatty(fd) == 1 && (no_colour == NULL || no_colour[0] == '\0');
    *t = (struct terminal){.out = {.fd = fd}, .open = true};
    ladder_init(&t->ladder, put_line, &t->out, colour);
    recorder_listen(r, &t->ladder.listener);
}

void terminal_close(struct terminal *t)
{
    if (t->open) {
        t->open = false;
        ladder_done(&t->ladder);
    }
}

static void on_account(void *arg, const struct account *a)
{
    struct narration *n = arg;
    char line[ACCOUNT_LINE_MAX + 1];
    size_t len = account_line(a, n->began, line, ACCOUNT_LINE_MAX);
    line[len++] = '\n';
    put_line(&n->out, line, len);
}

bool narration_open(struct narration *n, int fd, struct recorder *r)
{
    *n = (struct narration){.out = {.fd = fd}, .began = r->now};
    n->open = narrator_init(&n->narrator, on_account, n);
    if (n->open) {
        recorder_listen(r, &n->narrator.listener);
    }
    return n->open;
}

void narration_close(struct narration *n)
{
    if (n->open) {
        n->open = false;
        narrator_done(&n->narrator);
    }
}

void event_file_line(struct event_file *f, const char *line, size_t len)
{
    if (f->file != NULL && fwrite(line, 1, len, f->file) != len) {
        fprintf(stderr, "vitrine: --events: %s; no more events are written\n", strerror(errno));
        fclose(f->file);
        f->file = NULL;
    }
}

static void on_event(void *arg, const struct event *e)
{
    char line[EVENT_JSON_MAX + 1];
    size_t n = event_json(e, line, EVENT_JSON_MAX);
    if (n > 0) {
        line[n] = '\n';
        event_file_line(arg, line, n + 1);
    }
}

bool event_file_open(struct event_file *f, const char *name, struct recorder *r)
{
    *f = (struct event_file){.listener = {.on_event = on_event, .arg = f}};
    if (name == NULL) {
        return true;
    }
    f->file = fopen(name, "we");
    if (f->file == NULL) {
        fprintf(stderr, "vitrine: --events %s: %s\n", name, strerror(errno));
        return false;
    }
    recorder_listen(r, &f->listener);
    return true;
}

void event_file_flush(struct event_file *f)
{
    if (f->file != NULL) {
        fflush(f->file);
    }
}

void event_file_close(struct event_file *f)
{
    if (f->file != NULL && fclose(f->file) != 0) {
        fprintf(stderr, "vitrine: --events: %s\n", strerror(errno));
    }
    f->file = NULL;
}
