/* The `vitrine` command: finds the subcommand. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/commands.h"
#include "stack/base/pool.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"serve", cmd_serve, "serve HTTP over TLS and TCP on a TAP device, and show both handshakes"},
    {"nc", cmd_nc,
     "open a TCP connection from a TAP device; standard input and output go through it"},
    {"wire", cmd_wire, "join two TAP devices by a cable that delays, loses and reorders as told"},
    {"get", cmd_get,
     "fetch a URL from a TAP device, by our own TCP and TLS, and show both handshakes"},
    {"explain", cmd_explain,
     "show the handshakes of TCP and TLS, keys and certificates, by runs in memory"},
    {"replay", cmd_replay,
     "run a recording of `vitrine serve --record` again, and hold every frame against it"},
    {"tell", cmd_tell,
     "say why each frame of a recording did what it did, and which way a byte went"},
    {"ca", cmd_ca, "make a development CA and issue certificates"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void usage(FILE *out)
{
    fprintf(out, "vitrine: a TCP/IP stack and a TLS service that you can look into\n\n"
                 "usage: vitrine COMMAND [OPTION…]\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(out, "  %-8s%s\n", commands[i].name, commands[i].what);
    }
    fprintf(out, "\n  vitrine COMMAND --help   says what a command takes\n"
                 "  vitrine --version\n");
}

/* A closed standard descriptor would be the number of the next file that is opened, and what is printed would go there: to the
 * TAP, as frames. Its place is taken by one that is open the wrong way round, so that whoever uses it is told. */
static bool take_standard_places(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
            return false;
        }
    }
    return true;
}

/* What was printed is out, or somebody is told. */
static int printed(const char *what)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "vitrine %s: output: %s\n", what, strerror(errno));
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (!take_standard_places()) {
        return EXIT_FAILURE;
    }
    /* A pool's block is a mapping of its own, whatever was freed before, and goes back to the system alone. */
    mallopt(M_MMAP_THRESHOLD, (int)POOL_BLOCK_BYTES);
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return printed("--help");
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("vitrine %s\n", VITRINE_VERSION);
        return printed("--version");
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "vitrine: there is no command '%s'; vitrine --help lists them\n", argv[1]);
    return 2;
}
