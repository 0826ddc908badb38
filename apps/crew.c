/* Threads of one service; see crew.h. */
#include "apps/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INBOX_BYTES (1 << 20) /* that wait in an inbox; what does not fit is lost, as on any link */

/* Sockets that carry a frame each, as a TAP does. */
static bool open_member(struct crew_member *m)
{
    int bytes = INBOX_BYTES;
    m->inbox[0] = m->inbox[1] = m->orders[0] = m->orders[1] = -1;
    return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, m->inbox) == 0 &&
           setsockopt(m->inbox[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0 &&
           pipe2(m->orders, O_NONBLOCK | O_CLOEXEC) == 0;
}

struct crew *crew_new(unsigned count)
{
    struct crew *c = calloc(1, sizeof *c);
    bool good = c != NULL && loop_seed(c->ticket_secret);
    if (c != NULL) {
        c->count = count;
        pthread_mutex_init(&c->lock, NULL);
        pthread_cond_init(&c->changed, NULL);
        for (unsigned i = 0; i < count; i++) {
            good = open_member(&c->member[i]) && good;
        }
    }
    if (!good) {
        fprintf(stderr, "vitrine: no threads: %s\n", strerror(errno));
        crew_free(c);
        return NULL;
    }
    return c;
}

bool crew_join(struct crew *c, unsigned index, struct node *n)
{
    struct crew_member *m = &c->member[index];
    const struct netdev *dev = &n->tap.dev;
    int error = 0;
    m->joined = true;
    for (unsigned i = 0; i < c->count && error == 0; i++) {
        int fd = dup(i == index ? m->inbox[0] : c->member[i].inbox[1]);
        if (fd < 0) {
            error = -errno;
            m->taps[i].fd = -1;
            continue;
        }
        tap_of_fd(&m->taps[i], fd, dev->mtu, dev->caps, 0);
        error = i == index ? loop_add_inbox(&n->loop, &m->taps[i], n->iface)
                           : loop_add_peer(&n->loop, &m->taps[i]);
    }
    if (error != 0) {
        fprintf(stderr, "vitrine: a thread cannot hear the others: %s\n", strerror(-error));
    }
    return error == 0;
}

void crew_leave(struct crew *c, unsigned index)
{
    struct crew_member *m = &c->member[index];
    for (unsigned i = 0; i < c->count && m->joined; i++) {
        tap_close(&m->taps[i]);
    }
}

int crew_orders(struct crew *c, unsigned index)
{
    return dup(c->member[index].orders[0]);
}

void crew_started(struct crew *c, unsigned index, bool good)
{
    pthread_mutex_lock(&c->lock);
    c->member[index].started = true;
    c->failed = c->failed || !good;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

bool crew_start(struct crew *c, void *(*run)(void *arg), void *const *arg)
{
    sigset_t all, before;
    bool good = true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the first one's */
    for (unsigned i = 1; i < c->count && good; i++) {
        struct crew_member *m = &c->member[i];
        m->running = pthread_create(&m->thread, NULL, run, arg[i]) == 0;
        pthread_mutex_lock(&c->lock);
        while (m->running && !m->started) {
            pthread_cond_wait(&c->changed, &c->lock);
        }
        good = m->running && !c->failed;
        pthread_mutex_unlock(&c->lock);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

void crew_tell(struct crew *c, uint8_t number)
{
    for (unsigned i = 1; i < c->count; i++) {
        if (write(c->member[i].orders[1], &number, 1) != 1) {
            continue; /* its pipe is full of orders: there is enough to do */
        }
    }
}

static void close_pair(const int fds[2])
{
    for (unsigned i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

void crew_free(struct crew *c)
{
    if (c == NULL) {
        return;
    }
    crew_tell(c, SIGTERM);
    for (unsigned i = 0; i < c->count; i++) {
        if (c->member[i].running) {
            pthread_join(c->member[i].thread, NULL);
        }
    }
    for (unsigned i = 0; i < c->count; i++) {
        close_pair(c->member[i].inbox);
        close_pair(c->member[i].orders);
    }
    explicit_bzero(c->ticket_secret, sizeof c->ticket_secret);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
