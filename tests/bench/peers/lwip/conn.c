/* Connections of the lwIP peer, on the raw API; see peer.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/peers/lwip/peer.h"

static void conn_free(struct conn *c)
{
    tls_free(c->tls);
    http_end(c);
    if (c->in != NULL) {
        pbuf_free(c->in);
    }
    free(c);
}

void conn_close(struct conn *c)
{
    struct tcp_pcb *pcb = c->pcb;
    if (pcb == NULL) {
        return;
    }
    if (c->tls != NULL) {
        tls_bye(c->tls);
    }
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    c->pcb = NULL;
    if (tcp_close(pcb) != ERR_OK) {
        abort(); /* no memory for a FIN: nothing to measure any more */
    }
}

ssize_t conn_read_raw(struct conn *c, void *data, size_t len)
{
    size_t done = 0;
    while (done < len && c->in != NULL) {
        struct pbuf *p = c->in;
        size_t n = p->len - c->in_at;
        n = n < len - done ? n : len - done;
        memcpy((char *)data + done, (char *)p->payload + c->in_at, n);
        done += n;
        c->in_at += n;
        if (c->in_at == p->len) {
            c->in = p->next;
            if (c->in != NULL) {
                pbuf_ref(c->in);
            }
            pbuf_free(p);
            c->in_at = 0;
        }
    }
    if (done > 0 && c->pcb != NULL) {
        tcp_recved(c->pcb, (u16_t)done);
    }
    return done > 0 ? (ssize_t)done : c->peer_closed ? 0 : -1;
}

ssize_t conn_write_raw(struct conn *c, const void *data, size_t len)
{
    size_t room = c->pcb != NULL ? tcp_sndbuf(c->pcb) : 0;
    size_t n = len < room ? len : room;
    if (n == 0 || tcp_write(c->pcb, data, (u16_t)n, TCP_WRITE_FLAG_COPY) != ERR_OK) {
        return -1;
    }
    return (ssize_t)n;
}

ssize_t conn_read(struct conn *c, void *data, size_t len)
{
    return c->tls != NULL ? tls_read(c->tls, data, len) : conn_read_raw(c, data, len);
}

ssize_t conn_write(struct conn *c, const void *data, size_t len)
{
    return c->tls != NULL ? tls_write(c->tls, data, len) : conn_write_raw(c, data, len);
}

static err_t pump(struct conn *c)
{
    int ready = c->tls != NULL ? tls_shake_hands(c->tls) : 1;
    if (ready == 0) {
        conn_close(c);
    } else if (ready == 1) {
        c->pump(c);
    }
    if (c->pcb == NULL) {
        conn_free(c);
    }
    return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct conn *c = arg;
    (void)pcb;
    (void)error;
    if (p == NULL) {
        c->peer_closed = true;
    } else if (c->in == NULL) {
        c->in = p;
    } else {
        pbuf_cat(c->in, p);
    }
    return pump(c);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    (void)pcb;
    (void)len;
    return pump(arg);
}

static void on_error(void *arg, err_t error)
{
    (void)error;
    conn_free(arg);
}

struct listening {
    bool tls;
    void (*pump)(struct conn *c);
};

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct listening *l = arg;
    struct conn *c = error == ERR_OK ? calloc(1, sizeof *c) : NULL;
    if (c == NULL) {
        return ERR_MEM;
    }
    c->pcb = pcb;
    c->pump = l->pump;
    c->tls = l->tls ? tls_new(c) : NULL;
    tcp_nagle_disable(pcb);
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    return pump(c);
}

void conn_listen(const char *address, uint16_t port, bool tls, void (*pump_it)(struct conn *c))
{
    ip_addr_t at = IPADDR4_INIT(inet_addr(address));
    struct listening *l = malloc(sizeof *l);
    struct tcp_pcb *pcb = tcp_new();
    if (l == NULL || pcb == NULL || tcp_bind(pcb, &at, port) != ERR_OK ||
        (pcb = tcp_listen(pcb)) == NULL) {
        errno = EADDRINUSE;
        die("listen");
    }
    *l = (struct listening){tls, pump_it};
    tcp_arg(pcb, l);
    tcp_accept(pcb, on_accept);
}
