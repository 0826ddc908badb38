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

static void answer(struct conn *c)
{
    const char *space = strchr(c->head, ' ');
    const struct file *f = space != NULL ? find(space + 1) : NULL;
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    const char *status = f != NULL           ? "200 OK"
                         : c->head[0] == 'P' ? "204 No Content"
                                             : "404 Not Found";
    c->close = strcasestr(c->head, "\r\nconnection: close") != NULL;
    c->upload_left = length != NULL ? strtoull(length + 17, NULL, 10) : 0;
    c->body = f != NULL ? f->data : NULL;
    c->body_left = f != NULL ? f->size : 0;
    c->answer_at = 0;
    c->answer_len = (size_t)snprintf(
        c->answer, sizeof c->answer,
        "HTTP/1.1 %s\r\nServer: lwip\r\nContent-Type: application/octet-stream\r\n"
        "Content-Length: %llu\r\n%s\r\n",
        status, (unsigned long long)c->body_left, c->close ? "Connection: close\r\n" : "");
    if (c->body_left > 0 &&
        c->body_left <= sizeof c->answer - c->answer_len) { /* one write for both */
        memcpy(c->answer + c->answer_len, c->body, c->body_left);
        c->answer_len += c->body_left;
        c->body_left = 0;
    }
    c->in_upload = c->upload_left > 0;
}

/* false: no room now. */
static bool send_answer(struct conn *c)
{
    while (c->answer_at < c->answer_len) {
        ssize_t n = conn_write(c, c->answer + c->answer_at, c->answer_len - c->answer_at);
        if (n < 0) {
            return false;
        }
        c->answer_at += (size_t)n;
    }
    while (c->body_left > 0) {
        size_t len = c->body_left < 16384 ? (size_t)c->body_left : 16384;
        ssize_t n = conn_write(c, c->body, len);
        if (n < 0) {
            return false;
        }
        c->body += n;
        c->body_left -= (uint64_t)n;
    }
    return true;
}

/* A request's head, byte by byte as far as it goes. true: it is whole. */
static bool take_head(struct conn *c, const char *data, size_t *len)
{
    size_t n = sizeof c->head - 1 - c->head_len;
    n = *len < n ? *len : n;
    memcpy(c->head + c->head_len, data, n);
    c->head[c->head_len + n] = '\0';
    const char *end = strstr(c->head, "\r\n\r\n");
    if (end == NULL) {
        c->head_len += n;
        *len = n;
        return false;
    }
    *len = (size_t)(end + 4 - c->head) - c->head_len;
    c->head_len = 0;
    return true;
}

static void take(struct conn *c, const char *data, size_t len)
{
    while (len > 0) {
        size_t n = len;
        if (c->in_upload) {
            n = len < c->upload_left ? len : (size_t)c->upload_left;
            c->upload_left -= n;
            c->in_upload = c->upload_left > 0;
        } else if (take_head(c, data, &n)) {
            answer(c);
        }
        data += n;
        len -= n;
    }
}

void http_pump(struct conn *c)
{
    static char data[16384];
    for (;;) {
        if (!c->in_upload && !send_answer(c)) {
            return;
        }
        if (c->close && !c->in_upload && c->answer_len > 0) {
            conn_close(c);
            return;
        }
        ssize_t n = conn_read(c, data, sizeof data);
        if (n == 0) {
            conn_close(c);
            return;
        }
        if (n < 0) {
            return;
        }
        take(c, data, (size_t)n);
    }
}
