/* lwIP as a peer of `make bench`: Debian's library as it is packaged (its checksums, windows and buffers), its raw API, and a small
 * server above it: HTTP, the same over mbedTLS, discard, and text without end. Everything happens in one thread that holds
 * lwIP's core lock; lwIP's own thread only runs its timers.
 */
#ifndef BENCH_PEERS_LWIP_H
#define BENCH_PEERS_LWIP_H

#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

_Noreturn void die(const char *what);

/* ---- tap.c ---- */

int tap_open(const char *name);
void tap_attach(int fd, const char *address); /* after tcpip_init, with the core locked */
void tap_read(int fd);                        /* frames that are waiting; with the core locked */

/* ---- conn.c: bytes of one connection, plain or through mbedTLS ---- */

struct tls; /* tls.c */

struct conn {
    struct tcp_pcb *pcb; /* NULL: gone */
    struct pbuf *in;     /* came and was not read yet */
    size_t in_at;        /* bytes of its first part that were */
    struct tls *tls;     /* NULL: plain */
    bool peer_closed;
    void (*pump)(struct conn *c); /* something came, or there is room */
    struct exchange *x;           /* http.c; NULL between requests */
};

void conn_listen(const char *address, uint16_t port, bool tls, void (*pump)(struct conn *c));
/* As read(2) and write(2) on a non-blocking socket: -1 for "not now", 0 for the end. */
ssize_t conn_read(struct conn *c, void *data, size_t len);
ssize_t conn_write(struct conn *c, const void *data, size_t len);
/* The same below TLS. */
ssize_t conn_read_raw(struct conn *c, void *data, size_t len);
ssize_t conn_write_raw(struct conn *c, const void *data, size_t len);
void conn_close(struct conn *c);

/* ---- tls.c ---- */

void tls_init(const char *certificate, const char *key);
struct tls *tls_new(struct conn *c);
void tls_free(struct tls *t);
/* 1: the handshake is over; -1: not now; 0: it failed. */
int tls_shake_hands(struct tls *t);
ssize_t tls_read(struct tls *t, void *data, size_t len);
ssize_t tls_write(struct tls *t, const void *data, size_t len);
void tls_bye(struct tls *t);

/* ---- http.c ---- */

void http_init(const char *root);
void http_pump(struct conn *c);
void http_end(struct conn *c);

#endif
