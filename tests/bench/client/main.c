/* bench-client: see client.h.
 *
 *   bench-client receive|send HOST PORT     a stream without end, for --seconds
 *   bench-client get HOST PORT              one download of --path, over TLS with --cipher
 *   bench-client put HOST PORT              one upload of --bytes to --path
 *   bench-client requests HOST PORT         --connections at once ask for --path again and again for --seconds; with
 *                                           --close each connection asks once, and with --resume its TLS session goes on
 *   bench-client hold HOST PORT             opens --connections, each of which asks once, says so, and waits for a line of input;
 *                                           then --active of them ask for --seconds, and at last everyone once more
 *
 * --from ADDRESS --sources N: our own addresses, taken in turn.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/client/client.h"

void die(const char *what)
{
    fprintf(stderr, "bench-client: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static const struct {
    const char *name;
    int (*run)(const struct options *o);
} modes[] = {
    {"receive", bulk_receive}, {"send", bulk_send},         {"get", bulk_get},
    {"put", bulk_put},         {"requests", load_requests}, {"hold", load_hold},
};

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: bench-client receive|send|get|put|requests|hold [OPTION…] HOST PORT\n");
    exit(2);
}

static void take(struct options *o, int option, const char *value)
{
    switch (option) {
    case 'p':
        o->path = value;
        break;
    case 'c':
        o->cipher = value;
        break;
    case 'b':
        o->bytes = strtoull(value, NULL, 10);
        break;
    case 's':
        o->seconds = strtod(value, NULL);
        break;
    case 'n':
        o->connections = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'a':
        o->active = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'f':
        o->from.s_addr = ntohl(inet_addr(value));
        break;
    case 'o':
        o->sources = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'x':
        o->close = true;
        break;
    case 'r':
        o->resume = true;
        break;
    default:
        usage();
    }
}

static struct options parse(int argc, char **argv)
{
    static const struct option long_options[] = {{"path", required_argument, NULL, 'p'},
                                                 {"cipher", required_argument, NULL, 'c'},
                                                 {"bytes", required_argument, NULL, 'b'},
                                                 {"seconds", required_argument, NULL, 's'},
                                                 {"connections", required_argument, NULL, 'n'},
                                                 {"active", required_argument, NULL, 'a'},
                                                 {"from", required_argument, NULL, 'f'},
                                                 {"sources", required_argument, NULL, 'o'},
                                                 {"close", no_argument, NULL, 'x'},
                                                 {"resume", no_argument, NULL, 'r'},
                                                 {NULL, 0, NULL, 0}};
    struct options o = {.path = "/", .seconds = 2, .connections = 1, .sources = 1};
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        take(&o, option, optarg);
    }
    if (argc - optind != 3 || o.connections == 0 || o.active > o.connections || o.sources == 0) {
        usage();
    }
    o.host = argv[optind + 1];
    o.to.sin_family = AF_INET;
    o.to.sin_port = htons((uint16_t)strtoul(argv[optind + 2], NULL, 10));
    if (inet_pton(AF_INET, o.host, &o.to.sin_addr) != 1) {
        usage();
    }
    return o;
}

int main(int argc, char **argv)
{
    struct options o = parse(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(argv[optind], modes[i].name) == 0) {
            return modes[i].run(&o);
        }
    }
    usage();
}
