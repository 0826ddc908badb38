/* bench-lwip TAP ADDRESS ROOT CERTIFICATE KEY: see peer.h. Ports 80, 443, 9 and 19. */
#include <errno.h>
#include <lwip/tcpip.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/peers/lwip/peer.h"

void die(const char *what)
{
    fprintf(stderr, "bench-lwip: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void started(void *arg)
{
    sem_post(arg);
}

static void discard_pump(struct conn *c)
{
    static char data[65536];
    ssize_t n;
    do {
        n = conn_read(c, data, sizeof data);
    } while (n > 0);
    if (n == 0) {
        conn_close(c);
    }
}

static void chargen_pump(struct conn *c)
{
    static char text[65536];
    memset(text, 'v', text[0] == 0 ? sizeof text : 0);
    if (c->peer_closed) {
        conn_close(c);
        return;
    }
    while (conn_write(c, text, sizeof text) > 0) {
    }
}

int main(int argc, char **argv)
{
    sem_t up;
    if (argc != 6) {
        fprintf(stderr, "usage: bench-lwip TAP ADDRESS ROOT CERTIFICATE KEY\n");
        return 2;
    }
    int fd = tap_open(argv[1]);
    http_init(argv[3]);
    tls_init(argv[4], argv[5]);
    sem_init(&up, 0, 0);
    tcpip_init(started, &up);
    sem_wait(&up);
    LOCK_TCPIP_CORE();
    tap_attach(fd, argv[2]);
    conn_listen(argv[2], 80, false, http_pump);
    conn_listen(argv[2], 443, true, http_pump);
    conn_listen(argv[2], 9, false, discard_pump);
    conn_listen(argv[2], 19, false, chargen_pump);
    UNLOCK_TCPIP_CORE();
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, -1) < 0) {
            die("poll");
        }
        LOCK_TCPIP_CORE();
        tap_read(fd);
        UNLOCK_TCPIP_CORE();
    }
}
