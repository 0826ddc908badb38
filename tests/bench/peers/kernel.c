/* bench-kernel ADDRESS: discard on port 9 and text without end on port 19, over the kernel's TCP: what Vitrine's discard and
 * character generator are compared with. One connection at a time on each port, as the rows have it; a process for each port.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISCARD 9
#define CHARGEN 19

static char chunk[256 * 1024];

static void die(const char *what)
{
    fprintf(stderr, "bench-kernel: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static int listening(const char *address, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 8) != 0) {
        die("listen");
    }
    return fd;
}

static void serve(int listener, uint16_t port)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            die("accept");
        }
        ssize_t n;
        do {
            n = port == DISCARD ? recv(fd, chunk, sizeof chunk, 0)
                                : send(fd, chunk, sizeof chunk, MSG_NOSIGNAL);
        } while (n > 0);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: bench-kernel ADDRESS\n");
        return 2;
    }
    memset(chunk, 'v', sizeof chunk);
    int discard = listening(argv[1], DISCARD), chargen = listening(argv[1], CHARGEN);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(discard, DISCARD);
    } else if (child > 0) {
        printf("ready\n");
        fflush(stdout);
        serve(chargen, CHARGEN);
    }
    die("fork");
}
