/* A descriptor that was given to us, as standard input or output, without ever waiting for it. */
#ifndef VITRINE_APPS_DESCRIPTOR_H
#define VITRINE_APPS_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

struct descriptor {
    int fd;
    int epoll_fd;  /* that tells when it is ready */
    int flags;     /* before we touched them */
    bool pollable; /* a regular file is not: it never makes one wait */
    bool waiting;  /* in the epoll set */
};

void descriptor_open(struct descriptor *d, int epoll_fd, int fd);
/* It may be shared with our parent, who gets it back as it was. */
void descriptor_close(struct descriptor *d);
/* Waits for these epoll events, or for none. */
void descriptor_wait(struct descriptor *d, uint32_t events);

#endif
