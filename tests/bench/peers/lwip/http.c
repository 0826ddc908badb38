/* As much HTTP as the rows ask for: GET of a file that was mapped at the start, POST whose body goes nowhere; see peer.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/peers/lwip/peer.h"

static struct file {
    const char *name;
    const uint8_t *data;
    size_t size;
} files[] = {{"/small", NULL, 0}, {"/big", NULL, 0}, {"/quarter", NULL, 0}};

void http_init(const char *root)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[512];
        struct stat st;
        snprintf(path, sizeof path, "%s%s", root, files[i].name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) != 0) {
            die(path);
        }
        files[i].size = (size_t)st.st_size;
        files[i].data = mmap(NULL, files[i].size, PROT_READ, MAP_SHARED, fd, 0);
        if (files[i].data == MAP_FAILED) {
            die(path);
        }
        close(fd);
    }
}

/* A request and its answer; an idle connection has none. */
struct exchange {
    char head[1024];
    size_t head_len;
    char answer[512];
    size_t answer_at, answer_len;
    const uint8_t *body;
    uint64_t body_left, upload_left;
    bool close;
};

static const struct file *find(const char *target)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t n = strlen(files[i].name);
        if (strncmp(target, files[i].name, n) == 0 && target[n] == ' ') {
            return &files[i];
        }
    }
    return NULL;
}

static void answer(struct exchange *x)
{
    const char *space = strchr(x->head, ' ');
    const struct file *f = space != NULL ? find(space + 1) : NULL;
    const char *length = strcasestr(x->head, "\r\ncontent-length:");
    const char *status = f != NULL           ? "200 OK"
                         : x->head[0] == 'P' ? "204 No Content"
                                             : "404 Not Found";
    x->close = strcasestr(x->head, "\r\nconnection: close") != NULL;
    x->upload_left = length != NULL ? strtoull(length + 17, NULL, 10) : 0;
    x->body = f != NULL ? f->data : NULL;
    x->body_left = f != NULL ? f->size : 0;
    x->answer_len = (size_t)snprintf(
        x->answer, sizeof x->answer,
        "HTTP/1.1 %s\r\nServer: lwip\r\nContent-Type: application/octet-stream\r\n"
        "Content-Length: %llu\r\n%s\r\n",
        status, (unsigned long long)x->body_left, x->close ? "Connection: close\r\n" : "");
    if (x->body_left > 0 &&
        x->body_left <= sizeof x->answer - x->answer_len) { /* one write for both */
        memcpy(x->answer + x->answer_len, x->body, x->body_left);
        x->answer_len += x->body_left;
        x->body_left = 0;
    }
}

/* false: no room now. */
static bool send_answer(struct conn *c, struct exchange *x)
{
    while (x->answer_at < x->answer_len) {
        ssize_t n = conn_write(c, x->answer + x->answer_at, x->answer_len - x->answer_at);
        if (n < 0) {
            return false;
        }
        x->answer_at += (size_t)n;
    }
    while (x->body_left > 0) {
        size_t len = x->body_left < 16384 ? (size_t)x->body_left : 16384;
        ssize_t n = conn_write(c, x->body, len);
        if (n < 0) {
            return false;
        }
        x->body += n;
        x->body_left -= (uint64_t)n;
    }
    return true;
}

/* Takes bytes that came, head first; no request comes before the last one is answered. */
static void take(struct exchange *x, const char *data, size_t len)
{
    if (x->answer_len == 0) {
        size_t n = sizeof x->head - 1 - x->head_len;
        n = len < n ? len : n;
        memcpy(x->head + x->head_len, data, n);
        x->head[x->head_len + n] = '\0';
        const char *end = strstr(x->head, "\r\n\r\n");
        if (end == NULL) {
            x->head_len += n;
            return;
        }
        len -= (size_t)(end + 4 - x->head) - x->head_len;
        answer(x);
    }
    x->upload_left -= len < x->upload_left ? len : x->upload_left;
}

void http_end(struct conn *c)
{
    free(c->x);
    c->x = NULL;
}

void http_pump(struct conn *c)
{
    static char data[16384];
    for (;;) {
        if (c->x != NULL && c->x->answer_len > 0 && c->x->upload_left == 0) {
            if (!send_answer(c, c->x)) {
                return;
            }
            bool close = c->x->close;
            http_end(c);
            if (close) {
                conn_close(c);
                return;
            }
        }
        ssize_t n = conn_read(c, data, sizeof data);
        if (n == 0) {
            conn_close(c);
            return;
        }
        if (n < 0) {
            return;
        }
        if (c->x == NULL && (c->x = calloc(1, sizeof *c->x)) == NULL) {
            die("a request");
        }
        take(c->x, data, (size_t)n);
    }
}
