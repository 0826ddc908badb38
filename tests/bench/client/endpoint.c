/* One connection of the client, plain or over TLS 1.3; see client.h. */
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/bench/client/client.h"

#define READ_BUFFER (128 * 1024)

static _Noreturn void die_tls(const char *what)
{
    fprintf(stderr, "bench-client: %s: ", what);
    ERR_print_errors_fp(stderr);
    fprintf(stderr, "\n");
    exit(EXIT_FAILURE);
}

SSL_CTX *make_context(const struct options *o)
{
    if (o->cipher == NULL) {
        return NULL;
    }
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (c == NULL || SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(c, o->cipher) != 1 || SSL_CTX_set1_groups_list(c, "X25519") != 1) {
        die_tls("TLS");
    }
    /* Whose key it is does not matter here; that the server has it is checked by the handshake all the same. */
    SSL_CTX_set_verify(c, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return c;
}

static void bind_to_next(const struct options *o, int fd)
{
    static unsigned next;
    int yes = 1;
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(o->from.s_addr + next++ % o->sources);
    /* The port is chosen by connect(2), which knows the whole address. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0) {
        die("bind");
    }
}

int start_connection(const struct options *o, bool blocking)
{
    int yes = 1;
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0) {
        die("socket");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (o->from.s_addr != 0) {
        bind_to_next(o, fd);
    }
    if (connect(fd, (const struct sockaddr *)&o->to, sizeof o->to) != 0 && errno != EINPROGRESS) {
        die("connect");
    }
    return fd;
}

struct endpoint open_endpoint(const struct options *o, SSL_CTX *context)
{
    struct endpoint e = {.fd = start_connection(o, true)};
    if (context != NULL) {
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_default_read_buffer_len(context, READ_BUFFER);
        e.ssl = SSL_new(context);
        if (e.ssl == NULL || SSL_set_fd(e.ssl, e.fd) != 1 || SSL_connect(e.ssl) != 1) {
            die_tls("handshake");
        }
    }
    return e;
}

static ssize_t tls_result(struct endpoint *e, int n)
{
    if (n > 0) {
        return n;
    }
    switch (SSL_get_error(e->ssl, n)) {
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_SYSCALL:
        return -1;
    default:
        die_tls("TLS");
    }
}

ssize_t endpoint_read(struct endpoint *e, void *data, size_t len)
{
    return e->ssl == NULL ? recv(e->fd, data, len, 0)
                          : tls_result(e, SSL_read(e->ssl, data, (int)len));
}

ssize_t endpoint_write(struct endpoint *e, const void *data, size_t len)
{
    return e->ssl == NULL ? send(e->fd, data, len, 0)
                          : tls_result(e, SSL_write(e->ssl, data, (int)len));
}

void close_endpoint(struct endpoint *e)
{
    SSL_free(e->ssl);
    close(e->fd);
    *e = (struct endpoint){.fd = -1};
}
