/* The client of every row of `make bench`: plain sockets of the kernel, and OpenSSL for TLS. It is the same for Vitrine and for
 * its peers, and does as little as it can, so that the other end is what is measured.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/bench/client/answer.h"

#define PATIENCE_S 20 /* without a byte from the other end */

struct options {
    struct sockaddr_in to;
    const char *host, *path;
    struct in_addr from; /* the first of our addresses, in host byte order; 0: the kernel chooses */
    unsigned sources;    /* how many there are from there on */
    const char *cipher;  /* NULL: no TLS */
    uint64_t bytes;      /* of an upload */
    double seconds;
    unsigned connections, active; /* active: so many of those that are held */
    bool close, resume;
};

/* Ends the program with the reason. */
_Noreturn void die(const char *what);
int64_t now_ns(void);

/* ---- endpoint.c: one connection ---- */

struct endpoint {
    int fd;
    SSL *ssl; /* NULL: plain */
};

SSL_CTX *make_context(const struct options *o);
/* A socket that connects, non-blocking if wanted; each with the next of our own addresses. */
int start_connection(const struct options *o, bool blocking);
/* Blocking: connected and shaken hands. */
struct endpoint open_endpoint(const struct options *o, SSL_CTX *context);
/* As read(2) and write(2): 0 at the end, -1 with errno, EAGAIN when it would block. */
ssize_t endpoint_read(struct endpoint *e, void *data, size_t len);
ssize_t endpoint_write(struct endpoint *e, const void *data, size_t len);
void close_endpoint(struct endpoint *e);

/* ---- the modes; each prints one line of JSON ---- */

int bulk_receive(const struct options *o);
int bulk_send(const struct options *o);
int bulk_get(const struct options *o);
int bulk_put(const struct options *o);
int load_requests(const struct options *o);
int load_hold(const struct options *o);

#endif
