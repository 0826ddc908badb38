/* bench-instructions DIR WHAT COUNT: a server and a client in memory, for tests/bench/instructions/run.py, which has callgrind count
 * what the server does.
 *
 * Two hosts, a cable between them that is only two lists, and time that goes on by itself: no TAP, no system call but those that
 * read files, and the same at every run. Prints how many segments with data the server has sent and received.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/instructions/driver.h"

#define AES "TLS_AES_128_GCM_SHA256"
#define CHACHA "TLS_CHACHA20_POLY1305_SHA256"

static const struct {
    const char *name;
    struct plan plan;
    bool true_frames;
    uint64_t upload_each, download_each; /* bytes, times COUNT */
} all[] = {
    {"request", {.port = HTTP_PORT, .path = "/small"}, false, 0, 0},
    {"request-tls", {.port = HTTPS_PORT, .path = "/small", .cipher = AES}, false, 0, 0},
    {"connect", {.port = HTTP_PORT, .path = "/small", .each_alone = true}, false, 0, 0},
    {"handshake",
     {.port = HTTPS_PORT, .path = "/small", .cipher = AES, .each_alone = true},
     false,
     0,
     0},
    {"resume",
     {.port = HTTPS_PORT, .path = "/small", .cipher = AES, .each_alone = true, .resume = true},
     false,
     0,
     0},
    {"download", {.port = HTTP_PORT, .path = "/mib"}, false, 0, 0},
    {"download-aes", {.port = HTTPS_PORT, .path = "/mib", .cipher = AES}, false, 0, 0},
    {"download-chacha", {.port = HTTPS_PORT, .path = "/mib", .cipher = CHACHA}, false, 0, 0},
    {"upload-aes", {.port = HTTPS_PORT, .path = "/discard", .cipher = AES}, false, MIB, 0},
    {"out", {.port = CHARGEN_PORT}, false, 0, MIB},
    {"in", {.port = DISCARD_PORT}, false, MIB, 0},
    {"frames-out", {.port = CHARGEN_PORT}, true, 0, MIB},
    {"frames-in", {.port = DISCARD_PORT}, true, MIB, 0},
};

void die(const char *what)
{
    fprintf(stderr, "bench-instructions: %s\n", what);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    static struct cable cable;
    bool done = false;
    unsigned count = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0] && count > 0; i++) {
        if (strcmp(argv[2], all[i].name) != 0) {
            continue;
        }
        struct plan plan = all[i].plan;
        plan.times = all[i].upload_each > 0 ? 1 : count;
        plan.upload = all[i].upload_each * count;
        plan.download = all[i].download_each * count;
        cable_begin(&cable, argv[1], all[i].true_frames);
        client_begin(&cable, &plan, &done);
        cable_run(&cable, &done);
        printf("%llu %llu\n", (unsigned long long)cable.from_server.segments,
               (unsigned long long)cable.from_client.segments);
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "usage: bench-instructions DIR WHAT COUNT\n");
    return 2;
}
