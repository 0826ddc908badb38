/* One connection and much data; see client.h. */
#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/bench/client/client.h"

#define CHUNK (256 * 1024)

static char chunk[CHUNK];

static int report(uint64_t bytes, int64_t ns)
{
    printf("{\"bytes\": %llu, \"seconds\": %.6f, \"gbit\": %.4f}\n", (unsigned long long)bytes,
           (double)ns / 1e9, ns > 0 ? (double)bytes * 8 / (double)ns : 0);
    return bytes > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The clock starts with the first byte. */
int bulk_receive(const struct options *o)
{
    struct endpoint e = open_endpoint(o, make_context(o));
    uint64_t bytes = 0;
    int64_t began = 0, at = 0, lasts = (int64_t)(o->seconds * 1e9);
    do {
        ssize_t n = endpoint_read(&e, chunk, sizeof chunk);
        if (n <= 0) {
            die("the stream ended");
        }
        at = now_ns();
        began = began == 0 ? at : began;
        bytes += at == began ? 0 : (uint64_t)n;
    } while (at - began < lasts);
    return report(bytes, at - began);
}

static uint64_t acknowledged(int fd)
{
    struct tcp_info i;
    socklen_t len = sizeof i;
    memset(&i, 0, sizeof i);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len) != 0) {
        die("TCP_INFO");
    }
    return i.tcpi_bytes_acked;
}

/* Counts what the other end has acknowledged, not what still lies in our own queue. */
int bulk_send(const struct options *o)
{
    struct endpoint e = open_endpoint(o, make_context(o));
    int64_t began = now_ns(), at, lasts = (int64_t)(o->seconds * 1e9);
    do {
        if (endpoint_write(&e, chunk, sizeof chunk) <= 0) {
            die("the stream ended");
        }
        at = now_ns();
    } while (at - began < lasts);
    return report(acknowledged(e.fd), now_ns() - began);
}

static void write_all(struct endpoint *e, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = endpoint_write(e, data, len);
        if (n <= 0) {
            die("write");
        }
        data += n;
        len -= (size_t)n;
    }
}

static uint64_t read_answer(struct endpoint *e)
{
    static struct answer answer;
    uint64_t bytes = 0;
    for (;;) {
        ssize_t n = endpoint_read(e, chunk, sizeof chunk);
        if (n <= 0) {
            die("the answer ended too early");
        }
        bytes += (uint64_t)n;
        if (answer_take(&answer, chunk, (size_t)n)) {
            return bytes;
        }
    }
}

static void ask(struct endpoint *e, const struct options *o, const char *method, uint64_t length)
{
    char head[512], field[64] = "";
    if (length > 0) {
        snprintf(field, sizeof field, "Content-Length: %llu\r\n", (unsigned long long)length);
    }
    int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, o->path,
                     o->host, field);
    write_all(e, head, (size_t)n);
}

int bulk_get(const struct options *o)
{
    struct endpoint e = open_endpoint(o, make_context(o));
    int64_t began = now_ns();
    ask(&e, o, "GET", 0);
    uint64_t bytes = read_answer(&e);
    return report(bytes, now_ns() - began);
}

int bulk_put(const struct options *o)
{
    struct endpoint e = open_endpoint(o, make_context(o));
    int64_t began = now_ns();
    ask(&e, o, "POST", o->bytes);
    for (uint64_t left = o->bytes; left > 0;) {
        size_t n = left < sizeof chunk ? (size_t)left : sizeof chunk;
        write_all(&e, chunk, n);
        left -= n;
    }
    read_answer(&e);
    return report(o->bytes, now_ns() - began);
}
