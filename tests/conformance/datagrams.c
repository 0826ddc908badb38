/* Datagram sockets: a port of the host's UDP each. What a script reads and writes is a pattern that begins
 * anew with each datagram.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/sockets.h"

#define DATAGRAM_MAX 65507U /* bytes: what IPv4 and UDP headers leave of 64 KiB */

struct held_datagram {
    struct held_datagram *next;
    struct endpoint from;
    size_t len;
    bool good; /* its bytes are the pattern */
};

static void on_receive(void *arg, struct udp_port *p, const struct udp_datagram *d)
{
    struct sock *k = arg;
    struct held_datagram *h = calloc(1, sizeof *h);
    (void)p;
    if (h == NULL) {
        return;
    }
    h->from = d->from;
    h->len = d->payload.len;
    h->good = true;
    for (size_t i = 0; i < d->payload.len; i++) {
        h->good = h->good && d->payload.data[i] == pattern_byte(i);
    }
    struct held_datagram **tail = &k->datagrams;
    while (*tail != NULL) {
        tail = &(*tail)->next;
    }
    *tail = h;
}

/* RFC 1122 4.1.3.3; only a connected socket can know which of its calls it was about. */
static void on_error(void *arg, struct udp_port *p, const struct endpoint *to, uint8_t type,
                     uint8_t code)
{
    struct sock *k = arg;
    (void)p;
    (void)to;
    if (k->state == SOCK_CONNECTED) {
        k->error = type == 3 && code == 3 ? ECONNREFUSED : EHOSTUNREACH;
    }
}

static int errno_of_udp(enum udp_error e)
{
    switch (e) {
    case UDP_ERR_ADDRESS:
        return EINVAL;
    case UDP_ERR_IN_USE:
        return EADDRINUSE;
    case UDP_ERR_NO_ROUTE:
        return ENETUNREACH;
    case UDP_ERR_TOO_BIG:
        return EMSGSIZE;
    default:
        return ENOBUFS;
    }
}

static struct outcome open_port(struct sock *k, struct endpoint at)
{
    struct udp_open_args args = {.local = at, .receive = on_receive, .error = on_error, .arg = k};
    if (k->port != NULL) {
        return outcome_of(0);
    }
    world_enter(k->owner->world);
    enum udp_error e = udp_open(&k->owner->world->host.udp, &args, &k->port);
    if (e != UDP_OK) {
        return outcome_error(errno_of_udp(e));
    }
    k->local = k->port->open.local;
    return outcome_of(0);
}

struct outcome datagram_bind(struct sock *k, struct endpoint at)
{
    return k->port != NULL ? outcome_error(EINVAL) : open_port(k, at);
}

struct outcome datagram_connect(struct sock *k, struct endpoint to)
{
    struct outcome o = open_port(k, (struct endpoint){0});
    if (o.value == 0) {
        k->remote = to;
        k->state = SOCK_CONNECTED;
        udp_connect(k->port, &to);
    }
    return o;
}

static void fill(uint8_t *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = text != NULL ? (uint8_t)text[i] : pattern_byte(i);
    }
}

struct outcome datagram_send(struct sock *k, const struct endpoint *to, const char *text,
                             size_t len)
{
    static uint8_t bytes[DATAGRAM_MAX];
    if (k->error != 0) {
        int error = k->error;
        k->error = 0;
        return outcome_error(error);
    }
    if (to == NULL && k->state != SOCK_CONNECTED) {
        return outcome_error(EDESTADDRREQ);
    }
    if (len > sizeof bytes) {
        return outcome_error(EMSGSIZE);
    }
    struct outcome o = open_port(k, (struct endpoint){0});
    if (o.value < 0) {
        return o;
    }
    fill(bytes, text, len);
    world_enter(k->owner->world);
    enum udp_error e = udp_send(k->port, to != NULL ? to : &k->remote, (struct slice){bytes, len});
    return e == UDP_OK ? outcome_of((int64_t)len) : outcome_error(errno_of_udp(e));
}

struct outcome datagram_read(struct sock *k, size_t len, bool peek, bool whole_length,
                             struct endpoint *from)
{
    struct held_datagram *h = k->datagrams;
    if (k->error != 0) {
        int error = k->error;
        k->error = 0;
        return outcome_error(error);
    }
    if (h == NULL) {
        return outcome_wait();
    }
    struct outcome o = outcome_of((int64_t)(whole_length ? h->len : size_min(len, h->len)));
    o.fault = h->good ? NULL : "the datagram's bytes are not those that the peer sent";
    *from = h->from;
    if (!peek) {
        k->datagrams = h->next;
        free(h);
    }
    return o;
}

uint32_t datagram_ready(const struct sock *k)
{
    uint32_t in = k->datagrams != NULL ? POLLIN | POLLRDNORM : 0;
    return in | POLLOUT | POLLWRNORM | (k->error != 0 ? POLLERR : 0);
}

int64_t datagram_next(const struct sock *k)
{
    return k->datagrams != NULL ? (int64_t)k->datagrams->len : 0;
}

void datagram_close(struct sock *k)
{
    struct endpoint from;
    if (k->port != NULL) {
        udp_close(k->port);
        k->port = NULL;
    }
    k->error = 0;
    while (k->datagrams != NULL) {
        (void)datagram_read(k, 0, false, false, &from);
    }
}
