/* Descriptors without waiting; see descriptor.h. */
#include "apps/descriptor.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/epoll.h>

void descriptor_open(struct descriptor *d, int epoll_fd, int fd)
{
    struct epoll_event none = {.data.fd = fd};
    *d = (struct descriptor){.fd = fd, .epoll_fd = epoll_fd, .flags = fcntl(fd, F_GETFL)};
    if (d->flags >= 0) {
        fcntl(fd, F_SETFL, d->flags | O_NONBLOCK);
    }
    d->pollable = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &none) == 0;
    if (d->pollable) {
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    }
}

void descriptor_close(struct descriptor *d)
{
    if (d->flags >= 0) {
        fcntl(d->fd, F_SETFL, d->flags);
    }
}

/* When nothing is waited for, it must leave the set: a hangup, which cannot be masked, would wake us for ever. */
void descriptor_wait(struct descriptor *d, uint32_t events)
{
    struct epoll_event want = {.events = events, .data.fd = d->fd};
    if (!d->pollable || (events == 0 && !d->waiting)) {
        return;
    }
    int operation = events == 0 ? EPOLL_CTL_DEL : d->waiting ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    epoll_ctl(d->epoll_fd, operation, d->fd, &want);
    d->waiting = events != 0;
}
